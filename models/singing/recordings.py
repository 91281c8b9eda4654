"""A singer's recordings as lessons: which note each block sings, read off the pitch and the labels of the phonemes.

For recordings that come with labels alone (start, end and name of each phoneme, as HTS has them) and no score. A
syllable is a note: it begins with its consonants, and its pitch is the semitone nearest to the middle of its vowel, in
the singer's own tuning of that song. Vowels that follow each other at one pitch are one note.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ripieno.models.singing.frames import BLOCK, PERIOD, Frames
from ripieno.models.singing.representation import BREATH, BREATH_LONGEST, NOTE_LOW, NOTES, ONSET, REST, SUSTAIN

VOWELS = frozenset({"a", "i", "u", "e", "o", "N"})
SILENCES, BREATHS = frozenset({"pau", "sil"}), frozenset({"br"})
UNIT = 1e-7  # seconds of a label's numbers
MIDDLE = 0.2, 0.8  # the part of a vowel from which its pitch is taken
VIBRATO = 0.176  # s, a period of it: what a mean over it leaves out
SETTLED = 0.15, 0.25  # s after a note's begin, between which the mean takes over
TUNED = 0.8  # the share of each note's mean deviation that is put right: a voice to play with must be in tune


@dataclass(frozen=True)
class Phoneme:
    """A labelled stretch, in seconds."""

    start: float
    end: float
    name: str


@dataclass(frozen=True)
class Sung:
    """What was sung, by blocks. phonation, note [blocks]: representation's tokens; cents [blocks * 2]: by frames, the
    deviation from the note, without vibrato."""

    phonation: NDArray[np.int64]
    note: NDArray[np.int64]
    cents: NDArray[np.floating]


def read_labels(path: Path) -> list[Phoneme]:
    """The phonemes of a label file. Raises ValueError naming the file and line that is none."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            start, end, name = line.split()
            found.append(Phoneme(int(start) * UNIT, int(end) * UNIT, name))
        except ValueError as error:
            raise ValueError(f"{path}:{number}: not 'start end phoneme': {line!r}") from error
    return found


def syllables(phonemes: list[Phoneme]) -> list[Phoneme]:
    """Silences, breaths, and syllables named after their vowel, from the first consonant to the vowel's end."""
    found: list[Phoneme] = []
    begin = None
    for phoneme in phonemes:
        if phoneme.name in VOWELS or phoneme.name in SILENCES | BREATHS:
            start = begin if begin is not None and phoneme.name in VOWELS else phoneme.start
            found.append(Phoneme(start, phoneme.end, phoneme.name))
            begin = None
        elif begin is None:
            begin = phoneme.start
    return found


def pitch_curve(f0: NDArray[np.floating]) -> NDArray[np.float64]:
    """[frames] MIDI pitch, straight across what is unvoiced."""
    voiced = np.flatnonzero(f0 > 0)
    if not len(voiced):
        raise ValueError("nothing is voiced: a singer's recording is needed")
    pitch = 69.0 + 12.0 * np.log2(f0[voiced].astype(np.float64) / 440.0)
    return np.interp(np.arange(len(f0)), voiced, pitch)


def middle_pitch(curve: NDArray[np.float64], voiced: NDArray[np.bool_], one: Phoneme) -> float | None:
    """The median pitch of a syllable's middle; None where nothing of it is voiced."""
    length = one.end - one.start
    first, last = (round((one.start + share * length) / PERIOD) for share in MIDDLE)
    part = curve[first:last][voiced[first:last]]
    return float(np.median(part)) if len(part) else None


def tuning(pitches: list[float]) -> float:
    """How far, in semitones, a song's pitches lie from equal temperament at 440 Hz: their circular mean; 0 of none."""
    turned = np.exp(2j * np.pi * np.array(pitches)).sum()
    return float(np.angle(turned) / (2 * np.pi))


def settle(note: NDArray[np.float64]) -> NDArray[np.float64]:
    """One note's cents [frames], tuned, and with its vibrato averaged out once it has lasted."""
    first, last = (round(share * len(note)) for share in MIDDLE)
    note = note - TUNED * np.median(note[first : last + 1])
    width = round(VIBRATO / PERIOD)
    if len(note) <= 2 * width:
        return note
    padded = np.pad(note, (width // 2, width - 1 - width // 2), "edge")
    mean = np.convolve(padded, np.full(width, 1 / width), "valid")
    share = np.clip((np.arange(len(note)) * PERIOD - SETTLED[0]) / (SETTLED[1] - SETTLED[0]), 0.0, 1.0)
    return share * mean + (1.0 - share) * note


def deviations(
    curve: NDArray[np.float64], phonation: NDArray[np.int64], note: NDArray[np.int64]
) -> NDArray[np.float64]:
    """[frames] cents of a pitch curve from the note that is sung; where none is, as at the last one's end, or 0."""
    cents = np.zeros(len(phonation) * BLOCK)
    onsets = np.flatnonzero(phonation == ONSET)
    for onset, following in pairwise([*onsets, len(phonation)]):
        sung = onset + int((phonation[onset:following] >= ONSET).sum())
        own = 100.0 * (curve[onset * BLOCK : sung * BLOCK] - NOTE_LOW - note[onset])
        cents[onset * BLOCK : sung * BLOCK] = settle(own)
        cents[sung * BLOCK : following * BLOCK] = cents[sung * BLOCK - 1]
    return cents


def label(frames: Frames, phonemes: list[Phoneme]) -> Sung:
    """What a recording sings. Raises ValueError where nothing is voiced."""
    curve, voiced = pitch_curve(frames.f0), frames.f0 > 0
    parts = syllables(phonemes)
    found = {part: middle_pitch(curve, voiced, part) for part in parts if part.name in VOWELS}
    alone = set(phonemes)  # a syllable that is one of them has no consonant
    apart = tuning([pitch for pitch in found.values() if pitch is not None])
    phonation, note = np.full(len(frames) // BLOCK, REST), np.zeros(len(frames) // BLOCK, np.int64)
    for part in parts:
        first, end = (min(len(note), round(at / (BLOCK * PERIOD))) for at in (part.start, part.end))
        if part.name in BREATHS:
            phonation[max(first, end - BREATH_LONGEST) : end] = BREATH
        pitch = found.get(part)
        if pitch is None or end <= first:
            continue
        token = int(np.clip(round(pitch - apart) - NOTE_LOW, 0, NOTES - 1))
        goes_on = first > 0 and phonation[first - 1] >= ONSET and note[first - 1] == token and part in alone
        phonation[first:end], note[first:end] = SUSTAIN, token
        if not goes_on:
            phonation[first] = ONSET
    return Sung(phonation, note, deviations(curve - apart, phonation, note))
