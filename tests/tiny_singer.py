"""A small singer with random weights, as a folder, and what may be wrong with such a folder."""

import json
from pathlib import Path

import numpy as np

from ripieno.models import card as cards

# The networks that test_singer.py holds against PyTorch.
_NETWORKS = Path(__file__).parent / "native" / "data" / "singer_torch.npz"
VOICES = ("anna", "bruno", "carla")
# What can be wrong with a folder, and what is told of it.
DAMAGES = {"cut": "cut short", "version": "format", "missing": "codec.safetensors: not there", "swapped": "a network"}


def write(folder: Path, damage: str = "") -> Path:
    """Write the folder, damaged so or whole; returns it."""
    with np.load(_NETWORKS, allow_pickle=False) as kept:
        arrays = {name.removeprefix("array."): kept[name] for name in kept.files if name.startswith("array.")}
        line_heads, line_window, heads, window = map(int, kept["config.windows"])
    shapes = {
        "line": {"heads": line_heads, "window": line_window},
        "delivery": {"heads": heads, "window": window},
        "codec": {},
    }
    for part, shape in shapes.items():
        own = {name.removeprefix(f"{part}."): value for name, value in arrays.items() if name.startswith(f"{part}.")}
        card = {"format": 1, "model": part, "shape": shape, "voices": list(VOICES)}
        cards.write(folder / f"{part}{cards.SUFFIX}", own, card)
    _DAMAGES[damage](folder)
    return folder


def _cut(folder: Path) -> None:
    path = folder / "line.safetensors"
    path.write_bytes(path.read_bytes()[:999])


def _version(folder: Path) -> None:
    path = folder / "delivery.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))


def _missing(folder: Path) -> None:
    (folder / "codec.safetensors").unlink()


def _swapped(folder: Path) -> None:
    for suffix in (".json", ".safetensors"):
        (folder / f"line{suffix}").write_bytes((folder / f"delivery{suffix}").read_bytes())


_DAMAGES = {
    "": lambda folder: None,
    "cut": _cut,
    "version": _version,
    "missing": _missing,
    "swapped": _swapped,
}
