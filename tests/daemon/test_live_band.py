"""`ripieno run duet` and `run band` as processes: the band answers on real ports, obeys, and ends in silence."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mido
import pytest
import tiny
from command import ripieno
from screen import Screen
from stage import concert, connected, daemon, held, name_of, wait_for

from needs import needs
from ripieno.daemon import presets
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

BEAT = 24_000  # frames, at 120 beats a minute


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    needs("jackd")
    with DummyServer(synchronous=True):
        yield


def preset(name: str, weights: Path, *options: str) -> list[str]:
    given = [f"continuation.weights={weights}", "tempo=120", "tempo_source=fixed", *options]
    return [name, *(word for option in given for word in ("--set", option))]


def phrase(notes: int, gap: int = BEAT // 2) -> list[Event]:
    """A script: a note every so many frames, each released before the next."""
    script = []
    for number in range(notes):
        pitch = (60, 64, 67, 72)[number % 4]
        script.append((number * gap, 0, bytes((0x90, pitch, 70))))
        script.append(((number + 1) * gap - 1000, 0, bytes((0x80, pitch, 0))))
    return script


def channels(listener: JackProbe) -> set[int]:
    """The MIDI channels, from 1, on which notes came."""
    return {(data[0] & 15) + 1 for _, _, data in listener.received() if data[0] & 0xF0 == 0x90 and data[2]}


def test_the_band_answers_where_the_player_stops(server: None, weights: Path) -> None:
    arguments = preset("duet", weights, "handover_beats=1", "commit_beats=2")
    with concert(name_of("duet"), *arguments, script=phrase(8), sounding=1) as (one, listener):
        wait_for(lambda: channels(listener) & {2, 3, 4}, "the others answer")
        wait_for(lambda: one.hear("status")["band"]["state"] == "answering", "it says so")
        status = one.hear("status")
        band = status["band"]
        assert (band["handovers"], band["heard"], band["faults"]) == (1, 8, 0)
        assert band["tempo"] == 120
        assert band["ahead_s"] <= 3
        assert (band["late"] == 0 and band["success"] > 0.9) or status["xruns"]
        assert one.end(signal.SIGTERM) == 0
        wait_for(lambda: not held(listener.received()), "silence")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_band_that_plays_along_ends_in_silence(server: None, weights: Path, number: int) -> None:
    arguments = preset("band", weights, "start_notes=2")
    with concert(name_of("band"), *arguments, script=phrase(40), sounding=1) as (one, listener):
        wait_for(lambda: channels(listener) & {2, 3, 4, 10}, "the band joins in")
        wait_for(lambda: held(listener.received()) - {(0, p) for p in range(128)}, "a note of the band sounds")
        assert one.end(number) == 0
        wait_for(lambda: not held(listener.received()), "silence")


def test_after_a_kill_the_band_s_notes_are_silenced_too(server: None, weights: Path) -> None:
    name, arguments = name_of("killed-band"), preset("duet", weights)
    with concert(name, *arguments, script=phrase(4), sounding=1) as (one, listener):
        wait_for(lambda: held(listener.received()) - {(0, p) for p in range(128)}, "a note of the band sounds")
        one.end(signal.SIGKILL)
        with daemon(*arguments, "--driver", "jack", "--name", name) as two:
            assert "silenced" in two.hear("news")["text"]
            wait_for(lambda: connected(listener, f"{name}:out", "listener:in"), "the new one is connected")
            wait_for(lambda: not held(listener.received()), "silence")
            assert two.end(signal.SIGTERM) == 0


def test_the_band_plays_in_time_with_a_drum_machine(server: None, weights: Path) -> None:
    name, step = name_of("clocked"), 60 * 48_000 / 133 / 24
    drums = [(10, 0, b"\xfa"), *((round(n * step), 0, b"\xf8") for n in range(1, round(60 * 48_000 / step)))]
    script = sorted(phrase(16, round(12 * step)) + drums, key=lambda event: event[0])
    arguments = preset("band", weights, "start_notes=2", "rest_bars=0", "humanize=0", "density=4")
    arguments += ["--clock", "midi", "--clock-out", "clock"]
    with concert(name, *arguments, script=script, sounding=0) as (one, listener):
        wait_for(lambda: connected(listener, f"{name}:clock", "listener:in"), "it hears our clock")
        wait_for(lambda: len(onsets(listener)) >= 8, "the band plays")
        wait_for(lambda: one.hear("status")["band"]["tempo"] == 133, "it says so")
        assert max(beside(listener, 8)) < 96  # 2 ms; a note may lie anywhere but there, 9 ms away at most
        status = one.hear("status")
        assert status["band"]["tempo_source"] == "clock"
        assert status["band"]["late"] == 0 or status["xruns"]
        assert one.end(signal.SIGTERM) == 0
        wait_for(lambda: not held(listener.received()), "silence")


def onsets(listener: JackProbe, first: int = 0) -> list[int]:
    """The frames at which notes of others than the player began, from the event of that number on."""
    heard = listener.received(first)
    return [frame for frame, _, data in heard if data[0] & 0xF0 == 0x90 and data[2] and data[0] & 15]


def beside(listener: JackProbe, count: int) -> list[int]:
    """How many frames so many notes of the band are from a tick, all in a time in which the server had no xrun. We are
    told of an xrun a little later, so more notes are waited for."""
    for _ in range(20):
        before, xruns = len(listener.received()), listener.state().xruns
        wait_for(lambda before=before: len(onsets(listener, before)) >= 2 * count, "the next notes")  # type: ignore[misc]
        if listener.state().xruns == xruns:
            ticks = [frame for frame, _, data in listener.received() if data == b"\xf8"]
            return [min(abs(frame - tick) for tick in ticks) for frame in onsets(listener, before)[:count]]
    raise AssertionError("the machine is never on time for so long")


@pytest.fixture
def long_song(tmp_path: Path) -> Path:
    """A short phrase, then four minutes of nothing."""
    track = mido.MidiTrack()
    for pitch in (60, 64, 67, 72):
        track += [mido.Message("note_on", note=pitch), mido.Message("note_off", note=pitch, time=240)]
    track.append(mido.MetaMessage("end_of_track", time=480 * 480))
    mido.MidiFile(type=0, tracks=[track]).save(tmp_path / "long.mid")
    return tmp_path / "long.mid"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_the_panel_shows_the_band_and_obeys_keys(weights: Path, long_song: Path) -> None:
    options = preset("duet", weights)[2::2]
    (long_song.parent / "mine.toml").write_text(presets.show(presets.load("duet", options)))
    line = (long_song.parent / "mine.toml", "choir", "--driver", "file", "--input", long_song)
    screen = Screen("run", *line, "--name", name_of("panel-band"))
    screen.shows("the band is listening")
    screen.shows("the band is answering")
    for typed, answer in (
        ("k", 'key = "auto"'),
        (":key D minor\r", 'key = "D minor"'),
        (":tempo 96\r", "tempo = 96"),
        (":tempp 96\r", "did you mean 'tempo'?"),
        (":tempo 9600\r", "9600 is not from 30 to 300"),
        (":mode band\r", "mode is settled when the band begins"),
        ("+", "temperature = 1.1"),
        (",", "density = 0.75"),
        ("w", 'while_playing = "comp"'),
        ("2", "\x1b[2mFlute"),  # it is switched off
        ("n", "Soprano"),
        ("n", "the band is listening"),
    ):
        screen.type(typed)
        screen.shows(answer)
    screen.type("thypq")
    screen.ends()


def test_after_a_file_s_end_the_duet_still_answers_and_lines_tell_of_it(weights: Path, long_song: Path) -> None:
    short = mido.MidiFile(long_song)
    short.tracks[0][-1].time = 0
    short.save(long_song)
    line = (
        *preset("duet", weights, "answer_bars=1"),
        "--driver",
        "file",
        "--input",
        long_song,
        "--name",
        name_of("lines-band"),
    )
    said = ripieno("run", *line).stdout
    assert "answered in" in said
    assert "120.0 beats a minute (fixed)" in said
    assert int(said.splitlines()[-1].split(" notes")[0].split()[-1]) > 4


def test_weights_that_are_missing_are_told_before_anything_plays(weights: Path, long_song: Path) -> None:
    gone = weights.with_name("gone.safetensors")
    line = ("run", *preset("duet", gone), "--driver", "file", "--input", long_song, "--name", name_of("gone"))
    assert "gone.safetensors: no such file of weights" in ripieno(*line, status=1).stderr
    cut = weights.with_name("cut.safetensors")
    cut.write_bytes(weights.read_bytes()[:999])
    cut.with_suffix(".json").write_bytes(weights.with_suffix(".json").read_bytes())
    line = ("run", *preset("duet", cut), "--driver", "file", "--input", long_song, "--name", name_of("cut"))
    assert "cut.safetensors: cut short" in ripieno(*line, status=1).stderr


def test_a_band_needs_no_torch(weights: Path) -> None:
    code = (
        "from ripieno.daemon import presets; from ripieno.daemon.band import make_band; import sys;"
        f"make_band(presets.load('duet', ['continuation.weights={weights}']), 48000); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = done.stdout.split()
    assert "ripieno.native.continuation" in loaded
    assert not {"torch", "music21", "matplotlib"} & set(loaded)
