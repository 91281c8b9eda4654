"""The rules of Dong et al. 2021 that need no network: most common label, zones, closest pitch and its mono version.

They see a piece as chords of notes (``Heard``). On the score a chord is what starts at one tick, known whole, with the
notes' ends; live, each key is a chord of its own, decided before the next one is heard.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ripieno.models.instrumentation.corpus import Ints, Piece
from ripieno.models.instrumentation.paper_inputs import MS_PER_TICK
from ripieno.models.instrumentation.performance import Performance

Floats = NDArray[np.float64]
_PITCHES = 128
# More than any difference of pitches squared: a part that still sounds is taken only if every part does.
_OCCUPIED, _ABSENT = 99999.0, 1e9


@dataclass(frozen=True)
class Heard:
    """Notes in the order in which they are decided.

    pitch, label [n]; start, end [n]: ticks, 24 a quarter note (live: at 120 beats a minute); chord [chords + 1]: where
    each chord begins, and n; live: whether it comes from a keyboard; note [n]: index into the piece's notes.
    """

    pitch: Ints
    label: Ints
    start: Floats
    end: Floats
    chord: Ints
    live: bool
    note: Ints

    def __len__(self) -> int:
        return len(self.pitch)


def heard_written(piece: Piece) -> Heard:
    """The piece as the score has it: a chord is all that starts at one tick."""
    first = np.flatnonzero(np.diff(piece.onset, prepend=-1))
    ends = piece.onset + piece.duration
    note = np.arange(len(piece))
    pitch, label = piece.pitch.astype(np.int64), piece.label.astype(np.int64)
    return Heard(pitch, label, piece.onset.astype(float), ends.astype(float), np.append(first, len(piece)), False, note)


def heard_live(piece: Piece, performance: Performance) -> Heard:
    """The piece as a keyboard sends it: one key after another."""
    tick = performance.ms / MS_PER_TICK
    note = performance.note[performance.on].astype(np.int64)
    end = np.empty(len(piece))
    end[performance.note[~performance.on]] = tick[~performance.on]
    pitch, label = piece.pitch[note].astype(np.int64), piece.label[note].astype(np.int64)
    return Heard(pitch, label, tick[performance.on], end[note], np.arange(len(note) + 1), True, note)


def histogram(pieces: list[Piece], parts: int) -> Ints:
    """How many notes of each pitch each part plays [parts, 128]."""
    counts = np.zeros((parts, _PITCHES), dtype=np.int64)
    for piece in pieces:
        np.add.at(counts, (piece.label, piece.pitch), 1)
    return counts


def most_common(counts: Ints) -> int:
    """The part with the most notes."""
    return int(counts.sum(axis=1).argmax())


@dataclass(frozen=True)
class Zones:
    """The keyboard cut into one zone a part. order: parts from the lowest zone; bound[i]: where zone i + 1 begins."""

    order: tuple[int, ...]
    bound: tuple[int, ...]

    def predict(self, pitch: Ints) -> Ints:
        return np.asarray(self.order, dtype=np.int64)[np.searchsorted(self.bound, pitch, side="right")]


def fit_zones(counts: Ints) -> Zones:
    """The zones, in the best order of parts, that give most of the counted notes [parts, 128] to their part."""
    below = np.concatenate([np.zeros((len(counts), 1), dtype=np.int64), np.cumsum(counts, axis=1)], axis=1)
    return max((_fit_order(below, order) for order in permutations(range(len(counts)))), key=lambda fit: fit[0])[1]


def _fit_order(below: Ints, order: tuple[int, ...]) -> tuple[int, Zones]:
    """The best bounds for one order: hits[b] is the most that the zones so far can hit with all notes below b."""
    hits, cuts = below[order[0]], []
    for part in order[1:]:
        gain = hits - below[part]
        best = np.maximum.accumulate(gain)
        # Where the best sum up to b was reached: the last place at which it rose.
        cuts.append(np.maximum.accumulate(np.where(gain == best, np.arange(len(gain)), 0)))
        hits = best + below[part]
    bound, end = [], _PITCHES
    for cut in reversed(cuts):
        end = int(cut[end])
        bound.append(end)
    return int(hits[-1]), Zones(order, tuple(reversed(bound)))


def closest(heard: Heard, parts: int) -> Ints:
    """Each note to the part whose last note is nearest; a part enters when its first note is due (its entry hint)."""
    return _by_chord(heard, parts, lambda cost, _: cost.argmin(axis=1))


def closest_mono(heard: Heard, parts: int) -> Ints:
    """The same, but a part that still sounds is avoided and the notes of a chord go to different parts."""
    # After a unison two parts are equally near. Parts are listed from the highest, notes from the lowest: of equal ones
    # the last part takes the lowest note, or the two would stay swapped from there on.
    downward = range(parts - 1, -1, -1)
    tables = {size: np.array(list(permutations(downward, size))) for size in range(1, parts + 1)}

    def choose(cost: Floats, busy: NDArray[np.bool_]) -> Ints:
        cost = cost + _OCCUPIED * busy
        if len(cost) > parts:
            return np.asarray(cost.argmin(axis=1))
        table = tables[len(cost)]
        return np.asarray(table[cost[np.arange(len(cost)), table].sum(axis=1).argmin()])

    return _by_chord(heard, parts, choose)


def _by_chord(heard: Heard, parts: int, choose: Callable[[Floats, NDArray[np.bool_]], Ints]) -> Ints:
    """Decide chord after chord: choose(cost [notes, parts], busy [parts]); what parts last played moves afterwards."""
    last, entry = first_notes(heard, parts)
    free_at = np.full(parts, -np.inf)
    chosen = np.empty(len(heard), dtype=np.int64)
    for begin, end in zip(heard.chord[:-1].tolist(), heard.chord[1:].tolist(), strict=True):
        pitch, now = heard.pitch[begin:end], heard.start[begin]
        cost = (pitch[:, None] - last) ** 2.0 + _ABSENT * (entry > now)
        part = choose(cost, free_at > now)
        chosen[begin:end] = part
        last[part] = pitch
        np.maximum.at(free_at, part, heard.end[begin:end])
    return chosen


def first_notes(heard: Heard, parts: int) -> tuple[Floats, Floats]:
    """The pitch and time of each part's first note [parts]; an unused part never enters."""
    pitch, time = np.zeros(parts), np.full(parts, np.inf)
    for part in range(parts):
        of_part = np.flatnonzero(heard.label == part)
        if len(of_part):
            pitch[part], time[part] = heard.pitch[of_part[0]], heard.start[of_part[0]]
    return pitch, time
