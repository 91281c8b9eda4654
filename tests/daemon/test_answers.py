"""The record of what a band planned, committed and dropped, from its reports."""

from ripieno.daemon.answers import STATES, AnswerLog
from ripieno.native.continuation import STATES as CORE_STATES
from ripieno.native.continuation import BandReport

RATE = 48_000


def report(
    kind: str, serial: int = 0, beat: int = 0, pitch: int = 60, instrument: int | None = 1, value: int = 0
) -> BandReport:
    frame = beat * RATE // 2
    fields = {"tick": 12 * beat, "code": 30, "velocity": 70, "stale": False, "number": 0.0}
    return BandReport(
        kind, frame, frame + 12_000, serial=serial, instrument=instrument, pitch=pitch, value=value, **fields
    )


def test_states_are_the_core_s_in_its_order() -> None:
    assert [CORE_STATES[number] for number in range(len(STATES))] == list(STATES)


def test_a_note_is_planned_then_committed_or_dropped() -> None:
    log = AnswerLog()
    log.hear([report("planned", 1, 2, 60), report("planned", 2, 3, 62), report("planned", 3, 4, 64)])
    log.hear([report("committed", 1, 2, 60), report("committed", 2, 3, 62), report("dropped", 3, 4, 64)])
    assert [bar.pitch for bar in log.bars(RATE, 10 * RATE)] == [60, 62]
    assert [(bar.pitch, bar.row) for bar in log.plans(RATE, 10 * RATE).dropped] == [(64, 1)]
    log.hear([report("dropped", 2, 3, 62)])  # committed, and taken back before it sounded
    assert [bar.pitch for bar in log.bars(RATE, 10 * RATE)] == [60]
    assert sorted(bar.pitch for bar in log.plans(RATE, 10 * RATE).dropped) == [62, 64]
    log.hear([report("dropped", 99)])  # nobody knows it


def test_only_the_last_plan_for_a_beat_is_kept() -> None:
    log = AnswerLog()
    for again in range(5):
        log.hear([report("planned", 10 + again, 4, 60 + again), report("dropped", 10 + again, 4)])
    assert [bar.pitch for bar in log.plans(RATE, 10 * RATE).dropped] == [64]
    log.hear([report("planned", 20, 4, 70), report("committed", 20, 4, 70)])
    assert not log.plans(RATE, 10 * RATE).dropped


def test_what_it_thought_the_player_would_play_is_nobody_s() -> None:
    log = AnswerLog()
    log.hear([report("planned", 1, 2, 60, instrument=None)])
    assert [bar.row for bar in log.plans(RATE, 10 * RATE).dropped] == [None]
    assert not log.bars(RATE, 10 * RATE)


def test_turns_and_notes_beyond_the_end_are_left_out() -> None:
    log = AnswerLog()
    log.hear([report("state", beat=2, value=1), report("state", beat=6, value=0), report("state", beat=40, value=2)])
    log.hear([report("committed", 1, 39)])
    assert log.plans(RATE, 10 * RATE).turns == [(1.0, "the band"), (3.0, "you")]
    assert not log.bars(RATE, 10 * RATE)
