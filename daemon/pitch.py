"""Note names: C4 is middle C, MIDI number 60."""

import re

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ALTERATIONS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
_SHOWN = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
_NAME = re.compile(r"\s*([A-Ga-g])([#♯b♭]?)(-?\d+)\s*")


def parse_pitch(value: object) -> int:
    """A MIDI note number, 0 to 127, from a name such as "F#3" or "Bb-1", or from a number. ValueError otherwise."""
    if isinstance(value, str) and (match := _NAME.fullmatch(value)):
        step, alteration, octave = match.groups()
        number = 12 * (int(octave) + 1) + _STEPS[step.upper()] + _ALTERATIONS[alteration]
    elif isinstance(value, str) and value.strip().isdecimal():
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise ValueError(f'{value!r} is no note: write a name such as "G3" (C4 is middle C) or a MIDI number')
    if not 0 <= number <= 127:
        raise ValueError(f"{value!r} lies outside of MIDI's notes, C-1 (0) to G9 (127)")
    return number


def show_pitch(number: int) -> str:
    """The name of a MIDI note number."""
    return f"{_SHOWN[number % 12]}{number // 12 - 1}"
