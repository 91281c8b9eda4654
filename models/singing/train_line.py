"""Train the line by likelihood: python -m ripieno.models.singing.train_line --data DIR --steps 3000

Checkpoints go to --runs, from where the same command goes on (also with another number of steps). What is learnt goes
on to the reward stage (reward.py), and from there, or from here, to the shipped weights (export.py).
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ripieno.models import checkpoint
from ripieno.models.collection import CorpusError
from ripieno.models.singing import songs
from ripieno.models.singing.lessons import Lesson, Lessons
from ripieno.models.singing.line import SHAPES, Line
from ripieno.models.singing.representation import ONSET, PHONATIONS, SUSTAIN

NAME = "singing-line"
WARMUP, COOLING = 60, 0.35  # steps; the last share of the steps, in which the rate falls to 0
CHECK_EVERY, SAVE_EVERY, REPORT_EVERY = 200, 50, 20
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


def optimiser_of(line: nn.Module, rate: float) -> torch.optim.AdamW:
    """AdamW with decay on the matrices alone."""
    matrices = [p for p in line.parameters() if p.dim() > 1]
    others = [p for p in line.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))


class Training:
    """A line in training, and how far it is."""

    def __init__(self, data: Path, runs: Path, options: Options) -> None:
        self.options, self.runs = options, runs
        torch.manual_seed(options.seed)
        self.rng = np.random.default_rng(options.seed)
        self.line = Line(SHAPES[options.size], options.dropout)
        self.optimiser = optimiser_of(self.line, options.rate)
        self.lessons = Lessons(songs.load(data, "train"), options.blocks)
        held_out = Lessons(songs.load(data, "valid"), options.blocks)
        rng = np.random.default_rng(0)
        self.checks = [batch_of([held_out.lesson(rng) for _ in range(8)]) for _ in range(CHECK_LESSONS // 8)]
        self.step = 0
        self.valid: dict[str, list[float]] = {}

    def resume(self) -> None:
        """Go on from the checkpoint, where there is one."""
        progress = checkpoint.load(self.runs, self.line, self.optimiser, self.rng)
        if progress:
            self.step, self.valid = int(progress["step"]), progress["valid"]

    def save(self) -> None:
        """Write a checkpoint."""
        progress = {"step": self.step, "valid": self.valid, "options": asdict(self.options)}
        checkpoint.save(self.runs, self.line, self.optimiser, self.rng, progress)

    def rate(self) -> float:
        """The learning rate of this step: it rises, stays, and falls to 0 over the last share of the steps."""
        left = (self.options.steps - self.step) / max(1.0, COOLING * self.options.steps)
        return self.options.rate * min(1.0, (self.step + 1) / WARMUP, left)

    def learn(self) -> Tensor:
        """One step; its losses."""
        self.line.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        found = losses(self.line, batch_of([self.lessons.lesson(self.rng) for _ in range(self.options.batch)]))
        loss = found.sum()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"{self.runs}: the loss is no number at step {self.step}: use a lower --rate")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.line.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        return found.detach()

    @torch.no_grad()
    def check(self) -> list[float]:
        """The losses on excerpts of the valid split, always the same."""
        self.line.eval()
        found = torch.stack([losses(self.line, batch) for batch in self.checks]).mean(0)
        return [round(float(value), 4) for value in found]


def train(data: Path, runs: Path, options: Options) -> Training:
    """Train to the end of the steps, with checkpoints and progress; returns the training."""
    training = Training(data, runs, options)
    training.resume()
    began, first = time.monotonic(), training.step
    recent: list[Tensor] = []
    while training.step < options.steps:
        recent.append(training.learn())
        if training.step % SAVE_EVERY == 0 or training.step == options.steps:
            training.save()
        if training.step % CHECK_EVERY == 0 or training.step == options.steps:
            training.valid[str(training.step)] = training.check()
            training.save()
            _say(training, "valid", training.valid[str(training.step)], began, first)
        if training.step % REPORT_EVERY == 0:
            _say(training, "train", torch.stack(recent).mean(0).tolist(), began, first)
            recent = []
    return training


def _say(training: Training, what: str, found: Sequence[float], began: float, first: int) -> None:
    spent = time.monotonic() - began
    left = spent / max(1, training.step - first) * (training.options.steps - training.step)
    print(
        f"line step {training.step}/{training.options.steps} {what}: phonation {found[0]:.3f} note {found[1]:.3f}"
        f" nats a note | {spent / 60:.1f} min, {left / 60:.1f} min left",
        file=sys.stderr,
        flush=True,
    )


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
