"""What a process has that outlives what it was made for when it is forgotten: children, descriptors, shared memory,
folders. Linux.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HOST = b"ripieno.plugins.hosts"


@dataclass(frozen=True)
class Belongings:
    """processes: of plugins, on the whole machine, with their parents; descriptors: how many of each target; shared:
    maps of memory without a name, and names in /dev/shm; folders: temporary ones."""

    processes: frozenset[tuple[int, int]]
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
        Counter(_maps()) + Counter(f"/dev/shm/{name}" for name in _names(Path("/dev/shm")) if "ripieno" in name),
        frozenset(name for name in _names(Path(tempfile.gettempdir())) if name.startswith("ripieno")),
    )


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def _processes() -> Iterator[tuple[int, int, bytes]]:
    """(process id, its parent's, command line) of all there are."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            line, status = (entry / "cmdline").read_bytes(), (entry / "stat").read_text()
        except OSError:
            continue  # it has ended meanwhile
        yield int(entry.name), int(status.rpartition(")")[2].split()[1]), line


def host_processes(*parents: int) -> list[tuple[int, int]]:
    """(process id, its parent's) of every plugin's process whose parent is one of these, or gone."""
    return [(process, parent) for process, parent, line in _processes() if _HOST in line and parent in (*parents, 1)]


def processes_named(program: str) -> list[int]:
    """The process ids of all that run this program."""
    return [process for process, _, line in _processes() if Path(line.split(b"\0")[0].decode()).name == program]


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
