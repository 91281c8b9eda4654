"""The numbers of which a sung block is made, and what a line's history tells at each block.

A block is 16 ms and two frames of the voice. Its tokens, in the order in which they are chosen: phonation, note (only
where a note begins), loudness, the codec's codes, deviation. What was sung is told to the networks as `HISTORY`
columns, which `history` makes of the two tokens of the line.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]

BLOCK_MS = 16
BLOCK = BLOCK_MS / 1000.0
"""Seconds."""

REST, BREATH, ONSET, SUSTAIN = range(4)
PHONATIONS = 4
"""Phonation of a block: silence, breath, a note begins (from silence, from another note, or struck again), it goes
on."""
BREATH_LONGEST = 21
"""Blocks: a breath that has lasted so long becomes a rest or a note (350 ms; a model that runs free got stuck here)."""

NOTE_LOW, NOTES = 36, 48
"""A note's token is its MIDI number less NOTE_LOW; NO_NOTE: none has been sung yet."""
NO_NOTE = NOTES

AGE_EDGES = np.array(
    [0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128, 181, 256, 362, 512, 724, 1024, 1448, 2048, 2896]
)
"""Blocks since the phonation last changed its class, least of each bucket. Onset and sustain of one note are one class;
each onset begins anew."""
AGES = len(AGE_EDGES)

INTERVAL_WIDEST = 24
INTERVALS = 2 * INTERVAL_WIDEST + 1
NO_INTERVAL = INTERVALS
"""An interval's token: semitones from the note before to the last, -24..24, plus 24; NO_INTERVAL: fewer than two
notes."""

LOUDNESSES, LOUDNESS_STEP = 48, 1.5
"""A loudness's token is its level in dB over -70.5, in steps of 1.5: 47 is 0 dB."""

DEVIATIONS = 65
_DEVIATION_WIDEST, _DEVIATION_GROWTH = 250.0, 0.1137
_STEPS = np.arange(DEVIATIONS) - DEVIATIONS // 2
DEVIATION_CENTS = np.round(
    _DEVIATION_WIDEST * np.sinh(_DEVIATION_GROWTH * _STEPS) / math.sinh(_DEVIATION_GROWTH * (DEVIATIONS // 2)), 2
).astype(np.float32)
"""[65] cents of each deviation's token: 1.5 apart at 0, wider and wider to 250 either way."""
_DEVIATION_EDGES = (DEVIATION_CENTS[1:] + DEVIATION_CENTS[:-1]) / 2

HISTORY = ("phonation", "age", "note", "interval")
HISTORY_SIZES = (PHONATIONS, AGES, NOTES + 1, INTERVALS + 1)
"""What was sung until a block, as tokens, and how many values each has."""
NOTHING_SUNG = (REST, 0, NO_NOTE, NO_INTERVAL)
"""The history before the first block: a rest that has just begun."""


def age_bucket(age: ArrayLike) -> Integers:
    """The bucket of ages in blocks."""
    return np.searchsorted(AGE_EDGES, np.asarray(age), side="right") - 1


def interval_token(semitones: ArrayLike) -> Integers:
    """The token of intervals; wider ones count as two octaves."""
    return np.clip(np.asarray(semitones, np.int64), -INTERVAL_WIDEST, INTERVAL_WIDEST) + INTERVAL_WIDEST


def loudness_token(level: ArrayLike) -> Integers:
    """The tokens of levels in dB."""
    steps = np.rint(np.asarray(level, np.float64) / LOUDNESS_STEP) + LOUDNESSES - 1
    return np.clip(steps, 0, LOUDNESSES - 1).astype(np.int64)


def loudness_level(token: ArrayLike) -> NDArray[np.float64]:
    """The levels in dB of tokens."""
    return (np.asarray(token, np.float64) - (LOUDNESSES - 1)) * LOUDNESS_STEP


def deviation_token(cents: ArrayLike) -> Integers:
    """The tokens nearest to deviations in cents."""
    return np.searchsorted(_DEVIATION_EDGES, np.asarray(cents, np.float64))


def may_follow(phonation: int, age: int) -> tuple[bool, bool, bool, bool]:
    """Which phonations may follow a block of ``phonation`` whose age is ``age`` blocks: only a note goes on, and a
    breath ends in time."""
    return (True, phonation != BREATH or age + 1 < BREATH_LONGEST, True, phonation in (ONSET, SUSTAIN))


def ages(phonation: ArrayLike) -> Integers:
    """[blocks] how long each block's phonation has lasted, in blocks: 0 where it begins. A rest is there before."""
    told = np.concatenate([[REST], np.asarray(phonation, np.int64)])
    kind = np.where(told == SUSTAIN, ONSET, told)
    begins = np.ones(len(told), bool)
    begins[1:] = (kind[1:] != kind[:-1]) | (told[1:] == ONSET)
    blocks = np.arange(len(told))
    return (blocks - np.maximum.accumulate(np.where(begins, blocks, 0)))[1:]


def history(phonation: ArrayLike, note: ArrayLike) -> Integers:
    """[blocks, 4] `HISTORY` as it stands after each block.

    phonation [blocks]; note [blocks]: the note's token where one begins, anything elsewhere. Nothing was sung before.
    """
    told, notes = np.asarray(phonation, np.int64), np.asarray(note, np.int64)
    onsets = np.flatnonzero(told == ONSET)
    sung = notes[onsets]
    intervals = np.concatenate([[NO_INTERVAL, NO_INTERVAL][: len(sung) + 1], interval_token(np.diff(sung))])
    last = np.cumsum(told == ONSET)
    return np.stack(
        [told, age_bucket(ages(told)), np.concatenate([[NO_NOTE], sung])[last], intervals[last].astype(np.int64)], -1
    )
