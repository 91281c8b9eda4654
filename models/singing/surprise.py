"""A surprise for a voice: in the middle of a piece the piano is, from one moment on, in another key.

At that moment whatever sounds is let go and the same chord is struck in the new key, with its velocities; everything
later is transposed too. The interval may be any from a minor second to a major seventh; a case counts only where the
voice sings a chord tone as it happens, whose class does not sound in the new chord: otherwise nothing would be to do.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models.singing import metrics
from ripieno.models.singing.metrics import Line, Piano
from ripieno.native.piano import EVENT, KEYS, LOW, OFF, ON, PEDAL

Events = NDArray[Any]
INTERVALS = tuple(range(1, 12))  # semitones up
_HIGHEST_UP = 6  # semitones; wider intervals are taken down from the octave


@dataclass
class Hands:
    """What a pianist's hands and foot do at a moment: velocities by key, of keys down and of those the pedal holds."""

    down: dict[int, int]
    held: dict[int, int]
    pedal: bool = False

    def hear(self, kind: int, key: int, value: int) -> None:
        """One event."""
        if kind == ON:
            self.held.pop(key, None)
            self.down[key] = value
        elif kind == OFF and key in self.down:
            velocity = self.down.pop(key)
            if self.pedal:
                self.held[key] = velocity
        elif kind == PEDAL:
            self.pedal = value > 0
            if not self.pedal:
                self.held.clear()


def transposed(events: Events, at: int, interval: int) -> Events:
    """The events as they are before frame ``at``, and in another key, ``interval`` semitones up (0..11), from there."""
    early, late = events[events["frame"] < at], events[events["frame"] >= at].copy()
    hands = Hands({}, {})
    for event in early:
        hands.hear(int(event["kind"]), int(event["key"]), int(event["value"]))
    notes = late["kind"] != PEDAL
    late["key"][notes] = [moved(int(key), interval) for key in late["key"][notes]]
    return np.concatenate([early, _struck_anew(hands, at, interval), late])


def moved(key: int, interval: int) -> int:
    """A key in the new key; those that leave the keyboard turn back by an octave."""
    found = key + (interval if interval <= _HIGHEST_UP else interval - 12)
    return found + 12 * (found < LOW) - 12 * (found >= LOW + KEYS)


def _struck_anew(hands: Hands, at: int, interval: int) -> Events:
    """Everything is let go, and struck in the new key; what only the pedal held, it holds again."""
    told = [(OFF, key, 0) for key in hands.down] + [(PEDAL, 0, 0)] * hands.pedal
    told += [(PEDAL, 0, 1)] * hands.pedal
    for keys in (hands.held, hands.down):  # a key of both is down in the end
        told += [(ON, moved(key, interval), velocity) for key, velocity in keys.items()]
        told += [(OFF, moved(key, interval), 0) for key in keys if keys is hands.held]
    found = np.zeros(len(told), EVENT)
    found["frame"] = at
    if told:
        found["kind"], found["key"], found["value"] = np.array(told).T
    return found


def is_case(sung: Line, piano: Piano, new: Piano, at: int) -> bool:
    """Whether block ``at`` brings a surprise to a voice that sang without it: it is within a note, a chord tone of the
    old piano, whose class does not sound in the new."""
    within = sung.note[at] == sung.note[at - 1] and not sung.onset[at]
    agreed = metrics.chord_tones(sung, piano)[at - 1 : at + 1].all()
    return bool(within and agreed and new.classes[at].any() and not new.classes[at, sung.note[at] % 12])
