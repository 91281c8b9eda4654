"""The clock that leaves while everything plays: is each tick at its frame, and does it stay there?

`ripieno run string-quartet`, recorded, Python kept busy, plays chords of eight notes; another JACK client records the
ticks. They are judged by the frames of the audio clock: at an even tempo all lie on one straight line, to the frame.
"""

from collections.abc import Sequence
from contextlib import closing
from tempfile import TemporaryDirectory
from typing import Any

from ripieno.daemon.bench.clock_stage import CLOCK, OURS, PERIOD, RATE, TICKS, milliseconds, plain
from ripieno.daemon.bench.jack import CHORD, daemon, wait_for
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_client import connect
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.daemon.errors import UserError
from ripieno.daemon.progress import Progress
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

TEMPO = 127.0  # a tick of 944.88 frames: a different fraction each time
_CHORDS_A_SECOND, _HELD = 4, RATE // 10
_SECONDS, _BYTES = 30.0, 8  # what an event takes of the probe's room


def run(json: bool = False, minutes: float = 1.0) -> dict[str, Any]:
    """Measure for so long; print it unless `json`. UserError: jackd is missing."""
    seconds = 60 * minutes
    with DummyServer(RATE, PERIOD, synchronous=True), TemporaryDirectory() as folder:
        heard, xruns = _listen(seconds, folder)
    found = judge([frame for frame, _, data in heard if data == CLOCK], xruns)
    if not json:
        show(found)
    return found


def _listen(seconds: float, folder: str) -> tuple[list[Event], int]:
    """What leaves at the clock's port while chords are played for so long; and xruns."""
    room = round(_BYTES * seconds * TEMPO / 60 * TICKS * 1.2) + 4096
    player, listener = (
        JackProbe("bench-player", [], ["out"], _chords(seconds)),
        JackProbe("bench-ear", ["in"], [], room=room),
    )
    arguments = ("--clock-out", "clock", "--tempo", f"{TEMPO:g}", "--recordings", folder, "--stress")
    with closing(player), closing(listener), Progress("MIDI clock, heard") as progress:
        for probe in (player, listener):
            probe.open()
            probe.start()
        with daemon(listener, "string-quartet", *arguments, name=OURS):
            connect(listener, "bench-player:out", f"{OURS}:in")
            connect(listener, f"{OURS}:clock", "bench-ear:in")
            before, begin = listener.state().xruns, listener.state().frame

            def over() -> bool:
                progress(min(1.0, (listener.state().frame - begin) / (seconds * RATE)))
                return player.done

            player.go()
            wait_for(over, "the end of the chords", seconds + _SECONDS)
            xruns, heard = listener.state().xruns - before, listener.received()
        if listener.missed:
            raise UserError(f"{listener.missed} messages more came than there was room for")
    return heard, xruns


def _chords(seconds: float) -> list[Event]:
    """Chords of eight notes, each a semitone above the last one, an octave in all."""
    script = []
    for number in range(round(seconds * _CHORDS_A_SECOND)):
        frame = number * (RATE // _CHORDS_A_SECOND)
        notes = [pitch + number % 12 for pitch in CHORD]
        script += [(frame, 0, bytes((0x90, note, 80))) for note in notes]
        script += [(frame + _HELD, 0, bytes((0x80, note, 64))) for note in notes]
    return script


def judge(frames: Sequence[int], xruns: int = 0, bpm: float = TEMPO) -> dict[str, Any]:
    """Of ticks at an even tempo: how far they spread around their places, and how far they wandered. UserError where
    there are not two beats of them."""
    if len(frames) < 2 * TICKS:
        raise UserError(f"{len(frames)} ticks of MIDI clock left: too few to judge")
    interval = 60 * RATE / bpm / TICKS
    off = [frame - frames[0] - number * interval for number, frame in enumerate(frames)]
    share = max(TICKS, len(off) // 20)
    drift = sum(off[-share:]) / share - sum(off[:share]) / share
    spread, minutes = max(off) - min(off), (frames[-1] - frames[0]) / RATE / 60
    told = f"{spread:.2f} frames between the earliest and the latest of {len(frames)}"
    rows = [
        Row("clock out while a quartet plays: jitter", told, "<= 1 frame", spread <= 1.0),
        Row(f"drift over {minutes:.1f} minutes", f"{drift:+.3f} frames", "0 (under half a frame)", abs(drift) < 0.5),
    ]
    return verdict(rows, **plain(ticks=len(frames), jitter_ms=milliseconds(spread), drift_frames=drift, xruns=xruns))
