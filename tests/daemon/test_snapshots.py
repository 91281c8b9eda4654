"""Snapshots: what is set is written, read again and set again; what is wrong in one is told with its line."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ripieno.daemon.band import LIVE as BAND_KEYS
from ripieno.daemon.clock import ClockSettings
from ripieno.daemon.errors import UserError
from ripieno.daemon.preset_document import PresetError
from ripieno.daemon.presets import load
from ripieno.daemon.settings import Settings
from ripieno.daemon.snapshots import read_snapshot, recall, snapshot_path, snapshot_text, write_snapshot


class Quiet(Settings):
    """Settings that play nothing, and keep what they were told to apply."""

    who, fixed = "it", frozenset()

    def __init__(self, settings: Any, live: Mapping[str, Any]) -> None:
        super().__init__(settings, {})
        self.live = live
        self.applied: dict[str, Any] = {}

    def apply(self, name: str, value: Any) -> None:
        self.applied[name] = value


def test_what_is_set_comes_back(tmp_path: Path) -> None:
    preset = load("duet")
    band = Quiet(preset.continuation, BAND_KEYS)
    band.set("tempo", 87.5)
    band.set("key", "Bb major")
    band.set("at_once", 2)
    enabled = {one.name: place % 2 == 0 for place, one in enumerate(preset.ensemble)}
    path = tmp_path / "new" / "one.toml"
    write_snapshot(path, snapshot_text(preset, enabled, {"continuation": band}))
    snapshot = read_snapshot(path, preset)
    assert snapshot.enabled == enabled
    fresh = Quiet(preset.continuation, BAND_KEYS)
    assert recall(snapshot, {"continuation": fresh}) == []
    assert fresh.settings == band.settings
    assert fresh.applied.keys() == BAND_KEYS.keys()


def test_a_clock_is_kept_and_not_missed(tmp_path: Path) -> None:
    one = load("thru", ["clock.source=midi"])
    assert one.clock
    table, path = ClockSettings(one.clock), tmp_path / "one.toml"
    table.set("tempo", 97.5)
    write_snapshot(path, snapshot_text(one, {}, {"clock": table}))
    fresh = ClockSettings(one.clock)
    assert recall(read_snapshot(path, one), {"clock": fresh}) == []
    assert fresh.settings == replace(one.clock, tempo=97.5)
    assert read_snapshot(path, load("thru")).tables == {}  # tonight there is none
    path.write_text("[clock]\ntempo = 9\n")
    with pytest.raises(PresetError, match=r"one.toml:2: clock.tempo: 9 is not from 20 to 400"):
        read_snapshot(path, load("thru"))


def test_what_cannot_be_set_is_told_and_the_rest_is_set(tmp_path: Path) -> None:
    preset = load("quartet-hall")
    title = preset.chain[0].name
    path = tmp_path / "hall.toml"
    path.write_text(f'[chain."{title}"]\nno-such = 1\ntempo = 70\n')
    table = Quiet(load("duet").continuation, BAND_KEYS)
    (told,) = recall(read_snapshot(path, preset), {title: table})
    assert told.startswith(f"{path}: {title}: no-such is no key")
    assert table.applied == {"tempo": 70}
    assert recall(read_snapshot(path, preset), {}) == [f"{path}: {title} is not here"]


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        'preset = "Thru"\nother = 1\n[instruments]\nViolin = true\nFlute = 2\n[continuation]\ntempo = 900\n'
        'weights = "x"\n[singing]\nmode = "free"\n[chain.reverb]\nmix = 1\n'
    )
    preset = load("duet")
    with pytest.raises(PresetError) as told:
        read_snapshot(path, preset)
    lines = [problem.line for problem in told.value.problems]
    assert lines[:2] == [1, 2]
    assert {7, 8, 9, 11} <= set(lines)
    assert "this is a snapshot of Thru" in str(told.value)
    assert "900 is not from 30 to 300" in str(told.value)
    path.write_text("tempo = \n")
    with pytest.raises(PresetError, match=r"bad.toml:1: this is no TOML"):
        read_snapshot(path, preset)
    with pytest.raises(UserError, match="there is no snapshot yet; the key Z takes one"):
        read_snapshot(tmp_path / "none.toml", preset)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        write_snapshot(tmp_path / "file" / "one.toml", "")


def test_where_they_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert snapshot_path(load("string-quartet")) == tmp_path / "ripieno" / "snapshots" / "stringquartet.toml"
