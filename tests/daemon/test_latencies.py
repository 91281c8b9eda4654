"""Outputs that arrive together: what is written, what it means, and what the engine is told."""

import pytest

from ripieno.daemon import presets
from ripieno.daemon.errors import UserError
from ripieno.daemon.latencies import SOUND, align, measured, named, read, shifts, tell
from ripieno.daemon.preset_document import PresetError
from ripieno.native.engine import Engine


def test_options() -> None:
    assert read(["out=12.5", "violin 1=3", "out=10"]) == {"out": 10.0, "violin 1": 3.0}
    for wrong in ("out", "=3", "out=soon", "out=-1", "out=1001", "out=nan"):
        with pytest.raises(UserError, match="--latency"):
            read([wrong])


def test_ports_are_called_as_they_are() -> None:
    assert named({"VIOLIN1": 3.0, "sound": 1.0}, ["Violin 1", "Viola"], True) == {"Violin 1": 3.0, SOUND: 1.0}
    with pytest.raises(UserError, match=r"no output is called 'viloa'.*Viola"):
        named({"viloa": 3.0}, ["Violin 1", "Viola"], False)
    with pytest.raises(UserError, match="'sound'"):
        named({"sound": 3.0}, ["out"], False)


def test_all_arrive_with_the_slowest() -> None:
    wanted = shifts({"a": 10.0, "b": 2.5}, ["a", "b", "c"], 48_000)
    assert wanted == {"a": 0, "b": 360, "c": 480}
    assert shifts({}, ["a", "b"], 48_000) == {"a": 0, "b": 0}
    assert shifts({"a": 1.0}, [], 48_000) == {}


def test_the_slowest_device_of_an_output_counts() -> None:
    figures = {"slow": 9.0, "quick": 1.0}
    assert measured({"out": ["quick", "slow", "new"], "other": ["new"]}, figures.get) == {"out": 9.0}


def test_it_is_told() -> None:
    assert tell({"out": 0.0}) == ""
    assert tell({"out": 12.5, "sound": 0.0}) == "outputs are aligned to the slowest: out 12.5 ms late"


def test_the_engine_is_told() -> None:
    with Engine(48_000, outputs=2, audios=2) as engine:
        align(engine, ["a", "b"], {"a": 10.0})
        align(engine, ["a", "b"], {SOUND: 20.0})
        with pytest.raises(ValueError, match="no MIDI output 2"):
            engine.shift_port(2, 1)
        with pytest.raises(ValueError, match="at most"):
            engine.shift_sound(1_000_000)


DUO = """\
name = "Duo"
outputs = "ports"
latency_ms = { violin1 = 12.5, Viola = 3 }

[[ensemble]]
name = "Violin 1"
program = "Violin"

[[ensemble]]
name = "Viola"
program = "Viola"
"""


def test_a_preset_says_it() -> None:
    one = presets.read(DUO, "duo.toml")
    assert one.latency_ms == {"Violin 1": 12.5, "Viola": 3}
    assert presets.read(presets.show(one), "shown.toml").latency_ms == one.latency_ms


def test_an_option_says_it() -> None:
    one = presets.read(DUO, "duo.toml", ["latency_ms.VIOLIN1=5"])
    assert one.latency_ms == {"Violin 1": 5, "Viola": 3}
    none = DUO.replace("latency_ms = { violin1 = 12.5, Viola = 3 }\n", "")
    assert presets.read(none, "duo.toml", ["latency_ms.Viola=1.5"]).latency_ms == {"Viola": 1.5}
    for option, told in (("latency_ms.cello=5", "no output is called 'cello'"), ("latency_ms.Viola=soon", "soon")):
        with pytest.raises(PresetError, match=told) as caught:
            presets.read(none, "duo.toml", [option])
        assert str(caught.value).startswith(f"--set {option}: latency_ms")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{ cello = 3 }", "no output is called 'cello'"),
        ("{ Viola = -3 }", "Viola = -3 is no number of milliseconds"),
        ("{ sound = 3 }", "no output is called 'sound'"),
        ("12", "write each output with its milliseconds"),
    ],
)
def test_mistakes_have_lines(written: str, told: str) -> None:
    with pytest.raises(PresetError) as caught:
        presets.read(DUO.replace("{ violin1 = 12.5, Viola = 3 }", written), "duo.toml")
    (problem,) = caught.value.problems
    assert problem.line == 3
    assert told in str(problem)
