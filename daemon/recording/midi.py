"""MIDI written while it is played, in a file that opens however its writing ends (Standard MIDI Files 1.0, MMA 1996).

A `Journal` is a MIDI file of format 0 that only ever grows: events are appended, then the length of its one track is
set right. Each event's port stands before it ("MIDI port", FF 21), so that `split` makes of it, at the end or after a
crash, a file of format 1: the input on tracks of its own, and a track for each instrument. A tick is a frame; where
there was a clock, marks tell of it (sequencer-specific, FF 7F), and `split` makes the file's beats those (tempo.py).
"""

import os
import struct
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ripieno.daemon.recording.tempo import DIVISION, Mark, TempoMap
from ripieno.daemon.recording.wav import to_disk
from ripieno.plugins.files import whole_file

if TYPE_CHECKING:
    from ripieno.native.tap import Beats

OUTPUTS = 16
"""In the file, input port n is n and output port n is 16 + n."""

_HEAD = struct.Struct(">4sIHHH4sI")  # MThd and MTrk
_META, _SYSEX, _SYSEX_END = 0xFF, 0xF0, 0xF7
_TEXT, _TEXT_NAME, _TEXT_INSTRUMENT, _TEXT_MARKER = 0x01, 0x03, 0x04, 0x06
_PREFIX, _PORT, _END, _TEMPO, _OURS = 0x20, 0x21, 0x2F, 0x51, 0x7F
_MARK = struct.Struct(">B4sddd?")  # 7D is nobody's number: time, beat and beats a second, as Mark has them
_MARKED = (0x7D, b"beat")
_MARK_NEAR = 2e-5  # beats: so near to what was expected, a beat is not marked
_REAL_TIME = 0xF8
_MOST_TICKS = 32767  # a beat
_LONGEST_WAIT = 2**28 - 1  # ticks that a file's number holds
_MICROSECONDS = 1_000_000
Key = tuple[int, int | None]
"""A port of the file, and a channel; None: all of the port."""


def variable(number: int) -> bytes:
    """A number of up to 28 bits, seven bits a byte."""
    out = [number & 127]
    while number := number >> 7:
        out.append(number & 127 | 128)
    return bytes(reversed(out))


def meta(kind: int, body: bytes) -> bytes:
    """A meta event."""
    return bytes([_META, kind]) + variable(len(body)) + body


def after(ticks: int) -> bytes:
    """The time before an event. Where it is too long for a number of the file, empty texts divide it."""
    return (variable(_LONGEST_WAIT) + meta(_TEXT, b"")) * (ticks // _LONGEST_WAIT) + variable(ticks % _LONGEST_WAIT)


def size_of(status: int) -> int:
    """Bytes of a channel message with this status; 0 for others."""
    return 0 if not 0x80 <= status < _SYSEX else 2 if status & 0xE0 == 0xC0 else 3


class Messages:
    """Channel messages and whole SysEx out of pieces of a stream of bytes; running status is resolved.

    What a MIDI file has no place for is left out: real-time bytes and MIDI time code, song position and the like.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._running = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that end in these bytes."""
        if not self._held and len(data) == size_of(data[0]) and max(data[1:]) < 0x80:
            self._running = data[0]
            yield data
            return
        for byte in data:
            if byte < _REAL_TIME and (whole := self._byte(byte)):
                yield whole

    def _byte(self, byte: int) -> bytes:
        """The message that this byte ends, else nothing."""
        held = self._held
        if byte == _SYSEX_END and held[:1] == bytes([_SYSEX]):
            return self._whole(byte)
        if byte >= 0x80:
            held[:] = [byte]
            self._running = byte if byte < _SYSEX else 0
            return b""
        if not held and self._running:
            held.append(self._running)
        if held and len(held) + 1 == size_of(held[0]):
            return self._whole(byte)
        if held:
            held.append(byte)
        return b""

    def _whole(self, last: int) -> bytes:
        whole = bytes([*self._held, last])
        self._held.clear()
        return whole


@dataclass(frozen=True)
class Clock:
    """A journal's frames as ticks. division: ticks a beat; tempo: microseconds a beat; step: frames a tick."""

    division: int
    tempo: int
    step: int

    @classmethod
    def at(cls, rate: int, bpm: float) -> "Clock":
        """The finest, at a steady tempo. At 120 BPM a tick is a frame up to 65,534 Hz, and no tick is rounded."""
        beat = rate * 60 / bpm
        step = -int(-beat // _MOST_TICKS)
        division = round(beat / step)
        return cls(division, round(division * step * _MICROSECONDS / rate), step)

    def tick(self, frames: int) -> int:
        """The tick nearest to a frame since the beginning."""
        return (2 * frames + self.step) // (2 * self.step)


class Journal:
    """MIDI as it comes in and leaves, appended to a file. Each method raises OSError where the disk refuses."""

    def __init__(self, path: Path, rate: int, begin: int, title: str = "", bpm: float = 120.0) -> None:
        """begin: the frame that is the file's beginning. bpm: the beats that it is counted in. The file is new."""
        self.path, self.clock = path, Clock.at(rate, bpm)
        self._begin, self._tick, self._port = begin, 0, -1
        self._streams: dict[tuple[bool, int], Messages] = {}
        self._waiting = bytearray()
        self._length, self._rate = 0, rate
        self._beats: Beats | None = None
        self._file = path.open("xb", buffering=0)
        self._event(begin, meta(_TEMPO, self.clock.tempo.to_bytes(3, "big")))
        self._event(begin, meta(_TEXT_NAME, title.encode()))
        try:
            self.sync()
        except OSError:
            self._file.close()
            raise

    def _head(self) -> bytes:
        return _HEAD.pack(b"MThd", 6, 0, 1, self.clock.division, b"MTrk", self._length)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return _HEAD.size + self._length

    def name(self, frame: int, port: int, channel: int | None, name: str) -> None:
        """From that frame on, this is what plays on a port of the file and, unless None, a channel."""
        self._at_port(frame, port)
        if channel is not None:
            self._event(frame, meta(_PREFIX, bytes([channel])))
        self._event(frame, meta(_TEXT_INSTRUMENT, name.encode()))

    def add(self, frame: int, port: int, out: bool, data: bytes) -> None:
        """A piece of MIDI that came in at an input port, or left at an output port (`out`)."""
        for message in self._streams.setdefault((out, port), Messages()).feed(data):
            self._at_port(frame, port + OUTPUTS * out)
            whole = message[:1] + variable(len(message) - 1) + message[1:] if message[0] == _SYSEX else message
            self._event(frame, whole)

    def beat(self, beats: "Beats") -> None:
        """Where the clock's beats are from there on."""
        last, self._beats = self._beats, beats
        leap = last is not None and last.jumps != beats.jumps
        if last and not leap and abs(last.at(beats.frame) - beats.beat) < _MARK_NEAR:
            self._beats = last
            return
        seconds = max(0.0, beats.frame - self._begin) / self._rate
        body = _MARK.pack(*_MARKED, seconds, beats.beat, beats.rate * self._rate, leap)
        self._event(int(beats.frame), meta(_OURS, body))

    def mark(self, frame: int, text: str) -> None:
        """A marker, of what a listener will want to know. What was under way there is not whole."""
        self._event(frame, meta(_TEXT_MARKER, text.encode()))
        self._streams.clear()

    def sync(self) -> None:
        """What was added so far survives this process, and the power."""
        if not self._waiting:
            return
        self._file.seek(_HEAD.size + self._length)
        left = memoryview(bytes(self._waiting))
        while left:
            left = left[self._file.write(left) :]
        self._length += len(self._waiting)
        self._waiting.clear()
        self._file.seek(0)
        self._file.write(self._head())
        to_disk(self._file.fileno())

    def close(self, end: int) -> None:
        """End it at that frame, and make a file of format 1 of it."""
        try:
            self.sync()
        finally:
            self._file.close()
        make_tracks(self.path, self.clock.tick(end - self._begin))

    def _at_port(self, frame: int, port: int) -> None:
        if port != self._port:
            self._event(frame, meta(_PORT, bytes([port])))
            self._port = port

    def _event(self, frame: int, event: bytes) -> None:
        tick = max(self._tick, self.clock.tick(frame - self._begin))
        self._waiting += after(tick - self._tick) + event
        self._tick = tick


# ---- one track an instrument ----


@dataclass
class _Track:
    names: list[str] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    tick: int = 0

    def add(self, tick: int, event: bytes) -> None:
        self.body += after(tick - self.tick) + event
        self.tick = tick

    def chunk(self, end: int) -> bytes:
        title = b"\0" + meta(_TEXT_NAME, " / ".join(self.names).encode()) if self.names else b""
        body = title + self.body + after(max(0, end - self.tick)) + meta(_END, b"")
        return struct.pack(">4sI", b"MTrk", len(body)) + body


def make_tracks(path: Path, end: int = 0) -> bool:
    """Let a journal become a file of format 1, whole or not at all; with end: that many ticks long at least.

    False: it is no journal, or is no longer. What its end lacks, since its writing ended there, is left out. OSError
    where it cannot be read or written.
    """
    data = path.read_bytes()
    if len(data) < _HEAD.size or data[:4] != b"MThd" or data[8:12] != b"\0\0\0\1":
        return False
    tempos = _tempos(data, end)
    tracks = split(data[_HEAD.size :], tempos)
    last = max([tempos.tick(end), *(track.tick for track in tracks.values())])
    order = sorted(tracks, key=lambda key: (key[0], -1 if key[1] is None else key[1]))
    with whole_file(path) as out:
        out.write(struct.pack(">4sIHHH", b"MThd", 6, 1, len(order), tempos.division))
        for key in order:
            out.write(tracks[key].chunk(last))
        out.flush()
        os.fsync(out.fileno())
    return True


_SONG: Key = (-1, None)


@dataclass(frozen=True)
class _Tempos:
    """How a journal's ticks become those of its file. second: ticks of the journal. map: None where there was no clock,
    and they are the same."""

    division: int
    second: float
    map: TempoMap | None = None

    def tick(self, tick: int) -> int:
        return self.map.tick(tick / self.second) if self.map else tick

    def changes(self) -> Iterator[tuple[int, bytes]]:
        """The tempo's events, with their ticks in the file."""
        for one in self.map.changes if self.map else ():
            yield one.tick, meta(_TEMPO, one.beat_us.to_bytes(3, "big"))


def _tempos(data: bytes, end: int) -> _Tempos:
    """Those of a whole journal. end: at least so many of its ticks."""
    (division,), beat_us, tick, marks = struct.unpack(">H", data[12:14]), 0, 0, list[Mark]()
    for delta, event in events(data[_HEAD.size :]):
        tick += delta
        if event[:2] == bytes([_META, _TEMPO]):
            beat_us = beat_us or int.from_bytes(event[3:6], "big")
        elif event[:8] == bytes([_META, _OURS, _MARK.size, *b"\x7dbeat"]):
            marks.append(Mark(*_MARK.unpack(event[3:])[2:]))
    second = division * _MICROSECONDS / (beat_us or _MICROSECONDS // 2)
    if not marks:
        return _Tempos(division, second)
    return _Tempos(DIVISION, second, TempoMap.of(marks, max(tick, end) / second))


def split(data: bytes, tempos: _Tempos) -> dict[Key, _Track]:
    """The events of a journal, by what they belong to: the piece, an input port, or a channel of an output port."""
    tracks: dict[Key, _Track] = {_SONG: _Track()}
    ports: dict[int, str] = {}
    changes = deque(tempos.changes())
    at, port, channel = 0, 0, None
    for delta, event in events(data):
        at += delta
        tick = tempos.tick(at)
        while changes and changes[0][0] <= tick:
            tracks[_SONG].add(*changes.popleft())
        kind = event[1] if event[0] == _META else -1
        if kind == _PORT:
            port = event[3]
        elif kind == _PREFIX:
            channel = event[3]
        elif kind == _TEXT_INSTRUMENT:
            _name(tracks, ports, (port, channel), _text(event))
            channel = None
        elif kind not in (_TEXT, _OURS) and not (kind == _TEMPO and tempos.map):
            key = _SONG if kind >= 0 else _key(tracks, port, event)
            tracks.setdefault(key, _Track(_default(ports, key))).add(tick, event)
    for change in changes:
        tracks[_SONG].add(*change)
    return tracks


def _name(tracks: dict[Key, _Track], ports: dict[int, str], key: Key, name: str) -> None:
    """A port's name, or one more of a channel's. A port called as its instrument is that one's, on all channels."""
    if key[1] is None:
        ports[key[0]] = name
    elif ports.get(key[0]) == name:
        key = key[0], None
        tracks.setdefault(key, _Track())
    if key[0] < OUTPUTS or key[1] is not None or key in tracks:
        names = tracks.setdefault(key, _Track()).names
        if name not in names:
            names.append(name)


def _key(tracks: Mapping[Key, _Track], port: int, event: bytes) -> Key:
    """Whose event it is: SysEx is the whole port's, and goes to the first of its channels."""
    if port < OUTPUTS or (port, None) in tracks:
        return port, None
    if event[0] < _SYSEX:
        return port, event[0] & 15
    return port, min((key[1] or 0 for key in tracks if key[0] == port), default=0)


def _default(ports: Mapping[int, str], key: Key) -> list[str]:
    """What an instrument is called that nobody named."""
    port, channel = key
    name = ports.get(port, f"port {port % OUTPUTS + 1}")
    return [name if channel is None else f"{name}, channel {channel + 1}"]


def _text(event: bytes) -> str:
    _, at = _variable(event, 2)
    return event[at:].decode()


def events(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The events of a track's bytes, with the ticks before each, up to the first that is not whole."""
    at = 0
    while at < len(data):
        try:
            delta, begin = _variable(data, at)
            at = _end_of(data, begin)
        except IndexError:
            return
        if at > len(data) or at == begin:
            return
        yield delta, data[begin:at]


def _end_of(data: bytes, at: int) -> int:
    """Where an event ends; where it begins, if it is none. IndexError: beyond the data."""
    status = data[at]
    if status in (_META, _SYSEX):
        size, begin = _variable(data, at + 1 + (status == _META))
        return begin + size
    return at + size_of(status)


def _variable(data: bytes, at: int) -> tuple[int, int]:
    """A number that begins there, and where it ends. IndexError: beyond the data."""
    number = 0
    while data[at] & 128:
        number = (number | data[at] & 127) << 7
        at += 1
    return number | data[at], at + 1
