"""Excerpts of songs to judge a voice with: 39 s in which a person sings, with the piano of that song.

The piano is what is written in ``lieder``; of ``pop`` it is the piano with the bridge played on it and a pedal that
changes with the bass (``lessons.held``), since those files have neither pedal nor the notes' full lengths. A voice
hears the song from up to 8 s before the excerpt, and has been singing when it begins; only the excerpt counts.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models.collection import CorpusError
from ripieno.models.singing import lessons, metrics, songs
from ripieno.models.singing.representation import BLOCK_MS, NOTE_LOW, ONSET, Integers
from ripieno.models.singing.songs import Notes, Song
from ripieno.native import piano

BLOCKS = 2438  # 39 s
BEFORE = 500  # blocks, 8 s
SUNG = 0.5  # least share of an excerpt in which the person sings


@dataclass(frozen=True)
class Excerpt:
    """events: what is played (native/piano.py), in ms from where the voice begins to hear; before: blocks until the
    excerpt begins; sung: the person's line in it."""

    name: str
    style: str
    events: NDArray[Any]
    before: int
    sung: metrics.Line

    @property
    def count(self) -> int:
        """All blocks that the voice hears."""
        return self.before + len(self.sung)

    @cached_property
    def rows(self) -> NDArray[np.float32]:
        """[count, ROW] the piano's rows."""
        return piano.rows(self.events, self.count, step=BLOCK_MS)

    @cached_property
    def piano(self) -> metrics.Piano:
        """The piano of the excerpt alone."""
        return piano_of(self.rows).cut(self.before)


def piano_of(rows: NDArray[np.float32]) -> metrics.Piano:
    """What rows [blocks, ROW] say for the figures."""
    return metrics.Piano(rows[:, piano.CHROMA : piano.CHROMA + 12] > 0, rows[:, piano.ONSET] > 0)


def line_of(phonation: NDArray[Any], note: NDArray[Any]) -> metrics.Line:
    """A line of tokens [blocks]; note: the sung note's, or anything where nothing is sung."""
    return metrics.line(np.where(phonation >= ONSET, note.astype(np.int64) + NOTE_LOW, -1), phonation == ONSET)


def played(song: Song) -> Notes:
    """What the pianist plays."""
    return lessons.held(lessons.joined([song.piano, song.bridge])) if song.style == "pop" else song.piano


def melodies(loaded: list[Song]) -> list[metrics.Line]:
    """The songs' whole lines, a block a note: to look for copies in."""
    return [metrics.line(song.line.pitch, np.ones(len(song.line), bool)) for song in loaded]


def excerpt(song: Song, begin: int) -> Excerpt:
    """The excerpt of a song that begins at block ``begin``."""
    before = min(begin, BEFORE)
    first = (begin - before) * BLOCK_MS
    notes = played(song).between(first, first + (before + BLOCKS) * BLOCK_MS)
    moved = np.maximum(notes.onset - first, 0), np.maximum(notes.end - first, 0)
    sung = line_of(*songs.tokens(song.line, begin + BLOCKS)).cut(begin)
    return Excerpt(song.name, song.style, piano.events_of(*moved, notes.pitch, notes.velocity), before, sung)


def draw(data: Path, split: str, each: int, seed: int = 0, styles: tuple[str, ...] = songs.STYLES) -> list[Excerpt]:
    """One excerpt of ``each`` songs of every style, the same ones every time.

    Raises CorpusError: a collection is missing, or has no song that is long enough and sung.
    """
    found: list[Excerpt] = []
    rng = np.random.default_rng(seed)
    for style in styles:
        loaded = songs.load(data, split, (style,))
        places = [(song, _begins(song)) for song in (loaded[int(index)] for index in rng.permutation(len(loaded)))]
        kept = [(song, begins) for song, begins in places if len(begins)][:each]
        if not kept:
            raise CorpusError(f"{data}/{style}.npz: no song of the split {split!r} in which 39 s are mostly sung")
        found += [excerpt(song, int(rng.choice(begins))) for song, begins in kept]
    return found


def _begins(song: Song) -> Integers:
    """Blocks at which excerpts of a song may begin."""
    voiced = line_of(*songs.tokens(song.line, song.length // BLOCK_MS + 1)).voiced
    before = np.concatenate([[0], np.cumsum(voiced)])
    return np.flatnonzero(before[BLOCKS:] - before[:-BLOCKS] >= SUNG * BLOCKS)
