"""A preset made ready: its model loaded, its plugins open, its band and its voice awake, its rig in a slot or about to
be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ripieno.daemon.band import Band, make_band
from ripieno.daemon.chain_state import Saved
from ripieno.daemon.chains import Chains, make_chains
from ripieno.daemon.clock import ClockSettings
from ripieno.daemon.errors import UserError
from ripieno.daemon.levels import TITLE as LEVELS
from ripieno.daemon.levels import Levels
from ripieno.daemon.preset_document import CLOCK, CONTINUATION, SINGING
from ripieno.daemon.presets import Preset
from ripieno.daemon.rig import build, voices
from ripieno.daemon.settings import Settings
from ripieno.daemon.singer import Singer, make_singer
from ripieno.daemon.snapshots import Snapshot, recall, snapshot_text

if TYPE_CHECKING:
    from ripieno.native.engine import Engine, Rig


@dataclass(frozen=True)
class Ports:
    """What rigs are made for: frames a second, those of the longest cycle, the names of the engine's ports."""

    rate: int
    period: int
    outputs: tuple[str, ...]
    audios: tuple[str, ...]


@dataclass(eq=False)
class Ready:
    """One that waits or plays. index: its slot. enabled: its instruments' switches. news: what there was to tell."""

    index: int
    preset: Preset
    rate: int
    rig: "Rig"
    enabled: list[bool]
    band: Band | None = None
    singer: Singer | None = None
    chains: Chains | None = None
    clock: ClockSettings | None = None
    levels: Levels | None = None
    news: list[str] = field(default_factory=list)

    @property
    def tables(self) -> dict[str, Settings]:
        """What is set while it plays, by the names of its tables in the preset."""
        own: dict[str, Settings | None] = {CONTINUATION: self.band, SINGING: self.singer, CLOCK: self.clock}
        own[LEVELS] = self.levels
        there = {name: one for name, one in own.items() if one}
        return there | (self.chains.tables if self.chains else {})

    def switch(self, engine: "Engine", place: int, enabled: bool) -> None:
        """Switch an instrument on or off (the paper's entry hint; in a band that answers: whether it may play)."""
        if self.band:
            self.band.core.enable(place, enabled)
        if self.preset.player is None:
            engine.set_voice(place, replace(voices(self.preset)[place], enabled=enabled), slot=self.index)
        self.enabled[place] = enabled

    def tell(self, engine: "Engine") -> None:
        """Let the engine, which has its rig in a slot, know of levels that are others than they were."""
        if self.levels:
            self.levels.tell(engine, self.index)

    def snapshot(self) -> str:
        """All that is set now, as TOML."""
        names = [one.name for one in self.preset.ensemble]
        return snapshot_text(self.preset, dict(zip(names, self.enabled, strict=True)), self.tables)

    def recall(self, snapshot: Snapshot, engine: "Engine") -> list[str]:
        """Be as the snapshot says; what could not be."""
        for place, one in enumerate(self.preset.ensemble):
            wanted = snapshot.enabled.get(one.name, self.enabled[place])
            if wanted != self.enabled[place]:
                self.switch(engine, place, wanted)
        return recall(snapshot, self.tables)

    def start(self) -> None:
        """Let its band and its voice begin to think."""
        for one in (self.band, self.singer):
            if one:
                one.core.start()

    def close(self) -> list[str]:
        """End it; no engine may hold its rig. Returns news."""
        for one in (self.band, self.singer):
            if one:
                one.core.stop()
        return self.chains.close() if self.chains else []


def is_heavy(preset: Preset) -> bool:
    """Whether it takes more than a little memory to keep it ready: plugins, a band, a voice."""
    return bool(preset.chain or preset.continuation or preset.singing)


def make_ready(
    index: int,
    preset: Preset,
    ports: Ports,
    snapshot: Snapshot | None = None,
    kept: Mapping[str, Saved] = {},
    progress: Callable[[float], None] = lambda share: None,
) -> Ready:
    """Load and open all that a preset needs; in the thread that will close it, for its plugins' sake.

    kept: how its plugins are to be set, by their names, instead of what their files say. UserError where a model cannot
    be used.
    """
    preset_now = _switched(preset, snapshot)
    chains, news = _open(preset, ports, kept, progress)
    try:
        band = make_band(preset_now, ports.rate) if preset.continuation else None
        voice = make_singer(preset, ports.rate) if preset.singing else None
        cores = (band.core if band else None, voice.core if voice else None, chains.rack if chains else None)
        rig = build(preset_now, ports.rate, ports.outputs, *cores, ports.audios)
    except UserError:
        if chains:
            chains.end()
        raise
    enabled = [one.enabled for one in preset_now.ensemble]
    clock = ClockSettings(preset.clock) if preset.clock else None
    levels = Levels(preset) if preset.ensemble else None
    ready = Ready(index, preset, ports.rate, rig, enabled, band, voice, chains, clock, levels, news)
    ready.news += recall(snapshot, ready.tables) if snapshot else []
    ready.start()
    return ready


def _switched(preset: Preset, snapshot: Snapshot | None) -> Preset:
    """The preset with its instruments switched as the snapshot says."""
    on: Mapping[str, bool] = snapshot.enabled if snapshot else {}
    ensemble = [replace(one, enabled=on.get(one.name, one.enabled)) for one in preset.ensemble]
    return replace(preset, ensemble=tuple(ensemble))


def _open(
    preset: Preset, ports: Ports, kept: Mapping[str, Saved], progress: Callable[[float], None]
) -> tuple[Chains | None, list[str]]:
    if not preset.chain:
        return None, []
    return make_chains(preset, ports.rate, ports.period, ports.outputs, ports.audios, progress, kept)
