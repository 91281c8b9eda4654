"""[[input]] tables: what they mean to the engine, and every mistake in them, where it stands."""

import pytest

from ripieno.daemon import presets
from ripieno.daemon.preset_document import PresetError
from ripieno.daemon.rig import build, zones

DUO = """\
name = "Duo"
model = "closest"
inputs = ["in", "Pads"]

[[ensemble]]
name = "Violin 1"
program = "Violin"

[[ensemble]]
name = "Cello"
program = "Cello"

[[input]]
channels = [1, 2]
range = ["C-1", "B3"]
transpose = -12
to = "cello"

[[input]]
port = "pads"
device = "LaunchPad"
velocity = [64, 127]
to = ["Violin1", "Cello"]

[[input]]
range = ["C4", "G9"]
"""


def mistakes(text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(PresetError) as caught:
        presets.read(text, "duo.toml")
    return [(problem.line, str(problem)) for problem in caught.value.problems]


def test_they_are_read_and_shown() -> None:
    one = presets.read(DUO, "duo.toml")
    assert [row.port for row in one.input] == ["in", "Pads", "in"]
    assert [row.to for row in one.input] == [("Cello",), ("Violin 1", "Cello"), ("ensemble",)]
    again = presets.read(presets.show(one), "shown.toml")
    assert again.input == one.input
    assert presets.as_dict(one)["input"]


def test_they_are_zones_of_the_engine() -> None:
    low, pads, high = zones(presets.read(DUO, "duo.toml"))
    assert (low.port, list(low.channels), low.lowest, low.highest, low.transpose) == (0, [0, 1], 0, 59, -12)
    assert (pads.port, pads.softest, pads.loudest, list(pads.instruments)) == (1, 64, 127, [0, 1])
    assert (high.lowest, high.highest, list(high.instruments)) == (60, 127, [])
    build(presets.read(DUO, "duo.toml"), 48_000).free()


def test_options_reach_them() -> None:
    one = presets.read(DUO, "duo.toml", ["input.1.transpose=3", "input.2.to=cello"])
    assert one.input[0].transpose == 3
    assert one.input[1].to == ("Cello",)


@pytest.mark.parametrize(
    ("written", "instead", "line", "told"),
    [
        ('port = "pads"', 'port = "padz"', 20, "no input is called 'padz'"),
        ("velocity = [64, 127]", "velocity = [0, 127]", 22, "is no range of velocities"),
        ("velocity = [64, 127]", "velocity = [90, 10]", 22, "is no range of velocities"),
        ('to = "cello"', 'to = "celo"', 17, "nobody is called 'celo'"),
        ('to = "cello"', "to = []", 17, "is nobody"),
        ('to = "cello"', 'to = ["ensemble", "cello"]', 17, "the ensemble is everybody already"),
        ("transpose = -12", "transpose = 1.5", 16, "is no whole number"),
        ("transpose = -12", "transposed = -12", 16, "there is no such key"),
        ("channels = [1, 2]", 'channels = [1, 2]\ndevice = "A"\nport = "Pads"', 23, "'A' is connected to 'Pads', too"),
        ('name = "Cello"', 'name = "Ensemble"', 10, "means everybody in [[input]]"),
    ],
)
def test_mistakes_are_told_with_their_lines(written: str, instead: str, line: int, told: str) -> None:
    assert DUO.count(written) == 1
    found = mistakes(DUO.replace(written, instead))
    assert any(told in text and at == line for at, text in found), found


def test_too_many() -> None:
    found = mistakes(DUO + "\n[[input]]\n" * 30)
    assert any("at most 32" in text for _, text in found)
