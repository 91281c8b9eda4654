"""Where the metre says that beats are, and which pieces tell it."""

from pathlib import Path

import numpy as np
import pytest
from note_collections import notes_of, write

from ripieno.models.beats import scores
from ripieno.models.collection import CorpusError

METRE = {"split": "test", "timesig": [[0, 4, 4]], "tempo": [[0, 90.0]]}


@pytest.mark.parametrize(
    ("upper", "lower", "ticks"),
    [(4, 4, 24), (3, 4, 24), (2, 2, 48), (6, 8, 36), (9, 8, 36), (12, 8, 36), (3, 8, 12), (6, 4, 24), (6, 16, 18)],
)
def test_a_beat_is_what_the_time_signature_counts(upper: int, lower: int, ticks: int) -> None:
    assert scores.beat_length(upper, lower) == ticks


def test_an_upbeat_is_counted_back_from_the_bar_line() -> None:
    about = {"timesig": [[0, 4, 4]], "bars": [0, 12, 108]}
    assert scores.beats_of(about, 150).tolist() == [12, 36, 60, 84, 108, 132]
    assert scores.beats_of(about | {"bars": [0, 36, 132]}, 60).tolist() == [12, 36]


def test_beats_change_with_the_metre() -> None:
    about = {"timesig": [[0, 2, 4], [96, 6, 8]], "bars": [0, 48, 96, 168]}
    assert scores.beats_of(about, 200).tolist() == [0, 24, 48, 72, 96, 132, 168]
    assert scores.beats_of({"timesig": about["timesig"]}, 200).tolist() == [0, 24, 48, 72, 96, 132, 168]


def test_pieces_without_a_metre_or_notes_are_left_out(tmp_path: Path) -> None:
    long, short = notes_of("chorales", 0), notes_of("chorales", 1, beats=4)
    write(tmp_path, "chorales", [(METRE, long), (METRE, short), (METRE | {"timesig": None}, long)])
    (one,) = scores.load("chorales", tmp_path, "test")
    assert (len(one.piece), one.beat, one.played.shape) == (160, 24, (4, 0))
    assert one.beats.tolist() == list(range(0, 40 * 24 - 23, 24))
    with pytest.raises(CorpusError, match=r"chorales\.npz: no piece in the split 'valid'"):
        scores.load("chorales", tmp_path, "valid")


def test_drums_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "band", [(METRE, notes_of("band", 0, beats=80))])
    (one,) = scores.load("band", tmp_path, "test")
    assert np.unique(one.piece.label).tolist() == [0]
