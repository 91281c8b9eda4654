"""The reward stage: python -m ripieno.models.singing.reward --data DIR --steps 110

The line that train_line.py made sings freely to pianos (practice.py), and learns from how that goes, by policy
gradient with a learned value of each moment as the baseline (Schulman et al. 2016, GAE), as ReaLchords does (Wu et al.
2024). What is rewarded, block by block: chord tones, the less so a note that clashes the longer it does, onsets with
the piano's, a narrow range, and silence where the player rests. Half of the lines are sung without guidance, half with
the usual guidance. Likelihood on lessons goes on beside it, so that it stays a person's singing.

Habits (how much is sung, notes a second, rests, kinds of intervals) are no reward: a handful of biases of the network
are moved step by step towards where the voice's are people's (``Habit``), at the usual guidance; settle.py brings them
there in the end.

Checkpoints go to --runs, from where the same command goes on.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from ripieno.models import checkpoint
from ripieno.models.collection import CorpusError
from ripieno.models.singing import metrics, practice, songs, train_line
from ripieno.models.singing.excerpts import BEFORE, line_of, piano_of
from ripieno.models.singing.lessons import Lessons
from ripieno.models.singing.line import FACTS, SHAPES, Line, facts, sounds, tire
from ripieno.models.singing.practice import Habits
from ripieno.models.singing.representation import (
    AGES,
    BREATH,
    INTERVALS,
    NOTE_LOW,
    NOTES,
    ONSET,
    REST,
    SUSTAIN,
    age_bucket,
)
from ripieno.models.singing.rollout import IMPOSSIBLE, RESTS, SILENCE_UNIT, Choir, Manner, Sung
from ripieno.models.singing.tower import Cache, Tower
from ripieno.models.training import rate_at
from ripieno.native.piano import COUNT, SILENCE
from ripieno.native.piano import ONSET as PIANO_ONSET

NAME = "singing-reward"
SAVE_EVERY, WARMUP, COOLING = 10, 10, 0.3  # steps; the last share of the steps, in which the rate falls to 0
TOGETHER = 4  # blocks
# What a block is worth: a sung chord tone; a clash, and what is added to it as it lasts (at most twice as much); a note
# over a piano that has fallen silent. All in all singing is worth hardly more than silence.
CHORD_TONE, CLASH, CLASH_LASTS, ALONE = 0.1, -1.0, 25.0, -0.5
WITH_PIANO, OFF_PIANO = 1.0, -1.0  # what an onset is worth
HASTE, HASTY = -4.0, 5  # an onset after a note that did not last: the bucket of its age, less than HASTY (96 ms)
MIDDLE, SPAN, FAR = 65.0, 6.0, -3.0  # an onset that is more than SPAN semitones from MIDDLE, for each beyond
FORESIGHT, SMOOTH = 0.985, 0.95  # discount a block, and GAE's lambda
MEMORY = 0.93  # of the habits counted so far, a step
HABIT_RATE = 0.06
ENOUGH = 2000  # blocks whose habits say something


@dataclass(frozen=True)
class Options:
    """What one reward stage is told. lines: sung at once; blocks: a step; lessons: of 512 blocks, a step; follow: the
    usual guidance; anchor: weight of the likelihood."""

    size: str
    steps: int
    lines: int
    blocks: int
    lessons: int
    rate: float
    follow: float
    anchor: float
    songs: int
    seed: int


# ---- One step's singing ----


def ring_positions(cache: Cache) -> Tensor:
    """[slots in use] the step whose key each slot of a ring holds."""
    window = cache.keys.shape[3]
    slots = torch.arange(min(cache.count, window))
    return slots + (cache.count - 1 - slots).div(window, rounding_mode="floor") * window


def copied(cache: Cache, tower: Tower) -> Cache:
    """A ring with the same keys and values."""
    other = tower.cache(cache.keys.shape[1])
    other.keys, other.values, other.count = cache.keys.clone(), cache.values.clone(), cache.count
    return other


def stream_after(line: Line, rows: Tensor, history: Tensor, cache: Cache) -> Tensor:
    """[batch, blocks, dim] the stream of a sequence that goes on from a ring, as Transformer-XL does it: what learns is
    the sequence alone. rows [batch, blocks, ROW], history [batch, blocks, 4]."""
    tower, steps = line.tower, rows.shape[1]
    x = line.heard(rows, history)
    turn, old = tower.turn(cache.count, steps), ring_positions(cache)
    now = torch.arange(cache.count, cache.count + steps)
    heard = torch.cat([old, now])
    reach = (heard <= now[:, None]) & (heard > now[:, None] - tower.window)
    for layer, block in enumerate(tower.blocks):
        q, k, v = block.heard(x, turn)
        k = torch.cat([cache.keys[layer, :, :, : len(old)].to(k.dtype), k], 2)
        v = torch.cat([cache.values[layer, :, :, : len(old)].to(v.dtype), v], 2)
        x = block.grow(x, functional.scaled_dot_product_attention(q, k, v, attn_mask=reach))
    return tower.norm(x)


def rewards(rows: Tensor, sung: Sung, before: Tensor) -> tuple[Tensor, Tensor]:
    """[batch, blocks] what each block is worth; [batch] how long the clash lasts that goes on at the end, in blocks.

    before [batch]: how long the clash that goes on at the beginning has lasted.
    """
    voiced = (sung.phonation == ONSET) | (sung.phonation == SUSTAIN)
    heard = rows[..., COUNT] > 0
    tone = voiced & sounds(rows, sung.note.clamp(max=NOTES - 1))
    clash = voiced & heard & ~tone
    lasted = torch.zeros(clash.shape)
    for block in range(clash.shape[1]):
        before = torch.where(clash[:, block], before + 1, torch.zeros_like(before))
        lasted[:, block] = before
    worth = CHORD_TONE * tone + CLASH * clash * (1 + (lasted / CLASH_LASTS).clamp(max=2.0))
    worth = worth + ALONE * (voiced & ~heard) * (1 + 4 * rows[..., SILENCE])
    onset, struck = sung.phonation == ONSET, rows[..., PIANO_ONSET] > 0
    recent = functional.max_pool1d(functional.pad(struck.float(), (TOGETHER - 1, 0)), TOGETHER, 1) > 0
    worth = worth + onset * torch.where(recent, WITH_PIANO, OFF_PIANO)
    sang = (sung.history[..., 0] == ONSET) | (sung.history[..., 0] == SUSTAIN)
    worth = worth + HASTE * (onset & sang & (sung.history[..., 1] < HASTY))
    far = ((sung.note + NOTE_LOW - MIDDLE).abs() - SPAN).clamp(min=0.0)
    return worth + onset * FAR * far, before


def advantages(worth: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """[batch, blocks] how much better each block went than expected, and what its value should have been."""
    following = torch.cat([value[:, 1:], value[:, -1:]], 1)
    surprise = worth + FORESIGHT * following - value
    found = torch.zeros_like(worth)
    carried = torch.zeros(len(worth))
    for block in reversed(range(worth.shape[1])):
        carried = surprise[:, block] + FORESIGHT * SMOOTH * carried
        found[:, block] = carried
    return found, found + value


# ---- Habits ----


@dataclass
class Habit:
    """Moves the network's biases until the voice's habits are people's. counted: the voice's, of late."""

    wanted: Habits
    counted: Habits = field(default_factory=lambda: practice.habits([]))

    def errors(self) -> dict[str, Any]:
        """Logarithms of wanted over counted; empty until enough was heard."""
        if self.counted.counts[0] < ENOUGH:
            return {}

        def ratio(what: str) -> Any:
            one, other = getattr(self.wanted, what) + 1e-3, getattr(self.counted, what) + 1e-3
            return np.log(np.clip(one / other, 0.4, 2.5))

        (early, late), (notes, rests) = ratio("silences"), ratio("rates")
        return {"early": early, "late": late, "notes": notes, "rests": rests, "intervals": ratio("intervals")}

    @torch.no_grad()
    def mend(self, line: Line, rate: float) -> None:
        """Move the biases a little: those of the scores; in a silence, where the hidden layer is told how long it has
        lasted, towards a breath or away from it; and those of the intervals."""
        if not (errors := self.errors()):
            return
        scores, silence = line.phonation_scores, line.phonation_state.weight[:AGES]
        scores.bias[ONSET] += rate * errors["notes"]
        scores.bias[[REST, BREATH]] += rate * errors["rests"]
        way = scores.weight[BREATH] - scores.weight[REST]
        way = rate * way / way.dot(way)
        first = int(age_bucket(practice.LATE))
        silence[:first] -= (errors["early"] - errors["rests"]) * way
        silence[first:] -= (errors["late"] - errors["early"]) * way
        steps = np.abs(np.arange(INTERVALS) - INTERVALS // 2)
        kinds = np.searchsorted([1, 3, 5], steps, side="right")
        line.interval.bias += rate * torch.from_numpy(errors["intervals"][kinds]).float()


def joined(one: metrics.Line, other: metrics.Line) -> metrics.Line:
    """One melody after the other."""
    return metrics.Line(np.concatenate([one.note, other.note]), np.concatenate([one.onset, other.onset]))


# ---- The stage ----


class Stage:
    """A line in its reward stage, and how far it is."""

    def __init__(self, data: Path, runs: Path, options: Options, begin: Path | None = None) -> None:
        self.options, self.runs = options, runs
        torch.manual_seed(options.seed)
        self.rng = np.random.default_rng(options.seed)
        self.line = Line(SHAPES[options.size])
        self.valid: dict[str, Any] = {}
        self.before: dict[str, Any] = {}
        if begin:
            self.line.load_state_dict(checkpoint.under("model.", load_file(begin / "checkpoint.safetensors")))
            progress = json.loads((begin / "checkpoint.json").read_text())
            self.valid, self.before = progress["valid"], {"steps": progress["step"], **progress["options"]}
        dim = SHAPES[options.size].dim
        self.value = nn.Sequential(nn.Linear(dim + FACTS + 1, 64), nn.GELU(), nn.Linear(64, 1))
        self.whole = nn.ModuleDict({"line": self.line, "value": self.value})
        self.optimiser = torch.optim.AdamW(
            [
                {"params": self.line.parameters(), "lr": options.rate, "weight_decay": 0.0},
                {"params": self.value.parameters(), "lr": 3e-3, "weight_decay": 0.0},
            ],
            betas=(0.9, 0.98),
        )
        self.lessons = Lessons(songs.load(data, "train"), 512)
        self.pianos = practice.pianos(data, "train", options.songs)
        self.habit = Habit(practice.habits([one.sung for one in self.pianos]))
        self.step = 0
        self.choir: Choir | None = None

    def resume(self) -> None:
        """Go on from the checkpoint, where there is one."""
        progress = checkpoint.load(self.runs, self.whole, self.optimiser, self.rng)
        if progress:
            self.step, self.valid, self.before = int(progress["step"]), progress["valid"], progress["before"]
            self.habit.counted = Habits(np.array(progress["habits"]))

    def save(self) -> None:
        """Write a checkpoint."""
        progress = {
            "step": self.step,
            "valid": self.valid,
            "before": self.before,
            "habits": self.habit.counted.counts.tolist(),
            "options": asdict(self.options),
        }
        checkpoint.save(self.runs, self.whole, self.optimiser, self.rng, progress)

    # -- singing --

    def begin(self) -> None:
        """New pianos, and nothing sung yet. A third of the lines have no guidance, a third surprises and the usual one,
        the rest the usual one alone."""
        count = self.options.lines
        chosen = [self.pianos[int(index)] for index in self.rng.integers(0, len(self.pianos), count)]
        kind = np.arange(count) % 3
        self.plain, self.guided = kind != 1, torch.from_numpy(kind != 0)
        shortest = min(one.count for one in chosen)
        told = [
            practice.practice(one, bool(plain), self.rng)[:shortest].astype(np.float16)
            for one, plain in zip(chosen, self.plain, strict=True)
        ]
        self.rows = torch.from_numpy(np.stack(told))
        self.choir = Choir(self.line, count, Manner(self.guided * self.options.follow))
        self.at, self.clash = 0, torch.zeros(count)
        self.lines, self.counted = [metrics.line([])] * count, practice.habits([])

    def sing(self) -> tuple[Tensor, Sung, Cache]:
        """The next blocks: rows, what was sung, and the ring as it was before."""
        if self.choir is None or self.at + self.options.blocks > self.rows.shape[1]:
            self.begin()
        assert self.choir is not None
        rows = self.rows[:, self.at : self.at + self.options.blocks].float()
        ring = copied(self.choir.cache, self.line.tower)
        self.line.eval()
        sung = self.choir.go(rows)
        self.at += self.options.blocks
        return rows, sung, ring

    # -- learning --

    def policy(self, rows: Tensor, sung: Sung, ring: Cache) -> tuple[Tensor, Tensor]:
        """[batch, blocks] log-probability of what was sung, and the value of each block."""
        assert self.choir is not None
        guidance = self.choir.guidance[:, None].expand(rows.shape[:2])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            stream = stream_after(self.line, rows, sung.history, ring)
            scores = self.line.phonation(stream, rows, sung.history, guidance).float()
            onset = sung.phonation == ONSET
            notes = self.line.note(stream[onset], rows[onset], sung.history[onset][:, 2], guidance[onset]).float()
        scores = train_line.possible(scores, sung.history[..., 0])
        notes = tire(notes, sung.pair[onset], sung.strikes[onset])
        notes = notes.masked_fill(self.choir.beyond[:NOTES], IMPOSSIBLE)
        chosen = scores.log_softmax(-1).gather(-1, sung.phonation[..., None])[..., 0]
        by_note = notes.log_softmax(-1).gather(-1, sung.note[onset][:, None])[:, 0]
        chosen = chosen.index_put(torch.nonzero(onset, as_tuple=True), by_note, accumulate=True)
        told = facts(rows, sung.history[..., 2], guidance)
        sings = (sung.history[..., 0] >= ONSET).float()[..., None]
        value = self.value(torch.cat([stream.detach().float(), told, sings], -1))[..., 0]
        return chosen, value

    def learn(self) -> dict[str, float]:
        """One step; what it saw."""
        rows, sung, ring = self.sing()
        with torch.no_grad():
            worth, self.clash = rewards(rows, sung, self.clash)
            worth = worth * (1.0 - FORESIGHT)
        self.line.train()
        chosen, value = self.policy(rows, sung, ring)
        gain, target = advantages(worth, value.detach())
        gain = (gain - gain.mean()) / (gain.std() + 1e-6)
        anchor = train_line.losses(
            self.line, train_line.batch_of([self.lessons.lesson(self.rng) for _ in range(self.options.lessons)])
        )
        # Both are nats a note: the policy's gradient is summed over the blocks and divided by the notes. Where the
        # player's silence forbids to sing, nothing was chosen.
        onsets, free = (sung.phonation == ONSET).sum().clamp(min=1), SILENCE_UNIT * rows[..., SILENCE] < RESTS
        policy = -(gain * chosen * free).sum() / onsets
        loss = policy + self.options.anchor * anchor.sum() + functional.mse_loss(value, target)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"{self.runs}: the loss is no number at step {self.step}: use a lower --rate")
        self.optimiser.param_groups[0]["lr"] = rate_at(
            self.step, self.options.steps, self.options.rate, WARMUP, COOLING
        )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.line.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        return self.follow_habits(rows, sung) | {"anchor": float(anchor.detach().sum()), "worth": float(worth.mean())}

    def follow_habits(self, rows: Tensor, sung: Sung) -> dict[str, float]:
        """Mend the habits; the chord-tone ratios with and without guidance, and the habits' errors."""
        lines = [line_of(one.numpy(), note.numpy()) for one, note in zip(sung.phonation, sung.note, strict=True)]
        guided = self.guided.numpy()
        self.lines = [joined(before, line) for before, line in zip(self.lines, lines, strict=True)]
        usual = [self.lines[index].cut(BEFORE) for index in np.flatnonzero(self.plain & guided)]
        counted, self.counted = self.counted, practice.habits(usual)
        self.habit.counted = self.habit.counted.faded(MEMORY) + (self.counted - counted)
        self.habit.mend(self.line, HABIT_RATE * min(1.0, self.step / WARMUP))
        agreed: dict[str, float] = {}
        for name, which in (("free", ~guided), ("guided", guided)):
            voiced = sum(int(lines[i].voiced.sum()) for i in np.flatnonzero(which))
            tones = sum(
                int(metrics.chord_tones(lines[i], piano_of(rows[i].numpy())).sum()) for i in np.flatnonzero(which)
            )
            agreed |= {name: tones / voiced} if voiced else {}
        errors = self.habit.errors()
        kinds = zip(("repeats", "steps", "skips", "leaps"), errors.pop("intervals", ()), strict=False)
        return agreed | errors | dict(kinds)


def run(data: Path, runs: Path, options: Options, begin: Path) -> Stage:
    """The whole stage, with checkpoints and progress; returns it."""
    stage = Stage(data, runs, options, begin)
    stage.resume()
    began, first = time.monotonic(), stage.step
    while stage.step < options.steps:
        found = stage.learn()
        spent = time.monotonic() - began
        left = spent / max(1, stage.step - first) * (options.steps - stage.step)
        told = " ".join(f"{name} {value:.2f}" for name, value in found.items())
        print(
            f"reward step {stage.step}/{options.steps}: {told} | {left / 60:.1f} min left", file=sys.stderr, flush=True
        )
        if stage.step % SAVE_EVERY == 0 or stage.step == options.steps:
            stage.save()
    return stage


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of note collections (pop.npz, lieder.npz)")
    parser.add_argument("--size", choices=tuple(SHAPES), default="usual")
    parser.add_argument("--steps", type=int, default=110)
    parser.add_argument("--lines", type=int, default=30, help="sung at once")
    parser.add_argument("--blocks", type=int, default=256, help="sung a step, 16 ms each")
    parser.add_argument("--lessons", type=int, default=4, help="of likelihood, a step")
    parser.add_argument("--rate", type=float, default=2e-4, help="learning rate")
    parser.add_argument("--follow", type=float, default=3.0, help="the usual guidance")
    parser.add_argument("--anchor", type=float, default=1.0, help="weight of the likelihood")
    parser.add_argument("--songs", type=int, default=250, help="of each style, to practise on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of the processor")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the checkpoints, the line's too")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    told = parse(arguments)
    torch.set_num_threads(told.threads)
    names = ("size", "steps", "lines", "blocks", "lessons", "rate", "follow", "anchor", "songs", "seed")
    options = Options(**{name: getattr(told, name) for name in names})
    try:
        run(told.data, told.runs / NAME, options, told.runs / train_line.NAME)
    except (CorpusError, checkpoint.CheckpointError, OSError) as error:
        print(f"reward: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
