"""Habits are counted by age, and the biases move towards people's."""

from pathlib import Path

import numpy as np
import pytest
import tiny_singer
from singing_songs import write_songs

from ripieno.models.singing import settle, stored
from ripieno.models.singing.excerpts import draw
from ripieno.models.singing.metrics import Line, line


def sung(*notes: tuple[int, int]) -> Line:
    """Notes (pitch, blocks) one after another; -1 is silence. Each begins, the same pitch again too."""
    pitch = [one for one, blocks in notes for _ in range(blocks)]
    return line(pitch, [place == 0 for _, blocks in notes for place in range(blocks)])


def habits(*lines: Line) -> settle.Habits:
    """Of people's lines."""
    return settle.total([settle.habits(one, settle.phonation_of(one)) for one in lines])


def test_people_breathe_before_a_note_where_there_is_room() -> None:
    found = settle.phonation_of(sung((60, 2), (-1, 30), (62, 2), (62, 3), (-1, 19), (60, 1), (-1, 40)))
    rest, breath, onset, sustain = range(4)
    expected = [onset, sustain] + [rest] * 14 + [breath] * 16 + [onset, sustain, onset, sustain, sustain]
    assert found.tolist() == [*expected, *[rest] * 19, onset, *[rest] * 40]


def test_habits_are_counted_by_age() -> None:
    found = habits(sung((60, 10), (64, 4), (-1, 30), (65, 8), (-1, 3)))
    # 14 blocks of rest, then a breath of 16, then a note; 2 more at the end, whose next is known.
    assert found.breath[:5].tolist() == [[6, 0], [4, 0], [3, 0], [3, 1], [0, 0]]
    assert found.start.sum(0).tolist() == [16, 0]
    # Notes of 10, 4 and 8 blocks: what they are in their first six blocks, and then.
    assert found.again[:2].tolist() == [[16, 0], [6, 1]]
    assert found.end[:2].tolist() == [[16, 1], [6, 1]]
    assert found.kinds.tolist() == [0, 1, 1, 0]
    assert habits(sung((60, 4), (-1, 10), (60, 2))).start[:3].tolist() == [[4, 0], [4, 0], [2, 1]]
    assert habits(sung((60, 10)), sung((60, 10), (60, 2))).kinds.tolist() == [1, 0, 0, 0]


def test_biases_move_by_the_difference_of_the_logits(tmp_path: Path) -> None:
    arrays = dict(stored.read(tiny_singer.write(tmp_path)).arrays)
    often, seldom = habits(sung(*((60, 20), (-1, 30)) * 50)), habits(sung(*((60, 20), (-1, 150)) * 50))
    found = settle.mended(arrays, often, seldom, 1.0)
    scores = arrays["line.phonation_scores.weight"].astype(float)
    moved = (found["line.phonation_state.weight"] - arrays["line.phonation_state.weight"]) @ scores.T
    by_phonation = moved.reshape(4, -1, 4)
    rest, breath = 0, 1
    young = slice(11, 13)  # a rest that has lasted 45 or 64 blocks
    assert by_phonation[rest, 7, breath] > 0.2  # after 11 blocks people always breathe, the voice never
    assert np.abs(by_phonation[rest, young, rest]).max() < 1e-6
    assert np.abs(found["line.interval.bias"] - arrays["line.interval.bias"]).max() < 1e-3
    same = settle.mended(arrays, often, often, 1.0)
    assert np.abs(same["line.phonation_state.weight"] - arrays["line.phonation_state.weight"]).max() < 1e-6


def test_settling_brings_a_voice_nearer_to_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, model = write_songs(tmp_path), stored.read(tiny_singer.write(tmp_path / "weights"))
    given = draw(data, "train", 2, seed=2)
    arrays = settle.settle(model, given, 3.0, 3, 1)
    assert {f"line.{name}" for name in arrays} == {name for name in model.arrays if name.startswith("line.")}
    settled = stored.Weights(model.path, model.cards, dict(model.arrays) | {f"line.{k}": v for k, v in arrays.items()})
    lines = [[line for line, _ in settle.sing(one, given, 3.0, 1, 1)] for one in (model, settled)]
    far = [settle.worst(settle.compared(given, one)) for one in lines]
    assert far[1] <= far[0]
    assert "after 3 of 3 rounds, voice / human: voiced share" in capsys.readouterr().err


def test_the_command_writes_the_line_alone(tmp_path: Path) -> None:
    data, folder = write_songs(tmp_path), tiny_singer.write(tmp_path / "weights")
    told = ["--data", str(data), "--weights", str(folder), "--each", "1", "--rounds", "1", "--threads", "1"]
    assert settle.main([*told, "--out", str(tmp_path / "out")]) == 0
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == ["line.json", "line.safetensors"]
    assert settle.main([*told[:-6], "--data", str(tmp_path / "none")]) == 1
