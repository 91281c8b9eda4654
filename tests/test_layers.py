"""The layers of the design, checked: who may import whom in Python, who may include and call whom in C."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from c_source import Function, functions, includes

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "native" / "src").glob("*.[ch]"))

# ---- Python ----

# Each folder may import from the folders listed, and from itself.
MAY_IMPORT = {
    "native": set(),
    "models": {"native"},
    "plugins": {"native", "models"},
    "presets": set(),
    "daemon": {"native", "models", "plugins", "presets"},
}
MODULES = sorted(path for folder in MAY_IMPORT for path in (ROOT / folder).rglob("*.py"))
# Where somebody trains, exports or measures; everything else runs while music is played.
NOT_PLAYING = ("daemon/bench/", "daemon/commands/bench.py", "daemon/commands/eval.py")
HEAVY = {"torch", "music21", "onnx", "onnxruntime"}


@cache
def code(path: Path) -> tuple[ast.AST, ...]:
    """All there is in a file."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def imports(path: Path) -> tuple[str, ...]:
    """The full names a file imports anywhere in it; from X import Y counts as X and as X.Y."""
    found: list[str] = []
    for node in code(path):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by the full name, ripieno...."
            assert node.module
            found += (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    return tuple(found)


@cache
def file_of(name: str) -> Path | None:
    """The file of a module of ours; None for what is not a module of ours."""
    place = ROOT.joinpath(*name.split(".")[1:])
    if name.startswith("ripieno."):
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    return None


def reached(start: Path) -> set[Path]:
    """All files of ours that a file imports, by way of others too."""
    found, waiting = set(), [start]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [file for name in imports(path) if (file := file_of(name))]
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_layers(path: Path) -> None:
    folder = path.relative_to(ROOT).parts[0]
    for name in imports(path):
        top, _, rest = name.partition(".")
        assert top not in MAY_IMPORT, f"import ripieno.{name}, not {name}"
        if top == "ripieno" and rest:
            target = rest.split(".")[0]
            assert target in MAY_IMPORT[folder] | {folder}, f"{folder} may not import {name}"


def test_what_plays_reaches_no_training_code() -> None:
    playing = [path for path in MODULES if path.relative_to(ROOT).parts[0] != "models"]
    for start in playing:
        if start.relative_to(ROOT).as_posix().startswith(NOT_PLAYING):
            continue
        for path in reached(start):
            heavy = {name.split(".")[0] for name in imports(path)} & HEAVY
            assert not heavy, f"{start} reaches {path}, which imports {heavy}"


def test_heavy_libraries_stay_in_their_places() -> None:
    for path in MODULES:
        name = path.relative_to(ROOT).as_posix()
        if {name.split(".")[0] for name in imports(path)} & HEAVY:
            assert name.startswith(("models/", "daemon/bench/")), f"{name} may not import {HEAVY}"


# ---- C ----

# Each line may include what stands on it and on the lines above. lstm.h, engine.h and process.h are interfaces: they
# stand below what implements them.
C_LAYERS = """
    arena ring platform library midi parameter lstm.h
    kernels
    kernels_*
    lstm lstm_time piano transformer.h
    recall
    transformer_state transformer decoder
    sampler.h
    draw
    sampler
    vocoder_noise vocoder.h
    vocoder
    singer.h singer_parameters
    store history top_line vibrato
    tower
    line delivery codec
    singer*
    continuation.h
    tempo follow feel key bridge beats
    context
    continuation_state
    allow
    plan commit listen turns lead continuation worker
    singing.h
    singing_bridge
    singing_state
    singing singing_worker
    unit.h builtin.h foreign.h soundfont.h isolated.h isolate.h
    unit_state.h isolate_state libfluid
    unit unit_* builtin isolate
    rack.h tap.h
    delay_line alignment zone
    rack_state rack*
    assign instrumenter.h
    voices
    scene
    instrumenter_state
    ask choose chord instrumenter trace
    timeline.h
    pulse
    timeline clock_in clock_out
    engine.h
    process.h
    flight.h flight_state.h
    flight
    tap tap_cycle
    ledger mpe_in scheduler
    rig conductor.h
    outlet
    engine_state
    flight_watch conductor* player mpe band hear level vocal audio
    change slots surface
    process engine
    drivers.h libjack
    driver_jack.h
    tape sound driver_* flight_replay
"""
LAYER = {name: depth for depth, line in enumerate(C_LAYERS.split("\n")) for name in line.split()}


@cache
def layer(file: str) -> int:
    """A file's line in the table: by its whole name, else by its name without the ending."""
    for name in (file, file.rsplit(".", 1)[0]):
        for pattern, depth in LAYER.items():
            if fnmatch(name, pattern):
                return depth
    pytest.fail(f"{file} is new: say in C_LAYERS where it belongs")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_c_layers(path: Path) -> None:
    for header in includes(path):
        assert layer(header) <= layer(path.name), f"{path.name} may not include {header}"


# What the process thread may call beyond our own functions: nothing that allocates, locks, waits or asks the system.
# clock_gettime and QueryPerformanceCounter read the clock without a system call.
HARMLESS = re.compile(
    r"mem(cpy|set|move|cmp)|str(n?cmp|n?cpy|n?cat|n?len)|atomic_\w+"
    r"|(sqrt|exp|sin|tanh?|fabs|floor|log2?|lrint|lround|fmin|fmax|round)f?|log1pf|isfinite"
    r"|clock_gettime|QueryPerformance(Counter|Frequency)"
    r"|__builtin_(cpu_supports|convertvector|prefetch)|__volatile__|_mm\w*|v[a-z]\w*_[fsu]\d+"
)
# The one system call of the process thread: FUTEX_WAKE, for a plugin's process that sleeps until there is a block. It
# waits for nobody, and is left out while the process is awake.
EXEMPT = {("platform.c", "rp_wake", "syscall")}
# The file driver's cycles are heard by nobody while they run: its tape may grow.
OFF_LINE = {"driver_offline.c"}
PROCESS = ("process", "any")


@cache
def marks_of_headers() -> dict[str, str | None]:
    """Where each function of our headers may be called."""
    return {f.name: f.mark for path in SOURCES if path.suffix == ".h" for f in functions(path)}


@cache
def marks_seen_by(path: Path) -> dict[str, str | None]:
    """Where each function may be called that a file can see: those of headers, its own, its includers' if a header."""
    seen = [path] + [other for other in SOURCES if path.name in includes(other)]
    return marks_of_headers() | {f.name: f.mark for file in seen for f in functions(file) if f.mark}


def defined(path: Path) -> list[Function]:
    """A file's functions, each with its own mark or its declaration's."""
    declared = marks_seen_by(path)
    return [
        Function(f.name, f.mark or declared.get(f.name), f.calls, True, f.static) for f in functions(path) if f.defined
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_c_function_says_where_it_may_be_called(path: Path) -> None:
    silent = [f.name for f in defined(path) if not f.mark]
    silent += [f.name for f in functions(path) if path.suffix == ".h" and not f.mark and not f.defined]
    assert not silent, "end their comments with [process], [worker], [control] or [any]"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_process_thread_calls_nothing_that_may_wait(path: Path) -> None:
    if path.name in OFF_LINE:
        return
    known = marks_seen_by(path)
    for function in defined(path):
        for name in function.calls if function.mark in PROCESS else ():
            fit = known[name] in PROCESS if name in known else HARMLESS.fullmatch(name)
            assert fit or (path.name, function.name, name) in EXEMPT, (
                f"{function.name} [{function.mark}] may not call {name} [{known.get(name, 'not ours')}]"
            )


def test_the_reader_of_c_sees_what_it_must(tmp_path: Path) -> None:
    source = tmp_path / "sample.c"
    source.write_text(
        """/* Grows a list { "in a comment" }. [control] */
static int *grow(const list *it,
                 int by) {
    if (by) return realloc(it->place, by);
    return it->allocate(by); /* malloc( */
}

/* [process] */
void play(void) { puts("free("); grow(NULL, 1); }

int declared(int a); /* not yet [any] */
"""
    )
    found = {f.name: (f.mark, f.calls, f.defined, f.static) for f in functions(source)}
    assert found == {
        "grow": ("control", {"realloc"}, True, True),
        "play": ("process", {"puts", "grow"}, True, False),
        "declared": ("any", set(), False, False),
    }


# ---- everything ----

TEXT = {".py", ".c", ".h", ".md", ".toml", ".txt", ".json", ".yaml", ""}
# In two parts each, so that this file does not find itself.
ELSEWHERE = ("/work" + "/", "shared" + "/d", "/opt/" + "pypi", "/root" + "/", "/tmp/" + "plan")


def our_files() -> Iterator[Path]:
    """Every text file of the repository that somebody wrote."""
    for place in [*MAY_IMPORT, "tests", "docs", "examples", ".ci"]:
        yield from (path for path in (ROOT / place).rglob("*") if path.is_file() and path.suffix in TEXT)
    yield from (path for path in ROOT.glob("*") if path.is_file() and path.suffix in TEXT)


def test_no_path_of_one_machine_is_named() -> None:
    for path in our_files():
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not [name for name in ELSEWHERE if name in text], f"{path} names a path of somebody's machine"


def test_nothing_is_unpickled() -> None:
    for path in MODULES:
        calls = [node for node in code(path) if isinstance(node, ast.Call)]
        names = {ast.unparse(call.func) for call in calls}
        allowed = [word for call in calls for word in call.keywords if word.arg == "allow_pickle"]
        assert not names & {"torch.load", "torch.save"}, f"{path}: keep it as safetensors"
        assert all(isinstance(word.value, ast.Constant) and word.value.value is False for word in allowed), path
        assert not {"pickle", "shelve", "joblib"} & {name.split(".")[0] for name in imports(path)}, path


def test_no_file_is_long() -> None:
    for path in [*MODULES, *SOURCES]:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 700, f"{path}: split it"
        assert not [line for line in lines if len(line) > 120], path  # formatters leave comments alone
