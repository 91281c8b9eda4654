"""The one clock from Python."""

import pytest

from ripieno.native.timeline import SOURCES, Timeline

RATE, BLOCK = 48000, 256


def run(timeline: Timeline, frame: int, until: int) -> int:
    """Cycles from one frame to another."""
    while frame < until:
        timeline.advance(frame)
        frame += BLOCK
    return frame


def test_the_internal_clock() -> None:
    timeline = Timeline(RATE, 90.0)
    timeline.start("internal", 0, 0.0, 0.0)
    frame = run(timeline, 0, 10 * RATE)
    assert timeline.beat(frame) == pytest.approx(frame / RATE * 1.5)
    assert timeline.frame(timeline.beat(frame)) == pytest.approx(frame)
    state = timeline.state()
    assert (state.source, state.bpm, state.rolling, state.locked) == ("internal", pytest.approx(90), True, True)
    assert state.beat == pytest.approx(timeline.beat(state.frame))
    timeline.set_tempo(180)
    timeline.stop("internal", frame)
    run(timeline, frame, frame + RATE)
    assert timeline.state().bpm == pytest.approx(180)
    assert timeline.state().beat == pytest.approx(frame / RATE * 1.5)
    assert not timeline.state().rolling


@pytest.mark.parametrize("bpm", [61.0, 120.0, 199.0])
def test_clock_that_one_sends_the_other_follows(bpm: float) -> None:
    one, other = Timeline(RATE, bpm), Timeline(RATE, 100.0)
    other.choose("midi")
    one.start("internal", 700, 0.0, 16.0)
    heard = set()
    for frame in range(0, 14 * RATE, BLOCK):
        one.advance(frame)
        for sent in one.send(frame, BLOCK):
            assert frame <= sent.frame < frame + BLOCK
            other.hear(sent.frame, sent.data)
            heard.add(sent.data)
        other.advance(frame)
    assert heard == {b"\xf8", b"\xf2\x40\x00", b"\xfb"}
    assert other.beat(frame) == pytest.approx(one.beat(frame), abs=1e-3)
    state = other.state()
    assert (state.source, state.rolling, state.locked, state.slewing) == ("midi", True, True, False)
    assert state.bpm == pytest.approx(bpm, rel=1e-3)
    assert state.residual < 0.1
    assert abs(state.away) < 0.1
    assert state.heard > 100
    assert other.lost == 0


def test_a_place_is_told_by_whom_it_is_followed() -> None:
    timeline = Timeline(RATE)
    timeline.choose("jack")
    timeline.start("jack", 0, 4.0, 4.0)
    timeline.locate("link", 10, 100.0, 100.0)
    for frame in range(0, 4 * RATE, BLOCK):
        timeline.observe("jack", frame, 4.0 + frame / RATE * 2.0)
        timeline.advance(frame)
    assert timeline.beat(frame) == pytest.approx(4.0 + frame / RATE * 2.0, abs=1e-4)
    timeline.locate("jack", frame, 12.0, 12.0)
    assert timeline.beat(frame) == pytest.approx(12.0, abs=1e-4)
    assert timeline.state().jumps == 1  # the second is published with the next cycle


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no clock 'sundial'; there are internal, tap, midi"):
        Timeline().choose("sundial")
    with pytest.raises(ValueError, match="10 BPM is no tempo: 20 to 400"):
        Timeline(RATE, 10)
    with pytest.raises(ValueError, match="no timeline at 0 Hz"):
        Timeline(0)
    assert set(SOURCES) == {"internal", "tap", "midi", "link", "jack", "player"}
