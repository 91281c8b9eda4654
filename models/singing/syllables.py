"""Syllables of a singer: frames cut from recordings by the labels of their phonemes, to sing any line with.

A syllable is an optional consonant and a vowel; where the vowel is long enough, a part of it can be held for as long as
one likes: ``hold`` wanders through such parts forwards, and from one place to another by cross-fades, since going back
and forth, or round a loop, is heard (and seen in a spectrogram) as a period.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models.singing.frames import BANDS, NOISES, PERIOD, Floats, Frames, join
from ripieno.models.singing.recordings import Phoneme

VOWELS = ("a", "e", "i", "o", "u")
CONSONANTS = ("b", "d", "l", "m", "n", "w", "y")
SILENCES, BREATH = frozenset({"pau", "sil"}), "br"
LONGEST_CONSONANT = 0.088  # s of it that are kept, the last ones: a voice that answers a key cannot dwell
SHORTEST = 0.12  # s of a vowel that begins a syllable
BEFORE = 0.016  # s before a vowel without consonant
SETTLES, LEAVES = 0.064, 0.25  # s at a vowel's begin and the share at its end in which it is on its way
HELD = 0.16  # s, least of a part that can be held
BLEND = 10  # frames of a cross-fade
STAYS = 0.6  # s before the next, on average
UNEVEN = -30.0, 5.0  # dB, how far a frame's level may be from its vowel's
WITHIN = 3.0  # semitones that a part may lie further from the pitch than the nearest

Breath = tuple[int, int]


@dataclass(frozen=True)
class Syllable:
    """Frames first .. end of a voice, the vowel's from ``vowel`` on; held .. left may be held, nothing where they are
    equal. pitch: of the vowel, as a MIDI number. consonant: "" if none, None where the syllable cannot begin a note."""

    consonant: str | None
    name: str
    pitch: float
    first: int
    vowel: int
    held: int
    left: int
    end: int


@dataclass(frozen=True)
class Voice:
    """A singer. frames: of all syllables and breaths; their level is against the vowel's. breaths: [first, end) each.
    low, high: the notes it sings at ease."""

    name: str
    frames: Frames
    syllables: tuple[Syllable, ...]
    breaths: tuple[Breath, ...]
    low: int
    high: int

    @cached_property
    def material(self) -> Floats:
        """[frames, BANDS + NOISES + 1]: shape and level side by side."""
        return np.concatenate((self.frames.shape(), self.frames.level[:, None]), 1)

    @cached_property
    def vowels(self) -> tuple[str, ...]:
        """The vowels that can be begun and held."""
        begun = {one.name for one in self.syllables if one.consonant is not None}
        holds = {one.name for one in self.syllables if one.left > one.held}
        return tuple(name for name in VOWELS if name in begun & holds)

    def beginnings(self, vowel: str, pitch: float, consonants: Sequence[str]) -> list[Syllable]:
        """Syllables with one of these consonants and this vowel, those near the pitch; none if there are none."""
        found = [one for one in self.syllables if one.name == vowel and one.consonant in consonants]
        return near(found, pitch)

    def held(self, vowel: str, pitch: float) -> list[Syllable]:
        """Syllables of which something can be held, with this vowel, those near the pitch."""
        return near([one for one in self.syllables if one.name == vowel and one.left > one.held], pitch)


def near(syllables: list[Syllable], pitch: float) -> list[Syllable]:
    """Those not much further from a pitch than the nearest."""
    far = [abs(one.pitch - pitch) for one in syllables]
    return [one for one, distance in zip(syllables, far, strict=True) if distance <= min(far) + WITHIN]


def cut(frames: Frames, phonemes: list[Phoneme], offset: int = 0) -> tuple[Frames, list[Syllable], list[Breath]]:
    """The frames of the syllables in a recording, what they are, and the breaths; they are counted from ``offset``.

    The labels' vowels and consonants are those of VOWELS and CONSONANTS; others end what came before and begin nothing.
    """
    parts: list[Frames] = []
    syllables: list[Syllable] = []
    breaths: list[Breath] = []
    for before, phoneme in pairwise([Phoneme(0.0, 0.0, "pau"), *phonemes]):
        if phoneme.name == BREATH:
            parts.append(_part(frames, phoneme.start, phoneme.end))
            breaths.append((offset, offset + len(parts[-1])))
        elif phoneme.name in VOWELS and (found := _syllable(frames, before, phoneme)):
            parts.append(found[0])
            syllables.append(_moved(found[1], offset))
        else:
            continue
        offset += len(parts[-1])
    return join(parts) if parts else frames[:0], syllables, breaths


def _part(frames: Frames, start: float, end: float) -> Frames:
    part = frames[max(0, round(start / PERIOD)) : round(end / PERIOD)]
    return Frames(part.f0, part.level - np.median(part.level), part.envelope, part.aperiodicity)


def _syllable(frames: Frames, before: Phoneme, vowel: Phoneme) -> tuple[Frames, Syllable] | None:
    consonant = before.name if before.name in CONSONANTS else "" if before.name in SILENCES else None
    length = min(before.end - before.start, LONGEST_CONSONANT) if consonant else BEFORE
    first, begin, end = (round(max(0.0, at) / PERIOD) for at in (vowel.start - length, vowel.start, vowel.end))
    part = frames[first:end]
    sung = part.f0[begin - first :]
    if len(sung) * PERIOD < SHORTEST or (sung > 0).mean() < 0.9:
        return None
    held = begin + round(SETTLES / PERIOD)
    left = max(held, begin + round((end - begin) * (1.0 - LEAVES)))
    if (left - held) * PERIOD < HELD or (frames.f0[held:left] == 0).any():
        left = held
    level = np.clip(part.level - np.median(part.level[begin - first :]), *UNEVEN)
    pitch = 69.0 + 12.0 * np.log2(np.median(sung[sung > 0]) / 440.0)
    told = Syllable(consonant, vowel.name, float(pitch), 0, begin - first, held - first, left - first, len(part))
    return Frames(part.f0, level, part.envelope, part.aperiodicity), told


def _moved(one: Syllable, by: int) -> Syllable:
    places = (place + by for place in (one.first, one.vowel, one.held, one.left, one.end))
    return Syllable(one.consonant, one.name, one.pitch, *places)


def hold(voice: Voice, parts: list[Syllable], count: int, rng: np.random.Generator) -> Floats:
    """[count, BANDS + NOISES + 1] of a vowel that is held: shape and level; parts: what ``Voice.held`` gave."""
    made = np.empty((count, BANDS + NOISES + 1), np.float32)
    done, tail = 0, made[:0]
    rise = ((np.arange(BLEND) + 0.5) / BLEND).astype(np.float32)[:, None]
    while done < count:
        one = parts[rng.integers(len(parts))]
        usable = one.left - one.held
        least = min(usable, 2 * BLEND)
        first = one.held + int(rng.integers(usable - least + 1))
        length = min(one.left - first, least + round(rng.exponential(STAYS / PERIOD)))
        run = voice.material[first : first + length].copy()
        if len(tail):
            blend = min(len(tail), len(run))
            run[:blend] = tail[:blend] * (1.0 - rise[:blend]) + run[:blend] * rise[:blend]
        keep = max(1, len(run) - BLEND)
        taken = run[: min(keep, count - done)]
        made[done : done + len(taken)] = taken
        done, tail = done + len(taken), run[keep:]
    return made


def save(path: Path, voice: Voice) -> None:
    """Write a voice as .npz; the document in it is JSON."""
    document = {"name": voice.name, "low": voice.low, "high": voice.high, "breaths": voice.breaths}
    document["syllables"] = [asdict(one) for one in voice.syllables]
    np.savez_compressed(path, document=np.frombuffer(json.dumps(document).encode(), np.uint8), **vars(voice.frames))


def load(path: Path) -> Voice:
    """A voice that ``save`` wrote. Raises OSError, ValueError naming the file where it is none."""
    try:
        with np.load(path) as kept:
            arrays: dict[str, NDArray[Any]] = {name: kept[name] for name in kept.files}
        document = json.loads(arrays.pop("document").tobytes())
        syllables = tuple(Syllable(**one) for one in document["syllables"])
        breaths = tuple((first, end) for first, end in document["breaths"])
        return Voice(document["name"], Frames(**arrays), syllables, breaths, document["low"], document["high"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: no voice ({error}): build it again") from error
