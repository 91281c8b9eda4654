"""Python face of the continuation: the band that answers. Nothing here runs between a key and its sound.

A `Continuation` is built from a transformer and a config, given to a `Rig`, and started; what it hears and plays goes
between the engine's process thread and its own. Off line (``synchronous``) the driver does its work after each cycle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

from ripieno.native._native import ffi, lib
from ripieno.native.parameter import Parameter, parameters
from ripieno.native.transformer import Sampling, Transformer

MODES = {"duet": lib.RP_MODE_DUET, "band": lib.RP_MODE_BAND}
ORIGINS = {"first note": lib.RP_ORIGIN_FIRST, "zero": lib.RP_ORIGIN_ZERO}
STATES = {
    lib.RP_STATE_LISTENING: "listening",
    lib.RP_STATE_ANSWERING: "answering",
    lib.RP_STATE_COMPING: "comping",
}
KINDS = {
    lib.RP_BAND_COMMITTED: "committed",
    lib.RP_BAND_PLANNED: "planned",
    lib.RP_BAND_DROPPED: "dropped",
    lib.RP_BAND_STATE: "state",
    lib.RP_BAND_TEMPO: "tempo",
    lib.RP_BAND_MISSED: "missed",
    lib.RP_BAND_FAULT: "fault",
    lib.RP_BAND_PARAMETER: "parameter",
    lib.RP_BAND_HEARD: "heard",
    lib.RP_BAND_LOST: "lost",
}
CHOICES: dict[str, tuple[str, ...]] = {
    "tempo_source": ("fixed", "tap", "follow"),
    "while_playing": ("yield", "comp"),
    "key_mode": ("off", "major", "minor", "auto"),
}
"""Parameters whose values have names: in the order of their numbers."""

_NOBODY = 255
_POLL = 256


PARAMETERS: dict[str, Parameter] = parameters(lib.rp_continuation_parameters(), lib.RP_SET_COUNT)
"""Every parameter by its name, in the order of the C table, which is the one source of names, ranges and meanings."""


@dataclass(frozen=True)
class Member:
    """One instrument of the band: the model's code (1-65), its place in the rig, its MIDI range, whether it plays."""

    code: int
    instrument: int
    low: int = 0
    high: int = 127
    enabled: bool = True


@dataclass(frozen=True)
class ContinuationConfig:
    """What a continuation is built with.

    player: the code that the notes of an input channel (0-15) are told as; channels that are missing are not heard.
    meter: beats a bar, 0 where not known. style: 0, or 1 + its place in the representation's STYLES. context: events
    that the model remembers. origin: beat 0 lies at the player's "first note", or at frame "zero". sampling: how each
    field is best drawn from this network; (): plainly. synchronous: no thread, the off-line driver does the work.
    """

    members: Sequence[Member]
    player: Mapping[int, int]
    sample_rate: int = 48000
    mode: str = "duet"
    origin: str = "first note"
    meter: int = 4
    style: int = 0
    context: int = 1024
    sampling: Sequence[Sampling] = ()
    synchronous: bool = False
    parameters: Mapping[str, float | str] = field(default_factory=dict)


class BandReport(NamedTuple):
    """Something that happened in the band; frames are the driver's. See RP_BAND_... in continuation.h for the kinds.

    instrument: of the rig, None for the player as the model imagines him. value: a count; number: of a parameter.
    """

    kind: str
    frame: int
    until: int
    tick: int
    serial: int
    code: int
    instrument: int | None
    pitch: int
    velocity: int
    stale: bool
    value: int
    number: float


@dataclass(frozen=True)
class BandStats:
    """Counts since the band began: the fields of rp_band_stats in continuation.h."""

    heard: int
    merged: int
    thinned: int
    unheard: int
    uncorrected: int
    planned: int
    committed: int
    dropped: int
    cancelled: int
    doubled: int
    sounded: int
    late: int
    refused: int
    due: int
    missed: int
    stale: int
    faults: int
    rows: int
    rolled_back: int
    handovers: int
    moves: int
    late_worker: int
    busy: int
    absorbed: int
    absorb_last: int
    absorb_max: int
    answers: int
    answer_last: int
    answer_max: int
    length: int
    state: int
    millibpm: int
    tick: int
    clock: int
    reports_lost: int

    @property
    def success(self) -> float:
        """Interaction success as StreamMUSE defines it: of the ticks with something due, the share that was there."""
        return 1.0 - min(self.missed + self.late, self.due) / self.due if self.due else 1.0

    @property
    def staleness(self) -> float:
        """The share of ticks with something due that were served from an older plan."""
        return self.stale / self.due if self.due else 0.0


def parameter_value(name: str, value: float | str) -> float:
    """The number of a parameter's value, which may be told by name (see CHOICES).

    Raises ValueError, saying what is allowed, for a name or value that the table does not have.
    """
    if name not in PARAMETERS:
        raise ValueError(f"no parameter {name!r}; there are {', '.join(PARAMETERS)}")
    one, choices = PARAMETERS[name], CHOICES.get(name, ())
    if isinstance(value, str):
        if value not in choices:
            raise ValueError(f"{name} cannot be {value!r}: it is {' or '.join(choices) or 'a number'}")
        return float(choices.index(value))
    number = float(value)
    if not one.low <= number <= one.high or (one.whole and number != int(number)):
        whole = "a whole number " if one.whole else ""
        raise ValueError(f"{name} cannot be {value}: it is {whole}from {one.low:g} to {one.high:g} {one.unit}".rstrip())
    return number


class Continuation:
    """A band that hears the player and answers. Give it to a `Rig`; the engine must let that rig go before `close`."""

    def __init__(self, transformer: Transformer, config: ContinuationConfig) -> None:
        """Raises ValueError for a config out of range."""
        self.transformer = transformer  # its weights must live as long as this
        self.config = config
        pointer = lib.rp_continuation_new(_described(config), transformer.pointer)
        if pointer == ffi.NULL:
            raise ValueError(
                "the continuation refuses this config: a code, range, meter, style or size of the context is wrong"
            )
        self.pointer: Any = ffi.gc(pointer, lib.rp_continuation_free)
        self._reports = ffi.new("rp_band_report[]", _POLL)
        for name, value in config.parameters.items():
            self.set(name, value)

    def start(self) -> None:
        """Run the worker's thread. Raises RuntimeError where there is none to be had."""
        if self.config.synchronous:
            return
        if not lib.rp_continuation_start(self.pointer):
            raise RuntimeError("the system gives no thread for the band")

    def stop(self) -> None:
        """End the worker's thread; what is committed still sounds."""
        lib.rp_continuation_stop(self.pointer)

    def set(self, name: str, value: float | str) -> None:
        """Set a parameter. Raises ValueError for what the table does not allow."""
        self._ask(lib.rp_continuation_set(self.pointer, PARAMETERS[name].index, parameter_value(name, value)))

    def enable(self, member: int, on: bool) -> None:
        """Let a member play, or not."""
        if not 0 <= member < len(self.config.members):
            raise ValueError(f"no member {member}: there are {len(self.config.members)}")
        self._ask(lib.rp_continuation_enable(self.pointer, member, on))

    def tap(self, frame: int = 0) -> None:
        """A beat of the tempo to be, at this frame of the driver; 0: now."""
        self._ask(lib.rp_continuation_tap(self.pointer, frame))

    def hand_over(self) -> None:
        """The band plays from the next beat on."""
        self._ask(lib.rp_continuation_hand_over(self.pointer))

    def yield_(self) -> None:
        """The band listens from the next beat on."""
        self._ask(lib.rp_continuation_yield(self.pointer))

    def stall(self, on: bool) -> None:
        """For tests: the worker does nothing while this is on."""
        lib.rp_continuation_stall(self.pointer, on)

    def look(self) -> bool:
        """One look of the worker, where no thread runs; is there more to do?"""
        return bool(lib.rp_continuation_look(self.pointer))

    def _ask(self, taken: int) -> None:
        if not taken:
            raise BlockingIOError("the band takes no commands: its worker does not run")

    def poll(self) -> list[BandReport]:
        """What happened since the last call."""
        reports: list[BandReport] = []
        while count := lib.rp_continuation_poll(self.pointer, self._reports, _POLL):
            reports += [_report(self._reports[i]) for i in range(count)]
        return reports

    def stats(self) -> BandStats:
        """Counts so far, as of the worker's last look."""
        out = ffi.new("rp_band_stats *")
        lib.rp_continuation_get_stats(self.pointer, out)
        return BandStats(**{one.name: getattr(out, one.name) for one in fields(BandStats)})

    def close(self) -> None:
        """Stop and free it. No engine may hold a rig that has it."""
        pointer, self.pointer = self.pointer, ffi.NULL
        if pointer != ffi.NULL:
            ffi.release(pointer)


def _described(config: ContinuationConfig) -> Any:
    out = ffi.new("rp_continuation_config *")
    if len(config.members) > len(out.member):
        raise ValueError(f"{len(config.members)} instruments: at most {len(out.member)}")
    out.sample_rate, out.meter, out.style, out.context = config.sample_rate, config.meter, config.style, config.context
    out.mode, out.origin, out.synchronous = MODES[config.mode], ORIGINS[config.origin], config.synchronous
    out.band = len(config.members)
    for channel, code in config.player.items():
        out.player[channel] = code
    for index, one in enumerate(config.sampling):
        out.sampling[index] = asdict(one)
    for slot, member in zip(out.member, config.members, strict=False):
        slot.code, slot.instrument, slot.low, slot.high = member.code, member.instrument, member.low, member.high
        slot.enabled = member.enabled
    return out


def _report(one: Any) -> BandReport:
    return BandReport(
        KINDS[one.kind],
        one.frame,
        one.until,
        one.tick,
        one.serial,
        one.code,
        None if one.instrument == _NOBODY else one.instrument,
        one.pitch,
        one.velocity,
        bool(one.stale),
        one.value,
        one.number,
    )
