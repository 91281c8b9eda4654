"""The transformer in C against PyTorch, here and now."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch judges here: pip install torch")

from ripieno.models.continuation.network import Network, Shape  # noqa: E402
from ripieno.native import lstm  # noqa: E402
from ripieno.native.transformer import FIELDS, Decoder, Transformer, TransformerConfig  # noqa: E402

_spec = importlib.util.spec_from_file_location("export_transformer", Path(__file__).with_name("export_transformer.py"))
assert _spec is not None
assert _spec.loader is not None
export: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(export)

SHAPES = {
    "tiny": Shape(64, 2, 2, 128, 32),
    "odd": Shape(48, 1, 3, 80, 48),
    "deep": Shape(128, 5, 2, 256, 64),
}
ALLOWED = 1e-4


def in_c(network: Network, precision: str = "fp32") -> Transformer:
    """The same network for the C kernels."""
    shape = network.shape
    config = TransformerConfig(shape.dim, shape.layers, shape.heads, shape.hidden, shape.field)
    return Transformer({name: value.numpy() for name, value in network.state_dict().items()}, config, precision)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("block", [1, 7, 16, 1000])
def test_scores_are_pytorchs(name: str, block: int) -> None:
    network = export.make_network(SHAPES[name], seed=3)
    events, ticks = export.make_piece(200, seed=4)
    expected = export.torch_scores(network, events, ticks)
    decoder = Decoder(in_c(network), len(events))
    for row in range(1, len(events)):
        if (row - 1) % block == 0:
            decoder.rewind(0)
            decoder.absorb(events[:row], ticks[:row])
        else:
            decoder.absorb(events[row - 1 : row], ticks[row - 1 : row])
        for field in range(FIELDS):
            scores = decoder.scores(field, events[row], int(ticks[row]))
            assert np.abs(scores - expected[field][row - 1]).max() < ALLOWED, (row, field)


def test_nothing_is_lost_when_the_clock_has_run_for_days() -> None:
    network = export.make_network(SHAPES["tiny"])
    events, ticks = export.make_piece(100)
    expected = export.torch_scores(network, events, ticks)
    decoder = Decoder(in_c(network), len(events))
    late = ticks + 12 * 10**9
    decoder.absorb(events[:-2], late[:-2])
    for field in range(FIELDS):
        scores = decoder.scores(field, events[-2], int(late[-2]))
        assert np.abs(scores - expected[field][-2]).max() < ALLOWED


def test_the_stored_numbers_are_todays() -> None:
    network, (events, ticks) = export.make_network(export.SHAPE), export.make_piece(export.NOTES)
    with np.load(export.FILE, allow_pickle=False) as stored:
        assert np.array_equal(stored["events"], events)
        for name, value in network.state_dict().items():
            assert np.allclose(stored[f"array.{name}"], value.numpy(), atol=2e-3), name
        for field, scores in enumerate(export.torch_scores(network, events, ticks)):
            assert np.allclose(stored[f"scores.{field}"], scores, atol=ALLOWED), field


@pytest.mark.parametrize("kernels", lstm.available_kernels())
def test_eight_bits_choose_as_floats_do(kernels: str) -> None:
    before = lstm.kernels()
    lstm.use_kernels(kernels)
    try:
        network = export.make_network(SHAPES["deep"], seed=5)
        events, ticks = export.make_piece(150, seed=6)
        judged = [Decoder(in_c(network, precision), len(events)).judge(events, ticks) for precision in ("fp32", "int8")]
        assert np.abs(judged[1] - judged[0]).mean() < 0.03 * np.abs(judged[0]).mean()
    finally:
        lstm.use_kernels(before)
