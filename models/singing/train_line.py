"""Train the line by likelihood: python -m ripieno.models.singing.train_line --data DIR --steps 3000

Checkpoints go to --runs, from where the same command goes on (also with another number of steps). What is learnt goes
on to the reward stage (reward.py), and from there, or from here, to the shipped weights (export.py).
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ripieno.models import checkpoint, training
from ripieno.models.collection import CorpusError
from ripieno.models.singing import songs
from ripieno.models.singing.lessons import Lesson, Lessons
from ripieno.models.singing.line import SHAPES, Line
from ripieno.models.singing.representation import ONSET, PHONATIONS, SUSTAIN

NAME = "singing-line"
DECAY, BETA = 0.02, 0.98  # of AdamW
CHECK_LESSONS = 48
IMPOSSIBLE = -1e4


@dataclass(frozen=True)
class Options:
    """What one training is told. batch: excerpts a step; blocks: of an excerpt."""

    size: str
    steps: int
    batch: int
    blocks: int
    rate: float
    dropout: float
    seed: int


@dataclass(frozen=True)
class Batch:
    """Lessons as tensors: rows [batch, blocks, ROW], history [batch, blocks, 4], the others [batch, blocks]."""

    rows: Tensor
    history: Tensor
    phonation: Tensor
    note: Tensor
    asked: Tensor


def batch_of(lessons: Sequence[Lesson]) -> Batch:
    """Lessons of one length together."""
    fields = ("rows", "history", "phonation", "note", "asked")
    return Batch(*(torch.from_numpy(np.stack([getattr(one, name) for one in lessons])) for name in fields))


def possible(scores: Tensor, before: Tensor) -> Tensor:
    """Scores of phonation [..., 4] of which only a sung note, before [...], may go on."""
    sung = (before == ONSET) | (before == SUSTAIN)
    never = torch.zeros(PHONATIONS, dtype=torch.bool, device=scores.device)
    never[SUSTAIN] = True
    return scores.masked_fill(never & ~sung[..., None], IMPOSSIBLE)


def losses(line: Line, batch: Batch) -> Tensor:
    """[2] nats of phonation and of the note, both per note that begins."""
    rows = batch.rows.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        stream = line(rows, batch.history)
        scores = line.phonation(stream, rows, batch.history)
        asked = batch.asked
        notes = line.note(stream[asked], rows[asked], batch.history[asked][:, 2])
    scores = possible(scores.float(), batch.history[..., 0])
    # A note that begins wrong is not learnt: neither what it is nor that it begins.
    learnt = batch.asked | (batch.phonation != ONSET)
    by_block = functional.cross_entropy(scores.flatten(0, 1), batch.phonation.flatten(), reduction="none")
    begun = asked.sum().clamp(min=1)
    by_note = functional.cross_entropy(notes.float(), batch.note[asked], reduction="sum")
    return torch.stack([(by_block * learnt.flatten()).sum() / begun, by_note / begun])


class Training(training.Training):
    """A line in training, and how far it is."""

    pace = training.Pace(warmup=60, cooling=0.35, check=200, save=50, report=20)

    def __init__(self, data: Path, runs: Path, options: Options) -> None:
        torch.manual_seed(options.seed)
        self.line = Line(SHAPES[options.size], options.dropout)
        optimiser = training.adamw(self.line, options.rate, DECAY, BETA)
        super().__init__(self.line, optimiser, np.random.default_rng(options.seed), runs, options)
        self.lessons = Lessons(songs.load(data, "train"), options.blocks)
        held_out = Lessons(songs.load(data, "valid"), options.blocks)
        rng = np.random.default_rng(0)
        self.checks = [batch_of([held_out.lesson(rng) for _ in range(8)]) for _ in range(CHECK_LESSONS // 8)]

    def losses(self) -> tuple[Tensor, Tensor]:
        """The sum, and [2] phonation and note."""
        found = losses(self.line, batch_of([self.lessons.lesson(self.rng) for _ in range(self.options.batch)]))
        return found.sum(), found

    @torch.no_grad()
    def check(self) -> list[float]:
        """The losses on excerpts of the valid split, always the same."""
        self.line.eval()
        found = torch.stack([losses(self.line, batch) for batch in self.checks]).mean(0)
        return [round(float(value), 4) for value in found]

    def describe(self, figures: Sequence[float]) -> str:
        return f"phonation {figures[0]:.3f} note {figures[1]:.3f} nats a note"


def train(data: Path, runs: Path, options: Options) -> Training:
    """Train to the end of the steps, with checkpoints and progress; returns the training."""
    made = Training(data, runs, options)
    made.run()
    return made


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of note collections (pop.npz, lieder.npz)")
    parser.add_argument("--size", choices=tuple(SHAPES), default="usual")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=8, help="excerpts a step")
    parser.add_argument("--blocks", type=int, default=512, help="blocks of an excerpt, 16 ms each")
    parser.add_argument("--rate", type=float, default=2.5e-3, help="learning rate")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of the processor")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the checkpoints")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, or go on training."""
    told = parse(arguments)
    torch.set_num_threads(told.threads)
    options = Options(told.size, told.steps, told.batch, told.blocks, told.rate, told.dropout, told.seed)
    try:
        train(told.data, told.runs / NAME, options)
    except (CorpusError, checkpoint.CheckpointError) as error:
        print(f"train_line: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
