"""The table of all models: what is counted, what is left out and said, what is printed."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from needs import needs
from ripieno.models.instrumentation import corpus, ensemble, evaluate, paper_weights


def write_collection(folder: Path) -> Path:
    """A chorales.npz of 4 pieces to train on and 2 to test: the lowest voice often crosses the next."""
    rng, pieces, rows = np.random.default_rng(0), [], []
    for index, split in enumerate(("train", "train", "train", "train", "test", "test")):
        about = {"path": f"{index}.mid", "split": split, "parts": [{"role": role} for role in "SATB"]}
        pitch = np.array([72, 64, 56, 52]) + rng.integers(0, 9, (30, 4))
        rows += [[24 * i, 24, pitch[i, part], 0, part] for i in range(30) for part in range(4)]
        pieces.append(about)
    onset, *others = np.array(rows).T
    steps = np.diff(onset.reshape(6, -1), axis=1, prepend=0).ravel()
    text = np.frombuffer(json.dumps({"pieces": pieces}).encode(), np.uint8)
    columns = dict(zip(("dur", "pitch", "vel", "part"), others, strict=True))
    np.savez(folder / "chorales.npz", json=text, starts=np.arange(7) * 120, onset=steps, **columns)
    return folder


def no_weights(name: str) -> ensemble.Ensemble:
    raise ensemble.WeightsError(f"{name}.safetensors: none here")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ensemble, "load", no_weights)
    return write_collection(tmp_path)


def rows_of(data: Path, **more: object) -> dict[str, evaluate.Row]:
    (table,) = evaluate.run(data, ["chorales"], weights=data, **more)  # type: ignore[arg-type]
    return {row.name: row for row in table.rows}


def test_the_rules_are_scored_over_all_test_notes(data: Path) -> None:
    (table,) = evaluate.run(data, ["chorales"], weights=data)
    assert (table.pieces, table.notes) == (2, 240)
    rows = {row.name: row.accuracy for row in table.rows}
    assert rows["most common part"] == {"written": 0.25, "played": 0.25}
    pieces = corpus.load("chorales", data, "test")
    pitch, label = (np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("pitch", "label"))
    counts = evaluate.baselines.histogram(corpus.load("chorales", data, "train"), 4)
    expected = (evaluate.baselines.fit_zones(counts).predict(pitch) == label).mean()
    assert rows["zones"]["written"] == rows["zones"]["played"] == pytest.approx(expected)
    assert 0.5 < expected < 1.0
    assert rows["zones of the song (oracle)"]["written"] >= expected


def test_what_has_no_weights_is_left_out_and_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(data)
    for name in ("MLP", "LSTM", "LSTM + entry hints", "transformer decoder", "ours"):
        assert rows[name].accuracy == {"written": None, "played": None}
    evaluate.print_table(evaluate.run(data, ["chorales"], weights=data))
    printed = capsys.readouterr().out
    assert "chorales-lstm-written.safetensors: no such file" in printed
    assert "chorales.safetensors: none here" in printed


def save_lstm(folder: Path, column: str, part: int) -> None:
    """An LSTM that gives every note to one part."""
    width, hidden, parts = 49, 8, 4
    arrays = {"embedding.pitch.weight": np.zeros((129, 16)), "embedding.position.weight": np.zeros((24, 16))}
    for layer, inputs in enumerate((width, hidden)):
        for name, shape in (
            ("weight_ih_l0", (4 * hidden, inputs)),
            ("weight_hh_l0", (4 * hidden, hidden)),
            ("bias_ih_l0", (4 * hidden,)),
            ("bias_hh_l0", (4 * hidden,)),
        ):
            arrays[f"layers.{layer}.{name}"] = np.zeros(shape)
        arrays |= {f"norms.{layer}.weight": np.ones(hidden), f"norms.{layer}.bias": np.zeros(hidden)}
    arrays |= {"output.weight": np.zeros((parts, hidden)), "output.bias": np.eye(parts)[part]}
    stem = paper_weights.name("chorales", "lstm", "", column)
    paper_weights.write(folder, stem, corpus.TASKS["chorales"], arrays, [], {"minutes": 6.0})


def test_each_column_is_scored_by_the_network_trained_for_it(data: Path) -> None:
    save_lstm(data, "written", 0)
    row = rows_of(data)["LSTM"]
    assert row.accuracy == {"written": 0.25, "played": None}
    assert row.facts["written minutes"] == 6.0
    save_lstm(data, "played", 2)
    assert rows_of(data, limit=1)["LSTM"].accuracy == {"written": 0.25, "played": 0.25}


def test_ours_is_counted_with_its_faults(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def count(
        model: object, pieces: list[object], performances: list[object], when: str, window_ms: float, **ways: bool
    ) -> dict[str, int]:
        asked.append((when, window_ms, len(pieces), len(performances), *ways))
        return {"notes": 200, "correct": 150, "jumped": 1, "lost": 2, "doubled": 3, "moved": 20, "held": 4}

    monkeypatch.setattr(ensemble, "load", lambda name: object())
    monkeypatch.setattr(ensemble, "evaluate", count)
    rows = rows_of(data)
    assert rows["ours, note by note"].accuracy == {"written": 0.75, "played": 0.75}
    facts = rows["ours, revise"].facts
    assert [facts[f"played {key}"] for key in ("jumped", "lost", "doubled", "moved")] == [1, 2, 3, 0.1]
    assert asked[0:6:2] == [("note", 0.0, 2, 2), ("note", 0.0, 2, 2, "divide"), ("note", 0.0, 2, 2, "together")]
    assert asked[6::2] == [("window", 25.0, 2, 2), ("revise", 25.0, 2, 2, "divide")]
    table = evaluate.Table(corpus.TASKS["chorales"], 2, 240, list(rows.values()))
    assert evaluate.as_json([table])["chorales"]["rows"][-1]["played"] == 0.75
    evaluate.print_table([table])
    assert "jumped 2, lost 4, doubled 6, moved 10.0% and 10.0%" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_performance(data: Path) -> None:
    (piece, _) = corpus.load("chorales", data, "test")
    first, again, other = (evaluate.present(piece, "played", seed).performance.frame for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert (evaluate.present(piece, "written", 1).notes.note == np.arange(len(piece))).all()


def options(data: Path, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return parser.parse_args(["--data", str(data), "--weights", str(data), "--task", "chorales", *more])


def test_the_command_prints_json(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.command(options(data, "--json")) == 0
    found = json.loads(capsys.readouterr().out)["chorales"]
    assert found["notes"] == 240
    assert {"model": "most common part", "written": 0.25, "played": 0.25} in found["rows"]


def test_the_command_draws_accuracy_against_window(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("matplotlib")
    monkeypatch.setattr(ensemble, "load", lambda name: object())
    monkeypatch.setattr(ensemble, "evaluate", lambda *_, when, window_ms: {"notes": 100, "correct": 80 + window_ms / 4})
    picture = data / "pictures" / "window.png"
    assert evaluate.command(options(data, "--plot", str(picture))) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    curve = evaluate.curve(data, ["chorales"])["chorales"]
    assert curve[0] == (0.0, 0.8)
    assert curve[-1] == (40.0, 0.9)


def test_missing_data_is_told(tmp_path: Path) -> None:
    with pytest.raises(corpus.CorpusError, match=r"chorales\.npz: no such file"):
        evaluate.run(tmp_path, ["chorales"])
