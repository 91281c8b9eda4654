"""A continuation's weights small enough for any test: untrained, but inclined to play a note on every few positions."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from ripieno.models import card
from ripieno.models.continuation.representation import BEAT, DURATION, FIELDS, PITCH
from ripieno.models.continuation.stored import EVENTS, FORMAT
from ripieno.native.transformer import Sampling, TransformerConfig

SHAPE = TransformerConfig(dim=64, layers=2, heads=2, hidden=128, field=32)


def arrays(seed: int = 1) -> dict[str, np.ndarray]:
    """The network's arrays by their names in PyTorch, float32."""
    random = np.random.default_rng(seed)
    made = {name: random.normal(0, 0.2, shape).astype(np.float32) for name, shape in SHAPE.shapes().items()}
    made[f"scores.{BEAT}.bias"][[0, 1]] += 6, 5  # the same beat, or the next
    made[f"scores.{DURATION}.bias"][1:13] += 4  # up to a beat
    made[f"scores.{PITCH}.bias"][49:85] += 4  # the middle of the keyboard
    return made


def write(path: Path, seed: int = 1, broken: bool = False, **told: object) -> Path:
    """Write them and their card. broken: with a value that is no number. `told` overrides what the card says."""
    sampling = {field: asdict(Sampling(1.0, 0.98)) for field in FIELDS}
    says = {"format": FORMAT, "model": "ours", "shape": asdict(SHAPE), "events": EVENTS, "sampling": sampling}
    made = arrays(seed)
    if broken:
        made["norm.weight"][0] = np.nan
    card.write(path, made, says | {"training": {"rows": 256}} | told)
    return path
