"""MIDI files: ticks and frames agree exactly, everything that belongs to a piece is kept, damage is told by name."""

import io
from pathlib import Path

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st
from songs import absolute, saved, song

from ripieno.daemon.errors import UserError
from ripieno.daemon.score import Part, TempoMap, read_score, score_of, write_score

RATE = 48_000


TEMPOS = st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 2**24 - 1)), max_size=8)


@given(
    division=st.integers(1, 32767),
    first=st.integers(1, 2**24 - 1),
    later=TEMPOS,
    ticks=st.lists(st.integers(0, 40_000)),
)
def test_ticks_and_frames_agree(division: int, first: int, later: list[tuple[int, int]], ticks: list[int]) -> None:
    tempos, at = [(0, first)], 0
    for step, tempo in later:
        at += step
        tempos.append((at, tempo))
    tempo_map = TempoMap(division, division, tempos)
    for tick in ticks:
        spans = zip(tempos, [*tempos[1:], (tick, 0)], strict=True)
        exact = sum((min(end, tick) - start) * tempo for (start, tempo), (end, _) in spans if start < tick)
        frame = tempo_map.frame(tick, RATE)
        assert abs(frame - exact * RATE / division / 1e6) <= 0.5 + 1e-6 * frame
        back = tempo_map.tick(frame, RATE)
        shortest_tick = RATE * min(tempo for _, tempo in tempos) / division / 1e6
        # Rounding moves a time by at most half a frame: ticks of more than a frame come back as they were.
        assert back == tick if shortest_tick > 1.01 else abs(back - tick) <= 1 + 0.5 / shortest_tick


def test_a_song_survives_the_way_through_frames(tmp_path: Path) -> None:
    file = song()
    score = score_of(file, RATE)
    parts = [Part("Right hand", 0, 0), Part("Left hand", 0, 1)]
    write_score(tmp_path / "out.mid", score, parts, score.events)
    back = mido.MidiFile(tmp_path / "out.mid")
    assert back.ticks_per_beat == 480
    assert back.tracks[0].name == "A song"
    assert [t.name for t in back.tracks[1:]] == ["Right hand", "Left hand"]
    conductor = absolute(back.tracks[0])
    for tick, text in absolute(file.tracks[0]) + absolute(file.tracks[1]):
        kept = "set_tempo" in text or "signature" in text or "marker" in text or "lyrics" in text
        assert not kept or (tick, text) in conductor
    notes = {(tick, text) for track in file.tracks[1:] for tick, text in absolute(track) if "note" in text}
    assert notes == {(tick, text) for track in back.tracks[1:] for tick, text in absolute(track) if "note_o" in text}
    assert any("sysex" in text for _, text in absolute(back.tracks[1]))
    assert back.length == pytest.approx(file.length)


def test_a_sysex_in_pieces_is_written_whole(tmp_path: Path) -> None:
    score = score_of(song(), RATE)
    pieces = [(10, 0, b"\xf0\x01\x02"), (10, 0, b"\x90\x3c\x40"), (20, 0, b"\x03\x04"), (30, 0, b"\x05\xf7")]
    write_score(tmp_path / "out.mid", score, [Part("All", 0, None)], pieces)
    messages = [m for m in mido.MidiFile(tmp_path / "out.mid").tracks[1] if not m.is_meta]
    assert [m.type for m in messages] == ["sysex", "note_on"] or [m.type for m in messages] == ["note_on", "sysex"]
    assert next(m for m in messages if m.type == "sysex").data == (1, 2, 3, 4, 5)


@pytest.mark.parametrize(("fps", "ticks", "frames"), [(25, 40, 48), (24, 80, 25), (30, 80, 20)])
def test_smpte_time_needs_no_tempo(fps: int, ticks: int, frames: int) -> None:
    file = mido.MidiFile(type=0, ticks_per_beat=(-fps << 8) | ticks)
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=1), mido.Message("note_on", time=1)]))
    score = score_of(mido.MidiFile(file=io.BytesIO(saved(file))), RATE)
    assert score.events[0][0] == frames
    assert score.tick(frames) == 1


def test_a_file_cut_short_anywhere_is_told_by_name(tmp_path: Path) -> None:
    whole = saved(song())
    path = tmp_path / "cut.mid"
    for size in range(0, len(whole), 10):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match=r"cut\.mid: "):
            read_score(path, RATE)
    path.write_bytes(whole)
    assert read_score(path, RATE).length == 5557


@given(at=st.integers(0, 400), wrong=st.binary(min_size=1, max_size=4))
def test_damaged_files_are_read_or_told_by_name(
    tmp_path_factory: pytest.TempPathFactory, at: int, wrong: bytes
) -> None:
    whole = bytearray(saved(song()))
    whole[at : at + len(wrong)] = wrong
    path = tmp_path_factory.getbasetemp() / "damaged.mid"
    path.write_bytes(whole)
    try:
        read_score(path, RATE)
    except UserError as error:
        told = str(error)
        assert "damaged.mid: " in told


def test_what_is_no_midi_file_is_told(tmp_path: Path) -> None:
    for name, data, told in (("a.txt", b"hello", "no MIDI file"), ("b.mid", b"", "is empty")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=told):
            read_score(tmp_path / name, RATE)
    with pytest.raises(UserError, match=r"none\.mid: cannot be read"):
        read_score(tmp_path / "none.mid", RATE)
    with pytest.raises(UserError, match="cannot be read"):
        read_score(tmp_path, RATE)
    file = mido.MidiFile(type=2)
    file.tracks.append(mido.MidiTrack([mido.Message("note_on")]))
    (tmp_path / "two.mid").write_bytes(saved(file))
    with pytest.raises(UserError, match="type 2"):
        read_score(tmp_path / "two.mid", RATE)
