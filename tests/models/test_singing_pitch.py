"""The pitch tracker: on sounds whose pitch is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ripieno.models.singing.pitch import cents, track

RATE = 24_000


def sound(f0: NDArray[np.float64], fall: float = 0.8) -> NDArray[np.float64]:
    """Harmonics, each weaker than the one before, and a little noise."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    harmonics = range(1, int(11_000 / f0.max()))
    noise = np.random.default_rng(0).normal(0, 0.02, len(f0))
    return sum((np.cos(k * phase + k * k) / k**fall for k in harmonics), start=noise)


@pytest.mark.parametrize("pitch", [38, 50, 57, 69, 81])
def test_a_vibrato_is_followed(pitch: int) -> None:
    time = np.arange(RATE) / RATE
    f0 = 440 * 2 ** ((pitch - 69 + 0.4 * np.sin(2 * np.pi * 5.6 * time)) / 12)
    times = np.arange(10, 110) * 0.008
    apart = np.abs(cents(track(sound(f0), RATE, times), np.interp(times, time, f0)))
    assert np.median(apart) < 1.5
    assert apart.max() < 10


def test_a_wrong_pitch_is_seen() -> None:
    times = np.arange(10, 60) * 0.008
    found = track(sound(np.full(RATE, 220.0)), RATE, times)
    assert np.abs(cents(found, np.full(50, 226.4)) + 49.6).max() < 1
    strong_second = sound(np.full(RATE, 220.0), fall=-0.5)  # the fundamental is the weakest
    assert np.abs(cents(track(strong_second, RATE, times), np.full(50, 220.0))).max() < 3


def test_silence_has_some_pitch_and_no_warning() -> None:
    assert np.isfinite(track(np.zeros(RATE), RATE, np.array([0.0, 0.5, 0.999]))).all()
