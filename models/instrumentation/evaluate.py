"""The paper's table on our test splits, and ours beside it: ``ripieno eval instrumentation --data DIR``.

Every model decides the same performances, in two columns: "written" (a chord's notes low to high, as the paper scores)
and "played" (see ``performance.as_played``). The figure is the share of all test notes given to the right part. What
needs weights that are not there is left out, and said.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ripieno.models.collection import CorpusError
from ripieno.models.instrumentation import baselines, corpus, ensemble, paper_weights
from ripieno.models.instrumentation.baselines import Heard, heard_live, heard_written
from ripieno.models.instrumentation.corpus import Ints, Piece, Task
from ripieno.models.instrumentation.paper_infer import PaperMlp, PaperModel
from ripieno.models.instrumentation.paper_inputs import Notes, live, written
from ripieno.models.instrumentation.performance import Performance, as_played, low_to_high

COLUMNS = {"written": "low to high", "played": "as played"}
WINDOW_MS = 25.0
PLOT_WINDOWS_MS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0)
SEED = 0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Presented:
    """One test piece as one column presents it, for each kind of model."""

    piece: Piece
    performance: Performance
    notes: Notes
    heard: Heard


@dataclass(frozen=True)
class Row:
    """One model's line. accuracy: by column, None where there are no weights; facts: what else is known of it."""

    name: str
    accuracy: dict[str, float | None]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One task's table."""

    task: Task
    pieces: int
    notes: int
    rows: list[Row]


def present(piece: Piece, column: str, seed: int) -> Presented:
    """A piece as a column presents it; the seed decides how it is played."""
    if column == "written":
        return Presented(piece, low_to_high(piece), written(piece), heard_written(piece))
    performance = as_played(piece, np.random.default_rng(seed))
    return Presented(piece, performance, live(piece, performance), heard_live(piece, performance))


def run(
    data: Path,
    tasks: Iterable[str] = tuple(corpus.TASKS),
    say: Say = lambda _: None,
    limit: int | None = None,
    weights: Path = paper_weights.FOLDER,
) -> list[Table]:
    """Measure every model on the test split of each task.

    data: folder of the collections. say: told what is being measured. limit: only the first so many test pieces.
    weights: folder of the paper's networks. Raises CorpusError where the data cannot be read.
    """
    return [_table(data, corpus.TASKS[name], say, limit, weights) for name in tasks]


def _table(data: Path, task: Task, say: Say, limit: int | None, weights: Path) -> Table:
    say(f"{task.name}: reading")
    counts = baselines.histogram(corpus.load(task.name, data, "train"), len(task.labels))
    pieces = corpus.load(task.name, data, "test")[:limit]
    sets = {column: [present(piece, column, SEED + index) for index, piece in enumerate(pieces)] for column in COLUMNS}
    rows = []
    for name, predictor in (*_rules(task, counts), *_networks(task, weights)):
        say(f"{task.name}: {name}")
        rows.append(_row(name, predictor, sets))
    rows += _ours(task, sets, say)
    return Table(task, len(pieces), sum(map(len, pieces)), rows)


Predict = Callable[[Presented], Ints]
Predictor = Callable[[str], tuple[Predict, dict[str, Any]]]


def _row(name: str, predictor: Predictor, sets: dict[str, list[Presented]]) -> Row:
    """A model's line; predictor(column) makes the model for a column, or raises CorpusError without weights."""
    accuracy: dict[str, float | None] = {}
    facts: dict[str, Any] = {}
    for column, presented in sets.items():
        try:
            predict, about = predictor(column)
        except CorpusError as error:
            accuracy[column] = None
            facts[f"{column} is missing"] = str(error)
            continue
        facts |= {f"{column} {key}": value for key, value in about.items()}
        right = sum(int((predict(each) == each.heard.label).sum()) for each in presented)
        accuracy[column] = right / sum(len(each.heard) for each in presented)
    return Row(name, accuracy, facts)


def _rules(task: Task, counts: Ints) -> list[tuple[str, Predictor]]:
    """The rules; the same for both columns."""
    parts = len(task.labels)
    common, zones = baselines.most_common(counts), baselines.fit_zones(counts)

    def of_song(each: Presented) -> Ints:
        return baselines.fit_zones(baselines.histogram([each.piece], parts)).predict(each.heard.pitch)

    rules: dict[str, Predict] = {
        "most common part": lambda each: np.full(len(each.heard), common),
        "zones": lambda each: zones.predict(each.heard.pitch),
        "zones of the song (oracle)": of_song,
        "closest pitch (entry hints)": lambda each: baselines.closest(each.heard, parts),
        "closest pitch, mono (entry hints)": lambda each: baselines.closest_mono(each.heard, parts),
    }
    return [(name, _for_both(predict)) for name, predict in rules.items()]


def _for_both(predict: Predict) -> Predictor:
    return lambda column: (predict, {})


NETWORKS = {
    "MLP": ("mlp", ""),
    "LSTM": ("lstm", ""),
    "LSTM + entry hints": ("lstm", "entry"),
    "LSTM + pitch hints": ("lstm", "pitch"),
    "transformer decoder": ("transformer", ""),
}


def _networks(task: Task, weights: Path) -> list[tuple[str, Predictor]]:
    return [(name, _network(task, weights, *kind)) for name, kind in NETWORKS.items()]


def _network(task: Task, weights: Path, model: str, hints: str) -> Predictor:
    """One of the paper's networks, trained for the column in which it is scored."""

    def predictor(column: str) -> tuple[Predict, dict[str, Any]]:
        stem = paper_weights.name(task.name, model, hints, column)
        if model == "mlp":
            perceptron = PaperMlp(stem, weights)
            return lambda each: perceptron.predict(each.heard), {"minutes": perceptron.card["metrics"]["minutes"]}
        network = PaperModel(stem, weights)
        return lambda each: network.predict(each.notes), {"minutes": network.card["metrics"]["minutes"]}

    return predictor


# Ours: name, when it decides, its window in ms, and how it may (see Ensemble.instrumenter).
OURS: tuple[tuple[str, str, float, dict[str, bool]], ...] = (
    ("ours, note by note", "note", 0.0, {}),
    ("ours, parts divide as they can", "note", 0.0, {"divide": True}),
    ("ours, one frame together", "note", 0.0, {"together": True}),
    ("ours, 25 ms window", "window", WINDOW_MS, {}),
    ("ours, revise", "revise", WINDOW_MS, {"divide": True}),
)


def _ours(task: Task, sets: dict[str, list[Presented]], say: Say) -> list[Row]:
    try:
        model = ensemble.load(task.name)
    except ensemble.WeightsError as error:
        return [Row("ours", dict.fromkeys(COLUMNS), {"missing": str(error)})]
    rows = []
    for name, when, window_ms, ways in OURS:
        say(f"{task.name}: {name}")
        found = {column: score(model, presented, when, window_ms, **ways) for column, presented in sets.items()}
        facts = {f"{column} {key}": fact for column, counts in found.items() for key, fact in _facts(counts).items()}
        rows.append(Row(name, {column: counts["correct"] / counts["notes"] for column, counts in found.items()}, facts))
    return rows


FAULTS = ("jumped", "lost", "doubled")


def _facts(counts: dict[str, int]) -> dict[str, float]:
    return {**{key: counts[key] for key in FAULTS}, "moved": counts["moved"] / counts["notes"]}


def score(
    model: ensemble.Ensemble, presented: list[Presented], when: str, window_ms: float, **ways: Any
) -> dict[str, int]:
    """What ours did with these performances: notes, correct, held, jumped, lost, doubled, moved."""
    pieces, performances = [each.piece for each in presented], [each.performance for each in presented]
    return ensemble.evaluate(model, pieces, performances, when=when, window_ms=window_ms, **ways)


def curve(
    data: Path, tasks: Iterable[str], say: Say = lambda _: None, limit: int | None = None
) -> dict[str, list[tuple[float, float]]]:
    """Ours as played, against the window: (ms, accuracy) by task. limit: only the first so many test pieces."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for name in tasks:
        model = ensemble.load(name)
        pieces = corpus.load(name, data, "test")[:limit]
        presented = [present(piece, "played", SEED + index) for index, piece in enumerate(pieces)]
        curves[name] = []
        for window_ms in PLOT_WINDOWS_MS:
            say(f"{name}: window {window_ms:.0f} ms")
            counts = score(model, presented, "window" if window_ms else "note", window_ms)
            curves[name].append((window_ms, counts["correct"] / counts["notes"]))
    return curves


def plot(curves: dict[str, list[tuple[float, float]]], path: Path) -> None:
    """Draw accuracy against window (needs matplotlib)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4.0), layout="constrained")
    for name, points in curves.items():
        axes.plot([ms for ms, _ in points], [100.0 * share for _, share in points], marker="o", label=name)
    axes.set_xlabel("window: how long a chord is waited for (ms)")
    axes.set_ylabel("notes given to the right part (%)")
    axes.set_title("As played, test pieces")
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def as_json(tables: list[Table]) -> dict[str, Any]:
    """The tables as plain values."""
    return {
        table.task.name: {
            "labels": list(table.task.labels),
            "pieces": table.pieces,
            "notes": table.notes,
            "rows": [{"model": row.name, **row.accuracy, **row.facts} for row in table.rows],
        }
        for table in tables
    }


def print_table(tables: list[Table]) -> None:
    """Print the tables for reading."""
    for table in tables:
        print(f"\n{table.task.name} ({', '.join(table.task.labels)}): {table.pieces} test pieces, {table.notes} notes")
        print(f"  {'model':34}{'low to high':>12}{'as played':>12}  notes")
        for row in table.rows:
            cells = "".join(f"{_percent(row.accuracy[column]):>12}" for column in COLUMNS)
            print(f"  {row.name:34}{cells}  {_remark(row)}")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100.0 * share:.2f}"


def _remark(row: Row) -> str:
    """What else there is to say of a line; faults are counted over both columns."""
    missing = next((str(value) for key, value in row.facts.items() if key.endswith("missing")), "")
    if missing:
        return missing
    minutes = [row.facts.get(f"{column} minutes") for column in COLUMNS]
    if all(minutes):
        return "trained " + " and ".join(f"{each:.1f}" for each in minutes) + " min"
    if "played moved" not in row.facts:
        return ""
    faults = ", ".join(f"{fault} {sum(row.facts[f'{column} {fault}'] for column in COLUMNS)}" for fault in FAULTS)
    return f"{faults}, moved {row.facts['written moved']:.1%} and {row.facts['played moved']:.1%}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--data", type=Path, required=True, help="folder of the note collections")
    parser.add_argument("--task", choices=sorted(corpus.TASKS), action="append", help="only this one (may be repeated)")
    parser.add_argument("--limit", type=int, help="only the first so many test pieces")
    parser.add_argument("--weights", type=Path, default=paper_weights.FOLDER, help="folder of the paper's networks")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw accuracy against window instead of the table")
    parser.add_argument("--json", action="store_true", help="print the tables as JSON")


def command(options: argparse.Namespace) -> int:
    """Carry out the command; its exit code. Raises CorpusError where the data or all weights are missing."""
    tasks = [name for name in corpus.TASKS if not options.task or name in options.task]
    if options.plot:
        plot(curve(options.data, tasks, _say, options.limit), options.plot)
        print(f"drew {options.plot}")
        return 0
    tables = run(options.data, tasks, _say, options.limit, options.weights)
    if options.json:
        print(json.dumps(as_json(tables), indent=2))
    else:
        print_table(tables)
    return 0


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
