"""A line sung by a voice of syllables: what a singer does beyond the notes, as frames, with exact labels.

Parameters follow what is measured of singers (J. Sundberg, "The science of the singing voice", 1987; T. Saitou et al.,
"Speech-to-singing synthesis", WASPAA 2007): portamento of 60 to 120 ms, scoops into a phrase, slow drift and jitter of
the pitch; attack, arch of a phrase, and release of the level. Vibrato is not here: it is a rule with controls, played
live (native/src/delivery.c).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ripieno.models.singing.frames import BANDS, BLOCK, PERIOD, SHAPE, SILENT, Floats, Frames
from ripieno.models.singing.representation import BREATH, NOTE_LOW, ONSET, REST
from ripieno.models.singing.syllables import BLEND, Syllable, Voice, hold

USUAL = -15.0  # dB, the level of a phrase's middle
ARCH = 4.0  # dB that a phrase begins and ends softer
PHRASES, NOTES, SLOW = 1.5, 1.0, 0.7  # dB, standard deviations of the level: of phrases, of notes, and slowly
HIGHER = 0.25  # dB a semitone above the middle of the voice
ATTACK = 0.024, 0.072  # s in which a phrase's first note comes up from SOFT
SOFT = -24.0  # dB against where it is going
RELEASE = 0.08, 0.2  # s in which a note dies away in a rest, by FALL
FALL = -55.0  # dB
BREATHS = -44.0, -34.0  # dB, the loudest of a breath
GLIDE = 0.06, 0.12  # s of a portamento
WIDEST = 240.0  # cents: a wider leap is not glided through
SCOOP, SCOOPED = 0.35, (25.0, 140.0)  # how often a phrase begins from below, and how far, in cents
DRIFT, DRIFTS = 6.0, 0.5  # cents and seconds of the slow part of the pitch
JITTER = 1.5  # cents of the quick part
SPOKEN_FIRST, SPOKEN = 0.75, 0.6  # how often there is a consonant: after silence, and within a phrase
VOWEL_WEIGHTS = {"a": 0.4, "o": 0.22, "u": 0.2, "e": 0.1, "i": 0.08}
SAME_VOWEL = 0.75  # how often a syllable keeps the phrase's vowel
ARRIVES = 12  # frames of a vowel after its consonant before it is held


@dataclass(frozen=True)
class Note:
    """Frames first .. end of a line that sing one note. phrase: its phrase's first and last frame; opens: after
    silence; again: the same note as the one before, struck anew; before: the note before, in a phrase."""

    first: int
    end: int
    pitch: int
    phrase: tuple[int, int]
    opens: bool
    before: int | None


def notes_of(phonation: NDArray[np.int64], note: NDArray[np.int64]) -> list[Note]:
    """The notes of a line, in frames. phonation, note [blocks]: tokens as in representation.py."""
    sung = phonation >= ONSET
    edges = np.flatnonzero(np.diff(np.concatenate([[False], sung, [False]]).astype(int)))
    found = []
    for first, end in edges.reshape(-1, 2):
        onsets = [*(first + np.flatnonzero(phonation[first:end] == ONSET)), end]
        before: int | None = None
        for onset, following in pairwise(onsets):
            pitch = int(note[onset]) + NOTE_LOW
            phrase = int(first) * BLOCK, int(end) * BLOCK
            found.append(Note(int(onset) * BLOCK, int(following) * BLOCK, pitch, phrase, before is None, before))
            before = pitch
    return found


def perform(
    phonation: NDArray[np.int64], note: NDArray[np.int64], voice: Voice, rng: np.random.Generator
) -> tuple[Frames, NDArray[np.float32]]:
    """Sing a line: BLOCK frames a block, and [frames] cents by which the pitch deviates from the note, vibrato aside.

    phonation, note [blocks]: the tokens of the line (representation.py), the note's where one begins. Frames of notes,
    and of their release in the rest after them, have a pitch even in consonants without voice, which are then all noise
    (aperiodicity 0 dB); breaths and silence have f0 0. In silence the level is SILENT, and the shape stays as it was.
    """
    count = len(phonation) * BLOCK
    shape, level = np.zeros((count, SHAPE), np.float32), np.full(count, SILENT, np.float32)
    cents, pitch = np.zeros(count, np.float32), np.zeros(count, np.float32)
    breathe(phonation, voice, shape, level, rng)
    vowel, loud = "", 0.0
    resting = np.repeat(phonation == REST, BLOCK)
    for one in notes_of(phonation, note):
        if one.opens:
            vowel, loud = pick_vowel(voice, rng), rng.normal(0.0, PHRASES)
        after = resting[one.end : one.end + round(rng.uniform(*RELEASE) / PERIOD)]
        end = one.end + (len(after) if after.all() else int(np.argmin(after)))
        place = slice(one.first, end)
        tone = timbre(one, end, voice, vowel, shape, rng)
        shape[place] = tone[:, :SHAPE]
        level[place] = tone[:, SHAPE] + loudness(one, end, voice, loud, rng)
        cents[place] = deviation(one, end, rng)
        pitch[place] = one.pitch
    _stay(shape, level)
    f0 = np.where(pitch > 0, 440.0 * 2.0 ** ((pitch - 69.0 + cents / 100.0) / 12.0), 0.0).astype(np.float32)
    return Frames(f0, np.maximum(level, SILENT), shape[:, :BANDS], shape[:, BANDS:]), cents


def pick_vowel(voice: Voice, rng: np.random.Generator) -> str:
    """A vowel of the voice."""
    weights = np.array([VOWEL_WEIGHTS[name] for name in voice.vowels])
    return voice.vowels[rng.choice(len(weights), p=weights / weights.sum())]


def pick_beginning(one: Note, voice: Voice, vowel: str, rng: np.random.Generator) -> Syllable | None:
    """The syllable a note begins with; None where it goes on with the vowel of the note before (a melisma)."""
    spoken = rng.random() < (SPOKEN_FIRST if one.opens else SPOKEN) or one.before == one.pitch
    consonants = [name for name in {s.consonant for s in voice.syllables} if name] if spoken else [""]
    if not one.opens and not spoken:
        return None
    found = voice.beginnings(vowel, one.pitch, sorted(consonants)) or voice.beginnings(
        vowel, one.pitch, sorted({s.consonant for s in voice.syllables if s.consonant is not None})
    )
    return found[rng.integers(len(found))]


def timbre(one: Note, end: int, voice: Voice, vowel: str, shape: Floats, rng: np.random.Generator) -> Floats:
    """[end - one.first, SHAPE + 1] shape and relative level of a note; shape: of the frames so far."""
    count = end - one.first
    spoken = vowel if rng.random() < SAME_VOWEL else pick_vowel(voice, rng)
    beginning = pick_beginning(one, voice, spoken, rng)
    name = beginning.name if beginning else vowel
    start = (
        voice.material[beginning.first : min(beginning.end, beginning.vowel + ARRIVES + BLEND)][:count]
        if beginning
        else np.empty((0, SHAPE + 1), np.float32)
    )
    made = np.empty((count, SHAPE + 1), np.float32)
    made[: len(start)] = start
    blend = min(BLEND, len(start))
    held = hold(voice, voice.held(name, one.pitch), max(0, count - len(start) + blend), rng)
    rise = ((np.arange(blend) + 0.5) / BLEND).astype(np.float32)[:, None]
    if len(held):
        made[len(start) :] = held[blend:]
        made[len(start) - blend : len(start)] += rise[: len(held)] * (held[:blend] - start[len(start) - blend :])
    if not one.opens:
        _join(made, shape, one.first, 4 if beginning else BLEND)
    return made


def _join(made: Floats, shape: Floats, first: int, blend: int) -> None:
    """Let a note's first frames come out of the last frame before it."""
    blend = min(blend, len(made))
    rise = ((np.arange(blend) + 1.0) / (blend + 1)).astype(np.float32)[:, None]
    made[:blend, :SHAPE] = shape[first - 1] * (1.0 - rise) + made[:blend, :SHAPE] * rise


def loudness(one: Note, end: int, voice: Voice, loud: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """[end - one.first] dB of a note, which its timbre's level is against."""
    at = np.arange(one.first, end)
    first, last = one.phrase
    arch = -ARCH * (2.0 * np.clip((at - first) / (last - first), 0.0, 1.0) - 1.0) ** 2
    level = USUAL + loud + arch + rng.normal(0.0, NOTES) + HIGHER * (one.pitch - (voice.low + voice.high) / 2)
    level = level + SLOW * wander(len(at), DRIFTS, rng)
    if one.opens:
        attack = np.clip((at - one.first + 1) * PERIOD / rng.uniform(*ATTACK), 0.0, 1.0)
        level = level + SOFT * (1.0 - attack) ** 1.5
    fallen = at - one.end + 1
    return level + np.where(fallen > 0, FALL * fallen / max(1, end - one.end), 0.0)


def deviation(one: Note, end: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """[end - one.first] cents of a note's pitch."""
    count = end - one.first
    time = np.arange(count) * PERIOD
    cents = DRIFT * wander(count, DRIFTS, rng) + JITTER * wander(count, 2 * PERIOD, rng)
    away = 0.0
    if one.before is not None and one.before != one.pitch:
        away = float(np.clip(100.0 * (one.before - one.pitch), -WIDEST, WIDEST))
    elif rng.random() < (SCOOP if one.opens else 0.5 * SCOOP):
        away = -rng.uniform(*SCOOPED)
    share = np.clip(time / rng.uniform(*GLIDE), 0.0, 1.0)
    return cents + away * (0.5 + 0.5 * np.cos(np.pi * share))


def wander(count: int, seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """[count] a random walk drawn back to 0: standard deviation 1, correlated over about so many seconds."""
    keep = float(np.exp(-PERIOD / seconds))
    steps = rng.normal(0.0, np.sqrt(1.0 - keep**2), count)
    steps[0] = rng.normal() if count else 0.0
    reach = min(count, max(1, int(6.0 / (1.0 - keep))))
    return np.convolve(steps, keep ** np.arange(reach))[:count]


def breathe(phonation: NDArray[np.int64], voice: Voice, shape: Floats, level: Floats, rng: np.random.Generator) -> None:
    """Put breaths where the line has them: a breath of the voice, as long as is wanted, swelling and ebbing."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], phonation == BREATH, [False]]).astype(int)))
    for first, end in edges.reshape(-1, 2) * BLOCK:
        begin, stop = voice.breaths[rng.integers(len(voice.breaths))]
        at = begin + np.linspace(0.0, stop - begin - 1.0, end - first)
        shape[first:end] = voice.material[np.rint(at).astype(int), :SHAPE]
        swell = np.sin(np.pi * (np.arange(end - first) + 0.5) / (end - first))
        level[first:end] = rng.uniform(*BREATHS) + 8.0 * (swell - 1.0)


def _stay(shape: Floats, level: Floats) -> None:
    """Let silent frames keep the last shape (the first one's, before it)."""
    heard = level > SILENT
    if heard.any():
        last = np.maximum.accumulate(np.where(heard, np.arange(len(level)), -1))
        shape[:] = shape[np.where(last < 0, int(np.argmax(heard)), last)]
