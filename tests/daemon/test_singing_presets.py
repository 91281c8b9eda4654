"""Presets with a voice that sings along: what is shipped is right, and what cannot be sung is told at once."""

import pytest

from ripieno.daemon import presets
from ripieno.daemon.errors import UserError
from ripieno.daemon.preset_document import PresetError
from ripieno.daemon.rig import audio_names, melody_port, output_names, places
from ripieno.daemon.schema import number
from ripieno.daemon.singer import LIVE, parameters
from ripieno.daemon.singing_keys import INTERVALS, MODES, SUNG_RANGE, own_range
from ripieno.models.singing.voices import SINGERS
from ripieno.native.singer import PARAMETERS

SONG = """\
name = "Song"
route = "thru"

[singing]
mode = "harmony"
interval = "sixth"
range = ["A3", "E5"]
"""
VOICES = ("anna", "bruno")


def mistakes(text: str, *options: str) -> list[str]:
    with pytest.raises(PresetError) as caught:
        presets.read(text, "song.toml", options)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("name", ["singer", "serenade"])
def test_shipped_voices_have_ports_of_their_own(name: str) -> None:
    preset = presets.load(name)
    assert preset.singing is not None
    assert output_names(preset) == ("out", "melody")
    assert audio_names(preset) == ("voice",)
    assert melody_port(preset, ("out", "other", "melody")) == 2
    assert {port for port, _ in places(preset)} <= {0}


def test_without_a_voice_there_are_no_such_ports() -> None:
    assert audio_names(presets.load("choir")) == ()
    assert output_names(presets.load("choir")) == ("out",)


def test_a_port_an_instrument_leaves_the_melody_to_the_last() -> None:
    preset = presets.load("serenade", ["outputs=ports"])
    assert output_names(preset) == ("Violin 1", "Violin 2", "Viola", "Cello", "melody")
    assert [port for port, _ in places(preset)] == [0, 1, 2, 3]
    (told,) = mistakes(presets.show(preset), "ensemble.viola.name=Melody")
    assert "'Melody' is a port of the voice that sings" in told


def test_singing_is_read_back_as_it_is_shown() -> None:
    song = presets.read(SONG, "song.toml", ["mode=double", "octave=-1", "vibrato_rate=6.5", "singing.on=false"])
    assert song.singing is not None
    assert (song.singing.mode, song.singing.range, song.singing.on) == ("double", (57, 76), False)
    assert presets.read(presets.show(song), "shown.toml") == song
    own = presets.read(SONG, "song.toml", ['range=""'])
    assert own.singing is not None
    assert own.singing.range is None
    assert presets.read(presets.show(own), "shown.toml") == own


def test_a_voice_can_be_added_to_any_ensemble() -> None:
    choir = presets.load("choir", ["singing.mode=double", "follow=0"])
    assert choir.singing is not None
    assert (choir.singing.mode, choir.singing.follow, len(choir.ensemble)) == ("double", 0, 4)


def test_a_key_of_both_tables_wants_the_table_s_name() -> None:
    (told,) = mistakes(presets.show(presets.load("duet", ["singing.mode=free"])), "temperature=0.5")
    assert told.endswith("which one? write continuation.temperature or singing.temperature")
    both = presets.load("duet", ["singing.mode=free", "singing.temperature=0.5", "tempo=66", "follow=1"])
    assert both.singing is not None
    assert both.continuation is not None
    assert (both.singing.temperature, both.continuation.temperature) == (0.5, 1)
    assert (both.continuation.tempo, both.singing.follow) == (66, 1)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("mode=harmonie", "singing.mode: 'harmonie' is not among its values; did you mean 'harmony'?"),
        ("folow=2", "folow: there is no such key; did you mean 'follow'?"),
        ("follow=9", "singing.follow: 9 is not from 0 to 8"),
        ('range=["A3", "A4", "A5"]', "singing.range: "),
        ('range=["C4", "F4"]', "give it an octave at least"),
        ('range=["C1", "F4"]', "a voice sings from C2 to B5"),
        ("interval=fifth", "singing.interval: 'fifth' is not among its values"),
        ("on=1", "singing.on: 1 is neither true nor false"),
        ("octave=0.5", "singing.octave: 0.5 is no whole number"),
        ("voice=sopran", "singing.voice: nobody is called 'sopran'; did you mean 'soprano'?"),
        ("weights=none", "none: no such folder of weights"),
    ],
)
def test_what_cannot_be_sung_is_told(option: str, told: str) -> None:
    (problem,) = mistakes(SONG, option)
    assert problem.startswith(f"--set {option}: ")
    assert told in problem


def test_every_mistake_is_told_with_its_line() -> None:
    told = mistakes(SONG.replace('"sixth"', '"ninth"').replace('"A3"', '"H3"'))
    assert [one.split(": ")[0] for one in told] == ["song.toml:6", "song.toml:7"]
    assert "[singing], and below it" in mistakes("singing = true\n" + SONG[: SONG.index("[singing]")])[0]


def test_every_control_of_the_core_has_its_key_and_the_same_range() -> None:
    words = {"on", "mode", "interval", "voice"}
    numeric = set(LIVE) - words - {"range", "seed"}
    assert set(PARAMETERS) == numeric | words | {"low", "high", "seed"}
    for name in numeric:
        core = PARAMETERS[name]
        assert LIVE[name].kind.what == number(core.low, core.high, core.whole).what, name
        assert LIVE[name].default == core.usual, name


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("on", (True, False)),
        ("mode", MODES),
        ("interval", tuple(INTERVALS)),
        ("voice", ("", *VOICES)),
        ("range", ((36, 83), (57, 76))),
    ],
)
def test_the_core_takes_every_word_of_a_key(name: str, values: tuple[object, ...]) -> None:
    told = [parameters(name, value, VOICES) for value in values]
    for numbers in told:
        for parameter, one in numbers.items():
            assert PARAMETERS[parameter].low <= one <= PARAMETERS[parameter].high
    wanted = len(values) - (name == "voice")  # "" is the first voice
    assert len({tuple(numbers.items()) for numbers in told}) == wanted


def test_each_shipped_voice_has_a_range_that_it_sings_at_ease() -> None:
    assert {name: own_range(name) for name in SINGERS} == {name: (one.low, one.high) for name, one in SINGERS.items()}
    assert SUNG_RANGE.read([*own_range("somebody")]) == own_range("somebody")


def test_a_voice_that_the_model_has_not_is_told() -> None:
    with pytest.raises(UserError, match="nobody is called 'ana'; did you mean 'anna'"):
        parameters("voice", "ana", VOICES)
