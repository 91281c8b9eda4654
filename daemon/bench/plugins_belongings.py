"""What a process has that outlives what it was made for when it is forgotten: children, descriptors, shared memory,
folders. Linux.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ripieno.daemon.errors import UserError

_HOST = "ripieno.plugins.hosts"


@dataclass(frozen=True)
class Belongings:
    """processes: of our plugins; descriptors: how many of each kind; shared: maps of memory without a name; folders: of
    our plugins."""

    processes: frozenset[int]
    descriptors: Counter[str]
    shared: Counter[str]
    folders: frozenset[str]

    def beyond(self, before: "Belongings") -> dict[str, int]:
        """How many more of each there are than before."""
        return {
            "processes": len(self.processes - before.processes),
            "descriptors": (self.descriptors - before.descriptors).total(),
            "shared memory": (self.shared - before.shared).total(),
            "folders": len(self.folders - before.folders),
        }


def belongings() -> Belongings:
    """This process's, now."""
    return Belongings(
        frozenset(host_processes(os.getpid())),
        Counter(_descriptors()),
        Counter(_maps()),
        frozenset(path.name for path in Path(tempfile.gettempdir()).glob(f"ripieno-*-{os.getpid()}-*")),
    )


def _processes() -> Iterator[tuple[int, list[str]]]:
    """(process id, command line) of all that run. UserError where the system does not tell."""
    if not Path("/proc/self").exists():
        raise UserError("what processes do is read from /proc, which this system has not: measure it on Linux")
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # it has ended meanwhile
                yield int(entry.name), (entry / "cmdline").read_text(errors="replace").split("\0")[:-1]


def host_processes(daemon: int) -> list[int]:
    """The process ids of the plugins of that process; they tell whose they are, and do so when it is gone."""
    return [process for process, words in _processes() if _HOST in words and words[-1] == str(daemon)]


def processes_named(program: str) -> list[int]:
    """The process ids of all that run this program."""
    return [process for process, words in _processes() if words and Path(words[0]).name == program]


def _descriptors() -> list[str]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.append(_kind(os.readlink(entry)))
        except OSError:
            continue  # the one that lists them
    return found


def _kind(target: str) -> str:
    """Numbers are left out: a socket is a socket."""
    return target.split("[")[0]


def _maps() -> list[str]:
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line.split(maxsplit=5)[5] for line in lines if "memfd:" in line]


def processor_ns(*processes: int) -> int:
    """Nanoseconds of processor time that all threads of these processes have had so far."""
    total = 0
    for process in processes:
        for task in Path(f"/proc/{process}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except (OSError, IndexError):
                continue  # it has ended meanwhile
    return total
