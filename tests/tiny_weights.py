"""Weights of a tiny continuation network, made up, written as those that are shipped."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ripieno.models import card as cards
from ripieno.models.continuation.representation import FIELDS
from ripieno.models.continuation.weights import EVENTS, FORMAT, OURS
from ripieno.native.transformer import Sampling, TransformerConfig

TINY = TransformerConfig(dim=64, layers=2, heads=2, hidden=128, field=32)


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Small random numbers of the network's shapes."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.1, shape) for name, shape in TINY.shapes().items()}


def write(path: Path, seed: int = 0, **card: Any) -> Path:
    """Write weights and their card, of which some entries may be told; the path."""
    whole = {
        "format": FORMAT,
        "name": path.stem,
        "model": OURS,
        "shape": asdict(TINY),
        "events": EVENTS,
        "sampling": {field: asdict(Sampling()) for field in FIELDS},
    }
    cards.write(path, arrays(seed), whole | card)
    return path
