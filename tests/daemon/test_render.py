"""Rendering: the same bytes every time, every note once, the piece's own time kept, sound that is sound."""

import json
import os
import subprocess
import sys
import wave
from collections import Counter
from pathlib import Path

import mido
import numpy as np
import pytest
from command import ripieno
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import absolute, saved, song, struck

from needs import needs
from ripieno.daemon import presets
from ripieno.daemon.offline import RATE, play
from ripieno.daemon.score import score_of

QUARTET = ("--preset", "string-quartet", "--set", "model=closest")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "song.mid"
    path.write_bytes(saved(song()))
    return path


def test_the_same_file_and_preset_give_the_same_bytes(source: Path) -> None:
    folder = source.parent
    for name in ("one", "two"):
        ripieno("render", source, *QUARTET, "-o", folder / f"{name}.mid", "--set", "seed=3")
    assert (folder / "one.mid").read_bytes() == (folder / "two.mid").read_bytes()


def test_notes_keep_their_ticks_and_the_piece_its_own(source: Path) -> None:
    out = source.parent / "out.mid"
    result = json.loads(ripieno("render", source, *QUARTET, "-o", out, "--json").stdout)
    before, after = mido.MidiFile(source), mido.MidiFile(out)
    assert [track.name for track in after.tracks] == ["A song", "Violin 1", "Violin 2", "Viola", "Cello"]
    keys = Counter(note for track in before.tracks for note in struck(track))
    assert Counter(note for track in after.tracks for note in struck(track)) == keys
    assert result["notes_in"] == result["notes_out"] == keys.total()
    assert result["delay_ms"] == {"median": 0, "max": 0}
    conductor = absolute(after.tracks[0])
    for tick, text in absolute(before.tracks[0]) + absolute(before.tracks[1]):
        if any(kind in text for kind in ("set_tempo", "signature", "marker", "lyrics")):
            assert (tick, text) in conductor
    programs = [m.program for track in after.tracks[1:] for m in track if m.type == "program_change"]
    assert programs == [40, 40, 41, 42]
    assert after.length == pytest.approx(before.length, abs=0.01)


def test_drums_are_nobody_s(source: Path) -> None:
    file = song()
    file.tracks.append(
        mido.MidiTrack(
            [mido.Message("note_on", channel=9, note=38), mido.Message("note_off", channel=9, note=38, time=9)]
        )
    )
    source.write_bytes(saved(file))
    out = source.parent / "out.mid"
    assert json.loads(ripieno("render", source, *QUARTET, "-o", out, "--json").stdout)["notes_out"] == 13
    heard = json.loads(ripieno("render", source, *QUARTET, "--set", "in_channels=all", "-o", out, "--json").stdout)
    assert heard["notes_out"] == 14


def test_a_window_delays_every_note_by_itself(source: Path) -> None:
    out = source.parent / "out.mid"
    arguments = ("--preset", "thru", "--set", "route=ensemble")
    ripieno("render", source, *arguments, "-o", out, status=1)
    done = ripieno("render", source, *QUARTET, "--set", "chord_window_ms=25", "-o", out, "--json")
    result = json.loads(done.stdout)
    assert result["delay_ms"] == {"median": 25.0, "max": 25.0}
    assert result["notes_in"] == result["notes_out"]


def test_thru_gives_back_what_came_in(source: Path) -> None:
    out = source.parent / "thru.mid"
    ripieno("render", source, "--preset", "thru", "-o", out)

    def events(file: mido.MidiFile) -> list[tuple[int, bytes]]:
        found, metas = [], 0
        for track in file.tracks:
            tick = 0
            for message in track:
                tick += message.time
                metas += message.is_meta
                if not message.is_meta:
                    found.append((tick, bytes(message.bytes())))
        assert metas
        return sorted(found)

    # The pedal that the player left down is lifted at the end.
    lifted = [(5557, bytes((0xB1, 64, 0)))]
    assert events(mido.MidiFile(out)) == sorted(events(mido.MidiFile(source)) + lifted)


def test_bad_input_leaves_what_was_there(source: Path) -> None:
    out = source.parent / "out.mid"
    out.write_bytes(b"mine")
    whole = source.read_bytes()
    for size in range(0, len(whole), 10):
        source.write_bytes(whole[:size])
        if size % 100 == 0:
            told = ripieno("render", source, *QUARTET, "-o", out, status=1).stderr
            assert "song.mid: " in told
    assert out.read_bytes() == b"mine"
    assert sorted(path.name for path in source.parent.iterdir()) == ["out.mid", "song.mid"]
    assert "none.mid" in ripieno("render", source.parent / "none.mid", *QUARTET, "-o", out, status=1).stderr
    source.write_bytes(whole)
    assert "different names" in ripieno("render", source, *QUARTET, "-o", source, status=1).stderr
    assert source.read_bytes() == whole


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such folder")
def test_a_place_that_cannot_be_written_is_told(source: Path) -> None:
    told = ripieno("render", source, *QUARTET, "-o", source / "below" / "out.mid", status=1).stderr
    assert "out.mid: cannot be written" in told


def test_sound_lasts_as_long_as_the_music_and_neither_clips_nor_ends_in_a_click(source: Path) -> None:
    needs("tinysoundfont", "pretty_midi")
    out = source.parent / "out.wav"
    arguments = ("render", source, *QUARTET, "-o", source.parent / "out.mid", "--wav", out, "--json")
    told = json.loads(ripieno(*arguments).stdout)
    with wave.open(str(out)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, RATE, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(int)
    seconds = len(samples) / RATE
    assert seconds == pytest.approx(told["seconds"] + 2.5, abs=0.01)
    assert seconds == pytest.approx(told["sound"]["seconds"], abs=0.01)
    assert 0.85 * 32767 < np.abs(samples).max() < 0.92 * 32767
    assert np.abs(samples[-200:]).max() < 40
    assert np.abs(np.diff(samples[-RATE // 2 :], axis=0)).max() < 2000
    assert np.abs(samples[:, 0] - samples[:, 1]).max() > 300  # stereo


def test_the_picture_is_one(source: Path) -> None:
    needs("matplotlib")
    folder = source.parent
    arguments = ("render", source, *QUARTET, "-o", folder / "out.mid", "--plot")
    ripieno(*arguments, folder / "out.png")
    assert (folder / "out.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert (folder / "out.png").stat().st_size > 20_000
    assert "name it .png" in ripieno(*arguments, folder / "out.docx", status=1).stderr
    assert not (folder / "out.docx").exists()


def test_the_demo_makes_its_files(tmp_path: Path) -> None:
    needs("tinysoundfont", "pretty_midi", "matplotlib")
    done = ripieno("demo", "--set", "model=closest", folder=tmp_path)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["demo.mid", "demo.png", "demo.wav"]
    assert "longest 0.0 ms" in done.stdout
    with wave.open(str(tmp_path / "out" / "demo.wav")) as file:
        assert 30 < file.getnframes() / file.getframerate() < 90


def test_the_demo_does_without_sound_and_picture(tmp_path: Path) -> None:
    bare = "import sys; sys.modules.update(matplotlib=None, tinysoundfont=None); from ripieno.daemon.cli import main; "
    line = [sys.executable, "-c", bare + "sys.exit(main(['demo', '--set', 'model=closest']))"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["demo.mid"]
    assert "pip install --no-deps tinysoundfont" in done.stdout
    assert "pip install matplotlib" in done.stdout


NOTES = st.lists(
    st.tuples(st.integers(0, 90), st.integers(20, 110), st.integers(1, 127), st.integers(1, 2000)),
    min_size=1,
    max_size=60,
)


@settings(deadline=None)
@given(notes=NOTES, preset=st.sampled_from(["string-quartet", "choir", "pop-band"]))
def test_every_key_sounds_once_and_ends(notes: list[tuple[int, int, int, int]], preset: str) -> None:
    file = mido.MidiFile(type=0, ticks_per_beat=960)
    timed, at, busy = [], 0, {}
    for wait, pitch, velocity, length in notes:
        at += wait
        if busy.get(pitch, -1) >= at:
            continue  # a key that is down cannot be struck again
        busy[pitch] = at + length
        timed.append((at, 1, mido.Message("note_on", note=pitch, velocity=velocity)))
        timed.append((at + length, 0, mido.Message("note_off", note=pitch)))
    track, before = mido.MidiTrack(), 0
    for tick, _, message in sorted(timed, key=lambda entry: entry[:2]):
        track.append(message.copy(time=tick - before))
        before = tick
    file.tracks.append(track)
    take = play(presets.load(preset, ["model=closest"]), score_of(file, RATE), lambda share: None)
    assert [(b.start, b.pitch, b.velocity) for b in sorted(take.bars(), key=lambda b: (b.start, b.pitch))] == [
        (b.start, b.pitch, b.velocity) for b in sorted(take.keys(), key=lambda b: (b.start, b.pitch))
    ]
    ons = Counter(data[1] for _, _, data in take.sent if data[0] & 0xF0 == 0x90 and data[2])
    offs = Counter(
        data[1] for _, _, data in take.sent if data[0] & 0xF0 == 0x80 or (data[0] & 0xF0 == 0x90 and not data[2])
    )
    assert ons == offs
    assert all(bar.row is not None for bar in take.bars())
