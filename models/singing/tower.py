"""The decoder that both of the singer's networks stand on: the line's and the delivery's.

Blocks with normalisation before them (RMSNorm; attention, then two matrices with GELU between), as the continuation's,
and two differences for a voice that never ends: a step hears only the last ``window`` steps, itself among them (Beltagy
et al. 2020, sliding window), so that a ring of keys and values is all the state there is; and positions are rotations
(RoPE, Su et al. 2021) by the block's number, computed in double precision, so that weeks of singing do no harm.

``forward`` (a whole sequence) and ``step`` (one block at a time) compute the same, and native/src/tower.c does too.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ripieno.models.continuation.network import NORM_EPSILON, rotate, wavelengths

Turn = tuple[Tensor, Tensor]


class Cache:
    """The last keys and values of each layer, a ring: step t is in slot t % window. ``count``: steps so far."""

    def __init__(self, tower: "Tower", batch: int) -> None:
        weight = tower.norm.weight
        shape = (len(tower.blocks), batch, tower.heads, tower.window, tower.width)
        self.keys, self.values = (torch.zeros(shape, dtype=weight.dtype, device=weight.device) for _ in range(2))
        self.count = 0

    def add(self, layer: int, k: Tensor, v: Tensor) -> Turn:
        """Put [batch, heads, 1, width] in this step's slot; what may be heard now, [batch, heads, <= window, width]."""
        window = self.keys.shape[3]
        slot, full = self.count % window, min(self.count + 1, window)
        self.keys[layer, :, :, slot], self.values[layer, :, :, slot] = k[:, :, 0].detach(), v[:, :, 0].detach()
        return self.keys[layer, :, :, :full], self.values[layer, :, :, :full]


class Block(nn.Module):
    """Attention, then two matrices with GELU between; each sees the normalised stream and adds to it."""

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attend = nn.RMSNorm(dim, eps=NORM_EPSILON)
        self.norm_expand = nn.RMSNorm(dim, eps=NORM_EPSILON)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.merge = nn.Linear(dim, dim, bias=False)
        self.expand = nn.Linear(dim, hidden, bias=False)
        self.contract = nn.Linear(hidden, dim, bias=False)
        self.dropout = nn.Dropout(dropout)

    def heard(self, x: Tensor, turn: Turn) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of x [batch, steps, dim], each [batch, heads, steps, width]."""
        q, k, v = self.qkv(self.norm_attend(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return rotate(q, *turn), rotate(k, *turn), v

    def grow(self, x: Tensor, heard: Tensor) -> Tensor:
        """x with what attention [batch, heads, steps, width] and the two matrices add."""
        x = x + self.dropout(self.merge(heard.transpose(1, 2).flatten(2)))
        grown = functional.gelu(self.expand(self.norm_expand(x)), approximate="tanh")
        return x + self.dropout(self.contract(grown))


class Tower(nn.Module):
    """A causal Transformer over blocks. window: how many steps a step hears, itself among them."""

    def __init__(self, dim: int, layers: int, heads: int, hidden: int, window: int, dropout: float = 0.0) -> None:
        super().__init__()
        if dim % (2 * heads):
            raise ValueError(f"a width of {dim} cannot be divided among {heads} heads of an even width")
        self.heads, self.width, self.window = heads, dim // heads, window
        self.blocks = nn.ModuleList(Block(dim, heads, hidden, dropout) for _ in range(layers))
        self.norm = nn.RMSNorm(dim, eps=NORM_EPSILON)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
        for block in self.blocks:
            for last in (block.merge, block.contract):
                nn.init.normal_(last.weight, std=0.02 / math.sqrt(2 * layers))

    def turn(self, first: int, steps: int) -> Turn:
        """Cosines and sines [steps, width / 2] of the rotations at steps first, first + 1, ..."""
        device = self.norm.weight.device
        waves = torch.as_tensor(2.0 * math.pi / wavelengths(self.width // 2), dtype=torch.float64, device=device)
        angle = torch.arange(first, first + steps, dtype=torch.float64, device=device)[:, None] * waves
        return angle.cos().float(), angle.sin().float()

    def beyond(self, steps: int) -> Tensor:
        """[steps, steps] which step does not hear which."""
        ones = torch.ones(steps, steps, dtype=torch.bool, device=self.norm.weight.device)
        return ones.triu(1) | ones.tril(-self.window)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, steps, dim] the stream of a whole sequence x [batch, steps, dim]."""
        turn, beyond = self.turn(0, x.shape[1]), self.beyond(x.shape[1])
        for block in self.blocks:
            q, k, v = block.heard(x, turn)
            # Written out: in bfloat16, torch's own takes three times as long to learn through on a processor.
            scores = (q @ k.transpose(-1, -2)) * self.width**-0.5
            x = block.grow(x, scores.masked_fill(beyond, -torch.inf).softmax(-1) @ v)
        return self.norm(x)

    def cache(self, batch: int = 1) -> Cache:
        """An empty ring, to begin a sequence with."""
        return Cache(self, batch)

    def step(self, x: Tensor, cache: Cache) -> Tensor:
        """[batch, dim] the stream of one more step, x [batch, dim]; the cache goes on. Nothing learns through it."""
        turn = self.turn(cache.count, 1)
        x = x[:, None]
        for layer, block in enumerate(self.blocks):
            q, k, v = block.heard(x, turn)
            x = block.grow(x, functional.scaled_dot_product_attention(q, *cache.add(layer, k, v)))
        cache.count += 1
        return self.norm(x)[:, 0]
