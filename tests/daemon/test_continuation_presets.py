"""Presets with a band that answers: what is shipped is right, and what cannot be played is told at once."""

from pathlib import Path

import pytest

from ripieno.daemon import presets
from ripieno.daemon.band import LIVE, parameters
from ripieno.daemon.cast import code_named, row_of
from ripieno.daemon.errors import UserError
from ripieno.daemon.preset_document import PresetError, option_value
from ripieno.daemon.schema import number
from ripieno.models.continuation.instruments import DRUMS, NAMES
from ripieno.native.continuation import CHOICES, PARAMETERS, parameter_value

BAND = """\
name = "Mine"

[continuation]
mode = "band"
tempo = 90
key = "Bb minor"

[[ensemble]]
name = "Keys"
program = "Electric Piano 1"

[[ensemble]]
name = "Bass"
program = "Slap Bass 1"

[[ensemble]]
name = "Kit"
program = 1
channel = 10
"""


def mistakes(text: str, *options: str) -> list[str]:
    with pytest.raises(PresetError) as caught:
        presets.read(text, "band.toml", options)
    return [str(problem) for problem in caught.value.problems]


def test_the_player_has_the_first_instrument_unless_another_is_named() -> None:
    band = presets.read(BAND, "band.toml")
    assert band.continuation is not None
    assert (band.player, band.continuation.player, band.continuation.key) == (0, "Keys", (10, "minor"))
    assert presets.read(BAND, "band.toml", ["player=kit"]).player == 2
    assert presets.load("choir").player is None


def test_a_continuation_is_read_back_as_it_is_shown() -> None:
    band = presets.read(BAND, "band.toml", ["key=auto", "mode=duet", "temperature=0.5"])
    assert presets.read(presets.show(band), "shown.toml") == band


def test_options_reach_the_continuation_with_and_without_its_name() -> None:
    band = presets.read(BAND, "band.toml", ["tempo=77", "continuation.density=0.5", "continuation.key=F# major"])
    assert band.continuation is not None
    assert (band.continuation.tempo, band.continuation.density) == (77, 0.5)
    assert band.continuation.key == (6, "major")
    duo = presets.load("choir", ["continuation.mode=duet", "continuation.player=alto", "tempo=60"])
    assert duo.continuation is not None
    assert (duo.player, duo.continuation.tempo) == (1, 60)
    assert presets.load("string-quartet", ["continuation.mode=duet", "player=all"]).player is None


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("mode=duett", "continuation.mode: 'duett' is not among its values; did you mean 'duet'?"),
        ("tempoo=90", "tempoo: there is no such key; did you mean 'tempo'?"),
        ("tempo=20", "continuation.tempo: 20 is not from 30 to 300"),
        ("key=H minor", "continuation.key: 'H minor' is no key"),
        ("player=Keyz", "continuation.player: nobody in the ensemble is called 'Keyz'; did you mean 'Keys'?"),
        ("weights=smal", "continuation.weights: no model is called 'smal'; did you mean 'small'?"),
        ("weights=none.safetensors", "none.safetensors: no such file of weights"),
        ("ensemble.bass.program=Whistle", "ensemble.bass.program: the model has no Whistle; it has Ocarina, "),
        ("continuation.player=all", "one instrument is the player's: name it"),
        ("continuation.style=poop", "continuation.style: 'poop' is not among its values; did you mean 'pop'?"),
    ],
)
def test_what_the_band_cannot_play_is_told(option: str, told: str) -> None:
    (problem,) = mistakes(BAND, option)
    assert problem.startswith(f"--set {option}: ")
    assert told in problem


def test_every_mistake_of_a_continuation_is_told_with_its_line() -> None:
    wrong = BAND.replace("90", "9000").replace('"Bb minor"', '"Bb lidian"').replace("Slap Bass 1", "Gunshot")
    told = mistakes(wrong)
    assert [one.split(": ")[0] for one in told] == ["band.toml:5", "band.toml:6", "band.toml:14"]
    assert "mode: is missing" in mistakes(BAND.replace('mode = "band"', ""))[0]
    assert "[continuation], and below it" in mistakes("continuation = 3\n" + BAND.replace("[continuation]", "[a]"))[0]


def test_a_band_needs_somebody_to_play() -> None:
    alone = BAND[: BAND.index('[[ensemble]]\nname = "Bass"')]
    assert "a band needs an instrument beside the player's" in mistakes(alone)[0]
    assert presets.read(alone, "duet.toml", ["mode=duet"]).player == 0
    through = 'name = "T"\nroute = "thru"\n[continuation]\nmode = "duet"\n'
    assert "needs an ensemble" in mistakes(through)[0]


def test_weights_lie_beside_the_preset(tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").write_bytes(b"")
    (tmp_path / "mine.toml").write_text(BAND.replace('mode = "band"', 'mode = "band"\nweights = "mine.safetensors"'))
    found = presets.load(str(tmp_path / "mine.toml")).continuation
    assert found is not None
    assert found.weights == str(tmp_path / "mine.safetensors")


def test_instruments_are_called_by_our_names_and_by_general_midi_s() -> None:
    assert [code_named(name) for name in (" Piano", "string ensemble 1", "Drums")] == [1, NAMES.index("strings"), DRUMS]
    with pytest.raises(UserError, match="did you mean 'cello'"):
        code_named("celo")
    with pytest.raises(UserError, match="the model has no 'Seashore'"):
        code_named("Seashore")
    assert row_of(DRUMS)["channel"] == 10


def test_every_parameter_of_the_core_has_its_key_and_the_same_range() -> None:
    # The key lock is one key in a preset and two parameters; the seed is the whole preset's; three are words.
    numeric = set(LIVE) - {"key", "tempo_source", "while_playing", "handover_pedal"}
    assert set(PARAMETERS) == numeric | {"key_root", "key_mode", "seed", *CHOICES, "handover_pedal"}
    for name in numeric:
        core = PARAMETERS[name]
        assert LIVE[name].kind.what == number(core.low, core.high, core.whole).what, name


@pytest.mark.parametrize("name", LIVE)
def test_the_core_takes_every_value_of_a_key(name: str) -> None:
    words = {"tempo_source": CHOICES["tempo_source"], "while_playing": CHOICES["while_playing"]}
    some = {"key": ("off", "auto", "F# minor", "C major"), "handover_pedal": ("off", "sostenuto", "soft")} | words
    for value in (*some.get(name, ()), LIVE[name].kind.show(LIVE[name].default).strip('"')):
        read = LIVE[name].kind.read(option_value(str(value), name, tuple(LIVE.values())))
        for parameter, number_of_it in parameters(name, read).items():
            assert parameter_value(parameter, number_of_it) >= PARAMETERS[parameter].low
