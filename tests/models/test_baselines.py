"""The paper's rules, and what its perceptron is told, against small cases worked out by hand or by brute force."""

from itertools import combinations_with_replacement, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripieno.models.instrumentation import baselines, mlp
from ripieno.models.instrumentation.baselines import Heard
from ripieno.models.instrumentation.corpus import Piece, arrange
from ripieno.models.instrumentation.performance import as_played


def heard(notes: list[tuple[int, int, int, int]], live: bool = False) -> Heard:
    """Notes as (start, end, pitch, part), in order; a chord is what starts together."""
    start, end, pitch, label = np.array(notes, dtype=np.int64).reshape(-1, 4).T
    chord = np.append(np.flatnonzero(np.diff(start, prepend=-1)), len(notes))
    if live:
        chord = np.arange(len(notes) + 1)
    return Heard(pitch, label, start.astype(float), end.astype(float), chord, live, np.arange(len(notes)))


def score() -> Piece:
    rows = [(24 * i, 24, pitch, 0, part) for i in range(12) for part, pitch in enumerate((72, 67, 60, 48))]
    return Piece("a piece", "chorales", "test", *arrange(*np.array(rows).T), [])


def test_the_most_common_part() -> None:
    counts = np.zeros((3, 128), dtype=np.int64)
    counts[0, 60], counts[2, 70], counts[2, 30] = 5, 3, 3
    assert baselines.most_common(counts) == 2


COUNTS = st.lists(st.lists(st.integers(0, 9), min_size=6, max_size=6), min_size=2, max_size=3)


@given(COUNTS)
def test_zones_are_the_best_there_are(columns: list[list[int]]) -> None:
    counts = np.zeros((len(columns), 128), dtype=np.int64)
    counts[:, 60:66] = columns
    zones = baselines.fit_zones(counts)
    found = counts[zones.predict(np.arange(128)), np.arange(128)].sum()
    best = 0
    for order in permutations(range(len(columns))):
        for bounds in combinations_with_replacement(range(60, 67), len(columns) - 1):
            part = np.array(order)[np.searchsorted(bounds, np.arange(128), side="right")]
            best = max(best, counts[part, np.arange(128)].sum())
    assert found == best


def test_a_note_goes_to_the_part_that_was_nearest() -> None:
    piece = heard([(0, 24, 48, 1), (0, 24, 72, 0), (24, 48, 50, 1), (24, 48, 70, 0), (48, 72, 61, 0)])
    assert baselines.closest(piece, 2).tolist() == [1, 0, 1, 0, 0]


def test_a_part_does_not_play_before_it_enters() -> None:
    piece = heard([(0, 24, 72, 0), (24, 48, 50, 0), (48, 72, 49, 1), (72, 96, 46, 1)])
    assert baselines.closest(piece, 2).tolist() == [0, 0, 1, 1]


def test_parts_move_only_after_the_whole_chord() -> None:
    # 58 is nearest to part 1's 60; had it moved part 1 to 58, then 65 would be nearer to part 0's 70.
    piece = heard([(0, 24, 60, 1), (0, 24, 70, 0), (24, 48, 58, 1), (24, 48, 64, 0)])
    assert baselines.closest(piece, 2).tolist() == [1, 0, 1, 1]


def test_mono_gives_a_chord_to_different_parts() -> None:
    piece = heard([(0, 24, 60, 1), (0, 24, 70, 0), (24, 48, 58, 1), (24, 48, 64, 0)])
    assert baselines.closest_mono(piece, 2).tolist() == [1, 0, 1, 0]


def test_mono_avoids_a_part_that_still_sounds() -> None:
    piece = heard([(0, 96, 60, 1), (0, 24, 70, 0), (24, 48, 61, 0)])
    assert baselines.closest(piece, 2).tolist() == [1, 0, 1]
    assert baselines.closest_mono(piece, 2).tolist() == [1, 0, 0]


def test_mono_takes_more_notes_than_parts() -> None:
    piece = heard([(0, 24, 60, 1), (0, 24, 70, 0), (24, 48, 59, 1), (24, 48, 61, 1), (24, 48, 71, 0)])
    assert baselines.closest_mono(piece, 2).tolist() == [1, 0, 1, 1, 0]


def test_after_a_unison_parts_do_not_swap() -> None:
    piece = heard([(0, 24, 60, 0), (0, 24, 60, 1), (24, 48, 58, 1), (24, 48, 62, 0)])
    assert baselines.closest_mono(piece, 2).tolist()[2:] == [1, 0]


def test_what_is_heard_of_a_score_and_of_a_keyboard() -> None:
    piece = score()
    written = baselines.heard_written(piece)
    assert written.chord.tolist() == list(range(0, 49, 4))
    assert (written.label == piece.label).all()
    played = as_played(piece, np.random.default_rng(0))
    live = baselines.heard_live(piece, played)
    assert live.chord.tolist() == list(range(49))
    assert (np.diff(live.start) >= 0).all()
    assert (live.end > live.start).all()
    assert (live.pitch == piece.pitch[live.note]).all()


def test_features_of_a_chord_known_whole() -> None:
    features = mlp.note_features(heard([(0, 24, 48, 1), (0, 6, 60, 0), (30, 54, 72, 0)]))
    assert features[0] == pytest.approx([-1.0, np.log(25) / 3, 0.0, 0.0, 0.0, 1.0, 0.5, 0.0, 0.25])
    assert features[1] == pytest.approx([0.0, np.log(7) / 3, 1.0, 1.0, 1.0, 0.0, 0.5, 0.0, 0.25])
    assert features[2] == pytest.approx([1.0, np.log(25) / 3, 0.0, 0.0, 0.0, 0.0, 0.25, 0.25, 0.0])


def test_features_of_a_chord_as_it_arrives() -> None:
    features = mlp.note_features(heard([(0, 24, 60, 1), (1, 24, 48, 1), (1, 24, 72, 0), (40, 54, 72, 0)], live=True))
    assert features[:, 3].tolist() == [0.0, 0.0, 2.0, 0.0]
    assert features[1, 4:7] == pytest.approx([0.0, 1.0, 0.5])
    assert features[2, 4:7] == pytest.approx([1.0, 0.0, 0.75])
    assert not features[:, [1, 2, 7, 8]].any()


def test_features_of_the_parts() -> None:
    features = mlp.taught(heard([(0, 24, 60, 1), (12, 36, 72, 0), (24, 48, 67, 0)]), 2)[:, mlp.NOTE_FEATURES :]
    assert (features[0] == -1.0).all()
    # pitch, since onset, since end, still sounding; part 0 then part 1 each
    assert features[1] == pytest.approx([-1, 1.0, -1, np.log(13) / 3, -1, np.log(13) / 3, -1, 1.0])
    assert features[2] == pytest.approx(
        [5 / 12, 7 / 12, np.log(13) / 3, np.log(25) / 3, np.log(13) / 3, 0.0, 1.0, 0.0], abs=1e-6
    )


def test_the_perceptron_hears_its_own_choices() -> None:
    # Weights that give every note to part 1 after it has played, and to part 0 before.
    parts, width = 2, mlp.width(2)
    weights = {f"layers.{layer}.weight": np.zeros((mlp.HIDDEN, mlp.HIDDEN), np.float32) for layer in range(mlp.LAYERS)}
    weights["layers.0.weight"] = np.zeros((mlp.HIDDEN, width), np.float32)
    weights["layers.0.weight"][0, mlp.NOTE_FEATURES + 3 * parts + 1] = 1.0
    for layer in range(1, mlp.LAYERS):
        weights[f"layers.{layer}.weight"][0, 0] = 1.0
    weights |= {f"layers.{layer}.bias": np.zeros(mlp.HIDDEN, np.float32) for layer in range(mlp.LAYERS)}
    weights["layers.0.bias"][0] = 1.0
    weights["output.weight"] = np.zeros((parts, mlp.HIDDEN), np.float32)
    weights["output.weight"][0, 0] = 1.0
    weights["output.bias"] = np.array([-0.5, 0.0], np.float32)
    piece = heard([(0, 24, 60, 1), (24, 48, 60, 1), (48, 72, 60, 1)])
    # Taught, part 1 has played and ended (busy 0 gives 1); alone, it never has (busy -1 gives 0).
    assert mlp.forward(weights, mlp.taught(piece, parts)).argmax(axis=1).tolist() == [1, 0, 0]
    assert mlp.predict(weights, piece, parts).tolist() == [1, 0, 0]
    weights["output.bias"] = np.array([0.5, 0.0], np.float32)
    assert mlp.predict(weights, piece, parts).tolist() == [0, 0, 0]
