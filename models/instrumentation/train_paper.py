"""Train the paper's models: ``python -m ripieno.models.instrumentation.train_paper --data DIR --task chorales``.

As in Dong et al. 2021: Adam 1e-3, 16 pieces a batch, crops of 500 notes, transposed by -5 to 6 semitones, early
stopping; but validated on whole openings of 2000 notes of every validation piece, for as many minutes as are given.
``--column played`` trains on performances as played, drawn anew for every crop.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ripieno.models.instrumentation import corpus, paper_weights
from ripieno.models.instrumentation.paper import HINTS, MODELS, collate
from ripieno.models.instrumentation.paper_inputs import Notes, live, transpose, written
from ripieno.models.instrumentation.performance import as_played
from ripieno.models.instrumentation.trainer import Options, train

COLUMNS = ("written", "played")
BATCH, CROP, VALID_NOTES, VALID_BATCH = 16, 500, 2000, 12
_VALID_SEED = 1


def render(piece: corpus.Piece, column: str, rng: np.random.Generator) -> Notes:
    """A piece as the column presents it."""
    return written(piece) if column == "written" else live(piece, as_played(piece, rng))


def crop(notes: Notes, rng: np.random.Generator, length: int = CROP) -> Notes:
    """Some consecutive notes, transposed at random; hints keep what they say at those notes."""
    start = int(rng.integers(0, max(1, len(notes) - length + 1)))
    cut = slice(start, start + length)
    part = Notes(
        notes.pitch[cut],
        notes.beat[cut],
        notes.position[cut],
        notes.entry[cut],
        notes.centre,
        notes.label[cut],
        notes.note[cut],
    )
    return transpose(part, int(rng.integers(-5, 7)))


def loss_over(pieces: list[corpus.Piece], column: str) -> Callable[[nn.Module, np.random.Generator], Tensor]:
    """The loss of a batch drawn from these pieces."""

    def loss_of(model: nn.Module, rng: np.random.Generator) -> Tensor:
        chosen = rng.integers(0, len(pieces), BATCH)
        batch = collate([crop(render(pieces[index], column, rng), rng) for index in chosen])
        scores = model(batch)
        return nn.functional.cross_entropy(scores.flatten(0, 1), batch["label"].flatten(), ignore_index=-1)

    return loss_of


def accuracy_over(pieces: list[corpus.Piece], column: str) -> Callable[[nn.Module], float]:
    """The share of notes given to the right part, over the first 2000 notes of each piece."""
    rng = np.random.default_rng(_VALID_SEED)
    rendered = [render(piece, column, rng) for piece in pieces]
    openings = sorted((_opening(notes) for notes in rendered), key=len)
    batches = [collate(openings[i : i + VALID_BATCH]) for i in range(0, len(openings), VALID_BATCH)]

    @torch.no_grad()
    def check(model: nn.Module) -> float:
        model.eval()
        right = total = 0
        for batch in batches:
            label = batch["label"]
            right += int((model(batch).argmax(-1) == label).sum())
            total += int((label >= 0).sum())
        return right / total

    return check


def _opening(notes: Notes) -> Notes:
    cut = slice(0, VALID_NOTES)
    columns = (notes.pitch[cut], notes.beat[cut], notes.position[cut], notes.entry[cut])
    return Notes(*columns, notes.centre, notes.label[cut], notes.note[cut])


def main(argv: list[str] | None = None) -> None:
    """Train one model and write its weights and card."""
    options = _arguments().parse_args(argv)
    task = corpus.TASKS[options.task]
    splits = {name: corpus.load(task.name, options.data, name) for name in ("train", "valid")}
    torch.manual_seed(options.seed)
    model = MODELS[options.model](len(task.labels), options.hints)
    name = paper_weights.name(task.name, options.model, options.hints, options.column)
    weights, history = train(
        model,
        loss_over(splits["train"], options.column),
        accuracy_over(splits["valid"], options.column),
        Options(options.minutes, options.runs / name, seed=options.seed),
        resume=not options.anew,
    )
    arrays = {key: value.numpy() for key, value in weights.items()}
    paper_weights.write(options.out, name, task, arrays, splits["train"], history)
    print(f"{name}: valid {history['valid']:.4f}, written to {options.out}")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="folder of the note collections")
    parser.add_argument("--task", choices=sorted(corpus.TASKS), required=True)
    parser.add_argument("--model", choices=sorted(MODELS), default="lstm")
    parser.add_argument("--hints", choices=HINTS, default="", help="none, entry hints or pitch hints")
    parser.add_argument("--column", choices=COLUMNS, default="written", help="as written, or as played")
    parser.add_argument("--minutes", type=float, default=6.0, help="of processor time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--anew", action="store_true", help="do not go on from a checkpoint")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder for checkpoints")
    parser.add_argument("--out", type=Path, default=paper_weights.FOLDER, help="folder for weights and cards")
    return parser


if __name__ == "__main__":
    main()
