"""Figures beside their controls and bounds."""

import numpy as np
import pytest

from ripieno.models.singing import judge
from ripieno.models.singing.metrics import Piano, line

C = 60


def pairs(pitch: int, count: int = 4, blocks: int = 200) -> judge.Pairs:
    """The same pitch, struck again and again, over pianos that play one class each."""
    found = []
    for index in range(count):
        classes = np.zeros((blocks, 12), bool)
        classes[:, (pitch + index) % 12] = True
        onset = np.arange(blocks) % 25 == 0
        found.append((line(np.full(blocks, pitch + index), onset), Piano(classes, onset)))
    return found


def test_the_table_has_the_controls() -> None:
    rows = judge.table(pairs(C), {0: pairs(C), 4: pairs(C + 5)})
    assert list(rows) == [
        "human line",
        "voice, follow 0",
        "voice, follow 0, another piece's piano",
        "voice, follow 0, random pitches",
        "voice, follow 4",
        "voice, follow 4, another piece's piano",
        "voice, follow 4, random pitches",
    ]
    assert rows["voice, follow 4"]["chord-tone ratio"] == 1
    assert rows["voice, follow 4, another piece's piano"]["chord-tone ratio"] == 0


def test_verdicts() -> None:
    human = pairs(C)
    silent = [(line(np.full(len(one), -1)), piano) for one, piano in human]
    met = {one.what: one.met for one in judge.verdicts(judge.table(human, {0: silent, 4: human}), 4)}
    assert not met["chord-tone ratio, follow 0"]  # no number is not enough
    assert met["chord-tone ratio, follow 4"]
    assert met["voiced share, voice / human"]
    assert met["range p5-p95, semitones"]
    assert not {one.what: one.met for one in judge.verdicts(judge.table(human, {4: silent}), 4)}[
        "voiced share, voice / human"
    ]
    assert judge.verdicts(judge.table(human, {4: human}), 4)[0].met is None
    assert [judge.near("x", value, 1.0).met for value in (0.84, 0.86, 1.14, 1.16)] == [False, True, True, False]


def test_reactions() -> None:
    classes = np.zeros((400, 12), bool)
    classes[:100, 0] = True
    classes[100:, 1] = True
    piano = Piano(classes, np.zeros(400, bool))
    moved = line(np.concatenate([np.full(110, C), np.full(290, C + 1)]))
    assert judge.reaction(moved, piano, 100, 0.02) == judge.Reaction(pytest.approx(0.18), pytest.approx(0.18))
    fell = line(np.concatenate([np.full(105, C), np.full(20, -1), np.full(275, C + 1)]))
    assert judge.reaction(fell, piano, 100, 0.0) == judge.Reaction(pytest.approx(0.4), pytest.approx(0.08))
    stays = judge.reaction(line(np.full(400, C)), piano, 100, 0.0)
    assert stays == judge.Reaction(judge.WAITED, judge.WAITED)
    row = judge.surprise([judge.reaction(moved, piano, 100, 0.02)] * 9 + [stays])
    assert row["chord tone median (ms)"] == pytest.approx(180)
    assert row["never"] == 0.1
    assert [one.met for one in judge.surprise_verdicts(row, 4)] == [True, False]


def test_it_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    rows = judge.table(pairs(C), {4: pairs(C)})
    judge.print_figures(rows)
    judge.print_verdicts(judge.verdicts(rows, 4))
    printed = capsys.readouterr().out
    for words in ("a  human line", "chord-tone ratio", "NOT MET", "ok", "not measured"):
        assert words in printed
