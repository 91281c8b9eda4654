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
from json import loads
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.errors import UserError
from ripieno.native.drivers import DriverError, JackClient
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe, JackWire

MESSAGES = 1024
ROUNDS = 5  # rival and ours by turns: what else the machine does causes xruns too
CHORDS_A_SECOND = 20
# Eight notes within the reach of a string quartet; from chord to chord they move up by a semitone, an octave in all.
CHORD = (38, 45, 50, 57, 62, 69, 74, 81)
RATE, PERIOD = 48_000, 128
_HELD = RATE // 25
_TOOL = "jack_midi_latency_test"
_START_SECONDS, _TOOL_SECONDS = 60.0, 120.0
_ON, _OFF = 0x90, 0x80
TOLD = "told.json"


@dataclass(frozen=True)
class Latency:
    """What jack_midi_latency_test says; latency (the average) and jitter (the peak) are in frames, None where a message
    was lost: it gives up then."""

    sent: int
    received: int
    latency: float | None
    jitter: float | None
    xruns: int


@dataclass(frozen=True)
class Chords:
    """What became of the notes played.

    exact: their first sound began at the sample of their key. slipped: a whole period beside it; after an xrun the
    clients of JACK 2 may run out of step, one of them a cycle behind, until the next. (What the engine itself delays
    leaves at a cycle's first sample.) released: ended as they began, at the sample of the release or that far beside.
    moved: given to another instrument after their onset, which is no second sound. doubled: sounded more than once.
    stuck: sound still.
    """

    notes: int
    exact: int
    slipped: int
    released: int
    lost: int
    doubled: int
    moved: int
    stuck: int
    xruns: int


def sounding(events: Sequence[Event], held: frozenset[tuple[int, int]] = frozenset()) -> frozenset[tuple[int, int]]:
    """(channel, pitch) of what a synthesiser plays after these events. held: what it played before them."""
    notes = set(held)
    for _, _, data in events:
        kind, key = data[0] & 0xF0, (data[0] & 15, data[1] if len(data) > 1 else 0)
        if kind == _ON and data[2]:
            notes.add(key)
        elif kind in (_OFF, _ON):
            notes.discard(key)
    return frozenset(notes)


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


def told(folder: Path) -> list[dict[str, Any]]:
    """What a daemon has told so far, an object each; a line that is not whole is left out."""
    lines = (folder / TOLD).read_text().split("\n")[:-1]
    return [loads(line) for line in lines]


def is_ready(folder: Path) -> bool:
    """Whether it has told that it plays; its ports may be there before."""
    return any(one["event"] == "ready" for one in told(folder))


@contextmanager
def daemon(
    client: JackClient, *arguments: str, name: str = "ripieno-bench", keep: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """`ripieno run ARGUMENTS` on the server of `client`, ready to play, in the end told to stop by SIGTERM.

    keep: a folder for its state and for what it tells (TOLD, a JSON object a line); by default that is nobody's.
    UserError where it does not start, or does not end in silence, unless it was killed.
    """
    command = [sys.executable, "-m", "ripieno.daemon.cli", "run", *arguments, "--driver", "jack", "--name", name]
    ports = [f"{name}:in", f"{name}:out"]
    with TemporaryDirectory() as nobodys, ExitStack() as stack:
        folder = keep or Path(nobodys)
        process = subprocess.Popen(
            [*command, "--json"],
            env={**os.environ, "XDG_STATE_HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=stack.enter_context((folder / TOLD).open("w")),
            stderr=subprocess.PIPE,
            text=True,
        )
        stack.callback(process.kill)
        wait_for(
            lambda: process.poll() is not None or (is_ready(folder) and has_ports(client, ports)),
            f"`{' '.join(command)}`, ready, with its ports",
            _START_SECONDS,
        )
        if process.poll() is None:
            yield process
            process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=_START_SECONDS)
    if process.returncode not in (0, -signal.SIGKILL):
        raise UserError(f"`{' '.join(command)}` failed: {complaint.strip()}")


def round_trip(client: JackClient, to: str, back: str) -> Latency:
    """jack_midi_latency_test with its output connected to port `to` and its input to port `back`.

    UserError where it is missing or fails without an xrun being to blame.
    """
    if not shutil.which(_TOOL):
        raise UserError(f"{_TOOL} is not on this machine: Debian: apt install jackd2")
    before = client.state().xruns
    with subprocess.Popen([_TOOL, "-s", str(MESSAGES), to, back], stdout=subprocess.PIPE, text=True) as process:
        try:
            text, _ = process.communicate(timeout=_TOOL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise UserError(f"{_TOOL} did not end within {_TOOL_SECONDS:.0f} seconds") from None
    counts = [_number(text, rf"{what}: (\d+)") for what in ("Messages sent", "Messages received", "Xruns")]
    xruns = client.state().xruns - before
    if not counts[0] and not xruns:
        raise UserError(f"{_TOOL} failed: {text.strip()[-300:]!r}")
    return Latency(
        sent=int(counts[0] or 0),
        received=int(counts[1] or 0),
        latency=_number(text, r"Average latency: .*\(([\d.]+) frames"),
        jitter=_number(text, r"Peak MIDI jitter: .*\(([\d.]+) frames"),
        xruns=max(int(counts[2] or 0), xruns),  # it leaves its line out when it saw none
    )


def _number(text: str, pattern: str) -> float | None:
    found = re.search(pattern, text)
    return float(found[1]) if found else None


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
        # What is heard belongs to the last note of that pitch which was played before, or a period after.
        bounds = [bisect_left(frames, on - PERIOD) for on, _ in notes] + [len(frames)]
        for (on, off), first, last in zip(notes, bounds, bounds[1:], strict=False):
            fates.update(_fate(on, off, sounds[pitch][first:last]))
        fates["doubled"] += sum(_is_on(event) for event in sounds[pitch][: bounds[0]])
    names = [field.name for field in fields(Chords) if field.name != "xruns"]
    return Chords(**{name: fates[name] for name in names}, xruns=xruns)


def _is_on(event: Event) -> bool:
    return event[2][0] & 0xF0 == _ON and event[2][2] > 0


def _notes(sent: list[Event]) -> dict[int, list[tuple[int, int]]]:
    """For each pitch its notes by time: the frames of key and release."""
    ons: dict[int, list[int]] = defaultdict(list)
    offs: dict[int, list[int]] = defaultdict(list)
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
    elif abs(starts[0] - on) == PERIOD:
        yield "slipped"
    if len(starts) > len(ends):
        yield "stuck"
    elif ends and abs(ends[-1] - off) in (0, PERIOD):
        yield "released"


def play(client: JackClient, script: Sequence[Event], to: str, back: str) -> tuple[list[Event], list[Event], int]:
    """A script from one JACK client into port `to`; out of port `back` to another one. Returns what was sent, what was
    heard, and the xruns meanwhile."""
    player = JackProbe("bench-player", [], ["out"], script)
    listener = JackProbe("bench-listener", ["in"], [])
    with closing(player), closing(listener):
        for probe in (player, listener):
            probe.open()
            probe.start()
        _connect_when_ready(client, [("bench-player:out", to), (back, "bench-listener:in")])
        _rest(listener)
        before = listener.state().xruns
        player.go()
        wait_for(lambda: player.done, "the end of the script", script[-1][0] / RATE + _START_SECONDS)
        _rest(listener)
        return player.sent(), listener.received(), listener.state().xruns - before


def play_chords(client: JackClient, seconds: float, to: str, back: str) -> Chords:
    """Chords from one JACK client, into port `to`; out of port `back`, to another one."""
    return judge(*play(client, chords(seconds), to, back))


def _rest(probe: JackProbe) -> None:
    """Half a second of the server's time."""
    frame = probe.state().frame + RATE // 2
    wait_for(lambda: probe.state().frame >= frame, "the JACK server's next cycles", _START_SECONDS)


def measure(
    seconds: float, preset: Sequence[str] = ("string-quartet",), rounds: int = ROUNDS
) -> dict[str, list[dict[str, Any]]]:
    """Everything, on a server of its own: for each row of the table its rounds, and the chords.

    seconds: of chords. preset: the ensemble's, and options for it.
    """
    ours, bare = ("ripieno-bench:in", "ripieno-bench:out"), ("bench-wire:in", "bench-wire:out")
    trips: dict[str, list[Latency]] = {"wire": [], "thru": []}
    with DummyServer(RATE, PERIOD), closing(JackWire("bench-wire", ["in"], ["out"])) as wire:
        wire.open()
        wire.start()
        for _ in range(rounds):
            trips["wire"].append(round_trip(wire, *bare))
            with daemon(wire, "thru", "--stress"):
                trips["thru"].append(round_trip(wire, *ours))
        chords_of = {"wire": play_chords(wire, seconds, *bare)}
        with daemon(wire, *preset, "--stress"):
            chords_of["ensemble"] = play_chords(wire, seconds, *ours)
    return {
        "round_trip": [{"through": name} | asdict(one) for name, several in trips.items() for one in several],
        "chords": [{"through": name, "seconds": seconds} | asdict(one) for name, one in chords_of.items()],
    }


def run(json: bool = False, seconds: float = 60.0) -> dict[str, list[dict[str, Any]]]:
    """Measure; print a table unless `json`. UserError: jackd or its tools are missing."""
    result = measure(seconds)
    if not json:
        print_table(result)
    return result


_NAMES = {
    "wire": "a bare wire",
    "thru": "ripieno run thru --stress",
    "ensemble": "ripieno run string-quartet --stress",
}


def print_table(result: dict[str, list[dict[str, Any]]]) -> None:
    """The result, for people."""
    print(f"{_TOOL}, dummy driver, {RATE} Hz, {PERIOD} frames; a Python thread of the daemon kept busy")
    _print_rows(result["round_trip"], ("sent", "received", "latency", "jitter", "xruns"))
    print(f"\nchords of {len(CHORD)}, {CHORDS_A_SECOND} a second, for {result['chords'][0]['seconds']:.0f} seconds")
    _print_rows(
        result["chords"], ("notes", "exact", "slipped", "released", "lost", "doubled", "moved", "stuck", "xruns")
    )
    print("\nlatency (average) and jitter (peak) in frames; exact: out at the sample of the key, so in the same cycle;")
    print("slipped: at that sample a period beside, JACK's clients out of step after an xrun; released: ended so;")
    print("moved: given to another instrument after the onset")


def _print_rows(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> None:
    print(f"{'through':36}" + "".join(f"{column:>10}" for column in columns))
    for row in rows:
        cells = ("-" if row[column] is None else f"{row[column]:.0f}" for column in columns)
        print(f"{_NAMES[row['through']]:36}" + "".join(f"{cell:>10}" for cell in cells))
