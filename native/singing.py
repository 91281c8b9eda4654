"""Python face of the singing: the voice that sings along. Nothing here runs between a key and its sound.

A `Singing` is built from a singer's weights and a config, given to a `Rig`, and started; what it hears and sings goes
between the engine's process thread and its own. Off line (``synchronous``) the driver does its work at each block.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from ripieno.native._native import ffi, lib
from ripieno.native.singer import PARAMETERS, SingerWeights

KINDS = {
    lib.RP_SINGING_BLOCK: "block",
    lib.RP_SINGING_PARAMETER: "parameter",
    lib.RP_SINGING_FAULT: "fault",
}
DRUMS = 9
"""The channel (0-15) that is drums in General MIDI: what is played there is no harmony."""

_POLL = 256


@dataclass(frozen=True)
class SingingConfig:
    """What a singing is built with.

    in_channels: the player's channels (0-15) that it hears; the drums' is left out, whoever names it. lead: frames from
    a block's beginning to its sound, None for 9 ms, or two of the driver's cycles where that is longer. synchronous: no
    thread, the off-line driver does the work, and the lead does not depend on the cycles.
    """

    sample_rate: int = 48000
    in_channels: Iterable[int] = range(16)
    lead: int | None = None
    synchronous: bool = False
    parameters: Mapping[str, float] = field(default_factory=dict)


class SingingReport(NamedTuple):
    """Something that happened; see RP_SINGING_... in singing.h for the kinds.

    frame: of the driver, at which the block sounds. pitch: MIDI, of what is sung or was last, 0 for nothing yet; cents
    from it and level in dB of both of the block's frames of 8 ms. value, number: a parameter's index and value, or a
    count of faults.
    """

    kind: str
    frame: int
    block: int
    phonation: int
    pitch: int
    onset: bool
    ended: bool
    cents: tuple[float, float]
    level: tuple[float, float]
    value: int
    number: float


@dataclass(frozen=True)
class SingingStats:
    """Counts since it began: the fields of rp_singing_stats in singing.h."""

    blocks: int
    late: int
    held: int
    notes: int
    refused: int
    heard: int
    unheard: int
    faults: int
    busy: int
    longest: int
    lead: int
    sounding: int
    realtime: int
    reports_lost: int


class Singing:
    """A voice that sings along. Give it to a `Rig`; the engine must let that rig go before `close`."""

    def __init__(self, weights: SingerWeights, config: SingingConfig) -> None:
        """Raises ValueError for a sample rate or a lead out of range, or a parameter that the table does not allow."""
        self.weights = weights  # they must live as long as this
        self.config = config
        raw = ffi.new("rp_singing_config *")
        raw.sample_rate, raw.synchronous, raw.lead = config.sample_rate, config.synchronous, config.lead or 0
        raw.in_channels = sum(1 << channel for channel in set(config.in_channels) - {DRUMS})
        pointer = lib.rp_singing_new(raw, weights.pointer)
        if pointer == ffi.NULL:
            raise ValueError(
                f"no voice at {config.sample_rate} Hz with a lead of {config.lead} frames: 8,000 to 384,000 Hz,"
                " and a second of lead at most"
            )
        self.pointer: Any = ffi.gc(pointer, lib.rp_singing_free)
        self._reports = ffi.new("rp_singing_report[]", _POLL)
        for name, value in config.parameters.items():
            self.set(name, value)

    def start(self) -> None:
        """Run the worker's thread. Raises RuntimeError where there is none to be had."""
        if not self.config.synchronous and not lib.rp_singing_start(self.pointer):
            raise RuntimeError("the system gives no thread for the voice")

    def stop(self) -> None:
        """End the worker's thread; the voice is held, and fades."""
        lib.rp_singing_stop(self.pointer)

    def set(self, name: str, value: float) -> None:
        """Set a parameter. Raises ValueError for what the table does not allow."""
        if name not in PARAMETERS:
            raise ValueError(f"no parameter {name!r}; there are {', '.join(PARAMETERS)}")
        one, number = PARAMETERS[name], float(value)
        if not one.low <= number <= one.high or (one.whole and number != int(number)):
            limits = f"{'a whole number ' if one.whole else ''}from {one.low:g} to {one.high:g} {one.unit}".rstrip()
            raise ValueError(f"{name} cannot be {value}: it is {limits}")
        if not lib.rp_singing_set(self.pointer, one.index, number):
            raise BlockingIOError("the voice takes no commands: its worker does not run")

    def stall(self, on: bool) -> None:
        """For tests: the worker does nothing while this is on."""
        lib.rp_singing_stall(self.pointer, on)

    def poll(self) -> list[SingingReport]:
        """What happened since the last call."""
        reports: list[SingingReport] = []
        while count := lib.rp_singing_poll(self.pointer, self._reports, _POLL):
            reports += [_report(self._reports[i]) for i in range(count)]
        return reports

    def stats(self) -> SingingStats:
        """Counts so far."""
        out = ffi.new("rp_singing_stats *")
        lib.rp_singing_get_stats(self.pointer, out)
        return SingingStats(**{one.name: getattr(out, one.name) for one in fields(SingingStats)})

    def close(self) -> None:
        """Stop and free it. No engine may hold a rig that has it."""
        pointer, self.pointer = self.pointer, ffi.NULL
        if pointer != ffi.NULL:
            ffi.release(pointer)


def _report(one: Any) -> SingingReport:
    return SingingReport(
        KINDS[one.kind],
        one.frame,
        one.block,
        one.phonation,
        one.pitch,
        bool(one.flags & lib.RP_SUNG_ONSET),
        bool(one.flags & lib.RP_SUNG_ENDED),
        (one.cents[0], one.cents[1]),
        (one.level[0], one.level[1]),
        one.value,
        one.number,
    )
