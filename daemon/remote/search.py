"""Finding the control that somebody moves on purpose, among all that comes in."""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ripieno.daemon.learn_keys import ABSOLUTE, BEND, CONTROLLER, KEY, OFFSET, PRESSURE, PROGRAM, TWOS, Knob
from ripieno.daemon.presets import Learn

if TYPE_CHECKING:
    from ripieno.native.surface import Moved


_SETTLE_SECONDS = 0.25  # what moves so soon was moving before
_PAUSE_SECONDS = 0.5  # what has rested so long may be meant
_TRAVEL = {BEND: 1 / 4, PRESSURE: 1 / 2}  # of its way, that it must go
_USUAL_TRAVEL = 1 / 8
_CLICKS = 4  # of an encoder, one like the other
_SLOW, _CENTRE = 8, 64  # by so much an encoder is turned at a time, at most
_FINE = 32  # from a controller to the one that has its lower bits
_STRIKES = 2  # of a key: who plays on strikes others in between


@dataclass
class _Seen:
    """A control since it began to move. busy: it moved before."""

    began: int
    last: int
    busy: bool
    values: deque[int] = field(default_factory=lambda: deque(maxlen=_CLICKS))
    low: int = 16383
    high: int = 0


class Search:
    """For a control that is to set `path`, which is a "number", "choice", "flag" or "action". rate, frame: frames a
    second, and now."""

    def __init__(self, path: str, what: str, rate: int, frame: int) -> None:
        self.path, self.what = path, what
        self._rate, self._began = rate, frame
        self._seen: dict[tuple[str, int, int, int], _Seen] = {}
        self._key: tuple[int, int, int] | None = None  # struck last: port, channel, pitch
        self._strikes = 0

    def hear(self, moved: "Moved", port: str) -> Learn | None:
        """It is this one, bound as is usual; None: not yet. port: what its input is to be called, "" for any."""
        found = self._judge(moved)
        if found is None:
            return None
        number = moved.number if moved.kind not in (BEND, PRESSURE) else None
        if moved.kind == PROGRAM and self.what in ("number", "choice"):
            number = None
        return Learn(Knob(moved.kind, number, moved.channel + 1), self.path, port=port, encoder=found)

    def _judge(self, moved: "Moved") -> str | None:
        """What kind of encoder it is, if it is meant."""
        if moved.kind == KEY:
            return ABSOLUTE if self._struck(moved) else None
        if moved.kind == PROGRAM:
            return ABSOLUTE
        seen = self._follow(moved)
        if seen.busy or (moved.number >= _FINE and self._moves_with(moved, moved.number - _FINE)):
            return None
        parted = self._moves_with(moved, moved.number + _FINE)  # its upper bits come again and again
        encoder = ABSOLUTE if parted or moved.kind != CONTROLLER else _encoder(list(seen.values))
        if encoder != ABSOLUTE:
            return encoder
        return ABSOLUTE if self._is_meant(moved, seen) else None

    def _struck(self, moved: "Moved") -> bool:
        """The same key twice; keys only switch."""
        if self.what == "number" or not moved.value:
            return False
        key = (moved.port, moved.channel, moved.number)
        self._strikes = self._strikes + 1 if key == self._key else 1
        self._key = key
        return self._strikes == _STRIKES

    def _follow(self, moved: "Moved") -> _Seen:
        place = (moved.kind, moved.port, moved.channel, moved.number)
        seen = self._seen.get(place)
        if seen is None or moved.frame - seen.last > _PAUSE_SECONDS * self._rate:
            busy = seen is None and moved.frame - self._began < _SETTLE_SECONDS * self._rate
            seen = self._seen[place] = _Seen(moved.frame, moved.frame, busy)
        seen.last = moved.frame
        seen.values.append(moved.value)
        seen.low, seen.high = min(seen.low, moved.value), max(seen.high, moved.value)
        return seen

    def _moves_with(self, moved: "Moved", number: int) -> bool:
        """Whether that is the other part of one of 14 bits (MIDI 1.0: 0 to 31, and 32 to 63), whose upper seven are
        enough."""
        if moved.kind != CONTROLLER or max(moved.number, number) >= 2 * _FINE:
            return False
        seen = self._seen.get((moved.kind, moved.port, moved.channel, number))
        return seen is not None and moved.frame - seen.last <= _PAUSE_SECONDS * self._rate

    def _is_meant(self, moved: "Moved", seen: _Seen) -> bool:
        top = Knob(moved.kind).top
        button = self.what != "number" and moved.value == top and len(seen.values) == 1
        clicks = moved.kind == CONTROLLER and all(_is_click(value) for value in seen.values) and not button
        return button or (not clicks and seen.high - seen.low >= _TRAVEL.get(moved.kind, _USUAL_TRAVEL) * top)


def _is_click(value: int) -> bool:
    """Of an encoder that counts from 0."""
    return 1 <= value <= _SLOW or value > 127 - _SLOW


def _encoder(values: list[int]) -> str:
    """In which way an encoder tells its clicks, ABSOLUTE for none: no knob sends one value again and again.

    Clicks one way look the same with sign and magnitude, which has to be chosen.
    """
    if len(values) < _CLICKS or len(set(values)) > 1:
        return ABSOLUTE
    if _is_click(values[0]):
        return TWOS
    return OFFSET if 0 < abs(values[0] - _CENTRE) <= _SLOW else ABSOLUTE
