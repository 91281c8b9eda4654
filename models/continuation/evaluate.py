"""How well the continuation's model foretells, plays on, and does not copy: ``ripieno eval continuation --data DIR``.

Three tables, on pieces that no training saw:

- Losses, a field and a note, of ours (C, fp32 and int8) and of the paper's model (PyTorch). Both tell how likely the
  same notes are, each in the order it was taught, so that the sums may be compared.
- Continuations of the same excerpts by both, beside the truth, in three measures. Ours goes through the C decoder as
  off line; the paper's is sampled as Dong et al. 2023 do. Both are told the instruments and the given beats.
- Copying: the longest run of notes that a continuation shares with any training piece, beside what true pieces share.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models.continuation import compose, copying, corpus, excerpts, metrics, stored
from ripieno.models.continuation.excerpts import Excerpt, fixed_excerpts
from ripieno.models.continuation.representation import (
    FIELDS,
    NOTE,
    POSITIONS,
    STYLES,
    TYPE,
    VELOCITY,
    Events,
    Score,
    Ticks,
    joined,
)
from ripieno.models.continuation.sampling import KEY_PULL
from ripieno.models.continuation.stored import PAPERS, Weights
from ripieno.native.transformer import Decoder, Sampling

PAPER_FIELDS = FIELDS[:VELOCITY]
GIVEN = (4, 16)  # beats
# How far the paper's model lies from the truth: Dong et al. 2023, table 2 (shares, not per cent).
PAPER_GAPS = {"pitch-class entropy": 0.172, "scale consistency": 0.0248, "groove consistency": 0.0096}
RANGES = {"pitch-class entropy": "bits", "scale consistency": "%", "groove consistency": "%"}
SIDE_BY_SIDE = 48  # pieces that the paper's model writes at a time
AGREEMENT = "C fp32 against PyTorch, largest difference of a logarithm"
ROWS = 512  # of an excerpt whose loss is measured

Say = Callable[[str], None]
Excerpts = Sequence[tuple[Events, Ticks]]


@dataclass(frozen=True)
class Plan:
    """What is measured. each: continuations of each style for each number of given beats; losses: excerpts of each
    style. sampling: one a field; None: the card's. pull: of the key that was heard, see native/src/sampler.h."""

    data: Path
    each: int = 42
    losses: int = 8
    split: str = "test"
    styles: tuple[str, ...] = STYLES
    sampling: tuple[Sampling, ...] | None = None
    pull: float = KEY_PULL
    seed: int = 0


def has_torch() -> bool:
    """Whether the paper's model can be run."""
    return find_spec("torch") is not None


# ---- Losses ----


def loss(each: Sequence[NDArray[np.float32]], events: Excerpts) -> dict[str, float]:
    """Mean loss of each field over the notes, in nats, and "sum" over the paper's. each: [rows, fields] logarithms of
    how likely each excerpt's rows were. The type's counts all rows but the first; a velocity not known is not asked."""
    likely = np.concatenate([rows[1:] for rows in each]).astype(np.float64)
    true = np.concatenate([rows[1:] for rows, _ in events])
    notes = true[:, TYPE] == NOTE
    asked = [notes] * len(FIELDS)
    asked[TYPE] = np.ones(len(true), dtype=bool)
    asked[VELOCITY] = notes & (true[:, VELOCITY] > 0)
    found = {name: -float(likely[asked[i], i].mean()) for i, name in enumerate(FIELDS) if i < likely.shape[1]}
    return found | {"sum": sum(found[name] for name in PAPER_FIELDS)}


def judged(model: Weights, precision: str, events: Excerpts) -> list[NDArray[np.float32]]:
    """What the C decoder makes of each excerpt: [rows, 7] logarithms of how likely its rows were."""
    network = stored.network(model, precision)
    decoder = Decoder(network, max(len(rows) for rows, _ in events))
    found = []
    for rows, ticks in events:
        decoder.rewind(0)
        found.append(decoder.judge(rows, ticks))
    return found


def losses(ours: Weights, papers: Weights | None, plan: Plan, say: Say) -> dict[str, Any]:
    """The first table: by split, the losses of each model. int8's excess and ours' lead are shares of the sums."""
    table: dict[str, Any] = {}
    for split in dict.fromkeys(("valid", plan.split)):
        own = fixed_excerpts(plan.data, split, ROWS, plan.losses, styles=plan.styles)
        rows: dict[str, Any] = {}
        for precision in ("fp32", "int8"):
            say(f"{split}: losses of ours, {precision}")
            found = judged(ours, precision, own)
            rows[f"ours, {precision}"] = loss(found, own)
            if precision == "fp32" and has_torch() and AGREEMENT not in table:
                table[AGREEMENT] = _against_torch(ours, own[:2], found[:2])
        rows["int8 above fp32"] = rows["ours, int8"]["sum"] / rows["ours, fp32"]["sum"] - 1
        if papers is not None and has_torch():
            say(f"{split}: losses of the paper's model")
            theirs = fixed_excerpts(plan.data, split, ROWS, plan.losses, paper=True, styles=plan.styles)
            rows["paper's model"] = loss(_torch_judged(papers, theirs), theirs)
            rows["ours below the paper's"] = 1 - rows["ours, fp32"]["sum"] / rows["paper's model"]["sum"]
        table[split] = rows
    return table


def _torch_judged(model: Weights, events: Excerpts) -> list[NDArray[np.float32]]:
    from ripieno.models.continuation import torch_side

    return torch_side.judged(torch_side.network(model), events)


def _against_torch(model: Weights, events: Excerpts, found: list[NDArray[np.float32]]) -> float:
    """The largest difference between the logarithms of the C decoder and of PyTorch, over the notes' fields."""
    expected = _torch_judged(model, events)
    return max(
        float(np.abs(one - other)[rows[:, TYPE] == NOTE].max())
        for one, other, (rows, _) in zip(found, expected, events, strict=True)
    )


# ---- Continuations ----


def go_on(model: Weights, given: Sequence[Excerpt], plan: Plan, say: Say) -> list[Score]:
    """Continuations by ours, int8: each excerpt's given notes and what follows."""
    network, sampling = stored.network(model), plan.sampling or stored.sampling(model)
    found = []
    for index, excerpt in enumerate(given):
        if index % 50 == 0:
            say(f"ours: continuation {index} of {len(given)}")
        wish = compose.Wish(
            dict.fromkeys(excerpt.codes, (0, 127)),
            sampling=sampling,
            pull=plan.pull,
            bar_beats=excerpt.bar_beats,
            seed=plan.seed + index,
        )
        start = excerpt.given * POSITIONS
        new = compose.go_on(network, excerpt.told, start, excerpt.until, wish, excerpt.bar_tick)
        found.append(joined(excerpt.told, new))
    return found


def papers_go_on(model: Weights, given: Sequence[Excerpt], plan: Plan, say: Say) -> list[Score]:
    """Continuations by the paper's model; as many rows as it was trained on."""
    from ripieno.models.continuation import paper_play, torch_side

    network, rows = torch_side.network(model), int(model.card["training"]["rows"])
    found: dict[int, Score] = {}
    order = sorted(range(len(given)), key=lambda index: len(given[index].truth))
    for at in range(0, len(order), SIDE_BY_SIDE):
        say(f"the paper's: continuation {at} of {len(given)}")
        places = order[at : at + SIDE_BY_SIDE]
        pieces = paper_play.go_on(network, [given[place] for place in places], rows, plan.seed + at)
        found |= dict(zip(places, pieces, strict=True))
    return [found[place] for place in range(len(given))]


def measured(pieces: Sequence[Score]) -> dict[str, float]:
    """Means of the measures over pieces, and how many notes a piece has."""
    cut = [metrics.trim(piece, excerpts.BEATS) for piece in pieces]
    means = {}
    for name, measure in metrics.METRICS.items():
        values = np.array([measure(piece) for piece in cut])
        known = values[np.isfinite(values)]
        means[name] = float(known.mean()) if len(known) else float("nan")
    return means | {"notes": float(np.mean([len(piece) for piece in cut]))}


def compared(versions: dict[str, list[Score]], given: Sequence[Excerpt]) -> dict[str, Any]:
    """The second table: measures of each version (the first is the truth) of whole excerpts, and of what was written
    alone, and how far each lies from the truth."""
    table: dict[str, Any] = {}
    for what, cut in (("whole", lambda piece, _: piece), ("written", excerpts.written)):
        rows = {
            name: measured([cut(piece, excerpt.given) for piece, excerpt in zip(pieces, given, strict=True)])
            for name, pieces in versions.items()
        }
        truth = rows["truth"]
        gaps = {name: {key: abs(row[key] - truth[key]) for key in PAPER_GAPS} for name, row in rows.items()}
        table[what] = {name: {**row, "gaps": gaps[name]} for name, row in rows.items()}
    return table


# ---- Copying ----


def copied(versions: dict[str, list[Score]], given: Sequence[Excerpt], plan: Plan) -> dict[str, Any]:
    """The third table: notes of the longest run that what was written shares with any training piece."""
    collection = [piece for style in plan.styles for piece in corpus.load(style, plan.data, "train")]
    table = {}
    for name, pieces in versions.items():
        alone = [
            excerpts.written(metrics.trim(piece, excerpts.BEATS), excerpt.given)
            for piece, excerpt in zip(pieces, given, strict=True)
        ]
        runs = copying.longest_runs(alone, collection)
        table[name] = {"median": float(np.median(runs)), "95th": float(np.percentile(runs, 95)), "max": int(runs.max())}
    return table


# ---- All of it ----


def run(ours: Weights, papers: Weights | None, plan: Plan, say: Say = lambda _: None) -> dict[str, Any]:
    """Measure everything; papers: None where its weights are not there. Raises CorpusError, WeightsError."""
    began = time.monotonic()
    minutes: dict[str, float] = {}

    def timed(what: str, since: float) -> float:
        minutes[what] = (time.monotonic() - since) / 60
        return time.monotonic()

    found: dict[str, Any] = {"losses": losses(ours, papers, plan, say)}
    now = timed("losses", began)
    given = excerpts.draw(plan.data, plan.split, GIVEN, plan.each, plan.styles)
    versions = {"truth": [excerpt.truth for excerpt in given], "ours": go_on(ours, given, plan, say)}
    now = timed("ours", now)
    if papers is not None and has_torch():
        versions["paper's model"] = papers_go_on(papers, given, plan, say)
        now = timed("paper's model", now)
    found["continuations"] = {"count": len(given), "given": GIVEN, "split": plan.split, **compared(versions, given)}
    say("copying")
    found["copying"] = copied(versions, given, plan)
    timed("copying", now)
    return found | {"sampling": _sampling(ours, plan), "key pull": plan.pull, "minutes": minutes}


def _sampling(ours: Weights, plan: Plan) -> dict[str, Any]:
    return {name: asdict(one) for name, one in zip(FIELDS, plan.sampling or stored.sampling(ours), strict=True)}


def print_tables(found: dict[str, Any]) -> None:
    """Print the tables for reading."""
    _print_losses(found["losses"])
    _print_continuations(found["continuations"])
    print("\nnotes of the longest run shared with a training piece:  median   95th    max")
    for name, row in found["copying"].items():
        print(f"  {name:52}{row['median']:8.0f}{row['95th']:7.0f}{row['max']:7d}")
    spent = ", ".join(f"{name} {minutes:.1f}" for name, minutes in found["minutes"].items())
    print(f"\nminutes: {spent}")


def _print_losses(table: dict[str, Any]) -> None:
    for split in (name for name, rows in table.items() if isinstance(rows, dict)):
        rows = table[split]
        columns = (*FIELDS, "sum")
        print(f"\nlosses, nats a note, {split} ('sum' is over the paper's fields)")
        print(f"  {'':16}" + "".join(f"{name:>11}" for name in columns))
        for name, row in rows.items():
            if isinstance(row, dict):
                cells = "".join(f"{row[key]:11.4f}" if key in row else f"{'-':>11}" for key in columns)
                print(f"  {name:16}{cells}")
        print("  " + ", ".join(f"{name}: {100 * row:.2f} %" for name, row in rows.items() if isinstance(row, float)))
    for name, difference in table.items():
        if isinstance(difference, float):
            print(f"  {name}: {difference:.1e}")


def _print_continuations(table: dict[str, Any]) -> None:
    beats = " or ".join(map(str, table["given"]))
    print(
        f"\n{table['count']} continuations, {table['split']}, {beats} beats given, {excerpts.BEATS} in all (and gaps)"
    )
    head = "".join(f"{f'{name} ({RANGES[name]})':>26}" for name in PAPER_GAPS)
    for what, told in (("whole", "given and written"), ("written", "written alone")):
        print(f"  {told:24}{head}{'notes':>9}")
        for name, row in table[what].items():
            pairs = ((_scaled(key, row[key]), _scaled(key, row["gaps"][key])) for key in PAPER_GAPS)
            print(
                f"    {name:22}" + "".join(f"{f'{mean} ({gap})':>26}" for mean, gap in pairs) + f"{row['notes']:9.0f}"
            )
        gaps = (_scaled(key, gap) for key, gap in PAPER_GAPS.items())
        print(f"    {'gaps in the paper':22}" + "".join(f"{f'({gap})':>26}" for gap in gaps))


def _scaled(name: str, value: float) -> str:
    return f"{value:.3f}" if RANGES[name] == "bits" else f"{100 * value:.2f}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--data", type=Path, required=True, help="folder of the note collections")
    parser.add_argument("--weights", default="small", help="ours: a name or a .safetensors file (default: %(default)s)")
    parser.add_argument("--rival", default=f"{PAPERS}-small", help="the paper's model, likewise (default: %(default)s)")
    parser.add_argument("--split", choices=("valid", "test"), default="test")
    parser.add_argument("--quick", action="store_true", help="fewer excerpts and continuations")
    parser.add_argument("--temperature", type=float, help="of all fields, instead of the card's")
    parser.add_argument("--top-p", type=float, help="of all fields, instead of the card's")
    parser.add_argument("--key-pull", type=float, default=KEY_PULL, help="as in a preset (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the tables as JSON")


def plan_of(options: argparse.Namespace, ours: Weights) -> Plan:
    """What the command's options ask for."""
    plan = Plan(options.data, split=options.split, pull=options.key_pull)
    if options.quick:
        plan = replace(plan, each=4, losses=1)
    if options.temperature is None and options.top_p is None:
        return plan
    changes = {"temperature": options.temperature, "top_p": options.top_p}
    kept = {name: value for name, value in changes.items() if value is not None}
    return replace(plan, sampling=tuple(replace(one, **kept) for one in stored.sampling(ours)))


def command(options: argparse.Namespace) -> int:
    """Carry out the command; its exit code. Raises CorpusError and WeightsError."""
    ours = stored.read(options.weights)
    papers: Weights | None = None
    try:
        papers = stored.read(options.rival, PAPERS)
        if not has_torch():
            _say("the paper's model is left out: it needs PyTorch (pip install 'ripieno[train]')")
    except stored.WeightsError as error:
        _say(f"the paper's model is left out: {error}")
    found = run(ours, papers, plan_of(options, ours), _say)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print_tables(found)
    return 0


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
