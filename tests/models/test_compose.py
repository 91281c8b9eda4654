"""Music written by the model: where it was asked for, by whom it was asked for, in order, and the same by seed."""

import numpy as np
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from ripieno.models.continuation.compose import (
    MAJOR,
    ComposeError,
    Wish,
    cast,
    go_on,
    heard_key,
    pitch_classes,
)
from ripieno.models.continuation.instruments import DRUMS
from ripieno.models.continuation.representation import Score, score
from ripieno.native.transformer import Sampling, Transformer


@pytest.fixture(scope="module")
def model() -> Transformer:
    return Transformer(tiny.arrays(), tiny.SHAPE, "fp32")


def scale(notes: int = 24, start: int = 0) -> Score:
    """A C major scale up and down on the piano, a note a beat."""
    tick = start + 12 * np.arange(notes)
    pitch = np.array([60 + MAJOR[n % 7] for n in range(notes)])
    return score(tick, np.full(notes, 12), np.ones(notes), pitch, np.full(notes, 80), bars=np.arange(0, 900, 48))


def same(one: Score, other: Score) -> bool:
    columns = ("tick", "length", "instrument", "pitch", "velocity")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in columns)


@settings(max_examples=20, deadline=None)
@given(
    start_beat=st.integers(24, 40),
    beats=st.integers(1, 64),
    ranges=st.dictionaries(
        st.integers(1, DRUMS), st.tuples(st.integers(0, 60), st.integers(61, 127)), min_size=1, max_size=5
    ),
    root=st.integers(0, 11),
    seed=st.integers(0, 2**40),
    window=st.integers(64, 300),
)
def test_what_is_written_is_what_was_wished(
    model: Transformer,
    start_beat: int,
    beats: int,
    ranges: dict[int, tuple[int, int]],
    root: int,
    seed: int,
    window: int,
) -> None:
    wish = Wish(ranges, pitch_classes=pitch_classes(root, "minor"), seed=seed, window=window)
    start, until = 12 * start_beat, 12 * (start_beat + beats)
    written = go_on(model, scale(), start, until, wish)
    assert ((written.tick >= start) & (written.tick < until)).all()
    assert (written.length > 0).all()
    for code, pitch in zip(written.instrument.tolist(), written.pitch.tolist(), strict=True):
        low, high = ranges[code]
        assert low <= pitch <= high
        assert code == DRUMS or pitch % 12 in wish.pitch_classes
    order = np.lexsort((written.pitch, written.instrument, written.tick))
    assert (order == np.arange(len(written))).all()
    assert same(written, go_on(model, scale(), start, until, wish))


def test_long_music_outgrows_the_window_without_a_gap(model: Transformer) -> None:
    wish = Wish({1: (40, 90), 30: (40, 90)}, seed=3, window=64)
    written = go_on(model, scale(), 12 * 24, 12 * 424, wish)
    assert len(written) > 4 * wish.window
    beats = np.unique(written.tick // 12)
    assert np.diff(beats).max() <= 16
    assert beats[-1] >= 424 - 16


def test_it_hears_what_was_given(model: Transformer) -> None:
    wish = Wish({1: (21, 108)}, seed=9)
    one, two = scale(), score(12 * np.arange(24), np.full(24, 3), np.full(24, 5), np.full(24, 90), np.full(24, 20))
    assert not same(go_on(model, one, 288, 600, wish), go_on(model, two, 288, 600, wish))
    assert len(go_on(model, scale(0), 0, 96, wish))
    different = {go_on(model, one, 288, 600, Wish({1: (21, 108)}, seed=n)).pitch.tobytes() for n in range(8)}
    assert len(different) > 4


def test_nobody_waits_for_ever() -> None:
    arrays = tiny.arrays()
    arrays["scores.3.bias"][1] += 8  # a model that would only ever choose the piano
    model = Transformer(arrays, tiny.SHAPE, "fp32")
    ranges = dict.fromkeys((1, 30, 60), (40, 90))
    alone = go_on(model, scale(), 288, 288 + 48 * 16, Wish(ranges, seed=2))
    assert set(alone.instrument.tolist()) == {1}
    together = go_on(model, scale(), 288, 288 + 48 * 16, Wish(ranges, seed=2, patience=1.0))
    assert set(together.instrument.tolist()) == set(ranges)
    for code in ranges:
        heard = np.unique((together.tick[together.instrument == code] - 288) // 48)
        assert np.diff(np.concatenate([[0], heard, [16]])).max() <= 8
    assert same(together, go_on(model, scale(), 288, 288 + 48 * 16, Wish(ranges, seed=2, patience=1.0)))


def test_temperature_zero_needs_no_luck(model: Transformer) -> None:
    plain = (Sampling(0),) * 7
    first, second = (go_on(model, scale(), 288, 600, Wish({1: (21, 108)}, plain, seed=n)) for n in (1, 2))
    assert same(first, second)


def test_the_model_casts_instruments_in_order(model: Transformer) -> None:
    casts = [cast(model, 1.0, style, seed) for seed in range(20) for style in ("", "pop")]
    assert all(codes == sorted(set(codes)) and codes for codes in casts)
    assert all(1 <= code <= DRUMS for codes in casts for code in codes)
    assert len({tuple(codes) for codes in casts}) > 5
    assert cast(model, 0.0, "", 1) == cast(model, 0.0, "", 2)


def test_weights_that_are_no_numbers_are_told() -> None:
    arrays = tiny.arrays()
    arrays["scores.4.bias"][:] = np.nan
    with pytest.raises(ComposeError, match="no numbers"):
        go_on(Transformer(arrays, tiny.SHAPE, "fp32"), scale(), 288, 600, Wish({1: (21, 108)}))


def test_the_key_that_is_heard() -> None:
    assert heard_key(scale()) == (0, "major")
    up = scale()
    moved = score(up.tick, up.length, up.instrument, up.pitch + 5, up.velocity)
    assert heard_key(moved) == (5, "major")
    triad = np.array([57, 60, 64, 57, 64, 69, 56, 57])
    minor = score(12 * np.arange(8), np.full(8, 12), np.ones(8), triad, np.full(8, 70))
    assert heard_key(minor) == (9, "minor")
    assert heard_key(scale(0)) == (0, "major")
    drums = score(np.arange(9), np.ones(9), np.full(9, DRUMS), np.full(9, 38), np.full(9, 70))
    assert heard_key(drums) == (0, "major")
