"""The paper's models in torch: their shapes, their training, and that they are the same without torch."""

import json
from pathlib import Path

import numpy as np
import pytest

from needs import needs

needs("torch")
import torch  # noqa: E402

from ripieno.models.checkpoint import CheckpointError  # noqa: E402
from ripieno.models.instrumentation import corpus, mlp, paper_weights, train_paper  # noqa: E402
from ripieno.models.instrumentation.baselines import heard_live, heard_written  # noqa: E402
from ripieno.models.instrumentation.corpus import Piece, arrange  # noqa: E402
from ripieno.models.instrumentation.paper import MODELS, NETWORKS, PaperMlp, collate  # noqa: E402
from ripieno.models.instrumentation.paper_infer import PaperMlp as PlainMlp  # noqa: E402
from ripieno.models.instrumentation.paper_infer import PaperModel  # noqa: E402
from ripieno.models.instrumentation.paper_inputs import transpose, written  # noqa: E402
from ripieno.models.instrumentation.performance import as_played  # noqa: E402
from ripieno.models.instrumentation.trainer import Options, Run, train  # noqa: E402

TASK = corpus.TASKS["chorales"]


def piece(seed: int, chords: int = 40, split: str = "train") -> Piece:
    rng = np.random.default_rng(seed)
    rows = [
        (24 * i, 24, low + int(rng.integers(0, 5)), 0, part)
        for i in range(chords)
        for part, low in enumerate((72, 64, 56, 45))
    ]
    return Piece(f"{seed}", "chorales", split, *arrange(*np.array(rows).T), [])


PIECES = [piece(seed) for seed in range(6)]


@pytest.mark.parametrize("hints", ["", "entry", "pitch"])
@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_without_torch_the_scores_are_the_same(tmp_path: Path, kind: str, hints: str) -> None:
    torch.manual_seed(1)
    model = NETWORKS[kind](4, hints).eval()
    arrays = {name: value.half().float() for name, value in model.state_dict().items()}
    model.load_state_dict(arrays)
    stem = paper_weights.name("chorales", kind, hints, "written")
    paper_weights.write(tmp_path, stem, TASK, {name: v.numpy() for name, v in arrays.items()}, PIECES, {})
    plain = PaperModel(stem, tmp_path)
    notes = written(piece(9))
    expected = model(collate([notes])).detach().numpy()[0]
    assert plain.scores(plain.embed(notes)) == pytest.approx(expected, abs=1e-4)
    assert (plain.predict(notes) == expected.argmax(axis=1)).all()


def test_the_lstm_has_the_papers_size() -> None:
    # 358,165 for four parts, with Keras's fifth output for padding and one bias a gate where torch has two.
    count = sum(value.numel() for value in NETWORKS["lstm"](4).parameters())
    assert count == 358165 - 129 + 3 * 4 * 128


def test_the_transformer_decides_long_pieces_in_windows(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = NETWORKS["transformer"](4).eval()
    paper_weights.write(
        tmp_path, "a-transformer-x", TASK, {n: v.numpy() for n, v in model.state_dict().items()}, PIECES, {}
    )
    plain = PaperModel("a-transformer-x", tmp_path)
    for chords in (124, 125, 126, 190, 260):
        notes = written(piece(3, chords))
        vectors = plain.embed(notes)
        scores = plain.scores(vectors)
        assert scores.shape == (len(notes), 4)
        start = max(0, -(-(len(notes) - 500) // 250) * 250)
        # The last note is seen with what stands before it in the last window.
        assert scores[-1] == pytest.approx(plain.scores(vectors[start:])[-1], abs=1e-5)


def test_the_perceptron_without_torch_is_the_same(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = PaperMlp(4).eval()
    weights = {name: value.half().float() for name, value in model.state_dict().items()}
    model.load_state_dict(weights)
    paper_weights.write(tmp_path, "m", TASK, {name: v.numpy() for name, v in weights.items()}, PIECES, {})
    features = mlp.taught(heard_written(PIECES[0]), 4)
    expected = model(torch.from_numpy(features)).detach().numpy()
    assert mlp.forward(PlainMlp("m", tmp_path).weights, features) == pytest.approx(expected, abs=1e-4)
    assert len(PlainMlp("m", tmp_path).predict(heard_written(PIECES[0]))) == len(PIECES[0])


def test_padding_does_not_count() -> None:
    torch.manual_seed(0)
    model = NETWORKS["lstm"](4).eval()
    short, long = written(piece(1, 10)), written(piece(2, 30))
    alone = model(collate([short]))[0]
    beside = model(collate([short, long]))[0, : len(short)]
    assert torch.allclose(alone, beside, atol=1e-6)
    assert (collate([short, long])["label"][0, len(short) :] == -1).all()


def test_a_crop_keeps_its_hints() -> None:
    notes = written(piece(4))
    rng = np.random.default_rng(0)
    for _ in range(20):
        part = train_paper.crop(notes, rng, 50)
        assert len(part) == 50
        start = int(np.flatnonzero(notes.note == part.note[0])[0])
        assert (part.entry == notes.entry[start : start + 50]).all()
        moved = part.pitch - notes.pitch[start : start + 50]
        assert len(set(moved.tolist())) == 1
        assert -5 <= moved[0] <= 6
        assert (part.centre - notes.centre == moved[0]).all()
    assert transpose(notes, 100).pitch.max() == 127


@pytest.mark.parametrize("column", train_paper.COLUMNS)
def test_the_lstm_learns_to_tell_registers_apart(tmp_path: Path, column: str) -> None:
    model = NETWORKS["lstm"](4)
    check = train_paper.accuracy_over([piece(50)], column)
    options = Options(1.0, tmp_path / "run", check_every=15, patience=3, learning_rate=5e-3)
    short = [piece(seed, chords=12) for seed in range(6)]
    weights, history = train(model, train_paper.loss_over(short, column), check, options)
    model.load_state_dict(weights)
    assert check(model) == history["valid"] > 0.9


def test_the_perceptron_learns_to_tell_registers_apart(tmp_path: Path) -> None:
    model = PaperMlp(4)
    check = train_paper.mlp_accuracy_over([piece(50)], "played", 4)
    options = Options(1.0, tmp_path / "run", check_every=30, patience=2)
    _, history = train(model, train_paper.mlp_loss_over(PIECES, "played", 4), check, options)
    assert history["valid"] > 0.9
    heard = heard_live(piece(51), as_played(piece(51), np.random.default_rng(0)))
    own = mlp.predict({name: value.detach().numpy() for name, value in model.state_dict().items()}, heard, 4)
    assert (own == heard.label).mean() > 0.9


def run_for(folder: Path, steps: int) -> Run:
    """A run that has made so many steps."""
    run = Run(NETWORKS["lstm"](4), Options(10.0, folder, seed=3))
    folder.mkdir(exist_ok=True)
    loss_of = train_paper.loss_over(PIECES, "played")
    run.resume()
    for _ in range(steps):
        loss = loss_of(run.model, run.rng)
        run.optimiser.zero_grad()
        loss.backward()
        run.optimiser.step()
        run.step += 1
    return run


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    torch.manual_seed(3)
    whole = run_for(tmp_path / "whole", 4)
    torch.manual_seed(3)
    run_for(tmp_path / "halves", 2).save()
    torch.manual_seed(77)
    halves = run_for(tmp_path / "halves", 2)
    assert halves.step == whole.step == 4
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, halves.model.state_dict()[name]), name


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    run_for(tmp_path / "run", 1).save()
    other = Run(NETWORKS["transformer"](4), Options(10.0, tmp_path / "run"))
    with pytest.raises(CheckpointError, match="delete it to begin anew"):
        other.resume()


def test_hints_begin_as_the_model_without_them() -> None:
    torch.manual_seed(1)
    plain, hinted = NETWORKS["lstm"](4).eval(), NETWORKS["lstm"](4, "pitch").eval()
    train_paper.start_from(hinted, {name: value.numpy() for name, value in plain.state_dict().items()})
    batch = collate([written(piece(1))])
    assert torch.allclose(plain(batch), hinted(batch), atol=1e-6)


def write_collection(folder: Path) -> Path:
    """A tiny chorales.npz of all three splits."""
    pieces = [piece(seed, split=split) for seed, split in enumerate(["train"] * 4 + ["valid", "test"])]
    roles = [{"role": role} for role in "SATB"]
    about = [{"path": p.name, "split": p.split, "licence": "CC0-1.0", "parts": roles} for p in pieces]
    columns = {"onset": np.concatenate([np.diff(p.onset, prepend=0) for p in pieces])}
    for name, field in (("dur", "duration"), ("pitch", "pitch"), ("vel", "velocity"), ("part", "label")):
        columns[name] = np.concatenate([getattr(p, field) for p in pieces])
    text = np.frombuffer(json.dumps({"pieces": about}).encode(), np.uint8)
    np.savez(folder / "chorales.npz", json=text, starts=np.cumsum([0, *map(len, pieces)]), **columns)
    return folder


@pytest.mark.parametrize("kind", MODELS)
def test_the_command_writes_weights_and_a_card(tmp_path: Path, kind: str) -> None:
    data = write_collection(tmp_path)
    arguments = f"--data {data} --task chorales --model {kind} --minutes 0.01 --runs {tmp_path} --out {tmp_path}"
    train_paper.main(arguments.split())
    stem = f"chorales-{kind}-written"
    _, card = paper_weights.read(tmp_path, stem)
    assert card["labels"] == list(TASK.labels)
    assert card["data"] == {"task": "chorales", "pieces": 4, "licences": ["CC0-1.0"]}
    assert card["metrics"]["steps"] >= 1
    # A second call goes on from the checkpoint, finds its minutes spent, and writes the same.
    first = (tmp_path / f"{stem}.safetensors").read_bytes()
    train_paper.main(arguments.split())
    assert (tmp_path / f"{stem}.safetensors").read_bytes() == first


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    model = NETWORKS["lstm"](4)
    broken = Options(1.0, tmp_path / "run")
    with pytest.raises(FloatingPointError, match="no number at step 0"):
        train(model, lambda model, rng: model.output.bias.sum() * float("nan"), lambda model: 0.0, broken)
