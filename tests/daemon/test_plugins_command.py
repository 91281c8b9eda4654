"""`ripieno plugins`, as users run it."""

import json
from pathlib import Path

import pytest
from command import ripieno
from vst3_build import EFFECT, INSTRUMENT, build

from needs import needs
from ripieno.daemon.cli import main
from ripieno.native.builtin import BUILTINS

PYTHON_PLUGIN = """\
from ripieno.plugins.base import Parameter, Plugin

class Half(Plugin):
    parameters = (Parameter("depth", 0.5, unit="x"),)

    def render(self, audio, events, values):
        return audio * values["depth"]
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    (tmp_path / "plugins").mkdir()
    return tmp_path / "plugins"


def test_our_own_are_listed_and_explained() -> None:
    listed = json.loads(ripieno("plugins", "--json").stdout)
    assert [row["plugin"] for row in listed["native"]] == list(BUILTINS)
    assert (listed["scanned"], listed["blocked"]) == ([], [])
    text = ripieno("plugins").stdout
    assert all(f"  {name} " in text for name in BUILTINS)
    assert "`ripieno plugins scan` looks for" in text
    name, one = next(iter(BUILTINS.items()))
    explained = ripieno("plugins", "info", name).stdout
    assert one.what in explained
    assert all(f"    {parameter} " in explained for parameter in one.parameters)


@pytest.mark.parametrize("name", BUILTINS)
def test_each_of_our_own_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "info", name, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["role"], row["what"]) == (name, BUILTINS[name].role, BUILTINS[name].what)
    assert [parameter["name"] for parameter in row["parameters"]] == list(BUILTINS[name].parameters)


def test_a_scan_survives_what_crashes_and_hangs_and_tells_of_it(home: Path) -> None:
    needs("pedalboard")
    crash, good = build(home, "A Crash", "crash"), build(home, "Good")
    told = ripieno("plugins", "scan", "--only", home).stdout.splitlines()
    assert told[0].startswith(f"1/2 {crash}: blocked: it crashed as it was opened (SIGSEGV)")
    assert told[1] == f"2/2 {good}: {EFFECT}, {INSTRUMENT}"
    assert "2 plugins" in told[2]
    hang = build(home / "slow", "A Hang", "hang")
    told = ripieno("plugins", "scan", "--only", home / "slow", "--limit", 2).stdout.splitlines()
    assert told[0] == f"1/2 {hang}: blocked: it was not open after 2 s"
    assert told[1].endswith("(as before)")

    listed = json.loads(ripieno("plugins", "list", "--json").stdout)
    assert [row["plugin"] for row in listed["scanned"]] == [f"vst3:{good}#{name}" for name in (EFFECT, INSTRUMENT)]
    assert [row["file"] for row in listed["blocked"]] == [str(crash), str(hang)]
    text = ripieno("plugins", "list").stdout
    assert "A Crash, since 20" in text
    assert "SIGSEGV" in text

    assert "SIGSEGV" in ripieno("plugins", "info", "A Crash", status=1).stderr
    assert str(crash) in ripieno("plugins", "allow", "A Crash").stdout
    assert "did you mean 'A Hang'" in ripieno("plugins", "allow", "A Hank", status=1).stderr
    assert [row["file"] for row in json.loads(ripieno("plugins", "--json").stdout)["blocked"]] == [str(hang)]


def test_a_scanned_plugin_and_a_file_are_explained_alike(home: Path) -> None:
    needs("pedalboard")
    bundle = build(home, latency=64)
    from_file = ripieno("plugins", "info", bundle).stdout
    for line in (f'plugin = "vst3:{bundle}#{EFFECT}"', "effect, 64 frames late (1.33 ms at 48 kHz)", "-60 to 12 dB"):
        assert line in from_file
    assert INSTRUMENT in from_file
    one = ripieno("plugins", "info", f"vst3:{bundle}#{EFFECT}").stdout
    assert INSTRUMENT not in one
    ripieno("plugins", "scan", "--only", home)
    assert ripieno("plugins", "info", EFFECT.upper()).stdout == one


def test_a_file_that_crashes_is_told_and_not_blocked(home: Path) -> None:
    needs("pedalboard")
    bundle = build(home, at_load="crash")
    assert f"{bundle}: it crashed as it was opened (SIGSEGV)" in ripieno("plugins", "info", bundle, status=1).stderr
    assert json.loads(ripieno("plugins", "--json").stdout)["blocked"] == []


def test_a_python_plugin_is_explained(home: Path) -> None:
    file = home / "half.py"
    file.write_text(PYTHON_PLUGIN)
    (row,) = json.loads(ripieno("plugins", "info", file, "--json").stdout)
    assert (row["spec"], row["role"], row["latency"]) == (f"python:{file}", "effect", 0)
    (depth,) = row["parameters"]
    assert (depth["name"], depth["usual"], depth["low"], depth["high"], depth["unit"]) == ("depth", 0.5, 0, 1, "x")
    file.write_text(PYTHON_PLUGIN + "\nraise ValueError('no')\n")
    assert "no" in ripieno("plugins", "info", file, status=1).stderr


@pytest.mark.parametrize(("kind", "role"), [("jit", "effect"), ("python", "instrument")])
def test_a_plugin_of_ones_own_is_begun(home: Path, kind: str, role: str) -> None:
    if kind == "jit":
        needs("numba")
    told = ripieno("plugins", "new", kind, "mine", *["--instrument"] * (role == "instrument"), folder=home).stdout
    assert "mine.py" in told
    (row,) = json.loads(ripieno("plugins", "info", "mine.py", "--json", folder=home).stdout)
    assert (row["spec"], row["role"]) == (f"{kind}:{home / 'mine.py'}", role)
    assert "there already" in ripieno("plugins", "new", kind, "mine", folder=home, status=1).stderr


@pytest.mark.parametrize(
    ("line", "status", "told"),
    [
        (["info"], 2, "NAME"),
        (["look"], 2, "invalid choice: 'look'"),
        (["new", "jit"], 2, "NAME"),
        (["new", "jitt", "x"], 2, "did you mean 'jit'"),
        (["scan", "--limit", "0"], 2, "no time to wait"),
        (["scan", "nowhere"], 1, "no such folder"),
        (["info", "limitter"], 1, "did you mean 'limiter'"),
        (["info", "vst3:nowhere.vst3"], 1, "no such file"),
        (["info", "vts3:nowhere.vst3"], 1, "did you mean 'vst3'"),
        (["allow", "Echo"], 1, "no plugin is blocked"),
    ],
)
def test_mistakes_are_told(line: list[str], status: int, told: str) -> None:
    assert told in ripieno("plugins", *line, status=status).stderr
