"""Who looks at the page in `bench face`: Chromium, a socket that hears all and half of the changes, OSC the others."""

import json
import shutil
import socket
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.request import Request, urlopen

from ripieno.daemon.bench.face_stage import has_browser
from ripieno.daemon.bench.jack import wait_for
from ripieno.daemon.remote.osc_packet import write
from ripieno.daemon.remote.osc_tree import ROOT

UPDATES = 200  # a second, by turns on the socket and by OSC
CONTROL = "chain/wire/gain_db"
_SECONDS = 30.0
_SAME_SECONDS = 1.0
_STEPS = 64  # of the values that it is set to: each is exact in 32 bits


@dataclass
class Heard:
    """late_ms: from each key to its note, as the socket heard it. asked, answered: changes on the socket. alike: in the
    end the socket knows how the control stands."""

    late_ms: list[float] = field(default_factory=list)
    asked: int = 0
    answered: int = 0
    alike: bool = False


class Audience:
    """Of the daemon whose state is in that folder, for as long as the context lasts; then `heard` is whole."""

    def __init__(self, folder: Path, browser: bool = True) -> None:
        self._folder, self._browser, self._over = folder, browser and has_browser(), Event()
        self._keys: list[tuple[float, float]] = []  # when a key was heard, and when it was played, both in seconds
        self._ahead: list[tuple[float, float]] = []  # when a batch came, and how far our clock was ahead of its frame
        self._stands: Any = None
        self.heard = Heard()

    def __enter__(self) -> "Audience":
        from websockets.sync.client import connect

        path = self._folder / "ripieno" / "ripieno-bench.ui.json"
        wait_for(path.exists, "the page", _SECONDS)
        told = json.loads(path.read_text())
        self._url = told["url"]
        address = self._url.replace("http", "ws", 1) + f"api/live?token={told['token']}"
        with ExitStack() as stack:
            if self._browser:
                stack.enter_context(_browser(self._url, self._over))
            self._line = stack.enter_context(connect(address))
            self._osc = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            self._osc.connect(("127.0.0.1", self._ask("osc?HOST_INFO")["OSC_PORT"]))
            self._hearing = Thread(target=self._hear, daemon=True)
            self._changing = Thread(target=self._change, daemon=True)
            self._hearing.start()
            self._changing.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with self._stack:
            self._over.set()
            self._changing.join()
            self._set(0.0)  # the last word is the socket's, when that of OSC is done
            wait_for(lambda: self.heard.answered >= self.heard.asked, "the answers to all changes", _SECONDS)
            stands = self._ask(f"api/controls/{CONTROL}")["value"]
            wait_for(lambda: self._stands == stands, "the last change", _SECONDS)
            self.heard.alike = True
        self._hearing.join()
        self.heard.late_ms = lateness(self._keys, self._ahead)

    def _ask(self, path: str) -> Any:
        with urlopen(Request(self._url + path), timeout=_SECONDS) as answer:
            return json.load(answer)

    def _set(self, value: float) -> None:
        self.heard.asked += 1
        self._line.send(json.dumps({"t": "set", "id": self.heard.asked, "path": CONTROL, "value": value}))

    def _change(self) -> None:
        number, due = 0, time.monotonic()
        while not self._over.is_set():
            number += 1
            value = -(number % _STEPS) / _STEPS
            if number % 2:
                self._set(value)
            else:
                self._osc.send(write(f"{ROOT}/{CONTROL}", "f", [value]))
            due += 1 / UPDATES
            time.sleep(max(0.0, due - time.monotonic()))

    def _hear(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            for text in self._line:
                self._take(json.loads(text), time.monotonic())
        except ConnectionClosed:
            pass

    def _take(self, message: dict[str, Any], now: float) -> None:
        self.heard.answered += message["t"] == "ok"
        for path, value, *_ in message.get("changes", ()):
            self._stands = value if path == CONTROL else self._stands
        if "now" in message:
            frame, rate = message["now"]
            self._ahead.append((now, now - frame / rate))
            self._keys += [(now, note[1] / rate) for note in message.get("notes", ()) if note[0] == "key"]


def lateness(keys: Sequence[tuple[float, float]], ahead: Sequence[tuple[float, float]]) -> list[float]:
    """By how many ms each key was heard late. The batch that came soonest in the second from then on tells how the
    clocks stand: frames that the driver has lost are never made up for."""
    times = [when for when, _ in ahead]
    bases = (
        min((by for _, by in ahead[bisect_left(times, when) : bisect_left(times, when + _SAME_SECONDS)]), default=0.0)
        for when, _ in keys
    )
    return [1000 * (when - played - base) for (when, played), base in zip(keys, bases, strict=True)]


@contextmanager
def _browser(url: str, over: Event) -> Iterator[None]:
    """The page in Chromium, until it is over."""
    there = Event()

    def look() -> None:
        from playwright.sync_api import sync_playwright

        try:
            with sync_playwright() as playwright:
                one = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                page = one.new_page()
                page.goto(url)
                there.set()
                while not over.is_set():
                    page.wait_for_timeout(100)
                one.close()
        finally:
            there.set()

    looking = Thread(target=look, daemon=True)
    looking.start()
    there.wait(_SECONDS)
    try:
        yield
    finally:
        over.set()
        looking.join(_SECONDS)
