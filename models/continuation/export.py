"""Weights and their card from a training's checkpoint:

python -m ripieno.models.continuation.export --run runs/continuation-ours-small --data DIR

It writes NAME.safetensors, half precision, and NAME.json to --out. The collections in --data are those it was trained
on: the card tells how many pieces and notes it saw of each, and under which licences.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from ripieno.models import card as cards
from ripieno.models.checkpoint import CheckpointError, under
from ripieno.models.collection import CorpusError, licences
from ripieno.models.continuation import corpus
from ripieno.models.continuation.network import SHAPES
from ripieno.models.continuation.representation import STYLES
from ripieno.models.continuation.sampling import DEFAULT
from ripieno.models.continuation.stored import EVENTS, FOLDER, FORMAT, OURS
from ripieno.models.instrumentation.paper_weights import commit

_SOURCES = {
    "ours": "Ripieno's own; network in models/continuation/network.py",
    "mmt": "architecture of Dong et al. 2023, ICASSP; trained here, to compare with; it is not played live",
}


def export(run: Path, data: Path, out: Path, name: str = "") -> Path:
    """Write the weights of a checkpoint's folder and their card; their path.

    name: of the files; "" names ours by its size, the paper's mmt-SIZE. Raises CheckpointError, CorpusError.
    """
    try:
        progress = json.loads((run / "checkpoint.json").read_text())
        arrays = {
            key: value.numpy() for key, value in under("model.", load_file(run / "checkpoint.safetensors")).items()
        }
        options = progress["options"]
        model, size = options["model"], options["size"]
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise CheckpointError(f"{run}: no checkpoint of a continuation ({error}): train it first") from error
    path = out / f"{name or (size if model == OURS else f'{model}-{size}')}{cards.SUFFIX}"
    card = {
        "format": FORMAT,
        "name": path.stem,
        "model": model,
        "source": _SOURCES[model],
        "shape": asdict(SHAPES[size]),
        "parameters": sum(value.size for value in arrays.values()),
        "events": EVENTS,
        "sampling": {field: asdict(one) for field, one in DEFAULT.items()},
        "data": {style: heard(style, data) for style in STYLES},
        "split": {"trained on": "train", "chosen on": "valid"},
        "training": {**options, "steps": progress["step"]},
        "metrics": {"valid loss, nats a note": progress["valid"][max(progress["valid"], key=int)]},
        "commit": commit(),
    }
    cards.write(path, arrays, card)
    return path


def heard(style: str, data: Path) -> dict[str, Any]:
    """What a training hears of a collection: pieces, notes, and the pieces' licences."""
    pieces = corpus.load(style, data, "train")
    told = licences(data / f"{style}.npz", {piece.name for piece in pieces}, style)
    return {"pieces": len(pieces), "notes": sum(map(len, pieces)), "licences": told}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--data", type=Path, required=True, help="folder of the note collections it was trained on")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the weights and their card")
    parser.add_argument("--name", default="", help="of the files; else by the network and its size")
    told = parser.parse_args(arguments)
    try:
        path = export(told.run, told.data, told.out, told.name)
    except (CheckpointError, CorpusError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
