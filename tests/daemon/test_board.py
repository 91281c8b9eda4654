"""The board sums up the engine's reports: who sounds, who played, who is switched off."""

from ripieno.daemon import presets
from ripieno.daemon.board import Board
from ripieno.native.engine import Report

RATE = 48_000


def report(kind: str, instrument: int | None = None, pitch: int = 60, **more: int) -> Report:
    fields = {"frame": 0, "key_frame": 0, "port": 0, "channel": 0, "velocity": 64, "from_": None, "value": 0} | more
    flags = {"fallback": False, "late": False, "shared": False}
    return Report(kind=kind, instrument=instrument, pitch=pitch, **fields, **flags)


def board() -> Board:
    return Board(presets.load("string-quartet", ["model=closest"]), RATE)


def notes(it: Board) -> list[list[str]]:
    return [player.notes() for player in it.players]


def test_notes_sound_until_they_end() -> None:
    it = board()
    it.hear([report("note_in", pitch=67), report("note_on", 1, 67, frame=480), report("note_on", 1, 64)])
    assert notes(it) == [[], ["E4", "G4"], [], []]
    assert (it.last_key, it.longest_delay_ms) == ("G4", 10.0)
    it.hear([report("note_off", 1, 67)])
    assert notes(it) == [[], ["E4"], [], []]
    assert [player.played for player in it.players] == [0, 2, 0, 0]


def test_a_note_that_changes_hands_is_shown_where_it_is() -> None:
    it = board()
    it.hear([report("note_on", 0, 55), report("move", 2, 55, from_=0), report("note_on", 3, 40)])
    assert notes(it) == [[], [], ["G3"], ["E2"]]
    colors = dict(zip(range(21, 109), (color for _, color in it.keyboard()), strict=True))
    assert colors[55] == it.players[2].color
    assert colors[40] == it.players[3].color
    assert colors[41] == ""


def test_switches_and_panic() -> None:
    it = board()
    it.hear([report("voice", 2, value=0), report("note_on", 0), report("panic")])
    assert [player.enabled for player in it.players] == [True, True, False, True]
    assert not any(notes(it))


def test_notes_of_a_larger_preset_end_on_a_smaller_one() -> None:
    it = board()
    it.hear([report("note_on", 3, 40)])
    it.change(presets.load("thru"))
    it.hear([report("note_off", 3, 40), report("note_on", None, 62)])
    assert notes(it) == [["D4"]]
