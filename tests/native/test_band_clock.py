"""The band on the engine's clock, off line: its notes lie on the clock's beats, whoever sets these."""

from __future__ import annotations

import random
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from ripieno.native.continuation import BandReport, Continuation, ContinuationConfig, Member
from ripieno.native.engine import Engine, Event, Instrument, Rig, run_offline
from ripieno.native.flight import Flight, Replay
from ripieno.native.transformer import Transformer, TransformerConfig

RATE, BLOCK = 48000, 128
TICKS, BAR = 12, 48
START, TICK, STOP, POSITION = b"\xfa", b"\xf8", b"\xfc", 0xF2


@cache
def network() -> Transformer:
    """One that was taught nothing but to play often."""
    config = TransformerConfig(32, 1, 2, 32, 16)
    rng = np.random.default_rng(1)
    arrays = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in config.shapes().items()}
    arrays["scores.1.bias"][2:] -= 3.0
    return Transformer(arrays, config, "fp32")


def make_band(**parameters: float | str) -> Continuation:
    members = [Member(33, 0, 30, 60), Member(54, 1, 60, 96)]
    numbers = {"humanize": 0, "density": 4, "start_notes": 2, "rest_bars": 0, "tempo": 100} | parameters
    return Continuation(
        network(), ContinuationConfig(members, {0: 1}, RATE, mode="band", synchronous=True, parameters=numbers)
    )


def make_rig(band: Continuation) -> Rig:
    return Rig("thru", [Instrument(0, 1, 0), Instrument(0, 2, 0)], continuation=band)


def keys(beats: list[float]) -> list[Event]:
    """A chord at each beat, given in frames, held for half of it."""
    events = []
    for number, (at, following) in enumerate(pairwise(beats)):
        for pitch in (48 + number * 5 % 12, 64 + number * 7 % 12, 67 + number * 4 % 12):
            events.append((round(at), 0, bytes([0x90, pitch, 100 if number % 4 == 0 else 80])))
            events.append((round((at + following) / 2), 0, bytes([0x80, pitch, 0])))
    return sorted(events, key=lambda event: event[0])


def clock_bytes(beats: list[float], jitter: float, seed: int) -> list[Event]:
    """MIDI clock whose song starts at the first of these beats (frames); jitter: frames, to either side."""
    shake = random.Random(seed)
    at = np.interp(np.arange(24 * (len(beats) - 1)) / 24, np.arange(len(beats)), beats)
    ticks = [(round(float(one) + shake.uniform(-jitter, jitter)), 0, TICK) for one in at]
    return [(max(0, ticks[0][0] - 200), 0, START), *ticks]


def steady(bpm: float, count: int, begin: float = RATE) -> list[float]:
    return [begin + number * RATE * 60 / bpm for number in range(count)]


def ramp(slow: float, fast: float, count: int) -> list[float]:
    """Beats that get faster and slower again."""
    at, beats = float(RATE), []
    for number in range(count):
        beats.append(at)
        at += RATE * 60 / (slow + (fast - slow) * (1 - abs(2 * number / count - 1)))
    return beats


def perform(
    source: str, events: list[Event], seconds: float, bpm: float = 0.0, **parameters: float | str
) -> tuple[list[BandReport], list[Event], Continuation]:
    """What the band committed and the engine sent, where this source leads it."""
    band = make_band(**parameters)
    with Engine(RATE) as engine:
        engine.load(make_rig(band))
        engine.set_clock(source, [0], bpm=bpm)
        engine.transport("internal", "start")
        sent = run_offline(engine, sorted(events, key=lambda event: event[0]), round(seconds * RATE), block=BLOCK)
    stats = band.stats()
    assert (stats.late, stats.refused, stats.unheard) == (0, 0, 0)
    return [one for one in band.poll() if one.kind == "committed"], sent, band


def away(notes: list[BandReport], beats: list[float]) -> np.ndarray:
    """How far each note is from its tick of these beats (frames), in ms; bars count from the first of them."""
    at = np.interp([one.frame for one in notes], beats, np.arange(len(beats)))
    apart = np.array([one.tick for one in notes]) / TICKS - at
    apart -= 4 * np.round(apart / 4)
    period = np.interp(at, np.arange(len(beats) - 1), np.diff(beats))
    return apart * period * 1000 / RATE


def after(notes: list[BandReport], frame: float, until: float) -> list[BandReport]:
    found = [one for one in notes if frame <= one.frame < until]
    assert len(found) > 8, "the band plays"
    return found


def test_the_internal_clock_s_beats_are_the_band_s() -> None:
    notes, sent, band = perform("internal", keys(steady(83, 9)), 30, bpm=83)
    grid = steady(83, 60, begin=0)
    assert np.abs(away(after(notes, 0, 30 * RATE), grid)).max() < 0.03  # a frame
    assert (band.stats().clock, band.stats().millibpm) == (1, 83000)
    again, sent_again, _ = perform("internal", keys(steady(83, 9)), 30, bpm=83)
    assert (again, sent_again) == (notes, sent)


@pytest.mark.parametrize("bpm", [60, 97, 200])
def test_midi_clock_that_jitters(bpm: float) -> None:
    beats = steady(bpm, round(bpm / 2))
    notes, _, _ = perform("midi", [*clock_bytes(beats, RATE / 1000, 1), *keys(beats[:9])], 30)
    found = away(after(notes, beats[8], beats[-2]), beats)
    assert np.percentile(np.abs(found), 99) < 1


def test_a_ramp_of_midi_clock() -> None:
    beats = ramp(60, 200, 80)
    notes, _, _ = perform("midi", [*clock_bytes(beats, RATE / 1000, 2), *keys(beats[:9])], 40)
    found = away(after(notes, beats[8], beats[-2]), beats)
    assert np.percentile(np.abs(found), 99) < 5


def test_a_drum_machine_stops_and_starts() -> None:
    first, second = steady(120, 17), steady(120, 17, begin=15 * RATE)
    stop = (round(first[-1]) + 100, 0, STOP)
    events = [*clock_bytes(first, 0, 1), stop, *clock_bytes(second, 0, 1), *keys(first[:9])]
    notes, sent, _ = perform("midi", events, 23)
    early, late = after(notes, 0, stop[0]), after(notes, stop[0], 23 * RATE)
    assert late[0].frame >= second[0]
    assert np.abs(away(after(notes, first[8], stop[0]), first)).max() < 1
    assert np.abs(away(after(notes, second[1], second[-1]), second)).max() < 1
    assert min(one.tick for one in late) > max(one.tick for one in early)
    sounding = set()
    for frame, _, data in sent:
        if data[0] & 0xF0 not in (0x80, 0x90) or frame > stop[0] + BLOCK:
            continue
        (sounding.add if data[0] & 0xF0 == 0x90 else sounding.discard)((data[0] & 15, data[1]))
    assert not {one for one in sounding if one[0]}


def test_the_player_s_beats_lead() -> None:
    """The clock itself takes its time to meet a player; the band does not."""
    beats = steady(92, 50)
    notes, _, band = perform("player", keys(beats), 32, bpm=120)
    assert abs(band.stats().millibpm - 92000) < 500
    at = np.interp([one.frame for one in after(notes, beats[20], beats[-4])], beats, np.arange(len(beats)))
    apart = np.array([one.tick for one in after(notes, beats[20], beats[-4])]) / TICKS - at
    assert np.abs(apart - np.round(apart)).max() * 60_000 / 92 < 25


def test_a_session_is_the_same_again() -> None:
    """Stops, starts, places and a drum machine's tempo, replayed by a band that does not think."""
    rig = make_rig(make_band())
    shake = random.Random(3)
    first = [*clock_bytes(steady(101, 30, begin=12 * RATE), RATE / 1000, 1), *keys(steady(120, 50, begin=0))]
    flight, recording, played = Flight(), b"", 0
    with Engine(RATE) as engine:
        flight.attach(engine)
        engine.load(rig)
        engine.set_clock("internal", [0], bpm=120)
        for second in range(25):
            events = sorted((one for one in first if second <= one[0] / RATE < second + 1), key=lambda one: one[0])
            what = ("start", "start", "stop", "start", "locate")[second % 5]
            if second < 15:
                engine.transport("internal", what, beat=shake.uniform(0, 50))
            if second == 15:
                engine.set_clock("midi", [0])
            run_offline(engine, events, (second + 1) * RATE, from_frame=second * RATE, block=BLOCK)
            recording += flight.read()
            played += sum(report.band and report.kind == "note_on" for report in engine.poll())
        flight.detach()
    assert played > 50
    with Engine(RATE) as engine, Replay(engine, lambda _: make_rig(make_band())) as replay:
        assert list(replay.play(recording + flight.read())) == []
