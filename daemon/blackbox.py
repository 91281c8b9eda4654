"""Memory that outlives a killed process: what may still be sounding, for the next start to silence."""

import mmap
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import IO

from ripieno.daemon.errors import UserError


def memory_folder() -> Path:
    """A folder that lives in memory, where the system has one.

    Writing to a mapped page of a real disk can make the process thread wait for the disk; in memory it cannot. That is
    $XDG_RUNTIME_DIR, or Linux's /dev/shm; elsewhere (macOS, Windows) $XDG_STATE_HOME or ~/.local/state.
    """
    runtime, state = os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("XDG_STATE_HOME")
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / "ripieno"
    if Path("/dev/shm").is_dir():
        return Path("/dev/shm") / f"ripieno-{os.getuid()}"
    return (Path(state) if state else Path.home() / ".local" / "state") / "ripieno"


class BlackBox:
    """A file, `size` bytes long, mapped into memory and locked for as long as this process lives.

    `dirty` tells whether a process before left notes in it. Raises UserError where another process with this client
    name runs, or where the file cannot be made.
    """

    def __init__(self, client: str, size: int) -> None:
        name = re.sub(r"[^\w.-]", "_", client)
        self.path = memory_folder() / f"{name}.sounding"
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = open(self.path, "a+b")  # noqa: SIM115 - open, and locked, until the process ends
            self._lock(client)
            if self.path.stat().st_size != size:
                self._file.truncate(0)
                self._file.truncate(size)
            self.memory = mmap.mmap(self._file.fileno(), size)
        except OSError as error:
            raise UserError(f"{self.path}: cannot be written: {error.strerror or error}") from None
        self.dirty = any(self.memory[:])

    def discard(self) -> None:
        """Remove the file: everything was silenced. Where that cannot be (Windows), it stays, and says so."""
        with suppress(OSError):
            self.path.unlink()

    def release(self) -> None:
        """Nothing is played any more: let another have it, or us once more."""
        _unlock(self._file)

    def _lock(self, client: str) -> None:
        if not _try_lock(self._file):
            raise UserError(f"another ripieno called {client!r} is running: end it, or choose a name with --name")


def _try_lock(file: IO[bytes]) -> bool:
    """Lock a file until the process ends, however it ends."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(file: IO[bytes]) -> None:
    """Whatever else still has it open, as mapped memory does."""
    if os.name == "nt":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_UN)
