"""The singer's weights on disk, and the singer made of them; no torch is needed here.

A folder holds the three networks that belong together, each a safetensors file with its card beside it: ``line``,
``delivery`` and ``codec``. A card may tell how its fields are best drawn (``sampling``: phonation, note; loudness,
codes, deviation); the codec's names the voices.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models import card as cards
from ripieno.models.card import WeightsError as WeightsError  # whoever loads a singer looks for it here
from ripieno.native.singer import CODES, SingerShape, SingerWeights, TowerShape
from ripieno.native.transformer import Sampling

FORMAT = 1
FOLDER = Path(__file__).parent / "weights"
OURS = "small"
PARTS = ("line", "delivery", "codec")


@dataclass(frozen=True)
class Weights:
    """What a folder of weights holds. cards: by part; arrays: half precision, "part." before their names in PyTorch."""

    path: Path
    cards: dict[str, dict[str, Any]]
    arrays: dict[str, NDArray[Any]]


def find(name: str | Path = OURS) -> Path:
    """The folder of weights told by its path; ``OURS``, or nothing: those that come with the program."""
    return FOLDER if str(name) in ("", OURS) else Path(name)


def read(name: str | Path = OURS) -> Weights:
    """Weights told as in ``find``. Raises WeightsError: no such folder or file, a file cut short or not its card's,
    another version or network, values that are no numbers."""
    folder = find(name)
    if not folder.is_dir():
        raise WeightsError(f"{folder}: no folder of a singer's weights ({', '.join(PARTS)}): give another")
    told: dict[str, dict[str, Any]] = {}
    arrays: dict[str, NDArray[Any]] = {}
    for part in PARTS:
        told[part], found = _part(folder / f"{part}{cards.SUFFIX}", part)
        arrays |= {f"{part}.{key}": value for key, value in found.items()}
    return Weights(folder, told, arrays)


def _part(path: Path, part: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    if not path.is_file():
        raise WeightsError(f"{path}: not there; a folder of a singer's weights holds {', '.join(PARTS)}: give another")
    card, arrays = cards.read(path, {"format": FORMAT}, ("model", "shape"), PARTS)
    if card["model"] != part:
        raise WeightsError(f"{path}: a network {card['model']!r} where {part!r} is needed: give another folder")
    if not all(np.isfinite(value).all() for value in arrays.values()):
        raise WeightsError(f"{path}: holds values that are no numbers: train it again")
    return card, arrays


def shapes(weights: Weights) -> dict[str, dict[str, Any]]:
    """The shape of each part, as its card tells it."""
    return {part: card["shape"] for part, card in weights.cards.items()}


def voices(weights: Weights) -> tuple[str, ...]:
    """The names of the voices, in the order of their numbers. Raises WeightsError: the card names none."""
    names = weights.cards["codec"].get("voices")
    if not names or not all(isinstance(name, str) for name in names):
        raise WeightsError(f"{weights.path / 'codec.json'}: names no voices: train it again")
    return tuple(names)


def sampling(weights: Weights) -> dict[str, Sampling]:
    """How each field is best drawn, as the cards tell. Raises WeightsError: they do not tell it as ours do."""
    found: dict[str, Sampling] = {}
    try:
        for card in weights.cards.values():
            for name, told in card.get("sampling", {}).items():
                fields = [f"code{stage + 1}" for stage in range(CODES)] if name == "codes" else [name]
                found |= {field: Sampling(**told) for field in fields}
    except (AttributeError, TypeError) as error:
        raise WeightsError(f"{weights.path}: a card's sampling is not one of ours ({error}): train it again") from error
    return found


def weights(read: Weights) -> SingerWeights:
    """The singer's packed weights. Raises WeightsError where the parts do not fit the program, or each other."""
    told = shapes(read)
    try:
        line, delivery = (TowerShape(told[part]["heads"], told[part]["window"]) for part in ("line", "delivery"))
        made = SingerWeights(read.arrays, SingerShape(line, delivery, sampling(read)))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{read.path}: {error}: train it again") from error
    if made.voices < len(voices(read)):
        raise WeightsError(f"{read.path}: {len(voices(read))} voices are named, {made.voices} can be sung: train again")
    return made


def load(name: str | Path = OURS) -> SingerWeights:
    """The singer of a folder told as in ``find``. Raises WeightsError as ``read`` and ``weights`` do."""
    return weights(read(name))
