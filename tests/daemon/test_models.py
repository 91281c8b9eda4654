"""Presets with models: weights are found, checked against the preset, and play in each of the three ways."""

import json
from pathlib import Path

import numpy as np
import pytest
from command import ripieno
from songs import saved, song

from ripieno.daemon import presets
from ripieno.daemon.offline import RATE, play
from ripieno.daemon.presets import PresetError
from ripieno.daemon.score import read_score
from ripieno.models.instrumentation import ensemble
from ripieno.native.lstm import LstmConfig

LABELS = ("violin1", "violin2", "viola", "cello")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained weights of the quartet's shape: they decide something, the same each time."""
    random = np.random.default_rng(5)
    widths = ensemble.widths(len(LABELS))
    configs = {which: LstmConfig(widths[which], hidden=16, layers=1, output=len(LABELS)) for which in ensemble.NETWORKS}
    arrays = {
        which: {name: random.normal(0, 0.3, shape).astype(np.float32) for name, shape in config.shapes().items()}
        for which, config in configs.items()
    }
    model = ensemble.Ensemble("random", LABELS, (True,) * 4, configs, arrays)
    return ensemble.save(tmp_path_factory.mktemp("weights"), model, {})


@pytest.mark.parametrize(
    ("options", "delay"),
    [(["when=note"], 0.0), (["when=note", "share=true"], 0.0), (["when=revise"], 0.0), (["chord_window_ms=25"], 25.0)],
)
def test_a_model_decides_every_note(weights: Path, tmp_path: Path, options: list[str], delay: float) -> None:
    (tmp_path / "song.mid").write_bytes(saved(song()))
    score = read_score(tmp_path / "song.mid", RATE)
    preset = presets.load("string-quartet", [f"model={weights}", *options])
    take = play(preset, score, lambda share: None)
    assert take.stats.notes_in == take.stats.notes_out == 13
    assert take.stats.fallback == 0
    assert set(take.delays) == {delay}
    assert max(take.moves, default=0) <= 25
    assert sum(take.summary()["notes"].values()) == 13
    assert play(preset, score, lambda share: None).sent == take.sent


def test_parts_are_the_model_s_own(weights: Path) -> None:
    preset = presets.load("string-quartet", [f"model={weights}"])
    assert [one.part for one in preset.ensemble] == list(LABELS)
    with pytest.raises(PresetError, match=r"ensemble\.viola\.part: the model has no part 'tuba'"):
        presets.load("string-quartet", [f"model={weights}", "ensemble.viola.part=tuba"])
    with pytest.raises(PresetError, match="plays the model's part 'cello' already"):
        presets.load("string-quartet", [f"model={weights}", "ensemble.viola.part=cello"])
    by_place = presets.load("choir", [f"model={weights}"])
    assert [one.part for one in by_place.ensemble] == list(LABELS)


def test_weights_lie_beside_the_preset_or_where_the_option_says(weights: Path, tmp_path: Path) -> None:
    text = presets.show(presets.load("string-quartet", ["model=closest"])).replace('part = ""', "")
    for suffix in (".safetensors", ".json"):
        (tmp_path / f"mine{suffix}").write_bytes(weights.with_suffix(suffix).read_bytes())
    (tmp_path / "mine.toml").write_text(text.replace('model = "closest"', 'model = "mine.safetensors"'))
    assert presets.load(str(tmp_path / "mine.toml")).model == str(tmp_path / "mine.safetensors")
    shown = ripieno("presets", "show", tmp_path / "mine.toml", "--json", folder=weights.parent)
    assert json.loads(shown.stdout)["model"] == str(tmp_path / "mine.safetensors")
    shown = ripieno("presets", "show", "choir", "--set", "model=random.safetensors", "--json", folder=weights.parent)
    assert json.loads(shown.stdout)["model"] == str(weights)


@pytest.mark.parametrize("fault", ["cut", "no card", "bad card", "missing"])
def test_weights_that_cannot_be_used_are_told_by_name(weights: Path, tmp_path: Path, fault: str) -> None:
    mine, card = tmp_path / "mine.safetensors", tmp_path / "mine.json"
    mine.write_bytes(weights.read_bytes()[: 1000 if fault == "cut" else None])
    card.write_bytes(weights.with_suffix(".json").read_bytes() if fault != "bad card" else b"{}")
    for gone in {"no card": [card], "missing": [mine]}.get(fault, []):
        gone.unlink()
    (tmp_path / "song.mid").write_bytes(saved(song()))
    arguments = ("render", tmp_path / "song.mid", "-p", "string-quartet", "--set", f"model={mine}")
    told = ripieno(*arguments, "-o", tmp_path / "out.mid", status=1).stderr
    assert f"mine.{'json' if 'card' in fault else 'safetensors'}" in told
    assert not (tmp_path / "out.mid").exists()
