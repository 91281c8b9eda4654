"""`ripieno run` as a process: it plays, it is watched, and however it ends, silence follows."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import mido
import pytest
from command import ripieno
from screen import Screen
from stage import concert, connected, daemon, held, name_of, wait_for

from needs import needs
from ripieno.daemon import live
from ripieno.daemon.bench import startup
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.blackbox import memory_folder
from ripieno.daemon.errors import UserError
from ripieno.daemon.flight.recorder import FlightRecorder
from ripieno.daemon.setlist import load_list

QUARTET = ("string-quartet", "--set", "model=closest")


@pytest.fixture
def chord(tmp_path: Path) -> Path:
    """A chord held for half a second, then silence."""
    file = mido.MidiFile(type=0, ticks_per_beat=480)
    down = [mido.Message("note_on", note=note, velocity=70) for note in (48, 55, 64, 72)]
    up = [mido.Message("note_off", note=note, time=0) for note in (48, 55, 64, 72)]
    up[0].time = 480
    file.tracks.append(mido.MidiTrack(down + up))
    file.save(tmp_path / "chord.mid")
    return tmp_path / "chord.mid"


def test_what_cannot_begin_may_be_tried_again(chord: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As --wait does, until a device is there."""

    def lack(*_: object) -> None:
        raise UserError("no MIDI source has 'Nope' in its name")

    monkeypatch.setattr(live, "connect", lack)
    monkeypatch.setattr(live, "_on_signals", lambda end: None)
    flights = chord.parent / "flights"
    for _ in range(2):
        flight = FlightRecorder("again", flights)
        options = live.Options(name_of("again"), "file", file=chord, watchers=[flight], flight=flight)
        with pytest.raises(UserError, match="Nope"):
            live.run(load_list(["thru"], []), options)
    assert not any(flights.iterdir())


def test_a_file_is_played_to_its_end(chord: Path) -> None:
    with daemon(*QUARTET, "--driver", "file", "--input", chord, "--name", name_of("file")) as one:
        assert one.hear("ready")["driver"] == "file"
        last = one.hear("end")
        assert (last["notes_in"], last["notes_out"], last["sounding"]) == (4, 4, 0)
        assert last["longest_delay_ms"] == 0
        assert sum(player["played"] for player in last["players"]) == 4
        assert one.process.wait(30) == 0


def test_without_a_terminal_it_writes_lines(chord: Path) -> None:
    done = ripieno("run", *QUARTET, "--driver", "file", "--input", chord, "--name", name_of("lines"))
    first, *rest = done.stdout.splitlines()
    assert first.startswith("String quartet: ")
    assert any(line.startswith("4 keys, 4 notes") for line in rest)


def lasting(chord: Path) -> None:
    """Four minutes of silence after the chord."""
    long = mido.MidiFile(chord)
    long.tracks[0].append(mido.MetaMessage("end_of_track", time=480 * 240))
    long.save(chord)


def test_two_of_one_name_do_not_run(chord: Path) -> None:
    lasting(chord)
    arguments = ("thru", "--driver", "file", "--input", chord, "--name", name_of("twice"))
    with daemon(*arguments) as one:
        one.hear("ready")
        assert "is running" in ripieno("run", *arguments, status=1).stderr


def test_what_cannot_be_played_is_told(tmp_path: Path) -> None:
    assert "--input FILE" in ripieno("run", "thru", "--driver", "file", status=1).stderr
    told = ripieno("run", "thru", "--driver", "file", "--input", tmp_path / "none.mid", status=1).stderr
    assert "none.mid" in told


def test_without_a_server_the_jack_driver_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "ripieno-has-no-such-server")
    told = ripieno("run", "thru", "--driver", "jack", "--name", name_of("none"), status=1).stderr
    assert "jackd" in told


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_the_panel_shows_who_plays_and_obeys_keys(chord: Path) -> None:
    lasting(chord)
    line = [*QUARTET[:1], "choir", *QUARTET[1:], "--driver", "file", "--input", chord]
    screen = Screen("run", *line, "--name", name_of("panel"))
    screen.shows("Violin 1")
    screen.type("2")
    screen.shows("\x1b[2m-")  # Violin 2 is switched off
    screen.type("n")
    screen.shows("Soprano")
    screen.type("pq")
    screen.ends()


def test_it_ends_when_its_reader_goes(chord: Path) -> None:
    lasting(chord)
    with daemon(*QUARTET, "--driver", "file", "--input", chord, "--name", name_of("reader")) as one:
        one.hear("ready")
        assert one.process.stdout
        one.process.stdout.close()
        assert one.process.wait(30) == 0


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    needs("jackd")
    with DummyServer(synchronous=True):
        yield


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_in_silence(server: None, number: int) -> None:
    with concert(name_of("signal"), *QUARTET) as (one, listener):
        assert one.end(number) == 0
        wait_for(lambda: not held(listener.received()), "silence")


def test_a_reader_that_stands_still_does_not_hold_up_the_end(server: None) -> None:
    with concert(name_of("stuck"), *QUARTET) as (one, listener):
        one.process.send_signal(signal.SIGTERM)  # nobody reads its standard output now
        wait_for(lambda: not held(listener.received()), "silence")
        assert one.process.wait(30) == 0


def test_after_a_kill_the_next_one_silences_what_sounds(server: None) -> None:
    name = name_of("killed")
    with concert(name, *QUARTET) as (one, listener):
        one.end(signal.SIGKILL)
        assert len(held(listener.received())) == 4
        with daemon(*QUARTET, "--driver", "jack", "--name", name) as two:
            two.hear("ready")
            assert "silenced" in two.hear("news")["text"]
            wait_for(lambda: connected(listener, f"{name}:out", "listener:in"), "the new one is connected")
            wait_for(lambda: not held(listener.received()), "silence")
            box = memory_folder() / f"{name}.sounding"
            assert box.exists()
            assert two.end(signal.SIGTERM) == 0
            assert not box.exists()


def test_a_device_of_no_such_name_is_told(server: None) -> None:
    told = ripieno(
        "run", "thru", "--driver", "jack", "--name", name_of("who"), "--connect-in", "Nobody", status=1
    ).stderr
    assert "Nobody" in told


def test_instruments_leave_on_ports_of_their_own(server: None) -> None:
    name = name_of("ports")
    with daemon(*QUARTET, "--set", "outputs=ports", "--driver", "jack", "--name", name) as one:
        one.hear("ready")
        ports = json.loads(ripieno("ports", "--json").stdout)["jack"]
        assert ports["sinks"] == [f"{name}:in"]
        assert ports["sources"] == [f"{name}:{player}" for player in ("Cello", "Viola", "Violin 1", "Violin 2")]
        assert one.end(signal.SIGTERM) == 0


def test_what_a_start_costs(server: None) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory is read from Linux's /proc")
    result = startup.run(True, "thru", runs=1, idle=0.5)
    assert not result["torch_loaded"]
    assert 0 < result["resident_mb"] <= 150
