"""Python face of the memory that a unit shares with a plugin's process: both ends of it.

The engine's process calls `init` and `unit`; the plugin's own calls `begin` and then, for each block, `wait`, `read`
and `write`. memory: a writable buffer of `SIZE` bytes, zeroes at first, that both have mapped: an mmap.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripieno.native._native import ffi, lib
from ripieno.native.unit import ROLES, Unit

SIZE: int = lib.rp_isolate_size()
"""Bytes of shared memory."""
FRAMES: int = lib.RP_BLOCK_MAX
"""The most that a block has."""
EVENTS: int = lib.RP_ISOLATE_EVENTS
"""The most that a block has."""


class Closed(Exception):
    """The unit is gone: nothing will be given any more."""


class Block(NamedTuple):
    """What was given. resets: how often the plugin was told to be silent; another number than before: now."""

    frames: int
    events: int
    resets: int


# ---- The engine's process ----


def init(memory: Any) -> None:
    """Before anybody else has it."""
    lib.rp_isolate_init(_shared(memory))


def unit(memory: Any, role: str, parameters: int, latency: int) -> Unit:
    """The plugin at the other end, as a unit; it keeps the memory mapped. latency: frames, the plugin's own. Raises
    ValueError where there can be none."""
    shared = _shared(memory)
    pointer = lib.rp_unit_isolated(shared, ROLES[role], parameters, latency)
    if pointer == ffi.NULL:
        raise ValueError(
            f"no unit of {parameters} parameters and a latency of {latency} frames: at most"
            f" {lib.RP_UNIT_PARAMETERS_MAX} and {lib.RP_LATENCY_MAX - FRAMES}, in memory fresh from `init`"
        )
    return Unit(pointer, (memory, shared))


def renew(one: Unit) -> None:
    """Another process has begun, and the one before is dead: it is heard as soon as its blocks come in time."""
    lib.rp_unit_renew(one.pointer)


def given(memory: Any) -> int:
    """Blocks that were given so far."""
    return int(lib.rp_isolate_given(_shared(memory)))


def beat(memory: Any) -> int:
    """Of them, those that are over: rendered, or left out when a process took over."""
    return int(lib.rp_isolate_beat(_shared(memory)))


def close(memory: Any) -> None:
    """The unit is in no rack any more: the plugin's process gets `Closed`."""
    lib.rp_isolate_close(_shared(memory))


# ---- The plugin's process ----


def begin(memory: Any) -> None:
    """This process takes over: blocks given from now on are its own. Raises ValueError for memory not in order."""
    if not lib.rp_isolate_begin(_shared(memory)):
        raise ValueError("this is no memory that a unit shares with a plugin: `init` was not called on it")


def wait(memory: Any, ms: int) -> Block | None:
    """The next block, or None if none comes within so many milliseconds. Raises Closed. The interpreter is free
    meanwhile."""
    raw = ffi.new("rp_isolate_block *")
    found = lib.rp_isolate_wait(_shared(memory), ms, raw)
    if found < 0:
        raise Closed
    return Block(raw.frames, raw.events, raw.resets) if found else None


def read(memory: Any, audio: NDArray[np.float32], events: NDArray[np.int32], values: NDArray[np.float32]) -> None:
    """What was given, into audio [2, frames], events [events or more, 4] (frame within the block, and the three bytes
    of a message) and values [parameters]. Raises ValueError for arrays of another shape."""
    block = _present(memory)
    if events.dtype != np.int32 or events.ndim != 2 or len(events) < block.events or events.shape[1] != 4:
        raise ValueError(f"events are int32 [{block.events}, 4]")
    if values.dtype != np.float32 or not values.flags.c_contiguous or not events.flags.c_contiguous:
        raise ValueError("events and values lie as they come, values as float32")
    left, right = _rows(audio, block.frames)
    pointers = ffi.from_buffer("int32_t[]", events), ffi.from_buffer("float[]", values)
    lib.rp_isolate_read(_shared(memory), left, right, *pointers, values.size)


def write(memory: Any, audio: NDArray[np.float32]) -> None:
    """The same block, rendered: audio [2, frames]. Raises ValueError for an array of another shape."""
    left, right = _rows(audio, _present(memory).frames)
    lib.rp_isolate_write(_shared(memory), left, right)


class Seat:
    """`wait`, `read` and `write` for a loop that runs for every block: its buffers and pointers are made once.

    audio [2, FRAMES], events [EVENTS, 4], values [parameters]: what was given, up to the block's lengths.
    """

    def __init__(self, memory: Any, parameters: int) -> None:
        """The memory stays mapped as long as this lives. Raises ValueError for memory that is too small."""
        self.audio = np.zeros((2, FRAMES), np.float32)
        self.events = np.zeros((EVENTS, 4), np.int32)
        self.values = np.zeros(parameters, np.float32)
        self._shared = _shared(memory)
        self._block = ffi.new("rp_isolate_block *")
        audio = [ffi.from_buffer("float[]", channel) for channel in self.audio]
        arrays = [ffi.from_buffer("int32_t[]", self.events), ffi.from_buffer("float[]", self.values)]
        self._out, self._in = (self._shared, *audio), (self._shared, *audio, *arrays, parameters)

    def take(self, ms: int) -> Any:
        """The next block, which is read, as an object with the fields of `Block`, or None if none comes within so many
        milliseconds. Raises Closed. The interpreter is free meanwhile."""
        found = lib.rp_isolate_wait(self._shared, ms, self._block)
        if found < 0:
            raise Closed
        if not found:
            return None
        lib.rp_isolate_read(*self._in)
        return self._block

    def give(self, out: NDArray[np.float32]) -> None:
        """The same block, rendered: out [2, frames], which may lie in `audio`. Raises ValueError for another shape."""
        self.audio[:, : self._block.frames] = out
        lib.rp_isolate_write(*self._out)

    def behind(self) -> bool:
        """Whether the next block waits already."""
        return bool(lib.rp_isolate_given(self._shared) != lib.rp_isolate_beat(self._shared))


def prioritise() -> bool:
    """Run this thread at real-time priority, below the audio server's. False: the system does not allow it."""
    return bool(lib.rp_isolate_prioritise())


# ----


def _shared(memory: Any) -> Any:
    shared = ffi.from_buffer(memory, require_writable=True)
    if len(shared) < SIZE:
        raise ValueError(f"the memory has {len(shared)} bytes: it takes {SIZE}")
    return shared


def _present(memory: Any) -> Block:
    """The block that was waited for last and not written yet."""
    block = wait(memory, 0)
    if block is None:
        raise ValueError("there is no block: wait for one")
    return block


def _rows(audio: NDArray[np.float32], frames: int) -> tuple[Any, Any]:
    """Pointers to left and right."""
    if audio.dtype != np.float32 or audio.shape != (2, frames) or audio.strides[1] != audio.itemsize:
        raise ValueError(f"audio is float32 [2, {frames}], each channel in one piece")
    return ffi.from_buffer("float[]", audio[0]), ffi.from_buffer("float[]", audio[1])
