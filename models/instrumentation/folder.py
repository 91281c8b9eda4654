"""A user's own folder of MIDI or MusicXML files, read as a task to learn.

Each file is a piece, each of its tracks (MIDI: track and channel; MusicXML: part) plays one label. A track is given a
label by its name, else by the family of its General MIDI program. The labels are those asked for, or else the track
names that most files share. One file in ten (by a hash of its path, at least one) is kept to choose on, one to test.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido
import numpy as np

from ripieno.models.collection import TICKS_PER_QUARTER, CorpusError
from ripieno.models.instrumentation.corpus import Piece, Task, arrange, enough_parts

# General MIDI's families, eight programs each.
FAMILIES = (
    "piano",
    "chromatic",
    "organ",
    "guitar",
    "bass",
    "strings",
    "ensemble",
    "brass",
    "reed",
    "pipe",
    "lead",
    "pad",
    "effects",
    "ethnic",
    "percussive",
    "sounds",
)
_DRUM_CHANNEL = 9
# A part with fewer overlapping notes than this share plays one note at a time, give or take a double stop.
_MONO_BELOW = 0.1
# Families whose players can take a second note at need: by keys, double stops or dividing a section.
_DIVIDING = ("piano", "chromatic", "organ", "guitar", "strings", "ensemble")
_HELD_BACK = 0.1


@dataclass(frozen=True)
class Track:
    """One player of one file. notes: (onset, duration, pitch, velocity) in ticks, 24 a quarter note."""

    name: str
    program: int
    notes: list[tuple[int, int, int, int]]


@dataclass(frozen=True)
class Score:
    """One file: its tracks, and its tempo as (tick, beats a minute)."""

    name: str
    tracks: list[Track]
    tempo: list[tuple[int, float]]


def load_folder(folder: Path | str, labels: Sequence[str] = ()) -> tuple[Task, dict[str, list[Piece]]]:
    """The task a folder holds and its pieces by split (train, valid, test).

    labels: what to tell apart, in order; empty: the names of tracks that at least half of the files have. Raises
    CorpusError when the folder has too few files, a file cannot be read, or no labels are found.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in READERS and path.is_file())
    if len(files) < 3:
        raise CorpusError(f"{folder}: {len(files)} MIDI or MusicXML files, at least 3 are needed: add some")
    scores = [READERS[path.suffix.lower()](path, str(path.relative_to(folder))) for path in files]
    names = tuple(_plain(label) for label in labels) or _shared_names(folder, scores)
    if len(names) < 2 or len(set(names)) < len(names):
        raise CorpusError(f"{folder}: needs two or more different labels, has {', '.join(names)}: name the parts")
    split_of = _splits([score.name for score in scores])
    pieces = [_piece(score, names, split_of[score.name]) for score in scores]
    kept = [piece for piece in pieces if enough_parts(piece.label)]
    splits = {split: [piece for piece in kept if piece.split == split] for split in ("train", "valid", "test")}
    empty = [split for split, members in splits.items() if not members]
    if empty:
        raise CorpusError(
            f"{folder}: no file of the {empty[0]} split has two of the parts {', '.join(names)} with more than ten "
            "notes each: add files or name other labels"
        )
    return _task(names, scores, splits["train"]), splits


def read_midi(path: Path, name: str) -> Score:
    """A Standard MIDI File. Drum channels are left out; a note never released ends with its track."""
    try:
        midi = mido.MidiFile(path)
    except (OSError, ValueError, EOFError, KeyError, IndexError) as error:
        raise CorpusError(f"{path}: no MIDI file ({error or 'cut short'}): remove or mend it") from error
    if midi.ticks_per_beat <= 0:
        raise CorpusError(f"{path}: its time is in SMPTE frames, not in beats: save it with ticks a quarter note")
    scale = TICKS_PER_QUARTER / midi.ticks_per_beat
    tracks, tempo = [], []
    for index, track in enumerate(midi.tracks):
        tracks += _midi_track(track, index, scale)
        now = 0
        for message in track:
            now += message.time
            if message.type == "set_tempo":
                tempo.append((round(now * scale), mido.tempo2bpm(message.tempo)))
    return Score(name, tracks, sorted(tempo))


def _midi_track(track: mido.MidiTrack, index: int, scale: float) -> list[Track]:
    """The players of one MIDI track, one a channel."""
    names = [message.name for message in track if message.type in ("track_name", "instrument_name") and message.name]
    notes: dict[int, list[tuple[int, int, int, int]]] = {}
    program: dict[int, int] = {}
    held: dict[tuple[int, int], list[tuple[int, int]]] = {}
    now = 0

    def release(channel: int, pitch: int) -> None:
        start, velocity = held[channel, pitch].pop(0)
        onset = round(start * scale)
        notes.setdefault(channel, []).append((onset, max(1, round(now * scale) - onset), pitch, velocity))

    for message in track:
        now += message.time
        if message.type == "program_change":
            program.setdefault(message.channel, message.program)
        elif message.type == "note_on" and message.velocity > 0:
            held.setdefault((message.channel, message.note), []).append((now, message.velocity))
        elif message.type in ("note_on", "note_off") and held.get((message.channel, message.note)):
            release(message.channel, message.note)
    for (channel, pitch), starts in held.items():
        for _ in list(starts):
            release(channel, pitch)
    name = names[0] if names else f"track {index + 1}"
    return [
        Track(name, program.get(channel, 0), notes[channel]) for channel in sorted(notes) if channel != _DRUM_CHANNEL
    ]


def read_musicxml(path: Path, name: str) -> Score:
    """A MusicXML file, through music21 (an optional extra); ties are joined, repeats are not played out."""
    try:
        import music21
    except ImportError as error:
        raise CorpusError(f"{path}: reading MusicXML needs music21: pip install music21, or save it as MIDI") from error
    try:
        score = music21.converter.parse(path, forceSource=True)
    except Exception as error:  # music21 raises whatever its parsers meet
        raise CorpusError(f"{path}: no MusicXML file ({error}): remove or mend it") from error
    tracks = [_musicxml_part(part, index) for index, part in enumerate(score.parts)]
    marks = score.flatten().getElementsByClass(music21.tempo.MetronomeMark)
    found = {round(float(mark.offset) * TICKS_PER_QUARTER): mark.getQuarterBPM() for mark in marks}
    return Score(name, tracks, sorted((tick, float(bpm)) for tick, bpm in found.items() if bpm))


def _musicxml_part(part: Any, index: int) -> Track:
    """One MusicXML part; part is a music21 Part."""
    notes = []
    for note in part.stripTies().flatten().notes:
        onset, end = (round(float(at) * TICKS_PER_QUARTER) for at in (note.offset, note.offset + note.quarterLength))
        velocity = int(note.volume.velocity or 0)
        notes += [(onset, end - onset, int(pitch.midi), velocity) for pitch in getattr(note, "pitches", ())]
    instrument = part.getInstrument(returnDefault=False)
    program = getattr(instrument, "midiProgram", None)
    return Track(str(getattr(part, "partName", "") or f"part {index + 1}"), int(program or 0), notes)


READERS: dict[str, Callable[[Path, str], Score]] = {
    ".mid": read_midi,
    ".midi": read_midi,
    ".xml": read_musicxml,
    ".mxl": read_musicxml,
    ".musicxml": read_musicxml,
}


def label_of(track: Track, labels: Sequence[str]) -> int | None:
    """The label of a track: the longest one that its name holds, else that of its program's family, else none."""
    name = _plain(track.name)
    named = [label for label in labels if label in name]
    if named:
        return labels.index(max(named, key=len))
    family = FAMILIES[track.program // 8]
    return labels.index(family) if family in labels else None


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _shared_names(folder: Path, scores: list[Score]) -> tuple[str, ...]:
    """The track names of at least half of the files, highest part first."""
    pitches: dict[str, list[float]] = {}
    for score in scores:
        for name, tracks in _by_name(score).items():
            notes = [pitch for track in tracks for _, _, pitch, _ in track.notes]
            pitches.setdefault(name, []).append(float(np.mean(notes)))
    shared = [name for name, means in pitches.items() if 2 * len(means) >= len(scores)]
    if len(shared) < 2:
        raise CorpusError(f"{folder}: fewer than two track names are shared by half of the files: name the labels")
    return tuple(sorted(shared, key=lambda name: -float(np.mean(pitches[name]))))


def _by_name(score: Score) -> dict[str, list[Track]]:
    tracks: dict[str, list[Track]] = {}
    for track in score.tracks:
        if track.notes:
            tracks.setdefault(_plain(track.name), []).append(track)
    return tracks


def _splits(names: list[str]) -> dict[str, str]:
    """The split of each file, by a hash of its path: the same on every machine."""
    ordered = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    back = max(1, round(len(ordered) * _HELD_BACK))
    kinds = ["test"] * back + ["valid"] * back + ["train"] * (len(ordered) - 2 * back)
    return dict(zip(ordered, kinds, strict=True))


def _piece(score: Score, labels: tuple[str, ...], split: str) -> Piece:
    rows = []
    for track in score.tracks:
        label = label_of(track, labels)
        if label is not None:
            rows += [(*note, label) for note in track.notes]
    columns = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    onset, duration, pitch, velocity, label8 = arrange(*columns)
    return Piece(score.name, "folder", split, onset, duration, pitch, velocity, label8, score.tempo)


def _task(labels: tuple[str, ...], scores: list[Score], pieces: list[Piece]) -> Task:
    """The task: a label's program is its tracks' most common one; it is mono if its notes seldom overlap, and
    divides if the program's family can."""
    programs: list[Counter[int]] = [Counter() for _ in labels]
    for score in scores:
        for track in score.tracks:
            label = label_of(track, labels)
            if label is not None:
                programs[label][track.program] += 1
    common = tuple(counts.most_common(1)[0][0] if counts else 0 for counts in programs)
    mono = tuple(_overlap(pieces, label) < _MONO_BELOW for label in range(len(labels)))
    families = [FAMILIES[program // 8] for program in common]
    divides = tuple(one and family in _DIVIDING for one, family in zip(mono, families, strict=True))
    return Task("folder", labels, mono, divides, common)


def _overlap(pieces: list[Piece], label: int) -> float:
    """The share of a part's notes that begin before all earlier ones have ended."""
    overlapping = total = 0
    for piece in pieces:
        of_part = piece.label == label
        onset, duration = piece.onset[of_part], piece.duration[of_part]
        if len(onset):
            ended = np.maximum.accumulate(onset + duration)
            overlapping += int((ended[:-1] > onset[1:]).sum())
            total += len(onset)
    return overlapping / total if total else 0.0
