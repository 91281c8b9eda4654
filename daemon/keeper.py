"""Presets come and go in a thread of their own, so that no key waits for a model or a plugin that is slow to load."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ripieno.daemon.ready import Ready
    from ripieno.native.engine import Engine


class Keeper:
    """Makes presets ready that are to come, and ends those that are gone once the engine has let them go.

    Its one thread lives until `end`: a plugin's process ends with the thread that began it.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "ripieno-presets")
        self._making: tuple[int, Future[Ready]] | None = None
        self._leaving: list[Ready] = []
        self._ending: list[Future[list[str]]] = []

    @property
    def making(self) -> int | None:
        """The number of the preset that is being made ready."""
        return self._making[0] if self._making else None

    def begin(self, index: int, make: "Callable[[], Ready]") -> None:
        """Make the preset of that number ready; none may be under way."""
        assert not self._making
        self._making = (index, self._thread.submit(make))

    def take(self) -> "Ready | None":
        """The one that is ready now, None while there is none. UserError where it cannot be."""
        if not self._making or not self._making[1].done():
            return None
        (_, future), self._making = self._making, None
        return future.result()

    def leave(self, ready: "Ready") -> None:
        """It is no longer wanted, and ends when the engine has given its rig back."""
        self._leaving.append(ready)

    def discard(self, ready: "Ready") -> None:
        """It ends: no engine has it."""
        self._ending.append(self._thread.submit(ready.close))

    def tend(self, engine: "Engine") -> list[str]:
        """Now and then: ends what the engine has given back; returns news."""
        for ready in [one for one in self._leaving if not engine.holds(one.rig)]:
            self._leaving.remove(ready)
            self.discard(ready)
        over = [future for future in self._ending if future.done()]
        self._ending = [future for future in self._ending if not future.done()]
        return [news for future in over for news in future.result()]

    def end(self) -> list[str]:
        """End all there is, with no engine left; returns news."""
        if self._making and not self._making[1].exception():
            self.discard(self._making[1].result())
        for ready in self._leaving:
            self.discard(ready)
        self._making, self._leaving = None, []
        self._thread.shutdown()
        return [news for future in self._ending for news in future.result()]
