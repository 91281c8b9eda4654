"""Benchmarks in parts: each part is there."""

from importlib import import_module

import pytest

from ripieno.daemon.bench.parts import IN_PARTS, Parts


@pytest.mark.parametrize("bench", IN_PARTS.values(), ids=list(IN_PARTS))
def test_every_part_can_be_loaded(bench: Parts) -> None:
    for name in bench.parts:
        assert callable(import_module(f"ripieno.daemon.bench.{bench.bench}_{name}").run)
    assert {*bench.usual, *bench.takes} <= set(bench.parts)
    assert not {*bench.usual} & {*bench.takes}
