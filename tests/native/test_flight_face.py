"""The flight recorder from Python: ten minutes of anything, played again, are the same bytes; so are a band and a voice
whose thinking is not there any more; a change is found where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ripieno.native import builtin
from ripieno.native.continuation import Continuation, ContinuationConfig, Member
from ripieno.native.drivers import Clock
from ripieno.native.engine import BLACKBOX_SIZE, Engine, Event, Instrument, Rig, Sound, Trigger, run_offline
from ripieno.native.flight import Cycle, Difference, Flight, Item, Replay, cycles
from ripieno.native.instrumenter import Instrumenter, Voice, chord_width, solo_width
from ripieno.native.lstm import Lstm, LstmConfig
from ripieno.native.rack import INPUT, Rack, Strip
from ripieno.native.singer import SingerShape, SingerWeights, TowerShape
from ripieno.native.singing import Singing, SingingConfig
from ripieno.native.timeline import SOURCES
from ripieno.native.transformer import Transformer, TransformerConfig
from ripieno.native.zone import Zone

RATE, PORTS = 48_000, 2
MINUTES = 10
VOICES = [Voice(lowest=30, highest=90, polyphony=1 if i else 2, label=i) for i in range(4)]
Recipe = tuple[str, str, str, bool]


def network(width: int) -> Lstm:
    """One that was taught nothing: its choices are wild."""
    config = LstmConfig(width, 8, 1, 4, norm=True, head=8, skip=True)
    rng = np.random.default_rng(1)
    return Lstm({name: rng.normal(0, 0.5, shape) for name, shape in config.shapes().items()}, config)


SOLO, CHORD = network(solo_width(4)), network(chord_width(4))


def build(recipe: Recipe) -> Rig:
    """A rig by (when it decides, "mpe": at once, by MPE's ways, pedal, overflow, whether a model decides)."""
    when, pedal, overflow, model = recipe
    mpe = when == "mpe"
    when = "note" if mpe else when
    if when == "thru":
        return Rig("thru")
    window = 0 if when == "note" else RATE // 40
    instrumenter = Instrumenter(
        VOICES,
        decide="model" if model else "closest",
        when=when,
        overflow=overflow,
        window=window,
        sample_rate=RATE,
        solo=SOLO if model and when != "window" else None,
        chord=CHORD if model else None,
    )
    instruments = [Instrument(0 if mpe else i % PORTS, i, 1 if i else 2, pedal, program=i) for i in range(4)]
    if mpe:
        instruments[-1] = Instrument(1, 0, 0, pedal, program=3, mpe=True)
    delay = window if when == "window" else 0
    return Rig("ensemble", instruments, instrumenter, delay_frames=delay, zones=[Zone(mpe=True)] if mpe else ())


class Session:
    """Somebody who plays and turns knobs at random, recorded."""

    def __init__(self, seed: int, minutes: float) -> None:
        self.random = np.random.default_rng(seed)
        self.recipes: dict[int, list[Recipe]] = {}
        self.order: list[Recipe] = []
        self.recording, self.sent = b"", 0
        self.flight = Flight()
        with Engine(RATE, 2, PORTS) as self.engine:
            self.flight.attach(self.engine)
            self.engine.lent = lambda address, rig: self.order.append(rig.origin()["recipe"])
            self.load()
            at = 0
            while at < minutes * 60 * RATE:
                at = self.play(at)
            self.flight.detach()
            self.recording += self.flight.read()
            assert self.flight.stats().missed == 0

    def load(self) -> None:
        pick = self.random.choice
        recipe = (
            str(pick(["thru", "note", "mpe", "window", "revise"])),
            str(pick(["pass", "lengthen", "ignore"])),
            str(pick(["divisi", "steal", "drop"])),
            bool(pick([True, False])),
        )
        rig = build(recipe)
        rig.origin = lambda: {"recipe": recipe}
        self.engine.load(rig)

    def play(self, at: int) -> int:
        """Up to half a second in cycles of one length, after control may have done something."""
        random = self.random
        act = random.integers(0, 60)
        if act < 3:
            self.load()
        elif act == 3:
            self.engine.panic()
        elif act < 8:
            self.engine.set_voice(int(random.integers(0, 4)), Voice(30, 90, 1, enabled=bool(random.integers(0, 2))))
        elif act < 14:
            self.conduct(at)
        block = int(random.choice([64, 128, 128, 128, 256, 1000]))
        until = at + block * int(random.integers(1, 1 + RATE // 2 // block))
        lost, room = int(random.integers(0, 40) == 0), int(random.choice([0, 0, 0, 0, 9]))
        connected = int(random.choice([0, 1, 2, 3, 3, 3, 3, 3]))
        events = self.events(at, until)
        how = {"from_frame": at, "block": block, "lost": lost, "connected": connected, "room": room}
        self.sent += len(run_offline(self.engine, events, until, **how))
        self.engine.poll()
        self.recording += self.flight.read()
        return until

    def conduct(self, at: int) -> None:
        """Something of the one clock: whom it follows, what sources say, what its transport does."""
        random, source, beat = self.random, str(self.random.choice(list(SOURCES))), float(self.random.uniform(0, 50))
        act, frame = random.integers(0, 5), at + int(random.integers(-500, 500))
        if act < 2:
            bpm = float(random.uniform(40, 200))
            self.engine.set_clock(source, [0], [0, 1], on=bool(random.integers(0, 4)), bpm=bpm)
        elif act == 2:
            for n in range(8):
                self.engine.observe(source, max(0, at + n * 300), beat + n * 300 / RATE)
        elif act == 3:
            what = str(random.choice(["start", "locate", "stop"]))
            self.engine.transport(source, what, max(0, frame), beat, float(random.integers(0, 16)))
        else:
            self.engine.tap(max(0, frame))

    def events(self, at: int, until: int) -> list[Event]:
        """Some fifteen a second."""
        random = self.random
        count = random.poisson(15 * (until - at) / RATE) if random.integers(0, 5) else 0
        frames = sorted(int(frame) for frame in random.integers(at, until, count))
        return [(frame, int(random.integers(0, 2)), self.message()) for frame in frames]

    def message(self) -> bytes:
        status = int(self.random.choice([0x90, 0x90, 0x80, 0x80, 0xB0, 0xE0, 0xD0, 0xC0, 0xF8]))
        if status == 0xF8:
            return bytes([int(self.random.choice([0xF8, 0xF8, 0xF8, 0xFA, 0xFB, 0xFC]))])
        first = 64 if status == 0xB0 else int(self.random.integers(30, 90))
        bytes_ = [status | int(self.random.integers(0, 2)), first, int(self.random.integers(0, 128))]
        return bytes(bytes_[:2] if status in (0xC0, 0xD0) else bytes_)


def again(recording: bytes, rig_of: Callable[[int], Rig], piece: int = 1 << 20, **ports: int) -> list[Difference]:
    """What differs when it is played again, in pieces of whole cycles."""
    found = []
    with Engine(RATE, **ports) as engine, Replay(engine, rig_of) as replay:
        for part in pieces(recording, piece):
            found += list(replay.play(part))
        assert replay.cycles == sum(cycle.cycles for cycle in cycles(recording))
    return found


def pieces(recording: bytes, size: int) -> list[bytes]:
    parts = [b""]
    for cycle in cycles(recording):
        if len(parts[-1]) > size:
            parts.append(b"")
        parts[-1] += cycle.encode()
    assert b"".join(parts) == recording
    return parts


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(1, MINUTES)


def rigs_of(session: Session) -> Callable[[int], Rig]:
    order = iter(session.order)
    return lambda _: build(next(order))


def test_ten_minutes_of_anything_are_the_same_bytes(session: Session) -> None:
    assert session.sent > 5000
    assert len(session.order) > 20
    sent = [item.data[0] for cycle in cycles(session.recording) for item in cycle.items if item.kind == "out"]
    assert sent.count(0xF8) > 1000  # MIDI clock, by whatever was followed
    assert again(session.recording, rigs_of(session), inputs=2, outputs=PORTS) == []


def test_a_flipped_byte_is_found_at_its_cycle(session: Session) -> None:
    found = list(cycles(session.recording))
    notes = [
        (place, n)
        for place, cycle in enumerate(found[: len(found) // 8])
        for n, item in enumerate(cycle.items)
        if item.kind == "out" and item.data[0] >> 4 == 9
    ]
    place, n = notes[-1]
    before, item = found[place], found[place].items[n]
    wrong = item._replace(data=bytes([item.data[0], item.data[1] ^ 4, *item.data[2:]]))
    found[place] = before._replace(items=(*before.items[:n], wrong, *before.items[n + 1 :]))
    number = sum(cycle.cycles for cycle in found[:place])
    flipped = b"".join(cycle.encode() for cycle in found[: place + 50])
    assert again(flipped, rigs_of(session), inputs=2, outputs=PORTS) == [Difference(number, before.frame, wrong, item)]


def test_what_is_missing_and_what_is_too_much_is_told() -> None:
    note, recording = Item("in", 0, 5, b"\x90\x3c\x40"), b""
    with Engine(RATE) as engine:
        flight = Flight()
        flight.attach(engine)
        engine.load(Rig("thru"))
        run_offline(engine, [(5, 0, note.data)], 256)
        flight.detach()
        recording = flight.read()
    found = list(cycles(recording))
    at = next(n for n, cycle in enumerate(found) if note in cycle.items)
    out = note._replace(kind="out")
    assert out in found[at].items
    thru: Callable[[int], Rig] = lambda _: Rig("thru")  # noqa: E731
    assert again(recording, thru) == []

    def with_items(*items: Item) -> bytes:
        return b"".join(c.encode() for c in [*found[:at], found[at]._replace(items=items), *found[at + 1 :]])

    number = sum(cycle.cycles for cycle in found[:at])
    assert again(with_items(note), thru) == [Difference(number, 0, None, out)]
    assert again(with_items(out), thru) == [Difference(number, 0, out, None)]
    with pytest.raises(ValueError, match="makes no sense"):
        again(with_items(note._replace(offset=5000)), thru)


def phrase() -> list[Event]:
    """Eighth notes at 120 beats a minute, for two bars."""
    events = []
    for n in range(16):
        events.append((n * RATE // 4, 0, bytes([0x90, 60 + n * 5 % 12, 80])))
        events.append((n * RATE // 4 + RATE // 5, 0, bytes([0x80, 60 + n * 5 % 12, 64])))
    return events


def test_a_band_plays_again_without_thinking() -> None:
    shape = TransformerConfig(32, 1, 2, 32, 16)
    rng = np.random.default_rng(1)
    arrays = {name: rng.normal(0, 0.1, size).astype(np.float32) for name, size in shape.shapes().items()}
    arrays["scores.1.bias"][2:] -= 3.0
    model = Transformer(arrays, shape, "fp32")
    members = [Member(1, 0, 40, 90), Member(54, 1, 60, 96)]

    def rig() -> Rig:
        band = Continuation(model, ContinuationConfig(members, {0: 1}, RATE, synchronous=True))
        return Rig("thru", [Instrument(0, 1, 0), Instrument(0, 2, 0)], continuation=band)

    recording, played = record(rig(), 20)
    assert played > 5
    assert again(recording, lambda _: rig()) == []
    items = {item.kind for cycle in cycles(recording) for item in cycle.items}
    assert {"in", "command", "band", "out"} <= items


def record(rig: Rig, seconds: int, audios: int = 0, outputs: int = 1) -> tuple[bytes, int]:
    """The recording of a phrase, and how many of the band's notes sounded in it."""
    flight, recording, played = Flight(), b"", 0
    sound = Sound(audios) if audios else None
    with Engine(RATE, 1, outputs, audios=audios) as engine:
        flight.attach(engine)
        engine.load(rig)
        for second in range(seconds):
            at = second * RATE
            events = [event for event in phrase() if at <= event[0] < at + RATE]
            run_offline(engine, events, at + RATE, from_frame=at, sound=sound)
            recording += flight.read()
            played += sum(report.band and report.kind == "note_on" for report in engine.poll())
        flight.detach()
    return recording + flight.read(), played


def test_a_voice_sounds_again_without_thinking() -> None:
    data = np.load(Path(__file__).parent / "data" / "singer_torch.npz")
    arrays = {name.removeprefix("array."): data[name] for name in data.files if name.startswith("array.")}
    heads = [int(one) for one in data["config.windows"]]
    weights = SingerWeights(arrays, SingerShape(TowerShape(*heads[:2]), TowerShape(*heads[2:])))

    def rig() -> Rig:
        voice = Singing(weights, SingingConfig(RATE, synchronous=True, parameters={"seed": 5}))
        return Rig("thru", singing=voice, singing_port=1, singing_channel=2)

    recording, _ = record(rig(), 4, audios=2, outputs=2)
    sounds = [n for n, c in enumerate(cycles(recording)) if any(item.kind == "audio" for item in c.items)]
    assert len(sounds) > 100
    assert again(recording, lambda _: rig(), outputs=2, audios=2) == []
    found = list(cycles(recording))
    place = sounds[len(sounds) // 2]
    other = {True: lambda item: item._replace(data=bytes([item.data[0] ^ 1, *item.data[1:]])), False: lambda item: item}
    items = tuple(other[(item.kind, item.port) == ("audio", 1)](item) for item in found[place].items)
    found[place] = found[place]._replace(items=items)
    [difference] = again(b"".join(c.encode() for c in found), lambda _: rig(), outputs=2, audios=2)
    assert difference.cycle == sum(cycle.cycles for cycle in found[:place])
    assert difference.was
    assert (difference.was.kind, difference.was.port) == ("audio", 1)


@pytest.mark.parametrize("keep", [True, False])
def test_sound_that_came_in_is_heard_again_where_it_was_kept(keep: bool) -> None:
    def rig() -> Rig:
        rack = Rack(RATE, [Strip(INPUT, inputs=(0, 1))])
        rack.add(0, builtin.make("limiter", RATE))
        return Rig("thru", rack=rack)

    heard, flight = Sound(2), Flight(sound=keep)
    noise = np.random.default_rng(2).uniform(-1, 1, (5_000, 2)).astype(np.float32)
    noise[:, 1] = 0
    heard.add(noise)
    with Engine(RATE, audios=2, audio_inputs=2) as engine:
        flight.attach(engine)
        engine.load(rig())
        run_offline(engine, [], 12_000, sound=Sound(2), heard=heard, block=100)
        flight.detach()
    recording = flight.read()
    found = list(cycles(recording))
    assert sum(item.kind == "sound" for cycle in found for item in cycle.items) == 50 * keep  # silence is not kept
    assert any(cycle.heard for cycle in found) != keep
    differs = again(recording, lambda _: rig(), audios=2, audio_inputs=2)
    assert (differs == []) == keep


def test_a_set_list_is_stepped_through_again() -> None:
    """By program changes, a pedal and control, with notes held across; slots armed late, and anew."""
    recipes: list[Recipe] = [("note", "pass", "steal", True), ("thru", "pass", "steal", False)]
    recipes += [("revise", "lengthen", "divisi", False), ("window", "ignore", "drop", True)]
    made: list[Recipe] = []

    def arm(slot: int) -> None:
        made.append(recipes[slot])
        engine.arm(slot, build(recipes[slot]))

    random = np.random.default_rng(3)
    flight, slots = Flight(), 0
    with Engine(RATE, 1, PORTS) as engine:
        flight.attach(engine)
        engine.set_slots(4, "all")
        engine.set_trigger(0, Trigger(1, 66, controller=True))
        for slot in range(4):
            engine.set_program(slot, 10 + slot)
        arm(0)
        engine.go(0)
        for n in range(400):
            at, act = n * 4096, int(random.integers(0, 8))
            if act < 2:
                arm(int(random.integers(0, 4)))
            elif act == 2:
                engine.go(int(random.integers(0, 4)))
            program = bytes([0xC0, 10 + int(random.integers(0, 4))])
            message = {3: program, 4: b"\xb0\x42\x7f", 5: b"\xb0\x42\x00"}.get(act)
            pitch = int(random.integers(40, 80))
            events = [(at + 10, 0, bytes([0x90, pitch, 70]))] + ([(at + 500, 0, message)] if message else [])
            events += [(at + 600, 0, bytes([0x80, int(random.integers(40, 80)), 0]))]
            run_offline(engine, events, at + 4096, from_frame=at)
            slots += sum(report.kind == "slot" for report in engine.poll())
        flight.detach()
    assert slots > 50
    order = iter(made)
    assert again(flight.read(), lambda _: build(next(order)), outputs=PORTS) == []


def test_silence_takes_little_room() -> None:
    flight = Flight()
    with Engine(RATE) as engine:
        flight.attach(engine)
        engine.load(Rig("thru"))
        run_offline(engine, [], 3600 * RATE, block=512)
        flight.detach()
    recording = flight.read()
    assert len(recording) < 1_000_000
    assert sum(cycle.cycles * cycle.frames for cycle in cycles(recording)) == 3600 * RATE


def test_what_a_killed_engine_left_is_part_of_it() -> None:
    box = bytearray(BLACKBOX_SIZE)
    with Engine(RATE, blackbox=box) as engine:
        engine.load(Rig("thru"))
        run_offline(engine, [(0, 0, b"\x90\x3c\x40")], 128)
    left, flight = bytes(box), Flight()
    with Engine(RATE, blackbox=bytearray(left)) as engine:
        flight.attach(engine)
        assert (0, 0, b"\x80\x3c\x40") in run_offline(engine, [], 256)
        flight.detach()
    recording = flight.read()
    with Engine(RATE, blackbox=bytearray(left)) as engine, Replay(engine, lambda _: Rig("thru")) as replay:
        assert list(replay.play(recording)) == []
    assert again(recording, lambda _: Rig("thru"))[0].was


def test_it_is_not_attached_while_a_driver_runs() -> None:
    engine, clock, flight = Engine(RATE), Clock(RATE, 64), Flight()
    flight.attach(engine)
    clock.start(engine)
    try:
        with pytest.raises(RuntimeError, match="without one"):
            flight.detach()
    finally:
        clock.stop()
    flight.detach()
    engine.close()
    with pytest.raises(ValueError, match="power of two"):
        Flight(1000)


def test_a_recording_that_is_cut_says_so() -> None:
    whole = Cycle(0, 128, 128, 0, 1, 1, 0, 0, 0, False, (Item("in", 0, 5, b"\x90\x3c\x40"),)).encode()
    assert [cycle.encode() for cycle in cycles(whole + whole)] == [whole, whole]
    for cut in range(1, len(whole)):
        with pytest.raises(ValueError, match=r"cut off|no item"):
            list(cycles(whole[:cut]))
