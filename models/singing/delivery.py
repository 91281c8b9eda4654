"""How a sung line is delivered: loudness, codes of the sound, and deviation from the note, block by block.

A tower hears, for block t: what the line does in it (``representation.HISTORY``), how hard the piano is struck, whose
voice it is, and what was chosen for block t - 1. The fields of block t are then chosen one after another, each knowing
those before, as the continuation's are: one hidden layer a field, to which what was chosen adds a vector (``known``),
and so does the same field of the block before (``before``), since a held vowel mostly stays. Codes say what is new in
a block (codec.py), so that the tower hears not the last ones alone but their *echo*: the sum of their vectors, of which
each block keeps a share, as the codec's points do.

What the fields mean for the block's two frames (``sound``; native/src/delivery.c does the same):

- loudness: 0 silent; else -70.5 dB + 1.5 dB a step, at the second frame. The first lies half way (in dB) from the
  block before where neither is silent, else it has the second's.
- deviation: cents from the note at the second frame, vibrato not in it (it is a rule with controls). The first lies
  half way from the block before's where a note goes on through both; else (an onset, or no note) it has the second's.
- In a rest loudness only falls, by a step a block at least, so that a note is released and then there is silence;
  meanwhile its pitch goes on. Breath has no pitch.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ripieno.models.singing.frames import SILENT
from ripieno.models.singing.representation import (
    BREATH,
    DEVIATION_CENTS,
    DEVIATIONS,
    HISTORY_SIZES,
    LOUDNESSES,
    NOTE_LOW,
    ONSET,
    REST,
    loudness_level,
)
from ripieno.models.singing.tower import Cache, Tower
from ripieno.native import piano

TOUCH = 2  # numbers of the piano: its strongest stroke in this block, and how strongly it sounds (``touch``)
LOUDNESS = 0  # columns of what is said: loudness, the codes, then the deviation, the last
DEVIATION = -1
KEEP = 0.7  # of the echo, a block; as CodecShape.keep
CENTRE = DEVIATIONS // 2


@dataclass(frozen=True)
class Shape:
    """The network's size. window: blocks a block hears; field: width of the layer that chooses a field; voices: how
    many there are; stages, codes: of the codec, how many residual codes a block has and of how many values each."""

    dim: int = 128
    layers: int = 3
    heads: int = 4
    hidden: int = 512
    window: int = 128
    field: int = 128
    voices: int = 4
    stages: int = 3
    codes: int = 512

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each field has, in the order in which they are chosen."""
        return (LOUDNESSES, *[self.codes] * self.stages, DEVIATIONS)


class Delivery(nn.Module):
    """Line [batch, steps, 4], touch [batch, steps, 2], voice [batch] and what was said so far [batch, steps, fields]
    give the scores of each field. All are indices, but touch."""

    keep: Tensor

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape, sizes = shape, shape.sizes
        self.line = nn.ModuleList(nn.Embedding(size, shape.dim) for size in HISTORY_SIZES)
        self.said = nn.ModuleList(nn.Embedding(size, shape.dim) for size in sizes)
        self.register_buffer("keep", torch.full((1,), KEEP))
        self.voice = nn.Embedding(shape.voices, shape.dim)
        self.touch = nn.Linear(TOUCH, shape.dim, bias=False)
        self.tower = Tower(shape.dim, shape.layers, shape.heads, shape.hidden, shape.window, dropout)
        self.fields = nn.Linear(shape.dim, len(sizes) * shape.field)
        self.before = nn.ModuleList(nn.Embedding(size, shape.field) for size in sizes)
        # known[f][g]: what field g, chosen before, says to field f.
        self.known = nn.ModuleList(
            nn.ModuleList(nn.Embedding(sizes[g], shape.field) for g in range(f)) for f in range(len(sizes))
        )
        self.scores = nn.ModuleList(nn.Linear(shape.field, size) for size in sizes)
        self._begin()

    def _begin(self) -> None:
        """Large embeddings and a small rest: it learnt fastest so."""
        for tables, spread in ((self.line, 0.5), (self.said, 0.4), ([self.voice], 0.5)):
            for table in tables:
                nn.init.normal_(table.weight, std=spread)
        for tables in (self.before, *self.known):
            for table in tables:
                nn.init.normal_(table.weight, std=0.3)
        for layer in (self.fields, *self.scores):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.touch.weight, std=0.5)

    def heard(self, line: Tensor, touch: Tensor, voice: Tensor, before: Tensor) -> Tensor:
        """[..., dim] the tower's input but for the echo; voice is broadcast over the steps. before: what the block
        before said."""
        x = self.touch(touch) + self.voice(voice)
        for column, table in enumerate(self.line):
            x = x + table(line[..., column])
        return x + self.said[LOUDNESS](before[..., LOUDNESS]) + self.said[DEVIATION](before[..., DEVIATION])

    def sounded(self, before: Tensor) -> Tensor:
        """[..., dim] the sum of the vectors of the codes of the block before."""
        return torch.stack([self.said[1 + k](before[..., 1 + k]) for k in range(self.shape.stages)]).sum(0)

    def echo(self, sounded: Tensor) -> Tensor:
        """[batch, steps, dim] the echo in each step of a sequence."""
        steps = torch.arange(sounded.shape[1], device=sounded.device)
        passed = steps[:, None] - steps
        return torch.where(passed >= 0, self.keep ** passed.clamp(min=0), 0.0) @ sounded

    def wanted(self, stream: Tensor) -> Tensor:
        """[..., fields, field width] what each field's layer hears of the stream."""
        return self.fields(stream).unflatten(-1, (len(self.shape.sizes), self.shape.field))

    def field_scores(self, wanted: Tensor, field: int, chosen: Tensor, before: Tensor) -> Tensor:
        """[..., size] scores of one field. chosen [..., >= field]: this block's fields before it; before [..., fields]:
        the last block's."""
        hidden = wanted[..., field, :] + self.before[field](before[..., field])
        for earlier, table in enumerate(self.known[field]):
            hidden = hidden + table(chosen[..., earlier])
        return self.scores[field](functional.gelu(hidden, approximate="tanh"))

    def forward(self, line: Tensor, touch: Tensor, voice: Tensor, said: Tensor, before: Tensor) -> list[Tensor]:
        """Scores of every block's fields, each knowing the true ones before it (``said``); before: ``shifted(said)``,
        or what the network is to believe was said."""
        heard = self.heard(line, touch, voice[:, None], before) + self.echo(self.sounded(before))
        wanted = self.wanted(self.tower(heard))
        return [self.field_scores(wanted, field, said, before) for field in range(len(self.shape.sizes))]

    def begin(self, batch: int = 1) -> "Past":
        """Nothing was said."""
        return Past(self.tower.cache(batch), torch.zeros_like(self.voice.weight[:1]).expand(batch, -1))

    def step(self, line: Tensor, touch: Tensor, voice: Tensor, before: Tensor, past: "Past") -> Tensor:
        """[batch, fields, field width] what each field's layer hears at one more block; the past goes on."""
        past.echo = self.keep * past.echo + self.sounded(before)
        return self.wanted(self.tower.step(self.heard(line, touch, voice, before) + past.echo, past.cache))


@dataclass
class Past:
    """What a delivery has heard so far, and the echo [batch, dim] of what it said."""

    cache: Cache
    echo: Tensor


def nothing(shape: Shape) -> list[int]:
    """What stands for the block before the first: silence, codes 0, no deviation."""
    return [0] * (1 + shape.stages) + [CENTRE]


def shifted(said: Tensor, shape: Shape) -> Tensor:
    """What the block before each said, [batch, steps, fields]; before the first, ``nothing``."""
    first = torch.tensor(nothing(shape), device=said.device).expand(len(said), 1, -1)
    return torch.cat([first, said[:, :-1]], 1)


def hushed(scores: Tensor, phonation: Tensor, before: Tensor) -> Tensor:
    """Scores of the loudness [..., LOUDNESSES] with what a rest forbids: only less than before, or silence.

    phonation [...], before [...]: this block's, and the loudness of the block before.
    """
    highest = torch.where(phonation == REST, (before - 1).clamp(min=0), LOUDNESSES)
    return scores.masked_fill(torch.arange(LOUDNESSES, device=scores.device) > highest[..., None], -torch.inf)


def touch(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """[steps, TOUCH] of the piano's rows (native/piano.py): the strongest stroke since the row before, and the
    strongest of what was struck in the last two seconds, fading by one second."""
    return np.stack([rows[:, piano.ONSET], rows[:, 2 * piano.KEYS : 3 * piano.KEYS].max(1)], 1)


def sound(line: NDArray[np.integer], said: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Level in dB and f0 in Hz (0: no pitch) of each frame, [steps, 2] both: see above. line [steps, 4], said
    [steps, fields]; silence before the first."""
    phonation, note, loudness = line[:, 0], line[:, 2], said[:, LOUDNESS]
    level = np.where(loudness > 0, loudness_level(loudness), SILENT)
    cents = DEVIATION_CENTS[said[:, DEVIATION]].astype(np.float64)
    steps = np.arange(len(line))
    last = np.maximum.accumulate(np.where(phonation != REST, steps, -1))
    pitched = (last >= 0) & (phonation[last] != BREATH)
    levels, deviations = np.stack([level, level], 1), np.stack([cents, cents], 1)
    between = (level[1:] + level[:-1]) / 2, (cents[1:] + cents[:-1]) / 2
    sounds = (loudness[1:] > 0) & (loudness[:-1] > 0)
    goes_on = pitched[1:] & pitched[:-1] & (phonation[1:] != ONSET)
    levels[1:, 0] = np.where(sounds, between[0], level[1:])
    deviations[1:, 0] = np.where(goes_on, between[1], cents[1:])
    f0 = 440.0 * 2.0 ** ((NOTE_LOW + note[:, None] - 69 + deviations / 100.0) / 12.0)
    return levels, np.where(pitched[:, None], f0, 0.0)
