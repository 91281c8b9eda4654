"""The line: a Transformer that hears the piano and decides, block by block, whether to sing and what note.

At each block the stream hears what was sung until the block before (`HISTORY`, embedded) and the piano as the block
begins (a row of native/piano.py). Two heads choose from it, each with what the piano does told relative to a note, so
that what is learnt in one key is known in all: the *facts* of a note (`facts`). Phonation is chosen first, from the
facts of the note that was sung last; where a note begins, every note that may be is scored by its own facts.

Guidance is a rule and no learning: where something sounds in the piano but not the sung pitch class, the beginning of
another note gains, and so do the notes whose pitch classes sound (`guide_phonation`, `guide_note`). The heads are told
how much, among the facts.

What is trained here is what native/src/line.c plays.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ripieno.models.singing.representation import (
    HISTORY_SIZES,
    INTERVAL_WIDEST,
    INTERVALS,
    NO_NOTE,
    NOTE_LOW,
    NOTES,
    ONSET,
    PHONATIONS,
    SUSTAIN,
)
from ripieno.models.singing.tower import Cache, Tower
from ripieno.native.piano import BASS, CHROMA, COUNT, KEYS, LOW, ROW
from ripieno.native.piano import ONSET as PIANO_ONSET

TRACES = 3
CLASSES = (BASS + 12 - CHROMA) // 12  # kinds of pitch-class numbers in a row: three traces, two means, the bass
GUIDANCE_UNIT, GUIDANCE_FACT = 8.0, 87
ACTIVITY_GAIN = 3.0
GRACE, PATIENCE, WEAR = 2, 6, 1.0  # as native/src/line.c and singer_choice.c have them
FACTS = 96
"""Numbers told of a note: 72 by pitch class, turned so that the note's own comes first; 9 of its key and of those an
octave below and above; its height; 5 of the piano as a whole; guidance; whether its class sounds; whether anything
does; zeros."""


@dataclass(frozen=True)
class Shape:
    """dim: width of the stream. layers, heads, hidden: of the tower. window: blocks heard. field: width of a head's
    hidden layer."""

    dim: int = 192
    layers: int = 4
    heads: int = 3
    hidden: int = 768
    window: int = 512
    field: int = 128


SHAPES = {"usual": Shape(), "tiny": Shape(32, 1, 1, 64, 48, 16)}


def facts(rows: Tensor, note: Tensor, guidance: Tensor | float = 0.0) -> Tensor:
    """[..., FACTS] what the piano's rows [..., ROW] say of notes [...] (tokens).

    Where there is no note (NO_NOTE), only the piano as a whole is told. The shapes are broadcast against each other.
    """
    shape = torch.broadcast_shapes(rows.shape[:-1], note.shape)
    rows, note = rows.expand(*shape, ROW), note.expand(shape)
    sung = (note < NO_NOTE).to(rows.dtype)
    pitch = NOTE_LOW + note.clamp(max=NOTES - 1)
    turned = (pitch[..., None] + torch.arange(12, device=note.device)) % 12
    by_class = rows[..., CHROMA : BASS + 12].unflatten(-1, (CLASSES, 12))
    by_class = by_class.gather(-1, turned[..., None, :].expand(*shape, CLASSES, 12)).flatten(-2)
    keys = pitch[..., None] - LOW + torch.tensor([-12, 0, 12], device=note.device)
    by_key = rows[..., : TRACES * KEYS].unflatten(-1, (TRACES, KEYS))
    by_key = by_key.gather(-1, keys[..., None, :].expand(*shape, TRACES, 3)).flatten(-2)
    height = ((pitch - 60) / 24.0)[..., None].to(rows.dtype)
    own = torch.cat([by_class, by_key, height], -1) * sung[..., None]
    told = torch.as_tensor(guidance, dtype=rows.dtype, device=rows.device).expand(shape) / GUIDANCE_UNIT
    whole = [rows[..., PIANO_ONSET : PIANO_ONSET + 5], told[..., None]]
    sounding = [(by_class[..., 0] > 0).to(rows.dtype) * sung, (rows[..., COUNT] > 0).to(rows.dtype)]
    found = torch.cat([own, *whole, torch.stack(sounding, -1)], -1)
    return functional.pad(found, (0, FACTS - found.shape[-1]))


def sounds(rows: Tensor, note: Tensor) -> Tensor:
    """[...] whether a note's pitch class sounds in the piano; rows [..., ROW] and notes [...] are broadcast."""
    shape = torch.broadcast_shapes(rows.shape[:-1], note.shape)
    chroma = rows[..., CHROMA : CHROMA + 12].expand(*shape, 12)
    return chroma.gather(-1, ((note + NOTE_LOW) % 12).expand(shape)[..., None])[..., 0] > 0


def guide_phonation(scores: Tensor, rows: Tensor, history: Tensor, guidance: Tensor | float) -> Tensor:
    """Scores of phonation [..., 4] with the guidance: while a note is sung whose class does not sound, and others do,
    the beginning of a note gains ``guidance``, once the note is GRACE blocks old: a chord's keys come one by one.
    history [..., 4] until the block before."""
    sung = (history[..., 0] == ONSET) | (history[..., 0] == SUSTAIN)
    clash = sung & (history[..., 1] >= GRACE) & (rows[..., COUNT] > 0) & ~sounds(rows, history[..., 2])
    gain = torch.zeros_like(scores)
    gain[..., ONSET] = clash.to(scores.dtype) * guidance
    return scores + gain


def lean(scores: Tensor, history: Tensor, activity: Tensor | float) -> Tensor:
    """Scores of phonation [..., 4] of a singer who sings more or less than it learnt to: activity 0..1, 0.5 as learnt.
    A rule: in silence, breath and the beginning of a note gain; while a note is sung, breath and silence lose."""
    sung = ((history[..., 0] == ONSET) | (history[..., 0] == SUSTAIN))[..., None]
    silent = torch.tensor([0.0, 1.0, 1.0, 0.0], device=scores.device)
    ending = torch.tensor([-1.0, -1.0, 0.0, 0.0], device=scores.device)
    gain = ACTIVITY_GAIN * (2.0 * torch.as_tensor(activity, dtype=scores.dtype, device=scores.device) - 1.0)
    return scores + gain[..., None] * torch.where(sung, ending, silent)


def guide_note(scores: Tensor, rows: Tensor, guidance: Tensor | float) -> Tensor:
    """Scores of notes [..., NOTES] with the guidance: those whose class sounds gain half of it."""
    notes = torch.arange(NOTES, device=scores.device)
    gain = torch.as_tensor(guidance, dtype=scores.dtype, device=scores.device)
    return scores + sounds(rows[..., None, :], notes).to(scores.dtype) * gain[..., None] / 2


def tire(scores: Tensor, pair: Tensor, strikes: Tensor) -> Tensor:
    """Scores of notes [..., NOTES] of a singer who tires of one note, or of two in turn: those of ``pair`` [..., 2]
    (tokens, NO_NOTE: none) lose WEAR for each of ``strikes`` [...] over PATIENCE."""
    cost = WEAR * (strikes - PATIENCE).clamp(min=0).to(scores.dtype)
    own = (torch.arange(NOTES, device=scores.device) == pair[..., None]).any(-2)
    return scores - own.to(scores.dtype) * cost[..., None]


class Line(nn.Module):
    """Piano rows [batch, blocks, ROW] and histories [batch, blocks, 4] give scores, block by block."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        dim, field = shape.dim, shape.field
        self.embed = nn.ModuleList(nn.Embedding(size, dim) for size in HISTORY_SIZES)
        self.row = nn.Linear(ROW, dim)
        self.tower = Tower(dim, shape.layers, shape.heads, shape.hidden, shape.window, dropout)
        # Each head: the stream, the facts and, for phonation, what it was and for how long, into one hidden layer.
        self.phonation_stream = nn.Linear(dim, field)
        self.phonation_facts = nn.Linear(FACTS, field, bias=False)
        self.phonation_state = nn.Embedding(PHONATIONS * HISTORY_SIZES[1], field)
        self.phonation_scores = nn.Linear(field, PHONATIONS)
        self.note_stream = nn.Linear(dim, field)
        self.note_facts = nn.Linear(FACTS, field, bias=False)
        self.note_score = nn.Linear(field, 1, bias=False)
        self.interval = nn.Linear(dim, INTERVALS)
        self.register = nn.Parameter(torch.zeros(NOTES))
        self._begin()

    def _begin(self) -> None:
        for table in self.embed:
            nn.init.normal_(table.weight, std=0.5)
        nn.init.normal_(self.phonation_state.weight, std=0.3)
        nn.init.normal_(self.row.weight, std=0.15)
        for layer in (self.phonation_facts, self.note_facts):
            nn.init.normal_(layer.weight, std=0.15)
            nn.init.zeros_(layer.weight[:, GUIDANCE_FACT])  # learning by likelihood, there is none
        for layer in (self.phonation_stream, self.note_stream, self.interval, self.phonation_scores):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def heard(self, rows: Tensor, history: Tensor) -> Tensor:
        """[..., dim] what goes into the tower: rows [..., ROW] of the blocks, history [..., 4] until the blocks before
        them."""
        tokens = torch.stack([table(history[..., column]) for column, table in enumerate(self.embed)]).sum(0)
        return tokens + self.row(rows)

    def phonation(self, stream: Tensor, rows: Tensor, history: Tensor, guidance: Tensor | float = 0.0) -> Tensor:
        """[..., 4] scores of phonation, all of them: which may follow is representation.may_follow's."""
        state = history[..., 0] * HISTORY_SIZES[1] + history[..., 1]
        hidden = self.phonation_stream(stream) + self.phonation_facts(facts(rows, history[..., 2], guidance))
        hidden = functional.gelu(hidden + self.phonation_state(state), approximate="tanh")
        return guide_phonation(self.phonation_scores(hidden), rows, history, guidance)

    def note(self, stream: Tensor, rows: Tensor, last: Tensor, guidance: Tensor | float = 0.0) -> Tensor:
        """[..., NOTES] scores of the note that begins; last [...]: the note before it, as a token."""
        notes = torch.arange(NOTES, device=rows.device)
        told = torch.as_tensor(guidance, dtype=rows.dtype, device=rows.device)[..., None]
        hidden = self.note_stream(stream)[..., None, :] + self.note_facts(facts(rows[..., None, :], notes, told))
        scores = self.note_score(functional.gelu(hidden, approximate="tanh"))[..., 0] + self.register
        steps = (notes - last[..., None]).clamp(-INTERVAL_WIDEST, INTERVAL_WIDEST) + INTERVAL_WIDEST
        by_interval = self.interval(stream).gather(-1, steps)
        scores = scores + torch.where(last[..., None] < NO_NOTE, by_interval, torch.zeros_like(by_interval))
        return guide_note(scores, rows, guidance)

    def forward(self, rows: Tensor, history: Tensor) -> Tensor:
        """[batch, blocks, dim] the stream of whole sequences."""
        return self.tower(self.heard(rows, history))

    def step(self, rows: Tensor, history: Tensor, cache: Cache) -> Tensor:
        """[batch, dim] the stream of one more block: rows [batch, ROW], history [batch, 4]."""
        return self.tower.step(self.heard(rows, history), cache)
