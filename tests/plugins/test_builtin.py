"""The plugins of our own, judged by numpy."""

import numpy as np
import pytest
from numpy.typing import NDArray
from unit_player import UnitPlayer

from ripieno.native.builtin import BUILTINS
from ripieno.plugins import builtin
from ripieno.plugins.base import EFFECT, PluginError

RATE, PERIOD = 48000, 128
Audio = NDArray[np.float32]


def played(name: str, audio: Audio, **values: float) -> Audio:
    """What becomes of a sound [2, frames] with these parameters."""
    hosted = builtin.open(name, RATE, PERIOD)
    for parameter, value in values.items():
        hosted.set(parameter, value)
    out: Audio = UnitPlayer(hosted.unit, PERIOD).play(audio)
    hosted.close()
    return out


def noise(frames: int, level: float = 1.0, seed: int = 1) -> Audio:
    return np.random.default_rng(seed).uniform(-level, level, (2, frames)).astype(np.float32)


def impulse(frames: int, at: int = 0) -> Audio:
    audio = np.zeros((2, frames), np.float32)
    audio[:, at] = 1
    return audio


def decibels(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    return 10 * np.log10(np.maximum(ratio, 1e-30))


# ---- the contract ----


@pytest.mark.parametrize("name", BUILTINS)
def test_each_is_hosted(name: str) -> None:
    hosted = builtin.open(name, RATE, PERIOD)
    assert (hosted.name, hosted.spec, hosted.role) == (name, name, EFFECT)
    assert hosted.values() == {one.name: one.usual for one in hosted.parameters}
    for one in hosted.parameters:
        assert one.help
        hosted.set(one.name, one.high)
        assert hosted.values()[one.name] == pytest.approx(one.high)
        with pytest.raises(PluginError, match=f"{name}: {one.name} cannot be .*: it is from"):
            hosted.set(one.name, one.high + 1)
    with pytest.raises(PluginError, match=f"{name} has no parameter 'loudness'; it has: {hosted.parameters[0].name}"):
        hosted.set("loudness", 1)
    assert hosted.state() == b""
    assert hosted.tend() == []
    assert hosted.standing().latency == (64 if name == "limiter" else 0)
    hosted.close()


def test_values_are_told_as_they_were_set() -> None:
    hosted = builtin.open("delay", RATE, PERIOD)
    hosted.set("feedback", 0.35)
    assert hosted.values()["feedback"] == 0.35
    hosted.close()


def test_what_cannot_be_opened_says_why() -> None:
    with pytest.raises(PluginError, match="no built-in plugin 'echo'; there are gain, pan, filter, limiter"):
        builtin.open("echo", RATE, PERIOD)
    with pytest.raises(PluginError, match=r"delay plays at 8,000 to 384,000 Hz, not at 4,000"):
        builtin.open("delay", 4000, PERIOD)


# ---- what they do ----


@pytest.mark.parametrize("gain", [-89, -20, 0, 3.5, 24])
def test_gain(gain: float) -> None:
    audio = noise(1000)
    expected = audio * 10 ** (np.float64(np.float32(gain)) / 20)
    np.testing.assert_allclose(played("gain", audio, gain=gain), expected, rtol=2e-7)


@pytest.mark.parametrize("pan", np.linspace(-1, 1, 9))
def test_pan(pan: float) -> None:
    left, right = played("pan", np.ones((2, 200), np.float32), pan=pan)
    angle = (pan + 1) * np.pi / 4
    np.testing.assert_allclose(left, np.cos(angle), atol=1e-7)
    np.testing.assert_allclose(right, np.sin(angle), atol=1e-7)


@pytest.mark.parametrize(("low", "high"), [(20, 1000), (500, 20000), (300, 3400), (20, 50)])
def test_the_filter_cuts_where_it_is_told(low: float, high: float) -> None:
    """Against two Butterworth filters of the second order, whose frequencies the bilinear transform bends."""
    out = played("filter", impulse(RATE), low_cut=low, high_cut=high)
    hertz = np.array([10, 20, 50, 100, 300, 500, 1000, 3400, 8000, 15000])
    bent = {cut: (np.tan(np.pi * hertz / RATE) / np.tan(np.pi * cut / RATE)) ** 2 for cut in (low, high)}
    expected = bent[low] / np.sqrt(1 + bent[low] ** 2) / np.sqrt(1 + bent[high] ** 2)
    found = np.abs(np.fft.rfft(out[0].astype(np.float64)))[hertz]  # one bin is 1 Hz
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_the_filter_rings_where_it_cuts() -> None:
    out = played("filter", impulse(RATE), high_cut=1000, resonance=8)
    assert np.abs(np.fft.rfft(out[0].astype(np.float64)))[1000] == pytest.approx(8, rel=1e-3)


def test_the_limiter_is_a_delay_where_nothing_is_loud() -> None:
    audio = noise(5000, 0.5)
    out = played("limiter", audio, ceiling=-6)
    np.testing.assert_array_equal(out[:, 64:], audio[:, :-64])
    assert not out[:, :64].any()


def test_the_limiter_turns_a_peak_down_before_it_comes() -> None:
    audio = np.full((2, 4000), 0.25, np.float32)
    audio[0, 2000] = 1
    out = played("limiter", audio, ceiling=-6.020599913279624, release=50)
    gain = out[:, 64:] / audio[:, :-64]
    np.testing.assert_allclose(gain[0], gain[1], rtol=1e-6)  # left and right alike: the image stays
    assert out.max() == pytest.approx(0.5, rel=1e-5)
    assert np.argmax(out[0]) == 2064
    np.testing.assert_allclose(gain[0, 2000 - 64 : 2001], np.linspace(1, 0.5, 66)[1:], atol=0.001)
    assert (np.diff(gain[0, 2065:]) >= -1e-6).all()
    assert gain[0, 1935] == 1


def test_the_delay_is_a_comb() -> None:
    audio = noise(20000)
    out = played("delay", audio, time=25, feedback=0.5, mix=0.5, high_cut=20000)
    echoes = np.zeros_like(audio, np.float64)
    for n in range(1, 20000 // 1200 + 1):
        echoes[:, 1200 * n :] += 0.5 ** (n - 1) * audio[:, : -1200 * n]
    np.testing.assert_allclose(out, (audio + echoes) / 2, atol=1e-6)


@pytest.mark.parametrize("decay", [0.5, 2.0])
def test_the_reverb_rings_as_long_as_it_is_told(decay: float) -> None:
    """By the slope of the energy still to come (Schroeder 1965), from -5 to -35 dB."""
    out = played("reverb", impulse(int(2 * decay * RATE)), decay=decay, damping=0, mix=1).astype(np.float64)
    for side in out:
        left = decibels(np.cumsum(side[::-1] ** 2)[::-1] / (side**2).sum())
        five, thirty_five = np.argmax(left < -5), np.argmax(left < -35)
        assert 2 * (thirty_five - five) / RATE == pytest.approx(decay, rel=0.2)


def test_a_damped_reverb_is_dull_in_the_end() -> None:
    out = played("reverb", impulse(2 * RATE), decay=2, damping=0.8, mix=1).astype(np.float64)

    def tilt(piece: NDArray[np.float64]) -> float:
        """Treble beside bass in dB."""
        power = np.abs(np.fft.rfft(piece)) ** 2
        hertz = np.fft.rfftfreq(len(piece), 1 / RATE)
        return float(decibels(power[hertz > 6000].mean() / power[(hertz > 100) & (hertz < 1000)].mean()))

    assert tilt(out[0, 30000:40000]) < tilt(out[0, 2000:12000]) - 15


def test_the_reverb_colours_little() -> None:
    """No octave stands out: a room, not a bell."""
    out = played("reverb", impulse(2 * RATE), decay=1.5, damping=0, mix=1).astype(np.float64)
    power, hertz = np.abs(np.fft.rfft(out, axis=1)) ** 2, np.fft.rfftfreq(2 * RATE, 1 / RATE)
    levels = [power[:, (hertz >= low) & (hertz < 2 * low)].mean(axis=1) for low in 100 * 2.0 ** np.arange(8)]
    assert np.ptp(decibels(np.array(levels)), axis=0).max() < 3
