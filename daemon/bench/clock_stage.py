"""What `bench clock` plays with: jack_midi_clock, told its tempo by jack_transport, and ticks of MIDI clock."""

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ripieno.daemon.bench.jack import has_ports, wait_for
from ripieno.daemon.bench.plugins_client import connect
from ripieno.daemon.errors import UserError
from ripieno.native.drivers import JackClient
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

RATE, PERIOD = 48_000, 128
OURS = f"ripieno-bench-{os.getpid()}"
TICKS = 24  # a beat
CLOCK, START, STOP = b"\xf8", b"\xfa", b"\xfc"
_SECONDS = 30.0
_TOOLS = {"jack_midi_clock": "jack-midi-clock", "jack_transport": "jackd2"}
_STEP_S = 0.05  # of a ramp


@dataclass(frozen=True)
class Hold:
    """A tempo, kept for so long."""

    bpm: float
    seconds: float


@dataclass(frozen=True)
class Ramp:
    """From the tempo before to another, evenly."""

    bpm: float
    seconds: float


def steps(plan: Sequence[Hold | Ramp]) -> Iterator[tuple[float, float]]:
    """(seconds from the start, tempo) of each change. A ramp is a staircase, its steps 50 ms long."""
    now, bpm = 0.0, plan[0].bpm
    for part in plan:
        count = max(1, round(part.seconds / _STEP_S)) if isinstance(part, Ramp) else 1
        for step in range(1, count + 1):
            at = now + (step - 1) * part.seconds / count
            yield at, bpm + (part.bpm - bpm) * step / count
        now, bpm = now + part.seconds, part.bpm


def seconds_of(plan: Sequence[Hold | Ramp]) -> float:
    """How long it all takes."""
    return sum(part.seconds for part in plan)


def need_tools() -> None:
    """UserError where one is missing."""
    for tool, package in _TOOLS.items():
        if not shutil.which(tool):
            raise UserError(f"{tool} is not on this machine: Debian: apt install {package}")


class Transport:
    """`jack_transport`, which says what JACK's tempo is and lets its transport roll."""

    def __init__(self) -> None:
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        line = ["jack_transport"]
        self._process = subprocess.Popen(line, stdin=pipe, stdout=nothing, stderr=nothing, text=True)
        self.say("master")

    def say(self, command: str) -> None:
        """One of its commands."""
        assert self._process.stdin
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()

    def play(self, plan: Sequence[Hold | Ramp]) -> None:
        """Roll from the beginning at these tempos, to the end of the plan."""
        self.say(f"tempo {plan[0].bpm}")
        self.say("locate 0")
        time.sleep(0.2)  # it says nothing when it has done that
        self.say("play")
        begin = time.monotonic()
        for at, bpm in steps(plan):
            time.sleep(max(0.0, begin + at - time.monotonic()))
            self.say(f"tempo {bpm:.3f}")
        time.sleep(max(0.0, begin + seconds_of(plan) - time.monotonic()))

    def close(self) -> None:
        """End it, and the transport."""
        if self._process.poll() is None:
            self.say("stop")
            self.say("exit")
        try:
            self._process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


@contextmanager
def midi_clock(client: JackClient) -> Iterator[str]:
    """`jack_midi_clock` on the server of `client`; the name of its port."""
    port, nothing = "jack_midi_clock:mclk_out", subprocess.DEVNULL
    process = subprocess.Popen(["jack_midi_clock", "-d", "0"], stdin=nothing, stdout=nothing, stderr=nothing)
    try:
        wait_for(lambda: has_ports(client, [port]), f"the port {port}", _SECONDS)
        yield port
    finally:
        process.terminate()
        process.wait(_SECONDS)


def record(plan: Sequence[Hold | Ramp]) -> list[Event]:
    """What jack_midi_clock sends while JACK's transport goes through the plan: its start, at frame 0, and its ticks."""
    need_tools()
    with closing(JackProbe("bench-clock", ["in"], [])) as probe:
        probe.open()
        probe.start()
        with midi_clock(probe) as port, closing(Transport()) as transport:
            connect(probe, port, "bench-clock:in")
            transport.play(plan)
        heard = probe.received()
    data = [event[2] for event in heard]
    if START not in data:
        raise UserError("jack_midi_clock did not start: no tempo came from jack_transport")
    begin = data.index(START)
    end = data.index(STOP, begin) if STOP in data[begin:] else len(data)
    return [(frame - heard[begin][0], 0, one) for frame, _, one in heard[begin:end]]


def jittered(events: Sequence[Event], seconds: float, seed: int) -> list[Event]:
    """Each tick anywhere within so much of its place, in their order, and all of it that much later."""
    chance, most, last = random.Random(seed), seconds * RATE, 0
    out = []
    for frame, port, data in events:
        moved = frame + most + (chance.uniform(-most, most) if data == CLOCK else -most)
        last = max(last, round(moved))
        out.append((last, port, data))
    return out


def ticks(events: Sequence[Event]) -> list[int]:
    """The frames of the ticks since the first start; none before it."""
    begin = next((place for place, event in enumerate(events) if event[2] == START), len(events))
    return [frame for frame, _, data in events[begin:] if data == CLOCK]


def numbered(frames: Sequence[int]) -> dict[int, int]:
    """The frames of two or more ticks by their numbers. Where a tempo rises between two of its ticks jack_midi_clock
    counts one that it does not send: there the next is so far away."""
    places, number, usual = {0: frames[0]}, 0, float(frames[1] - frames[0])
    for before, frame in pairwise(frames):
        count = max(1, round((frame - before) / usual))
        number, usual = number + count, (frame - before) / count
        places[number] = frame
    return places


def milliseconds(frames: float) -> float:
    """So many frames."""
    return 1000 * frames / RATE


def elsewhere(events: Sequence[Event]) -> int:
    """How often it was told to begin or to stop, the first time left out."""
    return max(0, sum(data[0] in (0xFA, 0xFB, 0xFC, 0xF2) for _, _, data in events) - 1)


def plain(**figures: Any) -> dict[str, Any]:
    """Figures as they are shown: rounded."""
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
