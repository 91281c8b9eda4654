"""The continuation's Python face: what it refuses, what it tells, and that off line it is the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from ripieno.native.continuation import (
    CHOICES,
    PARAMETERS,
    BandReport,
    Continuation,
    ContinuationConfig,
    Member,
    parameter_value,
)
from ripieno.native.engine import Engine, Event, Instrument, Rig, run_offline
from ripieno.native.transformer import Transformer, TransformerConfig

RATE = 48000
TINY = TransformerConfig(32, 1, 2, 32, 16)


@pytest.fixture(scope="module")
def network() -> Transformer:
    rng = np.random.default_rng(1)
    arrays = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in TINY.shapes().items()}
    arrays["scores.1.bias"][2:] -= 3.0
    return Transformer(arrays, TINY, "fp32")


def duet(network: Transformer, **parameters: float | str) -> Continuation:
    members = [Member(1, 0, 40, 90), Member(54, 1, 60, 96)]
    return Continuation(network, ContinuationConfig(members, {0: 1}, RATE, synchronous=True, parameters=parameters))


def phrase(notes: int) -> list[Event]:
    """Eighth notes at 120 beats a minute."""
    events = []
    for number in range(notes):
        events.append((number * RATE // 4, 0, bytes([0x90, 60 + number % 12, 80])))
        events.append((number * RATE // 4 + RATE // 5, 0, bytes([0x80, 60 + number % 12, 64])))
    return events


def perform(network: Transformer, seconds: int, **parameters: float | str) -> tuple[list[Event], list[BandReport]]:
    band = duet(network, **parameters)
    with Engine(RATE) as engine:
        engine.load(Rig("thru", [Instrument(0, 1, 0), Instrument(0, 2, 0)], continuation=band))
        sent = run_offline(engine, phrase(8), seconds * RATE)
        assert band.stats().late == 0
        reports = band.poll()
    band.close()
    return sent, reports


def test_refusals_name_what_is_wrong(network: Transformer) -> None:
    with pytest.raises(ValueError, match="refuses this config"):
        Continuation(network, ContinuationConfig([Member(66, 0)], {0: 1}))
    with pytest.raises(ValueError, match="17 instruments"):
        Continuation(network, ContinuationConfig([Member(1, 0)] * 17, {0: 1}))
    with pytest.raises(ValueError, match=r"no parameter 'speed'.*tempo"):
        parameter_value("speed", 3)
    with pytest.raises(ValueError, match="from 30 to 300 beats a minute"):
        parameter_value("tempo", 5)
    with pytest.raises(ValueError, match="a whole number from 0 to 16"):
        parameter_value("at_once", 2.5)
    with pytest.raises(ValueError, match="fixed or tap or follow"):
        parameter_value("tempo_source", "guess")
    with pytest.raises(ValueError, match="no member 2"):
        duet(network).enable(2, on=True)


def test_every_parameter_says_what_it_does() -> None:
    for name, one in PARAMETERS.items():
        assert name == one.name
        assert one.what
        assert one.low <= one.usual <= one.high
    for name, choices in CHOICES.items():
        assert [parameter_value(name, choice) for choice in choices] == list(range(len(choices)))
        assert PARAMETERS[name].high == len(choices) - 1


def test_the_same_playing_and_seed_give_the_same_answer(network: Transformer) -> None:
    first, reports = perform(network, 10, seed=4)
    assert perform(network, 10, seed=4) == (first, reports)
    assert perform(network, 10, seed=5)[0] != first


def test_what_is_told_is_what_sounds(network: Transformer) -> None:
    sent, reports = perform(network, 10, seed=4, humanize=0)
    sounded = [(frame, data[0] & 15, data[1]) for frame, _, data in sent if data[0] & 0xF0 == 0x90 and data[0] & 15]
    committed = [one for one in reports if one.kind == "committed" and one.frame < 10 * RATE]
    assert [(one.frame, one.instrument + 1, one.pitch) for one in committed if one.instrument is not None] == sounded
    assert len([one for one in reports if one.kind == "heard"]) == 8
    answer = next(one for one in reports if one.kind == "state" and one.value == 1)
    assert committed[0].tick == answer.tick
    assert committed[0].frame == answer.frame == answer.tick * RATE // 24
    assert len({one.velocity for one in committed}) > 1  # never a flat 100


def test_nothing_is_heard_on_a_channel_that_is_nobodys(network: Transformer) -> None:
    band = duet(network)
    with Engine(RATE) as engine:
        engine.load(Rig("thru", [Instrument(0, 1, 0), Instrument(0, 2, 0)], continuation=band))
        run_offline(engine, [(0, 0, b"\x93\x3c\x40"), (100, 0, b"\x83\x3c\x40")], 5 * RATE)
        assert band.stats().heard == 0
        assert not [report for report in band.poll() if report.kind == "state"]


def test_a_full_ring_is_told(network: Transformer) -> None:
    def ask_for_ever() -> None:
        while True:
            band.tap()

    band = duet(network)
    with pytest.raises(BlockingIOError, match="worker does not run"):
        ask_for_ever()
    while band.look():
        pass
    band.tap()
