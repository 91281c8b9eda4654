"""MIDI clock of another program, shaken: how far from its beats is the clock that leaves again?

jack_midi_clock follows a tempo that jack_transport leads over JACK, held and ramped; what it sends is recorded, shaken
by up to 1 ms, and played to `ripieno run --clock midi`. What it said before it was shaken is the truth. A clock that
leaves through `ripieno run` leaves in the cycle in which it is due, so nothing is taken off.
"""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from ripieno.daemon.bench.clock_stage import (
    OURS,
    PERIOD,
    RATE,
    TICKS,
    Hold,
    Ramp,
    elsewhere,
    jittered,
    milliseconds,
    numbered,
    plain,
    record,
    seconds_of,
    ticks,
)
from ripieno.daemon.bench.jack import daemon, wait_for
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_client import connect
from ripieno.daemon.bench.rows import Row, percentile, show, verdict
from ripieno.daemon.errors import UserError
from ripieno.daemon.progress import Progress
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

PLAN = (Hold(60, 8), Ramp(200, 20), Hold(200, 6), Ramp(90, 10), Hold(90, 6), Ramp(140, 3), Hold(140, 6), Ramp(60, 12))
JITTER_S, LIMIT_MS, BEATS = 0.001, 2.0, 2  # after so many beats
_SECONDS = 30.0


def run(json: bool = False, plan: Sequence[Hold | Ramp] = PLAN, seed: int = 1) -> dict[str, Any]:
    """Measure; print it unless `json`. UserError: jackd or jack_midi_clock are missing."""
    with DummyServer(RATE, PERIOD, synchronous=True), Progress("jack_midi_clock, recorded") as progress:
        said = record(plan)
        progress(0.5)
        heard, xruns = answer(jittered(said, JITTER_S, seed), seconds_of(plan))
    # The shaken ones were later by the most that they were shaken by.
    late = round(JITTER_S * RATE)
    found = judge([frame + late for frame in ticks(said)], heard, xruns)
    if not json:
        show(found)
    return found


def answer(script: Sequence[Event], seconds: float) -> tuple[list[Event], int]:
    """What leaves at the clock's port when this comes in, by frames of the script; and xruns."""
    player, listener = JackProbe("bench-player", [], ["out"], script), JackProbe("bench-listener", ["in"], [])
    with closing(player), closing(listener):
        for probe in (player, listener):
            probe.open()
            probe.start()
        with daemon(listener, "string-quartet", "--clock", "midi", "--clock-out", "clock", "--stress", name=OURS):
            connect(listener, "bench-player:out", f"{OURS}:in")
            connect(listener, f"{OURS}:clock", "bench-listener:in")
            before = listener.state().xruns
            player.go()
            wait_for(lambda: player.done, "the end of the clock's ticks", seconds + _SECONDS)
            xruns, heard = listener.state().xruns - before, listener.received()
        began = player.went_frame
    return [(frame - began, port, data) for frame, port, data in heard if frame >= began], xruns


def judge(truth: Sequence[int], heard: Sequence[Event], xruns: int = 0) -> dict[str, Any]:
    """How far tick for tick is from the truth, by frames of both. UserError where nothing leaves."""
    out, due = ticks(heard), numbered(truth)
    late = [abs(milliseconds(out[n] - due[n])) for n in due if BEATS * TICKS <= n < len(out)]
    if not late:
        raise UserError(f"{len(out)} ticks of MIDI clock left while {len(truth)} came in: too few to judge")
    p99, worst, elsewheres = percentile(late, 0.99), max(late), elsewhere(heard)
    what = f"MIDI clock shaken by 1 ms, {tempo_range(truth)}: phase, p99"
    rows = [
        Row(what, f"{p99:.2f} ms (median {percentile(late, 0.5):.2f}, worst {worst:.2f})", "<= 2 ms", p99 <= LIMIT_MS),
        Row("the song, while it rolled", f"set elsewhere {elsewheres} times", "0", elsewheres == 0),
    ]
    figures = {"p99_ms": p99, "median_ms": percentile(late, 0.5), "worst_ms": worst}
    return verdict(rows, **plain(**figures, ticks=len(late), missing=max(due) + 1 - len(due), xruns=xruns))


def tempo_range(truth: Sequence[int]) -> str:
    """The slowest and the fastest beat of these ticks."""
    beats = [60 * RATE / (end - begin) for begin, end in zip(truth, truth[TICKS:], strict=False)]
    return f"{min(beats):.0f} to {max(beats):.0f} BPM" if beats else "no beat"
