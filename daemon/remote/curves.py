"""Where a control stands and what that is worth: shares of its way, curves, and the clicks of encoders."""

import math
from collections.abc import Callable, Mapping

from ripieno.daemon.learn_keys import (
    BEND,
    EXPONENTIAL,
    INVERTED,
    KEY,
    LINEAR,
    OFFSET,
    PROGRAM,
    S_SHAPED,
    SIGN,
    TWOS,
    Knob,
)

Curve = Callable[[float], float]
_STEEP = 32  # an exponential curve is so many times as steep at its end as at its beginning
_CENTRE = 8192  # of a bend


def share_of(knob: Knob, raw: int) -> float:
    """Where it stands, 0 to 1, by what it sent; a bend's centre is the middle."""
    if knob.kind != BEND or raw <= _CENTRE:
        return raw / (2 * _CENTRE if knob.kind == BEND else knob.top)
    return 0.5 + (raw - _CENTRE) / (2 * (knob.top - _CENTRE))


def raw_of(knob: Knob, share: float) -> int:
    """What it would have sent at that share, rounded."""
    if knob.kind != BEND or share <= 0.5:
        return round(share * (2 * _CENTRE if knob.kind == BEND else knob.top))
    return _CENTRE + round((share - 0.5) * 2 * (knob.top - _CENTRE))


def is_down(knob: Knob, raw: int) -> bool:
    """Whether it is pressed: a key at any velocity, another control in its upper half."""
    return raw > 0 if knob.kind == KEY else knob.kind == PROGRAM or raw > knob.top // 2


def _exponential(share: float) -> float:
    return float((_STEEP**share - 1) / (_STEEP - 1))


def _logarithmic(share: float) -> float:
    return math.log(1 + share * (_STEEP - 1)) / math.log(_STEEP)


def _s_shaped(share: float) -> float:
    return share * share * (3 - 2 * share)


def _s_shaped_back(share: float) -> float:
    return 0.5 - math.sin(math.asin(max(-1.0, min(1.0, 1 - 2 * share))) / 3)


CURVES: Mapping[str, tuple[Curve, Curve]] = {
    LINEAR: (lambda share: share, lambda share: share),
    EXPONENTIAL: (_exponential, _logarithmic),
    S_SHAPED: (_s_shaped, _s_shaped_back),
    INVERTED: (lambda share: 1 - share, lambda share: 1 - share),
}
"""From the share of a control's way to that of a value's, and back."""

CLICKS: Mapping[str, Callable[[int], int]] = {
    TWOS: lambda raw: raw - 128 if raw > 63 else raw,
    OFFSET: lambda raw: raw - 64,
    SIGN: lambda raw: 64 - raw if raw > 64 else raw % 64,
}
"""By how much an encoder was turned, by what it sent."""
