"""`ripieno ctl` as one types it: what it sets, does, tells and watches, whom it finds, and what it says if not."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any

import mido
import pytest
from command import COMMAND, ripieno
from served import ON, Served, served, write_list, write_song

from ripieno.daemon.commands.ctl import meant, shown
from ripieno.daemon.errors import UsageError
from ripieno.daemon.remote.client import Client, NotFound, Running, find, running

LEVEL = "players/viola/level"
USED_UP = 2**22 - 1  # above Linux's usual highest process number


@pytest.fixture(scope="module")
def quartet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("ctl"), "string-quartet") as one:
        yield one


def ctl(*arguments: object, status: int = 0) -> str:
    done = ripieno("ctl", *arguments, status=status)
    return done.stdout if status == 0 else done.stderr


def told(*arguments: object) -> Any:
    return json.loads(ctl(*arguments, "--json"))


def test_controls_are_set_and_told(quartet: Served) -> None:
    assert ctl("set", LEVEL, 64) == f"{LEVEL} 64\n"
    assert ctl("get", LEVEL) == "64\n"
    assert told("set", LEVEL, 65) == {LEVEL: 65}
    assert ctl("set", ON, "off") == f"{ON} false\n"
    assert told("set", ON, "toggle") == {ON: True}
    assert told("get", "players/*/on") == {
        f"players/{one}/on": True for one in ("violin-1", "violin-2", "viola", "cello")
    }
    rows = dict(line.split() for line in ctl("get", ON, LEVEL).splitlines())
    assert rows == {ON: "true", LEVEL: "65"}


def test_all_there_is_is_listed(quartet: Served) -> None:
    all_ = told("list")
    assert {"song", ON, LEVEL} <= {one["path"] for one in all_["controls"]}
    assert {"panic", "next"} <= {one["path"] for one in all_["actions"]}
    some = told("list", "players/viola/*")
    assert [one["path"] for one in some["controls"]] == ["players/viola/on", LEVEL]
    assert some["actions"] == []
    text = ctl("list")
    assert "players/cello/on" in text
    assert "Silence everything" in text


def test_actions_are_done(quartet: Served) -> None:
    for words in (("do", "panic"), ("panic",), ("next",), ("previous",)):
        assert ctl(*words) == ""
    assert told("do", "panic") == {"done": "panic"}
    assert "begin with --recordings" in ctl("do", "record", status=1)


def test_how_it_stands_is_told(quartet: Served) -> None:
    assert told("status")["preset"] == "String quartet"
    text = ctl("status")
    assert "String quartet, by file" in text
    assert quartet.url in text
    assert "Cello" in text


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (("set", "players/viola/lvl", 1), 1, "there is no control 'players/viola/lvl'; did you mean"),
        (("set", LEVEL, 128), 1, "128 is not from 0 to 127"),
        (("set", LEVEL, "loud"), 2, "'loud' is no number"),
        (("set", ON, "maybe"), 2, "neither on nor off"),
        (("set", ON), 2, "required: VALUE"),
        (("get", "player/*"), 1, "there is no control 'player/*'"),
        (("do", "panik"), 1, "did you mean 'panic'"),
        (("dance",), 2, "dance"),
        (("get", ON, "--name", "nobody"), 3, "no Ripieno with a page is called 'nobody': there are "),
    ],
)
def test_what_cannot_be_is_told(quartet: Served, words: tuple[object, ...], status: int, why: str) -> None:
    assert why in ctl(*words, status=status)


def test_what_changes_is_watched(quartet: Served) -> None:
    lines = [*COMMAND, "ctl", "watch", "--json"], [*COMMAND, "ctl", "watch", LEVEL]
    first, second = (subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for line in lines)
    try:
        assert first.stdout
        assert second.stdout
        hello = json.loads(first.stdout.readline())
        assert (hello["t"], LEVEL in hello["values"]) == ("hello", True)
        assert second.stdout.readline().split()[0] == LEVEL  # as it was when it began to watch
        ctl("set", LEVEL, 7)
        ctl("set", ON, "off")
        ctl("set", LEVEL, 8)
        for line in first.stdout:
            if [LEVEL, 8] in (change[:2] for change in json.loads(line)["changes"]):
                break
        else:
            raise AssertionError("it ended")
        assert second.stdout.readline() == f"{LEVEL} 7\n"
        assert second.stdout.readline() == f"{LEVEL} 8\n"
    finally:
        for one in (first, second):
            one.kill()
            one.communicate()


def test_who_watches_hears_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the daemon is killed, and the next one is found although the file of the first is still there."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for way, status, why in ((signal.SIGTERM, 0, ""), (signal.SIGKILL, 3, "cannot be watched: ")):
        with served(tmp_path, "thru") as one:
            watching = subprocess.Popen([*COMMAND, "ctl", "watch", "song"], stdout=PIPE, stderr=PIPE, text=True)
            assert watching.stdout
            assert watching.stdout.readline() == "song 1\n"
            one.daemon.process.send_signal(way)
            _, complaint = watching.communicate(timeout=60)
            assert (watching.returncode, why in complaint) == (status, True), complaint
            assert "Traceback" not in complaint
    assert one.state.exists()
    assert "no Ripieno with a page runs here" in ctl("status", status=3)
    with served(tmp_path, "thru"):
        assert ctl("get", "song") == "1\n"


def test_songs_are_reached_and_told(tmp_path: Path) -> None:
    gig = write_list(tmp_path / "gig.toml", "thru", "choir")
    with served(tmp_path, gig):
        assert ctl("set", "song", "Choir") == "song 2\n"
        while "2 of 2: Choir; next: Thru" not in (said := ctl("status")):
            assert "1 of 2: Thru" in said
        assert "Tenor" in said


def test_a_knob_is_learnt_and_let_go(tmp_path: Path) -> None:
    sweep = [mido.Message("control_change", control=21, value=value, time=4) for value in range(128)]
    sweep[0].time = 960  # a second's rest: what moves all the time is not meant
    song = write_song(tmp_path / "knob.mid", sweep * 300)
    with served(tmp_path, "string-quartet", "--set", "model=closest", song=song) as one:
        assert told("learn") == []
        assert "no knob is bound" in ripieno("ctl", "learn").stderr
        (row,) = told("learn", LEVEL)
        assert (row["number"], row["control"], row["path"]) == (1, "controller 21 channel 1", LEVEL)
        assert told("learn", LEVEL) == [row]  # the same knob once more
        assert ctl("learn") == f"1  controller 21 channel 1  {LEVEL}\n"
        assert "there is no bound knob '2'" in ctl("forget", 2, status=1)
        ctl("forget", 1)
        assert told("learn") == []
        assert "did you mean" in ctl("learn", "players/viola/lvl", status=1)
        assert one.daemon.process.poll() is None


def test_of_several_one_says_which(quartet: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name, folder = quartet.state.name.removesuffix(".ui.json"), tmp_path / "ripieno"
    folder.mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert "no Ripieno with a page runs here: begin one with" in ctl("status", status=3)
    (folder / quartet.state.name).write_bytes(quartet.state.read_bytes())
    (folder / "killed.ui.json").write_text(json.dumps({"url": "http://127.0.0.1:9/", "token": "t", "pid": USED_UP}))
    (folder / "broken.ui.json").write_text("{")
    assert [one.name for one in running()] == [name]
    ctl("get", ON)
    (folder / "other.ui.json").write_text(json.dumps({"url": "http://127.0.0.1:9/", "token": "t", "pid": os.getpid()}))
    assert f"say which one, --name other or {name}" in ctl("get", ON, status=3)
    assert ctl("get", ON, "--name", name).strip() in ("true", "false")
    (folder / "my_stage.ui.json").write_bytes(quartet.state.read_bytes())
    assert ctl("get", ON, "--name", "my stage").strip() in ("true", "false")  # as `ripieno run` was told
    (folder / "gone.ui.json").symlink_to("nowhere")
    assert "gone" not in [one.name for one in running()]
    assert "other does not answer at http://127.0.0.1:9/: " in ctl("get", ON, "--name", "other", status=3)


def test_another_token_is_refused(quartet: Served) -> None:
    stranger = Client(Running("one", f"{quartet.url}/", "wrong"))
    with pytest.raises(Exception, match="the token is wrong"):
        stranger.set(ON, False)
    with pytest.raises(NotFound, match="cannot be watched: "):
        next(stranger.live())
    assert find().state()["values"]


@pytest.mark.parametrize(
    ("control", "text", "value"),
    [
        ({"type": "flag"}, "on", True),
        ({"type": "flag"}, "0", False),
        ({"type": "flag"}, "toggle", None),
        ({"type": "number"}, "-3", -3),
        ({"type": "number"}, "0.5", 0.5),
        ({"type": "number", "words": ["Choir"]}, "Choir", "Choir"),
        ({"type": "choice", "words": ["midi"]}, "midi", "midi"),
        ({"type": "text"}, "D minor", "D minor"),
        ({"type": "text"}, '["G3", "C6"]', ["G3", "C6"]),
        ({"type": "text"}, '"12"', "12"),
        ({"type": "text"}, "[half", "[half"),
    ],
)
def test_what_is_typed_means(control: dict[str, Any], text: str, value: Any) -> None:
    assert meant({"path": "one", "what": "it", **control}, text) == value


def test_what_is_shown_can_be_typed() -> None:
    for value in (True, 0.5, 7, "D minor", ["G3", "C6"]):
        kind = {bool: "flag", int: "number", float: "number"}.get(type(value), "text")
        assert meant({"path": "one", "what": "it", "type": kind}, shown(value)) == value
    with pytest.raises(UsageError, match="write a whole number"):
        meant({"path": "one", "what": "whole number", "type": "number"}, "many")
