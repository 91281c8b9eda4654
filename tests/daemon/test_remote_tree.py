"""Every control by a path: what the paths are, what is said of them, and that they set what they say."""

from pathlib import Path

import pytest
from performing import look_until, performing, silence

from ripieno.daemon.errors import UserError
from ripieno.daemon.remote.tree import Tree, path_part, path_parts, plain, type_of
from ripieno.daemon.schema import FLAG, RANGE, TEXT, choice, number
from ripieno.daemon.singing_keys import SUNG_RANGE


def test_names_become_parts_of_paths() -> None:
    assert path_part("Violin 1") == "violin-1"
    assert path_part(" Ré/fa? ") == "r-fa"
    assert path_part("tempo_source") == "tempo_source"
    assert path_part("♪") == "unnamed"
    same = path_parts(["Hall", "hall!", "HALL", "hall-2"])
    assert same == {"Hall": "hall", "hall!": "hall-2", "HALL": "hall-3", "hall-2": "hall-2-2"}


def test_values_are_plain() -> None:
    assert plain(RANGE, (55, 84)) == ["G3", "C6"]
    assert plain(SUNG_RANGE, None) == ""
    assert plain(TEXT, 'a "b"') == 'a "b"'
    assert plain(FLAG, False) is False
    assert plain(number(0, 1, False), 0.25) == 0.25
    kinds = FLAG, number(1, 2, True), choice("a", "b"), RANGE
    assert [type_of(kind) for kind in kinds] == ["flag", "number", "choice", "text"]


def test_a_duet_with_a_clock(tmp_path: Path) -> None:
    overrides = ["clock.source=internal", "ensemble.flute.level=71"]
    with performing(silence(tmp_path / "song.mid"), ["duet"], overrides) as one:
        tree = Tree(one)
        values = tree.values()
        assert values["players/flute/level"] == 71
        assert {values[path] for path in values if path.startswith("players/") and path.endswith("level")} == {71, 100}
        assert values["clock/source"] == "internal"
        assert values["band/key"] == "off"
        tree.node("band/key").set("D minor")
        tree.node("band/tempo").set(96)
        tree.node("band/at_once").set(2.0)  # as OSC has it
        tree.node("clock/tempo").set(88.5)
        assert one.band
        assert one.band.settings.key == (2, "minor")
        assert (one.band.settings.tempo, one.band.settings.at_once) == (96, 2)
        assert tree.node("band/key").value() == "D minor"
        look_until(one, lambda: one.conductor.status()["bpm"] == 88.5, "the clock's tempo")
        assert set(tree.actions) >= {"panic", "next", "previous", "keep", "recall", "record", "save-last"}
        assert set(tree.actions) >= {"band/tap", "band/hand-over", "band/yield"}
        assert set(tree.actions) >= {"clock/tap", "clock/roll", "clock/next-source"}
        with pytest.raises(UserError, match="band/key: 'H' is no key"):
            tree.node("band/key").set("H")
        with pytest.raises(UserError, match=r"players/flute/on: 2 is neither true nor false"):
            tree.node("players/flute/on").set(2)
        assert one.band.settings.key == (2, "minor")


def test_what_is_said_of_them(tmp_path: Path) -> None:
    with performing(silence(tmp_path / "song.mid"), ["thru", "string-quartet"], ["clock.source=internal"]) as one:
        said = Tree(one).described()
        rows = {row["path"]: row for row in said["controls"]}
        assert list(rows) == ["song", "clock/source", "clock/tempo"]
        assert rows["song"]["type"] == "number"
        assert (rows["song"]["low"], rows["song"]["high"], rows["song"]["whole"]) == (1, 2, True)
        assert rows["clock/source"]["type"] == "choice"
        assert "midi" in rows["clock/source"]["words"]
        assert all(row["title"] and row["help"] and row["what"] for row in rows.values())
        actions = {row["path"]: row for row in said["actions"]}
        assert actions["clock/roll"]["title"] == "Start or stop"
