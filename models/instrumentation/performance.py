"""From the notes of a piece to key events in time: exactly as written, or as people play.

``low_to_high`` is how the paper presents a piece: exact times, the notes of a chord one after another from the lowest.
``as_played`` is what a keyboard sends: the notes of a chord in any order within some 20 ms, chords early or late by
some 15 ms, a tempo that drifts, and no grid.
"""

from __future__ import annotations  # naming numpy.random would load it, 7 MB that live play has no use for

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ripieno.models.collection import TICKS_PER_QUARTER
from ripieno.models.instrumentation.corpus import DEFAULT_BPM, Ints, Piece

SAMPLE_RATE = 48000
UNKNOWN_VELOCITY = 64

Floats = NDArray[np.float64]

# As played: how far the tempo strays (log factor), its walk's spread as a share of that, how long it remembers (s) and
# its step (s).
_DRIFT_LIMIT, _DRIFT_SPREAD, _DRIFT_MEMORY, _DRIFT_STEP = 0.10, 0.5, 8.0, 0.25
# Two ticks of the score never fall nearer to each other than this (s), so that their order stays the score's.
_NEAREST = 0.001
# A key goes down at most so far into its note, and up at most so far before its end (shares of the length).
_LATEST_ON, _EARLIEST_OFF, _ARTICULATION = 0.5, 0.1, 0.025


@dataclass(frozen=True)
class Performance:
    """Key events in the order in which they arrive, one entry an event.

    frame: at ``sample_rate``; on: key down (else up); note: index into the piece's notes, each of which has exactly one
    event of either kind. At one frame the keys that go up come first.
    """

    frame: Ints
    on: NDArray[np.bool_]
    pitch: NDArray[np.uint8]
    velocity: NDArray[np.uint8]
    note: NDArray[np.int32]
    sample_rate: int = SAMPLE_RATE

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def ms(self) -> Floats:
        """The events' times in milliseconds."""
        return np.asarray(self.frame * (1000.0 / self.sample_rate))


def seconds(piece: Piece, ticks: Ints) -> Floats:
    """The times of ticks by the piece's tempo map, 120 beats a minute where it has none."""
    tempo = piece.tempo or [(0, DEFAULT_BPM)]
    at = np.array([max(0, tick) for tick, _ in tempo], dtype=np.float64)
    per_tick = np.array([60.0 / bpm / TICKS_PER_QUARTER for _, bpm in tempo])
    # The first tempo holds from the start of the piece, wherever the source wrote it.
    at[0] = 0.0
    reached = np.concatenate([[0.0], np.cumsum(np.diff(at) * per_tick[:-1])])
    segment = np.searchsorted(at, ticks, side="right") - 1
    return np.asarray(reached[segment] + (ticks - at[segment]) * per_tick[segment])


def low_to_high(piece: Piece) -> Performance:
    """The piece at its written times; a chord's notes come in the paper's order at one frame."""
    frames = np.rint(seconds(piece, np.concatenate([piece.onset, piece.onset + piece.duration])) * SAMPLE_RATE)
    on, off = np.split(frames.astype(np.int64), 2)
    velocity = np.where(piece.velocity == 0, UNKNOWN_VELOCITY, piece.velocity).astype(np.uint8)
    # A very short note at a very high tempo may round to nothing; a key goes up after it went down.
    return _events(piece, on, np.maximum(off, on + 1), velocity)


def as_played(
    piece: Piece,
    rng: np.random.Generator,
    spread_ms: float = 20.0,
    shift_ms: float = 15.0,
    drift: float = _DRIFT_LIMIT,
) -> Performance:
    """The piece as a person might play it on one keyboard.

    Each tick of the score is moved by up to ``shift_ms`` either way (order kept); within it each key goes down up to
    ``spread_ms`` later, so that a chord's notes come in any order. A key goes up a little before the end of its note,
    never after the onset of what follows there. The tempo drifts by up to ``drift`` (of its logarithm; 0: it does not).
    Velocities the source lacks are drawn without regard to the part.
    """
    ticks, where = np.unique(np.concatenate([piece.onset, piece.onset + piece.duration]), return_inverse=True)
    at = _drift(seconds(piece, ticks), rng, drift) + rng.uniform(-shift_ms, shift_ms, len(ticks)) / 1000.0
    spacing = _NEAREST * np.arange(len(ticks))
    at = np.maximum.accumulate(at - spacing) + spacing
    at += 0.05 - min(0.0, float(at[0])) if len(at) else 0.0
    start, end = np.split(at[where.reshape(-1)], 2)
    length = end - start
    on = start + np.minimum(rng.uniform(0.0, spread_ms, len(piece)) / 1000.0, _LATEST_ON * length)
    on = _twins_in_order(piece, on)
    off = end - rng.uniform(0.0, 1.0, len(piece)) * np.minimum(_ARTICULATION, _EARLIEST_OFF * length)
    frames = np.rint(np.concatenate([on, off]) * SAMPLE_RATE).astype(np.int64)
    return _events(piece, frames[: len(piece)], frames[len(piece) :], _velocities(piece, rng))


def _twins_in_order(piece: Piece, on: Floats) -> Floats:
    """Onsets such that notes of one pitch at one tick keep the score's order. A keyboard has one key for them, so the
    order in which they are struck is no part of how people play; at random it would be a coin toss for every model."""
    first = np.ones(len(piece), dtype=bool)
    first[1:] = (np.diff(piece.onset) != 0) | (np.diff(piece.pitch.astype(np.int64)) != 0)
    return on[np.lexsort((on, np.cumsum(first)))]


def _events(piece: Piece, on: Ints, off: Ints, velocity: NDArray[np.uint8]) -> Performance:
    note = np.tile(np.arange(len(piece), dtype=np.int32), 2)
    is_on = np.repeat([True, False], len(piece))
    frame = np.concatenate([on, off])
    order = np.lexsort((note, is_on, frame))
    note = note[order]
    return Performance(frame[order], is_on[order], piece.pitch[note], velocity[note], note)


def _drift(at: Floats, rng: np.random.Generator, limit: float) -> Floats:
    """Times under a tempo that wanders: an autoregressive walk of the log tempo, within its limit."""
    if not len(at):
        return at
    steps = int(at[-1] / _DRIFT_STEP) + 2
    keep = float(np.exp(-_DRIFT_STEP / _DRIFT_MEMORY))
    spread = limit * _DRIFT_SPREAD
    noise = rng.normal(0.0, spread * np.sqrt(1.0 - keep**2), steps)
    walk = np.empty(steps)
    value = rng.normal(0.0, spread)
    for step in range(steps):
        walk[step] = value = keep * value + noise[step]
    slower = np.exp(np.clip(walk, -limit, limit))
    moved = np.concatenate([[0.0], np.cumsum(slower[:-1] * _DRIFT_STEP)])
    return np.asarray(np.interp(at, np.arange(steps) * _DRIFT_STEP, moved))


def _velocities(piece: Piece, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The source's velocities, a little uneven; where it has none, a player's level that says nothing of the part."""
    level = rng.uniform(50.0, 90.0)
    swell = 12.0 * np.sin(rng.uniform(0.0, 2.0 * np.pi) + piece.onset * (2.0 * np.pi / rng.uniform(200.0, 800.0)))
    unknown = level + swell + rng.normal(0.0, 7.0, len(piece))
    known = piece.velocity + rng.normal(0.0, 3.0, len(piece))
    return np.clip(np.rint(np.where(piece.velocity == 0, unknown, known)), 1, 127).astype(np.uint8)
