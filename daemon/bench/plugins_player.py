"""A player for the benches of the plugins: on every channel one note slides into the next, so that silence is a gap.

No song's notes: a random walk over a pentatonic scale.
"""

from collections.abc import Sequence
from random import Random

from ripieno.native.engine import Event

_SCALE = (0, 2, 4, 7, 9)
_LOWEST, _STEPS = 48, 15
_SHORTEST, _LONGEST = 0.12, 0.6  # seconds from note to note
_OVERLAP = 0.03
_ON, _OFF = 0x90, 0x80


def script(seconds: float, channels: int, rate: int, seed: int = 1) -> list[Event]:
    """(frame, 0, MIDI bytes) in order, the first at frame 0; every note ends before that many seconds are over."""
    events: list[Event] = []
    for channel in range(channels):
        events += _line(seconds, channel, rate, Random(seed * 1000 + channel))
    return sorted(events, key=lambda event: event[0])


def _line(seconds: float, channel: int, rate: int, rng: Random) -> list[Event]:
    events: list[Event] = []
    at, step = 0.0, rng.randrange(_STEPS)
    while True:
        long = rng.uniform(_SHORTEST, _LONGEST)
        if at + long + _OVERLAP >= seconds:
            return events
        step = min(_STEPS - 1, max(0, step + rng.choice((-3, -2, -1, 1, 2, 3))))
        events += note(at, long + _OVERLAP, channel, _pitch(step), rng.randint(60, 110), rate)
        at += long


def _pitch(step: int) -> int:
    return _LOWEST + 12 * (step // len(_SCALE)) + _SCALE[step % len(_SCALE)]


def note(at: float, long: float, channel: int, pitch: int, velocity: int, rate: int) -> Sequence[Event]:
    """A note's two messages; times in seconds."""
    return (
        (int(at * rate), 0, bytes([_ON | channel, pitch, velocity])),
        (int((at + long) * rate), 0, bytes([_OFF | channel, pitch, 64])),
    )
