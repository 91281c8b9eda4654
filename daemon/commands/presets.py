"""`ripieno presets`: list them, show one, explain the keys."""

import argparse

from ripieno.daemon.commands.options import (
    add_json,
    add_preset_options,
    completed_by,
    load_preset,
    preset_names,
    print_json,
)
from ripieno.daemon.errors import UsageError

EPILOG = """\
examples:
  ripieno presets                                  list them
  ripieno presets show string-quartet              one of them, every key said
  ripieno presets show choir --set overflow=steal  ... as it would be with these changes
  ripieno presets keys                             what each key means
Your own presets: save one as a .toml file in ~/.config/ripieno/presets, or name the file itself.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with which preset."""
    parser.add_argument("what", nargs="?", choices=("list", "show", "keys"), default="list", help="by default: list")
    name = parser.add_argument("name", nargs="?", help="show: the preset's name or file")
    completed_by(name, preset_names)
    add_preset_options(parser)
    add_json(parser)


def run(parsed: argparse.Namespace) -> int:
    """List, show or explain."""
    if (parsed.what == "show") != (parsed.name is not None):
        raise UsageError("write: ripieno presets show NAME")
    return {"list": _list, "show": _show, "keys": _keys}[parsed.what](parsed)


def _list(parsed: argparse.Namespace) -> int:
    from ripieno.daemon import presets
    from ripieno.daemon.errors import UserError

    rows: list[dict[str, object]] = []
    mistakes = []
    for name, path in presets.available(parsed.presets).items():
        try:
            preset = presets.load(str(path), parsed.set)
        except UserError as error:
            mistakes.append(str(error))
            rows.append({"name": name, "file": str(path), "error": str(error)})
            continue
        players = [instrument.name for instrument in preset.ensemble]
        rows.append({"name": name, "file": str(path), "description": preset.description, "ensemble": players})
    if parsed.json:
        print_json(rows)
        return 1 if mistakes else 0
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        print(f"{row['name']:{width}}  {row.get('description', 'has mistakes, see below')}")
    for mistake in mistakes:
        print(f"\n{mistake}")
    return 1 if mistakes else 0


def _show(parsed: argparse.Namespace) -> int:
    from ripieno.daemon.presets import as_dict, show

    preset = load_preset(parsed.name, parsed)
    if parsed.json:
        print_json(as_dict(preset))
    else:
        print(show(preset), end="")
    return 0


def _keys(parsed: argparse.Namespace) -> int:
    from ripieno.daemon.preset_document import LISTS, TABLES
    from ripieno.daemon.schema import PRESET_KEYS
    from ripieno.daemon.setlist import SETLIST_KEYS, SONG_KEYS

    beside = {name: keys for name, (keys, _) in TABLES.items()}
    tables = {"preset": PRESET_KEYS, **beside, **{what: keys for keys, what, _ in LISTS.values()}}
    tables |= {"set list": SETLIST_KEYS, "song": SONG_KEYS}
    if parsed.json:
        print_json(
            {
                table: [
                    {
                        "key": key.name,
                        "value": key.kind.what,
                        "default": None if key.default is ... else key.kind.show(key.default),
                        "help": key.help,
                    }
                    for key in keys
                ]
                for table, keys in tables.items()
            }
        )
        return 0
    print(reference())
    return 0


def reference() -> str:
    """Every key of a preset, explained, as text."""
    import textwrap

    from ripieno.daemon.chain_keys import CHAIN_KEYS
    from ripieno.daemon.clock_keys import CLOCK_KEYS
    from ripieno.daemon.continuation_keys import CONTINUATION_KEYS
    from ripieno.daemon.input_keys import INPUT_KEYS
    from ripieno.daemon.learn_keys import LEARN_KEYS
    from ripieno.daemon.schema import INSTRUMENT_KEYS, PRESET_KEYS
    from ripieno.daemon.setlist import SETLIST_KEYS, SONG_KEYS
    from ripieno.daemon.singing_keys import SINGING_KEYS

    lines = []
    tables = {
        "A preset:": PRESET_KEYS,
        "The [continuation] table, for a band that answers:": CONTINUATION_KEYS,
        "The [singing] table, for a voice that sings along:": SINGING_KEYS,
        "The [clock] table, of a preset or a set list, for the one clock:": CLOCK_KEYS,
        "Each [[ensemble]] table, one an instrument:": INSTRUMENT_KEYS,
        "Each [[chain]] table, one a plugin:": CHAIN_KEYS,
        "Each [[input]] table, one a part of what comes in:": INPUT_KEYS,
        "Each [[learn]] table, one a knob or pad that sets something:": LEARN_KEYS,
        "A set list, a file of its own:": SETLIST_KEYS,
        "Each of its [[song]] tables:": SONG_KEYS,
    }
    for title, keys in tables.items():
        lines += [title, ""]
        for key in keys:
            default = "must be given" if key.default is ... else f"default {key.kind.show(key.default)}"
            lines.append(f"  {key.name} = {key.kind.what}  ({default})")
            lines += textwrap.wrap(key.help, 100, initial_indent="      ", subsequent_indent="      ")
        lines.append("")
    return "\n".join(lines).rstrip()
