"""The songs of a performance that are ready, and those that are to be made ready next."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ripieno.daemon.ready import is_heavy

if TYPE_CHECKING:
    from ripieno.daemon.presets import Preset
    from ripieno.daemon.ready import Ready


class Shelf:
    """What waits in the engine's slots: the song that plays, the next, the one before; and all that take little memory.

    ready: by their numbers. failed: those that cannot be played, and why.
    """

    def __init__(self, presets: "Sequence[Preset]") -> None:
        self._heavy = [is_heavy(one) for one in presets]
        self.ready: dict[int, Ready] = {}
        self.failed: dict[int, str] = {}

    def _near(self, playing: int, wanted: int | None) -> list[int]:
        """Those that must be ready, the most urgent first; round and round, as the engine counts."""
        count = len(self._heavy)
        first = [] if wanted is None else [wanted]
        return list(dict.fromkeys([*first, playing, (playing + 1) % count, (playing - 1) % count]))

    def missing(self, playing: int, wanted: int | None) -> int | None:
        """The next to be made ready, None: nobody is missing."""
        count = len(self._heavy)
        light = [(playing + n) % count for n in range(count) if not self._heavy[(playing + n) % count]]
        for index in [*self._near(playing, wanted), *light]:
            if index not in self.ready and index not in self.failed:
                return index
        return None

    def surplus(self, playing: int, wanted: int | None) -> list[int]:
        """Those that are ready, and take more memory than they are worth now."""
        near = self._near(playing, wanted)
        return [index for index in self.ready if self._heavy[index] and index not in near]
