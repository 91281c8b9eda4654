"""The VST3 of the tests, in pedalboard itself: what others are tested with must do what it says."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stage import wait_for
from vst3_build import EFFECT, FAULTS, INSTRUMENT, build, fail

from needs import needs

needs("pedalboard")

from pedalboard import VST3Plugin  # noqa: E402

RATE, BLOCK = 48000, 128
Sound = NDArray[np.float32]

# A process of its own: it loads the effect of a bundle, sets its fault, says so, and plays a block.
VICTIM = """
import sys, numpy, pedalboard
plugin = pedalboard.VST3Plugin(sys.argv[1], plugin_name=sys.argv[2])
{parameter.name: parameter for parameter in plugin._parameters}["Fault"].raw_value = float(sys.argv[3])
print("plays", flush=True)
plugin.process(numpy.zeros((2, 128), numpy.float32), 48000, 128, False)
"""
# Likewise: it plays a block, which does no harm, and is asked for its state when it is told to.
STATE_VICTIM = """
import sys, numpy, pedalboard
plugin = pedalboard.VST3Plugin(sys.argv[1], plugin_name=sys.argv[2])
plugin.process(numpy.zeros((2, 128), numpy.float32), 48000, 128, False)
print("plays", flush=True)
input()
plugin.process(numpy.zeros((2, 128), numpy.float32), 48000, 128, False)
plugin.raw_state
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("vst3"))


@pytest.fixture
def effect(bundle: Path) -> Any:
    return VST3Plugin(str(bundle), plugin_name=EFFECT)


@pytest.fixture
def instrument(bundle: Path) -> Any:
    return VST3Plugin(str(bundle), plugin_name=INSTRUMENT)


def turn(plugin: Any, name: str, value: float) -> None:
    """Set a parameter in plain values."""
    low, high = {"Gain": (-60, 12), "Latency": (0, 1000), "Fault": (0, len(FAULTS) - 1)}[name]
    knob = next(one for one in plugin._parameters if one.name == name)
    knob.raw_value = (value - low) / (high - low)


def process(effect: Any, sound: Sound) -> Sound:
    """Block by block; what pedalboard leaves out at the beginning (a plugin's latency) is silence again."""
    blocks = [sound[:, at : at + BLOCK] for at in range(0, sound.shape[1], BLOCK)]
    out = [effect.process(block, RATE, BLOCK, False) for block in blocks]
    return np.concatenate([np.pad(one, ((0, 0), (BLOCK - one.shape[1], 0))) for one in out], axis=1)


def play(instrument: Any, events: list[tuple[bytes, int]], frames: int) -> Sound:
    """Messages at their frames; a frame's time is its middle, as hosts cut off what is behind the point."""
    messages = [(message, (frame + 0.5) / RATE) for message, frame in events]
    out: Sound = instrument.process(messages, (frames + 0.5) / RATE, RATE, 2, BLOCK, False)
    return out


def noise(frames: int) -> Sound:
    return np.random.default_rng(1).uniform(-0.5, 0.5, (2, frames)).astype(np.float32)


def tone(pitch: int, velocity: int, frames: int) -> Sound:
    step = 2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) / RATE
    one = velocity / 127 / 4 * np.cos(step * np.arange(frames))
    return np.stack([one, one]).astype(np.float32)


def test_it_is_what_hosts_take_for_a_plugin(bundle: Path, effect: Any, instrument: Any) -> None:
    assert VST3Plugin.get_plugin_names_for_file(str(bundle)) == [EFFECT, INSTRUMENT]
    assert effect.is_effect
    assert instrument.is_instrument
    assert (effect.manufacturer_name, effect.version) == ("Ripieno", "1.0")
    assert {name: knob.units for name, knob in effect.parameters.items()} == {
        "gain_db": "dB",
        "latency_frames": "frames",
        "fault": None,
    }
    assert set(instrument.parameters) == set(effect.parameters)
    assert effect.parameters["gain_db"].range[:2] == (-60, 12)
    assert effect.parameters["fault"].range[:2] == (0, len(FAULTS) - 1)


@pytest.mark.parametrize("gain", [0.0, -6.0, 12.0])
def test_the_effect_is_its_gain(effect: Any, gain: float) -> None:
    turn(effect, "Gain", gain)
    given = noise(4 * BLOCK)
    out = process(effect, given)
    np.testing.assert_allclose(out, given * 10 ** (gain / 20), rtol=2e-6)


@pytest.mark.parametrize("latency", [0, 1, 64, 1000])
def test_it_is_as_late_as_it_says(tmp_path: Path, latency: int) -> None:
    effect = VST3Plugin(str(build(tmp_path, latency=latency)), plugin_name=EFFECT)
    assert effect.reported_latency_samples == latency
    given = noise(16 * BLOCK)
    out = process(effect, given)
    assert np.array_equal(out[:, latency:], given[:, : given.shape[1] - latency])
    assert not out[:, :latency].any()


def test_another_latency_is_said_to_the_host(effect: Any) -> None:
    turn(effect, "Latency", 64)
    process(effect, noise(BLOCK))
    effect.reset()
    process(effect, noise(BLOCK))
    assert effect.reported_latency_samples == 64


def test_notes_are_exact_to_the_frame(instrument: Any) -> None:
    on, off = 37, 3 * BLOCK + 5
    out = play(instrument, [(bytes([0x90, 69, 100]), on), (bytes([0x80, 69, 0]), off)], 5 * BLOCK)
    assert not out[:, :on].any()
    np.testing.assert_allclose(out[:, on:off], tone(69, 100, off - on), atol=1e-5)
    assert not out[:, off:].any()


def test_notes_sound_together_and_a_velocity_of_zero_ends_one(instrument: Any) -> None:
    events = [(bytes([0x90, 60, 127]), 0), (bytes([0x91, 67, 64]), 10), (bytes([0x90, 60, 0]), 200)]
    out = play(instrument, events, 3 * BLOCK)
    np.testing.assert_allclose(out[:, :10], tone(60, 127, 10), atol=1e-5)
    both = tone(60, 127, 200)[:, 10:] + tone(67, 64, 190)
    np.testing.assert_allclose(out[:, 10:200], both, atol=1e-5)
    np.testing.assert_allclose(out[:, 200:], tone(67, 64, 3 * BLOCK - 10)[:, 190:], atol=1e-5)


@pytest.mark.parametrize("controller", [120, 123])
def test_all_notes_end_at_once(instrument: Any, controller: int) -> None:
    """JUCE hands a controller over at the begin of its block, which is the third here."""
    notes = [(bytes([0x90, pitch, 100]), 0) for pitch in (60, 64, 67)]
    out = play(instrument, [*notes, (bytes([0xB0, controller, 0]), 300)], 4 * BLOCK)
    assert out[:, : 2 * BLOCK].any(axis=0).all()
    assert not out[:, 300:].any()


@pytest.mark.parametrize("name", [EFFECT, INSTRUMENT])
def test_its_state_makes_another_one_the_same(bundle: Path, name: str) -> None:
    plugin, other = (VST3Plugin(str(bundle), plugin_name=name) for _ in range(2))
    turn(plugin, "Gain", -7.5)
    turn(plugin, "Latency", 64)
    if name == EFFECT:
        process(plugin, noise(3 * BLOCK))
    else:
        play(plugin, [(bytes([0x90, 60, 1]), 0), (bytes([0x80, 60, 0]), 9)], BLOCK)
    state = plugin.raw_state
    assert state != other.raw_state
    other.raw_state = state
    assert other.raw_state == state
    assert other.parameters["gain_db"].string_value == "-7.50"


def test_no_state_of_another_is_taken(effect: Any) -> None:
    before = effect.raw_state
    effect.raw_state = b"something else"
    assert effect.raw_state == before


def test_sound_that_is_none(effect: Any) -> None:
    for fault, test in (("nan", np.isnan), ("loud", lambda out: out == 1000)):
        turn(effect, "Fault", FAULTS.index(fault))
        assert test(process(effect, noise(BLOCK))).all()
    turn(effect, "Fault", 0)
    assert np.array_equal(process(effect, noise(BLOCK)), noise(BLOCK))


def test_a_leak(effect: Any) -> None:
    turn(effect, "Fault", FAULTS.index("leak"))
    before = resident()
    process(effect, noise(2 * BLOCK))
    assert resident() - before > 120 << 20


def resident() -> int:
    """Bytes in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_a_fault_once(tmp_path: Path) -> None:
    bundle = build(tmp_path)
    one, two = (VST3Plugin(str(bundle), plugin_name=EFFECT) for _ in range(2))
    fail(bundle, "nan")
    assert np.isnan(process(one, noise(BLOCK))).all()
    for plugin in (one, two):
        assert np.array_equal(process(plugin, noise(2 * BLOCK)), noise(2 * BLOCK))


def victim(bundle: Path, fault: str) -> "subprocess.Popen[str]":
    """A process in which the effect fails; it has begun to play."""
    wanted = str(FAULTS.index(fault) / (len(FAULTS) - 1))
    line = [sys.executable, "-c", VICTIM, str(bundle), EFFECT, wanted]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "plays\n"
    return process


def test_a_crash(bundle: Path) -> None:
    with victim(bundle, "crash") as process:
        assert process.wait(60) == -signal.SIGSEGV


@pytest.mark.parametrize("fault", ["hang", "spin"])
def test_a_hang(bundle: Path, fault: str) -> None:
    with victim(bundle, fault) as process:
        hangs(process)


def test_a_state_that_is_never_told(tmp_path: Path) -> None:
    bundle = build(tmp_path)
    line = [sys.executable, "-c", STATE_VICTIM, str(bundle), EFFECT]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "plays\n"
        fail(bundle, "hang-state")
        process.stdin.write("now\n")
        process.stdin.flush()
        wait_for(lambda: not (bundle / "Contents" / "fault").exists(), "the fault")
        hangs(process)


def hangs(process: "subprocess.Popen[str]") -> None:
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
    finally:
        process.kill()
