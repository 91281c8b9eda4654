"""The command line: what it says, its exit codes, and that nobody ever sees a traceback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command import COMMAND, ripieno

from ripieno.daemon import presets
from ripieno.daemon.checkup import SYSTEMS
from ripieno.daemon.cli import COMMANDS
from ripieno.daemon.commands.presets import reference
from ripieno.daemon.schema import INSTRUMENT_KEYS, PRESET_KEYS


def test_help_names_every_command_and_each_has_its_own() -> None:
    overview = ripieno("--help").stdout
    for command, summary in COMMANDS.items():
        assert command in overview
        assert summary.split(",")[0].split(";")[0].casefold() in " ".join(
            ripieno(command, "--help").stdout.casefold().split()
        )


def test_what_makes_no_sense_is_told_with_status_two() -> None:
    assert "commands:" in ripieno(status=2).stderr
    assert "did you mean 'render'" in ripieno("rendre", status=2).stderr
    assert "show NAME" in ripieno("presets", "show", status=2).stderr
    assert "--preset" in ripieno("render", "a.mid", status=2).stderr


def test_version() -> None:
    assert ripieno("version").stdout.startswith("ripieno 0.")


def test_presets_are_listed_shown_and_explained(tmp_path: Path) -> None:
    listed = json.loads(ripieno("presets", "--json").stdout)
    assert {"thru", "choir", "string-quartet", "pop-band", "game-band"} <= {row["name"] for row in listed}
    shown = json.loads(ripieno("presets", "show", "choir", "--set", "overflow=steal", "--json").stdout)
    assert shown["overflow"] == "steal"
    assert [one["name"] for one in shown["ensemble"]] == ["Soprano", "Alto", "Tenor", "Bass"]
    own = tmp_path / "mine.toml"
    own.write_text(ripieno("presets", "show", "choir").stdout)
    assert ripieno("presets", "show", "mine", "--presets", tmp_path).stdout == own.read_text()
    explained = ripieno("presets", "keys").stdout
    assert all(f"  {key.name} = " in explained for key in PRESET_KEYS + INSTRUMENT_KEYS)
    keys = json.loads(ripieno("presets", "keys", "--json").stdout)
    assert [row["key"] for row in keys["preset"]] == [key.name for key in PRESET_KEYS]


def test_the_page_on_presets_is_up_to_date() -> None:
    page = (Path(__file__).parents[2] / "docs" / "presets.md").read_text(encoding="utf-8")
    assert reference() in page
    example = page.split("```toml\n")[1].split("```")[0]
    assert [one.channel for one in presets.read(example, "docs/presets.md").ensemble] == [1, 2, 3]


def test_mistakes_in_presets_are_told_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('name = "Bad"\nmodel = "closest"\noverflow = "stael"\nbudget = 0\n')
    told = ripieno("run", tmp_path / "bad.toml", "--set", "fallback=frist", status=1).stderr
    assert "bad.toml:3: overflow:" in told
    assert "bad.toml:4: budget:" in told
    assert "--set fallback=frist: fallback:" in told
    listed = ripieno("presets", "--presets", tmp_path, status=1)
    assert "bad" in listed.stdout
    assert "did you mean 'string-quartet'" in ripieno("run", "string-quartt", status=1).stderr


def test_the_doctor_finds_the_core_and_advises_on_what_is_missing() -> None:
    done = subprocess.run([*COMMAND, "doctor", "--json"], capture_output=True, text=True, timeout=60)
    report = json.loads(done.stdout)
    states = {finding["what"]: finding for finding in report["findings"]}
    assert states["native core"]["state"] == "works"
    assert done.returncode == (0 if report["live"] else 1)
    assert all(f["advice"] or f["state"] != "missing" or f["detail"] for f in report["findings"])
    assert SYSTEMS["Linux"] == "Debian"


def test_ports_name_each_driver() -> None:
    done = subprocess.run([*COMMAND, "ports", "--json"], capture_output=True, text=True, timeout=60)
    ports = json.loads(done.stdout)
    assert set(ports) == {"jack", "rtmidi", "portaudio"}
    assert done.returncode == (0 if any("problem" not in ports[name] for name in ("jack", "rtmidi")) else 1)


def test_a_reader_that_leaves_early_is_no_error() -> None:
    shell = f"{' '.join(COMMAND)} presets keys | head -n 1"
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, timeout=60)
    assert done.stdout == "A preset:\n"
    assert "Traceback" not in done.stderr


PLAY_TIME = (
    "from ripieno.daemon.live import run; from ripieno.daemon.rig import build; from ripieno.daemon import drivers;"
    "from ripieno.daemon import presets; build(presets.load('thru'), 48000); import sys; print(*sys.modules)"
)


@pytest.mark.parametrize("module", ["torch", "music21", "matplotlib", "onnxruntime", "tinysoundfont"])
def test_nothing_heavy_is_imported_to_play(module: str) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", PLAY_TIME], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "ripieno.native._native" in loaded
    assert module not in loaded
