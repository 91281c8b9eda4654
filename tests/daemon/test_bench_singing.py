"""The benches of the voice, in small: that they measure what they say."""

import json
from random import Random

import numpy as np
import pytest

from ripieno.daemon.bench import singing_latency, singing_speed
from ripieno.daemon.bench.singing_client import heard_line, heard_sound
from ripieno.daemon.bench.singing_player import accompaniment
from ripieno.native import piano

RATE = 48_000


def test_the_pianist_begins_at_once_and_ends_every_note() -> None:
    script = accompaniment(20, RATE)
    frames = [frame for frame, _, _ in script]
    assert frames == sorted(frames)
    assert frames[0] == 0
    down: set[int] = set()
    for _, _, (status, key, value) in script:
        if status == 0x90:
            assert key not in down
            down.add(key)
        elif status == 0x80:
            down.remove(key)
        elif key == 64:
            pedal = value
    assert not down
    assert pedal == 0
    assert accompaniment(20, RATE, seed=2) != script


def test_rows_are_those_of_what_is_played() -> None:
    rows = singing_speed.rows_of([(0, 0, bytes([0x90, 60, 127])), (10_000, 0, bytes([0x80, 60, 0]))], 30)
    sounds = rows[:, 60 - piano.LOW] > 0
    assert sounds.tolist() == [0 < block * 768 <= 10_000 for block in range(30)]


def test_the_first_changed_sample_is_found() -> None:
    plain = np.zeros(1000, np.float32)
    other = plain.copy()
    other[[640, 700]] = 1e-7
    assert singing_latency.first_change(plain, other[:900], 600) == 40
    assert singing_latency.first_change(plain, plain, 600) is None
    with pytest.raises(ValueError, match="10 frames before"):
        singing_latency.first_change(plain, other, 650)


def test_keys_are_new_and_not_just_after_another() -> None:
    script, rng = accompaniment(5, RATE), Random(1)
    for _ in range(20):
        frame = singing_latency.moment(script, rng)
        pitch = singing_latency.new_pitch(script, frame, rng)
        struck = [(at, data[1]) for at, _, data in script if data[0] == 0x90]
        assert not any(frame - 3840 < at <= frame for at, _ in struck)
        assert pitch % 12 not in {key % 12 for at, key in struck if frame - 96_000 < at < frame}
        assert (frame, 0, bytes([0x90, pitch, 90])) in singing_latency.with_key(script, frame, pitch)


def test_delays_are_summed_up() -> None:
    found = singing_latency.summary([480] * 97 + [1440, 2400, None])
    assert (found["keys"], found["changed"]) == (100, 99)
    assert found["p50_ms"] == 10
    assert found["max_ms"] == 50
    assert found["within_25_ms"] == 0.97
    assert json.dumps(singing_latency.summary([None]))


def test_what_a_client_hears_is_judged() -> None:
    on, off = bytes([0x90, 60, 80]), bytes([0x80, 60, 0])
    line = heard_line(
        [(0, 0, on), (5, 0, bytes([0xE0, 0, 64])), (9, 0, off), (10, 0, on), (11, 0, bytes([0xB0, 11, 9]))]
    )
    assert line == {"notes": 2, "stuck": 1, "bends": 1, "controls": 1}
    wave = np.zeros(RATE, np.float32)
    wave[: RATE // 2] = 0.5
    assert heard_sound(wave, RATE) == {
        "seconds": 1,
        "finite": True,
        "peak": 0.5,
        "rms": pytest.approx(0.5 * 0.5**0.5, rel=1e-5),
        "sounding": 0.5,
    }
    wave[7] = np.nan
    assert not heard_sound(wave, RATE)["finite"]
