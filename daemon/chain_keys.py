"""The keys of a preset's [[chain]] tables: the plugins that sound. Kinds and keys are those of `schema`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ripieno.daemon.schema import FLAG, MAYBE_TEXT, TEXT, Key, Kind, number, quote, slug

VOICE_PLACE, INPUT_PLACE, MASTER = "voice", "input", "master"
PLACES = (VOICE_PLACE, INPUT_PLACE, MASTER)
"""Where a chain may stand beside the instruments of the ensemble."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def _table(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is no table: write each of them with its name, such as {{ mix = 0.3 }}")
    return value


def _show_table(values: Mapping[str, Any]) -> str:
    pairs = (f"{name if _BARE.fullmatch(name) else quote(name)} = {value}" for name, value in values.items())
    return "{ " + ", ".join(pairs) + " }" if values else "{}"


# What their values may be depends on the plugin, and is checked with it.
VALUES = Kind("table of names and numbers", _table, _show_table)
CONTROLLERS = Kind("table of names and MIDI controllers", _table, _show_table)
CONTROLLER = number(0, 119, True)
GAIN_DB = number(-60, 24, False)

CHAIN_KEYS: tuple[Key, ...] = (
    Key(
        "plugin",
        TEXT,
        ...,
        "What sounds: one of ours (gain, pan, filter, limiter, delay, reverb), soundfont:FILE.sf2 (soundfont: alone: "
        "the one that is installed), vst3:FILE, au:FILE, pyo:FILE.py, jit:FILE.py, python:FILE.py, or the name of one "
        "that `ripieno plugins scan` has found.",
    ),
    Key(
        "on",
        TEXT,
        MASTER,
        "Where it stands, after what stands there already: an instrument's name (the first plugin there plays its "
        'notes, the next ones treat the sound), "voice" (the one that sings along), "input" (what comes in at the '
        'ports left-in and right-in) or "master" (all of them together).',
    ),
    Key("name", MAYBE_TEXT, "", "What it is called; by default as its plugin."),
    Key("bypass", FLAG, False, "What comes in goes out untouched, as late as before."),
    Key("gain_db", GAIN_DB, 0, "Louder or softer behind it, in decibels."),
    Key(
        "state",
        MAYBE_TEXT,
        "",
        "A file that keeps how it was set: read at the start, going before what is written here, and written at the "
        "end; by default none.",
    ),
    Key("parameters", VALUES, {}, "Its parameters, by name: { mix = 0.3 }."),
    Key("cc", CONTROLLERS, {}, "Parameters that a MIDI controller moves: { mix = 74 }."),
    Key("cc_channel", number(0, 16, True), 0, "The MIDI channel of these controllers; 0: any."),
    Key(
        "memory_mb",
        number(64, 262_144, True),
        2048,
        "MiB that a plugin with a process of its own may use; one that takes more is started again. Large sample "
        "libraries want more.",
    ),
)


def chain_names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each table's chain is called: by its name, or as its plugin, with a number where that is taken."""
    from ripieno.plugins.open import short_name

    given = [row.get("name") for row in rows]
    taken = {slug(name) for name in given if isinstance(name, str) and name}
    names = []
    for place, (row, name) in enumerate(zip(rows, given, strict=True), 1):
        if not isinstance(name, str) or not name:
            own = short_name(row["plugin"]) if isinstance(row.get("plugin"), str) else ""
            name = _free(own if slug(own) else f"chain {place}", taken)
            taken.add(slug(name))
        names.append(name)
    return names


def _free(name: str, taken: set[str]) -> str:
    number, wanted = 1, name
    while slug(wanted) in taken:
        number += 1
        wanted = f"{name} {number}"
    return wanted
