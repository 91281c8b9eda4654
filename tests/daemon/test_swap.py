"""A preset that was edited takes a song's place: at once, without a gap, or not at all."""

from pathlib import Path

import pytest
from performing import look_until, performing, silence

from ripieno.daemon import presets, swap
from ripieno.daemon.errors import UserError

MINE = """\
name = "Mine"
model = "closest"

[[ensemble]]
name = "Cello"
program = "Cello"
"""


def written(path: Path, text: str = MINE) -> presets.Preset:
    path.write_text(text)
    return presets.load(str(path))


def test_one_of_the_list_changes_where_it_stands(tmp_path: Path) -> None:
    song, file = silence(tmp_path / "song.mid"), tmp_path / "mine.toml"
    written(file)
    with performing(song, ["string-quartet", str(file), "thru"], ["model=closest"]) as one:
        before = one.current
        told = swap.play(one, written(file, MINE + "level = 64\n"))
        assert told == "Mine plays as soon as it is ready"
        assert one.current is before
        look_until(one, lambda: one.playing == 1, "the second song plays")
        assert one.preset.ensemble[0].level == 64
        assert [preset.name for preset in one.presets] == ["String quartet", "Mine", "Thru"]
        swap.play(
            one, written(file, MINE.replace("Mine", "Mine too") + '[[learn]]\ncontrol = "bend"\npath = "panic"\n')
        )
        look_until(one, lambda: one.preset.name == "Mine too", "the same song, edited again")
        assert one.song.title == "Mine too"
        assert [row.path for row in one.learner.rows] == ["panic"]
        one.step(-1)
        look_until(one, lambda: one.preset.name == "String quartet", "the first song again")
        assert not one.shelf.edited
        look_until(one, lambda: one.keeper.making is None and not one.keeper.tend(one.engine), "nobody is left over")


def test_one_that_cannot_be_made_ready_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"these are no weights")
    (tmp_path / "bad.json").write_text('{"labels": ["cello"]}')
    with performing(silence(tmp_path / "song.mid"), ["thru"]) as one:
        before = one.current
        swap.play(one, written(tmp_path / "mine.toml", MINE.replace("closest", "bad.safetensors")))
        look_until(one, lambda: not one.shelf.edited, "it is given up")
        look_until(one, lambda: any("bad.json" in text for text in one.news), "it is told")
        assert one.current is before
        assert one.preset.name == "Thru"
        swap.play(one, written(tmp_path / "mine.toml"))
        look_until(one, lambda: one.preset.name == "Mine", "a good one plays all the same")


@pytest.mark.parametrize(("more", "lacks"), [
    ('outputs = "ports"\n', "MIDI outputs that are not there (Cello)"),
    ('inputs = ["in", "pads"]\n', "inputs that are not there (pads)"),
])  # fmt: skip
def test_one_that_wants_other_ports_is_refused(tmp_path: Path, more: str, lacks: str) -> None:
    with performing(silence(tmp_path / "song.mid"), ["thru"]) as one:
        with pytest.raises(UserError) as caught:
            swap.play(one, written(tmp_path / "mine.toml", more + MINE))
        assert lacks in str(caught.value)
        assert not one.shelf.edited
