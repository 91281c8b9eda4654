"""Train our own models: python -m ripieno.models.instrumentation.train --data DIR --task chorales --minutes 10

Two networks a task, one after the other: ``solo`` and ``chord``, each with half the minutes of processor time. The
weights and their card go to --out; checkpoints to --runs, from where the same command goes on.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ripieno.models.instrumentation import ensemble as ensembles
from ripieno.models.instrumentation.corpus import TASKS, CorpusError, Piece, Task, load
from ripieno.models.instrumentation.ensemble import NETWORKS, Ensemble, WeightsError
from ripieno.models.instrumentation.lessons import Lessons, Plan, player
from ripieno.models.instrumentation.network import Averaged, Network
from ripieno.models.instrumentation.paper_weights import _commit
from ripieno.models.instrumentation.performance import Performance, as_played, low_to_high
from ripieno.models.instrumentation.trainer import Options, train
from ripieno.native.lstm import Lstm, LstmConfig

HIDDEN, LAYERS, HEAD = 128, 2, 96
_VALID_NOTES = 24000
_STAY = (0.0, 0.3, 0.6, 1.0, 1.5, 2.0)
_MOVED_MOST = 0.14

Performances = list[tuple[Piece, Performance]]


def config_of(task: Task, which: str) -> LstmConfig:
    """The shape of one network of a task."""
    labels = len(task.labels)
    return LstmConfig(ensembles.widths(labels)[which], HIDDEN, LAYERS, labels, norm=True, head=HEAD, skip=True)


def perform(pieces: list[Piece], column: str, notes: int | None = None) -> Performances:
    """Pieces as one column of the table has them ("written" or "played"), always the same; up to so many notes."""
    found: Performances = []
    for index, piece in enumerate(pieces):
        if notes is not None and found and sum(len(p) for p, _ in found) + len(piece) > notes:
            continue
        found.append((piece, low_to_high(piece) if column == "written" else as_played(piece, _seeded(index))))
    return found


def _seeded(index: int) -> np.random.Generator:
    return np.random.default_rng([2021, index])


def checker(task: Task, which: str, valid: Performances) -> Callable[[nn.Module], float]:
    """The share of notes that the average of the weights gives the right part, when it decides alone."""

    def check(model: nn.Module) -> float:
        assert isinstance(model, Averaged)
        it = player(task, which, Lstm(model.average.arrays(), model.network.config))
        right = [ensembles.play(it, p, len(piece)).voice == piece.label for piece, p in valid]
        return float(np.concatenate(right).mean())

    return check


def train_network(
    task: Task, which: str, pieces: list[Piece], valid: list[Piece], options: Options, plan: Plan
) -> dict:
    """Train "solo" or "chord"; returns arrays and history."""
    torch.manual_seed(options.seed)
    model = Averaged(Network(config_of(task, which)))
    heard = perform(valid, "played", _VALID_NOTES)
    if which == "solo":
        heard += perform(valid, "written", _VALID_NOTES // 2)
    best, history = train(model, Lessons(task, pieces, which, plan).loss, checker(task, which, heard), options)
    model.load_state_dict(best)
    return {"arrays": model.average.arrays(), "history": history}


def tune_stay(ensemble: Ensemble, valid: Performances) -> float:
    """How much better another voice must be before a note moves: the most accurate choice that moves few notes."""
    found = []
    for stay in _STAY:
        counts = ensembles.evaluate(ensemble, *zip(*valid, strict=True), "revise", stay=stay)
        moved = counts["moved"] / counts["notes"]
        found.append((moved <= _MOVED_MOST, counts["correct"] if moved <= _MOVED_MOST else -moved, stay))
    return max(found)[2]


def metrics(ensemble: Ensemble, pieces: list[Piece]) -> dict[str, dict[str, float]]:
    """Accuracy and counts of an ensemble on pieces, in every column of the table."""
    table = {}
    cases = [("written", "note"), ("written", "share"), ("played", "note"), ("played", "share")]
    cases += [("played", "window"), ("played", "revise")]
    performances = {column: perform(pieces, column) for column in ("written", "played")}
    for column, when in cases:
        share, mode = when == "share", "note" if when == "share" else when
        counts = ensembles.evaluate(ensemble, *zip(*performances[column], strict=True), mode, share=share)
        shares = {name: round(counts[name] / counts["notes"], 4) for name in ("moved", "shared")}
        whole = {name: counts[name] for name in ("notes", "jumped", "lost", "doubled", "fallback")}
        table[f"{column}, {when}"] = {"accuracy": round(counts["correct"] / counts["notes"], 4), **shares, **whole}
    return table


def build(task: Task, data: Path, options: Options, networks: tuple[str, ...], plan: Plan) -> Ensemble:
    """Train a task's networks; those not in `networks` are taken from their last checkpoint."""
    pieces, valid = load(task.name, data, "train"), load(task.name, data, "valid")
    arrays, history = {}, {}
    for which in NETWORKS:
        minutes = options.minutes if which in networks else 0.0
        own = replace(options, folder=options.folder / f"{task.name}-{which}", minutes=minutes)
        result = train_network(task, which, pieces, valid, own, plan)
        arrays[which], history[which] = result["arrays"], result["history"]
    configs = {which: config_of(task, which) for which in NETWORKS}
    ensemble = Ensemble(task.name, task.labels, task.mono, configs, arrays)
    ensemble.stay = tune_stay(ensemble, perform(valid, "played", _VALID_NOTES))
    ensemble.card = {
        "source": "Ripieno's own; architecture in models/instrumentation/network.py, features in native/src/scene.c",
        "data": {
            "task": task.name,
            "pieces": len(pieces),
            "notes": sum(len(piece) for piece in pieces),
            "licences": sorted({piece.licence for piece in pieces}),
        },
        "split": {"trained on": "train", "chosen on": "valid", "reported on": "test"},
        "history": history,
        "commit": _commit(),
    }
    return ensemble


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ripieno.models.instrumentation.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with TASK.npz")
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--minutes", type=float, default=10.0, help="of processor time, for each network")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder for checkpoints")
    parser.add_argument("--out", type=Path, default=ensembles.FOLDER, help="folder for the weights")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    options = Options(
        minutes=arguments.minutes,
        folder=arguments.runs,
        learning_rate=2e-3,
        cooling=0.6,
        check_every=100,
        patience=1000,
        seed=arguments.seed,
    )
    try:
        task = TASKS[arguments.task]
        ensemble = build(task, arguments.data, options, tuple(arguments.networks), Plan())
        ensembles.save(arguments.out, ensemble, ensemble.card)
        shipped = ensembles.load(arguments.out / f"{task.name}.safetensors")
        table = metrics(shipped, load(task.name, arguments.data, "test"))
        path = ensembles.save(arguments.out, shipped, {**ensemble.card, "metrics": {"test": table}})
    except (CorpusError, WeightsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, row in table.items():
        print(f"{task.name}: {name}: {row}", flush=True)
    print(f"wrote {path}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
