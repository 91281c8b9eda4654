"""The keys of a preset's [[input]] tables: what comes in, split and merged. Kinds and keys are those of `schema`."""

from collections.abc import Mapping, Sequence
from typing import Any

from ripieno.daemon.schema import ALL_CHANNELS, CHANNELS, FLAG, MAYBE_TEXT, RANGE, Key, Kind, number, quote

ENSEMBLE_WORD = "ensemble"
LOUDEST = 127


def _velocity(value: object) -> tuple[int, int]:
    good = isinstance(value, list) and len(value) == 2 and all(type(v) is int and 1 <= v <= LOUDEST for v in value)
    if not good or not isinstance(value, list) or value[0] > value[1]:
        raise ValueError(f"{value!r} is no range of velocities: write the softest and the loudest, such as [1, 80]")
    return value[0], value[1]


def _players(value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f'{value!r} is nobody: write "{ENSEMBLE_WORD}", an instrument\'s name or a list of names')
    return tuple(names)


def _show_players(value: Sequence[str]) -> str:
    return quote(value[0]) if len(value) == 1 else "[" + ", ".join(map(quote, value)) + "]"


VELOCITIES = Kind("softest and loudest velocity, 1 to 127", _velocity, lambda v: f"[{v[0]}, {v[1]}]")
PLAYERS = Kind(f'"{ENSEMBLE_WORD}", an instrument\'s name, or a list of names', _players, _show_players)

INPUT_KEYS: tuple[Key, ...] = (
    Key("port", MAYBE_TEXT, "", "The input it comes in at, one of `inputs`; by default the first."),
    Key("device", MAYBE_TEXT, "", "Part of a keyboard's name: it is connected to that input, as by --connect-in."),
    Key("channels", CHANNELS, ALL_CHANNELS, "Of these MIDI channels."),
    Key("range", RANGE, (0, 127), "Its lowest and highest key; others are left to other tables."),
    Key("velocity", VELOCITIES, (1, LOUDEST), "How soft and how loud its keys are struck, likewise."),
    Key(
        "mpe",
        FLAG,
        False,
        "Its keyboard speaks MIDI Polyphonic Expression: each note keeps its own bend, pressure and controller 74. "
        "Until the keyboard tells its zones, channel 1 has what holds for all notes.",
    ),
    Key("transpose", number(-127, 127, True), 0, "Semitones by which it sounds higher than it is played."),
    Key(
        "to",
        PLAYERS,
        (ENSEMBLE_WORD,),
        f'Who plays it: "{ENSEMBLE_WORD}", whose model gives each note to somebody, or the instruments that are named '
        "here, each of them all of it. Wheels and pedals go the same way.",
    ),
)


def input_names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each table is called: by its place, for it has no name."""
    return [str(place) for place in range(1, len(rows) + 1)]
