"""Who plays what: the engine's reports, summed up for a screen, a log line or JSON."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ripieno.daemon.colors import VOICE_COLOR, color_of
from ripieno.daemon.harmony import chord_name, key_name
from ripieno.daemon.pitch import show_pitch
from ripieno.daemon.schema import DRUM_CHANNEL
from ripieno.native.key import KeyFinder

if TYPE_CHECKING:
    from ripieno.daemon.presets import Preset
    from ripieno.native.engine import Report


@dataclass
class Player:
    """An instrument as it stands: the pitches that sound now, and how many notes it has played. drums: its pitches are
    none."""

    name: str
    color: str
    enabled: bool = True
    drums: bool = False
    sounding: Counter[int] = field(default_factory=Counter)
    played: int = 0

    def notes(self) -> list[str]:
        """The names of what sounds, low to high."""
        return [show_pitch(pitch) for pitch in sorted(self.sounding)]


class Board:
    """What is known of the performance from the engine's reports."""

    def __init__(self, preset: "Preset", rate: int) -> None:
        self.rate = rate
        self.longest_delay_ms = 0.0
        self.last_key = ""
        self._hearers: dict[str, Callable[[Report], None]] = {
            "note_in": self._key,
            "note_on": self._on,
            "note_off": self._off,
            "move": self._move,
            "voice": self._switch,
            "panic": self._silence,
            "stopped": self._silence,
        }
        self.change(preset)

    def change(self, preset: "Preset") -> None:
        """Another preset plays from now on; old notes are no longer shown."""
        self.title = preset.name
        self.players = [
            Player(one.name, color_of(i, one.color), one.enabled, one.channel == DRUM_CHANNEL and not one.mpe)
            for i, one in enumerate(preset.ensemble)
        ] or [Player("Thru", color_of(0))]
        self.voice = Player("Voice", VOICE_COLOR) if preset.singing else None
        self._key_heard = KeyFinder()

    def hear(self, reports: Iterable["Report"]) -> None:
        """Take in what happened."""
        for report in reports:
            hearer = self._hearers.get(report.kind)
            if hearer:
                hearer(report)

    def player(self, report: "Report", instrument: int | None) -> Player:
        """Who plays; the first instrument where the preset has fewer, or no voice (an old preset's note ends)."""
        if report.sung and self.voice:
            return self.voice
        return self.players[instrument if instrument is not None and instrument < len(self.players) else 0]

    def _key(self, report: "Report") -> None:
        self.last_key = show_pitch(report.pitch)

    def _on(self, report: "Report") -> None:
        self._begin(report)
        if report.sung:
            return  # nobody's key
        if not self._is_drum(report):
            self._key_heard.hear(report.pitch)
        delay_ms = (report.frame - report.key_frame) * 1000 / self.rate
        self.longest_delay_ms = max(self.longest_delay_ms, delay_ms)

    def _is_drum(self, report: "Report") -> bool:
        thru = report.instrument is None
        return report.channel == DRUM_CHANNEL - 1 if thru else self.player(report, report.instrument).drums

    def _off(self, report: "Report") -> None:
        self._end(report, report.instrument)

    def _move(self, report: "Report") -> None:
        self._end(report, report.from_)
        self._begin(report)

    def _switch(self, report: "Report") -> None:
        self.player(report, report.instrument).enabled = bool(report.value)

    def _silence(self, _: "Report") -> None:
        for player in self._all():
            player.sounding.clear()

    def _begin(self, report: "Report") -> None:
        player = self.player(report, report.instrument)
        player.sounding[report.pitch] += 1
        player.played += 1

    def _end(self, report: "Report", instrument: int | None) -> None:
        player = self.player(report, instrument)
        player.sounding[report.pitch] -= 1
        if player.sounding[report.pitch] <= 0:
            del player.sounding[report.pitch]

    def harmony(self) -> dict[str, str]:
        """The chord that sounds and the key that was heard of late, by their names; "" for what is not clear."""
        key = self._key_heard.find()
        sounding = {pitch for player in self.players if not player.drums for pitch in player.sounding}
        return {"chord": chord_name(sounding, key), "key": key_name(key)}

    def _all(self) -> list[Player]:
        return [*self.players, *([self.voice] if self.voice else [])]

    def keyboard(self) -> list[tuple[str, str]]:
        """A piano's 88 keys from the left: what stands for each, and in which colour ("": nobody plays it)."""
        colors = {pitch: player.color for player in self._all() for pitch in player.sounding}
        marks = {True: "┆", False: "·"}
        return [("█", colors[p]) if p in colors else (marks[p % 12 == 0], "") for p in range(21, 109)]
