"""A recording played again by the same engine, off line, and the first place where something else leaves."""

import base64
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ripieno.daemon.errors import UserError
from ripieno.daemon.flight.file import CYCLES, END, HEAD, RIG, Recording
from ripieno.daemon.flight.origin import Remade
from ripieno.native.engine import BLACKBOX_SIZE, Engine, Rig, run_offline
from ripieno.native.flight import LAYOUT, Difference, Item, Replay, cycles


@dataclass
class Outcome:
    """What a replay found. differences: cycles in which something else left; first: the first of them, its cycle
    counted from the engine's beginning; rate: frames a second; told: what there is to know, in sentences; ended: the
    recording has its end; trouble: where and why it has not."""

    cycles: int = 0
    frames: int = 0
    engines: int = 0
    rate: int = 48000
    differences: int = 0
    first: Difference | None = None
    told: list[str] = field(default_factory=list)
    ended: bool = False
    trouble: str = ""

    @property
    def same(self) -> bool:
        """Every byte left as it did then."""
        return self.first is None and self.cycles > 0

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        first = self.first and {
            "cycle": self.first.cycle,
            "frame": self.first.frame,
            "missing": self.first.missing,
            "was": self.first.was and show_item(self.first.was),
            "is": self.first.is_ and show_item(self.first.is_),
        }
        return {
            "same": self.same,
            "cycles": self.cycles,
            "seconds": round(self.frames / self.rate, 3),
            "engines": self.engines,
            "differences": self.differences,
            "first": first,
            "ended": self.ended,
            "trouble": self.trouble,
            "told": self.told,
        }


class _Take:
    """One engine's part of a recording, being played again."""

    def __init__(self, head: dict[str, Any], outcome: Outcome) -> None:
        self.head, self.outcome, self.origins = head, outcome, dict[int, dict[str, Any]]()
        self.remade = Remade(head["sample_rate"])
        self.period = 0
        box = bytearray(base64.b64decode(head["sounding"]) or bytes(BLACKBOX_SIZE))
        ports = (head["inputs"], head["outputs"])
        audio = {"audios": head["audios"], "audio_inputs": head["audio_inputs"]}
        self.engine = Engine(head["sample_rate"], *ports, **audio, blackbox=box)
        self.replay: Replay | None = None
        outcome.engines += 1
        outcome.rate = head["sample_rate"]

    def play(self, data: bytes) -> None:
        """Cycles of it. UserError where they make no sense."""
        self._note(data)
        if not self.replay:
            if not self.head["first"]:
                self._begin_amid(next(cycles(data)).frame)
            self.replay = Replay(self.engine, self._rig)
        for difference in self.replay.play(data):
            self.outcome.differences += 1
            self.outcome.first = self.outcome.first or difference

    def _note(self, data: bytes) -> None:
        """What is to be known of cycles before they are played."""
        heard = False
        for cycle in cycles(data):
            self.outcome.cycles += cycle.cycles
            self.outcome.frames += cycle.cycles * cycle.frames
            self.period = max(self.period, cycle.period, cycle.frames)
            heard |= cycle.heard
        if heard:
            self._tell("sound came in and was not kept: what it became cannot be the same (`ripieno run --flight`)")

    def _rig(self, address: int) -> Rig:
        if address not in self.origins:
            raise UserError(f"the recording has a rig that it does not tell of ({address:#x})")
        rig = self.remade.rig(self.origins[address], self.period)
        for news in self.remade.news:
            self._tell(news)
        return rig

    def _begin_amid(self, frame: int) -> None:
        """The recording begins while something plays: by the rig of then, with nothing known of what sounded."""
        self._tell("its beginning is not here any more: differences may come from what sounded and was known then")
        if self.head["rig"] in self.origins:
            self.engine.load(self._rig(self.head["rig"]))
            run_offline(self.engine, [], frame, from_frame=frame)

    def _tell(self, text: str) -> None:
        if text not in self.outcome.told:
            self.outcome.told.append(text)

    def close(self) -> None:
        """End it."""
        if self.replay:
            self.replay.close()
        self.engine.close()
        self.remade.end()


def replay(path: Path, progress: Callable[[float], None] = lambda share: None) -> Outcome:
    """Play a recording, a folder or a segment of one, again. progress: told the share done, 0 to 1.

    UserError, naming the file, where it cannot be: no recording of ours, one of another build of the engine, a model
    that is not here any more.
    """
    recording, outcome, take = Recording(path), Outcome(), None
    done, whole = 0, max(1, recording.size)
    try:
        for record in recording.records():
            done += len(record.body)
            progress(min(1.0, done / whole))
            if record.kind == HEAD and (record.values["first"] or not take):
                if take:
                    take.close()
                take = _Take(_checked(record.values, record.segment), outcome)
            elif record.kind == RIG and take:
                take.origins[record.values["address"]] = record.values
            elif record.kind == CYCLES and take:
                take.play(record.cycles)
            outcome.ended = record.kind == END
    except (ValueError, KeyError) as error:
        raise UserError(f"{path}: it makes no sense after cycle {outcome.cycles}: {error!r}") from None
    finally:
        if take:
            take.close()
    outcome.trouble = recording.trouble
    return outcome


def _checked(head: dict[str, Any], path: Path) -> dict[str, Any]:
    if head["layout"] != [*LAYOUT, sys.byteorder]:
        what = f"it was recorded by ripieno {head['version']} on another machine, or by another build of it"
        raise UserError(f"{path}: {what}: only that can play it again (`--report` can tell of it here, too)")
    return head


def show_item(item: Item) -> str:
    """Something that left, for people."""
    if item.kind == "audio":
        return f"audio output {item.port}: other sound ({item.data[::-1].hex()})"
    kept = item.data.hex(" ") + (" ..." if len(item.data) == 16 else "")
    refused = ", for which there was no room" if item.kind == "refused" else ""
    return f"output {item.port}, {item.offset} frames in: {kept}{refused}"


def describe(outcome: Outcome) -> str:
    """What was found, for people."""
    length = f"{outcome.cycles} cycles, {outcome.frames / outcome.rate:.1f} s"
    lines = [f"the same bytes, in all of {length}"] if outcome.same else []
    if not outcome.cycles:
        lines = ["there is no cycle in it"]
    if outcome.first:
        lines = _difference(outcome.first, outcome.rate)
        lines.append(f"  {outcome.differences} of {length} differ")
    if not outcome.ended:
        lines.append(outcome.trouble or "it has no end: it goes on, or was ended by a crash")
    return "\n".join(lines + outcome.told)


def _difference(first: Difference, rate: int) -> list[str]:
    where = f"cycle {first.cycle}, frame {first.frame} ({first.frame / rate:.3f} s)"
    if first.missing:
        return [f"before {where}: {first.missing} cycles were not recorded; nothing can be said of what follows"]
    was, is_ = (show_item(item) if item else "nothing" for item in (first.was, first.is_))
    return [f"it differs first in {where}", f"  then  {was}", f"  now   {is_}"]
