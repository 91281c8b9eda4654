"""`ripieno run` as a process on a stage of its own: with a player, with a listener, watched through its JSON."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from command import COMMAND

from ripieno.native.drivers import DriverError
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe


class Daemon:
    """A `ripieno run ... --json`, and what it says."""

    def __init__(self, *arguments: object) -> None:
        line = [*COMMAND, "run", *map(str, arguments), "--json"]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def hear(self, event: str) -> dict[str, Any]:
        """The next of its lines that tells of `event`."""
        assert self.process.stdout
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said["event"] == event:
                return said
        raise AssertionError(f"it ended without {event!r}: {self.process.communicate()[1]}")

    def end(self, number: int) -> int:
        """Send a signal, and wait for the exit code."""
        self.process.send_signal(number)
        _, complaint = self.process.communicate(timeout=30)
        assert "Traceback" not in complaint, complaint
        return self.process.returncode


@contextmanager
def daemon(*arguments: object) -> Iterator[Daemon]:
    one = Daemon(*arguments)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()


def wait_for(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.01)


def name_of(test: str) -> str:
    return f"ripieno-{test}-{os.getpid()}"


def held(events: list[tuple[int, int, bytes]]) -> set[tuple[int, int]]:
    """(channel, pitch) of what a synthesiser would still play."""
    sounds: set[tuple[int, int]] = set()
    for _, _, data in events:
        kind, key = data[0] & 0xF0, (data[0] & 15, data[1] if len(data) > 1 else 0)
        if kind == 0x90 and data[2]:
            sounds.add(key)
        elif kind in (0x80, 0x90):
            sounds.discard(key)
    return sounds


CHORD = [(i, 0, bytes((0x90, pitch, 80))) for i, pitch in enumerate((48, 55, 64, 72))]


@contextmanager
def concert(
    name: str, *arguments: object, script: Sequence[Event] = CHORD, sounding: int = 4
) -> Iterator[tuple[Daemon, JackProbe]]:
    """The daemon, a player by a script, and a listener; entered when so many notes sound."""
    player, listener = JackProbe("player", [], ["out"], script), JackProbe("listener", ["in"], [])
    with daemon(*arguments, "--driver", "jack", "--name", name) as one, closing(player), closing(listener):
        assert one.hear("ready")["driver"] == "jack"
        for probe in (player, listener):
            probe.open()
            probe.start()
        for ends in (("player:out", f"{name}:in"), (f"{name}:out", "listener:in")):
            wait_for(lambda ends=ends: connected(player, *ends), f"a connection of {ends}")
        player.go()
        wait_for(lambda: len(held(listener.received())) >= sounding, f"{sounding} notes sound")
        yield one, listener


def connected(probe: JackProbe, source: str, destination: str) -> bool:
    try:
        probe.connect(source, destination)
    except DriverError:
        return False
    return True
