"""VST3 plugins by pedalboard, in their own processes: to the sample, with their units, their state and their faults."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


@dataclass
class TheirParameter:
    """A parameter as pedalboard shows it. text: what the plugin says of a value of 0 to 1."""

    name: str
    text: Callable[[float], str]
    default_raw_value: float = 0.5
    label: str = ""
    num_steps: int = 0x7FFFFFFF
    is_automatable: bool = True
    is_boolean: bool = False

    def __post_init__(self) -> None:
        self.raw_value = self.default_raw_value
        self.is_discrete = self.num_steps < 1000

    def get_text_for_raw_value(self, raw: float) -> str:
        return self.text(raw)


class TheirPlugin:
    """A plugin as pedalboard loads it, of one channel only."""

    name, is_instrument, reported_latency_samples, raw_state = "One", False, 0, b""

    def __init__(self, *parameters: TheirParameter) -> None:
        self._parameters = list(parameters)

    def process(self, audio: np.ndarray, rate: float, size: int, reset: bool) -> np.ndarray:
        assert not reset
        if len(audio) != 1:
            raise ValueError("one channel only")
        return audio * 2


def test_what_a_plugin_says_of_its_parameters_is_understood() -> None:
    from ripieno.plugins.hosts.juce import knobs

    theirs = TheirPlugin(
        TheirParameter("Cut-Off (Hz)", lambda raw: f"{20 * 1000**raw:.1f} Hz"),
        TheirParameter("Cut Off Hz", lambda raw: f"{1 - raw:.3f}"),
        TheirParameter("Shape", lambda raw: ("Sine", "Saw", "Square")[round(2 * raw)], 1.0, num_steps=3),
        TheirParameter("On", lambda raw: "yes" if raw > 0.5 else "no", 1.0, is_boolean=True),
        TheirParameter("Mood", lambda raw: "warm" if raw > 0.7 else "cold", 0.25),
        TheirParameter("MIDI CC 1|2", str),
        TheirParameter("Hidden", str, is_automatable=False),
        TheirParameter("Level", lambda raw: "-inf dB" if raw == 0 else f"{60 * raw - 60:.2f} dB", 1.0),
    )
    found = knobs(theirs)
    table = {knob.parameter.name: (knob.parameter.low, knob.parameter.high, knob.parameter.unit) for knob in found}
    assert table == {
        "cut_off_hz": (20.0, 20000.0, "Hz"),
        "cut_off_hz_2": (0.0, 1.0, ""),
        "shape": (0, 2, ""),
        "on": (0, 1, ""),
        "mood": (0.0, 1.0, ""),
        "level": (-60.0, 0.0, "dB"),
    }
    by_name = {knob.parameter.name: knob for knob in found}
    assert by_name["cut_off_hz"].raw(632.5) == pytest.approx(0.5, abs=1e-3)
    assert by_name["cut_off_hz"].value(1.0) == 20000
    assert by_name["cut_off_hz_2"].raw(0.25) == pytest.approx(0.75)
    assert (by_name["shape"].raw(2), by_name["shape"].value(0.5), by_name["shape"].parameter.usual) == (1.0, 1, 2)
    assert "0 Sine, 1 Saw, 2 Square" in by_name["shape"].parameter.help
    assert by_name["on"].parameter.whole


def test_an_effect_of_one_channel_is_heard_on_both(monkeypatch: pytest.MonkeyPatch) -> None:
    from ripieno.plugins.hosts import juce

    monkeypatch.setattr(juce.pedalboard, "load_plugin", lambda *_, **__: TheirPlugin())
    plugin = juce.Juce("one.vst3", RATE, PERIOD)
    sound = noise(PERIOD)
    heard = plugin.render(sound.copy(), (), {})
    np.testing.assert_allclose(heard, np.stack([sound.sum(axis=0)] * 2), rtol=1e-6)


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
