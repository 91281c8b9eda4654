"""The continuation's networks in PyTorch: ours, and the Multitrack Music Transformer it is measured against.

Both are decoders with normalisation before each block (Dong et al., ICASSP 2023: width 512, 6 layers, 8 heads). Ours
differs in what measured better for live use:

- Positions are rotations (RoPE, Su et al. 2021) of two kinds in each head: half of the pairs turn with the number of
  the event, half with its time, so that "one bar ago" is an angle, and nothing runs out.
- The fields of a note are chosen one after another, each knowing those before (nested; the paper's are independent).
  One hidden layer a field, to which the fields before add a vector each: it costs a few table look-ups. So do
  the last notes of the instrument that was chosen (recall), which the decoder cannot know when it looks back, and how
  the band stands at that moment (outlook): whose notes end where, and what sounds.

What is trained here is what native/src/transformer.c plays.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ripieno.models.continuation.representation import (
    BEAT,
    MARKS,
    NOTE,
    OUTLOOK_FIELDS,
    OUTLOOK_SIZES,
    POSITIONS,
    RECALL_FIELDS,
    RECALL_SIZES,
    SIZES,
    TYPE,
    outlook,
    recall,
)

FIELDS_COUNT = len(SIZES)
NORM_EPSILON = 1e-5
# Wavelengths of the rotations, in events and in ticks: from the shortest to the longest, evenly in their logarithm.
WAVE_SHORTEST, WAVE_LONGEST = 4.0, 8192.0


@dataclass(frozen=True)
class Shape:
    """dim: width. layers, heads: of the decoder. hidden: width between a block's two matrices. field: width of the
    layer that chooses a field."""

    dim: int = 256
    layers: int = 6
    heads: int = 8
    hidden: int = 1024
    field: int = 256

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads


PAPER_SIZE = Shape(512, 6, 8, 2048, 256)
# The sizes that are trained, by name; tiny is for tests.
SHAPES = {"small": Shape(256, 6, 4, 1024, 256), "paper": PAPER_SIZE, "tiny": Shape(64, 2, 2, 128, 32)}


def wavelengths(pairs: int) -> np.ndarray:
    """[pairs] wavelengths of one kind of rotation."""
    steps = np.arange(pairs) / max(pairs - 1, 1)
    return WAVE_SHORTEST * (WAVE_LONGEST / WAVE_SHORTEST) ** steps


def angles(index: Tensor, tick: Tensor, head_dim: int) -> Tensor:
    """[..., head_dim / 2] angles: the first half by the event's number, the second by its tick."""
    waves = torch.as_tensor(2.0 * math.pi / wavelengths(head_dim // 4), dtype=torch.float64, device=tick.device)
    by_index = index.to(torch.float64)[..., None] * waves
    by_tick = tick.to(torch.float64)[..., None] * waves
    return torch.cat([by_index, by_tick], -1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [..., events, head_dim]: pair j is (x[j], x[j + head_dim / 2])."""
    first, second = x.float().chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1).to(x.dtype)


class Block(nn.Module):
    """Attention, then two matrices with GELU between; each sees the normalised stream and adds to it."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.heads = shape.heads
        self.norm_attend = nn.RMSNorm(shape.dim, eps=NORM_EPSILON)
        self.norm_expand = nn.RMSNorm(shape.dim, eps=NORM_EPSILON)
        self.qkv = nn.Linear(shape.dim, 3 * shape.dim, bias=False)
        self.merge = nn.Linear(shape.dim, shape.dim, bias=False)
        self.expand = nn.Linear(shape.dim, shape.hidden, bias=False)
        self.contract = nn.Linear(shape.hidden, shape.dim, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor] | None, cache: "Cache | None" = None) -> Tensor:
        batch, events, dim = x.shape
        q, k, v = self.qkv(self.norm_attend(x)).view(batch, events, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if turn is not None:
            q, k = rotate(q, *turn), rotate(k, *turn)
        if cache is not None:
            k, v = cache.add(self, k, v)
        heard = functional.scaled_dot_product_attention(q, k, v, is_causal=events > 1)
        x = x + self.dropout(self.merge(heard.transpose(1, 2).reshape(batch, events, dim)))
        grown = functional.gelu(self.expand(self.norm_expand(x)), approximate="tanh")
        return x + self.dropout(self.contract(grown))


class Cache:
    """Keys and values of the events so far, for one event at a time; begin with an empty one."""

    def __init__(self) -> None:
        self.kept: dict[Block, tuple[Tensor, Tensor]] = {}

    def add(self, block: Block, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values with the new ones at the end, [batch, heads, events, head_dim]."""
        if block in self.kept:
            k, v = torch.cat([self.kept[block][0], k], 2), torch.cat([self.kept[block][1], v], 2)
        self.kept[block] = (k, v)
        return k, v


class Network(nn.Module):
    """Ours. Events [batch, rows, 8] and ticks [batch, rows] give scores of the next row, a tensor a field."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.ModuleList(nn.Embedding(size, shape.dim) for size in (*SIZES, MARKS))
        self.blocks = nn.ModuleList(Block(shape, dropout) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.dim, eps=NORM_EPSILON)
        self.fields = nn.Linear(shape.dim, FIELDS_COUNT * shape.field)
        # known[f][g]: what field g, chosen before, says to field f.
        self.known = nn.ModuleList(
            nn.ModuleList(nn.Embedding(SIZES[before], shape.field) for before in range(field))
            for field in range(FIELDS_COUNT)
        )
        self.recall = nn.ModuleList(nn.Embedding(size, shape.field) for size in RECALL_SIZES)
        self.outlook = nn.ModuleList(nn.Embedding(size, shape.field) for size in OUTLOOK_SIZES)
        self.scores = nn.ModuleList(nn.Linear(shape.field, size) for size in SIZES)
        self.apply(self._begin)
        for tables, spread in ((self.embed, 0.6), (self.outlook, 0.1)):
            for table in tables:
                nn.init.normal_(table.weight, std=spread)
        for block in self.blocks:
            for last in (block.merge, block.contract):
                nn.init.normal_(last.weight, std=0.02 / math.sqrt(2 * shape.layers))

    @staticmethod
    def _begin(module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.3 if isinstance(module, nn.Embedding) else 0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def stream(self, events: Tensor, ticks: Tensor, start: int = 0, cache: Cache | None = None) -> Tensor:
        """[batch, rows, dim] what the decoder makes of each row. ``start``: the number of the first row."""
        x = torch.stack([table(events[..., column]) for column, table in enumerate(self.embed)]).sum(0)
        index = torch.arange(start, start + events.shape[1], device=events.device).expand(events.shape[:2])
        angle = angles(index, ticks, self.shape.head_dim).unsqueeze(1)
        turn = (angle.cos().float(), angle.sin().float())
        for block in self.blocks:
            x = block(x, turn, cache)
        return self.norm(x)

    def field_scores(self, wanted: Tensor, field: int, chosen: Tensor, recalled: Tensor, seen: list[Tensor]) -> Tensor:
        """Scores of one field. wanted [..., 7, field width]; chosen [..., >= field]: the fields before it; recalled
        [..., 4] and seen: what representation.recall and outlook say of this row."""
        hidden = wanted[..., field, :]
        for before, table in enumerate(self.known[field]):
            hidden = hidden + table(chosen[..., before])
        for column, table in enumerate(self.recall):
            if RECALL_FIELDS[column] == field:
                hidden = hidden + table(recalled[..., column])
        for kind, table in enumerate(self.outlook):
            if OUTLOOK_FIELDS[kind] == field:
                hidden = hidden + seen[kind] @ table.weight
        return self.scores[field](functional.gelu(hidden, approximate="tanh"))

    def wanted(self, stream: Tensor) -> Tensor:
        """[..., 7, field width] what each field's layer hears of the stream."""
        return self.fields(stream).unflatten(-1, (FIELDS_COUNT, self.shape.field))

    def forward(self, events: Tensor, ticks: Tensor) -> list[Tensor]:
        """Scores of rows 1.. from the rows before, each field knowing the true ones before it."""
        wanted = self.wanted(self.stream(events[:, :-1], ticks[:, :-1]))
        rows, times = events.cpu().numpy(), ticks.cpu().numpy()
        recalled = torch.from_numpy(recall(rows, times)[:, 1:]).to(events.device)
        seen = [torch.from_numpy(kind[:, 1:]).to(events.device) for kind in outlook(rows, times)]
        return [self.field_scores(wanted, field, events[:, 1:], recalled, seen) for field in range(FIELDS_COUNT)]


class PaperNetwork(nn.Module):
    """The Multitrack Music Transformer: six independent fields, absolute beats, learned positions.

    Its fields are the paper's (no velocity, no mark); our columns are told to it with beats counted from the start.
    """

    BEATS = 257
    ROWS = 1024
    # Columns of ours that it sees and foretells, and how many values each has there.
    COLUMNS_SEEN = (0, 1, 2, 3, 4, 5)

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.sizes = tuple(self.BEATS if column == BEAT else SIZES[column] for column in self.COLUMNS_SEEN)
        self.embed = nn.ModuleList(nn.Embedding(size, shape.dim) for size in self.sizes)
        self.rows = nn.Embedding(self.ROWS, shape.dim)
        self.blocks = nn.ModuleList(Block(shape, dropout) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.dim, eps=NORM_EPSILON)
        self.scores = nn.ModuleList(nn.Linear(shape.dim, size) for size in self.sizes)
        self.apply(Network._begin)
        for table in self.embed:
            nn.init.normal_(table.weight, std=0.6)

    def columns(self, events: Tensor, ticks: Tensor) -> Tensor:
        """[batch, rows, 6] the paper's fields: beats from the start, 1 for the first, 0 where there is none."""
        seen = events[..., : len(self.COLUMNS_SEEN)].clone()
        beat = (ticks // POSITIONS + 1).clamp(max=self.BEATS - 1)
        seen[..., BEAT] = torch.where(events[..., TYPE] == NOTE, beat, torch.zeros_like(beat))
        return seen

    def stream(self, seen: Tensor, start: int = 0, cache: Cache | None = None) -> Tensor:
        """[batch, rows, dim] from the paper's fields."""
        x = torch.stack([table(seen[..., column]) for column, table in enumerate(self.embed)]).sum(0)
        x = x + self.rows(torch.arange(start, start + seen.shape[1], device=seen.device))
        for block in self.blocks:
            x = block(x, None, cache)
        return self.norm(x)

    def forward(self, events: Tensor, ticks: Tensor) -> list[Tensor]:
        """Scores of rows 1.. from the rows before; a tensor a field."""
        stream = self.stream(self.columns(events, ticks)[:, :-1])
        return [scores(stream) for scores in self.scores]
