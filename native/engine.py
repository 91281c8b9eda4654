"""Python face of the engine: hand over rigs, hear what happens. Nothing here runs between a key and its sound."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripieno.native._native import ffi, lib
from ripieno.native.instrumenter import Instrumenter, Voice, fill
from ripieno.native.surface import TAKEN, Taken, bits_of, pointer_to
from ripieno.native.timeline import TimelineState, number_of, state_in
from ripieno.native.zone import Zone, set_zones

if TYPE_CHECKING:
    from ripieno.native.continuation import Continuation
    from ripieno.native.rack import Rack
    from ripieno.native.singing import Singing
    from ripieno.native.tap import Tap

BLACKBOX_SIZE: int = ffi.sizeof("rp_blackbox")
"""Bytes of memory that an engine's `blackbox` takes."""

ROUTES = {"thru": lib.RP_ROUTE_THRU, "ensemble": lib.RP_ROUTE_ENSEMBLE}
PEDALS = {"pass": lib.RP_PEDAL_PASS, "lengthen": lib.RP_PEDAL_LENGTHEN, "ignore": lib.RP_PEDAL_IGNORE}
KINDS = {
    lib.RP_REPORT_NOTE_IN: "note_in",
    lib.RP_REPORT_NOTE_ON: "note_on",
    lib.RP_REPORT_NOTE_OFF: "note_off",
    lib.RP_REPORT_MOVE: "move",
    lib.RP_REPORT_STOPPED: "stopped",
    lib.RP_REPORT_PANIC: "panic",
    lib.RP_REPORT_VOICE: "voice",
    lib.RP_REPORT_SLOT: "slot",
    lib.RP_REPORT_WANTED: "wanted",
    lib.RP_REPORT_CONTROL: "control",
}
SLOTS: int = lib.RP_SLOTS_MAX
"""Rigs that may wait in slots, at most."""
TRIGGERS: int = lib.RP_TRIGGERS_MAX
_WAYS = {1: lib.RP_GO_NEXT, -1: lib.RP_GO_PREVIOUS, "tap": lib.RP_GO_TAP}
_TRANSPORT = {"start": lib.RP_TRANSPORT_START, "locate": lib.RP_TRANSPORT_LOCATE, "stop": lib.RP_TRANSPORT_STOP}
_NOBODY = 255
_POLL = 256
_RETRIES = 200

Event = tuple[int, int, bytes]
"""(frame, port, MIDI bytes)"""


@dataclass(frozen=True)
class Instrument:
    """Where one instrument's notes leave: port, channel (0-15), notes at once (0: any number), what the player's
    pedal does ("pass", "lengthen", "ignore"), General MIDI program (0-127) sent when the rig begins, or None.

    mpe: it speaks MIDI Polyphonic Expression and has all of its port, where `channel` (0 or 15) is its zone's manager.
    bend: semitones of a full pitch bend of a note, 0: 2, with mpe 48. level: controller 7 of its channel, 0-127, None:
    as synthesisers begin."""

    port: int
    channel: int
    polyphony: int = 1
    pedal: str = "pass"
    program: int | None = None
    mpe: bool = False
    bend: int = 0
    level: int | None = None


@dataclass(frozen=True)
class Trigger:
    """What changes to the next slot (step 1) or the previous one (step -1), or taps a beat ("tap"), and is not played:
    a key or, with `controller`, a pedal or another controller that goes to 64 or above. channel: 0-15, None: any."""

    step: int | str
    number: int
    controller: bool = False
    channel: int | None = None


class Report(NamedTuple):
    """Something that happened in the engine; frames are the driver's. See RP_REPORT_... in engine.h for the kinds."""

    kind: str
    frame: int
    key_frame: int
    port: int
    channel: int
    pitch: int
    velocity: int
    instrument: int | None
    from_: int | None
    fallback: bool
    late: bool
    shared: bool
    value: int
    band: bool = False  # a note of the continuation's, not of the player's
    sung: bool = False  # of the line that the voice sings; it has no instrument


@dataclass(frozen=True)
class Stats:
    """Counts since the engine began: the fields of rp_stats in engine.h."""

    cycles: int
    frames: int
    notes_in: int
    notes_out: int
    offs_out: int
    fallback: int
    moved: int
    shared: int
    dropped: int
    late: int
    lost: int
    stolen: int
    expired: int
    orphans: int
    malformed: int
    reports_lost: int
    max_delay: int
    sounding: int
    backlog: int
    latency: int = 0  # frames, now: of the rig's rack
    delay: int = 0  # frames, now: by which MIDI outputs are held back
    changes: int = 0  # from slot to slot
    lingering: int = 0  # now: racks of earlier rigs that still sound


@dataclass(frozen=True)
class ClockState:
    """The clock as of one cycle.

    timeline: tempo, beat, whether it rolls and follows. frame: the cycle's first; nanoseconds: when that cycle began,
    by time.monotonic_ns, 0: nothing ran yet, or it is not known. player_bpm: of the player's own beats, None: there are
    none; confidence: 0..1, how sure they are. ticks, lost: of MIDI clock, heard, and missing in between; sent: ticks
    that left.
    """

    timeline: TimelineState
    confidence: float
    frame: int
    nanoseconds: int
    ticks: int
    lost: int
    sent: int
    player_bpm: float | None

    @property
    def source(self) -> str:
        """Whom it follows: a name of ripieno.native.timeline.SOURCES."""
        return self.timeline.source


class Rig:
    """A preset made ready to play.

    `in_channels` are the input channels (0-15) listened to; `expiry_frames` 0 means never; `delay_frames` is the chord
    window of an instrumenter that decides when the window closes. `continuation` hears the player and plays the rig's
    instruments, `singing` sings along, its line as MIDI on `singing_channel` (0-15) of the output `singing_port`.
    `rack` makes sound of what leaves; without one the voice sounds on the audio outputs `voice_outputs`, None: on all.
    `zones` split and merge its inputs; with none, all that comes in plays the ensemble. `through` is the output on
    which all leaves that goes straight through, None: each input's own, or the last.
    All three must live until the engine has let the rig go. Raises ValueError for what the engine refuses.
    """

    def __init__(
        self,
        route: str,
        instruments: Sequence[Instrument] = (),
        instrumenter: Instrumenter | None = None,
        *,
        in_channels: Iterable[int] = range(16),
        budget: int = 32,
        expiry_frames: int = 0,
        delay_frames: int = 0,
        continuation: Continuation | None = None,
        singing: Singing | None = None,
        singing_port: int = 0,
        singing_channel: int = 0,
        rack: Rack | None = None,
        voice_outputs: Iterable[int] | None = None,
        zones: Sequence[Zone] = (),
        through: int | None = None,
    ) -> None:
        config = ffi.new("rp_rig_config *")
        config.route = ROUTES[route]
        config.in_channels = sum(1 << c for c in set(in_channels))
        if len(instruments) > len(config.instrument):
            raise ValueError(f"{len(instruments)} instruments: at most {len(config.instrument)}")
        config.instruments = len(instruments)
        for slot, one in zip(config.instrument, instruments, strict=False):
            slot.port, slot.channel, slot.polyphony = one.port, one.channel, one.polyphony
            slot.pedal = PEDALS[one.pedal]
            slot.send_program, slot.program = one.program is not None, one.program or 0
            slot.mpe, slot.bend = one.mpe, one.bend
            slot.level = 0 if one.level is None else one.level + 1
        config.budget, config.expiry, config.delay = budget, expiry_frames, delay_frames
        config.through = 0 if through is None else through + 1
        pointer = instrumenter.release() if instrumenter else ffi.NULL
        self.instrumenter = instrumenter  # keeps the weights alive as long as the rig
        self.pointer: Any = lib.rp_rig_new(config, pointer)
        if self.pointer == ffi.NULL:
            lib.rp_instrumenter_free(pointer)
            raise ValueError("the engine refuses this rig: a port, channel, program or number of instruments is wrong")
        self.continuation = continuation  # kept alive as long as the rig
        if continuation:
            lib.rp_rig_set_continuation(self.pointer, continuation.pointer)
        self.singing = singing  # likewise
        if singing and not lib.rp_rig_set_singing(self.pointer, singing.pointer, singing_port, singing_channel):
            raise ValueError(f"the voice cannot sing on output {singing_port}, channel {singing_channel}")
        if voice_outputs is not None:
            lib.rp_rig_set_voice_outputs(self.pointer, sum(1 << output for output in set(voice_outputs)))
        self.origin: Callable[[], dict[str, Any]] = dict  # what it was made from, for whoever records
        if zones:
            set_zones(self.pointer, zones)
        self.rack = rack  # likewise
        if rack:
            lib.rp_rig_set_rack(self.pointer, rack.pointer)

    def free(self) -> None:
        """Give its memory back; the engine must not hold it."""
        pointer, self.pointer = self.pointer, ffi.NULL
        lib.rp_rig_free(pointer)

    def disown(self) -> Any:
        """The C rig, now somebody else's to free."""
        pointer, self.pointer = self.pointer, ffi.NULL
        return pointer

    def __del__(self) -> None:
        if getattr(self, "pointer", ffi.NULL) != ffi.NULL:
            self.free()


class Engine:
    """The engine, from the control thread's side.

    `blackbox` is writable memory of BLACKBOX_SIZE bytes, best shared with a file: what sounded when a process was
    killed is in it, and the next engine that is given it sends the missing note-offs first. `audios`,
    `audio_inputs`: audio ports, at most 16 each.
    """

    def __init__(
        self,
        sample_rate: int,
        inputs: int = 1,
        outputs: int = 1,
        *,
        audios: int = 0,
        audio_inputs: int = 0,
        blackbox: Any = None,
    ) -> None:
        self.drivers = 0  # that run it now; they keep this count
        self.shifts, self.sound_shift = [0] * outputs, 0  # frames by which MIDI outputs, and sound, leave later
        ports = {"inputs": inputs, "outputs": outputs, "audios": audios, "audio_inputs": audio_inputs}
        config = ffi.new("rp_engine_config *", {"sample_rate": sample_rate, **ports})
        if blackbox is not None:
            memory = ffi.from_buffer(blackbox, require_writable=True)
            if len(memory) != BLACKBOX_SIZE:
                raise ValueError(f"the black box has {len(memory)} bytes, not {BLACKBOX_SIZE}")
            self._memory = memory
            config.blackbox = ffi.cast("rp_blackbox *", memory)
        self.sample_rate, self.inputs, self.outputs = sample_rate, inputs, outputs
        self.audios, self.audio_inputs = audios, audio_inputs
        self.pointer: Any = lib.rp_engine_new(config)
        if self.pointer == ffi.NULL:
            audio = f", {audio_inputs} audio inputs and {audios} audio outputs" if audios or audio_inputs else ""
            raise ValueError(f"no engine with {inputs} inputs and {outputs} outputs{audio} at {sample_rate} Hz")
        self.lent: Callable[[int, Rig], None] | None = None  # told of each rig, by its address, before it is played
        self._rigs: dict[int, Rig] = {}  # every rig the engine may hold, by its C pointer
        self._reports = ffi.new("rp_report[]", _POLL)
        self._backlog: list[Report] = []

    def load(self, rig: Rig) -> None:
        """Play by this rig from the next cycle on. Notes that sound keep their routes.

        Raises ValueError for a voice or a rack at another sample rate, and for a rack that hears inputs we do not have.
        """
        self._check(rig)
        pointer = self.lend(rig)
        self._ask(lambda: lib.rp_engine_load(self.pointer, pointer))

    def _check(self, rig: Rig) -> None:
        rate = rig.singing.config.sample_rate if rig.singing else self.sample_rate
        if rate != self.sample_rate:
            raise ValueError(f"the voice sings at {rate} Hz, the engine at {self.sample_rate} Hz")
        rack = rig.rack
        if rack and rack.sample_rate != self.sample_rate:
            raise ValueError(f"the rack plays at {rack.sample_rate} Hz, the engine at {self.sample_rate} Hz")
        if rack and rack.inputs > self.audio_inputs:
            raise ValueError(f"the rack hears audio input {rack.inputs - 1}, the engine has {self.audio_inputs}")

    def lend(self, rig: Rig) -> Any:
        """The C rig, which the engine may hold from now on, until `poll` hears that it has let it go."""
        pointer = rig.disown()
        address = int(ffi.cast("uintptr_t", pointer))
        self._rigs[address] = rig
        if self.lent:
            self.lent(address, rig)
        return pointer

    def set_slots(self, count: int, program_channel: int | str | None = None) -> None:
        """How many slots there are, and the input channel (0-15, "all", None: none) whose program changes mean them."""
        channels = {None: lib.RP_NEITHER_CHANNEL, "all": lib.RP_EVERY_CHANNEL}
        channel = program_channel if isinstance(program_channel, int) else channels[program_channel]
        self._slot_below(count, SLOTS + 1)
        self._ask(lambda: lib.rp_engine_set_slots(self.pointer, count, channel))

    def set_program(self, slot: int, program: int | None, bank: int = 0) -> None:
        """The program change (0-127, after a bank select of 0-16383) that changes to a slot; None: none does."""
        self._slot_below(slot, SLOTS)
        number = lib.RP_NO_PROGRAM if program is None else bank << 7 | program
        self._ask(lambda: lib.rp_engine_set_program(self.pointer, slot, number))

    def set_trigger(self, which: int, trigger: Trigger | None) -> None:
        """What changes to the next or the previous slot, or taps: one of up to TRIGGERS, None: none."""
        self._slot_below(which, TRIGGERS)
        raw = ffi.NULL
        if trigger:
            channel = lib.RP_EVERY_CHANNEL if trigger.channel is None else trigger.channel
            raw = ffi.new("rp_trigger *", (_WAYS[trigger.step], trigger.controller, trigger.number, channel))
        self._ask(lambda: lib.rp_engine_set_trigger(self.pointer, which, raw))

    def hear_controls(self, told: frozenset[str], kept: frozenset[str] = frozenset()) -> None:
        """Report "control" (see surface.py) for these kinds from now on. kept: nothing of these is played."""
        self._ask(lambda: lib.rp_engine_hear_controls(self.pointer, bits_of(told), bits_of(kept)))

    def take_control(self, which: int, taken: Taken | None) -> None:
        """A control that is not played while its kind is told: one of up to TAKEN, None: none. What lets go is."""
        self._slot_below(which, TAKEN)
        raw = pointer_to(taken)
        self._ask(lambda: lib.rp_engine_take_control(self.pointer, which, raw))

    def tell(self, port: int, data: bytes) -> None:
        """A message of 1 to 3 bytes for faders and lamps, out of a MIDI output at once; no panic takes it back."""
        if not 0 <= port < self.outputs or not 1 <= len(data) <= 3:
            raise ValueError(f"{data.hex()} to MIDI output {port}: 1 to 3 bytes, and there are {self.outputs} outputs")
        self._ask(lambda: lib.rp_engine_tell(self.pointer, port, data, len(data)))

    def arm(self, slot: int, rig: Rig | None) -> None:
        """Let a rig wait in a slot, None: nobody. It stays there, also while it plays and afterwards.

        The one before is given back, once it plays no more. Raises ValueError as `load` does.
        """
        self._slot_below(slot, SLOTS)
        if rig:
            self._check(rig)
        pointer = self.lend(rig) if rig else ffi.NULL
        self._ask(lambda: lib.rp_engine_arm(self.pointer, slot, pointer))

    def go(self, slot: int) -> None:
        """Change to a slot's rig from the next cycle on, or as soon as it is armed. A report "slot" tells of it."""
        self._slot_below(slot, SLOTS)
        self._ask(lambda: lib.rp_engine_go(self.pointer, slot))

    @staticmethod
    def _slot_below(number: int, end: int) -> None:
        if not 0 <= number < end:
            raise ValueError(f"{number} is not from 0 to {end - 1}")

    def set_clock(
        self, source: str, inputs: Iterable[int] = (), outputs: Iterable[int] = (), on: bool = True, bpm: float = 0.0
    ) -> None:
        """Whom the clock follows (a name of timeline.SOURCES), at which MIDI inputs it hears MIDI clock, which is not
        played then, on which MIDI outputs it sends it; bpm: of the internal clock, 0: as it was. Where it was off it
        begins at beat 0 and stands. Raises ValueError for no such source, port or tempo."""
        if bpm and not lib.RP_BPM_MIN <= bpm <= lib.RP_BPM_MAX:
            raise ValueError(f"{bpm:g} BPM is no tempo: {lib.RP_BPM_MIN} to {lib.RP_BPM_MAX}")
        heard, told = _bits(inputs, self.inputs, "input"), _bits(outputs, self.outputs, "output")
        raw = ffi.new("rp_conductor_config *", (number_of(source), heard, told, on, bpm))
        self._ask(lambda: lib.rp_engine_set_conductor(self.pointer, raw))

    def observe(self, source: str, frame: int, beat: float) -> None:
        """A source that Python hears was at this beat of its own count at that frame, past or soon to come."""
        self._ask(lambda: lib.rp_engine_observe(self.pointer, number_of(source), frame, beat))

    def transport(self, source: str, what: str, frame: int = 0, own: float = 0.0, beat: float = 0.0) -> None:
        """The source's transport does "start", "locate" or "stop" at `frame`, 0: at once; its own beat `own` is `beat`
        there. What "internal" does holds for "tap", "player" and "midi" where these are followed."""
        number = _TRANSPORT[what]
        self._ask(lambda: lib.rp_engine_transport(self.pointer, number_of(source), number, frame, own, beat))

    def tap(self, frame: int = 0) -> None:
        """Somebody tapped a beat at that frame, 0: now."""
        self._ask(lambda: lib.rp_engine_tap(self.pointer, frame))

    def clock(self) -> ClockState:
        """The clock as of the last cycle."""
        out = ffi.new("rp_conductor_state *")
        lib.rp_engine_get_conductor(self.pointer, out)
        return ClockState(
            state_in(out.timeline),
            out.confidence,
            out.frame,
            out.nanoseconds,
            out.ticks,
            out.lost,
            out.sent,
            out.player_bpm or None,
        )

    def holds(self, rig: Rig) -> bool:
        """Whether it may still play a rig that it was given: not before `poll` has heard that it does not."""
        return any(one is rig for one in self._rigs.values())

    def panic(self) -> None:
        """Silence everything, at once."""
        self._ask(lambda: lib.rp_engine_panic(self.pointer))

    def stop(self) -> None:
        """Release every note and play nothing more; a "stopped" report follows."""
        self._ask(lambda: lib.rp_engine_stop(self.pointer))

    def set_voice(self, instrument: int, voice: Voice, slot: int | None = None) -> None:
        """Switch an instrument on or off, or say where its hand lies, while playing. slot: of that slot's rig, whether
        it plays or waits; None: of the rig that plays."""
        value = ffi.new("rp_voice *")
        fill(value, voice)
        if slot is None:
            self._ask(lambda: lib.rp_engine_set_voice(self.pointer, instrument, value))
        else:
            self._slot_below(slot, SLOTS)
            self._ask(lambda: lib.rp_engine_set_slot_voice(self.pointer, slot, instrument, value))

    def set_level(self, instrument: int, level: int, slot: int | None = None) -> None:
        """An instrument's controller 7, 0-127: sent now if its rig plays, and whenever that begins. slot: likewise."""
        if not 0 <= level <= 127:
            raise ValueError(f"{level} is no level: 0 to 127")
        if slot is not None:
            self._slot_below(slot, SLOTS)
        place = lib.RP_NO_SLOT if slot is None else slot
        self._ask(lambda: lib.rp_engine_set_level(self.pointer, place, instrument, level))

    def set_tap(self, tap: Tap | None) -> None:
        """Copy all that comes in and leaves to this tap. No driver may run it; the tap must live until it is taken
        away, or the engine closed."""
        if self.drivers:
            raise RuntimeError("a driver runs this engine: give it its tap before")
        self._tap = tap  # kept alive
        lib.rp_engine_set_tap(self.pointer, tap.pointer if tap else ffi.NULL)

    def shift_port(self, port: int, frames: int) -> None:
        """What leaves on this MIDI output is so many frames later from now on: its device is quicker than others."""
        if not lib.rp_engine_shift_port(self.pointer, port, frames):
            raise ValueError(f"no MIDI output {port}: there are {self.outputs}")
        self.shifts[port] = frames

    def shift_sound(self, frames: int) -> None:
        """The same for all audio outputs. ValueError: there are none, or it is too much."""
        if not lib.rp_engine_shift_sound(self.pointer, frames):
            raise ValueError(f"sound cannot be {frames} frames later: at most {lib.RP_LATENCY_MAX}, on audio outputs")
        self.sound_shift = frames

    def _ask(self, command: Any) -> None:
        """Put a command in the ring. It is drained each cycle, so a full one means that no driver runs."""
        for _ in range(_RETRIES):
            if command():
                return
            self._backlog += self._poll()
            time.sleep(0.005)
        raise BlockingIOError("the engine takes no commands: its driver does not run")

    def poll(self) -> list[Report]:
        """What happened since the last call. Rigs that the engine let go are freed here."""
        reports, self._backlog = self._backlog, []
        return reports + self._poll()

    def _poll(self) -> list[Report]:
        reports = []
        while count := lib.rp_engine_poll(self.pointer, self._reports, _POLL):
            for i in range(count):
                one = self._reports[i]
                if one.kind == lib.RP_REPORT_RIG:
                    self._free_rig(one.pointer)
                else:
                    reports.append(_report(one))
        return reports

    def _free_rig(self, pointer: Any) -> None:
        del self._rigs[int(ffi.cast("uintptr_t", pointer))]
        lib.rp_rig_free(ffi.cast("rp_rig *", pointer))

    def stats(self) -> Stats:
        """Counts so far, as of the last cycle."""
        out = ffi.new("rp_stats *")
        lib.rp_engine_get_stats(self.pointer, out)
        return Stats(**{field.name: getattr(out, field.name) for field in fields(Stats)})

    def close(self) -> None:
        """Free the engine and its rigs. Raises RuntimeError while a driver runs it."""
        if self.drivers:
            raise RuntimeError("a driver runs this engine: stop it before closing the engine")
        pointer, self.pointer = self.pointer, ffi.NULL
        if pointer != ffi.NULL:
            lib.rp_engine_free(pointer)
        self._rigs.clear()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Under a driver that still runs its memory is in use: rather a leak than that.
        if getattr(self, "pointer", ffi.NULL) != ffi.NULL and not self.drivers:
            self.close()


def _bits(ports: Iterable[int], count: int, kind: str) -> int:
    """A bit for each port."""
    wanted = set(ports)
    if beyond := [port for port in wanted if not 0 <= port < count]:
        raise ValueError(f"no MIDI {kind} {beyond[0]}: there are {count}")
    return sum(1 << port for port in wanted)


def _report(one: Any) -> Report:
    return Report(
        KINDS[one.kind],
        one.frame,
        one.key_frame,
        one.port,
        one.channel,
        one.pitch,
        one.velocity,
        None if one.instrument == _NOBODY else one.instrument,
        None if getattr(one, "from") == _NOBODY else getattr(one, "from"),
        bool(one.flags & lib.RP_NOTE_FALLBACK),
        bool(one.flags & lib.RP_NOTE_LATE),
        bool(one.flags & lib.RP_NOTE_SHARED),
        one.value,
        bool(one.flags & lib.RP_NOTE_BAND),
        bool(one.flags & lib.RP_NOTE_SUNG),
    )


class Sound:
    """Sound of some channels that grows: with each `run_offline` that is given it by what the audio outputs gave."""

    def __init__(self, channels: int = 1) -> None:
        """ValueError: not 1 to 16 channels."""
        if not 1 <= channels <= lib.RP_PORTS_MAX:
            raise ValueError(f"{channels} channels of sound: 1 to {lib.RP_PORTS_MAX}")
        self.channels = channels
        self.pointer = ffi.gc(lib.rp_sound_new(channels), lib.rp_sound_free)

    def __len__(self) -> int:
        return int(lib.rp_sound_frames(self.pointer))

    def samples(self) -> NDArray[np.float32]:
        """float32 [frames, channels] of all so far, a copy; 1.0 is full scale."""
        count = len(self) * self.channels
        raw = ffi.buffer(lib.rp_sound_samples(self.pointer), 4 * count) if count else b""
        return np.frombuffer(raw, np.float32).reshape(-1, self.channels).copy()

    def add(self, samples: NDArray[np.float32]) -> None:
        """Lengthen it by [frames, channels]. Raises ValueError for another number of channels."""
        if samples.ndim != 2 or samples.shape[1] != self.channels:
            raise ValueError(f"sound of shape {samples.shape} for {self.channels} channels")
        columns = [np.ascontiguousarray(column, np.float32) for column in samples.T]
        pointers = ffi.new("float *[]", [ffi.from_buffer("float[]", column) for column in columns])
        if len(samples) and not lib.rp_sound_add(self.pointer, pointers, len(samples)):
            raise MemoryError("no memory for sound")

    def clear(self) -> None:
        """Forget it."""
        lib.rp_sound_clear(self.pointer)


def run_offline(
    engine: Engine,
    events: Iterable[Event],
    until_frame: int,
    *,
    from_frame: int = 0,
    block: int = 128,
    lost: int = 0,
    connected: int = 0xFFFF,
    room: int = 0,
    sound: Sound | None = None,
    heard: Sound | None = None,
) -> list[Event]:
    """Run the engine from one frame to another as fast as it goes, on events sorted by frame; returns what it sent.

    The engine keeps its state, so that a long piece can be run in parts, each with its own events. `lost` has a bit for
    each input port that went away before `from_frame`, `connected` one for each output port that somebody listens to;
    `room` is how many bytes a port takes in a block, 0 for any number. `sound` grows by what the audio outputs give;
    `heard` is what comes in at the audio inputs from `from_frame` on, then silence.
    """
    tape_in = ffi.gc(lib.rp_tape_new(), lib.rp_tape_free)
    tape_out = ffi.gc(lib.rp_tape_new(), lib.rp_tape_free)
    if tape_in == ffi.NULL or tape_out == ffi.NULL:
        raise MemoryError("no memory for a tape")
    for frame, port, data in events:
        if not lib.rp_tape_add(tape_in, frame, port, data, len(data)):
            raise MemoryError("no memory for a tape")
    span = ffi.new("rp_offline_span *", (from_frame, until_frame, block, lost, connected, room))
    span.sound = ffi.NULL if sound is None else sound.pointer  # an empty one is false
    span.input = ffi.NULL if heard is None else heard.pointer
    if not lib.rp_offline_run(engine.pointer, tape_in, tape_out, span):
        raise MemoryError("no memory for what the engine sends")
    return [_event(lib.rp_tape_get(tape_out, i)) for i in range(lib.rp_tape_count(tape_out))]


def _event(one: Any) -> Event:
    return one.frame, one.port, bytes(ffi.buffer(one.data, one.size))
