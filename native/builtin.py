"""Python face of the built-in plugins: those of our own, in C."""

from __future__ import annotations

from dataclasses import dataclass

from ripieno.native._native import ffi, lib
from ripieno.native.parameter import Parameter, parameters
from ripieno.native.unit import ROLES, Unit

SAMPLE_RATES = range(8000, 384001)
"""Hz at which they play."""


@dataclass(frozen=True)
class Builtin:
    """A plugin of our own: what it is, its role (EFFECT or INSTRUMENT), its parameters by their names."""

    name: str
    what: str
    role: str
    parameters: dict[str, Parameter]
    index: int


def _builtin(index: int) -> Builtin:
    raw = lib.rp_builtin_get(index)
    role = next(name for name, value in ROLES.items() if value == raw.role)
    name, what = (ffi.string(text).decode() for text in (raw.name, raw.what))
    return Builtin(name, what, role, parameters(raw.parameter, raw.parameters), index)


BUILTINS = {one.name: one for one in map(_builtin, range(lib.rp_builtins()))}
"""All of them, by their names."""


def make(name: str, sample_rate: int) -> Unit:
    """A built-in that plays at ``sample_rate`` Hz. Raises KeyError for a name that is none, ValueError for a rate that
    is out of range, MemoryError where there is none."""
    if sample_rate not in SAMPLE_RATES:
        raise ValueError(f"{name} plays at {SAMPLE_RATES[0]:,} to {SAMPLE_RATES[-1]:,} Hz, not at {sample_rate:,}")
    return Unit(lib.rp_unit_builtin(BUILTINS[name].index, sample_rate))
