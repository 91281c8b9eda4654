"""The clock within the engine, from Python: how well it follows, how exactly it leads, how it changes its source."""

from bisect import bisect_left
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from ripieno.native.engine import ClockState, Engine, Event, Rig, Trigger, run_offline
from ripieno.native.timeline import SOURCES

RATE, BLOCK = 48_000, 128
TICK, START, STOP = b"\xf8", b"\xfa", b"\xfc"
Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Beats a minute at seconds."""


def beats_by(bpm: Curve, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The beat, from 0, at each millisecond: seconds, beats."""
    at = np.arange(0.0, seconds, 0.001)
    return at, np.concatenate(([0.0], np.cumsum(bpm(at[:-1] + 0.0005)) * 0.001 / 60.0))


def frames_of(bpm: Curve, seconds: float, each: float = 1.0 / 24.0) -> NDArray[np.float64]:
    """The frames at which the beats 0, each, 2 * each, ... fall."""
    at, beats = beats_by(bpm, seconds)
    return np.interp(np.arange(0.0, beats[-1], each), beats, at) * RATE


def steady(bpm: float) -> Curve:
    return lambda at: np.full(at.shape, bpm)


class Room:
    """An engine that plays what comes in as it is, run off line, and what the clock said after each block."""

    def __init__(self, inputs: int = 1, outputs: int = 1) -> None:
        self.engine = Engine(RATE, inputs, outputs)
        self.engine.load(Rig("thru"))
        self.frame = 0
        self.left: list[Event] = []
        self.said: list[ClockState] = []
        self.waiting: list[Event] = []

    def run(self, seconds: float, before: Callable[[int], None] = lambda frame: None) -> None:
        """`before` is called with the first frame of each block that is about to be played."""
        end = self.frame + round(seconds * RATE)
        self.waiting.sort(key=lambda event: event[0])
        while self.frame < end:
            before(self.frame)
            until = self.frame + BLOCK
            count = bisect_left(self.waiting, until, key=lambda event: event[0])
            now, self.waiting = self.waiting[:count], self.waiting[count:]
            self.left += run_offline(self.engine, now, until, from_frame=self.frame, block=BLOCK)
            self.said.append(self.engine.clock())
            self.frame = until

    def beats(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What it said so far: frames, beats."""
        lines = [one.timeline for one in self.said]
        return np.array([line.frame for line in lines]), np.array([line.beat for line in lines])


@pytest.fixture
def room() -> Iterator[Room]:
    one = Room()
    yield one
    one.engine.close()


CURVES = {
    "60": steady(60),
    "120": steady(120),
    "200": steady(200),
    "up": lambda at: 60 + 140 * np.clip((at - 5) / 20, 0, 1),
    "down": lambda at: 200 - 140 * np.clip((at - 5) / 20, 0, 1),
    "waves": lambda at: 110 + 15 * np.sin(2 * np.pi * at / 8),
}


@pytest.mark.parametrize("name", CURVES)
def test_midi_clock_that_shakes_is_followed(room: Room, name: str) -> None:
    """Each tick comes up to 1 ms early or late."""
    ticks = frames_of(CURVES[name], 31.0) + 4800
    shaken = np.rint(ticks + np.random.default_rng(7).uniform(-0.001, 0.001, len(ticks)) * RATE).astype(int)
    room.waiting = [(int(frame), 0, TICK) for frame in np.maximum.accumulate(shaken)]
    room.waiting.append((int(shaken[0]), 0, START))
    room.waiting.sort(key=lambda event: (event[0], event[2] == TICK))
    room.engine.set_clock("midi", inputs=[0])
    room.run(30.0)
    frames, beats = room.beats()
    right = np.interp(frames, ticks, np.arange(len(ticks)) / 24)
    settled = (right > 2) & (right < len(ticks) / 24 - 1)
    late = (beats - right) * 60_000 / CURVES[name]((frames - 4800) / RATE)  # ms
    assert np.percentile(np.abs(late[settled]), 99) < 2.0
    state = room.engine.clock()
    assert (state.source, state.timeline.rolling, state.lost) == ("midi", True, 0)
    assert state.timeline.residual < 1.5
    assert not room.left, "the clock is heard, not played"


@pytest.mark.parametrize("bpm", [60.0, 97.3, 200.0])
def test_clock_out_leaves_at_its_frames(room: Room, bpm: float) -> None:
    room.engine.set_clock("internal", outputs=[0], bpm=bpm)
    room.engine.transport("internal", "start", RATE // 10)
    room.waiting = [(frame, 0, bytes((0x90, 60, 1 + i % 99))) for i, frame in enumerate(range(0, 20 * RATE, 777))]
    room.run(20.0)
    ticks = np.array([frame for frame, _, data in room.left if data == TICK and frame >= RATE // 10])
    right = RATE // 10 + np.arange(len(ticks)) * RATE * 60 / bpm / 24
    assert len(ticks) > 19 * bpm / 60 * 24
    assert np.all((ticks - right >= -1e-6) & (ticks - right < 1.0))
    assert room.engine.clock().sent == len([1 for _, _, data in room.left if data == TICK])
    assert [data for _, _, data in room.left if data in (START, STOP)] == [START]


class Sources:
    """All sources at once, each at a tempo and with a place of its own, as seconds pass; MIDI clock is on input 0."""

    def __init__(self, room: Room, seconds: float) -> None:
        self.room, self.tap, self.own = room, 0, 0.37
        self.bpm = {name: 100.0 + 3.1 * i for i, name in enumerate(SOURCES)}
        ticks = np.rint(frames_of(steady(self.bpm["midi"]), seconds) + 1000).astype(int)
        room.waiting = [(int(frame), 0, TICK) for frame in ticks]
        self.taps = np.rint(frames_of(steady(self.bpm["tap"]), seconds, 1.0) + 5000).astype(int).tolist()

    def speak(self, frame: int) -> None:
        engine = self.room.engine
        for source, each in (("link", 8), ("jack", 4), ("player", 188)):
            if frame // BLOCK % each == 0:
                engine.observe(source, frame, self.own + frame / RATE * self.bpm[source] / 60)
        while self.taps and self.taps[0] <= frame:
            engine.tap(self.taps.pop(0))


@pytest.mark.parametrize("first", SOURCES)
def test_from_each_source_to_each_other_without_a_jump(first: str) -> None:
    """No beat is moved by more than 1 ms beyond what the new tempo asks for."""
    for second in (name for name in SOURCES if name != first):
        room = Room()
        sources = Sources(room, 40.0)
        room.engine.set_clock(first, inputs=[0], bpm=sources.bpm["internal"])
        room.engine.transport("internal", "start")
        room.engine.transport(first, "start", 1, 0.0, 0.0)
        room.run(8.0, sources.speak)
        room.engine.set_clock(second, inputs=[0], bpm=sources.bpm["internal"] if second == "internal" else 0)
        room.run(8.0, sources.speak)
        frames, beats = (line[len(line) // 4 :] for line in room.beats())  # the first is followed by now
        changed = np.searchsorted(frames, 8 * RATE)
        whole = np.interp(np.arange(beats[changed - 1], beats[-1] - 1.0), beats, frames) / RATE
        tempo = 60.0 / sources.bpm[second]
        steps = np.diff(whole[1:])  # of each beat after the change
        assert np.abs(steps - tempo).max() < 0.001, f"{first} to {second}"
        assert np.all(np.diff(beats) > 0), f"{first} to {second}: it never stands still or goes back"
        assert room.engine.clock().source == second
        room.engine.close()


@pytest.mark.parametrize("source", ["tap", "player"])
def test_whoever_is_the_first_to_be_followed_is_followed_at_once(room: Room, source: str) -> None:
    """Though the transport rolls: there was no beat before that would have to go on."""
    sources = Sources(room, 40.0)
    room.engine.set_clock(source, bpm=77.0)
    room.engine.transport("internal", "start")
    room.run(6.0, sources.speak)
    line = room.engine.clock().timeline
    assert line.locked
    assert line.rolling
    assert line.bpm == pytest.approx(sources.bpm[source], abs=0.1)
    assert abs(line.away) < 0.5


def test_the_tempo_is_held_where_nobody_is_heard(room: Room) -> None:
    """Ten seconds without a cable; then the clock is where it would have been."""
    ticks = np.rint(frames_of(steady(132), 40.0)).astype(int)
    gone = (ticks > 10 * RATE) & (ticks < 20 * RATE)
    room.waiting = [(int(frame), 0, TICK) for frame in ticks[~gone]] + [(0, 0, START)]
    room.waiting.sort(key=lambda event: (event[0], event[2] == TICK))
    room.engine.set_clock("midi", inputs=[0])
    room.run(19.9)
    state = room.engine.clock()
    assert not state.timeline.locked
    assert state.timeline.bpm == pytest.approx(132, abs=0.02)
    room.run(10.0)
    state = room.engine.clock()
    assert state.timeline.locked
    assert state.timeline.beat == pytest.approx(state.frame / RATE * 132 / 60, abs=0.005)
    assert state.lost == gone.sum()


def played_chorale(bpm: float, seconds: float) -> list[Event]:
    """Four voices, mostly a chord a beat, each key some 10 ms off, passing notes of the tenor and the alto between."""
    rng = np.random.default_rng(3)
    keys: list[Event] = []
    for beat in range(int(seconds * bpm / 60)):
        chord = [48 + rng.integers(0, 8), 55 + rng.integers(0, 8), 62 + rng.integers(0, 8), 69 + rng.integers(0, 8)]
        struck = [(beat, pitch) for pitch in chord[: 4 if beat % 4 else 3] + chord[3:]]
        struck += [(beat + 0.5, pitch + 2) for pitch in chord[1:3] if rng.random() < 0.4]
        for at, pitch in struck:
            frame = (1.0 + at * 60 / bpm + rng.normal(0.0, 0.01)) * RATE
            keys.append((round(frame), 0, bytes((0x90, int(pitch), 60 + 20 * (beat % 4 == 0)))))
            keys.append((round(frame + 0.4 * RATE), 0, bytes((0x80, int(pitch), 0))))
    return sorted(keys)


def test_the_player_is_followed(room: Room) -> None:
    """The beat of a chorale as it is played, and the start in time with it; while it rests the tempo is held."""
    room.waiting = played_chorale(84.0, 30.0)
    room.engine.set_clock("player", outputs=[0])
    room.run(15.0)
    assert room.engine.clock().player_bpm == pytest.approx(84, rel=0.03)
    assert room.engine.clock().confidence > 0.5
    room.engine.transport("internal", "start")
    room.run(15.0)
    frames, beats = room.beats()
    rolling = frames > 16 * RATE
    phase = (frames[rolling] / RATE - 1.0) * 84 / 60 - beats[rolling]
    away = (phase - np.round(phase)) * 60 / 84
    assert np.median(np.abs(away)) < 0.02
    assert np.abs(away).max() < 0.06
    room.run(15.0)
    state = room.engine.clock()
    assert state.timeline.bpm == pytest.approx(84, rel=0.03)
    assert (state.timeline.locked, state.player_bpm, state.confidence) == (False, None, 0.0)


def test_a_key_taps(room: Room) -> None:
    """It is not played, with a set list or without one."""
    room.engine.set_clock("tap", bpm=100)
    room.engine.set_trigger(0, Trigger("tap", 24))
    room.waiting = [(round(i * 0.75 * RATE), 0, bytes((0x90, 24, 90))) for i in range(6)]
    room.waiting += [(frame + 99, port, bytes((0x80, 24, 0))) for frame, port, _ in room.waiting]
    room.run(4.5)
    assert room.engine.clock().timeline.bpm == pytest.approx(80, abs=0.01)
    assert not room.left


def test_before_anything_ran_nothing_is_known(room: Room) -> None:
    state = room.engine.clock()
    assert (state.frame, state.nanoseconds, state.player_bpm) == (0, 0, None)


def test_what_cannot_be_is_said(room: Room) -> None:
    with pytest.raises(ValueError, match="no clock 'sundial'; there are internal, tap, midi"):
        room.engine.set_clock("sundial")
    with pytest.raises(ValueError, match="no MIDI input 1: there are 1"):
        room.engine.set_clock("midi", inputs=[0, 1])
    with pytest.raises(ValueError, match="no MIDI output 7: there are 1"):
        room.engine.set_clock("midi", outputs=[7])
    with pytest.raises(ValueError, match="5 BPM is no tempo: 20 to 400"):
        room.engine.set_clock("internal", bpm=5)
