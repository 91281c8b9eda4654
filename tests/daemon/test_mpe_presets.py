"""Instruments and keyboards that speak MPE, in presets: their ports, their mistakes, and what the engine makes of
them."""

from pathlib import Path

import mido
import pytest

from ripieno.daemon import presets
from ripieno.daemon.chains import seats
from ripieno.daemon.offline import RATE, play
from ripieno.daemon.preset_document import PresetError
from ripieno.daemon.rig import build, output_names, places
from ripieno.daemon.score import read_score, write_score

LEAD = """\
name = "Lead and strings"
model = "closest"

[[ensemble]]
name = "Strings"
program = "String Ensemble 1"
polyphony = 0

[[ensemble]]
name = "Lead"
program = "Sawtooth Lead"
polyphony = 0
mpe = true

[[input]]
mpe = true
to = "Lead"
"""


def read(*changes: tuple[str, str]) -> presets.Preset:
    text = LEAD
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return presets.read(text, "lead.toml")


def test_it_has_a_port_of_its_own() -> None:
    preset = read()
    assert output_names(preset) == ("out", "Lead")
    assert places(preset) == [(0, 0), (1, 0)]
    alone = read(('name = "Strings"', 'name = "Strings"\nmpe = true'))
    assert output_names(alone) == ("Strings", "Lead")
    build(preset, RATE).free()


def test_it_is_shown_as_it_is_read() -> None:
    preset = read(("mpe = true\n\n", "mpe = true\nchannel = 16\nbend_range = 24\n\n"))
    assert preset.ensemble[1].channel == 16
    assert presets.read(presets.show(preset), "shown.toml") == preset


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ("mpe = true\n\n", "mpe = true\nchannel = 3\n\n", "it is 1 or 16"),
        ('name = "Lead"', 'name = "Out"', "is the port of the others"),
        ("mpe = true\n\n", "mpe = true\nbend_range = 97\n\n", "is not from 0 to 96"),
        ('to = "Lead"', 'to = "Lead"\n\n[[input]]\nto = "Strings"', "it is one keyboard"),
        ("mpe = true\n\n", 'mpe = "yes"\n\n', "neither true nor false"),
    ],
)
def test_mistakes_are_told(written: str, instead: str, told: str) -> None:
    with pytest.raises(PresetError, match=told):
        read((written, instead))


def expressive(path: Path) -> Path:
    """Two notes of an MPE keyboard, each bent in its own way."""
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    for channel, pitch, bend in ((1, 60, 1000), (2, 64, -1000)):
        track.append(mido.Message("pitchwheel", channel=channel, pitch=bend))
        track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=80))
    track.append(mido.Message("pitchwheel", channel=2, pitch=-2000, time=240))
    for channel, pitch in ((1, 60), (2, 64)):
        track.append(mido.Message("note_off", channel=channel, note=pitch, time=120))
    file.tracks.append(track)
    file.save(path)
    return path


def test_a_note_keeps_its_bend_off_line(tmp_path: Path) -> None:
    done = play(read(), read_score(expressive(tmp_path / "in.mid"), RATE), lambda _: None)
    on_lead = [data for _, port, data in done.sent if port == 1]
    assert on_lead[:3] == [bytes((0xB0, 101, 0)), bytes((0xB0, 100, 6)), bytes((0xB0, 6, 15))]
    notes = {data[1]: data[0] & 15 for data in on_lead if data[0] & 0xF0 == 0x90}
    bends: dict[int, list[int]] = {channel: [] for channel in notes.values()}
    for data in on_lead:
        if data[0] & 0xF0 == 0xE0:
            bends[data[0] & 15].append((data[1] | data[2] << 7) - 8192)
    assert bends[notes[60]] == [1000, 0]  # straight in the end
    assert bends[notes[64]] == [-1000, -2000, 0]
    write_score(tmp_path / "out.mid", done.score, done.parts, done.sent)
    lead = mido.MidiFile(tmp_path / "out.mid").tracks[-1]
    assert lead.name == "Lead"
    assert sum(one.type == "note_on" for one in lead) == 2


def test_its_plugins_hear_all_of_its_channels() -> None:
    preset = read()
    assert seats(preset, output_names(preset)) == {"Strings": (0, 0), "Lead": (1, None)}
