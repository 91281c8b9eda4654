"""Python face of a rack: chains of units beside each other, from what they hear to the audio ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ripieno.native._native import ffi, lib
from ripieno.native.unit import Unit

NOTES, VOICE, INPUT = "notes", "voice", "input"
SOURCES = {NOTES: lib.RP_SOURCE_NOTES, VOICE: lib.RP_SOURCE_VOICE, INPUT: lib.RP_SOURCE_INPUT}
STRIPS_MAX: int = lib.RP_STRIPS_MAX
UNITS_MAX: int = lib.RP_STRIP_UNITS_MAX
"""Units one after the other in a strip, or in the master."""

Outputs = tuple[int, int]
"""Audio outputs of the engine, left and right; the same twice: both channels on one, half of each."""


@dataclass(frozen=True)
class Strip:
    """What one chain hears, and where it leaves beside the master.

    source: "notes" (what leaves on MIDI output `port`, `channel` 0-15, None: on any), "voice", or "input" (the
    engine's audio `inputs`, left and right; the same twice: one for both). outputs: audio outputs of its own, or None.
    """

    source: str = NOTES
    port: int = 0
    channel: int | None = 0
    inputs: tuple[int, int] = (0, 1)
    outputs: Outputs | None = None


@dataclass(frozen=True)
class RackState:
    """Latencies in frames, of the whole and of its parts; peaks (left, right) since it was asked last, 1 is full."""

    latency: int
    strip_latency: tuple[int, ...]
    master_latency: int
    peak: tuple[float, float]
    strip_peak: tuple[tuple[float, float], ...]


class Rack:
    """Strips, whose sum goes through the master to the audio outputs `outputs`.

    delay_midi: what leaves on the MIDI outputs is held back by the rack's latency, to be in time with its sound. Units
    are added before a rig with this rack is loaded; the rack keeps them alive.
    """

    def __init__(
        self, sample_rate: int, strips: Sequence[Strip], outputs: Outputs = (0, 1), delay_midi: bool = False
    ) -> None:
        """Raises ValueError for what the engine refuses."""
        if len(strips) > STRIPS_MAX:
            raise ValueError(f"{len(strips)} strips: at most {STRIPS_MAX}")
        config = ffi.new("rp_rack_config *", {"sample_rate": sample_rate, "strips": len(strips)})
        for slot, strip in zip(config.strip, strips, strict=False):
            slot.source, slot.port = SOURCES[strip.source], strip.port
            slot.channel = lib.RP_ANY_CHANNEL if strip.channel is None else strip.channel
            slot.input = strip.inputs
            slot.output = strip.outputs or (lib.RP_NO_OUTPUT, lib.RP_NO_OUTPUT)
        config.output, config.delay_midi = outputs, delay_midi
        self.pointer: Any = lib.rp_rack_new(config)
        if self.pointer == ffi.NULL:
            raise ValueError("the engine refuses this rack: a port, a channel or the sample rate is wrong")
        self.sample_rate, self.strips, self.outputs = sample_rate, tuple(strips), outputs
        self.units: list[Unit] = []

    @property
    def inputs(self) -> int:
        """How many audio inputs the engine must have."""
        return max((1 + max(strip.inputs) for strip in self.strips if strip.source == INPUT), default=0)

    def add(self, strip: int | None, unit: Unit) -> None:
        """One more unit at the end of a strip, None: of the master. Raises ValueError where it cannot stand."""
        if not lib.rp_rack_add(self.pointer, lib.RP_MASTER if strip is None else strip, unit.pointer):
            where = "the master" if strip is None else f"strip {strip}"
            raise ValueError(
                f"{where} does not take this plugin: at most {UNITS_MAX} stand in a chain, and an instrument stands"
                " first in a chain of notes"
            )
        self.units.append(unit)

    def automate(
        self, unit: Unit, parameter: int, controller: int, low: float, high: float, channel: int | None = None
    ) -> None:
        """A controller (0-127) of any input moves a parameter from low, at its 0, to high, at its 127.

        channel: 0-15, None: any. Raises ValueError for what there is not, or one too many.
        """
        where = lib.RP_ANY_CHANNEL if channel is None else channel
        if not lib.rp_rack_automate(self.pointer, unit.pointer, parameter, where, controller, low, high):
            raise ValueError(f"controller {controller} cannot move parameter {parameter}")

    def state(self) -> RackState:
        """How late its sound is, and how loud."""
        raw = ffi.new("rp_rack_state *")
        lib.rp_rack_get_state(self.pointer, raw)
        count = len(self.strips)
        return RackState(
            raw.latency,
            tuple(raw.strip_latency[0:count]),
            raw.master_latency,
            (raw.peak[0], raw.peak[1]),
            tuple((one[0], one[1]) for one in raw.strip_peak[0:count]),
        )

    def free(self) -> None:
        """Give its memory back; the engine must not hold it. Its units are their owners'."""
        pointer, self.pointer = self.pointer, ffi.NULL
        if pointer != ffi.NULL:
            lib.rp_rack_free(pointer)
        self.units.clear()

    def __del__(self) -> None:
        if getattr(self, "pointer", None):
            self.free()
