"""MIDI as the continuation's model reads it: on its grid, in its bars, with the right instruments."""

import mido
from hypothesis import given
from hypothesis import strategies as st

from ripieno.daemon.offline import RATE
from ripieno.daemon.score import Score, score_of
from ripieno.daemon.transcription import Grid, Note, notes_of, piece_of
from ripieno.models.continuation.instruments import DRUMS, NAMES

BEAT = RATE // 2  # frames, at the 120 beats a minute of a file that says nothing


def score(*messages: mido.Message | mido.MetaMessage, division: int = 480) -> Score:
    file = mido.MidiFile(type=0, ticks_per_beat=division)
    file.tracks.append(mido.MidiTrack(messages))
    return score_of(file, RATE)


def test_notes_have_the_instrument_of_their_channel_at_that_time() -> None:
    told = score(
        mido.Message("note_on", note=60, velocity=50),
        mido.Message("program_change", program=40, time=240),
        mido.Message("note_on", note=62, velocity=60),
        mido.Message("note_on", note=60, velocity=0, time=240),
        mido.Message("note_on", note=38, velocity=70, channel=9),
        mido.Message("note_off", note=38, channel=9, time=10),
        mido.Message("program_change", program=120, channel=2),
        mido.Message("note_on", note=50, velocity=80, channel=2),
        mido.MetaMessage("end_of_track", time=470),
    )
    notes = notes_of(told.events, told.frames)
    assert [note.code for note in notes] == [1, NAMES.index("violin"), DRUMS, 0]
    assert notes[0] == Note(0, BEAT, 0, 0, 60, 50)
    assert notes[1].end == told.frames  # never released


def test_bars_follow_the_time_signatures() -> None:
    told = score(
        mido.MetaMessage("time_signature", numerator=3, denominator=4),
        mido.MetaMessage("time_signature", numerator=6, denominator=8, time=480 * 7),
        mido.MetaMessage("end_of_track", time=480 * 6),
    )
    grid = Grid(told, 100, 4)
    assert grid.bars(13 * 12) == [0, 36, 72, 84, 120, 156]  # the third bar is cut short by the new signature
    assert (grid.bar_length(0), grid.bar_length(84)) == (36, 36)
    assert Grid(score(mido.MetaMessage("end_of_track")), 100, 5).bars(70) == [0, 60]


def test_a_file_in_seconds_goes_by_the_tempo_told() -> None:
    smpte = score(mido.MetaMessage("end_of_track", time=1000), division=-(25 << 8) + 40)
    grid = Grid(smpte, 90, 4)
    assert grid.position(RATE) == 90 / 60 * 12
    assert grid.frame(18) == RATE


@given(position=st.integers(0, 100_000), tempo=st.integers(200_000, 2_000_000))
def test_ticks_come_back_from_their_frames(position: int, tempo: int) -> None:
    grid = Grid(score(mido.MetaMessage("set_tempo", tempo=tempo)), 100, 4)
    assert round(grid.position(grid.frame(position))) == position


def test_a_performance_is_put_on_the_grid_and_its_touch_kept() -> None:
    late, early = round(0.010 * RATE), round(-0.004 * RATE)
    notes = [
        Note(BEAT + late, 2 * BEAT, 0, 0, 64, 90),
        Note(2 * BEAT + early, 3 * BEAT, 0, 0, 60, 70),
        Note(2 * BEAT, 4 * BEAT, 1, 40, 55, 60),
    ]
    piece = piece_of(notes, Grid(score(), 100, 4), [1, 1, 27])
    assert piece.notes.tick.tolist() == [12, 24, 24]
    assert piece.notes.length.tolist() == [12, 12, 24]
    assert piece.end == 48
    assert [round(seconds, 3) for seconds in piece.deviations] == [0.010, -0.004, 0]
    assert piece.velocities == [90, 70, 60]
    assert piece_of([], Grid(score(), 100, 4), []).end == 0
