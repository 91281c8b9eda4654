"""What a voice sang, read from its reports: its line, with all that bends it."""

from collections.abc import Iterable
from math import isnan, nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ripieno.native.singing import SingingReport

FRAME_SECONDS = 0.008  # a block has two
_PITCHED = 2  # a block has a pitch whose phonation is at least this: onset, sustain


def sings(report: "SingingReport") -> bool:
    """Whether a block has a pitch."""
    return report.phonation >= _PITCHED


def share(reports: "Iterable[SingingReport]") -> float:
    """How much of the blocks have a pitch, 0 to 1."""
    blocks = [sings(report) for report in reports if report.kind == "block"]
    return sum(blocks) / max(1, len(blocks))


def line(reports: "Iterable[SingingReport]", rate: int) -> list[tuple[float, float]]:
    """(second, MIDI pitch) of each frame of the blocks, in order of time; nan once where it falls silent."""
    found: list[tuple[float, float]] = []
    for block in (report for report in reports if report.kind == "block"):
        at = block.frame / rate
        if sings(block):
            found += [(at + i * FRAME_SECONDS, block.pitch + cents / 100) for i, cents in enumerate(block.cents)]
        elif found and not isnan(found[-1][1]):
            found.append((at, nan))
    return found
