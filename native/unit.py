"""Python face of a unit: a plugin as the engine has it, set and watched from the control thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ripieno.native._native import ffi, lib

EFFECT, INSTRUMENT = "effect", "instrument"
ROLES = {EFFECT: lib.RP_UNIT_EFFECT, INSTRUMENT: lib.RP_UNIT_INSTRUMENT}
FAULTS = {
    lib.RP_UNIT_FINE: "",
    lib.RP_UNIT_LATE: "its sound does not come in time",
    lib.RP_UNIT_WILD: "it sent samples that are no numbers",
    lib.RP_UNIT_LOUD: "it sent samples far over full scale",
    lib.RP_UNIT_BROKEN: "it wrote nonsense into the shared memory",
    lib.RP_UNIT_AWAY: "its process has not begun yet",
}
PARAMETERS_MAX: int = lib.RP_UNIT_PARAMETERS_MAX


@dataclass(frozen=True)
class UnitState:
    """How a unit does: rp_unit_state in unit.h. fault: "" or why it is cut off, in words."""

    blocks: int
    missed: int
    latency: int
    bypassed: bool
    fault: str
    peak: tuple[float, float]


class Unit:
    """A unit, owned by Python. pointer: an rp_unit; kept: what must live as long (its memory, its compiled code)."""

    def __init__(self, pointer: Any, kept: object = None) -> None:
        """Raises MemoryError where there is none."""
        if pointer == ffi.NULL:
            raise MemoryError("no memory for a plugin")
        self.pointer, self.kept = pointer, kept

    def set(self, parameter: int, value: float) -> None:
        """A parameter by its number; heard from the next cycle on."""
        lib.rp_unit_set(self.pointer, parameter, value)

    def get(self, parameter: int) -> float:
        """What it was set to last, by whoever set it: a controller, too."""
        return float(lib.rp_unit_get(self.pointer, parameter))

    def bypass(self, bypassed: bool) -> None:
        """True: what comes in goes out, as late as before."""
        lib.rp_unit_set_bypass(self.pointer, bypassed)

    def gain(self, gain: float) -> None:
        """Of what comes out, linear."""
        lib.rp_unit_set_gain(self.pointer, gain)

    def state(self) -> UnitState:
        """How it does; the peaks are those since this was asked last."""
        raw = ffi.new("rp_unit_state *")
        lib.rp_unit_get_state(self.pointer, raw)
        peak = (raw.peak[0], raw.peak[1])
        return UnitState(raw.blocks, raw.missed, raw.latency, bool(raw.bypassed), FAULTS[raw.fault], peak)

    def free(self) -> None:
        """Give its memory back; no rack may hold it."""
        pointer, self.pointer = self.pointer, ffi.NULL
        if pointer != ffi.NULL:
            lib.rp_unit_free(pointer)
        self.kept = None

    def __del__(self) -> None:
        if getattr(self, "pointer", None):
            self.free()
