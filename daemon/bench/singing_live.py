"""The voice on a JACK server: is every block there in time?

A JACK client in a process of its own plays the piano into an engine whose rig has both an instrumentation (a string
quartet's network divides what is played) and a voice that sings along, and records the voice's sound and its melody;
another process keeps one core busy. Counted are blocks of the voice that came too late, xruns beside those of a bare
wire on the same server just before, and memory. Half an hour is what counts; a minute shows that it works.
"""

import json
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

from ripieno.daemon import presets
from ripieno.daemon.bench import singing_client
from ripieno.daemon.bench.continuation_interaction import busy_process, resident_kib, wire_xruns
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.errors import UserError
from ripieno.daemon.rig import audio_names, build, output_names
from ripieno.daemon.singer import make_singer
from ripieno.native.drivers import JackDriver
from ripieno.native.engine import Engine

RATE, PERIOD = 48_000, 128
MINUTES = 1.0
WIRE_SECONDS = 30.0
SETTLED = 60.0  # seconds after which memory should grow no more
_END_SECONDS = 600.0  # what half an hour of sound takes to be gone through on a busy machine


class Session:
    """Engine, quartet and voice, for as long as it is open."""

    def __init__(self, weights: str) -> None:
        quartet, singer = presets.load("string-quartet"), presets.load("singer").singing
        assert singer
        preset = replace(quartet, singing=replace(singer, weights=weights))
        outputs, audios = output_names(preset), audio_names(preset)
        self.singer = make_singer(preset, RATE)
        self.engine = Engine(RATE, outputs=len(outputs), audios=len(audios))
        self.engine.load(build(preset, RATE, outputs, voice=self.singer.core))
        self.driver = JackDriver(singing_client.OURS, ["in"], list(outputs), list(audios))
        self.driver.open()
        self.driver.start(self.engine)
        self.singer.core.start()
        self.open = True

    def close(self) -> None:
        """Silence, then the end of everything; once."""
        if not self.open:
            return
        self.open = False
        self.driver.stop()
        self.singer.core.stop()
        self.engine.close()
        self.singer.core.close()

    def watch(self, seconds: float) -> None:
        """Read what is said, as the daemon does, for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.engine.poll()
            self.singer.hear()
            time.sleep(0.02)


class Pianist:
    """The client, in its process."""

    def __init__(self, seconds: float) -> None:
        command = [sys.executable, "-m", singing_client.__name__, str(seconds)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self.process.stdout
        if self.process.stdout.readline().strip() != singing_client.READY:
            _, complaint = self.process.communicate()
            raise UserError(f"the pianist does not begin: {complaint.strip()[-300:]}")

    def ends(self) -> dict[str, Any]:
        """What it heard. UserError where it failed."""
        said, complaint = self.process.communicate("", timeout=_END_SECONDS)
        if self.process.returncode:
            raise UserError(f"the pianist failed: {complaint.strip()[-300:]}")
        heard: dict[str, Any] = json.loads(said)
        return heard

    def kill(self) -> None:
        """Whatever it is doing."""
        self.process.kill()
        self.process.communicate()


def perform(seconds: float, weights: str) -> dict[str, Any]:
    """Play for so long; what came of it."""
    session = Session(weights)
    try:
        pianist = Pianist(seconds)
        try:
            session.watch(min(2.0, seconds))
            memory, xruns = [resident_kib()], session.driver.state().xruns
            settled = min(SETTLED, seconds / 2)
            session.watch(settled)
            memory.append(resident_kib())
            session.watch(seconds - settled)
            memory.append(resident_kib())
            state, stats = session.driver.state(), session.singer.core.stats()
            notes = session.engine.stats().notes_out
            session.close()
            heard = pianist.ends()
        finally:
            pianist.kill()
    finally:
        session.close()
    return {
        "minutes": round(seconds / 60, 2),
        "late": stats.late,
        "held_ms": 8 * stats.held,
        "blocks": stats.blocks,
        "faults": stats.faults,
        "longest_block_ms": round(stats.longest / 1e6, 2),
        "busy": round(stats.busy / 1e9 / seconds, 4),
        "realtime": bool(stats.realtime),
        "xruns": state.xruns - xruns,
        "load_max": state.load_max,
        "memory_kib": dict(zip(("start", "settled", "end"), memory, strict=True)),
        "notes_out": notes,
        **heard,
    }


def measure(minutes: float = MINUTES, weights: str = "small", wire_seconds: float = WIRE_SECONDS) -> dict[str, Any]:
    """Everything, on a server of its own. UserError: jackd is missing, or the weights are."""
    with DummyServer(RATE, PERIOD), busy_process() as busy:
        try:
            wire = wire_xruns(wire_seconds)
            return perform(minutes * 60, weights) | {"wire_xruns_a_minute": wire}
        finally:
            busy.kill()


def show(found: dict[str, Any]) -> None:
    """The result, for people."""
    line, sound, memory = found["line"], found["sound"], found["memory_kib"]
    print(f"{found['minutes']} minutes: {found['late']} late blocks of {found['blocks']}, held {found['held_ms']} ms")
    print(f"{found['xruns']} xruns; a bare wire had {found['wire_xruns_a_minute']:.1f} a minute before")
    print(
        f"longest block {found['longest_block_ms']} ms; {found['busy']:.2%} of a core; real-time priority:"
        f" {'yes' if found['realtime'] else 'no'}; longest cycle {found['load_max']:.0%} of the period"
    )
    print(f"memory: {memory['start']} KiB at first, {memory['settled']} after a minute, {memory['end']} at the end")
    print(f"melody: {line['notes']} notes, {line['stuck']} stuck; the quartet played {found['notes_out']} notes out")
    print(
        f"sound: {sound['seconds']:.0f} s, peak {sound['peak']:.2f}, sounding {sound['sounding']:.0%} of the time,"
        f" {'finite' if sound['finite'] else 'NOT FINITE'}"
    )


def run(json: bool = False, minutes: float = MINUTES, weights: str = "small") -> dict[str, Any]:
    """Measure; print a table unless `json`. UserError: jackd or the weights are missing."""
    found = measure(minutes, weights)
    if not json:
        show(found)
    return found
