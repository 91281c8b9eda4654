"""Songs and what is learnt from them: one voice, breaths, and excerpts that are changed only as they say."""

from pathlib import Path

import numpy as np
import pytest
from singing_songs import write_songs

from ripieno.models.collection import CorpusError
from ripieno.models.singing import lessons, practice, songs
from ripieno.models.singing.representation import BLOCK_MS, BREATH, NO_NOTE, ONSET, REST, SUSTAIN
from ripieno.models.singing.songs import Notes
from ripieno.native import piano


def notes(*rows: tuple[int, int, int]) -> Notes:
    """Notes of (onset, end, pitch)."""
    onset, end, pitch = np.array(rows, np.int64).reshape(-1, 3).T
    return Notes(onset, end, pitch, np.full(len(onset), 80))


def test_a_line_is_one_voice() -> None:
    line = songs.one_voice(notes((0, 500, 60), (0, 900, 64), (800, 1000, 65), (1050, 1200, 67), (1600, 1700, 60)))
    assert line.pitch.tolist() == [64, 65, 67, 60]
    assert line.onset.tolist() == [0, 800, 1050, 1600]
    assert line.end.tolist() == [800, 1050, 1200, 1700]  # ended by the next; a gap of 50 ms is none


def test_octaves_are_comfortable() -> None:
    for median in range(30, 90):
        moves = songs.octaves(notes((0, 100, median)))
        assert len(moves)
        assert (moves % 12 == 0).all()
        assert all(55 <= median + move <= 72 for move in moves)


def test_a_line_block_by_block() -> None:
    line = notes((0, 160, 60), (160, 320, 60), (1600, 1700, 20))
    phonation, note = songs.tokens(line, 120, 10)
    assert phonation[0] == REST  # what happens as a block begins is not known to it
    assert phonation[1] == phonation[11] == ONSET
    assert (phonation[2:11] == SUSTAIN).all()
    assert (note[1:21] == 60 - songs.NOTE_LOW).all()
    assert (phonation[21:91] == REST).all()
    assert (phonation[91:101] == BREATH).all()
    assert (note[21:101] == NO_NOTE).all()
    assert phonation[101] == ONSET
    assert note[101] == 44 - songs.NOTE_LOW  # moved up by octaves to where the voice reaches


def test_a_note_that_began_before_is_sung_on() -> None:
    phonation, note = songs.tokens(notes((-500, 100, 60)), 10)
    assert phonation.tolist() == [SUSTAIN] * 7 + [REST] * 3
    assert note[0] == 60 - songs.NOTE_LOW


def test_rows_and_lines_come_together() -> None:
    """A note of the line and a key of the piano at one moment are in the same block, wherever the block begins."""
    for moment in range(1000, 1000 + BLOCK_MS):
        played = notes((moment, moment + 400, 60))
        phonation, _ = songs.tokens(played, 120)
        heard = songs.rows(played, 120)[:, piano.CHROMA] > 0
        np.testing.assert_array_equal(phonation >= ONSET, heard)


def test_rows_later_on_are_those_of_the_whole() -> None:
    played = notes(*((100 * index, 100 * index + 300, 50 + index % 20) for index in range(200)))
    whole = songs.rows(played, 1000)
    part = songs.rows(played, 300, begin=600 * BLOCK_MS, warm=600)
    np.testing.assert_array_equal(whole[600:900], part)


def test_songs_are_read(tmp_path: Path) -> None:
    found = songs.load(write_songs(tmp_path), "train")
    assert [song.style for song in found] == ["pop", "pop", "lieder", "lieder"]
    assert found[0].line.onset[1] == 600  # a quarter at 100 a minute
    assert (found[0].piano.pitch < 60).all()
    with pytest.raises(CorpusError, match="no song"):
        songs.load(tmp_path, "nowhere")


def test_tempo_changes_are_heard() -> None:
    found = songs._in_milliseconds(np.array([0, 24, 48, 72]), [[0, 60.0], [24, 120.0]])
    assert found.tolist() == [0, 1000, 1500, 2000]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[lessons.Lesson]:
    source = lessons.Lessons(songs.load(write_songs(tmp_path_factory.mktemp("data")), "train"), 256)
    rng = np.random.default_rng(0)
    return [source.lesson(rng) for _ in range(60)]


def test_lessons_are_lines_that_can_be_sung(drawn: list[lessons.Lesson]) -> None:
    for one in drawn:
        assert one.rows.shape == (256, piano.ROW)
        assert one.history.shape == (256, 4)
        before = one.history[:, 0]
        assert not ((one.phonation == SUSTAIN) & (before < ONSET)).any()
        assert (one.note[one.phonation >= ONSET] < NO_NOTE).all()
        assert not (one.asked & (one.phonation != ONSET)).any()
        np.testing.assert_array_equal(one.history[1:, 0], one.phonation[:-1])
    assert any(one.asked.sum() < (one.phonation == ONSET).sum() for one in drawn)  # some mistakes are made
    shares = np.bincount(np.concatenate([one.phonation for one in drawn]), minlength=4) / (256 * len(drawn))
    assert (shares > 0).all()


def test_a_splice_changes_the_piano_at_once_and_the_line_soon() -> None:
    rng = np.random.default_rng(1)
    one = notes(*((500 * index, 500 * index + 500, 60) for index in range(20)))
    other = lessons.moved(one, 3)
    for _ in range(20):
        line, played = lessons.spliced((one, one), (other, other), 5250, rng)
        assert (played.pitch[played.onset < 5250] == 60).all()
        assert (played.pitch[played.onset >= 5250] == 63).all()
        assert (played.end[played.onset < 5250] <= 5250).all()
        change = line.onset[line.pitch == 63].min()
        assert 5250 <= change <= 5250 + 500 + lessons.LATE_MS[1]
        assert (line.onset[1:] >= line.end[:-1]).all()


def test_where_the_player_rests_the_line_rests() -> None:
    played = notes(*((250 * index, 250 * index + 250, 60) for index in range(100)))
    for seed in range(10):
        line, quiet = lessons.silenced(played, played, np.random.default_rng(seed))
        gap = int(np.diff(quiet.onset).argmax())
        begin, end = int(quiet.onset[gap]) + 1, int(quiet.onset[gap + 1])
        assert end - begin > lessons.SILENCE_MS[0] - 500
        sung = line.between(begin + 250 + lessons.ENDING_MS[1], end)
        assert not len(sung)


def test_mistakes_are_put_right() -> None:
    line = notes(*((1000 * index, 1000 * index + 1000, 60 + index % 5) for index in range(40)))
    changed, wrong = lessons.mistaken(line, line, np.random.default_rng(2))
    assert 0 < wrong.sum() < len(line)
    right = changed.take(~wrong)
    np.testing.assert_array_equal(right.pitch, line.pitch)
    np.testing.assert_array_equal(right.end, line.end)
    assert (changed.pitch[wrong] != right.pitch[np.searchsorted(right.end, changed.end[wrong])]).all()


def test_the_pedal_holds_until_the_bass_changes() -> None:
    held = lessons.held(notes((0, 100, 40), (0, 100, 64), (500, 600, 67), (1000, 1100, 43)))
    assert held.end.tolist() == [1000, 1000, 1000, 1000 + 100 + lessons.RING_MS - 100]


def test_practice_is_in_any_key_and_its_surprises_are_later(tmp_path: Path) -> None:
    one = practice.pianos(write_songs(tmp_path, 200), "train", 1)[0]
    rng = np.random.default_rng(0)
    plain, other = (practice.practice(one, kind, rng) for kind in (True, False))
    assert plain.shape == other.shape == (one.count, piano.ROW)
    assert (plain[:, piano.COUNT] == one.rows[:, piano.COUNT]).all()

    def chords(rows: np.ndarray) -> int:
        return len(np.unique(rows[:, piano.CHROMA : piano.CHROMA + 12] > 0, axis=0))

    assert chords(other) > chords(plain)


def test_habits_are_counted() -> None:
    line = practice.metrics.line([60] * 40 + [-1] * 94 + [62] * 10 + [-1] * 5 + [69] * 20 + [-1] * 31)
    found = practice.habits([line, line])
    assert found.voiced == 0.35
    np.testing.assert_allclose(found.silences, [(64 + 5 + 31) / 70, 30 / 70])
    np.testing.assert_allclose(found.rates * 200 * 0.016, [3, 2])
    np.testing.assert_allclose(found.intervals, [0, 0.5, 0, 0.5])
    assert (found - practice.habits([line])).faded(0.5).counts[0] == 100
