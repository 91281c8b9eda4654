"""Through a real JACK server, while a thread of the daemon's Python is kept busy.

First jackd's own jack_midi_latency_test through a bare wire (the rival: a C client that copies its input to its output)
and through `ripieno run thru --stress`. (Its own ports cannot be wired to each other: it clears its output before it
reads its input, so that on JACK 2 no message arrives.) Then chords of eight notes, twenty a second, from a JACK client
through `ripieno run string-quartet --stress` to another: is every note out once, at the very sample it came in at?
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, fields
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.errors import UserError
from ripieno.native.drivers import DriverError, JackClient
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe, JackWire

MESSAGES = 1024
CHORDS_A_SECOND = 20
# Eight notes within the reach of a string quartet; from chord to chord they move up by a semitone, an octave in all.
CHORD = (38, 45, 50, 57, 62, 69, 74, 81)
RATE, PERIOD = 48_000, 128
_HELD = RATE // 25
_TOOL = "jack_midi_latency_test"
_START_SECONDS, _TOOL_SECONDS = 30.0, 120.0
_ON, _OFF = 0x90, 0x80


@dataclass(frozen=True)
class Latency:
    """What jack_midi_latency_test says; latency (the average) and jitter (the peak) are in frames."""

    sent: int
    received: int
    latency: float
    jitter: float
    xruns: int


@dataclass(frozen=True)
class Chords:
    """What became of the notes played.

    exact: their first sound began at the sample of their key; released: their sound ended at the sample of the
    release. moved: given to another instrument after their onset (which is no second sound). doubled: sounded more
    than once. stuck: sound still.
    """

    notes: int
    exact: int
    released: int
    lost: int
    doubled: int
    moved: int
    stuck: int
    xruns: int


def wait_for(condition: Callable[[], object], what: str, seconds: float) -> None:
    """Poll until it holds. UserError, saying what did not come, after that many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise UserError(f"{what} did not come within {seconds:.0f} seconds")
        time.sleep(0.01)


def has_ports(client: JackClient, names: Sequence[str]) -> bool:
    """Does the server have all these ports?"""
    return set(names) <= {port.name for port in client.list_ports()}


@contextmanager
def daemon(client: JackClient, *arguments: str, name: str = "ripieno-bench") -> Iterator[subprocess.Popen[str]]:
    """`ripieno run ARGUMENTS` on the server of `client`, its ports up, in the end told to stop by SIGTERM.

    UserError where it does not start, or does not end in silence.
    """
    command = [sys.executable, "-m", "ripieno.daemon.cli", "run", *arguments, "--driver", "jack", "--name", name]
    with TemporaryDirectory() as folder, ExitStack() as stack:
        process = subprocess.Popen(
            [*command, "--json"],
            env=os.environ | {"XDG_RUNTIME_DIR": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        stack.callback(process.kill)
        wait_for(
            lambda: process.poll() is not None or has_ports(client, [f"{name}:in", f"{name}:out"]),
            f"the ports of `{' '.join(command)}`",
            _START_SECONDS,
        )
        if process.poll() is None:
            yield process
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=_START_SECONDS)
        if process.returncode:
            raise UserError(f"`{' '.join(command)}` failed: {complaint.strip()}")


def round_trip(to: str, back: str) -> Latency:
    """jack_midi_latency_test with its output connected to port `to` and its input to port `back`."""
    if not shutil.which(_TOOL):
        raise UserError(f"{_TOOL} is not on this machine: Debian: apt install jackd2")
    with subprocess.Popen([_TOOL, "-s", str(MESSAGES), to, back], stdout=subprocess.PIPE, text=True) as process:
        try:
            text, _ = process.communicate(timeout=_TOOL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise UserError(f"{_TOOL} did not end within {_TOOL_SECONDS:.0f} seconds") from None
    return Latency(
        sent=int(_number(text, r"Messages sent: (\d+)")),
        received=int(_number(text, r"Messages received: (\d+)")),
        latency=_number(text, r"Average latency: .*\(([\d.]+) frames"),
        jitter=_number(text, r"Peak MIDI jitter: .*\(([\d.]+) frames"),
        xruns=int(_number(text, r"Xruns: (\d+)", 0)),  # it leaves the line out when there were none
    )


def _number(text: str, pattern: str, otherwise: float | None = None) -> float:
    found = re.search(pattern, text)
    if found:
        return float(found[1])
    if otherwise is None:
        raise UserError(f"{_TOOL} says something else than it used to: {text.strip()[-300:]!r}")
    return otherwise


def _connect_when_ready(client: JackClient, pairs: Iterable[tuple[str, str]]) -> None:
    """Connect ports of clients that may only just be starting: JACK refuses until they run."""
    for source, destination in dict.fromkeys(pairs):
        ready = partial(_connects, client, source, destination)
        wait_for(ready, f"a connection of {source} to {destination}", _START_SECONDS)


def _connects(client: JackClient, source: str, destination: str) -> bool:
    try:
        client.connect(source, destination)
    except DriverError:
        return False
    return True


def chords(seconds: float) -> list[Event]:
    """The player's part: chords of eight, each held for 40 ms."""
    script = []
    for number in range(int(seconds * CHORDS_A_SECOND)):
        # Anywhere in a period, and in another place each time.
        frame = number * (RATE // CHORDS_A_SECOND) + number * 37 % PERIOD
        for pitch in CHORD:
            note = pitch + number % 12
            script.append((frame, 0, bytes([_ON, note, 80])))
            script.append((frame + _HELD, 0, bytes([_OFF, note, 64])))
    return sorted(script, key=lambda event: event[0])


def judge(sent: list[Event], heard: list[Event], xruns: int = 0) -> Chords:
    """Compare what was played with what was heard."""
    sounds: dict[int, list[Event]] = defaultdict(list)
    for event in heard:
        if event[2][0] & 0xF0 in (_ON, _OFF):
            sounds[event[2][1]].append(event)
    fates: Counter[str] = Counter()
    for pitch, notes in _notes(sent).items():
        frames = [frame for frame, _, _ in sounds[pitch]]
        # What is heard belongs to the last note of that pitch which was played before.
        bounds = [bisect_left(frames, on) for on, _ in notes] + [len(frames)]
        for (on, off), first, last in zip(notes, bounds, bounds[1:], strict=False):
            fates.update(_fate(on, off, sounds[pitch][first:last]))
        fates["doubled"] += sum(_is_on(event) for event in sounds[pitch][: bounds[0]])
    names = [field.name for field in fields(Chords) if field.name != "xruns"]
    return Chords(**{name: fates[name] for name in names}, xruns=xruns)


def _is_on(event: Event) -> bool:
    return event[2][0] & 0xF0 == _ON and event[2][2] > 0


def _notes(sent: list[Event]) -> dict[int, list[tuple[int, int]]]:
    """For each pitch its notes by time: the frames of key and release."""
    ons, offs = defaultdict(list), defaultdict(list)
    for event in sent:
        (ons if _is_on(event) else offs)[event[2][1]].append(event[0])
    return {pitch: list(zip(ons[pitch], offs[pitch], strict=True)) for pitch in ons}


def _fate(on: int, off: int, heard: list[Event]) -> Iterator[str]:
    """What became of one note, in the words of Chords."""
    yield "notes"
    starts = [event[0] for event in heard if _is_on(event)]
    ends = [event[0] for event in heard if not _is_on(event)]
    moves = sum(frame in ends for frame in starts[1:])  # it ends here and begins there, at once
    yield from ["moved"] * moves
    yield from ["doubled"] * max(0, len(starts) - 1 - moves)
    if not starts:
        yield "lost"
    elif starts[0] == on:
        yield "exact"
    if len(starts) > len(ends):
        yield "stuck"
    elif ends and ends[-1] == off:
        yield "released"


def play_chords(client: JackClient, seconds: float, *arguments: str, name: str = "ripieno-bench") -> Chords:
    """Chords through `ripieno run ARGUMENTS`, from one JACK client to another."""
    player = JackProbe("bench-player", [], ["out"], chords(seconds))
    listener = JackProbe("bench-listener", ["in"], [])
    with closing(player), closing(listener), daemon(client, *arguments, name=name):
        for probe in (player, listener):
            probe.open()
            probe.start()
        _connect_when_ready(client, [("bench-player:out", f"{name}:in"), (f"{name}:out", "bench-listener:in")])
        _rest(listener)
        before = listener.state().xruns
        player.go()
        wait_for(lambda: player.done, "the end of the chords", seconds + _START_SECONDS)
        _rest(listener)
        return judge(player.sent(), listener.received(), listener.state().xruns - before)


def _rest(probe: JackProbe) -> None:
    """Half a second of the server's time."""
    frame = probe.state().frame + RATE // 2
    wait_for(lambda: probe.state().frame >= frame, "the JACK server's next cycles", _START_SECONDS)


def measure(seconds: float, preset: Sequence[str] = ("string-quartet",)) -> dict[str, Any]:
    """Everything, on a server of its own. seconds: of chords. preset: the ensemble's, and options for it."""
    with DummyServer(RATE, PERIOD), closing(JackWire("bench-wire", ["in"], ["out"])) as wire:
        wire.open()
        wire.start()
        rival = round_trip("bench-wire:in", "bench-wire:out")
        with daemon(wire, "thru", "--stress"):
            through = round_trip("ripieno-bench:in", "ripieno-bench:out")
        ensemble = play_chords(wire, seconds, *preset, "--stress")
    return {"wire": asdict(rival), "thru": asdict(through), "chords": {"seconds": seconds, **asdict(ensemble)}}


def run(json: bool = False, seconds: float = 60.0) -> dict[str, Any]:
    """Measure; print a table unless `json`. UserError: jackd or its tools are missing."""
    result = measure(seconds)
    if not json:
        print_table(result)
    return result


def print_table(result: dict[str, Any]) -> None:
    """The result, for people."""
    print(
        f"jack_midi_latency_test, dummy driver, {RATE} Hz, {PERIOD} frames; one Python thread of the daemon kept busy"
    )
    print(f"{'':34} {'sent':>6} {'back':>6} {'latency':>9} {'peak jitter':>12} {'xruns':>6}")
    for key, name in (("wire", "through a bare wire"), ("thru", "through ripieno run thru --stress")):
        row = Latency(**result[key])
        print(f"{name:34} {row.sent:6} {row.received:6} {row.latency:9.0f} {row.jitter:12.0f} {row.xruns:6}")
    one = result["chords"]
    print(f"\nchords of {len(CHORD)}, {CHORDS_A_SECOND} a second for {one['seconds']:.0f} s, string-quartet --stress:")
    print(f"{one['exact']} of {one['notes']} notes began at the sample of their key (so in its cycle),", end=" ")
    print(f"{one['released']} ended at the sample of the release")
    print(f"lost {one['lost']}, doubled {one['doubled']}, stuck {one['stuck']}, xruns {one['xruns']};", end=" ")
    print(f"{one['moved']} times a note changed hands after its onset")
