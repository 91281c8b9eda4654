"""The C kernels against PyTorch itself, and the stored numbers against what PyTorch gives today."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch judges here: pip install torch")

from ripieno.native import lstm  # noqa: E402

_spec = importlib.util.spec_from_file_location("export_lstm", Path(__file__).with_name("export_lstm.py"))
assert _spec is not None
assert _spec.loader is not None
export_lstm = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(export_lstm)

PAPER = lstm.LstmConfig(input=49, hidden=128, layers=3, output=5, norm_epsilon=1e-3)


@pytest.fixture(autouse=True)
def restored_kernels() -> Iterator[None]:
    before = lstm.kernels()
    yield
    lstm.use_kernels(before)


@pytest.mark.parametrize("case", export_lstm.CASES)
def test_the_stored_numbers_are_pytorchs(case: str) -> None:
    network, x = export_lstm.make_case(export_lstm.CASES[case], export_lstm.NOTES)
    with np.load(export_lstm.FILE, allow_pickle=False) as stored:
        assert np.allclose(stored[f"{case}/x"], x, atol=1e-6)
        with torch.no_grad():
            assert np.allclose(stored[f"{case}/scores"], network(torch.from_numpy(x)).numpy(), atol=1e-5)
        for name, array in network.arrays().items():
            assert np.allclose(stored[f"{case}/array.{name}"], array, atol=1e-6), name


@pytest.mark.parametrize("kernels", lstm.available_kernels())
def test_a_network_of_the_papers_size_scores_as_pytorch(kernels: str) -> None:
    network, x = export_lstm.make_case(PAPER, 1000)
    with torch.no_grad():
        expected = network(torch.from_numpy(x)).numpy()
    lstm.use_kernels(kernels)
    for precision, allowed in {"fp32": 1e-4, "16": 5e-3, "8": 0.15}.items():
        scores = lstm.Lstm(network.arrays(), PAPER, precision).run(x)
        assert np.abs(scores - expected).max() < allowed, precision
