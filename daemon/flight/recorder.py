"""The flight recorder of a performance: what to call, and when, from the loop that watches it."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from ripieno.daemon.errors import UserError
from ripieno.daemon.flight.log import FlightLog, new_session
from ripieno.daemon.flight.report import write_report

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance
    from ripieno.native.engine import Engine

REPORT = "report.html"
_SAMPLE_SECONDS = 1.0


class FlightRecorder:
    """Records one session into a folder of its own, and writes its gig report in the end.

    In order: `attach` each engine before a driver runs it; `begin`, `tend` a few times a second and `hear` while it
    plays; `over` when no driver runs the engine any longer. Nothing of it raises.
    """

    def __init__(
        self,
        client: str,
        folder: Path | None = None,
        sound: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """folder: where sessions are kept, None: the user's state folder. sound: keep what comes in at audio inputs."""
        self.log = FlightLog(new_session(client, folder), {"client": client}, sound=sound)
        self._clock, self._next, self._complained = clock, 0.0, False
        self._begun = False

    def attach(self, engine: "Engine", sounding: bytes = b"") -> None:
        """An engine that no driver runs yet; sounding: its black box as it is now."""
        self.log.attach(engine, sounding)

    def begin(self, performance: "Performance") -> None:
        """It plays now."""
        self._begun = True
        self.log.start()
        self.tend(performance)

    def tend(self, performance: "Performance") -> None:
        """Once a second, how it all stands is kept; what goes wrong with that is news, once."""
        from ripieno.daemon.display import status

        if self.log.trouble and not self._complained:
            performance.news.append(self.log.trouble)
            self._complained = True
        if self._clock() < self._next:
            return
        self._next = self._clock() + _SAMPLE_SECONDS
        values = status(performance) | {"lost": performance.engine.stats().lost}
        values.pop("players", None)
        self.log.sample(values)

    def hear(self, news: Iterable[str]) -> None:
        """What the user is told."""
        for text in news:
            self.log.news(text)

    def end(self) -> None:
        """It is about to end; what its end brings is still recorded."""

    def over(self) -> str:
        """It has ended: all is written, and the report of it; returns what there is to tell. What never began to play
        leaves nothing: with --wait that may come again and again."""
        self.log.end()
        if not self._begun:
            rmtree(self.log.folder, ignore_errors=True)
            return ""
        if self.log.trouble:
            return "" if self._complained else self.log.trouble
        report = self.log.folder / REPORT
        try:
            write_report(self.log.folder, report)
        except UserError as error:
            return str(error)
        return f"the session's report: {report}"
