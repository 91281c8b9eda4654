"""A set list stepped through by program changes while eight notes and the pedal are held: what is heard (with JACK).

A player holds chords of eight notes and the pedal, and at a random moment of each calls up another song, whose own
program changes say when it plays. A listener, which is the synthesiser, hears what comes of it.
"""

import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ripieno.daemon.bench.jack import daemon, play
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.native.engine import Event
from ripieno.native.probe import JackWire

CHANGES = 1000
RATE, PERIOD = 48_000, 128
SONGS = ("string-quartet", "choir", "pop-band", "game-band")  # each with models of its own
_CALLS = 15  # the channel that calls them up
_LOW, _NOTES, _SEED = 40, 8, 6
_ROUND, _SPREAD, _RELEASE, _PEDAL_UP = (round(RATE * seconds) for seconds in (0.25, 0.06, 0.12, 0.24))
_ON, _OFF, _CONTROL, _PROGRAM, _SUSTAIN = 0x90, 0x80, 0xB0, 0xC0, 64


@dataclass(frozen=True)
class Note:
    """What was played: frames of the key, of its release, and of the pedal's after it."""

    pitch: int
    on: int
    off: int
    pedal_up: int


def script(changes: int, chance: random.Random) -> list[Event]:
    """The player's part: in each quarter of a second a chord, the pedal, and another song at some moment of it."""
    events: list[Event] = []
    song = 0
    for number in range(changes):
        begin, low = number * _ROUND, _LOW + chance.randrange(12)
        song = (song + chance.randrange(1, len(SONGS))) % len(SONGS)
        events.append((begin + chance.randrange(_RELEASE), 0, bytes([_CONTROL, _SUSTAIN, 127])))
        for pitch in chance.sample(range(low, low + 40), _NOTES):
            at, long = begin + chance.randrange(_SPREAD), _RELEASE + chance.randrange(_SPREAD)
            events += [(at, 0, bytes([_ON, pitch, 80])), (at + long, 0, bytes([_OFF, pitch, 0]))]
        events.append((begin + chance.randrange(_PEDAL_UP), 0, bytes([_PROGRAM | _CALLS, song])))
        events.append((begin + _PEDAL_UP, 0, bytes([_CONTROL, _SUSTAIN, 0])))
    return sorted(events, key=lambda event: event[0])


def notes_of(sent: Sequence[Event]) -> list[Note]:
    """The notes that were played, in order of their keys."""
    downs: dict[int, int] = {}
    released: list[tuple[int, int, int]] = []
    notes: list[Note] = []
    for frame, _, data in sent:
        if data[0] == _ON:
            downs[data[1]] = frame
        elif data[0] == _OFF:
            released.append((data[1], downs.pop(data[1]), frame))
        elif data == bytes([_CONTROL, _SUSTAIN, 0]):
            notes += [Note(*one, frame) for one in released]
            released.clear()
    return sorted(notes, key=lambda note: note.on)


def judge(sent: Sequence[Event], heard: Sequence[Event]) -> dict[str, int]:
    """What became of the notes, and of the changes. In time is within a block; cut is an end before the key's release;
    stuck is one after the pedal's, or none at all; a change is in time where the song's programs leave so."""
    sounds: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    programs = []
    for frame, _, data in heard:
        if data[0] & 0xF0 in (_ON, _OFF):
            sounds[data[1]].append((frame, data[0] & 0xF0 == _ON and data[2] > 0))
        elif data[0] & 0xF0 == _PROGRAM:
            programs.append(frame)
    found = dict.fromkeys(("notes", "late", "lost", "doubled", "cut", "stuck", "changes", "changes_late"), 0)
    for note in notes_of(sent):
        found["notes"] += 1
        for fate in _fates(note, sounds[note.pitch]):
            found[fate] += 1
    calls = [frame for frame, _, data in sent if data[0] == _PROGRAM | _CALLS]
    found["changes"] = len(calls)
    found["changes_late"] = sum(not _any_within(programs, call) for call in calls)
    return found


def _any_within(frames: Sequence[int], begin: int) -> bool:
    return any(begin <= frame <= begin + PERIOD for frame in frames)


def _fates(note: Note, sounds: Sequence[tuple[int, bool]]) -> Iterator[str]:
    """sounds: of its pitch, (frame, whether it begins), in order."""
    mine = [(frame, on) for frame, on in sounds if note.on <= frame <= note.pedal_up + PERIOD]
    starts, ends = ([frame for frame, on in mine if on is which] for which in (True, False))
    moves = sum(frame in ends for frame in starts[1:])  # it ends with one instrument and begins with another
    if not starts:
        yield "lost"
    elif starts[0] > note.on + PERIOD:
        yield "late"
    if len(starts) - moves > 1:
        yield "doubled"
    if len(ends) < len(starts):
        yield "stuck"
    elif ends and ends[-1] < note.off:
        yield "cut"


def measure(changes: int = CHANGES) -> dict[str, Any]:
    """On a server of its own. UserError: jackd is missing, or something does not start."""
    part = script(changes, random.Random(_SEED))
    with (
        tempfile.TemporaryDirectory() as folder,
        DummyServer(RATE, PERIOD, synchronous=True),
        closing(JackWire("bench-wire", ["in"], ["out"])) as wire,
    ):
        wire.open()
        wire.start()
        songs = Path(folder, "songs.toml")
        songs.write_text(_list())
        with daemon(wire, str(songs)):
            sent, heard, xruns = play(wire, part, "ripieno-bench:in", "ripieno-bench:out")
    return judge(sent, heard) | {"xruns": xruns}


def _list() -> str:
    """The set list, as a file. Where there are more notes than players, somebody plays two: nobody is to steal one."""
    texts = [f"program_channel = {_CALLS + 1}"]
    for number, name in enumerate(SONGS):
        texts += ["[[song]]", f'preset = "{name}"', f"program = {number + 1}", 'set = { overflow = "divisi" }']
    return "\n".join(texts) + "\n"


def run(json: bool = False) -> dict[str, Any]:
    """Measure; print the rows unless `json`. UserError: jackd is missing, or something does not start."""
    figures = measure()
    rows = [
        Row("changes of song, in time", f"{figures['changes'] - figures['changes_late']}", f"{CHANGES}",
            not figures["changes_late"]),
        *(
            Row(f"of {figures['notes']} notes, {what}", str(figures[what]), "0", not figures[what])
            for what in ("late", "lost", "doubled", "cut", "stuck")
        ),
    ]  # fmt: skip
    found = verdict(rows, **figures)
    if not json:
        show(found)
    return found
