"""How the continuation is judged: excerpts, losses, and the command as a whole, with a network that knows nothing."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import tiny
from command import ripieno
from note_collections import notes_of, write, write_all

from ripieno.models.continuation import evaluate, excerpts, stored
from ripieno.models.continuation.representation import FIELDS, NOTE, STYLES, TYPE, VELOCITY, prefix
from ripieno.native.transformer import Sampling


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_all(tmp_path_factory.mktemp("data"), beats=100, train=2)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def test_excerpts_are_whole_and_the_same_every_time(data: Path) -> None:
    drawn = excerpts.draw(data, "test", (4, 16), 3)
    assert len(drawn) == 6 * 2 * 3
    for one, again in zip(drawn, excerpts.draw(data, "test", (4, 16), 3), strict=True):
        assert (one.truth.tick == again.truth.tick).all()
        assert one.truth.tick[0] == 0  # a note begins every beat in these
        assert one.truth.tick[-1] == 63 * 12
        assert one.until == 64 * 12
        assert (one.bar_beats, one.bar_tick) == (4, 0)
        assert len(np.unique(one.told.tick)) == one.given
        rest = excerpts.written(one.truth, one.given)
        assert rest.tick[0] == 0
        assert len(rest) + len(one.told) == len(one.truth)
        assert one.truth.style == ""


def test_a_short_piece_is_taken_to_its_end_and_a_meter_that_changes_is_not_told(tmp_path: Path) -> None:
    bars = [0, 96, 168, *range(264, 24 * 30, 96)]
    write(tmp_path, "pop", [({"split": "test", "bars": bars}, notes_of("pop", 1, beats=30))])
    (excerpt,) = excerpts.draw(tmp_path, "test", (4,), 1, ("pop",))
    assert excerpt.until == 30 * 12
    assert (excerpt.bar_beats, excerpt.bar_tick) == (0, 0)


def test_excerpts_to_be_foretold_have_no_style(data: Path) -> None:
    for paper in (False, True):
        found = excerpts.fixed_excerpts(data, "valid", 100, 2, paper=paper)
        assert len(found) == 2 * len(STYLES)
        for events, ticks in found:
            assert len(events) == len(ticks) == 100
            assert (events[0] == prefix([])[0]).all()


def test_the_papers_order_is_by_pitch_before_instrument(data: Path) -> None:
    piece = excerpts.paper_order(excerpts.draw(data, "test", (4,), 1, ("band",))[0].truth)
    same = np.diff(piece.tick) == 0
    assert same.any()
    assert (np.diff(piece.pitch.astype(int))[same] >= 0).all()


def test_a_loss_is_the_mean_over_what_is_asked() -> None:
    events = np.zeros((4, 8), dtype=np.int16)
    events[:, TYPE] = [0, 2, NOTE, NOTE]
    events[2, VELOCITY] = 9
    likely = np.full((4, len(FIELDS)), -1.0, dtype=np.float32)
    likely[0], likely[2], likely[3] = -100, -2, -4  # the first row is told, not foretold
    found = evaluate.loss([likely], [(events, np.zeros(4, dtype=np.int64))])
    assert found["type"] == pytest.approx(7 / 3)
    assert found["pitch"] == 3
    assert found["velocity"] == 2
    assert found["sum"] == pytest.approx(7 / 3 + 5 * 3)
    papers = evaluate.loss([likely[:, :6]], [(events, np.zeros(4, dtype=np.int64))])
    assert "velocity" not in papers
    assert papers["sum"] == found["sum"]


def test_a_network_that_knows_nothing_finds_all_values_as_likely(data: Path, ours: Path, tmp_path: Path) -> None:
    found = stored.read(ours)
    flat = stored.Weights(found.path, found.card, {name: value * 0 for name, value in found.arrays.items()})
    events = excerpts.fixed_excerpts(data, "valid", 60, 1)
    loss = evaluate.loss(evaluate.judged(flat, "fp32", events), events)
    for name, size in stored.EVENTS["fields"].items():
        assert loss[name] == pytest.approx(math.log(size), abs=1e-4), name


def test_continuations_keep_what_was_given_and_stop_where_the_truth_does(data: Path, ours: Path) -> None:
    given = excerpts.draw(data, "test", (4,), 1)
    plan = evaluate.Plan(data, sampling=(Sampling(),) * 7)
    written = evaluate.go_on(stored.read(ours), given, plan, lambda _: None)
    for piece, excerpt in zip(written, given, strict=True):
        told = excerpt.told
        first = piece.take(piece.tick < excerpt.given * 12)
        assert first.pitch.tolist() == told.pitch.tolist()
        assert first.tick.tolist() == told.tick.tolist()
        assert len(piece) > len(told)
        assert piece.tick[-1] < excerpt.until
        assert set(piece.instrument.tolist()) <= set(excerpt.codes)


def test_the_truth_has_no_gap_and_one_instrument_alone_has(data: Path) -> None:
    given = excerpts.draw(data, "test", (4, 16), 1)
    truth = [one.truth for one in given]
    bass = [piece.take(piece.instrument == piece.instrument[0]) for piece in truth]
    table = evaluate.compared({"truth": truth, "bass": bass}, given)
    assert set(table) == {"whole", "written"}
    for rows in table.values():
        assert set(rows["truth"]["gaps"].values()) == {0.0}
        assert rows["bass"]["gaps"]["pitch-class entropy"] > 0
        assert rows["bass"]["notes"] < rows["truth"]["notes"]


def test_the_command_prints_everything(data: Path, ours: Path) -> None:
    told = ["eval", "continuation", "--data", str(data), "--weights", str(ours), "--rival", "none", "--quick"]
    done = ripieno(*told, "--json", "--temperature", "0.9")
    found = json.loads(done.stdout)
    assert "the paper's model is left out" in done.stderr
    assert set(found) == {"losses", "continuations", "copying", "sampling", "key pull", "minutes"}
    assert abs(found["losses"]["test"]["int8 above fp32"]) < 0.01
    assert found["continuations"]["count"] == 6 * 2 * 4
    assert set(found["continuations"]["whole"]) == {"truth", "ours"}
    assert set(found["copying"]["ours"]) == {"median", "95th", "max"}
    assert {one["temperature"] for one in found["sampling"].values()} == {0.9}


def test_the_tables_are_readable(capsys: pytest.CaptureFixture[str], data: Path, ours: Path) -> None:
    plan = evaluate.Plan(data, each=1, losses=1, split="valid", styles=("chorales", "pop"))
    evaluate.print_tables(evaluate.run(stored.read(ours), None, plan))
    printed = capsys.readouterr().out
    for words in (
        "losses, nats a note, valid",
        "int8 above fp32",
        "pitch-class entropy (bits)",
        "gaps in the paper",
        "95th",
    ):
        assert words in printed


def test_data_that_are_not_there_are_told(ours: Path, tmp_path: Path) -> None:
    done = ripieno("eval", "continuation", "--data", str(tmp_path), "--weights", str(ours), status=1)
    assert "chorales.npz: no such file" in done.stderr
