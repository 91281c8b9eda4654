"""What the singer hears of the piano: the rows of native/src/piano.c, for a whole piece at once.

A row (float32, `ROW` numbers) tells one block of 16 ms; piano.h says what stands where.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ripieno.native._native import ffi, lib

ROW = lib.RP_PIANO_ROW
LOW, KEYS = lib.RP_PIANO_LOW, lib.RP_PIANO_KEYS
CHROMA, SLOW, BASS, ONSET = lib.RP_PIANO_CHROMA, lib.RP_PIANO_SLOW, lib.RP_PIANO_BASS, lib.RP_PIANO_ONSET
COUNT, TOP, SILENCE, SINCE = lib.RP_PIANO_COUNT, lib.RP_PIANO_TOP, lib.RP_PIANO_SILENCE, lib.RP_PIANO_SINCE
"""Where the parts of a row begin."""

OFF, ON, PEDAL = lib.RP_PIANO_OFF, lib.RP_PIANO_ON, lib.RP_PIANO_PEDAL

EVENT = np.dtype(
    [("frame", np.uint64), ("kind", np.uint8), ("key", np.uint8), ("value", np.uint8), ("unused", np.uint8, (5,))]
)
"""One thing that was played. kind: `OFF`, `ON` or `PEDAL`; value: velocity 1..127, or 0 for the pedal's rise."""


def events_of(
    onsets: ArrayLike, ends: ArrayLike, keys: ArrayLike, velocities: ArrayLike, pedal: ArrayLike = ()
) -> NDArray[Any]:
    """Notes as `EVENT`s in order of frames; where a key ends and begins at one frame, it ends first.

    onsets, ends [notes]: frames; keys, velocities [notes]: MIDI, velocity 1..127; pedal [times, 2]: frames of down and
    up.
    """
    begin, end = np.asarray(onsets, np.uint64), np.asarray(ends, np.uint64)
    feet = np.asarray(pedal, np.uint64).reshape(-1, 2)
    notes, times = len(begin), len(feet)
    events = np.zeros(2 * (notes + times), EVENT)
    events["frame"] = np.concatenate([end, begin, feet[:, 0], feet[:, 1]])
    events["kind"] = np.repeat(np.array([OFF, ON, PEDAL], np.uint8), [notes, notes, 2 * times])
    events["key"][: 2 * notes] = np.tile(np.asarray(keys, np.uint8), 2)
    events["value"][notes : 2 * notes] = velocities
    events["value"][2 * notes : 2 * notes + times] = 1
    return events[np.argsort(events["frame"], kind="stable")]


def rows(events: NDArray[Any], count: int, first: int = 0, step: int = 16, sample_rate: float = 1000.0) -> NDArray[Any]:
    """[count, ROW] float32 the row of every block: at ``first``, ``first + step``, ...

    Frames are milliseconds unless another sample rate is told. ValueError: the events are not in order.
    """
    if np.any(events["frame"][1:] < events["frame"][:-1]):
        raise ValueError("events must be in order of their frames")
    told = np.ascontiguousarray(events, EVENT)
    found = np.empty((count, ROW), np.float32)
    lib.rp_piano_rows(
        sample_rate,
        ffi.from_buffer("rp_piano_event[]", told),
        len(told),
        first,
        step,
        count,
        ffi.from_buffer("float[]", found),
    )
    return found
