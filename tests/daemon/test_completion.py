"""What the shells complete: commands, options, presets, and the live paths and values of one that runs."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import ripieno
from served import served

from needs import needs

PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the command `ripieno`, while a quartet runs."""
    folder = tmp_path_factory.mktemp("shells")
    command = folder / "bin" / "ripieno"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m ripieno.daemon.cli "$@"\n')
    command.chmod(0o755)
    with served(folder, "string-quartet"):
        yield folder


def environment(stage: Path) -> dict[str, str]:
    path = f"{stage / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(stage), "TERM": "dumb"}


def in_bash(stage: Path, line: str) -> list[str]:
    script = """
        eval "$(ripieno completion bash)"
        COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
        _python_argcomplete ripieno
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    shell = [shutil.which("bash") or "bash", "--norc", "-c", script, "bash", line]
    done = subprocess.run(shell, capture_output=True, text=True, env=environment(stage), timeout=PATIENCE_SECONDS)
    return [one.strip() for one in done.stdout.splitlines()]


def in_fish(stage: Path, line: str) -> list[str]:
    needs("fish")
    script = "ripieno completion fish | source; complete -C $argv[1]"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script, line],
        capture_output=True,
        text=True,
        env=environment(stage),
        timeout=PATIENCE_SECONDS,
    )
    return [one.partition("\t")[0] for one in done.stdout.splitlines()]


LINES = [
    ("ripieno re", {"render", "replay"}),
    ("ripieno run string-q", {"string-quartet"}),
    ("ripieno run thru --driv", {"--driver"}),
    ("ripieno run thru --driver po", {"portaudio"}),
    ("ripieno completion ", {"bash", "zsh", "fish"}),
    ("ripieno ctl w", {"watch"}),
    ("ripieno ctl set players/vio", {f"players/{one}/{key}" for one in ("violin-1", "violin-2", "viola")
                                     for key in ("on", "level")}),
    ("ripieno ctl set players/viola/on ", {"on", "off", "toggle"}),
    ("ripieno ctl set players/viola/level ", {"100"}),
    ("ripieno ctl do pan", {"panic"}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "wanted"), LINES)
def test_bash(stage: Path, line: str, wanted: set[str]) -> None:
    assert set(in_bash(stage, line)) == wanted


@pytest.mark.parametrize(("line", "wanted"), LINES)
def test_fish(stage: Path, line: str, wanted: set[str]) -> None:
    assert set(in_fish(stage, line)) == wanted


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("ripieno ctl set players/viola/l\t", "players/viola/level"),
        ("ripieno ctl do pani\t", "ctl do panic"),
        ("ripieno presets show string-qu\t", "show string-quartet"),
    ],
)
def test_zsh(stage: Path, typed: str, shown: str) -> None:
    needs("zsh")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment(stage))
    try:
        begin = 'PROMPT=; autoload -U compinit; compinit -u -D; eval "$(ripieno completion zsh)"; echo rea""dy\n'
        os.write(terminal, begin.encode())
        assert "ready" in screen(terminal, "ready")
        os.write(terminal, typed.encode())
        assert shown in screen(terminal, shown)
    finally:
        os.kill(pid, 9)
        os.close(terminal)
        os.waitpid(pid, 0)


def screen(terminal: int, words: str) -> str:
    """What is on the screen, once these words are."""
    text, end = "", time.monotonic() + PATIENCE_SECONDS
    while words not in text and time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\b]", "", os.read(terminal, 4096).decode("utf-8", "replace"))
    return text


def test_where_nobody_runs_nothing_is_completed(stage: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert in_bash(stage, "ripieno ctl set pl") == [""]


def test_each_shell_has_its_script() -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "ripieno" in ripieno("completion", shell).stdout
    assert "invalid choice" in ripieno("completion", "tcsh", status=2).stderr
