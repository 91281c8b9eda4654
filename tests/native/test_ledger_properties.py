"""Any sequence of keys, pedals, preset changes, cables and panics ends in silence, with no note-off lost."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ripieno.native.engine import BLACKBOX_SIZE, Engine, Instrument, Rig, run_offline
from ripieno.native.instrumenter import Instrumenter, Voice, chord_width, solo_width
from ripieno.native.lstm import Lstm, LstmConfig
from ripieno.native.zone import Zone

RATE, BLOCK = 48000, 128
PORTS = 2
WINDOW = RATE // 40

pitches = st.integers(36, 84)
channels = st.integers(0, 1)
offsets = st.integers(0, BLOCK - 1)
RIGS = st.tuples(
    st.sampled_from(["thru", "note", "window", "revise"]),
    st.sampled_from(["pass", "lengthen", "ignore"]),
    st.sampled_from(["divisi", "steal", "drop"]),
    st.integers(1, 4),
    st.integers(0, PORTS - 1),
    st.sampled_from(["closest", "model", "model, a frame together"]),
)


@cache
def network(width: int) -> Lstm:
    """One that was taught nothing: its choices are wild."""
    config = LstmConfig(width, 8, 1, 4, norm=True, head=8, skip=True)
    rng = np.random.default_rng(1)
    return Lstm({name: rng.normal(0, 0.5, shape) for name, shape in config.shapes().items()}, config)


def build(kind: str, pedal: str, overflow: str, voices: int, port: int, decide: str) -> Rig:
    if kind == "thru":
        return Rig("thru")
    window = 0 if kind == "note" else WINDOW
    players = [Voice(lowest=30, highest=90, polyphony=1 if i else 2, label=i) for i in range(voices)]
    instrumenter = Instrumenter(
        players,
        decide=decide.split(",")[0],
        when=kind,
        overflow=overflow,
        window=window,
        sample_rate=RATE,
        together="together" in decide and kind != "window",
        solo=network(solo_width(4)) if decide != "closest" and kind != "window" else None,
        chord=network(chord_width(4)) if decide != "closest" else None,
    )
    instruments = [Instrument((port + i) % PORTS, i, 1 if i else 2, pedal, program=i) for i in range(voices)]
    return Rig("ensemble", instruments, instrumenter, delay_frames=window if kind == "window" else 0)


RigSpec = tuple[str, str, str, int, int, str]


class Synth:
    """What a receiver at the other end of the cables makes of the messages."""

    def __init__(self) -> None:
        self.sounding: set[tuple[int, int, int]] = set()
        self.pedals: dict[tuple[int, int], int] = {}

    def hear(self, port: int, message: bytes) -> None:
        kind, channel = message[0] & 0xF0, message[0] & 15
        if kind == 0x90 and message[2]:
            self.sounding.add((port, channel, message[1]))
        elif kind in (0x80, 0x90):
            self.sounding.discard((port, channel, message[1]))
        elif kind == 0xB0 and message[1] == 64:
            self.pedals[port, channel] = message[2]
        elif kind == 0xB0 and message[1] in (120, 123):
            self.sounding = {s for s in self.sounding if s[:2] != (port, channel)}

    def silent(self) -> bool:
        return not self.sounding and not any(self.pedals.values())


class Performance(RuleBasedStateMachine):
    """One keyboard, two output ports, and everything that can happen on a stage."""

    def __init__(self) -> None:
        super().__init__()
        self.box = bytearray(BLACKBOX_SIZE)
        self.synth = Synth()
        self.connected, self.room, self.lost = 0b11, 0, 0
        self.frame = 0
        self.events: list[tuple[int, int, bytes]] = []
        self.down: set[tuple[int, int]] = set()
        self.start_engine()

    def start_engine(self) -> None:
        self.waiting = 0  # presets asked for and not taken yet: one a cycle, in order with all commands
        self.engine = Engine(RATE, 1, PORTS, blackbox=self.box)
        self.rig = Rig("thru")
        self.engine.load(self.rig)

    def make(self, *rig: *RigSpec) -> Rig:
        return build(*rig)

    def watch(self, port: int, message: bytes) -> None:
        """Whatever leaves, heard or not."""

    def cycle(self, blocks: int = 1) -> None:
        until = self.frame + blocks * BLOCK
        events = sorted(self.events, key=lambda event: event[0])
        sent = run_offline(
            self.engine,
            events,
            until,
            from_frame=self.frame,
            block=BLOCK,
            lost=self.lost,
            connected=self.connected,
            room=self.room,
        )
        assert all(self.frame <= frame < until for frame, _, _ in sent)
        assert [f for f, _, _ in sent] == sorted(f for f, _, _ in sent)
        for _, port, message in sent:
            self.watch(port, message)
            if self.connected >> port & 1:
                self.synth.hear(port, message)
        if self.lost:
            self.down.clear()
        self.frame, self.events, self.lost = until, [], 0
        self.waiting = max(0, self.waiting - blocks)
        self.engine.poll()

    def play(self, offset: int, *message: int) -> None:
        self.events.append((self.frame + offset, 0, bytes(message)))

    @initialize(rig=RIGS)
    def first_rig(self, rig: RigSpec) -> None:
        self.engine.load(self.make(*rig))
        self.cycle()

    @rule(offset=offsets, channel=channels, pitch=pitches, velocity=st.integers(1, 127))
    def key_down(self, offset: int, channel: int, pitch: int, velocity: int) -> None:
        self.play(offset, 0x90 | channel, pitch, velocity)
        self.down.add((channel, pitch))

    @rule(offset=offsets, channel=channels, pitch=pitches, quiet=st.booleans())
    def key_up(self, offset: int, channel: int, pitch: int, quiet: bool) -> None:
        self.play(offset, (0x90 if quiet else 0x80) | channel, pitch, 0)

    @rule(offset=offsets, channel=channels, value=st.sampled_from([0, 1, 63, 64, 127]))
    def pedal(self, offset: int, channel: int, value: int) -> None:
        self.play(offset, 0xB0 | channel, 64, value)

    @rule(offset=offsets, channel=channels, status=st.sampled_from([0xA0, 0xB0, 0xD0, 0xE0]), value=pitches)
    def wheel(self, offset: int, channel: int, status: int, value: int) -> None:
        self.play(offset, *([status | channel, value] + ([value] if status != 0xD0 else [])))

    @rule(data=st.binary(max_size=12))
    def noise(self, data: bytes) -> None:
        self.events.append((self.frame, 0, data))

    @rule(rig=RIGS)
    def change_preset(self, rig: RigSpec) -> None:
        self.engine.load(self.make(*rig))
        self.waiting += 1

    @rule(blocks=st.sampled_from([1, 1, 1, 2, 12]))
    def time_passes(self, blocks: int) -> None:
        self.cycle(blocks)

    @rule(port=st.integers(0, PORTS - 1))
    def plug_or_unplug_output(self, port: int) -> None:
        self.cycle()
        self.connected ^= 1 << port

    @rule(room=st.sampled_from([0, 0, 3, 7, 30]))
    def port_fills_up(self, room: int) -> None:
        self.cycle()
        self.room = room

    @rule()
    def unplug_keyboard(self) -> None:
        self.cycle()
        self.lost = 1

    @rule()
    def panic(self) -> None:
        self.engine.panic()
        self.events.clear()
        self.cycle(1 + self.waiting)
        if self.room == 0 and self.connected == 0b11:
            assert self.synth.silent()

    @rule()
    def kill_and_restart(self) -> None:
        """kill -9: what the dead process left sounding, the next one ends as soon as it is heard."""
        self.events.clear()
        self.engine.close()
        self.start_engine()
        self.room = 0
        self.cycle()
        if self.connected == 0b11:
            assert self.synth.silent()

    @invariant()
    def the_black_box_knows_what_sounds(self) -> None:
        """So that a kill at any moment can be made good."""
        for port, channel, pitch in self.synth.sounding:
            assert self.box[(port * 16 + channel) * 16 + pitch // 8] >> pitch % 8 & 1
        for (port, channel), value in self.synth.pedals.items():
            assert self.box[16 * 16 * 16 + port * 16 + channel] == value

    def teardown(self) -> None:
        """Everything plugged in, every key and pedal up: silence; and so after a stop in the middle of it."""
        self.cycle()
        self.room, self.connected = 0, 0b11
        for channel, pitch in sorted(self.down):
            self.play(0, 0x80 | channel, pitch, 0)
        self.cycle(12)
        self.lost = 1
        self.cycle(2)
        stats = self.engine.stats()
        assert self.synth.silent(), (self.synth.sounding, self.synth.pedals)
        assert stats.sounding == 0
        assert stats.backlog == 0
        self.play(0, 0x90, 60, 100)
        self.cycle()
        self.engine.stop()
        self.cycle(1 + self.waiting)
        assert self.synth.silent()
        self.engine.close()


TestPerformance = Performance.TestCase
SEQUENCES = 10_000 if os.environ.get("RIPIENO_LONG") == "1" else 300
TestPerformance.settings = settings(max_examples=SEQUENCES, stateful_step_count=40, deadline=None)


# ---- MPE ----

LEAD = 1  # the output port of the instrument with MPE
MANAGERS = {"pass": 0, "lengthen": 15, "ignore": 0}
STRAIGHT = bytes((0, 64))


def build_mpe(kind: str, pedal: str, overflow: str, voices: int, speaks: int, decide: str) -> Rig:
    """An ensemble whose last instrument speaks MPE; `speaks`: so does its keyboard."""
    if kind == "thru":
        return Rig("thru")
    window = 0 if kind == "note" else WINDOW
    model = decide != "closest"
    instrumenter = Instrumenter(
        [Voice(lowest=30, highest=90, polyphony=1 if i else 2, label=i) for i in range(voices)],
        decide=decide.split(",")[0],
        when=kind,
        overflow=overflow,
        window=window,
        sample_rate=RATE,
        solo=network(solo_width(4)) if model and kind != "window" else None,
        chord=network(chord_width(4)) if model else None,
    )
    instruments = [Instrument(0, i, 1 if i else 2, pedal, program=i) for i in range(voices - 1)]
    instruments.append(Instrument(LEAD, MANAGERS[pedal], 0, pedal, program=7, mpe=True))
    delay = window if kind == "window" else 0
    return Rig("ensemble", instruments, instrumenter, delay_frames=delay, zones=[Zone(mpe=bool(speaks))])


class MpePerformance(Performance):
    """The same stage with keyboards and instruments that speak MPE: nothing stays bent, either."""

    def __init__(self) -> None:
        self.bends: dict[tuple[int, int], bytes] = {}
        super().__init__()

    def make(self, *rig: *RigSpec) -> Rig:
        return build_mpe(*rig)

    def watch(self, port: int, message: bytes) -> None:
        if message[0] & 0xF0 == 0xE0:
            self.bends[port, message[0] & 15] = message[1:]

    @rule(offset=offsets, channel=st.integers(0, 15), bend=st.binary(min_size=2, max_size=2))
    def finger(self, offset: int, channel: int, bend: bytes) -> None:
        self.play(offset, 0xE0 | channel, bend[0] & 127, bend[1] & 127)

    @rule(offset=offsets, channel=st.integers(0, 15), pitch=pitches)
    def key_of_any_channel(self, offset: int, channel: int, pitch: int) -> None:
        self.key_down(offset, channel, pitch, 90)

    @rule(manager=st.sampled_from([0, 15]), members=st.integers(0, 15))
    def zone(self, manager: int, members: int) -> None:
        for number, value in ((101, 0), (100, 6), (6, members)):
            self.play(0, 0xB0 | manager, number, value)

    def kill_and_restart(self) -> None:
        """A killed process leaves bends; what is bent is not in the black box."""

    def teardown(self) -> None:
        super().teardown()
        assert all(bend == STRAIGHT for bend in self.bends.values()), self.bends


TestMpePerformance = MpePerformance.TestCase
TestMpePerformance.settings = settings(max_examples=SEQUENCES // 3, stateful_step_count=40, deadline=None)
