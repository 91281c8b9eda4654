"""Runs of intervals that lines share: in any key and rhythm."""

import math

import numpy as np

from ripieno.models.singing.copying import longest_runs, merged, summary
from ripieno.models.singing.metrics import Line, line


def melody(pitches: list[int], blocks: int = 3) -> Line:
    """One note after another, each as long."""
    onset = np.zeros(len(pitches) * blocks, bool)
    onset[::blocks] = True
    return line(np.repeat(pitches, blocks), onset)


def wander(seed: int, count: int) -> list[int]:
    return list(36 + np.random.default_rng(seed).integers(0, 40, count))


def test_a_planted_run_is_found_in_another_key_and_rhythm() -> None:
    theme = wander(1, 17)
    ours = melody(wander(2, 30) + [pitch + 4 for pitch in theme] + wander(3, 30), blocks=5)
    assert longest_runs([ours, melody([60, 71])], [melody(wander(4, 90)), melody(theme)]).tolist() == [16, 0]
    assert longest_runs([melody(wander(5, 60))], [melody(theme)]) <= 2


def test_repeated_notes_count() -> None:
    assert longest_runs([melody([60] * 9)], [melody([50] * 30)]).tolist() == [8]


def test_repeated_notes_may_count_once() -> None:
    repeated = merged(melody([60, 60, 60, 62, 64, 64, 60]))
    assert repeated.note.tolist() == [60, 62, 64, 60]
    assert repeated.onset.all()
    assert longest_runs([merged(melody([60] * 9))], [merged(melody([50] * 30))]).tolist() == [0]


def test_a_summary() -> None:
    assert summary(np.arange(101)) == {"median": 50, "95th": 95, "max": 100}
    assert math.isnan(summary(np.zeros(0, np.int64))["max"])
