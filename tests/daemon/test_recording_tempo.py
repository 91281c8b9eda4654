"""The tempo map of a recording: its beats are the clock's, its bars the clock's bars, and no note moves in time."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import mido
import pytest

from ripieno.daemon.recording.midi import Journal, make_tracks
from ripieno.daemon.recording.recorder import Recorder
from ripieno.daemon.recording.sources import Sources
from ripieno.daemon.recording.tempo import BAR, DIVISION, Change, Mark, TempoMap
from ripieno.native.engine import Engine, Event, Rig, run_offline
from ripieno.native.tap import Beats, Tap

RATE, CYCLE, BEGIN = 48_000, 128, 1_000_000
NEAR_S, TICK_S = 0.0005, 1e-4
Clock = Callable[[float], tuple[float, float]]
"""The beat at a time in seconds, and beats a second."""


def steady(bpm: float, first: float = 0.0) -> Clock:
    return lambda time: (first + time * bpm / 60, bpm / 60)


def ramp(low: float, high: float, seconds: float, first: float = 0.0) -> Clock:
    """From one tempo to another, in BPM, in so many seconds."""
    a, b = low / 60, (high - low) / 60 / seconds
    return lambda time: (first + a * time + b * time * time / 2, a + b * time)


def heard(clock: Clock, begin: float, end: float, jumps: int = 0) -> Iterator[Beats]:
    """What the engine tells of a clock between two times of a recording, cycle by cycle; its own time begins there."""
    for frame in range(round(begin * RATE), round(end * RATE), CYCLE):
        beat, rate = clock(frame / RATE - begin)
        yield Beats(BEGIN + frame, beat, rate / RATE, True, jumps)


def record(path: Path, beats: list[Beats], notes: list[float], seconds: float) -> mido.MidiFile:
    """Notes at these times, in seconds, beside a clock, as the file that comes of it."""
    journal = Journal(path, RATE, BEGIN, "with a clock")
    events = [(one.frame, one) for one in beats] + [(BEGIN + round(time * RATE), None) for time in notes]
    for frame, one in sorted(events, key=lambda event: event[0]):
        if one:
            journal.beat(one)
        else:
            journal.add(int(frame), 0, False, b"\x90\x40\x50")
    journal.close(BEGIN + round(seconds * RATE))
    return mido.MidiFile(path)


def places(file: mido.MidiFile) -> tuple[Callable[[float], float], list[float]]:
    """As any reader has it: the beat at a time in seconds; and the times of the notes."""
    changes, at, tick, tempo = [(0.0, 0, 500_000)], 0.0, 0, 500_000
    times = []
    for message in mido.merge_tracks(file.tracks):
        at += message.time * tempo / 1e6 / file.ticks_per_beat
        tick += message.time
        if message.type == "set_tempo":
            tempo = message.tempo
            changes.append((at, tick, tempo))
        elif message.type == "note_on":
            times.append(at)

    def beat(time: float) -> float:
        begin, first, us = [change for change in changes if change[0] <= time + 1e-9][-1]
        return first / file.ticks_per_beat + (time - begin) * 1e6 / us

    return beat, times


def off(found: float, wanted: float, whole: int = BAR) -> float:
    """Beats that one is beside the other, as places in a bar."""
    return abs(math.remainder(found - wanted, whole))


@pytest.mark.parametrize("clock", [steady(120), steady(117.3), steady(63), ramp(60, 180, 20), ramp(200, 70, 20)])
def test_beats_are_the_clocks_and_notes_where_they_were(clock: Clock, tmp_path: Path) -> None:
    chance = random.Random(2)
    notes = sorted(chance.uniform(0, 20) for _ in range(300))
    file = record(tmp_path / "a.mid", [*heard(clock, 0, 20)], notes, 20)
    beat, times = places(file)
    assert file.type == 1
    assert max(abs(one - other) for one, other in zip(times, notes, strict=True)) < TICK_S
    for n in range(200):
        time = n / 10
        now, rate = clock(time)
        assert abs(beat(time) - now) / rate < NEAR_S
    assert abs(file.length - 20) < TICK_S


def test_a_steady_tempo_is_one_event(tmp_path: Path) -> None:
    file = record(tmp_path / "a.mid", [*heard(steady(120), 0, 60)], [], 60)
    assert [one.tempo for one in mido.merge_tracks(file.tracks) if one.type == "set_tempo"] == [500_000]
    assert file.ticks_per_beat == DIVISION
    odd = record(tmp_path / "b.mid", [*heard(steady(117.31), 0, 600)], [], 600)
    assert sum(one.type == "set_tempo" for one in mido.merge_tracks(odd.tracks)) < 30


def test_a_transport_that_begins_begins_a_bar(tmp_path: Path) -> None:
    """Nothing leaps in the file: what is before it gives way. Bars are right from the first beat on."""
    for wait in (0.3, 1.1, 3.7, 9.87):
        clock = [*heard(steady(100, 6.4), 0, wait, 3), *heard(ramp(90, 130, 10), wait, wait + 10, 4)]
        beat, times = places(record(tmp_path / f"{wait}.mid", clock, [wait, wait + 5], wait + 10))
        assert abs(times[0] - wait) < TICK_S
        for n in range(100):
            now, rate = ramp(90, 130, 10)(n / 10)
            settled = wait > 1 or wait + n / 10 > 3.5  # what came before was too short to give way
            assert not settled or off(beat(wait + n / 10), now) / rate < NEAR_S
        rising = [beat(n / 50) for n in range(round(wait * 50))]
        assert rising == sorted(rising)


def test_a_recording_that_begins_amid_a_bar_is_right_from_its_first_bar(tmp_path: Path) -> None:
    for first in (0.5, 1.9, 2.0, 3.99, 17.3):
        beat, _ = places(record(tmp_path / f"{first}.mid", [*heard(steady(120, first), 0, 20)], [], 20))
        bar = BAR * math.ceil((first + 2) / BAR)
        for n in range(100):
            time = (bar - first) / 2 + n / 10
            assert off(beat(time), first + time * 2) / 2 < NEAR_S
        assert abs(beat(0.0)) < 1e-9


def test_places_and_stops_at_random(tmp_path: Path) -> None:
    """However often it is put elsewhere: notes stay, ticks rise, and after a bar of peace the bars are right."""
    for seed in range(12):
        chance, at, clock, last = random.Random(seed), 0.0, [], None
        for jump in range(8):
            length = chance.choice([0.01, 0.4, 2.0, 7.0])
            last = steady(chance.uniform(50, 180), chance.uniform(0, 100)), at
            clock += heard(last[0], at, at + length, jump)
            at += length
        clock += heard(steady(120, 33.3), at, at + 6, 99)
        notes = sorted(chance.uniform(0, at + 6) for _ in range(100))
        beat, times = places(record(tmp_path / f"{seed}.mid", clock, notes, at + 6))
        assert max(abs(one - other) for one, other in zip(times, notes, strict=True)) < TICK_S
        assert off(beat(at + 5), 33.3 + 10) / 2 < NEAR_S


def test_a_clock_that_comes_later_and_one_that_is_lost_for_a_while(tmp_path: Path) -> None:
    clock = [*heard(steady(90, 8), 5, 9), *heard(steady(90, 8 + 9), 11, 20)]
    beat, _ = places(record(tmp_path / "a.mid", clock, [], 20))
    for n in range(140):
        assert off(beat(6 + n / 10), 8 + (1 + n / 10) * 1.5) / 1.5 < NEAR_S


def test_without_a_clock_a_tick_is_a_frame(tmp_path: Path) -> None:
    file = record(tmp_path / "a.mid", [], [0.5, 1.0], 2)
    assert [one.time for one in mido.merge_tracks(file.tracks) if one.type == "note_on"] == [24_000, 24_000]


def test_a_journal_that_was_cut_anywhere_has_its_tempo_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    journal = Journal(path, RATE, BEGIN, "cut")
    for n, one in enumerate(heard(ramp(100, 140, 5), 0, 5)):
        journal.beat(one)
        if n % 40 == 0:
            journal.add(int(one.frame), 0, False, b"\x90\x40\x50")
    journal.sync()
    whole = path.read_bytes()
    assert mido.MidiFile(path).type == 0  # and it opens as it is
    for size in (25, 60, 90, 200, len(whole) // 2, len(whole) - 7):
        path.write_bytes(whole[:size])
        assert make_tracks(path)
        beat, times = places(mido.MidiFile(file=io.BytesIO(path.read_bytes())))
        for n, time in enumerate(times):
            assert abs(time - n * 40 * CYCLE / RATE) < TICK_S
            assert abs(beat(time) - ramp(100, 140, 5)(time)[0]) < 0.005
    journal.close(BEGIN)


def test_a_map_of_one_mark() -> None:
    found = TempoMap.of([Mark(0.0, 0.0, 1.0)], 0.0)
    assert found.changes == (Change(0, 0.0, 1_000_000),)
    assert found.tick(2.0) == 2 * DIVISION


def test_an_engine_that_follows_midi_clock_is_recorded_in_its_beats(tmp_path: Path) -> None:
    """Start, ticks shaken by a millisecond, slower and faster; a recorder beside it, from before the start on."""
    chance, start = random.Random(3), 1.3
    truth = ramp(96, 132, 12)
    ticks: list[Event] = [(round((start - 0.005) * RATE), 0, b"\xfa")]
    at = start
    while at < start + 12:
        ticks.append((round((at + chance.uniform(-0.001, 0.001)) * RATE), 0, b"\xf8"))
        at += 1 / 24 / truth(at - start)[1]
    ticks.sort(key=lambda event: event[0])
    notes: list[Event] = [(round((start + n / 3) * RATE), 0, bytes([0x90, 60, 80])) for n in range(30)]
    tap = Tap(RATE, 0)
    recorder = Recorder(tap, Sources(RATE), tmp_path)
    recorder.record("clock")
    recorder.look()
    with Engine(RATE) as engine:
        engine.set_tap(tap)
        engine.load(Rig("thru"))
        engine.set_clock("midi", inputs=[0])
        for second in range(14):
            part = [one for one in sorted(ticks + notes) if second * RATE <= one[0] < (second + 1) * RATE]
            run_offline(engine, part, (second + 1) * RATE, from_frame=second * RATE)
            recorder.look()
    recorder.close()
    tap.close()
    (take,) = tmp_path.iterdir()
    beat, times = places(mido.MidiFile(take / "performance.mid"))
    played = sorted([frame for frame, *_ in notes] * 2)  # in and out
    assert max(abs(time * RATE - frame) for time, frame in zip(times, played, strict=True)) < 1
    for n in range(2 * 10, 11 * 10):  # when it has found the tempo, as the clock out of it would
        now, rate = truth(n / 10)
        assert off(beat(start + n / 10), now) / rate < 0.004, n
