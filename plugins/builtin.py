"""The plugins of our own, in C: one file a plugin there, one table that lists them (native/src/builtin.c)."""

from __future__ import annotations

from collections.abc import Iterable

from ripieno.native import builtin, parameter
from ripieno.plugins.base import Hosted, Parameter, PluginError
from ripieno.plugins.inline import Inline


def table(native: Iterable[parameter.Parameter]) -> tuple[Parameter, ...]:
    """A C table of parameters in the words of the contract."""
    return tuple(Parameter(p.name, p.usual, p.low, p.high, p.unit, p.what, p.whole) for p in native)


def open(name: str, sample_rate: int, period: int, state: bytes | None = None) -> Hosted:
    """A built-in by its name. It has no state beside its parameters, and any period will do.

    Raises PluginError where there is none of that name, or it cannot play at ``sample_rate`` Hz.
    """
    if name not in builtin.BUILTINS:
        raise PluginError(f"there is no built-in plugin {name!r}; there are {', '.join(builtin.BUILTINS)}")
    one = builtin.BUILTINS[name]
    try:
        unit = builtin.make(name, sample_rate)
    except (ValueError, MemoryError) as error:
        raise PluginError(str(error)) from None
    return Inline(name, name, one.role, table(one.parameters.values()), unit)
