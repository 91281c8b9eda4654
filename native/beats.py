"""Python face of the beat tracker: where a player's beats are, each said before it comes. See beats.h."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ripieno.native._native import ffi, lib

LEAD: float = lib.RP_BEATS_LEAD / 1000.0
"""Seconds before a beat at which it is said."""


class Beat(NamedTuple):
    """A beat: the frame at which it falls, its number from 0, beats a minute there, and 0..1 how sure that is."""

    frame: float
    beat: float
    bpm: float
    confidence: float


class Beats:
    """A tracker that is told keys and the time, in frames that never fall."""

    def __init__(self, sample_rate: int = 48_000) -> None:
        """ValueError: a sample rate beyond 8,000..384,000; MemoryError."""
        if not 8_000 <= sample_rate <= 384_000:
            raise ValueError(f"beats cannot be followed at {sample_rate} frames a second: 8,000 to 384,000")
        self.sample_rate = sample_rate
        pointer = lib.rp_beats_new(sample_rate)
        if pointer == ffi.NULL:
            raise MemoryError("no memory for the beat tracker")
        self._pointer = ffi.gc(pointer, lib.rp_beats_free)
        self._beat = ffi.new("rp_beat *")

    def clear(self) -> None:
        """Forget everything; beats are counted from 0 again."""
        lib.rp_beats_clear(self._pointer)

    def note(self, frame: int, pitch: int, velocity: int) -> None:
        """A key goes down."""
        lib.rp_beats_note(self._pointer, frame, pitch, velocity)

    def next(self, frame: int) -> Beat | None:
        """Time has come to ``frame``: the next beat, if it is due."""
        if not lib.rp_beats_next(self._pointer, frame, self._beat):
            return None
        one = self._beat
        return Beat(one.frame, one.beat, one.bpm, one.confidence)


def follow(
    frame: ArrayLike, pitch: ArrayLike, velocity: ArrayLike, sample_rate: int = 48_000, every: float = 0.01
) -> tuple[NDArray[np.int64], list[Beat]]:
    """All beats of a performance as a live player would have been told them: when each was said (frames), and the beat.

    frame, pitch, velocity: [notes] of the keys that go down, in order. every: seconds between the moments at which the
    tracker is asked.
    """
    keys = list(zip(*(np.asarray(column).tolist() for column in (frame, pitch, velocity)), strict=True))
    tracker, step, heard = Beats(sample_rate), max(1, round(every * sample_rate)), 0
    said: list[int] = []
    beats: list[Beat] = []
    for now in range(0, (keys[-1][0] if keys else 0) + step, step):
        while heard < len(keys) and keys[heard][0] <= now:
            tracker.note(*keys[heard])
            heard += 1
        while beat := tracker.next(now):
            said.append(now)
            beats.append(beat)
    return np.array(said, np.int64), beats
