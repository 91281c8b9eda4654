"""How loud instruments are: told by the preset, set while it plays, kept, and the same when it is played again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from performing import look_until, performing, silence
from stage import name_of

from ripieno.daemon.errors import UserError
from ripieno.daemon.flight.file import CYCLES, Recording
from ripieno.daemon.flight.recorder import FlightRecorder
from ripieno.daemon.flight.replay import replay
from ripieno.daemon.levels import Levels
from ripieno.daemon.live import Performance
from ripieno.daemon.preset_document import PresetError
from ripieno.daemon.presets import load, show
from ripieno.daemon.remote.desk import outcome
from ripieno.daemon.service.state import changes, values_of
from ripieno.daemon.snapshots import read_snapshot, recall, snapshot_text
from ripieno.native.flight import cycles

FAST = ["model=closest", "ensemble.viola.level=60"]


def sent(folder: Path) -> Iterator[tuple[int, int]]:
    """The levels that left, by a recording: channel (0-15) and value."""
    for record in Recording(folder).records():
        for cycle in cycles(record.cycles) if record.kind == CYCLES else ():
            for item in cycle.items:
                if item.kind == "out" and item.data[0] & 0xF0 == 0xB0 and item.data[1] == 7:
                    yield item.data[0] & 15, item.data[2]


def set_level(one: Performance, name: str, level: int) -> None:
    answer = one.desk.set(f"players/{name}/level", level)
    look_until(one, answer.done, "an answer")
    outcome(answer)


def test_they_leave_as_the_preset_and_the_player_say_and_are_replayed(tmp_path: Path) -> None:
    flight = FlightRecorder(name_of("levels"), tmp_path / "flights")
    song = silence(tmp_path / "song.mid")
    (tmp_path / "own.toml").write_text(show(load("string-quartet", FAST)))
    with performing(song, [str(tmp_path / "own.toml"), "choir"], FAST[:1], flight) as one:
        look_until(one, lambda: one.shelf.ready.keys() == {0, 1}, "both are ready")
        set_level(one, "cello", 33)
        one.load(1)
        look_until(one, lambda: one.playing == 1, "the next song")
        one.load(0)
        look_until(one, lambda: one.playing == 0, "the first song")
        frames = one.engine.stats().frames
        look_until(one, lambda: one.engine.stats().frames > frames, "it plays")
    usual_again, first = {(2, 100), (3, 100)}, {(2, 60), (3, 33)}
    left = list(sent(flight.log.folder))
    assert left[:2] == [(2, 60), (3, 33)]
    assert set(left[2:4]) == usual_again
    assert set(left[4:]) == first
    assert len(left) == 6
    again = replay(flight.log.folder)
    assert (again.same, again.told) == (True, [])


def test_they_are_kept(tmp_path: Path) -> None:
    preset = load("string-quartet", FAST)
    levels = Levels(preset)
    before = values_of({"levels": levels})
    assert levels.put(levels.find("viola") or "", "61") == "Viola = 61"
    levels.set("Violin 1", 0)
    assert changes({"levels": levels}, before) == {"levels": {"Violin 1": "0", "Viola": "61"}}  # for --resume
    path = tmp_path / "one.toml"
    path.write_text(snapshot_text(preset, {}, {"levels": levels}))
    assert '[levels]\n"Violin 1" = 0\n' in path.read_text()
    fresh = Levels(preset)
    assert recall(read_snapshot(path, preset), {"levels": fresh}) == []
    assert fresh.settings == levels.settings
    path.write_text("[levels]\nViola = 128\nHorn = 3\n")
    with pytest.raises(PresetError, match=r"(?s)one.toml:2: levels.Viola: 128 is not from 0 to 127.*:3: levels.Horn"):
        read_snapshot(path, preset)
    with pytest.raises(UserError, match="Horn is no key"):
        levels.set("Horn", 3)


def test_they_are_typed(tmp_path: Path) -> None:
    with performing(silence(tmp_path / "song.mid"), ["string-quartet"], FAST) as one:
        one.press(":violin2 90\r:levels.viola 7\r:viola 200\r")
        assert one.take_news() == ["Violin 2 = 90", "Viola = 7", "Viola: 200 is not from 0 to 127"]
        assert one.current
        assert one.current.levels
        assert one.current.levels.settings == {"Violin 1": 100, "Violin 2": 90, "Viola": 7, "Cello": 100}
