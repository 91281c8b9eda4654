"""Half an hour with the band on a JACK server: is what is due always there?

A JACK client plays a melody into an engine whose rig has both an instrumentation (a string quartet's network divides
what is played) and a band that comps without pause; the tempo goes through 60 to 180 beats a minute, every tempo as
long, and one core is kept busy by another process. Counted are, as StreamMUSE (RTAS 2026) defines them, interaction
success and staleness, notes sent late, xruns, and memory. The band's weights are the paper's size and random, inclined
to about five notes a beat.
"""

import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from ripieno.daemon import presets
from ripieno.daemon.bench.continuation_handover import PAPER_SIZE, random_transformer
from ripieno.daemon.bench.jack import wait_for
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.errors import UserError
from ripieno.daemon.rig import build, output_names
from ripieno.native.continuation import BandStats, Continuation, ContinuationConfig, Member
from ripieno.native.drivers import JackDriver
from ripieno.native.engine import Engine, Event
from ripieno.native.probe import JackProbe, JackWire
from ripieno.native.transformer import Transformer

RATE, PERIOD = 48_000, 128
MINUTES = 30.0
TEMPI = (60, 80, 100, 120, 140, 160, 180)
WIRE_SECONDS = 30.0
NOTES_A_SECOND = 6
CONTEXT = 1024
PLAYER = 1  # told to the model as a piano
QUARTET = (27, 27, 28, 29)  # violins, viola, cello: the model's codes of the rig's instruments
WARM_MOVES = 2  # changes of the full context to its newer half, after which all memory has been used once
_WARM_SECONDS = 600.0  # by when that has happened
_ON, _OFF = 0x90, 0x80


def melody(seconds: float, seed: int = 1) -> list[Event]:
    """One note after another, some with a second voice, none of them exactly in time."""
    rng, script, pitch = Random(seed), [], 67
    for number in range(int(seconds * NOTES_A_SECOND)):
        start = int((number + 0.3 * rng.random() * (number > 0)) * RATE / NOTES_A_SECOND)  # the script's first is at 0
        pitch = min(84, max(55, pitch + rng.choice((-4, -2, -1, 1, 2, 4))))
        for voice in (pitch, pitch - 12)[: 1 + (rng.random() < 0.2)]:
            script.append((start, 0, bytes([_ON, voice, rng.randint(50, 100)])))
            script.append((start + int(0.1 * RATE), 0, bytes([_OFF, voice, 64])))
    return sorted(script, key=lambda event: event[0])


def resident_kib() -> int:
    """Memory of this process that is really there."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def busy_process() -> "subprocess.Popen[bytes]":
    """A process that keeps one core busy until it is killed."""
    return subprocess.Popen([sys.executable, "-c", "while True: pass"])


def make_band(transformer: Transformer) -> Continuation:
    """A band on the quartet's instruments that comps from the first note on."""
    ranges = ((55, 96), (55, 96), (48, 84), (36, 72))
    members = [Member(code, place, *ranges[place]) for place, code in enumerate(QUARTET)]
    config = ContinuationConfig(
        members,
        {0: PLAYER},
        RATE,
        mode="band",
        context=CONTEXT,
        parameters={"seed": 1, "start_notes": 1, "rest_bars": 0},
    )
    return Continuation(transformer, config)


class Session:
    """Server, player, engine and band, for as long as it is open."""

    def __init__(self, transformer: Transformer) -> None:
        preset = presets.load("string-quartet")
        outputs = output_names(preset)
        self.band = make_band(transformer)
        self.engine = Engine(RATE, outputs=len(outputs))
        self.engine.load(build(preset, RATE, outputs, band=self.band))
        self.driver = JackDriver("ripieno-bench", ["in"], list(outputs))
        self.driver.open()
        self.driver.start(self.engine)
        self.band.start()

    def close(self) -> None:
        """Silence, then the end of everything."""
        self.driver.stop()
        self.band.stop()
        self.engine.close()
        self.band.close()

    def warm_up(self, moves: int) -> None:
        """Play until the context has so often been changed for its newer half."""
        self.band.set("tempo", TEMPI[-1])
        end = time.monotonic() + _WARM_SECONDS
        while self.band.stats().moves < moves:
            if time.monotonic() > end:
                raise UserError("the band's context does not fill: it hears nothing")
            self.watch(1.0)

    def watch(self, seconds: float) -> None:
        """Read what is said, as the daemon does, for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.engine.poll()
            self.band.poll()
            time.sleep(0.02)


def perform(session: Session, seconds: float, wire: float, moves: int) -> dict[str, Any]:
    """Play through all tempi; what came of each."""
    rows, each = [], seconds / len(TEMPI)
    with closing(JackProbe("bench-player", [], ["out"], melody(seconds + _WARM_SECONDS))) as player:
        player.open()
        player.start()
        wait_for(lambda: _connects(player), "the player's connection", 10)
        player.go()
        session.warm_up(moves)
        memory, began = resident_kib(), session.band.stats()
        xruns = session.driver.state().xruns
        for tempo in TEMPI:
            session.band.set("tempo", tempo)
            before = session.band.stats()
            session.watch(each)
            rows.append({"tempo": tempo} | difference(before, session.band.stats()))
        after = session.band.stats()
        return {
            "minutes": round(seconds / 60, 2),
            "tempi": rows,
            "all": difference(began, after),
            "wire_xruns_a_minute": wire,
            "xruns": session.driver.state().xruns - xruns,
            "load_max": session.driver.state().load_max,
            "memory_grew_kib": resident_kib() - memory,
            "absorb_max_ms": round(after.absorb_max / 1e6, 2),
        }


def wire_xruns(seconds: float) -> float:
    """The rival: xruns a minute where nothing but a bare wire runs, on this machine, now."""
    with closing(JackWire("bench-wire", ["in"], ["out"])) as wire:
        wire.open()
        wire.start()
        before = wire.state().xruns
        time.sleep(seconds)
        return (wire.state().xruns - before) * 60 / seconds


def _connects(player: JackProbe) -> bool:
    player.connect("bench-player:out", "ripieno-bench:in")
    return True


def difference(before: BandStats, after: BandStats) -> dict[str, float]:
    """What happened between two counts."""
    due, missed = after.due - before.due, after.missed - before.missed
    late, stale = after.late - before.late, after.stale - before.stale
    return {
        "due": due,
        "missed": missed,
        "late": late,
        "success": round(1 - (missed + late) / due, 5) if due else 1.0,
        "staleness": round(stale / due, 5) if due else 0.0,
        "committed": after.committed - before.committed,
        "planned": after.planned - before.planned,
        "heard": after.heard - before.heard,
    }


def measure(
    minutes: float = MINUTES,
    transformer: Transformer | None = None,
    moves: int = WARM_MOVES,
    wire_seconds: float = WIRE_SECONDS,
) -> dict[str, Any]:
    """Everything, on a server of its own; moves: of the context, before it counts. UserError where jackd is missing."""
    transformer = transformer or random_transformer(PAPER_SIZE, notes_a_beat=5)
    with DummyServer(RATE, PERIOD), busy_process() as busy:
        try:
            wire = wire_xruns(wire_seconds)
            session = Session(transformer)
            try:
                return perform(session, minutes * 60, wire, moves)
            finally:
                session.close()
        finally:
            busy.kill()


def show(found: dict[str, Any]) -> None:
    """The result, for people."""
    print(f"{found['minutes']} minutes; memory grew by {found['memory_grew_kib']} KiB")
    print(f"{found['xruns']} xruns; a bare wire had {found['wire_xruns_a_minute']:.1f} a minute before")
    print("tempo     due  missed  late  success  staleness  committed  planned  heard")
    for row in [*found["tempi"], {"tempo": "all"} | found["all"]]:
        print(
            f"{row['tempo']:>5} {row['due']:7} {row['missed']:7} {row['late']:5} {row['success']:8.5f}"
            f" {row['staleness']:10.5f} {row['committed']:10} {row['planned']:8} {row['heard']:6}"
        )


def run(json: bool = False, minutes: float = MINUTES) -> dict[str, Any]:
    """Measure; print a table unless `json`. UserError: jackd is missing."""
    found = measure(minutes)
    if not json:
        show(found)
    return found
