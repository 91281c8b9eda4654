"""A plugin's process, from outside: started, spoken with, watched and ended. Supervision is in isolated.py."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ripieno.plugins.hosts.line import Gone, Line, Message

_PREFIX = "ripieno-plugin-"
_LOG = 4096  # bytes of what it wrote last that are kept
_PIPE = 1 << 20
_POLITE_S, _KILL_S = 1.0, 10.0
_PAGE = os.sysconf("SC_PAGE_SIZE")
# One thread a process is enough: it renders one block at a time, and others want the processors.
_ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_KILLED = {
    signal.SIGSEGV: "it crashed (SIGSEGV)",
    signal.SIGBUS: "it crashed (SIGBUS)",
    signal.SIGABRT: "it gave up (SIGABRT)",
    signal.SIGFPE: "it crashed (SIGFPE)",
    signal.SIGILL: "it crashed (SIGILL)",
    signal.SIGXCPU: "it hung",
}


class Memory:
    """Shared memory without a name: it is gone with whoever has it, however they end."""

    def __init__(self, size: int) -> None:
        if hasattr(os, "memfd_create"):
            self.file = os.memfd_create("ripieno-plugin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.ftruncate(self.file, size)
            # Whoever could make it smaller could crash the daemon.
            fcntl.fcntl(self.file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        else:
            with tempfile.TemporaryFile(buffering=0) as file:
                self.file = os.dup(file.fileno())
            os.ftruncate(self.file, size)
        self.map = mmap.mmap(self.file, size)

    def close(self) -> None:
        """Nobody of ours uses the map any more."""
        os.close(self.file)
        with contextlib.suppress(BufferError):  # then it goes with who has it still
            self.map.close()


class Guest:
    """One process. It has its own session and folder, and what it prints is kept, the end of it, for `words`."""

    def __init__(self, memory: Memory) -> None:
        """Started; it waits for its order. The thread that calls this must live as long as the process should. Raises
        OSError where the system gives none."""
        self._words = bytearray()
        with contextlib.ExitStack() as undo:
            self.folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
            undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
            ours, theirs = socket.socketpair()
            undo.callback(ours.close)
            with theirs:
                self._log, write = _pipe()
                undo.callback(os.close, self._log)
                try:
                    self.process = self._start(memory.file, theirs.fileno(), write)
                finally:
                    os.close(write)
            undo.pop_all()
        self.line = Line(ours)

    def _start(self, memory: int, control: int, log: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "ripieno.plugins.hosts", *map(str, (memory, control, os.getpid()))],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.folder,
            env={**os.environ, **_ENVIRONMENT, "TMPDIR": self.folder},
            pass_fds=(memory, control),
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def order(self, **order: Any) -> None:
        """What it is to load."""
        with contextlib.suppress(Gone):
            self.line.send(**order)

    def receive(self, seconds: float) -> Message | None:
        """Its next message, or None after so long; what it prints meanwhile is kept. Raises Gone once it is dead."""
        self._listen()
        return self.line.receive(seconds)

    def _listen(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._log, 1 << 16):
                self._words += piece
                del self._words[:-_LOG]

    def words(self) -> str:
        """The last that it wrote, for an error message."""
        self._listen()
        lines = self._words.decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def memory(self) -> int:
        """Bytes that it has in memory now; 0 where the system does not tell."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_bytes().split()[1]) * _PAGE
        except (OSError, IndexError, ValueError):
            return 0

    def how_it_ended(self) -> str:
        """In words; it has closed its line."""
        try:
            code = self.process.wait(_POLITE_S)
        except subprocess.TimeoutExpired:
            return "it does not listen any more"
        if code < 0:
            return _KILLED.get(code_signal(code), f"it was killed ({code_signal(code).name})")
        return f"it ended by itself (status {code})"

    def end(self, politely: bool) -> None:
        """End it and whatever it started, and take away its folder."""
        if politely:
            with contextlib.suppress(Gone):
                self.line.send(do="quit")
            self._wait_while_it_writes(_POLITE_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # its own session: nobody else is in this group
        with contextlib.suppress(subprocess.TimeoutExpired):  # the system holds it: nothing can be done
            self.process.wait(_KILL_S)
        os.close(self._log)
        self.line.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_while_it_writes(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with contextlib.suppress(Gone):
            while time.monotonic() < until:
                self.receive(until - time.monotonic())


def _pipe() -> tuple[int, int]:
    """What is written into it nobody waits to read, and there is room for a lot."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE)
    return read, write


def code_signal(code: int) -> signal.Signals:
    return signal.Signals(-code)


def sweep() -> None:
    """Take away the folders of daemons that could not do it themselves."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not _lives(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
