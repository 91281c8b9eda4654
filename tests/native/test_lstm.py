"""The LSTM's Python face, judged by numbers that PyTorch gave (tests/train/export_lstm.py wrote them)."""

import gc
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ripieno.native import lstm

DATA = Path(__file__).parent / "data" / "lstm_torch.npz"
CASES = ("stack", "head", "plain", "skip")
ALLOWED = {"fp32": 1e-5, "16": 2e-3, "8": 4e-2}


def stored(case: str) -> tuple[lstm.LstmConfig, dict[str, Any], Any, Any]:
    """Configuration, arrays, notes and scores of one case."""
    with np.load(DATA, allow_pickle=False) as file:
        parts = {key.split("/", 1)[1]: file[key] for key in file.files if key.startswith(f"{case}/")}
    config = lstm.LstmConfig(**{field.name: parts[f"config.{field.name}"].item() for field in fields(lstm.LstmConfig)})
    arrays = {key.removeprefix("array."): value for key, value in parts.items() if key.startswith("array.")}
    return config, arrays, parts["x"], parts["scores"]


@pytest.fixture(autouse=True)
def restored_kernels() -> Iterator[None]:
    before = lstm.kernels()
    yield
    lstm.use_kernels(before)


@pytest.mark.parametrize("precision", lstm.PRECISIONS)
@pytest.mark.parametrize("kernels", lstm.available_kernels())
@pytest.mark.parametrize("case", CASES)
def test_scores_are_pytorchs(case: str, kernels: str, precision: str) -> None:
    config, arrays, x, expected = stored(case)
    lstm.use_kernels(kernels)
    scores = lstm.Lstm(arrays, config, precision).run(x)
    assert np.abs(scores - expected).max() < ALLOWED[precision]


def test_steps_and_runs_and_timed_runs_are_one_and_the_same() -> None:
    config, arrays, x, _ = stored("head")
    network = lstm.Lstm(arrays, config)
    run = network.run(x)
    network.reset()
    assert np.array_equal(np.stack([network.step(note) for note in x]), run)
    network.reset()
    timed, nanoseconds = network.time(x)
    assert np.array_equal(timed, run)
    assert nanoseconds.sum() > 0


def test_the_state_goes_on_until_reset() -> None:
    config, arrays, x, expected = stored("stack")
    network = lstm.Lstm(arrays, config)
    network.run(x[:10])
    assert np.allclose(network.run(x[10:]), expected[10:], atol=1e-5)
    assert not np.allclose(network.run(x), expected, atol=1e-3)
    network.reset()
    assert np.allclose(network.run(x), expected, atol=1e-5)


def test_no_notes_give_no_scores() -> None:
    config, arrays, x, expected = stored("plain")
    network = lstm.Lstm(arrays, config)
    assert network.run(np.zeros((0, config.input))).shape == (0, config.output)
    assert np.allclose(network.run(x), expected, atol=1e-5)


def test_the_arrays_are_copied() -> None:
    config, arrays, x, expected = stored("stack")
    network = lstm.Lstm({name: array.astype(np.float64) for name, array in arrays.items()}, config)
    for array in arrays.values():
        array[:] = np.nan
    del arrays
    gc.collect()
    assert np.allclose(network.run(x), expected, atol=1e-5)


def test_every_wrong_array_is_told_at_once() -> None:
    config, arrays, _, _ = stored("head")
    arrays["lstm.1.w_hh"] = np.zeros((3, 4))
    del arrays["output.bias"]
    arrays["lstm.7.w_ih"] = np.zeros(2)
    with pytest.raises(ValueError, match="the weights do not fit") as told:
        lstm.Lstm(arrays, config)
    for part in ("lstm.1.w_hh: [3, 4], expected [80, 20]", "output.bias: missing", "lstm.7.w_ih: not a part"):
        assert part in str(told.value)


def test_wrong_notes_precisions_and_kernels_are_told() -> None:
    config, arrays, _, _ = stored("plain")
    network = lstm.Lstm(arrays, config)
    with pytest.raises(ValueError, match=r"\[n, 5\]"):
        network.run(np.zeros((3, 6)))
    with pytest.raises(ValueError, match="fp32, 16, 8"):
        lstm.Lstm(arrays, config, "4")
    with pytest.raises(ValueError, match="generic"):
        lstm.use_kernels("abacus")


def test_a_shape_the_kernels_do_not_take_is_refused() -> None:
    config = lstm.LstmConfig(input=1, hidden=1, layers=65, output=1)
    with pytest.raises(MemoryError):
        lstm.Lstm({name: np.zeros(shape) for name, shape in config.shapes().items()}, config)


@pytest.mark.parametrize("precision", lstm.PRECISIONS)
@pytest.mark.parametrize("kernels", lstm.available_kernels())
def test_a_number_that_is_none_reaches_the_scores(kernels: str, precision: str) -> None:
    config, arrays, x, _ = stored("head")
    lstm.use_kernels(kernels)
    network = lstm.Lstm(arrays, config, precision)
    note = x[0].copy()
    note[3] = np.nan
    assert np.isnan(network.step(note)).all()
    network.reset()
    assert np.isfinite(network.step(x[0])).all()
