"""The note collections: what is read, in which order, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripieno.models.instrumentation import corpus

NAMES = ("onset", "dur", "pitch", "vel", "part")
ROLES = {"chorales": "SATB", "quartets": ("vn1", "vn2", "va", "vc"), "pop": ("melody", "bridge", "piano")}


def document(task: str, split: str, **more: object) -> dict[str, object]:
    parts = [{"name": role, "role": role, "program": 0} for role in ROLES[task]]
    return {"path": f"{split}.mid", "split": split, "licence": "CC0-1.0", "parts": parts, "tempo": [[0, 90.0]], **more}


def write(path: Path, pieces: list[tuple[dict[str, object], np.ndarray]]) -> Path:
    """A collection of pieces, each a document and rows (onset, dur, pitch, vel, part)."""
    columns: dict[str, list[np.ndarray]] = {name: [] for name in NAMES}
    for _, rows in pieces:
        for name, column in zip(NAMES, rows.T, strict=True):
            columns[name].append(np.diff(column, prepend=0) if name == "onset" else column)
    arrays = {name: np.concatenate(parts).astype(np.uint16) for name, parts in columns.items()}
    text = json.dumps({"header": {}, "pieces": [about for about, _ in pieces]}).encode()
    starts = np.cumsum([0] + [len(rows) for _, rows in pieces])
    np.savez(path, json=np.frombuffer(text, np.uint8), starts=starts, **arrays)
    return path


def four_voices(chords: int = 12) -> np.ndarray:
    """Chords of a quarter note, in part order from the highest voice."""
    return np.array(
        [(24 * i, 24, pitch, 0, part) for i in range(chords) for part, pitch in enumerate((72, 67, 60, 48))]
    )


def test_a_piece_is_read_low_to_high(tmp_path: Path) -> None:
    write(tmp_path / "chorales.npz", [(document("chorales", "test"), four_voices())])
    (piece,) = corpus.load("chorales", tmp_path, "test")
    assert piece.pitch[:4].tolist() == [48, 60, 67, 72]
    assert piece.label[:4].tolist() == [3, 2, 1, 0]
    assert piece.onset.tolist() == sorted(piece.onset.tolist())
    assert piece.tempo == [(0, 90.0)]
    assert (piece.split, piece.licence, len(piece)) == ("test", "CC0-1.0", 48)


def test_only_the_split_asked_for_is_read(tmp_path: Path) -> None:
    pieces = [(document("chorales", split), four_voices()) for split in ("train", "train", "valid")]
    write(tmp_path / "chorales.npz", pieces)
    assert len(corpus.load("chorales", tmp_path, "train")) == 2
    with pytest.raises(corpus.CorpusError, match=r"chorales\.npz: no piece in the split 'test'"):
        corpus.load("chorales", tmp_path, "test")


def test_a_unison_keeps_the_order_of_the_parts(tmp_path: Path) -> None:
    rows = four_voices()
    rows[rows[:, 4] == 1, 2] = 60
    write(tmp_path / "chorales.npz", [(document("chorales", "test"), rows)])
    (piece,) = corpus.load("chorales", tmp_path, "test")
    assert piece.label[:4].tolist() == [3, 1, 2, 0]


def test_empty_notes_and_repeats_in_a_part_are_dropped(tmp_path: Path) -> None:
    rows = four_voices()
    extra = np.array([(0, 0, 50, 0, 3), (0, 24, 48, 0, 3), (0, 24, 48, 0, 2)])
    rows = np.concatenate([rows, extra])
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    write(tmp_path / "chorales.npz", [(document("chorales", "test"), rows)])
    (piece,) = corpus.load("chorales", tmp_path, "test")
    # The same key in another part stays.
    assert len(piece) == 49
    assert piece.label[piece.pitch == 48][:2].tolist() == [2, 3]


def test_a_piece_of_one_part_is_left_out(tmp_path: Path) -> None:
    alone = four_voices()
    alone = alone[(alone[:, 4] == 0) | (alone[:, 0] < 48)]
    pieces = [(document("chorales", "test"), alone), (document("chorales", "test"), four_voices())]
    write(tmp_path / "chorales.npz", pieces)
    assert len(corpus.load("chorales", tmp_path, "test")) == 1


@pytest.mark.parametrize(
    ("part", "label"),
    [
        ({"program": 0}, "piano"),
        ({"program": 30, "role": "guitar"}, "guitar"),
        ({"program": 39}, "bass"),
        ({"program": 45}, "strings"),
        ({"program": 48}, "strings"),
        ({"program": 63}, "brass"),
        ({"program": 46}, None),
        ({"program": 81, "role": "lead"}, None),
        ({"program": 0, "drum": True}, None),
        ({"program": 24, "role": "drums"}, None),
        ({}, None),
    ],
)
def test_a_band_part_is_known_by_its_family(part: dict[str, object], label: str | None) -> None:
    found = corpus.band_label(part)
    assert (None if found is None else corpus.TASKS["band"].labels[found]) == label


def test_tasks_are_complete() -> None:
    for task in corpus.TASKS.values():
        assert len(task.labels) == len(task.mono) == len(task.divides) == len(task.programs) == len(set(task.labels))
    assert list(corpus.TASKS) == ["chorales", "quartets", "pop", "band"]


def test_what_is_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(corpus.CorpusError, match=r"chorales\.npz: no such file"):
        corpus.load("chorales", tmp_path, "test")
    with pytest.raises(corpus.CorpusError, match="unknown task 'choir'"):
        corpus.load("choir", tmp_path, "test")
    with pytest.raises(corpus.CorpusError, match="unknown split 'dev'"):
        corpus.load("chorales", tmp_path, "dev")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "chorales.npz", [(document("chorales", "test"), four_voices())])
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(corpus.CorpusError, match=r"chorales\.npz: not a note collection"):
            corpus.load("chorales", tmp_path, "test")


def test_a_pickled_array_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "chorales.npz", **{name: np.array([{}], dtype=object) for name in (*NAMES, "starts", "json")})
    with pytest.raises(corpus.CorpusError, match="not a note collection"):
        corpus.load("chorales", tmp_path, "test")


def test_another_archive_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "chorales.npz", onset=np.zeros(3))
    with pytest.raises(corpus.CorpusError, match="it lacks dur, pitch"):
        corpus.load("chorales", tmp_path, "test")


def test_columns_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "chorales.npz"
    write(path, [(document("chorales", "test"), four_voices())])
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **arrays | {"pitch": arrays["pitch"][:-1]})
    with pytest.raises(corpus.CorpusError, match="do not fit together"):
        corpus.load("chorales", tmp_path, "test")
    np.savez(path, **arrays | {"part": arrays["part"] + 4})
    with pytest.raises(corpus.CorpusError, match="belongs to a part that is not listed"):
        corpus.load("chorales", tmp_path, "test")


NOTE = st.tuples(st.integers(0, 40), st.integers(0, 6), st.integers(60, 64), st.integers(0, 3), st.integers(0, 2))


@given(st.lists(NOTE, max_size=60))
def test_arranged_notes_are_the_given_ones_in_order(notes: list[tuple[int, int, int, int, int]]) -> None:
    columns = np.array(notes, dtype=np.int64).reshape(-1, 5).T
    arranged = list(zip(*(column.tolist() for column in corpus.arrange(*columns)), strict=True))
    assert arranged == sorted(arranged, key=lambda note: (note[0], note[2], note[1], *note[3:]))
    key = [(onset, duration, pitch, part) for onset, duration, pitch, _, part in notes if duration > 0]
    found = [(onset, duration, pitch, part) for onset, duration, pitch, _, part in arranged]
    assert sorted(found) == sorted(set(key))
