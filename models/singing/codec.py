"""The codec of a voice's timbre: blocks of two frames to a few codes and back (VQ-VAE).

A. van den Oord, O. Vinyals and K. Kavukcuoglu, "Neural discrete representation learning" (2017); several codebooks one
after another, each for what those before left over, as N. Zeghidour et al., "SoundStream" (2021), their entries being
running means and those nobody uses set anew. Level and pitch are not coded: the singer decides them openly.

The decoder hears only the past, two blocks a layer, so that it runs block by block: native/src/codec.c is the same.
Each of its layers is a matrix over three blocks side by side, the oldest first, zeros before the beginning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ripieno.models.singing.frames import BLOCK, SHAPE

INPUTS = BLOCK * SHAPE  # of a block: frame by frame, bands of the envelope, then of aperiodicity
KERNEL = 3  # blocks a layer hears
MEMORY = 0.99  # of the running means, a step
RARE = 0.02  # entries with a running count below this share of an equal one are set anew


@dataclass(frozen=True)
class CodecShape:
    """stages: codebooks, one after another. size: entries of each. dim: their width. width, layers: of encoder and
    decoder, the layers between first and last. keep: the share of a block's point that the next one starts from."""

    stages: int = 4
    size: int = 512
    dim: int = 64
    width: int = 160
    layers: int = 2
    keep: float = 0.7


SHAPES = {"small": CodecShape(), "tiny": CodecShape(2, 16, 8, 16, 1)}


class Past(nn.Module):
    """Linear over the last KERNEL blocks, the oldest first: [batch, blocks, inputs] to [batch, blocks, outputs]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, KERNEL * inputs) * (KERNEL * inputs) ** -0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, (0, 0, KERNEL - 1, 0))
        beside = torch.cat([padded[:, k : k + x.shape[1]] for k in range(KERNEL)], -1)
        return functional.linear(beside, self.weight, self.bias)


class Stack(nn.Module):
    """y = gelu(first x); y = y + gelu(middle y), layer by layer; last y + direct x. GELU by tanh.

    The direct way, of this block alone, is what learns first; the rest learns what the past tells beyond it.
    """

    def __init__(self, inputs: int, width: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.first = Past(inputs, width)
        self.middle = nn.ModuleList(Past(width, width) for _ in range(layers))
        self.last = nn.Linear(width, outputs)
        self.direct = nn.Linear(inputs, outputs, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.gelu(self.first(x), approximate="tanh")
        for layer in self.middle:
            y = y + functional.gelu(layer(y), approximate="tanh")
        return self.last(y) + self.direct(x)


class Codebooks(nn.Module):
    """Residual vector quantisation of what is new in a block: its point is ``keep`` times the last one's, and an entry
    of each stage (a leaky sum: what is said wrong is forgotten in a few blocks).

    entries [stages, size, dim]; keep [dim]; counts and sums: the running means' two parts.
    """

    entries: Tensor
    keep: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, stages: int, size: int, dim: int, keep: float) -> None:
        super().__init__()
        self.register_buffer("entries", torch.randn(stages, size, dim) * 0.5)
        self.register_buffer("keep", torch.full((dim,), keep))
        self.register_buffer("counts", torch.zeros(stages, size))
        self.register_buffer("sums", torch.zeros(stages, size, dim))

    def look_up(self, codes: Tensor) -> Tensor:
        """[..., dim] of codes [..., stages]: the sum of one entry of each stage."""
        return torch.stack([book[codes[..., stage]] for stage, book in enumerate(self.entries)]).sum(0)

    def decode(self, codes: Tensor) -> Tensor:
        """Points [batch, blocks, dim] of codes [batch, blocks, stages]; the one before the first is 0."""
        point, points = torch.zeros_like(self.keep), []
        for new in self.look_up(codes).unbind(1):
            point = self.keep * point + new
            points.append(point)
        return torch.stack(points, 1)

    def encode(self, z: Tensor, beam: int = 1) -> tuple[Tensor, Tensor]:
        """Codes [batch, blocks, stages] of z [batch, blocks, dim], and what was new in each block, as z.

        The nearest sum that is found, block by block; ``beam`` beginnings are kept from stage to stage.
        """
        point, all_codes, all_new = torch.zeros_like(z[:, 0]), [], []
        for wanted in z.unbind(1):
            new = wanted - self.keep * point
            codes = self.nearest(new, beam)
            point = self.keep * point + self.look_up(codes)
            all_codes.append(codes)
            all_new.append(new)
        return torch.stack(all_codes, 1), torch.stack(all_new, 1)

    def nearest(self, new: Tensor, beam: int) -> Tensor:
        """Codes [n, stages] of new [n, dim]."""
        codes = torch.zeros(len(new), 1, 0, dtype=torch.long, device=new.device)
        left, rows = new[:, None], torch.arange(len(new), device=new.device)[:, None]
        for book in self.entries:
            far = (left**2).sum(-1, keepdim=True) - 2.0 * left @ book.T + (book**2).sum(-1)
            best = far.flatten(1).topk(min(beam, far[0].numel()), largest=False).indices
            parent, entry = best // len(book), best % len(book)
            codes = torch.cat([codes[rows, parent], entry[..., None]], -1)
            left = left[rows, parent] - book[entry]
        return codes[:, 0]

    @torch.no_grad()
    def learn(self, new: Tensor, codes: Tensor) -> None:
        """Move the entries towards the means of what chose them (new [n, dim], codes [n, stages])."""
        left = new
        for stage in range(len(self.entries)):
            chosen = codes[:, stage]
            hits = functional.one_hot(chosen, self.counts.shape[1]).to(new.dtype)
            self.counts[stage].lerp_(hits.sum(0), 1.0 - MEMORY)
            self.sums[stage].lerp_(hits.T @ left, 1.0 - MEMORY)
            rest = left - self.entries[stage][chosen]
            self.entries[stage] = self.sums[stage] / self.counts[stage].clamp(min=1e-5)[:, None]
            self._revive(stage, left)
            left = rest

    def _revive(self, stage: int, left: Tensor) -> None:
        usual = len(left) / self.counts.shape[1]
        dead = (self.counts[stage] < RARE * usual).nonzero()[:, 0]
        if len(dead):
            anew = left[torch.randint(len(left), (len(dead),), device=left.device)]
            self.entries[stage][dead], self.sums[stage][dead], self.counts[stage][dead] = anew, anew * usual, usual


class Codec(nn.Module):
    """Blocks [batch, blocks, INPUTS] in dB to codes and back. mean, scale [INPUTS]: of the training frames."""

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: CodecShape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("mean", torch.zeros(INPUTS))
        self.register_buffer("scale", torch.ones(INPUTS))
        self.encoder = Stack(INPUTS, shape.width, shape.layers, shape.dim)
        self.codebooks = Codebooks(shape.stages, shape.size, shape.dim, shape.keep)
        self.decoder = Stack(shape.dim, shape.width, shape.layers, INPUTS)

    def prepare(self, blocks: Tensor) -> None:
        """Begin as the principal components of blocks [n, INPUTS]: their mean, their scale, the direct ways."""
        self.mean.copy_(blocks.mean(0))
        self.scale.copy_(blocks.std(0).clamp(min=1e-3))
        axes = torch.linalg.svd((blocks - self.mean) / self.scale, full_matrices=False)[2][: self.shape.dim]
        with torch.no_grad():
            self.encoder.direct.weight[: len(axes)] = axes
            self.decoder.direct.weight[:, : len(axes)] = axes.T

    def latent(self, blocks: Tensor) -> Tensor:
        """[batch, blocks, dim] before quantisation."""
        return self.encoder((blocks - self.mean) / self.scale)

    def encode(self, blocks: Tensor, beam: int = 8) -> Tensor:
        """[batch, blocks, stages] codes."""
        return self.codebooks.encode(self.latent(blocks), beam)[0]

    def render(self, z: Tensor) -> Tensor:
        """Blocks in dB of [batch, blocks, dim], quantised or not."""
        return self.decoder(z) * self.scale + self.mean

    def decode(self, codes: Tensor) -> Tensor:
        """[batch, blocks, INPUTS] in dB of codes [batch, blocks, stages]."""
        return self.render(self.codebooks.decode(codes))

    def forward(self, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """What is rebuilt, gradients passing straight through the codes, and how far (mean square) the encoder is from
        them; in training the codebooks learn."""
        z = self.latent(blocks)
        codes, new = self.codebooks.encode(z.detach())
        points = self.codebooks.decode(codes)
        if self.training:
            self.codebooks.learn(new.flatten(0, 1), codes.flatten(0, 1))
        return self.render(z + (points - z).detach()), ((z - points) ** 2).mean()


def stored_arrays(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """What of a codec's state ships: all but the running means' parts."""
    return {name: value.numpy() for name, value in state.items() if name.split(".")[-1] not in ("counts", "sums")}
