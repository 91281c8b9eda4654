"""`ripieno run` with plugins: heard on JACK, set by keys and by what is typed, ended, brought back, told of."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import mido
import numpy as np
import pytest
import vst3_build
from command import ripieno
from screen import Screen
from stage import Daemon, connected, daemon, held, name_of, wait_for

from needs import needs
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.native.probe import JackProbe

RATE = 48_000
TONE = """\
import math

from ripieno.plugins.base import INSTRUMENT, Parameter, Plugin


class Tone(Plugin):
    role = INSTRUMENT
    parameters = (Parameter("volume", usual=0.25), Parameter("crash", usual=0))

    def prepare(self, sample_rate, period):
        self.step, self.phase, self.down = 2 * math.pi * 440 / sample_rate, 0, set()

    def render(self, audio, events, values):
        if values["crash"]:
            import os

            os.abort()
        for _, data in events:
            (self.down.add if data[0] & 0xF0 == 0x90 and data[2] else self.down.discard)(data[1])
        for frame in range(audio.shape[1]):
            self.phase += 1
            audio[:, frame] = values["volume"] * math.sin(self.step * self.phase) if self.down else 0
        return audio
"""
PIANO = """\
name = "Piano"
model = "zone"

[[ensemble]]
name = "Piano"
program = 1
polyphony = 0

[[chain]]
on = "Piano"
plugin = "python:tone.py"
state = "tone.json"

[[chain]]
plugin = "gain"
"""
CHORD = [(0, 0, bytes((0x90, 60, 80)))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tone.py").write_text(TONE)
    (tmp_path / "piano.toml").write_text(PIANO)
    return tmp_path


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A note that is struck anew each second, for four minutes."""
    track = mido.MidiTrack()
    for _ in range(240):
        track += [mido.Message("note_on", note=60), mido.Message("note_off", note=60, time=960)]
    mido.MidiFile(type=0, tracks=[track]).save(tmp_path / "song.mid")
    return tmp_path / "song.mid"


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    needs("jackd")
    with DummyServer(synchronous=True):
        yield


def plugins(one: Daemon) -> list[dict[str, object]]:
    told: list[dict[str, object]] = one.hear("status")["chains"]["plugins"]
    return told


def test_it_sounds_left_and_right(server: None, folder: Path) -> None:
    name = name_of("chains")
    player = JackProbe("player", [], ["out"], CHORD)
    ears = ["left", "right", "stem"]
    listener = JackProbe("listener", ["in"], [], audio_inputs=ears, audio_frames=60 * RATE)
    line = (folder / "piano.toml", "--set", "stems=true", "--driver", "jack", "--name", name)
    with daemon(*line) as one, closing(player), closing(listener):
        assert one.hear("ready")["driver"] == "jack"
        assert one.hear("news")["text"] == "it sounds on system:playback_1, system:playback_2"
        for probe in (player, listener):
            probe.open()
            probe.start()
        ends = [("player:out", f"{name}:in"), (f"{name}:out", "listener:in"), (f"{name}:left", "listener:left")]
        ends += [(f"{name}:right", "listener:right"), (f"{name}:Piano left", "listener:stem")]
        for pair in ends:
            wait_for(lambda pair=pair: connected(player, *pair), f"a connection of {pair}")
        player.go()
        wait_for(lambda: held(listener.received()), "the key goes out, too")
        wait_for(lambda: (np.abs(listener.sound()).max(axis=0) > 0.2).all(), "it is heard on every port")
        status = one.hear("status")
        assert status["chains"]["latency_ms"] == pytest.approx(128 * 1000 / RATE, abs=0.01)
        assert [row["name"] for row in status["chains"]["plugins"]] == ["tone", "gain"]
        while (row := one.hear("status")["players"][0])["peak_db"] < -20:
            pass
        assert (row["name"], row["level"]) == ("Piano", 100)
        assert one.end(signal.SIGTERM) == 0
        wait_for(lambda: not held(listener.received()), "silence")
    assert json.loads((folder / "tone.json").read_text())["parameters"]["volume"] == 0.25


def test_left_goes_left_and_right_goes_right(server: None, folder: Path) -> None:
    heard = folder / "heard.toml"
    heard.write_text('name = "Heard"\nroute = "thru"\n[[chain]]\non = "input"\nplugin = "gain"\n')
    for given, pairs in (
        ((), [("left", "system:playback_1"), ("right", "system:playback_2")]),
        (("--connect-audio", "playback_2"), [("left", "system:playback_2"), ("right", "system:playback_2")]),
        (("--connect-audio", "right=playback_1"), [("right", "system:playback_1")]),
        (("--connect-audio-in", "system"), [("left-in", "system:capture_1"), ("right-in", "system:capture_2")]),
        (("--connect-audio-in", "right-in=capture_1"), [("right-in", "system:capture_1")]),
    ):
        name = name_of(f"sides-{len(given)}{len(pairs)}{hash(given) & 0xFFFF}")
        with daemon(heard, "--driver", "jack", "--name", name, *given) as one:
            one.hear("status")
            assert connections(name) >= {(f"{name}:{ours}", theirs) for ours, theirs in pairs}, given
            assert one.end(signal.SIGTERM) == 0
    line = (folder / "piano.toml", "--driver", "jack", "--name", name_of("in"), "--connect-audio-in", "system")
    assert 'on = "input"' in ripieno("run", *line, status=1).stderr


def connections(client: str) -> set[tuple[str, str]]:
    """What a client's ports are connected with, as jack_lsp tells."""
    pairs, port = set(), ""
    for line in subprocess.run(["jack_lsp", "-c"], capture_output=True, text=True, check=True).stdout.splitlines():
        if not line.startswith(" "):
            port = line
        elif port.startswith(f"{client}:"):
            pairs.add((port, line.strip()))
    return pairs


def test_a_server_may_come_back_at_another_rate(folder: Path) -> None:
    needs("jackd")
    name, line = name_of("rate"), (folder / "piano.toml", "--set", "stems=true", "--driver", "jack")
    with DummyServer() as own, daemon(*line, "--name", name) as one:
        one.hear("ready")
        own.end(kill=True)
        own.start(44_100)
        news = [one.hear("news")["text"] for _ in range(3)]
        assert "the JACK server is back, with 44100 Hz" in news
        player = JackProbe("player", [], ["out"], CHORD)
        with closing(player):
            player.open()
            player.start()
            wait_for(lambda: connected(player, "player:out", f"{name}:in"), "its ports, again")
            wait_for(lambda: (f"{name}:right", "system:playback_2") in connections(name), "the loudspeakers, again")
            wait_for(lambda: "chains" in one.hear("status"), "its plugins, again")
            player.go()
            wait_for(lambda: plugins(one)[0]["peak_db"] == pytest.approx(-12, abs=0.1), "it sounds as before")
            assert one.hear("status")["chains"]["latency_ms"] == pytest.approx(128 * 1000 / 44_100, abs=0.01)
            assert one.end(signal.SIGTERM) == 0


def test_a_plugin_that_dies_comes_back_and_is_told_of(folder: Path, song: Path) -> None:
    line = (folder / "piano.toml", "--driver", "file", "--input", song, "--name", name_of("dies"))
    with daemon(*line) as one:
        wait_for(lambda: plugins(one)[0]["peak_db"] > -20, "it sounds")
        (pid,) = children(one.process.pid)
        os.kill(pid, signal.SIGKILL)
        assert "tone" in one.hear("news")["text"]
        wait_for(lambda: plugins(one)[0]["restarts"] == 1 and plugins(one)[0]["peak_db"] > -20, "it sounds again")
        missed = plugins(one)[0]["missed"]
        assert isinstance(missed, int)
        assert missed > 0
        assert one.end(signal.SIGTERM) == 0
    assert not Path(f"/proc/{pid}").exists()


def children(pid: int) -> list[int]:
    """The processes that a process has begun."""
    return [
        int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()
    ]


VST3 = """\
name = "VST3"

[[ensemble]]
name = "Piano"
program = 1
polyphony = 0

[[chain]]
on = "Piano"
plugin = "vst3:PATH#INSTRUMENT"
name = "keys"
state = "keys.json"
cc = { gain = 74 }

[[chain]]
plugin = "vst3:PATH#EFFECT"
name = "end"
"""


def test_a_vst3_sounds_and_is_as_it_was_left(tmp_path: Path) -> None:
    needs("pedalboard")
    bundle = vst3_build.build(tmp_path)
    text = VST3.replace("PATH", str(bundle)).replace("INSTRUMENT", vst3_build.INSTRUMENT)
    (tmp_path / "vst3.toml").write_text(text.replace("EFFECT", vst3_build.EFFECT))
    expected = -60 + 72 * 110 / 127
    for moved in (True, False):
        track = mido.MidiTrack([mido.Message("note_on", note=60)])
        track += [mido.Message("control_change", control=74, value=110)] if moved else []
        mido.MidiFile(type=0, tracks=[track]).save(tmp_path / "song.mid")
        line = (tmp_path / "vst3.toml", "--driver", "file", "--input", tmp_path / "song.mid")
        with daemon(*line, "--name", name_of("vst3")) as one:
            keys, end = one.hear("end")["chains"]["plugins"]
            assert one.process.wait(30) == 0
        assert (keys["plays"], end["plays"], keys["restarts"]) == (True, True, 0)
        assert keys["parameters"]["gain"] == pytest.approx(expected, abs=0.01)
        assert keys["peak_db"] > -40
        assert end["peak_db"] == pytest.approx(keys["peak_db"], abs=1)
    kept = json.loads((tmp_path / "keys.json").read_text())
    assert kept["parameters"]["gain"] == pytest.approx(expected, abs=0.01)
    assert kept["state"]


def test_one_that_cannot_be_opened_leaves_the_others(folder: Path, song: Path) -> None:
    (folder / "broken.py").write_text("this is no Python")
    broken = PIANO.replace('plugin = "gain"', 'plugin = "python:broken.py"') + '\n[[chain]]\nplugin = "pan"\n'
    (folder / "piano.toml").write_text(broken)
    with daemon(folder / "piano.toml", "--driver", "file", "--input", song, "--name", name_of("broken")) as one:
        assert "broken does not play: " in one.hear("news")["text"]
        wait_for(lambda: plugins(one)[2]["peak_db"] > -20, "the others play")
        assert [row["plays"] for row in plugins(one)] == [True, False, True]
        assert one.end(signal.SIGTERM) == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_the_panel_shows_plugins_and_obeys_keys(folder: Path, song: Path) -> None:
    state = folder / "tone.json"
    presets = (folder / "piano.toml", "thru", "choir", "string-quartet")
    screen = Screen("run", *presets, "--driver", "file", "--input", song, "--name", name_of("panel"))
    screen.shows("tone on Piano")
    screen.shows("1.3 ms late")
    for typed, answer in (
        (":tone.volume 0.5\r", "volume = 0.5"),
        (":chain.tone.Volume 0.125\r", "volume = 0.125"),
        (":volume 0.25\r", "volume = 0.25"),
        (":tone.volume 9\r", "9 is not from 0 to 1"),
        (":tone.volum 1\r", "did you mean 'volume'?"),
        (":tone.bypass true\r", "bypass = true"),
        (":bypass true\r", "which one? write tone.bypass or gain.bypass"),
        (":gain.gain_db -3\r", "gain_db = -3"),
        (":tone.plugin reverb\r", "plugin is settled when the plugin begins"),
        ("d", "tone: bypass = false"),
        ("{", "tone: gain_db = -1"),
        ("}", "tone: gain_db = 0"),
        ("*", "tone: volume = 0.27"),
        ("/", "tone: volume = 0.25"),
        ("j", "tone: crash = 0.0"),
        ("c", "gain, on master"),
        ("S", f"saved {state}"),
        ("n", "2 of 4: Thru"),
        ("n", "3 of 4: Choir"),
    ):
        screen.type(typed)
        screen.shows(answer)
    screen.until(lambda: not children(screen.pid), "the plugin of the preset that is far now has ended")
    screen.type("N")
    screen.shows("2 of 4: Thru")
    screen.until(lambda: children(screen.pid), "the plugin of the preset before is opened again")
    screen.type("N")
    screen.shows("tone on Piano")
    assert json.loads(state.read_text())["parameters"]["volume"] == 0.25
    screen.type("pq")
    screen.ends()


def test_lines_tell_of_plugins(folder: Path) -> None:
    file = mido.MidiFile(type=0, tracks=[mido.MidiTrack([mido.Message("note_on", note=60)])])
    file.save(folder / "short.mid")
    line = (folder / "piano.toml", "--driver", "file", "--input", folder / "short.mid", "--name", name_of("lines"))
    said = ripieno("run", *line).stdout
    assert "the input is silent: this driver lets no sound in" in ripieno("run", "microphone", *line[1:]).stdout
    assert "only notes leave: this driver carries no sound" in said
    assert "2 plugins, " in said
    assert "sound 1.3 ms late" in said
