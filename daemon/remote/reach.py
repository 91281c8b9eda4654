"""What a control can set: the values of a node of the tree, as shares of a control's way."""

import math
from dataclasses import dataclass

from ripieno.daemon.presets import Learn
from ripieno.daemon.remote.curves import CURVES
from ripieno.daemon.remote.tree import Node, Plain, type_of
from ripieno.daemon.schema import Kind

_DIGITS = 5  # of a number, behind the first
_CLICKS = 100  # of an encoder, from one end of a number to the other, unless its row says otherwise
_PRESSES = 20  # of next and previous, likewise


def can_be_bound(node: Node) -> bool:
    """Whether a knob can set it: no text."""
    return type_of(node.kind) != "text"


@dataclass(frozen=True)
class Reach:
    """The values that a row of [[learn]] gives to a node of this kind: from low to high, the words, or off and on."""

    row: Learn
    kind: Kind

    @property
    def type(self) -> str:
        """Of the control that is set: "flag", "number", "choice"."""
        return type_of(self.kind)

    @property
    def ends(self) -> tuple[float, float]:
        """Of a number: at the lower end of the knob, and at its upper end; within what the number can be."""
        lowest, highest = self.kind.low or 0.0, self.kind.high or 0.0
        low = lowest if self.row.low is None else self.row.low
        high = highest if self.row.high is None else self.row.high
        return max(lowest, min(highest, low)), max(lowest, min(highest, high))

    def value(self, share: float) -> Plain:
        """What it is where a knob stands at that share of its way."""
        bent = CURVES[self.row.curve][0](max(0.0, min(1.0, share)))
        if self.type == "flag":
            return bent >= 0.5
        if self.type == "choice":
            return self.kind.words[min(int(bent * len(self.kind.words)), len(self.kind.words) - 1)]
        low, high = self.ends
        return self._number(low + bent * (high - low))

    def share(self, value: Plain) -> float:
        """Where a knob stands that has set that value, or the middle of such places; at an end for what is beyond."""
        back = CURVES[self.row.curve][1]
        if isinstance(value, bool):
            return back(float(value))
        if isinstance(value, str):
            words = self.kind.words
            return back((words.index(value) + 0.5) / len(words)) if value in words else 0.0
        if not isinstance(value, (int, float)):
            return 0.0
        low, high = self.ends
        return back(max(0.0, min(1.0, (value - low) / (high - low)))) if high != low else 0.0

    def turned(self, share: float, clicks: int) -> float:
        """Where it stands when an encoder was turned by so many clicks."""
        low, high = self.ends
        if self.type != "number":
            return max(0.0, min(1.0, share + clicks))
        step = self._step(_CLICKS) / abs(high - low) if high != low else 0.0
        return max(0.0, min(1.0, share + clicks * step))

    def stepped(self, value: Plain, by: int) -> Plain:
        """The next of its values, or the one before: words and switches go round, numbers stop at their ends."""
        if isinstance(value, bool):
            return not value
        if isinstance(value, str):
            words = self.kind.words
            return words[(words.index(value) + by) % len(words)] if value in words else words[0]
        low, high = sorted(self.ends)
        now = float(value) if isinstance(value, (int, float)) else low
        return self._number(max(low, min(high, now + by * self._step(_PRESSES))))

    def _step(self, parts: int) -> float:
        """Of a number, in its own units."""
        low, high = self.ends
        return self.row.step or (max(1.0, abs(high - low) / parts) if self.kind.whole else abs(high - low) / parts)

    def _number(self, value: float) -> Plain:
        if self.kind.whole:
            return round(value)
        low, high = sorted(self.ends)
        digits = _DIGITS - math.floor(math.log10(high - low)) if high > low else _DIGITS
        return max(low, min(high, round(value, max(0, digits))))
