"""Settle the voice's habits: python -m ripieno.models.singing.settle --data DIR

The last step of the line's training, on the weights as they are stored and with the C engine as it sings: how long
people rest and hold a note, how often they begin another, and which intervals they sing, is counted in excerpts of the
training split, by how long the rest or the note has lasted; then the voice sings to the same pianos with the usual
guidance, and the biases that stand for the same things (of phonation by its age, of intervals) are moved by the
difference of the logits, a few times. What it learnt of harmony and melody stays as it is.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models import card as cards
from ripieno.models.collection import CorpusError
from ripieno.models.singing import judge, metrics, stored
from ripieno.models.singing.excerpts import Excerpt, draw, line_of
from ripieno.models.singing.metrics import Line, intervals, stretches
from ripieno.models.singing.representation import AGE_EDGES, AGES, BREATH, ONSET, REST, SUSTAIN, ages
from ripieno.models.singing.songs import BREATH_BLOCKS, BREATH_GAP
from ripieno.native.singer import PARAMETERS, Singer

Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

# Buckets of age (AGE_EDGES) at which these hazards are counted together: each group begins at one of these blocks.
RESTED = np.array([0, 4, 8, 11, 16, 23, 45, 90, 181, 362])
HELD = np.array([0, 6, 16, 32, 64, 128])
KINDS = np.array([1, 3, 5])  # semitones at which steps, skips and leaps begin
FEW = 20.0  # events; of fewer, a difference is believed the less
WIDEST = 1.5  # logits that a bias is moved by at once
FIRST_RATE, SLOWING = 0.45, 0.3  # share of the way that the first round goes, and how fast it becomes less


@dataclass(frozen=True)
class Habits:
    """Counts. breath, start [groups of RESTED, 2]: blocks of rest, and how often a breath, or a note, follows; end,
    again [groups of HELD, 2]: blocks that are held, and how often silence, or another note, follows; kinds [4]: of
    intervals."""

    breath: Floats
    start: Floats
    end: Floats
    again: Floats
    kinds: Floats

    def __add__(self, other: "Habits") -> "Habits":
        return Habits(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def phonation_of(sung: Line) -> NDArray[np.int64]:
    """[blocks] a person's phonation: breath before a note where there is room for one, as in the lessons."""
    found = np.where(sung.onset, ONSET, np.where(sung.voiced, SUSTAIN, REST))
    for begin, length in zip(*stretches(~sung.voiced), strict=True):
        if length >= BREATH_GAP and begin + length < len(found):
            found[begin + length - BREATH_BLOCKS : begin + length] = BREATH
    return found


def _counted(ages: NDArray[np.int64], happens: NDArray[np.bool_], edges: NDArray[np.int64]) -> Floats:
    """[groups, 2] blocks of these ages, and those in which it happens."""
    group = np.searchsorted(edges, ages, side="right") - 1
    return np.stack([np.bincount(group, minlength=len(edges)), np.bincount(group, happens, len(edges))], 1)


def habits(sung: Line, phonation: NDArray[np.int64]) -> Habits:
    """Of one line, and what phonation [blocks] it has."""
    age, before, follows = ages(phonation)[:-1], phonation[:-1], phonation[1:]
    rests, held = before == REST, before >= ONSET
    kinds = np.bincount(np.searchsorted(KINDS, np.abs(intervals(sung)), side="right"), minlength=len(KINDS) + 1)
    return Habits(
        _counted(age[rests], follows[rests] == BREATH, RESTED),
        _counted(age[rests], follows[rests] == ONSET, RESTED),
        _counted(age[held], follows[held] < ONSET, HELD),
        _counted(age[held], follows[held] == ONSET, HELD),
        kinds.astype(np.float64),
    )


def total(lines: Sequence[Habits]) -> Habits:
    """Of several lines together."""
    return reduce(add, lines)


def _apart(people: Floats, voice: Floats) -> Floats:
    """[groups] how much the logit of a hazard lacks; people, voice [groups, 2] blocks and events."""

    def logit(counts: Floats) -> Floats:
        share = (counts[:, 1] + 0.5) / (counts[:, 0] + 1.0)
        return np.log(share / (1.0 - share))

    known = np.minimum(people[:, 0], voice[:, 0]) > 0
    events = np.minimum(people[:, 1], np.maximum(voice[:, 1], 1.0))
    believed = events / (events + FEW)
    return np.clip(np.where(known, (logit(people) - logit(voice)) * believed, 0.0), -WIDEST, WIDEST)


def by_age(edges: NDArray[np.int64], values: Floats) -> Floats:
    """[AGES] the value of the group in which each bucket lies."""
    return values[np.searchsorted(edges, AGE_EDGES, side="right") - 1]


def mended(arrays: Arrays, people: Habits, voice: Habits, rate: float) -> Arrays:
    """The arrays with the line's biases moved; rate: which share of the way."""
    scores = arrays["line.phonation_scores.weight"].astype(np.float64)  # [4, field]
    state = arrays["line.phonation_state.weight"].astype(np.float64).copy()  # [4 * AGES, field]
    to_hidden = rate * np.linalg.pinv(scores)  # [field, 4]
    wanted = np.zeros((len(scores), AGES, len(scores)))  # by phonation, age and score
    wanted[REST, :, ONSET] = by_age(RESTED, _apart(people.start, voice.start))
    wanted[REST, :, BREATH] = by_age(RESTED, _apart(people.breath, voice.breath))
    for sung in (ONSET, SUSTAIN):
        wanted[sung, :, ONSET] = by_age(HELD, _apart(people.again, voice.again))
        wanted[sung, :, [REST, BREATH]] = by_age(HELD, _apart(people.end, voice.end))
    state += wanted.reshape(-1, len(scores)) @ to_hidden.T
    bias = arrays["line.interval.bias"].astype(np.float64).copy()
    shares = [(one.kinds + 1.0) / (one.kinds + 1.0).sum() for one in (people, voice)]
    steps = np.abs(np.arange(len(bias)) - len(bias) // 2)
    bias += rate * np.log(shares[0] / shares[1])[np.searchsorted(KINDS, steps, side="right")]
    return arrays | {"line.phonation_state.weight": state, "line.interval.bias": bias}


def sing(
    model: stored.Weights, given: Sequence[Excerpt], follow: float, seed: int, threads: int
) -> list[tuple[Line, NDArray[np.int64]]]:
    """The line, and its phonation, that the voice sings in each excerpt, each with random numbers of its own: else all
    rest at the same moments."""
    weights = stored.weights(model)

    def one(number: int, excerpt: Excerpt) -> tuple[Line, NDArray[np.int64]]:
        sung = Singer(weights).run(excerpt.rows, follow=follow, seed=1000 * seed + number)
        phonation = sung["phonation"].astype(np.int64)
        return line_of(phonation, sung["note"]).cut(excerpt.before), phonation[excerpt.before :]

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(len(given)), given))


def compared(given: Sequence[Excerpt], lines: Sequence[Line]) -> dict[str, float]:
    """What is to be nearly human, as the voice's share of people's, where they have any."""
    human = metrics.figures([(one.sung, one.piano) for one in given])
    voice = metrics.figures([(line, one.piano) for one, line in zip(given, lines, strict=True)])
    return {what: voice[what] / human[what] for what in judge.NEARLY_HUMAN if human[what] > 0}


def worst(ratios: dict[str, float]) -> float:
    """How far the farthest of them is from 1, as a logarithm; infinite where one is no number."""
    found = np.abs(np.log(np.maximum(list(ratios.values()), 1e-3)))
    return float(found.max()) if np.isfinite(found).all() else float("inf")


def settle(model: stored.Weights, given: Sequence[Excerpt], follow: float, rounds: int, threads: int) -> Arrays:
    """The line's arrays as they were in the round whose figures were nearest to people's. Raises WeightsError."""
    people = total([habits(one.sung, phonation_of(one.sung)) for one in given])
    nearest, best = float("inf"), dict(model.arrays)
    for number in range(rounds + 1):
        sung = sing(model, given, follow, number + 1, threads)
        ratios = compared(given, [line for line, _ in sung])
        told = ", ".join(f"{what} {value:.2f}" for what, value in ratios.items())
        _say(f"after {number} of {rounds} rounds, voice / human: {told}")
        if worst(ratios) < nearest:
            nearest, best = worst(ratios), dict(model.arrays)
        voice = total([habits(*one) for one in sung])
        arrays = mended(dict(model.arrays), people, voice, rate=FIRST_RATE / (number + 1) ** SLOWING)
        half = {name: value.astype(np.float16) for name, value in arrays.items()}
        model = stored.Weights(model.path, model.cards, half)
    return {name.removeprefix("line."): value for name, value in best.items() if name.startswith("line.")}


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of pop.npz and lieder.npz")
    parser.add_argument("--weights", type=Path, default=stored.FOLDER, help="folder of the weights")
    parser.add_argument("--out", type=Path, help="folder for the line's weights and card (default: the same)")
    parser.add_argument("--follow", type=float, default=PARAMETERS["follow"].usual, help="the usual guidance")
    parser.add_argument("--rounds", type=int, default=8, help="(default: %(default)s)")
    parser.add_argument("--each", type=int, default=30, help="songs of each collection (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="(default: %(default)s)")
    told = parser.parse_args(arguments)
    try:
        model, given = stored.read(told.weights), draw(told.data, "train", told.each, seed=2)
        arrays = settle(model, given, told.follow, told.rounds, told.threads)
        card = model.cards["line"]
        settled = {"rounds": told.rounds, "excerpts": len(given), "follow": told.follow}
        card |= {"training": card.get("training", {}) | {"settled": settled}}
        cards.write((told.out or told.weights) / f"line{cards.SUFFIX}", arrays, card)
    except (CorpusError, stored.WeightsError, OSError) as error:
        print(f"settle: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
