"""Where those outside meet the performance: what they ask for is done in its own thread, and all of them are told.

The page's server, OSC and learnt knobs live in threads of their own. None of them touches the performance: they `call`,
which is done at its next look, and `listen`, which must not wait.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ripieno.daemon.ahead import PlannedNote
from ripieno.daemon.display import status
from ripieno.daemon.errors import UserError
from ripieno.daemon.remote.tree import Plain, Tree

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance
    from ripieno.native.engine import Report

T = TypeVar("T")

_CALLS_A_LOOK = 1000  # the others wait for the next: whoever floods us does not stop the screen
_TRIES = 3  # of a call that finds the engine or the band without room for a command
_LEAST_SECONDS = 0.004  # between two looks, however much is asked for
_WATCHED_SECONDS = 0.01  # the same while somebody listens: a key is on the page within 50 ms
_SCAN_SECONDS, _SCANNED = 1 / 30, 400  # between two comparisons of so many values: some plugins have a thousand
_STATUS_SECONDS = 0.1
_SAME = 1e-6  # relative: a plugin holds numbers as 32 bits
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
    """What has happened since the last one, every change and note of it, in its order.

    revision: of what was set last, told or not. grown: counts trees; where it is another, all controls may be.
    status: what `--json` tells, but for plugins' parameters, which are controls; ten times a second, else None.
    plan: all that the band has settled and that has not ended, where that is new, else None. now: the driver's frame
    and its frames a second.
    """

    revision: int
    grown: int
    changes: tuple[Change, ...] = ()
    notes: tuple[Note, ...] = ()
    news: tuple[str, ...] = ()
    status: Mapping[str, Any] | None = None
    plan: tuple[PlannedNote, ...] | None = None
    now: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Standing:
    """As all was when last looked at; the fields are those of a Batch."""

    grown: int = 0
    revision: int = 0
    values: Mapping[str, Plain] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)


class _Call(Generic[T]):
    """Something to be done, and what came of it."""

    def __init__(self, act: "Callable[[Performance], T]") -> None:
        self.act, self.future, self.tries = act, Future[T](), 0

    def done(self, performance: "Performance") -> bool:
        """Do it. False: there is no room for it now; it is to be tried again."""
        if not self.tries and not self.future.set_running_or_notify_cancel():
            return True
        self.tries += 1
        try:
            self.future.set_result(self.act(performance))
        except BlockingIOError as error:
            if self.tries < _TRIES and performance.driver.state().alive:
                return False
            self.future.set_exception(UserError(str(error)))
        except Exception as error:
            self.future.set_exception(error)
        return True


class Desk:
    """One for each performance. `obey`, `hear`, `tell`, `publish` and `rest` are its own; the others are for anybody,
    in any thread."""

    def __init__(self) -> None:
        self._calls: deque[_Call[Any]] = deque()
        self._wake = threading.Event()
        self._listeners: tuple[Callable[[Batch], None], ...] = ()
        self._lock = threading.Lock()  # of the listeners
        self._tree: Tree | None = None
        self._made_for: object = None  # whose tree it is: the song that was ready
        self._standing = Standing()  # replaced whole, so that any thread may read it
        self._held: dict[str, Any] = {}  # by the controls, as they have it
        self._turn: Iterator[str] = cycle(())  # whose value is compared next
        self._forget()
        self._scanned = self._told = 0.0  # when, in seconds
        self._ended = False
        self._sent = 0  # the tree that the last batch told of
        self._plan: tuple[PlannedNote, ...] = ()  # as the last batch that had one told it

    def _forget(self) -> None:
        self._notes: list[Note] = []
        self._news: list[str] = []
        self._changes: list[Change] = []

    # ---- for those outside ----

    def call(self, act: "Callable[[Performance], T]") -> "Future[T]":
        """Do this at the performance's next look, within some 30 ms; its errors are the future's, which is cancelled
        when the performance ends before."""
        one = _Call(act)
        self._calls.append(one)
        self._wake.set()
        if self._ended:
            one.future.cancel()
        return one.future

    def set(self, path: str, value: object, origin: str = "") -> "Future[Change]":
        """Change a control. The future's UserError says what is wrong with path or value."""
        return self.call(lambda performance: self.put(performance, path, value, origin))

    def do(self, path: str) -> "Future[None]":
        """Do an action."""
        return self.call(lambda performance: self.grown(performance).action(path).do())

    def listen(self, hear: Callable[[Batch], None]) -> Callable[[], None]:
        """Hear every batch from now on, in the performance's thread. Returns what ends that."""
        with self._lock:
            self._listeners = (*self._listeners, hear)
        self._wake.set()
        return lambda: self._leave(hear)

    def _leave(self, hear: Callable[[Batch], None]) -> None:
        with self._lock:
            self._listeners = tuple(one for one in self._listeners if one is not hear)

    @property
    def values(self) -> Mapping[str, Plain]:
        """How all controls were at the last look, if somebody listened then; `state` says how they are."""
        return self._standing.values

    @property
    def revision(self) -> int:
        """Counts what was set, or found to be another."""
        return self._standing.revision

    def described(self) -> "Future[dict[str, Any]]":
        """All controls and actions there are, as plain values."""
        return self.call(lambda one: {**self.grown(one).described(), "grown": self._standing.grown})

    def state(self) -> "Future[dict[str, Any]]":
        """How all stands now, also while nobody listens: revision, grown, values, status, plan and now."""
        return self.call(self._state)

    # ---- for the performance ----

    def obey(self, performance: "Performance") -> None:
        """Do what was asked for."""
        self.grown(performance)
        for _ in range(min(len(self._calls), _CALLS_A_LOOK)):
            if not self._calls[0].done(performance):
                return
            self._calls.popleft()

    def grown(self, performance: "Performance") -> Tree:
        """The tree of the song that plays now."""
        if self._tree and self._made_for is performance.current:
            return self._tree
        self._made_for = performance.current
        self._tree = tree = Tree(performance)
        self._held, self._turn = {path: node.now() for path, node in tree.nodes.items()}, cycle(tree.nodes)
        self._standing = replace(self._standing, grown=self._standing.grown + 1, values=tree.values())
        return tree

    def put(self, performance: "Performance", path: str, value: object, origin: str) -> Change:
        """Who set it is told how it stands; the others only where it is another, so that two that send back whatever
        they are told do not go on for ever."""
        node = self.grown(performance).node(path)
        node.set(value)
        before, self._held[path] = self._held[path], node.now()
        return self._changed(path, node.value(), origin, told=not _alike(before, self._held[path]))

    def hear(self, report: "Report") -> None:
        """A report of the engine's."""
        if self._listeners and report.kind in _NOTES:
            self._notes.append(_note(report))

    def tell(self, news: list[str]) -> None:
        """Sentences for the player."""
        if self._listeners:
            self._news += news

    def publish(self, performance: "Performance") -> None:
        """Tell whoever listens what is new."""
        if not self._listeners:
            self._forget()
            return
        now = time.monotonic()
        if now - self._scanned >= _SCAN_SECONDS:
            self._scanned = now
            self._scan(performance, _SCANNED)
        self.grown(performance)
        fresh = now - self._told >= _STATUS_SECONDS
        if fresh:
            self._told = now
            self._standing = replace(self._standing, status=_status(performance))
        if fresh or self._notes or self._news or self._changes or self._sent != self._standing.grown:
            self._send(performance, fresh)

    def rest(self, seconds: float) -> None:
        """Until the next look: somebody calls, or so long; shorter while somebody listens. What is asked for in quick
        succession is done at one look."""
        longest = min(seconds, _WATCHED_SECONDS) if self._listeners else seconds
        time.sleep(_LEAST_SECONDS)
        self._wake.wait(longest - _LEAST_SECONDS)
        self._wake.clear()

    def end(self) -> None:
        """Nothing more will be done."""
        self._ended = True
        while self._calls:
            future = self._calls.popleft().future
            if not future.cancel():  # it was tried already, and waited for room
                future.set_exception(UserError("the performance has ended"))

    # ---- its own ----

    def _send(self, performance: "Performance", fresh: bool) -> None:
        """A batch of all that is new. fresh: the status, too."""
        plan, moment = _ahead(performance)
        settled, self._plan = plan if plan is not self._plan else None, plan
        now = self._standing
        told = (tuple(self._changes), tuple(self._notes), tuple(self._news), now.status if fresh else None)
        batch = Batch(now.revision, now.grown, *told, settled, moment)
        self._forget()
        self._sent = now.grown
        for hear in self._listeners:
            try:
                hear(batch)
            except Exception as error:  # whoever listens does not stop the music
                self._leave(hear)
                performance.news.append(f"somebody who listened is left out: {error!r}")

    def _state(self, performance: "Performance") -> dict[str, Any]:
        self._scan(performance, len(self.grown(performance).nodes))
        self._standing = now = replace(self._standing, status=_status(performance))
        plan, moment = _ahead(performance)
        return {"revision": now.revision, "grown": now.grown, "values": now.values, "status": now.status,
                "plan": plan, "now": moment}  # fmt: skip

    def _changed(self, path: str, value: Plain, origin: str, told: bool = True) -> Change:
        now = self._standing
        self._standing = now = replace(now, revision=now.revision + 1, values={**now.values, path: value})
        change = Change(path, value, origin, now.revision)
        self._changes += [change] if told else []
        return change

    def _scan(self, performance: "Performance", most: int) -> None:
        """What was changed by others than those who set it here, of so many controls or all."""
        nodes = self.grown(performance).nodes
        for path in islice(self._turn, min(most, len(nodes))):
            node = nodes[path]
            held = node.now()
            if not _alike(held, self._held[path]):
                self._held[path] = held
                self._changed(path, node.value(), "")


def _status(performance: "Performance") -> Mapping[str, Any]:
    told = status(performance)
    for plugin in told.get("chains", {}).get("plugins", ()):
        del plugin["parameters"]
    return told


def _ahead(performance: "Performance") -> tuple[tuple[PlannedNote, ...], tuple[int, int]]:
    """What the band has settled that has not ended; and the driver's frame, with its frames a second."""
    frame = performance.driver.state().frame
    return performance.band.ahead.notes(frame) if performance.band else (), (frame, performance.driver.sample_rate)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_SAME)
    return bool(one == other)


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
    except CancelledError:
        raise UserError("the performance has ended") from None
