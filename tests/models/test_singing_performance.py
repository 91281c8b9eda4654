"""Syllables cut from labelled frames, and lines sung with them: the frames agree with the line, exactly and always."""

from pathlib import Path

import numpy as np
import pytest

from ripieno.models.singing import performance, syllables
from ripieno.models.singing.frames import BANDS, BLOCK, NOISES, PERIOD, SHAPE, SILENT, Frames
from ripieno.models.singing.recordings import Phoneme
from ripieno.models.singing.representation import BREATH, NOTE_LOW, ONSET, REST, SUSTAIN
from ripieno.models.singing.syllables import Voice

PITCH = 57
VOWEL_BAND, CONSONANT_BAND, BREATH_BAND = 5, 12, 30  # the loudest band, by which a frame is known


def labelled() -> tuple[Frames, list[Phoneme]]:
    """A recording: silence, m, a, breath, a; each has its own loudest band."""
    phonemes, rows, f0, at = [], [], [], 0.0
    for name, frames, band in (
        ("pau", 20, 0),
        ("m", 15, CONSONANT_BAND),
        ("a", 80, VOWEL_BAND),
        ("pau", 10, 0),
        ("br", 30, BREATH_BAND),
        ("pau", 10, 0),
        ("a", 70, VOWEL_BAND),
        ("pau", 10, 0),
    ):
        phonemes.append(Phoneme(at, at + frames * PERIOD, name))
        at += frames * PERIOD
        rows += [np.eye(BANDS)[band] * 20.0 - 5.0] * frames
        f0 += [220.0 if name in ("m", "a") else 0.0] * frames
    count = len(rows)
    noise = np.where(np.array(f0) > 0, -30.0, 0.0)[:, None].repeat(NOISES, 1)
    arrays = (np.array(f0), np.full(count, -20.0), np.stack(rows), noise)
    return Frames(*(part.astype(np.float32) for part in arrays)), phonemes


@pytest.fixture(scope="module")
def voice() -> Voice:
    frames, found, breaths = syllables.cut(*labelled())
    return Voice("test", frames, tuple(found), tuple(breaths), 50, 64)


def sing(voice: Voice, phonation: list[int], note: list[int], seed: int = 0) -> tuple[Frames, np.ndarray]:
    return performance.perform(np.array(phonation), np.array(note), voice, np.random.default_rng(seed))


def line(*parts: tuple[int, int, int]) -> tuple[list[int], list[int]]:
    """Phonation and note of (phonation, note, blocks); an ONSET is followed by its SUSTAIN."""
    phonation: list[int] = []
    note: list[int] = []
    for kind, pitch, blocks in parts:
        phonation += [kind] + [SUSTAIN if kind == ONSET else kind] * (blocks - 1)
        note += [max(0, pitch - NOTE_LOW)] * blocks
    return phonation, note


def test_syllables_are_cut_by_the_labels(voice: Voice) -> None:
    assert [(one.consonant, one.name) for one in voice.syllables] == [("m", "a"), ("", "a")]
    assert all(one.pitch == pytest.approx(PITCH) for one in voice.syllables)
    assert all(one.first < one.vowel < one.held < one.left < one.end for one in voice.syllables)
    first = voice.syllables[0]
    assert (first.vowel - first.first) * PERIOD == pytest.approx(syllables.LONGEST_CONSONANT)
    assert voice.vowels == ("a",)
    (begin, end), bands = voice.breaths[0], voice.frames.envelope.argmax(1)
    assert set(bands[begin:end]) == {BREATH_BAND}
    assert set(bands[first.vowel : first.end]) == {VOWEL_BAND}


def test_what_is_held_is_vowel_alone_and_as_long_as_one_likes(voice: Voice) -> None:
    rng = np.random.default_rng(1)
    for count in (0, 1, 7, 500):
        held = syllables.hold(voice, voice.held("a", PITCH), count, rng)
        assert held.shape == (count, SHAPE + 1)
        assert set(held[:, :BANDS].argmax(1)) <= {VOWEL_BAND}


def test_a_held_vowel_has_no_period(voice: Voice) -> None:
    count = len(voice.frames)
    frames = Frames(*(part.copy() for part in vars(voice.frames).values()))
    frames.envelope[:, 0] = np.arange(count)  # each frame tells where it is from
    moving = Voice("moving", frames, voice.syllables, voice.breaths, 50, 64)
    track = syllables.hold(moving, moving.held("a", PITCH), 2000, np.random.default_rng(2))[:, 0]
    track = track - track.mean()
    alike = np.correlate(track, track, "full")[len(track) :] / (track @ track)
    assert alike[40:].max() < 0.5


def test_a_voice_is_kept(voice: Voice, tmp_path: Path) -> None:
    syllables.save(tmp_path / "v.npz", voice)
    again = syllables.load(tmp_path / "v.npz")
    assert again.syllables == voice.syllables
    assert again.breaths == voice.breaths
    assert np.array_equal(again.material, voice.material)
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"bad\.npz: no voice"):
        syllables.load(tmp_path / "bad.npz")


def test_a_line_is_sung_where_it_sings(voice: Voice) -> None:
    phonation, note = line((REST, 0, 5), (BREATH, 0, 10), (ONSET, 57, 30), (ONSET, 60, 30), (REST, 0, 40))
    frames, cents = sing(voice, phonation, note)
    assert len(frames) == len(cents) == len(phonation) * BLOCK
    sung = np.repeat(np.array(phonation) >= ONSET, BLOCK)
    breath = np.repeat(np.array(phonation) == BREATH, BLOCK)
    assert (frames.f0[sung] > 0).all()
    assert (frames.f0[breath] == 0).all()
    assert set(frames.envelope[breath].argmax(1)) == {BREATH_BAND}
    assert (frames.level[: 5 * BLOCK] == SILENT).all()
    assert (frames.level[-20 * BLOCK :] == SILENT).all(), "released, then silent"
    assert frames.level[sung].min() > -60.0
    assert frames.level.max() <= 0.0


def test_the_pitch_is_the_note_and_the_deviation(voice: Voice) -> None:
    phonation, note = line((ONSET, 57, 40), (ONSET, 64, 40), (ONSET, 64, 40), (REST, 0, 10))
    for seed in range(5):
        frames, cents = sing(voice, phonation, note, seed)
        pitch = 69 + 12 * np.log2(frames.f0[: 120 * BLOCK] / 440.0)
        told = np.repeat([57.0, 64.0, 64.0], 40 * BLOCK) + cents[: 120 * BLOCK] / 100.0
        assert np.allclose(pitch, told, atol=1e-3)
        assert np.abs(cents).max() < performance.WIDEST + 40.0
        later = cents.reshape(-1, 40 * BLOCK)[:3, 20:] if len(cents) % (40 * BLOCK) == 0 else cents[20 : 40 * BLOCK]
        assert np.abs(later).mean() < 20.0, "in tune once it has arrived"


def test_a_leap_is_glided_into_from_where_it_comes(voice: Voice) -> None:
    phonation, note = line((ONSET, 57, 40), (ONSET, 59, 40))
    first = np.array([sing(voice, phonation, note, seed)[1][80] for seed in range(8)])
    assert (first < -100.0).all(), "two semitones up: it begins about 200 cents below"


def test_notes_are_told_from_each_other() -> None:
    phonation, note = line((ONSET, 57, 3), (ONSET, 57, 2), (REST, 0, 2), (ONSET, 60, 4))
    found = performance.notes_of(np.array(phonation), np.array(note))
    assert [(one.first, one.end, one.pitch) for one in found] == [(0, 6, 57), (6, 10, 57), (14, 22, 60)]
    assert [one.opens for one in found] == [True, False, True]
    assert [one.before for one in found] == [None, 57, None]


def test_struck_again_is_spoken_again(voice: Voice) -> None:
    phonation, note = line((ONSET, 57, 30), (ONSET, 57, 30))
    for seed in range(6):
        frames, _ = sing(voice, phonation, note, seed)
        assert CONSONANT_BAND in frames.envelope[60:72].argmax(1)


def test_very_short_notes_and_an_empty_line_are_sung(voice: Voice) -> None:
    phonation, note = line((ONSET, 57, 1), (ONSET, 59, 1), (BREATH, 0, 1), (ONSET, 55, 2), (REST, 0, 1))
    for seed in range(10):
        frames, _ = sing(voice, phonation, note, seed)
        assert np.isfinite(frames.shape()).all()
    silent, _ = sing(voice, [REST] * 4, [0] * 4)
    assert (silent.level == SILENT).all()


def test_the_same_seed_sings_the_same(voice: Voice) -> None:
    told = line((ONSET, 57, 30), (ONSET, 60, 30), (REST, 0, 10))
    one, other = sing(voice, *told, 3)[0], sing(voice, *told, 3)[0]
    assert np.array_equal(one.shape(), other.shape())
    assert np.array_equal(one.f0, other.f0)
