"""How loud each instrument is: MIDI controller 7 of its channel, set while it plays.

A synthesiser begins at 100 (General MIDI 1, MMA 1991): where that is wanted nothing is sent, until somebody changes it.
"""

from typing import TYPE_CHECKING, Any

from ripieno.daemon.presets import Preset
from ripieno.daemon.schema import LEVEL, USUAL_LEVEL, Key, slug
from ripieno.daemon.settings import Settings

if TYPE_CHECKING:
    from ripieno.native.engine import Engine

TITLE = "levels"
"""What the table is called beside those of the preset."""


def level_keys(preset: Preset) -> dict[str, Key]:
    """A key for each instrument, by its name."""
    return {one.name: Key(one.name, LEVEL, USUAL_LEVEL, f"How loud {one.name} is.") for one in preset.ensemble}


def sent_level(level: int) -> int | None:
    """What a rig begins with: nothing, where a synthesiser has it already."""
    return None if level == USUAL_LEVEL else level


class Levels(Settings):
    """The levels of the instruments of a preset, by name. `tell` lets the engine know."""

    who, fixed = "the ensemble", frozenset()

    def __init__(self, preset: Preset) -> None:
        super().__init__({one.name: one.level for one in preset.ensemble}, {})
        self.live = level_keys(preset)
        self._told = dict(self.settings)

    def find(self, name: str) -> str | None:
        return next((one for one in self.live if slug(one) == slug(name)), None)

    def now(self, name: str) -> Any:
        return self.settings[name]

    def keep(self, name: str, value: Any) -> None:
        self.settings[name] = value

    def apply(self, name: str, value: Any) -> None:
        """The engine is told at the performance's next look: of a fader that moved fast, where it stands then."""

    def tell(self, engine: "Engine", slot: int) -> None:
        """Let the rig in this slot have what is new."""
        for place, (name, level) in enumerate(self.settings.items()):
            if self._told[name] != level:
                engine.set_level(place, level, slot)
                self._told[name] = level
