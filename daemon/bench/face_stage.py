"""What `bench face` plays with: a daemon that serves the page, eight instruments, a browser, and what time it is."""

import json
import shutil
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from ripieno.daemon.bench.jack import PERIOD, RATE, daemon, wait_for
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_client import connect
from ripieno.daemon.bench.rig_stage import INPUT
from ripieno.daemon.errors import UserError
from ripieno.daemon.remote.client import Client, Running
from ripieno.daemon.web import missing
from ripieno.native.drivers import JackClient
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe, JackWire

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("Flute", "Oboe", "Clarinet", "Horn", "Violin", "Viola", "Cello", "Bass")
LOWEST, HIGHEST = 24, 95  # pitches that they play, between them
SECONDS = 30.0  # for whatever must come in the end
_CLIENT = "ripieno-bench"
_WIDE, _HIGH = 1920, 1080  # pixels of the page: a screen on stage
_LOOK_SECONDS = 0.005  # between two looks at the server's frames
_NEAR = RATE  # frames before and behind one that tell when it was
_TIMER_SECONDS = 0.001  # a browser tells the time no finer than to a part of this


@dataclass(frozen=True)
class Served:
    """A daemon that serves its page. url: with a slash at the end. folder: where its state is. pid: of its process."""

    url: str
    token: str
    folder: Path
    pid: int

    @property
    def host(self) -> str:
        """As a request names it, with the port."""
        return self.url.removeprefix("http://").rstrip("/")

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])

    @property
    def socket_url(self) -> str:
        """Of the live socket, with the token."""
        return f"ws://{self.host}/api/live?token={self.token}"

    def client(self) -> Client:
        """As `ripieno ctl` asks it."""
        return Client(Running(_CLIENT, self.url, self.token), SECONDS)


def check() -> None:
    """UserError where what the page needs is not installed."""
    if lacking := missing():
        raise UserError(lacking)


def check_browser() -> None:
    """Likewise, and where there is no browser to look at it."""
    check()
    if not has_browser():
        raise UserError("there is no browser to look at the page: install Chromium, and pip install playwright")


def has_browser() -> bool:
    """Chromium is here, and what drives it."""
    return shutil.which("chromium") is not None and find_spec("playwright") is not None


@contextmanager
def serving(client: JackClient, preset: str, folder: Path, *options: str) -> Iterator[Served]:
    """A daemon that plays a preset and serves its page, all it keeps in a folder that is new."""
    folder.mkdir()
    line = (preset, "--no-flight", "--ui-port", "0", "--connect-audio", "none", *options)
    with daemon(client, *line, keep=folder) as process:
        path = folder / "ripieno" / f"{_CLIENT}.ui.json"
        wait_for(path.exists, "the page", SECONDS)
        found = json.loads(path.read_text())
        yield Served(found["url"], found["token"], folder, process.pid)


def octet(folder: Path, more: str = "") -> str:
    """A preset of eight instruments that play any number of notes, each those of its zone of the keyboard; the file.

    more: tables behind them.
    """
    step = (HIGHEST - LOWEST + 1) // len(NAMES)
    tables = [
        f'[[ensemble]]\nname = "{name}"\nprogram = {41 + place}\npolyphony = 0\nrange = [{low}, {low + step - 1}]\n'
        for place, name in enumerate(reversed(NAMES))
        for low in [LOWEST + place * step]
    ]
    path = folder / "octet.toml"
    path.write_text("\n".join(['name = "Octet"\nmodel = "zone"\n', *tables, more]))
    return str(path)


@contextmanager
def looking(url: str) -> "Iterator[Page]":
    """The page in Chromium, its instruments there. For one thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": _WIDE, "height": _HIGH})
            page.goto(url)
            page.wait_for_selector("rp-tile")
            yield page
        finally:
            browser.close()


@contextmanager
def server() -> Iterator[JackClient]:
    """A JACK server where no note is lost, however late the machine is, and a client of it that sees its ports."""
    with DummyServer(RATE, PERIOD, synchronous=True), closing(JackWire("bench-wire", ["in"], ["out"])) as wire:
        wire.open()
        wire.start()
        yield wire


@contextmanager
def player(client: JackClient, script: Sequence[Event]) -> Iterator[JackProbe]:
    """A player who is connected to the daemon, and begins when told to `go`."""
    with closing(JackProbe("bench-player", [], ["out"], script)) as probe:
        probe.open()
        probe.start()
        connect(client, "bench-player:out", INPUT)
        yield probe


class FrameTimes:
    """When the frames of a server were, looked at as long as the context lasts."""

    def __init__(self, client: JackClient) -> None:
        self._client, self._over = client, Flag()
        self._seen: list[tuple[int, float]] = []
        self._looking = Thread(target=self._look, daemon=True)

    def __enter__(self) -> "FrameTimes":
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            frame = self._client.state().frame
            self._seen.append((frame, time.monotonic()))

    def of(self, frames: Sequence[int]) -> list[float]:
        """Seconds of time.monotonic."""
        return moments(frames, self._seen)


def moments(frames: Sequence[int], seen: Sequence[tuple[int, float]], period: int = PERIOD) -> list[float]:
    """When these frames were, in seconds. seen: at what time a server, whose clock may drift from ours, had done the
    cycles up to a frame; the ones that were seen soonest after their cycle had begun tell most."""
    places = [frame for frame, _ in seen]
    found = []
    for frame in frames:
        near = seen[bisect_left(places, frame - _NEAR) : bisect_left(places, frame + _NEAR)]
        found.append(frame / RATE + min(now - (done - period) / RATE for done, now in near))
    return found


def page_clock(page: "Page", times: int = 100) -> float:
    """Seconds of time.monotonic at which the page's performance.now() was 0."""
    bounds = []
    for _ in range(times):
        before = time.monotonic()
        now = page.evaluate("performance.now()") / 1000
        bounds.append((before - now, time.monotonic() - now))
    return middle(bounds)


def middle(bounds: Sequence[tuple[float, float]]) -> float:
    """By how much one clock is ahead of another. bounds: between which that is, once for each time that both were read.

    UserError where no value fits all: a clock was set meanwhile.
    """
    low, high = max(one for one, _ in bounds), min(one for _, one in bounds)
    if low - high > _TIMER_SECONDS:
        raise UserError("the browser's clock and ours do not go at the same pace: was one of them set?")
    return (low + high) / 2


def resident(pid: int) -> int:
    """Bytes of a process that are in memory. UserError where the system does not tell (it is not Linux)."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        raise UserError("how much memory a process has is told by Linux alone") from None
    return next(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("VmRSS:"))
