"""A piano that is in another key from one moment on."""

import numpy as np
import pytest

from ripieno.models.singing.metrics import Piano, line
from ripieno.models.singing.surprise import is_case, moved, transposed
from ripieno.native import piano
from ripieno.native.piano import events_of


def sounding(events: np.ndarray, at: int) -> list[int]:
    """Keys that sound at a millisecond."""
    row = piano.rows(events, 1, first=at)[0]
    return [piano.LOW + int(key) for key in np.flatnonzero(row[: piano.KEYS])]


def test_what_sounds_is_struck_in_the_new_key() -> None:
    events = events_of([0, 0, 1000, 3000], [2000, 2000, 1200, 4000], [60, 64, 67, 62], [80, 70, 60, 50], [[500, 2500]])
    assert sounding(events, 1500) == [60, 64, 67]
    new = transposed(events, 1500, 3)
    assert np.all(np.diff(new["frame"].astype(np.int64)) >= 0)
    assert sounding(new, 1499) == [60, 64, 67]
    assert sounding(new, 1501) == [63, 67, 70]
    assert sounding(new, 2400) == [63, 67, 70]  # all by the pedal
    assert sounding(new, 2501) == []
    assert sounding(new, 3500) == [65]
    rows = piano.rows(new, 2, first=1500, step=1)
    assert rows[1, piano.ONSET] == pytest.approx(80 / 127)
    assert rows[1, 63 - piano.LOW] == pytest.approx(80 / 127)
    assert rows[1, 70 - piano.LOW] == pytest.approx(60 / 127)


def test_without_a_pedal_keys_end_when_they_are_released() -> None:
    new = transposed(events_of([0, 0], [2000, 1000], [60, 64], [80, 70]), 500, 11)
    assert sounding(new, 600) == [59, 63]
    assert sounding(new, 1500) == [59]
    assert sounding(new, 2500) == []


def test_keys_stay_on_the_keyboard() -> None:
    assert (moved(60, 6), moved(60, 7), moved(21, 7), moved(108, 6)) == (66, 55, 28, 102)


def test_a_case_is_a_note_within_that_no_longer_agrees() -> None:
    before, after = (Piano(np.tile(np.isin(np.arange(12), chord), (10, 1)), np.zeros(10, bool)) for chord in ([0], [1]))
    sung = line([60] * 10)
    assert is_case(sung, before, after, 5)
    assert not is_case(sung, before, before, 5)
    assert not is_case(sung, after, after, 5)
    assert not is_case(line([60] * 5 + [61] * 5), before, after, 5)
    assert not is_case(line([-1] * 10), before, after, 5)
    silent = Piano(np.zeros((10, 12), bool), np.zeros(10, bool))
    assert not is_case(sung, before, silent, 5)
