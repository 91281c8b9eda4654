"""The band that answers, from the daemon's side: made of a preset, set while it plays, and told of."""

import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ripieno.daemon.ahead import Ahead
from ripieno.daemon.answer_model import answer_model
from ripieno.daemon.answers import STATES
from ripieno.daemon.cast import model_codes
from ripieno.daemon.continuation_keys import CONTINUATION_KEYS, show_key
from ripieno.daemon.presets import Continuation, Preset
from ripieno.daemon.schema import Key
from ripieno.daemon.settings import Command, Settings
from ripieno.models.continuation.instruments import PIANO
from ripieno.models.continuation.representation import STYLES

if TYPE_CHECKING:
    from ripieno.native.continuation import BandReport
    from ripieno.native.continuation import Continuation as Core

# What only a new start can change.
_FIXED = frozenset({"mode", "weights", "player", "style", "beats"})
LIVE: dict[str, Key] = {key.name: key for key in CONTINUATION_KEYS if key.name not in _FIXED}
_PEDALS = {"off": 0, "sostenuto": 66, "soft": 67}
_CYCLES: dict[str, tuple[str, ...]] = {
    "tempo_source": ("fixed", "tap", "follow"),
    "while_playing": ("yield", "comp"),
    "key": ("off", "auto"),
}
_COUNTS = (
    *("heard", "merged", "thinned", "unheard"),
    *("planned", "committed", "sounded", "dropped", "cancelled", "doubled"),
    *("late", "missed", "faults", "handovers"),
)
# Off line: how long an answer is that the preset lets go on, and how long its last notes may ring.
_ANSWER_BARS, _RING_BEATS = 8, 2

_LOAD_SECONDS = 0.9
_FEW = 512  # committed notes of which the last one's place is remembered


def parameters(name: str, value: Any) -> dict[str, float | str]:
    """A key's value as the core's parameters."""
    if name == "key":
        root, mode = (0, value) if isinstance(value, str) else value
        return {"key_mode": mode} if isinstance(value, str) else {"key_root": root, "key_mode": mode}
    return {name: _PEDALS[value] if name == "handover_pedal" else value}


class Load:
    """The share of a core that a worker's thread takes, over the last second or more."""

    def __init__(self) -> None:
        self._since, self._busy, self._share = time.monotonic(), 0, 0.0

    def share(self, busy: int) -> float:
        """busy: nanoseconds of work so far."""
        now = time.monotonic()
        if now - self._since >= _LOAD_SECONDS:
            self._share = round((busy - self._busy) / 1e9 / (now - self._since), 4)
            self._since, self._busy = now, busy
        return self._share


class Band(Settings):
    """A band that plays now.

    settings: the preset's continuation with what was changed since. It hears the core's reports and tells how things
    stand; the notes themselves are none of its business.
    """

    who, live, fixed = "the band", LIVE, _FIXED
    settings: Continuation

    def __init__(self, preset: Preset, core: "Core", rate: int) -> None:
        assert preset.continuation
        super().__init__(preset.continuation, _CYCLES)
        self.core, self.rate = core, rate
        self._ends: deque[int] = deque([0], maxlen=_FEW)  # of the notes committed last
        self.ahead = Ahead()
        self._load = Load()

    def apply(self, name: str, value: Any) -> None:
        for parameter, number in parameters(name, value).items():
            self.core.set(parameter, number)

    # What it tells.

    def hear(self) -> "list[BandReport]":
        """What happened since the last time."""
        reports = self.core.poll()
        self.ahead.hear(reports)
        self._ends += [report.frame for report in reports if report.kind == "committed"]
        return reports

    def answer_frames(self) -> int:
        """How long a duet's answer lasts off line, after the player's end: as many bars as it may have, or some."""
        return round(answer_beats(self.settings) * 60_000 / self.core.stats().millibpm * self.rate)

    def status(self, frame: int) -> dict[str, Any]:
        """How it stands at a frame, as plain values."""
        stats = self.core.stats()
        return {
            "state": STATES[stats.state],
            "tempo": round(stats.millibpm / 1000, 1),
            "tempo_source": "clock" if stats.clock else self.settings.tempo_source,
            "ahead_s": round(max(0, max(self._ends) - frame) / self.rate, 3),
            "success": round(stats.success, 5),
            "stale": round(stats.staleness, 5),
            **{name: getattr(stats, name) for name in _COUNTS},
            "load": self._load.share(stats.busy),
            "absorb_ms": round(stats.absorb_last / 1e6, 3),
            "answer_ms": round(stats.answer_last / 1e6, 3),
            "context": stats.length,
            "settings": {name: _plain(getattr(self.settings, name)) for name in LIVE},
        }


def _plain(value: Any) -> Any:
    """A setting for JSON: a key as it is written."""
    return show_key(value) if isinstance(value, tuple) else value


def answer_beats(settings: Continuation) -> float:
    """How long to wait for an answer after the player's end, where nobody is there to end it; 0 where none comes."""
    if settings.mode != "duet":
        return 0.0
    bars = settings.answer_bars or _ANSWER_BARS
    return settings.handover_beats + bars * settings.beats + _RING_BEATS


def news_of(reports: "Iterable[BandReport]") -> list[str]:
    """What of the reports a player should be told, in sentences."""
    faults = sum(report.kind == "fault" for report in reports)
    return ["the model's scores are no numbers: the band rests; are its weights whole?"] if faults else []


def make_band(preset: Preset, rate: int, synchronous: bool = False) -> Band:
    """The band of a preset with a continuation, ready to start; synchronous: off line, where it needs no thread.

    UserError where its weights cannot be used.
    """
    from ripieno.native.continuation import Continuation, ContinuationConfig, Member

    settings = preset.continuation
    assert settings
    model = answer_model(settings.weights)
    codes = model_codes(preset)
    # Two hands that play a whole ensemble are to the model what they look like: a piano.
    own = PIANO if preset.player is None else codes[preset.player]
    members = [
        Member(code, place, *one.range, one.enabled)
        for place, (code, one) in enumerate(zip(codes, preset.ensemble, strict=True))
    ]
    numbers: dict[str, float | str] = {"seed": preset.seed}
    for name in LIVE:
        numbers |= parameters(name, getattr(settings, name))
    config = ContinuationConfig(
        members,
        player={channel - 1: own for channel in preset.in_channels},
        sample_rate=rate,
        mode=settings.mode,
        meter=settings.beats,
        style=STYLES.index(settings.style) + 1 if settings.style else 0,
        context=model.window,
        sampling=model.own,
        synchronous=synchronous,
        parameters=numbers,
    )
    return Band(preset, Continuation(model.transformer, config), rate)


KEYS: dict[str, Command] = {
    "t": Command("tap the beat", lambda band: band.core.tap(), "band/tap"),
    "h": Command("hand over", lambda band: band.core.hand_over(), "band/hand-over"),
    "y": Command("yield to you", lambda band: band.core.yield_(), "band/yield"),
    "w": Command("while you play", lambda band: band.cycle("while_playing")),
    "s": Command("who sets the tempo", lambda band: band.cycle("tempo_source")),
    "k": Command("key lock", lambda band: band.cycle("key")),
    "<": Command("slower", lambda band: band.step("tempo", -2)),
    ">": Command("faster", lambda band: band.step("tempo", 2)),
    "-": Command("tamer", lambda band: band.step("temperature", -0.1)),
    "+": Command("bolder", lambda band: band.step("temperature", 0.1)),
    ",": Command("fewer notes", lambda band: band.step("density", -0.25)),
    ".": Command("more notes", lambda band: band.step("density", 0.25)),
}
