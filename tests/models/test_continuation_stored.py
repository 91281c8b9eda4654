"""Weights of the continuation: read back as they were written, or refused with what is wrong and what to do."""

from pathlib import Path

import numpy as np
import pytest
import tiny

from ripieno.models.continuation import stored
from ripieno.models.continuation.sampling import DEFAULT
from ripieno.models.continuation.stored import WeightsError
from ripieno.native.transformer import Decoder, Sampling


def test_what_was_written_is_played(tmp_path: Path) -> None:
    path = tiny.write(tmp_path / "mine.safetensors", seed=3)
    found = stored.read(path)
    for name, value in tiny.arrays(3).items():
        assert found.arrays[name] == pytest.approx(value, abs=4e-3), name
    network = stored.load(path, "fp32")
    assert network.config == tiny.SHAPE
    decoder = Decoder(network, 4)
    decoder.absorb(np.zeros((1, 8)), np.zeros(1))
    assert np.isfinite(decoder.scores(0, np.zeros(8))).all()
    assert stored.sampling(found) == (Sampling(1.0, 0.98),) * 7


def test_every_field_has_a_sampling_that_leaves_a_choice() -> None:
    assert list(DEFAULT) == list(stored.FIELDS)
    for field, one in DEFAULT.items():
        assert 0.5 <= one.temperature <= 1.2, field
        assert 0.5 <= one.top_p <= 1.0, field


def test_what_is_missing_cut_short_or_another_version_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.json: no such card: give a \.safetensors path"):
        stored.load(tmp_path / "none.safetensors")
    path = tiny.write(tmp_path / "a.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"a\.safetensors: cut short"):
        stored.load(path)
    path.unlink()
    with pytest.raises(WeightsError, match=r"a\.safetensors: cannot be read"):
        stored.load(path)
    with pytest.raises(WeightsError, match="format 2, this program reads 1: train it again"):
        stored.load(tiny.write(tmp_path / "b.safetensors", format=2))
    with pytest.raises(WeightsError, match="its events have other fields"):
        stored.load(tiny.write(tmp_path / "c.safetensors", events={"fields": {}, "marks": 3}))
    with pytest.raises(WeightsError, match="a network 'mmt' where 'ours' is needed"):
        stored.load(tiny.write(tmp_path / "d.safetensors", model="mmt"))


def test_shapes_that_do_not_fit_are_all_told(tmp_path: Path) -> None:
    shape = {"dim": 64, "layers": 2, "heads": 2, "hidden": 144, "field": 32}
    with pytest.raises(WeightsError, match=r"blocks\.0\.expand.*blocks\.1\.contract.*train it again"):
        stored.load(tiny.write(tmp_path / "a.safetensors", shape=shape))
    with pytest.raises(WeightsError, match="train it again"):
        stored.load(tiny.write(tmp_path / "b.safetensors", shape={"width": 64}))
    with pytest.raises(WeightsError, match="sampling"):
        stored.sampling(stored.read(tiny.write(tmp_path / "c.safetensors", sampling={"pitch": {}})))


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = tiny.write(tmp_path / "a.safetensors", broken=True)
    with pytest.raises(WeightsError, match="no numbers"):
        stored.load(path)


@pytest.mark.parametrize("name", stored.shipped())
def test_shipped_weights_are_whole_and_say_where_they_come_from(name: str) -> None:
    found = stored.read(name)
    stored.network(found)
    stored.sampling(found)
    assert found.card["name"] == name
    assert found.card["parameters"] == sum(value.size for value in found.arrays.values())
    for style, heard in found.card["data"].items():
        assert heard["pieces"] > 0, style
        assert heard["licences"], style
    assert found.path.stat().st_size < 20e6
