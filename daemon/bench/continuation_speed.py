"""Notes a second of the continuation's network, sampling included, beside PyTorch, in one run and on one thread.

The network has the size of the Multitrack Music Transformer (Dong et al., ICASSP 2023; 20 M parameters) and random
weights: what is chosen is nonsense, what it costs is not. All take turns, so that a busy moment hits all, and each
note is timed by itself.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.daemon.bench import continuation_rivals
from ripieno.daemon.bench.continuation_rivals import Arrays, Contender
from ripieno.daemon.progress import Progress
from ripieno.models.continuation import representation
from ripieno.models.continuation.representation import Events, Ticks
from ripieno.native.lstm import kernels
from ripieno.native.transformer import FIELDS, Choice, Decoder, Sampling, Transformer, TransformerConfig

PAPER_SIZE = TransformerConfig(512, 6, 8, 2048, 256)
CONTEXTS = (64, 256, 1024)
ROUNDS, NOTES_A_ROUND = 12, 16
ROLL_BACKS, ROLLED = 200, 8  # as many notes are heard again, and one more
_SAMPLING = (Sampling(1.0, 0.95),) * FIELDS


@dataclass(frozen=True)
class Row:
    """One contender at one context; microseconds a note."""

    name: str
    context: int
    notes: int
    median_us: float
    p99_us: float
    notes_a_second: float


def random_arrays(config: TransformerConfig, seed: int = 1) -> Arrays:
    """Weights that nobody taught, by the names of `config.shapes()`, of about the size that training begins with."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, NDArray[np.float32]] = {}
    for name, shape in config.shapes().items():
        spread = 0.3 if name.split(".")[0] in ("embed", "known", "recall", "outlook") else 0.02
        plain = len(shape) == 1 or "norm" in name
        middle = 1.0 if "norm" in name else 0.0
        arrays[name] = np.full(shape, middle, np.float32) if plain else _normal(rng, shape, spread)
    return arrays


def _normal(rng: np.random.Generator, shape: tuple[int, ...], spread: float) -> NDArray[np.float32]:
    return rng.standard_normal(shape, np.float32) * np.float32(spread)


def random_piece(notes: int, seed: int = 1) -> tuple[Events, Ticks]:
    """Events [rows, 8] and ticks [rows] of chance: a piano, a violin, a cello and drums."""
    rng = np.random.default_rng(seed)
    piece = representation.score(
        np.cumsum(rng.integers(0, 7, notes)),
        rng.integers(1, 60, notes),
        rng.choice([1, 27, 29, 65], notes),
        rng.integers(30, 90, notes),
        rng.integers(1, 128, notes),
    )
    return representation.encode(piece)


class Ours:
    """The C kernels in one precision."""

    slow = False

    def __init__(self, arrays: Arrays, config: TransformerConfig, precision: str) -> None:
        self.name = f"Ripieno, {precision}"
        self.transformer = Transformer(arrays, config, precision)

    def prepare(self, events: Events, ticks: Ticks) -> None:
        self.decoder = Decoder(self.transformer, len(events) + NOTES_A_ROUND)
        self.decoder.absorb(events, ticks)
        self.length, self.last, self.seed = len(events), (events[-1], int(ticks[-1])), 0
        self.back()

    def back(self) -> None:
        self.decoder.rewind(self.length)
        self.choice = Choice(_SAMPLING)
        self.choice.follow(*self.last)

    def step(self) -> None:
        self.seed += 1
        self.decoder.generate(self.choice, self.seed, room=1)


def time_notes(contender: Contender, notes: int) -> list[int]:
    """Nanoseconds of each note, from the prepared context on."""
    found = []
    contender.back()
    for _ in range(notes):
        begun = time.perf_counter_ns()
        contender.step()
        found.append(time.perf_counter_ns() - begun)
    return found


def race(contenders: Sequence[Contender], context: int, progress: Progress, done: float, share: float) -> list[Row]:
    """Everybody at one context, in turns. A slow one takes fewer, but always some."""
    events, ticks = random_piece(context)
    taken: dict[str, list[int]] = {}
    for contender in contenders:
        contender.prepare(events[:context], ticks[:context])
        taken[contender.name] = []
    for turn in range(ROUNDS):
        for contender in contenders:
            if contender.slow:
                if turn % (ROUNDS // 3) == 0:
                    taken[contender.name] += time_notes(contender, 1)
            else:
                taken[contender.name] += time_notes(contender, NOTES_A_ROUND)
        progress(done + share * (turn + 1) / ROUNDS)
    return [_row(name, context, np.array(nanoseconds)) for name, nanoseconds in taken.items()]


def _row(name: str, context: int, nanoseconds: NDArray[Any]) -> Row:
    median, p99 = np.percentile(nanoseconds, [50, 99]) / 1000.0
    return Row(name, context, len(nanoseconds), round(median, 1), round(p99, 1), round(1e6 / median, 2))


def roll_back(ours: Ours, context: int = 1000) -> dict[str, Any]:
    """A note heard while so many events are in the context, for which 8 notes are heard again: milliseconds."""
    events, ticks = random_piece(context)
    ours.prepare(events[:context], ticks[:context])
    begin, found = context - ROLLED - 1, []
    for _ in range(ROLL_BACKS):
        begun = time.perf_counter_ns()
        ours.decoder.rewind(begin)
        ours.decoder.absorb(events[begin:context], ticks[begin:context])
        found.append((time.perf_counter_ns() - begun) / 1e6)
    median, p99 = np.percentile(found, [50, 99])
    return {"context": context, "events": ROLLED + 1, "median_ms": round(median, 3), "p99_ms": round(p99, 3)}


def ratios(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """How many times faster ours are than each rival, at each context, by the medians."""
    ours = [row for row in rows if row.name.startswith("Ripieno")]
    return [
        {
            "ours": mine.name,
            "rival": row.name,
            "context": row.context,
            "times": round(row.median_us / mine.median_us, 2),
        }
        for row in rows
        for mine in ours
        if row not in ours and row.context == mine.context
    ]


def measure(config: TransformerConfig = PAPER_SIZE, contexts: Sequence[int] = CONTEXTS) -> dict[str, Any]:
    """The race and its ratios, as JSON has it."""
    arrays = random_arrays(config)
    ours = [Ours(arrays, config, precision) for precision in ("int8", "fp32")]
    rivals, missing = continuation_rivals.rivals(arrays, config)
    rows: list[Row] = []
    with Progress("continuation, note by note") as progress:
        for index, context in enumerate(contexts):
            rows += race([*ours, *rivals], context, progress, index / len(contexts), 1 / len(contexts))
        rolled = roll_back(ours[0])
    return {
        "parameters": sum(array.size for array in arrays.values()),
        "kernels": kernels(),
        "rows": [asdict(row) for row in rows],
        "ratios": ratios(rows),
        "roll_back": rolled,
        "missing": missing,
    }


def print_table(result: dict[str, Any]) -> None:
    """The result as text."""
    print(f"{result['parameters'] / 1e6:.1f} M parameters, random; one thread, {result['kernels']}; sampling included")
    print(f"{'':44} {'context':>8} {'median':>11} {'99 %':>11} {'notes/s':>9}")
    for row in result["rows"]:
        print(
            f"{row['name']:44} {row['context']:8} {row['median_us']:8.0f} µs {row['p99_us']:8.0f} µs "
            f"{row['notes_a_second']:9.2f}"
        )
    for one in result["ratios"]:
        print(f"{one['ours']} at {one['context']}: {one['times']:.2f} x {one['rival']}")
    one = result["roll_back"]
    print(
        f"a note heard at {one['context']} events, {one['events'] - 1} heard again (int8): "
        f"median {one['median_ms']:.2f} ms, 99 % {one['p99_ms']:.2f} ms"
    )
    for module, remedy in result["missing"].items():
        print(f"{module} is not installed, so it was not measured: {remedy}")


def run(as_json: bool) -> dict[str, Any]:
    """Measure and tell."""
    result = measure()
    if not as_json:
        print_table(result)
    return result
