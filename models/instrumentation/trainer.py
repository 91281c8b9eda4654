"""A training loop with a budget of minutes, progress, early stopping, and checkpoints that can be resumed."""

import sys
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ripieno.models import checkpoint


@dataclass(frozen=True)
class Options:
    """minutes: of processor time, over all resumed runs; the learning rate falls to 0 over the last share ``cooling``.

    patience: checks without a better figure before it ends.
    """

    minutes: float
    folder: Path
    learning_rate: float = 1e-3
    cooling: float = 0.4
    check_every: int = 100
    patience: int = 25
    seed: int = 0


class Run:
    """A model in training: its optimiser, its random numbers, how far it is, and the model at its best."""

    def __init__(self, model: nn.Module, options: Options) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(options.seed)
        self.model, self.best_model, self.options = model, deepcopy(model), options
        self.optimiser = torch.optim.Adam(model.parameters(), lr=options.learning_rate)
        self.rng = np.random.default_rng(options.seed)
        self.step, self.seconds, self.best, self.waited = 0, 0.0, -1.0, 0

    def _models(self) -> nn.ModuleDict:
        return nn.ModuleDict({"now": self.model, "best": self.best_model})

    def save(self) -> None:
        """Write the checkpoint."""
        progress = {name: getattr(self, name) for name in ("step", "seconds", "best", "waited")}
        checkpoint.save(self.options.folder, self._models(), self.optimiser, self.rng, progress)

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False where there is none. CheckpointError where it is of no use."""
        progress = checkpoint.load(self.options.folder, self._models(), self.optimiser, self.rng)
        for name, value in (progress or {}).items():
            setattr(self, name, value)
        return progress is not None


def train(
    model: nn.Module,
    loss_of: Callable[[nn.Module, np.random.Generator], Tensor],
    check: Callable[[nn.Module], float],
    options: Options,
    resume: bool = True,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Train until the minutes are spent or the figure no longer grows.

    loss_of: one batch's loss. check: the figure to maximise, on validation pieces. Returns the best weights and what
    happened (steps, minutes, best figure).
    """
    run = Run(model, options)
    if resume and run.resume():
        print(f"{options.folder}: going on from step {run.step}", flush=True)
    while run.seconds < 60.0 * options.minutes and run.waited < options.patience:
        started = time.process_time()
        loss = _steps(run, loss_of, started)
        _note_figure(run, check(run.model))
        run.seconds += time.process_time() - started
        run.save()
        _report(run, loss)
    return run.best_model.state_dict(), {"steps": run.step, "minutes": round(run.seconds / 60.0, 2), "valid": run.best}


def _steps(run: Run, loss_of: Callable[[nn.Module, np.random.Generator], Tensor], started: float) -> float:
    """Some steps of the optimiser; their mean loss. A spent budget ends them early."""
    run.model.train()
    total, left = [], 60.0 * run.options.minutes - run.seconds
    for _ in range(run.options.check_every):
        _cool(run, time.process_time() - started)
        loss = loss_of(run.model, run.rng)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"{run.options.folder}: the loss is no number at step {run.step}: train anew")
        run.optimiser.zero_grad()
        loss.backward()
        run.optimiser.step()
        run.step += 1
        total.append(float(loss.detach()))
        if time.process_time() - started > left:
            break
    return float(np.mean(total))


def _cool(run: Run, since: float) -> None:
    left = 1.0 - (run.seconds + since) / (60.0 * run.options.minutes)
    for group in run.optimiser.param_groups:
        group["lr"] = run.options.learning_rate * min(1.0, max(0.0, left) / run.options.cooling)


def _note_figure(run: Run, figure: float) -> None:
    if figure > run.best:
        run.best, run.waited = figure, 0
        run.best_model.load_state_dict(run.model.state_dict())
    else:
        run.waited += 1


def _report(run: Run, loss: float) -> None:
    spent = run.seconds / 60.0
    left = max(0.0, run.options.minutes - spent)
    print(
        f"{run.options.folder.name}: step {run.step}, loss {loss:.4f}, best {run.best:.4f} "
        f"({run.waited} checks ago), {spent:.1f} min, {left:.1f} min left",
        file=sys.stderr,
        flush=True,
    )
