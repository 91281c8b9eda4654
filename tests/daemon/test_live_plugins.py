"""`ripieno run` with plugins, one of which is killed from outside: what the others play is not touched by it."""

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from stage import Daemon, connected, daemon, name_of, wait_for

from needs import needs
from ripieno.daemon import offline, presets
from ripieno.daemon.bench import plugins_render, plugins_sound, plugins_texts
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_belongings import host_processes
from ripieno.daemon.bench.plugins_client import Heard
from ripieno.daemon.bench.plugins_player import script
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

RATE, PERIOD = 48_000, 128
STRIPS = ("Pipe", "Font", "Reed")
PORTS = [f"{name} left" for name in STRIPS]
SECONDS, KNOWN_AFTER = 9, 4.5  # the daemon asks a plugin for its state every three seconds
TEACH = (0, 0, bytes((0xB0, 20, 96)))
# In our own process, compiled and C; a SoundFont; and a plugin in a process of its own.
PRESET = """\
name = "Plugins"
model = "zone"
stems = true

[[ensemble]]
name = "Pipe"
program = "Church Organ"
range = ["C-1", "D4"]
polyphony = 0

[[ensemble]]
name = "Font"
program = "Vibraphone"
range = ["Eb4", "B4"]
polyphony = 0

[[ensemble]]
name = "Reed"
program = "Oboe"
range = ["C5", "G9"]
polyphony = 0

[[chain]]
on = "Pipe"
plugin = "jit:pipe.py"

[[chain]]
on = "Pipe"
plugin = "delay"

[[chain]]
on = "Font"
plugin = "soundfont:"

[[chain]]
on = "Reed"
plugin = "python:reed.py"
cc = { teach = 20 }
"""


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    needs("jackd", "numba", "fluidsynth", "pretty_midi")
    with DummyServer(synchronous=True):
        yield


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    plugins_texts.write(tmp_path)
    (tmp_path / "plugins.toml").write_text(PRESET)
    return tmp_path / "plugins.toml"


def song() -> list[Event]:
    """Reed is told how loud it is; then notes for all three, the last of them for Reed."""
    last = (SECONDS * RATE, 0, bytes((0x90, 72, 100))), ((SECONDS + 1) * RATE, 0, bytes((0x80, 72, 64)))
    return [TEACH, *script(SECONDS, 3, RATE), *last]


def reed(one: Daemon) -> Mapping[str, object]:
    """How it stands, by the next word of the daemon."""
    rows: list[Mapping[str, object]] = one.hear("status")["chains"]["plugins"]
    return next(row for row in rows if row["name"] == "reed")


def nothing_is_left(pid: int) -> bool:
    """No process of a daemon's plugins, nor its folder; memory without a name went with them."""
    return not host_processes(pid) and not list(Path(tempfile.gettempdir()).glob(f"ripieno-*-{pid}-*"))


def rendered(preset: Path, heard: Heard) -> Mapping[str, NDArray[np.float32]]:
    """What was sent, played off line from the recording's first frame on: the left side of each strip."""
    score = plugins_render.score(heard)
    take = offline.play(presets.load(str(preset)), score, lambda share: None, apart=True)
    return {name: take.strips[name][:, 0] for name in STRIPS}


def test_a_killed_plugin_comes_back_with_its_state_and_the_others_play_on(server: None, preset: Path) -> None:
    name, events = name_of("plugins"), song()
    player = JackProbe("player", [], ["out"], events)
    listener = JackProbe("listener", ["in"], [], audio_inputs=PORTS, audio_frames=60 * RATE)
    line = (preset, "--driver", "jack", "--name", name, "--connect-audio", "none")
    with daemon(*line) as one, closing(player), closing(listener):
        pid = one.hear("ready")["pid"]
        for probe in (player, listener):
            probe.open()
            probe.start()
        ends = [("player:out", f"{name}:in"), *((f"{name}:{port}", f"listener:{port}") for port in PORTS)]
        for pair in ends:
            wait_for(lambda pair=pair: connected(player, *pair), f"a connection of {pair}")
        player.go()
        known = sum(frame < KNOWN_AFTER * RATE for frame, _, _ in events)
        wait_for(lambda: len(player.sent()) >= known, "it has played for a while")
        assert reed(one)["restarts"] == 0
        (process,) = host_processes(pid)
        killed = listener.state().frame
        os.kill(process, signal.SIGKILL)
        wait_for(lambda: reed(one)["restarts"] == 1 and not reed(one)["why"], "it plays again")
        wait_for(lambda: player.done, "all was played")
        end = listener.state().frame + 2 * RATE
        wait_for(lambda: listener.state().frame >= end, "it has rung out")
        sounds = [listener.sound(number) for number in range(len(PORTS))]
        frames = min(map(len, sounds))
        heard = Heard(preset.parent, listener.first_frame, frames, player.sent(), 0, 0, listener.state().xruns)
        assert one.end(signal.SIGTERM) == 0
        assert nothing_is_left(pid)
    expected, begin = rendered(preset, heard), heard.first_frame
    live = {name: sound[:frames] for name, sound in zip(STRIPS, sounds, strict=True)}
    for strip in ("Pipe", "Font"):
        beside = plugins_sound.compare(live[strip], expected[strip])
        assert (beside.lost, beside.slips) == (0, 0), strip
        assert plugins_sound.peak(live[strip]) > 0.01
    (gap,) = plugins_sound.gaps(live["Reed"], expected["Reed"], [killed - begin])
    assert gap.frames > 0  # it was away, and then as loud as it was told before
    assert gap.over
    note = slice(heard.sent[-2][0] - begin + RATE // 4, heard.sent[-1][0] - begin)
    assert plugins_sound.peak(live["Reed"][note]) == pytest.approx(0.1 * 100 / 127 * (8 * 96 / 127 - 4), rel=1e-3)
    for sound in live.values():
        assert plugins_sound.peak(sound[-PERIOD:]) < plugins_sound.SILENT


def test_plugins_do_not_outlive_a_daemon_that_is_killed(server: None, preset: Path) -> None:
    line = (preset, "--driver", "jack", "--name", name_of("killed"), "--connect-audio", "none")
    with daemon(*line) as one:
        pid = one.hear("ready")["pid"]
        assert len(host_processes(pid)) == 1
        one.process.kill()
        wait_for(lambda: not host_processes(pid), "its plugins end, too")
