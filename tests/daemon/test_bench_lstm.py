"""The LSTM's benchmark: that it measures what it says, with the rivals that are there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ripieno.daemon.bench import lstm as bench
from ripieno.daemon.bench import lstm_rivals
from ripieno.daemon.errors import UserError
from ripieno.models.instrumentation import paper_weights
from ripieno.models.instrumentation.corpus import TASKS
from ripieno.native import lstm

HIDDEN, LAYERS, WIDTH = 128, 3, 49


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with random weights in the place of the trained ones."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"embedding.pitch.weight": (129, 16), "embedding.position.weight": (24, 16)}
    for index in range(LAYERS):
        shapes |= {
            f"layers.{index}.weight_ih_l0": (4 * HIDDEN, HIDDEN if index else WIDTH),
            f"layers.{index}.weight_hh_l0": (4 * HIDDEN, HIDDEN),
            f"layers.{index}.bias_ih_l0": (4 * HIDDEN,),
            f"layers.{index}.bias_hh_l0": (4 * HIDDEN,),
            f"norms.{index}.weight": (HIDDEN,),
            f"norms.{index}.bias": (HIDDEN,),
        }
    shapes |= {"output.weight": (4, HIDDEN), "output.bias": (4,)}
    arrays = {name: 0.1 * rng.normal(size=shape) for name, shape in shapes.items()}
    paper_weights.write(tmp_path, bench.MODEL, TASKS["chorales"], arrays, [], {})
    return tmp_path


def ours(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in result["rows"] if row["ours"]}


def test_every_instruction_set_and_precision_is_measured(weights: Path) -> None:
    rows = ours(bench.run(json=True, notes=300, folder=weights))
    assert len(rows) == len(lstm.available_kernels()) * len(lstm.PRECISIONS)
    for name, row in rows.items():
        assert 0 < row["median_us"] <= row["p99_us"]
        assert 0 <= row["labels_same"] <= 1
        if name.endswith("fp32"):
            assert row["largest_difference"] < 1e-4
            assert row["labels_same"] == 1.0
    assert any(row["largest_difference"] > 0 for row in rows.values())


def test_rivals_that_are_there_agree(weights: Path) -> None:
    result = bench.run(json=True, notes=50, folder=weights)
    rivals = [row for row in result["rows"] if not row["ours"]]
    assert len(rivals) + len(result["missing"]) == len(lstm_rivals.RIVALS)
    assert all(row["largest_difference"] < 1e-4 for row in rivals)


def test_a_missing_rival_is_told_with_its_remedy(
    weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(*_: object) -> lstm_rivals.Rival:
        raise ImportError

    monkeypatch.setattr(lstm_rivals, "RIVALS", {"torch": (absent, "pip install torch")})
    monkeypatch.setattr(lstm_rivals, "Torch", absent)
    result = bench.run(notes=50, folder=weights)
    assert result["missing"] == {"torch": "pip install torch"}
    assert result["judge"] == "plain C"
    printed = capsys.readouterr().out
    assert "torch is not installed, so it was not measured: pip install torch" in printed
    assert "Ripieno generic, fp32" in printed


def test_missing_weights_are_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        bench.run(json=True, folder=tmp_path)


def test_the_chorale_wanders_within_its_ranges() -> None:
    notes = bench.wandering_chorale(1001)
    assert len(notes) == 1001
    assert notes.pitch.min() >= 36
    assert notes.pitch.max() <= 81
    assert len(set(notes.pitch[0::4].tolist())) > 5
    assert (np.diff(notes.pitch[:1000].reshape(-1, 4), axis=1) >= 0).all()
    assert (np.diff(notes.beat) >= 0).all()
    assert set(notes.position.tolist()) == {0, 12}
