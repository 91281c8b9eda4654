"""How much of a piece is copied: the longest run of notes that it shares with any piece of a collection.

A line is what one instrument plays in a piece, its notes in order of time, then of pitch, without drums. Each note is
told by its distance from the line's note before: semitones, and ticks. A run is a stretch of a line; two lines share it
when these distances are the same, whatever the key, the place in the piece and the instruments.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ripieno.models.continuation.instruments import DRUMS
from ripieno.models.continuation.representation import Score

_LONGEST_REST = 16 * 12  # ticks; what is longer counts as this
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no digit of a window is lost
Words = NDArray[np.uint64]
Lines = Sequence[NDArray[np.int64]]


def lines(piece: Score) -> list[NDArray[np.int64]]:
    """The steps of each line: a number for each of its notes but the first."""
    found = []
    for code in np.unique(piece.instrument):
        if code != DRUMS:
            mine = piece.take(piece.instrument == code)
            tick, pitch = mine.tick.astype(np.int64), mine.pitch.astype(np.int64)
            wait = np.minimum(tick[1:] - tick[:-1], _LONGEST_REST)
            found.append(wait * 256 + pitch[1:] - pitch[:-1] + 128)
    return found


def _mixed(steps: NDArray[np.int64]) -> Words:
    """Each number as one that looks random (the finaliser of splitmix64)."""
    word = steps.astype(np.uint64) * _BASE
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        word = (word ^ (word >> np.uint64(shift))) * np.uint64(factor)
    return word ^ (word >> np.uint64(31))


def _windows(pieces: Sequence[Lines], first_mark: int) -> tuple[Words, NDArray[np.int64]]:
    """The steps of pieces one after another as words, with a mark after each line, and which piece each belongs to.

    first_mark: where the numbers of the marks begin; no two may be the same anywhere, so that no run crosses one.
    """
    parts: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    owners = [np.zeros(0, dtype=np.int64)]
    for index, piece in enumerate(pieces):
        for steps in piece:
            parts.append(np.append(steps, first_mark + len(parts)))
            owners.append(np.full(len(steps) + 1, index))
    return _mixed(np.concatenate(parts)), np.concatenate(owners)


def longest_runs(pieces: list[Score], collection: list[Score], at_least: int = 4) -> NDArray[np.int64]:
    """[pieces] notes of the longest run that each shares with the collection; 0 where it has less than ``at_least``."""
    return shared_runs([lines(piece) for piece in pieces], [lines(piece) for piece in collection], at_least)


def shared_runs(pieces: Sequence[Lines], collection: Sequence[Lines], at_least: int = 4) -> NDArray[np.int64]:
    """The same of pieces that are told as the steps of their lines, whatever a step tells of a note."""
    (ours, owner), (theirs, _) = _windows(pieces, 1 << 40), _windows(collection, 1 << 50)
    longest = np.zeros(len(pieces), dtype=np.int64)
    # The windows that may still be shared, by where they begin; each round they grow by a step.
    here, there = np.arange(len(ours)), np.arange(len(theirs))
    print_ours, print_theirs = (np.zeros(len(places), dtype=np.uint64) for places in (here, there))
    steps = 0
    while len(here):
        here, print_ours = _grown(ours, here, print_ours, steps)
        there, print_theirs = _grown(theirs, there, print_theirs, steps)
        steps += 1
        both = np.intersect1d(print_ours, print_theirs)
        keep, keep_theirs = _among(print_ours, both), _among(print_theirs, both)
        here, print_ours = here[keep], print_ours[keep]
        there, print_theirs = there[keep_theirs], print_theirs[keep_theirs]
        if steps + 1 >= at_least:
            longest[owner[here]] = steps + 1
    return longest


def _grown(words: Words, places: NDArray[np.int64], prints: Words, steps: int) -> tuple[NDArray[np.int64], Words]:
    """The windows with one step more, without those that would leave the end."""
    fit = places + steps < len(words)
    places = places[fit]
    return places, prints[fit] * _BASE + words[places + steps]


def _among(prints: Words, both: Words) -> NDArray[np.bool_]:
    """Which prints are among those; ``both`` is sorted."""
    if not len(both):
        return np.zeros(len(prints), dtype=np.bool_)
    at = np.minimum(np.searchsorted(both, prints), len(both) - 1)
    return both[at] == prints
