"""Set lists: read, checked, and every mistake told at once with its line."""

from pathlib import Path

import pytest

from ripieno.daemon.controls import Control, parse_control
from ripieno.daemon.errors import UserError
from ripieno.daemon.preset_document import PresetError
from ripieno.daemon.setlist import load_list, parse_channel, read_list, with_controls
from ripieno.native.engine import Trigger

GIG = """\
name = "Saturday"
next = ["controller 67", "key C8 channel 16"]
previous = ["controller 66"]
program_channel = 16

[[song]]
preset = "string-quartet"
program = 1
set = { model = "closest", overflow = "steal" }

[[song]]
title = "Alone"
preset = "own.toml"
program = 1
bank = 129
snapshot = "alone-now.toml"
"""
OWN = 'name = "Own"\nmodel = "zone"\n[[ensemble]]\nname = "Piano"\nprogram = 1\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.toml").write_text(OWN)
    (tmp_path / "gig.toml").write_text(GIG)
    return tmp_path


def test_songs_and_what_steps_through_them(folder: Path) -> None:
    (folder / "alone-now.toml").write_text('preset = "Own"\n[instruments]\nPiano = false\n')
    gig = load_list([str(folder / "gig.toml")], ["budget=7"])
    first, second = gig.songs
    assert (gig.name, first.title, second.title) == ("Saturday", "String quartet", "Alone")
    assert (first.preset.model, first.preset.overflow, first.preset.budget) == ("closest", "steal", 7)
    assert (first.snapshot, first.keeps) == (None, None)
    assert second.keeps == folder / "alone-now.toml"
    assert second.snapshot
    assert second.snapshot.enabled == {"Piano": False}
    assert (second.program, second.bank, gig.channel()) == (1, 129, 15)
    assert gig.triggers() == [Trigger(1, 67, True), Trigger(1, 108, False, 15), Trigger(-1, 66, True)]


def test_presets_alone_are_a_list_too(folder: Path) -> None:
    plain = load_list(["thru", str(folder / "own.toml")])
    assert [song.title for song in plain.songs] == ["Thru", "Own"]
    assert (plain.triggers(), plain.channel()) == ([], None)
    led = with_controls(plain, [parse_control("controller 64 channel 3")], [], "all")
    assert led.triggers() == [Trigger(1, 64, True, 2)]
    assert (led.channel(), [song.program for song in led.songs]) == ("all", [1, 2])
    both = load_list(["thru", str(folder / "gig.toml")])
    assert [song.title for song in both.songs] == ["Thru", "String quartet", "Alone"]
    assert both.channel() == 15


def test_every_mistake_is_told_with_its_line(folder: Path) -> None:
    (folder / "alone-now.toml").write_text('preset = "Choir"\n[instruments]\nFlute = 1\n')
    bad = GIG.replace('"controller 66"', '"pedal 66"').replace("program_channel = 16", "program_channel = 17")
    bad = bad.replace("program = 1\nset", "programm = 1\nset").replace('"steal"', '"stael"')
    bad += '\n[[song]]\nprogram = 300\n\n[[song]]\npreset = "chior"\n'
    with pytest.raises(PresetError) as told:
        read_list(bad, folder / "gig.toml")
    lines = str(told.value).splitlines()
    expected = [
        (3, "previous: 'pedal 66' is no key or controller"),
        (4, "program_channel: 17 is no channel"),
        (8, "song.1.programm: there is no such key; did you mean 'program'?"),
        (9, "song.1.set: overflow: 'stael' is not among its values"),
        (16, "song.2.snapshot: "),
        (16, "alone-now.toml:1: preset: this is a snapshot of Choir, not of Own"),
        (16, "alone-now.toml:3: instruments.Flute: nobody is called so in Own"),
        (18, "song.3.preset: is missing"),
        (19, "song.3.program: 300 is not from 0 to 128"),
        (22, "song.4.preset: no preset is called 'chior'; did you mean 'choir'?"),
    ]
    for line, message in expected:
        assert any(one.startswith(f"{folder / 'gig.toml'}:{line}: ") and message in one for one in lines), message
    assert len(lines) == 10 - 1  # the snapshot's two are one song's


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (("program = 1\nbank = 129", "program = 1"), 14, "song.2.program: 1 of bank 0 is song 1's already"),
        (('"own.toml"', '"other.toml"'), 13, "its inputs are not those of song 1"),
        (('"own.toml"', '"none.toml"'), 13, "none.toml: no such file"),
        (("[[song]]", "[song]"), 6, "write each song as a table of its own: [[song]]"),
    ],
)
def test_songs_that_do_not_go_together(folder: Path, change: tuple[str, str], line: int, message: str) -> None:
    (folder / "other.toml").write_text(OWN.replace("model", 'inputs = ["left", "right"]\nmodel'))
    text = GIG.replace(*change) if change[0] != "[[song]]" else 'name = "One"\n\n\n\n\n[song]\npreset = "thru"\n'
    with pytest.raises(PresetError) as told:
        read_list(text, folder / "gig.toml")
    assert str(told.value).startswith(f"{folder / 'gig.toml'}:{line}: ")
    assert message in str(told.value)


def test_too_much_is_told(folder: Path) -> None:
    with pytest.raises(UserError, match="129 songs: a performance has 128 at most"):
        load_list(["thru"] * 129)
    many = "\n".join(f'[[song]]\npreset = "thru"\ntitle = "{n}"' for n in range(130))
    with pytest.raises(PresetError, match=r"song\.129: a performance has 128 songs at most"):
        read_list(many, folder / "gig.toml")
    with pytest.raises(UserError, match="more than 32"):
        with_controls(load_list(["thru"]), [Control(n, True) for n in range(20)], [Control(1, False)] * 13, None)


@pytest.mark.parametrize("text", ["key", "key H9", "controller 120", "key C4 channel 17", 7, "controller x"])
def test_what_is_no_control(text: object) -> None:
    with pytest.raises(ValueError, match=r"key|controller|channel|note"):
        parse_control(text)


def test_controls_and_channels_are_written_as_they_are_read() -> None:
    for text in ("controller 67", "key C8", "key F#3 channel 16"):
        assert str(parse_control(text)) == text
    assert (parse_channel("all"), parse_channel(3)) == ("all", 3)
    for bad in (0, 17, True, "some"):
        with pytest.raises(ValueError, match="is no channel"):
            parse_channel(bad)
