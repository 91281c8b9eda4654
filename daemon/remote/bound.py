"""A control of the player's that is bound: what its moves set, and where it is told to stand."""

import math
from typing import TYPE_CHECKING

from ripieno.daemon.learn_keys import (
    ABSOLUTE,
    AUTO,
    BEND,
    CONTROLLER,
    JUMP,
    KEY,
    MOMENTARY,
    NEXT,
    NRPN,
    PICK_UP,
    PRESSURE,
    PREVIOUS,
    PROGRAM,
    TOGGLE,
    VALUE,
    Knob,
)
from ripieno.daemon.presets import Learn
from ripieno.daemon.remote.curves import CLICKS, is_down, raw_of, share_of
from ripieno.daemon.remote.reach import Reach
from ripieno.daemon.remote.tree import Plain

if TYPE_CHECKING:
    from ripieno.native.surface import Moved


QUIET_SECONDS = 0.3
"""A fader that was moved is left alone for so long: its motor would fight the hand."""
_ECHO_SECONDS = 1.0  # within which what a controller was told may come back, and be looked at


class Bound:
    """A row of [[learn]], and how its control stands."""

    def __init__(self, row: Learn) -> None:
        self.row = row
        self.stands: int | None = None  # what it sent or was told last; None: not known
        self._received: int | None = None
        self._told: int | None = None
        self._on_their_way: list[tuple[int, float]] = []  # what it was told of late, which may come back, until when
        self._quiet_until = -math.inf  # in seconds
        self._set: Plain | None = None  # what it set last, as that stood then
        self._share = 0.0  # of its way, as finely as clicks and scaling move it
        self._last: float | None = None  # where it stood before
        self._caught = False  # pick up: it has come by

    @property
    def knob(self) -> Knob:
        return self.row.control

    def fits(self, moved: "Moved", port: str) -> bool:
        """Whether it is what moved. port: the name of the input."""
        knob = self.knob
        alike = knob.kind == moved.kind and (knob.number in (None, moved.number))
        return alike and knob.channel in (0, moved.channel + 1) and self.row.port in ("", port)

    # ---- moved ----

    def pressed(self, raw: int, now: float) -> bool:
        """It moved: whether that is a press, of a pad, a button or a pedal. now: in seconds."""
        if self._is_echo(raw, now):
            return False
        before, self._received = self._received, raw
        if self.row.encoder != ABSOLUTE:
            return CLICKS[self.row.encoder](raw) > 0
        again = before is None or not is_down(self.knob, before) or raw == before  # some buttons tell no release
        return is_down(self.knob, raw) and (again or self.knob.kind == PROGRAM)

    def turned(self, raw: int, reach: Reach, value: Plain, now: float) -> Plain | None:
        """It moved: what it sets, None: nothing. value: how that is now. now: in seconds."""
        if self.row.encoder == ABSOLUTE and self.row.feedback and raw == self.stands and not self._presses(reach):
            return None  # it sends back what it was told
        echo = self._is_echo(raw, now)
        if self._stays(reach):
            self.stands = raw
        elif raw != self._told:
            self.stands = None  # its lamp may show anything now
        if echo:  # or a hand: it is told again where it stands wrong
            return None
        self._quiet_until = now + QUIET_SECONDS
        if not self._stays(reach):
            self._on_their_way.clear()
        return self._wanted(raw, reach, value, self.pressed(raw, now))

    def settled(self, value: Plain) -> None:
        """What it set stands so."""
        self._set = value

    def _wanted(self, raw: int, reach: Reach, value: Plain, pressed: bool) -> Plain | None:
        mode = self._mode(reach)
        if self.row.encoder != ABSOLUTE:
            return self._clicked(CLICKS[self.row.encoder](raw), reach, value)
        if mode == TOGGLE:
            return (not value) if pressed else None
        if mode in (NEXT, PREVIOUS):
            return reach.stepped(value, 1 if mode == NEXT else -1) if pressed else None
        if reach.type == "flag":
            return is_down(self.knob, raw)
        if self.knob.kind == PROGRAM:
            return self._program(raw, reach)
        if self.knob.kind == KEY and raw == 0:
            return None
        return self._picked_up(share_of(self.knob, raw), reach, value)

    def _mode(self, reach: Reach) -> str:
        if self.row.mode not in (AUTO, MOMENTARY):
            return self.row.mode
        if reach.type == "flag":
            return TOGGLE if self.row.mode == AUTO else VALUE
        key = self.knob.kind == KEY or (self.knob.kind == PROGRAM and self.knob.number is not None)
        return NEXT if key and reach.type == "choice" else VALUE

    def _presses(self, reach: Reach) -> bool:
        return self._mode(reach) in (TOGGLE, NEXT, PREVIOUS) or reach.type == "flag"

    def _stays(self, reach: Reach) -> bool:
        """Whether it stays where it was moved to, as a fader does and a button or an encoder does not."""
        return self.row.encoder == ABSOLUTE and not self._presses(reach) and self.knob.kind != KEY

    def _program(self, program: int, reach: Reach) -> Plain:
        """Programs are numbers themselves; a certain one sets the upper end."""
        if self.knob.number is not None:
            return reach.value(1.0)
        if reach.type == "choice":
            return reach.kind.words[min(program, len(reach.kind.words) - 1)]
        low, high = sorted(reach.ends)
        return reach.value(reach.share(min(high, low + program)))

    def _clicked(self, clicks: int, reach: Reach, value: Plain) -> Plain | None:
        """An encoder was turned."""
        if not clicks:
            return None
        if reach.type == "flag":
            return clicks > 0
        if reach.type == "choice":
            return reach.stepped(value, clicks)
        share = self._share if value == self._set else reach.share(value)
        self._share = reach.turned(share, clicks)
        return reach.value(self._share)

    def _picked_up(self, share: float, reach: Reach, value: Plain) -> Plain | None:
        """What it sets where it stands now, as `pick_up` says."""
        last, self._last = self._last, share
        if self.row.pick_up == JUMP:
            return reach.value(share)
        if value != self._set:
            self._caught, self._share = False, reach.share(value)
        if self.row.pick_up == PICK_UP:
            there = reach.share(value)
            passed = last is not None and (last - there) * (share - there) <= 0
            self._caught = self._caught or passed or reach.value(share) == value
            return reach.value(share) if self._caught else None
        return reach.value(self._scaled(last, share)) if last is not None else None

    def _scaled(self, last: float, share: float) -> float:
        """It moves by as much of what is left of the value's way as the knob does of its own."""
        if share > last:
            self._share += (1 - self._share) * (share - last) / (1 - last)
        elif share < last:
            self._share *= share / last
        return self._share

    def _is_echo(self, raw: int, now: float) -> bool:
        """What it was told a moment ago comes back, in that order; what is sent otherwise is somebody's hand."""
        self._on_their_way = [one for one in self._on_their_way if now < one[1]]
        told = [one for one, _ in self._on_their_way]
        if raw in told:
            del self._on_their_way[: told.index(raw) + 1]
        return raw in told

    # ---- told ----

    def feedback(self, reach: Reach, value: Plain, now: float) -> list[bytes]:
        """What it is to be told, now: nothing while it is moved, nor where it stands right."""
        if self.knob.kind == PROGRAM or (self._stays(reach) and now < self._quiet_until):
            return []
        raw = raw_of(self.knob, reach.share(value))
        right = self.stands is not None and reach.value(share_of(self.knob, self.stands)) == value
        if raw == self.stands or (right and self._stays(reach)):
            return []
        self.stands = self._told = raw
        self._last = share_of(self.knob, raw)
        self._on_their_way.append((raw, now + _ECHO_SECONDS))
        return messages(self.knob, raw)

    def forget(self) -> None:
        """Nobody knows where it stands: it was away."""
        self.stands = self._received = self._last = None
        self._caught = False


def messages(knob: Knob, raw: int) -> list[bytes]:
    """What would move it to that value: MIDI 1.0 messages, none for a program."""
    channel, number, coarse, fine = max(knob.channel - 1, 0), knob.number or 0, raw >> 7, raw & 127
    control = 0xB0 | channel
    if knob.kind == CONTROLLER:
        return [bytes((control, number, raw))]
    if knob.kind == BEND:
        return [bytes((0xE0 | channel, fine, coarse))]
    if knob.kind == PRESSURE:
        return [bytes((0xD0 | channel, raw))]
    if knob.kind == KEY:
        return [bytes((0x90 | channel, number, raw))]
    if knob.kind == PROGRAM:
        return []
    first = 98 if knob.kind == NRPN else 100
    pairs = ((first + 1, number >> 7), (first, number & 127), (6, coarse), (38, fine))
    return [bytes((control, *pair)) for pair in pairs]
