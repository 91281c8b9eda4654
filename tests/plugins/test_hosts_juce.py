"""VST3 plugins by pedalboard, in their own processes: to the sample, with their units, their state and their faults."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from unit_player import UnitPlayer
from vst3_build import EFFECT, INSTRUMENT, build, fail

from needs import needs
from ripieno.plugins import isolated
from ripieno.plugins.base import PluginError
from ripieno.plugins.isolated import Isolated, Limits

needs("pedalboard")

RATE, PERIOD = 48000, 128
Start = Callable[..., Isolated]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return build(tmp_path)


@pytest.fixture
def start(bundle: Path) -> Iterator[Start]:
    opened: list[Isolated] = []

    def start(name: str, state: bytes | None = None, path: Path = bundle, **limits: float) -> Isolated:
        opened.append(isolated.open("vst3", f"{path}#{name}", RATE, PERIOD, state, Limits(**limits)))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def noise(frames: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(-0.5, 0.5, (2, frames)).astype(np.float32)


def in_pieces(player: UnitPlayer, sound: np.ndarray, lengths: list[int]) -> np.ndarray:
    """Blocks of these lengths in turn, up to the end of the sound."""
    heard, at = [], 0
    while at < sound.shape[1]:
        length = lengths[len(heard) % len(lengths)]
        heard.append(player.block(sound[:, at : at + length]))
        at += length
    return np.concatenate(heard, axis=1)


@pytest.mark.parametrize("latency", [0, 64, 1000])
@pytest.mark.parametrize("lengths", [[PERIOD], [PERIOD, 37, 3, 100, 64]])
def test_an_effect_is_late_by_what_it_says_and_no_sample_is_lost(
    start: Start, tmp_path: Path, latency: int, lengths: list[int]
) -> None:
    plugin = start(EFFECT, path=build(tmp_path, "Late", latency=latency))
    player = UnitPlayer(plugin.unit, PERIOD)
    sound = noise(40 * PERIOD)
    heard = in_pieces(player, sound, lengths)
    late = PERIOD + latency
    assert plugin.standing().latency == late
    np.testing.assert_array_equal(heard[:, late : sound.shape[1]], sound[:, :-late])
    assert not heard[:, :late].any()


def test_parameters_have_the_plugins_units(start: Start) -> None:
    plugin = start(EFFECT)
    table = {one.name: (one.usual, one.low, one.high, one.unit, one.whole) for one in plugin.parameters}
    assert table == {
        "gain": (0.0, -60.0, 12.0, "dB", False),
        "latency": (0.0, 0.0, 1000.0, "frames", False),
        "fault": (0, 0, 8, "", True),
    }
    plugin.set("gain", -6.0)
    sound = noise(8 * PERIOD)
    heard = UnitPlayer(plugin.unit, PERIOD).play(sound)
    np.testing.assert_allclose(heard[:, PERIOD:], sound[:, :-PERIOD] * 10 ** (-6 / 20), rtol=1e-5)


def test_a_latency_that_changes_later_is_held_or_told(start: Start, tmp_path: Path) -> None:
    plugin = start(EFFECT, path=build(tmp_path, "Late", latency=100))
    player = UnitPlayer(plugin.unit, PERIOD)
    plugin.set("latency", 30)
    player.play(noise(20 * PERIOD))
    sound = noise(20 * PERIOD)
    heard = player.play(sound)
    np.testing.assert_array_equal(heard[:, PERIOD + 100 :], sound[:, : -PERIOD - 100])
    plugin.set("latency", 200)
    player.play(sound)
    assert any("its latency has grown from 100 to 200 frames" in news for news in _news(plugin))


def _news(plugin: Isolated) -> list[str]:
    plugin.state()  # asked for and told after whatever it had to say before
    return plugin.tend()


def test_an_effect_is_as_late_as_before_when_it_was_told_to_be_silent(start: Start, tmp_path: Path) -> None:
    plugin = start(EFFECT, path=build(tmp_path, "Late", latency=1000))
    player = UnitPlayer(plugin.unit, PERIOD)
    sound = noise(40 * PERIOD)
    player.play(sound)
    player.reset()
    heard = player.play(sound)
    late, faded = PERIOD + 1000, 1000  # what was heard before fades, what follows is faded in
    np.testing.assert_array_equal(heard[:, late + faded :], sound[:, faded:-late])
    assert not heard[:, faded:late].any()


@pytest.mark.parametrize("latency", [0, 64])
def test_a_note_sounds_from_its_frame_to_its_end(start: Start, tmp_path: Path, latency: int) -> None:
    plugin = start(INSTRUMENT, path=build(tmp_path, "Late", latency=latency))
    player = UnitPlayer(plugin.unit, PERIOD)
    player.silence(4 * PERIOD)
    heard = player.silence(
        6 * PERIOD, [(200, b"\x90\x45\x7f"), (201, b"\x90\x45\x00"), (333, b"\x91\x45\x40"), (500, b"\x81\x45\x40")]
    )
    expected = np.zeros(6 * PERIOD)
    late = PERIOD + latency
    assert plugin.standing().latency == late
    expected[late + 200] = 0.25
    expected[late + 333 : late + 500] = 64 / 127 / 4 * np.cos(2 * np.pi * 440 / RATE * np.arange(167))
    np.testing.assert_allclose(heard, [expected] * 2, atol=1e-6)


def test_a_panic_ends_its_notes(start: Start) -> None:
    plugin = start(INSTRUMENT)
    player = UnitPlayer(plugin.unit, PERIOD)
    assert player.silence(8 * PERIOD, [(0, b"\x90\x45\x7f"), (0, b"\x94\x30\x7f")])[:, -PERIOD:].any()
    player.reset()
    player.silence(8 * PERIOD)
    assert not player.silence(8 * PERIOD).any()


def test_its_state_is_its_own(start: Start) -> None:
    plugin = start(INSTRUMENT)
    player = UnitPlayer(plugin.unit, PERIOD)
    plugin.set("gain", -12.0)
    before = plugin.state()
    player.silence(2 * PERIOD, [(0, b"\x90\x45\x7f")])
    state = plugin.state()
    assert state != before
    again = start(INSTRUMENT, state)
    assert again.values()["gain"] == -12.0
    assert again.state() == state


@pytest.mark.parametrize("fault", ["crash", "hang", "nan", "loud", "spin"])
def test_one_that_fails_comes_back_as_it_was(start: Start, bundle: Path, fault: str) -> None:
    plugin = start(EFFECT)
    player = UnitPlayer(plugin.unit, PERIOD, settled=False)
    plugin.set("gain", -6.0)
    player.until_level(10 ** (-6 / 20))
    fail(bundle, fault)
    heard = player.until(lambda: plugin.standing().restarts == 1)
    assert np.abs(heard).max() <= 1.0
    player.until_level(10 ** (-6 / 20))


def test_one_that_hangs_when_asked_for_its_state_is_started_again(start: Start) -> None:
    plugin = start(EFFECT, state_s=0.5)
    player = UnitPlayer(plugin.unit, PERIOD, settled=False)
    plugin.set("fault", 7)
    player.until_level(1.0)
    plugin.state()
    plugin.set("fault", 0)
    player.until(lambda: plugin.standing().restarts == 1)
    player.until_level(1.0)


def test_what_is_no_plugin_is_refused(bundle: Path, tmp_path: Path) -> None:
    for path, why in (
        (f"{tmp_path}/none.vst3", "no such plugin"),
        (str(bundle), "contains 2 plugins"),
        (f"{bundle}#Other", "matched no plugins"),
        (str(tmp_path), "it cannot be loaded"),
        (str(build(tmp_path, "Crash", at_load="crash")), r"it crashed \(SIGSEGV\)"),
    ):
        with pytest.raises(PluginError, match=why):
            isolated.open("vst3", path, RATE, PERIOD)
