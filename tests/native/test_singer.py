"""The singer in C against what PyTorch sang (tests/train/export_singer.py), and its face."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ripieno.native import piano, singer
from ripieno.native.lstm import available_kernels, kernels, use_kernels
from ripieno.native.singer import NEUTRAL, SingerShape, SingerWeights, TowerShape

DATA = np.load(Path(__file__).parent / "data" / "singer_torch.npz")
ROWS = DATA["rows"].astype(np.float32)
ARRAYS = {name.removeprefix("array."): DATA[name] for name in DATA.files if name.startswith("array.")}
HEADS = [int(one) for one in DATA["config.windows"]]
SHAPE = SingerShape(TowerShape(*HEADS[:2]), TowerShape(*HEADS[2:]))
TOLD = ("voice", "follow", "activity", "low", "high")
AS_TORCH = {**NEUTRAL, **dict(zip(TOLD, DATA["config.controls"].tolist(), strict=True)), "temperature": 0.0}
SUSTAIN, REST = 3, 0


@pytest.fixture(scope="module")
def weights() -> SingerWeights:
    return SingerWeights(ARRAYS, SHAPE)


def sing(weights: SingerWeights, rows: NDArray[Any] = ROWS, **values: float) -> NDArray[Any]:
    return singer.Singer(weights).run(rows, **values)


def resting(blocks: int, after_ms: int = 0) -> NDArray[Any]:
    """Rows of a piano where one chord is struck and released at once, then nothing."""
    chord = piano.events_of([0] * 3, [after_ms + 1] * 3, [60, 64, 67], [80] * 3)
    return piano.rows(chord, blocks, first=1)


def test_it_sings_what_pytorch_sings(weights: SingerWeights) -> None:
    sung = sing(weights, **AS_TORCH)
    line = np.stack([sung["phonation"], sung["age"], sung["note"]], -1)
    np.testing.assert_array_equal(line, DATA["line"][:, :3])
    codes = weights.codes
    said = np.concatenate([sung["loudness"][:, None], sung["code"][:, :codes], sung["deviation"][:, None]], 1)
    np.testing.assert_array_equal(said, DATA["said"])
    for part in ("f0", "level", "envelope", "aperiodicity"):
        np.testing.assert_allclose(sung["frame"][part].reshape(len(sung), 2, -1), DATA[part], atol=1e-4)


def test_every_instruction_set_sings_the_same() -> None:
    usual = kernels()
    try:
        for name in available_kernels():
            use_kernels(name)
            sung = sing(SingerWeights(ARRAYS, SHAPE), **AS_TORCH)
            np.testing.assert_array_equal(sung["note"], DATA["line"][:, 2], err_msg=name)
            np.testing.assert_array_equal(sung["loudness"], DATA["said"][:, 0], err_msg=name)
    finally:
        use_kernels(usual)


def test_the_same_seed_gives_the_same_bytes(weights: SingerWeights) -> None:
    one = singer.Singer(weights)
    first = one.run(ROWS, seed=7).tobytes()
    one.reset()
    assert one.run(ROWS, seed=7).tobytes() == first
    one.reset()
    halves = one.run(ROWS[:100], seed=7).tobytes() + one.run(ROWS[100:], seed=7).tobytes()
    assert halves == first
    assert sing(weights, seed=8).tobytes() != first


def test_flags_tell_when_notes_begin_and_end(weights: SingerWeights) -> None:
    sung = sing(weights, seed=3)
    sings = sung["phonation"] >= 2
    before = np.concatenate([[False], sings[:-1]])
    np.testing.assert_array_equal((sung["flags"] & singer.ONSET) > 0, sung["phonation"] == 2)
    np.testing.assert_array_equal((sung["flags"] & singer.ENDED) > 0, before & (sung["phonation"] != SUSTAIN))
    assert not (sung["flags"] & singer.FAULT).any()
    assert not ((sung["phonation"] == SUSTAIN) & ~before).any()


@pytest.mark.parametrize("mode", range(3))
def test_it_keeps_its_range(weights: SingerWeights, mode: int) -> None:
    sung = sing(weights, mode=mode, low=60, high=71, seed=1)
    notes = sung["note"][sung["phonation"] >= 2] + 36
    assert len(notes) > 20
    assert notes.min() >= 60
    assert notes.max() <= 71


def test_it_rests_when_the_player_does(weights: SingerWeights) -> None:
    sung = sing(weights, resting(200), activity=1.0, breath=1.0)
    ends = round(1.4 / 0.016)
    assert (sung["phonation"][:60] != REST).any()
    assert (sung["phonation"][ends:] == REST).all()
    assert (np.diff(sung["loudness"][ends:].astype(int)) <= 0).all()
    assert sung["loudness"][ends + 60] == 0
    assert sung["frame"]["level"][-1].max() <= -90


def test_off_it_ends_at_once(weights: SingerWeights) -> None:
    one = singer.Singer(weights)
    assert (one.run(ROWS[:100], activity=1.0)["phonation"] >= 2).any()
    assert (one.run(ROWS[100:], on=0.0, activity=1.0)["phonation"] == REST).all()


def test_without_breath_it_takes_none_and_with_it_not_for_long(weights: SingerWeights) -> None:
    assert not (sing(weights, breath=0.0, temperature=2.0)["phonation"] == 1).any()
    breaths = (sing(weights, np.tile(ROWS, (10, 1)), breath=1.0, temperature=2.0)["phonation"] == 1).astype(int)
    assert breaths.sum() > 10
    edges = np.flatnonzero(np.diff(np.concatenate([[0], breaths, [0]])))
    assert (edges[1::2] - edges[::2]).max() <= 21


# ---- sound ----


def same_but(weights: SingerWeights, **values: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """The same song with and without some controls that shape its sound alone: the tokens must be the same."""
    plain, other = sing(weights, vibrato=0.0, seed=5), sing(weights, **{"vibrato": 0.0, "seed": 5, **values})
    for name in ("phonation", "note", "loudness", "code", "deviation"):
        np.testing.assert_array_equal(plain[name], other[name])
    sounding = plain["loudness"] > 0
    assert sounding.any()
    return plain[sounding], other[sounding]


def test_vibrato_is_on_long_notes_alone(weights: SingerWeights) -> None:
    held = piano.rows(piano.events_of([0], [6000], [72], [90]), 375, first=1)
    plain, shaken = (
        sing(weights, held, mode=1.0, low=60, high=83, vibrato=depth)["cents"].ravel() for depth in (0.0, 1.0)
    )
    turns = shaken - plain
    assert abs(turns[: int(0.22 / 0.008)]).max() == 0
    steady = turns[100:]
    assert 20 < abs(steady).max() < 62
    rising = np.flatnonzero((steady[1:] >= 0) & (steady[:-1] < 0))
    rate = 1 / (np.diff(rising) * 0.008)
    assert 4.6 < rate.min() <= np.median(rate) < rate.max() < 6.7


def test_volume_and_brightness_shape_the_frames(weights: SingerWeights) -> None:
    plain, louder = same_but(weights, volume=6.0)
    np.testing.assert_allclose(louder["frame"]["level"], plain["frame"]["level"] + 6, atol=1e-4)
    plain, bright = same_but(weights, brightness=1.0)
    tilt = (bright["frame"]["envelope"] - plain["frame"]["envelope"]).reshape(-1, 40)
    assert (np.diff(tilt, axis=1) > 0).all()
    np.testing.assert_allclose(tilt[:, -1] - tilt[:, 0], 3 * np.log2(12000 / 60), rtol=1e-3)
    np.testing.assert_array_equal(bright["frame"]["level"], plain["frame"]["level"])


def test_breath_is_noise(weights: SingerWeights) -> None:
    plain, airy = same_but(weights, breath=2.0)
    assert (airy["frame"]["aperiodicity"] >= plain["frame"]["aperiodicity"]).all()
    assert airy["frame"]["aperiodicity"].mean() > plain["frame"]["aperiodicity"].mean() + 3
    assert airy["frame"]["aperiodicity"].max() <= 0


# ---- what is refused ----


def test_arrays_that_do_not_fit_are_named() -> None:
    for name in ("line.row.weight", "delivery.known.1.0.weight", "codec.decoder.last.bias", "line.tower.norm.weight"):
        with pytest.raises(ValueError, match=name.replace(".", r"\.")):
            SingerWeights({key: value for key, value in ARRAYS.items() if key != name}, SHAPE)
    wrong = {**ARRAYS, "line.interval.weight": ARRAYS["line.interval.weight"][:-1]}
    with pytest.raises(ValueError, match=r"line\.interval\.weight: \[48, 32\], expected \[49, 32\]"):
        SingerWeights(wrong, SHAPE)
    with pytest.raises(ValueError, match=r"line\.tower.*3 heads"):
        SingerWeights(ARRAYS, SingerShape(TowerShape(3, 40), TowerShape(*HEADS[2:])))


def test_controls_out_of_range_are_refused(weights: SingerWeights) -> None:
    with pytest.raises(ValueError, match="no control 'pitch'"):
        sing(weights, pitch=1.0)
    with pytest.raises(ValueError, match="voice 99"):
        sing(weights, voice=99.0)
    with pytest.raises(ValueError, match=r"rows \(3, 5\)"):
        sing(weights, np.zeros((3, 5)))


def test_weights_that_are_no_numbers_are_a_fault_and_a_rest() -> None:
    spoilt = {**ARRAYS, "delivery.fields.bias": np.full_like(ARRAYS["delivery.fields.bias"], np.nan)}
    sung = sing(SingerWeights(spoilt, SHAPE))
    assert (sung["flags"] & singer.FAULT).all()
    assert (sung["phonation"] == REST).all()
    assert sung["frame"]["level"].max() <= -90
