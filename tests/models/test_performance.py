"""Pieces as key events: exactly as written, and as played."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripieno.models.instrumentation.corpus import Piece, arrange
from ripieno.models.instrumentation.performance import SAMPLE_RATE, Performance, as_played, low_to_high, seconds

MS = SAMPLE_RATE // 1000
Notes = list[tuple[int, int, int, int, int]]
# onset, duration, pitch, velocity, part
NOTE = st.tuples(
    st.integers(0, 400), st.integers(1, 96), st.integers(36, 84), st.sampled_from([0, 40, 127]), st.integers(0, 3)
)
SCORES = st.lists(NOTE, min_size=1, max_size=80)
TEMPI = st.lists(st.tuples(st.integers(0, 300), st.floats(20.0, 300.0)), max_size=3).map(sorted)


def piece(notes: Notes, tempo: list[tuple[int, float]] | None = None) -> Piece:
    columns = np.array(notes, dtype=np.int64).reshape(-1, 5).T
    return Piece("a piece", "chorales", "test", *arrange(*columns), tempo or [])


def chords(count: int = 40, velocity: int = 0) -> Piece:
    return piece(
        [(24 * i, 24, pitch, velocity, part) for i in range(count) for part, pitch in enumerate((72, 67, 60, 48))]
    )


def times(played: Performance, notes: int) -> tuple[np.ndarray, np.ndarray]:
    """The frames at which each note begins and ends."""
    on, off = np.full(notes, -1), np.full(notes, -1)
    on[played.note[played.on]] = played.frame[played.on]
    off[played.note[~played.on]] = played.frame[~played.on]
    return on, off


def check_events(score: Piece, played: Performance) -> None:
    """Every note once down and once up, in time order, keys that go up first."""
    assert sorted(played.note[played.on].tolist()) == list(range(len(score)))
    assert sorted(played.note[~played.on].tolist()) == list(range(len(score)))
    order = list(zip(played.frame.tolist(), played.on.tolist(), strict=True))
    assert order == sorted(order)
    assert (played.pitch == score.pitch[played.note]).all()
    assert played.velocity.min() >= 1
    assert played.velocity.max() <= 127
    on, off = times(played, len(score))
    assert (on >= 0).all()
    assert (off > on).all()


@given(SCORES, TEMPI)
def test_as_written_every_note_sounds_once_in_the_papers_order(notes: Notes, tempo: list[tuple[int, float]]) -> None:
    score = piece(notes, tempo)
    played = low_to_high(score)
    check_events(score, played)
    assert played.note[played.on].tolist() == list(range(len(score)))


@given(SCORES, TEMPI, st.integers(0, 2**32))
def test_as_played_every_note_sounds_once(notes: Notes, tempo: list[tuple[int, float]], seed: int) -> None:
    score = piece(notes, tempo)
    check_events(score, as_played(score, np.random.default_rng(seed)))


@given(SCORES, st.integers(0, 2**32))
def test_as_played_a_key_is_up_before_what_follows_there(notes: Notes, seed: int) -> None:
    score = piece(notes)
    on, off = times(as_played(score, np.random.default_rng(seed)), len(score))
    for note, end in enumerate(score.onset + score.duration):
        following = on[score.onset == end]
        assert not len(following) or off[note] <= following.min()


@given(SCORES, st.integers(0, 2**32))
def test_as_played_a_chord_never_begins_before_an_earlier_one(notes: Notes, seed: int) -> None:
    score = piece(notes)
    on, _ = times(as_played(score, np.random.default_rng(seed), spread_ms=0.0), len(score))
    order = np.argsort(score.onset, kind="stable")
    assert (np.diff(on[order]) >= 0).all()


def test_the_tempo_map_gives_the_times() -> None:
    score = piece([(0, 24, 60, 0, 0)], [(0, 120.0), (48, 60.0), (72, 240.0)])
    assert seconds(score, np.array([0, 24, 48, 72, 96])).tolist() == pytest.approx([0.0, 0.5, 1.0, 2.0, 2.25])
    assert seconds(chords(), np.array([24])).tolist() == pytest.approx([0.5])


def test_a_late_first_tempo_holds_from_the_start() -> None:
    score = piece([(0, 24, 60, 0, 0)], [(100, 60.0)])
    assert seconds(score, np.array([24])).tolist() == pytest.approx([1.0])


def test_a_chord_is_spread_in_any_order_within_its_bound() -> None:
    score = chords(200)
    on, _ = times(as_played(score, np.random.default_rng(3)), len(score))
    by_chord = on.reshape(-1, 4)
    spread = by_chord.max(axis=1) - by_chord.min(axis=1)
    assert spread.max() <= 20 * MS + 1
    assert np.median(spread) > 8 * MS
    first = np.bincount(by_chord.argmin(axis=1), minlength=4) / len(by_chord)
    assert first.min() > 0.15


def test_chords_are_early_or_late_and_the_tempo_drifts() -> None:
    score = chords(400)
    on, _ = times(as_played(score, np.random.default_rng(5), spread_ms=0.0), len(score))
    gaps = np.diff(on.reshape(-1, 4)[:, 0]) / SAMPLE_RATE / 0.5
    assert 0.5 < gaps.min() < 0.97
    assert 1.03 < gaps.max() < 1.5
    # Over four bars the shifts average out, and what is left is the tempo.
    tempo = np.convolve(gaps, np.ones(16) / 16, mode="valid")
    assert tempo.std() > 0.01
    assert np.abs(tempo - 1.0).max() < 0.12


def test_unknown_velocities_say_nothing_of_the_part() -> None:
    score = chords(2000)
    played = as_played(score, np.random.default_rng(7))
    mean = [played.velocity[played.on & (score.label[played.note] == part)].mean() for part in range(4)]
    assert max(mean) - min(mean) < 1.0
    assert low_to_high(score).velocity.tolist() == [64] * (2 * len(score))


def test_known_velocities_are_kept_but_uneven() -> None:
    score = chords(500, velocity=80)
    assert set(low_to_high(score).velocity.tolist()) == {80}
    played = as_played(score, np.random.default_rng(7)).velocity.astype(float)
    assert abs(played.mean() - 80.0) < 1.0
    assert 1.0 < played.std() < 6.0


def test_the_same_seed_plays_the_same() -> None:
    score = chords()
    first, again, other = (as_played(score, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.frame == again.frame).all()
    assert (first.velocity == again.velocity).all()
    assert (first.frame != other.frame).any()
    assert first.ms[0] == pytest.approx(first.frame[0] / MS)
