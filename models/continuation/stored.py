"""The continuation's weights on disk, and the network made of them; no torch is needed here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models import card as cards
from ripieno.models.card import WeightsError as WeightsError  # whoever loads a network looks for it here
from ripieno.models.continuation.representation import FIELDS, MARKS, SIZES
from ripieno.native.transformer import Sampling, Transformer, TransformerConfig

FORMAT = 1
FOLDER = Path(__file__).parent / "weights"
OURS, PAPERS = "ours", "mmt"
# What the numbers in an event mean; another order or another number of values is another version.
EVENTS = {"fields": dict(zip(FIELDS, SIZES, strict=True)), "marks": MARKS}


@dataclass(frozen=True)
class Weights:
    """What a file of weights and its card hold. arrays: half precision, by their names in PyTorch."""

    path: Path
    card: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def shipped() -> list[str]:
    """Names of the weights that come with the program, the paper's network not among them."""
    return [name for name in cards.shipped(FOLDER) if not name.startswith(PAPERS)]


def read(name: str | Path, model: str = OURS, folder: Path = FOLDER) -> Weights:
    """Weights by their name in a folder, or by the path of a .safetensors file. model: which network they must be of.

    Raises WeightsError: no such file or card, a file cut short or not the card's, another version or network, values
    that are no numbers.
    """
    path = cards.find(name, folder)
    card, arrays = cards.read(path, {"format": FORMAT}, ("model", "shape", "events", "sampling"), shipped())
    if card["model"] != model:
        raise WeightsError(f"{path}: a network {card['model']!r} where {model!r} is needed: give another file")
    if card["events"] != EVENTS:
        raise WeightsError(f"{path}: its events have other fields than this program's: train it again")
    if not all(np.isfinite(value).all() for value in arrays.values()):
        raise WeightsError(f"{path}: holds values that are no numbers: train it again")
    return Weights(path, card, arrays)


def load(name: str | Path, precision: str = "int8") -> Transformer:
    """The network of weights told as in ``read``. precision: "int8" or "fp32". Raises WeightsError as ``read`` does,
    and where the arrays do not have the network's shapes."""
    return network(read(name), precision)


def network(weights: Weights, precision: str = "int8") -> Transformer:
    """The network of weights that were read. Raises WeightsError where the arrays do not have its shapes."""
    try:
        return Transformer(weights.arrays, TransformerConfig(**weights.card["shape"]), precision)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{weights.path}: {error}: train it again") from error


def sampling(weights: Weights) -> tuple[Sampling, ...]:
    """How each field is best drawn from this network, as its card tells. Raises WeightsError."""
    try:
        return tuple(Sampling(**weights.card["sampling"][field]) for field in FIELDS)
    except (KeyError, TypeError) as error:
        raise WeightsError(
            f"{weights.path}: its card's sampling is not one of ours ({error}): train it again"
        ) from error
