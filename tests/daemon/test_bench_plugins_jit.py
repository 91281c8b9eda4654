"""The bench of compiled plugins, in small: what is heard is what is rendered, and its verdict says what it should."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from needs import needs
from ripieno.daemon.bench import plugins_jit
from ripieno.daemon.bench.plugins_jit import Beside, compare

PERIOD = 128
GOOD: Mapping[str, Any] = {
    "minutes": 10.0,
    "xruns": 2,
    "overruns": 0,
    "xruns_of_a_bare_wire_meanwhile": 2,
    "xruns_of_a_bare_wire_a_minute_before": 0.5,
    "load_max": 0.3,
    "load_mean": 0.01,
    "missed_blocks": 0,
}
FINE = Beside(1000, 0, 4)


def test_a_recording_is_found_in_what_was_rendered() -> None:
    sound = np.random.default_rng(1).uniform(-1, 1, (2, 40 * PERIOD)).astype(np.float32)
    heard = sound[:, 5 * PERIOD : 35 * PERIOD + 7].copy()
    assert compare(heard, sound) == Beside(30, 0, 0)
    assert compare(np.pad(heard, ((0, 0), (2 * PERIOD, 0))), sound) == Beside(30, 0, 0)
    assert compare(np.zeros_like(heard), sound) == Beside(30, 30, 0)
    assert compare(np.delete(heard, np.s_[PERIOD : 3 * PERIOD], axis=1), sound) == Beside(28, 0, 1)
    heard[1, 4 * PERIOD + 3] += 0.1
    heard[0, 9 * PERIOD : 11 * PERIOD] = 0
    assert compare(heard, sound) == Beside(30, 3, 2)


def test_a_good_performance_meets_all() -> None:
    assert all(row.met for row in plugins_jit.rows(GOOD, FINE, 0.5))


@pytest.mark.parametrize(
    ("change", "beside", "peak", "which"),
    [
        ({"xruns": 9}, FINE, 0.5, 0),
        ({"overruns": 1}, FINE, 0.5, 0),
        ({"missed_blocks": 1}, FINE, 0.5, 1),
        ({}, Beside(1000, 1, 0), 0.5, 1),
        ({}, Beside(1000, 0, 5), 0.5, 1),
        ({}, FINE, 0.0, 1),
        ({}, FINE, float("inf"), 1),
    ],
)
def test_what_is_wrong_is_not_met(change: dict[str, Any], beside: Beside, peak: float, which: int) -> None:
    met = [row.met for row in plugins_jit.rows({**GOOD, **change}, beside, peak)]
    assert met == [number != which for number in range(2)]


def test_the_interpreter_is_kept_busy() -> None:
    with plugins_jit.busy_interpreter() as thread:
        while not thread.turns:
            pass
    assert not thread.is_alive()


def test_eight_compiled_plugins_sound_as_rendered() -> None:
    needs("jackd", "numba")
    found = plugins_jit.measure(0.05, wire_seconds=0.1)
    assert found["blocks"] > 1000
    assert found["missed_blocks"] == 0
    assert found["lost"] == 0 or found["xruns"] > 0  # a machine that runs tests is late by itself now and then
    assert found["peak"] > 0.01
    assert found["busy_turns"] > 0
