"""JACK's own `jack_iodelay` through an engine: how much later is the sound than by a cable from port to port?

Rounds by a cable alone, through an empty chain of plugins, and through a compiled gain.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from typing import Any

from ripieno.daemon.bench import plugins_texts
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_client import connect
from ripieno.daemon.bench.plugins_session import OURS, PERIOD, RATE, open_plugin, playing
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.daemon.errors import UserError
from ripieno.native.drivers import JackClient

_TOOL, _CLIENT = "jack_iodelay", "jack_delay"
_OUT, _IN = f"{_CLIENT}:out", f"{_CLIENT}:in"
_AGREE = 3  # readings in a row that must be the same
_SECONDS = 20.0
_THROUGH: Mapping[str, Sequence[str]] = {"an empty chain": (), "a compiled gain": ("jit:unity.py",)}


@contextmanager
def tool() -> Iterator[int]:
    """The tool, running; what it prints can be read there, line by line, as it thinks that somebody watches it."""
    if not shutil.which(_TOOL):
        raise UserError(f"{_TOOL} is not on this machine: Debian: apt install jackd2")
    ours, theirs = os.openpty()
    process = subprocess.Popen([_TOOL], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        yield ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def reading(terminal: int) -> float:
    """Frames, once it has said the same several times. UserError where it does not."""
    text, end = "", time.monotonic() + _SECONDS
    while time.monotonic() < end:
        if select([terminal], [], [], 0.1)[0]:
            text += os.read(terminal, 4096).decode(errors="replace")
        found = re.findall(r"([\d.]+) frames .* roundtrip", text)[-_AGREE:]
        if len(found) == _AGREE and len(set(found)) == 1:
            return float(found[0])
    raise UserError(f"{_TOOL} comes to no result: {text.strip()[-200:]!r}")


def measure() -> dict[str, Any]:
    """Everything, on a server of its own. UserError: jackd, its tools or numba are missing."""
    with TemporaryDirectory(prefix="bench-plugins-") as name, DummyServer(RATE, PERIOD, True):
        folder = plugins_texts.write(Path(name))
        with closing(JackClient("bench-cables", [], [])) as client:
            client.open()
            found = {"a cable": _by_cable(client)}
            for what, specs in _THROUGH.items():
                found[what] = _through(client, folder, specs)
    rows = [
        Row(
            f"{_TOOL} through {what}",
            f"{found[what]:g} frames, {found[what] - found['a cable']:+g} beside a cable",
            "+0",
            found[what] == found["a cable"],
        )
        for what in _THROUGH
    ]
    return verdict(rows, frames=found)


def _by_cable(client: JackClient) -> float:
    with tool() as terminal:
        connect(client, _OUT, _IN)
        return reading(terminal)


def _through(client: JackClient, folder: Path, specs: Sequence[str]) -> float:
    with playing({"chain": [open_plugin(spec, folder) for spec in specs]}, "input"), tool() as terminal:
        connect(client, _OUT, f"{OURS}:left-in")
        connect(client, f"{OURS}:left", _IN)
        return reading(terminal)


def run(json: bool = False) -> dict[str, Any]:
    """Measure; print the verdict unless `json`. UserError: jackd, its tools or numba are missing."""
    found = measure()
    if not json:
        show(found)
    return found
