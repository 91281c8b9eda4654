"""The vocoder against the same in numpy, and what it sings against what its frames say."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ripieno.native import vocoder

RATE = 48_000


def wandering(count: int, seed: int) -> NDArray[Any]:
    """A voice that does everything: glides, leaps, breathes, rests, and changes its vowel at every frame."""
    rng = np.random.default_rng(seed)
    f0 = 220.0 * 2.0 ** np.cumsum(rng.normal(0.0, 0.02, count))
    f0[40:55] = 0.0
    f0[90:] *= 2.0
    level = rng.uniform(-30.0, 0.0, count)
    level[70:80] = -100.0
    envelope = -np.linspace(0.0, 40.0, vocoder.BANDS) + rng.normal(0.0, 3.0, (count, vocoder.BANDS))
    frames = vocoder.frames_of(f0, level, envelope, rng.uniform(-50.0, 0.0, (count, vocoder.NOISES)))
    frames["envelope"][60, 5] = np.nan
    frames["level"][61] = np.inf
    return frames


def vowel(count: int, noise: float = -40.0, level: float = 0.0) -> NDArray[Any]:
    """Two formants over a falling slope at 200 Hz; its mean power over the frequencies is that of its level."""
    at = np.arange(vocoder.BANDS)
    power = 10.0 ** (-at / 10.0) + 0.5 * np.exp(-(((at - 12) / 2) ** 2)) + 0.1 * np.exp(-(((at - 20) / 2) ** 2))
    hertz = np.arange(0.0, 12_000.0, 5.0)
    mean = (10.0 ** (np.interp(vocoder.band_of(hertz), at, 10.0 * np.log10(power)) / 10.0)).mean()
    envelope = 10.0 * np.log10(power / mean)
    return vocoder.frames_of(np.full(count, 200.0), level, envelope, noise)


def rms_of(wave: NDArray[Any]) -> float:
    """dB of full scale."""
    return float(10.0 * np.log10((wave.astype(np.float64) ** 2).mean()))


def pitch_of(wave: NDArray[Any], near: float) -> float:
    """Hz: the highest peak of a piece's autocorrelation within a quarter tone of ``near``, between samples."""
    span = int(RATE / near * 1.1) + 2
    piece = wave.astype(np.float64)
    length = len(piece) - span
    lags = np.arange(int(RATE / near * 0.94), span)
    likeness = np.array([_likeness(piece[:length], piece[lag : lag + length]) for lag in lags])
    best = int(np.clip(likeness.argmax(), 1, len(lags) - 2))
    left, middle, right = likeness[best - 1 : best + 2]
    return RATE / (lags[best] + (left - right) / (2 * (left - 2 * middle + right)))


def _likeness(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


# ---- against numpy ----


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
def test_it_is_what_numpy_makes(rate: int) -> None:
    frames = wandering(120, rate)
    wave, expected = vocoder.sing(frames, rate, 40), vocoder.reference(frames, rate, 40)
    assert len(wave) == len(expected) == round(160 * rate * 0.008)
    assert np.abs(expected).max() > 0.05
    assert np.abs(wave - expected).max() < 1e-4 * np.abs(expected).max()


def test_frames_begin_at_the_rounded_sample() -> None:
    edges = vocoder.starts(44_100, 1000)
    assert np.array_equal(edges, np.floor(np.arange(1000) * 44_100 * 0.008 + 0.5))


# ---- against the frames ----


def test_the_pitch_is_the_frames() -> None:
    """A gliding voice with vibrato: where a frame ends, the pitch is that frame's."""
    time = np.arange(250) * 0.008
    f0 = 180.0 * 2.0 ** (time / 4 + 0.03 * np.sin(2 * np.pi * 5.5 * time))
    frames = vowel(250)
    frames["f0"] = f0
    edges, wave = vocoder.starts(RATE, 251), vocoder.sing(frames, RATE)
    cents = []
    for k in range(10, 245, 3):
        piece = wave[edges[k + 1] - 500 : edges[k + 1] + 500]
        cents.append(1200.0 * np.log2(pitch_of(piece, f0[k]) / f0[k]))
    assert np.median(np.abs(cents)) < 4.0
    assert (np.abs(cents) > 50.0).mean() <= 0.02


@pytest.mark.parametrize("noise", [-60.0, -20.0, -6.0, 0.0])
@pytest.mark.parametrize("level", [-30.0, 0.0])
def test_the_level_is_the_frames(noise: float, level: float) -> None:
    wave = vocoder.sing(vowel(200, noise, level), RATE)[RATE // 10 :]
    assert rms_of(wave) == pytest.approx(level - 13.0, abs=0.7)


def test_an_unvoiced_frame_is_noise_of_the_same_level() -> None:
    frames = vowel(200)
    frames["f0"] = 0.0
    wave = vocoder.sing(frames, RATE)[RATE // 10 :]
    assert rms_of(wave) == pytest.approx(-13.0, abs=0.7)
    lags = [_likeness(wave[:-lag], wave[lag:]) for lag in (240, 480)]  # one and two periods of 200 Hz
    assert np.abs(lags).max() < 0.2


@pytest.mark.parametrize("f0", [0.0, 100.0])
@pytest.mark.parametrize("rate", [22_050, 48_000, 192_000])
def test_the_spectrum_is_the_envelope(f0: float, rate: int) -> None:
    """Octave by octave, voiced and unvoiced, up to what the rate can carry."""
    frames = vowel(400)
    frames["f0"] = f0
    wave = vocoder.sing(frames, rate)[rate // 10 :]
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / rate)
    for low in (150.0, 300.0, 600.0, 1200.0, 2400.0, 4800.0):
        inside = (hertz >= low) & (hertz < 2 * low)
        fine = np.arange(low, 2 * low, 1.0)
        meant = 10.0 ** (np.interp(vocoder.band_of(fine), np.arange(vocoder.BANDS), frames["envelope"][0]) / 10.0)
        found = power[inside].sum() / (power.sum() / 12_000.0)
        assert 10.0 * np.log10(found / meant.sum()) == pytest.approx(0.0, abs=1.5), low
    assert power[hertz > 12_100].sum() < 1e-6 * power.sum()


def test_noise_does_not_come_round() -> None:
    """No lag of up to a second and a half makes a breath look like itself."""
    frames = vocoder.frames_of(np.zeros(400), 0.0, np.zeros(vocoder.BANDS), 0.0)
    wave = vocoder.sing(frames, 24_000)[2_400:].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(wave, 2 * len(wave))) ** 2
    likeness = np.fft.irfft(spectrum)[: int(1.5 * 24_000)]
    assert np.abs(likeness[200:]).max() < 0.1 * likeness[0]


# ---- its face ----


def test_frames_too_late_or_too_early_are_counted_out() -> None:
    synth = vocoder.Vocoder(RATE)
    assert synth.push(0, vowel(vocoder.AHEAD + 3)) == vocoder.AHEAD
    synth.render(400)
    assert synth.push(0, vowel(3)) == 1
    state = synth.state
    assert (state.sample, state.frame, state.held, state.sounding) == (400, 1, 0, 1)


def test_a_fade_ends_in_silence() -> None:
    synth = vocoder.Vocoder(RATE)
    synth.push(0, vowel(vocoder.AHEAD))
    synth.render(1_000)
    synth.fade(0.015)
    wave = synth.render(2_000)
    assert np.abs(wave[:100]).max() > 0.01
    assert not wave[722:].any()
    synth.clear()
    assert synth.state.sample == 0


@pytest.mark.parametrize("rate", [0, 7_999, 400_000])
def test_rates_beyond_reason_are_refused(rate: int) -> None:
    with pytest.raises(ValueError, match=f"{rate} samples a second"):
        vocoder.Vocoder(rate)
