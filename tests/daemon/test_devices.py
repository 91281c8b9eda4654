"""What is remembered of devices: the file of figures."""

import dataclasses
from pathlib import Path

import pytest

from ripieno.daemon import devices
from ripieno.daemon.devices import Figure
from ripieno.daemon.errors import UserError

FIGURE = Figure("midi", 3.2, 3.2, 0.5, 100, 0, 48_000, 128, "2026-01-01T00:00:00+00:00")


def test_figures_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "devices.json"
    assert devices.load(path) == {}
    devices.keep("Synth:in", FIGURE, path)
    slower = dataclasses.replace(FIGURE, latency_ms=9.0)
    devices.keep("Übertrager:in", slower, path)
    assert devices.load(path) == {"Synth:in": FIGURE, "Übertrager:in": slower}
    devices.keep("Synth:in", slower, path)
    assert devices.load(path)["Synth:in"] == slower
    devices.forget("Synth:in", path)
    assert list(devices.load(path)) == ["Übertrager:in"]
    assert [one.name for one in path.parent.iterdir()] == ["devices.json"]
    with pytest.raises(UserError, match="knows no 'Synth:in'"):
        devices.forget("Synth:in", path)


def test_where_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert devices.file() == tmp_path / "ripieno" / "devices.json"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"version": 2, "devices": {}}', '{"version": 1, "devices": {"x": {"kind": "midi"}}}', '"x"'],
)
def test_a_damaged_file_is_told_of(tmp_path: Path, text: str) -> None:
    path = tmp_path / "devices.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"devices\.json: is damaged .*remove it"):
        devices.load(path)


def test_a_wrong_value_is_told_of(tmp_path: Path) -> None:
    path = devices.keep("x", FIGURE, tmp_path / "devices.json")
    path.write_text(path.read_text().replace("3.2", '"soon"'))
    with pytest.raises(UserError, match="latency_ms is 'soon'"):
        devices.load(path)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/devices\.json"):
        devices.keep("x", FIGURE, tmp_path / "file" / "devices.json")
