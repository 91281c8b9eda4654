"""Numbers that may be set while playing, as the C tables have them: the one source of names, ranges and meanings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ripieno.native._native import ffi


@dataclass(frozen=True)
class Parameter:
    """A number that may be set while playing: its unit, what it does, its range, its usual value; ``whole``: only
    whole numbers."""

    name: str
    unit: str
    what: str
    low: float
    high: float
    usual: float
    whole: bool
    index: int


def parameters(table: Any, count: int) -> dict[str, Parameter]:
    """Every parameter of a C table [count] by its name, in the table's order."""
    found = {}
    for index in range(count):
        one = table[index]
        name, unit, what = (ffi.string(text).decode() for text in (one.name, one.unit, one.what))
        found[name] = Parameter(name, unit, what, one.low, one.high, one.usual, bool(one.whole), index)
    return found
