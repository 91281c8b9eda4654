"""`ripieno run` with a clock: told by options and set lists, shown, moved by keys, and heard and sent over JACK."""

import ctypes
import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from ctypes.util import find_library
from itertools import pairwise
from pathlib import Path
from typing import Any

import mido
import pytest
from command import ripieno
from screen import Screen
from stage import Daemon, concert, connected, daemon, name_of, wait_for

from needs import needs
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

THRU = ("thru", "--driver", "file", "--input")
TICK = b"\xf8"


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four minutes of silence; what is remembered stays here."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    track = mido.MidiTrack([mido.MetaMessage("end_of_track", time=480 * 480)])
    mido.MidiFile(type=0, ticks_per_beat=480, tracks=[track]).save(tmp_path / "quiet.mid")
    return tmp_path / "quiet.mid"


def until(one: Daemon, **wanted: object) -> dict[str, Any]:
    """The first status, of a minute, whose clock is so."""
    for _ in range(60):
        clock: dict[str, Any] = one.hear("status")["clock"]
        if all(clock[name] == value for name, value in wanted.items()):
            return clock
    raise AssertionError(f"it is never so: {wanted}, but {clock}")


def test_options_set_it(quiet: Path) -> None:
    clock = ("--tempo", "100", "--clock-out", "clock")
    with daemon(*THRU, quiet, *clock, "--name", name_of("tempo")) as one:
        said = until(one, bpm=100, rolling=True)
        assert (said["source"], said["state"]) == ("internal", "locked")
        assert until(one)["sent"] > said["sent"]
        assert one.end(signal.SIGTERM) == 0


def test_mistakes_are_told() -> None:
    assert "no output is called 'clok'; did you mean 'clock'?" in ripieno(*RUN, "--clock-out", "clok", status=1).stderr
    assert "write one from 20 to 400" in ripieno(*RUN, "--tempo", "fast", status=2).stderr
    assert "invalid choice: 'drums'" in ripieno(*RUN, "--clock", "drums", status=2).stderr


RUN = ("run", "thru", "--driver", "file", "--name", name_of("wrong"))


def test_songs_of_a_list_have_their_tempo(quiet: Path) -> None:
    songs = [f'[[song]]\npreset = "thru"\ntempo = {tempo}\n' for tempo in (70, 90)]
    (quiet.parent / "gig.toml").write_text('next = ["controller 67"]\n[clock]\n' + "".join(songs))
    track = mido.MidiTrack([mido.Message("control_change", control=67, value=127, time=960)])
    track.append(mido.MetaMessage("end_of_track", time=480 * 480))
    mido.MidiFile(type=0, ticks_per_beat=480, tracks=[track]).save(quiet)
    with daemon(quiet.parent / "gig.toml", *THRU[1:], quiet, "--name", name_of("tempos")) as one:
        assert until(one, bpm=90)["rolling"]
        assert one.end(signal.SIGTERM) == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_the_panel_shows_it_and_keys_move_it(quiet: Path) -> None:
    screen = Screen("run", *THRU, quiet, "--tempo", "100", "--name", name_of("clock"))
    screen.shows("space\xa0start\xa0or\xa0stop")  # the last line that is drawn
    screen.type(">")
    screen.shows("clock 101.0 (internal, ours)")
    screen.type("<<")
    screen.shows("clock 99.0 (internal, ours)")
    screen.type(" ")
    screen.shows("stands")
    screen.type(":clock.tempo 128\r")
    screen.shows("clock 128.0 (internal, ours)")
    screen.type("t")
    screen.shows("(tap, holding)")
    screen.type("s")
    screen.shows("(midi, waiting)")
    screen.type("Z")
    kept = quiet.parent / "state/ripieno/snapshots/thru.toml"
    wait_for(kept.exists, "the snapshot is written")
    screen.type(":clock.source internal\r")
    screen.shows("(internal, ours)")
    screen.type("z")
    screen.shows("(midi, waiting)")
    screen.type("q")
    screen.ends()
    assert '[clock]\nsource = "midi"\ntempo = 128' in kept.read_text()


def test_it_goes_on_with_what_was_set(quiet: Path) -> None:
    line = (*THRU, quiet, "--tempo", "100", "--name", name_of("kept"))
    screen = Screen("run", *line)
    screen.type(":tempo 111\r")
    screen.shows("clock 111.0")
    state = quiet.parent / "state/ripieno"
    written = state / f"{name_of('kept')}.performance.json"
    wait_for(lambda: written.exists() and json.loads(written.read_text())["settings"], "it is written")
    screen.type("q")
    screen.ends()
    with daemon(*line, "--resume") as one:
        until(one, bpm=111)
        assert one.end(signal.SIGTERM) == 0


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    needs("jackd")
    with DummyServer(synchronous=True):
        yield


def drum_machine(bpm: float, seconds: int) -> list[Event]:
    """Its MIDI clock, from a start on, and a note for each beat."""
    step = 60 * 48_000 / bpm / 24
    count = round(seconds * 48_000 / step)
    ticks = [(round(n * step), 0, TICK) for n in range(1, count)]
    return [(round(step / 2), 0, b"\xfa"), *ticks]


def test_a_drum_machine_is_followed_and_others_follow(server: None, quiet: Path) -> None:
    name = name_of("drums")
    with concert(name, "thru", "--clock", "midi", "--clock-out", "clock", script=drum_machine(133, 60), sounding=0) as (
        one,
        listener,
    ):
        wait_for(lambda: connected(listener, f"{name}:clock", "listener:in"), "it hears our clock")
        said = until(one, state="locked", rolling=True, bpm=pytest.approx(133, abs=0.05))
        assert said["source"] == "midi"
        frames = calm(listener, 40)
        assert len(frames) == 40
        assert max(abs(b - a - 60 * 48_000 / 133 / 24) for a, b in pairwise(frames)) < 2
        assert not [data for _, _, data in listener.received() if data[0] < 0xF0]
        assert until(one, residual_ms=pytest.approx(0, abs=1))["lost"] == 0
        assert one.end(signal.SIGTERM) == 0


def calm(listener: JackProbe, count: int) -> list[int]:
    """The frames of so many ticks, between which the server had no xrun: it leaps over what is lost then. Of an xrun we
    are told a little later, so more ticks are waited for."""
    for _ in range(20):
        before, xruns = len(listener.received()), listener.state().xruns
        wait_for(lambda before=before: len(listener.received()) >= before + 2 * count, "the next ticks")
        if listener.state().xruns == xruns:
            return [frame for frame, _, data in listener.received()[before:] if data == TICK][:count]
    raise AssertionError("the machine is never on time for so long")


class Transport:
    """A JACK client that moves JACK's transport."""

    def __init__(self) -> None:
        self._jack = ctypes.CDLL(find_library("jack"))
        self._jack.jack_client_open.restype = ctypes.c_void_p
        self._client = ctypes.c_void_p(self._jack.jack_client_open(b"mover", 1, None))  # 1: start no server

    def start(self, frame: int) -> None:
        self._jack.jack_transport_locate(self._client, ctypes.c_uint32(frame))
        self._jack.jack_transport_start(self._client)

    def stop(self) -> None:
        self._jack.jack_transport_stop(self._client)

    def close(self) -> None:
        self.stop()
        self._jack.jack_client_close(self._client)


def test_jack_s_transport_is_followed(server: None, quiet: Path) -> None:
    line = ("thru", "--driver", "jack", "--clock", "jack", "--tempo", "96", "--name", name_of("transport"))
    with daemon(*line) as one, closing(Transport()) as transport:
        one.hear("ready")
        assert not until(one)["rolling"]
        transport.start(48_000 * 100)
        said = until(one, state="locked", rolling=True)
        assert said["bpm"] == pytest.approx(96, abs=0.01)
        assert said["position"] >= 160  # 100 s
        until(one, residual_ms=pytest.approx(0, abs=0.1))  # once JACK has not leapt over frames for some beats
        transport.start(0)
        while (said := until(one, state="locked"))["position"] >= 160:
            pass
        transport.stop()
        where = until(one, rolling=False)["position"]
        assert until(one)["position"] == where
        assert one.end(signal.SIGTERM) == 0
