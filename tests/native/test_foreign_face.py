"""A function of somebody else's as a unit, from Python: what it is given, and what lives as long as it."""

from __future__ import annotations

import ctypes
import gc
import weakref
from typing import Any

import numpy as np
import pytest
from unit_player import UnitPlayer

from ripieno.native import foreign
from ripieno.native.unit import EFFECT, INSTRUMENT, Unit

RATE = 48_000
FLOATS, INTS = ctypes.POINTER(ctypes.c_float), ctypes.POINTER(ctypes.c_int32)
SIGNATURE = (FLOATS, FLOATS, ctypes.c_int64, INTS, ctypes.c_int64, FLOATS, FLOATS, ctypes.c_double)


class Counter:
    """A function that adds its parameter to the left, and to the right what it has counted in its state."""

    def __init__(self) -> None:
        self.function = ctypes.CFUNCTYPE(None, *SIGNATURE)(self.call)
        self.address = ctypes.cast(self.function, ctypes.c_void_p).value or 0
        self.given: list[Any] = []

    def call(
        self, left: Any, right: Any, frames: int, event: Any, events: int, value: Any, state: Any, rate: float
    ) -> None:
        self.given.append((frames, [tuple(event[4 * i : 4 * i + 4]) for i in range(events)], rate))
        for i in range(frames):
            state[0] += 1
            left[i] += value[0]
            right[i] += state[0]


def counting(role: str = EFFECT) -> tuple[Unit, Counter, np.ndarray]:
    counter, state = Counter(), np.zeros(4, np.uint8)
    return foreign.make(counter.address, state, role, [0.25, 0.0], 5, RATE, counter), counter, state


def test_it_is_called_with_what_it_is_to_play() -> None:
    unit, counter, state = counting(INSTRUMENT)
    player = UnitPlayer(unit, 8)
    sound = player.silence(12, [(3, b"\x90\x3c\x40"), (10, b"\xc1\x07")])
    assert counter.given == [(8, [(3, 0x90, 60, 64)], RATE), (4, [(2, 0xC1, 7, 0)], RATE)]
    assert sound[0].tolist() == [0.25] * 12
    assert state.view(np.float32)[0] == 12
    unit.set(0, 0.5)
    assert unit.get(0) == 0.5
    assert player.silence(2)[0].tolist() == [0.5] * 2
    assert unit.state().latency == 5
    player.reset()
    assert counter.given[-1] == (0, [], RATE)


def test_what_is_too_loud_is_cut_off() -> None:
    unit, _, _ = counting()
    sound = UnitPlayer(unit, 8).play(np.ones((2, 24), np.float32))
    assert sound[1, :8].tolist() == [2 + n for n in range(8)]
    assert sound[1].max() < 15.9  # it would count to 25
    state = unit.state()
    assert (state.missed > 0, state.fault) == (True, "it sent samples far over full scale")


def test_the_function_lives_as_long_as_the_unit() -> None:
    unit, counter, _ = counting()
    seen = weakref.ref(counter)
    del counter
    gc.collect()
    assert seen()
    unit.free()
    del unit
    gc.collect()
    assert not seen()


def test_what_cannot_be_a_unit() -> None:
    counter, state = Counter(), np.zeros(4, np.uint8)
    for values, latency, rate in (
        ([0.0] * 257, 0, RATE),
        ([], -1, RATE),
        ([], foreign.LATENCY_MAX + 1, RATE),
        ([], 0, 0),
    ):
        with pytest.raises(ValueError, match="no such plugin can be played"):
            foreign.make(counter.address, state, EFFECT, values, latency, rate, counter)
