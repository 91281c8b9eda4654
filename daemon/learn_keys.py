"""The keys of a preset's [[learn]] tables: knobs, faders, wheels and pads of the player's, and what each of them sets.

Kinds and keys are those of `schema`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ripieno.daemon.pitch import parse_pitch, show_pitch
from ripieno.daemon.schema import FLAG, MAYBE_TEXT, TEXT, Key, Kind, choice, number, quote

CONTROLLER, NRPN, RPN, BEND, PRESSURE, PROGRAM, KEY = "controller", "nrpn", "rpn", "bend", "pressure", "program", "key"
LAST = {CONTROLLER: 119, NRPN: 16383, RPN: 16383, PROGRAM: 127, KEY: 127}
"""The highest number of each kind of control that has numbers."""
FINE = (NRPN, RPN, BEND)
"""Those with values from 0 to 16383; the others go to 127."""
JUMP, PICK_UP, SCALE = "jump", "pick up", "scale"
AUTO, VALUE, TOGGLE, MOMENTARY, NEXT, PREVIOUS = "auto", "value", "toggle", "momentary", "next", "previous"
ABSOLUTE, TWOS, OFFSET, SIGN = "absolute", "two's complement", "offset 64", "sign and magnitude"
LINEAR, EXPONENTIAL, S_SHAPED, INVERTED = "linear", "exponential", "s-shaped", "inverted"

_FARTHEST = 1e9
_KNOB = re.compile(
    r"(?:(controller|nrpn|rpn) +(\d+)|(key) +(\S+)|(program)(?: +(\d+))?|(bend|pressure))(?: +channel +(\d+))?", re.I
)


@dataclass(frozen=True)
class Knob:
    """A control of the player's. kind: one of those above. number: from 0 (programs, too); None: it has none, or any
    program. channel: 1-16, 0 for any."""

    kind: str
    number: int | None = None
    channel: int = 0

    @property
    def top(self) -> int:
        """Its highest value."""
        return 16383 if self.kind in FINE else 127

    def __str__(self) -> str:
        shown = {KEY: show_pitch, PROGRAM: lambda program: str(program + 1)}.get(self.kind, str)
        which = "" if self.number is None else f" {shown(self.number)}"
        return self.kind + which + (f" channel {self.channel}" if self.channel else "")


def parse_knob(text: object) -> Knob:
    """One as it is written: "controller 21", "nrpn 300 channel 2", "bend". ValueError says what else to write."""
    match = _KNOB.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match:
        raise ValueError(
            f'{text!r} is no control: write "controller 21", "nrpn 300", "rpn 5", "bend", "pressure", "program 4" or '
            '"key C8", and perhaps "channel 2" behind it'
        )
    plain, value, key, pitch, program, which, wheel, channel = match.groups()
    kind = (plain or key or program or wheel).lower()
    number = parse_pitch(pitch) if key else int(which) - 1 if which else int(value) if plain else None
    if number is not None and not 0 <= number <= LAST[kind]:
        first = kind == PROGRAM
        raise ValueError(f"{text!r}: its numbers go from {int(first)} to {LAST[kind] + first}")
    if channel and not 1 <= int(channel) <= 16:
        raise ValueError(f"{text!r}: channels go from 1 to 16")
    return Knob(kind, number, int(channel or 0))


def _maybe_number(value: object) -> float | None:
    if value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= _FARTHEST:
        raise ValueError(f'{value!r} is no number, nor "" for as far as it goes')
    return value


KNOB = Kind('control such as "controller 21 channel 2"', parse_knob, lambda v: quote(str(v)))
MAYBE_NUMBER = Kind('number, "" for as far as it goes', _maybe_number, lambda v: quote("") if v is None else str(v))

LEARN_KEYS: tuple[Key, ...] = (
    Key(
        "control",
        KNOB,
        ...,
        'What the player moves: "controller 21", "nrpn 300", "rpn 5", "bend", "pressure", "program 4" (any: "program") '
        'or "key C8"; with "channel 2" behind it only that channel\'s.',
    ),
    Key("path", TEXT, ..., "What it sets or does, as the page calls it: players/violin/level, clock/tempo, panic."),
    Key("port", MAYBE_TEXT, "", "The input it comes in at, one of `inputs`; by default any."),
    Key("low", MAYBE_NUMBER, None, "Of a number: what it is at the control's lower end. It may be above `high`."),
    Key("high", MAYBE_NUMBER, None, "What it is at the upper end."),
    Key("curve", choice(LINEAR, EXPONENTIAL, S_SHAPED, INVERTED), LINEAR, "How it goes from one to the other."),
    Key(
        "pick_up",
        choice(JUMP, PICK_UP, SCALE),
        JUMP,
        "Where the control stands elsewhere than what it sets: that jumps there; or waits until the control comes by; "
        "or moves a little more or less than it, until they meet.",
    ),
    Key(
        "mode",
        choice(AUTO, VALUE, TOGGLE, MOMENTARY, NEXT, PREVIOUS),
        AUTO,
        "What it does: its value is set; each press turns something on or off; that is on while it is held; or each "
        "press goes on to the next value, or back. Auto: toggle for what is on or off, next for words at a key, else "
        "value.",
    ),
    Key(
        "encoder",
        choice(ABSOLUTE, TWOS, OFFSET, SIGN),
        ABSOLUTE,
        "A controller that turns without end tells by how much it was turned, in one of these ways.",
    ),
    Key("step", number(0, 1_000_000, False), 0, "Of a number: how far a click of an encoder, or next, goes; 0: auto."),
    Key("play", FLAG, False, "What it sends is played as well."),
    Key(
        "feedback",
        MAYBE_TEXT,
        "",
        "A MIDI output of its own on which the control is told where to stand: for motor faders, and lamps.",
    ),
)


def learn_names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each table is called: by its place, for it has no name."""
    return [str(place) for place in range(1, len(rows) + 1)]
