"""Presets with models: weights are found, checked against the preset, and play in each of the three ways."""

import json
from collections import Counter, defaultdict
from pathlib import Path

import mido
import numpy as np
import pytest
from command import ripieno
from songs import saved, song

from ripieno.daemon import presets
from ripieno.daemon.offline import RATE, play
from ripieno.daemon.preset_document import PresetError
from ripieno.daemon.score import Event, read_score
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
    model = ensemble.Ensemble("random", LABELS, (True,) * 4, (True,) * 4, configs, arrays)
    return ensemble.save(tmp_path_factory.mktemp("weights"), model, {})


@pytest.mark.parametrize(
    ("options", "delay"),
    [
        (["when=note"], 0.0),
        (["when=note", "ensemble.viola.divides=false"], 0.0),
        (["when=revise"], 0.0),
        (["chord_window_ms=25"], 25.0),
    ],
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


def chords(notes: int, pedal: bool) -> mido.MidiFile:
    """Chords of so many notes that every string can reach, each struck within 10 ms; the pedal changes every four."""
    random = np.random.default_rng(notes)
    events = []
    for n in range(60):
        start = 480 * n
        if pedal and n % 4 == 0:
            events += [(start, mido.Message("control_change", control=64, value=value)) for value in (0, 127)]
        for pitch in random.choice(np.arange(55, 77), notes, replace=False):
            events.append((start + int(random.integers(11)), mido.Message("note_on", note=int(pitch), velocity=70)))
            events.append((start + int(random.integers(100, 400)), mido.Message("note_off", note=int(pitch))))
    events.sort(key=lambda event: event[0])
    ticks = [0, *(tick for tick, _ in events)]
    track = [one.copy(time=tick - before) for (tick, one), before in zip(events, ticks[:-1], strict=True)]
    return mido.MidiFile(type=0, tracks=[mido.MidiTrack(track)])


def doubled(sent: list[Event]) -> set[int]:
    """The channels on which a note began while another sounded."""
    found, sounding = set(), defaultdict[int, Counter[int]](Counter)
    for _, _, data in sent:
        notes = sounding[data[0] & 15]
        if data[0] & 0xF0 == 0x90 and data[2]:
            found |= {data[0] & 15} if +notes else set()
            notes[data[1]] += 1
        elif data[0] & 0xE0 == 0x80:
            notes[data[1]] -= 1
    return found


@pytest.mark.parametrize("pedal", [False, True])
@pytest.mark.parametrize("when", ["note", "revise"])
@pytest.mark.parametrize(("notes", "strict"), [(4, {0, 1, 2, 3}), (4, {1}), (5, {0, 3})])
def test_parts_that_do_not_divide_never_sound_twice(
    weights: Path, tmp_path: Path, notes: int, strict: set[int], when: str, pedal: bool
) -> None:
    (tmp_path / "chords.mid").write_bytes(saved(chords(notes, pedal)))
    divides = [f"ensemble.{n + 1}.divides={'false' if n in strict else 'true'}" for n in range(4)]
    preset = presets.load("string-quartet", [f"model={weights}", f"when={when}", *divides])
    take = play(preset, read_score(tmp_path / "chords.mid", RATE), lambda share: None)
    assert take.stats.notes_out == 60 * notes
    found = doubled(take.sent)
    assert not found & strict
    assert (len(found) > 0) == (len(strict) < 4)
    assert (take.stats.moved > 0) == (when == "revise")


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
