"""The file of a flight recorder: records, one after another, each of which can be told whole from damaged.

A session is a folder of segments, `0001.flight` and on. A segment is `MAGIC` and records. A record is its kind (one
byte), the number of bytes of its body and its CRC-32 (four bytes each, little-endian; of kind, number and body), and
the body: JSON or, of CYCLES, what `ripieno.native.flight` reads, compressed (RFC 1950). Where a crash or a power cut
ended a segment, all the records before are whole.
"""

import json
import os
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ripieno.daemon.errors import UserError

MAGIC = b"ripieno flight 2\n"
SUFFIX = ".flight"
HEAD, RIG, CYCLES, SAMPLE, NEWS, END = KINDS = range(1, 7)
"""A segment begins: what it is of. A rig, and its address. Cycles. How it all stood at a moment. Something happened. It
ended as it should."""
_SKIPPED = {CYCLES}
_FRAME = struct.Struct("<BII")
_LARGEST = 1 << 26


class Record(NamedTuple):
    """One of them, and the segment that it stands in."""

    kind: int
    body: bytes
    segment: Path

    @property
    def values(self) -> dict[str, Any]:
        """What its JSON says."""
        found = json.loads(self.body)
        return found if isinstance(found, dict) else {}

    @property
    def cycles(self) -> bytes:
        """What stands in a record of CYCLES. ValueError where that makes no sense."""
        whole = zlib.decompressobj()
        try:
            data = whole.decompress(self.body, _LARGEST)
        except zlib.error as error:
            raise ValueError(f"cycles that cannot be read: {error}") from None
        if not whole.eof:
            raise ValueError("cycles that have no end")
        return data


def encode(kind: int, body: bytes) -> bytes:
    """A record's bytes."""
    return _FRAME.pack(kind, len(body), _sum(kind, body)) + body


def encode_json(kind: int, values: dict[str, Any]) -> bytes:
    """The same of plain values."""
    return encode(kind, json.dumps(values, ensure_ascii=False).encode())


def encode_cycles(data: bytes) -> bytes:
    """The same of cycles."""
    return encode(CYCLES, zlib.compress(data, 1))


def _sum(kind: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(struct.pack("<BI", kind, len(body))))


def segments(path: Path) -> list[Path]:
    """The segments of a recording, in order: of a folder, or of the one segment that is named.

    UserError where there is none.
    """
    found = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not found or not found[0].is_file():
        what = "no recording is in this folder" if path.is_dir() else "no such file"
        raise UserError(f"{path}: {what}; name a segment (0001{SUFFIX}) or the folder that it is in")
    return found


@dataclass
class Recording:
    """A recording on disk, as far as it is whole. `trouble`, once it was read: where and why it ends early, or ""."""

    path: Path
    trouble: str = ""

    @property
    def size(self) -> int:
        """Bytes of all its segments. UserError where there is none."""
        return sum(path.stat().st_size for path in segments(self.path))

    def records(self, kinds: Collection[int] = KINDS) -> Iterator[Record]:
        """The records of these kinds of all segments, up to the first that is damaged or cut off; those of other kinds
        are not looked into. UserError where it is no recording of ours, or cannot be read."""
        self.trouble = ""
        for path in segments(self.path):
            yield from self._records(path, kinds)
            if self.trouble:
                return

    def _records(self, path: Path, kinds: Collection[int]) -> Iterator[Record]:
        try:
            with path.open("rb") as file:
                whole = os.fstat(file.fileno()).st_size
                if (begun := file.read(len(MAGIC))) != MAGIC:
                    if not MAGIC.startswith(begun):
                        raise UserError(f"{path}: this is no recording of a flight recorder, or one of another version")
                    self.trouble = f"{path}: it is cut off at its very beginning"
                while not self.trouble and (frame := file.read(_FRAME.size)):
                    kind, size, crc = _FRAME.unpack(frame) if len(frame) == _FRAME.size else (0, 0, -1)
                    if kind in _SKIPPED and kind not in kinds and file.tell() + size <= whole:
                        file.seek(size, os.SEEK_CUR)
                        continue
                    body = file.read(size) if size <= _LARGEST else b""
                    if len(frame) < _FRAME.size or (len(body) < size and size <= _LARGEST):
                        self.trouble = f"{path}: it is cut off at byte {file.tell()}"
                    elif len(body) < size or _sum(kind, body) != crc:
                        at = file.tell() - len(body) - _FRAME.size
                        self.trouble = f"{path}: it is damaged between the bytes {at} and {file.tell()}"
                    else:
                        yield Record(kind, body, path)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
