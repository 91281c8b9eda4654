"""Excerpts to judge a voice with: what is in them, and the same ones every time."""

from pathlib import Path

import numpy as np
import pytest
from note_collections import write

from ripieno.models.collection import CorpusError
from ripieno.models.singing import excerpts, songs

BEATS = 120  # at the usual 100 a minute in lieder, 72 s


def collection(folder: Path, silent_beats: int = 0) -> Path:
    """Songs whose line sings C, D, E, F a beat each, with the piano an octave below; it rests in the first beats."""
    parts = [{"role": role, "program": 0} for role in ("melody", "bridge", "piano")]
    for style, line, piano in (("lieder", 0, 2), ("pop", 0, 2)):
        notes = [(24 * beat, 24, 60 + (0, 2, 4, 5)[beat % 4], 80, line) for beat in range(silent_beats, BEATS)]
        notes += [(24 * beat, 24, 48 + (0, 2, 4, 5)[beat % 4], 80, piano) for beat in range(BEATS)]
        write(folder, style, [({"split": split, "parts": parts}, sorted(notes)) for split in ("train", "test", "test")])
    return folder


def test_excerpts_are_whole_and_the_same_every_time(tmp_path: Path) -> None:
    drawn = excerpts.draw(collection(tmp_path), "test", 2)
    assert [one.style for one in drawn] == ["pop", "pop", "lieder", "lieder"]
    for one, again in zip(drawn, excerpts.draw(tmp_path, "test", 2), strict=True):
        assert len(one.sung) == len(one.piano) == excerpts.BLOCKS
        assert (one.sung.note == again.sung.note).all()
        assert len(one.rows) == one.count == one.before + excerpts.BLOCKS
        assert one.sung.voiced.mean() > 0.99
    # What is sung an octave above the piano sounds in it, but for blocks at the edges of notes.
    lied = drawn[-1]
    assert lied.piano.classes[np.arange(len(lied.sung)), lied.sung.note % 12].mean() > 0.95


def test_an_excerpt_begins_where_there_is_enough_singing(tmp_path: Path) -> None:
    (song, *_) = songs.load(collection(tmp_path, silent_beats=70), "test", ("lieder",))
    begins = excerpts._begins(song)
    length = excerpts.BLOCKS * 16
    assert begins[0] * 16 == pytest.approx(70 * 600 - length / 2, abs=200)
    with pytest.raises(CorpusError, match="mostly sung"):
        excerpts.draw(collection(tmp_path, silent_beats=95), "test", 2, styles=("lieder",))


def test_the_piano_is_heard_from_before_the_excerpt(tmp_path: Path) -> None:
    (song, *_) = songs.load(collection(tmp_path), "test", ("lieder",))
    late, early = excerpts.excerpt(song, 1000), excerpts.excerpt(song, 100)
    assert (late.before, early.before) == (500, 100)
    whole = excerpts.piano_of(songs.rows(song.piano, 4000))
    for one, begin in ((late, 1000), (early, 100)):
        assert (one.piano.classes == whole.cut(begin, begin + excerpts.BLOCKS).classes).all()


def test_melodies_are_the_lines_notes(tmp_path: Path) -> None:
    (melody,) = excerpts.melodies(songs.load(collection(tmp_path), "train", ("lieder",)))
    assert melody.note.tolist() == [60, 62, 64, 65] * (BEATS // 4)
    assert melody.onset.all()
