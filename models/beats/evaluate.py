"""How well the player is followed: ``ripieno eval beats --data DIR``.

Scores whose beats are known (scores.py) are played in three ways (takes.py): at a steady tempo, with rubato, and, where
the collection tells it, as somebody did play them. The tracker is asked every 10 ms; a beat is what was said before it
came (20 ms, or in hindsight at once). Beside it a well-known tracker (known.py), which may hear everything first.

Figures are mir_eval's (Raffel et al. 2014): *F* of beats within 70 ms, *CMLt* the share of beats in an unbroken run at
the right tempo, *AMLt* the same at half or twice the tempo or off the beat. The first 5 s are left out, as is usual.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ripieno.models.beats import known, scores
from ripieno.models.beats.takes import KINDS, Take
from ripieno.models.collection import CorpusError
from ripieno.models.instrumentation.performance import SAMPLE_RATE, Floats
from ripieno.native.beats import follow

OURS = "ours, as it plays"
ALL = "all"
FIGURES = ("F", "CMLt", "AMLt")
NEEDED = ("mir_eval", "partitura")
WANTED = {"steady": 0.80, "rubato": 0.70}

Say = Callable[[str], None]
Figures = dict[str, float]


@dataclass(frozen=True)
class Plan:
    """What is measured. each: pieces of a collection at most; seed: of how they are played."""

    data: Path
    split: str = "test"
    each: int = 25
    seed: int = 0
    collections: Sequence[str] = scores.COLLECTIONS


def ours(take: Take) -> Floats:
    """[beats] seconds, as they were said."""
    _, beats = follow(take.frame, take.pitch, take.velocity, SAMPLE_RATE)
    return np.array([beat.frame / SAMPLE_RATE for beat in beats])


TRACKERS: dict[str, Callable[[Take], Floats]] = {OURS: ours, known.DIXON: known.dixon}


def figures(truth: Floats, said: Floats) -> Figures:
    """mir_eval's figures of beats in seconds, without the first 5 s."""
    from mir_eval import beat

    truth, said = beat.trim_beats(truth), beat.trim_beats(said)
    _, right, _, any_level = beat.continuity(truth, said) if min(len(truth), len(said)) > 1 else (0.0,) * 4
    return dict(zip(FIGURES, (float(beat.f_measure(truth, said)), float(right), float(any_level)), strict=True))


def takes(plan: Plan, name: str) -> list[tuple[str, Take]]:
    """The pieces of a collection, spread over it, each played in every way that it can be."""
    found = []
    pieces = scores.load(name, plan.data, plan.split)
    for number in np.unique(np.linspace(0, len(pieces) - 1, min(plan.each, len(pieces))).astype(int)):
        for index, (kind, play) in enumerate(KINDS.items()):
            take = play(pieces[number], np.random.default_rng([plan.seed, int(number), index]))
            if take is not None:
                found.append((kind, take))
    return found


def run(plan: Plan, say: Say = lambda _: None) -> dict[str, Any]:
    """Measure everything. Raises CorpusError."""
    lacking = [name for name in NEEDED if not find_spec(name)]
    if lacking:
        raise CorpusError(f"judging beats needs {', '.join(lacking)}: pip install 'ripieno[beats]'")
    rows: dict[tuple[str, str, str], list[Figures]] = {}
    spent = notes = 0.0
    for name in plan.collections:
        say(f"{name}")
        for kind, take in takes(plan, name):
            for tracker, track in TRACKERS.items():
                began = time.process_time()
                said = track(take)
                if tracker == OURS:
                    spent, notes = spent + time.process_time() - began, notes + len(take.frame)
                found = figures(take.beats, said)
                for group in (name, ALL):
                    rows.setdefault((kind, group, tracker), []).append(found)
    table = [
        {"played": kind, "collection": group, "tracker": tracker, "pieces": len(found), **_mean(found)}
        for (kind, group, tracker), found in sorted(rows.items(), key=lambda row: _order(row[0]))
    ]
    return {"split": plan.split, "seed": plan.seed, "rows": table, "us a note": 1e6 * spent / notes, **_told(table)}


def _order(key: tuple[str, str, str]) -> tuple[int, int, int]:
    kind, group, tracker = key
    return list(KINDS).index(kind), [*scores.COLLECTIONS, ALL].index(group), list(TRACKERS).index(tracker)


def _mean(found: Sequence[Figures]) -> Figures:
    return {name: float(np.mean([one[name] for one in found])) for name in FIGURES}


def _told(table: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What issue 6 asks."""
    value = {row["played"]: row["F"] for row in table if row["collection"] == ALL and row["tracker"] == OURS}
    return {
        "verdicts": [
            {"what": f"F, {kind}, {ALL}", "value": value[kind], "at least": least, "met": value[kind] >= least}
            for kind, least in WANTED.items()
        ]
    }


def print_table(found: dict[str, Any]) -> None:
    """Print everything for reading."""
    print(f"\n{found['split']} pieces, seed {found['seed']}; mean over pieces\n")
    print(f"{'played':10} {'collection':11} {'tracker':26} {'pieces':>6} " + " ".join(f"{f:>6}" for f in FIGURES))
    for row in found["rows"]:
        values = " ".join(f"{row[name]:6.3f}" for name in FIGURES)
        print(f"{row['played']:10} {row['collection']:11} {row['tracker']:26} {row['pieces']:6} {values}")
    print(f"\nours, through Python: {found['us a note']:.1f} us a note\n\nwhat issue 6 asks")
    for one in found["verdicts"]:
        print(f"{'yes' if one['met'] else 'NO':4} {one['what']:30} {one['value']:.3f}  >= {one['at least']:g}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--data", type=Path, required=True, help="folder of note collections, such as pop.npz")
    parser.add_argument("--split", choices=("train", "valid", "test"), default="test")
    parser.add_argument("--each", type=int, default=25, help="pieces of a collection at most (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of how they are played (default: %(default)s)")
    parser.add_argument(
        "--collections",
        nargs="+",
        choices=scores.COLLECTIONS,
        default=scores.COLLECTIONS,
        metavar="NAME",
        help="only these",
    )
    parser.add_argument("--json", action="store_true", help="print the table as JSON")


def command(options: argparse.Namespace) -> int:
    """Carry out the command; its exit code. Raises CorpusError."""
    if options.each < 1:
        raise CorpusError("--each: give 1 at least")
    plan = Plan(options.data, options.split, options.each, options.seed, tuple(options.collections))
    found = run(plan, lambda what: print(what, file=sys.stderr, flush=True))
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print_table(found)
    return 0
