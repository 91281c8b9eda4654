"""Train the delivery: python -m ripieno.models.singing.train_delivery --data DIR --steps 4000

Its lessons are made first (delivery_corpus.py) and kept in --runs, for the codec in --codec and the voices in --voices.
Checkpoints go there too, from where the same command goes on (also with another number of steps); from there to the
shipped weights: export_delivery.py.

So that it does not drift when it runs free, it is told, of a share of the blocks before, not what was said but what it
would itself have said (all blocks at once: T. Mihaylova and A. Martins, "Scheduled sampling for Transformers", 2019).
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ripieno.models import checkpoint, training
from ripieno.models.card import WeightsError
from ripieno.models.collection import CorpusError
from ripieno.models.singing.codec import Codec
from ripieno.models.singing.delivered import Sampling, draw
from ripieno.models.singing.deliveries import Batch, Excerpts, Lesson
from ripieno.models.singing.delivery import DEVIATION, LOUDNESS, Delivery, Shape, shifted
from ripieno.models.singing.delivery_corpus import Stage, build, set_stage
from ripieno.models.singing.voices import VoicesError

NAME = "singing-delivery"
CODEC = Path(__file__).parent / "weights" / "codec.safetensors"
CODE_SPREAD = 0.4  # standard deviation of the vectors of the first codes at the beginning
DECAY, BETA = 0.02, 0.98  # of AdamW
CHECK_BATCHES = 6
FIRST_SHARE = 2.0  # how much oftener than another the first voice, the real singer's, is heard
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
    """Lessons by voice, to train on and to judge with, and how often each voice is drawn."""

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


class Training(training.Training):
    """A delivery in training, and how far it is."""

    pace = training.Pace(warmup=60, cooling=0.35, check=250, save=50, report=25)

    def __init__(self, singing: Singing, runs: Path, shape: Shape, options: Options) -> None:
        torch.manual_seed(options.seed)
        rng = np.random.default_rng(options.seed)
        self.network = Delivery(shape, options.dropout)
        super().__init__(self.network, training.adamw(self.network, options.rate, DECAY, BETA), rng, runs, options)
        self.lessons = Excerpts(singing.train, singing.shares, shape, options.blocks)
        held_out, apart = Excerpts(singing.valid, [1.0] * len(singing.valid), shape, options.blocks), rng.spawn(1)[0]
        self.checks = [held_out.batch(apart, options.batch) for _ in range(CHECK_BATCHES)]

    def progress(self) -> dict[str, Any]:
        """With the network's shape, which the export needs."""
        return super().progress() | {"shape": asdict(self.network.shape)}

    def losses(self) -> tuple[Tensor, Tensor]:
        """The sum, and [fields]."""
        batch = self.lessons.batch(self.rng, self.options.batch)
        if self.rng.random() < OWN_OFTEN:
            batch = own(self.network, batch, float(self.rng.uniform(0.0, OWN_MOST)))
        found = losses(self.network, batch)
        return found.sum(), found

    @torch.no_grad()
    def check(self) -> list[float]:
        """The losses on excerpts of held-out singing, always the same."""
        self.network.eval()
        found = torch.stack([losses(self.network, batch) for batch in self.checks]).mean(0)
        return [round(float(value), 4) for value in found]

    def describe(self, figures: Sequence[float]) -> str:
        codes = " ".join(f"{value:.3f}" for value in figures[1:DEVIATION])
        return f"loudness {figures[LOUDNESS]:.3f} codes {codes} deviation {figures[DEVIATION]:.3f}"


def train(singing: Singing, runs: Path, shape: Shape, options: Options, codec: Codec | None = None) -> Training:
    """Train to the end of the steps, with checkpoints and progress; returns the training. codec: to begin with."""
    made = Training(singing, runs, shape, options)
    if codec is not None:
        look_up_codes(made.network, codec)
    made.run()
    return made


def look_up_codes(network: Delivery, codec: Codec) -> None:
    """Begin with vectors of codes that are as alike as the codec's entries: those turned at random."""
    turned = codec.codebooks.entries @ torch.randn(codec.shape.dim, network.shape.dim)
    with torch.no_grad():
        for table, book in zip(network.said[1:DEVIATION], turned, strict=True):
            table.weight.copy_(book * (CODE_SPREAD / turned[0].std()))


def singing_of(stage: Stage, runs: Path, files: int) -> Singing:
    """The corpus, made where it is not there yet. Raises CorpusError."""
    train, valid = build(stage, runs / "lessons", files)
    return Singing(train, valid, [FIRST_SHARE, *[1.0] * (len(train) - 1)])


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of note collections, with singing/ in it")
    parser.add_argument("--voices", type=Path, default=Path("runs/voices"), help="what ...singing.voices made")
    parser.add_argument("--codec", type=Path, default=CODEC, help="the codec's weights")
    parser.add_argument("--files", type=int, default=4, help="files of lessons a voice, 17 minutes of singing each")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=8, help="excerpts a step")
    parser.add_argument("--blocks", type=int, default=128, help="blocks of an excerpt, 16 ms each")
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of the processor")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the checkpoints")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the lessons and train, or go on."""
    told = parse(arguments)
    torch.set_num_threads(told.threads)
    runs = told.runs / NAME
    try:
        stage = set_stage(told.data, told.voices, told.codec)
        options = Options(told.steps, told.batch, told.blocks, told.rate, told.dropout, told.seed)
        codec = stage.codec.shape
        shape = Shape(voices=len(stage.voices), stages=codec.stages, codes=codec.size)
        train(singing_of(stage, runs, told.files), runs, shape, options, stage.codec)
    except (CorpusError, VoicesError, WeightsError, checkpoint.CheckpointError, OSError, ValueError) as error:
        print(f"train_delivery: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
