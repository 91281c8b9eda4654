"""A training loop with a budget of minutes, progress, early stopping, and checkpoints that can be resumed.

Nothing is pickled: a checkpoint is a ``safetensors`` file (weights, best weights, the optimiser's moments, torch's
random state) and a JSON file beside it (steps, seconds, the best figure, numpy's random state).
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

Batch = dict[str, Tensor]


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
    """A model in training: its optimiser, its random numbers and how far it is."""

    def __init__(self, model: nn.Module, options: Options) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(options.seed)
        self.model, self.options = model, options
        self.optimiser = torch.optim.Adam(model.parameters(), lr=options.learning_rate)
        self.rng = np.random.default_rng(options.seed)
        self.step, self.seconds, self.best, self.waited = 0, 0.0, -1.0, 0
        self.best_weights = _copy(model)

    def save(self) -> None:
        """Write the checkpoint; each file is complete or the one before stays."""
        tensors = {f"model.{name}": value for name, value in _copy(self.model).items()}
        tensors |= {f"best.{name}": value for name, value in self.best_weights.items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{name}": value.clone() for name, value in state.items()}
        tensors["random"] = torch.get_rng_state()
        progress = {name: getattr(self, name) for name in ("step", "seconds", "best", "waited")}
        progress["rng"] = self.rng.bit_generator.state
        # The step stands in both files: two that do not belong together are noticed.
        save_file(tensors, self._file("safetensors.new"), metadata={"step": str(self.step)})
        self._file("json.new").write_text(json.dumps(progress))
        for suffix in ("safetensors", "json"):
            os.replace(self._file(f"{suffix}.new"), self._file(suffix))

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False where there is none."""
        if not self._file("json").is_file():
            return False
        progress = json.loads(self._file("json").read_text())
        tensors = load_file(self._file("safetensors"))
        self.model.load_state_dict(_under("model.", tensors))
        self.best_weights = _under("best.", tensors)
        self._load_optimiser(_under("adam.", tensors))
        torch.set_rng_state(tensors["random"])
        self.rng.bit_generator.state = progress.pop("rng")
        for name, value in progress.items():
            setattr(self, name, value)
        return True

    def _load_optimiser(self, tensors: Batch) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = value
        self.optimiser.load_state_dict({"state": state, "param_groups": self.optimiser.state_dict()["param_groups"]})

    def _file(self, suffix: str) -> Path:
        return self.options.folder / f"checkpoint.{suffix}"


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
    options.folder.mkdir(parents=True, exist_ok=True)
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
    return run.best_weights, {"steps": run.step, "minutes": round(run.seconds / 60.0, 2), "valid": run.best}


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
        run.best, run.waited, run.best_weights = figure, 0, _copy(run.model)
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


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _under(prefix: str, tensors: Batch) -> Batch:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
