"""From the end of the player's phrase to the band's first note, live, with a thousand notes in the context.

The worker's own thread runs beside an engine at real pace. 200 times: the player plays a little, hands over, and comes
back. Told are the milliseconds from a hand-over decided to the band's first note committed, and from a key, or the end
of a note with seven others after it, to the context that holds it. The weights are the paper's size and
random: what is chosen is nonsense, what it costs is not.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from ripieno.daemon.errors import UserError
from ripieno.native.continuation import BandStats, Continuation, ContinuationConfig, Member
from ripieno.native.drivers import Clock
from ripieno.native.engine import Engine, Instrument, Rig
from ripieno.native.transformer import Transformer, TransformerConfig

PAPER_SIZE = TransformerConfig(512, 6, 8, 2048, 256)
RATE, PERIOD = 48_000, 128
CONTEXT, NOTES = 2048, 1000  # events that it may remember, notes that it does
_CHANGES, _ROUND = CONTEXT * 3 // 4, 100  # events at which it changes for its newer half; of a round, at most
HAND_OVERS = 200
BEAT = 1  # its place among the fields
FOLLOWING = 8  # notes rolled back to correct the length of the first of them
LIMIT_MS = 5.0
_CHORD = 8
_TIMEOUT = 10.0
_ON, _OFF = 0x90, 0x80
PIANO, BASS, FLUTE = 1, 33, 54  # the model's codes


def random_transformer(
    config: TransformerConfig = PAPER_SIZE, precision: str = "int8", notes_a_beat: float = 4.0
) -> Transformer:
    """A network that was taught nothing but how many notes there are in a beat."""
    rng = np.random.default_rng(1)
    arrays = {}
    for name, shape in config.shapes().items():
        spread = 0.3 if "embed" in name or "known" in name else 0.02
        arrays[name] = rng.normal(1.0 if "norm" in name else 0.0, spread, shape).astype(np.float32)
    beats = arrays[f"scores.{BEAT}.bias"]  # of the beats from a note to the next: 0, 1, or more, which is rare
    beats[:] = -8.0
    beats[:2] = np.log(notes_a_beat - 1.0), 0.0
    return Transformer(arrays, config, precision)


def trio() -> list[Member]:
    """Piano, bass and flute, on the rig's first three instruments."""
    return [Member(PIANO, 0, 36, 96), Member(BASS, 1, 28, 60), Member(FLUTE, 2, 60, 96)]


class Stage:
    """An engine at real pace, a band, and hands to play with."""

    def __init__(self, transformer: Transformer, **parameters: float | str) -> None:
        config = ContinuationConfig(trio(), {0: PIANO}, RATE, context=CONTEXT, parameters=parameters)
        self.band = Continuation(transformer, config)
        self.engine = Engine(RATE)
        instruments = [Instrument(0, channel, 0) for channel in (1, 2, 3)]
        self.engine.load(Rig("thru", instruments, continuation=self.band))
        self.clock = Clock(RATE, PERIOD)
        self.clock.start(self.engine)
        self.band.start()

    def close(self) -> None:
        """Stop everything, the band last."""
        self.clock.stop()
        self.band.stop()
        self.engine.close()
        self.band.close()

    def send(self, kind: int, pitch: int, velocity: int = 80) -> None:
        """A key moves, now."""
        self.clock.send(0, 0, bytes([kind, pitch, velocity]))

    def drain(self) -> None:
        """Read away what the engine and the band say."""
        self.engine.poll()
        self.band.poll()
        while self.clock.receive(0):
            continue

    def until(self, done: Callable[[BandStats], bool], what: str) -> BandStats:
        """The counts, as soon as they fulfil something. UserError where they do not."""
        end = time.monotonic() + _TIMEOUT
        while not done(stats := self.band.stats()):
            if time.monotonic() > end:
                raise UserError(f"{what} did not come within {_TIMEOUT:.0f} seconds")
            time.sleep(0.001)
        return stats


def fill(stage: Stage, notes: int) -> None:
    """Chords until the context holds so many notes, and is not about to be changed for its newer half."""
    for number in range(10 * notes):
        if notes <= stage.band.stats().length < max(notes + _CHORD, _CHANGES - _ROUND):
            return
        pitches = [36 + (7 * number + 5 * voice) % 60 for voice in range(_CHORD)]
        for pitch in pitches:
            stage.send(_ON, pitch)
        time.sleep(0.06)
        for pitch in pitches:
            stage.send(_OFF, pitch, 0)
        time.sleep(0.02)
        stage.drain()
    raise UserError("the context does not fill: the band hears nothing")


def absorb(stage: Stage, kind: int, pitch: int, velocity: int) -> tuple[float, int]:
    """Milliseconds until a key's movement is in the context, and how many events were absorbed again for it."""
    before = stage.band.stats()
    stage.send(kind, pitch, velocity)
    after = stage.until(lambda stats: stats.absorbed > before.absorbed, "a note in the context")
    return after.absorb_last / 1e6, after.rolled_back - before.rolled_back


def phrase(stage: Stage) -> list[tuple[float, int]]:
    """A long note, others while it lasts, and its end."""
    found = [absorb(stage, _ON, 48, 80)]
    for step in range(FOLLOWING - 1):
        found.append(absorb(stage, _ON, 60 + step, 70))
        time.sleep(0.02)
    found.append(absorb(stage, _OFF, 48, 0))
    for step in range(FOLLOWING - 1):
        stage.send(_OFF, 60 + step, 0)
    time.sleep(0.05)
    return found


def hand_over(stage: Stage) -> float:
    """Milliseconds from the decision to the first note committed."""
    answers = stage.band.stats().answers
    stage.band.hand_over()
    return stage.until(lambda stats: stats.answers > answers, "an answer").answer_last / 1e6


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of them lies."""
    return float(np.percentile(np.array(values), 100 * share))


def spread(values: list[float]) -> dict[str, float]:
    """Median, 99th percentile and worst, in milliseconds."""
    return {
        "median_ms": round(median(values), 3),
        "p99_ms": round(percentile(values, 0.99), 3),
        "max_ms": round(max(values), 3),
    }


def measure(transformer: Transformer, rounds: int = HAND_OVERS, notes: int = NOTES) -> dict[str, Any]:
    """Play, hand over, come back, so many times, with at least so many notes in the context."""
    stage = Stage(transformer, seed=1, humanize=0, handover_beats=16)
    try:
        fill(stage, notes)
        answers, absorbed, least = [], [], CONTEXT
        for _ in range(rounds):
            fill(stage, notes)  # again, where the full context was changed for its newer half
            absorbed += phrase(stage)
            least = min(least, stage.band.stats().length)
            answers.append(hand_over(stage))
            time.sleep(0.1)
            stage.drain()
        stats = stage.band.stats()
    finally:
        stage.close()
    rolled = [ms for ms, rows in absorbed if rows >= FOLLOWING]
    return {
        "hand_overs": len(answers),
        "least_notes_in_context": least,
        "answer": spread(answers),
        "absorb": spread([ms for ms, _ in absorbed]),
        "absorb_with_roll_back": spread(rolled) | {"times": len(rolled), "events": FOLLOWING},
        "late": stats.late,
        "moves": stats.moves,
    }


def run(json: bool = False) -> dict[str, Any]:
    """Measure; print a table unless `json`."""
    found = measure(random_transformer())
    if not json:
        print(f"{found['hand_overs']} hand-overs, at least {found['least_notes_in_context']} notes in the context")
        for name, what in (
            ("answer", "hand-over decided to first note committed"),
            ("absorb", "key to context"),
            ("absorb_with_roll_back", f"the same, {FOLLOWING} events and more rolled back"),
        ):
            one = found[name]
            print(f"  {what:52} median {one['median_ms']:7.3f}  p99 {one['p99_ms']:7.3f}  max {one['max_ms']:7.3f} ms")
    return found
