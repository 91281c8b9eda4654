"""Paths beside each other that are late by different times: is what was played at once heard at once?

Strips with plugins that are late by 0, 64 and 1,000 frames, of which one isolated, are given a note of one sample at
the same frame; the stems and their sum are recorded by another JACK client.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ripieno.daemon.bench import plugins_texts
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_client import Heard, Recording
from ripieno.daemon.bench.plugins_player import note
from ripieno.daemon.bench.plugins_session import OURS, PERIOD, RATE, open_plugin, playing
from ripieno.daemon.bench.rows import Row, show, verdict

_CLICK = 0.5
# What is late by how much: 872 and the block that isolation takes are 1,000.
_STRIPS = {
    "0": ("jit:click.py",),
    "64": ("jit:click.py", "jit:slow64.py"),
    "1000": ("jit:click.py", "jit:slow1000.py"),
    "1000 isolated": ("jit:click.py", "python:late.py"),
}
_PLACES = (0.0, 0.1, 0.20001, 0.3007)  # seconds: here and there in a period, the first at once


def perform(folder: Path) -> tuple[Heard, int]:
    """What was heard of the sum and of each stem, and the latency that the rack tells."""
    strips = {name: [open_plugin(spec, folder) for spec in specs] for name, specs in _STRIPS.items()}
    script = [event for at in _PLACES for place in range(len(strips)) for event in note(at, 0.05, place, 60, 99, RATE)]
    with playing(strips) as session:
        record = ["left", *(f"{name} left" for name in strips)]
        recording = Recording(folder, OURS, sorted(script), record, 6)
        try:
            recording.go()
            session.watch(1)
            return recording.ends(), session.stage.rack.state().latency
        finally:
            recording.kill()


def measure() -> dict[str, Any]:
    """Everything, on a server of its own. UserError: jackd or numba is missing."""
    with TemporaryDirectory(prefix="bench-plugins-") as name, DummyServer(RATE, PERIOD, True):
        heard, latency = perform(plugins_texts.write(Path(name)))
        struck = sorted({frame for frame, _, data in heard.sent if data[0] & 0xF0 == 0x90})
        found: dict[str, dict[str, Any]] = {}
        for number, which in enumerate(["the sum", *_STRIPS]):
            sound = heard.sound(number)
            frames = np.flatnonzero(sound) + heard.first_frame
            found[which] = {"after": _after(frames, struck), "level": float(np.abs(sound).max())}
    together = bool(struck) and all(one["after"] == [latency] * len(struck) for one in found.values())
    rows = [
        Row(
            f"a note of one sample through paths late by {', '.join(_STRIPS)} frames",
            "; ".join(f"{which}: {_told(one['after'])}" for which, one in found.items()),
            "all at one sample",
            together and latency == 1000,
        ),
        Row(
            "their sum there",
            f"{found['the sum']['level']:g}, each {_CLICK:g}",
            f"{_CLICK * len(_STRIPS):g}",
            found["the sum"]["level"] == _CLICK * len(_STRIPS),
        ),
    ]
    return verdict(rows, latency=latency, heard=found)


def _after(frames: Any, struck: list[int]) -> list[int]:
    """How many frames after its note each sample was heard; what fits no note is as it is."""
    if len(frames) != len(struck):
        return [int(frame) - struck[0] for frame in frames[:20]]
    return [int(frame) - note for frame, note in zip(frames, struck, strict=True)]


def _told(after: list[int]) -> str:
    return f"+{after[0]}" if len(set(after)) == 1 else f"+{after}"


def run(json: bool = False) -> dict[str, Any]:
    """Measure; print the verdict unless `json`. UserError: jackd or numba is missing."""
    found = measure()
    if not json:
        show(found)
    return found
