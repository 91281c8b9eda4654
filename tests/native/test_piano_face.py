"""The piano's rows from Python, against the same in numpy."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ripieno.native import piano

BLOCK = 16  # ms


def notes(seed: int, count: int = 60) -> tuple[NDArray[Any], ...]:
    """Onsets, ends (ms), keys and velocities."""
    rng = np.random.default_rng(seed)
    onset = np.sort(rng.integers(0, 4000, count))
    return onset, onset + rng.integers(20, 900, count), rng.integers(21, 109, count), rng.integers(1, 128, count)


def test_what_sounds_is_what_is_played() -> None:
    onset, end, _, velocity = notes(0)
    key = 21 + np.arange(len(onset))  # each key once
    rows = piano.rows(piano.events_of(onset, end, key, velocity), 320)
    now = BLOCK * np.arange(320)[:, None]
    expected = np.where((onset < now) & (end >= now), velocity / 127.0, 0.0)
    np.testing.assert_allclose(rows[:, : len(key)], expected, atol=1e-6)
    age = (now - onset) / 1000.0
    struck = np.where((onset < now) & (age < 2.0), velocity / 127.0 * np.exp(-np.abs(age) / 0.25), 0.0)
    np.testing.assert_allclose(rows[:, piano.KEYS : piano.KEYS + len(key)], struck, atol=1e-6)
    strongest = np.where((onset < now) & (onset >= now - BLOCK), velocity / 127.0, 0.0).max(1)
    np.testing.assert_allclose(rows[:, piano.ONSET], strongest, atol=1e-6)


def test_chroma_is_the_loudest_of_each_class() -> None:
    rows = piano.rows(piano.events_of(*notes(1), pedal=[[500, 1500], [2000, 2600]]), 320)
    keys = rows[:, : piano.CHROMA].reshape(320, 3, piano.KEYS)
    classes = (piano.LOW + np.arange(piano.KEYS)) % 12
    expected = np.stack([keys[:, :, classes == pc].max(-1) for pc in range(12)], -1)
    np.testing.assert_array_equal(rows[:, piano.CHROMA : piano.SLOW].reshape(320, 3, 12), expected)
    lowest = np.array([np.flatnonzero(row)[0] if row.any() else -1 for row in keys[:, 0]])
    bass = rows[:, piano.BASS : piano.BASS + 12]
    assert (bass.sum(1) == (lowest >= 0)).all()
    assert (bass.argmax(1)[lowest >= 0] == classes[lowest[lowest >= 0]]).all()


def test_the_pedal_keeps_what_was_let_go() -> None:
    events = piano.events_of([0], [100], [60], [100], pedal=[[50, 1000]])
    heard = piano.rows(events, 100)[:, 60 - piano.LOW] > 0
    assert heard[1 : 1000 // BLOCK + 1].all()
    assert not heard[1000 // BLOCK + 1 :].any()


def test_a_key_struck_as_it_ends_goes_on() -> None:
    rows = piano.rows(piano.events_of([0, 160], [160, 320], [60, 60], [100, 50]), 21)
    np.testing.assert_allclose(rows[1:11, 60 - piano.LOW], 100 / 127)
    np.testing.assert_allclose(rows[11:, 60 - piano.LOW], 50 / 127)


def test_the_sample_rate_does_not_matter() -> None:
    onset, end, key, velocity = notes(2)
    in_ms = piano.rows(piano.events_of(onset, end, key, velocity), 300)
    in_frames = piano.rows(piano.events_of(48 * onset, 48 * end, key, velocity), 300, step=768, sample_rate=48_000.0)
    np.testing.assert_allclose(in_ms, in_frames, atol=1e-6)


def test_events_out_of_order_are_refused() -> None:
    events = piano.events_of([0, 100], [50, 150], [60, 62], [80, 80])
    with pytest.raises(ValueError, match="order"):
        piano.rows(events[::-1], 10)
