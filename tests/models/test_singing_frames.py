"""Frames of a voice: bands, levels, the distance they are judged by, and WORLD's analysis where it is installed."""

from pathlib import Path

import numpy as np
import pytest

from needs import needs
from ripieno.models.singing import frames
from ripieno.models.singing.frames import BANDS, CEPSTRUM, FFT, NOISES, PERIOD, RATE, Frames

HERTZ = frames.bins()


def made(count: int = 3, level: float = -10.0) -> Frames:
    rng = np.random.default_rng(0)
    envelope = rng.normal(0.0, 8.0, (count, BANDS)).astype(np.float32)
    noise = rng.uniform(-50.0, 0.0, (count, NOISES)).astype(np.float32)
    return Frames(np.full(count, 200.0, np.float32), np.full(count, level, np.float32), envelope, noise)


def test_the_bands_lie_evenly_in_mel_between_60_hz_and_12_khz() -> None:
    centres = frames.centres()
    assert centres[0] == pytest.approx(60.0)
    assert centres[-1] == pytest.approx(12_000.0)
    assert np.ptp(np.diff(frames.mel(centres))) < 1e-9
    weights = frames.band_weights()
    assert np.allclose(weights.sum(0), 1.0)
    assert np.allclose(HERTZ[weights.argmax(0)], centres, atol=RATE / FFT)


def test_each_bin_is_in_one_band_of_aperiodicity() -> None:
    assert np.array_equal((frames.noise_weights() > 0).sum(1), np.ones(FFT // 2 + 1))


def test_a_flat_spectrum_has_its_level_and_a_flat_envelope() -> None:
    power = np.full((2, FFT // 2 + 1), 10.0 ** ((frames.FULL - 20.0) / 10.0))
    found = frames.reduce(np.zeros(2), power, np.full_like(power, 0.1))
    assert np.allclose(found.level, -20.0, atol=1e-4)
    assert np.allclose(found.envelope, 0.0, atol=1e-4)
    assert np.allclose(found.aperiodicity, -20.0, atol=1e-4)


def test_the_envelope_does_not_depend_on_the_level() -> None:
    power = np.exp(np.sin(HERTZ / 900.0) * 3.0)[None]
    soft, loud = (frames.reduce(np.zeros(1), power * gain, np.ones_like(power)) for gain in (1e-6, 1e-2))
    assert np.allclose(soft.envelope, loud.envelope, atol=1e-4)
    assert loud.level[0] - soft.level[0] == pytest.approx(40.0, abs=1e-3)


def test_silence_has_the_lowest_level_and_finite_bands() -> None:
    found = frames.reduce(np.zeros(1), np.zeros((1, FFT // 2 + 1)), np.ones((1, FFT // 2 + 1)))
    assert found.level[0] == frames.SILENT
    assert np.isfinite(found.envelope).all()


def test_expanding_goes_through_the_bands_at_their_centres() -> None:
    one = made()
    power, noise = frames.expand(one)
    at = np.rint(frames.centres() * FFT / RATE).astype(int)[10:]
    decibels = 10.0 * np.log10(power[:, at]) - one.level[:, None] - frames.FULL
    assert np.abs(decibels - one.envelope[:, 10:]).max() < 6.0  # a bin is up to 12 Hz off the centre
    assert noise.min() > 0.0
    assert noise.max() < 1.0


def test_the_distortion_is_the_rms_of_the_envelopes_difference_in_db() -> None:
    one = made(4).envelope
    wave = np.cos((np.arange(BANDS) + 0.5) * np.pi * 5 / BANDS)
    other = one + 3.0 * wave.astype(np.float32)
    assert np.allclose(frames.mel_cepstral_distortion(one, other), 3.0 * np.sqrt((wave**2).mean()), atol=1e-4)
    assert np.allclose(frames.mel_cepstral_distortion(one, one + 7.0), 0.0, atol=1e-4), "the level is left out"
    fine = np.cos((np.arange(BANDS) + 0.5) * np.pi * (CEPSTRUM + 1) / BANDS).astype(np.float32)
    assert np.allclose(frames.mel_cepstral_distortion(one, one + fine), 0.0, atol=1e-4), "and so is what is finer"


def test_frames_are_cut_and_joined() -> None:
    one = made(5)
    again = frames.join([one[:2], one[2:]])
    assert len(again) == 5
    assert np.array_equal(again.shape(), one.shape())


def hummed(hertz: float, seconds: float = 0.5) -> np.ndarray:
    """Harmonics that fall by 12 dB an octave, over a little noise."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).normal(0.0, 1e-3, len(time))
    return noise + 0.1 * sum(np.sin(2 * np.pi * hertz * k * time) / k**2 for k in range(1, int(9000 / hertz)))


def test_analysis_finds_pitch_and_level_and_the_wave_comes_back() -> None:
    needs("pyworld")
    wave = hummed(220.0)
    found = frames.analyse(wave)
    inner = found[10:50]
    assert len(found) == pytest.approx(0.5 / PERIOD, abs=2)
    assert np.abs(1200 * np.log2(inner.f0 / 220.0)).max() < 5.0
    level = 10 * np.log10((wave**2).mean()) - frames.FULL
    assert np.abs(inner.level - level).max() < 2.5, "CheapTrick makes steep spectra up to 2 dB louder"
    assert inner.aperiodicity[:, 0].max() < -20.0
    back = frames.analyse(frames.resynthesise(found))[10:50]
    assert np.abs(back.level - inner.level).max() < 3.0
    assert frames.mel_cepstral_distortion(back.envelope, inner.envelope).mean() < 4.0


def test_a_recording_of_another_rate_is_named(tmp_path: Path) -> None:
    needs("soundfile")
    import soundfile

    soundfile.write(tmp_path / "a.wav", hummed(200.0), 48_000)
    with pytest.raises(ValueError, match=r"a\.wav: 48000 samples a second"):
        frames.read_wave(tmp_path / "a.wav")
