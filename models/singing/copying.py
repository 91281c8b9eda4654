"""How much of a sung line is copied: the longest run of intervals that it shares with any training melody.

Rhythm is ignored, and so is the key: a run is a stretch of a line, each note told by its distance in semitones from the
one before. The longest run of two lines is told by how many intervals it has; two human melodies share some, too, and
what a held-out one shares with the training set is the yardstick.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ripieno.models.continuation.copying import shared_runs
from ripieno.models.singing.metrics import Line, intervals, line, pitches

_SHORTEST = 3  # notes of a run that counts
_WIDEST = 127  # semitones, of an interval


def longest_runs(sung: Sequence[Line], melodies: Sequence[Line]) -> NDArray[np.int64]:
    """[sung] intervals of the longest run that each line shares with any of the melodies; 0 where it is one alone."""
    notes = shared_runs([_steps(one) for one in sung], [_steps(one) for one in melodies], _SHORTEST)
    return np.maximum(notes - 1, 0)


def merged(sung: Line) -> Line:
    """A line's notes, a block each, a note that is struck again counted once: runs of one pitch are no melody."""
    notes = pitches(sung)
    kept = notes[np.diff(notes, prepend=-1) != 0]
    return line(kept, np.ones(len(kept), bool))


def _steps(sung: Line) -> list[NDArray[np.int64]]:
    return [intervals(sung) + _WIDEST]


def summary(runs: NDArray[np.int64]) -> dict[str, float]:
    """Median, 95th percentile and longest of runs; not numbers where there are none."""
    if not len(runs):
        return dict.fromkeys(("median", "95th", "max"), float("nan"))
    return {
        "median": float(np.median(runs)),
        "95th": float(np.percentile(runs, 95)),
        "max": float(runs.max()),
    }
