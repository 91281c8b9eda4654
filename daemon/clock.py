"""The one clock, from the daemon's side: whom it follows, as the song that plays says; set while it plays, and shown.

The engine follows, in C (native/src/conductor.h); nothing here has a say in when a beat is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ripieno.daemon.clock_keys import CLOCK_KEYS, CLOCK_PORT, INTERNAL, JACK, LINK, MIDI, PLAYER, SOURCES, TAP
from ripieno.daemon.controls import MOST_TRIGGERS
from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.presets import Clock, Preset
from ripieno.daemon.rig import all_outputs
from ripieno.daemon.schema import Key, slug
from ripieno.daemon.settings import Command, Settings

if TYPE_CHECKING:
    from ripieno.daemon.link import LinkPeer
    from ripieno.daemon.live import Performance
    from ripieno.daemon.setlist import SetList
    from ripieno.native.engine import Engine
    from ripieno.native.timeline import TimelineState

_LIVE = ("source", "tempo")
LIVE: dict[str, Key] = {key.name: key for key in CLOCK_KEYS if key.name in _LIVE}
_FIXED = frozenset(key.name for key in CLOCK_KEYS if key.name not in _LIVE)
_BAR = 4
_OURS = (INTERNAL, TAP, PLAYER)  # sources that have no transport of their own


class ClockSettings(Settings):
    """A song's [clock], as it is now."""

    who, live, fixed = "the clock", LIVE, _FIXED
    settings: Clock

    def __init__(self, settings: Clock) -> None:
        super().__init__(settings, {"source": SOURCES})

    def apply(self, name: str, value: Any) -> None:
        """The conductor sees it at its next look."""


def check(songs: "SetList") -> None:
    """UserError: a clock is to leave on an output that is not there, or there are too many keys and controllers."""
    there = all_outputs(songs.presets)
    for preset in songs.presets:
        for name in preset.clock.out if preset.clock else ():
            if slug(name) not in map(slug, there):
                lacks = f"no output is called {name!r}; {did_you_mean(name, [*there, CLOCK_PORT])}"
                raise UserError(f"{preset.name}: clock.out: {lacks}")
        if preset.clock and len(songs.triggers()) + len(preset.clock.tap) > MOST_TRIGGERS:
            told = f"more than {MOST_TRIGGERS} keys and controllers that tap and change songs"
            raise UserError(f"{preset.name}: clock.tap: {told}")


def begin_offline(engine: "Engine", preset: Preset) -> None:
    """Off line nobody else has a clock: the preset's tempo, from the first frame on."""
    if preset.clock:
        engine.set_clock(INTERNAL, bpm=preset.clock.tempo)
        engine.transport(INTERNAL, "start", 0, 0.0, 0.0)


@dataclass(frozen=True)
class _Told:
    """What an engine was told last. settings: None: no clock."""

    engine: "Engine"
    song: int
    settings: Clock | None


class Conductor:
    """A `Watcher` of ripieno.daemon.live that lets the engine follow the clock of the song that plays, and what keys
    of the keyboard do to that."""

    def __init__(self, performance: "Performance") -> None:
        self._at = performance
        self._told: _Told | None = None
        self._link: LinkPeer | None = None
        self._heard = ""  # a source outside that was followed at the last look
        self._tapped = 0  # triggers of the engine that are in use

    # ---- a watcher ----

    def begin(self, _: "Performance") -> None:
        """It plays now."""

    def tend(self, performance: "Performance") -> None:
        """Tell of those outside who come and go."""
        line = self._line() if self.table else None
        heard = line.source if line and line.locked and line.source in (MIDI, LINK) else ""
        if line and heard and heard != self._heard:
            performance.news.append(f"the clock follows {heard}, at {line.bpm:.1f} beats a minute")
        elif line and self._heard == line.source != heard and not line.slewing:
            performance.news.append(f"{line.source} is heard no more: the tempo is held, at {line.bpm:.1f}")
        self._heard = heard
        if self._link:
            self._link.tend(performance)

    def end(self) -> None:
        """Leave a Link session."""
        if self._link:
            self._link.end()
        self._link = None

    # ---- what the engine is told ----

    @property
    def table(self) -> ClockSettings | None:
        """The clock of the song that plays."""
        return self._at.current.clock if self._at.current else None

    def look(self) -> None:
        """Tell the engine what is new, and Link what time it is; as often as anything is looked at."""
        told, table = self._told, self.table
        now = _Told(self._at.engine, self._at.playing, table.settings if table else None)
        if now != told and self._at.current:
            before = told if told and told.engine is now.engine else None
            self._told = self._tell(before, now, table)
        if self._link:
            self._link.bar = float(self.bar)
            self._link.look(self._at.engine)

    @property
    def bar(self) -> int:
        """Beats of a bar: those of the band, or four."""
        band = self._at.preset.continuation
        return band.beats if band else _BAR

    def _tell(self, before: _Told | None, now: _Told, table: ClockSettings | None) -> _Told:
        """Returns what the engine knows then. before: the last that this engine was told, None: nothing."""
        was, begins = before.settings if before else None, not before or before.song != now.song
        if table and was and not begins:
            self._hold(was, table)
        settings = table.settings if table else None
        self._join(settings)
        if settings:
            self._set(now.engine, was, settings, begins)
        elif was:
            now.engine.set_clock(INTERNAL, on=False)
        if begins or (was.tap if was else ()) != (settings.tap if settings else ()):
            self._set_taps(now.engine, settings)
        return replace(now, settings=settings)

    def _hold(self, was: Clock, table: ClockSettings) -> None:
        """The internal clock goes on with the tempo of whom it follows upon, unless it was set to another."""
        if was.source != table.now("source") == INTERNAL and was.tempo == table.now("tempo"):
            table.keep("tempo", round(self._line().bpm, 3))

    def _set(self, engine: "Engine", was: Clock | None, settings: Clock, begins: bool) -> None:
        """The engine has this clock. Where it had none, and nobody else starts it, it rolls."""
        held = was and not begins and was.tempo == settings.tempo
        inputs = _places(settings.in_, self._at.preset.inputs) or range(engine.inputs)
        outputs = _places(settings.out, self._at.outputs)
        engine.set_clock(settings.source, inputs, outputs, bpm=0 if held else settings.tempo)
        if not was and settings.source in _OURS:
            engine.transport(INTERNAL, "start", 0, 0.0, 0.0)
        if not held and not begins and settings.source == LINK and self._link:
            self._link.set_tempo(settings.tempo)
        lacks = self.lacks(settings.source)
        if lacks and (not was or was.source != settings.source):
            self._at.news.append(f"{lacks}; the tempo is held")

    def _set_taps(self, engine: "Engine", settings: Clock | None) -> None:
        """What the player taps by, behind what he changes songs by."""
        from ripieno.native.engine import Trigger

        taps = settings.tap if settings else ()
        first = len(self._at.songs.triggers())
        for which, one in enumerate(taps, first):
            channel = one.channel - 1 if one.channel else None
            engine.set_trigger(which, Trigger("tap", one.number, one.controller, channel))
        for which in range(first + len(taps), self._tapped):
            engine.set_trigger(which, None)
        self._tapped = first + len(taps)

    def _join(self, settings: Clock | None) -> None:
        """Take part in a Link session, or no longer."""
        wanted = settings is not None and (settings.link or settings.source == LINK)
        if self._link and not wanted:
            self.end()
        elif wanted and settings and not self._link and not self.lacks(LINK):
            from ripieno.daemon.link import LinkPeer

            self._link = LinkPeer(settings.tempo)
            self._link.begin(self._at)

    def lacks(self, source: str) -> str:
        """Why a source cannot be had here; "" where it can."""
        if source == JACK and self._at.driver.name != JACK:
            return f"there is no JACK transport with --driver {self._at.driver.name}"
        if source == LINK and find_spec("link") is None:
            from ripieno.daemon.link import MISSING

            return MISSING
        return ""

    # ---- what keys do ----

    def tap(self) -> str | None:
        """A beat is now. Where nobody else says which tempo it is, the taps do."""
        self._at.engine.tap(0)
        return self._set_source(TAP) if self._now("source") == INTERNAL else None

    def next_source(self) -> str:
        """Follow the next of those that can be had."""
        there = [one for one in SOURCES if not self.lacks(one) or one == self._now("source")]
        return self._set_source(there[(there.index(self._now("source")) + 1) % len(there)])

    def step(self, by: float) -> str:
        """A faster or slower tempo, if nobody else says which it is; a tapped one is the internal clock's then. JACK's
        transport has ours where it has none."""
        source, line = self._now("source"), self._line()
        if source in (MIDI, PLAYER) and line.heard:
            raise UserError(f"{source} sets the tempo; the key s goes on to another clock")
        table = self._table()
        if source != INTERNAL:
            table.keep("tempo", round(line.bpm, 3))
        if source == TAP:
            table.keep("source", INTERNAL)
        return table.step("tempo", by)

    def roll(self) -> str:
        """Start or stop the transport: beat one is now. MIDI clock may have begun before we heard it."""
        source, rolling = self._now("source"), self._line().rolling
        if source == JACK:
            raise UserError("the transport is JACK's: start and stop it there")
        if source == LINK and self._link:
            self._link.play(not rolling)
        else:
            self._at.engine.transport(INTERNAL, "stop" if rolling else "start", 0, 0.0, 0.0)
        return "the clock stops" if rolling else "the clock starts, at its first beat"

    def _table(self) -> ClockSettings:
        assert self.table
        return self.table

    def _now(self, name: str) -> Any:
        return self._table().now(name)

    def _set_source(self, source: str) -> str:
        return f"the clock's {self._table().set('source', source)}"

    def _line(self) -> "TimelineState":
        return self._at.engine.clock().timeline

    # ---- what it tells ----

    def status(self) -> dict[str, Any]:
        """How it stands, as plain values. position: in beats; bar and beat count from 1; beats: a bar's."""
        now = self._at.engine.clock()
        line, beats = now.timeline, self.bar
        bar, beat = divmod(int(line.beat // 1), beats)
        return {
            "source": line.source,
            "state": _state(line),
            "locked": line.locked,
            "bpm": round(line.bpm, 3),
            "rolling": line.rolling,
            "position": round(line.beat, 3),
            "bar": bar + 1,
            "beat": beat + 1,
            "beats": beats,
            "residual_ms": round(line.residual, 3),
            "away_ms": round(line.away, 3),
            "confidence": round(now.confidence, 3),
            "player_bpm": round(now.player_bpm or 0.0, 2),
            "ticks": now.ticks,
            "lost": now.lost,
            "sent": now.sent,
            **({"link_peers": self._link.peers} if self._link else {}),
        }


def _state(line: "TimelineState") -> str:
    """How it follows its source: it was never heard, or is not heard now, or has just been taken over."""
    if line.locked:
        return "locked"
    return "taking over" if line.slewing else "holding" if line.heard else "waiting"


def _places(names: Sequence[str], there: Sequence[str]) -> list[int]:
    """Where these stand among all ports."""
    return [place for place, one in enumerate(there) if slug(one) in map(slug, names)]


KEYS: dict[str, Command] = {
    "t": Command("tap the beat", lambda clock: clock.tap(), "clock/tap"),
    "s": Command("whose clock", lambda clock: clock.next_source(), "clock/next-source"),
    "<": Command("slower", lambda clock: clock.step(-1)),
    ">": Command("faster", lambda clock: clock.step(1)),
    " ": Command("start or stop", lambda clock: clock.roll(), "clock/roll"),
}
