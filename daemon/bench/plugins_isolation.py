"""What isolation costs: plugins that do nothing, each in a process of its own, beside the same in our own process.

How late it makes the sound is told by a note of one sample. How much of a processor it takes is the difference of two
sessions, one after the other and several times by turns: all threads of ours, of the plugins' processes, and of all
JACK servers together.
"""

import os
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ripieno.daemon.bench import plugins_texts
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_belongings import host_processes, processes_named, processor_ns
from ripieno.daemon.bench.plugins_client import Recording
from ripieno.daemon.bench.plugins_player import note
from ripieno.daemon.bench.plugins_session import OURS, PERIOD, RATE, Session, open_plugin, playing
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.daemon.progress import Progress

COUNTS = (1, 4, 8)
SECONDS, ROUNDS = 4.0, 3
ALLOWED = 0.05  # of a core, for one plugin
_WITHIN, _ISOLATED = "jit:unity.py", "python:pass.py"
_SETTLE, _SPARE = 0.5, 5.0


def delay(folder: Path, spec: str) -> int:
    """Frames from a note to its one sample, through this effect."""
    strips = {"path": [open_plugin("jit:click.py", folder), open_plugin(spec, folder)]}
    with playing(strips) as session:
        recording = Recording(folder, OURS, note(0, 0.1, 0, 60, 100, RATE), ["left"], 1 + _SPARE)
        try:
            recording.go()
            session.watch(1)
            heard = recording.ends()
        finally:
            recording.kill()
    sound = heard.sound(0)
    return heard.first_frame + int(np.argmax(np.abs(sound))) - heard.sent[0][0]


def busy(folder: Path, spec: str, count: int, seconds: float) -> tuple[float, float]:
    """The share of a core that everything takes with so many of them in series, and the plugins' processes of that."""
    with playing({"path": [open_plugin(spec, folder) for _ in range(count)]}) as session:
        session.watch(_SETTLE)
        return _share(session, seconds)


def _share(session: Session, seconds: float) -> tuple[float, float]:
    hosts = host_processes(os.getpid())
    others = [os.getpid(), *processes_named("jackd")]
    began, used = time.monotonic(), [processor_ns(*hosts), processor_ns(*others)]
    session.watch(seconds)
    took = 1e9 * (time.monotonic() - began)
    hosted, other = (processor_ns(*hosts) - used[0]) / took, (processor_ns(*others) - used[1]) / took
    return hosted + other, hosted


def cost(folder: Path, count: int, seconds: float, rounds: int) -> dict[str, float]:
    """Medians over the rounds: what so many take in our own process, isolated, and the difference."""
    within, isolated = [], []
    for _ in range(rounds):
        within.append(busy(folder, _WITHIN, count, seconds))
        isolated.append(busy(folder, _ISOLATED, count, seconds))
    added = [two - one for (one, _), (two, _) in zip(within, isolated, strict=True)]
    found = {
        "within": median(whole for whole, _ in within),
        "isolated": median(whole for whole, _ in isolated),
        "processes": median(hosted for _, hosted in isolated),
        "added": median(added),
        "most": max(added),
    }
    return {"plugins": count, **{name: round(value, 4) for name, value in found.items()}}


def measure(seconds: float = SECONDS, rounds: int = ROUNDS, counts: tuple[int, ...] = COUNTS) -> dict[str, Any]:
    """Everything, on a server of its own. UserError: jackd or numba is missing."""
    with TemporaryDirectory(prefix="bench-plugins-") as name, DummyServer(RATE, PERIOD, True):
        folder = plugins_texts.write(Path(name))
        delays = {spec: delay(folder, spec) for spec in (_WITHIN, _ISOLATED)}
        with Progress("both by turns") as progress:
            costs = []
            for place, count in enumerate(counts):
                costs.append(cost(folder, count, seconds, rounds))
                progress((place + 1) / len(counts))
    added = delays[_ISOLATED] - delays[_WITHIN]
    rows = [Row("latency of isolation", f"{added} frames", f"{PERIOD}: one block", added == PERIOD)]
    for one in costs:
        allowed = ALLOWED * one["plugins"]
        rows.append(
            Row(
                f"processor time of {one['plugins']:g} isolated",
                f"{one['added']:+.2%} of a core ({one['isolated']:.2%}, of it their processes {one['processes']:.2%};"
                f" in our own process {one['within']:.2%}; at most {one['most']:+.2%})",
                f"<= {allowed:.0%}",
                one["added"] <= allowed,
            )
        )
    return verdict(rows, delays=delays, costs=costs)


def run(json: bool = False) -> dict[str, Any]:
    """Measure; print the verdict unless `json`. UserError: jackd or numba is missing."""
    found = measure()
    if not json:
        show(found)
    return found
