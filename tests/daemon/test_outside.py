"""The devices around a performance: keyboards of its presets that come late, and outputs that are aligned."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ripieno.daemon import devices, presets
from ripieno.daemon.devices import Figure
from ripieno.daemon.errors import UserError
from ripieno.daemon.outside import Outside
from ripieno.native.engine import Engine

PRESET = """\
name = "Solo"
model = "closest"
outputs = "ports"
latency_ms = { viola = 4 }

[[ensemble]]
name = "Violin"
program = "Violin"

[[ensemble]]
name = "Viola"
program = "Viola"

[[input]]
device = "Keystation"
"""


@dataclass
class Around:
    """A driver's part of it."""

    there: set[str] = field(default_factory=set)
    plays_to: dict[str, list[str]] = field(default_factory=dict)

    def connect_in(self, part: str, port: int = 0) -> str:
        if part not in self.there:
            raise UserError(f"no MIDI source has {part!r} in its name; there are: {', '.join(self.there) or 'none'}")
        return f"{part} at {port}"

    def listeners(self) -> dict[str, list[str]]:
        return self.plays_to


@pytest.fixture
def performance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    preset = presets.read(PRESET, "solo.toml")
    with Engine(48_000, outputs=2) as engine:
        yield SimpleNamespace(presets=[preset], preset=preset, driver=Around(), engine=engine, news=[])


def test_a_keyboard_that_comes_late(performance: Any) -> None:
    outside = Outside(performance.presets)
    outside.begin(performance)
    outside.tend(performance)
    assert [news for news in performance.news if "Keystation" in news] == [
        "no MIDI source has 'Keystation' in its name; there are: none; it is connected as soon as it is there"
    ]
    performance.driver.there.add("Another")
    count = len(performance.news)
    outside.tend(performance)
    assert len(performance.news) == count  # nothing new of it
    performance.driver.there.add("Keystation")
    outside.tend(performance)
    assert performance.news[-1] == "Keystation at 0 is connected"
    count = len(performance.news)
    outside.tend(performance)
    assert len(performance.news) == count


def test_who_says_what_goes_first(performance: Any) -> None:
    devices.keep("Synth:in", Figure("midi", 10.0, 10.0, 0.1, 100, 0, 48_000, 128, "2026-01-01T00:00:00+00:00"))
    performance.driver.plays_to = {"Violin": ["Synth:in"], "Viola": ["Synth:in"]}
    Outside(performance.presets).begin(performance)
    assert performance.engine.shifts == [0, 288]  # 10 ms as measured; 4 as the preset says
    Outside(performance.presets, ["violin=1"]).begin(performance)
    assert performance.engine.shifts == [144, 0]
    assert performance.news[-1] == "outputs are aligned to the slowest: Violin 1 ms, Viola 4 ms late"


def test_another_engine_or_preset_is_aligned_too(performance: Any) -> None:
    outside = Outside(performance.presets)
    outside.begin(performance)
    assert performance.engine.shifts == [192, 0]
    with Engine(96_000, outputs=2) as other:
        performance.engine = other
        outside.tend(performance)
        assert other.shifts == [384, 0]
        performance.preset = replace(performance.preset, latency_ms={})
        outside.tend(performance)
        assert other.shifts == [0, 0]
        outside.end()


def test_mistakes(performance: Any) -> None:
    with pytest.raises(UserError, match="no output is called 'cello'"):
        Outside(performance.presets, ["cello=3"])
    devices.file().parent.mkdir(parents=True)
    devices.file().write_text("?")
    Outside(performance.presets).begin(performance)  # the music goes on
    assert any("is damaged" in news for news in performance.news)
