"""Train the delivery: python -m ripieno.models.singing.train_delivery --data DIR --steps 4000

Its lessons are made first (sing_lessons.py) and kept in --runs. Checkpoints go there too, from where the same command
goes on (also with another number of steps). --out: weights and card, at the end.

So that it does not drift when it runs free, it is told, of a share of the blocks before, not what was said but what it
would itself have said (all blocks at once: T. Mihaylova and A. Martins, "Scheduled sampling for Transformers", 2019).
"""

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
from ripieno.models.singing.delivered import Sampling, draw
from ripieno.models.singing.deliveries import Batch, Excerpts, Lesson
from ripieno.models.singing.delivery import DEVIATION, LOUDNESS, Delivery, Shape, shifted

NAME = "singing-delivery"
WARMUP, COOLING = 60, 0.35  # steps; the last share of the steps, in which the rate falls to 0
CHECK_EVERY, SAVE_EVERY, REPORT_EVERY = 250, 50, 25
CHECK_BATCHES = 4
OWN_OFTEN, OWN_MOST = 0.4, 0.6  # how many batches hear what they said themselves, and of how many blocks at most


@dataclass(frozen=True)
class Options:
    """What one training is told. batch: excerpts a step; blocks: of an excerpt."""

    steps: int
    batch: int
    blocks: int
    rate: float
    dropout: float
    seed: int


@dataclass(frozen=True)
class Singing:
    """Lessons by voice, and how often each voice is drawn."""

    names: list[str]
    train: list[list[Lesson]]
    valid: list[list[Lesson]]
    shares: list[float]


def losses(network: Delivery, batch: Batch) -> Tensor:
    """[fields] mean cross-entropy of each field, in nats a block that is asked for."""
    with torch.autocast(batch.touch.device.type, dtype=torch.bfloat16):
        scores = network(batch.line, batch.touch, batch.voice, batch.said, batch.before)
    found = []
    for field, score in enumerate(scores):
        target, weight = batch.said[..., field].flatten(), batch.weight[..., field].flatten()
        each = functional.cross_entropy(score.float().flatten(0, 1), target, reduction="none")
        found.append((each * weight).sum() / weight.sum().clamp(min=1.0))
    return torch.stack(found)


@torch.no_grad()
def own(network: Delivery, batch: Batch, share: float) -> Batch:
    """The batch with a share of the blocks before as the network itself would have said them."""
    with torch.autocast(batch.touch.device.type, dtype=torch.bfloat16):
        scores = network(batch.line, batch.touch, batch.voice, batch.said, batch.before)
    believed = shifted(torch.stack([draw(one, Sampling()) for one in scores], -1), network.shape)
    believed[:, 0] = batch.before[:, 0]
    loud = batch.before[..., LOUDNESS] > 0  # what is silent stays so
    other = (torch.rand(believed.shape[:2]) < share) & loud
    return Batch(**vars(batch) | {"before": torch.where(other[..., None], believed, batch.before)})


def optimiser_of(network: nn.Module, rate: float) -> torch.optim.AdamW:
    """AdamW with decay on the matrices alone."""
    matrices = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))


class Training:
    """A delivery in training, and how far it is."""

    def __init__(self, singing: Singing, runs: Path, shape: Shape, options: Options) -> None:
        self.options, self.runs = options, runs
        torch.manual_seed(options.seed)
        self.rng = np.random.default_rng(options.seed)
        self.network = Delivery(shape, options.dropout)
        self.optimiser = optimiser_of(self.network, options.rate)
        self.lessons = Excerpts(singing.train, singing.shares, shape, options.blocks)
        held_out, rng = Excerpts(singing.valid, [1.0] * len(singing.valid), shape, options.blocks), self.rng.spawn(1)[0]
        self.checks = [held_out.batch(rng, options.batch) for _ in range(CHECK_BATCHES)]
        self.step = 0
        self.valid: dict[str, list[float]] = {}

    def resume(self) -> None:
        """Go on from the checkpoint, where there is one."""
        progress = checkpoint.load(self.runs, self.network, self.optimiser, self.rng)
        if progress:
            self.step, self.valid = int(progress["step"]), progress["valid"]
            print(f"{self.runs}: going on from step {self.step}", flush=True)

    def save(self) -> None:
        """Write a checkpoint."""
        progress = {
            "step": self.step,
            "valid": self.valid,
            "options": asdict(self.options),
            "shape": asdict(self.network.shape),
        }
        checkpoint.save(self.runs, self.network, self.optimiser, self.rng, progress)

    def rate(self) -> float:
        """The learning rate of this step: it rises, stays, and falls to 0 over the last share of the steps."""
        left = (self.options.steps - self.step) / max(1.0, COOLING * self.options.steps)
        return self.options.rate * min(1.0, (self.step + 1) / WARMUP, left)

    def learn(self) -> Tensor:
        """One step; the fields' losses."""
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        batch = self.lessons.batch(self.rng, self.options.batch)
        if self.rng.random() < OWN_OFTEN:
            batch = own(self.network, batch, float(self.rng.uniform(0.0, OWN_MOST)))
        found = losses(self.network, batch)
        loss = found.sum()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"{self.runs}: the loss is no number at step {self.step}: use a lower --rate")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        return found.detach()

    @torch.no_grad()
    def check(self) -> list[float]:
        """The losses on excerpts of held-out singing, always the same."""
        self.network.eval()
        found = torch.stack([losses(self.network, batch) for batch in self.checks]).mean(0)
        return [round(float(value), 4) for value in found]


def train(singing: Singing, runs: Path, shape: Shape, options: Options) -> Training:
    """Train to the end of the steps, with checkpoints and progress; returns the training."""
    training = Training(singing, runs, shape, options)
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
    codes = " ".join(f"{value:.3f}" for value in found[1:DEVIATION])
    print(
        f"delivery step {training.step}/{training.options.steps} {what}: loudness {found[LOUDNESS]:.3f} codes {codes}"
        f" deviation {found[DEVIATION]:.3f} | {spent / 60:.1f} min, {left / 60:.1f} min left",
        file=sys.stderr,
        flush=True,
    )
