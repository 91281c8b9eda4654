"""What the continuation learns from: random excerpts of pieces, transposed, with instruments left out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ripieno.models.continuation import corpus
from ripieno.models.continuation.excerpts import cut
from ripieno.models.continuation.instruments import DRUMS, PIANO
from ripieno.models.continuation.representation import (
    COLUMNS,
    POSITIONS,
    STYLES,
    TYPE,
    Events,
    Score,
    Ticks,
    score,
)

# The paper's transpositions (Dong et al. 2023): this many semitones at random.
TRANSPOSE_LOW, TRANSPOSE_HIGH = -5, 6
LEAVE_OUT = 0.25  # how often some instruments are left out
HAND_OVER, PLAY_ALONG = 0.25, 0.15  # how often a piano plays all of the beginning, or some of the parts
NO_STYLE = 0.2  # how often the style is not told
# A collection is drawn with its number of notes to this power: small ones are heard more often than they are large.
EVENNESS = 0.7
LEAST_NOTES = 32  # of an excerpt, where the piece has them
POP_CASTS = 4  # pop is learnt with this many different casts

Batch = tuple[Tensor, Tensor]  # events [batch, rows, 8] and ticks [batch, rows], int64; rows of padding have type -1


@dataclass(frozen=True)
class Collection:
    """The pieces of one style, and how likely each is."""

    pieces: list[Score]
    share: np.ndarray


class Lessons:
    """Draws batches of excerpts. ``rows``: the longest excerpt, in events; ``paper``: the paper's order of notes."""

    def __init__(self, data: Path | str, rows: int, paper: bool = False, styles: tuple[str, ...] = STYLES) -> None:
        self.rows, self.paper = rows, paper
        self.collections, notes = [], np.zeros(len(styles))
        for number, style in enumerate(styles):
            casts = POP_CASTS if style == "pop" else 1
            pieces = [piece for cast in range(casts) for piece in corpus.load(style, data, "train", seed=cast)]
            sizes = np.array([len(piece) for piece in pieces], dtype=np.float64)
            self.collections.append(Collection(pieces, sizes / sizes.sum()))
            notes[number] = sizes.sum() / casts
        self.shares = notes**EVENNESS / (notes**EVENNESS).sum()

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """A batch of so many excerpts of about the same length, out of four times as many."""
        excerpts = [self.excerpt(rng) for _ in range(4 * size)]
        excerpts.sort(key=lambda one: len(one[0]))
        at = int(rng.integers(0, 4)) * size
        return pad(excerpts[at : at + size])

    def excerpt(self, rng: np.random.Generator) -> tuple[Events, Ticks]:
        """One excerpt: at most ``rows`` events and the tick of each."""
        collection = self.collections[rng.choice(len(self.collections), p=self.shares)]
        piece = collection.pieces[rng.choice(len(collection.pieces), p=collection.share)]
        last = max(0, len(piece) - LEAST_NOTES)
        start = int(piece.tick[int(rng.integers(0, last + 1))]) // POSITIONS
        first = int(np.searchsorted(piece.tick, start * POSITIONS))
        piece = piece.take(slice(first, first + 2 * self.rows))
        ends = first + len(piece) >= first + last + LEAST_NOTES and len(piece) < 2 * self.rows
        piece = transpose(at_the_piano(leave_out(piece, rng), self.rows, rng), rng)
        return cut(piece, start, self.rows, ends, self.paper, style=rng.random() >= NO_STYLE)


def leave_out(piece: Score, rng: np.random.Generator) -> Score:
    """Sometimes, without some of its instruments; at least one stays."""
    codes = np.unique(piece.instrument)
    if len(codes) < 2 or rng.random() >= LEAVE_OUT:
        return piece
    stay = rng.permutation(codes)[: int(rng.integers(1, len(codes)))]
    return piece.take(np.isin(piece.instrument, stay))


def at_the_piano(piece: Score, rows: int, rng: np.random.Generator) -> Score:
    """Sometimes with a player at the piano, as on stage.

    Either all but the drums is played on the piano, up to a moment from which the instruments themselves go on: what a
    band hears that takes over. Or some of the instruments are played on the piano from beginning to end: what a band
    hears that plays along.
    """
    pitched = np.unique(piece.instrument[piece.instrument != DRUMS])
    which = rng.random()
    if not len(pitched) or which >= HAND_OVER + PLAY_ALONG:
        return piece
    if which < HAND_OVER:
        low, high = int(0.15 * min(len(piece), rows)), int(0.85 * min(len(piece), rows))
        before = piece.tick < piece.tick[int(rng.integers(low, high + 1))]
        keep, moved = ~(before & (piece.instrument == DRUMS)), before
    else:
        some = rng.permutation(pitched)[: int(rng.integers(1, len(pitched) + 1))]
        keep, moved = np.ones(len(piece), dtype=bool), np.isin(piece.instrument, some)
    instrument = np.where(moved, PIANO, piece.instrument)[keep]
    piece = piece.take(keep)
    columns = (piece.tick, piece.length, instrument, piece.pitch, piece.velocity)
    return score(*columns, bars=piece.bars, style=piece.style, name=piece.name)


def transpose(piece: Score, rng: np.random.Generator) -> Score:
    """By some semitones, but not the drums; as it is where a note would leave the range."""
    by = int(rng.integers(TRANSPOSE_LOW, TRANSPOSE_HIGH + 1))
    pitch = piece.pitch.astype(np.int64) + np.where(piece.instrument == DRUMS, 0, by)
    if len(pitch) and (pitch.min() < 0 or pitch.max() > 127):
        return piece
    moved = pitch.astype(np.uint8)
    return Score(piece.tick, piece.length, piece.instrument, moved, piece.velocity, piece.bars, piece.style, piece.name)


def pad(excerpts: list[tuple[Events, Ticks]]) -> Batch:
    """Excerpts of different lengths as one batch; what is added has type -1."""
    rows = max(len(events) for events, _ in excerpts)
    events = np.zeros((len(excerpts), rows, COLUMNS), dtype=np.int64)
    ticks = np.zeros((len(excerpts), rows), dtype=np.int64)
    events[:, :, TYPE] = -1
    for index, (rows_of, ticks_of) in enumerate(excerpts):
        events[index, : len(rows_of)], ticks[index, : len(rows_of)] = rows_of, ticks_of
    return torch.from_numpy(events), torch.from_numpy(ticks)
