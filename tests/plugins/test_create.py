"""What `ripieno plugins new` writes: it opens and sounds as it is, in the preset that comes with it, too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from unit_player import UnitPlayer

from needs import needs
from ripieno.daemon import presets
from ripieno.plugins import create
from ripieno.plugins.base import EFFECT, INSTRUMENT, Hosted, PluginError
from ripieno.plugins.open import open as open_spec

RATE, PERIOD = 48_000, 128
NOTE = [(700, b"\x90\x45\x64"), (24_000, b"\x80\x45\x40")]  # the A of 440 Hz, half a second


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def opened(kind: str, name: str, instrument: bool, folder: Path) -> Hosted:
    """Begun by the command, then opened as the preset says that comes with it."""
    if kind == "jit":
        needs("numba")
    told = create.create(kind, name, instrument, folder)
    assert f"ripieno run {folder / name}.toml" in told
    chain = presets.load(str(folder / f"{name}.toml")).chain
    assert chain[-1].plugin == f"{kind}:{folder / name}.py"
    return open_spec(chain[-1].plugin, folder, RATE, PERIOD)


@pytest.mark.parametrize("kind", create.KINDS)
def test_an_instrument_plays_a_note_and_ends_it(kind: str, tmp_path: Path) -> None:
    with closing(opened(kind, "my_synth", True, tmp_path)) as plugin:
        assert (plugin.name, plugin.role) == ("my_synth", INSTRUMENT)
        player = UnitPlayer(plugin.unit, PERIOD)
        player.until(lambda: not plugin.standing().fault)
        sound = player.silence(RATE, NOTE)[0]
        late = plugin.standing().latency
        assert not sound[: 700 + late].any()
        assert np.abs(sound[: 700 + late + 500]).max() > 0.01
        spectrum = np.abs(np.fft.rfft(sound[8000:24_000]))
        assert abs(int(np.argmax(spectrum)) * RATE / 16_000 - 440) <= 3
        player.silence(6 * RATE)
        assert np.abs(player.silence(RATE)).max() < 1e-3
        assert plugin.standing().missed == 0


@pytest.mark.parametrize("kind", create.KINDS)
def test_an_effect_changes_what_comes_in(kind: str, tmp_path: Path) -> None:
    with closing(opened(kind, "mine", False, tmp_path)) as plugin:
        assert (plugin.name, plugin.role) == ("mine", EFFECT)
        assert plugin.parameters
        player = UnitPlayer(plugin.unit, PERIOD)
        player.until(lambda: not plugin.standing().fault)
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE // 2) / RATE).astype(np.float32)
        sound = player.play(np.stack([tone, tone]))
        late = plugin.standing().latency
        assert 0.05 < np.abs(sound[:, 5000:]).max() < 1
        assert np.abs(sound[:, late:] - tone[: len(tone) - late]).max() > 0.05
        assert plugin.standing().missed == 0


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    for there, other in (("mine.py", "mine.toml"), ("mine.toml", "mine.py")):
        folder = tmp_path / there
        folder.mkdir()
        (folder / there).write_text("of great worth")
        with pytest.raises(PluginError, match=rf"{there} is there already: choose another name"):
            create.create("jit", "mine", folder=folder)
        assert (folder / there).read_text() == "of great worth"
        assert not (folder / other).exists()


def test_names(tmp_path: Path) -> None:
    for name in ("", "9lives", "class", "a b", "../up", "ä"):
        with pytest.raises(PluginError, match="cannot be a plugin's name"):
            create.create("jit", name, folder=tmp_path)
    create.create("python", "warm.py", folder=tmp_path)
    assert (tmp_path / "warm.py").exists()
    with pytest.raises(PluginError, match="there is no template for 'java': jit or python"):
        create.create("java", "mine", folder=tmp_path)
    with pytest.raises(PluginError, match=r"mine\.py: cannot be written: No such file or directory"):
        create.create("jit", "mine", folder=tmp_path / "nowhere")


@pytest.mark.parametrize("kind", create.KINDS)
@pytest.mark.parametrize("instrument", [False, True])
def test_what_is_written_is_named_and_explained(kind: str, instrument: bool, tmp_path: Path) -> None:
    create.create(kind, "mine", instrument, tmp_path)
    text = (tmp_path / "mine.py").read_text()
    assert "NAME" not in text
    assert (ast.get_docstring(ast.parse(text)) or "").startswith("mine: ")
    assert all(len(line) <= 120 for line in text.splitlines())


def test_the_example_of_the_documentation_echoes(tmp_path: Path) -> None:
    needs("numba")
    text = (Path(__file__).parents[2] / "docs" / "own-plugins.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "echo.py").write_text(example)
    with closing(open_spec("jit:echo.py", tmp_path, RATE, PERIOD)) as plugin:
        sound = np.zeros((2, RATE), np.float32)
        sound[:, 0] = 1
        heard = UnitPlayer(plugin.unit, PERIOD).play(sound)
    assert np.flatnonzero(heard[0]).tolist() == [0, RATE // 3, 2 * (RATE // 3)]
    assert heard[1, [0, RATE // 3, 2 * (RATE // 3)]].tolist() == [1, 0.5, 0.25]
