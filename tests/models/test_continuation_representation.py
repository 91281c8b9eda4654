"""Music as events: what is told of a piece comes back, in the order and with the numbers that C knows too."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ripieno.models.continuation.instruments import DRUMS, INSTRUMENTS, NAMES, code_of_program, program_of_code
from ripieno.models.continuation.representation import (
    BEAT,
    BEATS_MAX,
    DURATION,
    DURATIONS,
    END_OF_SONG,
    INSTRUMENT,
    INSTRUMENT_ROW,
    MARK,
    MARKS,
    NOTE,
    OUTLOOK_SIZES,
    OUTLOOK_STATES,
    PITCH,
    POSITION,
    SIZES,
    START_OF_NOTES,
    START_OF_SONG,
    STYLES,
    TYPE,
    VELOCITY,
    Score,
    beat_marks,
    decode,
    duration_code,
    encode,
    joined,
    length_of,
    outlook,
    prefix,
    recall,
    score,
    velocity_code,
    velocity_of,
)

PIANO, FLUTE = 1, 54


def piece(*notes: tuple[int, int, int, int, int], bars: tuple[int, ...] = (), style: str = "") -> Score:
    """Notes (tick, length, instrument, pitch, velocity)."""
    tick, length, instrument, pitch, velocity = np.array(notes, dtype=np.int64).reshape(-1, 5).T
    return score(tick, length, instrument, pitch, velocity, np.array(bars, dtype=np.int64), style)


def test_there_are_64_instruments_and_drums() -> None:
    assert len(INSTRUMENTS) == 64
    assert len(NAMES) == len(set(NAMES)) == 66 == SIZES[INSTRUMENT]
    assert NAMES[DRUMS] == "drums"
    told = [program for _, programs in INSTRUMENTS for program in programs]
    assert len(told) == len(set(told)) == 128 - 24
    left_out = {76, 77, 78, *range(96, 104), *range(112, 117), *range(120, 128)}
    assert {program for program in range(128) if code_of_program(program) is None} == left_out
    for code in range(1, DRUMS):
        assert code_of_program(program_of_code(code)) == code


def test_codes_and_what_they_stand_for() -> None:
    lengths = np.array([1, 12, 13, 14, 15, 17, 200, 280, 289, 384, 5000])
    assert length_of(duration_code(lengths)).tolist() == [1, 12, 12, 15, 15, 16, 192, 192, 384, 384, 384]
    assert length_of(duration_code(np.array(DURATIONS))).tolist() == list(DURATIONS)
    velocities = np.arange(1, 128)
    codes = velocity_code(velocities)
    assert codes.min() == 1
    assert codes.max() == SIZES[VELOCITY] - 1
    assert np.abs(velocity_of(codes) - velocities).max() <= 2
    assert velocity_code(np.array([0])) == velocity_of(np.array([0])) == 0


def test_a_piece_as_rows() -> None:
    events, ticks = encode(
        piece((12, 6, FLUTE, 72, 1), (12, 12, PIANO, 60, 127), (43, 24, PIANO, 48, 64), bars=(0, 36), style="lieder"),
        ends=True,
    )
    style = 16 + STYLES.index("lieder")
    assert events.tolist() == [
        [START_OF_SONG, 0, 0, 0, 0, 0, 0, style],
        [INSTRUMENT_ROW, 0, 0, PIANO, 0, 0, 0, 0],
        [INSTRUMENT_ROW, 0, 0, FLUTE, 0, 0, 0, 0],
        [START_OF_NOTES, 0, 0, 0, 0, 0, 0, 0],
        [NOTE, 1, 1, PIANO, 61, 12, 32, 2],
        [NOTE, 0, 1, FLUTE, 73, 6, 1, 2],
        [NOTE, 2, 8, PIANO, 49, 18, 17, 1],
        [END_OF_SONG, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert ticks.tolist() == [0, 0, 0, 0, 12, 12, 43, 43]
    assert events.dtype == np.int16


def test_long_rests_and_late_beginnings() -> None:
    late = piece((12 * 40, 12, PIANO, 60, 64), (12 * 70, 12, PIANO, 62, 64))
    events, ticks = encode(late, start_beat=40)
    assert events[-2:, BEAT].tolist() == [0, BEATS_MAX]
    assert ticks[-2:].tolist() == [0, 12 * 30]


def test_the_longer_of_two_equal_notes_stays() -> None:
    twice = piece((0, 6, PIANO, 60, 64), (0, 12, PIANO, 60, 64), (0, 3, FLUTE, 60, 64))
    assert twice.length.tolist() == [12, 3]
    assert twice.instrument.tolist() == [PIANO, FLUTE]


def test_marks_tell_the_beat_of_the_bar() -> None:
    bars = np.array([24, 60, 78, 300])
    #                          before, 1st, 2nd, 3rd, 1st, 2nd; the bar at 78 begins in the middle of a beat
    assert beat_marks(np.array([1, 2, 3, 4, 5, 6, 7]), bars).tolist() == [0, 1, 2, 3, 1, 2, 0]
    assert beat_marks(np.array([25, 39, 40]), bars).tolist() == [1, 15, 0]
    assert beat_marks(np.array([0, 1]), np.zeros(0, dtype=np.int64)).tolist() == [0, 0]


def test_marks_fit() -> None:
    assert max(int(prefix([], style)[0, MARK]) for style in STYLES) < MARKS


notes = st.lists(
    st.tuples(
        st.integers(0, 400), st.sampled_from(DURATIONS), st.integers(1, 65), st.integers(0, 127), st.integers(1, 127)
    ),
    min_size=1,
    max_size=40,
)


@given(notes)
def test_what_is_encoded_comes_back(rows: list[tuple[int, int, int, int, int]]) -> None:
    told = piece(*rows)
    gaps = np.diff(told.tick // 12, prepend=0)
    if gaps.max() > BEATS_MAX:
        return
    events, ticks = encode(told)
    assert (events[:, :MARK] < np.array(SIZES)).all()
    assert (events >= 0).all()
    assert (np.diff(ticks) >= 0).all()
    back = decode(events)
    for column in ("tick", "length", "instrument", "pitch"):
        assert (getattr(back, column) == getattr(told, column)).all(), column
    assert np.abs(back.velocity.astype(int) - told.velocity).max() <= 2


def test_two_pieces_are_joined_in_order() -> None:
    both = joined(piece((12, 6, PIANO, 60, 64), bars=(0,), style="pop"), piece((0, 6, PIANO, 62, 64)))
    assert both.pitch.tolist() == [62, 60]
    assert both.style == "pop"
    assert both.bars.tolist() == [0]


def test_what_is_recalled() -> None:
    chord = (0, 12, PIANO, 60, 8), (0, 6, PIANO, 64, 8), (0, 3, FLUTE, 72, 64)
    events, ticks = encode(piece(*chord, (12, 6, PIANO, 62, 16), (24, 6, FLUTE, 74, 8)))
    found = recall(events, ticks)
    assert found[:5].tolist() == [[0] * 4] * 5  # start, two instruments, start of notes, the first note
    # A chord's second note hears of the first, told apart from notes before.
    assert found[5].tolist() == [61 + SIZES[PITCH], 0, 12 + SIZES[DURATION], 3 + SIZES[VELOCITY]]
    assert found[6].tolist() == [0] * 4
    assert found[7].tolist() == [65, 61, 6, 3]
    assert found[8].tolist() == [73, 0, 3, 17]


def test_how_the_band_stands() -> None:
    chord = (0, 12, PIANO, 60, 8), (0, 40, FLUTE, 72, 8), (0, 50, DRUMS, 36, 8)
    events, ticks = encode(piece(*chord, (12, 6, PIANO, 62, 8), (30, 6, PIANO, 64, 8)))
    beats, positions, states, pitches = (kind[-2:] for kind in outlook(events, ticks))
    # Before the note at tick 12: the piano ends a beat later than the row before, flute and drums 3 and 4 beats later.
    assert np.flatnonzero(beats[0]).tolist() == [1, 3, 4]
    assert np.flatnonzero(positions[0]).tolist() == [1]
    assert np.flatnonzero(states[0]).tolist() == sorted(
        OUTLOOK_STATES * code + state for code, state in ((PIANO, 1), (FLUTE, 0), (DRUMS, 0))
    )
    assert np.flatnonzero(pitches[0]).tolist() == [72]
    # Before the note at tick 30: the piano ended at 18, so half a beat after the row before, and is silent.
    assert np.flatnonzero(beats[1]).tolist() == [0, 2, 3]
    assert np.flatnonzero(positions[1]).tolist() == []
    assert np.flatnonzero(states[1]).tolist() == sorted(
        OUTLOOK_STATES * code + state for code, state in ((PIANO, 2), (FLUTE, 0), (DRUMS, 0))
    )


def test_what_is_known_of_a_row_comes_from_the_rows_before() -> None:
    rng = np.random.default_rng(1)
    columns = rng.integers(0, 200, 60), rng.choice(DURATIONS, 60), rng.integers(1, 66, 60), rng.integers(30, 90, 60)
    events, ticks = encode(score(*columns, np.full(60, 64)))
    for row in range(0, len(events), 7):
        later = events.copy()
        later[row:, [PITCH, DURATION, VELOCITY]] = 1
        assert (recall(events, ticks)[row] == recall(later, ticks)[row]).all()
        for seen, other in zip(outlook(events, ticks), outlook(later, ticks), strict=True):
            assert (seen[row] == other[row]).all()


def test_batches_are_the_same_as_one_by_one() -> None:
    both = [
        encode(piece((0, 12, PIANO, 60, 8), (6, 12, code, 62, 8), (30, 3, PIANO, 50, 8))) for code in (PIANO, PIANO)
    ]
    events, ticks = (np.stack([one[at] for one in both]) for at in (0, 1))
    assert (recall(events, ticks)[1] == recall(events[1], ticks[1])).all()
    for size, batch, one in zip(OUTLOOK_SIZES, outlook(events, ticks), outlook(events[1], ticks[1]), strict=True):
        assert batch.shape == (2, len(events[1]), size)
        assert (batch[1] == one).all()


def test_instruments_are_told_once_and_in_order() -> None:
    head = prefix([FLUTE, PIANO, FLUTE])
    assert head[:, TYPE].tolist() == [START_OF_SONG, INSTRUMENT_ROW, INSTRUMENT_ROW, START_OF_NOTES]
    assert head[:, INSTRUMENT].tolist() == [0, PIANO, FLUTE, 0]
    assert not head[:, [BEAT, POSITION, PITCH, DURATION, VELOCITY, MARK]].any()
