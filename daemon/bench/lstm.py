"""How long one note takes in the LSTM of the paper's size, and whether its answers are right: `ripieno bench lstm`.

The network is the trained LSTM of Dong et al. 2021 that ships with Ripieno (49 inputs, 3 x 128, layer normalisation
after each); the notes are a made-up chorale, four voices that wander. One thread; each rival steps note by note.
"""

import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.daemon.bench import lstm_rivals
from ripieno.daemon.bench.lstm_rivals import Arrays, Floats
from ripieno.daemon.errors import UserError
from ripieno.daemon.progress import Progress
from ripieno.models.collection import TICKS_PER_QUARTER, CorpusError
from ripieno.models.instrumentation import paper_weights
from ripieno.models.instrumentation.paper_infer import PaperModel
from ripieno.models.instrumentation.paper_inputs import Notes
from ripieno.native import lstm

MODEL = "chorales-lstm-written"
NOTES, RIVAL_NOTES, REPEATS = 20_000, 3_000, 3
NORM_EPSILON = 1e-3
_TORCH_NAMES = {"w_ih": "weight_ih_l0", "w_hh": "weight_hh_l0", "b_ih": "bias_ih_l0", "b_hh": "bias_hh_l0"}
_RANGES = ((60, 81), (53, 74), (48, 69), (36, 60))  # soprano, alto, tenor, bass


@dataclass(frozen=True)
class Row:
    """One contender. Microseconds a note; its scores and labels against PyTorch's (or plain C's without torch)."""

    name: str
    ours: bool
    notes: int
    median_us: float
    p99_us: float
    largest_difference: float
    labels_same: float


def wandering_chorale(notes: int, seed: int = 0) -> Notes:
    """Four voices that step at random in their ranges, two chords a beat, low to high as the paper orders them."""
    rng = np.random.default_rng(seed)
    chords = -(-notes // len(_RANGES))
    voices = []
    for lowest, highest in _RANGES:
        walk = rng.integers(lowest, highest) + np.cumsum(rng.integers(-2, 3, chords))
        span = highest - lowest
        voices.append(lowest + np.abs((walk - lowest) % (2 * span) - span))  # the range's ends reflect
    pitch = np.sort(np.stack(voices, axis=1), axis=1).reshape(-1)[:notes].astype(np.int64)
    tick = np.repeat(np.arange(chords) * (TICKS_PER_QUARTER // 2), len(_RANGES))[:notes]
    none = np.zeros(notes, np.int64)
    return Notes(
        pitch=pitch,
        beat=tick // TICKS_PER_QUARTER,
        position=tick % TICKS_PER_QUARTER,
        entry=np.zeros((notes, len(_RANGES)), np.int8),
        centre=np.zeros(len(_RANGES), np.int64),
        label=none,
        note=none,
    )


def network(folder: Path = paper_weights.FOLDER) -> tuple[lstm.LstmConfig, Arrays, PaperModel]:
    """The shipped network by our names, and the model that embeds its notes."""
    model = PaperModel(MODEL, folder)
    arrays = {name: model.weights[name] for name in ("output.weight", "output.bias")}
    layers = sum(name.startswith("norms.") and name.endswith(".weight") for name in model.weights)
    for index in range(layers):
        arrays |= {
            f"lstm.{index}.{ours}": model.weights[f"layers.{index}.{theirs}"] for ours, theirs in _TORCH_NAMES.items()
        }
        arrays |= {f"lstm.{index}.norm_{kind}": model.weights[f"norms.{index}.{kind}"] for kind in ("weight", "bias")}
    outputs, hidden = arrays["output.weight"].shape
    width = arrays["lstm.0.w_ih"].shape[1]
    return lstm.LstmConfig(width, hidden, layers, outputs, norm_epsilon=NORM_EPSILON), arrays, model


def run(json: bool = False, notes: int = NOTES, folder: Path = paper_weights.FOLDER) -> dict[str, Any]:
    """Measure; print a table unless `json`. UserError: the weights are missing."""
    try:
        config, arrays, model = network(folder)
    except CorpusError as error:
        raise UserError(str(error)) from error
    x = model.embed(wandering_chorale(notes))
    expected, judge = _reference(arrays, config, x)
    with Progress("LSTM, note by note") as progress:
        rows, missing = _rivals(arrays, config, x, expected, progress)
        rows += _ours(arrays, config, x, expected, progress)
    result = {
        "machine": _processor(),
        "network": asdict(config) | {"weights": MODEL},
        "judge": judge,
        "rows": [asdict(row) for row in rows],
        "missing": missing,
    }
    if not json:
        print_table(result)
    return result


def _processor() -> str:
    """What the machine calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _reference(arrays: Arrays, config: lstm.LstmConfig, x: Floats) -> tuple[Floats, str]:
    """The scores that all others are held against, and whose they are."""
    try:
        judge = lstm_rivals.Torch(arrays, config)
        return judge.run(x), judge.name
    except ImportError:
        before = lstm.kernels()
        lstm.use_kernels("generic")
        scores = lstm.Lstm(arrays, config).run(x)
        lstm.use_kernels(before)
        return scores, "plain C"


def _rivals(
    arrays: Arrays, config: lstm.LstmConfig, x: Floats, expected: Floats, progress: Progress
) -> tuple[list[Row], dict[str, str]]:
    """A row for each rival that is installed, and for the others how to get them."""
    rows, missing = [], {}
    x = x[:RIVAL_NOTES]
    for index, (module, (make, remedy)) in enumerate(lstm_rivals.RIVALS.items()):
        try:
            rival = make(arrays, config)
        except ImportError:
            missing[module] = remedy
            continue
        scores, nanoseconds = lstm_rivals.timed(rival, x)
        rows.append(_row(rival.name, False, scores, nanoseconds, expected[: len(x)]))
        progress(0.4 * (index + 1))
    return rows, missing


def _ours(arrays: Arrays, config: lstm.LstmConfig, x: Floats, expected: Floats, progress: Progress) -> list[Row]:
    """A row for each instruction set and precision; repeats take turns, so that a busy moment hits all."""
    before = lstm.kernels()
    networks: dict[str, lstm.Lstm] = {}
    for kernels in lstm.available_kernels():
        lstm.use_kernels(kernels)
        for precision in lstm.PRECISIONS:
            held = precision if precision == "fp32" else f"{precision} bits"
            networks[f"Ripieno {kernels}, {held}"] = lstm.Lstm(arrays, config, precision)
    lstm.use_kernels(before)
    taken: dict[str, list[NDArray[np.uint32]]] = {name: [] for name in networks}
    scores: dict[str, Floats] = {}
    for repeat in range(REPEATS):
        for name, made in networks.items():
            made.reset()
            scores[name], nanoseconds = made.time(x)
            taken[name].append(nanoseconds)
        progress(0.8 + 0.2 * (repeat + 1) / REPEATS)
    return [_row(name, True, scores[name], np.concatenate(taken[name]), expected) for name in networks]


def _row(name: str, ours: bool, scores: Floats, nanoseconds: NDArray[Any], expected: Floats) -> Row:
    median, p99 = np.percentile(nanoseconds, [50, 99]) / 1000.0
    return Row(
        name=name,
        ours=ours,
        notes=len(scores),
        median_us=round(float(median), 2),
        p99_us=round(float(p99), 2),
        largest_difference=float(np.abs(scores - expected).max()),
        labels_same=float((scores.argmax(axis=1) == expected.argmax(axis=1)).mean()),
    )


def print_table(result: dict[str, Any]) -> None:
    """The result as text."""
    shape, rows = result["network"], result["rows"]
    print(
        f"LSTM {shape['layers']} x {shape['hidden']}, {shape['input']} inputs, layer normalisation after each; "
        f"one thread; {result['machine']}"
    )
    print(f"scores and labels against {result['judge']}\n")
    best = min(row["median_us"] for row in rows if row["ours"])
    print(f"{'':34} {'median':>9} {'99 %':>9} {'of best':>8} {'score off by':>13} {'labels same':>12}")
    for row in rows:
        print(
            f"{row['name']:34} {row['median_us']:6.1f} µs {row['p99_us']:6.1f} µs {row['median_us'] / best:7.1f}x "
            f"{row['largest_difference']:13.1e} {row['labels_same']:12.3%}"
        )
    for module, remedy in result["missing"].items():
        print(f"{module} is not installed, so it was not measured: {remedy}")
