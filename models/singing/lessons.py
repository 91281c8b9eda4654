"""What the line learns from: excerpts of songs, changed so that it learns to follow a piano that surprises it.

- Keys, octaves, tempo and loudness are drawn anew; a pedal may hold the piano; nobody plays quite together.
- *Splices*: from one moment on the piano and the line are another song's, or the same song's in another key, or back.
- *Silences*: the player rests; the line ends its note soon and rests too.
- *Mistakes*: some notes of the line begin with another one that is no chord tone, and are put right after a moment. The
  wrong note itself is not learnt, what comes after it is: so it learns to leave its own wrong notes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ripieno.models.singing.representation import BLOCK_MS, NOTE_LOW, NOTHING_SUNG, ONSET, Integers, history
from ripieno.models.singing.songs import Notes, Song, block_of, octaves, one_voice, rows, tokens

Random = np.random.Generator

WARM = 500
"""Blocks (8 s) before an excerpt that only the slow means of the piano, and the line's history, come from."""
TRANSPOSE = 6  # semitones up or down, at most
STRETCH = (0.85, 1.2)
SPLICE, SPLICES_MOST, OTHER_KEY = 0.5, 3, 0.6  # how often; how many; how often it is only another key
SILENCE, SILENCE_MS = 0.3, (1500, 6000)
MISTAKE, MISTAKE_NOTES = 0.35, 0.3  # how often an excerpt has some; of its longer notes, how many begin wrong
PEDAL, BRIDGE = 0.4, 0.2  # how often the pedal holds the piano; how often other instruments are played on it
ENDING_MS = (150, 800)  # a note that sounds when the player falls silent ends so soon
LATE_MS = (16, 160)  # after a splice the line changes so soon
ROUGH_MS, LAG_MS = 10.0, 22  # the player's unevenness; the singer comes with him or up to this much later
BASS_BELOW, RING_MS = 55, 2500
LEAST_MS = 240  # a note that is shorter after a splice is left out


@dataclass(frozen=True)
class Lesson:
    """An excerpt. rows [blocks, ROW] float16; history [blocks, 4]: what was sung until the block before each;
    phonation, note [blocks]: the tokens of each; asked [blocks]: whether the note that begins is to be learnt."""

    rows: NDArray[np.float16]
    history: Integers
    phonation: Integers
    note: Integers
    asked: NDArray[np.bool_]


def joined(parts: Sequence[Notes]) -> Notes:
    """Notes of several parts in order of their onsets."""
    onset, end, pitch, velocity = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("onset", "end", "pitch", "velocity")
    )
    return Notes(onset, end, pitch, velocity).take(np.argsort(onset, kind="stable"))


def moved(notes: Notes, by: int = 0, begin: int = 0, stretch: float = 1.0) -> Notes:
    """Transposed, counted from ``begin`` and slower by ``stretch``; keys that no piano has are left out."""
    onset = np.rint((notes.onset - begin) * stretch).astype(np.int64)
    end = np.maximum(np.rint((notes.end - begin) * stretch).astype(np.int64), onset + 1)
    return Notes(onset, end, notes.pitch + by, notes.velocity).take((notes.pitch + by > 20) & (notes.pitch + by < 109))


def until(notes: Notes, moment: int) -> Notes:
    """What is played before a moment; what sounds then ends."""
    notes = notes.take(notes.onset < moment)
    return replace(notes, end=np.minimum(notes.end, moment))


def since(notes: Notes, moment: int) -> Notes:
    """What is played from a moment on; what sounds then begins."""
    notes = notes.take(notes.end > moment)
    return replace(notes, onset=np.maximum(notes.onset, moment))


def held(piano: Notes) -> Notes:
    """As with a pedal that changes with the bass."""
    changes = np.unique(piano.onset[piano.pitch < BASS_BELOW])
    following = np.concatenate([changes, [np.iinfo(np.int64).max]])[np.searchsorted(changes, piano.onset, side="right")]
    return replace(piano, end=np.maximum(piano.end, np.minimum(following, piano.onset + RING_MS)))


def rough(piano: Notes, rng: Random) -> Notes:
    """With a player's loudness and unevenness: chords move together, and each note a little."""
    together, inverse = np.unique(piano.onset, return_inverse=True)
    shift = rng.normal(0.0, ROUGH_MS, len(together))[inverse] + rng.uniform(0.0, ROUGH_MS, len(piano))
    onset = piano.onset + shift.astype(np.int64)
    level = rng.uniform(0.6, 1.25) * piano.velocity + rng.normal(0.0, 6.0, len(piano))
    velocity = np.clip(level, 8, 127).astype(np.int64)
    return Notes(onset, np.maximum(piano.end, onset + 20), piano.pitch, velocity)


Music = tuple[Notes, Notes]  # a line and its piano


class Lessons:
    """Draws excerpts of songs. blocks: how long each is."""

    def __init__(self, songs: Sequence[Song], blocks: int) -> None:
        self.songs, self.blocks = list(songs), blocks
        lengths = np.sqrt([song.length for song in songs])
        self.share = lengths / lengths.sum()
        self.span = (WARM + blocks) * BLOCK_MS

    def lesson(self, rng: Random) -> Lesson:
        """One excerpt."""
        line, piano = self.music(rng)
        line, wrong = mistaken(line, piano, rng) if rng.random() < MISTAKE else (line, np.zeros(len(line), bool))
        phonation, note = tokens(line, WARM + self.blocks, rng.integers(12, 20, len(line)))
        told = np.concatenate([[NOTHING_SUNG], history(phonation, note)[:-1]])
        asked = np.ones(len(phonation), bool)
        first = block_of(line.onset[wrong])
        asked[first[(first >= 0) & (first < len(asked))]] = False
        part = slice(WARM, WARM + self.blocks)
        told_rows = rows(piano, WARM + self.blocks)[part].astype(np.float16)
        return Lesson(told_rows, told[part], phonation[part], note[part], asked[part] & (phonation[part] == ONSET))

    def music(self, rng: Random) -> Music:
        """A line and a piano from 0 ms on, as long as an excerpt and what comes before it."""
        stretch, by = rng.uniform(*STRETCH), int(rng.integers(-TRANSPOSE, TRANSPOSE + 1))
        song, place = self.pick(rng)
        line, piano = self.cut(song, place, by, stretch, 64.0, rng)
        if rng.random() < SPLICE:
            count = int(rng.integers(1, SPLICES_MOST + 1))
            for moment in np.sort(rng.integers(WARM * BLOCK_MS // 2, self.span - 500, count)):
                if rng.random() > OTHER_KEY:
                    song, place = self.pick(rng)
                other = self.cut(song, place, int(rng.integers(-TRANSPOSE, TRANSPOSE + 1)), stretch, _last(line), rng)
                line, piano = spliced((line, piano), other, int(moment), rng)
        piano = rough(piano, rng)
        line = one_voice(replace(line, onset=line.onset + rng.integers(0, LAG_MS, len(line))))
        return silenced(line, piano, rng) if rng.random() < SILENCE else (line, piano)

    def pick(self, rng: Random) -> tuple[Song, int]:
        """A song, and where in it an excerpt begins, in ms."""
        song = self.songs[int(rng.choice(len(self.songs), p=self.share))]
        return song, int(rng.integers(-self.span // 4, max(song.length - self.span // 2, 1)))

    def cut(self, song: Song, begin: int, by: int, stretch: float, near: float, rng: Random) -> Music:
        """A song's music from ``begin`` on, in another key and tempo, its line in the comfortable octave that is
        nearest to the pitch ``near``, or in any."""
        shifts = by + octaves(moved(song.line, by))
        middle = float(np.median(song.line.pitch))
        shift = int(shifts[np.argmin(np.abs(shifts + middle - near))] if rng.random() < 0.7 else rng.choice(shifts))
        end = begin + self.span / stretch
        piano = song.piano.between(begin, end)
        if len(song.bridge) and rng.random() < BRIDGE:
            piano = joined([piano, song.bridge.between(begin, end)])
        piano = moved(held(piano) if rng.random() < PEDAL else piano, by, begin, stretch)
        return moved(song.line.between(begin, end), shift, begin, stretch), piano


def _last(line: Notes) -> float:
    return float(np.median(line.pitch)) if len(line) else 64.0


def spliced(music: Music, other: Music, moment: int, rng: Random) -> Music:
    """Until a moment the one, from then on the other. The new piano is heard at once, or from its next strokes on; the
    line follows soon."""
    line, piano = music
    new_line, new_piano = other
    comes = since(new_piano, moment) if rng.random() < 0.7 else new_piano.take(new_piano.onset >= moment)
    coming = since(new_line, moment + int(rng.integers(*LATE_MS)))
    coming = coming.take(coming.end - coming.onset >= LEAST_MS)
    first = int(coming.onset[0]) if len(coming) else moment + int(rng.integers(*ENDING_MS))
    leave = min(first, moment + int(rng.integers(*ENDING_MS)))
    return joined([until(line, leave), coming]), joined([until(piano, moment), comes])


def silenced(line: Notes, piano: Notes, rng: Random) -> Music:
    """The player rests for a while, and so does the singer."""
    span = WARM * BLOCK_MS
    begin = int(rng.integers(span // 2, 2 * span))
    end = begin + int(rng.integers(*SILENCE_MS))
    fade = begin + int(rng.integers(0, 300))
    played = piano.take((piano.onset < begin) | (piano.onset >= end))
    played = replace(played, end=np.where(played.onset < begin, np.minimum(played.end, fade + 1), played.end))
    played = replace(played, end=np.maximum(played.end, played.onset + 1))
    sung = line.take((line.onset < begin) | (line.onset >= end))
    last = begin + int(rng.integers(*ENDING_MS))
    return replace(sung, end=np.where(sung.onset < begin, np.minimum(sung.end, last), sung.end)), played


def mistaken(line: Notes, piano: Notes, rng: Random) -> tuple[Notes, NDArray[np.bool_]]:
    """A line some of whose longer notes begin with another, and [notes] which those are."""
    parts, wrong = [], []
    for index in range(len(line)):
        note = line.take(slice(index, index + 1))
        length = int(note.end[0] - note.onset[0])
        if length < 2 * LEAST_MS or rng.random() >= MISTAKE_NOTES:
            parts.append(note)
            wrong.append(False)
            continue
        change = int(note.onset[0]) + int(rng.integers(100, min(LEAST_MS * 2, length - 100)))
        pitch = int(note.pitch[0]) + int(rng.choice([-4, -3, -2, -1, 1, 2, 3, 4]))
        near = piano.between(int(note.onset[0]), change)
        if pitch % 12 in set((near.pitch % 12).tolist()) or pitch < NOTE_LOW:
            pitch += int(rng.choice([-1, 1]))
        parts += [replace(until(note, change), pitch=np.array([pitch])), since(note, change)]
        wrong += [True, False]
    return (joined(parts) if parts else line), np.array(wrong, bool)
