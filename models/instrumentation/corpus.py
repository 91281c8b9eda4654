"""Notes to learn the instrumentation from: four tasks, read from a folder of note collections.

The tasks are those of Dong et al. 2021 (ISMIR): Bach chorales, string quartets, pop. Its fourth, five roles by General
MIDI family (piano, guitar, bass, strings, brass: the paper's reading of the Lakh data), is ``band`` here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models.collection import COLUMNS, SPLITS, CorpusError, read

DEFAULT_BPM = 120.0

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """What one model learns: the parts it tells apart.

    ``mono[i]``: part i plays one note at a time. A score may still hold double stops there; they are kept.
    ``divides[i]``: such a part can take a second note at need, as a choir's section or a violin can and a flute cannot.
    ``programs``: General MIDI programs (0-based) that the parts sound with.
    """

    name: str
    labels: tuple[str, ...]
    mono: tuple[bool, ...]
    divides: tuple[bool, ...]
    programs: tuple[int, ...]
    title: str = ""


@dataclass(frozen=True)
class Piece:
    """One piece of a task: its notes in the paper's order (onset, pitch, duration, velocity; then part).

    onset, duration: int64 ticks, 24 a quarter note. pitch: MIDI number. velocity: 1..127, or 0 where the source has
    none. label: index into the task's labels. tempo: (tick, beats a minute), empty where the source says none.
    """

    name: str
    task: str
    split: str
    onset: Ints
    duration: Ints
    pitch: NDArray[np.uint8]
    velocity: NDArray[np.uint8]
    label: NDArray[np.uint8]
    tempo: list[tuple[int, float]] = field(default_factory=list)
    licence: str = ""

    def __len__(self) -> int:
        return len(self.onset)


TASKS: dict[str, Task] = {
    t.name: t
    for t in (
        Task(
            "chorales",
            ("soprano", "alto", "tenor", "bass"),
            (True,) * 4,
            (True,) * 4,
            (52,) * 4,
            "four-part chorales and hymns",
        ),
        Task(
            "quartets",
            ("violin1", "violin2", "viola", "cello"),
            (True,) * 4,
            (True,) * 4,
            (40, 40, 41, 42),
            "string quartets",
        ),
        Task("pop", ("melody", "bridge", "piano"), (True, False, False), (False,) * 3, (73, 48, 0), "pop songs"),
        Task(
            "band",
            ("piano", "guitar", "bass", "strings", "brass"),
            (False, False, True, False, False),
            (False,) * 5,
            (0, 29, 33, 48, 61),
            "game and rock bands",
        ),
    )
}

# General MIDI families of the paper's five roles (programs are 0-based, ends inclusive). Everything else (drums, synth
# leads and pads, effects, harp, timpani) is left out, as there.
BAND_FAMILIES: tuple[tuple[int, int, str], ...] = (
    (0, 7, "piano"),
    (24, 31, "guitar"),
    (32, 39, "bass"),
    (40, 45, "strings"),
    (48, 51, "strings"),
    (56, 63, "brass"),
)
_ROLES = {
    "chorales": {"S": 0, "A": 1, "T": 2, "B": 3},
    "quartets": {"vn1": 0, "vn2": 1, "va": 2, "vc": 3},
    "pop": {"melody": 0, "bridge": 1, "piano": 2},
}
# A piece is kept if at least this many parts have more than so many notes (the paper's rule).
MIN_PARTS, MIN_NOTES = 2, 10

PartLabel = Callable[[dict[str, Any]], int | None]


def band_label(part: dict[str, Any]) -> int | None:
    """The role of a part by its General MIDI program, or None for drums and families that are left out."""
    if part.get("drum") or part.get("role") == "drums":
        return None
    program = part.get("program", -1)
    for low, high, role in BAND_FAMILIES:
        if low <= program <= high:
            return TASKS["band"].labels.index(role)
    return None


def _part_label(task: str) -> PartLabel:
    if task == "band":
        return band_label
    roles = _ROLES[task]
    return lambda part: roles.get(str(part.get("role")))


def arrange(
    onset: Ints, duration: Ints, pitch: NDArray[Any], velocity: NDArray[Any], label: NDArray[Any]
) -> tuple[Ints, Ints, NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Order notes as the paper does, without empty notes and without a note twice in one part.

    Parts one after another, then a stable sort by (onset, pitch, duration, velocity): an exact unison keeps the order
    of the parts.
    """
    order = np.lexsort((label, velocity, duration, pitch, onset))
    order = order[duration[order] > 0]
    if len(order):
        same = np.stack([onset[order], pitch[order], duration[order], label[order]]).astype(np.int64)
        by_note = np.lexsort(same[::-1])
        repeated = np.zeros(len(order), dtype=bool)
        repeated[by_note[1:]] = (same[:, by_note[1:]] == same[:, by_note[:-1]]).all(axis=0)
        order = order[~repeated]
    return (
        onset[order].astype(np.int64),
        duration[order].astype(np.int64),
        pitch[order].astype(np.uint8),
        velocity[order].astype(np.uint8),
        label[order].astype(np.uint8),
    )


def enough_parts(label: NDArray[np.uint8]) -> bool:
    """Whether a piece has at least two parts of more than ten notes (the paper's rule for keeping it)."""
    return int((np.bincount(label) > MIN_NOTES).sum()) >= MIN_PARTS if len(label) else False


def load(task: str, data: Path | str, split: str) -> list[Piece]:
    """Read one split of a task from ``data/TASK.npz``.

    Raises CorpusError when the task or the split is unknown, the file is missing or is no such collection, or the
    split holds no piece.
    """
    if task not in TASKS:
        raise CorpusError(f"unknown task {task!r}: use one of {', '.join(TASKS)}")
    if split not in SPLITS:
        raise CorpusError(f"unknown split {split!r}: use one of {', '.join(SPLITS)}")
    path = Path(data) / f"{task}.npz"
    columns, documents = read(path)
    part_label = _part_label(task)
    pieces = []
    for index, document in enumerate(documents):
        if document.get("split") != split:
            continue
        notes = slice(int(columns["starts"][index]), int(columns["starts"][index + 1]))
        piece = _piece(task, document, {name: columns[name][notes] for name in COLUMNS}, part_label, path)
        if enough_parts(piece.label):
            pieces.append(piece)
    if not pieces:
        raise CorpusError(f"{path}: no piece in the split {split!r}: use a collection that has one")
    return pieces


def _piece(
    task: str, document: dict[str, Any], columns: dict[str, NDArray[Any]], part_label: PartLabel, path: Path
) -> Piece:
    name = str(document.get("path", ""))
    parts = document.get("parts", [])
    if len(columns["part"]) and int(columns["part"].max()) >= len(parts):
        raise CorpusError(f"{path}: {name}: a note belongs to a part that is not listed: fetch the file again")
    labels = [part_label(part) for part in parts]
    table = np.array([-1 if label is None else label for label in labels] or [-1], dtype=np.int64)
    label = table[columns["part"]]
    keep = label >= 0
    onset = np.cumsum(columns["onset"], dtype=np.int64)
    onset, duration, pitch, velocity, label8 = arrange(
        onset[keep], columns["dur"][keep].astype(np.int64), columns["pitch"][keep], columns["vel"][keep], label[keep]
    )
    tempo = sorted((int(tick), float(bpm)) for tick, bpm in document.get("tempo") or [] if bpm > 0)
    split, licence = str(document["split"]), str(document.get("licence", ""))
    return Piece(name, task, split, onset, duration, pitch, velocity, label8, tempo, licence)
