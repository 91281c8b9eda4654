"""What a band that answers tells of itself, kept: for a screen as it stands, for a picture as it went."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ripieno.daemon.plot import Bar, Plans
from ripieno.models.continuation.representation import POSITIONS

if TYPE_CHECKING:
    from ripieno.native.continuation import BandReport

STATES = ("listening", "answering", "comping")
# Who is heard in each state, as a picture says it.
_TURNS = {"listening": "you", "answering": "the band", "comping": "together"}


@dataclass
class AnswerLog:
    """What a band planned, committed and left out, by the notes' serial numbers; frames of the driver.

    dropped: by the beat, and only of the last plan for that beat: one that plays along thinks again at every key.
    """

    planned: dict[int, "BandReport"] = field(default_factory=dict)
    committed: dict[int, "BandReport"] = field(default_factory=dict)
    dropped: dict[int, list["BandReport"]] = field(default_factory=dict)
    turns: list[tuple[int, str]] = field(default_factory=list)

    def hear(self, reports: Iterable["BandReport"]) -> None:
        """Take in what happened."""
        for report in reports:
            if report.kind == "planned":
                self.planned[report.serial] = report
                self.dropped.pop(report.tick // POSITIONS, None)
            elif report.kind == "committed":
                self.planned.pop(report.serial, None)
                self.committed[report.serial] = report
            elif report.kind == "dropped":
                self._drop(report.serial)
            elif report.kind == "state":
                self.turns.append((report.frame, STATES[report.value]))

    def _drop(self, serial: int) -> None:
        for kept in (self.planned, self.committed):
            if serial in kept:
                note = kept.pop(serial)
                self.dropped.setdefault(note.tick // POSITIONS, []).append(note)

    def bars(self, rate: int, until: int) -> list[Bar]:
        """The notes that sounded."""
        return [_bar(one, rate, until) for one in self.committed.values() if one.frame < until]

    def plans(self, rate: int, until: int) -> Plans:
        """The notes that never sounded, and whose turn it was."""
        never = [*(note for notes in self.dropped.values() for note in notes), *self.planned.values()]
        turns = [(frame / rate, _TURNS[state]) for frame, state in self.turns if 0 < frame < until]
        return Plans([_bar(one, rate, until) for one in never if one.frame < until], turns)


def _bar(report: "BandReport", rate: int, until: int) -> Bar:
    end = min(report.until, until)
    return Bar(report.frame / rate, end / rate, report.pitch, report.velocity, report.instrument)
