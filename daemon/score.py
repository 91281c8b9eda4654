"""MIDI files: as frames for the engine, and back again with every tempo, key, marker and lyric kept.

Times are whole numbers throughout, so that a note that was not delayed comes out at exactly the tick it came in at.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ripieno.daemon.errors import UserError
from ripieno.daemon.files import whole_file

if TYPE_CHECKING:
    import mido  # imported where a file is read or written: live play goes without

Event = tuple[int, int, bytes]
"""(frame, port, MIDI bytes)"""

SYSEX, SYSEX_END = 0xF0, 0xF7
DEFAULT_TEMPO = 500_000
_MICROSECONDS = 1_000_000
# What belongs to a track of the input rather than to the piece.
_TRACK_METAS = frozenset({"track_name", "end_of_track", "midi_port", "channel_prefix", "instrument_name"})


@dataclass(frozen=True)
class TempoMap:
    """Ticks to frames and back, exactly.

    division: ticks a beat (a quarter note; for SMPTE files a second). header: the division as the file writes it.
    tempos: (tick, microseconds a beat), by tick, the first at tick 0.
    """

    division: int
    header: int
    tempos: list[tuple[int, int]]
    _starts: list[int] = field(init=False)
    _ticks: list[int] = field(init=False)

    def __post_init__(self) -> None:
        starts, at, before, tempo = [], 0, 0, 0
        for tick, next_tempo in self.tempos:
            at += (tick - before) * tempo
            starts.append(at)
            before, tempo = tick, next_tempo
        object.__setattr__(self, "_starts", starts)
        object.__setattr__(self, "_ticks", [tick for tick, _ in self.tempos])

    @property
    def _per_second(self) -> int:
        """How many of our units, microseconds times ticks a beat, make a second."""
        return self.division * _MICROSECONDS

    def frame(self, tick: int, rate: int) -> int:
        """The audio frame, at `rate` frames a second, in which a tick falls (rounded to the nearest)."""
        i = bisect_right(self._ticks, tick) - 1
        at = self._starts[i] + (tick - self._ticks[i]) * self.tempos[i][1]
        return (2 * at * rate + self._per_second) // (2 * self._per_second)

    def tick(self, frame: int, rate: int) -> int:
        """The tick nearest to an audio frame."""
        at = (2 * frame * self._per_second + rate) // (2 * rate)
        i = bisect_right(self._starts, at) - 1
        tempo = max(1, self.tempos[i][1])
        tick = self._ticks[i] + (2 * (at - self._starts[i]) + tempo) // (2 * tempo)
        return min(tick, self._ticks[i + 1]) if i + 1 < len(self._ticks) else tick


@dataclass(frozen=True)
class Score:
    """A MIDI file, its tracks merged into what one player plays.

    events: by time, all on port 0. metas: what belongs to the piece, (tick, message). title: the first track's name.
    length: in ticks; frames: in audio frames at `rate`.
    """

    tempo: TempoMap
    rate: int
    events: list[Event]
    metas: list[tuple[int, mido.MetaMessage]]
    title: str
    length: int
    tick_of: Mapping[int, int]

    @property
    def frames(self) -> int:
        return self.tempo.frame(self.length, self.rate)

    def tick(self, frame: int) -> int:
        """The tick of a frame: the very one of an input event at that frame, if there is one."""
        known = self.tick_of.get(frame)
        return self.tempo.tick(frame, self.rate) if known is None else known


def read_score(path: Path, rate: int) -> Score:
    """Read a MIDI file. rate: frames a second. UserError, naming the file, for anything that is wrong with it."""
    return score_of(_read_file(path), rate)


def score_of(file: mido.MidiFile, rate: int) -> Score:
    """A score from a MIDI file in memory."""
    ticked = sorted(_absolute(file), key=lambda pair: pair[0])
    tempo = _tempo_map(file.ticks_per_beat, ticked)
    events: list[Event] = []
    tick_of: dict[int, int] = {}
    metas = []
    for tick, message in ticked:
        if message.is_meta:
            if message.type not in _TRACK_METAS:
                metas.append((tick, message))
            continue
        frame = tempo.frame(tick, rate)
        tick_of.setdefault(frame, tick)
        events.append((frame, 0, bytes(message.bytes())))
    title = file.tracks[0].name if file.tracks else ""
    length = ticked[-1][0] if ticked else 0
    return Score(tempo, rate, events, metas, title, length, tick_of)


def _read_file(path: Path) -> mido.MidiFile:
    import mido

    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not data:
        raise UserError(f"{path}: the file is empty")
    if not data.startswith(b"MThd"):
        raise UserError(f"{path}: this is no MIDI file (it does not begin with MThd)")
    try:
        file = mido.MidiFile(file=io.BytesIO(data))
        messages = sum(map(len, file.tracks))
    except EOFError:
        raise UserError(f"{path}: the file ends too early: it was cut short; copy or export it again") from None
    except Exception as error:  # mido has no base class of its own for what a damaged file may raise
        reason = str(error) or type(error).__name__
        raise UserError(f"{path}: the file is damaged ({reason}); export it again") from None
    if file.type == 2:
        raise UserError(f"{path}: it holds several pieces (a MIDI file of type 2); export them one by one")
    if not messages or not file.ticks_per_beat:
        raise UserError(f"{path}: there is nothing in it to play, or no unit of time")
    return file


def _absolute(file: mido.MidiFile) -> Iterable[tuple[int, mido.Message | mido.MetaMessage]]:
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            yield tick, message


def _tempo_map(division: int, ticked: list[tuple[int, mido.Message]]) -> TempoMap:
    if division < 0:
        # SMPTE: 24, 25, 30 frames a second, or 29 for 30000/1001; each of them divided into ticks. No tempo counts.
        second, parts = -(division >> 8), division & 0xFF
        drop = second == 29
        tempo = 1_001_000 if drop else _MICROSECONDS
        return TempoMap(max(1, (30 if drop else second) * parts), division, [(0, tempo)])
    tempos = [(0, DEFAULT_TEMPO)]
    for tick, message in ticked:
        if message.type == "set_tempo":
            if tempos[-1][0] == tick:
                tempos.pop()
            tempos.append((tick, message.tempo))
    return TempoMap(division, division, tempos)


@dataclass(frozen=True)
class Part:
    """A track to be: its name, and where its events leave. channel None: every channel of that port."""

    name: str
    port: int
    channel: int | None


def write_score(path: Path, score: Score, parts: list[Part], events: list[Event]) -> None:
    """Write events as a MIDI file of type 1: a conductor's track, then a track a part, on the input's ticks.

    The file appears whole or not at all. What no part claims (SysEx) goes to the first part's track of its port.
    """
    import mido

    ticked = [(score.tick(frame), port, data) for frame, port, data in events]
    end = max([score.length, *(tick for tick, _, _ in ticked)])
    file = mido.MidiFile(type=1, ticks_per_beat=score.tempo.header)
    conductor = [(0, mido.MetaMessage("track_name", name=score.title))] if score.title else []
    file.tracks.append(_track([*conductor, *score.metas], end))
    tracks: list[list[tuple[int, mido.Message]]] = [
        [(0, mido.MetaMessage("track_name", name=_latin(part.name)))] for part in parts
    ]
    for tick, port, data in _whole_messages(ticked):
        tracks[_part_of(parts, port, data)].append((tick, mido.Message.from_bytes(data)))
    file.tracks += [_track(messages, end) for messages in tracks]
    with whole_file(path) as out:
        file.save(file=out)


def _whole_messages(pieces: list[Event]) -> Iterator[Event]:
    """The events with each SysEx in one piece, at the time of its first; the engine passes it on as it came."""
    collected: dict[int, tuple[int, bytearray]] = {}
    for tick, port, data in pieces:
        if data[0] == SYSEX:
            collected[port] = (tick, bytearray())
        if (data[0] == SYSEX or data[0] < 0x80 or data[0] == SYSEX_END) and port in collected:
            begun, text = collected[port]
            text += data
            if text[-1] == SYSEX_END:
                del collected[port]
                yield begun, port, bytes(text)
        else:
            yield tick, port, data


def _latin(text: str) -> str:
    """Text as MIDI files hold it."""
    return text.encode("latin-1", "replace").decode("latin-1")


def _part_of(parts: list[Part], port: int, data: bytes) -> int:
    channel = data[0] & 15 if data[0] < 0xF0 else None
    exact = [i for i, part in enumerate(parts) if part.port == port and part.channel in (None, channel)]
    return exact[0] if exact else next((i for i, part in enumerate(parts) if part.port == port), 0)


def _track(messages: list[tuple[int, mido.Message]], end: int) -> mido.MidiTrack:
    import mido

    track, before = mido.MidiTrack(), 0
    for tick, message in messages:
        track.append(message.copy(time=tick - before))
        before = tick
    track.append(mido.MetaMessage("end_of_track", time=end - before))
    return track
