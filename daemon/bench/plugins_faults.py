"""Harm done to plugins while they play: killed, hung, made to send what is no number; and when each was back."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from ripieno.daemon.bench.plugins_session import Session
from ripieno.plugins.base import Hosted

KILL, STOP, SPIN, NAN, STALL = "kill", "stop", "spin", "nan", "stall"
HANGS = (STOP, SPIN)  # a process that the system gives no time any more, and one that computes without end
A_MINUTE = {KILL: 10, STOP: 2.5, SPIN: 2.5, NAN: 5, STALL: 2}
STALL_SECONDS = 0.1  # within what a plugin is allowed: it is late, and goes on
_SIGNALS = {KILL: signal.SIGKILL, STOP: signal.SIGSTOP, STALL: signal.SIGSTOP}
TROUBLE = "trouble"
_REST = 0.7  # seconds that a strip plays undisturbed after a fault


@dataclass
class Fault:
    """One: what, to whom, in which strip; began, back: monotonic seconds; frame: the server's when it began; restarts:
    that the plugin had had by then; stopped: its process, while that stands still only for a while."""

    kind: str
    plugin: Any
    strip: str
    began: float
    frame: int
    restarts: int
    stopped: int = 0
    back: float | None = None


def planned(minutes: float, rng: Random) -> list[str]:
    """What is to happen in so long, in an order of chance: at least one of each kind."""
    kinds = [kind for kind, often in A_MINUTE.items() for _ in range(max(1, round(often * minutes)))]
    rng.shuffle(kinds)
    return kinds


class Breaker:
    """Does harm to a session's isolated plugins, one fault of a strip at a time."""

    def __init__(self, session: Session, strips: Sequence[str], rng: Random) -> None:
        self.session, self.rng = session, rng
        self.plugins = {name: [one for one in session.stage.strips[name] if pid_of(one)] for name in strips}
        self.rested = dict.fromkeys(strips, 0.0)
        self.faults: list[Fault] = []
        self.troubles = 0

    def strike(self, kind: str) -> bool:
        """Do it to somebody, now. False: nobody is well enough."""
        now = time.monotonic()
        ready = [
            (name, plugin)
            for name, plugins in self.plugins.items()
            for plugin in plugins
            if now >= self.rested[name] and self._able(plugin, kind) and all(map(_well, plugins))
        ]
        if not ready:
            return False
        name, plugin = self.rng.choice(ready)
        self.rested[name] = float("inf")
        frame, restarts = self.session.driver.state().frame, plugin.standing().restarts
        stopped = pid_of(plugin) if kind == STALL else 0
        self._harm(kind, plugin)
        self.faults.append(Fault(kind, plugin, name, now, frame, restarts, stopped))
        return True

    def look(self) -> None:
        """Who may go on, and who is back?"""
        now = time.monotonic()
        for fault in self.faults:
            if fault.stopped and now > fault.began + STALL_SECONDS:
                with suppress(ProcessLookupError):
                    os.kill(fault.stopped, signal.SIGCONT)
                fault.stopped = 0
            if fault.back is None and self._back(fault):
                fault.back = now
                self.rested[fault.strip] = now + _REST

    @staticmethod
    def _back(fault: Fault) -> bool:
        new = fault.kind == STALL or fault.plugin.standing().restarts > fault.restarts
        return new and not fault.stopped and _well(fault.plugin)

    @property
    def away(self) -> int:
        """Faults whose plugin has not come back."""
        return sum(fault.back is None for fault in self.faults)

    def _able(self, plugin: Hosted, kind: str) -> bool:
        """Anybody can be killed or stopped; trouble is made by those who can be told to."""
        return kind in _SIGNALS or TROUBLE in [one.name for one in plugin.parameters]

    def _harm(self, kind: str, plugin: Hosted) -> None:
        if kind in _SIGNALS:
            os.kill(pid_of(plugin), _SIGNALS[kind])
            return
        self.troubles += 1
        plugin.set(TROUBLE, 2 * self.troubles + (kind == SPIN))


def _well(plugin: Hosted) -> bool:
    return not plugin.standing().fault and pid_of(plugin) != 0


def pid_of(plugin: Hosted) -> int:
    """The process that it runs in; 0: none of its own, or none now."""
    return int(getattr(plugin, "pid", 0) or 0)
