"""What a sung line does over a piano: every musical figure of ``ripieno eval singing``, in numpy alone.

Time is in blocks of 16 ms (BLOCK). A line is what is sung in each block, a piano what sounds in it, and both may be a
person's or a model's: nothing here knows which. A sung note is a *chord tone* of a block when its pitch class sounds in
the piano there, be it held by a key or by the pedal; over a silent piano no note is one. Breath counts as silence.

The figures are pooled: shares, ratios and rates are sums over all lines divided by sums, and medians and percentiles
are taken over all clashes (or rests, or intervals) of all lines together; the range alone is one number a line, and
its median is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BLOCK = 0.016  # seconds
REST = 20  # blocks (320 ms) that a silence lasts at least to be a rest, and no breath or gap between two notes
TOGETHER = 4  # blocks (64 ms) that two onsets may lie apart and still count as together
RANGE = (5, 95)  # percentiles of the sung blocks

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Line:
    """What is sung. note: [blocks] MIDI number, -1 where nothing is; onset: [blocks] whether a note begins."""

    note: NDArray[np.int64]
    onset: Bools

    def __len__(self) -> int:
        return len(self.note)

    @property
    def voiced(self) -> Bools:
        return self.note >= 0

    def cut(self, begin: int, end: int | None = None) -> "Line":
        """The blocks from ``begin`` to before ``end``; a note that sounds already is not one that begins."""
        return Line(self.note[begin:end], self.onset[begin:end])


@dataclass(frozen=True)
class Piano:
    """What is played. classes: [blocks, 12] whether a pitch class sounds; onset: [blocks] whether a key is hit."""

    classes: Bools
    onset: Bools

    def __len__(self) -> int:
        return len(self.classes)

    def cut(self, begin: int, end: int | None = None) -> "Piano":
        """The blocks from ``begin`` to before ``end``."""
        return Piano(self.classes[begin:end], self.onset[begin:end])


Pairs = Sequence[tuple[Line, Piano]]


def line(note: ArrayLike, onset: ArrayLike | None = None) -> Line:
    """A line of an array of notes (-1: none). Without onsets, a note begins where it is another than before."""
    notes = np.asarray(note, dtype=np.int64)
    if onset is None:
        onset = (notes >= 0) & (notes != np.concatenate([[-1], notes[:-1]]))
    return Line(notes, np.asarray(onset, dtype=bool) & (notes >= 0))


def chord_tones(sung: Line, piano: Piano) -> Bools:
    """[blocks] where what is sung is a chord tone."""
    return sung.voiced & piano.classes[np.arange(len(sung)), sung.note % 12]


def stretches(where: Bools) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each unbroken stretch of True begins, and how many blocks it lasts."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], where, [False]]).astype(np.int8)))
    return edges[::2], edges[1::2] - edges[::2]


def clashes(sung: Line, piano: Piano) -> NDArray[np.float64]:
    """Milliseconds that each clash lasts.

    It begins where a sung note stops being a chord tone, or begins as none, and goes on, from note to note, until a
    chord tone is sung or the voice falls silent.
    """
    lengths = stretches(sung.voiced & ~chord_tones(sung, piano))[1]
    return lengths.astype(np.float64) * (1000 * BLOCK)


def rests(sung: Line) -> NDArray[np.float64]:
    """Seconds of each rest; those that the line's ends cut off count as far as they are heard."""
    lengths = stretches(~sung.voiced)[1]
    return lengths[lengths >= REST].astype(np.float64) * BLOCK


def pitches(sung: Line) -> NDArray[np.int64]:
    """The notes sung one after another: those that begin."""
    return sung.note[sung.onset]


def intervals(sung: Line) -> NDArray[np.int64]:
    """Semitones from each note to the next, whatever rest lies between them."""
    return np.diff(pitches(sung))


def sung_range(sung: Line) -> float:
    """Semitones between the 5th and the 95th percentile of the sung blocks; not a number where nothing is sung."""
    if not sung.voiced.any():
        return float("nan")
    low, high = np.percentile(sung.note[sung.voiced], RANGE)
    return float(high - low)


def with_piano(sung: Line, piano: Piano) -> Bools:
    """For each note that begins, whether a key is hit within 64 ms of it."""
    near = np.convolve(piano.onset, np.ones(2 * TOGETHER + 1), "same") > 0
    return near[sung.onset]


def reaction(sung: Line, piano: Piano, at: int) -> int | None:
    """Blocks from block ``at`` until a chord tone is sung; None: that never happens."""
    found = np.flatnonzero(chord_tones(sung, piano)[at:])
    return int(found[0]) if len(found) else None


def figures(pairs: Pairs) -> dict[str, float]:
    """All figures of lines, each with a piano of as many blocks; not a number where there is nothing to measure."""
    blocks = sum(len(sung) for sung, _ in pairs)
    voiced = sum(int(sung.voiced.sum()) for sung, _ in pairs)
    agreed = _pooled([chord_tones(*pair)[pair[0].voiced] for pair in pairs])
    clash = _pooled([clashes(*pair) for pair in pairs])
    rest = _pooled([rests(sung) for sung, _ in pairs])
    steps = np.abs(_pooled([intervals(sung) for sung, _ in pairs]))
    ranges = np.array([sung_range(sung) for sung, _ in pairs])
    begun = sum(int(sung.onset.sum()) for sung, _ in pairs)
    return {
        "chord-tone ratio": _mean(agreed),
        "clash median (ms)": _percentile(clash, 50),
        "clash p90 (ms)": _percentile(clash, 90),
        "clashes a minute": _ratio(60 * len(clash), voiced * BLOCK),
        "voiced share": _ratio(voiced, blocks),
        "notes a second": _ratio(begun, blocks * BLOCK),
        "rests a minute": _ratio(60 * len(rest), blocks * BLOCK),
        "rest mean (s)": _mean(rest),
        "interval mean (semitones)": _mean(steps),
        "repeats": _mean(steps == 0),
        "steps": _mean((steps == 1) | (steps == 2)),
        "skips": _mean((steps == 3) | (steps == 4)),
        "leaps": _mean(steps >= 5),
        "range p5-p95 (semitones)": _percentile(ranges[np.isfinite(ranges)], 50),
        "onsets with the piano": _mean(_pooled([with_piano(*pair) for pair in pairs])),
    }


def _pooled(parts: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros(0), *(np.asarray(part, dtype=np.float64) for part in parts)])


def _mean(values: NDArray[Any]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _percentile(values: NDArray[np.float64], share: float) -> float:
    return float(np.percentile(values, share)) if len(values) else float("nan")


def _ratio(amount: float, whole: float) -> float:
    return amount / whole if whole else float("nan")


# ---- Controls ----


def elsewhere(pairs: Pairs, others: int = 5) -> list[tuple[Line, Piano]]:
    """The same lines against the pianos of other pairs: each with ``others`` of them, spread evenly over the rest.

    Pairs of the same piano object (one piece, several seeds) are never put together.
    """
    found = []
    for index, (sung, own) in enumerate(pairs):
        rest = [piano for _, piano in (*pairs[index:], *pairs[:index]) if piano is not own]
        for place in range(min(others, len(rest))):
            other = rest[place * len(rest) // min(others, len(rest))]
            shared = min(len(sung), len(other))
            found.append((sung.cut(0, shared), other.cut(0, shared)))
    return found


def at_random(pairs: Pairs, seed: int = 0) -> list[tuple[Line, Piano]]:
    """The same rhythm, each note at any pitch of the line's own range (5th to 95th percentile), all as likely."""
    rng = np.random.default_rng(seed)
    return [(_redrawn(sung, rng), piano) for sung, piano in pairs]


def _redrawn(sung: Line, rng: np.random.Generator) -> Line:
    if not sung.voiced.any():
        return sung
    low, high = np.percentile(sung.note[sung.voiced], RANGE).astype(np.int64)
    number = np.cumsum(sung.onset)
    drawn = rng.integers(low, high + 1, int(number[-1]) + 1)
    return Line(np.where(sung.voiced, drawn[number], -1), sung.onset)
