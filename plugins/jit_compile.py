"""From a user's Python to a function that the process thread calls without an interpreter: numba's compiler.

Nothing is reordered for speed (no fastmath) and a division by zero gives infinity, as in numpy. An error in the
function becomes a sample that is no number, which the unit hears and replaces: nothing that the function does takes the
interpreter's lock. What numba compiled is kept in the user's cache folder, beside the very text that it was compiled
from.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import os
import platform
import re
import shutil
import sys
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ripieno.plugins.base import PluginError
from ripieno.plugins.files import whole_file
from ripieno.plugins.jit_source import EVENT, Program, memory, refuse, run

try:
    import numba
    from numba.core import errors
    from numba.np.numpy_support import from_dtype
except ImportError as error:
    raise PluginError(f"a jit plugin needs numba, which is not here ({error}): pip install numba") from None

types: Any = numba.types
_OPTIONS = {"error_model": "numpy", "fastmath": False}
_ENTRY = """

# What follows is Ripieno's: the user's text above, as the process thread calls it.
from numba import carray as ripieno_carray
from numpy import dtype as ripieno_dtype, nan as ripieno_nan, uint8 as ripieno_uint8
ripieno_events = ripieno_{events}
ripieno_values = ripieno_{values}
ripieno_state = ripieno_{state}


def ripieno_entry(left, right, frames, event, events, parameter, memory, sample_rate):
    if frames == 0:
        whole = ripieno_carray(memory, (2, {size}), ripieno_uint8)
        for i in range({size}):
            whole[0, i] = whole[1, i]
    else:
        audio = (ripieno_carray(left, (frames,)), ripieno_carray(right, (frames,)))
        heard = ripieno_carray(event, (events,), ripieno_events)
        values = ripieno_carray(parameter, (1,), ripieno_values)[0]
        state = ripieno_carray(memory, {shape}, ripieno_state){item}
        try:
            process(audio, heard, values, state, sample_rate)
        except Exception:
            audio[0][0] = ripieno_nan
"""
# What compiled code may call: mathematics.
_HARMLESS = re.compile(
    r"llvm\..*|NRT_(inc|dec)ref|NRT_MemInfo_call_dtor|mem(cpy|move|set)"
    r"|(a?(sin|cos|tan)h?|atan2|exp2?|exp10|expm1|log|log2|log10|log1p|pow|sqrt|cbrt|hypot|fmod|remainder|floor|ceil"
    r"|trunc|rint|nearbyint|round|fabs|fmin|fmax|fma|copysign|ldexp|frexp|erfc?|[tl]gamma|nextafter|modf)f?"
    r"|numba_(fixed_fmod|ldexp|frexp|gamma|lgamma|erfc?|cpow|cpowf|round|roundf|signbit\w*|copysign\w*|nextafter\w*)"
)
# What it may not call, and what the user has done then.
_TABOO = {
    r"NRT_": "`process` asks for memory while it plays (by np.zeros, a list, text, or arithmetic of whole arrays, as in"
    " a + b): have all of it made by make_state, and go through the samples one by one",
    r"numba_(rnd|get_np_random|get_py_random)": "`process` draws from np.random or random, which ask the system: keep a"
    " number in the state and reckon the next one from it",
    r"Py|_Py|numba_(gil|unpickle|recreate)": "`process` calls back into Python's interpreter (by print, objmode, or an"
    " error whose text is made while it plays), for which nobody may wait",
    r"": "`process` calls {}, which may wait",
}
_CALL = re.compile(r"\b(?:call|invoke)\b[^@\n]*@\"?([\w.$]+)\"?\(")
_DEFINED = re.compile(r"^define\b[^@\n]*@\"?([\w.$]+)\"?\(", re.M)
_VOID = types.voidptr
_CALL_TYPE = types.void(
    types.CPointer(types.float32), types.CPointer(types.float32), types.int64, _VOID, types.int64, _VOID, _VOID,
    types.float64,
)  # fmt: skip
_EDITION = 1  # of this file and of the trials: another one, and everything is tried and compiled again
PASSED = "passed"
_MOST_KEPT = 200  # plugins, and every state in which they were tried
_STEADY = {"__future__", "cmath", "collections", "dataclasses", "enum", "math", "numba", "numpy", "ripieno", "typing"}
_READERS = {"__file__", "open", "load", "loadtxt", "genfromtxt", "fromfile", "memmap"}
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')
_LOCATION = re.compile(r"^!(\d+) = (?:distinct )?!DILocation\((.*)\)$", re.M)
_BARE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
# How numba says it, and how we do.
_SAYINGS = {
    r"name '([^']+)' is not defined": "nothing is called `{}`",
    r"Untyped global name '([^']+)'": "compiled code cannot use `{}`",
    r"Unknown attribute '([^']+)' of type (.+)": "compiled code has no `.{}` of {}",
    r"No implementation of function .* found for signature:\s+>>> (.+)": "compiled code cannot do `{}`",
    r"Cannot unify (.+) and (.+) for '([^'.]+)": "`{2}` is once {0} and once {1}: let it be the same always",
}


@dataclass(frozen=True)
class Compiled:
    """A function that C may call: its address, an rp_foreign, and what keeps it there."""

    address: int
    kept: Any


def signature(program: Program) -> tuple[Any, ...]:
    """The types of `process`'s arguments."""
    channel = types.Array(types.float32, 1, "C")
    first = program.first
    state = types.Array(from_dtype(first.dtype), first.ndim, "C") if first.ndim else from_dtype(first.dtype)
    heard = types.Array(from_dtype(EVENT), 1, "C")
    return types.UniTuple(channel, 2), heard, from_dtype(program.values), state, types.float64


def jitted(module: ModuleType, path: Path, **options: Any) -> Any:
    """The module's `process`, to be compiled, as will be every function of the same file that it may call."""
    for name, value in list(vars(module).items()):
        function = getattr(value, "py_func", value)  # one that they gave to numba themselves: our options count
        if inspect.isfunction(function) and function.__code__.co_filename == str(path):
            setattr(module, name, numba.njit(**_OPTIONS, **options)(function))
    return vars(module)["process"]


def checked(program: Program) -> Any:
    """`process` as a function that Python may call, which raises IndexError beyond an array's bounds.

    Raises PluginError where it does not compile. The program's module is changed.
    """
    process = jitted(program.module, program.path, boundscheck=True)
    try:
        process.compile(signature(program))
    except Exception as error:  # it is not always NumbaError
        refuse(program.path, *explain(error, program.path, program.text))
    return process


# ---- what the process thread calls ----


@dataclass(frozen=True)
class Entry:
    """A plugin's text as it is compiled to be played. kept: numba may keep, and find again, what it makes."""

    process: Any
    function: Any
    kept: bool


def place(path: Path, text: str, sample_rate: int) -> Path:
    """Where what is known of a plugin is kept: a folder for its text and everything else that it depends on, within
    $XDG_CACHE_HOME/ripieno/jit or ~/.cache/ripieno/jit."""
    base = os.environ.get("XDG_CACHE_HOME")
    depends = (_EDITION, numba.__version__, np.__version__, sys.version, *platform.uname()[::4], path.name, sample_rate)
    name = hashlib.sha256(f"{depends}\n{text}".encode()).hexdigest()[:32]
    return (Path(base) if base else Path.home() / ".cache") / "ripieno" / "jit" / name


def forget_old(folder: Path) -> None:
    """Of all that is kept there, the latest stays."""
    with suppress(OSError):
        there = sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)
        for one in there[_MOST_KEPT:]:
            shutil.rmtree(one, ignore_errors=True)


def alone(text: str) -> bool:
    """The text is all that the plugin is: it imports and reads nothing that may change while it does not."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names} - _STEADY
        elif isinstance(node, ast.ImportFrom):
            names |= {(node.module or ".").split(".")[0]} - _STEADY
        elif isinstance(node, ast.Name | ast.Attribute):
            names |= {node.id if isinstance(node, ast.Name) else node.attr} & _READERS
    return not names


def entry(program: Program, kept: Path) -> Entry:
    """To be compiled. kept: the folder where it is, or will be."""
    shape, item = (program.first.shape, "") if program.first.ndim else ((1,), "[0]")
    dtypes = {"events": repr(EVENT), "values": repr(program.values), "state": repr(program.first.dtype)}
    text = program.text + _ENTRY.format(size=memory(program).shape[1], shape=shape, item=item, **dtypes)
    path = kept / program.path.name
    written = alone(program.text) and _written(text, path)
    module = run(text, path, f"ripieno_jit_{kept.name}", program.path)
    function = vars(module)["ripieno_entry"]
    return Entry(jitted(module, path, **_BARE), function, written)


def _written(text: str, path: Path) -> bool:
    """It is there. False: it cannot be."""
    try:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            with whole_file(path) as file:
                file.write(text.encode())
    except OSError:
        return False
    return True


def audit(made: Entry, program: Program) -> None:
    """Raises PluginError where the compiled function would allocate memory or call the interpreter or the system."""
    code = _code(made.process, program)
    foreign = {name for name in _CALL.findall(code) if not _HARMLESS.fullmatch(name)} - set(_DEFINED.findall(code))
    for pattern, what in _TABOO.items():
        found = sorted(name for name in foreign if re.match(pattern, name))
        if found:
            refuse(program.path, what.format(", ".join(found)), _line_of_call(program, found[0]))


def _code(process: Any, program: Program) -> str:
    """What it compiles to, in LLVM's language."""
    kinds = signature(program)
    process.compile(kinds)
    return str(process.overloads[kinds].library.get_llvm_str())


def finish(made: Entry) -> Compiled:
    """From the cache, or compiled now."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.NumbaWarning)
        call = numba.cfunc(_CALL_TYPE, cache=made.kept, **_OPTIONS)(made.function)
    return Compiled(call.address, call)


# ---- where it went wrong ----


def explain(error: Exception, path: Path, text: str) -> tuple[str, int | None]:
    """A compiler's complaint in a sentence, and the line of the user's file that it is about."""
    if isinstance(error, KeyError):  # numba's own, for a part of a record that is not there
        return f"neither state nor parameters have a part called {error}", _line_of_attribute(text, str(error.args[0]))
    told = _COLOURS.sub("", str(error))
    lines = [int(line) for file, line in _PLACE.findall(told) if Path(file).name == path.name]
    where = getattr(error, "loc", None)
    line = lines[0] if lines else where.line if where is not None else None
    for pattern, sentence in _SAYINGS.items():
        if found := re.search(pattern, told):
            return sentence.format(*found.groups()), line
    said = [one.strip() for one in told.splitlines() if one.strip() and not one.startswith("Failed in")]
    return f"it does not compile: {said[0] if said else type(error).__name__}", line


def _line_of_attribute(text: str, name: str) -> int | None:
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute) and node.attr == name)
    return min((node.lineno for node in nodes), default=None)


def _line_of_call(program: Program, name: str) -> int | None:
    """The line of the user's file that makes compiled code call a function of that name: compiled again, the code says
    where each of its instructions comes from."""
    process = jitted(run(program.text, program.path, "ripieno_jit_where"), program.path, debug=True, **_BARE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.NumbaWarning)
        code = _code(process, program)
    call = re.search(rf"\bcall\b[^@\n]*@\"?{re.escape(name)}\"?\(.*!dbg !(\d+)", code)
    places = dict(_LOCATION.findall(code))
    return _own_line(places, call[1], code, program.path) if call else None


def _own_line(places: dict[str, str], number: str | None, code: str, path: Path) -> int | None:
    """A place in the code, or what it was inlined into, that is in the user's file."""
    while number in places:
        fields = dict(re.findall(r"(\w+): !?(\d+)", places[number]))
        file = re.search(rf"^!{fields['scope']} = .*?\bfile: !(\d+)", code, re.M)
        if file and re.search(rf'^!{file[1]} = !DIFile\(filename: "{re.escape(path.name)}"', code, re.M):
            return int(fields["line"]) or None
        number = fields.get("inlinedAt")
    return None
