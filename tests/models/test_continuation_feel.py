"""A player's touch carried over: as loud as he plays, near the beat as he is, never beyond bounds, the same by seed."""

from itertools import pairwise
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripieno.models.continuation.feel import (
    LEAN_MOST,
    RECENT,
    SPREAD_LEAST,
    SPREAD_MOST,
    Feel,
    Touch,
    touch_of,
)


def test_the_touch_is_that_of_the_last_notes() -> None:
    touch = touch_of([1] * 10 + [80, 100] * (RECENT // 2), [0.5] * 10 + [0.005, 0.015] * (RECENT // 2))
    assert touch == Touch(90, pytest.approx(0.010), pytest.approx(0.005))
    assert touch_of([], []) == Touch(None, 0, SPREAD_LEAST)


@given(st.lists(st.floats(-1, 1), min_size=2))
def test_a_touch_off_the_grid_is_bounded(deviations: list[float]) -> None:
    touch = touch_of([64] * len(deviations), deviations)
    assert abs(touch.lean) <= LEAN_MOST
    assert SPREAD_LEAST <= touch.spread <= SPREAD_MOST


@pytest.mark.parametrize(("follow", "wanted"), [(1.0, 40), (0.5, 65), (0.0, 90)])
def test_loudness_follows_the_player_as_far_as_asked(follow: float, wanted: int) -> None:
    feel = Feel(Touch(40, 0, SPREAD_LEAST), follow, 1, 7)
    written = [80, 100] * 200
    heard = [feel.velocity(velocity) for velocity in written]
    assert fmean(heard) == pytest.approx(wanted, abs=2)
    assert len(set(heard)) > 4  # never flat
    assert fmean(heard[1::2]) - fmean(heard[::2]) == pytest.approx(20, abs=3)  # the model's accents stay


@given(velocities=st.lists(st.integers(1, 127), max_size=50), level=st.floats(1, 127))
def test_velocities_are_midi_s(velocities: list[int], level: float) -> None:
    feel = Feel(Touch(level, 0, SPREAD_LEAST), 1, 1, 0)
    assert all(1 <= feel.velocity(velocity) <= 127 for velocity in velocities)


def test_lateness_wanders_near_the_touch_and_a_chord_stays_together() -> None:
    touch = Touch(64, 0.006, 0.010)
    feel = Feel(touch, 1, 1, 3)
    late = [feel.lateness(1, tick) for tick in range(4000)]
    assert fmean(late) == pytest.approx(touch.lean, abs=0.002)
    assert pstdev(late) == pytest.approx(touch.spread, rel=0.2)
    assert pstdev([b - a for a, b in pairwise(late)]) < touch.spread  # it wanders, it does not jump
    chord = [feel.lateness(1, 5000) for _ in range(6)]
    assert max(chord) - min(chord) <= 0.5 * touch.spread
    assert [Feel(touch, 1, 0, 3).lateness(1, tick) for tick in range(9)] == [0.0] * 9


def test_one_seed_gives_one_feel() -> None:
    def some(seed: int) -> list[float]:
        feel = Feel(Touch(60, 0, 0.01), 1, 1, seed)
        return [feel.lateness(tick % 3, tick) for tick in range(20)] + [float(feel.velocity(70)) for _ in range(20)]

    assert some(4) == some(4) != some(5)
