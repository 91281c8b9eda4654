"""Any sequence of notes, pedals, tempi, settings, clocks, panics, rig changes and stalls: promises are kept, then
silence."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from ripieno.native.continuation import PARAMETERS, BandReport, Continuation, ContinuationConfig, Member
from ripieno.native.engine import Engine, Event, Instrument, Rig, run_offline
from ripieno.native.instrumenter import Instrumenter, Voice
from ripieno.native.timeline import SOURCES as KNOWN
from ripieno.native.transformer import Transformer, TransformerConfig

RATE, BLOCK = 48000, 128
SECOND = RATE // BLOCK  # in blocks
LATEST = RATE // 40  # frames that a note may be beside its tick
SOURCES = sorted(KNOWN)
CODES = (1, 33, 54, 65)
CHANNELS = {1: 0, 2: 1, 3: 2, 9: 3}  # output channel to member; the player's own notes leave on 0

pitches = st.integers(36, 84)


@cache
def network() -> Transformer:
    """One that was taught nothing but to play often."""
    config = TransformerConfig(32, 1, 2, 32, 16)
    rng = np.random.default_rng(1)
    arrays = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in config.shapes().items()}
    arrays["scores.1.bias"][2:] -= 3.0
    return Transformer(arrays, config, "fp32")


class Session(RuleBasedStateMachine):
    """A player and a band; every sound of the band is compared with what it said it would play."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = 0
        self.events: list[Event] = []
        self.down: set[int] = set()
        self.promised: dict[int, BandReport] = {}  # committed, neither sounded nor dropped
        self.kept: set[int] = set()
        self.sounding: set[tuple[int, int]] = set()
        self.last_tick = -(10**9)
        self.stalled = self.clocked = False
        self.engine = Engine(RATE)

    @initialize(
        mode=st.sampled_from(["duet", "band"]),
        seed=st.integers(0, 1000),
        context=st.sampled_from([128, 512]),
        ensemble=st.booleans(),
    )
    def begin(self, mode: str, seed: int, context: int, ensemble: bool) -> None:
        members = [Member(code, place, 30, 96) for place, code in enumerate(CODES)]
        config = ContinuationConfig(members, {0: 1}, RATE, mode=mode, context=context, synchronous=True)
        self.band = Continuation(network(), config)
        self.ensemble = ensemble
        self.band.set("seed", seed)
        self.band.set("start_notes", 2)
        self.engine.load(self.rig())
        self.cycle(1)
        self.phrase(4)

    def rig(self, band: bool = True) -> Rig:
        own = [Instrument(0, channel, 0) for channel in CHANNELS]
        core = self.band if band else None
        if not self.ensemble:
            return Rig("thru", own, continuation=core)
        voices = [Voice(lowest=0, highest=127, polyphony=2, label=i) for i in range(5)]
        closest = Instrumenter(voices, sample_rate=RATE, decide="closest")
        return Rig("ensemble", [*own, Instrument(0, 0, 2)], closest, continuation=core)

    def cycle(self, blocks: int) -> None:
        for _ in range(blocks):  # one by one: what was committed is known before it sounds
            until = self.frame + BLOCK
            due = sorted((event for event in self.events if event[0] < until), key=lambda event: event[0])
            self.events = [event for event in self.events if event[0] >= until]
            for event in run_offline(self.engine, due, until, from_frame=self.frame, block=BLOCK):
                self.hear(*event)
            self.frame = until
            for report in self.band.poll():
                self.note(report)
            own = (report for report in self.engine.poll() if report.band and report.kind == "note_on")
            for report in own:
                self.sound(report.frame, report.instrument, report.pitch)
        self.owe_nothing()

    def note(self, report: BandReport) -> None:
        if report.kind == "committed":
            assert report.frame >= self.frame, "committed for a time that has passed"
            assert report.serial not in self.promised, "committed twice"
            assert report.serial not in self.kept, "committed again"
            assert report.tick >= self.last_tick, "out of order"
            self.promised[report.serial] = report
            self.last_tick = report.tick
        elif report.kind == "dropped" and report.serial in self.promised:
            del self.promised[report.serial]
        elif report.kind == "state":
            self.last_tick = min(self.last_tick, report.tick)
        assert report.kind not in ("fault", "lost")

    def sound(self, frame: int, instrument: int | None, pitch: int) -> None:
        for serial, one in self.promised.items():
            if (one.frame, one.instrument, one.pitch) == (frame, instrument, pitch):
                del self.promised[serial]
                self.kept.add(serial)
                return
        raise AssertionError(f"nobody said that {pitch} would sound at {frame}")

    def owe_nothing(self) -> None:
        late = [one for one in self.promised.values() if one.frame < self.frame - BLOCK]
        # What the clock took back he cannot tell of who is held up.
        assert not late or (self.stalled and self.clocked), "a committed note did not sound"
        stats = self.band.stats()
        assert stats.late == 0
        assert stats.refused == 0

    def hear(self, frame: int, port: int, message: bytes) -> None:
        kind, key = message[0] & 0xF0, (message[0] & 15, message[1] if len(message) > 1 else 0)
        if kind == 0x90 and message[2]:
            self.sounding.add(key)
        elif kind in (0x80, 0x90):
            self.sounding.discard(key)
        elif kind == 0xB0 and message[1] in (120, 123):
            self.sounding = {one for one in self.sounding if one[0] != key[0]}

    def play(self, offset: int, *message: int) -> None:
        self.events.append((self.frame + offset, 0, bytes(message)))

    @rule(offset=st.integers(0, RATE // 4), pitch=pitches, velocity=st.integers(1, 127), beats=st.integers(0, 3))
    def key(self, offset: int, pitch: int, velocity: int, beats: int) -> None:
        """A note with its end, 0 beats: it stays down for now."""
        self.play(offset, 0x90, pitch, velocity)
        self.down.add(pitch)
        if beats:
            self.play(offset + beats * RATE // 8, 0x80, pitch, 0)

    @rule(pitch=pitches)
    def key_up(self, pitch: int) -> None:
        self.play(0, 0x80, pitch, 0)

    @rule(data=st.data())
    def flood(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(20, 200))
        for number in range(count):
            self.play(number * 10, 0x90, 36 + number * 7 % 48, 80)
            self.play(number * 10 + 200, 0x80, 36 + number * 7 % 48, 0)
        self.cycle(2)

    @rule(number=st.sampled_from([64, 66, 67]), value=st.sampled_from([0, 127]))
    def pedal(self, number: int, value: int) -> None:
        self.play(0, 0xB0, number, value)

    @rule(name=st.sampled_from(sorted(PARAMETERS)), share=st.floats(0, 1))
    def set_anything(self, name: str, share: float) -> None:
        one = PARAMETERS[name]
        value = one.low + share * (one.high - one.low)
        self.band.set(name, round(value) if one.whole else value)

    @rule(member=st.integers(0, len(CODES) - 1), on=st.booleans())
    def switch(self, member: int, on: bool) -> None:
        self.band.enable(member, on)

    @rule()
    def tap(self) -> None:
        self.band.tap()
        self.engine.tap()

    @rule(over=st.booleans())
    def turn(self, over: bool) -> None:
        if over:
            self.band.hand_over()
        else:
            self.band.yield_()

    @rule(source=st.sampled_from(SOURCES), on=st.booleans(), bpm=st.sampled_from([0, 20, 90, 121.5, 400]))
    def clock(self, source: str, on: bool, bpm: float) -> None:
        self.engine.set_clock(source, [0], on=on, bpm=bpm)
        self.clocked |= on

    @rule(
        source=st.sampled_from(SOURCES),
        what=st.sampled_from(["start", "locate", "stop"]),
        later=st.sampled_from([0, 100, RATE // 2]),
        beat=st.floats(-8, 1000),
    )
    def transport(self, source: str, what: str, later: int, beat: float) -> None:
        self.engine.transport(source, what, self.frame + later if later else 0, 0.0, beat)

    @rule(beats=st.integers(1, 4), gap=st.integers(RATE // 400, RATE // 20), start=st.booleans())
    def midi_clock(self, beats: int, gap: int, start: bool) -> None:
        for tick in range(24 * beats):
            self.play(tick * gap + 1, 0xF8)
        if start:
            self.play(0, 0xFA)
        self.cycle(24 * beats * gap // BLOCK + 1)

    @rule(blocks=st.sampled_from([1, 30, SECOND, 2 * SECOND]))
    def time_passes(self, blocks: int) -> None:
        self.cycle(blocks)

    @rule(blocks=st.sampled_from([3, 30, SECOND]))
    def worker_stalls(self, blocks: int) -> None:
        self.stalled = True
        self.band.stall(True)
        self.cycle(blocks)
        self.band.stall(False)
        self.stalled = False
        self.cycle(1)

    @rule()
    def panic(self) -> None:
        self.engine.panic()
        self.promised.clear()
        self.cycle(1)
        self.events.clear()

    @rule(band=st.booleans())
    def other_rig(self, band: bool) -> None:
        self.engine.load(self.rig(band))
        if not band:
            self.promised.clear()
        self.cycle(2)

    @rule(notes=st.integers(1, 6))
    def phrase(self, notes: int) -> None:
        """Some notes in time, and a pause in which the band may answer."""
        for number in range(notes):
            self.play(number * RATE // 4, 0x90, 60 + number, 80)
            self.play(number * RATE // 4 + RATE // 8, 0x80, 60 + number, 0)
        self.cycle(notes * SECOND // 4 + SECOND)

    @rule()
    def stop_and_go(self) -> None:
        """The player lets go of everything, and the band takes over."""
        for pitch in sorted(self.down):
            self.play(0, 0x80, pitch, 0)
        self.down.clear()
        self.cycle(2 * SECOND)

    def teardown(self) -> None:
        if hasattr(self, "band"):
            self.engine.stop()
            self.promised.clear()
            self.events.clear()
            self.cycle(2)
            assert not self.sounding
            assert self.engine.stats().sounding == 0
        self.engine.close()


TestSession = Session.TestCase
SEQUENCES = 1_000 if os.environ.get("RIPIENO_LONG") == "1" else 60
TestSession.settings = settings(max_examples=SEQUENCES, stateful_step_count=30, deadline=None)
