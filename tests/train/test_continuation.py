"""The continuation's networks and their training in PyTorch: what they see, that they learn, go on and are shipped."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from needs import needs

needs("torch")
import torch  # noqa: E402
from note_collections import write_all  # noqa: E402

from ripieno.models.continuation import evaluate, excerpts, export, paper_play, stored, torch_side, train  # noqa: E402
from ripieno.models.continuation.instruments import DRUMS, PIANO  # noqa: E402
from ripieno.models.continuation.lessons import Lessons, at_the_piano, leave_out, pad, transpose  # noqa: E402
from ripieno.models.continuation.network import PAPER_SIZE, SHAPES, Cache, Network, PaperNetwork  # noqa: E402
from ripieno.models.continuation.representation import (  # noqa: E402
    BEAT,
    FIELDS,
    MARK,
    NOTE,
    SIZES,
    START_OF_SONG,
    STYLES,
    TYPE,
    VELOCITY,
)
from ripieno.models.continuation.train import Options, network_of  # noqa: E402

MODELS = ("ours", "mmt")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_all(tmp_path_factory.mktemp("data"), beats=60)


@pytest.fixture(scope="module")
def lessons(data: Path) -> Lessons:
    return Lessons(data, rows=96)


def options(model: str = "ours", steps: int = 4, rate: float = 1e-2) -> Options:
    return Options(model, "tiny", steps, batch=2, rows=64, rate=rate, dropout=0.1, seed=5)


def tiny(model: str) -> Network | PaperNetwork:
    torch.manual_seed(2)
    return network_of(model, "tiny").eval()


# ---- Lessons ----


def test_a_batch_is_padded_rows_of_excerpts(lessons: Lessons) -> None:
    events, ticks = lessons.batch(np.random.default_rng(1), 6)
    assert events.shape[0] == ticks.shape[0] == 6
    assert events.shape[1] <= 96
    assert (events[:, 0, TYPE] == START_OF_SONG).all()
    real = events[..., TYPE] >= 0
    for column, size in enumerate(SIZES):
        assert (events[..., column][real] < size).all()
        assert (events[..., column][real] >= 0).all()
    assert (ticks[:, 1:] >= ticks[:, :-1])[real[:, 1:]].all()


def test_all_styles_are_heard_and_some_are_not_told(lessons: Lessons) -> None:
    rng = np.random.default_rng(2)
    marks = {int(lessons.excerpt(rng)[0][0, MARK]) for _ in range(300)}
    assert len(marks) == 1 + len(STYLES)


def test_lessons_come_the_same_from_the_same_seed(lessons: Lessons) -> None:
    one, other = (lessons.batch(np.random.default_rng(3), 4) for _ in range(2))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])


def test_transposing_spares_the_drums_and_stays_in_range(data: Path) -> None:
    piece = excerpts.draw(data, "train", (4,), 1, ("band",))[0].truth
    drums = piece.instrument == DRUMS
    for seed in range(20):
        moved = transpose(piece, np.random.default_rng(seed))
        steps = moved.pitch.astype(int) - piece.pitch
        assert not steps[drums].any()
        assert len(set(steps[~drums].tolist())) == 1
        assert -5 <= steps[~drums][0] <= 6
    high = piece.take(~drums)
    high.pitch[:] = 127
    assert transpose(high, np.random.default_rng(1)).pitch.max() == 127


def test_somebody_always_stays(data: Path) -> None:
    piece = excerpts.draw(data, "train", (4,), 1, ("orchestra",))[0].truth
    counts = {len(np.unique(leave_out(piece, np.random.default_rng(seed)).instrument)) for seed in range(60)}
    assert counts == {1, 2, 3}


def test_a_player_at_the_piano_takes_notes_over_but_changes_none(data: Path) -> None:
    piece = excerpts.draw(data, "train", (4,), 1, ("quartets",))[0].truth
    kinds = set()
    for seed in range(60):
        played = at_the_piano(piece, 200, np.random.default_rng(seed))
        assert set(zip(played.tick.tolist(), played.pitch.tolist(), strict=True)) == set(
            zip(piece.tick.tolist(), piece.pitch.tolist(), strict=True)
        )
        piano = played.instrument == PIANO
        takes_over = piano.any() and not piano.all() and played.tick[piano].max() < played.tick[~piano].min()
        kinds.add("none" if not piano.any() else "takes over" if takes_over else "along")
    assert kinds == {"none", "takes over", "along"}


# ---- Networks ----


def test_the_papers_network_has_the_papers_size() -> None:
    # 19.94 M with 65 instruments; ours has one more, drums, and normalisation without a bias.
    count = sum(value.numel() for value in network_of("mmt", "paper").parameters())
    assert count == pytest.approx(19.94e6, rel=0.005)
    assert PAPER_SIZE.dim == 512


@pytest.mark.parametrize("model", MODELS)
def test_what_comes_later_changes_nothing_before(model: str, lessons: Lessons) -> None:
    network = tiny(model)
    events, ticks = lessons.batch(np.random.default_rng(4), 1)
    row = events.shape[1] // 2
    changed = events.clone()
    changed[:, row:, 3:7] = 1
    with torch.no_grad():
        for one, other in zip(network(events, ticks), network(changed, ticks), strict=True):
            assert torch.allclose(one[:, : row - 1], other[:, : row - 1], atol=1e-5)
            assert one.isfinite().all()


def test_a_field_knows_the_ones_before_it_and_not_those_after(lessons: Lessons) -> None:
    network = tiny("ours")
    events, ticks = lessons.batch(np.random.default_rng(4), 1)
    changed = events.clone()
    last = events.shape[1] - 1
    changed[:, last, 4] = 100 if int(events[0, last, 4]) != 100 else 99
    with torch.no_grad():
        before, after = network(events, ticks), network(changed, ticks)
    for field, (one, other) in enumerate(zip(before, after, strict=True)):
        assert torch.allclose(one[:, -1], other[:, -1]) == (field <= 4), field


@pytest.mark.parametrize("model", MODELS)
def test_row_by_row_is_the_same_as_all_at_once(model: str, lessons: Lessons) -> None:
    network = tiny(model)
    events, ticks = lessons.batch(np.random.default_rng(6), 1)
    with torch.no_grad():
        if isinstance(network, Network):
            whole = network.stream(events, ticks)
            cache = Cache()
            rows = [
                network.stream(events[:, at : at + 1], ticks[:, at : at + 1], at, cache)
                for at in range(events.shape[1])
            ]
        else:
            seen = network.columns(events.clamp(min=0), ticks)
            whole, room = network.stream(seen), paper_play.Room(seen.shape[1])
            rows = []
            for at in range(seen.shape[1]):
                rows.append(network.stream(seen[:, at : at + 1], at, room))
                room.heard += 1
    assert torch.allclose(torch.cat(rows, 1), whole, atol=1e-4)


def test_the_rotations_make_time_relative(lessons: Lessons) -> None:
    network = tiny("ours")
    events, ticks = lessons.batch(np.random.default_rng(6), 1)
    with torch.no_grad():
        early, late = network.stream(events, ticks), network.stream(events, ticks + 48000)
    assert torch.allclose(early, late, atol=1e-3)


def test_the_papers_network_sees_beats_from_the_start() -> None:
    network = PaperNetwork(SHAPES["tiny"])
    events = torch.zeros(1, 3, 8, dtype=torch.int64)
    events[0, 1:, TYPE] = NOTE
    seen = network.columns(events, torch.tensor([[0, 0, 12 * 300]]))
    assert seen[0, :, BEAT].tolist() == [0, 1, PaperNetwork.BEATS - 1]


@pytest.mark.parametrize("model", MODELS)
def test_nothing_stays_on_the_processor_when_the_network_moves(model: str) -> None:
    network = network_of(model, "tiny").to("meta")
    events = torch.zeros(2, 5, 8, dtype=torch.int64, device="meta")
    ticks = torch.zeros(2, 5, dtype=torch.int64, device="meta")
    stream = network.stream(events, ticks) if isinstance(network, Network) else network.stream(events[..., :6])
    assert stream.device.type == "meta"


# ---- Training ----


@pytest.mark.parametrize("model", MODELS)
def test_it_learns(data: Path, tmp_path: Path, model: str) -> None:
    made = Options(model, "tiny", 60, batch=4, rows=64, rate=1e-2, dropout=0.0, seed=5)
    training = train.Training(data, tmp_path, made)
    before = training.check()
    while training.step < made.steps:
        training.learn()
    after = training.check()
    assert set(after) == {*FIELDS[: len(after) - 1], "sum"}
    assert after["sum"] < before["sum"] - 4
    assert after["position"] < 0.5  # every note begins on a beat


def test_a_resumed_training_goes_on_as_if_it_had_not_stopped(data: Path, tmp_path: Path) -> None:
    def steps(folder: str, until: int) -> train.Training:
        torch.manual_seed(99)  # what came before does not matter
        training = train.Training(data, tmp_path / folder, options(steps=4))
        training.resume()
        while training.step < until:
            training.learn()
        training.save()
        return training

    whole = steps("whole", 4)
    steps("halves", 2)
    halves = steps("halves", 4)
    assert halves.step == 4
    for name, value in whole.plain.state_dict().items():
        assert torch.equal(value, halves.plain.state_dict()[name]), name


def test_a_loss_that_is_no_number_ends_the_training(data: Path, tmp_path: Path) -> None:
    training = train.Training(data, tmp_path, options())
    with torch.no_grad():
        training.plain.norm.weight[0] = float("nan")
    with pytest.raises(FloatingPointError, match="no number at step 0: use a lower --rate"):
        training.learn()


def test_padding_and_unknown_velocities_are_not_asked(lessons: Lessons) -> None:
    network = tiny("ours")
    one = lessons.excerpt(np.random.default_rng(8))
    alone = train.losses_of(network, pad([one]))
    longer = pad([one, lessons.excerpt(np.random.default_rng(9))])
    events, ticks = longer[0][:1], longer[1][:1]
    assert torch.equal(events[0, : len(one[0])], torch.from_numpy(one[0]).long())
    assert train.losses_of(network, (events, ticks)) == pytest.approx(alone, rel=2e-2)
    silent = one[0].copy()
    silent[:, VELOCITY] = 0
    assert train.losses_of(network, pad([(silent, one[1])]))[VELOCITY] == 0


def told(data: Path, runs: Path, *more: str) -> list[str]:
    line = f"--data {data} --size tiny --batch 2 --rows 64 --rate 1e-2 --runs {runs}"
    return [*line.split(), *more]


@pytest.mark.parametrize("model", MODELS)
def test_the_command_trains_goes_on_and_ships(data: Path, tmp_path: Path, model: str) -> None:
    more = ["--model", model, "--out", str(tmp_path)]
    assert train.main(told(data, tmp_path, *more, "--steps", "2")) == 0
    assert train.main(told(data, tmp_path, *more, "--steps", "3")) == 0
    name = "tiny" if model == "ours" else "mmt-tiny"
    found = stored.read(tmp_path / f"{name}.safetensors", model)
    assert found.card["training"]["steps"] == 3
    assert found.card["training"]["batch"] == 2
    assert set(found.card["metrics"]["valid loss, nats a note"]) >= {"pitch", "sum"}
    assert found.card["data"]["pop"] == {"pieces": 3, "notes": 540, "licences": ["made up: CC0-1.0"]}
    assert str(tmp_path) not in json.dumps(found.card)


def test_what_cannot_be_trained_or_shipped_is_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(told(tmp_path, tmp_path, "--steps", "1")) == 1
    assert "chorales.npz: no such file" in capsys.readouterr().err
    run = tmp_path / "continuation-ours-tiny"
    assert export.main(["--run", str(run), "--data", str(data), "--out", str(tmp_path)]) == 1
    assert "no checkpoint of a continuation" in capsys.readouterr().err
    run.mkdir()
    (run / "checkpoint.safetensors").write_bytes(b"")
    (run / "checkpoint.json").write_text("{}")
    assert train.main(told(data, tmp_path, "--steps", "1")) == 1
    assert "delete it to begin anew" in capsys.readouterr().err


def test_several_processes_train_one_network(data: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port)]
    command += ["-m", "ripieno.models.continuation.train", *told(data, tmp_path, "--steps", "3")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("step 3/3 valid") == 1
    together = train.Training(data, tmp_path / "continuation-ours-tiny", options())
    together.resume()
    assert together.step == 3
    alone = train.train(data, tmp_path / "alone", Options("ours", "tiny", 3, 2, 64, 1e-2, 0.0, 0))
    pairs = zip(together.plain.parameters(), alone.plain.parameters(), strict=True)
    assert any(not torch.equal(one, other) for one, other in pairs)  # the other process was heard too


# ---- Shipped, and judged ----


@pytest.fixture(scope="module")
def shipped(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both networks, hardly trained."""
    folder = tmp_path_factory.mktemp("shipped")
    for model in MODELS:
        train.main(told(data, folder, "--model", model, "--steps", "3", "--out", str(folder)))
    return {"ours": folder / "tiny.safetensors", "mmt": folder / "mmt-tiny.safetensors"}


def test_c_and_torch_find_the_same(data: Path, shipped: dict[str, Path]) -> None:
    found = stored.read(shipped["ours"])
    events = excerpts.fixed_excerpts(data, "valid", 100, 1)
    ours = evaluate.judged(found, "fp32", events)
    expected = torch_side.judged(torch_side.network(found), events)
    for one, other, (rows, _) in zip(ours, expected, events, strict=True):
        notes = rows[:, TYPE] == NOTE
        assert one[notes] == pytest.approx(other[notes], abs=1e-3)
        assert one[1:, TYPE] == pytest.approx(other[1:, TYPE], abs=1e-3)


def test_the_paper_goes_on_as_it_samples(data: Path, shipped: dict[str, Path]) -> None:
    network = torch_side.network(stored.read(shipped["mmt"], "mmt"))
    assert isinstance(network, PaperNetwork)
    given = excerpts.draw(data, "test", (4,), 1)
    pieces = paper_play.go_on(network, given, 96, 0)
    again = paper_play.go_on(network, given, 96, 0)
    for piece, same, excerpt in zip(pieces, again, given, strict=True):
        assert piece.pitch.tolist() == same.pitch.tolist()
        first = excerpt.given * 12
        assert piece.take(piece.tick < first).pitch.tolist()[: len(excerpt.told)] == excerpt.told.pitch.tolist()
        assert len(piece) <= 96
        assert piece.tick.max() < excerpt.until
    assert sum(map(len, pieces)) > sum(len(one.told) for one in given)


def test_only_the_likeliest_tenth_is_drawn(shipped: dict[str, Path]) -> None:
    network = torch_side.network(stored.read(shipped["mmt"], "mmt"))
    assert isinstance(network, PaperNetwork)
    last = torch.zeros(400, 6, dtype=torch.int64)
    last[:, TYPE], last[:, BEAT] = NOTE, 9
    with torch.no_grad():
        network.scores[TYPE].bias[NOTE] += 100
        stream = torch.randn(1, network.shape.dim).expand(400, -1)
        drawn = paper_play.draw(network, stream, last, torch.Generator().manual_seed(1))
    assert (drawn[:, TYPE] == NOTE).all()
    assert drawn[:, BEAT].min() >= 9
    for column, most in ((BEAT, 26), (2, 2), (3, 7), (4, 13), (5, 4)):
        assert 1 <= len(drawn[:, column].unique()) <= most
        assert drawn[:, column].min() >= 1


def test_both_are_judged_together(data: Path, shipped: dict[str, Path]) -> None:
    plan = evaluate.Plan(data, each=1, losses=1, styles=("chorales", "band"))
    found = evaluate.run(stored.read(shipped["ours"]), stored.read(shipped["mmt"], "mmt"), plan)
    assert found["losses"][evaluate.AGREEMENT] < 1e-3
    rows = found["losses"]["test"]
    lead = 1 - rows["ours, fp32"]["sum"] / rows["paper's model"]["sum"]
    assert rows["ours below the paper's"] == pytest.approx(lead)
    assert set(found["copying"]) == {"truth", "ours", "paper's model"}
    evaluate.print_tables(found)


def test_weights_that_do_not_fit_torch_are_refused(shipped: dict[str, Path]) -> None:
    found = stored.read(shipped["ours"])
    arrays = {name: value for name, value in found.arrays.items() if name != "norm.weight"}
    with pytest.raises(stored.WeightsError, match=r"norm\.weight"):
        torch_side.network(stored.Weights(found.path, found.card, arrays))
