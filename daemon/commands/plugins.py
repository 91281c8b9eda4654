"""`ripieno plugins`: find them, list them, explain one, begin one of your own."""

import argparse
import ast
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ripieno.daemon.commands.options import add_json, print_json
from ripieno.daemon.errors import UsageError, UserError, did_you_mean

if TYPE_CHECKING:
    from ripieno.plugins.base import Parameter
    from ripieno.plugins.catalogue import Scanned
    from ripieno.plugins.scan import Step

EPILOG = """\
examples:
  ripieno plugins                                  list what there is
  ripieno plugins scan                             look for VST3 and Audio Unit plugins where systems keep them
  ripieno plugins scan ~/plugins                   ... and in this folder, too
  ripieno plugins info limiter                     its parameters, its latency
  ripieno plugins info "Some Synth.vst3"           of a file as well
  ripieno plugins new jit my_effect                begin a plugin of your own, in Python that is compiled
  ripieno plugins new python my_synth --instrument ... in any Python, in a process of its own
  ripieno plugins allow "Some Synth"               open a plugin again that was blocked
A plugin that crashes or hangs while it is looked at is blocked; nothing else is harmed by it.
"""
Result = TypeVar("Result")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with which plugins."""
    add_json(parser)
    actions = parser.add_subparsers(dest="what", metavar="WHAT", help="by default: list")
    scan = actions.add_parser("scan", help="look for VST3 and Audio Unit plugins, each in a process of its own")
    scan.add_argument("folder", nargs="*", type=Path, metavar="FOLDER", help="look in here, too")
    scan.add_argument("--only", action="store_true", help="look in these folders, and not in the system's")
    scan.add_argument("--again", action="store_true", help="open what has not changed, too")
    shown = actions.add_parser("list", help="what there is, and what is blocked, and why")
    info = actions.add_parser("info", help="a plugin's parameters, latency and role")
    info.add_argument("name", metavar="NAME", help='its name or file, or what a preset says ("jit:my_effect.py")')
    new = actions.add_parser("new", help="begin a plugin of your own, in Python")
    new.add_argument("kind", metavar="jit|python", help="compiled, or in a process of its own")
    new.add_argument("name", metavar="NAME", help="what it is called; it is written to NAME.py")
    new.add_argument("--instrument", action="store_true", help="one that plays notes, instead of an effect")
    allow = actions.add_parser("allow", help="let a plugin be opened again that was blocked")
    allow.add_argument("name", metavar="NAME", help="its name or file")
    for action in (scan, info):
        action.add_argument(
            "--limit", type=_seconds, metavar="SECONDS", help="how long a plugin may take to open (default: 60)"
        )
    for action in (scan, shown, info):
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no time to wait: write seconds, from above 0 to 3600")
    return value


def run(parsed: argparse.Namespace) -> int:
    """Scan, list, explain, begin or allow."""
    actions = {"scan": _scan, "list": _list, "info": _info, "new": _new, "allow": _allow}
    return _told(lambda: actions[parsed.what or "list"](parsed))


def _told(action: Callable[[], Result]) -> Result:
    """What is wrong with a plugin is for the user to mend."""
    from ripieno.plugins.base import PluginError

    try:
        return action()
    except PluginError as error:
        raise UserError(str(error)) from None


# ---- scan ----


def _scan(parsed: argparse.Namespace) -> int:
    from ripieno.plugins import scan

    for folder in parsed.folder:
        if not folder.exists():
            raise UserError(f"{folder}: no such folder")
    folders = parsed.folder if parsed.only else [*scan.usual_folders(), *parsed.folder]
    limit_s = parsed.limit or scan.LIMIT_S
    if parsed.json:
        looked = scan.scan(folders, limit_s=limit_s, again=parsed.again)
    else:
        looked = scan.scan(folders, _tell, limit_s, parsed.again, _begun)
    if parsed.json:
        print_json([asdict(file) for file in looked])
    elif not looked:
        print("There are no plugins in " + ", ".join(map(str, folders)) + ".")
    else:
        count = sum(len(file.plugins) for file in looked)
        print(f"{count} plugin{'s' * (count != 1)}; `ripieno plugins` lists them.")
    return 0


def _begun(number: int, total: int, path: Path) -> None:
    print(f"{number}/{total} {path}: ", end="", flush=True)  # if it hangs, one sees which


def _tell(step: "Step") -> None:
    inside = ", ".join(plugin.name for plugin in step.file.plugins)
    problem = f"{'blocked: ' * step.blocked}{step.file.problem}"
    outcome = "; ".join(filter(None, (inside, problem)))
    known = "" if step.opened or step.blocked else " (as before)"
    print(f"{outcome}{known}", flush=True)


# ---- list ----


def _list(parsed: argparse.Namespace) -> int:
    from ripieno.native.builtin import BUILTINS
    from ripieno.plugins import catalogue

    shut = [*catalogue.blocked().values()]
    broken = [file for file in catalogue.files().values() if file.problem]
    own = [(one.name, one.role, one.what) for one in BUILTINS.values()]
    scanned = [(one.name, one.role, one.spec) for one in catalogue.plugins()]
    fonts = [(f"soundfont:{path}", "instrument", path.stem) for path in _soundfonts()]
    if parsed.json:
        print_json(
            {
                "native": [_row(*one) for one in own],
                "soundfonts": [_row(*one) for one in fonts],
                "scanned": [{"name": name, "role": role, "plugin": spec} for name, role, spec in scanned],
                "unusable": [{"file": file.path, "problem": file.problem} for file in broken],
                "blocked": [{"file": one.path, "why": one.why, "since": one.since} for one in shut],
            }
        )
        return 0
    _table("Our own:", own)
    _table("SoundFonts (`soundfont:` alone is the first):", fonts, "none is installed")
    _table("Scanned:", scanned, "none; `ripieno plugins scan` looks for VST3 and Audio Unit plugins")
    if broken:
        print("\nOf no use here:", *(f"  {file.path}: {file.problem}" for file in broken), sep="\n")
    if shut:
        told = (f"  {Path(one.path).stem}, since {one.since}: {one.why}; {one.path}" for one in shut)
        print("\nBlocked (`ripieno plugins allow NAME` lets one be opened again):", *told, sep="\n")
    return 0


def _row(name: str, role: str, what: str) -> dict[str, str]:
    return {"plugin": name, "role": role, "what": what}


def _table(title: str, rows: Sequence[tuple[str, str, str]], none: str = "") -> None:
    print(title if title.startswith("Our") else f"\n{title}")
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, role, what in rows:
        print(f"  {name:{width}}  {role:10}  {what}")
    if not rows:
        print(f"  {none}")


def _soundfonts() -> list[Path]:
    """Those that are installed; the first is the one that is played where no file is named."""
    from ripieno.plugins import soundfont
    from ripieno.plugins.base import PluginError

    try:
        first = soundfont.find()
    except PluginError:
        return []
    unique = {first.resolve(): first}
    for folder in soundfont.FOLDERS:
        for font in sorted(folder.glob("*.sf[23]")):
            unique.setdefault(font.resolve(), font)
    return [*unique.values()]


# ---- info ----


@dataclass(frozen=True)
class _About:
    """A plugin, for people."""

    name: str
    spec: str
    role: str
    latency: int
    parameters: "tuple[Parameter, ...]"
    what: str = ""


def _info(parsed: argparse.Namespace) -> int:
    from ripieno.plugins import scan

    found = _about(parsed.name, parsed.limit or scan.LIMIT_S)
    if parsed.json:
        print_json([asdict(one) for one in found])
    else:
        print("\n\n".join(map(_explained, found)))
    return 0


def _about(name: str, limit_s: float) -> list[_About]:
    """What a name, a file or a preset's `plugin` means; several where a file holds several."""
    from ripieno.native.builtin import BUILTINS
    from ripieno.plugins import catalogue, open

    known = None if name in BUILTINS else catalogue.get(name)
    if known:
        return [_scanned(known)]
    spec = open.resolve(_spec(name), Path())
    kind, file, inside = open.split(spec)
    if kind in ("", open.SOUNDFONT):
        return [_ours(spec, BUILTINS[spec].what if spec in BUILTINS else "")]
    return [_scanned(one) for one in _opened(kind, file, limit_s) if inside in ("", one.name)]


def _spec(name: str) -> str:
    """As a preset would call it: a file gets its kind."""
    from ripieno.plugins import open

    path = Path(name).expanduser()
    if open.split(name)[0] in open.KINDS or not path.exists():
        return name
    ending = path.suffix.lower()
    kinds = [kind for kind in open.KINDS if ending in open.ENDINGS[kind]]
    if not kinds:
        known = ", ".join(dict.fromkeys(ending for endings in open.ENDINGS.values() for ending in endings))
        raise UserError(f"{path}: no plugin: their files end in {known}")
    return f"{_kind_of_python(path) if ending == '.py' else kinds[0]}:{path}"


def _kind_of_python(path: Path) -> str:
    """What a Python file makes: a patch of pyo, a plugin that derives ours, or functions that are compiled."""
    try:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as Python: {error}") from None
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    if "pyo" in {name.partition(".")[0] for name in names}:
        return "pyo"
    bases = [ast.unparse(base) for node in nodes if isinstance(node, ast.ClassDef) for base in node.bases]
    return "python" if any(base.rpartition(".")[2] == "Plugin" for base in bases) else "jit"


def _ours(spec: str, what: str) -> _About:
    """One that runs in the process thread."""
    from ripieno.plugins import describe, open

    hosted = open.open(spec, Path(), describe.RATE, describe.PERIOD)
    try:
        return _About(hosted.name, spec, hosted.role, hosted.standing().latency, hosted.parameters, what)
    finally:
        hosted.close()


def _scanned(one: "Scanned") -> _About:
    return _About(one.name, one.spec, one.role, one.latency, one.parameters)


def _opened(kind: str, file: str, limit_s: float) -> "list[Scanned]":
    """The plugins in a file, which a process of its own opens."""
    from ripieno.plugins import scan

    try:
        plugins, problem = scan.examine(kind, file, limit_s)
    except scan.Failed as failed:
        raise UserError(f"{file}: {failed}; nothing else was harmed") from None
    if not plugins:
        raise UserError(problem if file in problem else f"{file}: {problem}")
    return plugins


def _explained(one: _About) -> str:
    from ripieno.plugins import describe

    late = f"{one.latency} frames late ({1000 * one.latency / describe.RATE:.3g} ms at 48 kHz)"
    lines = [one.name, *([f"  {one.what}"] if one.what else [])]
    lines += [f'  plugin = "{one.spec}"', f"  {one.role}, {late if one.latency else 'no latency'}"]
    lines += ["  parameters:" if one.parameters else "  no parameters"]
    width = max((len(parameter.name) for parameter in one.parameters), default=0)
    for parameter in one.parameters:
        lines.append(f"    {parameter.name:{width}}  {_range(parameter):24}  {parameter.help}".rstrip())
    return "\n".join(lines)


def _range(parameter: "Parameter") -> str:
    whole = "whole, " if parameter.whole else ""
    ends = f"{parameter.low:g} to {parameter.high:g}{' ' * bool(parameter.unit)}{parameter.unit}"
    return f"{ends} ({whole}usually {parameter.usual:g})"


# ---- new, allow ----


def _new(parsed: argparse.Namespace) -> int:
    from ripieno.plugins import create

    if parsed.kind not in create.KINDS:
        raise UsageError(f"there is no template for {parsed.kind!r}; {did_you_mean(parsed.kind, list(create.KINDS))}")
    print(create.create(parsed.kind, parsed.name, parsed.instrument))
    return 0


def _allow(parsed: argparse.Namespace) -> int:
    from ripieno.plugins import catalogue

    path = catalogue.allow(parsed.name)
    print(f"{path} is allowed again; `ripieno plugins scan` opens it.")
    return 0
