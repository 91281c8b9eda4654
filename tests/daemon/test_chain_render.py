"""Presets with plugins, off line: the same sound every time, each place apart, ringing on until it is silent."""

import json
import subprocess
import sys
from pathlib import Path

import mido
import numpy as np
import pytest
import tiny_singer
from command import ripieno
from songs import saved, song

from needs import needs
from ripieno.daemon import presets
from ripieno.daemon.errors import UserError
from ripieno.daemon.offline import RATE, Take, play
from ripieno.daemon.presets import Preset
from ripieno.daemon.score import score_of
from ripieno.daemon.wav import read_float, write_float
from ripieno.plugins.create import create

BELL = """\
import math

from ripieno.plugins.base import INSTRUMENT, Parameter, Plugin


class Bell(Plugin):
    role = INSTRUMENT
    parameters = (Parameter("volume", usual=0.5),)

    def prepare(self, sample_rate, period):
        self.step, self.struck, self.phase = 2 * math.pi / sample_rate, {}, 0

    def render(self, audio, events, values):
        for frame in range(audio.shape[1]):
            for _, data in (event for event in events if event[0] == frame):
                if data[0] & 0xF0 == 0x90 and data[2]:
                    self.struck[data[1]] = data[2] / 127
                elif data[0] & 0xF0 in (0x80, 0x90):
                    self.struck.pop(data[1], None)
            self.phase += 1
            tones = (loud * math.sin(self.step * self.phase * 8 * pitch) for pitch, loud in self.struck.items())
            audio[:, frame] = values["volume"] * sum(tones) / 4
        return audio

    def reset(self):
        self.struck.clear()
"""
DUO = """\
name = "Duo"
model = "zone"

[[ensemble]]
name = "High"
program = "Violin"
range = ["C4", "C8"]
polyphony = 0

[[ensemble]]
name = "Low"
program = "Cello"
range = ["C1", "B3"]
polyphony = 0

[[chain]]
on = "High"
plugin = "python:bell.py"
name = "high"
cc = { volume = 20 }

[[chain]]
on = "Low"
plugin = "python:bell.py"
name = "low"
"""
ROOM = """
[[chain]]
plugin = "reverb"
parameters = { decay = 0.4, mix = 0.3 }

[[chain]]
plugin = "limiter"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bell.py").write_text(BELL)
    (tmp_path / "song.mid").write_bytes(saved(brief()))
    return tmp_path


def brief() -> mido.MidiFile:
    """Half a second: a low note and a high one, which is never released, and a pedal that stays down."""
    track = mido.MidiTrack(
        [
            mido.Message("note_on", note=40, velocity=100, time=10),
            mido.Message("note_on", note=72, velocity=100, time=101),
            mido.Message("note_off", note=40, time=150),
            mido.Message("control_change", control=64, value=127, time=50),
        ]
    )
    return mido.MidiFile(tracks=[track])


def duo(folder: Path, more: str = "", *options: str) -> Preset:
    return presets.read(DUO + more, str(folder / "duo.toml"), options)


def heard(preset: Preset, file: mido.MidiFile | None = None, apart: bool = False) -> Take:
    return play(preset, score_of(file or brief(), RATE), lambda share: None, apart)


def test_the_same_song_gives_the_same_sound_every_time(folder: Path) -> None:
    (folder / "duo.toml").write_text(DUO + ROOM)
    for name in ("one", "two"):
        arguments = ("--preset", folder / "duo.toml", "-o", folder / f"{name}.mid", "--wav", folder / f"{name}.wav")
        told = json.loads(ripieno("render", folder / "song.mid", *arguments, "--stems", "--json").stdout)
        assert set(told["files"]) == {"midi", "wav", "High", "Low"}
        assert [one["missed"] for one in told["chains"]["plugins"]] == [0, 0, 0, 0]
        assert told["chains"]["latency_ms"] > 1
    for suffix in (".mid", ".wav", "-high.wav", "-low.wav"):
        assert (folder / f"one{suffix}").read_bytes() == (folder / f"two{suffix}").read_bytes()
    sound, rate = read_float(folder / "one.wav")
    assert rate == RATE
    assert np.abs(sound).max() > 0.05


def test_each_place_is_heard_apart_and_they_are_the_whole(folder: Path) -> None:
    take = heard(duo(folder), apart=True)
    assert take.mix is not None
    assert set(take.strips) == {"High", "Low"}
    assert np.array_equal(take.mix, take.strips["High"] + take.strips["Low"])
    assert all(np.abs(one).max() > 0.05 for one in take.strips.values())
    assert np.array_equal(heard(duo(folder)).mix, take.mix)


def test_what_is_held_is_released_and_rings_out(folder: Path) -> None:
    dry, wet = heard(duo(folder)), heard(duo(folder, ROOM))
    assert dry.mix is not None
    assert wet.mix is not None
    last = [int(np.nonzero(np.abs(take.mix).max(axis=1) > 1e-4)[0][-1]) for take in (dry, wet) if take.mix is not None]
    assert last[0] + RATE // 10 < last[1] < len(wet.mix) - RATE
    assert dry.sent == wet.sent
    assert dry.sent[-1][2] == bytes((0xB0, 64, 0)) or dry.sent[-2][2] == bytes((0xB0, 64, 0))


def test_controllers_move_parameters_and_a_state_is_read_but_not_written(folder: Path) -> None:
    state = folder / "high.json"
    state.write_text(
        json.dumps(
            {
                "plugin": f"python:{folder}/bell.py",
                "parameters": {"volume": 0.25},
                "bypass": False,
                "gain_db": 0,
                "state": "",
            }
        )
    )
    before = state.read_bytes()
    kept = duo(folder, "", f"chain.high.state={state}")

    def volume(take: Take) -> float:
        assert take.chains is not None
        number: float = take.chains["plugins"][0]["parameters"]["volume"]
        return number

    assert volume(heard(kept)) == 0.25
    file = brief()
    file.tracks[0].insert(1, mido.Message("control_change", control=20, value=127))
    assert volume(heard(kept, file)) == 1
    assert state.read_bytes() == before


def test_midi_waits_for_the_sound_where_that_is_asked_for(folder: Path) -> None:
    at_once, late = heard(duo(folder, ROOM)), heard(duo(folder, ROOM, "compensate_midi=true"))
    ons = [[frame for frame, _, data in take.sent if data[0] & 0xF0 == 0x90] for take in (at_once, late)]
    assert at_once.chains is not None
    latency = round(at_once.chains["latency_ms"] * RATE / 1000)
    assert latency >= 128 + 64  # a block for the isolated, and what the limiter looks ahead
    assert ons[1] == [frame + latency for frame in ons[0]]
    assert np.array_equal(at_once.mix, late.mix)


def test_a_plugin_that_cannot_be_opened_is_an_error(folder: Path) -> None:
    (folder / "bell.py").write_text("this is no Python")
    with pytest.raises(UserError, match=r"high does not play: .*bell\.py"):
        heard(duo(folder))


def test_no_synthesizer_is_needed(folder: Path) -> None:
    (folder / "duo.toml").write_text(DUO)
    line = ["render", "song.mid", "--preset", "duo.toml", "-o", "o.mid", "--wav", "o.wav"]
    bare = "import sys; sys.modules.update(tinysoundfont=None); from ripieno.daemon.cli import main; sys.exit(main({}))"
    command = [sys.executable, "-c", bare.format(line)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "plugins          2" in done.stdout


def test_names_of_the_files_differ(folder: Path) -> None:
    (folder / "duo.toml").write_text(DUO)
    arguments = ("--preset", folder / "duo.toml", "-o", folder / "o-high.wav", "--wav", folder / "o.wav", "--stems")
    assert "different names" in ripieno("render", folder / "song.mid", *arguments, status=1).stderr


def test_what_the_model_writes_sounds_through_plugins(folder: Path) -> None:
    (folder / "duo.toml").write_text(DUO + ROOM)
    files = ("-o", folder / "on.mid", "--wav", folder / "on.wav", "--stems", "--json")
    line = (
        "render",
        folder / "song.mid",
        "--continue",
        "1",
        "--set",
        "continuation.mode=duet",
        "--preset",
        folder / "duo.toml",
        *files,
    )
    told = json.loads(ripieno(*line).stdout)
    assert set(told["files"]) == {"midi", "wav", "High", "Low"}
    assert len(told["chains"]["plugins"]) == 4
    sound = read_float(folder / "on.wav")[0]
    assert np.abs(sound).max() > 0.05
    assert len(sound) == pytest.approx(told["sound"]["seconds"] * RATE, abs=RATE / 1000)
    assert told["sound"]["seconds"] > told["seconds"] + 2


def test_too_loud_is_told(folder: Path) -> None:
    (folder / "duo.toml").write_text(DUO)
    loud = ("--set", "chain.high.gain_db=24", "--set", "chain.low.gain_db=24")
    arguments = ("--preset", folder / "duo.toml", "-o", folder / "o.mid", "--wav", folder / "o.wav", *loud)
    told = ripieno("render", folder / "song.mid", *arguments).stdout
    assert "put a limiter last" in told
    assert np.abs(read_float(folder / "o.wav")[0]).max() > 1  # as it is: nothing is clipped


def test_a_voice_sings_through_plugins(folder: Path) -> None:
    weights = tiny_singer.write(folder / "singer")
    text = f'name = "Song"\nroute = "thru"\n[singing]\nmode = "double"\nweights = "{weights}"\n'
    through = text + '[[chain]]\non = "voice"\nplugin = "gain"\nparameters = { gain = -6 }\n'
    beside = text + '[[chain]]\nplugin = "gain"\n'
    alone, soft, plain = (heard(presets.read(one, "s.toml"), song(), apart=True) for one in (text, through, beside))
    assert alone.audio is not None
    assert soft.audio is not None
    assert plain.mix is not None
    assert alone.mix is None
    assert np.abs(alone.audio).max() > 0.01
    assert set(soft.strips) == {"voice"}
    assert soft.sung is not None
    assert plain.audio is None  # it is heard with the rest
    size = len(alone.audio)
    assert np.abs(plain.mix[:size, 0] - alone.audio).max() < 0.01 * np.abs(alone.audio).max()
    # After some 10 ms the gain has got to where it was to be.
    assert np.allclose(soft.audio[RATE // 10 : size], 10 ** (-6 / 20) * alone.audio[RATE // 10 :], atol=1e-3)


def test_a_shipped_preset_sounds_from_a_soundfont(folder: Path) -> None:
    needs("fluidsynth", "pretty_midi")
    preset = presets.load("quartet-hall", ["model=closest"])
    one, two = (heard(preset, song()) for _ in range(2))
    assert one.mix is not None
    assert two.mix is not None
    assert np.array_equal(one.mix, two.mix)
    assert 0.02 < np.abs(one.mix).max() < 1


def test_a_template_of_each_kind_sounds(folder: Path) -> None:
    needs("numba")
    for kind, instrument in (("jit", True), ("python", True)):
        create(kind, f"mine_{kind}", instrument, folder)
        take = heard(presets.load(str(folder / f"mine_{kind}.toml")))
        assert take.mix is not None
        assert np.abs(take.mix).max() > 0.01


def test_floats_are_written_as_they_are(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).normal(size=(1000, 2)).astype(np.float32)
    write_float(tmp_path / "a.wav", samples, 44_100)
    back, rate = read_float(tmp_path / "a.wav")
    assert rate == 44_100
    assert np.array_equal(back, samples)
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match="no WAV file of floats"):
        read_float(tmp_path / "b.wav")
