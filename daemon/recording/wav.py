"""Sound written while it is made, in WAV files that open however their writing ends.

Samples are appended; after each `sync` the header says how many there are, and none that are not. A file beyond 4 GiB
becomes an RF64 (EBU Tech 3306, "MBWF / RF64: an extended file format for audio"), in room that a JUNK chunk keeps.
"""

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PCM, _FLOAT = 1, 3  # of Microsoft's "Multiple Channel Audio Data and WAVE Files"
_LARGEST = 2**32 - 1
_DS64 = struct.Struct("<QQQI")
_FORM = struct.Struct("<HHIIHHH")
_BEGIN = struct.Struct("<4sI4s4sI")  # RIFF, WAVE, JUNK
_FORM_AT = _BEGIN.size + _DS64.size + 8
HEADER = _FORM_AT + _FORM.size + 12 + 8
"""Bytes before the first sample."""
_STEPS = 2**23  # of 24 bits, for 1.0
to_disk = getattr(os, "fdatasync", os.fsync)
"""What was written to a file descriptor survives the power from here on."""


def header(rate: int, channels: int, bits: int, data: int) -> bytes:
    """The header of a file with so many bytes of samples. bits: 32 for floats, 24 for whole numbers."""
    width = channels * bits // 8
    size = HEADER + data + data % 2 - 8
    large = size > _LARGEST
    ds64 = _DS64.pack(size, data, data // width, 0) if large else bytes(_DS64.size)
    sizes = [_LARGEST] * 3 if large else [size, data // width, data]
    form = _FORM.pack(_FLOAT if bits == 32 else _PCM, channels, rate, rate * width, width, bits, 0)
    begin = _BEGIN.pack(b"RF64" if large else b"RIFF", sizes[0], b"WAVE", b"ds64" if large else b"JUNK", _DS64.size)
    fact = struct.pack("<4sII", b"fact", 4, sizes[1])
    return (
        begin + ds64 + struct.pack("<4sI", b"fmt ", _FORM.size) + form + fact + struct.pack("<4sI", b"data", sizes[2])
    )


class WavFile:
    """A WAV file that grows. Each method raises OSError where the disk refuses."""

    def __init__(self, path: Path, rate: int, channels: int, bits: int = 32) -> None:
        """bits: 32 for floats, which keep all there is; 24 for whole numbers, beyond 1.0 clipped. The file is new."""
        self.path, self._rate, self._channels, self._bits = path, rate, channels, bits
        self._width = channels * bits // 8
        self._file = path.open("xb", buffering=0)
        try:
            self._append(header(rate, channels, bits, 0))
        except OSError:
            self._file.close()
            raise

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def frames(self) -> int:
        """Whole frames on disk."""
        return max(0, self.size - HEADER) // self._width

    def write(self, samples: "NDArray[np.float32]") -> None:
        """Append samples [frames, channels], 1.0 full scale."""
        floats = np.ascontiguousarray(samples, "<f4")
        self._append(floats.tobytes() if self._bits == 32 else _whole(floats))

    def silence(self, frames: int) -> None:
        """Append silence: a hole in the file, which takes no room where the file system can."""
        self._file.truncate(self.size + frames * self._width)

    def sync(self) -> None:
        """What was written so far survives this process, and the power."""
        data = self.frames * self._width
        self._file.seek(0)
        self._file.write(header(self._rate, self._channels, self._bits, data))
        to_disk(self._file.fileno())

    def close(self) -> None:
        """End it. Half a frame, for which the disk had no room, is cut off."""
        try:
            data = self.frames * self._width
            self._file.truncate(HEADER + data)
            self._append(bytes(data % 2))
            self._file.seek(0)
            self._file.write(header(self._rate, self._channels, self._bits, data))
        finally:
            self._file.close()

    def gone(self) -> bool:
        """Its name stands for another file now, or for none."""
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        self._file.seek(0, os.SEEK_END)
        while left:
            left = left[self._file.write(left) :]


def _whole(floats: "NDArray[np.float32]") -> bytes:
    """24-bit whole numbers, little-endian; what is no number is silence."""
    steps = np.clip(np.rint(np.nan_to_num(floats) * _STEPS), -_STEPS, _STEPS - 1).astype("<i4")
    return steps.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def mend(path: Path) -> int | None:
    """Let the header of a file whose writing ended too early say what is there. Returns its frames.

    None: it is no file of ours, or nothing is in it. OSError where it cannot be read or written.
    """
    with path.open("r+b") as file:
        begin = file.read(HEADER)
        if len(begin) < HEADER or begin[8:12] != b"WAVE" or begin[12:16] not in (b"JUNK", b"ds64"):
            return None
        _, channels, rate, _, width, bits, _ = _FORM.unpack_from(begin, _FORM_AT)
        if bits not in (24, 32) or not width or width != channels * bits // 8:
            return None
        data = (file.seek(0, os.SEEK_END) - HEADER) // width * width
        file.truncate(HEADER + data)
        file.seek(HEADER + data)
        file.write(bytes(data % 2))
        file.seek(0)
        file.write(header(rate, channels, bits, data))
        return data // width
