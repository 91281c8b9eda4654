"""The clients that `bench face --part agree` lets meet: a page's socket, `ripieno ctl`, OSC, and knobs with faders."""

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from threading import Thread
from typing import Any, Protocol

from ripieno.daemon.bench.face_stage import NAMES, SECONDS, Served, player
from ripieno.daemon.bench.jack import RATE, wait_for
from ripieno.daemon.bench.plugins_client import connect
from ripieno.daemon.bench.rig_stage import INPUT
from ripieno.daemon.errors import UserError
from ripieno.daemon.remote.osc_packet import read, write
from ripieno.daemon.remote.osc_tree import ROOT
from ripieno.native.drivers import JackClient
from ripieno.native.probe import JackProbe

LEVELS = tuple(f"players/{name.lower()}/level" for name in NAMES)
A_SECOND = 50  # changes of each client: so many `ripieno ctl` can, too, so that none is last each time
_KNOB, _FADER = 20, 40  # controllers of the first path
_FEEDBACK = "ripieno-bench:feedback"
_LISTEN = write(f"{ROOT}/listen", "")

Plan = Sequence[tuple[str, int]]
"""Paths, and what they are set to."""


class Line(Protocol):
    """A client."""

    @property
    def view(self) -> Mapping[str, Any]:
        """How it believes that all stands."""

    @property
    def answered(self) -> int:
        """Of what it played last; changes of who gets no answers are answered by being sent."""

    @property
    def heard(self) -> int:
        """How many changes it was told of, by anybody."""

    def play(self, plan: Plan) -> None:
        """Set all that, one after the other."""


def _pace(plan: Plan) -> Iterator[tuple[str, int]]:
    """So many a second."""
    due = time.monotonic()
    for one in plan:
        yield one
        due += 1 / A_SECOND
        time.sleep(max(0.0, due - time.monotonic()))


class _Heard:
    """Values by their revisions, as the page keeps them."""

    def __init__(self) -> None:
        self.view: dict[str, Any] = {}
        self.answered = self.heard = 0
        self._revisions: dict[str, int] = {}

    def learn(self, path: str, value: Any, revision: int) -> None:
        """Unless something newer is known."""
        if revision >= self._revisions.get(path, 0):
            self.view[path], self._revisions[path] = value, revision

    def take(self, message: Mapping[str, Any]) -> None:
        """A message of the live socket."""
        if message["t"] == "hello":
            self.view = dict(message["values"])
        for path, value, _, revision in message.get("changes", ()):
            self.heard += 1
            self.learn(path, value, revision)


class Page(_Heard):
    """A socket such as a page has."""

    def __init__(self, served: Served, stack: ExitStack) -> None:
        from websockets.sync.client import connect as open_socket

        super().__init__()
        self._line = stack.enter_context(open_socket(served.socket_url, origin=served.url.rstrip("/")))
        self._asked: dict[int, str] = {}
        _begin(self._hear)
        wait_for(lambda: self.view, "the page's first word", SECONDS)

    def _hear(self) -> None:
        from websockets.exceptions import ConnectionClosed

        with suppress(ConnectionClosed):
            for text in self._line:
                message = json.loads(text)
                if message["t"] == "ok":
                    self.answered += 1
                    self.learn(self._asked[message["id"]], message["value"], message["revision"])
                self.take(message)

    def play(self, plan: Plan) -> None:
        self.answered = 0
        for path, value in _pace(plan):
            number = len(self._asked)
            self._asked[number] = path
            self._line.send(json.dumps({"t": "set", "id": number, "path": path, "value": value}))
        wait_for(lambda: self.answered == len(plan), "the answers to the page's changes", SECONDS)


class Ctl(_Heard):
    """`ripieno ctl`, which sets one thing after the other, and watches."""

    def __init__(self, served: Served) -> None:
        super().__init__()
        self._client = served.client()
        _begin(self._hear)
        wait_for(lambda: self.view, "the first word to `ripieno ctl watch`", SECONDS)

    def _hear(self) -> None:
        with suppress(UserError):  # it ends with the daemon
            for message in self._client.live():
                self.take(message)

    def play(self, plan: Plan) -> None:
        self.answered = 0
        for path, value in _pace(plan):
            self.answered += self._client.set(path, value) == value


class Osc:
    """A program that shows what it was told or has set last."""

    def __init__(self, served: Served, stack: ExitStack) -> None:
        self.view: dict[str, Any] = {}
        self.answered = self.heard = 0
        self._line = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        port = served.client().ask("GET", "/osc?HOST_INFO")["OSC_PORT"]
        self._line.connect(("127.0.0.1", port))
        self._line.send(_LISTEN)
        _begin(self._hear)
        wait_for(lambda: set(LEVELS) <= set(self.view), "OSC's first word", SECONDS)

    def _hear(self) -> None:
        with suppress(OSError):  # it was closed
            while packet := self._line.recv(1 << 16):
                for message in read(packet):
                    path = message.address.removeprefix(f"{ROOT}/")
                    if path in LEVELS:
                        self.heard += 1
                        self.view[path] = message.arguments[0]

    def play(self, plan: Plan) -> None:
        self._line.send(_LISTEN)  # that holds for a minute
        for path, value in _pace(plan):
            self.view[path] = value
            self._line.send(write(f"{ROOT}/{path}", "i", [value]))
        self.answered = len(plan)


class Knobs:
    """Knobs, and motor faders which echo all that they are told."""

    def __init__(self, client: JackClient, stack: ExitStack) -> None:
        self._client = client
        self._faders = stack.enter_context(closing(JackProbe("bench-faders", ["in"], [])))
        self._faders.open()
        self._faders.start()
        connect(client, _FEEDBACK, "bench-faders:in")
        connect(client, _FEEDBACK, INPUT)
        self.answered = 0

    @property
    def heard(self) -> int:
        return len(self._faders.received())

    @property
    def view(self) -> dict[str, Any]:
        """Where the faders stand: by their ways, a value of a level is one of theirs."""
        return {LEVELS[data[1] - _FADER]: data[2] for _, _, data in self._faders.received() if data[0] == 0xB0}

    def play(self, plan: Plan) -> None:
        moves = [bytes((0xB0, _KNOB + LEVELS.index(path), value)) for path, value in plan]
        script = [(number * (RATE // A_SECOND), 0, move) for number, move in enumerate(moves)]
        with player(self._client, script) as probe:
            probe.go()
            wait_for(lambda: probe.done, "the end of the knobs' moves", len(plan) / A_SECOND + SECONDS)
        self.answered = len(plan)


def _begin(act: Callable[[], None]) -> None:
    Thread(target=act, daemon=True).start()


def learnt() -> str:
    """Tables of the preset: a knob, and a fader, for each path."""
    knobs = [f'[[learn]]\ncontrol = "controller {_KNOB + n}"\npath = "{path}"\n' for n, path in enumerate(LEVELS)]
    faders = [
        f'[[learn]]\ncontrol = "controller {_FADER + n}"\npath = "{path}"\nfeedback = "feedback"\n'
        for n, path in enumerate(LEVELS)
    ]
    return "\n".join([*knobs, *faders])
