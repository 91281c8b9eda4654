"""The table of beats: what is measured, that it can tell good from bad, and what is said without the judges."""

import json
from pathlib import Path

import numpy as np
import pytest
from note_collections import notes_of, write

from needs import needs
from ripieno.daemon import cli
from ripieno.models.beats import evaluate
from ripieno.models.beats.known import dixon
from ripieno.models.beats.takes import Take
from ripieno.models.collection import CorpusError


def collection(folder: Path) -> Path:
    about = {"split": "test", "timesig": [[0, 4, 4]], "tempo": [[0, 96.0]]}
    write(folder, "chorales", [(about, notes_of("chorales", seed)) for seed in range(2)])
    return folder


def metronome(seconds: float = 30.0, bpm: float = 100.0) -> Take:
    """A chord on each beat and a note between."""
    half = 30.0 / bpm
    at = np.arange(1.0, seconds, half)
    frame = np.rint(np.repeat(at, 2) * 48_000).astype(np.int64)
    keep = np.tile([True, True, True, False], len(at))[: len(frame)]
    pitch = np.tile([48, 67, 72, 72], len(at))[: len(frame)]
    return Take("metronome", frame[keep], pitch[keep], np.full(keep.sum(), 64), at[::2])


def test_ours_follows_a_metronome() -> None:
    needs("mir_eval")
    take = metronome()
    found = evaluate.figures(take.beats, evaluate.ours(take))
    assert found["F"] > 0.97
    assert found["CMLt"] > 0.9


def test_beats_of_the_wrong_tempo_or_place_are_told_apart() -> None:
    needs("mir_eval")
    beats = np.arange(0.5, 40.0, 0.6)
    assert evaluate.figures(beats, beats + 0.03) == pytest.approx({"F": 1.0, "CMLt": 1.0, "AMLt": 1.0})
    twice = evaluate.figures(beats, np.arange(0.5, 40.0, 0.3))
    assert twice["F"] == pytest.approx(2 / 3, abs=0.01)
    assert twice["CMLt"] < 0.1 < 0.9 < twice["AMLt"]
    off = evaluate.figures(beats, beats + 0.3)
    assert off["F"] == 0.0
    assert off["AMLt"] > 0.9
    assert evaluate.figures(beats, np.zeros(0)) == {"F": 0.0, "CMLt": 0.0, "AMLt": 0.0}


def test_the_well_known_one_hears_the_same_notes() -> None:
    needs("partitura", "mir_eval")
    take = metronome()
    assert evaluate.figures(take.beats, dixon(take))["AMLt"] > 0.8


def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs("partitura", "mir_eval")
    options = ["eval", "beats", "--data", str(collection(tmp_path)), "--collections", "chorales", "--each", "1"]
    assert cli.main([*options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {(row["played"], row["collection"], row["tracker"]): row for row in found["rows"]}
    assert set(rows) == {
        (kind, group, tracker)
        for kind in ("steady", "rubato")
        for group in ("chorales", "all")
        for tracker in evaluate.TRACKERS
    }
    assert all(row["pieces"] == 1 for row in rows.values())
    assert rows["steady", "all", evaluate.OURS]["F"] == found["verdicts"][0]["value"] > 0.8
    assert cli.main(options) == 0
    assert "what issue 6 asks" in capsys.readouterr().out


def test_without_the_judges_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "NEEDED", ("mir_eval_that_nobody_has",))
    with pytest.raises(CorpusError, match=r"needs mir_eval_that_nobody_has: pip install 'ripieno\[beats\]'"):
        evaluate.run(evaluate.Plan(tmp_path))
