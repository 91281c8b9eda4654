"""Plays a unit without an engine, a block at a time: what the rack does, as its C header (unit_state.h) has it."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from cffi import FFI
from numpy.typing import NDArray

from ripieno.native._native import ffi as native
from ripieno.native.unit import Unit

_SRC = Path(__file__).parents[1] / "native" / "src"
_PATIENCE_S = 30.0  # what is waited for comes in a fraction of that
Audio = NDArray[np.float32]


def _declarations(name: str) -> str:
    lines = (line for line in (_SRC / name).read_text().splitlines() if not line.startswith("#"))
    return re.sub(r"\b_Atomic ", "", "\n".join(lines))


_FFI = FFI()
_FFI.cdef("\n".join(_declarations(name) for name in ("parameter.h", "unit.h", "unit_state.h")))


class UnitPlayer:
    """One unit in blocks of one length. settled: each block is waited for, as off line."""

    def __init__(self, unit: Unit, period: int, settled: bool = True) -> None:
        self._unit = _FFI.cast("rp_unit *", int(native.cast("uintptr_t", unit.pointer)))
        self._kind, self.period, self.settled, self.frame = self._unit.kind, period, settled, 0
        if self._kind.resize != _FFI.NULL:
            self._kind.resize(self._unit, period)

    def block(self, audio: Audio, events: Sequence[tuple[int, bytes]] = ()) -> Audio:
        """audio: [2, frames]. What comes out, as late as the unit's latency."""
        out = np.array(audio, np.float32, order="C")
        raw = _FFI.new("rp_unit_event[]", max(1, len(events)))
        for one, (offset, data) in zip(raw, events, strict=False):
            one.offset, one.size, one.byte = offset, len(data), data.ljust(3, b"\0")
        block = _FFI.new("rp_unit_block *")
        block.frame, block.frames, block.event, block.events = self.frame, out.shape[1], raw, len(events)
        block.audio = [_FFI.from_buffer("float[]", channel) for channel in out]
        self._kind.process(self._unit, block)
        if self.settled and self._kind.settle != _FFI.NULL:
            self._kind.settle(self._unit)
        self.frame += out.shape[1]
        return out

    def play(self, audio: Audio, events: Sequence[tuple[int, bytes]] = ()) -> Audio:
        """audio: [2, frames], of any length, and events by their frame in it."""
        pieces = []
        for at in range(0, audio.shape[1], self.period):
            end = min(at + self.period, audio.shape[1])
            here = [(frame - at, data) for frame, data in events if at <= frame < end]
            pieces.append(self.block(audio[:, at:end], here))
        return np.concatenate(pieces, axis=1)

    def silence(self, frames: int, events: Sequence[tuple[int, bytes]] = ()) -> Audio:
        """What comes out while nothing goes in."""
        return self.play(np.zeros((2, frames), np.float32), events)

    def until(self, over: Callable[[], object]) -> Audio:
        """Play ones until something has come about; what was heard."""
        end, heard = time.monotonic() + _PATIENCE_S, [np.zeros((2, 0), np.float32)]
        while not over():
            assert time.monotonic() < end, "it never came about"
            heard.append(self.block(np.ones((2, self.period), np.float32)))
            time.sleep(0.001)
        return np.concatenate(heard, axis=1)

    def until_level(self, level: float) -> None:
        """Play ones until they come out at this level, a block long."""
        ones = np.ones((2, self.period), np.float32)
        self.until(lambda: np.allclose(self.block(ones), level, rtol=1e-6))

    def reset(self) -> None:
        """As after a panic."""
        if self._kind.reset != _FFI.NULL:
            self._kind.reset(self._unit)
