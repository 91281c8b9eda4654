"""What a recording sings, read off its pitch and its labels."""

from pathlib import Path

import numpy as np
import pytest

from ripieno.models.singing.frames import BANDS, NOISES, PERIOD, Frames
from ripieno.models.singing.recordings import Phoneme, label, read_labels, settle, syllables
from ripieno.models.singing.representation import BREATH, BREATH_LONGEST, NOTE_LOW, ONSET, REST, SUSTAIN

SECONDS = 0.32  # of a phoneme here: 20 blocks, 40 frames


def phonemes(names: str) -> list[Phoneme]:
    return [Phoneme(k * SECONDS, (k + 1) * SECONDS, name) for k, name in enumerate(names.split())]


def sung(pitches: list[float]) -> Frames:
    """A voice that holds each pitch (0: unvoiced) as long as a phoneme."""
    pitch = np.repeat(pitches, round(SECONDS / PERIOD))
    f0 = np.where(pitch > 0, 440.0 * 2.0 ** ((pitch - 69.0) / 12.0), 0.0).astype(np.float32)
    n = len(f0)
    return Frames(f0, np.zeros(n, np.float32), np.zeros((n, BANDS), np.float32), np.zeros((n, NOISES), np.float32))


def begins(found: np.ndarray) -> list[int]:
    return np.flatnonzero(found == ONSET).tolist()


def test_a_syllable_is_a_note_that_begins_with_its_consonant() -> None:
    parts = [(one.start, one.end, one.name) for one in syllables(phonemes("pau k a a sh i pau"))]
    at = [k * SECONDS for k in range(8)]
    assert parts == [
        (at[0], at[1], "pau"),
        (at[1], at[3], "a"),
        (at[3], at[4], "a"),
        (at[4], at[6], "i"),
        (at[6], at[7], "pau"),
    ]


def test_notes_of_a_song() -> None:
    """Vowels at one pitch are one note, but not across a consonant; the singer is 30 cents sharp throughout."""
    found = label(sung([0, 0, 62.3, 62.3, 64.3, 0, 64.3, 0]), phonemes("pau k a a e k e pau"))
    assert begins(found.phonation) == [20, 80, 100]
    assert found.note[[20, 50, 80, 100]].tolist() == [62 - NOTE_LOW, 62 - NOTE_LOW, 64 - NOTE_LOW, 64 - NOTE_LOW]
    assert (found.phonation[:20] == REST).all()
    assert (found.phonation[140:] == REST).all()
    assert (found.phonation[101:140] == SUSTAIN).all()
    assert abs(found.cents[100:150]).max() < 1e-3


def test_a_breath_is_no_longer_than_a_breath_may_be() -> None:
    found = label(sung([0, 0, 60]), [Phoneme(0.0, 0.64, "br"), Phoneme(0.64, 0.96, "a")])
    assert (found.phonation[: 40 - BREATH_LONGEST] == REST).all()
    assert (found.phonation[40 - BREATH_LONGEST : 40] == BREATH).all()


def test_vibrato_is_averaged_out_and_a_slide_stays() -> None:
    seconds = np.arange(250) * PERIOD
    slide = -200.0 * np.exp(-seconds / 0.03)
    steady = settle(slide + 50.0 * np.sin(2 * np.pi * 5.68 * seconds))[60:220]
    assert abs(steady).max() < 3.0
    assert np.allclose(settle(slide)[:15], slide[:15], atol=1.0)


def test_it_says_what_is_no_label(tmp_path: Path) -> None:
    path = tmp_path / "one.lab"
    path.write_text("0 100 a\n100 b\n")
    with pytest.raises(ValueError, match=r"one\.lab:2: not 'start end phoneme'"):
        read_labels(path)
    path.write_text("0 11800000 pau\n")
    assert read_labels(path) == [Phoneme(0.0, pytest.approx(1.18), "pau")]


def test_it_says_where_nothing_is_sung() -> None:
    with pytest.raises(ValueError, match="nothing is voiced"):
        label(sung([0, 0]), phonemes("pau a"))
