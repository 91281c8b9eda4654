"""The multilayer perceptron that Dong et al. 2021 compare with (features of de Valk and Weyde 2018), made to work.

The released code has no activation between its layers, never resets its chord features and takes the metric position
from the duration; here these are as meant. On line it decides from its own earlier decisions. Live, what cannot be
known when a key goes down (durations, the rest of the chord, the next chord) is 0.
"""

import numpy as np
from numpy.typing import NDArray

from ripieno.models.collection import TICKS_PER_QUARTER
from ripieno.models.instrumentation.baselines import Heard
from ripieno.models.instrumentation.corpus import Ints

Singles = NDArray[np.float32]
NOTE_FEATURES, PART_FEATURES = 9, 4
LAYERS, HIDDEN = 3, 128
_ORNAMENT = 6  # ticks: a sixteenth
# Live, notes within so many ticks (25 ms at 120 beats a minute) count as one chord.
_CHORD_LIVE = 1.2
_UNKNOWN = -1.0


def width(parts: int) -> int:
    """How many features a note has."""
    return NOTE_FEATURES + PART_FEATURES * parts


def note_features(heard: Heard) -> Singles:
    """What a note and its chord are [n, 9]: pitch, duration, ornament, place in the chord, distance to the chord's next
    lower and higher note, the chord's size, metric position, the next chord's size. Scaled to about 1."""
    out = np.zeros((len(heard), NOTE_FEATURES), dtype=np.float32)
    out[:, 0] = (heard.pitch - 60) / 12.0
    if heard.live:
        _chords_so_far(heard, out)
        return out
    duration = heard.end - heard.start
    out[:, 1] = np.log1p(duration) / 3.0
    out[:, 2] = duration <= _ORNAMENT
    sizes = np.diff(heard.chord)
    chord = np.repeat(np.arange(len(sizes)), sizes)
    out[:, 3] = np.arange(len(heard)) - heard.chord[chord]
    interval = np.diff(heard.pitch) / 12.0
    same = chord[1:] == chord[:-1]
    out[1:, 4] = np.where(same, interval, 0.0)
    out[:-1, 5] = np.where(same, interval, 0.0)
    out[:, 6] = sizes[chord] / 4.0
    out[:, 7] = heard.start % TICKS_PER_QUARTER / TICKS_PER_QUARTER
    out[:, 8] = np.append(sizes[1:], 0)[chord] / 4.0
    return out


def _chords_so_far(heard: Heard, out: Singles) -> None:
    """The chord features from the keys that went down within the last 25 ms."""
    first = np.searchsorted(heard.start, heard.start - _CHORD_LIVE)
    for note in np.flatnonzero(first < np.arange(len(heard))):
        interval = (heard.pitch[first[note] : note] - heard.pitch[note]) / 12.0
        out[note, 3] = (interval < 0).sum()
        out[note, 4] = min(-interval[interval < 0], default=0.0)
        out[note, 5] = min(interval[interval > 0], default=0.0)
        out[note, 6] = (len(interval) + 1) / 4.0


def part_features(pitch: NDArray[np.float64], now: NDArray[np.float64], last: NDArray[np.float64]) -> Singles:
    """How far each part is from a note [n, 4 K]: in pitch, since its last onset, since its last end, and whether it
    still sounds; -1 where it has not played. last [n, 3, K]: pitch, onset, end of each part's last note (NaN: none)."""
    gaps = np.abs(np.stack([pitch[:, None] - last[:, 0], now[:, None] - last[:, 1], now[:, None] - last[:, 2]], axis=1))
    gaps[:, 0] /= 12.0
    gaps[:, 1:] = np.log1p(gaps[:, 1:]) / 3.0
    busy = np.where(np.isnan(last[:, :1]), np.nan, last[:, 2:] > now[:, None, None])
    return np.nan_to_num(np.concatenate([gaps, busy], axis=1), nan=_UNKNOWN).reshape(len(pitch), -1).astype(np.float32)


def taught(heard: Heard, parts: int) -> Singles:
    """All features [n, 9 + 4 K], with the true parts of the chords before."""
    begin = np.repeat(heard.chord[:-1], np.diff(heard.chord))
    last = np.full((len(heard), 3, parts), np.nan)
    columns = np.stack([heard.pitch.astype(float), heard.start, heard.end])
    for part in range(parts):
        of_part = np.flatnonzero(heard.label == part)
        before = np.searchsorted(of_part, begin) - 1
        known = before >= 0
        last[known, :, part] = columns[:, of_part[before[known]]].T
    return np.concatenate([note_features(heard), part_features(heard.pitch.astype(float), heard.start, last)], axis=1)


def forward(weights: dict[str, Singles], x: Singles) -> Singles:
    """Scores [n, K] of features [n, 9 + 4 K]."""
    for layer in range(LAYERS):
        x = np.maximum(0.0, x @ weights[f"layers.{layer}.weight"].T + weights[f"layers.{layer}.bias"])
    return np.asarray(x @ weights["output.weight"].T + weights["output.bias"])


def predict(weights: dict[str, Singles], heard: Heard, parts: int) -> Ints:
    """The parts of all notes, decided chord after chord from its own earlier decisions."""
    notes, last = note_features(heard), np.full((3, parts), np.nan)
    chosen = np.empty(len(heard), dtype=np.int64)
    for begin, end in zip(heard.chord[:-1].tolist(), heard.chord[1:].tolist(), strict=True):
        pitch, start = heard.pitch[begin:end].astype(float), heard.start[begin:end]
        of_parts = part_features(pitch, start, np.broadcast_to(last, (end - begin, 3, parts)))
        part = forward(weights, np.concatenate([notes[begin:end], of_parts], axis=1)).argmax(axis=1)
        chosen[begin:end] = part
        last[:, part] = np.stack([pitch, start, heard.end[begin:end]])
    return chosen
