"""How a player's touch is carried over to notes that a model wrote: their loudness, and their place near the beat."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean, pstdev

from ripieno.models.continuation.representation import VELOCITY_STEP

RECENT = 32  # notes that a touch is known from
# Nobody plays exactly on the beat: what is assumed of somebody who seems to, or who has not played yet. And what is too
# much for a touch: then the notes lie on another grid, and their distance from ours says nothing.
SPREAD_LEAST, SPREAD_MOST = 0.004, 0.018  # seconds
LEAN_MOST = 0.020
_MEMORY = 0.8  # of a musician's lateness from one beat to the next
_CHORD_SPREAD = 0.25  # of the spread: how far the notes of one chord part


@dataclass(frozen=True)
class Touch:
    """What is known of a player. level: mean velocity, None where nothing was played. lean, spread: mean and standard
    deviation of how late the notes come, in seconds."""

    level: float | None
    lean: float
    spread: float


def touch_of(velocities: Sequence[int], deviations: Sequence[float]) -> Touch:
    """The touch of the last notes of a performance; deviations in seconds, late ones positive."""
    recent, late = velocities[-RECENT:], deviations[-RECENT:]
    lean = fmean(late) if late else 0.0
    spread = pstdev(late) if len(late) > 1 else 0.0
    return Touch(
        fmean(recent) if recent else None,
        max(-LEAN_MOST, min(LEAN_MOST, lean)),
        max(SPREAD_LEAST, min(SPREAD_MOST, spread)),
    )


class Feel:
    """Gives each note of the model a loudness and a place near the beat. The same seed gives the same feel.

    follow: how far the loudness goes to the player's level, 0 to 1; a difference in level, so that the model's accents
    stay. humanize: how much of the touch's lean and spread is used, 0 to 1.
    """

    def __init__(self, touch: Touch, follow: float, humanize: float, seed: int) -> None:
        self._touch, self._follow, self._humanize = touch, follow, humanize
        self._random = Random(seed)
        self._level: float | None = None  # of the model's own velocities
        self._late: dict[int, tuple[int, float]] = {}  # each instrument's last tick, and how late it was

    def velocity(self, written: int) -> int:
        """A note's velocity, from the one that the model wrote (1 to 127)."""
        weight = 1 / RECENT
        self._level = float(written) if self._level is None else (1 - weight) * self._level + weight * written
        shift = 0.0 if self._touch.level is None else self._follow * (self._touch.level - self._level)
        within_step = self._random.randrange(VELOCITY_STEP) - VELOCITY_STEP // 2  # the model only knows the step
        return max(1, min(127, round(written + shift) + within_step))

    def lateness(self, instrument: int, tick: int) -> float:
        """Seconds by which a note comes after its tick; each instrument's wanders, and a chord stays together."""
        spread = self._touch.spread * self._humanize
        last_tick, wander = self._late.get(instrument, (-1, 0.0))
        if tick != last_tick:
            fresh = (1 - _MEMORY**2) ** 0.5 * self._random.gauss(0, spread)
            wander = max(-2 * spread, min(2 * spread, _MEMORY * wander + fresh))
            self._late[instrument] = (tick, wander)
        parting = _CHORD_SPREAD * self._random.uniform(-spread, spread)
        return self._touch.lean * self._humanize + wander + parting
