"""The band that answers, off line: when it plays, whom it leaves alone, and that every note of it ends."""

import json
from collections import Counter
from pathlib import Path

import mido
import numpy as np
import pytest
import tiny
from command import ripieno
from songs import saved

from needs import lack, needs
from ripieno.daemon import band, presets
from ripieno.daemon.answer_model import AnswerModel
from ripieno.daemon.offline import RATE, Take, play
from ripieno.daemon.score import score_of
from ripieno.models.continuation import stored
from ripieno.native.transformer import Transformer

BEAT = 480


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def phrases(*rests: int, notes: int = 8) -> mido.MidiFile:
    """A note a beat at 100 beats a minute, in phrases; after each, so many beats of rest."""
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=600_000)])
    wait = 0
    for rest in rests:
        for number in range(notes):
            pitch = (60, 64, 67, 72)[number % 4]
            track.append(mido.Message("note_on", note=pitch, velocity=50 + 10 * (number % 4), time=wait))
            track.append(mido.Message("note_off", note=pitch, time=BEAT - 40))
            wait = 40
        wait += rest * BEAT
    track.append(mido.MetaMessage("end_of_track", time=wait))
    return mido.MidiFile(type=0, ticks_per_beat=BEAT, tracks=[track])


def played(weights: Path, name: str, file: mido.MidiFile, *options: str) -> Take:
    given = [f"continuation.weights={weights}", "tempo=100", "tempo_source=fixed", *options]
    return play(presets.load(name, given), score_of(file, RATE), lambda share: None)


def all_ended(take: Take) -> bool:
    open_notes: Counter[tuple[int, int]] = Counter()
    for _, _, data in take.sent:
        if data[0] & 0xF0 in (0x80, 0x90):
            open_notes[data[0] & 15, data[1]] += 1 if data[0] & 0xF0 == 0x90 and data[2] else -1
    return not any(count > 0 for count in open_notes.values()) and take.stats.sounding == 0


def test_a_duet_answers_in_the_rests_and_yields_in_between(weights: Path) -> None:
    take = played(weights, "duet", phrases(8, 0), "answer_bars=2", "humanize=0")
    assert take.answers is not None
    assert take.band is not None
    turns = [whose for _, whose in take.plans().turns]
    assert turns == ["the band", "you", "the band", "you"]
    beats = [bar.start / 0.6 for bar in take.bars()]
    assert len(beats) > 10
    # One beat after the last key the band goes on; where the player returns nothing new begins after that beat.
    assert all(8.9 <= beat <= 17.1 or beat >= 24.9 for beat in beats)
    assert {bar.row for bar in take.bars()} > {1, 2}
    assert all_ended(take)
    assert len(take.keys()) == 16
    assert take.band["late"] == 0
    assert take.band["success"] == 1


def test_a_band_plays_along_and_leaves_the_player_his_own(weights: Path) -> None:
    take = played(weights, "band", phrases(0, 0, 0), "start_notes=4")
    bars, plans = take.bars(), take.plans()
    assert [whose for _, whose in plans.turns][:1] == ["together"]
    assert len(bars) > 10
    assert all(bar.row not in (None, 0) for bar in bars)  # the piano is the player's
    assert min(bar.start for bar in bars) > 3 * 0.6
    assert any(bar.row is None for bar in plans.dropped)  # what it thought he would play
    assert take.played[0] == 24
    assert all_ended(take)


def test_an_instrument_switched_off_does_not_answer(weights: Path) -> None:
    take = played(weights, "duet", phrases(0), "answer_bars=4", "ensemble.flute.enabled=false")
    rows = {bar.row for bar in take.bars()}
    assert rows
    assert 1 not in rows


def test_a_key_and_a_register_hold(weights: Path) -> None:
    take = played(weights, "duet", phrases(0), "answer_bars=4", "key=Eb major", "register=-5")
    pitches = {bar.pitch for bar in take.bars()}
    assert len(pitches) > 4
    assert {pitch % 12 for pitch in pitches} <= {3, 5, 7, 8, 10, 0, 2}
    low, high = presets.load("duet", [f"continuation.weights={weights}"]).ensemble[1].range
    assert all(low - 5 <= bar.pitch <= high - 5 for bar in take.bars() if bar.row == 1)


def test_the_same_seed_renders_the_same_bytes(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "in.mid").write_bytes(saved(phrases(4, 4)))
    line = ("render", tmp_path / "in.mid", "--preset", "duet", "--set", f"continuation.weights={weights}")
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        ripieno(*line, "-o", tmp_path / f"{name}.mid", "--seed", seed)
    one, two, three = ((tmp_path / f"{name}.mid").read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


def test_velocities_and_places_are_a_musician_s(weights: Path) -> None:
    take = played(weights, "duet", phrases(0), "answer_bars=8")
    bars = take.bars()
    assert len({bar.velocity for bar in bars}) > 10
    beside = [abs(bar.start / 0.05 - round(bar.start / 0.05)) * 0.05 for bar in bars]  # 12 positions a beat
    assert sum(seconds > 0.0005 for seconds in beside) > len(bars) / 2
    assert max(beside) < 0.025


def test_two_hundred_notes_a_second_are_survived(weights: Path) -> None:
    track = mido.MidiTrack()
    for number in range(2000):
        track.append(mido.Message("note_on", note=36 + number * 7 % 60, velocity=64, time=2))
        track.append(mido.Message("note_off", note=36 + number * 7 % 60, time=3))
    flood = mido.MidiFile(type=0, ticks_per_beat=500, tracks=[track])  # 5 ms each
    for name in ("duet", "band"):
        take = played(weights, name, flood)
        assert take.stats.notes_in == 2000
        assert take.played[0] >= 2000
        assert take.band is not None
        assert take.band["heard"] + take.band["merged"] + take.band["thinned"] + take.band["unheard"] == 2000
        assert take.bars()
        assert all_ended(take)


def test_a_model_that_breaks_down_is_told_and_the_player_goes_on(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = tiny.arrays()
    arrays["scores.4.bias"][:] = np.nan
    model = AnswerModel(Transformer(arrays, tiny.SHAPE, "fp32"), (), 256)
    monkeypatch.setattr(band, "answer_model", lambda name: model)
    take = played(weights, "duet", phrases(4))
    assert take.band is not None
    assert take.band["faults"] > 0
    assert not take.bars()
    assert take.played[0] == 8
    assert all_ended(take)


def test_what_is_said_of_it(weights: Path, tmp_path: Path) -> None:
    needs("matplotlib")
    (tmp_path / "in.mid").write_bytes(saved(phrases(4)))
    line = ("render", tmp_path / "in.mid", "--preset", "duet", "--set", f"continuation.weights={weights}")
    out = ("-o", tmp_path / "out.mid", "--plot", tmp_path / "out.png")
    said = ripieno(*line, *out).stdout
    assert "it took over 1 times" in said
    assert "planned and never played" in said
    assert (tmp_path / "out.png").stat().st_size > 20_000
    band = json.loads(ripieno(*line, "-o", tmp_path / "out.mid", "--json").stdout)["band"]
    assert band["settings"]["tempo_source"] == "follow"
    assert band["sounded"] == band["committed"] - band["cancelled"]


def test_the_shipped_duet_answers_the_demo(tmp_path: Path) -> None:
    needs("matplotlib", "tinysoundfont", "pretty_midi")
    if not stored.shipped():
        lack("no weights of a continuation are shipped: python -m ripieno.models.continuation.export")
    done = ripieno("demo", "--preset", "duet", "--folder", tmp_path, "--json")
    result = json.loads(done.stdout)
    assert result["band"]["handovers"] == 1
    assert result["band"]["success"] == 1
    assert sum(count for name, count in result["notes"].items() if name != "Piano") > 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo.mid", "demo.png", "demo.wav"]
