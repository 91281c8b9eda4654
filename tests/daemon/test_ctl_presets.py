"""`ripieno ctl presets` as one types it: listed, shown, checked, saved from a file or a pipe, compared and played."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import COMMAND, ripieno
from served import MINE, Served, served_at_home

from needs import needs
from ripieno.daemon import presets

needs("tomlkit")


@pytest.fixture(scope="module")
def quartet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_at_home(tmp_path_factory.mktemp("ctl-presets"), "string-quartet") as one:
        yield one


def ctl(*arguments: object, status: int = 0) -> str:
    done = ripieno("ctl", "presets", *arguments, status=status)
    return done.stdout or done.stderr


def test_presets_are_saved_compared_and_played(quartet: Served, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MINE)
    assert ctl("check", file) == ""
    assert ctl("save", "mine", file) == f"mine is saved in {presets.user_folder() / 'mine.toml'}\n"
    assert ctl("show", "mine") == MINE
    assert ctl("duplicate", "mine", "Mine Two").startswith("mine-two is saved in ")
    assert ctl("compare", "mine", "mine-two", status=1).split() == [
        "mine",
        "mine-two",
        "name",
        '"Mine"',
        '"Mine',
        'Two"',
    ]
    assert ctl("compare", "mine", file) == ""
    listed = {one["name"]: one for one in json.loads(ctl("list", "--json"))}
    assert listed["mine-two"]["own"]
    assert not listed["choir"]["own"]
    assert "mine-two" in ctl("list")
    assert "in the place of String quartet" in ctl("play", "mine")
    assert ctl("delete", "mine-two") == "mine-two is deleted\n"
    ctl("save", "choir", file)
    assert ctl("delete", "choir") == "choir is deleted, and Ripieno's own is back\n"


def test_mistakes_are_told_with_their_lines(quartet: Served, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(MINE + "level = 128\n")
    assert ctl("check", file, status=1) == f"{file}:7: ensemble.1.level: 128 is not from 0 to 127\n"
    assert "line 7: ensemble.cello.level: 128 is not" in ctl("save", "wrong", file, status=1)
    assert "no preset is called 'wrong'" in ctl("show", "wrong", status=1)
    assert "cannot be read as text" in ctl("check", tmp_path / "nothing.toml", status=1)
    assert "comes with Ripieno" in ctl("delete", "choir", status=1)


def test_a_text_comes_in_by_a_pipe(quartet: Served) -> None:
    for line, status in ((("check",), 1), (("save", "piped"), 1)):
        done = subprocess.run([*COMMAND, "ctl", "presets", *line], input="name = ", capture_output=True, text=True,
                              timeout=120, check=False)  # fmt: skip
        assert done.returncode == status
        assert "this is no TOML" in done.stdout + done.stderr


def test_names_are_completed(quartet: Served) -> None:
    from argparse import Namespace

    from ripieno.daemon.commands.ctl_presets import preset_names

    found = preset_names(parsed_args=Namespace(name=None))
    assert found["choir"].startswith("Soprano, alto, tenor and bass")
    assert preset_names(parsed_args=Namespace(name="nobody")) == {}
