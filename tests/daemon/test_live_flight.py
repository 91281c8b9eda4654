"""The flight recorder of `ripieno run`, as a process: what was played live, with workers that think on threads of their
own, is played again to the byte; also what was recorded before it was killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import mido
import pytest
import tiny
import tiny_singer
from command import ripieno
from stage import concert, daemon, name_of

from needs import needs
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.flight.file import CYCLES, Recording
from ripieno.daemon.flight.log import newest_session
from ripieno.daemon.flight.report import LATE, read_session
from ripieno.native.flight import Cycle, cycles


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def tune(tmp_path: Path) -> Path:
    """Two seconds of notes, in twos, and a knob that is turned."""
    file = mido.MidiFile(type=0, ticks_per_beat=480)
    track = mido.MidiTrack()
    for n in range(16):
        notes = (60 + n % 7, 67 + n % 5)
        track += [mido.Message("control_change", control=21, value=7 * n)]
        track += [mido.Message("note_on", note=note, velocity=70) for note in notes]
        track += [mido.Message("note_off", note=note, time=120 * (note == notes[0])) for note in notes]
    file.tracks.append(track)
    file.save(tmp_path / "tune.mid")
    return tmp_path / "tune.mid"


KNOBS = """\
name = "Knobs"
model = "closest"

[[ensemble]]
name = "Cello"
program = "Cello"
level = 80

[[learn]]
control = "controller 21"
path = "players/cello/level"
feedback = "faders"

[[learn]]
control = "key C4"
path = "players/cello/on"
feedback = "faders"
"""


@pytest.mark.parametrize("kind", ["quartet", "knobs", "band", "voice"])
def test_a_session_is_the_same_again(kind: str, tune: Path, tmp_path: Path) -> None:
    (tmp_path / "knobs.toml").write_text(KNOBS)
    preset = {
        "knobs": [tmp_path / "knobs.toml"],
        "quartet": ["string-quartet", "--set", "chord_window_ms=20"],
        "band": ["duet", "--set", f"weights={tiny.write(tmp_path / 'band.safetensors')}", "--set", "answer_bars=1"],
        "voice": ["singer", "--set", f"weights={tiny_singer.write(tmp_path / 'singer')}"],
    }[kind]
    done = ripieno("run", *preset, "--driver", "file", "--input", tune, "--name", name_of(kind))
    assert "the session's report: " in done.stderr
    report = Path(done.stderr.split("the session's report: ")[1].strip())
    assert "Late notes, by cause" in report.read_text()
    found = json.loads(ripieno("replay", "--json").stdout)
    assert (found["same"], found["ended"], found["told"]) == (True, True, [])
    assert found["seconds"] > 2
    session = newest_session()
    assert session
    sample = read_session(session).samples[-1]
    there = {name for name, of in LATE.items() if of(sample) is not None}
    if kind == "knobs":
        left = [item.data for cycle in cycles_of(session) for item in cycle.items if item.kind == "out"]
        assert sum(data[:2] == b"\xb0\x07" for data in left) > 1  # the level: at the beginning, and as the knob has it
        assert bytes((0xB0, 21, 7 * 15)) not in left
    assert len(there) == 4 + {"quartet": 0, "knobs": 0, "band": 2, "voice": 1}[kind], there


def cycles_of(session: Path) -> Iterator[Cycle]:
    for record in Recording(session).records():
        if record.kind == CYCLES:
            yield from cycles(record.cycles)


def test_nothing_is_kept_where_nobody_wants_it(tune: Path, state: Path) -> None:
    done = ripieno("run", "thru", "--driver", "file", "--input", tune, "--no-flight", "--name", name_of("none"))
    assert "report" not in done.stderr
    assert not (state / "ripieno" / "flights").exists()


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    needs("jackd")
    with DummyServer(synchronous=True):
        yield


def test_what_was_recorded_before_a_kill_is_played_again(server: None) -> None:
    with concert(name_of("flight"), "string-quartet") as (one, _):
        for _ in range(3):
            one.hear("status")
        one.end(signal.SIGKILL)
    found = json.loads(ripieno("replay", "--json").stdout)
    assert found["same"]
    assert not found["ended"]
    assert found["seconds"] > 0.5
    session = newest_session()
    assert session
    assert "did not end as it should" in _report(session)


def _report(session: Path) -> str:
    out = session / "late.html"
    ripieno("replay", session, "--report", out)
    return out.read_text()


def test_a_disk_that_takes_nothing_is_told_and_the_music_goes_on(tune: Path, state: Path) -> None:
    (state / "ripieno").mkdir(parents=True)
    (state / "ripieno" / "flights").write_text("in the way")
    arguments = ("string-quartet", "--driver", "file", "--input", tune, "--name", name_of("full"))
    with daemon(*arguments) as one:
        assert "the flight recorder keeps nothing" in one.hear("news")["text"]
        assert one.hear("end")["notes_in"] == 32
        assert one.process.wait(30) == 0
