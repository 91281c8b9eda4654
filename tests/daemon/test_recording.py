"""The recorder: what is played is on disk, whatever happens to the disk or to the program."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Thread

import mido
import numpy as np
import pytest
from numpy.typing import NDArray

from needs import lack, needs
from ripieno.daemon.presets import load
from ripieno.daemon.recording import recorder as module
from ripieno.daemon.recording.recorder import Recorder
from ripieno.daemon.recording.sources import Sources, files_of, sources_of
from ripieno.daemon.recording.take import MARK, NOTES, Take, recover
from ripieno.daemon.rig import all_audios, all_outputs
from ripieno.native.tap import Midi, Tap

needs("soundfile")

RATE, CYCLE, AUDIOS = 8000, 64, 3
SOUNDS = {"mix": (0, 1), "violin": (2,)}
SOURCES = Sources(RATE, SOUNDS, ("keys",), ("out",), {(0, 0): "violin", (0, 1): "cello"})
WHEN = datetime(2026, 11, 21, 20, 55, 3)


def sound(begin: int, frames: int) -> NDArray[np.float32]:
    """What outputs play from a frame on [AUDIOS, frames]: no two frames near each other are alike, and none is 0."""
    at = np.arange(begin, begin + frames)
    return np.stack([(at % 9973 + 1) / 10_000 + output for output in range(AUDIOS)]).astype(np.float32)


class Stage:
    """A tap, its recorder, and a clock that goes with the music."""

    def __init__(self, folder: Path, rolling_s: float = 20.0, sources: Sources = SOURCES) -> None:
        self.folder, self.now, self.frame = folder, 0.0, 5000
        self.tap = Tap(RATE, AUDIOS)
        self.recorder = Recorder(self.tap, sources, folder, rolling_s, lambda: self.now, lambda: WHEN)
        self.news: list[str] = []

    def look(self) -> None:
        self.recorder.look()
        self.recorder.settle()
        self.news += self.recorder.take_news()

    def record(self) -> None:
        self.recorder.record("quartet: no. 1")
        self.look()

    def play(self, seconds: float) -> None:
        """Cycles with a note each half second, and a look each tenth; the engine is never made to wait."""
        for n in range(round(seconds * RATE / CYCLE)):
            midi = [Midi(self.frame + 3, 0, False, b"\x90\x3c\x40"), Midi(self.frame + 3, 0, True, b"\x91\x3c\x40")]
            assert self.tap.write(self.frame, sound(self.frame, CYCLE), midi if n % 62 == 0 else ())
            self.frame += CYCLE
            self.now += CYCLE / RATE
            if n % 12 == 11:
                self.look()
        self.look()

    def close(self) -> None:
        self.recorder.close()
        self.news += self.recorder.take_news()
        self.tap.close()

    @property
    def takes(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_dir())


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    it = Stage(tmp_path / "recordings")
    yield it
    if it.tap.pointer:
        it.close()


def read(path: Path) -> NDArray[np.float32]:
    """A WAV file as [channels, frames]."""
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == RATE
    return samples.T


def notes(path: Path) -> dict[str, list[int]]:
    """The ticks of each track's notes."""
    found = {}
    for track in mido.MidiFile(path).tracks:
        ticks = np.cumsum([message.time for message in track]).tolist()
        found[track.name] = [tick for tick, message in zip(ticks, track, strict=True) if message.type == "note_on"]
    return found


def check(take: Path, begin: int, end: int) -> None:
    """A take holds all that was played in between."""
    played = sound(begin, end - begin)
    np.testing.assert_array_equal(read(take / "mix.wav"), played[:2])
    np.testing.assert_array_equal(read(take / "violin.wav"), played[2:])


def test_what_was_played_is_on_disk(stage: Stage) -> None:
    stage.play(1)
    stage.record()
    begin = stage.frame
    stage.play(3)
    status = stage.recorder.status
    assert (status.wanted, status.seconds, status.gaps, status.dropped) == (True, 3.0, 0, 0)
    assert status.bytes > 3 * RATE * 4 * AUDIOS
    assert status.room_s > 0
    stage.recorder.end()
    stage.look()
    (take,) = stage.takes
    assert take.name == "2026-11-21 20.55.03 quartet- no. 1"
    assert sorted(path.name for path in take.iterdir()) == ["mix.wav", NOTES, "violin.wav"]
    check(take, begin, stage.frame)
    ticks = [3 + 62 * CYCLE * n for n in range(7)]  # a tick is a frame
    assert notes(take / NOTES) == {"quartet: no. 1": [], "input": ticks, "violin": [], "cello": ticks}
    assert stage.news[0] == f"recording in {take}"
    assert stage.news[-1].startswith(f"recorded 0:03 in {take} (0.")
    assert not stage.recorder.status.wanted


def test_the_next_recording_has_a_folder_of_its_own(stage: Stage) -> None:
    for _ in range(2):
        stage.record()
        stage.play(0.5)
        stage.recorder.end()
        stage.look()
    assert [take.name for take in stage.takes] == [f"2026-11-21 20.55.03 quartet- no. 1{n}" for n in ("", " (2)")]


def test_another_preset_names_its_instruments(stage: Stage) -> None:
    stage.record()
    stage.play(0.5)
    stage.recorder.name({(0, 1): "horn"})
    stage.play(0.5)
    stage.close()
    assert list(notes(stage.takes[0] / NOTES))[2:] == ["violin", "cello / horn"]


def test_a_gap_is_silence_of_its_length_and_told(stage: Stage) -> None:
    stage.record()
    stage.play(1)
    begin, gap = stage.frame - 8000, stage.frame
    stage.frame += 333  # an xrun
    stage.play(1)
    stage.frame += 100
    stage.play(1)
    stage.close()
    mix = read(stage.takes[0] / "mix.wav")
    assert mix.shape[1] == stage.frame - begin
    silent = np.flatnonzero(mix[0] == 0) + begin
    assert silent.tolist() == [*range(gap, gap + 333), *range(gap + 333 + 8000, gap + 433 + 8000)]
    np.testing.assert_array_equal(mix[:, -8000:], sound(stage.frame - 8000, 8000)[:2])
    told = [news for news in stage.news if "missing" in news]
    assert len(told) == 2  # when it happens, and at the end
    assert told[0] == "42 ms are missing, and silence, in the recording (xruns); there may be more"
    assert told[1].endswith("; in 2 places 54 ms are missing, and silence, in the recording (xruns)")
    file = mido.MidiFile(stage.takes[0] / NOTES)
    assert [one.text for one in file.tracks[0] if one.type == "marker"] == [
        "41.6 ms are missing here",
        "12.5 ms are missing here",
    ]


def test_a_clock_that_jumps_begins_another_folder(stage: Stage) -> None:
    stage.record()
    stage.play(1)
    first, stage.frame = stage.frame, 100
    stage.play(1)
    stage.frame += 3600 * RATE
    later = stage.frame
    stage.play(1)
    stage.close()
    for take, end in zip(stage.takes, (first, 8100, later + 8000), strict=True):
        check(take, end - 8000, end)


class Engine(Thread):
    """Stands for the process thread: cycles of many lengths as fast as they go; it never waits."""

    def __init__(self, tap: Tap, cycles: int) -> None:
        super().__init__()
        self.tap, self.cycles, self.taken = tap, cycles, []

    def run(self) -> None:
        frame = 0
        for n in range(self.cycles):
            frames = 1 + n * 37 % 1000
            if self.tap.write(frame, sound(frame, frames), [Midi(frame, 0, True, b"\x90\x3c\x40")]):
                self.taken.append((frame, frames))
            frame += frames


def test_threads_meet_in_the_tap_alone(tmp_path: Path) -> None:
    tap = Tap(RATE, AUDIOS, seconds=2)
    recorder = Recorder(tap, SOURCES, tmp_path, now=lambda: WHEN)
    recorder.record("threads")
    recorder.look()
    recorder.start()
    engine = Engine(tap, 900)  # less than a minute of music: no gap is that long
    engine.start()
    engine.join()
    recorder.close()
    (take,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    (begin, _), (last, frames) = engine.taken[0], engine.taken[-1]
    expected = np.zeros((AUDIOS, last + frames - begin), np.float32)
    for frame, length in engine.taken:
        expected[:, frame - begin : frame - begin + length] = sound(frame, length)
    np.testing.assert_array_equal(read(take / "mix.wav"), expected[:2])
    np.testing.assert_array_equal(read(take / "violin.wav"), expected[2:])
    assert notes(take / NOTES)["violin"] == [frame - begin for frame, _ in engine.taken]
    assert tap.dropped == 900 - len(engine.taken)


# ---- what may happen to the disk ----


def test_a_folder_that_goes_is_told_once_and_the_recording_goes_on(stage: Stage) -> None:
    stage.record()
    begin = stage.frame
    stage.play(2)
    shutil.rmtree(stage.folder)
    stage.play(12)
    stage.close()
    (take,) = stage.takes
    gone = [news for news in stage.news if "is gone" in news]
    assert gone == [
        f"{stage.folder}: the folder is gone; bring it back, or record elsewhere. The music goes on, and the recording"
        " does as soon as it can"
    ]
    frames = read(take / "mix.wav").shape[1]
    assert 12 * RATE <= frames < 13 * RATE  # what was played since, out of memory
    check(take, stage.frame - frames, stage.frame)
    assert stage.frame - frames > begin


def test_a_disk_that_is_away_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    stage = Stage(tmp_path / "disk" / "recordings")
    stage.record()
    stage.play(1)
    (tmp_path / "disk").rename(tmp_path / "away")
    stage.play(12)
    assert not (tmp_path / "disk").exists()
    assert len([news for news in stage.news if "is gone" in news]) == 1
    (tmp_path / "away").rename(tmp_path / "disk")
    stage.play(6)
    stage.close()
    first, second = stage.takes
    assert read(first / "mix.wav").shape[1] > 0
    frames = read(second / "mix.wav").shape[1]
    check(second, stage.frame - frames, stage.frame)
    assert frames >= 18 * RATE
    assert sum("it is whole up to there" in news for news in stage.news) == 1
    assert not list(stage.folder.glob(f"*/{MARK}"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if not mount or subprocess.run([mount, *options], capture_output=True, check=False).returncode:
        lack("nothing can be mounted here: run as root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_told_once_and_nothing_is_lost_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1_500_000))
    stage = Stage(small_disk / "recordings", rolling_s=60)
    stage.record()
    begin = stage.frame
    stage.play(24)  # at 96 kB a second
    full = [news for news in stage.news if "the disk is full" in news]
    assert full == [
        f"{stage.folder}: the disk is full; make room there, or record elsewhere. The music goes on, and the recording"
        " does as soon as it can"
    ]
    assert stage.recorder.status.wanted
    assert not stage.recorder.status.path
    (first,) = stage.takes
    cut = read(first / "mix.wav")
    np.testing.assert_array_equal(cut, sound(begin, cut.shape[1])[:2])
    assert cut.shape[1] > 10 * RATE
    shutil.move(first, small_disk.parent / first.name)
    ballast.unlink()
    stage.play(6)
    stage.close()
    (second,) = stage.takes
    frames = read(second / "mix.wav").shape[1]
    check(second, stage.frame - frames, stage.frame)
    assert stage.frame - frames <= begin + cut.shape[1]  # it begins where the first ends, out of memory
    assert stage.recorder.status.dropped == 0


def test_where_nothing_may_be_written_it_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Take:
        raise PermissionError(13, "Permission denied")

    stage = Stage(tmp_path / "recordings")
    with monkeypatch.context() as patch:
        patch.setattr(module, "Take", refuse)
        stage.record()
        stage.play(12)
    why = "nothing can be written there (Permission denied); see to that, or record elsewhere"
    music = "The music goes on, and the recording does as soon as it can"
    assert stage.news == [f"{stage.folder}: {why}. {music}"]
    stage.play(6)
    stage.close()
    assert len(stage.takes) == 1


# ---- what may happen to the program ----


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_recorder_leaves_all_but_the_last_second(tmp_path: Path, seed: int) -> None:
    child = Path(__file__).parents[1] / "recording_child.py"
    with subprocess.Popen([sys.executable, child, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for _ in range(random.Random(seed).randint(15, 60)):
            played = int(process.stdout.readline())
        process.kill()
        played = int([str(played), *process.stdout.read().split("\n")[:-1]][-1])
    (take,) = tmp_path.iterdir()
    for moment in ("as it was left", "put right"):
        mix = read(take / "mix.wav")
        ramp = (np.arange(mix.shape[1]) % 4096).astype(np.float32)
        np.testing.assert_array_equal(mix, np.stack([ramp, -ramp]))
        assert mix.shape[1] >= played - RATE, moment
        file = mido.MidiFile(take / NOTES)
        pitches = [one.note for track in file.tracks for one in track if one.type == "note_on"]
        assert len(pitches) * 100 >= played - RATE, moment
        assert pitches == [n % 128 for n in range(len(pitches))]
        assert file.type == (0 if moment == "as it was left" else 1)
        told = recover(tmp_path)
        assert told == ([f"{take}: this recording was cut short; it is whole up to there"] if not file.type else [])
    assert mix.shape[1] >= played  # every sample that the system was given
    assert not (take / MARK).exists()


def test_what_is_being_recorded_is_not_put_right(stage: Stage) -> None:
    stage.record()
    stage.play(1)
    assert recover(stage.folder) == []
    stage.play(1)
    stage.close()
    check(stage.takes[0], stage.frame - 2 * RATE, stage.frame)
    assert recover(stage.folder) == []


# ---- after the fact ----


def test_the_last_minutes_are_saved_while_all_goes_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "recordings", rolling_s=4)
    stage.play(6)
    stage.record()
    begin = stage.frame
    stage.play(1)
    assert stage.recorder.status.rolling_s == pytest.approx(4, abs=0.3)
    stage.recorder.save("that was it")
    stage.look()
    end = stage.frame
    stage.play(1)
    stage.close()
    recorded, saved = stage.takes
    check(recorded, begin, stage.frame)
    frames = read(saved / "mix.wav").shape[1]
    assert 4 * RATE <= frames <= 4.3 * RATE
    check(saved, end - frames, end)
    assert [news for news in stage.news if news == f"saved the last 4 s in {saved}"]
    assert stage.recorder.status.saving is None


def test_where_all_is_too_much_the_mix_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MEMORY_BYTES", 1_000_000)
    stage = Stage(tmp_path / "recordings", rolling_s=30)
    stage.play(2)
    stage.recorder.save("mix")
    stage.look()
    stage.close()
    (saved,) = stage.takes
    assert sorted(path.name for path in saved.iterdir()) == ["mix.wav", NOTES]
    np.testing.assert_array_equal(read(saved / "mix.wav"), sound(stage.frame - 2 * RATE, 2 * RATE)[:2])
    assert stage.news[0] == "the last 0.5 minutes are kept of mix alone: all would take 3 MB of memory"


def test_nothing_to_save(stage: Stage) -> None:
    stage.recorder.save("silence")
    stage.look()
    assert stage.news == ["there is nothing to save yet"]


def test_the_sounds_of_an_engines_outputs() -> None:
    assert files_of(["left", "right", "violin left", "violin right"]) == {"mix": (0, 1), "violin": (2, 3)}
    assert files_of(["voice"]) == {"voice": (0,)}
    assert files_of(["left", "stage right"]) == {"left": (0,), "stage right": (1,)}
    assert files_of([]) == {}


def test_the_sources_of_presets() -> None:
    presets = [load("string-quartet"), load("singer")]
    outputs, audios = all_outputs(presets), all_audios(presets)
    quartet, singer = (sources_of(preset, 48_000, outputs, audios) for preset in presets)
    assert list(quartet.inputs) == list(presets[0].inputs)
    assert list(quartet.instruments.values()) == [one.name for one in presets[0].ensemble]
    assert [outputs[port] for port, _ in singer.instruments] == ["melody"]
    assert quartet.sounds == singer.sounds == {"voice": (0,)}
    assert quartet.bytes_a_second == 48_000 * 4
