"""`bench clock`: its judges, and a short time of each on a real JACK server."""

import os
from collections import Counter
from itertools import pairwise

import pytest

from needs import needs
from ripieno.daemon.bench import clock_follow, clock_handover, clock_link, clock_out
from ripieno.daemon.bench.clock_handover import BPM, Tape, tour
from ripieno.daemon.bench.clock_stage import CLOCK, RATE, START, TICKS, Hold, Ramp, jittered, numbered, steps, ticks
from ripieno.daemon.errors import UserError
from ripieno.native.engine import Event

LONG = os.environ.get("RIPIENO_LONG") == "1"


def even(count: int, interval: float = 1000.0, first: float = 0.0) -> list[int]:
    return [round(first + interval * number) for number in range(count)]


def sent(frames: list[int]) -> list[Event]:
    return [(frames[0], 0, START), *((frame, 0, CLOCK) for frame in frames)]


def test_a_ramp_is_a_staircase() -> None:
    told = list(steps((Hold(60, 1), Ramp(70, 0.5), Hold(70, 2))))
    assert told[0] == (0.0, 60)
    assert [bpm for _, bpm in told] == pytest.approx([60, *range(61, 71), 70])
    assert [at for at, _ in told[1:]] == pytest.approx([1 + 0.05 * step for step in range(10)] + [1.5])


def test_what_was_not_sent_is_counted() -> None:
    frames = even(40)
    del frames[20]
    assert list(numbered(frames)) == [number for number in range(40) if number != 20]
    assert numbered(frames)[21] == 21_000


def test_shaken_ticks_stay_in_order_and_within_their_millisecond() -> None:
    frames = even(500, 600.0)
    shaken = jittered(sent(frames), 0.001, 3)
    assert [data for _, _, data in shaken] == [data for _, _, data in sent(frames)]
    away = [after - before - 48 for before, after in zip(frames, ticks(shaken), strict=True)]
    assert -48 <= min(away) < -40
    assert 40 < max(away) <= 48
    assert shaken == sorted(shaken, key=lambda event: event[0])


@pytest.mark.parametrize(("late", "met"), [(0, True), (90, True), (-100, False)])
def test_ticks_are_judged_against_those_that_came(late: int, met: bool) -> None:
    truth = even(500, 900.0)
    found = clock_follow.judge(truth, sent([frame + late for frame in truth]))
    assert found["met"] == met
    assert found["p99_ms"] == pytest.approx(abs(late) / 48, abs=0.001)
    assert found["ticks"] == 500 - 2 * TICKS


def test_the_first_two_beats_are_free_and_a_jump_is_not() -> None:
    truth = even(500, 900.0)
    early = [frame - 400 * (number < 2 * TICKS) for number, frame in enumerate(truth)]
    assert clock_follow.judge(truth, sent(early))["met"]
    assert not clock_follow.judge(truth, [*sent(truth), (500_000, 0, b"\xfc")])["met"]
    with pytest.raises(UserError, match="too few"):
        clock_follow.judge(truth, [])


def test_a_clock_on_its_line_is_met_and_one_that_wanders_is_not() -> None:
    interval = 60 * RATE / 127 / TICKS
    ceiled = [-int(-(17.3 + interval * number)) + 1 for number in range(5000)]
    assert clock_out.judge(ceiled)["met"]
    slow = [round(frame * (1 + 1e-6)) for frame in ceiled]
    assert not clock_out.judge(slow)["met"]
    ceiled[2000] += 3
    assert not clock_out.judge(ceiled)["met"]
    with pytest.raises(UserError, match="too few"):
        clock_out.judge(ceiled[:10])


def test_a_peer_of_link_is_met_within_two_milliseconds() -> None:
    assert clock_link.judge([0.3, -1.9] * 50, [97.0])["met"]
    assert not clock_link.judge([0.3, -2.1] * 50, [97.0])["met"]
    with pytest.raises(UserError, match="no MIDI clock"):
        clock_link.judge([], [97.0])


def test_what_a_tempo_did_between_two_looks_is_let_pass() -> None:
    tick = 60 * RATE / 100 / TICKS
    frames = [*even(200, tick), *even(200, 2 * tick, first=200 * tick)]  # 100 BPM, then 50
    tape = Tape([0, frames[200] + 30_000], [100.0, 50.0], [(frames[100], "player")], slewing=frames[:-1])
    assert clock_handover.judge(frames, tape)["met"]
    tape.frames[1:1], tape.tempos[1:1] = [frames[200] + 20_000], [100.0]  # it said so later than it was
    assert not clock_handover.judge(frames, tape)["met"]


def test_a_tour_goes_from_each_to_each_once() -> None:
    way = tour(["a", "b", "c", "d", "e"])
    pairs = Counter(pairwise(way))
    assert len(pairs) == 20
    assert set(pairs.values()) == {1}


@pytest.mark.parametrize(("source", "wrong_ms"), [("midi", 0.0), ("link", 2.0), ("tap", 2.0)])
def test_a_beat_that_is_wrong_is_found(source: str, wrong_ms: float) -> None:
    beat = 60 * RATE / BPM
    frames = even(480, beat / TICKS)
    frames = [frame + round(wrong_ms * 48) * (number >= 300) for number, frame in enumerate(frames)]
    tape = Tape(frames[::10], [BPM] * 48, [(frames[200], source)], slewing=frames[:-1])
    found = clock_handover.judge(frames, tape)
    assert found["met"] == (wrong_ms == 0)
    assert found["worst_ms"] == {f"internal to {source}": pytest.approx(wrong_ms, abs=0.05)}


def test_a_beat_at_an_xrun_is_not_judged() -> None:
    beat = 60 * RATE / BPM
    frames = [frame + 256 * (number == 300) for number, frame in enumerate(even(480, beat / TICKS))]
    tape = Tape(frames, [BPM] * 480, [(frames[200], "midi")], [0] * 300 + [1] * 180)
    assert clock_handover.judge(frames, tape)["met"]
    tape.xruns = [0] * 400 + [1] * 80
    assert not clock_handover.judge(frames, tape)["met"]


def test_a_link_session_s_beats_are_judged_again_a_second_after_an_xrun() -> None:
    beat = 60 * RATE / BPM
    for at, met in ((290, True), (350, False)):
        frames = [frame + 256 * (number >= at) for number, frame in enumerate(even(480, beat / TICKS))]
        tape = Tape(frames, [BPM] * 480, [(frames[220], "link")], [0] * 260 + [1] * 220)
        assert clock_handover.judge(frames, tape)["met"] == met


def test_where_the_tempo_is_what_it_says_that_is_believed() -> None:
    frames = even(480, 60 * RATE / 100 / TICKS)
    tape = Tape(frames[::10], [100.0] * 48, [(frames[100], "player")], slewing=frames[:-1])
    assert clock_handover.judge(frames, tape)["met"]
    tape.chosen = [(frames[100], "jack")]
    assert not clock_handover.judge(frames, tape)["met"]


def test_with_jack_midi_clock() -> None:
    needs("jackd", "jack_midi_clock", "jack_transport")
    found = clock_follow.run(json=True, plan=(Hold(100, 2.5), Ramp(110, 2)))
    assert found["ticks"] > 24
    assert found["median_ms"] < 1.0
    assert found["met"] or found["xruns"], found


@pytest.mark.skipif(not LONG, reason="takes minutes: RIPIENO_LONG=1")
def test_each_part_on_a_server() -> None:
    needs("jackd", "jack_midi_clock", "jack_transport", "link")
    assert clock_handover.run(json=True, seconds=4.0)["met"]
    assert clock_link.run(json=True, seconds=3.0)["met"]
    assert clock_out.run(json=True, minutes=0.5)["met"]
