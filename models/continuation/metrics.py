"""Three measures of a piece, as MusPy defines them (Dong et al., ISMIR 2020): they say nothing of a piece by itself; a
model is judged by how near its mean is to that of true pieces (Dong et al., ICASSP 2023, table 2).

The two of pitch leave drums out. A measure is 4 beats. A figure is not a number where nothing is there to measure.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ripieno.models.continuation.instruments import DRUMS
from ripieno.models.continuation.representation import POSITIONS, Score

MEASURE = 4 * POSITIONS
# [12, 12] the pitch classes of the major scales; the natural minor ones are the same sets.
_SCALES = np.stack([np.isin(np.arange(12), (root + np.array([0, 2, 4, 5, 7, 9, 11])) % 12) for root in range(12)])


def trim(piece: Score, beats: int) -> Score:
    """What begins in the first beats, cut off at their end."""
    kept = piece.take(piece.tick < beats * POSITIONS)
    return replace(kept, length=np.minimum(kept.length, beats * POSITIONS - kept.tick))


def pitch_class_entropy(piece: Score) -> float:
    """Entropy of the notes' pitch classes, in bits."""
    counts = _pitch_classes(piece)
    if not counts.any():
        return float("nan")
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def scale_consistency(piece: Score) -> float:
    """The largest share of the notes that lie in one scale, over all major and minor ones; 0 to 1."""
    counts = _pitch_classes(piece)
    return float((_SCALES @ counts).max() / counts.sum()) if counts.any() else float("nan")


def groove_consistency(piece: Score) -> float:
    """One less the share of ticks at which neighbouring measures differ in whether any note begins; 0 to 1.

    Drums count. As in MusPy the last measure is the one in which the last note ends, be it at its very beginning: then
    that measure is empty.
    """
    measures = int((piece.tick + piece.length).max()) // MEASURE + 1 if len(piece) else 0
    if measures < 2:
        return float("nan")
    begins = np.zeros((measures, MEASURE), dtype=bool)
    begins[piece.tick // MEASURE, piece.tick % MEASURE] = True
    return float(1.0 - np.count_nonzero(begins[1:] != begins[:-1]) / (MEASURE * (measures - 1)))


def _pitch_classes(piece: Score) -> NDArray[np.int64]:
    return np.bincount(piece.pitch[piece.instrument != DRUMS] % 12, minlength=12)


METRICS = {
    "pitch-class entropy": pitch_class_entropy,
    "scale consistency": scale_consistency,
    "groove consistency": groove_consistency,
}
