"""Train the continuation: python -m ripieno.models.continuation.train --data DIR --model ours --steps 5000

Checkpoints go to --runs, from where the same command goes on (also with another number of steps); the weights and
their card go to --out at the end. Several GPUs or machines: torchrun --nproc-per-node N -m
ripieno.models.continuation.train ... The paper's size (20 M parameters): --size paper.
"""

import argparse
import atexit
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from ripieno.models import checkpoint, training
from ripieno.models.collection import CorpusError
from ripieno.models.continuation.excerpts import fixed_excerpts
from ripieno.models.continuation.export import export
from ripieno.models.continuation.lessons import Batch, Lessons, pad
from ripieno.models.continuation.network import SHAPES, Network, PaperNetwork
from ripieno.models.continuation.representation import FIELDS, NOTE, TYPE, VELOCITY

PAPER_FIELDS = FIELDS[:VELOCITY]
DECAY, BETA = 0.05, 0.95  # of AdamW
VELOCITY_WEIGHT = 0.3  # it is the least certain of the fields, and must not drown the others
CHECK_EXCERPTS = 8  # of each style


@dataclass(frozen=True)
class Options:
    """What one training is told. batch: excerpts a step and process; rows: events of an excerpt."""

    model: str
    size: str
    steps: int
    batch: int
    rows: int
    rate: float
    dropout: float
    seed: int


def network_of(model: str, size: str, dropout: float = 0.0) -> Network | PaperNetwork:
    """A new network: "ours" or "mmt"."""
    return (Network if model == "ours" else PaperNetwork)(SHAPES[size], dropout)


def losses(network: nn.Module, plain: Network | PaperNetwork, events: Tensor, ticks: Tensor) -> Tensor:
    """[fields] mean cross-entropy of each field, in nats: over the notes, and for the type over all rows.

    ``network`` may be ``plain`` wrapped for several processes. A velocity that is not known is not asked for.
    """
    known = events.clamp(min=0)
    with torch.autocast(events.device.type, dtype=torch.bfloat16):
        scores = network(known, ticks)
    targets = known if isinstance(plain, Network) else plain.columns(known, ticks)
    real = events[:, 1:, TYPE] >= 0
    notes = events[:, 1:, TYPE] == NOTE
    found = []
    for field, score in enumerate(scores):
        target = targets[:, 1:, field]
        asked = real if field == TYPE else notes & (target > 0) if field == VELOCITY else notes
        each = functional.cross_entropy(score.float().flatten(0, 1), target.flatten(), reduction="none")
        found.append((each * asked.flatten()).sum() / asked.sum().clamp(min=1))
    return torch.stack(found)


def total(found: Tensor) -> Tensor:
    """The loss to learn by."""
    weights = torch.ones_like(found)
    weights[VELOCITY:] = VELOCITY_WEIGHT
    return (found * weights).sum()


class Training(training.Training):
    """A network in training, how far it is, and who else trains it."""

    pace = training.Pace(warmup=100, cooling=0.3, check=250, save=50, report=25)

    def __init__(self, data: Path, runs: Path, options: Options) -> None:
        self.rank, self.world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        self.device = (
            torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if torch.cuda.is_available() else "cpu"
        )
        torch.manual_seed(options.seed)
        rng = np.random.default_rng([options.seed, self.rank])
        self.plain = network_of(options.model, options.size, options.dropout).to(self.device)
        self.network: nn.Module = self.plain  # wrapped, where others train it too
        super().__init__(self.plain, training.adamw(self.plain, options.rate, DECAY, BETA), rng, runs, options)
        self.lessons = Lessons(data, options.rows, paper=options.model == "mmt")
        self.checks = fixed_excerpts(data, "valid", options.rows, CHECK_EXCERPTS, paper=options.model == "mmt")

    def resume(self) -> None:
        """Go on from the checkpoint where there is one; join the other processes."""
        super().resume()
        if self.rank and self.step:  # the checkpoint holds the first process's random numbers
            self.rng = np.random.default_rng([self.options.seed, self.rank, self.step])
        if self.world > 1:
            torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
            atexit.register(torch.distributed.destroy_process_group)
            self.network = DistributedDataParallel(self.plain)

    def save(self) -> None:
        """Write the checkpoint; only the first process does."""
        if self.rank == 0:
            super().save()

    def losses(self) -> tuple[Tensor, Tensor]:
        """The loss, and [fields]."""
        events, ticks = (part.to(self.device) for part in self.lessons.batch(self.rng, self.options.batch))
        found = losses(self.network, self.plain, events, ticks)
        return total(found), found

    def check(self) -> dict[str, float]:
        """The fields' losses on the excerpts of the valid split, and "sum", over the paper's fields."""
        self.plain.eval()
        found = np.mean([losses_of(self.plain, batch, self.device) for batch in in_batches(self.checks, 8)], axis=0)
        return named(found.tolist())

    def describe(self, figures: Mapping[str, float] | Sequence[float]) -> str:
        by_name = figures if isinstance(figures, Mapping) else named(figures)
        return " ".join(f"{name} {value:.3f}" for name, value in by_name.items())

    def say(self, *told: Any) -> None:
        """As the first process alone says it."""
        if self.rank == 0:
            super().say(*told)


def in_batches(excerpts: list[Any], size: int) -> Iterator[Batch]:
    """Excerpts of about the same length together."""
    ordered = sorted(excerpts, key=lambda one: len(one[0]))
    for at in range(0, len(ordered), size):
        yield pad(ordered[at : at + size])


@torch.no_grad()
def losses_of(network: Network | PaperNetwork, batch: Batch, device: Any = "cpu") -> np.ndarray:
    """[fields] losses of a batch, nothing learnt."""
    events, ticks = (part.to(device) for part in batch)
    return losses(network, network, events, ticks).cpu().numpy()


def named(found: Sequence[float]) -> dict[str, float]:
    """Losses by the field's name, and their sum over the paper's fields."""
    by_name = {name: round(float(value), 4) for name, value in zip(FIELDS, found, strict=False)}
    return by_name | {"sum": round(sum(by_name[name] for name in PAPER_FIELDS), 4)}


def train(data: Path, runs: Path, options: Options) -> Training:
    """Train to the end of the steps, with checkpoints and progress; returns the training."""
    made = Training(data, runs, options)
    made.run()
    return made


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of note collections (NAME.npz)")
    parser.add_argument("--model", choices=("ours", "mmt"), default="ours", help="mmt: the paper's, to compare with")
    parser.add_argument("--size", choices=tuple(SHAPES), default="small")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=4, help="excerpts a step (and process)")
    parser.add_argument("--rows", type=int, default=512, help="events of an excerpt")
    parser.add_argument("--rate", type=float, default=3e-3, help="learning rate")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of the processor")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the checkpoints")
    parser.add_argument("--out", type=Path, help="folder for the weights and their card")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, and export what was learnt."""
    told = parse(arguments)
    torch.set_num_threads(told.threads)
    options = Options(told.model, told.size, told.steps, told.batch, told.rows, told.rate, told.dropout, told.seed)
    runs = told.runs / f"continuation-{told.model}-{told.size}"
    try:
        made = train(told.data, runs, options)
        if told.out and made.rank == 0:
            print(f"wrote {export(runs, told.data, told.out)}", flush=True)
    except (CorpusError, checkpoint.CheckpointError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
