"""The builder of singers: what is moved, widened and gathered, what is kept, and what is told where something lacks."""

import dataclasses
import subprocess
from pathlib import Path

import numpy as np
import pytest

from needs import needs
from ripieno.models.singing import voices
from ripieno.models.singing.frames import BANDS, NOISES, PERIOD, RATE, Frames, centres
from ripieno.models.singing.recordings import Phoneme
from ripieno.models.singing.syllables import CONSONANTS, VOWELS
from ripieno.models.singing.voices import Singer, VoicesError, Widening


def made(count: int = 400, seed: int = 0) -> Frames:
    """Frames whose upper bands follow from the lower ones."""
    rng = np.random.default_rng(seed)
    lower = rng.normal(0.0, 5.0, (count, 4))
    envelope = lower @ np.random.default_rng(99).normal(0.0, 1.0, (4, BANDS))
    noise = np.clip(-30.0 + lower @ np.random.default_rng(98).normal(0.0, 0.5, (4, NOISES)), -60.0, 0.0)
    arrays = np.full(count, 200.0), np.full(count, -10.0), envelope, noise
    return Frames(*(part.astype(np.float32) for part in arrays))


def test_what_lies_above_the_cutoff_is_expected_from_what_lies_below() -> None:
    whole, other = made(), made(seed=1)
    above = centres() >= voices.CUTOFF
    cut = dataclasses.replace(other, envelope=np.where(above, -80.0, other.envelope).astype(np.float32))
    found = Widening(whole)(cut)
    usual = np.clip(other.envelope, *np.percentile(whole.envelope, [1.0, 99.0], axis=0))[:, above]
    assert np.abs(found.envelope[:, above] - usual).max() < 0.5
    assert np.array_equal(found.envelope[:, ~above], other.envelope[:, ~above])
    assert found.aperiodicity.max() <= 0.0


def test_what_is_expected_is_never_beyond_what_was_heard() -> None:
    whole, above = made(), centres() >= voices.CUTOFF
    wild = dataclasses.replace(whole, envelope=30.0 * whole.envelope)
    found = Widening(whole)(wild)
    assert found.envelope[:, above].max() <= whole.envelope[:, above].max()
    assert found.envelope[:, above].min() >= whole.envelope[:, above].min()


def test_a_lower_singer_has_a_lower_pitch_and_lower_formants() -> None:
    envelope = -0.5 * np.abs(np.arange(BANDS) - 20.0)[None].astype(np.float32)
    one = Frames(np.array([440.0], np.float32), np.zeros(1, np.float32), envelope, np.zeros((1, NOISES), np.float32))
    found = voices.moved(one, 12, 0.85)
    assert found.f0[0] == pytest.approx(220.0)
    peak = centres()[found.envelope[0].argmax()]
    assert peak == pytest.approx(0.85 * centres()[20], rel=0.06)
    same = voices.moved(one, 0, 1.0)
    assert np.allclose(same.envelope, one.envelope, atol=1e-5)


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_a_wave_is_resampled(rate: int) -> None:
    time = np.arange(rate) / rate
    found = voices.resampled(np.sin(2 * np.pi * 440.0 * time), rate)
    assert np.allclose(found, np.sin(2 * np.pi * 440.0 * np.arange(RATE) / RATE), atol=1e-6)


def test_phonemes_have_the_names_that_syllables_know() -> None:
    told = [Phoneme(0.0, 1.0, name) for name in ("r", "aa", "m", "pau")]
    assert [one.name for one in voices.renamed(told)] == ["l", "a", "m", "pau"]
    spoken = {voices.RENAMED.get(name, name) for name in (*voices.SPOKEN_VOWELS, *voices.SPOKEN_CONSONANTS) if name}
    assert spoken <= {*VOWELS, *CONSONANTS}


def sing(singer: Singer, consonant: str, vowel: str, path: Path) -> list[Phoneme]:
    """A synthesiser that hums."""
    import soundfile

    lengths = [("pau", 0.1), *([(consonant, 0.08)] if consonant else []), (vowel, 0.6), ("pau", 0.1)]
    time = np.arange(round(sum(length for _, length in lengths) * 16_000)) / 16_000
    wave = sum(np.sin(2 * np.pi * singer.hertz * k * time) / k for k in range(1, 30))
    wave = wave + np.random.default_rng(0).normal(0.0, 0.01, len(time))
    soundfile.write(path, 0.1 * wave * ((time > 0.1) & (time < time[-1] - 0.1)), 16_000)
    ends = np.cumsum([length for _, length in lengths])
    return [Phoneme(end - length, end, name) for (name, length), end in zip(lengths, ends, strict=True)]


def record(data: Path, name: str) -> None:
    """A recording of "pau m a br", a pause before the last."""
    import soundfile

    lengths = [("pau", 0.2), ("m", 0.1), ("a", 0.6), ("pau", 0.1), ("br", 0.3), ("a", 0.5), ("pau", 0.2)]
    ends = np.cumsum([length for _, length in lengths])
    time = np.arange(round(ends[-1] * RATE)) / RATE
    voiced = ((time > 0.2) & (time < 0.9)) | ((time > 1.3) & (time < 1.8))
    wave = 0.05 * voiced * sum(np.sin(2 * np.pi * 300.0 * k * time) / k for k in range(1, 38))
    (data / voices.FOLDER).mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(1).normal(0.0, 1e-3, len(time))
    soundfile.write(data / voices.FOLDER / f"{name}.flac", wave + noise, RATE)
    rows = [f"{round((e - n) * 1e7)} {round(e * 1e7)} {p}" for (p, n), e in zip(lengths, ends, strict=True)]
    (data / voices.FOLDER / f"{name}.lab").write_text("\n".join(rows))


def test_voices_are_built_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needs("pyworld", "soundfile")
    data, out = tmp_path / "data", tmp_path / "out"
    record(data, "one")
    record(data, voices.HELD_OUT[0])
    asked: list[str] = []

    def counted(singer: Singer, consonant: str, vowel: str, path: Path) -> list[Phoneme]:
        asked.append(consonant + vowel)
        return sing(singer, consonant, vowel, path)

    monkeypatch.setattr(voices, "SPOKEN_CONSONANTS", ("", "m"))
    monkeypatch.setattr(voices, "SPOKEN_VOWELS", ("aa",))
    monkeypatch.setattr(voices, "SYNTHESISERS", {"festival": counted, "flite": counted})
    assert voices.main(["--data", str(data), "--out", str(out)]) == 0
    synthesised = sum(bool(singer.program) for singer in voices.SINGERS.values())
    assert len(asked) == 2 * synthesised
    built = voices.read_voices(out)
    assert [one.name for one in built] == list(voices.SINGERS), "in the order of their numbers"
    assert all(one.vowels == ("a",) and one.breaths for one in built)
    assert built[0].syllables[0].pitch == pytest.approx(62.4, abs=0.5), "300 Hz"
    assert built[1].syllables[0].pitch == pytest.approx(50.4, abs=0.5)
    assert [one.consonant for one in built[0].syllables] == ["m", None], "nothing of what is held out"

    monkeypatch.setattr(voices, "analyse", lambda *_: pytest.fail("analysed again"))
    assert voices.main(["--data", str(data), "--out", str(out)]) == 0
    assert "[5/5] bass" in capsys.readouterr().out


def test_what_lacks_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert voices.main(["--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "no recordings" in capsys.readouterr().err
    with pytest.raises(VoicesError, match="lacks soprano, tenor"):
        voices.read_voices(tmp_path)
    with pytest.raises(VoicesError, match="apt-get install"):
        voices.run(["no-such-synthesiser-here"])

    def fails(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(3, "flite")

    monkeypatch.setattr(subprocess, "run", fails)
    with pytest.raises(VoicesError, match="flite: fails"):
        voices.run(["flite"])


def test_festival_is_told_the_syllable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "run", lambda command: "")
    found = voices.festival(voices.SINGERS["bass"], "m", "aa", tmp_path / "s.wav")
    script = (tmp_path / "s.scm").read_text()
    assert "(voice_ked_diphone)" in script
    assert "(m 0.08 (0.0 120.0)) (aa 0.9 (0.0 120.0))" in script
    assert [one.name for one in found] == ["pau", "m", "aa", "pau"]
    assert found[2].end - found[2].start == pytest.approx(0.9)
    assert found[1].end - found[1].start > PERIOD


def test_flites_phonemes_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(voices, "run", lambda command: asked.extend(command) or "pau:0.94 m:1.2 aa:2.4 pau:4.0\n")
    found = voices.flite(voices.SINGERS["alto"], "m", "aa", tmp_path / "s.wav")
    assert asked[asked.index("-p") + 1] == "pau m aa1 pau"
    assert found[1] == Phoneme(0.94, 1.2, "m")
    assert found[-1] == Phoneme(2.4, 4.0, "pau")
