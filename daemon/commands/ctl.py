"""`ripieno ctl`: a Ripieno that runs, asked and told from a shell."""

import argparse
import json
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ripieno.daemon.commands import ctl_presets
from ripieno.daemon.commands.options import add_json, completed_by, print_json
from ripieno.daemon.errors import UsageError, UserError, did_you_mean

if TYPE_CHECKING:
    from ripieno.daemon.remote.client import Client

EPILOG = """\
examples:
  ripieno ctl list                                 all that can be set, and how it is
  ripieno ctl list 'band/*'
  ripieno ctl set clock/tempo 96
  ripieno ctl set players/violin-1/on toggle
  ripieno ctl set song "Blue Bossa"                of a set list: by its title, or its number
  ripieno ctl do clock/tap
  ripieno ctl panic
  ripieno ctl learn voice/volume                   ... then move a knob
  ripieno ctl watch --json | jq -c .changes        what changes, from now on
  ripieno ctl presets show choir > mine.toml       ... edit it, then:
  ripieno ctl presets save mine mine.toml          or "-" for what comes in at standard input
  ripieno ctl presets compare choir mine
It wants a Ripieno that was begun with `ripieno run PRESET --ui`; of several, --name says which one.
`ripieno completion` lets the shell complete paths and values.
Exit code: 0: done; 1: refused, it says why; 2: a mistake in the command line; 3: nobody there to be asked.
"""
_ON, _OFF, _TOGGLE = ("true", "on", "yes", "1"), ("false", "off", "no", "0"), "toggle"
_SHORT = {"panic": "silence everything, at once", "next": "go on to the next song", "previous": "go back"}
_LEARN, _LEARN_SECONDS = "/api/learn", 0.2  # between two looks whether a knob has moved
_COMPLETION_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with which one."""
    verbs = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    def verb(name: str, help_: str, does: ctl_presets.Does, to: Any = verbs) -> argparse.ArgumentParser:
        one = to.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
        completed_by(one.add_argument("--name", metavar="CLIENT", help="of its ports, where several run"), _names)
        add_json(one)
        one.set_defaults(does=does)
        return one

    _add_paths(verb("list", "all that can be set or done, and how it is", _list), "*", "only these, such as 'band/*'")
    _add_paths(verb("get", "how controls are", _get), "+", "their paths, or patterns such as 'players/*/on'")
    setting = verb("set", "change a control", _set)
    completed_by(setting.add_argument("path", metavar="PATH", help="its path"), _paths)
    value = setting.add_argument("value", nargs="+", metavar="VALUE", help="what it is to be; toggle: what it is not")
    completed_by(value, _values)
    doing = verb("do", "do an action", _do)
    completed_by(doing.add_argument("action", metavar="ACTION", help="its path"), _actions)
    for name, help_ in _SHORT.items():
        verb(name, help_, _do).set_defaults(action=name)
    watching = verb("watch", "tell how controls are that are named, and what changes, until it ends", _watch)
    _add_paths(watching, "*", "only these controls")
    watching.add_argument("--notes", action="store_true", help="tell of notes, too (with --json they are always there)")
    learning = verb("learn", "bind a control or action to the knob or key that moves next; alone: list them", _learn)
    completed_by(learning.add_argument("path", nargs="?", metavar="PATH", help="its path"), _all_paths)
    forgetting = verb("forget", "let go of a knob", _forget)
    forgetting.add_argument("number", metavar="NUMBER", help="as `ripieno ctl learn` lists it")
    verb("status", "what plays, and how it does", _status)
    presets = verbs.add_parser("presets", help="list, show, check, save, duplicate, compare and play presets")
    ctl_presets.add_arguments(presets, verb, _print_rows)


def _add_paths(parser: argparse.ArgumentParser, nargs: str, help_: str) -> None:
    completed_by(parser.add_argument("paths", nargs=nargs, metavar="PATH", help=help_), _paths)


def run(parsed: argparse.Namespace) -> int:
    """Ask, or tell."""
    from ripieno.daemon.remote.client import find

    done: int = parsed.does(find(parsed.name), parsed)
    return done


# ---- what it does ----


def _list(client: "Client", parsed: argparse.Namespace) -> int:
    tree, values = client.tree(), client.state()["values"]
    chosen = _chosen(parsed.paths, [one["path"] for kind in ("controls", "actions") for one in tree[kind]])
    controls = [{**one, "value": values.get(one["path"])} for one in tree["controls"] if one["path"] in chosen]
    actions = [one for one in tree["actions"] if one["path"] in chosen]
    if parsed.json:
        print_json({"controls": controls, "actions": actions})
        return 0
    _print_rows([(one["path"], shown(one["value"]), one["what"]) for one in controls])
    _print_rows([(one["path"], one["help"] or one["title"]) for one in actions])
    return 0


def _get(client: "Client", parsed: argparse.Namespace) -> int:
    values = client.state()["values"]
    found = {path: values[path] for path in _chosen(parsed.paths, values)}
    if parsed.json:
        print_json(found)
    elif len(found) == 1:
        print(shown(*found.values()))
    else:
        _print_rows([(path, shown(value)) for path, value in found.items()])
    return 0


def _set(client: "Client", parsed: argparse.Namespace) -> int:
    controls = {one["path"]: one for one in client.tree()["controls"]}
    if parsed.path not in controls:
        raise UserError(f"there is no control {parsed.path!r}; {did_you_mean(parsed.path, list(controls))}")
    text = " ".join(parsed.value)
    value = meant(controls[parsed.path], text)
    if value is None:
        value = not client.state()["values"][parsed.path]
    stands = client.set(parsed.path, value)
    if parsed.json:
        print_json({parsed.path: stands})
    else:
        print(f"{parsed.path} {shown(stands)}")
    return 0


def _do(client: "Client", parsed: argparse.Namespace) -> int:
    client.do(parsed.action)
    if parsed.json:
        print_json({"done": parsed.action})
    return 0


def _watch(client: "Client", parsed: argparse.Namespace) -> int:
    for told in client.live():
        changes = [one for one in told.get("changes", ()) if not parsed.paths or _matches(one[0], parsed.paths)]
        if parsed.json:
            print(json.dumps({**told, "changes": changes}, ensure_ascii=False), flush=True)
            continue
        began = [one for one in told.get("values", {}).items() if _matches(one[0], parsed.paths)]
        for path, value, *_ in [*began, *changes]:
            print(path, shown(value), flush=True)
        for kind, _, instrument, pitch, velocity, *_ in told.get("notes", ()) if parsed.notes else ():
            print("note", kind, instrument, pitch, velocity, flush=True)
        for text in told.get("news", ()):
            print("news", text, flush=True)
    return 0


def _learn(client: "Client", parsed: argparse.Namespace) -> int:
    rows = _learnt(client, parsed.path) if parsed.path else client.ask("GET", _LEARN)["bindings"]
    if parsed.json:
        print_json(rows)
    elif not rows:
        print("no knob is bound: `ripieno ctl learn PATH`, then move one", file=sys.stderr)
    else:
        _print_rows([(str(one["number"]), one["control"], one["path"]) for one in rows])
    return 0


def _learnt(client: "Client", path: str) -> list[Any]:
    """What was bound, once a knob has moved; whoever interrupts that binds nothing."""
    revision = client.ask("POST", _LEARN, {"path": path})["revision"]
    print(f"move the knob that is to set {path}, or strike the key twice", file=sys.stderr)
    try:
        while (now := client.ask("GET", _LEARN))["learning"] == path:
            time.sleep(_LEARN_SECONDS)
    except KeyboardInterrupt:
        client.ask("DELETE", _LEARN)
        raise
    bound = [row for row in now["bindings"] if row["path"] == path]
    if now["revision"] == revision or not bound:
        raise UserError(f"{path}: somebody else has ended it")
    return bound


def _forget(client: "Client", parsed: argparse.Namespace) -> int:
    left = client.ask("DELETE", f"{_LEARN}/{quote(parsed.number, safe='')}")
    if parsed.json:
        print_json(left["bindings"])
    return 0


def _status(client: "Client", parsed: argparse.Namespace) -> int:
    status = client.state()["status"]
    if parsed.json:
        print_json(status)
        return 0
    plays = f"{status['preset']}, by {status['driver']}{'' if status['alive'] else ', which is away'}"
    _print_rows([
        ("name", client.whom.name), ("page", client.whom.url), ("plays", plays),
        ("load", f"{status['load']:.1%}, at most {status['load_max']:.1%}"),
        ("late", f"{status['late']} notes, {status['xruns']} xruns"),
        *([("song", _song_words(status["songs"]))] if "songs" in status else []),
        *([("clock", _clock_words(status["clock"]))] if "clock" in status else []),
        *([("chord", f"{status['chord']}  in {status['key']}")] if status.get("chord") else []),
        *((one["name"], f"{'on' if one['enabled'] else 'off'}  {' '.join(one['notes'])}") for one in status["players"]),
    ])  # fmt: skip
    return 0


def _clock_words(clock: Mapping[str, Any]) -> str:
    rolls = f"rolls, bar {clock['bar']} beat {clock['beat']}" if clock["rolling"] else "stands"
    return f"{clock['bpm']:g} beats a minute, {clock['source']}, {rolls}"


def _song_words(songs: Mapping[str, Any]) -> str:
    wanted = f", waiting for {songs['wanted']}" if songs["wanted"] else ""
    return f"{songs['number']} of {songs['of']}: {songs['title']}{wanted}; next: {songs['next']['title']}"


# ---- paths, values, rows ----


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _chosen(patterns: Sequence[str], known: Iterable[str]) -> list[str]:
    """The known paths that are meant; UserError where a pattern means none."""
    known = list(known)
    for pattern in patterns:
        if not any(fnmatchcase(path, pattern) for path in known):
            raise UserError(f"there is no control {pattern!r}; {did_you_mean(pattern, known)}")
    return [path for path in known if not patterns or _matches(path, patterns)]


def meant(control: Mapping[str, Any], text: str) -> Any:
    """The value that is typed for a control; None for the other of two. UsageError for what it cannot be."""
    if control["type"] == "flag":
        if text not in (*_ON, *_OFF, _TOGGLE):
            raise UsageError(f"{control['path']}: {text!r} is neither on nor off, nor {_TOGGLE}")
        return None if text == _TOGGLE else text in _ON
    if control["type"] == "number" and text not in control.get("words", ()):
        try:
            return int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            raise UsageError(f"{control['path']}: {text!r} is no number: write a {control['what']}") from None
    return _listed(text) if text[:1] in ("[", '"') else text


def _listed(text: str) -> Any:
    """A list, or a text in quotes, as TOML has them."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def shown(value: Any) -> str:
    """As it is typed."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _print_rows(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip())


# ---- what a shell completes ----


def _asked(parsed: argparse.Namespace, about: "Callable[[Client], dict[str, str]]") -> dict[str, str]:
    """What is found out from who runs; nothing where nobody answers."""
    from ripieno.daemon.remote.client import find

    try:
        return about(find(getattr(parsed, "name", None), _COMPLETION_SECONDS))
    except UserError:
        return {}


def _described(parsed: argparse.Namespace, kind: str) -> dict[str, str]:
    return _asked(parsed, lambda client: {one["path"]: one["help"] or one["title"] for one in client.tree()[kind]})


def _names(**_: Any) -> dict[str, str]:
    from ripieno.daemon.remote.client import running

    return {one.name: one.url for one in running()}


def _paths(*, parsed_args: argparse.Namespace, **_: Any) -> dict[str, str]:
    return _described(parsed_args, "controls")


def _actions(*, parsed_args: argparse.Namespace, **_: Any) -> dict[str, str]:
    return _described(parsed_args, "actions")


def _all_paths(*, parsed_args: argparse.Namespace, **_: Any) -> dict[str, str]:
    return _described(parsed_args, "controls") | _described(parsed_args, "actions")


def _values(*, parsed_args: argparse.Namespace, **_: Any) -> dict[str, str]:
    """What a control may be, where that can be listed; else how it is."""

    def about(client: "Client") -> dict[str, str]:
        found = next((one for one in client.tree()["controls"] if one["path"] == parsed_args.path), None)
        if not found:
            return {}
        if found["type"] == "flag":
            return {"on": "", "off": "", _TOGGLE: ""}
        if found.get("words"):
            return dict.fromkeys(found["words"], "")
        return {shown(client.state()["values"][parsed_args.path]): found["what"]}

    return _asked(parsed_args, about)
