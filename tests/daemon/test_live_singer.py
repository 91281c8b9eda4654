"""`ripieno run singer` as a process: the voice is heard, its line leaves, keys are obeyed, and it ends in silence."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import mido
import numpy as np
import pytest
import tiny_singer
from command import ripieno
from screen import Screen
from stage import connected, daemon, held, name_of, wait_for

from needs import needs
from ripieno.daemon import presets
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.native.probe import JackProbe

RATE = 48_000
OUT, MELODY = 0, 1  # of the listener's inputs
CHORD = [(0, 0, bytes((0x90, 48, 80))), (1, 0, bytes((0x90, 67, 80)))]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_singer.write(tmp_path_factory.mktemp("singer"))


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    needs("jackd")
    with DummyServer(synchronous=True):
        yield


def preset(weights: Path, *more: str) -> list[str]:
    return ["singer", *(word for one in (f"weights={weights}", "mode=double", *more) for word in ("--set", one))]


def on_port(listener: JackProbe, port: int) -> list[tuple[int, int, bytes]]:
    return [event for event in listener.received() if event[1] == port]


def test_the_voice_is_heard_and_its_line_leaves(server: None, weights: Path) -> None:
    name = name_of("singer")
    player = JackProbe("player", [], ["out"], CHORD)
    listener = JackProbe("listener", ["in", "melody"], [], audio_inputs=["ear"], audio_frames=60 * RATE)
    with daemon(*preset(weights), "--driver", "jack", "--name", name) as one, closing(player), closing(listener):
        assert one.hear("ready")["driver"] == "jack"
        assert one.hear("news")["text"] == "the voice sounds on system:playback_1, system:playback_2"
        for probe in (player, listener):
            probe.open()
            probe.start()
        ends = [("player:out", f"{name}:in"), (f"{name}:out", "listener:in")]
        ends += [(f"{name}:melody", "listener:melody"), (f"{name}:voice", "listener:ear")]
        for pair in ends:
            wait_for(lambda pair=pair: connected(player, *pair), f"a connection of {pair}")
        player.go()
        wait_for(lambda: held(on_port(listener, OUT)) == {(0, 48), (0, 67)}, "the keys go out as they came")
        wait_for(lambda: held(on_port(listener, MELODY)) == {(0, 67)}, "the top line on the melody's port")
        wait_for(lambda: np.abs(listener.sound()).max() > 0.01, "the voice is heard")
        wait_for(lambda: one.hear("status")["voice"]["sings"] == "G4", "it says what it sings")
        status = one.hear("status")
        voice = status["voice"]
        assert (voice["faults"], voice["unheard"]) == (0, 0)
        assert voice["late"] == 0 or status["xruns"]
        assert voice["settings"]["mode"] == "double"
        assert one.end(signal.SIGTERM) == 0
        wait_for(lambda: not held(listener.received()), "silence")
    kinds = {data[0] & 0xF0 for _, _, data in on_port(listener, MELODY)}
    assert {0x90, 0x80, 0xB0, 0xE0} <= kinds


def test_it_is_connected_where_it_is_told_to_be(server: None, weights: Path) -> None:
    for given, news in (("playback_2", "the voice sounds on system:playback_2"), ("none", None)):
        name = name_of(f"singer-{given}")
        line = (*preset(weights), "--driver", "jack", "--name", name, "--connect-audio", given)
        with closing(JackProbe("watch", [], [])) as watch, daemon(*line) as one:
            assert news is None or one.hear("news")["text"] == news
            one.hear("status")
            watch.open()
            ports = [port for port in watch.list_ports(audio=True) if port.name == f"{name}:voice"]
            assert len(ports) == 1
            assert one.end(signal.SIGTERM) == 0
    line = (*preset(weights), "--driver", "jack", "--name", name_of("nowhere"), "--connect-audio", "moon")
    with daemon(*line) as one:
        told = one.hear("news")["text"]
        assert told.startswith("no audio destination has 'moon' in its name; there are: system:playback_1")
        assert told.endswith("; MIDI goes on")
        assert one.end(signal.SIGTERM) == 0


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A held chord that is struck anew each second, for four minutes."""
    track = mido.MidiTrack()
    for _ in range(240):
        track += [mido.Message("note_on", note=pitch) for pitch in (48, 64, 67)]
        track += [mido.Message("note_off", note=pitch, time=960 if pitch == 48 else 0) for pitch in (48, 64, 67)]
    mido.MidiFile(type=0, tracks=[track]).save(tmp_path / "song.mid")
    return tmp_path / "song.mid"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_the_panel_shows_the_voice_and_obeys_keys(weights: Path, song: Path) -> None:
    mine = song.with_name("mine.toml")
    mine.write_text(presets.show(presets.load("singer", preset(weights)[2::2])))
    screen = Screen("run", mine, "choir", "--driver", "file", "--input", song, "--name", name_of("panel"))
    screen.shows("only its notes leave")  # this driver carries no sound
    screen.shows("♪ G4")
    for typed, answer in (
        ("m", 'mode = "harmony"'),
        ("F", "follow = 3.5"),
        ("f", "follow = 3"),
        ("]", "activity = 0.6"),
        (")", 'range = ["Bb3", "F5"]'),
        ("B", "brightness = 0.1"),
        ("x", "vibrato = 0.9"),
        ("R", "breath = 1.1"),
        ("l", "volume = -1"),
        ("v", 'voice = "bruno"'),
        ("e", "seed = "),
        (":activity 0.2\r", "activity = 0.2"),
        (":singing.interval sixth\r", 'interval = "sixth"'),
        (":activty 0.2\r", "did you mean 'activity'?"),
        (":follow 99\r", "99 is not from 0 to 8"),
        (":voice nobody\r", "nobody is called 'nobody'"),
        (":weights x\r", "weights is settled when the voice begins"),
        ("n", "Soprano"),
        ("n", "♪"),
        (":on false\r", "on = false"),
    ):
        screen.type(typed)
        screen.shows(answer)
    screen.shows("♪ rests")
    screen.type("pq")
    screen.ends()


def test_lines_tell_of_the_voice(weights: Path, song: Path) -> None:
    short = mido.MidiFile(song)
    del short.tracks[0][12:]
    short.save(song)
    line = (*preset(weights), "--driver", "file", "--input", song, "--name", name_of("lines"))
    said = ripieno("run", *line).stdout
    assert "the voice sings, and only its notes leave: this driver carries no sound" in said
    assert "0 blocks late" in said
    assert "of a core" in said
