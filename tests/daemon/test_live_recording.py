"""`ripieno run --record` as a process: what a session leaves behind, and what a killed one does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import mido
import pytest
import tiny_singer
from command import ripieno
from screen import Screen
from stage import concert, name_of

from needs import needs
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.recording.take import MARK

needs("soundfile")

NOTES = (60, 64, 67, 72)


@pytest.fixture
def tune(tmp_path: Path) -> Path:
    track = mido.MidiTrack()
    for note in NOTES:
        track += [mido.Message("note_on", note=note, velocity=70), mido.Message("note_off", note=note, time=240)]
    mido.MidiFile(type=0, ticks_per_beat=480, tracks=[track]).save(tmp_path / "tune.mid")
    return tmp_path / "tune.mid"


def played(take: Path) -> dict[str, list[int]]:
    file = mido.MidiFile(take / "performance.mid")
    return {track.name: [one.note for one in track if one.type == "note_on"] for track in file.tracks}


def test_a_session_is_recorded_from_its_beginning(tune: Path, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    done = ripieno(
        *("run", "string-quartet", "--driver", "file", "--input", tune, "--name", name_of("record")),
        *("--record", "--recordings", folder),
    )
    (take,) = folder.iterdir()
    assert take.name.endswith("String quartet")
    assert f"recording in {take}" in done.stdout + done.stderr
    assert "recorded 0:0" in done.stderr
    assert f" in {take}" in done.stderr
    tracks = played(take)
    assert tracks.pop("input") == list(NOTES)
    assert list(tracks)[1:] == ["Violin 1", "Violin 2", "Viola", "Cello"]
    assert {note for notes in tracks.values() for note in notes} == set(NOTES)


def test_with_a_clock_its_tempo_is_the_files(tune: Path, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    ripieno(
        *("run", "thru", "--driver", "file", "--input", tune, "--name", name_of("tempo")),
        *("--record", "--recordings", folder, "--tempo", "150"),
    )
    (take,) = folder.iterdir()
    tempos = [one.tempo for one in mido.MidiFile(take / "performance.mid").tracks[0] if one.type == "set_tempo"]
    assert tempos[-1] == 400_000
    assert played(take)["input"] == list(NOTES)


def test_a_voice_is_recorded_with_its_sound(tune: Path, tmp_path: Path) -> None:
    import soundfile

    folder = tmp_path / "recordings"
    weights = tiny_singer.write(tmp_path / "singer")
    ripieno(
        *("run", "singer", "--set", f"weights={weights}", "--driver", "file", "--input", tune),
        *("--record", "--recordings", folder, "--name", name_of("voice")),
    )
    (take,) = folder.iterdir()
    assert soundfile.info(take / "voice.wav").duration > 1
    assert played(take)["input"] == list(NOTES)


def test_where_nothing_can_be_recorded_it_does_not_begin(tune: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = ripieno("run", "thru", "--driver", "file", "--input", tune, "--recordings", tmp_path / "file", status=1)
    assert f"{tmp_path / 'file'}: " in done.stderr
    assert "Traceback" not in done.stderr


def test_keys_begin_end_and_save(tmp_path: Path) -> None:
    track = mido.MidiTrack([mido.Message("note_on", note=60), mido.Message("note_off", note=60, time=120 * 480)])
    mido.MidiFile(ticks_per_beat=480, tracks=[track]).save(tmp_path / "minute.mid")
    folder = tmp_path / "recordings"
    screen = Screen(
        *("run", "thru", "--driver", "file", "--input", tmp_path / "minute.mid", "--name", name_of("keys")),
        *("--recordings", folder),
    )
    screen.shows("not recording   o record")
    screen.type("o")
    screen.shows("recording 0:01")
    screen.type("o")
    screen.shows("recorded 0:0")
    screen.type("O")
    screen.shows("saved the last")
    screen.type("q")
    screen.ends()
    first, saved = sorted(folder.iterdir(), key=lambda path: len(path.name))
    assert saved.name.endswith(", the last minutes")
    assert played(saved)["input"] == [60]
    assert played(first)["input"] == []


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    needs("jackd")
    with DummyServer(synchronous=True):
        yield


def test_a_killed_session_is_put_right_by_the_next(server: None, tune: Path, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    with concert(name_of("killed"), "string-quartet", "--record", "--recordings", str(folder)) as (one, _):
        while not one.hear("status")["recording"]["seconds"] > 1:
            pass
        one.end(signal.SIGKILL)
    (take,) = folder.iterdir()
    assert (take / MARK).exists()
    assert mido.MidiFile(take / "performance.mid").type == 0
    done = ripieno("run", "thru", "--driver", "file", "--input", tune, "--recordings", folder)
    assert f"{take}: this recording was cut short; it is whole up to there" in done.stdout + done.stderr
    assert mido.MidiFile(take / "performance.mid").type == 1
    assert not (take / MARK).exists()
    assert [*folder.iterdir()] == [take]
