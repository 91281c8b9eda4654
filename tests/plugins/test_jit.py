"""A user's Python, compiled: it sounds as in Python itself, and what it does wrong while it plays is replaced."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from unit_player import UnitPlayer

from needs import needs
from ripieno.plugins import jit
from ripieno.plugins.base import PluginError
from ripieno.plugins.jit_source import EVENT, load

needs("numba")

from ripieno.plugins import jit_compile  # noqa: E402  (it asks for numba)

RATE = 48_000
ECHO = """
import math
import numpy as np
from ripieno.plugins.base import Parameter

PARAMETERS = [Parameter("gain", 0.0, -60.0, 12.0, "dB"), Parameter("dry/wet", 0.5)]
LATENCY = 3

def make_state(sample_rate):
    return {"gain": 1.0, "line": np.zeros((2, sample_rate // 100), np.float32), "at": 0}

def process(audio, events, parameters, state, sample_rate):
    goal = 10 ** (np.float64(parameters.gain) / 20)
    for i in range(len(audio[0])):
        state.gain += 0.001 * (goal - state.gain)
        for c in range(2):
            audio[c][i] = echo(state, c, audio[c][i], np.float64(parameters["dry/wet"]))
        state.at = (state.at + 1) % state.line.shape[1]

def echo(state, c, sample, wet):
    old = state.line[c, state.at]
    state.line[c, state.at] = 0.5 * old + sample
    return state.gain * (sample + wet * math.sin(np.float64(old)))
"""
QUIRK = """
import numpy as np

def make_state(sample_rate):
    return np.zeros(1)

def process(audio, events, parameters, state, sample_rate):
    left, right = audio
    for i in range(len(left)):
        if left[i] == np.float32(0.123):
            raise ValueError("not this one")
        state[0] += 1
        left[i] = state[0]
        if state[0] == 10:
            state[0] = 0
"""


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What is compiled in these tests is kept for these tests."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plugins")


def written(folder: Path, name: str, text: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(text)
    return str(path)


def noise(frames: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(-1, 1, (2, frames)).astype(np.float32)


def in_python(path: str, audio: NDArray[np.float32], **values: float) -> NDArray[np.float32]:
    """The same file, run by Python itself in one go."""
    program = load(Path(path), RATE)
    settings = np.zeros(1, program.values)
    for one in program.parameters:
        settings[one.name] = values.get(one.name, one.usual)
    out, state = audio.copy(), program.first.copy()
    record = state.reshape(1).view(np.recarray)[0] if state.dtype.names else state
    process = vars(program.module)["process"]
    process((out[0], out[1]), np.zeros(0, EVENT), settings.view(np.recarray)[0], record, float(RATE))
    return out


# ---- what it sounds like ----


@pytest.mark.parametrize("period", [1, 61, 128, 2048])
def test_it_is_what_python_makes_of_it_whatever_the_block(folder: Path, period: int) -> None:
    path = written(folder, "echo", ECHO)
    with closing(jit.open(path, RATE, period)) as plugin:
        plugin.set("gain", -6.5)
        plugin.set("dry/wet", 0.75)
        sound = UnitPlayer(plugin.unit, period).play(noise(3000))
    np.testing.assert_array_equal(sound, in_python(path, noise(3000), **{"gain": -6.5, "dry/wet": 0.75}))
    assert np.abs(sound - noise(3000)).max() > 0.1


def test_what_it_says_of_itself(folder: Path) -> None:
    with closing(jit.open(written(folder, "echo", ECHO), RATE, 128)) as plugin:
        assert (plugin.name, plugin.role, plugin.standing().latency) == ("echo", "effect", 3)
        assert plugin.values() == {"gain": 0.0, "dry/wet": 0.5}
        assert plugin.state() == b""
        with pytest.raises(PluginError, match="gain cannot be 13: it is from -60 to 12 dB"):
            plugin.set("gain", 13)


def test_it_begins_anew(folder: Path) -> None:
    with closing(jit.open(written(folder, "echo", ECHO), RATE, 128)) as plugin:
        player = UnitPlayer(plugin.unit, 128)
        first = player.play(noise(1000))
        assert not np.array_equal(player.play(noise(1000)), first)
        player.reset()
        np.testing.assert_array_equal(player.play(noise(1000)), first)


def test_two_of_one_file_share_nothing(folder: Path) -> None:
    path = written(folder, "echo", ECHO)
    with closing(jit.open(path, RATE, 128)) as one, closing(jit.open(path, RATE, 128)) as other:
        first = UnitPlayer(one.unit, 128).play(noise(1000))
        np.testing.assert_array_equal(UnitPlayer(other.unit, 128).play(noise(1000)), first)


NOTES = """
from numba import njit
import numpy as np

ROLE = "instrument"

def make_state(sample_rate):
    return {"level": np.zeros(128)}

@njit(fastmath=True)
def total(levels):
    sum = 0.0
    for level in levels:
        sum += level
    return sum

def process(audio, events, parameters, state, sample_rate):
    left, right = audio
    at = 0
    for event in events:
        left[at:event.frame] = total(state.level)
        at = event.frame
        if event.status & 0xF0 == 0x90:
            state.level[event.data1] = event.data2 / 1024
    left[at:] = total(state.level)
    for i in range(len(right)):
        right[i] = len(events) / 128
"""


def test_an_instrument_hears_notes_at_their_frames(folder: Path) -> None:
    with closing(jit.open(written(folder, "notes", NOTES), RATE, 128)) as plugin:
        assert plugin.role == "instrument"
        events = [(5, b"\x90\x3c\x40"), (100, b"\x90\x40\x20"), (130, b"\x95\x3c\x00"), (131, b"\xd0\x11")]
        sound = UnitPlayer(plugin.unit, 128).silence(256, events)
    expected = np.zeros(256, np.float32)
    expected[5:100], expected[100:130], expected[130:] = 64 / 1024, 96 / 1024, 32 / 1024
    np.testing.assert_array_equal(sound[0], expected)
    np.testing.assert_array_equal(sound[1], np.repeat(np.float32(2 / 128), 256))


# ---- while it plays ----


def test_an_error_while_it_plays_is_replaced_and_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    with closing(jit.open(written(folder, "quirk", QUIRK), RATE, 64)) as plugin:
        player, level = UnitPlayer(plugin.unit, 64), np.full((2, 64), 0.5, np.float32)
        np.testing.assert_array_equal(player.block(level)[0], np.arange(64) % 10 + 1)
        assert plugin.tend() == []
        wrong = level.copy()
        wrong[0, 40] = 0.123
        assert np.isfinite(player.block(wrong)).all()
        assert plugin.standing().missed == 1
        assert plugin.tend() == ["quirk: it sent samples that are no numbers; it begins anew"]
        player.until(lambda: not plugin.standing().fault)
        assert plugin.tend() == []
    assert not complaints  # the interpreter was never asked


# ---- what is kept ----


def unwanted(*_: object) -> None:
    raise AssertionError("it was tried again")


def test_what_has_passed_is_not_tried_or_compiled_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(folder, "echo", ECHO)
    jit.open(path, RATE, 128).close()
    monkeypatch.setattr(jit, "try_out", unwanted)
    with closing(jit.open(path, RATE, 64)) as plugin:
        assert plugin.unit.kept[-1].kept.cache_hits == 1
    Path(path).write_text(ECHO.replace("0.001", "0.002"))
    with pytest.raises(AssertionError, match="tried again"):
        jit.open(path, RATE, 128)
    Path(path).write_text(ECHO)
    with pytest.raises(AssertionError, match="tried again"):
        jit.open(path, 44_100, 128)


WAVE = """
from pathlib import Path
import numpy as np

WAVE = np.fromfile(Path(__file__).with_suffix(".f32"), np.float32)

def process(audio, events, parameters, state, sample_rate):
    for i in range(len(audio[0])):
        audio[0][i] = WAVE[i % len(WAVE)]
"""


def test_a_file_that_reads_others_is_always_tried(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(folder, "wave", WAVE)
    np.arange(5, dtype=np.float32).tofile(folder / "wave.f32")
    with closing(jit.open(path, RATE, 128)) as plugin:
        np.testing.assert_array_equal(UnitPlayer(plugin.unit, 128).silence(100)[0], np.arange(100) % 5)
    monkeypatch.setattr(jit, "try_out", unwanted)
    with pytest.raises(AssertionError, match="tried again"):
        jit.open(path, RATE, 128)


@pytest.mark.parametrize(
    ("text", "steady"),
    [
        ("import math\nfrom numpy import sin\nimport ripieno.plugins.base as base\n", True),
        ("import colorsys\n", False),
        ("from .beside import x\n", False),
        ("x = open('file').read()\n", False),
    ],
)
def test_what_a_text_depends_on(text: str, steady: bool) -> None:
    assert jit_compile.alone(text) is steady


def test_only_so_much_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit_compile, "_MOST_KEPT", 2)
    for age, name in enumerate("abcd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "passed").touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    jit_compile.forget_old(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b"]
    jit_compile.forget_old(tmp_path / "nowhere")


def test_without_a_cache_it_plays_all_the_same(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with closing(jit.open(written(folder, "notes", NOTES), RATE, 128)) as plugin:
        assert UnitPlayer(plugin.unit, 128).silence(128, [(0, b"\x90\x3c\x40")])[0, 0] == 0.0625


def test_without_numba_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ripieno.plugins

    hidden: dict[str, ModuleType | None] = {"numba": None}
    for name, value in hidden.items():
        monkeypatch.setitem(sys.modules, name, value)
    monkeypatch.delitem(sys.modules, "ripieno.plugins.jit_compile", raising=False)
    monkeypatch.delattr(ripieno.plugins, "jit_compile", raising=False)
    with pytest.raises(PluginError, match=r"needs numba, which is not here .*: pip install numba"):
        jit.open(written(folder, "echo", ECHO), RATE, 128)
