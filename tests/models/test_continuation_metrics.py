"""The measures of a piece, against values worked out by hand."""

import math

import numpy as np
import pytest

from ripieno.models.continuation.instruments import DRUMS
from ripieno.models.continuation.metrics import (
    groove_consistency,
    pitch_class_entropy,
    scale_consistency,
    trim,
)
from ripieno.models.continuation.representation import Score, score

PIANO = 1


def piece(*notes: tuple[int, int, int, int]) -> Score:
    """A piece of notes (tick, length, instrument, pitch)."""
    tick, length, instrument, pitch = np.array(notes, dtype=np.int64).reshape(-1, 4).T
    return score(tick, length, instrument, pitch, np.full(len(tick), 64))


def melody(*pitches: int, step: int = 12) -> Score:
    return piece(*((step * index, step, PIANO, pitch) for index, pitch in enumerate(pitches)))


def test_entropy() -> None:
    assert pitch_class_entropy(melody(60, 72, 48)) == 0.0
    assert pitch_class_entropy(melody(60, 67, 72, 55)) == pytest.approx(1.0)
    assert pitch_class_entropy(melody(60, 60, 62, 64)) == pytest.approx(1.5)
    assert pitch_class_entropy(melody(*range(60, 72))) == pytest.approx(math.log2(12))


def test_scale() -> None:
    assert scale_consistency(melody(60, 62, 64, 65, 67, 69, 71)) == 1.0
    assert scale_consistency(melody(57, 59, 60, 62, 64, 65, 67)) == 1.0  # A minor, natural
    assert scale_consistency(melody(62, 64, 66, 67, 69, 71, 73, 60)) == pytest.approx(7 / 8)  # D major, and a C
    assert scale_consistency(melody(*range(60, 72))) == pytest.approx(7 / 12)


def test_drums_have_no_pitch() -> None:
    alone = piece((0, 6, DRUMS, 36), (12, 6, DRUMS, 38))
    assert math.isnan(pitch_class_entropy(alone))
    assert math.isnan(scale_consistency(alone))
    beside = piece((0, 6, DRUMS, 37), (12, 6, PIANO, 60), (24, 6, PIANO, 67))
    assert pitch_class_entropy(beside) == pytest.approx(1.0)
    assert scale_consistency(beside) == 1.0


def test_groove() -> None:
    beats = [(12 * beat, 6, PIANO, 60) for beat in range(8)]
    assert groove_consistency(piece(*beats)) == 1.0
    # One note of eight is gone: the two measures differ at 1 of 48 ticks.
    assert groove_consistency(piece(*beats[:2], *beats[3:])) == pytest.approx(1 - 1 / 48)
    # A note that lasts to the barline opens a third, empty measure: 4 more ticks differ, over two pairs.
    assert groove_consistency(piece(*beats[:7], (84, 12, PIANO, 60))) == pytest.approx(1 - 4 / 96)
    assert groove_consistency(piece(*beats, (12, 3, DRUMS, 36), (55, 3, DRUMS, 36))) == pytest.approx(1 - 1 / 48)
    assert math.isnan(groove_consistency(piece(*beats[:4])))
    assert math.isnan(groove_consistency(piece()))


def test_trim_cuts_notes_off() -> None:
    cut = trim(piece((0, 48, PIANO, 60), (40, 30, PIANO, 62), (48, 6, PIANO, 64)), beats=4)
    assert cut.tick.tolist() == [0, 40]
    assert cut.length.tolist() == [48, 8]
