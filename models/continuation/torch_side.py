"""What PyTorch makes of shipped weights, to compare with what C does."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ripieno.models.continuation.lessons import pad
from ripieno.models.continuation.network import Network, PaperNetwork, Shape
from ripieno.models.continuation.representation import Events, Ticks
from ripieno.models.continuation.stored import OURS, Weights, WeightsError


def network(weights: Weights) -> Network | PaperNetwork:
    """The network of weights, ready to be run. Raises WeightsError where they do not fit it."""
    torch.set_num_threads(1)
    try:
        made = (Network if weights.card["model"] == OURS else PaperNetwork)(Shape(**weights.card["shape"]))
        made.load_state_dict({name: torch.from_numpy(np.float32(value)) for name, value in weights.arrays.items()})
    except (RuntimeError, TypeError) as error:
        raise WeightsError(f"{weights.path}: {error}: train it again") from error
    return made.eval()


@torch.no_grad()
def judged(network: Network | PaperNetwork, excerpts: Sequence[tuple[Events, Ticks]]) -> list[NDArray[np.float32]]:
    """[rows, fields] natural logarithms of how likely each row's fields were; 0 for the first row."""
    found = []
    for excerpt in excerpts:
        events, ticks = pad([excerpt])
        scores = network(events, ticks)
        targets = events if isinstance(network, Network) else network.columns(events, ticks)
        rows = np.zeros((events.shape[1], len(scores)), dtype=np.float32)
        for field, score in enumerate(scores):
            likely = score[0].log_softmax(-1).gather(-1, targets[0, 1:, field : field + 1])
            rows[1:, field] = likely[:, 0].numpy()
        found.append(rows)
    return found
