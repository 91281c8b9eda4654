"""The clock on a real JACK server: its transport is followed, and MIDI clock leaves at its frames."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from needs import lack, needs
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.native.drivers import JackDriver
from ripieno.native.engine import Engine, Rig
from ripieno.native.probe import JackProbe

needs("jackd", "jack_transport")

RATE, PERIOD = 48_000, 256
TICK, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Poll until it holds; the time is only there to fail in the end."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.005)


class Stage:
    """An engine on a server, somebody who records its MIDI output, and jack_transport, which is told what to do."""

    def __init__(self) -> None:
        self.driver, self.listener = JackDriver("clock", ["in"], ["out"]), JackProbe("listener", ["in"], [])
        for client in (self.driver, self.listener):
            client.open()
        self.engine = Engine(self.driver.sample_rate, 1, 1)
        self.engine.load(Rig("thru"))
        self.driver.start(self.engine)
        self.listener.start()
        self.listener.connect("clock:out", "listener:in")
        command, quiet = ["jack_transport"], subprocess.DEVNULL
        self.master = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, text=True)

    def tell(self, line: str) -> None:
        """A line for jack_transport."""
        assert self.master.stdin
        self.master.stdin.write(line + "\n")
        self.master.stdin.flush()

    def wait(self, condition: Callable[[], object], what: str) -> None:
        wait_for(condition, f"{what}; the clock is {self.engine.clock()}")

    def heard(self, *kinds: bytes) -> list[tuple[int, bytes]]:
        """The frames at which messages of these statuses came, all that came so far."""
        return [(frame, data) for frame, _, data in self.listener.received() if data[:1] in kinds]

    def close(self) -> None:
        self.master.communicate("exit\n", timeout=10)
        for client in (self.driver, self.listener):
            client.close()
        self.engine.close()


@contextmanager
def stage() -> Iterator[Stage]:
    with DummyServer(rate=RATE, period=PERIOD, synchronous=True):
        one = Stage()
        try:
            yield one
        finally:
            one.close()


def undisturbed(check: Callable[[], int]) -> None:
    """Repeat until the machine was never late; `check` returns how often it was, and asserts nothing where it was."""
    if not any(check() == 0 for _ in range(6)):
        lack("a machine quick enough for a JACK server: it had xruns every time (real-time priority helps)")


def test_transport_of_frames() -> None:
    """Somebody rolls it, moves it and stops it; without bars the internal tempo makes beats of its frames."""

    def check() -> int:
        with stage() as on:
            on.engine.set_clock("jack", outputs=[0], bpm=150)
            on.tell("locate 0")
            on.tell("play")
            on.wait(lambda: len(on.heard(TICK)) > 60 and on.heard(START), "it rolls")
            state = on.engine.clock().timeline
            on.tell("locate 960000")  # beat 50
            on.wait(lambda: on.heard(CONTINUE) and on.heard(TICK)[-1][0] > on.heard(CONTINUE)[0][0] + RATE, "it moved")
            place = on.engine.clock().timeline
            on.tell("stop")
            on.wait(lambda: not on.engine.clock().timeline.rolling and len(on.heard(STOP)) == 2, "it stopped")
            if late := on.driver.state().xruns:
                return late
            assert (state.source, state.rolling, state.locked) == ("jack", True, True)
            assert state.bpm == pytest.approx(150, abs=0.01)
            assert state.residual < 0.05
            assert 51 < place.beat < on.engine.clock().timeline.beat
            moved = on.heard(b"\xf2")[0][1]
            assert 200 <= (moved[1] | moved[2] << 7) < 208, "sixteenths: the next that the clock could tell"
            began, left = on.heard(START)[0][0], on.heard(STOP)[0][0]
            ticks = [frame for frame, _ in on.heard(TICK) if began <= frame < left]
            assert max(abs(frame - began - i * RATE * 60 / 150 / 24) for i, frame in enumerate(ticks)) <= 1.0
            return 0

    undisturbed(check)


def test_transport_with_bars() -> None:
    """Its tempo is the master's, from the first cycle on. jack_transport counts whole ticks in a cycle: at this tempo
    they are."""

    def check() -> int:
        with stage() as on:
            on.engine.set_clock("jack", outputs=[0], bpm=150)
            on.tell("master")
            on.tell("tempo 93.75")
            on.tell("locate 0")
            on.tell("play")
            on.wait(lambda: on.heard(START) and on.heard(TICK)[-1][0] > on.heard(START)[0][0] + 2 * RATE, "it rolls")
            if late := on.driver.state().xruns:
                return late
            state = on.engine.clock().timeline
            assert state.bpm == pytest.approx(93.75, abs=0.01)
            assert state.locked
            began = on.heard(START)[0][0]
            ticks = [frame for frame, _ in on.heard(TICK) if frame >= began]
            assert max(abs(frame - began - i * RATE * 60 / 93.75 / 24) for i, frame in enumerate(ticks)) <= 1.0
            return 0

    undisturbed(check)


def test_clock_out_to_the_frame() -> None:
    """As somebody else hears it: no tick is a frame off, and none is missing."""

    def check() -> int:
        with stage() as on:
            on.engine.set_clock("internal", outputs=[0], bpm=133.7)
            on.engine.transport("internal", "start")
            on.wait(lambda: len(on.heard(TICK)) > 24 * 12, "twelve beats")
            sent, heard = on.engine.clock().sent, on.heard(START, TICK)
            if late := on.driver.state().xruns:
                return late
            began = heard[0][0]
            assert heard[0][1] == START
            ticks = [frame for frame, data in heard if data == TICK]
            assert max(abs(frame - began - i * RATE * 60 / 133.7 / 24) for i, frame in enumerate(ticks)) <= 1.0
            assert 0 <= sent - len(ticks) < 24 * 12
            return 0

    undisturbed(check)


def test_the_moment_of_a_cycle() -> None:
    """Frames and the system's clock go together: what was seen of both twice is one line."""

    def check() -> int:
        with stage() as on:
            on.wait(lambda: on.engine.clock().frame, "cycles run")
            first = on.engine.clock()
            seen = time.monotonic_ns()
            on.wait(lambda: on.engine.clock().frame > first.frame + RATE, "a second later")
            later = on.engine.clock()
            if late := on.driver.state().xruns:
                return late
            assert abs(first.nanoseconds - seen) < 10_000_000_000
            frames = (later.nanoseconds - first.nanoseconds) * RATE / 1e9
            assert first.frame + frames == pytest.approx(later.frame, abs=2 * PERIOD)
            return 0

    undisturbed(check)
