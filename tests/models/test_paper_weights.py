"""Weights of the paper's models on disk: what is written is read, and what is damaged is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from ripieno.models.collection import CorpusError
from ripieno.models.instrumentation import paper_weights
from ripieno.models.instrumentation.corpus import TASKS

ARRAYS = {"output.weight": np.arange(8, dtype=np.float32).reshape(4, 2), "output.bias": np.ones(4, np.float32)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    paper_weights.write(tmp_path, "a-model", TASKS["chorales"], ARRAYS, [], {"valid": 0.5, "minutes": 1.0})
    return tmp_path


def test_what_is_written_is_read(folder: Path) -> None:
    arrays, card = paper_weights.read(folder, "a-model")
    assert {name: value.tolist() for name, value in arrays.items()} == {k: v.tolist() for k, v in ARRAYS.items()}
    assert all(value.dtype == np.float32 for value in arrays.values())
    assert card["labels"] == ["soprano", "alto", "tenor", "bass"]
    assert card["metrics"]["valid"] == 0.5


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_a_missing_file_is_named(folder: Path, suffix: str) -> None:
    (folder / f"a-model.{suffix}").unlink()
    with pytest.raises(CorpusError, match=rf"a-model\.{suffix}: no such file"):
        paper_weights.read(folder, "a-model")


def test_weights_cut_short_or_changed_are_refused(folder: Path) -> None:
    path = folder / "a-model.safetensors"
    whole = path.read_bytes()
    for data in (b"", whole[:10], whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        path.write_bytes(data)
        with pytest.raises(CorpusError, match="not the file its card speaks of"):
            paper_weights.read(folder, "a-model")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', "not json"])
def test_a_card_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "a-model.json").write_text(text)
    with pytest.raises(CorpusError, match="no weights of the paper's models"):
        paper_weights.read(folder, "a-model")


def test_another_format_is_refused(folder: Path) -> None:
    card = json.loads((folder / "a-model.json").read_text())
    (folder / "a-model.json").write_text(json.dumps(card | {"format": 99}))
    with pytest.raises(CorpusError, match="format 99, this program reads 1"):
        paper_weights.read(folder, "a-model")


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    broken = ARRAYS | {"output.bias": np.array([1, np.nan, 1, 1], np.float32)}
    paper_weights.write(tmp_path, "a-model", TASKS["chorales"], broken, [], {})
    with pytest.raises(CorpusError, match="values that are no numbers"):
        paper_weights.read(tmp_path, "a-model")
