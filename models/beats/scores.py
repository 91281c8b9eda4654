"""Pieces whose beats are known: notes in ticks, and where the metre says the beats are.

A beat is what the time signature's lower number counts; of six, nine or twelve eighths (or shorter notes) three are a
beat. Beats are counted from each bar line, in an upbeat back from the bar line that ends it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models.collection import TICKS_PER_QUARTER, CorpusError, read
from ripieno.models.instrumentation.corpus import Ints, Piece, arrange

COLLECTIONS = ("chorales", "quartets", "lieder", "pop", "band", "leadsheets")
LEAST = 60  # notes of a piece
_WHOLE = 4 * TICKS_PER_QUARTER


@dataclass(frozen=True)
class Scored:
    """A piece, the ticks of its beats [beats], a beat's length in ticks where it begins, and its notes as somebody
    played them: ticks, milliseconds, pitches and velocities [4, notes], of no notes where nobody did."""

    piece: Piece
    beats: Ints
    beat: int
    played: Ints


def beat_length(upper: int, lower: int) -> int:
    """Ticks of a beat in a time signature."""
    ticks = _WHOLE // lower
    return 3 * ticks if lower >= 8 and upper > 3 and upper % 3 == 0 else ticks


def beats_of(document: Mapping[str, Any], end: int) -> Ints:
    """[beats] ticks of a piece's beats before ``end``, from its time signatures and, where it tells them, bar lines."""
    metres = [(int(tick), int(upper), int(lower)) for tick, upper, lower in document["timesig"]]
    bars = [int(tick) for tick in document.get("bars") or []]
    starts = sorted({0, *(tick for tick in bars or [metre[0] for metre in metres] if tick < end)})
    marks: list[int] = []
    for start, stop in zip(starts, [*starts[1:], end], strict=True):
        _, upper, lower = [metres[0], *(one for one in metres if one[0] <= start)][-1]
        length = beat_length(upper, lower)
        upbeat = bool(bars) and start == 0 and stop < upper * _WHOLE // lower
        marks += range(start + (stop - start) % length if upbeat else start, stop, length)
    return np.array(marks, np.int64)


def load(name: str, data: Path | str, split: str) -> list[Scored]:
    """One split of a collection, without its drums, and without pieces that tell no metre or have few notes.

    Raises CorpusError when the file is missing or is no collection, or nothing is left.
    """
    path = Path(data) / f"{name}.npz"
    columns, documents = read(path)
    found = []
    for index, document in enumerate(documents):
        notes = slice(int(columns["starts"][index]), int(columns["starts"][index + 1]))
        if document.get("split") == split and document.get("timesig"):
            found.append(_scored(name, document, {key: columns[key][notes] for key in columns if key != "starts"}))
    kept = [one for one in found if len(one.piece) >= LEAST]
    if not kept:
        raise CorpusError(f"{path}: no piece in the split {split!r} tells its metre: use a collection that has one")
    return kept


def _scored(name: str, document: Mapping[str, Any], columns: Mapping[str, NDArray[Any]]) -> Scored:
    drums = np.array([bool(part.get("drum") or part.get("role") == "drums") for part in document["parts"]])
    keep = ~drums[columns["part"]]
    onset = np.cumsum(columns["onset"], dtype=np.int64)
    notes = [column[keep] for column in (onset, columns["dur"], columns["pitch"], columns["vel"], columns["part"])]
    tempo = sorted((int(tick), float(bpm)) for tick, bpm in document.get("tempo") or [] if bpm > 0)
    arranged = arrange(notes[0], notes[1].astype(np.int64), *notes[2:])
    piece = Piece(str(document.get("path", "")), name, str(document["split"]), *arranged, tempo)
    end = int(notes[0].max()) + 1 if len(notes[0]) else 0
    _, upper, lower = document["timesig"][0]
    played = np.zeros((4, 0), np.int64)
    if "onset_ms" in columns:
        milliseconds = np.cumsum(columns["onset_ms"], dtype=np.int64)[keep]
        played = np.stack([notes[0], milliseconds, notes[2], notes[3]]).astype(np.int64)
        played = played[:, np.argsort(milliseconds, kind="stable")]
    return Scored(piece, beats_of(document, end), beat_length(int(upper), int(lower)), played)
