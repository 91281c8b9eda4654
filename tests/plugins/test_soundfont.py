"""SoundFonts: FluidSynth where it is installed, and what is said where something is missing."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from unit_player import UnitPlayer

from needs import needs
from ripieno.native import soundfont as native
from ripieno.plugins import isolated, soundfont
from ripieno.plugins.base import INSTRUMENT, Hosted, PluginError

RATE, PERIOD = 48000, 128
Events = list[tuple[int, bytes]]
PIANO, FLUTE = 0, 73


@pytest.fixture
def opened() -> Iterator[Callable[[], Hosted]]:
    """Opens a small SoundFont, as often as wanted, and closes it in the end."""
    needs("fluidsynth", "pretty_midi")
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(soundfont.open(str(soundfont.carried()), RATE, PERIOD)))


@pytest.fixture
def hosted(opened: Callable[[], Hosted]) -> Hosted:
    return opened()


def heard(hosted: Hosted, events: Events, seconds: float = 1.0) -> NDArray[np.float64]:
    """Both sides together, [frames]."""
    audio = UnitPlayer(hosted.unit, PERIOD).silence(int(seconds * RATE), events)
    return audio.astype(np.float64).sum(axis=0)


def pitch(sound: NDArray[np.float64]) -> float:
    """The MIDI pitch whose first five harmonics hold most of the sound."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 17)) ** 2
    pitches = np.arange(36, 97, 0.05)
    first = 440 * 2 ** ((pitches - 69) / 12) * (1 << 17) / RATE
    bins = np.rint(first[:, None] * np.arange(1, 6)).astype(int)
    return float(pitches[np.argmax(np.sqrt(power[bins]).sum(axis=1))])


@pytest.mark.parametrize("key", [48, 60, 69, 76])
def test_a_key_sounds_at_its_pitch_and_ends(hosted: Hosted, key: int) -> None:
    sound = heard(hosted, [(0, bytes((0x90, key, 100))), (RATE // 2, bytes((0x80, key, 0)))], 4)
    assert np.abs(sound[: RATE // 2]).max() > 0.02
    assert pitch(sound[4800 : RATE // 2]) == pytest.approx(key, abs=0.15)
    assert np.abs(sound[-RATE // 2 :]).max() < 1e-4 * np.abs(sound).max()


def test_programs_differ(opened: Callable[[], Hosted]) -> None:
    key = (64, bytes((0x90, 72, 100)))
    piano, flute = (heard(opened(), [(0, bytes((0xC0, program))), key]) for program in (PIANO, FLUTE))
    late = slice(RATE // 2, RATE)
    assert np.abs(flute[late]).mean() / np.abs(flute).mean() > 2 * np.abs(piano[late]).mean() / np.abs(piano).mean()


def test_drums_have_no_pitch(opened: Callable[[], Hosted]) -> None:
    """A snare on the tenth channel: noise, so its spectrum is flat beside that of the same key of the piano."""

    def flatness(sound: NDArray[np.float64]) -> float:
        power = np.abs(np.fft.rfft(sound[:8192])) ** 2 + 1e-12
        return float(np.exp(np.log(power).mean()) / power.mean())

    piano, snare = (heard(opened(), [(0, bytes((0x90 | channel, 38, 100)))]) for channel in (0, 9))
    assert flatness(snare) > 10 * flatness(piano)


def test_after_a_panic_nothing_sounds(hosted: Hosted) -> None:
    player = UnitPlayer(hosted.unit, PERIOD)
    down = [(0, bytes((0xB0 | c, 64, 127))) for c in range(16)] + [(0, bytes((0x90 | c, 60, 100))) for c in range(16)]
    assert np.abs(player.silence(RATE // 4, down)).max() > 0.05
    player.reset()
    assert not player.silence(RATE).any()
    again = player.silence(3 * RATE, [(0, bytes((0x90, 60, 100))), (4800, bytes((0x80, 60, 0)))])
    assert np.abs(again[:, :4800]).max() > 0.02  # it plays on, and no pedal holds what is played
    assert np.abs(again[:, -RATE:]).max() < 1e-4


def test_its_table(hosted: Hosted) -> None:
    assert (hosted.role, hosted.parameters) == (INSTRUMENT, soundfont.PARAMETERS)
    assert [one.name for one in hosted.parameters] == ["gain"]
    hosted.set("gain", -12)
    assert hosted.values() == {"gain": -12}
    with pytest.raises(PluginError, match="gain cannot be 25: it is from -60 to 24 dB"):
        hosted.set("gain", 25)
    assert hosted.state() == b""


# ---- files ----


def test_the_usual_one_is_the_systems_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system, other = tmp_path / "sf2", tmp_path / "soundfonts"
    monkeypatch.setattr(soundfont, "FOLDERS", (system, other))
    monkeypatch.setattr(soundfont, "carried", lambda: tmp_path / "carried.sf2")
    assert soundfont.find() == tmp_path / "carried.sf2"
    other.mkdir()
    (other / "B.sf2").touch()
    assert soundfont.find() == other / "B.sf2"
    system.mkdir()
    (system / "Z.sf2").touch()
    (system / "A.sf2").touch()
    assert soundfont.find() == system / "A.sf2"
    (system / "default-GM.sf2").symlink_to(system / "Z.sf2")
    assert soundfont.find() == system / "Z.sf2"


def test_without_any_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundfont, "FOLDERS", (tmp_path,))
    monkeypatch.setattr(soundfont, "carried", lambda: None)
    with pytest.raises(PluginError, match=r"no SoundFont is installed; install one .*fluid-soundfont-gm"):
        soundfont.open("", RATE, PERIOD)


def test_files_that_cannot_be_played_are_named(tmp_path: Path) -> None:
    needs("fluidsynth")
    file = tmp_path / "Organ.sf2"
    with pytest.raises(PluginError, match=r"Organ\.sf2: no such file"):
        soundfont.open(str(file), RATE, PERIOD)
    file.write_bytes(b"no SoundFont at all")
    with pytest.raises(PluginError, match=r"Organ\.sf2: it is no whole SoundFont; get it again, or name another \("):
        soundfont.open(str(file), RATE, PERIOD)


def test_the_rate_must_be_one_that_it_plays_at() -> None:
    needs("fluidsynth", "pretty_midi")
    with pytest.raises(PluginError, match="FluidSynth plays at 8,000 to 96,000 Hz"):
        soundfont.open(str(soundfont.carried()), 192000, PERIOD)


def test_the_terminal_hears_nothing(tmp_path: Path) -> None:
    """Whatever FluidSynth and the libraries under it say of a file stays off the screen."""
    needs("fluidsynth", "pretty_midi")
    carried = soundfont.carried()
    assert carried
    for name, data in {
        "cut": carried.read_bytes()[:100000],
        "text": b"x" * 1000,
        "hollow": b"RIFF\4\0\0\0sfbk",
    }.items():
        (tmp_path / f"{name}.sf2").write_bytes(data)
    script = """
import sys
from ripieno.plugins import soundfont
from ripieno.plugins.base import PluginError
refused = 0
for path in sys.argv[1:]:
    try:
        soundfont.open(path, 48000, 128).close()
    except PluginError:
        refused += 1
sys.exit(refused)
"""
    files = [str(carried), *map(str, sorted(tmp_path.glob("*.sf2")))]
    run = subprocess.run([sys.executable, "-c", script, *files], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (3, "", "")


# ---- elsewhere ----


def test_without_fluidsynth_tinysoundfont_plays_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    needs("tinysoundfont", "pretty_midi")
    monkeypatch.setattr(native, "available", lambda: False)
    other = soundfont.open(str(soundfont.carried()), RATE, PERIOD)
    try:
        assert isinstance(other, isolated.Isolated)
        news = other.tend()
        assert len(news) == 1
        assert "FluidSynth is not installed (Debian: apt install libfluidsynth3)" in news[0]
        sound = heard(other, [(0, bytes((0x90, 69, 100)))])
        assert pitch(sound[4800 : RATE // 2]) == pytest.approx(69, abs=0.15)
    finally:
        other.close()


def test_with_neither_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    needs("pretty_midi")

    def no_process(*_: object) -> Hosted:
        raise PluginError("tinysoundfont is not installed")

    monkeypatch.setattr(native, "available", lambda: False)
    monkeypatch.setattr(isolated, "open", no_process)
    with pytest.raises(PluginError, match=r"FluidSynth is not installed .*tinysoundfont is not installed"):
        soundfont.open(str(soundfont.carried()), RATE, PERIOD)
