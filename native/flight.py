"""Python face of the flight recorder: the cycles of an engine, and an engine that plays them again.

Nothing here runs between a key and its sound. A recording is bytes: cycles, one after another, as flight.h lays them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ripieno.native._native import ffi, lib
from ripieno.native.engine import Engine, Rig

KINDS = {
    lib.RP_FLIGHT_IN: "in",
    lib.RP_FLIGHT_COMMAND: "command",
    lib.RP_FLIGHT_BAND: "band",
    lib.RP_FLIGHT_VOICE: "voice",
    lib.RP_FLIGHT_OUT: "out",
    lib.RP_FLIGHT_REFUSED: "refused",
    lib.RP_FLIGHT_AUDIO: "audio",
    lib.RP_FLIGHT_VALUE: "value",
    lib.RP_FLIGHT_SOUND: "sound",
    lib.RP_FLIGHT_TRANSPORT: "transport",
}
_CYCLE, _ITEM = struct.Struct("=QIIIIIIIBBBB"), struct.Struct("=IIII")
_STRUCTS = ("rp_voice", "rp_stats", "rp_conductor_config", "rp_timeline_state", "rp_control", "void *")
LAYOUT = (_CYCLE.size, _ITEM.size, *map(ffi.sizeof, _STRUCTS))
"""Bytes of the structs that a recording is made of, or that tell one build of the engine from another."""

_ROOM = 1 << 22
"""Bytes: some minutes of busy music, should nobody read."""


class Item(NamedTuple):
    """Something that came in or left in a cycle: see RP_FLIGHT_... in flight.h. offset: frames from its first."""

    kind: str
    port: int
    offset: int
    data: bytes


class Cycle(NamedTuple):
    """A cycle, or `cycles` of them, all alike, in which nothing came in or left. Frames are the driver's.

    missed: cycles before it that are not in the recording.
    """

    frame: int
    frames: int
    period: int
    gone: int
    connected: int
    cycles: int
    missed: int
    audios: int
    audio_ins: int
    heard: bool
    items: tuple[Item, ...]

    def encode(self) -> bytes:
        """Its bytes in a recording."""
        numbers = {name: number for number, name in KINDS.items()}
        items = b"".join(_ITEM.pack(numbers[i.kind], i.port, i.offset, len(i.data)) + i.data for i in self.items)
        return _CYCLE.pack(*self[:7], len(items), self.audios, self.audio_ins, self.heard, 0) + items


def cycles(data: bytes) -> Iterator[Cycle]:
    """The cycles of a recording. ValueError where its bytes make no sense."""
    at = 0
    while at < len(data):
        if len(data) - at < _CYCLE.size:
            raise ValueError("a cycle is cut off")
        *head, size, audios, audio_ins, heard, _ = _CYCLE.unpack_from(data, at)
        at += _CYCLE.size
        items = tuple(_items(data[at : at + size], size))
        yield Cycle._make((*head, audios, audio_ins, bool(heard), items))
        at += size


def _items(data: bytes, size: int) -> Iterator[Item]:
    at = 0
    while at < size:
        if len(data) - at < _ITEM.size:
            raise ValueError("a cycle is cut off")
        kind, port, offset, length = _ITEM.unpack_from(data, at)
        at += _ITEM.size
        if kind not in KINDS or len(data) - at < length:
            raise ValueError(f"no item of a cycle is of kind {kind} with {length} bytes")
        yield Item(KINDS[kind], port, offset, data[at : at + length])
        at += length


@dataclass(frozen=True)
class FlightStats:
    """Cycles recorded since the recorder began, and those that found no room because nobody read."""

    cycles: int
    missed: int


class Flight:
    """Records an engine's cycles into memory, from where one thread of control reads them.

    room: bytes of it, a power of two of at least 512 KiB. sound: keep what comes in at audio inputs, too.
    """

    def __init__(self, room: int = _ROOM, sound: bool = False) -> None:
        pointer = lib.rp_flight_new(room)
        if pointer == ffi.NULL:
            raise ValueError(f"no flight recorder with {room} bytes: a power of two of at least 524288")
        self.pointer = ffi.gc(pointer, lib.rp_flight_free)
        if sound:
            lib.rp_flight_keep_sound(pointer)
        self._place = ffi.new("uint8_t[]", lib.RP_FLIGHT_LARGEST)
        self._engine: Engine | None = None

    def attach(self, engine: Engine) -> None:
        """Record this engine, which no driver runs yet, from its first cycle on; it must be detached or outlived.

        Raises RuntimeError while a driver runs it.
        """
        self._set(engine, self.pointer)
        self._engine = engine

    def detach(self) -> None:
        """Record no longer; what was recorded may still be read. Raises RuntimeError while a driver runs the engine."""
        if self._engine and self._engine.pointer != ffi.NULL:
            self._set(self._engine, ffi.NULL)
        self._engine = None
        lib.rp_flight_flush(self.pointer)

    @staticmethod
    def _set(engine: Engine, pointer: Any) -> None:
        if engine.drivers:
            raise RuntimeError("a driver runs this engine: begin and end recording without one")
        lib.rp_engine_set_flight(engine.pointer, pointer)

    def read(self) -> bytes:
        """The cycles since the last call."""
        parts = []
        while size := lib.rp_flight_read(self.pointer, self._place, len(self._place)):
            parts.append(bytes(ffi.buffer(self._place, size)))
        return b"".join(parts)

    def stats(self) -> FlightStats:
        """How much of it there is."""
        out = ffi.new("rp_flight_stats *")
        lib.rp_flight_get_stats(self.pointer, out)
        return FlightStats(out.cycles, out.missed)


@dataclass(frozen=True)
class Difference:
    """Where a replay is not what was recorded. cycle: counted from 0; frame: of its first sample.

    was, is_: what left then and what leaves now, None: nothing; of long messages the first 16 bytes. missing: so many
    cycles before it were not recorded, and nothing is known of them.
    """

    cycle: int
    frame: int
    was: Item | None = None
    is_: Item | None = None
    missing: int = 0


class Replay:
    """Plays a recording again through an engine that begins like the one that was recorded.

    rig_of: the rig that stood at an address then, made anew; it is asked when a command brings one.
    """

    def __init__(self, engine: Engine, rig_of: Callable[[int], Rig]) -> None:
        self.engine, self.rig_of = engine, rig_of
        self._lent: dict[int, Any] = {}
        pointer = lib.rp_replay_new(engine.pointer)
        if pointer == ffi.NULL:
            raise MemoryError("no memory for a replay")
        self.pointer = pointer
        self._state = ffi.new("rp_replay_state *")

    @property
    def cycles(self) -> int:
        """How many it has played."""
        lib.rp_replay_get_state(self.pointer, self._state)
        return int(self._state.cycles)

    def play(self, data: bytes) -> Iterator[Difference]:
        """Play whole cycles; yields each in which something else leaves, and goes on when it is asked for the next.

        ValueError where the bytes make no sense.
        """
        place, at, used = ffi.from_buffer("uint8_t[]", data), 0, ffi.new("uint32_t *")
        while at < len(data):
            result = lib.rp_replay_play(self.pointer, place + at, len(data) - at, used)
            at += used[0]
            lib.rp_replay_get_state(self.pointer, self._state)
            self.engine.poll()
            if result == lib.RP_REPLAY_RIG:
                self._give(self._state.wanted)
            elif result == lib.RP_REPLAY_DIFFERS:
                yield self._difference()
            elif result == lib.RP_REPLAY_MISSED:
                yield Difference(self._state.cycles, self._state.frame, missing=self._state.missed)
            elif result == lib.RP_REPLAY_NO_MEMORY:
                raise MemoryError("no memory for the sound of a replay")
            elif result == lib.RP_REPLAY_BAD:
                raise ValueError(f"the recording makes no sense after cycle {self._state.cycles}")

    def _give(self, address: int) -> None:
        """Lend the engine the rig that a command brings."""
        lib.rp_replay_give(self.pointer, self.engine.lend(self.rig_of(address)))

    def _difference(self) -> Difference:
        state = self._state
        was, is_ = _item(state.was, state.was_bytes), _item(getattr(state, "is"), state.is_bytes)
        return Difference(state.cycles - 1, state.frame, was, is_)

    def close(self) -> None:
        """End it; before the engine is closed."""
        pointer, self.pointer = self.pointer, ffi.NULL
        if pointer != ffi.NULL:
            lib.rp_replay_free(pointer)

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _item(raw: Any, data: Any) -> Item | None:
    if raw.kind == lib.RP_FLIGHT_NOTHING:
        return None
    return Item(KINDS[raw.kind], raw.port, raw.offset, bytes(data)[: raw.size])
