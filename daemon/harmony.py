"""Names of what sounds together, and of keys.

The names of chords follow C. Brandt and C. Roemer, Standardized Chord Symbol Notation, Roerick Music 1976, in ASCII.
"""

from collections.abc import Iterable

Heard = tuple[int, bool]
"""A key: its root, 0 to 11 from C, and whether it is minor."""

_FLATS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_EITHER = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_WITH_FLATS = (1, 3, 5, 8, 10)  # major keys
_NEUTRAL = 0
_TO_MAJOR = 3  # semitones from a minor key's root to that of the major one with its accidentals
# What a chord has above its root, in semitones; of two names of the same notes the first holds, unless the other's root
# is in the bass. At the end those that lack their fifth.
_CHORDS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("", (4, 7)),
    ("m", (3, 7)),
    ("7", (4, 7, 10)),
    ("maj7", (4, 7, 11)),
    ("m7", (3, 7, 10)),
    ("m7b5", (3, 6, 10)),
    ("dim", (3, 6)),
    ("dim7", (3, 6, 9)),
    ("+", (4, 8)),
    ("sus4", (5, 7)),
    ("sus2", (2, 7)),
    ("6", (4, 7, 9)),
    ("m6", (3, 7, 9)),
    ("m(maj7)", (3, 7, 11)),
    ("9", (2, 4, 7, 10)),
    ("maj9", (2, 4, 7, 11)),
    ("m9", (2, 3, 7, 10)),
    ("7sus4", (5, 7, 10)),
    ("9sus4", (2, 5, 7, 10)),
    ("add9", (2, 4, 7)),
    ("m(add9)", (2, 3, 7)),
    ("6/9", (2, 4, 7, 9)),
    ("13", (4, 7, 9, 10)),
    ("13", (2, 4, 7, 9, 10)),
    ("7(b9)", (1, 4, 7, 10)),
    ("7(#9)", (3, 4, 7, 10)),
    ("7(#11)", (4, 6, 7, 10)),
    ("maj7(#11)", (4, 6, 7, 11)),
    ("7(b5)", (4, 6, 10)),
    ("7(#5)", (4, 8, 10)),
    ("m11", (2, 3, 5, 7, 10)),
    ("5", (7,)),
    ("7", (4, 10)),
    ("maj7", (4, 11)),
    ("m7", (3, 10)),
    ("9", (2, 4, 10)),
    ("maj9", (2, 4, 11)),
    ("m9", (2, 3, 10)),
    ("13", (4, 9, 10)),
    ("7(b9)", (1, 4, 10)),
    ("7(#9)", (3, 4, 10)),
)


def spelled(pitch_class: int, key: Heard | None = None) -> str:
    """The name of a pitch class, 0 to 11 from C, as one would write it in a key."""
    root, minor = key or (_NEUTRAL, False)
    major = (root + _TO_MAJOR * minor) % 12
    names = _EITHER if major == _NEUTRAL else _FLATS if major in _WITH_FLATS else _SHARPS
    return names[pitch_class]


def key_name(key: Heard | None) -> str:
    """As "Bb major"; "" for none."""
    return f"{spelled(key[0], key)} {'minor' if key[1] else 'major'}" if key else ""


def chord_name(pitches: Iterable[int], key: Heard | None = None) -> str:
    """What these MIDI numbers make together, as "F#m7" or "C/E"; "" where that has no name. key: to spell it in."""
    low_to_high = sorted(pitches)
    there = frozenset(pitch % 12 for pitch in low_to_high)
    bass = low_to_high[0] % 12 if low_to_high else 0
    found = [
        (root != bass, order, root, name)
        for root in there
        for order, (name, steps) in enumerate(_CHORDS)
        if there == {root, *((root + step) % 12 for step in steps)}
    ]
    if not found:
        return ""
    over, _, root, name = min(found)
    return f"{spelled(root, key)}{name}{f'/{spelled(bass, key)}' if over else ''}"
