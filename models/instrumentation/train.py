"""Train our own models: python -m ripieno.models.instrumentation.train --data DIR --task chorales --minutes 10

Two networks a task, one after the other: ``chord`` and ``solo``. The weights and their card go to --out; checkpoints
to --runs, from where the same command goes on. Your own MIDI or MusicXML files: --task folder --data FOLDER.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ripieno.models.checkpoint import CheckpointError
from ripieno.models.collection import SPLITS, CorpusError
from ripieno.models.instrumentation import ensemble as ensembles
from ripieno.models.instrumentation.corpus import TASKS, Piece, Task, load
from ripieno.models.instrumentation.ensemble import NETWORKS, Ensemble, WeightsError
from ripieno.models.instrumentation.folder import load_folder
from ripieno.models.instrumentation.lessons import Lessons, Plan, player
from ripieno.models.instrumentation.network import Averaged, Network
from ripieno.models.instrumentation.paper_weights import commit
from ripieno.models.instrumentation.performance import Performance, as_played, low_to_high
from ripieno.models.instrumentation.trainer import Options, train
from ripieno.native.lstm import Lstm, LstmConfig

HIDDEN, LAYERS, HEAD = 128, 2, 96
RATE, COOLING, CHECK_EVERY = 2e-3, 0.6, 100
DROPOUT = {"solo": 0.1, "chord": 0.2}
_VALID_NOTES = 24000
_STAY = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
_MOVED_MOST = 0.145

Performances = list[tuple[Piece, Performance]]
Trained = tuple[dict[str, NDArray[np.float32]], dict[str, Any]]


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


def checker(task: Task, which: str, chord: Lstm | None, valid: Performances) -> Callable[[nn.Module], float]:
    """The share of notes that the average of the weights gives the right part."""

    def check(model: nn.Module) -> float:
        assert isinstance(model, Averaged)
        it = player(task, which, Lstm(model.average.arrays(), model.network.config), chord)
        right = [ensembles.play(it, p, len(piece)).voice == piece.label for piece, p in valid]
        return float(np.concatenate(right).mean())

    return check


def train_network(given: "Material", which: str, chord: Lstm | None, options: Options, plan: Plan) -> Trained:
    """Train "solo" or "chord"; returns the weights and what happened."""
    torch.manual_seed(options.seed)
    model = Averaged(Network(config_of(given.task, which), DROPOUT[which]))
    heard = perform(given.splits["valid"], "played", _VALID_NOTES)
    if which == "solo":
        heard += perform(given.splits["valid"], "written", _VALID_NOTES // 2)
    lessons = Lessons(given.task, given.splits["train"], which, plan, chord)
    best, history = train(model, lessons.loss, checker(given.task, which, chord, heard), options)
    model.load_state_dict(best)
    return model.average.arrays(), history


def tune_stay(ensemble: Ensemble, valid: Performances) -> float:
    """How much better another voice must be before a note moves: the most accurate choice that moves few notes."""
    found = []
    pieces, performances = [piece for piece, _ in valid], [performance for _, performance in valid]
    for stay in _STAY:
        counts = ensembles.evaluate(ensemble, pieces, performances, "revise", stay=stay, divide=True)
        moved = counts["moved"] / counts["notes"]
        found.append((moved <= _MOVED_MOST, counts["correct"] if moved <= _MOVED_MOST else -moved, stay))
    return max(found)[2]


def metrics(ensemble: Ensemble, pieces: list[Piece]) -> dict[str, dict[str, float]]:
    """Accuracy and counts of an ensemble on pieces, in every column of the table."""
    table = {}
    ways = [("note", False), ("note", True), ("together", False), ("window", False), ("revise", True)]
    performances = {column: perform(pieces, column) for column in ("written", "played")}
    for column, (way, divide) in product(performances, ways):
        together, when = way == "together", "note" if way == "together" else way
        played = [performance for _, performance in performances[column]]
        counts = ensembles.evaluate(ensemble, pieces, played, when, divide=divide, together=together)
        shares = {name: round(counts[name] / counts["notes"], 4) for name in ("moved", "shared")}
        whole = {name: counts[name] for name in ("notes", "jumped", "lost", "doubled", "fallback")}
        name = f"{column}, {way}{', divided' if divide else ''}"
        table[name] = {"accuracy": round(counts["correct"] / counts["notes"], 4), **shares, **whole}
    return table


@dataclass(frozen=True)
class Material:
    """A task and its pieces by split."""

    task: Task
    splits: dict[str, list[Piece]]


def material(task: str, data: Path, labels: Sequence[str] = ()) -> Material:
    """A task of the project's collections in `data`, or ("folder") a folder of a user's own MIDI or MusicXML files."""
    if task == "folder":
        return Material(*load_folder(data, labels))
    return Material(TASKS[task], {split: load(task, data, split) for split in SPLITS})


def build(given: Material, options: Options, networks: Sequence[str], plan: Plan) -> Ensemble:
    """Train a task's networks; those not in `networks` are taken from their last checkpoint. The chord network comes
    first: the solo network is taught in its company."""
    task, pieces, valid = given.task, given.splits["train"], given.splits["valid"]
    configs = {which: config_of(task, which) for which in NETWORKS}
    arrays, history, chord = {}, {}, None
    for which in ("chord", "solo"):
        minutes = options.minutes if which in networks else 0.0
        own = replace(options, folder=options.folder / f"{task.name}-{which}", minutes=minutes)
        arrays[which], history[which] = train_network(given, which, chord, own, plan)
        chord = Lstm(arrays[which], configs[which])
    ensemble = Ensemble(task.name, task.labels, task.mono, task.divides, configs, arrays)
    ensemble.stay = tune_stay(ensemble, perform(valid, "played", _VALID_NOTES))
    ensemble.card = {
        "source": "Ripieno's own; network in models/instrumentation/network.py, its input in native/src/scene.c",
        "data": {
            "task": task.name,
            "pieces": len(pieces),
            "notes": sum(len(piece) for piece in pieces),
            "licences": sorted({piece.licence for piece in pieces}),
        },
        "split": {"trained on": "train", "chosen on": "valid", "reported on": "test"},
        "history": history,
        "commit": commit(),
    }
    return ensemble


def parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    arguments = argparse.ArgumentParser(prog="python -m ripieno.models.instrumentation.train", description=__doc__)
    arguments.add_argument("--data", type=Path, required=True, help="folder with TASK.npz, or of your own files")
    arguments.add_argument("--task", choices=(*TASKS, "folder"), required=True, help="folder: your own files in --data")
    arguments.add_argument("--labels", nargs="+", default=(), help="with folder: the parts, by their tracks' names")
    arguments.add_argument("--minutes", type=float, default=10.0, help="of processor time, for each network")
    arguments.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    arguments.add_argument("--runs", type=Path, default=Path("runs"), help="folder for checkpoints, to go on from")
    arguments.add_argument("--out", type=Path, default=ensembles.FOLDER, help="folder for the weights")
    arguments.add_argument("--seed", type=int, default=0)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    chosen = parser().parse_args(argv)
    options = Options(chosen.minutes, chosen.runs, RATE, COOLING, CHECK_EVERY, patience=1000, seed=chosen.seed)
    try:
        given = material(chosen.task, chosen.data, chosen.labels)
        ensemble = build(given, options, chosen.networks, Plan())
        shipped = ensembles.load(ensembles.save(chosen.out, ensemble, ensemble.card))
        table = metrics(shipped, given.splits["test"])
        path = ensembles.save(chosen.out, shipped, {**ensemble.card, "metrics": {"test": table}})
    except (CorpusError, WeightsError, CheckpointError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, row in table.items():
        print(f"{given.task.name}: {name}: {row}", flush=True)
    print(f"wrote {path}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
