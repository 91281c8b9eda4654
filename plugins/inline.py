"""A plugin that is a unit in our own process: what built-ins, SoundFonts and compiled functions have in common."""

from __future__ import annotations

from collections.abc import Sequence

from ripieno.native.unit import Unit
from ripieno.plugins.base import Hosted, Parameter, PluginError, Standing


class Inline(Hosted):
    """A unit, and the table of its parameters [unit.parameters] in the unit's order. It has no state beside them."""

    def __init__(self, spec: str, name: str, role: str, parameters: Sequence[Parameter], unit: Unit) -> None:
        self.spec, self.name, self.role, self.unit = spec, name, role, unit
        self.parameters = tuple(parameters)
        self._index = {one.name: index for index, one in enumerate(self.parameters)}

    def set(self, name: str, value: float) -> None:
        """Set a parameter; heard from the next block on. Raises PluginError for a name or a value that it has not."""
        if name not in self._index:
            known = ", ".join(self._index) or "none"
            raise PluginError(f"{self.spec} has no parameter {name!r}; it has: {known}")
        one, number = self.parameters[self._index[name]], float(value)
        if not one.low <= number <= one.high or (one.whole and number != int(number)):
            limits = f"{'a whole number ' if one.whole else ''}from {one.low:g} to {one.high:g} {one.unit}".rstrip()
            raise PluginError(f"{self.spec}: {name} cannot be {value:g}: it is {limits}")
        self.unit.set(self._index[name], number)

    def values(self) -> dict[str, float]:
        """What every parameter was set to last, by name: by a controller, too."""
        return {name: _short(self.unit.get(index)) for name, index in self._index.items()}

    def state(self) -> bytes:
        """None beside the parameters."""
        return b""

    def standing(self) -> Standing:
        """How it does."""
        now = self.unit.state()
        return Standing(now.latency, now.blocks, now.missed, now.fault, now.peak)

    def close(self) -> None:
        """Give its memory back; its unit is in no rack any more."""
        self.unit.free()


def _short(value: float) -> float:
    """A unit keeps single precision: 0.35, not 0.3499999940395355."""
    return float(f"{value:.7g}")
