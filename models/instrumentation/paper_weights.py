"""Weights of the paper's models on disk: half-precision safetensors with a JSON card beside each."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ripieno.models.collection import CorpusError
from ripieno.models.instrumentation.corpus import Piece, Task

FOLDER = Path(__file__).parent / "weights" / "paper"
FORMAT = 1

Arrays = dict[str, NDArray[np.float32]]


def name(task: str, model: str, hints: str, column: str) -> str:
    """The file's stem, for instance chorales-lstm-entry-played."""
    return "-".join(part for part in (task, model, hints, column) if part)


def write(
    folder: Path, stem: str, task: Task, arrays: dict[str, NDArray[Any]], seen: list[Piece], history: dict[str, Any]
) -> None:
    """Write weights and card. seen: the training pieces; history: what the training says of itself."""
    folder.mkdir(parents=True, exist_ok=True)
    half = {key: np.ascontiguousarray(value, dtype=np.float16) for key, value in arrays.items()}
    data = save(half)
    card = {
        "format": FORMAT,
        "model": stem,
        "source": "architecture of Dong et al. 2021, ISMIR; trained here",
        "labels": list(task.labels),
        "data": {"task": task.name, "pieces": len(seen), "licences": sorted({piece.licence for piece in seen})},
        "split": {"trained on": "train", "chosen on": "valid"},
        "metrics": history,
        "commit": commit(),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    (folder / f"{stem}.safetensors").write_bytes(data)
    (folder / f"{stem}.json").write_text(json.dumps(card, indent=2) + "\n")


def read(folder: Path, stem: str) -> tuple[Arrays, dict[str, Any]]:
    """Weights (float32) and card. Raises CorpusError where a file is missing, cut short or not the card's."""
    weights, card_file = folder / f"{stem}.safetensors", folder / f"{stem}.json"
    for file in (weights, card_file):
        if not file.is_file():
            raise CorpusError(f"{file}: no such file: train it with ripieno.models.instrumentation.train_paper")
    try:
        card = json.loads(card_file.read_text())
        data = weights.read_bytes()
        if card["format"] != FORMAT:
            raise CorpusError(f"{card_file}: format {card['format']}, this program reads {FORMAT}: train it anew")
        if hashlib.sha256(data).hexdigest() != card["sha256"]:
            raise CorpusError(f"{weights}: not the file its card speaks of: fetch or train it again")
        arrays = {key: value.astype(np.float32) for key, value in load(data).items()}
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CorpusError(f"{weights}: no weights of the paper's models ({error}): train them anew") from error
    if not all(np.isfinite(value).all() for value in arrays.values()):
        raise CorpusError(f"{weights}: holds values that are no numbers: train it anew")
    return arrays, card


def commit() -> str:
    """The commit of the sources these weights were trained with, empty outside a repository."""
    try:
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
