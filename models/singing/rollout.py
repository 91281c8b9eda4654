"""The line sung freely: block by block from its own past, for many pianos at once.

What is drawn is drawn from torch's generator: the C singer draws its own numbers, and agrees with this where the
likeliest is taken.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ripieno.models.singing.line import Line, lean, tire
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
from ripieno.native.piano import SILENCE

IMPOSSIBLE = -1e4
# Where the player rests: no note begins after so many seconds without a sound, and a breath later none is sung. A rule,
# as native/src/singer_choice.c has it.
RESTS, ENDS, SILENCE_UNIT = 1.0, 1.35, 4.0


@dataclass(frozen=True)
class Manner:
    """How it is sung. guidance: a number, or one for each line [batch]. temperature: 0 takes the likeliest. activity:
    0..1. low, high: the MIDI notes that may be sung, both included."""

    guidance: Tensor | float = 0.0
    temperature: float = 1.0
    activity: float = 0.5
    low: int = 57
    high: int = 76


@dataclass(frozen=True)
class Sung:
    """What was sung. phonation [batch, blocks]; note [batch, blocks]: the token of the note sung last, NO_NOTE: none;
    history [batch, blocks, 4], pair [batch, blocks, 2] and strikes [batch, blocks] (`line.tire`): until the block
    before each."""

    phonation: Tensor
    note: Tensor
    history: Tensor
    pair: Tensor
    strikes: Tensor


class State:
    """What has been sung so far, by many lines at once."""

    def __init__(self, batch: int) -> None:
        self.phonation = torch.full((batch,), NOTHING_SUNG[0])
        self.age = torch.zeros(batch, dtype=torch.int64)
        self.note = torch.full((batch,), NO_NOTE)
        self.interval = torch.full((batch,), NO_INTERVAL)
        self.pair = torch.full((batch, 2), NO_NOTE)
        self.strikes = torch.zeros(batch, dtype=torch.int64)
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
        self._strike(begins, note)
        self.note = torch.where(begins, note, self.note)
        self.phonation = phonation

    def _strike(self, begins: Tensor, note: Tensor) -> None:
        """How often no other notes than the last two different ones were struck, after the first of each."""
        again = (self.pair == note[:, None]).any(-1)
        other = begins & ~again
        self.strikes = torch.where(other, 0, self.strikes + begins.to(torch.int64))
        self.pair = torch.where(other[:, None], torch.stack([self.note, note], -1), self.pair)


def draw(scores: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """[...] one choice of each row of scores [..., choices]."""
    if temperature <= 0.0:
        return scores.argmax(-1)
    return torch.multinomial(torch.softmax(scores / temperature, -1), 1, generator=generator)[..., 0]


class Choir:
    """Many lines that are sung at once, and go on where they were."""

    def __init__(self, line: Line, batch: int, manner: Manner, generator: torch.Generator | None = None) -> None:
        self.line, self.manner, self.generator = line, manner, generator
        self.guidance = torch.as_tensor(manner.guidance, dtype=torch.float32).expand(batch)
        pitches = torch.arange(NOTES) + NOTE_LOW
        self.beyond = torch.cat([(pitches < manner.low) | (pitches > manner.high), torch.ones(1, dtype=torch.bool)])
        self.state, self.cache = State(batch), line.tower.cache(batch)

    @torch.no_grad()
    def go(self, rows: Tensor) -> Sung:
        """Sing on to pianos: rows [batch, blocks, ROW]."""
        found = [self._block(rows[:, block].float()) for block in range(rows.shape[1])]
        return Sung(*(torch.stack(part, 1) for part in zip(*found, strict=True)))

    def _block(self, row: Tensor) -> tuple[Tensor, ...]:
        told, pair, strikes = self.state.history(), self.state.pair, self.state.strikes
        stream = self.line.step(row, told, self.cache)
        scores = lean(self.line.phonation(stream, row, told, self.guidance), told, self.manner.activity)
        phonation = self._draw(scores.masked_fill(self.impossible(row), IMPOSSIBLE))
        note, begins = self.state.note.clone(), torch.nonzero(phonation == ONSET)[:, 0]
        if len(begins):
            scores = self.line.note(stream[begins], row[begins], told[begins, 2], self.guidance[begins])
            scores = tire(scores, pair[begins], strikes[begins])
            note[begins] = self._draw(scores.masked_fill(self.beyond[:NOTES], IMPOSSIBLE))
        self.state.add(phonation, note)
        return phonation, note, told, pair, strikes

    def impossible(self, row: Tensor) -> Tensor:
        """[batch, 4] which phonations may not follow, row [batch, ROW]: by what was sung, the range and the player."""
        never, silence = self.state.impossible(), SILENCE_UNIT * row[:, SILENCE]
        never[:, ONSET] |= silence >= RESTS
        never[:, BREATH] |= silence >= ENDS
        never[:, SUSTAIN] |= (silence >= ENDS) | self.beyond[self.state.note]
        return never

    def _draw(self, scores: Tensor) -> Tensor:
        return draw(scores, self.manner.temperature, self.generator)


def sing(line: Line, rows: Tensor, manner: Manner, generator: torch.Generator | None = None) -> Sung:
    """Sing to pianos from their beginning: rows [batch, blocks, ROW]."""
    return Choir(line, len(rows), manner, generator).go(rows)
