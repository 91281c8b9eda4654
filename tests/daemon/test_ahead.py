"""What of the band's plan is settled."""

from ripieno.daemon.ahead import Ahead, PlannedNote
from ripieno.native.continuation import BandReport


def report(kind: str, serial: int, on: int = 0, off: int = 0, instrument: int | None = 1) -> BandReport:
    return BandReport(kind, on, off, 0, serial, 1, instrument, 60, 80, False, 0, 0.0)


def test_notes_are_ahead_until_they_end_or_are_taken_back() -> None:
    ahead = Ahead()
    assert ahead.notes(0) is ahead.notes(99) == ()
    ahead.hear([report("planned", 1, 5, 9), report("committed", 1, 100, 200), report("committed", 2, 150, 300)])
    first, second = PlannedNote(100, 200, 1, 60, 80), PlannedNote(150, 300, 1, 60, 80)
    assert ahead.notes(0) == (first, second)
    assert ahead.notes(250) is ahead.notes(0)  # nothing new is to be told
    ahead.hear([report("state", 0), report("dropped", 7), report("committed", 3, 400, 500, None)])
    assert ahead.notes(0) == (first, second)
    ahead.hear([report("committed", 4, 260, 400)])
    assert ahead.notes(250) == (second, PlannedNote(260, 400, 1, 60, 80))
    ahead.hear([report("dropped", 4)])
    assert ahead.notes(260) == (second,)
