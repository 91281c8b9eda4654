"""Ableton Link: one tempo, beat, bar and start for all programs on the local network that take part in a session.

Where the clock's source is "link", the session is followed: what it says goes to the engine some thirty times a second,
and the timeline follows that. Where the source is another, the session is led: it is told our tempo, beat and start. A
bar has four beats where the band has no other.

The library is LinkPython-extern. It is Ableton's own interface (Link.hpp, the same since 2016) call by call, so that
another binding of it could take its place; the other one there is, aalink, tells an event loop of the present and
cannot say which beat it was at a moment. Link speaks to the local network by multicast, so only who asks for it has it.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import TYPE_CHECKING, Any

from ripieno.daemon.errors import UserError

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance
    from ripieno.native.engine import Engine
    from ripieno.native.timeline import TimelineState

BAR = 4.0  # beats, where nobody says otherwise
MISSING = (
    "Ableton Link needs LinkPython, which is not installed: pip install 'ripieno[link]'; or take another clock, such as"
    " --clock midi"
)
_SOON_S = 0.1  # what begins so soon is handed to the engine
_JUMP_S, _NEWS_S = 0.03, 0.1  # a beat that is so far from where it was going was set; a tempo is told of so late
_TOLD_US, _TOLD_S, _TOLD_BPM = 100_000, 0.001, 0.01  # what the session is not told: sooner, nearer
_SEARCH_US = 1_000_000  # who is there is found in that time, and then our session becomes theirs
_STEADY, _PART = 8, 0.02  # looks, after which a tempo is known that was so far from the one before
_LATELY, _PAUSE_NS = 11, 100_000_000  # cycles
_READINGS = 5


class Moments:
    """Which frame it was when. A driver says so of each cycle, now and then a little late: the median of the last ones,
    a third of a second of them, is believed."""

    def __init__(self, sample_rate: int) -> None:
        self._period = 1e9 / sample_rate
        self._frame = -1
        self._origins: deque[float] = deque(maxlen=_LATELY)  # ns of frame 0, as the last cycles have it

    def hear(self, frame: int, nanoseconds: int) -> bool:
        """A cycle began at this frame and moment; False: we knew that."""
        if frame == self._frame:
            return False
        origin = nanoseconds - frame * self._period
        if self._origins and abs(origin - self._origins[-1]) > _PAUSE_NS:  # the driver stood still, or is a new one
            self._origins.clear()
        self._origins.append(origin)
        self._frame = frame
        return True

    def nanoseconds(self, frame: int) -> int:
        """When that frame was, or will be."""
        return round(median(self._origins) + frame * self._period)


@dataclass(frozen=True)
class Moment:
    """What the session says of the beginning of a cycle. own: its beat, by this peer's count; only its place in the bar
    is the same for all. micros: by Link's clock."""

    frame: int
    micros: int
    own: float
    bpm: float
    playing: bool


def ahead(clock: Any, now: Callable[[], int] = time.monotonic_ns) -> int:
    """By how many nanoseconds the clock of cycles is ahead of Link's, which nobody adjusts and so drifts from it; by
    the quickest of some readings."""
    readings = []
    for _ in range(_READINGS):
        before, micros, after = now(), clock.micros(), now()
        readings.append((after - before, (before + after) // 2 - 1000 * micros))
    return min(readings)[1]


def open_link(tempo: float) -> Any:
    """A peer of the library's. UserError where that is missing."""
    try:
        from link import Link
    except ImportError:
        raise UserError(MISSING) from None
    return Link(tempo)


class LinkPeer:
    """Ripieno as one of a Link session, from the control thread: `look` as often as anything is looked at.

    It is one of a performance's watchers. `link` is the library's peer, `now` the clock that cycles are timed by. `bar`
    is how many beats ours have; peers that say the same have them together.
    """

    def __init__(self, tempo: float = 120.0, link: Any = None, now: Callable[[], int] = time.monotonic_ns) -> None:
        """UserError where the library is missing."""
        self._link, self._now = link or open_link(tempo), now
        self._clock, self.bar = self._link.clock(), BAR
        self._engine: Engine | None = None
        self._last: Moment | None = None
        self._playing: bool | None = None  # as both sides know, None: not asked yet
        self._told_peers = 0
        self._found = self._clock.micros() + _SEARCH_US
        self._link.startStopSyncEnabled = True
        self._link.enabled = True

    # ---- a watcher ----

    def begin(self, performance: "Performance") -> None:
        """It plays now."""
        self.look(performance.engine)

    def tend(self, performance: "Performance") -> None:
        """Tell who came and went."""
        performance.news += self.news()

    def end(self) -> None:
        """Leave the session."""
        self._link.enabled = False

    # ---- the player's ----

    @property
    def peers(self) -> int:
        """The others in the session."""
        return int(self._link.numPeers())

    def news(self) -> list[str]:
        """What there is to tell since the last time."""
        before, self._told_peers = self._told_peers, self.peers
        if self._told_peers == before:
            return []
        return [f"Link: {self._told_peers or 'no'} other{'' if self._told_peers == 1 else 's'} in the session"]

    def set_tempo(self, bpm: float) -> None:
        """The session's, so everybody's."""
        session = self._link.captureSessionState()
        session.setTempo(bpm, self._clock.micros())
        self._link.commitSessionState(session)

    def play(self, rolling: bool) -> None:
        """Start or stop everybody's transport: at the next bar, alone at once."""
        session, micros = self._link.captureSessionState(), self._clock.micros()
        if rolling:
            session.setIsPlayingAndRequestBeatAtTime(True, micros, 0.0, self.bar)
        else:
            session.setIsPlaying(False, micros)
        self._link.commitSessionState(session)

    # ---- now and then ----

    def look(self, engine: "Engine") -> None:
        """Follow the session, or lead it. Nothing happens before the driver runs and the clock is on."""
        if engine is not self._engine:
            self._begin(engine)
        state = engine.clock()
        on = state.nanoseconds and state.timeline.bpm
        if not on or not self._moments.hear(state.frame, state.nanoseconds):
            return
        moment = self._moment(state.frame)
        self._compare(moment)
        if state.timeline.source == "link":
            self._follow(engine, state.timeline, moment)
        else:
            self._lead(state.timeline, moment)
        self._last = moment

    def _begin(self, engine: "Engine") -> None:
        """Nothing is known of this engine."""
        self._engine, self._moments = engine, Moments(engine.sample_rate)
        self._last = None
        self._following = self._arrived = False  # arrived: with the session, after another clock
        self._playing = None
        self._placed = self._settled = self._told = 0  # two frames, a microsecond
        self._steady, self._was_set = 0, False  # looks since another tempo came; the beat was set since the last look

    def _moment(self, frame: int) -> Moment:
        micros = (self._moments.nanoseconds(frame) - ahead(self._clock, self._now)) // 1000
        session = self._link.captureSessionState()
        return Moment(frame, micros, session.beatAtTime(micros, self.bar), session.tempo(), session.isPlaying())

    def _compare(self, moment: Moment) -> None:
        """Has the session another tempo than at the last look; is its beat not where it was going, for somebody joined,
        or set it?"""
        last = self._last
        if last is None:
            return
        minutes, changed = (moment.micros - last.micros) / 60e6, abs(moment.bpm - last.bpm)
        ways = sorted((last.own + minutes * last.bpm, last.own + minutes * moment.bpm))
        leeway = (_JUMP_S * moment.bpm + _NEWS_S * changed) / 60
        self._was_set = not ways[0] - leeway <= moment.own <= ways[1] + leeway
        self._steady = 0 if changed > _PART * last.bpm else self._steady + 1

    # ---- the session leads ----

    def _follow(self, engine: "Engine", line: "TimelineState", moment: Moment) -> None:
        if not self._following and line.rolling and not moment.playing:  # we rolled before, and go on
            self._tell_rolling(True, moment)
            self._following = self._playing = True
            return
        if not self._following:
            self._following, self._playing = True, line.rolling
        self._arrived = self._arrived or line.locked
        if moment.playing != self._playing:
            self._turn(engine, moment)
        elif self._is_elsewhere(line, moment):
            self._place(engine, line, moment)
        finding = line.rolling and not self._arrived and moment.micros < self._found
        if moment.frame >= self._placed and not finding:
            engine.observe("link", moment.frame, moment.own)

    def _turn(self, engine: "Engine", moment: Moment) -> None:
        """The session started or stopped. A start is at the bar that begins then or, where one was going on, at the
        next: whoever comes later finds the same."""
        if not moment.playing:
            engine.transport("link", "stop", moment.frame, 0.0, 0.0)
            self._playing = False
            return
        session = self._link.captureSessionState()
        since = session.beatAtTime(session.timeForIsPlaying(), self.bar)
        first = self.bar * ceil(since / self.bar - 0.01)
        wait = max(0.0, first - moment.own) * 60 / moment.bpm
        if wait > _SOON_S or self._steady < _STEADY:
            return
        own = max(first, moment.own)
        self._placed = moment.frame + round(wait * engine.sample_rate)
        engine.transport("link", "start", self._placed, own, own - first)
        self._playing = True

    def _is_elsewhere(self, line: "TimelineState", moment: Moment) -> bool:
        """We have to go to another place: the session was set, or is at another beat of the bar, or was lost and found
        again. While one clock is taken over from another nothing may jump, and the timeline finds its way."""
        if line.rolling and not self._arrived:
            return False
        off_bar = line.rolling and abs(self._apart(line.beat, moment.own)) > 0.5
        lost = moment.frame > self._settled and (off_bar or line.slewing)
        return lost or self._was_set

    def _place(self, engine: "Engine", line: "TimelineState", moment: Moment) -> None:
        """Our bars are the session's from here on; the nearest of them."""
        beat = line.beat - self._apart(line.beat, moment.own)
        beat += self.bar if beat < 0 else 0.0
        engine.transport("link", "locate", moment.frame, moment.own, beat)
        self._settled = moment.frame + engine.sample_rate // 4

    # ---- we lead ----

    def _lead(self, line: "TimelineState", moment: Moment) -> None:
        if self._playing is not None and line.rolling != self._playing:
            self._tell_rolling(line.rolling, moment)
        self._following, self._arrived, self._playing = False, False, line.rolling
        if moment.micros - self._told >= _TOLD_US:
            self._tell_beat(line, moment)

    def _tell_rolling(self, rolling: bool, moment: Moment) -> None:
        session = self._link.captureSessionState()
        session.setIsPlaying(rolling, moment.micros)
        self._link.commitSessionState(session)

    def _tell_beat(self, line: "TimelineState", moment: Moment) -> None:
        """Where the session is not with us, set it: what Link has forceBeatAtTime for, to bring in another clock."""
        tempo = abs(line.bpm - moment.bpm) > _TOLD_BPM
        apart = self._apart(line.beat, moment.own) * 60 / line.bpm
        if not tempo and not (line.rolling and abs(apart) > _TOLD_S):
            return
        session = self._link.captureSessionState()
        if tempo:
            session.setTempo(line.bpm, moment.micros)
        if line.rolling:
            session.forceBeatAtTime(line.beat, moment.micros, self.bar)
        self._link.commitSessionState(session)
        self._told = moment.micros

    def _apart(self, beat: float, other: float) -> float:
        """How much further one is in the bar than the other: half a bar at the most, either way."""
        return (beat - other + self.bar / 2) % self.bar - self.bar / 2
