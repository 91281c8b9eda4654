"""Continuations by the Multitrack Music Transformer's way of sampling (Dong et al. 2023, and its released code).

All fields of a note are drawn at once, independently, each among the likeliest tenth of its values; type and beat may
not go back. Many pieces are written side by side, with the keys and values of what was written kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ripieno.models.continuation.excerpts import Excerpt, paper_order
from ripieno.models.continuation.network import Block, Cache, PaperNetwork
from ripieno.models.continuation.representation import (
    BEAT,
    DURATION,
    END_OF_SONG,
    INSTRUMENT,
    NOTE,
    PITCH,
    POSITION,
    POSITIONS,
    START_OF_NOTES,
    TYPE,
    Score,
    encode,
    joined,
    length_of,
    prefix,
    score,
)

TOP = 0.1  # the share of a field's values that are drawn from


class Room(Cache):
    """Keys and values in arrays that are made once, for so many rows."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows, self.heard = rows, 0

    def add(self, block: Block, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """As in ``Cache``; one row at a time, its number in ``heard``."""
        if block not in self.kept:
            shape = (*k.shape[:2], self.rows, k.shape[3])
            self.kept[block] = (torch.empty(shape), torch.empty(shape))
        for kept, new in zip(self.kept[block], (k, v), strict=True):
            kept[:, :, self.heard : self.heard + 1] = new
        keys, values = self.kept[block]
        return keys[:, :, : self.heard + 1], values[:, :, : self.heard + 1]


@dataclass
class Writing:
    """One piece being written, in the paper's columns [rows, 6]; what was given comes first."""

    excerpt: Excerpt
    rows: list[np.ndarray]
    given: int = field(init=False)
    done: bool = False

    def __post_init__(self) -> None:
        self.given = len(self.rows)

    def add(self, row: np.ndarray) -> None:
        """One row more; the end of the song, or a note beyond what is wanted, ends it."""
        late = (row[BEAT] - 1) * POSITIONS >= self.excerpt.until
        self.done = bool(row[TYPE] == END_OF_SONG or (row[TYPE] == NOTE and late))
        if not self.done:
            self.rows.append(row)


def begin(network: PaperNetwork, excerpt: Excerpt) -> Writing:
    """What the network is told: the instruments and the given notes, in the paper's order."""
    notes, ticks = encode(paper_order(excerpt.told))
    keep = notes[:, TYPE] == NOTE
    head = prefix(excerpt.codes)
    events = np.concatenate([head, notes[keep]]).astype(np.int64)
    times = np.concatenate([np.zeros(len(head), dtype=np.int64), ticks[keep]])
    seen = network.columns(torch.from_numpy(events), torch.from_numpy(times))
    return Writing(excerpt, list(seen.numpy()))


def as_score(writing: Writing) -> Score:
    """The given notes as they were, and those written after."""
    rows = np.array(writing.rows[writing.given :], dtype=np.int64).reshape(-1, len(PaperNetwork.COLUMNS_SEEN))
    rows = rows[rows[:, TYPE] == NOTE]
    tick = (rows[:, BEAT] - 1) * POSITIONS + rows[:, POSITION] - 1
    new = score(
        tick, length_of(rows[:, DURATION]), rows[:, INSTRUMENT], rows[:, PITCH] - 1, np.zeros(len(rows), dtype=np.int64)
    )
    return joined(writing.excerpt.told, new)


@torch.no_grad()
def go_on(network: PaperNetwork, excerpts: Sequence[Excerpt], rows: int, seed: int) -> list[Score]:
    """Each excerpt's given notes and what the network writes after them, up to the truth's end, the end of the song,
    or so many rows: as many as it was trained on."""
    network.eval()
    generator = torch.Generator().manual_seed(seed)
    writings = [begin(network, excerpt) for excerpt in excerpts]
    room = Room(rows)
    while room.heard < rows and not all(writing.done for writing in writings):
        at = room.heard
        row = torch.from_numpy(np.stack([each.rows[min(at, len(each.rows) - 1)] for each in writings]))
        stream = network.stream(row[:, None], at, room)[:, 0]
        room.heard += 1
        waiting = [i for i, each in enumerate(writings) if not each.done and len(each.rows) == room.heard]
        if waiting:
            drawn = draw(network, stream[waiting], row[waiting], generator)
            for index, new in zip(waiting, drawn.numpy(), strict=True):
                writings[index].add(new)
    return [as_score(writing) for writing in writings]


def draw(network: PaperNetwork, stream: Tensor, last: Tensor, generator: torch.Generator) -> Tensor:
    """[pieces, 6] the next rows. stream [pieces, dim], last [pieces, 6] the rows before."""
    new = torch.zeros_like(last)
    for column, scores in enumerate(network.scores):
        left = scores(stream)
        values = torch.arange(left.shape[1])
        if column == TYPE:
            # The notes have begun: no row of another kind may come, but the end.
            least = last[:, TYPE].clamp(min=START_OF_NOTES + 1)
        else:
            least = last[:, BEAT].clamp(min=1) if column == BEAT else torch.ones_like(last[:, 0])
        left = left.masked_fill(values < least[:, None], -torch.inf)
        most = math.ceil(TOP * left.shape[1])
        left = left.masked_fill(left < left.topk(most, dim=1).values[:, -1:], -torch.inf)
        new[:, column] = torch.multinomial(left.softmax(1), 1, generator=generator)[:, 0]
    new[:, 1:] *= (new[:, :1] == NOTE).long()
    return new
