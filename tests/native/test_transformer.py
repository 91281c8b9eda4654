"""The transformer's Python face, judged by numbers that PyTorch gave (tests/train/export_transformer.py wrote them)."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ripieno.native import lstm
from ripieno.native.transformer import (
    COLUMNS,
    FIELDS,
    PRECISIONS,
    Choice,
    Decoder,
    Sampling,
    Transformer,
    TransformerConfig,
)

DATA = Path(__file__).parent / "data" / "transformer_torch.npz"
ALLOWED = {"fp32": 1e-4, "int8": 0.03}
NOTE, TICKS_A_BEAT, DRUMS = 3, 12, 65


def stored() -> tuple[TransformerConfig, dict[str, Any], Any, Any, list[Any]]:
    """Shape, arrays, events, ticks and the scores of each field."""
    with np.load(DATA, allow_pickle=False) as file:
        parts = {key: file[key] for key in file.files}
    config = TransformerConfig(
        **{key.removeprefix("config."): value.item() for key, value in parts.items() if key.startswith("config.")}
    )
    arrays = {key.removeprefix("array."): value for key, value in parts.items() if key.startswith("array.")}
    return config, arrays, parts["events"], parts["ticks"], [parts[f"scores.{field}"] for field in range(FIELDS)]


CONFIG, ARRAYS, EVENTS, TICKS, SCORES = stored()


def decoder(precision: str = "fp32", context: int = 200, heard: int = 0) -> Decoder:
    """A decoder of the stored network that has heard some of the piece."""
    made = Decoder(Transformer(ARRAYS, CONFIG, precision), context)
    made.absorb(EVENTS[:heard], TICKS[:heard])
    return made


@pytest.fixture(autouse=True)
def restored_kernels() -> Iterator[None]:
    before = lstm.kernels()
    yield
    lstm.use_kernels(before)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kernels", lstm.available_kernels())
def test_scores_are_pytorchs(kernels: str, precision: str) -> None:
    lstm.use_kernels(kernels)
    made = decoder(precision)
    for row in range(1, len(EVENTS)):
        made.absorb(EVENTS[row - 1 : row], TICKS[row - 1 : row])
        for field in range(FIELDS):
            scores = made.scores(field, EVENTS[row], int(TICKS[row]))
            assert np.abs(scores - SCORES[field][row - 1]).max() < ALLOWED[precision], (row, field)


def test_a_judge_tells_the_softmax() -> None:
    made = decoder()
    judged = made.judge(EVENTS, TICKS)
    for field in range(FIELDS):
        shares = SCORES[field] - np.log(np.exp(SCORES[field]).sum(axis=1, keepdims=True))
        expected = np.take_along_axis(shares, EVENTS[1:, field : field + 1].astype(np.int64), axis=1)[:, 0]
        told = (EVENTS[1:, 0] == NOTE) | (field == 0)
        assert np.allclose(judged[1:, field], np.where(told, expected, 0), atol=1e-4)
    assert not judged[0].any()
    assert made.length == len(EVENTS)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(tuple(PRECISIONS)),
    st.lists(st.tuples(st.integers(0, len(EVENTS)), st.integers(0, len(EVENTS))), max_size=6),
)
def test_whatever_was_forgotten_what_is_heard_counts(precision: str, turns: list[tuple[int, int]]) -> None:
    made, plain = decoder(precision), decoder(precision, heard=len(EVENTS))
    for heard, length in turns:
        begin = made.length
        made.absorb(EVENTS[begin:heard], TICKS[begin:heard])
        made.rewind(length)
    made.absorb(EVENTS[made.length :], TICKS[made.length :])
    assert made.length == plain.length
    assert np.array_equal(made.stream(), plain.stream())
    for field in range(FIELDS):
        assert np.array_equal(made.scores(field, EVENTS[20], 5000), plain.scores(field, EVENTS[20], 5000))


def test_only_times_between_events_count() -> None:
    made, moved = decoder(heard=30), decoder()
    moved.absorb(EVENTS[:30], TICKS[:30] - 12 * 10**12)
    assert np.array_equal(made.stream(), moved.stream())


def test_the_arrays_are_copied_and_the_weights_live_as_long_as_a_decoder() -> None:
    arrays = {name: array.astype(np.float32) for name, array in ARRAYS.items()}
    made = Decoder(Transformer(arrays, CONFIG, "fp32"), 100)
    for array in arrays.values():
        array[:] = np.nan
    del arrays
    gc.collect()
    made.absorb(EVENTS[:10], TICKS[:10])
    assert np.array_equal(made.stream(), decoder(heard=10).stream())


def test_every_wrong_array_is_told_at_once() -> None:
    arrays = dict(ARRAYS)
    arrays["blocks.1.qkv.weight"] = np.zeros((3, 4))
    del arrays["scores.6.bias"]
    arrays["blocks.7.merge.weight"] = np.zeros(2)
    with pytest.raises(ValueError, match="the weights do not fit") as told:
        Transformer(arrays, CONFIG)
    for part in ("blocks.1.qkv.weight: [3, 4], expected [96, 32]", "scores.6.bias: missing", "blocks.7.merge.weight"):
        assert part in str(told.value)


def test_wrong_shapes_precisions_and_contexts_are_told() -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        TransformerConfig(40, 2, 2, 64, 16).shapes()
    with pytest.raises(ValueError, match="fp32, int8"):
        Transformer(ARRAYS, CONFIG, "int4")
    for context in (0, 70000):
        with pytest.raises(ValueError, match="1 to 65536"):
            decoder(context=context)


def test_wrong_events_are_told() -> None:
    made = decoder()
    with pytest.raises(ValueError, match="nothing was heard"):
        made.stream()
    with pytest.raises(ValueError, match="nothing was heard"):
        made.scores(0, EVENTS[0])
    with pytest.raises(ValueError, match=rf"\[n, {COLUMNS}\]"):
        made.absorb(EVENTS[:, :7], TICKS)
    wrong = EVENTS.copy()
    wrong[12, 3] = 66
    with pytest.raises(ValueError, match="event 12"):
        made.absorb(wrong, TICKS)
    assert made.length == 12
    with pytest.raises(ValueError, match="event 0"):
        made.judge(wrong[12:], TICKS[12:])


def test_a_full_context_takes_no_more() -> None:
    made = decoder(context=20)
    assert made.absorb(EVENTS, TICKS) == 20
    assert made.absorb(EVENTS, TICKS) == 0
    with pytest.raises(ValueError, match="no room"):
        made.judge(EVENTS, TICKS)


def piano_and_cello(**more: Any) -> Choice:
    """What follows the first rows of the piece: a piano and a cello, in C major."""
    choice = Choice(ranges={1: (21, 108), 29: (36, 76)}, pitch_classes=(0, 2, 4, 5, 7, 9, 11), **more)
    choice.follow(EVENTS[29], int(TICKS[29]))
    return choice


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**64 - 1), st.sampled_from([0.0, 0.5, 1.0, 3.0]), st.sampled_from([0.3, 1.0]), st.integers(0, 9))
def test_what_is_written_keeps_to_what_is_asked(seed: int, temperature: float, top_p: float, top_k: int) -> None:
    sampling = (Sampling(temperature, top_p, top_k),) * FIELDS
    start = int(TICKS[29]) + 30
    choice = piano_and_cello(sampling=sampling, earliest=start, bar_beats=3, bar_tick=start // 36 * 36)
    events, ticks, why = decoder("int8", heard=30).generate(choice, seed, until=start + 500, room=60)
    assert why == ("room" if len(events) == 60 else "until")
    assert np.array_equal(events[:, 0], np.full(len(events), NOTE))
    order = list(zip(ticks.tolist(), events[:, 3].tolist(), events[:, 4].tolist(), strict=True))
    assert order == sorted(set(order))
    for tick, (_, _, position, code, pitch, duration, velocity, mark) in zip(ticks, events.tolist(), strict=True):
        low, high = {1: (21, 108), 29: (36, 76)}[code]
        assert low <= pitch - 1 <= high
        assert (pitch - 1) % 12 in (0, 2, 4, 5, 7, 9, 11)
        assert start <= tick < start + 500
        assert position == tick % TICKS_A_BEAT + 1
        assert mark == tick // TICKS_A_BEAT % 3 + 1
        assert 1 <= duration <= 32
        assert 1 <= velocity <= 32


def test_the_same_seed_writes_the_same() -> None:
    def written(seed: int) -> tuple[Any, Any, str]:
        return decoder("int8", heard=30).generate(piano_and_cello(), seed, room=50)

    first, again, other = written(4), written(4), written(5)
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_why_it_stops() -> None:
    full = decoder(context=40, heard=30)
    assert full.generate(piano_and_cello(), 0)[2] == "context"
    last = int(TICKS[29])
    assert decoder(heard=30).generate(piano_and_cello(latest=last - 1), 0)[2] == "nothing"
    events, _, why = decoder(heard=30).generate(piano_and_cello(latest=last - 1, may_end=True), 0)
    assert (events[:, 0].tolist(), why) == ([4], "end")
    wild = dict(ARRAYS)
    wild["scores.4.bias"] = np.full_like(wild["scores.4.bias"], np.nan)
    broken = Decoder(Transformer(wild, CONFIG), 100)
    broken.absorb(EVENTS[:30], TICKS[:30])
    assert broken.generate(piano_and_cello(), 0)[2] == "fault"


def test_wrong_choices_are_told() -> None:
    for ranges in ({0: (1, 2)}, {66: (1, 2)}, {1: (5, 3)}, {1: (0, 128)}):
        with pytest.raises(ValueError, match="codes are 1 to 65"):
            Choice(ranges=ranges)
    with pytest.raises(ValueError, match="pitch classes"):
        Choice(pitch_classes=(0, 12))
    with pytest.raises(ValueError, match="there are 7 fields"):
        Choice(sampling=(Sampling(),))


def test_drums_are_free_of_the_key() -> None:
    choice = Choice(ranges={DRUMS: (36, 36)}, pitch_classes=(1,))
    choice.follow(EVENTS[29], int(TICKS[29]))
    events, _, why = decoder(heard=30).generate(choice, 1, room=10)
    assert why == "room"
    assert set(events[:, 4].tolist()) == {37}
