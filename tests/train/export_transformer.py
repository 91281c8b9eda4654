"""Write tests/native/data/transformer_torch.npz: a small network, a piece, and the scores that PyTorch gives it.

    python tests/train/export_transformer.py

Run it again only when the network changes; test_transformer_torch.py says when the file and PyTorch part.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ripieno.models.continuation import representation
from ripieno.models.continuation.network import Network, Shape

FILE = Path(__file__).parents[1] / "native" / "data" / "transformer_torch.npz"
SHAPE = Shape(dim=32, layers=2, heads=2, hidden=64, field=16)
NOTES = 45


def make_network(shape: Shape, seed: int = 1) -> Network:
    """A network with random weights of which none is left out of the scores; halves of precision, so as to be small."""
    torch.manual_seed(seed)
    network = Network(shape).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
            weight.copy_(weight.half().float())
    return network


def make_piece(notes: int, seed: int = 1) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Events [rows, 8] and ticks [rows]: chords and rests, drums too, notes that overlap, ending with the song."""
    rng = np.random.default_rng(seed)
    tick = np.cumsum(rng.choice([0, 0, 1, 3, 6, 12, 40, 260], notes, p=[0.2, 0.2, 0.1, 0.15, 0.15, 0.15, 0.04, 0.01]))
    piece = representation.score(
        tick,
        rng.choice([2, 6, 12, 30, 100, 380], notes),
        rng.choice([1, 27, 29, 65], notes),
        rng.integers(0, 128, notes),
        rng.integers(0, 128, notes),
        bars=np.arange(0, int(tick[-1]) + 36, 36),
        style="quartets",
    )
    return representation.encode(piece, ends=True)


def torch_scores(network: Network, events: NDArray[np.int16], ticks: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    """Scores [rows - 1, values] of each field for the rows from the second on."""
    with torch.no_grad():
        found = network(torch.from_numpy(events.astype(np.int64))[None], torch.from_numpy(ticks)[None])
    return [scores[0].numpy() for scores in found]


def main() -> None:
    """Write the file."""
    network, (events, ticks) = make_network(SHAPE), make_piece(NOTES)
    kept: dict[str, NDArray[np.generic]] = {"events": events, "ticks": ticks}
    kept |= {f"array.{name}": value.numpy().astype(np.float16) for name, value in network.state_dict().items()}
    kept |= {f"scores.{field}": scores for field, scores in enumerate(torch_scores(network, events, ticks))}
    kept |= {f"config.{key}": np.asarray(value) for key, value in asdict(SHAPE).items()}
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, **kept)


if __name__ == "__main__":
    main()
