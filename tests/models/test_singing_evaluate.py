"""How the voice is judged: takes, surprises, the sound's pitch, and the command as a whole, with a singer that knows
nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_singer
from command import ripieno
from singing_songs import write_songs

from ripieno.models.singing import evaluate, excerpts, judge, stored
from ripieno.models.singing.surprise import INTERVALS
from ripieno.native import vocoder
from ripieno.native.singer import SingerWeights


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_songs(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_singer.write(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def weights(folder: Path) -> SingerWeights:
    return stored.load(folder)


def quiet(what: str) -> None:
    del what


def test_a_take_is_the_same_for_the_same_seed(data: Path, weights: SingerWeights) -> None:
    (one,) = excerpts.draw(data, "test", 1, styles=("pop",))
    take, again, other = (evaluate.taken(weights, one, 3.0, seed, 0) for seed in (1, 1, 2))
    assert (take.line.note == again.line.note).all()
    assert not np.array_equal(take.line.note, other.line.note)
    assert len(take.frames) == 2 * one.count
    sung, piano = take.pair
    assert len(sung) == len(piano) == excerpts.BLOCKS


def test_surprises_come_to_notes_that_agreed(data: Path, weights: SingerWeights) -> None:
    (one,) = excerpts.draw(data, "test", 1, styles=("pop",))
    take = evaluate.taken(weights, one, 8.0, 1, 0)
    found = evaluate.cases([take], 3)
    assert found
    plan = evaluate.Plan(data, follow=8.0)
    for case in found:
        assert case.interval in INTERVALS
        sung = int(take.line.note[case.block - 1])
        assert one.rows[case.block, 264 + sung % 12] > 0
        assert case.rows[case.block, 264 + sung % 12] == 0
        assert (case.rows[: case.block] == one.rows[: case.block]).all()
        voice, deaf = evaluate.surprised(weights, case, plan)
        assert evaluate.LEAD < voice.chord_tone <= judge.WAITED
        assert voice.settled <= voice.chord_tone
        assert deaf.chord_tone > evaluate.LEAD + 0.016  # it goes on with its note, which no longer agrees


def test_the_pitch_of_the_sound_is_what_was_decided() -> None:
    f0 = 220 * 2 ** (np.sin(np.arange(250) / 5) / 40)
    decided = vocoder.frames_of(f0, np.full(250, -10.0), np.linspace(0, -40, vocoder.BANDS), np.full(6, -30.0))
    decided["f0"][:20], decided["level"][230:] = 0, -80  # what has no pitch, and what is not heard, is not judged
    errors = evaluate.pitch_errors(decided)
    assert len(errors) == 210
    assert np.median(errors) < 2
    wrong = decided.copy()
    assert len(evaluate.pitch_errors(wrong[:20])) == 0


def test_the_command_prints_everything(data: Path, folder: Path) -> None:
    told = ["eval", "singing", "--data", data, "--weights", folder, "--each", 1, "--seeds", 1, "--threads", 1]
    found = json.loads(ripieno(*told, "--cases", 2, "--follow", 2, "--json").stdout)
    assert found["excerpts"] == 2
    assert found["follow"] == 2
    assert {"human line", "voice, follow 0", "voice, follow 2, random pitches"} < set(found["figures"])
    assert found["surprise"]["voice, follow 2"]["cases"] <= 2
    assert found["pitch"]["frames"] > 0
    assert "problem" in found["codec"]  # there are no recordings
    assert found["copying"]["human line"]["max"] > 0
    assert {one["what"] for one in found["verdicts"]} >= {"voiced share, voice / human"}


def test_the_tables_are_readable(
    capsys: pytest.CaptureFixture[str], data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "codec", lambda model, where, say: {"a": 1.5, "mean": 1.5})
    plan = evaluate.Plan(data, each=1, seeds=1, cases=1, heard=1, follow=2)
    evaluate.print_tables(evaluate.run(stored.read(folder), plan, quiet))
    printed = capsys.readouterr().out
    for words in ("2 excerpts of 39 s", "lieder, human line", "surprise chord", "codec: a 1.500", "what issue 4 asks"):
        assert words in printed


def test_what_cannot_be_is_told(data: Path, folder: Path, tmp_path: Path) -> None:
    for arguments, complaint in (
        (["--data", tmp_path, "--weights", folder], "pop.npz: no such file"),
        (["--data", data, "--weights", tmp_path / "none"], "no folder of a singer's weights"),
        (["--data", data, "--weights", folder, "--seeds", 0], "give 1 at least"),
        (["--data", data, "--weights", folder, "--follow", 99], "--follow"),
    ):
        assert complaint in ripieno("eval", "singing", *arguments, status=1).stderr
