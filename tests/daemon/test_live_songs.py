"""`ripieno run` with a set list: stepped through by program changes, pedals and keys; snapshots kept and recalled."""

import os
import shutil
import signal
from pathlib import Path

import mido
import pytest
from command import ripieno
from screen import Screen
from stage import Daemon, daemon, name_of, wait_for

from ripieno.daemon.weights import weights_file

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")

GIG = """\
next = ["controller 67"]
program_channel = 16

[[song]]
preset = "string-quartet"
set = { model = "closest" }

[[song]]
title = "Sing"
preset = "choir"
set = { model = "closest" }
snapshot = "sing.toml"

[[song]]
preset = "thru"
program = 5
"""


@pytest.fixture
def gig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "gig.toml").write_text(GIG)
    (tmp_path / "sing.toml").write_text('preset = "Choir"\n[instruments]\nTenor = false\n')
    return tmp_path / "gig.toml"


def music(path: Path, *messages: mido.Message) -> Path:
    """A file with these, and four minutes of silence."""
    track = mido.MidiTrack([*messages, mido.MetaMessage("end_of_track", time=480 * 480)])
    mido.MidiFile(type=0, ticks_per_beat=480, tracks=[track]).save(path)
    return path


def status(one: Daemon, number: int) -> dict[str, object]:
    """The first that says that this song plays."""
    while (said := one.hear("status"))["songs"]["number"] != number:
        pass
    return said


def test_the_player_steps_through_it(gig: Path) -> None:
    chord = [mido.Message("note_on", note=note, velocity=70) for note in (48, 55, 64, 72)]
    pedal = [mido.Message("control_change", control=67, value=value) for value in (127, 0)]
    song = music(gig.parent / "song.mid", *chord, *(one.copy(time=240) for one in pedal))
    with daemon(gig, "--driver", "file", "--input", song, "--name", name_of("songs")) as one:
        assert one.hear("ready")["driver"] == "file"
        said = status(one, 2)
        assert said["songs"]["title"] == "Sing"
        assert [row["name"] for row in said["players"] if not row["enabled"]] == ["Tenor"]
        assert said["sounding"] == 4  # held all the while
        assert said["songs"]["previous"] == {"title": "String quartet", "state": "ready"}
        while said["songs"]["next"]["state"] != "ready":
            said = one.hear("status")
        assert one.end(signal.SIGTERM) == 0


def test_a_program_change_means_a_song(gig: Path) -> None:
    change = mido.Message("program_change", channel=15, program=4, time=240)
    song = music(gig.parent / "song.mid", change, mido.Message("note_on", note=60, time=960))
    with daemon(gig, "--driver", "file", "--input", song, "--name", name_of("program")) as one:
        said = status(one, 3)
        assert [row["name"] for row in said["players"]] == ["Thru"]
        while said["notes_out"] == 0:
            said = one.hear("status")
        assert said["notes_in"] == 1
        assert one.end(signal.SIGTERM) == 0


def test_the_panel_steps_and_keeps_snapshots(gig: Path) -> None:
    song = music(gig.parent / "song.mid")
    screen = Screen("run", gig, "--driver", "file", "--input", song, "--name", name_of("steps"))
    screen.shows("1 of 3: String quartet   next: Sing")
    screen.type("n")
    screen.shows("2 of 3: Sing   next: Thru")
    screen.type("2")
    screen.shows("\x1b[2m-")
    screen.type("Z")
    screen.shows(f"kept in {gig.parent / 'sing.toml'}"[:40])
    kept = (gig.parent / "sing.toml").read_text()
    assert kept.startswith('preset = "Choir"\n\n[instruments]\n')
    assert '"Alto" = false' in kept
    assert '"Tenor" = false' in kept
    screen.type("2")
    screen.type("z")
    screen.shows("as ")
    screen.type("N")
    screen.shows("1 of 3: String quartet")
    screen.type("z")
    screen.shows("there is no snapshot yet; the key Z takes one")
    screen.type("Z")
    kept_here = gig.parent / "state/ripieno/snapshots/stringquartet.toml"
    wait_for(kept_here.exists, "the preset's own snapshot is written")
    assert '"Violin 1" = true' in kept_here.read_text()
    screen.type("q")
    screen.ends()


def test_mistakes_are_told_at_once(gig: Path) -> None:
    gig.write_text(GIG.replace('"choir"', '"chior"').replace("program = 5", "program = 500"))
    told = ripieno("run", gig, "--driver", "file", "--name", name_of("bad"), status=1).stderr
    assert "gig.toml:10: song.2.preset: no preset is called 'chior'; did you mean 'choir'?" in told
    assert "gig.toml:16: song.3.program: 500 is not from 0 to 128" in told
    assert "is no key or controller" in ripieno("run", "thru", "--next", "pedal", status=2).stderr


def test_a_song_that_cannot_play_is_told_and_the_others_go_on(gig: Path) -> None:
    shutil.copy(weights_file("chorales", gig.parent).with_suffix(".json"), gig.parent / "bad.json")
    (gig.parent / "bad.safetensors").write_text("no weights")
    (gig.parent / "bad.toml").write_text(
        'name = "Bad"\nmodel = "bad.safetensors"\n[[ensemble]]\nname = "Piano"\nprogram = 1\n'
    )
    gig.write_text(GIG.replace('"choir"\nset = { model = "closest" }\nsnapshot = "sing.toml"', '"bad.toml"'))
    pedal = [mido.Message("control_change", control=67, value=value, time=480) for value in (127, 0, 127, 0)]
    song = music(gig.parent / "song.mid", *pedal, mido.Message("note_on", note=60))
    with daemon(gig, "--driver", "file", "--input", song, "--name", name_of("bad")) as one:
        assert "bad.safetensors" in one.hear("news")["text"]
        said = status(one, 3)  # the pedal went past it
        assert said["songs"]["previous"] == {"title": "Sing", "state": "failed"}
        assert said["songs"]["wanted"] == ""
        assert one.end(signal.SIGTERM) == 0
