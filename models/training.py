"""What trainings by steps share: a rate that rises and falls, checkpoints that the same command goes on from, checks on
held-out data, and progress. instrumentation/trainer.py is for those that have minutes instead of steps."""

import sys
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ripieno.models import checkpoint


@dataclass(frozen=True)
class Pace:
    """In steps: for how long the rate rises, and how often something is checked, saved, reported. cooling: the last
    share of the steps, in which the rate falls to 0."""

    warmup: int
    cooling: float
    check: int
    save: int
    report: int


def rate_at(step: int, steps: int, peak: float, warmup: int, cooling: float) -> float:
    """The learning rate of a step: it rises, stays, and falls to 0 over the last share ``cooling`` of the steps."""
    left = (steps - step) / max(1.0, cooling * steps)
    return peak * min(1.0, (step + 1) / warmup, left)


def adamw(model: nn.Module, rate: float, decay: float, beta: float) -> torch.optim.AdamW:
    """AdamW with decay on the matrices alone. beta: of the squares."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, beta), fused=True)


class Training(ABC):
    """A model in training, and how far it is. valid: by step, what was found on held-out data."""

    pace: ClassVar[Pace]

    def __init__(
        self, model: nn.Module, optimiser: torch.optim.Optimizer, rng: np.random.Generator, runs: Path, options: Any
    ) -> None:
        """runs: folder of the checkpoint. options: a dataclass with ``steps``, and ``rate`` at its highest."""
        self.model, self.optimiser, self.rng, self.runs, self.options = model, optimiser, rng, runs, options
        self.step = 0
        self.valid: dict[str, Any] = {}

    @abstractmethod
    def losses(self) -> tuple[Tensor, Tensor]:
        """Of one more batch: the loss to learn by, and what there is to tell of it, [figures]."""

    @abstractmethod
    def check(self) -> Any:
        """The figures on held-out data, always the same; nothing is learnt."""

    @abstractmethod
    def describe(self, figures: Any) -> str:
        """Figures of ``check``, or a list of those of ``losses``, for people."""

    def progress(self) -> dict[str, Any]:
        """What stands in the checkpoint beside the weights."""
        return {"step": self.step, "valid": self.valid, "options": asdict(self.options)}

    def resume(self) -> None:
        """Go on from the checkpoint, where there is one. Raises CheckpointError."""
        progress = checkpoint.load(self.runs, self.model, self.optimiser, self.rng)
        if progress:
            self.step, self.valid = int(progress["step"]), progress["valid"]
            print(f"{self.runs}: going on from step {self.step}", flush=True)

    def save(self) -> None:
        """Write the checkpoint."""
        checkpoint.save(self.runs, self.model, self.optimiser, self.rng, self.progress())

    def learn(self) -> Tensor:
        """One step; what there is to tell of it. Raises FloatingPointError where the loss is no number."""
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.step, self.options.steps, self.options.rate, self.pace.warmup, self.pace.cooling)
        loss, found = self.losses()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"{self.runs}: the loss is no number at step {self.step}: use a lower --rate")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        return found.detach()

    def run(self) -> None:
        """Go on to the last step, with checkpoints and progress."""
        self.resume()
        began, first = time.monotonic(), self.step
        recent: list[Tensor] = []
        while self.step < self.options.steps:
            recent.append(self.learn())
            last = self.step == self.options.steps
            checked = last or self.step % self.pace.check == 0
            if checked:
                self.valid[str(self.step)] = self.check()
            if checked or self.step % self.pace.save == 0:
                self.save()
            if checked:
                self.say("valid", self.describe(self.valid[str(self.step)]), began, first)
            if self.step % self.pace.report == 0:
                self.say("train", self.describe(torch.stack(recent).mean(0).tolist()), began, first)
                recent = []

    def say(self, what: str, told: str, began: float, first: int) -> None:
        """Print how far it is. began: when; first: its step then."""
        spent = time.monotonic() - began
        left = spent / max(1, self.step - first) * (self.options.steps - self.step)
        print(
            f"{self.runs.name} step {self.step}/{self.options.steps} {what}: {told}"
            f" | {spent / 60:.1f} min, {left / 60:.1f} min left",
            file=sys.stderr,
            flush=True,
        )
