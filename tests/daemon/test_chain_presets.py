"""Presets with plugins: what is shipped is right, and every mistake in a chain is told at once, where it stands."""

import dataclasses
from pathlib import Path

import pytest

from ripieno.daemon import band, chains, presets, singer
from ripieno.daemon.chain_checks import misplaced
from ripieno.daemon.chain_state import Saved, read_state, write_state
from ripieno.daemon.errors import UserError
from ripieno.daemon.preset_document import PresetError
from ripieno.daemon.rig import audio_input_names, audio_names, strip_names
from ripieno.plugins.base import PluginError
from ripieno.plugins.open import KINDS, known, open, resolve, short_name, split

DUO = """\
name = "Duo"

[[ensemble]]
name = "Violin 1"
program = "Violin"

[[ensemble]]
name = "Viola"
program = "Viola"

[[chain]]
on = "violin1"
plugin = "soundfont:"

[[chain]]
on = "Violin 1"
plugin = "delay"
parameters = { mix = 0.4, "High-Cut" = 3000 }
cc = { mix = 74 }
cc_channel = 2

[[chain]]
plugin = "reverb"
gain_db = -3
"""


def duo(*options: str, text: str = DUO) -> presets.Preset:
    return presets.read(text, "duo.toml", options)


def mistakes(text: str, *options: str, file: str = "duo.toml") -> list[str]:
    with pytest.raises(PresetError) as caught:
        presets.read(text, file, options)
    return [str(problem) for problem in caught.value.problems]


def test_chains_are_read_and_shown() -> None:
    one = duo()
    assert [(chain.name, chain.on) for chain in one.chain] == [
        ("soundfont", "Violin 1"),
        ("delay", "Violin 1"),
        ("reverb", "master"),
    ]
    assert one.chain[1].parameters == {"mix": 0.4, "high_cut": 3000}
    assert (one.chain[1].cc, one.chain[1].cc_channel) == ({"mix": 74}, 2)
    assert presets.read(presets.show(one), "shown.toml") == one
    assert presets.as_dict(one)["chain"] == [dataclasses.asdict(chain) for chain in one.chain]


def test_the_ports_that_sound() -> None:
    assert (audio_names(duo()), audio_input_names(duo())) == (("left", "right"), ())
    assert audio_names(duo("stems=true")) == ("left", "right", "Violin 1 left", "Violin 1 right")
    heard = duo(text=DUO + '\n[[chain]]\non = "input"\nplugin = "gain"\n')
    assert (strip_names(heard), audio_input_names(heard)) == (["Violin 1", "input"], ("left-in", "right-in"))


@pytest.mark.parametrize(("name", "strips"), [("quartet-hall", 4), ("microphone", 1)])
def test_shipped_presets_sound_by_themselves(name: str, strips: int) -> None:
    preset = presets.load(name)
    assert preset.description
    assert 10 not in preset.in_channels
    assert len(strip_names(preset)) == strips
    assert audio_names(preset) == ("left", "right")


def test_options_reach_every_key_of_a_chain() -> None:
    one = duo("chain.delay.mix=0.7", "chain.2.parameters.time=500", "chain.reverb.gain_db=6", "chain.reverb.cc.mix=91")
    assert one.chain[1].parameters == {"mix": 0.7, "high_cut": 3000, "time": 500}
    assert (one.chain[2].gain_db, one.chain[2].cc) == (6, {"mix": 91})
    assert duo("chain.reverb.name=Big Hall", "chain.bighall.size=1").chain[2].parameters == {"size": 1}


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("chain.revreb.mix=1", "which chain? did you mean 'reverb'?"),
        ("chain.reverb=1", "which chain? there are"),
        ("chain.reverb.mixx=1", "chain.reverb.parameters.mixx: is no parameter of it; did you mean 'mix'?"),
        ("chain.reverb.mix=7", "chain.reverb.parameters.mix: 7 is not from 0 to 1"),
        ("chain.delay.time=0", "chain.delay.parameters.time: 0 is not from 1 to 2000 ms"),
        ("chain.delay.mix=loud", "chain.delay.parameters.mix: 'loud' is no number"),
        ("chain.delay.mix=nan", "chain.delay.parameters.mix: nan is no number"),
        ("chain.delay.parameters=3", "chain.delay.parameters: 3 is no table"),
        ("chain.delay.cc.mix=128", "chain.delay.cc.mix: 128 is not from 0 to 119"),
        ("chain.delay.cc.mixx=1", "chain.delay.cc.mixx: is no parameter of it; did you mean 'mix'?"),
        ("chain.reverb.on=Voila", "chain.reverb.on: nothing is called 'Voila' here; did you mean 'Viola'?"),
        ("chain.reverb.on=voice", "chain.reverb.on: nobody sings here: add a [singing] table"),
        ("chain.reverb.on=viola", "chain.reverb.plugin: it treats sound, and Viola has none yet"),
        ("chain.soundfont.on=master", "chain.soundfont.plugin: it plays notes, and none come to the master"),
        ("chain.delay.plugin=soundfont:", "it plays notes, and can only be the first one on its instrument"),
        ("chain.delay.plugin=vst3:Echo.vst3", "Echo.vst3: no such file"),
        ("chain.delay.plugin=vst4:Echo.vst3", "there is no kind of plugin called 'vst4'; did you mean 'vst3'?"),
        ("chain.delay.plugin=jit:echo.vst3", "a plugin of the kind jit is a file called *.py"),
        ("chain.delay.plugin=jit:", "which file? write jit:FILE.py"),
        ("chain.delay.plugin=revreb", "did you mean 'reverb'?"),
        ("chain.delay.gain_db=99", "chain.delay.gain_db: 99 is not from -60 to 24"),
        ("chain.delay.name=Reverb", "'Reverb' and 'Reverb' would be called the same"),
        ("chain.delay.name=!", "'!' needs a letter or a digit"),
        ("chain.delay.state=nowhere/delay.json", "nowhere: no such folder"),
        ("ensemble.viola.name=Master", "'Master' is a place for chains of its own"),
    ],
)
def test_what_cannot_be_is_told_with_its_option(option: str, told: str) -> None:
    text = DUO.replace('plugin = "reverb"', 'plugin = "reverb"\nname = "Reverb"')
    found = mistakes(text, option)
    assert any(told in one for one in found), found
    assert all(one.startswith((f"--set {option}: ", "duo.toml:")) for one in found)


def test_every_mistake_is_told_with_its_line() -> None:
    text = DUO.replace("0.4", "4").replace("reverb", "revreb").replace("gain_db", "gian_db").replace("74", "740")
    told = mistakes(text)
    assert [one.split(": ")[:2] for one in told] == [
        ["duo.toml:18", "chain.delay.parameters.mix"],
        ["duo.toml:19", "chain.delay.cc.mix"],
        ["duo.toml:23", "chain.revreb.plugin"],
        ["duo.toml:24", "chain.revreb.gian_db"],
    ]
    assert "did you mean 'gain_db'?" in told[3]
    assert "write each chain as a table of its own: [[chain]]" in mistakes("chain = 3\n" + DUO.split("[[chain]]")[0])[0]


def test_there_is_room_for_so_many() -> None:
    many = DUO + '\n[[chain]]\nplugin = "gain"\n' * 8
    (told,) = mistakes(many)
    assert "chain.gain8.on: on master there are more than 8 plugins" in told
    assert [chain.name for chain in presets.read(many.removesuffix('\n[[chain]]\nplugin = "gain"\n'), "x").chain][
        -2:
    ] == [
        "gain 6",
        "gain 7",
    ]
    choir = "".join(
        f'[[ensemble]]\nname = "{n}"\nprogram = 1\n[[chain]]\non = "{n}"\nplugin = "soundfont:"\n' for n in "ABCDEFGH"
    )
    (told,) = mistakes('name = "Many"\nstems = true\n' + choir)
    assert "stems: 18 audio ports would be needed, and there are 16" in told


def test_ports_for_sound_keep_their_names() -> None:
    told = mistakes('inputs = ["left"]\n' + DUO, "outputs=ports", "ensemble.viola.name=right")
    assert [one.split(": ", 1)[1] for one in told] == [
        "ensemble.right.name: 'right' is a port for sound: choose another name",
        "inputs.0: 'left' is a port for sound: choose another name",
    ]


def test_files_are_looked_for_beside_the_preset(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text("")
    text = DUO.replace('"delay"', '"python:echo.py"').replace('parameters = { mix = 0.4, "High-Cut" = 3000 }\n', "")
    one = presets.read(text, str(tmp_path / "duo.toml"))
    assert one.chain[1].plugin == f"python:{tmp_path}/echo.py"
    assert one.chain[1].name == "echo"
    assert "echo.py: no such file" in mistakes(text)[0]
    there = presets.read(DUO, str(tmp_path / "duo.toml"), ["chain.delay.state=kept.json"])
    assert there.chain[1].state == str(Path("kept.json").absolute())  # an option is about where one stands
    twice = DUO.replace('plugin = "reverb"', 'plugin = "reverb"\nstate = "a.json"').replace(
        "cc =", 'state = "a.json"\ncc ='
    )
    assert "'delay' keeps its state there, too" in mistakes(twice, file=str(tmp_path / "duo.toml"))[0]


@pytest.mark.parametrize(
    ("role", "place", "first", "fits"),
    [
        ("instrument", "Viola", True, True),
        ("instrument", "Viola", False, False),
        ("instrument", "input", True, False),
        ("effect", "Viola", True, False),
        ("effect", "Viola", False, True),
        ("effect", "voice", True, True),
        ("effect", "master", False, True),
    ],
)
def test_where_a_plugin_may_stand(role: str, place: str, first: bool, fits: bool) -> None:
    assert (misplaced(role, place, first) == "") == fits


def test_each_key_of_the_panel_means_one_thing() -> None:
    keys = [*band.KEYS, *singer.KEYS, *chains.KEYS, *"npq:", *"123456789"]
    assert len(set(keys)) == len(keys)


# What a plugin is called.


def test_specs_and_their_names(tmp_path: Path) -> None:
    assert split("reverb") == ("", "", "reverb")
    assert split("vst3:/a b/Echo.vst3#Two") == ("vst3", "/a b/Echo.vst3", "Two")
    assert [short_name(spec) for spec in ("reverb", "vst3:/a/Echo.vst3", "vst3:/a/E.vst3#Two", "soundfont:")] == [
        "reverb",
        "Echo",
        "Two",
        "soundfont",
    ]
    font = tmp_path / "small.SF2"
    font.write_bytes(b"")
    assert resolve("soundfont:small.SF2", tmp_path) == f"soundfont:{font}"
    assert resolve("soundfont:", tmp_path) == "soundfont:"
    for kind in KINDS:
        with pytest.raises(PluginError):
            resolve(f"{kind}:none", tmp_path)


def test_what_is_known_without_opening() -> None:
    reverb = known("reverb")
    assert reverb
    assert (reverb.role, "mix" in [one.name for one in reverb.parameters]) == ("effect", True)
    font = known("soundfont:")
    assert font
    assert font.role == "instrument"


def test_a_plugin_opens_by_its_spec(tmp_path: Path) -> None:
    one = open("delay", tmp_path, 48_000, 128)
    one.set("mix", 0.5)
    assert (one.spec, one.role, one.values()["mix"]) == ("delay", "effect", 0.5)
    one.close()


# Files that keep how a plugin was set.


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    chain = dataclasses.replace(duo().chain[1], state=str(tmp_path / "delay.json"))
    assert read_state(chain) == (None, [])
    saved = Saved("delay", {"mix": 0.25}, True, -6.0, bytes(range(256)))
    write_state(Path(chain.state), saved)
    assert read_state(chain) == (saved, [])
    _, (told,) = read_state(dataclasses.replace(chain, plugin="reverb"))
    assert "keeps the state of delay, not of reverb" in told


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", '{"plugin": "delay", "parameters": 3}', '"x"'])
def test_a_file_that_is_no_state_is_left_alone(tmp_path: Path, text: str) -> None:
    chain = dataclasses.replace(duo().chain[1], state=str(tmp_path / "delay.json"))
    Path(chain.state).write_text(text)
    none, (told,) = read_state(chain)
    assert none is None
    assert f"{chain.state}: this is no state of a plugin" in told


def test_a_state_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_state(tmp_path / "file" / "delay.json", Saved("delay", {}, False, 0, b""))
