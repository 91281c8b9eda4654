"""Stretches of true pieces: to be gone on with (some beats are given, a model writes the rest), or to be foretold."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ripieno.models.continuation import corpus
from ripieno.models.continuation.metrics import trim
from ripieno.models.continuation.representation import BAR_MAX, POSITIONS, STYLES, Events, Score, Ticks, encode

BEATS = 64  # what is judged of a piece, as in Dong et al. 2023
_SHORTEST = 24  # beats of a piece that is taken
_LEAST_GIVEN = 4  # notes


@dataclass(frozen=True)
class Excerpt:
    """At most BEATS beats of a piece, from beat 0 on. given: beats that the model is told. bar_beats: beats of a bar,
    0 where that is not known or changes; bar_tick: where a bar begins."""

    truth: Score
    given: int
    bar_beats: int
    bar_tick: int

    @property
    def told(self) -> Score:
        """The notes that begin in the given beats."""
        return self.truth.take(self.truth.tick < self.given * POSITIONS)

    @property
    def until(self) -> int:
        """The tick at which the truth ends."""
        return -(-int((self.truth.tick + self.truth.length).max()) // POSITIONS) * POSITIONS

    @property
    def codes(self) -> list[int]:
        """The instruments that play."""
        return [int(code) for code in np.unique(self.truth.instrument)]


def written(piece: Score, given: int) -> Score:
    """What comes after the given beats, from beat 0 on."""
    later = piece.take(piece.tick >= given * POSITIONS)
    return replace(later, tick=later.tick - given * POSITIONS, bars=later.bars - given * POSITIONS)


def draw(
    data: Path | str, split: str, given: tuple[int, ...], each: int, styles: tuple[str, ...] = STYLES
) -> list[Excerpt]:
    """The same excerpts every time: so many of each style for each number of given beats, spread over its pieces.

    Raises CorpusError.
    """
    found = []
    for style in styles:
        long = _SHORTEST * POSITIONS
        pieces = [piece for piece in corpus.load(style, data, split) if piece.tick[-1] >= long]
        rng = np.random.default_rng([2023, STYLES.index(style)])
        for beats in given:
            places = [number * len(pieces) // each for number in range(each)]
            found += [_excerpt(pieces[place], beats, rng) for place in places]
    return found


def _excerpt(piece: Score, given: int, rng: np.random.Generator) -> Excerpt:
    """A random one, from a bar line where bars are known; it has notes in its given beats."""
    starts = piece.bars if len(piece.bars) else np.arange(0, piece.tick[-1], POSITIONS)
    last = max(0, int(piece.tick[-1]) - BEATS * POSITIONS)
    starts = starts[(starts % POSITIONS == 0) & (starts <= last)]
    notes = np.searchsorted(piece.tick, [starts, starts + given * POSITIONS])
    starts = starts[notes[1] - notes[0] >= _LEAST_GIVEN]
    start = int(rng.choice(starts)) if len(starts) else int(piece.tick[0]) // POSITIONS * POSITIONS
    later = piece.take(piece.tick >= start)
    truth = trim(replace(later, tick=later.tick - start, bars=later.bars - start), BEATS)
    return Excerpt(replace(truth, style=""), given, *_meter(truth))


def _meter(piece: Score) -> tuple[int, int]:
    """Beats of a bar and the tick of a bar line, where all bars in sight have the same number of whole beats."""
    inside = piece.bars[(piece.bars >= 0) & (piece.bars <= piece.tick[-1])]
    sizes = np.unique(np.diff(inside))
    if len(sizes) != 1 or sizes[0] % POSITIONS or sizes[0] > BAR_MAX * POSITIONS:
        return 0, 0
    return int(sizes[0]) // POSITIONS, int(inside[0])


def paper_order(piece: Score) -> Score:
    """The same notes as Dong et al. order them: by time, pitch, duration, instrument."""
    return piece.take(np.lexsort((piece.instrument, piece.length, piece.pitch, piece.tick)))


def cut(
    piece: Score, start: int, rows: int, ends: bool, paper: bool = False, style: bool = True
) -> tuple[Events, Ticks]:
    """The first ``rows`` events of a piece whose notes begin at beat ``start``; only its instruments are named."""
    piece = piece.take(slice(0, rows))
    if not style:
        piece = Score(piece.tick, piece.length, piece.instrument, piece.pitch, piece.velocity, piece.bars)
    events, ticks = encode(paper_order(piece) if paper else piece, start, ends)
    return events[:rows], ticks[:rows]


def fixed_excerpts(
    data: Path | str, split: str, rows: int, each: int, paper: bool = False, styles: tuple[str, ...] = STYLES
) -> list[tuple[Events, Ticks]]:
    """The same excerpts every time, to compare by: so many of each style, from pieces spread over the split.

    No style is told, so that a model that knows none is compared fairly.
    """
    found = []
    for style in styles:
        pieces = corpus.load(style, data, split)
        for number in range(each):
            piece = pieces[number * len(pieces) // each % len(pieces)]
            rng = np.random.default_rng([2023, number])
            start = int(piece.tick[int(rng.integers(0, max(1, len(piece) - rows)))]) // POSITIONS
            whole = piece.take(piece.tick >= start * POSITIONS)
            found.append(cut(whole, start, rows, len(whole) < rows, paper, style=False))
    return found
