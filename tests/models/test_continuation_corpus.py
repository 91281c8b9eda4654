"""Pieces for the continuation: on the grid, each part with its instrument, and errors that say what to do."""

from pathlib import Path

import numpy as np
import pytest
from note_collections import notes_of, write, write_all

from ripieno.models.collection import CorpusError
from ripieno.models.continuation import corpus
from ripieno.models.continuation.instruments import DRUMS, NAMES
from ripieno.models.continuation.representation import STYLES


def names(codes: np.ndarray) -> set[str]:
    return {NAMES[code] for code in np.unique(codes)}


def test_each_split_by_itself(tmp_path: Path) -> None:
    write_all(tmp_path, train=3)
    for style in STYLES:
        assert [len(corpus.load(style, tmp_path, split)) for split in ("train", "valid", "test")] == [3, 1, 1]
        (piece,) = corpus.load(style, tmp_path, "test")
        assert piece.style == style
        assert np.unique(piece.tick).tolist() == list(range(0, 480, 12))
        assert piece.bars.tolist() == list(range(0, 480, 48))


def test_notes_go_to_the_nearest_tick(tmp_path: Path) -> None:
    # 24 a quarter there, 12 here; an odd tick goes to the later of the two.
    notes = [(24 * beat + beat % 3, 5, 60, 64, 0) for beat in range(60)]
    write(tmp_path, "chorales", [({"split": "test", "bars": [0, 97, 192]}, notes)])
    (piece,) = corpus.load("chorales", tmp_path, "test")
    assert piece.tick[:4].tolist() == [0, 13, 25, 36]
    assert piece.length[:3].tolist() == [3, 2, 3]
    assert piece.bars.tolist() == [0, 96]


def test_a_note_lasts_a_tick_at_least_and_one_of_none_is_left_out(tmp_path: Path) -> None:
    notes = [(24 * beat, beat % 2, 60, 64, 0) for beat in range(120)]
    write(tmp_path, "chorales", [({"split": "test"}, notes)])
    (piece,) = corpus.load("chorales", tmp_path, "test")
    assert len(piece) == 60
    assert set(piece.length.tolist()) == {1}


def test_programs_roles_and_drums(tmp_path: Path) -> None:
    write_all(tmp_path)
    heard = {style: names(corpus.load(style, tmp_path, "test")[0].instrument) for style in STYLES}
    assert heard["quartets"] == {"violin", "viola", "cello"}
    assert heard["lieder"] == {"voice", "piano"}
    assert heard["pop"] == {"flute", "strings", "piano"}
    assert heard["band"] == {"electric bass", "drums"}
    casts = {frozenset(names(corpus.load("pop", tmp_path, "train", seed=seed)[0].instrument)) for seed in range(6)}
    assert len(casts) > 1


def test_effects_are_left_out_and_short_pieces_too(tmp_path: Path) -> None:
    notes = notes_of("orchestra", 1)
    parts = [{"program": 40}, {"program": 122}, {"program": 125, "drum": True}]
    short = [note for note in notes if note[4] == 0]
    about = [({"split": "test", "parts": parts}, notes), ({"split": "test"}, short)]
    write(tmp_path, "orchestra", about)
    (piece,) = corpus.load("orchestra", tmp_path, "test")
    assert names(piece.instrument) == {"violin", "drums"}
    assert (piece.instrument == DRUMS).sum() == 40


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="unknown style 'polka': use one of chorales"):
        corpus.load("polka", tmp_path, "train")
    with pytest.raises(CorpusError, match=r"pop\.npz: no such file"):
        corpus.load("pop", tmp_path, "train")
    write_all(tmp_path)
    with pytest.raises(CorpusError, match="no piece in the split 'dev'"):
        corpus.load("pop", tmp_path, "dev")
    (tmp_path / "pop.npz").write_bytes(b"")
    with pytest.raises(CorpusError, match="not a note collection"):
        corpus.load("pop", tmp_path, "train")
