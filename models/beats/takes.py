"""Scores played, with the times of their beats: keys for a tracker, and the truth about them."""

from __future__ import annotations  # naming numpy.random would load it

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models.beats.scores import Scored
from ripieno.models.collection import TICKS_PER_QUARTER
from ripieno.models.instrumentation.performance import SAMPLE_RATE, UNKNOWN_VELOCITY, Floats, as_played

BEFORE, LONGEST = 0.5, 60.0  # seconds of a take before its first note, and in all
RUBATO = 0.10  # how far the tempo strays
SLOWEST, FASTEST = 70.0, 130.0  # beats a minute where the score tells no tempo


@dataclass(frozen=True)
class Take:
    """Keys that go down, in order: frame (of 48,000 a second), pitch, velocity, [notes]; and when the beats are, in
    seconds [beats]."""

    name: str
    frame: NDArray[np.int64]
    pitch: NDArray[np.int64]
    velocity: NDArray[np.int64]
    beats: Floats

    @property
    def seconds(self) -> Floats:
        """[notes] when the keys go down."""
        return np.asarray(self.frame / SAMPLE_RATE)


def steady(score: Scored, rng: np.random.Generator, drift: float = 0.0) -> Take:
    """As people play (performance.as_played: onsets off by up to 15 ms, chords spread over 20 ms), at one tempo: the
    one that most of the score is marked with, else 70 to 130 beats a minute."""
    bpm = _bpm(score, rng)
    performance = as_played(replace(score.piece, tempo=[(0, bpm)]), rng, drift=drift)
    keys, note = performance.on, performance.note[performance.on]
    return _take(
        score,
        score.piece.onset[note],
        performance.frame[keys] / SAMPLE_RATE,
        performance.pitch[keys],
        performance.velocity[keys],
    )


def rubato(score: Scored, rng: np.random.Generator) -> Take:
    """The same with a tempo that wanders by up to 10 % about its mean."""
    return steady(score, rng, RUBATO)


def performed(score: Scored, _: np.random.Generator) -> Take | None:
    """As somebody did play it; None where nobody did."""
    tick, milliseconds, pitch, velocity = score.played
    if not len(tick):
        return None
    return _take(score, tick, milliseconds / 1000.0, pitch, np.where(velocity == 0, UNKNOWN_VELOCITY, velocity))


KINDS: dict[str, Callable[[Scored, Any], Take | None]] = {"steady": steady, "rubato": rubato, "performed": performed}


def _bpm(score: Scored, rng: np.random.Generator) -> float:
    """Quarter notes a minute."""
    drawn = rng.uniform(SLOWEST, FASTEST) * score.beat / TICKS_PER_QUARTER
    tempo, end = score.piece.tempo, int(score.piece.onset[-1])
    if not tempo:
        return float(drawn)
    spans: dict[float, int] = {}
    for (tick, bpm), (stop, _) in zip(tempo, [*tempo[1:], (end, 0.0)], strict=True):
        spans[bpm] = spans.get(bpm, 0) + max(0, stop - tick)
    return max(spans, key=lambda bpm: spans[bpm])


def _take(score: Scored, tick: Any, seconds: Floats, pitch: Any, velocity: Any) -> Take:
    """A beat lies where the notes at its tick begin on the mean, or between those before and after it."""
    seconds = seconds - seconds.min() + BEFORE
    ticks, where = np.unique(tick, return_inverse=True)
    mean = np.bincount(where.reshape(-1), seconds) / np.bincount(where.reshape(-1))
    inside = score.beats[(score.beats >= ticks[0]) & (score.beats <= ticks[-1])]
    beats = np.interp(inside, ticks, np.maximum.accumulate(mean))
    heard = seconds < LONGEST
    frame = np.rint(seconds[heard] * SAMPLE_RATE).astype(np.int64)
    keys, loud = np.asarray(pitch)[heard].astype(np.int64), np.asarray(velocity)[heard].astype(np.int64)
    return Take(score.piece.name, frame, keys, loud, beats[beats <= seconds[heard][-1]])
