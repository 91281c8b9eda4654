"""What moves on the player's control surface: knobs, faders, wheels and pads, as the engine tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ripieno.native._native import ffi, lib

if TYPE_CHECKING:
    from ripieno.native.engine import Report

KINDS: dict[str, int] = {
    "controller": lib.RP_MOVED_CONTROLLER,
    "nrpn": lib.RP_MOVED_NRPN,
    "rpn": lib.RP_MOVED_RPN,
    "bend": lib.RP_MOVED_BEND,
    "pressure": lib.RP_MOVED_PRESSURE,
    "program": lib.RP_MOVED_PROGRAM,
    "key": lib.RP_MOVED_KEY,
}
"""Kinds of controls, by name."""
TAKEN: int = lib.RP_TAKEN_MAX
"""Controls that may be taken from what is played, at most."""
_NAMES = {number: name for name, number in KINDS.items()}
_VALUE_BITS = 14


class Moved(NamedTuple):
    """A control moved. kind: of KINDS; port: an input; channel: 0-15.

    number: the controller's (0-119), the parameter's (0-16383), the program or the pitch (0-127), else 0. value: 0-127;
    of bends (8192 in the middle) and parameters 0-16383; of a program its number; of a key its velocity, 0: let go.
    """

    frame: int
    port: int
    channel: int
    kind: str
    number: int
    value: int


def moved(report: Report) -> Moved:
    """What a report of the kind "control" tells."""
    assert report.from_ is not None
    number, value = divmod(report.value, 1 << _VALUE_BITS)
    return Moved(report.frame, report.port, report.channel, _NAMES[report.from_], number, value)


@dataclass(frozen=True)
class Taken:
    """A control that is not played. kind, number: as of `Moved`; port, number and channel (0-15) None: any."""

    kind: str
    number: int | None = None
    channel: int | None = None
    port: int | None = None


def pointer_to(taken: Taken | None) -> Any:
    """An rp_control, NULL for None."""
    if taken is None:
        return ffi.NULL
    port = lib.RP_EVERY_PORT if taken.port is None else taken.port
    channel = lib.RP_EVERY_CHANNEL if taken.channel is None else taken.channel
    number = lib.RP_EVERY_NUMBER if taken.number is None else taken.number
    return ffi.new("rp_control *", (KINDS[taken.kind], port, channel, 0, number))


def bits_of(kinds: frozenset[str]) -> int:
    """A bit for each of these kinds."""
    return sum(1 << KINDS[kind] for kind in kinds)
