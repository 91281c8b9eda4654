"""Ableton Link with another peer: is our clock, as it leaves over JACK, in that one's bars and beats?

The peer is in this process, `ripieno run --clock link` in one of its own. The peer sets one tempo after another. Ticks
of MIDI clock are recorded at JACK's frames; which moment a frame was is told by an engine on the same server.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import takewhile
from typing import Any

from ripieno.daemon.bench.clock_stage import CLOCK, OURS, PERIOD, RATE, START, TICKS, plain, ticks
from ripieno.daemon.bench.jack import daemon, wait_for
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_client import connect
from ripieno.daemon.bench.rows import Row, percentile, show, verdict
from ripieno.daemon.errors import UserError
from ripieno.daemon.link import BAR, Moments, ahead, open_link
from ripieno.daemon.progress import Progress
from ripieno.native.drivers import JackDriver
from ripieno.native.engine import Engine
from ripieno.native.probe import JackProbe

TEMPOS, LIMIT_MS = (97.0, 140.0, 61.5, 174.0), 2.0
_SETTLE_S, _SECONDS, _LOOK_S = 2.0, 20.0, 0.03


def run(json: bool = False, seconds: float = 10.0, tempos: Sequence[float] = TEMPOS) -> dict[str, Any]:
    """Measure, each tempo for so long; print it unless `json`. UserError: jackd or LinkPython are missing, or this
    machine lets the two not meet."""
    peer = open_link(tempos[0])
    driver, ear = JackDriver("bench-time", ["in"], ["out"]), JackProbe("bench-ear", ["in"], [])
    with Engine(RATE) as engine, DummyServer(RATE, PERIOD, synchronous=True), closing(driver), closing(ear):
        driver.open()
        driver.start(engine)
        try:
            with Progress("a Link session") as progress:
                away = _meet(peer, engine, ear, seconds, tempos, progress)
        finally:
            peer.enabled = False
    found = judge(away, tempos)
    if not json:
        show(found)
    return found


def _meet(
    peer: Any, engine: Engine, ear: JackProbe, seconds: float, tempos: Sequence[float], progress: Progress
) -> list[float]:
    """How far each tick was from the peer's, in ms; those two seconds after each new tempo are left out."""
    away: list[float] = []
    ear.open()
    ear.start()
    with daemon(ear, "string-quartet", "--clock", "link", "--clock-out", "clock", "--stress", name=OURS):
        connect(ear, f"{OURS}:clock", "bench-ear:in")
        peer.startStopSyncEnabled = peer.enabled = True
        wait_for(peer.numPeers, "a second peer of the Link session (does the network have multicast?)", _SECONDS)
        _tell(peer, playing=True)
        wait_for(lambda: ticks(ear.received()), "a start", _SECONDS)
        places = _places(peer, engine, ear)
        for number, tempo in enumerate(tempos):
            _tell(peer, tempo=tempo)
            begin = engine.clock().frame + round(_SETTLE_S * RATE)
            end = begin + round(seconds * RATE)
            away += _between(begin, end, places)
            progress((number + 1) / len(tempos))
    return away


def _between(begin: int, end: int, places: Iterator[tuple[int, float]]) -> list[float]:
    return [late for frame, late in takewhile(lambda one: one[0] < end, places) if frame >= begin]


def _tell(peer: Any, tempo: float = 0.0, playing: bool = False) -> None:
    session, micros = peer.captureSessionState(), peer.clock().micros()
    if tempo:
        session.setTempo(tempo, micros)
    if playing:
        session.setIsPlaying(True, micros)
    peer.commitSessionState(session)


def _places(peer: Any, engine: Engine, ear: JackProbe) -> Iterator[tuple[int, float]]:
    """The frame of each tick since the start, and by how many ms it is before the peer's; as they come, for frames and
    time go together no longer than a while."""
    moments, seen, number = Moments(RATE), [data for _, _, data in ear.received()].index(START), 0
    while True:
        time.sleep(_LOOK_S)
        state, session = engine.clock(), peer.captureSessionState()
        moments.hear(state.frame, state.nanoseconds)
        offset, new = ahead(peer.clock()), ear.received(seen)
        seen += len(new)
        for frame in (frame for frame, _, data in new if data == CLOCK):
            beat = session.beatAtTime((moments.nanoseconds(frame) - offset) // 1000, BAR)
            apart = (number / TICKS - beat + BAR / 2) % BAR - BAR / 2
            yield frame, apart * 60_000 / session.tempo()
            number += 1


def judge(away: Sequence[float], tempos: Sequence[float]) -> dict[str, Any]:
    """away: ms, of each tick. UserError where there is none."""
    if not away:
        raise UserError("no MIDI clock left")
    late = [abs(one) for one in away]
    p99, worst = percentile(late, 0.99), max(late)
    told = f"{p99:.2f} ms, worst {worst:.2f}"
    names = ", ".join(f"{tempo:g}" for tempo in tempos)
    rows = [Row(f"Link, led by another to {names} BPM: place in the bar, p99", told, "<= 2 ms", p99 <= LIMIT_MS)]
    return verdict(rows, **plain(p99_ms=p99, worst_ms=worst, ticks=len(late)))
