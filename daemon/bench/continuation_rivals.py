"""What else decides notes one after another: the same network in PyTorch with a cache, and the published code's way."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ripieno.models.continuation.representation import NOTE, TYPE, Events, Ticks
from ripieno.native.transformer import FIELDS, TransformerConfig

Arrays = Mapping[str, NDArray[np.float32]]

REMEDY = "pip install torch --index-url https://download.pytorch.org/whl/cpu"


class Contender(Protocol):
    """prepare() hears what was before; step() decides a note and hears it; back() forgets what was decided.
    slow: a few notes must do."""

    name: str
    slow: bool

    def prepare(self, events: Events, ticks: Ticks) -> None: ...
    def back(self) -> None: ...
    def step(self) -> None: ...


def rivals(arrays: Arrays, config: TransformerConfig) -> tuple[list[Contender], dict[str, str]]:
    """Those that are installed, and for the others how to get them."""
    try:
        return [TorchCached(arrays, config), TorchPublished(config)], {}
    except ImportError:
        return [], {"torch": REMEDY}


class TorchCached:
    """Our network in PyTorch, keys and values kept from note to note. What the band did (recall, outlook) is looked up
    by it for nothing: all are told that there was nothing."""

    slow = False
    stream: Any

    def __init__(self, arrays: Arrays, config: TransformerConfig) -> None:
        """ImportError: torch is not installed."""
        import torch

        from ripieno.models.continuation import network
        from ripieno.models.continuation.representation import OUTLOOK_SIZES, RECALL_SIZES

        torch.set_num_threads(1)
        self.torch, self.cache_of = torch, network.Cache
        self.name = f"PyTorch {torch.__version__}, keys and values kept"
        self.network = network.Network(network.Shape(**vars(config))).eval()
        self.network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        self.recalled = torch.zeros((1, len(RECALL_SIZES)), dtype=torch.int64)
        self.seen = [torch.zeros((1, size)) for size in OUTLOOK_SIZES]

    def prepare(self, events: Events, ticks: Ticks) -> None:
        self.cache = self.cache_of()
        self.length, self.tick = len(events), int(ticks[-1])
        self._hear(self.torch.from_numpy(events.astype(np.int64))[None], self.torch.from_numpy(ticks)[None], 0)
        self.first = self.stream

    def back(self) -> None:
        length = self.length
        self.cache.kept = {block: (k[:, :, :length], v[:, :, :length]) for block, (k, v) in self.cache.kept.items()}
        self.heard, self.stream = length, self.first

    def step(self) -> None:
        torch = self.torch
        with torch.inference_mode():
            chosen = torch.zeros((1, 8), dtype=torch.int64)
            wanted = self.network.wanted(self.stream)
            for field in range(FIELDS):
                scores = self.network.field_scores(wanted, field, chosen, self.recalled, self.seen)
                chosen[0, field] = torch.multinomial(scores.softmax(-1), 1)[0, 0]
            chosen[0, TYPE] = NOTE
            self._hear(chosen[None], torch.full((1, 1), self.tick), self.heard)
        self.heard += 1

    def _hear(self, events: Any, ticks: Any, start: int) -> None:
        with self.torch.inference_mode():
            self.stream = self.network.stream(events, ticks, start, self.cache)[:, -1]
        self.heard = self.length


class TorchPublished:
    """The Multitrack Music Transformer as its authors' code decides a note: everything before it goes through the
    network again, with attention written out, and scores are made of every row (Dong et al. 2023)."""

    slow = True

    def __init__(self, config: TransformerConfig) -> None:
        """ImportError: torch is not installed."""
        import torch
        from torch.nn.attention import SDPBackend, sdpa_kernel

        from ripieno.models.continuation import network

        torch.set_num_threads(1)
        self.torch, self.written_out = torch, lambda: sdpa_kernel(SDPBackend.MATH)
        self.name = f"PyTorch {torch.__version__}, as published"
        torch.manual_seed(1)
        self.network = network.PaperNetwork(network.Shape(**vars(config))).eval()

    def prepare(self, events: Events, ticks: Ticks) -> None:
        torch = self.torch
        self.seen = self.network.columns(torch.from_numpy(events.astype(np.int64))[None], torch.from_numpy(ticks)[None])

    def back(self) -> None:
        """Nothing is kept."""

    def step(self) -> None:
        torch = self.torch
        with torch.inference_mode(), self.written_out():
            stream = self.network.stream(self.seen)
            for scores in self.network.scores:
                last = scores(stream)[0, -1]
                most = last.topk(max(1, -(-len(last) // 10)))
                torch.multinomial(most.values.softmax(-1), 1)
