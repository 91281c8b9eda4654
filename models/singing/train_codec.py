"""Train the codec: python -m ripieno.models.singing.train_codec --data DIR --voices runs/voices --steps 6000

Most lessons are excerpts of the real recordings, slightly moved: slower or faster, formants up or down, tilted, so that
six minutes of one singer are not learnt by heart; the rest are lines sung by all the voices. Checkpoints go to --runs,
from where the same command goes on; the weights and their card go to --out. The loss is the distance that the codec is
judged by, on the songs in voices.HELD_OUT, which are in no lesson.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ripieno.models import card as cards
from ripieno.models import checkpoint, training
from ripieno.models.instrumentation.paper_weights import commit
from ripieno.models.singing import voices
from ripieno.models.singing.codec import INPUTS, SHAPES, Codec, stored_arrays
from ripieno.models.singing.frames import (
    BANDS,
    BLOCK,
    FLOOR,
    HEARD,
    SHAPE,
    Floats,
    Frames,
    cepstrum,
    mel_cepstral_distortion,
)
from ripieno.models.singing.performance import perform
from ripieno.models.singing.representation import BREATH, NOTE_LOW, ONSET, REST, SUSTAIN
from ripieno.models.singing.syllables import Voice

FORMAT = 1
WEIGHTS = Path(__file__).parent / "weights"
BLOCKS, BATCH = 32, 30  # of an excerpt; excerpts a step
REAL = 0.7  # share of the excerpts that are real
SUNG_BLOCKS = 6_000  # of each voice's lines
RATE = 1.5e-3
STRETCH, FORMANTS, TILT, NOISE = 0.12, 0.025, 0.6, 0.8  # how far an excerpt is moved
TILTS = 6  # cosines of a tilt
COMMIT, ALL, NOISY, QUIET = 0.25, 0.01, 0.05, 0.05  # weights: the encoder, all bands, aperiodicity, frames not judged
DECIBEL = 10.0 * np.sqrt(2.0) / np.log(10.0)
LICENCES = {
    "soprano, tenor": "NIT-SONG070-F001, (c) 2004-2015 Nagoya Institute of Technology, Department of Computer Science, "
    "CC BY 3.0 (http://hts.sp.nitech.ac.jp/); the tenor is the same recordings, moved",
    "the others": "breaths, and what is above 7 kHz, after the same recordings",
    "alto": "flite's slt (CMU ARCTIC, (c) 2003 Carnegie Mellon University; CMU's permissive licence)",
    "baritone": "festvox-kallpc16k ((c) 1998 Alan W Black and Kevin Lenzo; permissive)",
    "bass": "festvox-kdlpc16k ((c) 1997 Centre for Speech Technology Research, University of Edinburgh; permissive)",
}

Track = tuple[Floats, Floats]  # level [n], shape [n, SHAPE]


@dataclass(frozen=True)
class Options:
    """What one training is told."""

    size: str
    steps: int
    seed: int
    rate: float = RATE


def random_line(voice: Voice, blocks: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Phonation and note [blocks] of a line that walks through the voice's range, with rests and breaths."""
    phonation, note = np.full(blocks, REST), np.zeros(blocks, np.int64)
    at, pitch = int(rng.integers(20)), int(rng.integers(voice.low, voice.high + 1))
    while at < blocks:
        length = int(rng.integers(8, 70))
        pitch = int(np.clip(pitch + rng.integers(-5, 6), voice.low, voice.high))
        phonation[at : at + length], note[at : at + length] = SUSTAIN, pitch - NOTE_LOW
        phonation[at] = ONSET
        at += length
        if rng.random() < 0.2:
            at += int(rng.integers(5, 30))
            phonation[at : at + 14] = BREATH
            at += 14
    return phonation, note


def track(frames: Frames) -> Track:
    """What the codec sees of frames."""
    return frames.level, frames.shape()


class Lessons:
    """Excerpts to learn from. Raises voices.VoicesError, OSError, ValueError."""

    def __init__(self, data: Path, folder: Path, rng: np.random.Generator) -> None:
        names = [name for name in voices.recording_names(data) if name not in voices.HELD_OUT]
        self.real = [track(voices.read_recording(data, folder, name)[0]) for name in names]
        singers = voices.read_voices(folder)
        self.sung = [track(perform(*random_line(one, SUNG_BLOCKS, rng), one, rng)[0]) for one in singers]

    def blocks(self) -> Tensor:
        """[blocks, INPUTS] of the real singer's, as they are: those to be judged."""
        parts = []
        for level, shape in self.real:
            count = len(level) // BLOCK
            heard = (level[: count * BLOCK].reshape(count, BLOCK) > HEARD).all(1)
            parts.append(shape[: count * BLOCK].reshape(count, INPUTS)[heard])
        return torch.from_numpy(np.concatenate(parts))

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Levels [BATCH, BLOCKS * BLOCK] and blocks [BATCH, BLOCKS, INPUTS]."""
        taken = [self._excerpt(rng) for _ in range(BATCH)]
        level, shape = (np.stack(part).astype(np.float32) for part in zip(*taken, strict=True))
        return torch.from_numpy(level), torch.from_numpy(shape).reshape(BATCH, BLOCKS, INPUTS)

    def _excerpt(self, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        tracks = self.real if rng.random() < REAL else self.sung
        sizes = np.array([len(level) for level, _ in tracks], float)
        level, shape = tracks[rng.choice(len(tracks), p=sizes / sizes.sum())]
        length = min(len(level) - 1, BLOCKS * BLOCK * np.exp(STRETCH * np.clip(rng.normal(), -2, 2)))
        at = rng.uniform(0, len(level) - 1 - length) + np.linspace(0, length, BLOCKS * BLOCK)
        whole = at.astype(int)
        part = (at - whole)[:, None]
        mixed = shape[whole] * (1.0 - part) + shape[whole + 1] * part
        return level[whole], move(mixed, rng)


def move(shape: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """An excerpt [n, SHAPE] of a slightly other singer: formants moved, spectrum tilted, more or less noise."""
    at = np.arange(BANDS) * np.exp(FORMANTS * rng.normal()) + 0.2 * rng.normal()
    at = np.clip(at, 0.0, BANDS - 1.001)
    low, part = at.astype(int), at % 1.0
    envelope = shape[:, low] * (1.0 - part) + shape[:, low + 1] * part
    waves = np.cos(np.outer(np.arange(1, TILTS + 1), (np.arange(BANDS) + 0.5) * np.pi / BANDS))
    envelope = envelope + (TILT * rng.normal(size=TILTS) / np.sqrt(np.arange(1, TILTS + 1))) @ waves
    noise = np.clip(shape[:, BANDS:] + NOISE * rng.normal(), FLOOR, 0.0)
    return np.concatenate([envelope, noise], 1)


def losses(rebuilt: Tensor, wanted: Tensor, level: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """The loss to learn by, and the mean distortion in dB. rebuilt, wanted [batch, blocks, INPUTS]; basis [BANDS,
    CEPSTRUM]: of the distance, in dB."""
    apart = (rebuilt - wanted).unflatten(-1, (BLOCK, SHAPE)).flatten(1, 2)
    bands, noise = apart[..., :BANDS], apart[..., BANDS:]
    distortion = ((bands @ basis).square().sum(-1) + 1e-3).sqrt()
    heard = (level > HEARD).float()
    weight = heard.clamp(min=QUIET)
    each = distortion + ALL * bands.square().mean(-1) + NOISY * noise.abs().mean(-1)
    return (each * weight).sum() / weight.sum(), (distortion * heard).sum() / heard.sum()


def distortion(codec: Codec, frames: Frames) -> float:
    """Mean mel-cepstral distortion in dB of frames above HEARD, coded and decoded."""
    count = len(frames) // BLOCK
    wanted = torch.from_numpy(frames.shape()[: count * BLOCK]).reshape(1, count, INPUTS)
    with torch.no_grad():
        rebuilt = codec.decode(codec.encode(wanted)).reshape(-1, SHAPE).numpy()
    heard = frames.level[: count * BLOCK] > HEARD
    return float(mel_cepstral_distortion(rebuilt[:, :BANDS], frames.envelope[: count * BLOCK])[heard].mean())


class Training(training.Training):
    """A codec in training and how far it is."""

    pace = training.Pace(warmup=100, cooling=0.5, check=500, save=100, report=50)

    def __init__(self, data: Path, folder: Path, runs: Path, options: Options) -> None:
        torch.manual_seed(options.seed)
        rng = np.random.default_rng(options.seed)
        self.codec = Codec(SHAPES[options.size])
        self.lessons = Lessons(data, folder, rng)
        self.held_out = {name: voices.read_recording(data, folder, name)[0] for name in voices.HELD_OUT}
        self.codec.prepare(self.lessons.blocks())
        self.basis = torch.from_numpy(DECIBEL * cepstrum(np.eye(BANDS, dtype=np.float32))).float()
        optimiser = torch.optim.AdamW(self.codec.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
        super().__init__(self.codec, optimiser, rng, runs, options)

    def losses(self) -> tuple[Tensor, Tensor]:
        """What is learnt by, and the mean distortion in dB."""
        level, blocks = self.lessons.batch(self.rng)
        rebuilt, apart = self.codec(blocks)
        loss, found = losses(rebuilt, blocks, level, self.basis)
        return loss + COMMIT * apart, found

    def check(self) -> dict[str, float]:
        """The distortion of the songs held out."""
        self.codec.eval()
        return {name: round(distortion(self.codec, frames), 3) for name, frames in self.held_out.items()}

    def describe(self, figures: dict[str, float] | float) -> str:
        return f"{figures:.3f} dB" if isinstance(figures, float) else f"{figures} dB"


def export(made: Training, out: Path) -> dict[str, Any]:
    """Write codec.safetensors and its card of a training; the card. From then on its codec has half precision."""
    codec, options = made.codec, made.options
    arrays = {name: value.astype(np.float16) for name, value in stored_arrays(codec.state_dict()).items()}
    codec.load_state_dict({name: torch.from_numpy(value).float() for name, value in arrays.items()}, strict=False)
    card = {
        "format": FORMAT,
        "name": "codec",
        "model": "codec",
        "source": "Ripieno's own; network in models/singing/codec.py",
        "shape": asdict(codec.shape),
        "stages": codec.shape.stages,
        "codes": codec.shape.size,
        "parameters": sum(value.size for value in arrays.values()),
        "voices": list(voices.VOICES),
        "data": LICENCES,
        "split": {"held out": list(voices.HELD_OUT)},
        "training": {**asdict(options), "steps": made.step},
        "metrics": {"mel-cepstral distortion in half precision, dB": made.check()},
        "commit": commit(),
    }
    cards.write(out / f"codec{cards.SUFFIX}", arrays, card)
    return card


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that has singing/ in it")
    parser.add_argument("--voices", type=Path, default=Path("runs/voices"), help="what ...singing.voices made")
    parser.add_argument("--runs", type=Path, default=Path("runs/codec"), help="folder for the checkpoint")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder for the weights and their card")
    parser.add_argument("--size", choices=sorted(SHAPES), default="small")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--rate", type=float, default=RATE, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args(arguments)
    torch.set_num_threads(1)  # block after block, each a few small matrices: threads would only wait for each other
    try:
        made = Training(told.data, told.voices, told.runs, Options(told.size, told.steps, told.seed, told.rate))
        made.run()
        card = export(made, told.out)
    except (voices.VoicesError, checkpoint.CheckpointError, FloatingPointError, OSError, ValueError) as error:
        print(f"train_codec: {error}", file=sys.stderr)
        return 1
    print(f"wrote {told.out / 'codec.safetensors'}: {card['metrics']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
