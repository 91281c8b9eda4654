"""The rack's face: what is refused, and what a preset's chains are made of, rendered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ripieno.native import builtin
from ripieno.native.engine import Engine, Event, Rig, Sound, run_offline
from ripieno.native.rack import INPUT, VOICE, Rack, Strip
from ripieno.native.singer import SingerShape, SingerWeights, TowerShape
from ripieno.native.singing import Singing, SingingConfig

RATE = 48_000
DATA = np.load(Path(__file__).parent / "data" / "singer_torch.npz")
CHORD: list[Event] = [(40 * pitch, 0, bytes([0x90, pitch, 90])) for pitch in (60, 64, 67)]


@pytest.fixture(scope="module")
def weights() -> SingerWeights:
    arrays = {name.removeprefix("array."): DATA[name] for name in DATA.files if name.startswith("array.")}
    heads = [int(one) for one in DATA["config.windows"]]
    return SingerWeights(arrays, SingerShape(TowerShape(*heads[:2]), TowerShape(*heads[2:])))


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="21 strips: at most 20"):
        Rack(RATE, [Strip()] * 21)
    with pytest.raises(ValueError, match="the engine refuses this rack: a port, a channel or the sample rate"):
        Rack(RATE, [Strip(channel=17)])
    rack, unit = Rack(RATE, [Strip(INPUT, inputs=(0, 2))]), builtin.make("gain", RATE)
    assert rack.inputs == 3
    with pytest.raises(ValueError, match="strip 1 does not take this plugin: at most 8 stand in a chain"):
        rack.add(1, unit)
    with pytest.raises(ValueError, match="controller 128 cannot move parameter 0"):
        rack.automate(unit, 0, 128, 0, 1)
    with Engine(RATE, audios=2, audio_inputs=2) as engine:
        with pytest.raises(ValueError, match="the rack hears audio input 2, the engine has 2"):
            engine.load(Rig("thru", rack=rack))
        with pytest.raises(ValueError, match="the rack plays at 44100 Hz, the engine at 48000 Hz"):
            engine.load(Rig("thru", rack=Rack(44_100, [])))


def test_an_input_through_a_chain() -> None:
    rack, unit = Rack(RATE, [Strip(INPUT, inputs=(0, 0))]), builtin.make("limiter", RATE)
    rack.add(0, unit)
    heard, sound = Sound(1), Sound(2)
    tone = (0.25 * np.sin(np.arange(9_600) * 0.05)).astype(np.float32)
    heard.add(tone[:5_000, None])
    heard.add(tone[5_000:, None])
    with pytest.raises(ValueError, match=r"sound of shape \(3, 2\) for 1 channels"):
        heard.add(np.zeros((3, 2), np.float32))
    with Engine(RATE, audios=2, audio_inputs=1) as engine:
        engine.load(Rig("thru", rack=rack))
        run_offline(engine, [], 12_000, sound=sound, heard=heard)
        assert engine.stats().latency == 64
        assert engine.stats().delay == 0
    samples = sound.samples()
    np.testing.assert_array_equal(samples[1_000:9_664, 0], tone[936:])  # too soft to be limited
    np.testing.assert_array_equal(samples[:, 0], samples[:, 1])
    assert not samples[9_664:].any()
    state = rack.state()
    assert (state.latency, state.strip_latency, state.master_latency) == (64, (64,), 0)
    assert state.peak == state.strip_peak[0] == unit.state().peak == (np.abs(tone).max(),) * 2
    assert unit.state().blocks == 94  # of 128 frames


def sing(weights: SingerWeights, rack: Rack | None, **given: object) -> NDArray[np.float32]:
    """[frames, 3]: what leaves on three audio outputs."""
    singing, sound = Singing(weights, SingingConfig(RATE, synchronous=True, parameters={"seed": 5})), Sound(3)
    with Engine(RATE, 1, 2, audios=3) as engine:
        engine.load(Rig("thru", singing=singing, singing_port=1, rack=rack, **given))  # type: ignore[arg-type]
        run_offline(engine, CHORD, 2 * RATE, sound=sound)
    singing.close()
    return sound.samples()


def test_the_voice_sounds_where_it_is_asked_to(weights: SingerWeights) -> None:
    everywhere = sing(weights, None)
    voice = everywhere[:, :1]
    assert np.abs(voice).max() > 0.01
    np.testing.assert_array_equal(everywhere, np.repeat(voice, 3, axis=1))
    np.testing.assert_array_equal(sing(weights, None, voice_outputs=[2]), voice * np.float32([0, 0, 1]))
    # Through the master, with a strip or without.
    for strips in ([], [Strip(VOICE)]):
        np.testing.assert_array_equal(sing(weights, Rack(RATE, strips)), voice * np.float32([1, 1, 0]))
    # And on an output of its own, which is half of each channel; the master is as late as its limiter.
    rack = Rack(RATE, [Strip(VOICE, outputs=(2, 2))])
    rack.add(None, builtin.make("limiter", RATE))
    late = np.concatenate([np.zeros((64, 1), np.float32), voice[:-64]])
    np.testing.assert_array_equal(sing(weights, rack), np.repeat(late, 3, axis=1))


def test_a_rack_lives_as_long_as_its_rig() -> None:
    sound = Sound(2)
    with Engine(RATE, audios=2) as engine:
        for _ in range(20):
            rack = Rack(RATE, [Strip(), Strip(channel=1)])
            rack.add(0, builtin.make("reverb", RATE))
            rack.add(None, builtin.make("gain", RATE))
            engine.load(Rig("thru", rack=rack))
            del rack
            start = engine.stats().frames
            run_offline(engine, [(start, 0, b"\x90\x3c\x40")], start + 2_000, from_frame=start, sound=sound)
            engine.poll()
    assert len(sound) == 40_000
