"""The benches of the plugins, in small: that they measure what they say, and that what they measure holds."""

import mmap
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from needs import needs
from ripieno.daemon.bench import (
    plugins_alignment,
    plugins_chaos,
    plugins_faults,
    plugins_iodelay,
    plugins_isolation,
    plugins_render,
    plugins_sound,
    plugins_texts,
)
from ripieno.daemon.bench.jack import sounding, wait_for
from ripieno.daemon.bench.plugins_belongings import belongings, host_processes, processes_named, processor_ns
from ripieno.daemon.bench.plugins_player import script
from ripieno.daemon.bench.rows import Row, percentile, show, verdict
from ripieno.daemon.errors import UserError

RATE, PERIOD = 48_000, 128


def wave(frames: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, frames).astype(np.float32)


def test_the_player_never_rests_and_ends_every_note() -> None:
    events = script(5, 3, RATE)
    frames = [frame for frame, _, _ in events]
    assert frames == sorted(frames)
    assert frames[0] == 0
    assert not sounding(events)
    down: Counter[int] = Counter()
    last = {channel: max(f for f, _, data in events if data[0] & 15 == channel) for channel in range(3)}
    for frame, _, data in events:
        down[data[0] & 15] += 1 if data[0] & 0xF0 == 0x90 else -1
        assert all(down[channel] > 0 or frame in (0, last[channel]) or frame > last[channel] for channel in range(3))
    assert script(5, 3, RATE, seed=2) != events


def test_a_recording_as_it_should_be_loses_nothing() -> None:
    sound = wave(10 * PERIOD + 7)
    assert plugins_sound.compare(sound, sound) == plugins_sound.Beside(len(sound), 0, 0)


def test_samples_that_differ_are_counted() -> None:
    sound = wave(10 * PERIOD)
    heard = sound.copy()
    heard[[5, 300, 301]] += 0.1
    heard[700] = np.nan
    assert plugins_sound.compare(heard, sound).lost == 4


def test_a_recording_that_goes_on_a_period_later_is_seen_as_that() -> None:
    sound = wave(40 * PERIOD)
    heard = np.concatenate([sound[: 10 * PERIOD], sound[9 * PERIOD : 20 * PERIOD], sound[20 * PERIOD :]])
    beside = plugins_sound.compare(heard, sound)
    assert (beside.lost, beside.slips) == (0, 1)
    heard[:] = 0
    assert plugins_sound.compare(heard, sound) == plugins_sound.Beside(len(sound), np.count_nonzero(sound), 0)


def test_gaps_last_from_the_first_sample_that_differs_to_the_last() -> None:
    sound = wave(10_000)
    heard = sound.copy()
    heard[1200:1900] = 0
    heard[3000:3010] = 0
    heard[5000:] = 0
    found = plugins_sound.gaps(heard, sound, [500, 1000, 4000])
    assert found == [plugins_sound.Gap(0, True, 0), plugins_sound.Gap(700, True, 10), plugins_sound.Gap(5000, False, 0)]
    assert plugins_sound.longest_silence(heard[:4000], sound[:4000]) == 4 * PERIOD
    assert plugins_sound.longest_silence(np.zeros(4000, np.float32), np.zeros(4000, np.float32)) == 0


def test_jumps_and_peaks() -> None:
    sound = np.array([0, 0.1, 0.3, -0.2], np.float32)
    assert plugins_sound.largest_jump(sound) == pytest.approx(0.5)
    assert plugins_sound.peak(sound) == pytest.approx(0.3)
    sound[2] = np.nan
    assert plugins_sound.peak(sound) == plugins_sound.NONSENSE
    assert plugins_sound.largest_jump(sound) == pytest.approx(plugins_sound.NONSENSE)


def test_as_many_faults_are_planned_as_the_minutes_ask_for() -> None:
    ten = Counter(plugins_faults.planned(10, Random(1)))
    assert ten == {"kill": 100, "stop": 25, "spin": 25, "nan": 50, "stall": 20}
    assert set(plugins_faults.planned(0.01, Random(1))) == set(ten)


def test_the_verdict_is_that_of_all_rows(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Row("this", "1", "0", False), Row("that", "0", "0", True)]
    found = verdict(rows, more=2)
    assert (found["met"], found["more"]) == (False, 2)
    show(found)
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("-> NOT MET")
    assert said[1].endswith("-> met")
    assert (percentile([3, 1, 2], 0.5), percentile([3, 1, 2], 0.99), percentile([], 0.5)) == (2, 3, 0)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="what a process has is read from Linux")
def test_what_is_left_behind_is_seen() -> None:
    before = belongings()
    assert belongings().beyond(before) == dict.fromkeys(("processes", "descriptors", "shared memory", "folders"), 0)
    pretends = [sys.executable, "-c", "input()", "ripieno.plugins.hosts", str(os.getpid())]
    host = subprocess.Popen(pretends, stdin=subprocess.PIPE)
    memory = os.memfd_create("left")
    os.ftruncate(memory, 4096)
    shared = mmap.mmap(memory, 4096)
    with TemporaryDirectory(prefix=f"ripieno-plugin-{os.getpid()}-"):
        wait_for(lambda: host_processes(os.getpid()) == [host.pid], "the process has begun", 10)
        found = belongings().beyond(before)
    assert found == {"processes": 1, "descriptors": 3, "shared memory": 1, "folders": 1}  # two of memory, and the pipe
    shared.close()
    os.close(memory)
    host.communicate(b"")
    assert not any(belongings().beyond(before).values())
    assert processor_ns(os.getpid()) > 0
    assert processes_named(Path(sys.executable).name)


def told(found: dict[str, object]) -> str:
    """For an assertion's message: the rows that are not met."""
    rows = found["rows"]
    assert isinstance(rows, list)
    return "; ".join(f"{row['what']}: {row['found']}" for row in rows if not row["met"])


def test_a_note_through_all_paths_is_heard_at_once() -> None:
    needs("jackd", "numba")
    found = plugins_alignment.measure()
    assert found["met"], told(found)


def test_jack_hears_no_delay_of_ours() -> None:
    needs("jackd", "jack_iodelay", "numba")
    found = plugins_iodelay.measure()
    assert found["met"], told(found)
    assert found["frames"]["a cable"] > 0


def test_isolation_takes_a_block() -> None:
    needs("jackd", "numba")
    found = plugins_isolation.measure(seconds=0.3, rounds=1, counts=(1,))
    assert found["delays"]["python:pass.py"] - found["delays"]["jit:unity.py"] == PERIOD
    (cost,) = found["costs"]
    assert cost["within"] > 0
    assert cost["added"] == pytest.approx(cost["isolated"] - cost["within"], abs=2e-4)


def test_what_is_done_to_plugins_is_not_heard_elsewhere() -> None:
    needs("jackd", "numba", "fluidsynth", "pretty_midi")
    found = plugins_chaos.measure(0.12, wire_seconds=0.1, rest=4)
    rows = {row["what"]: row for row in found["rows"]}
    rows.pop("xruns of ours")  # a machine that runs tests is late by itself now and then
    assert all(row["met"] for row in rows.values()), told(found)
    harmed = {name: stem for name, stem in found["stems"].items() if "faults" in stem}
    counts = {kind: took["count"] for kind, took in found["restart_s"].items()}
    assert counts == {
        "all": counts["kill"] + counts["hang"] + counts["nan"],
        "kill": 1,
        "hang": 2,
        "nan": 1,
        "stall": 1,
    }
    assert sum(stem["faults"] for stem in harmed.values()) == 5
    assert max(stem["gap_ms"] for stem in harmed.values()) > 0
    assert all(stem["peak"] > 0.01 for stem in found["stems"].values())


def test_there_is_room_for_so_many_plugins(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is room for 2"):
        plugins_chaos.Cast(tmp_path, ["a.vst3", "b.vst3", "c.vst3"])
    assert {path.stem for path in tmp_path.iterdir()} == set(plugins_texts.TEXTS)


def test_what_is_played_live_is_what_is_rendered() -> None:
    needs("jackd", "numba", "fluidsynth", "pretty_midi")
    found = plugins_render.measure(1.5)
    ports = {row["port"]: row for row in found["ports"]}
    assert set(ports) == set(plugins_render.PORTS)
    for name in ("Pipe", "Font"):  # in our own process: never too late
        assert [ports[f"{name} {side}"]["lost"] for side in ("left", "right")] == [0, 0]
    assert ports["Reed left"]["lost"] < ports["Reed left"]["samples"] / 2  # a busy machine may hold it up
    assert all(row["peak"] > 0.01 for row in ports.values())
