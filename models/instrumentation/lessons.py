"""Lessons for our own models: performances made up afresh, played by the model as it is, answered by the score.

What a model is told of the ensemble follows from its own choices, right or wrong, as it will when it plays (after
DAgger, Ross et al. 2011): the C instrumenter plays the piece with the present weights and writes down what it saw; the
answers are the score's. At first the score often decides too, less and less.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ripieno.models.instrumentation.corpus import DEFAULT_BPM, Piece, Task
from ripieno.models.instrumentation.network import Averaged
from ripieno.models.instrumentation.performance import SAMPLE_RATE, Performance, as_played, low_to_high
from ripieno.native.instrumenter import NO_VOICE, Instrumenter, Voice
from ripieno.native.lstm import Lstm

Lesson = tuple[np.ndarray, np.ndarray, np.ndarray]
"""x [notes, input], the right labels [notes], the labels that could be chosen [notes, labels]."""

_TRANSPOSE = range(-5, 7)
_TEMPO = 0.25  # of the logarithm


@dataclass(frozen=True)
class Plan:
    """batch: lessons a step, of which `fresh` are new and the others of the last `recent`. notes: of each at most.
    played: share of them as played, the rest low to high. helped: steps over which the score's part in the choices
    fades. refresh: steps until the weights that choose are renewed. hints: share with hands' places told."""

    batch: int = 16
    fresh: int = 8
    recent: int = 64
    notes: int = 256
    played: float = 0.6
    helped: int = 300
    refresh: int = 10
    hints: float = 0.15


def excerpt(piece: Piece, notes: int, rng: np.random.Generator) -> Piece:
    """Some notes in a row, transposed by -5 to 6 semitones, at a tempo of their own."""
    start = int(rng.integers(0, max(1, len(piece) - notes // 2)))
    if rng.random() < 0.25:
        start = 0
    part = slice(start, start + notes)
    onset = piece.onset[part] - piece.onset[start]
    first = [bpm for tick, bpm in piece.tempo if tick <= piece.onset[start]] or [DEFAULT_BPM]
    tempo = [(0, first[-1] * float(np.exp(rng.uniform(-_TEMPO, _TEMPO))))]
    shift = int(rng.integers(_TRANSPOSE.start, _TRANSPOSE.stop))
    pitch = np.clip(piece.pitch[part].astype(np.int16) + shift, 0, 127).astype(np.uint8)
    return replace(
        piece,
        onset=onset,
        duration=piece.duration[part],
        pitch=pitch,
        velocity=piece.velocity[part],
        label=piece.label[part],
        tempo=tempo,
    )


class Lessons:
    """Makes batches for the network `which` ("solo" or "chord") of a task, and their loss.

    chord: the network that tells the solo network, once a chord is over, who should have played what.
    """

    def __init__(self, task: Task, pieces: list[Piece], which: str, plan: Plan, chord: Lstm | None = None) -> None:
        self.task, self.pieces, self.which, self.plan, self.chord = task, pieces, which, plan, chord
        lengths = np.array([len(piece) for piece in pieces], dtype=np.float64)
        self._share = lengths / lengths.sum()
        self._players: list[Instrumenter] = []
        self._recent: list[Lesson] = []
        self._fast = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())

    def loss(self, model: Averaged, rng: np.random.Generator) -> Tensor:
        """The loss of one batch; the average moves on."""
        model.follow()
        steps = int(model.steps)
        if not self._players or steps % self.plan.refresh == 0:
            lstm = Lstm(model.network.arrays(), model.network.config)
            self._players = [player(self.task, self.which, lstm, self.chord, divide) for divide in (False, True)]
        own = min(1.0, steps / self.plan.helped)
        lessons = [self._lesson(self._players[n % 2], own, rng) for n in range(self.plan.fresh)]
        self._recent = (self._recent + lessons)[-self.plan.recent :]
        again = rng.integers(0, len(self._recent), self.plan.batch - self.plan.fresh)
        lessons += [self._recent[n] for n in again]
        x, target, allowed = (torch.from_numpy(column) for column in _stack(lessons))
        with torch.autocast("cpu", torch.bfloat16, enabled=self._fast):
            scores = model.network(x)
        return loss_of(scores.float(), target, allowed)

    def _lesson(self, it: Instrumenter, own: float, rng: np.random.Generator) -> Lesson:
        piece = excerpt(self.pieces[rng.choice(len(self.pieces), p=self._share)], self.plan.notes, rng)
        self._hint(it, piece, rng)
        played = rng.random() < self.plan.played
        p: Performance = as_played(piece, rng) if played else low_to_high(piece)
        forced = np.where(rng.random(len(piece)) < own, NO_VOICE, piece.label).astype(np.uint8)
        trace = it.trace(p.frame, p.on, p.pitch, p.velocity, p.note, len(piece), forced=forced, rows=self.which)
        return trace.x, piece.label[trace.row_note].astype(np.int64), trace.row_labels

    def _hint(self, it: Instrumenter, piece: Piece, rng: np.random.Generator) -> None:
        """Say of some pieces where the hands lie, roughly; of each part or not."""
        told = rng.random() < self.plan.hints
        for index, voice in enumerate(it.voices):
            own = piece.pitch[piece.label == index]
            centre = 0
            if told and len(own) and rng.random() < 0.8:
                centre = int(np.clip(np.mean(own) + rng.normal(0.0, 1.5), 1, 127))
            it.set_voice(index, replace(voice, centre=centre))


def player(task: Task, which: str, lstm: Lstm, chord: Lstm | None = None, divide: bool = False) -> Instrumenter:
    """An instrumenter that decides by one network; chord: by which the solo network learns afterwards. divide: parts
    that can take a second note of a chord may."""
    flags = zip(task.mono, task.divides, strict=True)
    voices = [Voice(label=i, polyphony=int(mono), divides=divide and can) for i, (mono, can) in enumerate(flags)]
    if which == "solo":
        return Instrumenter(voices, sample_rate=SAMPLE_RATE, when="note", solo=lstm, chord=chord)
    return Instrumenter(voices, sample_rate=SAMPLE_RATE, when="window", window=SAMPLE_RATE * 25 // 1000, chord=lstm)


def loss_of(scores: Tensor, target: Tensor, allowed: Tensor) -> Tensor:
    """Cross-entropy over the labels that could take a note. A note whose own part could not (by a choice before) has
    nothing to teach. target -1: no note."""
    own = allowed.gather(-1, target.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    counts = own & (target >= 0)
    scores = scores.masked_fill(~allowed, -1e4)
    losses = functional.cross_entropy(scores[counts], target[counts], reduction="sum", label_smoothing=0.0)
    return losses / counts.sum().clamp(min=1)


def _stack(lessons: list[Lesson]) -> Lesson:
    """Lessons of different lengths side by side: x [batch, notes, input], target (-1 beyond the end), allowed."""
    notes = max(len(x) for x, _, _ in lessons)
    x = np.zeros((len(lessons), notes, lessons[0][0].shape[1]), np.float32)
    target = np.full((len(lessons), notes), -1, np.int64)
    allowed = np.ones((len(lessons), notes, lessons[0][2].shape[1]), bool)
    for index, (one, answer, may) in enumerate(lessons):
        x[index, : len(one)], target[index, : len(one)], allowed[index, : len(one)] = one, answer, may
    return x, target, allowed
