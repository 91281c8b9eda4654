"""The line's weights and their card, from a training's checkpoint:

python -m ripieno.models.singing.export --run runs/singing-line --data DIR

It writes line.safetensors, half precision, and line.json to --out. The collections in --data are those it was trained
on: the card tells how many songs and sung notes it heard of each, and under which licences.
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
from ripieno.models.instrumentation.paper_weights import commit
from ripieno.models.singing import songs
from ripieno.models.singing.line import SHAPES
from ripieno.models.singing.representation import HISTORY, HISTORY_SIZES

FORMAT = 1
FOLDER = Path(__file__).parent / "weights"
PART = "line"


def line_card(progress: dict[str, Any], data: Path, count: int) -> dict[str, Any]:
    """What a line's card tells. progress: of the checkpoint; count: of its parameters. Raises CorpusError."""
    options, rewarded = progress["options"], "before" in progress
    return {
        "format": FORMAT,
        "name": PART,
        "model": PART,
        "source": "Ripieno's own; network in models/singing/line.py",
        "shape": asdict(SHAPES[options["size"]]),
        "parameters": count,
        "history": dict(zip(HISTORY, HISTORY_SIZES, strict=True)),
        "follow": options.get("follow", 0.0),
        "data": {style: heard(style, data) for style in songs.STYLES},
        "split": {"trained on": "train", "chosen on": "valid"},
        "training": {
            "by likelihood": progress["before"] if rewarded else options | {"steps": progress["step"]},
            "by reward": options | {"steps": progress["step"]} if rewarded else {},
            **progress.get("remarks", {}),
        },
        "metrics": {
            "valid loss by likelihood, nats a note: phonation, note": latest(progress["valid"]),
            **progress.get("metrics", {}),
        },
        "commit": commit(),
    }


def latest(valid: dict[str, Any]) -> Any:
    """What was found at the last step that was checked; None: there was none."""
    return valid[max(valid, key=int)] if valid else None


def export(run: Path, data: Path, out: Path) -> Path:
    """Write the weights of a checkpoint's folder and their card; their path. Raises CheckpointError, CorpusError."""
    try:
        progress = json.loads((run / "checkpoint.json").read_text())
        tensors = under("model.", load_file(run / "checkpoint.safetensors"))
        tensors = under("line.", tensors) or tensors  # the reward stage has a value beside its line
        arrays = {key: value.float().numpy() for key, value in tensors.items()}
        card = line_card(progress, data, sum(value.size for value in arrays.values()))
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise CheckpointError(f"{run}: no checkpoint of a line ({error}): train it first") from error
    path = out / f"{PART}{cards.SUFFIX}"
    cards.write(path, arrays, card)
    return path


def heard(style: str, data: Path) -> dict[str, Any]:
    """What a training hears of a collection: songs, sung notes, and the songs' licences."""
    loaded = songs.load(data, "train", (style,))
    told = licences(data / f"{style}.npz", {song.name for song in loaded}, style)
    return {"songs": len(loaded), "sung notes": sum(len(song.line) for song in loaded), "licences": told}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections it was trained on")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the weights and their card")
    told = parser.parse_args(arguments)
    try:
        path = export(told.run, told.data, told.out)
    except (CheckpointError, CorpusError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
