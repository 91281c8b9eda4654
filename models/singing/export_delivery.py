"""The delivery's weights and their card, from a training's checkpoint:

python -m ripieno.models.singing.export_delivery --data DIR --runs runs

It chooses how each field is drawn so that what it sings freely, to lines of held-out songs, is like the corpus: the
codes by how far the timbre is from the corpus's, the deviation and the loudness by how much they move on held notes.
What it is then like, the corpus beside it, stands in the card. The lessons are those of train_delivery.py.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ripieno.models import card as cards
from ripieno.models.checkpoint import CheckpointError, under
from ripieno.models.collection import CorpusError
from ripieno.models.instrumentation.paper_weights import commit
from ripieno.models.singing import songs, voices
from ripieno.models.singing.codec import Codec
from ripieno.models.singing.delivered import Sampling, Test, beside, deliver, figures, test_of
from ripieno.models.singing.delivery import Delivery, Shape
from ripieno.models.singing.delivery_corpus import build, read_codec, set_stage
from ripieno.models.singing.export import heard
from ripieno.models.singing.train_codec import LICENCES
from ripieno.models.singing.train_delivery import CODEC, NAME

FORMAT = 1
FOLDER = Path(__file__).parent / "weights"
PART = "delivery"
BLOCKS, LINES = 700, 4  # of a line to judge with; lines a voice
TEMPERATURES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
TOP_P = 0.95
TOUCHES = 0.5, 1.0, 1.5
CHOSEN_BY = {"loudness": "loudness step", "codes": "timbre", "deviation": "deviation step"}


def read_delivery(run: Path) -> tuple[Delivery, dict[str, Any]]:
    """The network of a checkpoint, in half precision, and how it was trained. Raises CheckpointError."""
    try:
        progress = json.loads((run / "checkpoint.json").read_text())
        tensors = under("model.", load_file(run / "checkpoint.safetensors"))
        network = Delivery(Shape(**progress["shape"]))
        network.load_state_dict({name: value.half().float() for name, value in tensors.items()})
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{run}: no checkpoint of a delivery ({error}): train it first") from error
    return network.eval(), progress


def by_field(sampling: dict[str, Sampling], stages: int) -> list[Sampling]:
    """How each field is drawn, in their order."""
    return [sampling["loudness"], *[sampling["codes"]] * stages, sampling["deviation"]]


def choose_sampling(network: Delivery, codec: Codec, test: Test) -> dict[str, Sampling]:
    """How fields are drawn: each at the temperature at which what it decides is most like the corpus."""
    tried = []
    for temperature in TEMPERATURES:
        drawn = by_field(dict.fromkeys(CHOSEN_BY, Sampling(temperature, TOP_P)), network.shape.stages)
        tried.append(beside(network, test, drawn, codec))
        told = " ".join(f"{name} {tried[-1][name][1]:.3f} ({tried[-1][name][0]:.3f})" for name in CHOSEN_BY.values())
        print(f"temperature {temperature}: {told}", file=sys.stderr, flush=True)
    found = {}
    for field, name in CHOSEN_BY.items():
        apart = [abs(np.log(max(ours, 1e-6) / corpus)) for corpus, ours in (one[name] for one in tried)]
        found[field] = Sampling(TEMPERATURES[int(np.argmin(apart))], TOP_P)
    return found


def followed(network: Delivery, test: Test, drawn: Sequence[Sampling]) -> list[float]:
    """The mean loudness in dB of what is sung when the piano is struck softer and harder, by TOUCHES."""
    found = []
    for factor in TOUCHES:
        touch = (test.touch * factor).clamp(max=1.0)
        said = deliver(network, test.line, touch, test.voice, drawn)
        found.append(round(figures(test.line.numpy(), said.numpy())["loudness mean"], 2))
    return found


def card_of(
    network: Delivery, progress: dict[str, Any], data: Path, sampling: dict[str, Sampling], told: dict[str, Any]
) -> dict[str, Any]:
    """What the card tells; told: its metrics. Raises CorpusError."""
    return {
        "format": FORMAT,
        "name": PART,
        "model": PART,
        "source": "Ripieno's own; network in models/singing/delivery.py",
        "shape": asdict(network.shape),
        "parameters": sum(value.numel() for value in network.state_dict().values()),
        "voices": list(voices.VOICES),
        "at ease": {name: [one.low, one.high] for name, one in voices.SINGERS.items()},
        "sampling": {field: asdict(one) for field, one in sampling.items()},
        "data": {style: heard(style, data) for style in songs.STYLES} | LICENCES,
        "split": {"trained on": "train", "chosen on": "valid", "held out": list(voices.HELD_OUT)},
        "training": {**progress["options"], "steps": progress["step"]},
        "metrics": told,
        "commit": commit(),
    }


def export(data: Path, folder: Path, codec_path: Path, runs: Path, out: Path, files: int) -> Path:
    """Write delivery.safetensors and its card; the path.

    Raises CheckpointError, CorpusError, VoicesError, WeightsError, OSError, ValueError.
    """
    network, progress = read_delivery(runs / NAME)
    _, valid = build(set_stage(data, folder, codec_path), runs / NAME / "lessons", files)
    codec, test = read_codec(codec_path)[0], test_of(valid, BLOCKS, LINES)
    sampling = choose_sampling(network, codec, test)
    drawn = by_field(sampling, network.shape.stages)
    told: dict[str, Any] = {"valid loss, nats a block, by field": progress["valid"][max(progress["valid"], key=int)]}
    told |= {f"loudness when the piano is struck {TOUCHES} times as hard": followed(network, test, drawn)}
    for voice, name in enumerate(voices.VOICES):
        which = test.voice == voice
        own = replace(test, **{key: value[which] for key, value in vars(test).items()})
        found = beside(network, own, drawn, codec)
        told[f"{name}: corpus, free"] = {key: [round(value, 3) for value in pair] for key, pair in found.items()}
    arrays = {key: value.numpy() for key, value in network.state_dict().items()}
    path = out / f"{PART}{cards.SUFFIX}"
    cards.write(path, arrays, card_of(network, progress, data, sampling, told))
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of note collections, with singing/ in it")
    parser.add_argument("--voices", type=Path, default=Path("runs/voices"), help="what ...singing.voices made")
    parser.add_argument("--codec", type=Path, default=CODEC, help="the codec's weights")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the checkpoints")
    parser.add_argument("--files", type=int, default=4, help="files of lessons a voice, as it was trained")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the weights and their card")
    told = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        path = export(told.data, told.voices, told.codec, told.runs, told.out, told.files)
    except (CheckpointError, CorpusError, voices.VoicesError, cards.WeightsError, OSError, ValueError) as error:
        print(f"export_delivery: {error}", file=sys.stderr)
        return 1
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
