"""A voice that sings along, in files: the same bytes every time, its own track and sound, and a picture."""

import json
import subprocess
import sys
import wave
from pathlib import Path

import mido
import numpy as np
import pytest
import tiny_singer
from command import ripieno
from numpy.typing import NDArray
from songs import struck

from needs import needs
from ripieno.daemon import presets
from ripieno.daemon.offline import RATE, Take, play
from ripieno.daemon.score import score_of

TUNE = (60, 64, 67, 72, 71, 67, 65, 62)
BEAT = 480  # ticks and milliseconds


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_singer.write(tmp_path_factory.mktemp("singer"))


def tune() -> mido.MidiFile:
    """One note after the other over a held bass, a tick a millisecond."""
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=BEAT * 1000)])
    track.append(mido.Message("note_on", note=36, velocity=70))
    for pitch in TUNE:
        track.append(mido.Message("note_on", note=pitch, velocity=80))
        track.append(mido.Message("note_off", note=pitch, time=BEAT))
    track.append(mido.Message("note_off", note=36))
    return mido.MidiFile(type=0, ticks_per_beat=BEAT, tracks=[track])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    tune().save(tmp_path / "tune.mid")
    return tmp_path / "tune.mid"


def options(weights: Path, *more: str) -> list[str]:
    return ["--preset", "singer", *(word for one in (f"weights={weights}", *more) for word in ("--set", one))]


def take(weights: Path, *more: str, preset: str = "singer") -> Take:
    loaded = presets.load(preset, [f"singing.weights={weights}", *more])
    return play(loaded, score_of(tune(), RATE), lambda share: None)


def voice(one: Take) -> NDArray[np.float32]:
    assert one.audio is not None
    return one.audio


def samples(path: Path) -> NDArray[np.int64]:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(np.int64)


def test_the_same_seed_sings_the_same_bytes_and_another_something_else(weights: Path, source: Path) -> None:
    needs("tinysoundfont", "pretty_midi")
    made = {}
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        paths = [source.with_name(f"{name}{end}") for end in (".mid", ".wav")]
        line = ["-o", paths[0], "--wav", paths[1], "--stems", "--seed", seed]
        told = json.loads(ripieno("render", source, *options(weights), *line, "--json").stdout)
        made[name] = [Path(path).read_bytes() for path in told["files"].values()]
        assert list(told["files"]) == ["midi", "wav", "voice", "others"]
    assert made["one"] == made["two"]
    assert not any(a == b for a, b in zip(made["one"], made["three"], strict=True))


def test_the_voice_and_the_others_together_are_the_whole(weights: Path, source: Path) -> None:
    needs("tinysoundfont", "pretty_midi")
    out = source.with_name("out.wav")
    ripieno("render", source, *options(weights), "-o", out.with_suffix(".mid"), "--wav", out, "--stems")
    whole, sung, others = (samples(out.with_stem(f"out{part}")) for part in ("", "-voice", "-others"))
    assert np.abs(whole - sung - others).max() <= 2
    assert 0.85 * 32767 < np.abs(whole).max() < 0.92 * 32767
    assert np.abs(sung).max() > 300
    assert np.abs(sung[-200:]).max() < 40
    assert "--stems is for --wav" in ripieno("render", source, *options(weights), "-o", out, "--stems", status=2).stderr


def test_the_voice_has_a_track_of_notes_bends_and_expression(weights: Path, source: Path) -> None:
    out = source.with_name("out.mid")
    line = options(weights, "mode=double", "octave=1", "range=[48, 83]")
    result = json.loads(ripieno("render", source, *line, "-o", out, "--json").stdout)
    piano, sung = mido.MidiFile(out).tracks[-2:]
    assert (piano.name, sung.name) == ("Piano", "Voice")
    assert [pitch for _, pitch, _ in struck(piano)] == [36, *TUNE]
    assert [pitch for _, pitch, _ in struck(sung)] == [pitch + 12 if pitch + 12 <= 83 else pitch for pitch in TUNE]
    assert result["notes"] == {"Piano": 9, "Voice": 8}
    assert result["voice"]["late"] == result["voice"]["faults"] == 0
    kinds = {message.type for message in sung}
    assert {"note_on", "note_off", "pitchwheel", "control_change"} <= kinds
    ons = sum(message.type == "note_on" and message.velocity > 0 for message in sung)
    assert ons == sum(message.type == "note_off" or not getattr(message, "velocity", 1) for message in sung)
    # It begins its note within 25 ms of the key.
    delays = [at - key for (at, _, _), (key, _, _) in zip(struck(sung), struck(piano)[1:], strict=True)]
    assert 0 < min(delays) <= max(delays) <= 26


def test_a_voice_that_is_off_is_silent(weights: Path) -> None:
    one = take(weights, "on=false")
    assert not voice(one).any()
    assert one.summary()["notes"] == {"Piano": 9, "Voice": 0}


def test_no_sample_jumps(weights: Path) -> None:
    sung = voice(take(weights, "mode=double", "breath=0"))
    assert np.isfinite(sung).all()
    assert np.abs(sung).max() > 0.01
    assert not sung[: RATE // 100].any()
    assert not sung[-RATE // 100 :].any()


def test_volume_is_in_decibels(weights: Path) -> None:
    loud, soft = (voice(take(weights, "mode=double", f"volume={level}")) for level in (0, -20))
    assert 20 * np.log10(loud.std() / soft.std()) == pytest.approx(20, abs=0.5)


def test_an_ensemble_plays_and_a_voice_sings(weights: Path) -> None:
    one = take(weights, "model=closest", "singing.mode=double", preset="serenade")
    names = [part.name for part in one.parts]
    assert names == ["Violin 1", "Violin 2", "Viola", "Cello", "Voice"]
    counts = one.summary()["notes"]
    assert isinstance(counts, dict)
    assert sum(counts.values()) - counts["Voice"] == one.stats.notes_in == 9
    assert counts["Voice"] == len(TUNE)
    assert {bar.row for bar in one.bars()} >= {4}
    assert len(one.keys()) == 9


def test_a_band_answers_beside_a_voice(weights: Path) -> None:
    one = take(weights, "singing.mode=double", "answer_bars=1", "tempo_source=fixed", preset="duet")
    assert one.answers is not None
    assert one.band is not None
    assert one.voice is not None
    assert one.voice["notes"] >= len(TUNE)
    assert any(bar.row == len(one.parts) - 1 for bar in one.bars())


def test_the_picture_shows_the_voice(weights: Path, source: Path) -> None:
    needs("matplotlib")
    out = source.with_name("out.png")
    ripieno("render", source, *options(weights), "-o", out.with_suffix(".mid"), "--plot", out)
    assert out.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert out.stat().st_size > 100_000  # a spectrogram is in it


def test_the_demo_sings(weights: Path, tmp_path: Path) -> None:
    needs("tinysoundfont", "pretty_midi", "matplotlib")
    done = ripieno("demo", *options(weights), folder=tmp_path)
    names = ["singer-voice.wav", "singer.mid", "singer.png", "singer.wav"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert "OpenScore Lieder, CC0" in done.stdout


def test_weights_that_cannot_be_used_are_told(weights: Path, source: Path) -> None:
    for damage, told in tiny_singer.DAMAGES.items():
        broken = tiny_singer.write(source.parent / damage, damage)
        line = ("render", source, *options(broken), "-o", source.with_name("out.mid"))
        complaint = ripieno(*line, status=1).stderr
        assert str(broken) in complaint
        assert told in complaint
    line = ("render", source, *options(weights, "voice=nobody"), "-o", source.with_name("out.mid"))
    assert "nobody is called 'nobody'" in ripieno(*line, status=1).stderr


def test_a_voice_needs_no_torch(weights: Path) -> None:
    code = (
        "from ripieno.daemon import presets; from ripieno.daemon.singer import make_singer; import sys;"
        f"make_singer(presets.load('singer', ['weights={weights}']), 48000); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = done.stdout.split()
    assert "ripieno.native.singing" in loaded
    assert not {"torch", "music21", "matplotlib"} & set(loaded)
