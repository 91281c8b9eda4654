"""`ripieno ctl presets`: the presets of a Ripieno that runs, as the page's editor has them."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ripieno.daemon.commands.options import completed_by, print_json
from ripieno.daemon.errors import UserError

if TYPE_CHECKING:
    from ripieno.daemon.remote.client import Client

Does = Callable[["Client", argparse.Namespace], int]
Verb = Callable[[str, str, Does, Any], argparse.ArgumentParser]
_PRESETS, _STDIN = "/api/presets", "-"
_FILE = 'a file, "-" for what comes in at standard input'


def add_arguments(parser: argparse.ArgumentParser, verb: Verb, print_rows: Callable[..., None]) -> None:
    """What to do with them. verb: adds one to subparsers, with what all of them take."""
    verbs = parser.add_subparsers(dest="about", metavar="WHAT", required=True)

    def named(one: argparse.ArgumentParser) -> argparse.ArgumentParser:
        completed_by(one.add_argument("preset", metavar="PRESET", help="its name"), preset_names)
        return one

    verb("list", "all that can be called by name", lambda client, parsed: _list(client, parsed, print_rows), verbs)
    named(verb("show", "the text of one", _show, verbs))
    named(verb("play", "play one in the place of the song that it is, or that plays", _play, verbs))
    named(verb("delete", "delete one of your own", _delete, verbs))
    check = verb("check", "tell what is wrong with a text, and save nothing", _check, verbs)
    check.add_argument("file", nargs="?", default=_STDIN, metavar="FILE", help=_FILE)
    save = named(verb("save", "save a text as one of your own; Ripieno's stays behind it", _save, verbs))
    save.add_argument("file", nargs="?", default=_STDIN, metavar="FILE", help=_FILE)
    copy = named(verb("duplicate", "save a copy of one under another name", _duplicate, verbs))
    copy.add_argument("title", metavar="NAME", help="of the copy")
    compare = verb("compare", "two of them, key by key; the exit code is 1 where they differ",
                   lambda client, parsed: _compare(client, parsed, print_rows), verbs)  # fmt: skip
    for word in ("one", "other"):
        told = compare.add_argument(word, metavar="PRESET", help=f"a preset's name, or {_FILE}")
        completed_by(told, preset_names)


def preset_names(*, parsed_args: argparse.Namespace, **_: Any) -> dict[str, str]:
    """Those that there are, for a shell that completes; nothing where nobody answers."""
    from ripieno.daemon.remote.client import find

    try:
        told = find(getattr(parsed_args, "name", None), 1.0).ask("GET", _PRESETS)
    except UserError:
        return {}
    return {one["name"]: one["description"] for one in told["presets"]}


def _at(name: str, more: str = "") -> str:
    return f"{_PRESETS}/{quote(name, safe='')}{more}"


def _text(file: str) -> str:
    """What stands in a file. UserError where that cannot be read."""
    try:
        return sys.stdin.read() if file == _STDIN else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read as text: {error}") from None


def _list(client: "Client", parsed: argparse.Namespace, print_rows: Callable[..., None]) -> int:
    rows = client.ask("GET", _PRESETS)["presets"]
    if parsed.json:
        print_json(rows)
        return 0
    print_rows([
        (one["name"], "yours" if one["own"] else "Ripieno's", "has mistakes" if one["error"] else one["description"])
        for one in rows
    ])  # fmt: skip
    return 0


def _show(client: "Client", parsed: argparse.Namespace) -> int:
    told = client.ask("GET", _at(parsed.preset))
    if parsed.json:
        print_json(told)
    else:
        print(told["text"], end="")
    return 0


def _say(parsed: argparse.Namespace, told: Mapping[str, Any], text: str) -> int:
    if parsed.json:
        print_json(told)
    else:
        print(text)
    return 0


def _play(client: "Client", parsed: argparse.Namespace) -> int:
    told = client.ask("POST", _at(parsed.preset, "/play"))
    return _say(parsed, told, told["says"])


def _delete(client: "Client", parsed: argparse.Namespace) -> int:
    told = client.ask("DELETE", _at(parsed.preset))
    back = any(one["name"] == parsed.preset for one in told["presets"])
    return _say(parsed, told, f"{parsed.preset} is deleted" + (", and Ripieno's own is back" if back else ""))


def _check(client: "Client", parsed: argparse.Namespace) -> int:
    told = client.ask("POST", "/api/editor/check", {"text": _text(parsed.file)})
    if parsed.json:
        print_json(told)
    for one in told["problems"] if not parsed.json else ():
        where = ".".join(str(part) for part in (one["table"], one["row"] + 1 or "", one["key"]) if part)
        print(f"{parsed.file}:{one['line']}: {f'{where}: ' if where else ''}{one['error']}")
    return 1 if told["problems"] else 0


def _save(client: "Client", parsed: argparse.Namespace) -> int:
    told = client.ask("PUT", _at(parsed.preset), {"text": _text(parsed.file)})
    return _say(parsed, told, f"{told['name']} is saved in {told['file']}")


def _duplicate(client: "Client", parsed: argparse.Namespace) -> int:
    text = client.ask("GET", _at(parsed.preset))["text"]
    told = client.ask("POST", _PRESETS, {"name": parsed.title, "text": text})
    return _say(parsed, told, f"{told['name']} is saved in {told['file']}")


def _compare(client: "Client", parsed: argparse.Namespace, print_rows: Callable[..., None]) -> int:
    texts = {side: _either(client, getattr(parsed, side)) for side in ("one", "other")}
    rows = [one for one in client.ask("POST", "/api/editor/compare", texts)["keys"] if not one["same"]]
    if parsed.json:
        print_json(rows)
    elif rows:
        head = ("", parsed.one, parsed.other)
        print_rows([head, *((_key(one), one["a"] or "-", one["b"] or "-") for one in rows)])
    return 1 if rows else 0


def _either(client: "Client", name: str) -> str:
    """The text of a preset, or of a file."""
    if name == _STDIN or name.endswith(".toml"):
        return _text(name)
    return str(client.ask("GET", _at(name))["text"])


def _key(one: Mapping[str, Any]) -> str:
    return ".".join(part for part in (one["table"], one["name"], one["key"]) if part)
