"""The line sung freely: block by block from its own past, for many pianos at once.

What is drawn is drawn from torch's generator: the C singer draws its own numbers, and agrees with this where the
likeliest is taken.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ripieno.models.singing.line import Line, lean
from ripieno.models.singing.representation import (
    AGE_EDGES,
    BREATH,
    BREATH_LONGEST,
    INTERVAL_WIDEST,
    NO_INTERVAL,
    NO_NOTE,
    NOTE_LOW,
    NOTES,
    NOTHING_SUNG,
    ONSET,
    REST,
    SUSTAIN,
)

IMPOSSIBLE = -1e4


@dataclass(frozen=True)
class Manner:
    """How it is sung. guidance: a number, or one for each line [batch]. temperature: 0 takes the likeliest. activity:
    0..1. low, high: the MIDI notes that may be sung, both included."""

    guidance: Tensor | float = 0.0
    temperature: float = 1.0
    activity: float = 0.5
    low: int = NOTE_LOW
    high: int = NOTE_LOW + NOTES - 1


@dataclass(frozen=True)
class Sung:
    """What was sung. phonation [batch, blocks]; note [batch, blocks]: the token of the note sung last, NO_NOTE: none;
    history [batch, blocks, 4] until the block before each."""

    phonation: Tensor
    note: Tensor
    history: Tensor


class State:
    """What has been sung so far, by many lines at once."""

    def __init__(self, batch: int) -> None:
        self.phonation = torch.full((batch,), NOTHING_SUNG[0])
        self.age = torch.zeros(batch, dtype=torch.int64)
        self.note = torch.full((batch,), NO_NOTE)
        self.interval = torch.full((batch,), NO_INTERVAL)
        self.edges = torch.from_numpy(AGE_EDGES)

    def history(self) -> Tensor:
        """[batch, 4] as representation.history tells it."""
        bucket = torch.bucketize(self.age, self.edges, right=True) - 1
        return torch.stack([self.phonation, bucket, self.note, self.interval], -1)

    def impossible(self) -> Tensor:
        """[batch, 4] which phonations may not follow, as representation.may_follow says."""
        never = torch.zeros(len(self.age), 4, dtype=torch.bool)
        never[:, SUSTAIN] = (self.phonation == REST) | (self.phonation == BREATH)
        never[:, BREATH] = (self.phonation == BREATH) & (self.age + 1 >= BREATH_LONGEST)
        return never

    def add(self, phonation: Tensor, note: Tensor) -> None:
        """A block more: phonation [batch], note [batch] where one begins."""
        begins = phonation == ONSET
        kind, before = (torch.where(one == SUSTAIN, ONSET, one) for one in (phonation, self.phonation))
        self.age = torch.where((kind != before) | begins, 0, self.age + 1)
        step = (note - self.note).clamp(-INTERVAL_WIDEST, INTERVAL_WIDEST) + INTERVAL_WIDEST
        step = torch.where(self.note < NO_NOTE, step, NO_INTERVAL)
        self.interval = torch.where(begins, step, self.interval)
        self.note = torch.where(begins, note, self.note)
        self.phonation = phonation


def draw(scores: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """[...] one choice of each row of scores [..., choices]."""
    if temperature <= 0.0:
        return scores.argmax(-1)
    return torch.multinomial(torch.softmax(scores / temperature, -1), 1, generator=generator)[..., 0]


@torch.no_grad()
def sing(line: Line, rows: Tensor, manner: Manner, generator: torch.Generator | None = None) -> Sung:
    """Sing to pianos: rows [batch, blocks, ROW]."""
    batch, blocks = rows.shape[:2]
    guidance = torch.as_tensor(manner.guidance, dtype=torch.float32).expand(batch)
    pitches = torch.arange(NOTES) + NOTE_LOW
    beyond = (pitches < manner.low) | (pitches > manner.high)
    state, cache = State(batch), line.tower.cache(batch)
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for block in range(blocks):
        row, told = rows[:, block].float(), state.history()
        stream = line.step(row, told, cache)
        scores = lean(line.phonation(stream, row, told, guidance), told, manner.activity)
        phonation = draw(scores.masked_fill(state.impossible(), IMPOSSIBLE), manner.temperature, generator)
        note, begins = state.note.clone(), torch.nonzero(phonation == ONSET)[:, 0]
        if len(begins):
            scores = line.note(stream[begins], row[begins], told[begins, 2], guidance[begins])
            note[begins] = draw(scores.masked_fill(beyond, IMPOSSIBLE), manner.temperature, generator)
        state.add(phonation, note)
        found.append((phonation, note, told))
    return Sung(*(torch.stack(part, 1) for part in zip(*found, strict=True)))
