"""Programs that speak OSC with a performance, and a time of one's own for what is said."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mido
from performing import look_until, performing, silence

from ripieno.daemon.live import Performance
from ripieno.daemon.remote.osc import Osc
from ripieno.daemon.remote.osc_packet import read, write
from ripieno.daemon.remote.osc_ports import Address

QUARTET, FAST = ["string-quartet"], ["model=closest"]
LEVEL, ON = "/ripieno/players/viola/level", "/ripieno/players/viola/on"
HERE: Address = ("127.0.0.1", 5000)
AWAY: Address = ("192.168.1.5", 5000)


class Other:
    """Another program that speaks OSC, and what it was told, in its order."""

    def __init__(self, performance: Performance, to: Address = HERE) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.address: Address = self.socket.getsockname()
        self.told: list[tuple[str, list[Any]]] = []
        self.performance, self.to, self.questions = performance, to, 0

    def send(self, address: str, tags: str = "", *arguments: Any) -> None:
        self.socket.sendto(write(address, tags, arguments), self.to)

    def hear(self) -> list[tuple[str, list[Any]]]:
        """All that it was told since it forgot."""
        while True:
            try:
                self.told += ((one.address, one.arguments) for one in read(self.socket.recv(1 << 16)))
            except BlockingIOError:
                return self.told

    def hear_until(self, *wanted: tuple[str, list[Any]]) -> None:
        look_until(self.performance, lambda: all(one in self.hear() for one in wanted), f"{wanted}: {self.told[-9:]}")

    def settled(self) -> list[tuple[str, list[Any]]]:
        """All that it was told by the time that a question is answered; asked again, for a packet may be lost."""
        self.questions += 1
        address = f"/ripieno/settled/{self.questions}"

        def answered() -> bool:
            self.send(address)
            return any(one == "/ripieno/error" and rest[0] == address for one, rest in self.hear())

        look_until(self.performance, answered, "an answer")
        told, self.told = self.told, []
        return [one for one in told if one[0] != "/ripieno/error" or not one[1][0].startswith("/ripieno/settled/")]


@contextmanager
def speaking(folder: Path, *notes: mido.Message, known: int = 0) -> Iterator[tuple[Performance, Osc, list[Other]]]:
    """A quartet, and two programs, of which so many are told of everything from the beginning."""
    with performing(silence(folder / "song.mid", *notes), QUARTET, FAST) as performance:
        others = [Other(performance) for _ in range(2)]
        osc = Osc(0, [one.address for one in others[:known]])
        for one in others:
            one.to = osc.osc_address
        osc.begin(performance)
        try:
            yield performance, osc, others
        finally:
            osc.end()
            for one in others:
                one.socket.close()


class Loop:
    """Time that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.later: list[tuple[float, Callable[..., object], tuple[Any, ...]]] = []

    def time(self) -> float:
        self.now += 0.0005  # looking at the clock takes as long as a message
        return self.now

    def call_soon(self, call: Callable[..., object], *arguments: Any) -> None:
        self.call_later(0.0, call, *arguments)

    call_soon_threadsafe = call_soon

    def call_later(self, wait_s: float, call: Callable[..., object], *arguments: Any) -> "Loop":
        self.later.append((self.now + wait_s, call, arguments))
        return self

    def cancel(self) -> None:
        self.later.clear()

    def go(self) -> None:
        """Do what is next."""
        self.later.sort(key=lambda one: one[0])
        self.now, call, arguments = self.later.pop(0)
        call(*arguments)
