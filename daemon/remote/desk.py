"""Where those outside meet the performance: what they ask for is done in its own thread, and all of them are told.

The page's server, OSC and learnt knobs live in threads of their own. None of them touches the performance: they `call`,
which is done at its next look, and `listen`, which must not wait.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from ripieno.daemon.display import status
from ripieno.daemon.errors import UserError
from ripieno.daemon.remote.tree import Plain, Tree

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance
    from ripieno.native.engine import Report

T = TypeVar("T")

_CALLS_A_LOOK = 1000  # the others wait for the next: whoever floods us does not stop the screen
_WATCHED_SECONDS = 0.01  # between two looks while somebody listens: a key is on the page within 50 ms
_SCAN_SECONDS = 1 / 30  # between two comparisons of all values
_STATUS_SECONDS = 0.1
_NOTES = {"note_in": "key", "note_on": "on", "note_off": "off", "move": "move"}


@dataclass(frozen=True)
class Note:
    """What a report told of a note. kind: "key" (of the player's), "on", "off", or "move" (to another instrument).

    frame: the driver's. instrument: its place in the ensemble, -1 for none (thru), -2 for the voice. band: it is the
    continuation's own.
    """

    kind: str
    frame: int
    instrument: int
    pitch: int
    velocity: int
    channel: int
    band: bool = False
    source: int = -1  # of a move: who had it before


@dataclass(frozen=True)
class Change:
    """A control that is another now. origin: who changed it, "" for the performance itself, a knob or a plugin."""

    path: str
    value: Plain
    origin: str
    revision: int


@dataclass(frozen=True)
class Batch:
    """What has happened since the last one. revision: of the last change there was. grown: counts trees; where it is
    another, all controls may be. status: what `--json` tells, ten times a second, else None."""

    revision: int
    grown: int
    changes: tuple[Change, ...] = ()
    notes: tuple[Note, ...] = ()
    news: tuple[str, ...] = ()
    status: Mapping[str, Any] | None = None


@dataclass
class _Known:
    """As it was when last looked at. Replaced whole, so that any thread may read it."""

    tree: Tree | None = None
    grown: int = 0
    revision: int = 0
    values: dict[str, Plain] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)


class Desk:
    """One for each performance. `obey`, `hear`, `tell`, `publish` and `rest` are its own; the others are for anybody,
    in any thread."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[Performance], None]] = SimpleQueue()
        self._wake = threading.Event()
        self._listeners: tuple[Callable[[Batch], None], ...] = ()
        self._lock = threading.Lock()  # of the listeners
        self._known = _Known()
        self._notes: list[Note] = []
        self._news: list[str] = []
        self._changes: list[Change] = []
        self._scanned = self._told = 0.0
        self._made_for: object = None  # whose tree it is: the song that was ready

    # ---- for those outside ----

    def call(self, act: "Callable[[Performance], T]") -> "Future[T]":
        """Do this at the performance's next look, within some 30 ms; its errors are the future's."""
        future: Future[T] = Future()

        def do(performance: "Performance") -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(act(performance))
            except Exception as error:
                future.set_exception(error)

        self._calls.put(do)
        self._wake.set()
        return future

    def set(self, path: str, value: object, origin: str = "") -> "Future[Change]":
        """Change a control. The future's UserError says what is wrong with path or value."""
        return self.call(lambda performance: self._set(path, value, origin))

    def do(self, path: str) -> "Future[None]":
        """Do an action."""

        def act(_: "Performance") -> None:
            self._grown().action(path).do()

        return self.call(act)

    def listen(self, hear: Callable[[Batch], None]) -> Callable[[], None]:
        """Hear every batch from now on, in the performance's thread. Returns what ends that."""
        with self._lock:
            self._listeners = (*self._listeners, hear)
        self._wake.set()

        def end() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not hear)

        return end

    @property
    def values(self) -> Mapping[str, Plain]:
        """How all controls were at the last look."""
        return self._known.values

    @property
    def status(self) -> Mapping[str, Any]:
        """What `--json` would have told then."""
        return self._known.status

    @property
    def revision(self) -> int:
        """Counts changes."""
        return self._known.revision

    def described(self) -> "Future[dict[str, Any]]":
        """All controls and actions there are, as plain values."""
        return self.call(lambda _: {"grown": self._known.grown, **self._grown().described()})

    def state(self) -> "Future[dict[str, Any]]":
        """How all stands now, also while nobody listens: revision, grown, values and status."""

        def told(performance: "Performance") -> dict[str, Any]:
            self._scan(performance)
            known = self._known
            known.status = status(performance)
            return {"revision": known.revision, "grown": known.grown, "values": known.values, "status": known.status}

        return self.call(told)

    # ---- for the performance ----

    def obey(self, performance: "Performance") -> None:
        """Do what was asked for."""
        self._grow(performance)
        for _ in range(_CALLS_A_LOOK):
            try:
                self._calls.get_nowait()(performance)
            except Empty:
                return

    def hear(self, report: "Report") -> None:
        """A report of the engine's."""
        if self._listeners and report.kind in _NOTES:
            self._notes.append(_note(report))

    def tell(self, news: list[str]) -> None:
        """Sentences for the player."""
        if self._listeners:
            self._news += news

    def publish(self, performance: "Performance", status: Callable[[], Mapping[str, Any]]) -> None:
        """Tell whoever listens what is new."""
        now = time.monotonic()
        if not self._listeners:
            self._notes, self._news, self._changes = [], [], []
            return
        if now - self._scanned >= _SCAN_SECONDS:
            self._scanned = now
            self._scan(performance)
        fresh = None
        if now - self._told >= _STATUS_SECONDS:
            self._told = now
            fresh = self._known.status = status()
        if fresh is None and not (self._notes or self._news or self._changes):
            return
        batch = Batch(self._known.revision, self._known.grown, tuple(self._changes), tuple(self._notes),
                      tuple(self._news), fresh)  # fmt: skip
        self._notes, self._news, self._changes = [], [], []
        for hear in self._listeners:
            hear(batch)

    def rest(self, seconds: float) -> None:
        """Until the next look: somebody calls, or so long; shorter while somebody listens."""
        self._wake.wait(min(seconds, _WATCHED_SECONDS) if self._listeners else seconds)
        self._wake.clear()

    # ---- its own ----

    def _grow(self, performance: "Performance") -> None:
        """A tree for the song that plays now."""
        if self._known.tree and self._made_for is performance.current:
            return
        self._made_for = performance.current
        tree = Tree(performance)
        self._known = _Known(tree, self._known.grown + 1, self._known.revision, tree.values(), self._known.status)

    def _grown(self) -> Tree:
        assert self._known.tree
        return self._known.tree

    def _set(self, path: str, value: object, origin: str) -> Change:
        stands = self._grown().node(path).set(value)
        return self._changed(path, stands, origin)

    def _changed(self, path: str, value: Plain, origin: str) -> Change:
        """Whether or not it is another than before: who set it is told how it stands."""
        known = self._known
        known.revision += 1
        known.values = {**known.values, path: value}
        change = Change(path, value, origin, known.revision)
        self._changes.append(change)
        return change

    def _scan(self, performance: "Performance") -> None:
        """What was changed by others than those who set it here."""
        self._grow(performance)
        before = self._known.values
        for path, value in self._grown().values().items():
            if before.get(path) != value:
                self._changed(path, value, "")


def _note(report: "Report") -> Note:
    instrument = -2 if report.sung else -1 if report.instrument is None else report.instrument
    source = -1 if report.from_ is None else report.from_
    return Note(_NOTES[report.kind], report.frame, instrument, report.pitch, report.velocity, report.channel,
                report.band, source)  # fmt: skip


def outcome(future: "Future[T]", seconds: float = 5.0) -> T:
    """What came of a call, for a thread that may wait. UserError where the performance does not answer."""
    try:
        return future.result(seconds)
    except TimeoutError:
        future.cancel()
        raise UserError("the performance does not answer: is it still making a preset ready?") from None
