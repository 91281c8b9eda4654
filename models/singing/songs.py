"""Songs with a piano: what is played and what a person sings to it, from the collections ``pop`` and ``lieder``.

Times are milliseconds. A sung note is one of a line: the highest where several are written, ended by the next; gaps
that no singer breathes in are sung through.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models.collection import TICKS_PER_QUARTER, CorpusError, read
from ripieno.models.singing.representation import (
    BLOCK_MS,
    BREATH,
    NO_NOTE,
    NOTE_LOW,
    NOTES,
    ONSET,
    REST,
    SUSTAIN,
    Integers,
)
from ripieno.native import piano

STYLES = ("pop", "lieder")
LINE_ROLES = ("melody", "voice", "soprano", "tenor", "alto")
"""Roles of a part that is sung, the first of these that a piece has."""
USUAL_BPM = 100.0
USUAL_VELOCITY = 80
JOIN = 120
"""Milliseconds: a shorter gap between two sung notes is no gap."""
BREATH_GAP, BREATH_BLOCKS = 20, 16
"""Blocks: before a note that comes after so long a silence there is a breath, of this length usually."""
LEAST_NOTES = 24
"""A song whose line has fewer is left out."""
COMFORTABLE = (55, 72)
"""Where the median of a line lies, once it is moved by octaves."""


@dataclass(frozen=True)
class Notes:
    """Notes in order of their onsets: milliseconds [notes], MIDI numbers [notes], velocities 1..127 [notes]."""

    onset: Integers
    end: Integers
    pitch: Integers
    velocity: Integers

    def __len__(self) -> int:
        return len(self.onset)

    def take(self, which: Any) -> "Notes":
        """Some of them."""
        return Notes(self.onset[which], self.end[which], self.pitch[which], self.velocity[which])

    def between(self, begin: float, end: float) -> "Notes":
        """Those that sound somewhere from ``begin`` to before ``end``, whole."""
        return self.take((self.end > begin) & (self.onset < end))


@dataclass(frozen=True)
class Song:
    """A piece: its line, as written, and its piano; ``bridge`` (pop): what other instruments play besides."""

    name: str
    style: str
    line: Notes
    piano: Notes
    bridge: Notes

    @property
    def length(self) -> int:
        """Milliseconds until the last note ends."""
        return int(max(self.line.end.max(), self.piano.end.max()))


def _in_milliseconds(ticks: Integers, tempo: list[list[float]]) -> Integers:
    """Milliseconds of ticks, by [tick, quarter notes a minute] where the tempo changes."""
    marks = [[0, USUAL_BPM]] if not tempo or tempo[0][0] > 0 else []
    table = np.array(marks + list(tempo), np.float64)
    tick_ms = 60000.0 / (np.maximum(table[:, 1], 1.0) * TICKS_PER_QUARTER)
    begins = np.concatenate([[0.0], np.cumsum(np.diff(table[:, 0]) * tick_ms[:-1])])
    piece = np.searchsorted(table[:, 0], ticks, side="right") - 1
    return np.rint(begins[piece] + (ticks - table[piece, 0]) * tick_ms[piece]).astype(np.int64)


def _notes(document: dict[str, Any], columns: dict[str, NDArray[Any]]) -> Notes:
    """All notes of a piece, in milliseconds."""
    if "onset_ms" in columns:
        onset = np.cumsum(columns["onset_ms"], dtype=np.int64)
        end = onset + columns["dur_ms"]
    else:
        ticks = np.cumsum(columns["onset"], dtype=np.int64)
        tempo = document.get("tempo") or []
        onset, end = _in_milliseconds(ticks, tempo), _in_milliseconds(ticks + columns["dur"], tempo)
    velocity = np.where(columns["vel"] > 0, columns["vel"], USUAL_VELOCITY)
    return Notes(onset, np.maximum(end, onset + 1), columns["pitch"].astype(np.int64), velocity.astype(np.int64))


def one_voice(notes: Notes) -> Notes:
    """A line: of notes that begin together the highest, each ended by the next, gaps of less than JOIN closed."""
    order = np.lexsort((-notes.pitch, notes.onset))
    notes = notes.take(order)
    notes = notes.take(np.concatenate([[True], np.diff(notes.onset) > 0])[: len(notes)])
    following = np.concatenate([notes.onset[1:], [np.iinfo(np.int64).max]])[: len(notes)]
    end = np.where(following - notes.end < JOIN, following, notes.end)
    return Notes(notes.onset, end, notes.pitch, notes.velocity)


def octaves(line: Notes) -> Integers:
    """By how many semitones (whole octaves) a line may be moved so that its median is comfortable; one at least."""
    median = float(np.median(line.pitch))
    low, high = np.ceil((COMFORTABLE[0] - median) / 12), np.floor((COMFORTABLE[1] - median) / 12)
    return 12 * np.arange(int(low), max(int(high), int(low)) + 1)


def _song(style: str, document: dict[str, Any], columns: dict[str, NDArray[Any]]) -> Song | None:
    """A piece as a song; None where it has no line or no piano."""
    roles = [str(part.get("role")) for part in document["parts"]]
    sung = [roles.index(role) for role in LINE_ROLES if role in roles]
    notes, part = _notes(document, columns), columns["part"]
    played = np.isin(part, [index for index, role in enumerate(roles) if role == "piano"])
    if not sung or not played.any() or (part == sung[0]).sum() < LEAST_NOTES:
        return None
    bridge = np.isin(part, [index for index, role in enumerate(roles) if role == "bridge"])
    line = one_voice(notes.take(part == sung[0]))
    return Song(str(document.get("path", "")), style, line, notes.take(played), notes.take(bridge))


def load(data: Path | str, split: str, styles: tuple[str, ...] = STYLES) -> list[Song]:
    """The songs of a split.

    Raises CorpusError: a file is missing or is no collection, or the split holds no song.
    """
    songs: list[Song] = []
    for style in styles:
        columns, documents = read(Path(data) / f"{style}.npz")
        for index, document in enumerate(documents):
            if document.get("split") == split:
                notes = slice(int(columns["starts"][index]), int(columns["starts"][index + 1]))
                song = _song(style, document, {name: columns[name][notes] for name in columns if name != "starts"})
                songs += [song] if song else []
    if not songs:
        raise CorpusError(f"{data}: no song in the split {split!r}: use collections that have one")
    return songs


def block_of(milliseconds: Any) -> Integers:
    """The first block that knows what happened at a time: the one that begins next after it."""
    return np.asarray(milliseconds, np.int64) // BLOCK_MS + 1


def tokens(line: Notes, count: int, breaths: NDArray[np.int64] | int = BREATH_BLOCKS) -> tuple[Integers, Integers]:
    """What a line is, block by block: phonation [count], and the sung note's token [count] (NO_NOTE: none).

    The first block begins at 0 ms; a note that began before is sung from there on. Notes beyond the voice's are moved
    by octaves into it. breaths: blocks of the breath before each note, where there is room for one; one number, or
    [notes].
    """
    phonation, note = np.full(count, REST), np.full(count, NO_NOTE)
    begins, ends = np.maximum(block_of(line.onset), 0), np.minimum(block_of(line.end), count)
    lengths = np.broadcast_to(np.asarray(breaths, np.int64), len(line))
    before = 0
    for index in range(len(line)):
        begin, end = int(begins[index]), int(ends[index])
        if begin >= count:
            break
        if end <= begin:
            continue
        if begin - before >= BREATH_GAP:
            phonation[begin - int(lengths[index]) : begin] = BREATH
        phonation[begin] = ONSET if block_of(line.onset[index]) >= 0 else SUSTAIN
        phonation[begin + 1 : end] = SUSTAIN
        note[begin:end] = _within(int(line.pitch[index]))
        before = end
    return phonation, note


def _within(pitch: int) -> int:
    """The token of a pitch, moved by octaves where the voice does not reach."""
    while pitch < NOTE_LOW:
        pitch += 12
    while pitch >= NOTE_LOW + NOTES:
        pitch -= 12
    return pitch - NOTE_LOW


def rows(notes: Notes, count: int, begin: int = 0, warm: int = 0) -> NDArray[np.float32]:
    """[count, piano.ROW] the piano's rows from ``begin`` ms on, after ``warm`` blocks that are computed for the slow
    means alone."""
    first = begin - warm * BLOCK_MS
    heard = notes.between(first, begin + count * BLOCK_MS)
    moved = np.maximum(heard.onset - first, 0), np.maximum(heard.end - first, 0)
    events = piano.events_of(*moved, heard.pitch, heard.velocity)
    return piano.rows(events, warm + count, step=BLOCK_MS)[warm:]
