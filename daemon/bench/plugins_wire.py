"""A bare wire on a JACK server of its own, while others are measured: how often is this machine too late by itself?

    python -m ripieno.daemon.bench.plugins_wire

It says "ready", and when its input ends how many xruns there were.
"""

import subprocess
import sys
from contextlib import closing

from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_client import READY
from ripieno.daemon.bench.plugins_session import PERIOD, RATE
from ripieno.daemon.errors import UserError
from ripieno.native.probe import JackWire

_END_SECONDS = 30.0


class Wire:
    """The wire, in a process of its own."""

    def __init__(self) -> None:
        command, pipe = [sys.executable, "-m", __name__], subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self.process.stdout
        if self.process.stdout.readline().strip() != READY:
            _, complaint = self.process.communicate()
            raise UserError(f"the bare wire does not begin: {complaint.strip()[-300:]}")

    def ends(self) -> int:
        """Its xruns so far. UserError where it failed."""
        said, complaint = self.process.communicate("", timeout=_END_SECONDS)
        if self.process.returncode:
            raise UserError(f"the bare wire failed: {complaint.strip()[-300:]}")
        return int(said)

    def kill(self) -> None:
        """Whatever it is doing, but it ends its server; where it had ended, nothing."""
        if self.process.poll() is None:
            self.process.communicate("", timeout=_END_SECONDS)


def main() -> int:
    """Xruns until the input ends."""
    with DummyServer(RATE, PERIOD, True), closing(JackWire("bench-wire", ["in"], ["out"])) as wire:
        wire.open()
        wire.start()
        print(READY, flush=True)
        sys.stdin.read()
        return wire.state().xruns


if __name__ == "__main__":
    print(main(), flush=True)
