"""A plugin in a process of its own: started, watched, started again when it fails, given up when it goes on failing.

A thread of its own looks after each process, since that has to die with it. What is played never waits for any of this:
the unit in the engine replaces what does not come.
"""

from __future__ import annotations

import atexit
import math
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ripieno.native import isolate
from ripieno.native._native import lib
from ripieno.native.unit import FAULTS, PARAMETERS_MAX, ROLES, UnitState
from ripieno.plugins.base import Hosted, Parameter, PluginError, Standing
from ripieno.plugins.guest import Guest, Memory, sweep
from ripieno.plugins.hosts import KINDS
from ripieno.plugins.hosts.line import Gone, Message, packed, unpacked

_TICK_S = 0.1
_STATE_S, _STATE_SHARE = 3.0, 2000  # asked for no oftener than that, and for no more than this part of its time
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 5.0
_MINUTE_S = 60.0
_LATENCY_MAX = lib.RP_LATENCY_MAX
_GRAVE = {FAULTS[one] for one in (lib.RP_UNIT_WILD, lib.RP_UNIT_LOUD, lib.RP_UNIT_BROKEN)}


@dataclass(frozen=True)
class Limits:
    """What a plugin's process is allowed.

    start_s: to load it. hang_s: for a block. state_s: to tell its state, or to prepare for longer blocks. memory:
    bytes. failures: in a row, each within well_s of its start, until it is given up; a_minute: the same, however long
    it played between them.
    """

    start_s: float = 30.0
    hang_s: float = 0.25
    state_s: float = 3.0
    memory: int = 2 << 30
    failures: int = 5
    well_s: float = 2.0
    a_minute: int = 30


class _Failed(Exception):
    """The process cannot go on; the message says why."""


def open(
    kind: str, path: str, sample_rate: int, period: int, state: bytes | None = None, limits: Limits = Limits()
) -> Isolated:
    """A plugin that plays. kind: of `hosts.KINDS`; path: its file, with "#Name" behind it where that holds several.
    period: frames of the longest block. state: as of `Hosted.state`. Raises PluginError."""
    if kind not in KINDS:
        raise PluginError(f"{kind}: no such kind of plugin; there are {', '.join(KINDS)}")
    return Isolated({"kind": kind, "path": path, "sample_rate": sample_rate, "period": period}, state or b"", limits)


class Isolated(Hosted):
    """A plugin in a process of its own.

    pid: of its process, None while it has none. holds: how it is confined, of the words in hosts/confine.py. realtime:
    whether it renders at real-time priority.
    """

    def __init__(self, order: Mapping[str, Any], state: bytes, limits: Limits) -> None:
        self.spec = f"{order['kind']}:{order['path']}"
        self.name = Path(str(order["path"]).partition("#")[0]).stem
        self.limits, self.pid, self.holds, self.realtime = limits, None, (), False
        self.role, self.parameters = "", ()
        self._order, self._first, self._state = dict(order), state, state
        self._memory = Memory(isolate.SIZE)
        isolate.init(self._memory.map)
        self._lock = threading.Condition()
        self._begun, self._closing, self._asked = threading.Event(), threading.Event(), threading.Event()
        self._answers, self._restarts, self._row = 0, 0, 0
        self._why, self._blocked, self._bytes, self._peak = "", False, 0, (0.0, 0.0)
        self._latency, self._trusted = 0, 0
        self._ended: dict[str, float] | None = None
        self._recent: deque[float] = deque()
        self._news: deque[str] = deque(maxlen=32)
        sweep()
        self._thread = threading.Thread(target=self._look_after, name=f"plugin {self.name}", daemon=True)
        self._thread.start()
        self._begun.wait()
        if not self.role:
            self._thread.join()
            self._memory.close()
            raise PluginError(self._why)
        _OPEN.add(self)

    pid: int | None
    holds: tuple[str, ...]
    _seen: UnitState

    # What the control thread asks for.

    def set(self, name: str, value: float) -> None:
        if self._ended is not None:
            raise PluginError(f"{self.spec}: it was closed")
        names = [one.name for one in self.parameters]
        if name not in names:
            near = get_close_matches(name, names, 1, 0.6)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names) or 'none'}"
            raise PluginError(f"{self.spec}: no parameter {name!r}; {hint}")
        one = self.parameters[names.index(name)]
        if not one.low <= value <= one.high or (one.whole and value != int(value)):
            limits = f"{'a whole number ' if one.whole else ''}from {one.low:g} to {one.high:g} {one.unit}".rstrip()
            raise PluginError(f"{self.spec}: {name} cannot be {value}: it is {limits}")
        self.unit.set(names.index(name), value)

    def values(self) -> dict[str, float]:
        if self._ended is not None:
            return dict(self._ended)
        return {one.name: _short(self.unit.get(index)) for index, one in enumerate(self.parameters)}

    def state(self) -> bytes:
        with self._lock:
            before = self._answers
            if self.pid is not None:
                self._asked.set()
                self._lock.wait_for(lambda: self._answers > before or self.pid is None, self.limits.state_s)
            return self._state

    def standing(self) -> Standing:
        with self._lock:
            unit = self._look()
            peak, self._peak = self._peak, (0.0, 0.0)
            fault = self._why or unit.fault
            count = (unit.latency, unit.blocks, unit.missed)
            return Standing(*count, fault, peak, self._restarts, self._blocked, self._bytes)

    def tend(self) -> list[str]:
        with self._lock:
            news = list(self._news)
            self._news.clear()
        return news

    def tell(self, news: str) -> None:
        """Something more for `tend` to say."""
        with self._lock:
            self._news.append(news)

    def close(self) -> None:
        if self in _OPEN:
            _OPEN.discard(self)
            self._closing.set()
            isolate.close(self._memory.map)
            self._thread.join()
            with self._lock:
                self._look()
                self._ended = self.values()
                self.unit.free()
            self.unit.kept = None
            self._memory.close()

    # What its own thread does.

    def _look_after(self) -> None:
        while not self._closing.is_set() and not self._blocked:
            began = time.monotonic()
            try:
                self._live(Guest(self._memory))
            except (_Failed, OSError) as error:
                self._failed(str(error), time.monotonic() - began)
            except Exception as error:  # what a process says may be anything
                self._failed(f"it told nonsense ({type(error).__name__}: {error})", time.monotonic() - began)
        self._begun.set()

    def _live(self, guest: Guest) -> None:
        """One process from its beginning to its end. Raises _Failed unless it is closed."""
        try:
            self._follow_period()
            limits = {"memory": self.limits.memory, "hang": self.limits.hang_s, "longest": self.limits.state_s}
            state = self._first if self._row > 1 else self._state  # what it told last may be what it fails of
            latency = self._latency if self.role else None
            guest.order(**self._order, **limits, state=packed(state), latency=latency)
            self._welcome(self._hello(guest))
            self._repeat(guest)
            self._play(guest)
        except Gone:
            if not self._closing.is_set():
                raise _Failed(_with_words(guest.how_it_ended(), guest)) from None
        finally:
            with self._lock:
                self.pid = None
                self._lock.notify_all()
            guest.end(politely=self._closing.is_set())

    def _follow_period(self) -> None:
        """Blocks may have become longer since it was opened."""
        if self.role:
            self._order["period"] = max(self._order["period"], self._look().latency - self._latency)

    def _hello(self, guest: Guest) -> Message:
        until = time.monotonic() + self.limits.start_s
        while time.monotonic() < until and not self._closing.is_set():
            message = guest.receive(_TICK_S)
            if message and message.get("say") == "hello":
                self.pid = guest.pid
                return message
            self._hear(message)
        if self._closing.is_set():
            raise Gone
        raise _Failed(_with_words(f"it was not ready within {self.limits.start_s:g} seconds", guest))

    def _welcome(self, hello: Message) -> None:
        """The first time it is what it says; later it must be the same."""
        role, latency, parameters, values = _checked(hello)
        if self.role and (role, parameters) != (self.role, self.parameters):
            raise _Failed("its file has changed: load the preset again")
        if not self.role:
            unit = isolate.unit(self._memory.map, role, len(parameters), latency)
            for index, one in enumerate(parameters):
                unit.set(index, values[one.name])
            self.unit, self.parameters, self._latency = unit, parameters, latency
            self.name, self.role = str(hello.get("name") or self.name), role
        self.holds = tuple(map(str, hello.get("holds", ())))
        with self._lock:
            isolate.renew(self.unit)
            self._trusted = isolate.given(self._memory.map) + 2  # before that the unit may tell of the one before
            self._why = ""

    def _repeat(self, guest: Guest) -> None:
        """What it printed as it was loaded the first time: perhaps why it does not sound as it should."""
        words = "" if self._restarts else guest.words()
        with self._lock:
            self._news.extend([f"{self.name}: it says: {words}"] if words else [])
        self._begun.set()

    def _play(self, guest: Guest) -> None:
        """Watch it. Raises _Failed, and Gone when it has ended."""
        pulse, asked, patience = _Pulse(self._memory), 0.0, 0.0
        next_state = time.monotonic() + _STATE_S
        while not self._closing.is_set():
            message, now = guest.receive(_TICK_S), time.monotonic()
            if message and message.get("say") == "state":
                asked, patience = 0.0, 0.0
                next_state = now + max(_STATE_S, _STATE_SHARE * float(message.get("seconds", 0)))
            if message and message.get("say") == "busy":
                patience = now + self.limits.state_s
            self._hear(message)
            if not asked and (now >= next_state or self._asked.is_set()):
                guest.line.send(do="state")
                asked = now
                self._asked.clear()
            allowed = self.limits.state_s if now < patience else self.limits.hang_s
            self._judge(guest, pulse.still(now), allowed)

    def _hear(self, message: Message | None) -> None:
        """What the process says by itself."""
        say = message.get("say") if message else None
        if say == "failed":
            assert message
            raise _Failed(str(message.get("why")))
        with self._lock:
            if say == "state":
                assert message
                self._state, self._answers = _state(message), self._answers + 1
                self._lock.notify_all()
            elif say == "news":
                assert message
                self._news.append(f"{self.name}: {message.get('text')}")
            elif say == "plays":
                assert message
                self.realtime = bool(message.get("realtime"))

    def _judge(self, guest: Guest, still: float, allowed: float) -> None:
        """still: seconds for which it has had a block to do and done none."""
        if still > allowed:
            raise _Failed(f"it hung for {still:.2f} seconds")
        memory = guest.memory()
        with self._lock:
            self._bytes, unit = memory, self._look()
        if memory > self.limits.memory:
            raise _Failed(f"it took {memory >> 20} MiB of memory, more than {self.limits.memory >> 20}")
        if unit.fault in _GRAVE and isolate.given(self._memory.map) >= self._trusted:
            raise _Failed(unit.fault)

    def _look(self) -> UnitState:
        """The unit's state; the peaks that this takes away from it are kept until somebody asks."""
        if self._ended is None:
            self._seen = self.unit.state()
        state = self._seen
        self._peak = (max(self._peak[0], state.peak[0]), max(self._peak[1], state.peak[1]))
        return replace(state, peak=self._peak)

    def _failed(self, why: str, lived: float) -> None:
        """Count it, tell it, and wait a little longer each time; or give it up."""
        now = time.monotonic()
        with self._lock:
            self._why, self._bytes = why, 0
            if not self.role:  # it never played: whoever opens it is told
                self._blocked = True
                self._why = f"{self._order['path']}: {why}" if str(self._order["path"]) not in why else why
                return
            self._recent.append(now)
            while now - self._recent[0] > _MINUTE_S:
                self._recent.popleft()
            self._row = self._row + 1 if lived < self.limits.well_s else 0
            self._blocked = self._row >= self.limits.failures or len(self._recent) > self.limits.a_minute
            end = "it is left out: it fails again and again" if self._blocked else "it is started again"
            self._news.append(f"{self.name}: {why}; {end}")
            self._restarts += not self._blocked
        if self._row:
            self._closing.wait(min(_FIRST_WAIT_S * 2 ** (self._row - 1), _LONGEST_WAIT_S))


class _Pulse:
    """Whether blocks come back that were given."""

    def __init__(self, memory: Memory) -> None:
        self._map = memory.map
        self._beat, self._since = isolate.beat(self._map), math.inf

    def still(self, now: float) -> float:
        """Seconds for which there has been a block to do, and none was done."""
        beat = isolate.beat(self._map)
        if beat != self._beat or beat == isolate.given(self._map):
            self._beat, self._since = beat, math.inf
        else:
            self._since = min(self._since, now)
        return max(0.0, now - self._since)


def _checked(hello: Message) -> tuple[str, int, tuple[Parameter, ...], dict[str, float]]:
    """Role, latency, parameters and their values, as far as they make sense. Raises _Failed: they do not."""
    try:
        parameters = tuple(Parameter(**one) for one in hello["parameters"])
        values = {one.name: float(hello["values"][one.name]) for one in parameters}
        numbers = [*values.values(), *(n for one in parameters for n in (one.low, one.high, one.usual))]
        latency = int(hello["latency"])
        sane = all(map(math.isfinite, numbers)) and all(one.low <= one.high for one in parameters)
    except (KeyError, TypeError, ValueError) as error:
        raise _Failed(f"it told nonsense about itself ({error!r})") from None
    if not sane or len(parameters) > PARAMETERS_MAX or not 0 <= latency <= _LATENCY_MAX or hello["role"] not in ROLES:
        raise _Failed("it told nonsense about itself: its role, its latency, or its parameters' ranges")
    return hello["role"], latency, parameters, values


def _state(message: Message) -> bytes:
    try:
        return unpacked(str(message["state"]))
    except (KeyError, ValueError):
        raise _Failed("it told a state that is none") from None


def _with_words(why: str, guest: Guest) -> str:
    words = guest.words()
    return f"{why}: {words}" if words else why


def _short(value: float) -> float:
    """As it was set: the unit keeps seven digits."""
    return float(f"{value:.7g}")


_OPEN: set[Isolated] = set()


@atexit.register
def _close_all() -> None:
    for one in list(_OPEN):
        one.close()
