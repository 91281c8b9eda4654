"""What OSC tells: what is set, played, planned and heard, to those who listen."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ripieno.daemon.errors import UserError
from ripieno.daemon.remote.desk import Batch, Change, Note
from ripieno.daemon.remote.osc_in import sender_of
from ripieno.daemon.remote.osc_packet import write
from ripieno.daemon.remote.osc_ports import Address, Wire, is_home
from ripieno.daemon.remote.osc_tree import EVENTS, READ, READINGS, ROOT, Method, given

if TYPE_CHECKING:
    from ripieno.daemon.ahead import PlannedNote

LISTEN_SECONDS = 60.0  # that one is told of everything after one has asked for it
_MOST_LISTENERS = 32
_CROSSED_SECONDS = 0.25  # within which two may have changed a control, neither having heard of the other
_BEATS_SECONDS = 0.15  # a beat is awaited so long before it: the status comes ten times a second
_VOICE = -2  # the instrument of a Note that is sung


@dataclass
class Listener:
    """Who is told of everything. asked_from: the address that asked for it. until: seconds of `Listeners`' clock."""

    to: Address
    asked_from: Address | None = None
    until: float = math.inf

    def is_(self, sender: Address) -> bool:
        """Whether what comes from there is this one's. A tablet sends from another port than it listens at; on this
        computer several programs have one address."""
        return sender in (self.to, self.asked_from) or (sender[0] == self.to[0] and not is_home(sender[0]))


class Listeners:
    """Those who listen. known: those who are told from the beginning, and for ever."""

    def __init__(self, wire: Wire, known: Sequence[Address], clock: Callable[[], float] = time.monotonic) -> None:
        self._wire, self._clock = wire, clock
        self._all = [Listener(to) for to in known]
        self._hosts = {host for host, _ in known}

    def knows(self, host: str) -> bool:
        """Whether the user has named this computer."""
        return host in self._hosts

    def current(self) -> list[Listener]:
        """Those who still listen."""
        now = self._clock()
        self._all = [one for one in self._all if one.until >= now]
        return self._all

    def add(self, to: Address, asked_from: Address) -> bool:
        """One more, or one that goes on to listen (False). UserError where there are too many."""
        until = self._clock() + LISTEN_SECONDS
        for one in self.current():
            if one.to == to:
                one.asked_from, one.until = asked_from, max(one.until, until)
                return False
        if len(self._all) >= _MOST_LISTENERS:
            raise UserError("too many listen already")
        self._all.append(Listener(to, asked_from, until))
        return True

    def remove(self, to: Address) -> None:
        """It listens no longer."""
        self._all = [one for one in self._all if one.to != to]

    def tell(self, packet: bytes, but: Address | None = None) -> None:
        """Send it to all, but not to whose it is."""
        for one in self.current():
            if not but or not one.is_(but):
                self._wire.send(one.to, packet)


class Teller:
    """Turns what the desk tells into messages. methods: of the song that plays, by their paths; names: of its
    instruments."""

    def __init__(self, listeners: Listeners, loop: asyncio.AbstractEventLoop) -> None:
        self._listeners, self._loop = listeners, loop
        self.methods: Mapping[str, Method] = {}
        self.names: Sequence[str] = ()
        self.values: Mapping[str, Any] = {}
        self._readings: dict[str, Any] = {}
        self._changed: dict[str, tuple[str, float]] = {}  # by whom a control was changed last, and when
        self._crossed: dict[str, asyncio.TimerHandle] = {}  # controls that two change, until they are at rest
        self._sounding: dict[tuple[int, int], list[str]] = {}  # whose notes, by instrument and pitch
        self._planned: set[PlannedNote] = set()
        self._beat: asyncio.TimerHandle | None = None
        self._last_beat = -math.inf

    def grow(self, known: Mapping[str, Method], names: Sequence[str], values: Mapping[str, Any]) -> None:
        """Another song plays."""
        self.methods, self.names, self.values = known, names, values

    def value(self, path: str) -> bytes | None:
        """A message of how a control or a reading is; None, where it is not."""
        method, held = self.methods[path], self._readings if path in READINGS else self.values
        return write(method.address, *given(method.types, held[path])) if held.get(path) is not None else None

    def all_values(self) -> Iterator[bytes]:
        """How all of them are."""
        for path, method in self.methods.items():
            if method.access & READ and (packet := self.value(path)):
                yield packet

    def hear(self, batch: Batch, values: Mapping[str, Any]) -> None:
        """Tell what has happened. values: how all controls are by now."""
        self.values = values
        for change in batch.changes:
            self._tell_change(change)
        for note in batch.notes:
            self._tell_note(note)
        if batch.plan is not None:
            self._tell_plan(batch.plan, *batch.now)
        if batch.status is not None:
            self._tell_status(batch.status)
        for text in batch.news:
            self._tell("news", text)

    def _tell(self, event: str, *values: Any) -> None:
        """Tell that something happened."""
        if self._listeners.current():
            types = zip(EVENTS[event].types, values, strict=True)
            tags = "".join("TF"[not value] if tag == "T" else tag for tag, value in types)
            self._listeners.tell(write(f"{ROOT}/{event}", tags, values))

    def _tell_change(self, change: Change) -> None:
        method = self.methods.get(change.path)
        if method and self._listeners.current():
            packet = write(method.address, *given(method.types, change.value))
            self._listeners.tell(packet, sender_of(change.origin))
            self._cross(change.path, change.origin)

    def _cross(self, path: str, origin: str) -> None:
        """What is told of another's change may cross what one has sent, and be taken for the newer one: so all are told
        how it stands, once it is at rest."""
        now = self._loop.time()
        before, when = self._changed.get(path, ("", -math.inf))
        self._changed[path] = origin, now
        waiting = self._crossed.pop(path, None)
        if waiting:
            waiting.cancel()
        at_once = origin != before and now - when < _CROSSED_SECONDS
        if waiting or (at_once and any(map(sender_of, (origin, before)))):
            self._crossed[path] = self._loop.call_later(_CROSSED_SECONDS, self._settle, path)

    def _settle(self, path: str) -> None:
        del self._crossed[path]
        if path in self.methods and (packet := self.value(path)):
            self._listeners.tell(packet)

    def _tell_note(self, note: Note) -> None:
        if note.kind == "key":
            self._tell("played", note.pitch, note.velocity)
        if note.kind in ("off", "move"):
            self._end(note.source if note.kind == "move" else note.instrument, note.pitch)
        if note.kind in ("on", "move"):
            name = self._name(note.instrument)
            self._sounding.setdefault((note.instrument, note.pitch), []).append(name)
            self._tell("note", name, note.pitch, note.velocity, True)

    def _end(self, instrument: int, pitch: int) -> None:
        """By the name that it began with: it may be of the song before."""
        if names := self._sounding.get((instrument, pitch)):
            self._tell("note", names.pop(0), pitch, 0, False)

    def _silence(self) -> None:
        """A panic ends notes without a word. The voice's own are told."""
        for (instrument, pitch), names in self._sounding.items():
            while names and instrument != _VOICE:
                self._end(instrument, pitch)

    def _name(self, instrument: int) -> str:
        if instrument == _VOICE:
            return "voice"
        return self.names[instrument] if 0 <= instrument < len(self.names) else "thru"

    def _tell_plan(self, plan: "Sequence[PlannedNote]", frame: int, rate: int) -> None:
        """Tell what is new in it, and what was taken back before it sounded."""
        new, old = set(plan), self._planned
        self._planned = new
        for one in sorted(new - old):
            seconds = (one.on - frame) / rate, (one.off - one.on) / rate
            self._tell("plan", self._name(one.instrument), one.pitch, one.velocity, *seconds)
        for one in sorted(old - new):
            if one.on > frame:
                self._tell("unplan", self._name(one.instrument), one.pitch, (one.on - frame) / rate)

    def _tell_status(self, status: Mapping[str, Any]) -> None:
        before = self._readings
        self._readings = {path: reading.find(status) for path, reading in READINGS.items()}
        for path, value in self._readings.items():
            if path in self.methods and value is not None and value != before.get(path):
                self._listeners.tell(write(f"{ROOT}/{path}", *given(READINGS[path].types, value)))
        if status.get("sounding") == 0:
            self._silence()
        if "clock" in status:
            self._await_beat(**status["clock"])

    def _await_beat(self, *, rolling: bool, position: float, bpm: float, **_: Any) -> None:
        """Tell the next beat in its moment, if that comes before the next status."""
        if self._beat:
            self._beat.cancel()
        if not rolling or bpm <= 0:
            self._last_beat = -math.inf
            return
        beat = math.ceil(position)
        wait_s = (beat - position) * 60 / bpm
        if beat != self._last_beat and wait_s <= _BEATS_SECONDS:
            self._beat = self._loop.call_later(wait_s, self._tell_beat, beat, bpm)

    def _tell_beat(self, beat: int, bpm: float) -> None:
        self._last_beat = beat
        self._tell("beat", beat, bpm)
