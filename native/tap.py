"""Python face of the tap: what comes in and what leaves, copied for whoever writes it to disk.

The engine's process thread copies each cycle into a ring and never waits; one thread here takes it out. What finds the
ring full is left out by whole cycles, and counted: `Block.frame` then jumps.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ripieno.native._native import ffi, lib

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HEAD = struct.Struct("=QIHH")  # rp_tap_event
_PIECE = struct.Struct("=dddII")  # rp_timeline_piece
_LONGEST = 8192  # frames of a cycle
_BLOCK_SECONDS = 0.25
_ROOM_SECONDS = 8.0
_NEAR = 1e-5  # beats: so near to what was expected, a beat is no news


class Midi(NamedTuple):
    """A piece of MIDI. frame: of the driver. out: it left, at output `port`; else it came in at input `port`."""

    frame: int
    port: int
    out: bool
    data: bytes


class Beats(NamedTuple):
    """Where the beats are from `frame` on: there it is `beat`, and `rate` beats a frame. A beat is a quarter note.

    jumps: another number than before where the clock was set to another beat. rolling: its transport does.
    """

    frame: float
    beat: float
    rate: float
    rolling: bool = True
    jumps: int = 0

    def at(self, frame: float) -> float:
        """The beat at that frame."""
        return self.beat + (frame - self.frame) * self.rate


@dataclass(frozen=True)
class Block:
    """Cycles that followed one another without a gap.

    frame: of the first sample. frames: how many. audio: [audios, frames], 1.0 full scale. midi: by time. dropped:
    cycles that were left out before the last of these, since the tap began. beats: of the clock, where there is one:
    at the block's beginning, and wherever it goes on otherwise.
    """

    frame: int
    frames: int
    audio: NDArray[np.float32]
    midi: tuple[Midi, ...]
    dropped: int
    beats: tuple[Beats, ...] = ()

    @property
    def end(self) -> int:
        """The frame after its last."""
        return self.frame + self.frames


class Tap:
    """A copy of what the engine hears and plays. Give it to one `Engine`; the engine must end before `close`."""

    def __init__(self, rate: int, audios: int, seconds: float = _ROOM_SECONDS) -> None:
        """rate: frames a second. audios: the engine's audio outputs. seconds: for which it holds what nobody reads.

        Raises ValueError where that is more than a gibibyte, or there are more than 16 outputs.
        """
        import numpy as np

        self.audios = audios
        config = ffi.new("rp_tap_config *", {"audios": audios, "longest": _LONGEST, "room": round(rate * seconds)})
        pointer = lib.rp_tap_new(config)
        if pointer == ffi.NULL:
            raise ValueError(f"nothing can be recorded: no memory for {seconds:g} s of {audios} audio outputs (of 16)")
        self.pointer: Any = ffi.gc(pointer, lib.rp_tap_free)
        self._block = ffi.new("rp_tap_block *")
        self._block.room = max(_LONGEST, round(rate * _BLOCK_SECONDS))
        self._block.midi_room = 2 * lib.RP_TAP_MIDI_MAX
        self._audio = np.zeros((audios, self._block.room), np.float32)
        self._midi = ffi.new("uint8_t[]", self._block.midi_room)
        self._block.audio = ffi.from_buffer("float *", self._audio) if audios else ffi.NULL
        self._block.midi = self._midi

    def read(self) -> Block | None:
        """What came since, a quarter of a second at most; None where there is nothing."""
        block = self._block
        if not lib.rp_tap_read(self.pointer, block):
            return None
        midi, beats = list[Midi](), list[Beats]()
        for frame, port, kind, data in _events(ffi.buffer(self._midi, block.midi_size)[:]):
            if kind == lib.RP_TAP_CLOCK:
                _add(beats, data)
            else:
                midi.append(Midi(frame, port, kind == lib.RP_TAP_OUT, data))
        audio, in_time = self._audio[:, : block.frames].copy(), sorted(midi, key=lambda one: one.frame)
        return Block(block.frame, block.frames, audio, tuple(in_time), block.dropped, tuple(beats))

    def write(
        self, frame: int, audio: NDArray[np.float32], midi: Sequence[Midi] = (), beats: Sequence[Beats] = ()
    ) -> bool:
        """One cycle, as the engine's process thread gives it: for tests. audio: [audios, frames]. False: dropped."""
        import numpy as np

        rows = [np.ascontiguousarray(row, np.float32) for row in audio]
        pointers = ffi.new("float *[]", [ffi.from_buffer("float *", row) for row in rows])
        lib.rp_tap_open(self.pointer, frame, audio.shape[1])
        for one in midi:
            lib.rp_tap_midi(self.pointer, one.out, one.port, one.frame - frame, one.data, len(one.data))
        for piece in beats:
            lib.rp_tap_midi(self.pointer, lib.RP_TAP_CLOCK, 0, 0, _PIECE.pack(*piece), _PIECE.size)
        return bool(lib.rp_tap_close(self.pointer, pointers, len(rows)))

    @property
    def dropped(self) -> int:
        """Cycles that were left out so far."""
        return int(lib.rp_tap_dropped(self.pointer))

    def close(self) -> None:
        """Free it. No engine may have it."""
        pointer, self.pointer = self.pointer, ffi.NULL
        if pointer != ffi.NULL:
            ffi.release(pointer)


def _add(beats: list[Beats], data: bytes) -> None:
    """A piece of the clock, unless the one before goes on."""
    frame, beat, rate, rolling, jumps = _PIECE.unpack(data)
    last = beats[-1] if beats else None
    if not last or (bool(rolling), jumps) != last[3:] or abs(last.at(frame) - beat) > _NEAR:
        beats.append(Beats(frame, beat, rate, bool(rolling), jumps))


def _events(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Frame, port, kind and bytes of each rp_tap_event."""
    at = 0
    while at < len(data):
        frame, size, port, out = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield frame, port, out, data[at : at + size]
        at += (size + 7) // 8 * 8
