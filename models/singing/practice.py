"""What the line practises on in its reward stage: pianos alone, long enough to sing to freely, some with surprises.

Half of them are as people play; half bring surprises (the piano is in another key from one moment on) and rests of the
player. How people sing to the first half is what the voice's habits are held against (`Habits`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ripieno.models.singing import metrics
from ripieno.models.singing.excerpts import Excerpt, draw
from ripieno.models.singing.metrics import Line
from ripieno.models.singing.representation import BLOCK, BLOCK_MS
from ripieno.models.singing.surprise import INTERVALS, transposed
from ripieno.native import piano

Random = np.random.Generator

PLAIN = 0.5  # the share of pianos without surprises
LATE = 64  # blocks, about a second, of a silence
SURPRISE_MS = (3000, 10000)  # from one surprise to the next
SILENCE, SILENCE_MS = 0.3, (1500, 5000)  # how often, of the others, the player rests once, and how long


def pianos(data: Path, split: str, each: int) -> list[Excerpt]:
    """One excerpt of ``each`` songs of every style. Raises CorpusError."""
    return draw(data, split, each, seed=1)


def practice(one: Excerpt, plain: bool, rng: Random) -> NDArray[np.float32]:
    """[blocks, ROW] an excerpt's piano in any key; not ``plain``: with surprises."""
    events = transposed(one.events, 0, int(rng.integers(0, 12)))
    if plain:
        return piano.rows(events, one.count, step=BLOCK_MS)
    moment, end = 0, one.count * BLOCK_MS
    while (moment := moment + int(rng.integers(*SURPRISE_MS))) < end:
        events = transposed(events, moment, int(rng.choice(INTERVALS)))
    if rng.random() < SILENCE:
        begin = int(rng.integers(0, end))
        rests = (events["frame"] >= begin) & (events["frame"] < begin + int(rng.integers(*SILENCE_MS)))
        events = events[~(rests & (events["kind"] == piano.ON))]
    return piano.rows(events, one.count, step=BLOCK_MS)


@dataclass(frozen=True)
class Habits:
    """Counts of a line's habits, in this order: blocks, sung blocks, silent blocks that come after the first second of
    a silence, onsets, rests, and of the intervals repeats, steps, skips and leaps. They add up over lines."""

    counts: NDArray[np.float64]

    def __add__(self, other: "Habits") -> "Habits":
        return Habits(self.counts + other.counts)

    def __sub__(self, other: "Habits") -> "Habits":
        return Habits(self.counts - other.counts)

    def faded(self, by: float) -> "Habits":
        """What is left of it after a while."""
        return Habits(self.counts * by)

    @property
    def voiced(self) -> float:
        """Share of the blocks."""
        return float(self.counts[1] / self.counts[0])

    @property
    def silences(self) -> NDArray[np.float64]:
        """[2] for each sung block, how many silent ones: in the first second of a silence, and later."""
        blocks, sung, late = self.counts[:3]
        return np.array([blocks - sung - late, late]) / sung

    @property
    def rates(self) -> NDArray[np.float64]:
        """[2] onsets and rests a second."""
        return self.counts[3:5] / (self.counts[0] * BLOCK)

    @property
    def intervals(self) -> NDArray[np.float64]:
        """[4] shares of repeats, steps, skips and leaps."""
        return self.counts[5:] / self.counts[5:].sum()


def habits(lines: Sequence[Line]) -> Habits:
    """The habits of lines together."""
    found = Habits(np.zeros(9))
    for sung in lines:
        wide = np.abs(metrics.intervals(sung))
        kinds = np.bincount(np.searchsorted([1, 3, 5], wide, side="right"), minlength=4)
        late = np.maximum(metrics.stretches(~sung.voiced)[1] - LATE, 0).sum()
        counts = [len(sung), sung.voiced.sum(), late, sung.onset.sum(), len(metrics.rests(sung)), *kinds]
        found = found + Habits(np.array(counts, np.float64))
    return found
