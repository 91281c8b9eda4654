"""A MIDI score as the continuation's model reads it, and the model's notes as MIDI again."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ripieno.daemon.schema import DRUM_CHANNEL
from ripieno.daemon.score import Event, Score
from ripieno.models.continuation import representation
from ripieno.models.continuation.instruments import DRUMS, code_of_program
from ripieno.models.continuation.representation import POSITIONS

_NOTE_OFF, _NOTE_ON, _PROGRAM = 0x80, 0x90, 0xC0
_QUARTERS_OF_A_WHOLE = 4


@dataclass(frozen=True)
class Note:
    """A note of a MIDI score: frames, MIDI channel 0..15, the General MIDI program (0-based) of that channel then."""

    start: int
    end: int
    channel: int
    program: int
    pitch: int
    velocity: int

    @property
    def code(self) -> int:
        """The model's instrument; 0 where it has none."""
        return DRUMS if self.channel == DRUM_CHANNEL - 1 else code_of_program(self.program) or 0


def notes_of(events: Iterable[Event], end: int) -> list[Note]:
    """The notes of a score's events, by start; what is never released lasts to the frame `end`."""
    programs = [0] * 16
    held: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    found: list[Note] = []

    def close(channel: int, pitch: int, frame: int) -> None:
        start, velocity, program = held[channel, pitch].pop(0)
        found.append(Note(start, frame, channel, program, pitch, velocity))

    for frame, _, data in events:
        kind, channel = data[0] & 0xF0, data[0] & 15
        if kind == _PROGRAM:
            programs[channel] = data[1]
        elif kind == _NOTE_ON and data[2]:
            held.setdefault((channel, data[1]), []).append((frame, data[2], programs[channel]))
        elif kind in (_NOTE_ON, _NOTE_OFF) and held.get((channel, data[1])):
            close(channel, data[1], frame)
    for (channel, pitch), waiting in held.items():
        for _ in range(len(waiting)):
            close(channel, pitch, end)
    return sorted(found, key=lambda note: (note.start, note.channel, note.pitch))


class Grid:
    """Frames of a score as the model's ticks, 12 a beat, and back; and its bars. A beat is the file's quarter note.

    tempo: beats a minute of a file that tells seconds and no beats (SMPTE). beats: of a bar, where the file does not
    say.
    """

    def __init__(self, score: Score, tempo: float, beats: int) -> None:
        self.score = score
        per_beat = float(score.tempo.division)
        if score.tempo.header < 0:  # then `division` is ticks a second
            per_beat *= 60 / tempo
        self.per_beat = per_beat
        self._bars = [(0, beats * POSITIONS)]  # from which tick on, and how long each
        for tick, meta in score.metas:
            if meta.type == "time_signature":
                length = meta.numerator * _QUARTERS_OF_A_WHOLE * POSITIONS // meta.denominator
                self._bars.append((round(tick * POSITIONS / per_beat), max(1, length)))
        self._starts = [start for start, _ in self._bars]

    def position(self, frame: int) -> float:
        """A frame in ticks of the model, not rounded."""
        return self.score.tick(frame) * POSITIONS / self.per_beat

    def frame(self, position: float) -> int:
        """The frame nearest to a tick of the model."""
        return self.score.tempo.frame(round(position * self.per_beat / POSITIONS), self.score.rate)

    def bars(self, until: int) -> list[int]:
        """The ticks where bars begin, from 0 to the last one that is not after `until`."""
        found, at = [], 0
        while at <= until:
            found.append(at)
            here = bisect_right(self._starts, at) - 1
            at += self._bars[here][1]
            if here + 1 < len(self._bars):  # a new signature begins a bar, even where the one before is not full
                at = min(at, self._starts[here + 1])
        return found

    def bar_length(self, tick: int) -> int:
        """How many ticks a bar has there."""
        return self._bars[bisect_right(self._starts, tick) - 1][1]


@dataclass(frozen=True)
class Piece:
    """What was played, for the model: its notes on the grid, and how they lay beside it.

    deviations: seconds by which each note came after its tick (before: negative), in order of time.
    velocities: in order of time. end: the tick after which nothing of it begins.
    """

    notes: representation.Score
    deviations: list[float]
    velocities: list[int]
    end: int


def piece_of(notes: Sequence[Note], grid: Grid, codes: Sequence[int], style: str = "") -> Piece:
    """Notes of a MIDI score, in order of time, for the model. codes: the model's instrument of each."""
    ticks = np.array([round(grid.position(note.start)) for note in notes], np.int64)
    ends = np.array([round(grid.position(note.end)) for note in notes], np.int64)
    end = max(ends.tolist(), default=0)
    return Piece(
        representation.score(
            ticks,
            ends - ticks,
            np.array(codes, np.uint8),
            np.array([note.pitch for note in notes], np.uint8),
            np.array([note.velocity for note in notes], np.uint8),
            bars=np.array(grid.bars(end), np.int64),
            style=style,
        ),
        [(note.start - grid.frame(tick)) / grid.score.rate for note, tick in zip(notes, ticks.tolist(), strict=True)],
        [note.velocity for note in notes],
        end,
    )
