"""What the models of Dong et al. 2021 are told of each note: pitch, beat, position, and the two kinds of hints.

The paper reads beat and position off the score. A live keyboard has no score and no grid: there the beat counts the
time since the first key at a nominal 120 beats a minute, and the position counts the ticks since the key before (23: or
more). Of the readings tried this favours the paper's LSTM most: position within a nominal beat, or within one of the
marked tempo, scores a point less on chorales.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models.collection import TICKS_PER_QUARTER
from ripieno.models.instrumentation.corpus import DEFAULT_BPM, TASKS, Ints, Piece
from ripieno.models.instrumentation.performance import Performance

BEATS = 4096
WIDTH = 16  # of each embedding
PITCHES = 129  # 0: no pitch
HIGHEST_HZ = 440.0 * 2.0 ** ((127 - 69) / 12.0)
MS_PER_TICK = 60000.0 / DEFAULT_BPM / TICKS_PER_QUARTER

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Notes:
    """One piece as a model sees it, n notes in the order in which it decides them, for K parts.

    pitch, beat, position [n]; entry [n, K]: -1 before the part's first note, 0 at it, 1 after, 0 for an unused part;
    centre [K]: the part's mean pitch plus 1, 0 for an unused part; label [n]; note [n]: index into the piece's notes.
    """

    pitch: Ints
    beat: Ints
    position: Ints
    entry: NDArray[np.int8]
    centre: Ints
    label: Ints
    note: Ints

    def __len__(self) -> int:
        return len(self.pitch)


def written(piece: Piece) -> Notes:
    """As in the paper: notes low to high, beat and position of the score."""
    beat, position = np.divmod(piece.onset, TICKS_PER_QUARTER)
    return _notes(piece, np.arange(len(piece)), beat, position, piece.onset)


def live(piece: Piece, performance: Performance) -> Notes:
    """As played: notes in the order of the keys; beat since the first key, position since the key before."""
    note = performance.note[performance.on].astype(np.int64)
    frame = performance.frame[performance.on]
    tick = (frame - frame[:1]) * (1000.0 / performance.sample_rate / MS_PER_TICK)
    since = np.minimum(np.diff(tick, prepend=0.0), TICKS_PER_QUARTER - 1)
    return _notes(piece, note, tick // TICKS_PER_QUARTER, since, frame)


def _notes(piece: Piece, note: Ints, beat: NDArray[Any], position: NDArray[Any], time: Ints) -> Notes:
    parts = len(TASKS[piece.task].labels) if piece.task in TASKS else int(piece.label.max()) + 1
    label, pitch = piece.label[note].astype(np.int64), piece.pitch[note].astype(np.int64)
    entry = np.zeros((len(note), parts), dtype=np.int8)
    centre = np.zeros(parts, dtype=np.int64)
    for part in range(parts):
        of_part = np.flatnonzero(label == part)
        if len(of_part):
            entry[:, part] = np.sign(time - time[of_part[0]])
            centre[part] = round(float(pitch[of_part].mean()) + 1.0)
    beat = np.minimum(beat, BEATS).astype(np.int64)
    return Notes(pitch, beat, position.astype(np.int64), entry, centre, label, note)


def transpose(notes: Notes, semitones: int) -> Notes:
    """The same notes moved up or down; pitches stay within MIDI's."""
    pitch = np.clip(notes.pitch + semitones, 0, 127)
    centre = np.where(notes.centre > 0, np.clip(notes.centre + semitones, 1, 128), 0)
    return Notes(pitch, notes.beat, notes.position, notes.entry, centre, notes.label, notes.note)


def frequency(pitch: NDArray[np.int64]) -> Singles:
    """The pitch's frequency as a share of the highest MIDI note's."""
    return np.asarray(440.0 * 2.0 ** ((pitch - 69) / 12.0) / HIGHEST_HZ, dtype=np.float32)


def sinusoid(rows: int, width: int) -> Singles:
    """The fixed position code [rows, width]: sines in the first half, cosines in the second."""
    angle = np.arange(rows)[:, None] / 10000.0 ** (2.0 * np.arange(width // 2) / width)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)
