"""A unit in the engine and a plugin in a real second process: what it renders, that it is killed, and replaced."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from ripieno.native import isolate
from ripieno.native.engine import Engine, Event, Rig, Sound, run_offline
from ripieno.native.rack import Rack, Strip
from ripieno.native.unit import Unit

RATE, PERIOD, FADED = 48_000, 128, 1000  # FADED: frames after which no fade of a beginning is heard any more
LIMIT = 60.0  # seconds that a process may take to start or to end
SWITCH = 1  # a parameter: 1 sends samples that are no numbers

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no memory without a name")

# An effect: the input times parameter 0. An instrument: an impulse at each note, as high as its velocity.
PLUGIN = """
import mmap, sys
import numpy as np
from ripieno.native import isolate
memory = mmap.mmap(int(sys.argv[1]), isolate.SIZE)
events, values = np.zeros((isolate.EVENTS, 4), np.int32), np.zeros(2, np.float32)
isolate.begin(memory)
print("begun", flush=True)
try:
    while True:
        block = isolate.wait(memory, 1000)
        if block is None:
            continue
        audio = np.empty((2, block.frames), np.float32)
        isolate.read(memory, audio, events, values)
        audio *= values[0]
        for offset, status, _, velocity in events[: block.events]:
            if status == 0x90:
                audio[:, offset] += velocity / 128
        if values[1]:
            audio[:] = np.nan
        isolate.write(memory, audio)
except isolate.Closed:
    print("closed", flush=True)
"""


class Plugin:
    """The shared memory, and the process at its other end; `start` may be called again after that is dead."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("isolate")
        os.ftruncate(self.fd, isolate.SIZE)
        self.memory = mmap.mmap(self.fd, isolate.SIZE)
        isolate.init(self.memory)
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", PLUGIN, str(self.fd)]
        self.process = subprocess.Popen(command, pass_fds=[self.fd], stdout=subprocess.PIPE, text=True)
        assert self.line() == "begun"

    def line(self) -> str:
        assert self.process
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            assert self.process.wait(LIMIT) in (0, -signal.SIGKILL)
            assert self.process.stdout
            self.process.stdout.close()
        self.process = None


@pytest.fixture
def plugin() -> Iterator[Plugin]:
    one = Plugin()
    yield one
    one.kill()
    os.close(one.fd)


class Stage:
    """An engine with one unit between a sound that comes in, or notes, and its outputs."""

    def __init__(self, unit: Unit, source: str) -> None:
        self.engine = Engine(RATE, audios=2, audio_inputs=2)
        rack = Rack(RATE, [Strip(source)])
        rack.add(0, unit)
        self.engine.load(Rig("thru", rack=rack))
        self.at = 0
        self.sent = np.zeros((0, 2), np.float32)
        self.heard = np.zeros((0, 2), np.float32)

    def play(self, blocks: int, events: list[Event] | None = None) -> None:
        until = self.at + blocks * PERIOD
        time = np.arange(self.at, until) / RATE
        tone = np.stack([np.sin(2 * np.pi * 440 * time), np.cos(2 * np.pi * 330 * time)], 1)
        coming, going = Sound(2), Sound(2)
        coming.add(tone.astype(np.float32))
        run_offline(self.engine, events or [], until, from_frame=self.at, block=PERIOD, sound=going, heard=coming)
        self.sent = np.concatenate([self.sent, coming.samples()])
        self.heard = np.concatenate([self.heard, going.samples()])
        self.at = until

    def due(self, since: int, gain: float) -> NDArray[np.bool_]:
        """From a frame on: is it what was sent a period before, times a gain?"""
        late = self.sent[since - PERIOD : self.at - PERIOD]
        return self.heard[since:] == np.float32(gain) * late

    def steepest(self, since: int) -> float:
        return float(np.abs(np.diff(self.heard[since:], axis=0)).max())


def test_a_second_process_renders_and_ends_with_the_unit(plugin: Plugin) -> None:
    unit = isolate.unit(plugin.memory, "effect", 2, 0)
    unit.set(0, -0.5)
    plugin.start()
    stage = Stage(unit, "input")
    stage.play(100)
    assert stage.due(FADED, -0.5).all()
    unit.set(0, 0.25)
    since = stage.at + PERIOD
    stage.play(100)
    assert stage.due(since, 0.25).all()
    state = unit.state()
    assert (state.latency, state.missed, state.fault) == (PERIOD, 0, "")
    assert isolate.given(plugin.memory) == isolate.beat(plugin.memory) == state.blocks
    stage.engine.close()
    unit.free()
    assert plugin.line() == "closed"
    assert plugin.process
    assert plugin.process.wait(LIMIT) == 0


def test_an_instrument_gets_its_notes_at_their_frames(plugin: Plugin) -> None:
    unit = isolate.unit(plugin.memory, "instrument", 2, 0)
    plugin.start()
    stage = Stage(unit, "notes")
    frames = [FADED, FADED + 1, 2017, 5000]
    stage.play(50, [(frame, 0, bytes([0x90, 60 + n, 32 * (n + 1) - 1])) for n, frame in enumerate(frames)])
    expected = np.zeros((stage.at, 2), np.float32)
    for n, frame in enumerate(frames):
        expected[frame + PERIOD] = (32 * (n + 1) - 1) / 128
    assert np.array_equal(stage.heard, expected)
    stage.engine.close()


def test_it_is_killed_and_replaced(plugin: Plugin) -> None:
    unit = isolate.unit(plugin.memory, "effect", 2, 0)
    unit.set(0, -0.5)
    plugin.start()
    stage = Stage(unit, "input")
    stage.play(100)
    for _ in range(2):
        plugin.kill()
        since = stage.at + PERIOD + FADED
        stage.play(40)
        assert unit.state().fault == "its sound does not come in time"
        assert stage.due(since, 1).all()  # the input stands in
        plugin.start()
        isolate.renew(unit)
        stage.play(40)
        since = stage.at
        stage.play(10)
        assert unit.state().fault == ""
        assert stage.due(since, -0.5).all()
    assert stage.steepest(FADED) < 0.1  # the tone itself has 0.058
    stage.engine.close()


def test_samples_that_are_no_numbers_are_not_heard(plugin: Plugin) -> None:
    unit = isolate.unit(plugin.memory, "effect", 2, 0)
    unit.set(0, 1)
    plugin.start()
    stage = Stage(unit, "input")
    stage.play(20)
    unit.set(SWITCH, 1)
    stage.play(20)
    unit.set(SWITCH, 0)
    stage.play(20)
    assert unit.state().fault == "it sent samples that are no numbers"
    isolate.renew(unit)
    stage.play(30)
    assert unit.state().fault == ""
    assert np.abs(stage.heard).max() <= 1
    assert stage.steepest(FADED) < 0.1
    stage.engine.close()


def test_what_the_faces_refuse(plugin: Plugin) -> None:
    plain = mmap.mmap(-1, isolate.SIZE)
    with pytest.raises(ValueError, match="init"):
        isolate.begin(plain)
    with pytest.raises(ValueError, match="init"):
        isolate.unit(plain, "effect", 0, 0)
    with pytest.raises(ValueError, match="256"):
        isolate.unit(plugin.memory, "effect", 257, 0)
    with pytest.raises(ValueError, match="bytes"):
        isolate.init(mmap.mmap(-1, 4096))
    isolate.begin(plugin.memory)
    assert isolate.wait(plugin.memory, 0) is None
    with pytest.raises(ValueError, match="wait"):
        isolate.write(plugin.memory, np.zeros((2, PERIOD), np.float32))
    stage = Stage(isolate.unit(plugin.memory, "effect", 0, 0), "input")
    unsettled = isolate.given(plugin.memory)
    assert unsettled == 0
    stage.play(1)  # nobody renders it
    assert isolate.wait(plugin.memory, 0) == (PERIOD, 0, 0)
    with pytest.raises(ValueError, match="128"):
        isolate.write(plugin.memory, np.zeros((2, PERIOD - 1), np.float32))
    with pytest.raises(ValueError, match="float32"):
        isolate.write(plugin.memory, np.zeros((2, PERIOD)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="float32"):
        isolate.write(plugin.memory, np.zeros((PERIOD, 2), np.float32).T)
    stage.engine.close()
    isolate.close(plugin.memory)
    with pytest.raises(isolate.Closed):
        isolate.wait(plugin.memory, 10_000)
