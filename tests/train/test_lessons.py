"""Our own networks in torch: the same as in C, taught by what they themselves choose, and shipped as they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from needs import needs

needs("torch")
import torch  # noqa: E402

from ripieno.models.instrumentation import ensemble as ensembles  # noqa: E402
from ripieno.models.instrumentation import train as training  # noqa: E402
from ripieno.models.instrumentation.corpus import TASKS, Piece, arrange  # noqa: E402
from ripieno.models.instrumentation.lessons import Lessons, Plan, excerpt, loss_of  # noqa: E402
from ripieno.models.instrumentation.network import Averaged, Network  # noqa: E402
from ripieno.models.instrumentation.trainer import Options  # noqa: E402
from ripieno.native.lstm import Lstm  # noqa: E402

TASK = TASKS["chorales"]
PLAN = Plan(batch=4, fresh=2, recent=8, notes=80, helped=20, refresh=2)


def piece(seed: int, split: str = "train", chords: int = 40) -> Piece:
    rng = np.random.default_rng(seed)
    rows = [
        (24 * i, 24, low + int(rng.integers(0, 5)), 0, part)
        for i in range(chords)
        for part, low in enumerate((72, 64, 56, 45))
    ]
    return Piece(f"{seed}", "chorales", split, *arrange(*np.array(rows).T), [])


PIECES = [piece(seed) for seed in range(4)]


def model(which: str) -> Averaged:
    torch.manual_seed(0)
    return Averaged(Network(replace(training.config_of(TASK, which), hidden=16, head=12)))


@pytest.mark.parametrize("which", ensembles.NETWORKS)
def test_in_c_the_scores_are_the_same(which: str) -> None:
    network = model(which).network.eval()
    x = np.random.default_rng(0).normal(size=(50, network.config.input)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(x)[None])[0].numpy()
    assert Lstm(network.arrays(), network.config).run(x) == pytest.approx(expected, abs=1e-4)


def test_an_excerpt_keeps_its_chords() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        part = excerpt(PIECES[0], 60, rng)
        assert 30 <= len(part) <= 60
        assert part.onset[0] == 0
        assert (np.diff(part.onset) >= 0).all()
        assert len(part.tempo) == 1


def test_a_note_whose_part_was_taken_teaches_nothing() -> None:
    scores = torch.tensor([[[2.0, 0.0], [0.0, 5.0], [9.0, 0.0]]])
    target = torch.tensor([[0, 0, -1]])
    allowed = torch.tensor([[[True, True], [False, True], [True, True]]])
    expected = torch.nn.functional.cross_entropy(scores[0, :1], target[0, :1])
    assert float(loss_of(scores, target, allowed)) == pytest.approx(float(expected))


def test_labels_that_could_not_be_chosen_do_not_count() -> None:
    scores = torch.tensor([[[2.0, 7.0, 1.0]]])
    allowed = torch.tensor([[[True, False, True]]])
    expected = torch.nn.functional.cross_entropy(torch.tensor([[2.0, 1.0]]), torch.tensor([0]))
    assert float(loss_of(scores, torch.tensor([[0]]), allowed)) == pytest.approx(float(expected))


def test_the_average_follows_the_weights() -> None:
    one = model("solo")
    with torch.no_grad():
        one.network.output.bias.fill_(3.0)
    before = float(one.average.output.bias[0])
    for _ in range(50):
        one.follow()
    assert abs(float(one.average.output.bias[0]) - 3.0) < 0.2 * abs(before - 3.0)


@pytest.mark.parametrize("which", ensembles.NETWORKS)
def test_lessons_are_learnt(which: str) -> None:
    one, lessons, rng = model(which), Lessons(TASK, PIECES, which, PLAN), np.random.default_rng(2)
    optimiser = torch.optim.Adam(one.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        loss = lessons.loss(one, rng)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])


def test_a_task_is_trained_shipped_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "HIDDEN", 16)
    monkeypatch.setattr(training, "HEAD", 12)
    splits = {"train": PIECES, "valid": [piece(50, "valid")], "test": [piece(51, "test")]}
    options = Options(0.05, tmp_path / "runs", training.RATE, training.COOLING, check_every=10, patience=1000)
    given = training.Material(TASK, splits)
    first = training.build(given, options, ensembles.NETWORKS, PLAN)
    path = ensembles.save(tmp_path / "out", first, first.card)
    shipped = ensembles.load(path)
    table = training.metrics(shipped, splits["test"])
    assert table["played, note"]["jumped"] == table["played, window"]["lost"] == 0
    assert table["written, note"]["accuracy"] > 0.5
    assert shipped.card["history"]["solo"]["steps"] > 0
    again = training.build(given, options, (), PLAN)
    for name, value in first.arrays["chord"].items():
        np.testing.assert_array_equal(again.arrays["chord"][name], value)
