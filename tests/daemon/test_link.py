"""Ableton Link: a session followed and led, in a time of the test's own, and with a second peer in another process."""

import fcntl
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from needs import lack, needs
from ripieno.daemon.errors import UserError
from ripieno.daemon.link import BAR, LinkPeer, Moments, open_link
from ripieno.native.timeline import Timeline

RATE, PERIOD = 48_000, 128
_AHEAD_NS = 249_163_123_000  # of Link's clock
_LOOK_CYCLES = 12  # 32 ms


@dataclass
class State:
    """A session: beat `beat` at `micros`, by this peer's count."""

    world: "World"
    micros: int = 0
    beat: float = 0.0
    bpm: float = 120.0
    playing: bool = False
    since: int = 0

    def tempo(self) -> float:
        return self.bpm

    def beatAtTime(self, micros: int, quantum: float) -> float:
        assert quantum in (3.0, BAR)
        return self.beat + (micros - self.micros) * self.bpm / 60e6

    def isPlaying(self) -> bool:
        return self.playing

    def timeForIsPlaying(self) -> int:
        return self.since

    def setTempo(self, bpm: float, micros: int) -> None:
        self.beat, self.micros, self.bpm = self.beatAtTime(micros, BAR), micros, bpm

    def forceBeatAtTime(self, beat: float, micros: int, quantum: float) -> None:
        self.beat, self.micros = beat, micros

    def setIsPlaying(self, playing: bool, micros: int) -> None:
        self.playing, self.since = playing, micros

    def setIsPlayingAndRequestBeatAtTime(self, playing: bool, micros: int, beat: float, quantum: float) -> None:
        self.setIsPlaying(playing, micros)
        if not self.world.peers:
            self.forceBeatAtTime(beat, micros, quantum)


@dataclass
class World:
    """The time, a session with others in it, and an engine that has a timeline alone."""

    cycle: int = 0
    peers: int = 1
    late: list[int] = field(default_factory=list)  # ns that cycles begin late by, over and over
    drift: float = 2e-5  # of the cycles' clock against Link's

    def __post_init__(self) -> None:
        self.session = State(self)
        self.engine = EngineStandIn(self)
        self.enabled = self.startStopSyncEnabled = False

    @property
    def nanoseconds(self) -> int:
        return _AHEAD_NS + self.cycle * PERIOD * 10**9 // RATE

    def micros(self) -> int:
        return round((self.nanoseconds - _AHEAD_NS) * (1 - self.drift)) // 1000 + 5_000_000

    # ---- what the library's peer has ----

    def clock(self) -> Any:
        return SimpleNamespace(micros=self.micros)

    def numPeers(self) -> int:
        return self.peers

    def captureSessionState(self) -> State:
        return self.session

    def commitSessionState(self, state: State) -> None:
        assert state is self.session

    # ---- as time goes by ----

    def run(self, peer: LinkPeer, seconds: float) -> None:
        for _ in range(round(seconds * RATE / PERIOD)):
            self.cycle += 1
            self.engine.timeline.advance(self.cycle * PERIOD)
            if self.cycle % _LOOK_CYCLES == 0:
                peer.look(self.engine)

    def away_ms(self) -> float:
        """How far the timeline is ahead of the session, by the place in the bar."""
        state = self.engine.timeline.state()
        apart = state.beat - self.session.beatAtTime(self.micros(), BAR)
        return ((apart + BAR / 2) % BAR - BAR / 2) * 60_000 / state.bpm


class EngineStandIn:
    sample_rate = RATE

    def __init__(self, world: World) -> None:
        self.world, self.timeline = world, Timeline(RATE)

    def clock(self) -> Any:
        late = self.world.late[self.world.cycle % len(self.world.late)] if self.world.late else 0
        return SimpleNamespace(
            frame=self.world.cycle * PERIOD, nanoseconds=self.world.nanoseconds + late, timeline=self.timeline.state()
        )

    def observe(self, source: str, frame: int, beat: float) -> None:
        self.timeline.observe(source, frame, beat)

    def transport(self, source: str, what: str, frame: int, own: float, beat: float) -> None:
        act = {"start": self.timeline.start, "locate": self.timeline.locate}
        if what == "stop":
            self.timeline.stop(source, frame)
        else:
            act[what](source, frame, own, beat)


def following(**given: Any) -> tuple[World, LinkPeer]:
    """A session that plays since a bar and a half, followed."""
    world = World(**given)
    world.session = State(world, 5_000_000, 102.0, 120.0, True, 2_000_000)
    world.engine.timeline.choose("link")
    return world, LinkPeer(link=world, now=lambda: world.nanoseconds)


def test_a_playing_session_is_joined_in_its_bar() -> None:
    world, peer = following()
    world.run(peer, 2)
    state = world.engine.timeline.state()
    assert state.rolling
    assert state.locked
    assert abs(world.away_ms()) < 0.1
    assert state.residual < 1.0
    # It plays since beat 96 of the peer's count: a bar begins there, and so it does for all.
    assert state.beat == pytest.approx(world.session.beatAtTime(world.micros(), BAR) - 96, abs=1e-3)


def test_bars_of_three_beats_begin_with_those_of_the_session() -> None:
    world, peer = following()
    peer.bar = 3.0
    world.run(peer, 2)
    apart = world.session.beatAtTime(world.micros(), 3.0) - world.engine.timeline.state().beat
    assert apart == pytest.approx(96.0, abs=1e-3)  # it plays since beat 96, which begins one
    world.session.forceBeatAtTime(world.session.beatAtTime(world.micros(), 3.0) + 1.0, world.micros(), 3.0)
    world.run(peer, 0.5)
    apart = world.session.beatAtTime(world.micros(), 3.0) - world.engine.timeline.state().beat
    assert apart / 3 == pytest.approx(round(apart / 3), abs=1e-3)


@pytest.mark.parametrize("late", [[0, 900_000, 50_000, 0, 3_000_000], [200_000, 100_000, 0]])
def test_cycles_that_begin_late_move_nothing(late: list[int]) -> None:
    world, peer = following(late=late)
    world.run(peer, 4)
    for _ in range(50):
        world.run(peer, 0.05)
        assert abs(world.away_ms()) < 0.5


def test_a_new_tempo_is_followed() -> None:
    world, peer = following()
    world.run(peer, 3)
    for bpm in (140.0, 63.5, 181.0):
        world.session.setTempo(bpm, world.micros())
        world.run(peer, 2)
        state = world.engine.timeline.state()
        assert state.bpm == pytest.approx(bpm, abs=0.05)
        assert abs(world.away_ms()) < 1.0
        assert state.jumps == 1  # the start alone


def test_who_was_held_up_while_the_tempo_changed_is_there_again() -> None:
    world, peer = following()
    world.run(peer, 3)
    world.session.setTempo(200.0, world.micros())
    for _ in range(round(3 * RATE / PERIOD)):  # nobody looks: it is four beats behind, and loses it
        world.cycle += 1
        world.engine.timeline.advance(world.cycle * PERIOD)
    world.run(peer, 1.0)
    assert world.engine.timeline.state().locked
    assert abs(world.away_ms()) < 2.0


def test_a_session_that_was_set_elsewhere_is_joined_there() -> None:
    world, peer = following()
    world.run(peer, 3)
    world.session.forceBeatAtTime(world.session.beatAtTime(world.micros(), BAR) + 1.3, world.micros(), BAR)
    world.run(peer, 0.2)
    assert abs(world.away_ms()) < 0.5
    assert world.engine.timeline.state().jumps == 2


def test_when_the_others_go_the_tempo_is_held() -> None:
    world, peer = following()
    world.session.setTempo(133.0, world.micros())
    world.run(peer, 3)
    assert peer.news() == ["Link: 1 other in the session"]
    world.peers = 0
    world.run(peer, 3)
    assert peer.news() == ["Link: no others in the session"]
    assert peer.news() == []
    state = world.engine.timeline.state()
    assert state.rolling
    assert state.bpm == pytest.approx(133.0, abs=0.05)


def test_the_session_stops_and_starts_us() -> None:
    world, peer = following()
    world.run(peer, 1)
    world.session.setIsPlaying(False, world.micros())
    world.run(peer, 0.1)
    assert not world.engine.timeline.state().rolling
    world.run(peer, 2.1)
    begin = world.session.beatAtTime(world.micros(), BAR)
    world.session.setIsPlaying(True, world.micros())
    world.run(peer, 0.05)
    assert not world.engine.timeline.state().rolling  # until the bar
    world.run(peer, 4 * 0.5)
    state = world.engine.timeline.state()
    assert state.rolling
    assert 0 <= state.beat < BAR
    assert state.residual < 1.0
    assert abs(world.away_ms()) < 0.1
    assert world.session.beatAtTime(world.micros(), BAR) - state.beat == pytest.approx(BAR * -(-begin // BAR), abs=1e-3)


def test_alone_it_starts_at_once() -> None:
    world = World(peers=0)
    world.engine.timeline.choose("link")
    peer = LinkPeer(link=world, now=lambda: world.nanoseconds)
    world.run(peer, 1.3)
    assert not world.engine.timeline.state().rolling
    peer.play(True)
    world.run(peer, 0.1)
    assert world.engine.timeline.state().rolling
    assert world.engine.timeline.state().beat == pytest.approx(0.2, abs=0.01)
    peer.play(False)
    world.run(peer, 0.1)
    assert not world.engine.timeline.state().rolling


def test_our_clock_leads_where_it_is_another() -> None:
    world = World()
    world.session = State(world, 5_000_000, 17.3, 90.0)
    peer = LinkPeer(link=world, now=lambda: world.nanoseconds)
    world.run(peer, 0.5)
    assert world.session.bpm == 120.0  # a tempo is told, though nothing rolls
    assert not world.session.playing
    world.engine.timeline.start("internal", world.cycle * PERIOD, 0.0, 0.0)
    world.run(peer, 1.0)
    assert world.session.playing
    assert abs(world.away_ms()) < 1.1
    world.engine.timeline.set_tempo(77.0)
    world.run(peer, 1.0)
    assert world.session.bpm == pytest.approx(77.0)
    assert abs(world.away_ms()) < 1.1
    world.engine.timeline.stop("internal", world.cycle * PERIOD)
    world.run(peer, 0.1)
    assert not world.session.playing


def test_the_session_is_told_nothing_that_it_knows() -> None:
    world = World(drift=0.0)
    peer = LinkPeer(link=world, now=lambda: world.nanoseconds)
    world.engine.timeline.start("internal", 0, 0.0, 0.0)
    world.run(peer, 1.0)
    before = (world.session.micros, world.session.since)
    world.run(peer, 10.0)
    assert (world.session.micros, world.session.since) == before


@pytest.mark.parametrize("found", [0.0, 1.7])
def test_from_our_own_clock_to_the_session_without_a_jump(found: float) -> None:
    """found: beats by which the session is elsewhere when the others are found, half a second later."""
    world = World()
    world.session = State(world, 5_000_000, 2.1, 120.0)
    world.engine.timeline.start("internal", 0, 0.0, 0.0)
    world.engine.timeline.advance(0)
    world.engine.timeline.choose("link")
    peer = LinkPeer(link=world, now=lambda: world.nanoseconds)
    jumps = world.engine.timeline.state().jumps
    world.run(peer, 0.5)
    world.session.beat += found
    world.run(peer, 1.5)
    assert world.session.playing  # we rolled, and go on
    apart, beats = world.away_ms(), 0
    while abs((apart + 250) % 500 - 250) > 1:
        assert world.engine.timeline.state().jumps == jumps
        world.run(peer, 0.5)
        moved = (world.away_ms() - apart + 1000) % 2000 - 1000
        assert abs(moved) <= 1.0
        apart, beats = world.away_ms(), beats + 1
        assert beats < 400
    assert beats > 20
    world.run(peer, 1.0)
    assert abs(world.away_ms()) < 1.0  # and then its bars are ours


def test_another_engine_is_followed_anew() -> None:
    world, peer = following()
    world.run(peer, 1)
    world.engine = EngineStandIn(world)
    world.engine.timeline.choose("link")
    world.run(peer, 2)
    assert world.engine.timeline.state().rolling
    assert abs(world.away_ms()) < 0.1


@pytest.mark.parametrize("lack_of", ["nanoseconds", "bpm"])
def test_nothing_happens_before_the_clock_runs(lack_of: str) -> None:
    world, peer = following()
    clock, before = world.engine.clock, world.session.bpm

    def off() -> Any:
        state = clock()
        if lack_of == "nanoseconds":
            state.nanoseconds = 0
        else:
            state.timeline = replace(state.timeline, bpm=0.0, source="internal")
        return state

    world.engine.clock = off  # type: ignore[method-assign]
    world.run(peer, 1)
    assert world.engine.timeline.state().heard == 0
    assert world.session.bpm == before


def test_moments_forget_what_was_before_a_pause() -> None:
    moments = Moments(48_000)
    assert moments.hear(0, 1_000_000_000)
    assert not moments.hear(0, 1_000_000_000)
    for second in (1, 2):
        assert moments.hear(48_000 * second, 10**9 * (second + 1) + 400_000 * (second == 2))
    assert moments.nanoseconds(48_000) == 2_000_000_000
    assert moments.hear(128, 9_000_000_000)  # a server begins anew
    assert moments.nanoseconds(128) == 9_000_000_000


def test_a_session_of_another_tempo_is_known_before_it_starts_us() -> None:
    """It is found half a second after we look for it, and plays."""
    world, peer = following()
    world.session = State(world, 5_000_000, 0.0, 120.0)
    world.run(peer, 0.5)
    world.session = State(world, 5_000_000, 40.3, 81.0, True, 3_000_000)
    world.run(peer, 0.2)
    assert not world.engine.timeline.state().rolling
    for _ in range(20):
        world.run(peer, 0.2)
        assert not world.engine.timeline.state().rolling or abs(world.away_ms()) < 2.0
    assert world.engine.timeline.state().rolling


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "link", None)
    with pytest.raises(UserError, match=r"ripieno\[link\]"):
        open_link(120)


_OTHER = """
import json, sys, time
from link import Link

other = Link(97.0)
other.startStopSyncEnabled = other.enabled = True
clock = other.clock()
for line in sys.stdin:
    session, word = other.captureSessionState(), line.split()
    if word[0] == "tempo":
        session.setTempo(float(word[1]), clock.micros())
        other.commitSessionState(session)
    elif word[0] == "play":
        session.setIsPlaying(word[1] == "1", clock.micros())
        other.commitSessionState(session)
    micros = int(word[1]) if word[0] == "phase" else clock.micros()
    told = {"peers": other.numPeers(), "tempo": session.tempo(), "phase": session.phaseAtTime(micros, 4.0)}
    print(json.dumps(told), flush=True)
"""


class Other:
    """A second peer, in a process of its own."""

    def __init__(self) -> None:
        line = [sys.executable, "-c", _OTHER]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words: object) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told

    def leave(self) -> None:
        """Say goodbye."""
        self.process.communicate()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


class Live:
    """Our own peer with a timeline that runs by the computer's clock, cycle by cycle."""

    def __init__(self) -> None:
        self.nanoseconds, self.cycle = 0, 0
        self.engine = EngineStandIn(self)  # type: ignore[arg-type]
        self.late: list[int] = []
        self.begun = time.monotonic_ns()
        self.peer = LinkPeer(120.0)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.03)):
            time.sleep(0.03)
            self.cycle = (time.monotonic_ns() - self.begun) * RATE // 10**9 // PERIOD
            self.nanoseconds = self.begun + self.cycle * PERIOD * 10**9 // RATE
            self.engine.timeline.advance(self.cycle * PERIOD)
            self.peer.look(self.engine)  # type: ignore[arg-type]

    def until(self, condition: Callable[[], object], what: str) -> None:
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, f"it never came to this: {what}"
            self.run(0.06)

    def away_ms(self, other: Other) -> float:
        """How far our timeline is ahead of the other's, which is asked for the moment of our last cycle."""
        moment = self.peer._last
        assert moment
        state = self.engine.timeline.state()
        apart = state.beat - other.ask("phase", moment.micros)["phase"]
        return ((apart + BAR / 2) % BAR - BAR / 2) * 60_000 / state.bpm


@pytest.fixture
def pair() -> Iterator[tuple[Live, Other]]:
    """Both in one session; of these tests one at a time on this machine, for others would meet them. Skips where its
    network lets them not meet."""
    needs("link")
    with open(Path(tempfile.gettempdir()) / "ripieno-link-tests", "w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        yield from meeting()


def meeting() -> Iterator[tuple[Live, Other]]:
    other, live = Other(), Live()
    live.engine.timeline.choose("link")
    end = time.monotonic() + 15
    while live.peer.peers == 0 and time.monotonic() < end:
        live.run(0.3)
    try:
        if live.peer.peers == 0:
            lack("a network with multicast, over which two Link peers of one machine find each other")
        yield live, other
    finally:
        live.peer.end()
        other.close()


def test_with_another_peer(pair: tuple[Live, Other]) -> None:
    live, other = pair
    state = live.engine.timeline.state
    other.ask("tempo", 101.5)
    live.until(lambda: abs(state().bpm - 101.5) < 0.1, "its tempo")
    other.ask("play", 1)
    live.until(lambda: state().rolling, "its start")
    live.until(lambda: state().locked and abs(live.away_ms(other)) < 2.0, "the phase within 2 ms")
    other.ask("tempo", 140.0)
    live.until(lambda: abs(state().bpm - 140.0) < 0.1 and abs(live.away_ms(other)) < 2.0, "a new tempo")
    other.ask("play", 0)
    live.until(lambda: not state().rolling, "its stop")
    live.peer.set_tempo(88.0)
    live.until(lambda: other.ask("look")["tempo"] == pytest.approx(88.0), "our tempo, there")
    live.until(lambda: abs(state().bpm - 88.0) < 0.1, "and here")
    live.peer.play(True)
    live.until(lambda: state().rolling, "our start")
    other.leave()
    live.until(lambda: live.peer.peers == 0, "it is gone")
    live.run(0.3)
    assert state().rolling
    assert state().bpm == pytest.approx(88.0, abs=0.1)


def test_another_peer_is_led(pair: tuple[Live, Other]) -> None:
    live, other = pair
    timeline = live.engine.timeline
    timeline.choose("internal")
    timeline.set_tempo(111.0)
    timeline.start("internal", live.cycle * PERIOD, 0.0, 0.0)
    live.until(lambda: abs(other.ask("look")["tempo"] - 111.0) < 0.02, "our tempo")
    live.until(lambda: abs(live.away_ms(other)) < 2.0, "our beat")
