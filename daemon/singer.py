"""The voice that sings along, from the daemon's side: made of a preset, set while it sings, and told of."""

import random
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ripieno.daemon.band import Load
from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.pitch import show_pitch
from ripieno.daemon.presets import Preset, Singing
from ripieno.daemon.schema import PRESET_KEYS, Key
from ripieno.daemon.settings import Command, Settings
from ripieno.daemon.singing_keys import HIGHEST, INTERVALS, LOWEST, MODES, SINGING_KEYS, own_range

if TYPE_CHECKING:
    from ripieno.native.singer import SingerWeights
    from ripieno.native.singing import Singing as Core
    from ripieno.native.singing import SingingReport

_FIXED = frozenset({"weights"})
LIVE: dict[str, Key] = {key.name: key for key in SINGING_KEYS if key.name not in _FIXED}
LIVE |= {key.name: key for key in PRESET_KEYS if key.name == "seed"}  # the preset's own, and set like the others
_COUNTS = ("blocks", "late", "notes", "heard", "unheard", "refused", "faults")
_KEPT = 500  # blocks of the past that are kept for the screen: 8 seconds
_SEEDS = 10_000
_ENDING_SECONDS = 8
_SILENT = 2  # phonations below this have no pitch
_REST_DB = -120.0


@dataclass(frozen=True)
class SingerModel:
    """Weights ready to sing, and the names of the voices that they have, in their order."""

    weights: "SingerWeights"
    voices: tuple[str, ...]


@cache
def singer_model(name: str) -> SingerModel:
    """The model of a preset's `weights`: a name or a path. UserError, naming the file, where it cannot be used."""
    from ripieno.models.card import WeightsError
    from ripieno.models.singing import stored

    try:
        read = stored.read(name)
        return SingerModel(stored.weights(read), stored.voices(read))
    except WeightsError as error:
        raise UserError(str(error)) from None


def parameters(name: str, value: Any, voices: Sequence[str]) -> dict[str, float]:
    """A key's value as the core's parameters. voices: the model's. UserError for a voice that it has not."""
    if name == "range":
        return dict(zip(("low", "high"), value, strict=True))
    if name == "voice":
        if value and value not in voices:
            raise UserError(f"voice: nobody is called {value!r}; {did_you_mean(value, list(voices))}")
        return {"voice": voices.index(value) if value else 0}
    words = {"mode": MODES.index, "interval": INTERVALS.__getitem__}
    return {name: float(words[name](value) if name in words else value)}


class Singer(Settings):
    """A voice that sings now.

    settings: the preset's, with what was changed since; seed: likewise. latest: the last blocks, the newest at the end.
    The sound itself is none of its business.
    """

    who, live, fixed = "the voice", LIVE, _FIXED
    settings: Singing

    def __init__(self, preset: Preset, core: "Core", voices: Sequence[str], rate: int) -> None:
        assert preset.singing
        cycles = {"mode": MODES, "interval": tuple(INTERVALS), "voice": voices, "on": (False, True)}
        super().__init__(replace(preset.singing, voice=preset.singing.voice or voices[0]), cycles)
        self.core, self.rate, self.seed, self.voices = core, rate, preset.seed, voices
        voice = LIVE["voice"]
        self.live = LIVE | {"voice": replace(voice, kind=replace(voice.kind, words=tuple(voices)))}
        self.latest: deque[SingingReport] = deque(maxlen=_KEPT)
        self._load = Load()

    # What is set while it sings.

    def apply(self, name: str, value: Any) -> None:
        if name in ("voice", "range"):
            self._send(parameters("range", self._span(replace(self.settings, **{name: value})), self.voices))
        if name != "range":
            self._send(parameters(name, value, self.voices))

    def _send(self, numbers: Mapping[str, float]) -> None:
        for parameter, number in numbers.items():
            self.core.set(parameter, number)

    def _span(self, settings: Singing) -> tuple[int, int]:
        return settings.range or own_range(settings.voice or self.voices[0])

    def now(self, name: str) -> Any:
        return self.seed if name == "seed" else super().now(name)

    def keep(self, name: str, value: Any) -> None:
        if name == "seed":
            self.seed = value
        else:
            super().keep(name, value)

    @property
    def range(self) -> tuple[int, int]:
        """The lowest and the highest note that it may sing now."""
        return self._span(self.settings)

    def move_range(self, by: int) -> str:
        """Semitones up or down; at the end of what a voice can do it stays."""
        low, high = self.range
        if low + by < LOWEST or high + by > HIGHEST:
            return f"range = {LIVE['range'].kind.show((low, high))} is as far as it goes"
        return self.set("range", [low + by, high + by])

    def other_seed(self) -> str:
        """Another song, by chance."""
        return self.set("seed", random.randrange(_SEEDS))

    # What it tells.

    def hear(self) -> "list[SingingReport]":
        """What happened since the last time."""
        reports = self.core.poll()
        self.latest += [report for report in reports if report.kind == "block"]
        return reports

    def silence(self) -> None:
        """The panic key was pressed: nothing of the past is shown."""
        self.latest.clear()

    def sounds(self) -> bool:
        """Whether there is anything to be heard."""
        return bool(self.core.stats().sounding)

    def longest_ending(self) -> int:
        """Frames that it may sing on for off line, after the player's end."""
        return round(_ENDING_SECONDS * self.rate)

    def line(self, dots: int) -> list[tuple[int, float]]:
        """The last seconds of its line for a screen so many dots wide: (dot from the left, MIDI pitch)."""
        first = _KEPT - len(self.latest)
        return [
            ((first + place) * dots // _KEPT, one.pitch + one.cents[-1] / 100)
            for place, one in enumerate(self.latest)
            if one.phonation >= _SILENT
        ]

    def status(self) -> dict[str, Any]:
        """How it stands, as plain values."""
        stats = self.core.stats()
        now = self.latest[-1] if self.latest else None
        sings = now is not None and now.phonation >= _SILENT
        return {
            "sings": show_pitch(now.pitch) if now and sings else "",
            "cents": round(now.cents[-1], 1) if now and sings else 0.0,
            "level_db": round(max(now.level), 1) if now and sings else _REST_DB,
            **{name: getattr(stats, name) for name in _COUNTS},
            "held_ms": 8 * stats.held,
            "load": self._load.share(stats.busy),
            "longest_ms": round(stats.longest / 1e6, 3),
            "lead_ms": round(stats.lead * 1000 / self.rate, 3),
            "settings": {name: getattr(self.settings, name) for name in LIVE if name != "seed"}
            | {"range": [show_pitch(pitch) for pitch in self.range], "seed": self.seed},
        }


def news_of(reports: "Iterable[SingingReport]") -> list[str]:
    """What of the reports a player should be told, in sentences."""
    faults = any(report.kind == "fault" for report in reports)
    return ["the singer's scores are no numbers: it rests; are its weights whole?"] if faults else []


def make_singer(preset: Preset, rate: int, synchronous: bool = False) -> Singer:
    """The voice of a preset with [singing], ready to start; synchronous: off line, where it needs no thread.

    UserError where its weights or its voice cannot be used.
    """
    from ripieno.native.singing import Singing as Core
    from ripieno.native.singing import SingingConfig

    settings = preset.singing
    assert settings
    model = singer_model(settings.weights)
    numbers: dict[str, float] = {"seed": preset.seed}
    voice = settings.voice or model.voices[0]
    chosen = {"voice": voice, "range": settings.range or own_range(voice)}
    for name in LIVE:
        if name != "seed":
            numbers |= parameters(name, chosen.get(name, getattr(settings, name)), model.voices)
    config = SingingConfig(
        sample_rate=rate,
        in_channels=[channel - 1 for channel in preset.in_channels],
        synchronous=synchronous,
        parameters=numbers,
    )
    return Singer(preset, Core(model.weights, config), model.voices, rate)


KEYS: dict[str, Command] = {
    "a": Command("it sings or not", lambda singer: singer.cycle("on")),
    "m": Command("mode", lambda singer: singer.cycle("mode")),
    "v": Command("voice", lambda singer: singer.cycle("voice")),
    "e": Command("another seed", lambda singer: singer.other_seed(), "voice/other-seed"),
    "f": Command("follow less", lambda singer: singer.step("follow", -0.5)),
    "F": Command("follow more", lambda singer: singer.step("follow", 0.5)),
    "[": Command("sing less", lambda singer: singer.step("activity", -0.1)),
    "]": Command("sing more", lambda singer: singer.step("activity", 0.1)),
    "(": Command("lower", lambda singer: singer.move_range(-1)),
    ")": Command("higher", lambda singer: singer.move_range(1)),
    "b": Command("darker", lambda singer: singer.step("brightness", -0.1)),
    "B": Command("brighter", lambda singer: singer.step("brightness", 0.1)),
    "x": Command("less vibrato", lambda singer: singer.step("vibrato", -0.1)),
    "X": Command("more vibrato", lambda singer: singer.step("vibrato", 0.1)),
    "r": Command("less breath", lambda singer: singer.step("breath", -0.1)),
    "R": Command("more breath", lambda singer: singer.step("breath", 0.1)),
    "l": Command("softer", lambda singer: singer.step("volume", -1)),
    "L": Command("louder", lambda singer: singer.step("volume", 1)),
}
