"""What a service's manager is told, by the protocol of sd_notify(3): ready, how it does, alive, about to end.

The protocol is a datagram of NAME=VALUE lines to the unix socket that NOTIFY_SOCKET names; "@" begins the name of one
that lies in no folder. Without that variable nothing is told.
"""

import os
import socket
import time
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance

_SHARE = 4  # the manager hears that we live so often within the time that it waits
_STATUS_SECONDS = 5.0


class Notifier:
    """A `Watcher` (see ripieno.daemon.live) that tells the service's manager.

    It is told that we are alive only while the driver's cycles go on, or the driver knows that it is away. environment:
    what it holds for us is taken out: the processes of plugins are none of the manager's business. clock: seconds.
    """

    def __init__(
        self, environment: MutableMapping[str, str] = os.environ, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._address = _address(environment.pop("NOTIFY_SOCKET", ""))
        pid = environment.pop("WATCHDOG_PID", "") or str(os.getpid())
        limit = environment.pop("WATCHDOG_USEC", "")
        self.limit_s = int(limit) / 1e6 if limit.isdecimal() and pid == str(os.getpid()) else 0.0
        self._socket = _socket() if self._address else None
        self._cycles = -1
        self._alive = self._told = -float("inf")  # when that was said last
        self._status, self._begun = "", False

    def begin(self, performance: "Performance") -> None:
        self._status, self._begun = _status(performance), True
        self._send("READY=1", f"STATUS={self._status}")
        self.tend(performance)

    def tend(self, performance: "Performance") -> None:
        if self._socket is None:
            return
        now = self._clock()
        if self.limit_s and now - self._alive >= self.limit_s / _SHARE and self._moves(performance):
            self._alive = now
            self._send("WATCHDOG=1")
        if now - self._told >= _STATUS_SECONDS:
            self._told = now
            self.say(_status(performance))

    def end(self) -> None:
        if self._begun:
            self._send("STOPPING=1")

    def say(self, status: str) -> None:
        """How it does, in one line."""
        if status != self._status:
            self._status = status
            self._send("STATUS=" + " ".join(status.split()))

    def _moves(self, performance: "Performance") -> bool:
        """Cycles go on, or are known not to."""
        state = performance.driver.state()
        before, self._cycles = self._cycles, state.cycles
        return not state.alive or state.cycles != before

    def _send(self, *lines: str) -> None:
        """Without waiting: a manager that does not listen is told the next time."""
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:  # full, or gone: nothing that the music should know of
            return


def _address(named: str) -> str:
    """The socket's address, "" where it is none of a kind that we can reach."""
    return f"\0{named[1:]}" if named.startswith("@") else named if named.startswith("/") else ""


def _socket() -> socket.socket | None:
    family = getattr(socket, "AF_UNIX", None)
    if family is None:
        return None
    one = socket.socket(family, socket.SOCK_DGRAM)  # not inherited by other processes (PEP 446)
    one.setblocking(False)
    return one


def _status(performance: "Performance") -> str:
    """What plays, where, and how well, for whoever asks the manager."""
    state, stats = performance.driver.state(), performance.engine.stats()
    place = performance.driver.name if state.alive else f"{performance.driver.name}, which is away"
    return f"{performance.preset.name} on {place}: {stats.notes_in} keys, {stats.late} late, {state.xruns} xruns"
