"""A JACK server of one's own, with no sound card, for benchmarks and tests."""

import os
import shutil
import subprocess
import tempfile
import time
from itertools import count
from types import TracebackType

from ripieno.daemon.errors import UserError
from ripieno.native.drivers import jack_problem

_numbers = count()
_START_SECONDS = 60.0  # the machine may be busy, and others may have all places
_PAUSE_SECONDS, _LOOK_SECONDS = 0.5, 0.05
_ASKS, _ASK_SECONDS = "jack_wait", 2.0
_VARIABLE = "JACK_DEFAULT_SERVER"


class DummyServer:
    """`jackd -d dummy` while the `with` block lasts; JACK_DEFAULT_SERVER names it for this process and its children.

    rate: frames a second; period: frames a cycle. The server asks for real-time priority and does without it where it
    is refused. synchronous: a cycle ends when all clients have done theirs, so that none is left out where the machine
    is late; that is an xrun, but no sound is lost on the way. UserError where jackd is missing or does not start.
    """

    def __init__(self, rate: int = 48_000, period: int = 128, synchronous: bool = False) -> None:
        self.name = f"ripieno-{os.getpid()}-{next(_numbers)}"
        mode = ["-S"] if synchronous else []
        self._command = ["jackd", *mode, "-n", self.name, "-d", "dummy", "-r", str(rate), "-p", str(period)]
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - as long as there is a server
        self._killed = False
        self._before: str | None = None

    def __enter__(self) -> "DummyServer":
        if not shutil.which("jackd"):
            raise UserError("jackd is not on this machine: Debian: apt install jackd2; macOS: brew install jack")
        self._before = os.environ.get(_VARIABLE)
        os.environ[_VARIABLE] = self.name
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        if self._killed:  # it still has one of JACK's eight places for servers: only itself can give it back
            self.start()
            self.end()
        os.environ.pop(_VARIABLE)
        if self._before is not None:
            os.environ[_VARIABLE] = self._before

    def start(self, rate: int = 0) -> None:
        """Start it (again; rate: with so many frames a second from now on), and wait until it answers.

        JACK has places for eight servers of a user: where all are taken, it waits for one that ends.
        """
        if rate:
            self._command[self._command.index("-r") + 1] = str(rate)
        end = time.monotonic() + _START_SECONDS
        self._launch()
        while problem := self._problem():
            if time.monotonic() > end:
                self.end()
                raise UserError(f"`{' '.join(self._command)}` does not start: {self._last_words() or problem}")
            if self._process and self._process.poll() is not None:
                time.sleep(_PAUSE_SECONDS)
                self._launch()
            time.sleep(_LOOK_SECONDS)

    def _launch(self) -> None:
        into, nothing = self._complaints, subprocess.DEVNULL
        into.seek(0)
        into.truncate()
        self._process = subprocess.Popen(self._command, stdin=nothing, stdout=into, stderr=subprocess.STDOUT)
        self._killed = False

    def _last_words(self) -> str:
        """What it complained about."""
        self._complaints.seek(0)
        return " ".join(self._complaints.read().decode(errors="replace").split())

    def _problem(self) -> str | None:
        """Why it does not answer, None where it does.

        A client asks that is a process of its own: libjack (1.9.21) may wait for ever when a client is closed while
        somebody else's arrives, and those who have waited for this server arrive now.
        """
        asks = [_ASKS, "-c", "-s", self.name]
        if not shutil.which(_ASKS):
            return jack_problem()
        try:
            said = subprocess.run(asks, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False).stdout
        except subprocess.TimeoutExpired:  # so it is: somebody has arrived
            return None
        return None if said.startswith("running") else "it does not answer"

    def end(self, kill: bool = False) -> None:
        """End it; `kill` gives it no time to say goodbye to its clients."""
        process, self._process = self._process, None
        if process is None:
            return
        if not kill:
            process.terminate()
            try:
                process.wait(5)
                return
            except subprocess.TimeoutExpired:
                pass
        self._killed = True
        process.kill()
        process.wait()
