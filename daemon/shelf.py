"""The songs of a performance that are ready, and those that are to be made ready next."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ripieno.daemon.ready import is_heavy

if TYPE_CHECKING:
    from ripieno.daemon.presets import Preset
    from ripieno.daemon.ready import Ready


class Shelf:
    """What waits in the engine's slots: the song that plays, the next, the one before; and all that take little memory.

    ready: by their numbers. failed: those that cannot be played, and why. edited: presets that are to take the places
    of songs, as soon as they are ready.
    """

    def __init__(self, presets: "Sequence[Preset]") -> None:
        self._heavy = [is_heavy(one) for one in presets]
        self.ready: dict[int, Ready] = {}
        self.failed: dict[int, str] = {}
        self.edited: dict[int, Preset] = {}

    def _near(self, playing: int, wanted: int | None) -> list[int]:
        """Those that must be ready, the most urgent first; round and round, as the engine counts."""
        count = len(self._heavy)
        first = [] if wanted is None else [wanted]
        return list(dict.fromkeys([*first, playing, (playing + 1) % count, (playing - 1) % count]))

    def missing(self, playing: int, wanted: int | None) -> int | None:
        """The next to be made ready, None: nobody is missing."""
        if self.edited:
            return next(iter(self.edited))
        count = len(self._heavy)
        light = [(playing + n) % count for n in range(count) if not self._heavy[(playing + n) % count]]
        for index in [*self._near(playing, wanted), *light]:
            if index not in self.ready and index not in self.failed:
                return index
        return None

    def wants(self, ready: "Ready") -> bool:
        """Whether one that is ready now is to wait in its slot."""
        edited = self.edited.get(ready.index)
        return ready.preset is edited or (ready.index not in self.ready and edited is None)

    def place(self, ready: "Ready") -> "Ready | None":
        """It waits in its slot from now on; returns the one that was there."""
        before = self.ready.get(ready.index)
        self.ready[ready.index] = ready
        self._heavy[ready.index] = is_heavy(ready.preset)
        self.failed.pop(ready.index, None)
        return before

    def surplus(self, playing: int, wanted: int | None) -> list[int]:
        """Those that are ready, and take more memory than they are worth now."""
        near = self._near(playing, wanted)
        return [index for index in self.ready if self._heavy[index] and index not in near]
