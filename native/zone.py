"""How a rig's inputs are split and merged: which keys of which port and channel reach whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ripieno.native._native import ffi, lib


@dataclass(frozen=True)
class Zone:
    """Keys of an input port that reach the ensemble, or certain instruments.

    channels: 0-15. lowest, highest: MIDI pitches as they come in; softest, loudest: velocities of note-ons, 1-127, both
    bounds in it. transpose: semitones. instruments: places in the ensemble, each of which plays all of it; none: the
    ensemble does, as its model decides. Wheels and pedals of its channels go where its keys go. mpe: the input port
    speaks MIDI Polyphonic Expression: each note keeps its own bend, pressure and controller 74.
    """

    port: int = 0
    channels: Iterable[int] = range(16)
    lowest: int = 0
    highest: int = 127
    softest: int = 1
    loudest: int = 127
    transpose: int = 0
    instruments: Iterable[int] = ()
    mpe: bool = False


def set_zones(rig: Any, zones: Sequence[Zone]) -> None:
    """Give them to a C rig that is not loaded yet. ValueError: the engine refuses them."""
    rows = ffi.new("rp_zone[]", len(zones))
    for row, one in zip(rows, zones, strict=True):
        row.in_port, row.transpose, row.mpe = one.port, one.transpose, one.mpe
        row.lowest, row.highest, row.softest, row.loudest = one.lowest, one.highest, one.softest, one.loudest
        row.channels = sum(1 << channel for channel in set(one.channels))
        row.instruments = sum(1 << place for place in set(one.instruments))
    if not lib.rp_rig_set_zones(rig, rows, len(zones)):
        raise ValueError(f"the engine refuses these zones: at most {lib.RP_ZONES_MAX}, of ports and instruments it has")
