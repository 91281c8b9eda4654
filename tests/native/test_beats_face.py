"""The beat tracker from Python: told live, beats are said before they come, however often it is asked."""

import numpy as np
import pytest

from ripieno.native.beats import LEAD, Beats, follow

RATE = 44_100


def chords(bpm: float = 90.0, beats: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two keys on each beat, one between: frames, pitches, velocities."""
    at = (1.0 + np.arange(2 * beats) * 30.0 / bpm) * RATE
    frame = np.repeat(np.rint(at).astype(np.int64), 2)
    keep = np.tile([True, True, True, False], beats)
    return frame[keep], np.tile([48, 64, 72, 72], beats)[keep], np.full(3 * beats, 70)


@pytest.mark.parametrize("every", [0.003, 0.01, 0.02])
def test_beats_are_said_before_they_come(every: float) -> None:
    keys = chords()
    said, beats = follow(*keys, RATE, every)
    frames = np.array([beat.frame for beat in beats])
    assert (frames >= said).all()
    assert (frames <= said + LEAD * RATE + 1).all()
    assert [beat.beat for beat in beats] == list(range(len(beats)))
    on_beats = keys[0][::3]
    late = np.abs(frames[:, None] - on_beats[None]).min(1) / RATE
    assert late[8:].max() < 0.03
    assert beats[-1].bpm == pytest.approx(90.0, rel=0.03)


def test_what_comes_later_changes_nothing_that_was_said() -> None:
    frame, pitch, velocity = chords()
    half = len(frame) // 2
    _, beats = follow(frame, pitch, velocity, RATE)
    _, first = follow(frame[:half], pitch[:half], velocity[:half], RATE)
    assert first == beats[: len(first)]
    assert len(first) > 8


def test_a_tracker_that_is_cleared_is_as_new() -> None:
    tracker, keys = Beats(RATE), list(zip(*(column.tolist() for column in chords()), strict=True))

    def all_said() -> list[float]:
        found = []
        for frame, pitch, velocity in keys:
            tracker.note(frame, pitch, velocity)
            while beat := tracker.next(frame):
                found.append(beat.frame)
        return found

    first = all_said()
    tracker.clear()
    assert all_said() == first
    assert first


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ValueError, match="beats cannot be followed at 100 frames"):
        Beats(100)
    said, beats = follow([], [], [])
    assert (len(said), beats) == (0, [])
