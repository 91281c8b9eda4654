"""Scores played: the keys are a player's, and the beats lie where the notes on them do."""

from pathlib import Path

import numpy as np
import pytest
from note_collections import notes_of, write

from ripieno.models.beats import scores, takes
from ripieno.models.beats.scores import Scored


def song(tmp_path: Path, **about: object) -> Scored:
    metre = {"split": "test", "timesig": [[0, 4, 4]], "tempo": [[0, 90.0]], **about}
    write(tmp_path, "chorales", [(metre, notes_of("chorales", 0))])
    return scores.load("chorales", tmp_path, "test")[0]


def intervals(take: takes.Take) -> np.ndarray:
    return np.asarray(np.diff(take.beats))


def test_a_steady_player_keeps_the_tempo_most_of_the_score_is_marked_with(tmp_path: Path) -> None:
    take = takes.steady(song(tmp_path, tempo=[[0, 60.0], [96, 90.0], [900, 70.0]]), np.random.default_rng(0))
    assert len(take.beats) == 40
    assert len(take.frame) == len(take.pitch) == len(take.velocity) == 160
    assert (np.diff(take.frame) >= 0).all()
    assert np.abs(intervals(take) - 60 / 90).max() < 0.05
    nearest = np.abs(take.seconds[:, None] - take.beats[None]).min(1)
    assert 0 < nearest.max() <= 0.02


def test_rubato_goes_as_far_as_ten_per_cent(tmp_path: Path) -> None:
    stray = []
    for seed in range(20):
        take = takes.rubato(song(tmp_path), np.random.default_rng(seed))
        means = np.diff(take.beats[::4]) / 4 * 90 / 60
        stray.append(np.abs(means - 1).max())
    assert 0.05 < max(stray) < 0.13


def test_without_a_tempo_one_is_drawn(tmp_path: Path) -> None:
    score = song(tmp_path, tempo=None)
    tempi = [60 / np.median(intervals(takes.steady(score, np.random.default_rng(seed)))) for seed in range(20)]
    assert 65 < min(tempi) < 90 < 110 < max(tempi) < 137


def test_a_long_piece_is_cut(tmp_path: Path) -> None:
    take = takes.steady(song(tmp_path, tempo=[[0, 30.0]]), np.random.default_rng(0))
    assert 55 < take.seconds[-1] < takes.LONGEST
    assert take.beats[-1] <= take.seconds[-1]


def test_what_somebody_played_is_taken_as_it_was(tmp_path: Path) -> None:
    score = song(tmp_path)
    assert takes.performed(score, np.random.default_rng(0)) is None
    tick = np.repeat(np.arange(10) * 24, 2)
    played = np.stack([tick, 1000 + tick * 20, np.full(20, 60), np.zeros(20)]).astype(np.int64)
    take = takes.performed(Scored(score.piece, score.beats, 24, played), np.random.default_rng(0))
    assert take is not None
    assert take.beats == pytest.approx(takes.BEFORE + 0.48 * np.arange(10))
    assert set(take.velocity.tolist()) == {64}
