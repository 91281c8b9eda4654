"""A rack on a real JACK server: what goes through it is as late as it says and as JACK is told, whatever the period."""

from __future__ import annotations

import mmap
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import islice

import numpy as np
import pytest

from needs import lack, needs
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.native import builtin, isolate
from ripieno.native.drivers import JackDriver
from ripieno.native.engine import Engine, Rig
from ripieno.native.probe import JackProbe
from ripieno.native.rack import INPUT, Rack, Strip
from ripieno.native.unit import Unit

needs("jackd", "jack_iodelay")  # with jack_lsp and jack_bufsize

RATE, PERIOD = 48_000, 128


@pytest.fixture(scope="module")
def server() -> Iterator[DummyServer]:
    with DummyServer(period=PERIOD, synchronous=True) as one:
        yield one


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Poll until it holds; the time is only there to fail in the end."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.005)


# What comes in goes out.
PLUGIN = """
import mmap, sys
from ripieno.native import isolate
memory = mmap.mmap(int(sys.argv[1]), isolate.SIZE)
seat = isolate.Seat(memory, 0)
isolate.prioritise()
isolate.begin(memory)
try:
    while True:
        block = seat.take(1000)
        if block:
            seat.give(seat.audio[:, : block.frames])
except isolate.Closed:
    pass
"""


@contextmanager
def isolated() -> Iterator[Unit]:
    """A plugin in a process of its own, as late as a period is long."""
    with closing(open(os.memfd_create("plugin"), "rb+")) as file:
        file.truncate(isolate.SIZE)
        memory = mmap.mmap(file.fileno(), isolate.SIZE)
        isolate.init(memory)
        unit = isolate.unit(memory, "effect", 0, 0)
        command = [sys.executable, "-c", PLUGIN, str(file.fileno())]
        with subprocess.Popen(command, pass_fds=[file.fileno()]) as process:
            try:
                yield unit
            finally:
                isolate.close(memory)
                process.wait(20)


class Host:
    """A driver and an engine whose audio input goes through a rack to two outputs."""

    def __init__(self, stack: ExitStack) -> None:
        self.driver = stack.enter_context(closing(JackDriver("host", ["in"], ["out"], ["left", "right"], ["heard"])))
        self.driver.open()
        self.engine = stack.enter_context(Engine(RATE, audios=2, audio_inputs=1))
        stack.callback(self.driver.close)  # before the engine is freed
        self.load([])
        self.driver.start(self.engine)

    def load(self, plugins: list[str], delay_midi: bool = False) -> None:
        """Play by a rack with these on the input."""
        rack = Rack(RATE, [Strip(INPUT, inputs=(0, 0))], delay_midi=delay_midi)
        for name in plugins:
            rack.add(0, builtin.make(name, RATE))
        self.engine.load(Rig("thru", rack=rack))

    def load_beside(self, unit: Unit) -> None:
        """The input goes two ways: through this, and through nothing."""
        rack = Rack(RATE, [Strip(INPUT, inputs=(0, 0))] * 2)
        rack.add(0, unit)
        self.engine.load(Rig("thru", rack=rack))


@contextmanager
def host() -> Iterator[Host]:
    with ExitStack() as stack:
        yield Host(stack)


@contextmanager
def iodelay() -> Iterator[subprocess.Popen[str]]:
    """jack_iodelay: it plays tones at jack_delay:out and measures how old they are at jack_delay:in."""
    command = ["stdbuf", "-oL", "jack_iodelay"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        wait_for(lambda: "jack_delay:in" in lsp(), "jack_iodelay is a client")
        try:
            yield process
        finally:
            process.kill()


def round_trip(connect: Callable[[str, str], object]) -> float:
    """Frames from its output to its input as jack_iodelay says, once it says the same five times in a row."""
    with iodelay() as process:
        connect("jack_delay:out", "jack_delay:in")
        assert process.stdout
        found: list[float] = []
        for line in islice(process.stdout, 300):  # three lines a time, twice a second
            if measured := re.match(r"\s*([\d.]+) frames", line):
                found = [*found[-4:], float(measured[1])]
            if len(found) == 5 and max(found) - min(found) < 0.01:
                return found[0]
    raise AssertionError(f"jack_iodelay does not find the delay: {found}")


def lsp(*options: str) -> str:
    """What jack_lsp says."""
    return subprocess.run(["jack_lsp", *options], capture_output=True, text=True, check=False, timeout=20).stdout


def latencies(port: str) -> tuple[int, int]:
    """A port's capture and playback latency in frames as jack_lsp shows them, the least being the most."""
    what = r"\s*port (?:playback|capture) latency = \[ (\d+) (\d+) \] frames\n"
    found = re.search(rf"^{port}\n{what}{what}", lsp("-l"), re.MULTILINE)
    assert found
    assert (found[1], found[3]) == (found[2], found[4])
    return int(found[3]), int(found[1])


def test_an_empty_rack_adds_no_latency(server: DummyServer) -> None:
    with closing(JackDriver("cable", [], [])) as cable:
        cable.open()
        alone = round_trip(cable.connect)
    with host() as at:

        def through(source: str, destination: str) -> None:
            at.driver.connect(source, "host:heard")
            at.driver.connect("host:left", destination)

        for plugins, more in (([], 0), (["gain"], 0), (["limiter", "gain", "limiter"], 128)):
            at.load(plugins)
            assert round_trip(through) == pytest.approx(alone + more, abs=0.01)


def test_jack_is_told_how_late_it_is(server: DummyServer) -> None:
    with host() as at:
        at.driver.connect("system:capture_1", "host:heard")
        at.driver.connect("host:left", "system:playback_1")
        (capture, _), (_, playback) = latencies("system:capture_1"), latencies("system:playback_1")
        assert capture > 0
        assert playback > 0
        for plugins, more in (([], 0), (["limiter"], 64), (["limiter", "limiter"], 128), (["gain"], 0)):
            at.load(plugins, delay_midi=True)
            wait_for(lambda more=more: at.engine.stats().latency == more, "the rack plays")  # type: ignore[misc]
            wait_for(lambda more=more: at.engine.stats().delay == more, "so late is the MIDI")  # type: ignore[misc]
            at.driver.tend()
            wait_for(lambda more=more: latencies("host:left")[0] == capture + more, "JACK knows")  # type: ignore[misc]
            assert latencies("host:heard")[1] == latencies("host:in")[1] == playback + more
            assert latencies("host:out")[0] == more  # nobody plays to it


def ear_of(ports: list[str]) -> JackProbe:
    """Records some seconds of these."""
    ear = JackProbe("ear", [], [], audio_inputs=[str(n) for n in range(len(ports))], audio_frames=20 * RATE)
    ear.open()
    ear.start()
    for n, port in enumerate(ports):
        ear.connect(port, f"ear:{n}")
    return ear


def set_period(driver: JackDriver, period: int) -> None:
    """Frames a cycle of the server, from the next cycle on."""
    subprocess.run(["jack_bufsize", str(period)], capture_output=True, check=False, timeout=20)
    wait_for(lambda: driver.state().period == period, "another period")
    before = driver.state().cycles
    wait_for(lambda: driver.state().cycles > before + 4, "the server runs")


def test_another_period_while_it_plays(server: DummyServer) -> None:
    for _ in range(8):
        with host() as at, iodelay(), closing(ear_of(["jack_delay:out", "host:left"])) as ear:
            at.driver.connect("jack_delay:out", "host:heard")
            for period in (256, 1024, 32, PERIOD):
                set_period(at.driver, period)
                before = len(ear.sound())
                wait_for(lambda before=before: len(ear.sound()) > before + RATE // 4, "it plays on")  # type: ignore[misc]
            assert at.driver.state().alive
            if at.driver.state().xruns:
                continue
            played, heard = ear.sound(0), ear.sound(1)
            size = min(len(played), len(heard))
            start = int(np.flatnonzero(heard)[0]) + RATE // 10
            assert size - start > RATE
            np.testing.assert_array_equal(heard[start:size], played[start:size])
            return
    lack("a machine quick enough for a JACK server: it had xruns every time (real-time priority helps)")


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no memory without a name")
def test_paths_stay_aligned_when_the_period_changes(server: DummyServer) -> None:
    for _ in range(8):
        with isolated() as unit, host() as at, iodelay(), closing(ear_of(["jack_delay:out", "host:left"])) as ear:
            at.load_beside(unit)
            at.driver.connect("jack_delay:out", "host:heard")
            wait_for(lambda: unit.state().fault == "", "the plugin plays")
            steady = []
            for period in (PERIOD, 512, 64):
                set_period(at.driver, period)
                assert at.engine.stats().latency == unit.state().latency == period
                first = len(ear.sound())
                wait_for(lambda first=first: len(ear.sound()) > first + RATE // 2, "it plays on")  # type: ignore[misc]
                steady.append((period, first + RATE // 10, first + RATE // 2))
            if at.driver.state().xruns or unit.state().missed:
                continue
            played, heard = ear.sound(0), ear.sound(1)
            for period, first, last in steady:
                both = played[first - period : last - period] + played[first - period : last - period]
                np.testing.assert_array_equal(heard[first:last], both)
            loud = np.abs(np.diff(played)).max()
            assert np.abs(np.diff(heard[np.flatnonzero(heard)[0] + RATE // 10 :])).max() < 3 * loud  # no click
            return
    lack("a machine quick enough for a JACK server: it had xruns every time (real-time priority helps)")
