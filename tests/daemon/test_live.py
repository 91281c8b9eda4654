"""`ripieno run` as a process: it plays, it is watched, and however it ends, silence follows."""

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import mido
import pytest
from command import COMMAND, ripieno

from needs import needs
from ripieno.daemon.bench import startup
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.blackbox import memory_folder
from ripieno.native.drivers import DriverError
from ripieno.native.probe import JackProbe

QUARTET = ("string-quartet", "--set", "model=closest")


class Daemon:
    """A `ripieno run ... --json`, and what it says."""

    def __init__(self, *arguments: object) -> None:
        line = [*COMMAND, "run", *map(str, arguments), "--json"]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def hear(self, event: str) -> dict[str, Any]:
        """The next of its lines that tells of `event`."""
        assert self.process.stdout
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said["event"] == event:
                return said
        raise AssertionError(f"it ended without {event!r}: {self.process.communicate()[1]}")

    def end(self, number: int) -> int:
        """Send a signal, and wait for the exit code."""
        self.process.send_signal(number)
        _, complaint = self.process.communicate(timeout=30)
        assert "Traceback" not in complaint
        return self.process.returncode


@contextmanager
def daemon(*arguments: object) -> Iterator[Daemon]:
    one = Daemon(*arguments)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()


def wait_for(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.01)


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


def name_of(test: str) -> str:
    return f"ripieno-{test}-{os.getpid()}"


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


def test_two_of_one_name_do_not_run(chord: Path) -> None:
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
    long = mido.MidiFile(chord)
    long.tracks[0].append(mido.MetaMessage("end_of_track", time=480 * 240))
    long.save(chord)
    line = [*COMMAND, "run", *QUARTET[:1], "choir", *QUARTET[1:], "--driver", "file", "--input", str(chord)]
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="110", LINES="30")
        os.execv(line[0], [*line, "--name", name_of("panel")])

    def shown(text: str) -> None:
        seen, end = b"", time.monotonic() + 30
        while text.encode() not in seen:
            assert time.monotonic() < end, f"{text!r} is never shown, but {seen[-2000:].decode(errors='replace')}"
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 65536)

    shown("Violin 1")
    os.write(terminal, b"2")
    shown("\x1b[2m-")  # Violin 2 is switched off
    os.write(terminal, b"n")
    shown("Soprano")
    os.write(terminal, b"pq")
    shown("\x1b[?1049l")
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_it_ends_when_its_reader_goes(chord: Path) -> None:
    long = mido.MidiFile(chord)
    long.tracks[0].append(mido.MetaMessage("end_of_track", time=480 * 240))
    long.save(chord)
    with daemon(*QUARTET, "--driver", "file", "--input", chord, "--name", name_of("reader")) as one:
        one.hear("ready")
        assert one.process.stdout
        one.process.stdout.close()
        assert one.process.wait(30) == 0


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    needs("jackd")
    with DummyServer():
        yield


def held(events: list[tuple[int, int, bytes]]) -> set[tuple[int, int]]:
    """(channel, pitch) of what a synthesiser would still play."""
    sounds: set[tuple[int, int]] = set()
    for _, _, data in events:
        kind, key = data[0] & 0xF0, (data[0] & 15, data[1] if len(data) > 1 else 0)
        if kind == 0x90 and data[2]:
            sounds.add(key)
        elif kind in (0x80, 0x90):
            sounds.discard(key)
    return sounds


@contextmanager
def concert(name: str, *arguments: object) -> Iterator[tuple[Daemon, JackProbe]]:
    """The daemon, a player that holds a chord, and a listener; entered when the chord sounds."""
    script = [(i, 0, bytes((0x90, pitch, 80))) for i, pitch in enumerate((48, 55, 64, 72))]
    player, listener = JackProbe("player", [], ["out"], script), JackProbe("listener", ["in"], [])
    with daemon(*arguments, "--driver", "jack", "--name", name) as one, closing(player), closing(listener):
        assert one.hear("ready")["driver"] == "jack"
        for probe in (player, listener):
            probe.open()
            probe.start()
        for ends in (("player:out", f"{name}:in"), (f"{name}:out", "listener:in")):
            wait_for(lambda ends=ends: connected(player, *ends), f"a connection of {ends}")
        player.go()
        wait_for(lambda: len(held(listener.received())) == 4, "four notes sound")
        yield one, listener


def connected(probe: JackProbe, source: str, destination: str) -> bool:
    try:
        probe.connect(source, destination)
    except DriverError:
        return False
    return True


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
