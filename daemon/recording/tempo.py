"""The tempo map of a recording: its MIDI file's beats are the clock's, and every note is at its own time all the same.

A recording is kept in frames, with marks of where the clock was. At its end a tempo is found for the file, eighth
of a beat by eighth, so that its beats fall on the clock's, and its bars (of four beats) on the clock's bars. A file's
beats never leap as a clock's may, when its transport begins or is put elsewhere: the bars just before a leap are
stretched, so that what comes after it is in its place from the first beat on. So is the first bar of a recording that
begins amid one.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

DIVISION = 30_720
"""Ticks a beat, 32 times the 960 that are usual: from 94 BPM on, at 48 kHz, a frame is one tick at least."""
BAR = 4

_GRID = 8  # places a beat where the tempo may change
_AHEAD = (2048, 256, 32, 8, 4, 2, 1)  # places that one tempo is tried for
_NEAR_US = 50.0  # so early or late a place may be before there is another tempo
_STRETCHED = 1.5 * BAR  # beats before a leap that are stretched
_SHORT = 1.0  # beats: of two leaps that near only the second counts
_LEAP = 0.01  # beats: less is a clock's unsteadiness
_WHOLE = 1e-4  # beats: so near to a bar is on it
_SLOWEST_US, _SECOND_US = 2**24 - 1, 1_000_000


class Mark(NamedTuple):
    """The clock's beat at a time, in seconds since the recording's beginning; rate: beats a second from there on. leap:
    it was put there."""

    time: float
    beat: float
    rate: float
    leap: bool = False

    def at(self, time: float) -> float:
        """The beat at another time, by this mark alone."""
        return self.beat + (time - self.time) * self.rate


class Change(NamedTuple):
    """From this tick on, which lies at so many microseconds: microseconds a beat."""

    tick: int
    at_us: float
    beat_us: int


@dataclass(frozen=True)
class TempoMap:
    """Where the times of a recording are in its file. changes: of the tempo, the first at tick 0."""

    changes: tuple[Change, ...]

    @classmethod
    def of(cls, marks: Sequence[Mark], end: float) -> "TempoMap":
        """marks: one at least, by time. end: of the recording, in seconds."""
        beats = list(_steady(_rows(marks), end))
        count = max(1, math.ceil(beats[-2].beat * _GRID))
        return cls(tuple(_changes([_time_of(beats, n / _GRID) * _SECOND_US for n in range(count + 1)])))

    def tick(self, seconds: float) -> int:
        """The tick nearest to a time."""
        at_us = seconds * _SECOND_US
        one = self.changes[max(0, bisect_right(self.changes, at_us, key=lambda change: change.at_us) - 1)]
        return one.tick + round((at_us - one.at_us) * DIVISION / one.beat_us)


# ---- the clock's beats, as one row without a leap ----


def _rows(marks: Sequence[Mark]) -> list[list[Mark]]:
    """The marks between leaps; the first row begins at 0."""
    rows: list[list[Mark]] = []
    for mark in marks:
        last = rows[-1][-1] if rows else None
        if not last or mark.leap or abs(mark.beat - last.at(mark.time)) > _LEAP:
            if last and (mark.time - rows[-1][0].time) * last.rate < _SHORT:
                rows.pop()
            rows.append([])
        rows[-1].append(mark)
    first = rows[0][0]
    start = Mark(0.0, first.at(0.0), first.rate)
    until = rows[1][0].time if len(rows) > 1 else math.inf
    return _on_a_bar([start, *(mark for mark in rows[0] if mark.time > 0)], until) + rows[1:]


def _on_a_bar(row: list[Mark], until: float) -> list[list[Mark]]:
    """A row that begins amid a bar in two, the second of which begins with one, unless it ends before."""
    begin = row[0].beat
    if abs(begin - BAR * round(begin / BAR)) < _WHOLE:
        return [row]
    bar = BAR * math.ceil((begin + BAR / 2) / BAR)
    amid = [mark for mark in row if mark.beat < bar]
    time = amid[-1].time + (bar - amid[-1].beat) / amid[-1].rate
    if time >= until:
        return [row]
    return [amid, [Mark(time, bar, amid[-1].rate), *(mark for mark in row if mark.time > time)]]


class _Beat(NamedTuple):
    """A beat of the file, and its time in seconds."""

    beat: float
    time: float


def _steady(rows: Sequence[list[Mark]], end: float) -> Iterator[_Beat]:
    """The rows, one after another, as beats that rise from 0 and never leap; the last is one beyond the end."""
    at = 0.0
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        until = after[0].time if after else max(end, row[-1].time)
        shift = at - row[0].beat
        beats = [_Beat(mark.beat + shift, mark.time) for mark in row]
        beats.append(_Beat(row[-1].at(until) + shift, until))
        if after:
            beats = _stretched(beats, after[0].beat)
        yield from beats
        at = beats[-1].beat
    yield _Beat(at + 1, until + 1 / row[-1].rate)


def _stretched(beats: list[_Beat], then: float) -> list[_Beat]:
    """A row whose last bars are so much slower or faster that it ends where in a bar the clock is then."""
    last = beats[-1].beat
    anchor = max(beats[0].beat, last - _STRETCHED)
    length = max(last - anchor, 1e-3)
    ways = [length + (then - last) % BAR - BAR * bars for bars in range(3)]
    ratio = min((way / length for way in ways if way > 0), key=lambda way: abs(math.log(way)))
    early = [one for one in beats if one.beat < anchor]
    late = [_Beat(anchor + (one.beat - anchor) * ratio, one.time) for one in beats if one.beat > anchor]
    return [*early, _Beat(anchor, _time_of(beats, anchor)), *late]


def _time_of(beats: Sequence[_Beat], beat: float) -> float:
    """The time of a beat, between those that are known."""
    at = min(max(1, bisect_right(beats, beat, key=lambda one: one.beat)), len(beats) - 1)
    one, two = beats[at - 1], beats[at]
    rise = two.beat - one.beat
    return one.time + (beat - one.beat) * (two.time - one.time) / rise if rise > 0 else one.time


# ---- its tempos ----


def _changes(times_us: Sequence[float]) -> Iterator[Change]:
    """A tempo wherever, without it, the next place of the grid would be too early or too late. times_us: of each."""
    at_us, tempo = 0.0, 0
    for place, next_us in enumerate(times_us[1:]):
        if not tempo or abs(at_us + tempo / _GRID - next_us) > _NEAR_US:
            tempo = _tempo(times_us[place : place + _AHEAD[0] + 1], at_us)
            yield Change(place * DIVISION // _GRID, at_us, tempo)
        at_us += tempo / _GRID


def _tempo(times_us: Sequence[float], at_us: float) -> int:
    """The tempo that is right for as long as possible. times_us: of the place where it begins, which really is at
    `at_us`, and those after it."""
    tempo = 0
    for ahead in _AHEAD:
        if ahead >= len(times_us):
            continue
        tempo = min(max(1, round((times_us[ahead] - at_us) * _GRID / ahead)), _SLOWEST_US)
        if all(abs(at_us + n * tempo / _GRID - times_us[n]) <= _NEAR_US for n in range(1, ahead)):
            break
    return tempo
