"""MIDI learn, from the performance's side: which knob sets what, found by moving it, kept with the preset, and told
where to stand.

All of it is done in the performance's own thread: those outside go through the desk (`begin`, `cancel` ... below).
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.learn_checks import MOST
from ripieno.daemon.learn_keys import KEY, LEARN_KEYS
from ripieno.daemon.presets import Learn
from ripieno.daemon.remote.bound import Bound
from ripieno.daemon.remote.learn_file import check, keep
from ripieno.daemon.remote.reach import Reach, can_be_bound
from ripieno.daemon.remote.search import Search
from ripieno.daemon.remote.tree import Plain, plain, type_of

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance
    from ripieno.daemon.remote.desk import Desk
    from ripieno.native.engine import Engine, Report
    from ripieno.native.surface import Moved

ORIGIN = "learn"
"""Who changes what a knob changes, as the desk tells it."""
FEEDBACK = "feedback"
"""The output on which controls are told, unless a row says otherwise."""
_PATIENCE = 60.0  # s; knobs and wheels are not played meanwhile
_DEFAULTS = {key.name: key for key in LEARN_KEYS}


@dataclass(frozen=True)
class _Told:
    """What an engine was told last."""

    engine: "Engine | None" = None
    kinds: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    taken: tuple[Any, ...] = ()


class Learner:
    """A `Watcher` of ripieno.daemon.live, one for each performance. clock: seconds."""

    def __init__(self, performance: "Performance", clock: Callable[[], float] = time.monotonic) -> None:
        self._at, self._clock = performance, clock
        self._rows: dict[str, tuple[Learn, ...]] = {}  # by the preset's file, or its name, as they are now
        self._bound: list[Bound] = []
        self._song: int | None = None  # whose they are
        self._revision = 0
        self._search: Search | None = None
        self._until = 0.0  # the search has time
        self._told = _Told()
        self._complained: set[str] = set()  # paths that cannot be set, once a song
        self._listeners: list[str] = []  # of the feedback outputs

    # ---- for the performance ----

    def hear(self, report: "Report") -> None:
        """A report of the engine's."""
        if report.kind != "control":
            return
        from ripieno.native.surface import moved

        one = moved(report)
        if self._song != self._at.playing:  # a song has begun since the last look
            self._bind()
        if self._search:
            self._find(self._search, one)
            return
        for bound in self._bound:
            if bound.fits(one, self._input(one)):
                self._move(bound, one)

    def look(self) -> None:
        """As often as anything is looked at: the engine has what is bound now, and controllers are told."""
        if self._song != self._at.playing or [bound.row for bound in self._bound] != list(self.rows):
            self._bind()
        self._tell_engine()
        for bound in self._bound:
            if bound.row.feedback:
                self._feed_back(bound)

    def renew(self) -> None:
        """The song's preset was edited: its rows are those that stand there now."""
        self._rows.pop(self._place(), None)
        self._revision += 1

    def begin(self, performance: "Performance") -> None:
        """It plays now."""

    def end(self) -> None:
        """It is about to end."""

    def tend(self, performance: "Performance") -> None:
        """A few times a second: whoever has come anew to a feedback output is told all, and of a device that was away
        nobody knows how its controls stand. Whoever asked for a control may be gone: nobody waits for ever."""
        if self._search and self._clock() > self._until:
            self._at.news.append(f"no control moved to set {self._search.path}: learn it again when it is at hand")
            self.cancel()
        names = {bound.row.feedback for bound in self._bound} - {""}
        there = performance.driver.listeners() if names else {}
        listeners = sorted(key for name in names for key in there.get(name, []))
        listeners.append(str(performance.driver.state().restored))
        if listeners != self._listeners:
            self._listeners = listeners
            for bound in self._bound:
                bound.forget()

    @property
    def rows(self) -> tuple[Learn, ...]:
        """Those of the song that plays."""
        return self._rows.get(self._place(), self._at.preset.learn)

    def status(self) -> dict[str, Any]:
        """How it stands, as plain values. learning: the path that waits for a knob, or "". revision: counts changes."""
        learning = self._search.path if self._search else ""
        return {"learning": learning, "bound": len(self.rows), "revision": self._revision}

    # ---- for those outside, by way of the desk ----

    def learn(self, path: str) -> dict[str, Any]:
        """The control that moves next is to set this one. UserError where nothing can."""
        what = self._what(path)
        if len(self.rows) >= MOST:
            raise UserError(f"{MOST} controls are bound: let go of one before another is learnt")
        state = self._at.driver.state()
        self._search = Search(path, what, self._at.driver.sample_rate, state.frame)
        self._until = self._clock() + _PATIENCE
        self._tell_engine()
        return self.status()

    def cancel(self) -> dict[str, Any]:
        """Wait no longer."""
        self._search = None
        self._tell_engine()
        return self.status()

    def bindings(self) -> list[dict[str, Plain]]:
        """The rows, as plain values of the keys of a [[learn]] table, each with its number from 1."""
        return [{"number": number, **_described(row)} for number, row in enumerate(self.rows, 1)]

    def change(self, number: int, values: Mapping[str, object]) -> dict[str, Plain]:
        """Other values for keys of a row; returns it. UserError for what they cannot be."""
        row = self._numbered(number)
        for name, value in values.items():
            if name not in _DEFAULTS:
                raise UserError(f"{name}: there is no such key; {did_you_mean(name, list(_DEFAULTS))}")
            key = _DEFAULTS[name]
            try:
                row = replace(row, **{key.field: key.kind.read(value)})
            except ValueError as error:
                raise UserError(f"{name}: {error}") from None
        self._what(row.path)
        rows = list(self.rows)
        rows[number - 1] = row
        self._keep(tuple(rows))
        return self.bindings()[number - 1]

    def forget(self, number: int) -> list[dict[str, Plain]]:
        """A row is no more; returns those that are left."""
        row = self._numbered(number)
        where = self._keep(tuple(one for place, one in enumerate(self.rows, 1) if place != number))
        self._at.news.append(f"{row.control} sets {row.path} no more; {where}")
        return self.bindings()

    # ---- moved ----

    def _move(self, bound: Bound, one: "Moved") -> None:
        """A control that is bound has moved."""
        path, now = bound.row.path, self._clock()
        tree = self._at.desk.grown(self._at)
        try:
            if path in tree.actions:
                if bound.pressed(one.value, now):
                    tree.action(path).do()
                return
            node = tree.node(path)
            wanted = bound.turned(one.value, Reach(bound.row, node.kind), node.value(), now)
            if wanted is not None:
                bound.settled(self._at.desk.put(self._at, path, wanted, ORIGIN).value)
        except (UserError, BlockingIOError) as error:
            self._complain(path, str(error))

    def _complain(self, path: str, error: str) -> None:
        if path not in self._complained:
            self._complained.add(path)
            self._at.news.append(f"{self._at.preset.name}: learn: {error}")

    def _feed_back(self, bound: Bound) -> None:
        """Tell its control where to stand, if it does not stand there."""
        node = self._at.desk.grown(self._at).nodes.get(bound.row.path)
        outputs = self._at.outputs
        if node is None or bound.row.feedback not in outputs:
            return
        for data in bound.feedback(Reach(bound.row, node.kind), node.value(), self._clock()):
            self._at.engine.tell(outputs.index(bound.row.feedback), data)

    # ---- found ----

    def _find(self, search: Search, one: "Moved") -> None:
        """Somebody is to move a control: is it this?"""
        row = search.hear(one, self._input(one) if len(self._at.preset.inputs) > 1 else "")
        if row is None:
            return
        self._search = None
        if row.control.kind not in ("program", KEY) and FEEDBACK in self._at.outputs:
            row = replace(row, feedback=FEEDBACK)
        others = [other for other in self.rows if other.path != row.path and not _same(other, row)]
        try:
            where = self._keep((*others, row))
        except UserError as error:
            where = str(error)
        self._at.news.append(f"{row.control} sets {row.path}; {where}")

    def _keep(self, rows: tuple[Learn, ...]) -> str:
        """Set by these from now on, and keep them with the preset; says where. UserError for wrong ones."""
        check(self._at.preset, rows)
        self._rows[self._place()] = rows
        self._revision += 1
        self._bind()
        try:
            return f"kept in {keep(self._at.preset, rows)}"
        except UserError as error:
            return f"not kept: {error}"

    def _what(self, path: str) -> str:
        """What is to be set: "number", "choice", "flag" or "action"."""
        tree = self._at.desk.grown(self._at)
        if path in tree.actions:
            return "action"
        node = tree.node(path)
        if not can_be_bound(node):
            raise UserError(f"{path} is {node.kind.what}, which no knob can set")
        return type_of(node.kind)

    # ---- its own ----

    def _place(self) -> str:
        return self._at.preset.file or self._at.preset.name

    def _input(self, one: "Moved") -> str:
        inputs = self._at.preset.inputs
        return inputs[one.port] if one.port < len(inputs) else ""

    def _numbered(self, number: int) -> Learn:
        if not 1 <= number <= len(self.rows):
            raise UserError(f"there is no bound control {number}: there are {len(self.rows)}")
        return self.rows[number - 1]

    def _bind(self) -> None:
        """The song's rows, those that stay as they stand."""
        known = {bound.row: bound for bound in self._bound} if self._song == self._at.playing else {}
        if self._song != self._at.playing:
            self._complained.clear()
            self._search = None if self._song is not None else self._search  # it was for another song's control
        self._song = self._at.playing
        self._bound = [known.get(row) or Bound(row) for row in self.rows]
        self._missing()

    def _missing(self) -> None:
        """Tell of paths that are not there, and of outputs that come with the next start."""
        tree = self._at.desk.grown(self._at)
        if not self._at.current:
            return
        for bound in self._bound:
            if bound.row.path not in tree.nodes and bound.row.path not in tree.actions:
                told = did_you_mean(bound.row.path, [*tree.nodes, *tree.actions])
                self._complain(bound.row.path, f"there is no control or action {bound.row.path!r}; {told}")
            if bound.row.feedback and bound.row.feedback not in self._at.outputs:
                self._complain(bound.row.path, f"the output {bound.row.feedback!r} is there at the next start")

    def _tell_engine(self) -> None:
        """What it is to report, and what it is not to play."""
        if not self._bound and not self._search and not self._told.kinds:
            return
        from ripieno.native.surface import KINDS, Taken

        engine, kinds = self._at.engine, frozenset(bound.row.control.kind for bound in self._bound)
        kept: frozenset[str] = frozenset()
        if self._search:
            kinds, kept = frozenset(KINDS), frozenset(KINDS) - {KEY}
        inputs = list(self._at.preset.inputs)
        taken = tuple(
            Taken(row.control.kind, row.control.number, row.control.channel - 1 if row.control.channel else None,
                  inputs.index(row.port) if row.port in inputs else None)
            for row in (bound.row for bound in self._bound) if not row.play
        )  # fmt: skip
        before = self._told if self._told.engine is engine else _Told(engine)
        if before == (now := _Told(engine, kinds, kept, taken)):
            self._told = now
            return
        for which, one in enumerate(taken):
            if which >= len(before.taken) or before.taken[which] != one:
                engine.take_control(which, one)
        for which in range(len(taken), len(before.taken)):
            engine.take_control(which, None)
        engine.hear_controls(kinds, kept)
        self._told = now


def _same(one: Learn, other: Learn) -> bool:
    """Whether they are of the same control."""
    return one.control == other.control and one.port == other.port


def _described(row: Learn) -> dict[str, Plain]:
    return {key.name: plain(key.kind, getattr(row, key.field)) for key in LEARN_KEYS}


# ---- for those outside, in any thread ----


def begin(desk: "Desk", path: str) -> "Future[dict[str, Any]]":
    """The control that moves next is to set `path`, or to do that action. Gives the status."""
    return desk.call(lambda performance: performance.learner.learn(path))


def cancel(desk: "Desk") -> "Future[dict[str, Any]]":
    """Wait for none any longer. Gives the status."""
    return desk.call(lambda performance: performance.learner.cancel())


def bindings(desk: "Desk") -> "Future[dict[str, Any]]":
    """What is bound in the song that plays, and which path waits for a control, "" for none."""
    return desk.call(lambda one: {**one.learner.status(), "bindings": one.learner.bindings()})


def change(desk: "Desk", number: int, values: Mapping[str, object]) -> "Future[dict[str, Plain]]":
    """Other values for a row, by its number from 1. Gives the row."""
    return desk.call(lambda performance: performance.learner.change(number, values))


def forget(desk: "Desk", number: int) -> "Future[list[dict[str, Plain]]]":
    """A row is no more. Gives those that are left."""
    return desk.call(lambda performance: performance.learner.forget(number))
