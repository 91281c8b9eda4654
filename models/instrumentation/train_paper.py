"""Train the paper's models: ``python -m ripieno.models.instrumentation.train_paper --data DIR --task chorales``.

As in Dong et al. 2021: Adam 1e-3, 16 pieces a batch, crops of 500 notes, transposed by -5 to 6 semitones, early
stopping; but validated on openings of 2000 notes of every validation piece, for as many minutes as are given, with a
learning rate that falls to 0 towards their end (minutes are few: it gains about a point).
``--column played`` trains on performances as played, drawn anew for every crop. A model with hints begins with the
weights of the one without, which must have been trained first.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ripieno.models.instrumentation import corpus, mlp, paper_weights
from ripieno.models.instrumentation.baselines import Heard, heard_live, heard_written
from ripieno.models.instrumentation.paper import HINTS, MODELS, NETWORKS, PaperMlp, collate
from ripieno.models.instrumentation.paper_inputs import Notes, live, transpose, written
from ripieno.models.instrumentation.performance import as_played
from ripieno.models.instrumentation.trainer import Options, train

Loss = Callable[[nn.Module, np.random.Generator], Tensor]
Check = Callable[[nn.Module], float]

COLUMNS = ("written", "played")
BATCH, CROP, VALID_NOTES, VALID_BATCH = 16, 500, 2000, 12
MLP_PIECES = 6
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


def loss_over(pieces: list[corpus.Piece], column: str) -> Loss:
    """The loss of a batch drawn from these pieces."""

    def loss_of(model: nn.Module, rng: np.random.Generator) -> Tensor:
        chosen = rng.integers(0, len(pieces), BATCH)
        batch = collate([crop(render(pieces[index], column, rng), rng) for index in chosen])
        scores = model(batch)
        return nn.functional.cross_entropy(scores.flatten(0, 1), batch["label"].flatten(), ignore_index=-1)

    return loss_of


def accuracy_over(pieces: list[corpus.Piece], column: str) -> Check:
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


def mlp_loss_over(pieces: list[corpus.Piece], column: str, parts: int) -> Loss:
    """The perceptron's loss on notes of a few pieces, told the true parts of the notes before."""

    def loss_of(model: nn.Module, rng: np.random.Generator) -> Tensor:
        chosen = [pieces[index] for index in rng.integers(0, len(pieces), MLP_PIECES)]
        heard = [shift(hear(piece, column, rng), int(rng.integers(-5, 7))) for piece in chosen]
        return nn.functional.cross_entropy(*mlp_scores(model, heard, parts))

    return loss_of


def mlp_accuracy_over(pieces: list[corpus.Piece], column: str, parts: int) -> Check:
    """The share of notes that the perceptron gives to the right part, told the true parts of the notes before."""
    rng = np.random.default_rng(_VALID_SEED)
    heard = [hear(piece, column, rng) for piece in pieces]
    features = torch.from_numpy(np.concatenate([mlp.taught(each, parts) for each in heard]))
    label = torch.from_numpy(np.concatenate([each.label for each in heard]))

    @torch.no_grad()
    def check(model: nn.Module) -> float:
        model.eval()
        return float((model(features).argmax(-1) == label).float().mean())

    return check


def hear(piece: corpus.Piece, column: str, rng: np.random.Generator) -> Heard:
    """A piece as the column presents it to the perceptron."""
    return heard_written(piece) if column == "written" else heard_live(piece, as_played(piece, rng))


def shift(heard: Heard, semitones: int) -> Heard:
    """The same notes moved up or down."""
    return replace(heard, pitch=np.clip(heard.pitch + semitones, 0, 127))


def mlp_scores(model: nn.Module, heard: list[Heard], parts: int) -> tuple[Tensor, Tensor]:
    """Scores and labels of all notes of some pieces."""
    features = np.concatenate([mlp.taught(each, parts) for each in heard])
    return model(torch.from_numpy(features)), torch.from_numpy(np.concatenate([each.label for each in heard]))


def start_from(model: nn.Module, arrays: dict[str, NDArray[np.float32]]) -> None:
    """Begin with the weights of the same model without hints; it takes no notice of the hints at first."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            known = torch.from_numpy(arrays[name])
            parameter.zero_()
            parameter[tuple(slice(size) for size in known.shape)] = known


def main(argv: list[str] | None = None) -> None:
    """Train one model and write its weights and card."""
    options = _arguments().parse_args(argv)
    task = corpus.TASKS[options.task]
    splits = {name: corpus.load(task.name, options.data, name) for name in ("train", "valid")}
    torch.manual_seed(options.seed)
    before = 0.0
    parts, hints = len(task.labels), "" if options.model == "mlp" else options.hints
    name = paper_weights.name(task.name, options.model, hints, options.column)
    if options.model == "mlp":
        model: nn.Module = PaperMlp(parts)
        loss = mlp_loss_over(splits["train"], options.column, parts)
        check = mlp_accuracy_over(splits["valid"], options.column, parts)
    else:
        model = NETWORKS[options.model](parts, hints)
        loss = loss_over(splits["train"], options.column)
        check = accuracy_over(splits["valid"], options.column)
        if hints:
            plain = paper_weights.name(task.name, options.model, "", options.column)
            arrays, card = paper_weights.read(options.out, plain)
            start_from(model, arrays)
            before = card["metrics"]["minutes"]
    weights, history = train(
        model,
        loss,
        check,
        Options(options.minutes, options.runs / name, seed=options.seed),
        resume=not options.anew,
    )
    history["minutes"] = round(history["minutes"] + before, 2)
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
