"""The whole singer: PyTorch block by block, PyTorch all at once, and C sing the same."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from needs import needs

needs("torch")
import torch  # noqa: E402

from ripieno.models.singing import stored, stream, torch_side  # noqa: E402
from ripieno.models.singing.frames import SILENT  # noqa: E402
from ripieno.models.singing.rollout import Manner  # noqa: E402
from ripieno.native import singer, vocoder  # noqa: E402

_spec = importlib.util.spec_from_file_location("export_singer", Path(__file__).with_name("export_singer.py"))
assert _spec is not None
assert _spec.loader is not None
export: Any = importlib.util.module_from_spec(_spec)
sys.modules["export_singer"] = export
_spec.loader.exec_module(export)

BLOCKS, VOICE, RATE = 250, 2, 24_000
MANNER = Manner(guidance=2.0, temperature=0.0, activity=0.4, low=50, high=79)
PARTS = ("f0", "level", "envelope", "aperiodicity")


def networks(seed: int) -> stream.Networks:
    """Random ones that sing, breathe and rest in turn, and are loud."""
    made = export.make_networks(seed)
    with torch.no_grad():
        made.line.phonation_scores.weight.mul_(4.0)
        made.line.phonation_scores.bias.copy_(torch.tensor([0.3, 0.2, -0.6, 0.6]))
        made.delivery.scores[0].bias.copy_(-((torch.arange(48) - 38) / 8.0).square())
        for field in (0, -1):
            made.delivery.scores[field].weight.mul_(3.0)
    return stream.Networks(made.line, made.delivery, made.codec)


@pytest.fixture(scope="module", params=[3, 12])
def sung(request: pytest.FixtureRequest) -> tuple[stream.Networks, np.ndarray, stream.Voiced]:
    made, rows = networks(request.param), export.make_rows(BLOCKS, request.param)
    greedy = [stream.GREEDY] * len(made.delivery.shape.sizes)
    return made, rows, stream.stream(made, rows, MANNER, greedy, VOICE)


def test_all_that_can_happen_does(sung: tuple[stream.Networks, np.ndarray, stream.Voiced]) -> None:
    """Else the tests below would say little: it also sings for longer than either window."""
    _, _, voiced = sung
    assert set(voiced.line[:, 0]) == {0, 1, 2, 3}
    assert len(set(voiced.line[:, 2])) > 3
    assert all(len(set(column)) > 3 for column in voiced.said.T)
    assert (voiced.frames["f0"] == 0).any()
    assert max(export.LINE.window, export.DELIVERY.window) * 4 < BLOCKS


def test_all_at_once_is_block_by_block(sung: tuple[stream.Networks, np.ndarray, stream.Voiced]) -> None:
    made, rows, voiced = sung
    whole = stream.at_once(made, rows, MANNER, voiced, VOICE)
    assert np.array_equal(whole.line, voiced.line)
    assert np.array_equal(whole.said, voiced.said)
    for part in PARTS:
        assert np.allclose(whole.frames[part], voiced.frames[part], atol=1e-4)


def test_c_is_block_by_block(sung: tuple[stream.Networks, np.ndarray, stream.Voiced]) -> None:
    """Tokens exactly, and audio within 1e-4 (that the synth is right is test_vocoder.py's)."""
    made, rows, voiced = sung
    shapes = (singer.TowerShape(one.heads, one.window) for one in (export.LINE, export.DELIVERY))
    weights = singer.SingerWeights(export.arrays(made), singer.SingerShape(*shapes))
    controls = {"follow": 2.0, "activity": 0.4, "low": 50, "high": 79, "voice": VOICE, "temperature": 0, "vibrato": 0}
    found = singer.Singer(weights).run(rows, **controls)
    said = np.column_stack([found["loudness"], found["code"][:, : made.codec.shape.stages], found["deviation"]])
    assert np.array_equal(found["phonation"], voiced.line[:, 0])
    assert np.array_equal(found["note"], voiced.line[:, 2])
    assert np.array_equal(said, voiced.said)
    heard = voiced.frames["level"] > SILENT
    for part in PARTS:
        assert np.allclose(singer.frames(found)[part][heard], voiced.frames[part][heard], atol=1e-3)
    assert_same_sound(found, voiced)


def assert_same_sound(found: np.ndarray, voiced: stream.Voiced) -> None:
    wave, judge = (vocoder.sing(frames, RATE) for frames in (singer.frames(found), voiced.frames))
    assert np.abs(judge).max() > 0.01
    assert np.abs(wave - judge).max() < 1e-4


def test_the_shipped_singer_is_the_same_three_times() -> None:
    """Notes are made likelier than they are: the likeliest is mostly to stay silent."""
    model = stored.read()
    likelier = np.array([0.0, 0.0, 4.0, 0.0], np.float16)
    model.arrays["line.phonation_scores.bias"] = model.arrays["line.phonation_scores.bias"] + likelier
    made, rows = torch_side.networks(model), export.make_rows(200)
    manner = Manner(guidance=4.0, temperature=0.0, activity=1.0, low=36, high=83)
    voiced = stream.stream(made, rows, manner, [stream.GREEDY] * len(made.delivery.shape.sizes))
    whole = stream.at_once(made, rows, manner, voiced)
    assert np.array_equal(whole.line, voiced.line)
    assert np.array_equal(whole.said, voiced.said)
    controls = {"follow": 4.0, "activity": 1.0, "low": 36, "high": 83, "voice": 0, "temperature": 0, "vibrato": 0}
    found = singer.Singer(stored.weights(model)).run(rows, **controls)
    assert np.array_equal(found["phonation"], voiced.line[:, 0])
    assert np.array_equal(np.column_stack([found["loudness"], found["code"], found["deviation"]]), voiced.said)
    assert_same_sound(found, voiced)
