"""What of the band's plan is settled: the notes that will sound, before they do."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ripieno.native.continuation import BandReport


class PlannedNote(NamedTuple):
    """A note that is settled. on, off: the driver's frames. instrument: its place in the ensemble."""

    on: int
    off: int
    instrument: int
    pitch: int
    velocity: int


class Ahead:
    """The notes that are settled, until they end or are taken back."""

    def __init__(self) -> None:
        self._notes: dict[int, PlannedNote] = {}  # by their serial numbers
        self._told: tuple[PlannedNote, ...] | None = ()

    def hear(self, reports: "Iterable[BandReport]") -> None:
        """Take in what the band settled, and what it took back."""
        for one in reports:
            if one.kind == "committed" and one.instrument is not None:
                note = PlannedNote(one.frame, one.until, one.instrument, one.pitch, one.velocity)
                self._notes[one.serial], self._told = note, None
            elif one.kind == "dropped" and one.serial in self._notes:
                del self._notes[one.serial]
                self._told = None

    def notes(self, frame: int) -> tuple[PlannedNote, ...]:
        """Those that did not end before this frame, in the order in which they were settled; the same tuple for as long
        as nothing was settled or taken back."""
        if self._told is None:
            self._notes = {serial: note for serial, note in self._notes.items() if note.off >= frame}
            self._told = tuple(self._notes.values())
        return self._told
