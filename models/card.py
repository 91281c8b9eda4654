"""Weights on disk: a safetensors file of half-precision numbers, and a JSON card beside it that says what they are."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

SUFFIX = ".safetensors"


class WeightsError(Exception):
    """Weights cannot be used; the message names the file, what is wrong and what to do."""


def write(path: Path, arrays: Mapping[str, ArrayLike], card: Mapping[str, Any]) -> None:
    """Write weights to ``path`` and their card beside it, with the file's SHA-256 in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = save({name: np.ascontiguousarray(value, np.float16) for name, value in arrays.items()})
    path.write_bytes(data)
    whole = {**card, "sha256": hashlib.sha256(data).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(whole, indent=2) + "\n")


def shipped(folder: Path) -> list[str]:
    """Names of the weights in a folder."""
    return sorted(file.stem for file in folder.glob(f"*{SUFFIX}"))


def find(name: str | Path, folder: Path) -> Path:
    """The path of weights told by their name in a folder, or by a path that ends in .safetensors."""
    path = Path(name)
    return path if path.suffix == SUFFIX else folder / f"{name}{SUFFIX}"


def read(
    path: Path, versions: Mapping[str, int], fields: Iterable[str], known: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The card and the arrays of weights. versions: what the card must say; fields: what else it must have; known: the
    names to tell where there is no such file.

    Raises WeightsError: no such file or card, a file cut short or not the card's, another version.
    """
    card = _read_card(path.with_suffix(".json"), versions, fields, known)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}): there are {', '.join(known)}") from error
    if hashlib.sha256(data).hexdigest() != card["sha256"]:
        raise WeightsError(f"{path}: cut short, or not the file its card speaks of: fetch or train it again")
    try:
        return card, load(data)
    except SafetensorError as error:
        raise WeightsError(f"{path}: no safetensors file ({error}): fetch or train it again") from error


def _read_card(path: Path, versions: Mapping[str, int], fields: Iterable[str], known: Sequence[str]) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text())
    except OSError as error:
        told = ", ".join(known) or "none"
        raise WeightsError(f"{path}: no such card: give a .safetensors path or one of {told}") from error
    except ValueError as error:
        raise WeightsError(f"{path}: no card ({error}): fetch or train the weights again") from error
    if not isinstance(card, dict):
        raise WeightsError(f"{path}: no card: fetch or train the weights again")
    missing = [name for name in (*versions, *fields, "sha256") if name not in card]
    if missing:
        raise WeightsError(f"{path}: lacks {', '.join(missing)}: fetch or train the weights again")
    for name, ours in versions.items():
        if card[name] != ours:
            raise WeightsError(f"{path}: {name} {card[name]}, this program reads {ours}: train it again")
    return card
