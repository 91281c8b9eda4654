"""A pianist for the benches of the voice: chords broken in eighth notes, in one key after another, never quite in time.

No song's notes: a random walk over the common chords of a major key.
"""

from random import Random

from ripieno.native.engine import Event

BEAT = 0.6  # seconds
_BARS_A_KEY = 8
_CHORDS = ((0, 4, 7), (9, 0, 4), (5, 9, 0), (7, 11, 2), (2, 5, 9), (4, 7, 11))  # I vi IV V ii iii, semitones of the key
_FIGURE = (0, 1, 2, 1, 3, 2, 1, 2)  # which of the chord's notes each eighth strikes
_LOWEST = 45
_ON, _OFF, _CONTROL, _PEDAL = 0x90, 0x80, 0xB0, 64
_UNEVEN = 0.02  # seconds


def accompaniment(seconds: float, rate: int, seed: int = 1) -> list[Event]:
    """(frame, 0, MIDI bytes) in order, the first at frame 0; every note ends, and the pedal is up in the end."""
    rng, script, bar, key = Random(seed), [], 4 * BEAT, 0
    for number in range(int(seconds / bar)):
        key = rng.randrange(12) if number % _BARS_A_KEY == 0 else key
        chord = _CHORDS[0] if number % _BARS_A_KEY == 0 else rng.choice(_CHORDS)
        script += _bar(number * bar, [_pitch(key, step) for step in chord], rate, rng)
    script.sort(key=lambda event: event[0])
    return script


def _pitch(key: int, step: int) -> int:
    return _LOWEST + (key + step - _LOWEST) % 12


def _bar(begin: float, chord: list[int], rate: int, rng: Random) -> list[Event]:
    """A bar: the bass, the chord broken above it, the pedal down from the bass on and up as it ends."""
    notes = [pitch + 12 for pitch in sorted(chord)]
    notes.append(notes[0] + 12)
    struck = [(begin, chord[0], 4 * BEAT * 0.9)]
    for place, which in enumerate(_FIGURE):
        struck.append((begin + place * BEAT / 2 + rng.uniform(0, _UNEVEN), notes[which], BEAT * 0.45))
    found: list[Event] = []
    for at, pitch, length in struck:
        found.append((int(at * rate), 0, bytes([_ON, pitch, rng.randint(45, 95)])))
        found.append((int((at + length) * rate), 0, bytes([_OFF, pitch, 64])))
    found.append((int((begin + 0.05) * rate), 0, bytes([_CONTROL, _PEDAL, 127])))
    found.append((int((begin + 4 * BEAT * 0.97) * rate), 0, bytes([_CONTROL, _PEDAL, 0])))
    return found
