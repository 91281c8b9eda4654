"""From each source of the clock to each other, all at one tempo and each with beats of its own: does a beat jump?

An engine on a JACK server hears MIDI clock that is shaken by 1 ms, a player whose keys are 5 ms uneven, taps as uneven,
JACK's transport, and another peer of a Link session; its own MIDI clock is recorded as it leaves. A beat is wrong by
what its length differs from that of its source's, which is known, or for its own clock, taps and playing from the tempo
that it says it has. Beats in which the server had an xrun are left out: JACK leaps over frames that it lost, and its
clients may be a period apart from then on. A Link session's beats are at other frames then, and are left out for a
second. Of taps and playing only the beats until they are taken over are judged.
"""

import random
import subprocess
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count, pairwise, takewhile
from typing import Any

from ripieno.daemon.bench.clock_stage import CLOCK, PERIOD, RATE, TICKS, Hold, Transport, jittered, need_tools, plain
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_client import connect
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.daemon.errors import UserError
from ripieno.daemon.link import LinkPeer
from ripieno.daemon.progress import Progress
from ripieno.native.drivers import JackDriver
from ripieno.native.engine import Engine, Event, Rig
from ripieno.native.probe import JackProbe

BPM, LIMIT_MS = 140.625, 1.0  # jack_transport counts whole ticks, 12 a cycle here; elsewhere its beats are too long
_BEAT = round(60 * RATE / BPM)
_EXACT = ("midi", "link", "jack")  # they say which tempo it is, and say it well
_UNEVEN = 0.005 * RATE
_NEAR = round(0.05 * RATE)  # we are told of an xrun when it is over
_MOVING = {"link": RATE}  # it goes by the time of day, which is at other frames after an xrun: so soon we are there
_WARM_S, _LOOK_S, _LOOKS = 12.0, 0.004, 8  # Link is looked after each so many of ours, as in `ripieno run`
_KEYS, _CLOCK = 0, 1  # ports
_OTHER = f"import sys, link; one = link.Link({BPM}); one.enabled = True; sys.stdin.read()"


@dataclass
class Tape:
    """What was seen: the tempo and the server's xruns at frames, and which source was followed from which frame on."""

    frames: list[int] = field(default_factory=list)
    tempos: list[float] = field(default_factory=list)
    chosen: list[tuple[int, str]] = field(default_factory=list)
    xruns: list[int] = field(default_factory=list)
    slewing: list[int] = field(default_factory=list)  # frames at which a source was still being taken over

    def seen(self, first: int, last: int) -> list[tuple[int, float]]:
        """Between two frames, how many frames each tempo lasted, as far as it was looked at; and for none the next."""
        begin, end = bisect_right(self.frames, first) - 1, bisect_left(self.frames, last)
        edges = [first, *self.frames[begin + 1 : end], last, last]
        return [(b - a, tempo) for (a, b), tempo in zip(pairwise(edges), self.tempos[begin:], strict=False)]

    def calm(self, first: int, last: int, moving: int = 0) -> bool:
        """Whether there was no xrun between these frames, near them, or so many frames before."""
        near = slice(bisect_left(self.frames, first - _NEAR - moving), bisect_right(self.frames, last + _NEAR))
        xruns = self.xruns[near]
        return not xruns or xruns[0] == xruns[-1]


def tour(names: Sequence[str]) -> list[str]:
    """Each of them to each other, once: an Eulerian circuit, by Hierholzer's way."""
    left = {name: [other for other in names if other != name] for name in names}
    stack, out = [names[0]], list[str]()
    while stack:
        if left[stack[-1]]:
            stack.append(left[stack[-1]].pop())
        else:
            out.append(stack.pop())
    return out[::-1]


def run(json: bool = False, seconds: float = 5.0, seed: int = 1) -> dict[str, Any]:
    """Measure, each source followed for so long at a time; print it unless `json`. UserError: something is missing."""
    need_tools()
    sources = ["internal", "midi", "jack", "player", "tap", *(["link"] if find_spec("link") else [])]
    way = tour(sources)
    with DummyServer(RATE, PERIOD, synchronous=True), _Stage(_WARM_S + seconds * (len(way) + 1), seed) as stage:
        with Progress("sources of the clock") as progress:
            stage.wait(_WARM_S)
            for number, source in enumerate(way):
                stage.follow(source, seconds)
                progress((number + 1) / len(way))
        tape, ticks = stage.tape, [frame for frame, _, data in stage.ear.received() if data == CLOCK]
    found = judge(ticks, tape)
    if not json:
        show(found)
    return found


class _Stage:
    """An engine, whom it hears, and who hears it."""

    def __init__(self, seconds: float, seed: int) -> None:
        self._chance, self.tape = random.Random(seed), Tape()
        self._script = sorted([*_ticks(seconds, seed), *_keys(seconds, self._chance)], key=lambda event: event[0])
        self._stack = ExitStack()
        self._peer: LinkPeer | None = None
        self._source, self._tapped = "internal", 0

    def __enter__(self) -> "_Stage":
        with ExitStack() as stack:
            self.player = stack.enter_context(closing(JackProbe("player", [], ["keys", "ticks"], self._script)))
            self.driver = stack.enter_context(closing(JackDriver("engine", ["keys", "ticks"], ["out", "clock"])))
            self.ear = stack.enter_context(closing(JackProbe("ear", ["in"], [])))
            for client in (self.player, self.driver, self.ear):
                client.open()
            self.engine = Engine(RATE, 2, 2)
            self.engine.load(Rig("thru"))
            for start in (self.player.start, lambda: self.driver.start(self.engine), self.ear.start):
                start()
            pairs = [("player:keys", "engine:keys"), ("player:ticks", "engine:ticks"), ("engine:clock", "ear:in")]
            for source, destination in pairs:
                connect(self.ear, source, destination)
            transport = stack.enter_context(closing(Transport()))
            if find_spec("link"):
                other = subprocess.Popen([sys.executable, "-c", _OTHER], stdin=subprocess.PIPE)
                stack.callback(other.communicate)
            self.engine.set_clock("internal", (_CLOCK,), (_CLOCK,), bpm=BPM)
            self.engine.transport("internal", "start")
            self.player.go()
            transport.play([Hold(BPM, 0.0)])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self._peer:
            self._peer.end()
        self._stack.close()
        self.engine.close()

    def follow(self, source: str, seconds: float) -> None:
        """This source from now on, for so long."""
        if self._peer and source != "link":
            self._peer.end()
            self._peer = None
        self.engine.set_clock(source, (_CLOCK,), (_CLOCK,))
        self.tape.chosen.append((self.engine.clock().frame, source))
        self._source = source
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Look, and tap, for so long."""
        end = time.monotonic() + seconds
        for look in takewhile(lambda _: time.monotonic() < end, count()):
            self.engine.poll()
            state = self.engine.clock()
            if self._source == "link" and not self._peer and state.source == "link":
                self._peer = LinkPeer(BPM)
            if self._peer and look % _LOOKS == 0:
                self._peer.look(self.engine)
            self.tape.frames.append(state.frame)
            self.tape.tempos.append(state.timeline.bpm)
            self.tape.xruns.append(self.driver.state().xruns)
            if state.timeline.slewing:
                self.tape.slewing.append(state.frame)
            self._tap(state.frame)
            time.sleep(_LOOK_S)

    def _tap(self, frame: int) -> None:
        """Somebody taps, all the while; the engine is told some time later."""
        number = (frame - _BEAT // 3) // _BEAT
        if number > self._tapped:
            self._tapped = number
            self.engine.tap(
                number * _BEAT + _BEAT // 3 + round(self._chance.uniform(-_UNEVEN, _UNEVEN)) - round(_UNEVEN)
            )


def _ticks(seconds: float, seed: int) -> list[Event]:
    """MIDI clock, shaken; it has no start, for a start is a jump that is asked for."""
    count = round(seconds * BPM / 60 * TICKS)
    return jittered([(number * _BEAT // TICKS + _BEAT // 5, _CLOCK, CLOCK) for number in range(count)], 0.001, seed)


def _keys(seconds: float, chance: random.Random) -> Iterator[Event]:
    """Chords on the beat, eighths between them, one of four accented."""
    for number in range(1, round(seconds * BPM / 60 * 2)):
        frame = number * _BEAT // 2 + round(chance.uniform(-_UNEVEN, _UNEVEN))
        chord = (48, 55, 64) if number % 2 == 0 else (67,)
        loud = 100 if number % 8 == 0 else 80 if number % 2 == 0 else 60
        yield from ((frame, _KEYS, bytes((0x90, pitch, loud))) for pitch in chord)
        yield from ((frame + _BEAT // 3, _KEYS, bytes((0x80, pitch, 0))) for pitch in chord)


def judge(ticks: Sequence[int], tape: Tape) -> dict[str, Any]:
    """By how much each beat since a source was chosen is wrong, the worst of each pair. UserError where none left."""
    if len(ticks) < 2 * TICKS:
        raise UserError("no MIDI clock left")
    worst: dict[str, float] = {}
    befores = ["internal", *(source for _, source in tape.chosen)]
    ends = [frame for frame, _ in tape.chosen[1:]] + [ticks[-1]]
    for before, (frame, source), end in zip(befores, tape.chosen, ends, strict=False):
        first = max(0, bisect_left(ticks, frame) - 1)  # the last before it
        last = bisect_left(ticks, end) - TICKS
        if source not in _EXACT and source != "internal":  # once they are followed freely, their unevenness is ours
            taken = bisect_left(tape.slewing, end)
            last = min(last, bisect_left(ticks, tape.slewing[taken - 1]) - TICKS if taken else first)
        pairs = [(ticks[n], ticks[n + TICKS]) for n in range(first, last)]
        wrong = [_wrong_ms(*pair, source, tape) for pair in pairs if tape.calm(*pair, _MOVING.get(source, 0))]
        if before != source and wrong:
            worst[f"{before} to {source}"] = round(max(wrong), 3)
    if not worst:
        raise UserError("the machine was late so often that no beat can be judged: try again when it has less to do")
    pair = max(worst, key=lambda one: worst[one])
    told = f"{worst[pair]:.2f} ms, {pair}"
    row = Row(f"{len(worst)} hand-overs: a beat is wrong by", told, "<= 1 ms", worst[pair] <= LIMIT_MS)
    return verdict([row], **plain(worst_ms=worst))


def _wrong_ms(begin: int, end: int, source: str, tape: Tape) -> float:
    """How much longer or shorter a beat is than it should be. Where the tempo changed between two looks nobody knows
    when: that much is let pass."""
    if source in _EXACT:
        return abs((end - begin) / RATE - 60 / BPM) * 1000
    seen = tape.seen(begin, end)
    beats = sum(frames * bpm for frames, bpm in seen) / RATE / 60
    doubt = sum(a[0] * abs(b[1] - a[1]) for a, b in pairwise(seen)) / RATE / 60
    return max(0.0, abs(1 - beats) - doubt) * 60_000 / seen[-1][1]
