"""A real DAW at the other end: Ardour records the quartet, each instrument on a track of its own, note for note and
in time with its transport."""

import ctypes
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import mido
import pytest
from stage import connected, daemon, held, name_of, wait_for

from needs import lack, needs
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

needs("jackd", "ardour7-lua")

SCRIPT = Path(__file__).parents[1] / "ardour" / "record.lua"
PLAYERS = ["Violin 1", "Violin 2", "Viola", "Cello"]
RATE, PERIOD = 48_000, 256
CLOCK = len(PLAYERS)  # the listener's port for Ardour's clock
BEAT = 1920  # frames, as many as Ardour's beat has ticks: see record.lua
LIMIT_S = 120  # by far more than Ardour needs

# Which of its transport masters Ardour takes if it is to follow one: no script can choose it.
CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<Ardour>
  <TransportMasters current="JACK Transport">
    <TransportMaster type="MTC" removeable="0" name="MTC"/>
    <TransportMaster type="Engine" removeable="0" name="JACK Transport"/>
  </TransportMasters>
</Ardour>
"""

Take = list[tuple[int, bytes]]  # (frame, message)


class Ardour:
    """An Ardour without a screen, and a session with an armed track for each of these ports."""

    def __init__(self, folder: Path, clock: str, ports: list[str]) -> None:
        home = {"HOME": folder, "XDG_CONFIG_HOME": folder / "config", "XDG_CACHE_HOME": folder / "cache"}
        (folder / "config" / "ardour7").mkdir(parents=True)
        (folder / "config" / "ardour7" / "config").write_text(CONFIG)
        self._said: list[str] = []
        self.process = subprocess.Popen(
            ["ardour7-lua", SCRIPT, folder / "session", str(RATE), clock, *ports],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {name: str(path) for name, path in home.items()},
        )

    def hear(self, word: str) -> list[str]:
        """What stands behind `word` in the next line that begins with it."""
        assert self.process.stdout
        for line in self.process.stdout:
            self._said.append(line)
            first, *rest = line.rstrip("\n").split("\t")
            if first == word:
                return rest
        raise AssertionError(f"Ardour ended without {word!r}:\n{''.join(self._said)}")

    def tell(self, word: str) -> None:
        assert self.process.stdin
        print(word, file=self.process.stdin, flush=True)

    def roll(self) -> None:
        """Record from now on."""
        self.tell("roll")
        self.hear("rolling")

    def stop(self) -> dict[str, Take]:
        """Save and end; what is in each track's file."""
        self.tell("stop")
        tracks = [self.hear("track") for _ in PLAYERS]
        last, _ = self.process.communicate()
        assert self.process.returncode == 0, "".join([*self._said, last])
        return {name: read(Path(file), int(begin)) for name, begin, file in tracks}


@contextmanager
def ardour(folder: Path, clock: str, ports: list[str]) -> Iterator[Ardour]:
    """It is ready, and ends however the test does, or does not."""
    one = Ardour(folder, clock, ports)
    watch = Timer(LIMIT_S, one.process.kill)
    watch.start()
    try:
        one.hear("ready")
        yield one
    finally:
        watch.cancel()
        one.process.kill()
        one.process.communicate()


def read(file: Path, begin: int) -> Take:
    """What is in a file of Ardour's that begins at this frame of its timeline."""
    midi = mido.MidiFile(file)
    tick, take = 0, []
    for message in mido.merge_tracks(midi.tracks):
        tick += message.time
        frame, rest = divmod(tick * BEAT, midi.ticks_per_beat)  # a file's ticks are finer than those that Ardour uses
        assert rest == 0
        if not message.is_meta:
            take.append((begin + frame, bytes(message.bin())))
    return take


def passage() -> list[Event]:
    """Eight seconds for two hands: chords of four notes, not quite together, in the middle with the pedal."""
    script: list[Event] = [(100_003, 0, b"\xb0\x40\x7f"), (150_001, 0, b"\xb0\x40\x00")]
    for i in range(40):
        chord = (36 + 5 * i % 12, 50 + 7 * i % 8, 60 + 3 * i % 7, 69 + 5 * i % 11)
        for finger, pitch in enumerate(chord):
            begin = 9_601 * i + 149 * finger
            velocity = 40 + (17 * i + 11 * finger) % 80
            script += [(begin, 0, bytes((0x90, pitch, velocity))), (begin + 8_009, 0, bytes((0x80, pitch, 30 + i)))]
    return sorted(script)


def on(listener: JackProbe, port: int, since: int = 0) -> Take:
    """What was heard on a port, counted from the frame `since`."""
    return [(frame - since, data) for frame, place, data in listener.received() if place == port and frame >= since]


def jack_transport() -> int | None:
    """The server's frame at which JACK's transport was at 0, near enough to tell the cycle; None: it does not roll."""
    jack = ctypes.CDLL(find_library("jack"))
    jack.jack_client_open.restype = ctypes.c_void_p
    jack.jack_time_to_frames.restype = ctypes.c_uint32
    client = ctypes.c_void_p(jack.jack_client_open(b"watch", 1, None))  # 1: start no server
    position = ctypes.create_string_buffer(1024)
    rolls = jack.jack_transport_query(client, position) == 1
    _, microseconds, _, frame = struct.unpack_from("=QQII", position)
    now = jack.jack_time_to_frames(client, ctypes.c_uint64(microseconds))
    jack.jack_client_close(client)
    return now - frame if rolls else None


@dataclass(frozen=True)
class Recording:
    """Who listened at the same ports as Ardour, and what that recorded.

    jack: the frame at which JACK's transport started, None if it did not; late: xruns meanwhile.
    """

    listener: JackProbe
    tracks: dict[str, Take]
    jack: int | None
    late: int


def record(folder: Path, clock: str) -> Recording:
    """Let the quartet play the passage, and Ardour record it."""
    name = name_of("ardour")
    ports = [f"{name}:{player}" for player in PLAYERS]
    player, listener = JackProbe("player", [], ["out"], passage()), JackProbe("listener", [*PLAYERS, "clock"], [])
    quartet = daemon("string-quartet", "--set", "outputs=ports", "--driver", "jack", "--name", name)
    with quartet as one, closing(player), closing(listener):
        one.hear("ready")
        for probe in (player, listener):
            probe.open()
            probe.start()
        with ardour(folder, clock, ports) as recorder:
            cables = {port: f"listener:{who}" for port, who in zip(ports, PLAYERS, strict=True)}
            cables |= {"player:out": f"{name}:in", "ardour:MIDI Clock out": "listener:clock"}
            for ends in cables.items():
                wait_for(lambda ends=ends: connected(listener, *ends), f"a connection of {ends}")
            before = listener.state().xruns
            recorder.roll()
            wait_for(lambda: on(listener, CLOCK), "Ardour's clock runs")
            player.go()
            wait_for(lambda: player.done and not held(listener.received()), "the passage was played")
            jack, late = jack_transport(), listener.state().xruns - before
            return Recording(listener, recorder.stop(), jack, late)


def faults(recording: Recording, clock: str) -> list[str]:
    """What Ardour recorded otherwise than it was heard; frames count from the start of its transport."""
    beats = on(recording.listener, CLOCK)
    starts = [frame for frame, data in beats if data == b"\xfa"]
    if len(starts) != 1:
        return [f"the transport started at {starts}"]
    start = starts[0]
    ticks = [frame - start for frame, data in beats if data == b"\xf8"]
    found = [] if ticks == [BEAT // 24 * i for i in range(len(ticks))] else [f"the transport is not steady: {ticks}"]
    # JACK's transport starts where a cycle begins: in the same cycle is at the same frame.
    if clock == "jack" and (recording.jack is None or abs(recording.jack - start) >= PERIOD // 2):
        found.append(f"JACK's transport started at {recording.jack}, Ardour's at {start}")
    for port, who in enumerate(PLAYERS):
        heard, take = on(recording.listener, port, start), recording.tracks[who]
        assert any(data[0] == 0x90 | port for _, data in heard), f"{who} played nothing"
        assert 0 <= heard[0][0] <= heard[-1][0] < ticks[-1], "not all was played while Ardour rolled"
        if take != heard:
            found.append(f"{who}: recorded {take}, heard {heard}")
    return found


@pytest.mark.parametrize("clock", ["internal", "jack"])
def test_each_instrument_has_a_track_with_every_note_in_time(tmp_path: Path, clock: str) -> None:
    for attempt in range(4):
        with DummyServer(RATE, PERIOD, synchronous=True):
            recording = record(tmp_path / str(attempt), clock)
        assert list(recording.tracks) == PLAYERS
        assert (recording.jack is None) == (clock == "internal")
        found = faults(recording, clock)
        if not found:
            return
        assert recording.late, found  # what was lost in an xrun JACK counts, and Ardour does not
    lack("a machine quick enough for a JACK server: it had xruns every time (real-time priority helps)")
