"""The longest run that is shared: in any key, place and instrument, and never across the end of a line."""

import numpy as np

from ripieno.models.continuation.copying import longest_runs
from ripieno.models.continuation.instruments import DRUMS
from ripieno.models.continuation.representation import Score, joined, score

PIANO, FLUTE = 1, 54


def line(pitches: list[int], code: int = PIANO, first: int = 0, step: int = 6) -> Score:
    count = len(pitches)
    tick = first + step * np.arange(count)
    return score(tick, np.full(count, step), np.full(count, code), np.array(pitches), np.full(count, 64))


def wander(seed: int, count: int, low: int = 40) -> list[int]:
    """Pitches that hardly two seeds share a run of."""
    return list(low + np.random.default_rng(seed).integers(0, 40, count))


def test_a_planted_run_is_found_in_another_key_and_instrument() -> None:
    theme = wander(1, 17)
    model = line(wander(2, 30) + theme + wander(3, 30))
    moved = line(wander(4, 11) + [pitch + 5 for pitch in theme] + wander(5, 9), FLUTE, first=7)
    collection = [line(wander(6, 200)), joined(line(wander(7, 80), FLUTE), model)]
    assert longest_runs([moved, line(wander(8, 60))], collection).tolist() == [17, 0]
    assert longest_runs([model], collection).tolist() == [77]


def test_the_rhythm_must_be_the_same() -> None:
    theme = wander(1, 20)
    assert longest_runs([line(theme, step=3)], [line(theme, step=6)]).tolist() == [0]
    late = joined(line(theme[:12]), line(theme[12:], first=12 * 6 + 1))
    assert longest_runs([late], [line(theme)]).tolist() == [12]


def test_lines_are_told_apart() -> None:
    theme = wander(1, 20)
    # The theme is split over two instruments, and over two pieces.
    hocket = joined(line(theme[:10]), line(theme[10:], FLUTE, first=60))
    assert longest_runs([hocket], [line(theme)]).tolist() == [10]
    assert longest_runs([line(theme)], [line(theme[:10]), line(theme[10:])]).tolist() == [10]
    assert longest_runs([line(theme[:10]), line(theme[10:])], [line(theme)]).tolist() == [10, 10]


def test_drums_and_short_runs_do_not_count() -> None:
    theme = wander(1, 20)
    assert longest_runs([line(theme, DRUMS)], [line(theme, DRUMS)]).tolist() == [0]
    assert longest_runs([line(theme[:4])], [line(theme)], at_least=4).tolist() == [4]
    assert longest_runs([line(theme[:4])], [line(theme)], at_least=5).tolist() == [0]
    assert longest_runs([line(theme)], []).tolist() == [0]
    assert longest_runs([], [line(theme)]).tolist() == []
