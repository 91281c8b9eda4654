"""Plugins come and go in a thread of their own, so that no key waits for one that is slow to open or to end."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from ripieno.daemon.chains import Chains

if TYPE_CHECKING:
    from ripieno.native.engine import Engine, Rig

Opened = tuple[Chains, list[str]]
"""Plugins, ready to play, and what there is to tell of them."""


class Keeper:
    """Opens the plugins of a preset to come, and ends those of one that is gone once the engine has let them go.

    Its one thread lives until `end`: a plugin's process ends with the thread that began it.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "ripieno-plugins")
        self._opening: tuple[int, Future[Opened]] | None = None
        self._leaving: list[tuple[Rig, Chains]] = []
        self._ending: list[Future[list[str]]] = []

    @property
    def busy(self) -> bool:
        """Plugins are being opened."""
        return self._opening is not None

    def begin(self, index: int, make: Callable[[], Opened]) -> None:
        """Open plugins, for the preset of that number; none may be under way."""
        assert not self._opening
        self._opening = (index, self._thread.submit(make))

    def take(self) -> tuple[int, Chains, list[str]] | None:
        """Those that are open now, None while there are none."""
        if not self._opening or not self._opening[1].done():
            return None
        (index, future), self._opening = self._opening, None
        return index, *future.result()

    def leave(self, rig: "Rig", chains: Chains) -> None:
        """These are no longer wanted, and end when the engine has given their rig back."""
        self._leaving.append((rig, chains))

    def discard(self, chains: Chains) -> None:
        """These end: no engine has them."""
        self._ending.append(self._thread.submit(chains.close))

    def tend(self, engine: "Engine") -> list[str]:
        """Now and then: ends what the engine has given back; returns news."""
        for rig, chains in [one for one in self._leaving if not engine.holds(one[0])]:
            self._leaving.remove((rig, chains))
            self.discard(chains)
        over = [future for future in self._ending if future.done()]
        self._ending = [future for future in self._ending if not future.done()]
        return [news for future in over for news in future.result()]

    def end(self) -> list[str]:
        """End all there is, with no engine left; returns news."""
        if self._opening:
            self.discard(self._opening[1].result()[0])
        for _, chains in self._leaving:
            self.discard(chains)
        self._opening, self._leaving = None, []
        self._thread.shutdown()
        return [news for future in self._ending for news in future.result()]
