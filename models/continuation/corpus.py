"""Pieces to learn the continuation from, read from a folder of note collections (see models/collection.py)."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models.collection import TICKS_PER_QUARTER, CorpusError, read
from ripieno.models.continuation.instruments import DRUMS, code_of_program
from ripieno.models.continuation.representation import POSITIONS, STYLES, Score, score

_TICK = TICKS_PER_QUARTER // POSITIONS
# A piece of fewer notes is left out, as Dong et al. do.
MIN_NOTES = 50
# Collections whose General MIDI programs do not say who plays: pop has one program for three roles, and a singer of
# lieder is written as an oboe. The first program is the usual one; pieces may be learnt with the others too.
ROLE_PROGRAMS: dict[tuple[str, str], tuple[int, ...]] = {
    ("pop", "melody"): (73, 52, 40, 71, 64, 81, 0),
    ("pop", "bridge"): (48, 40, 50, 61, 4, 25),
    ("pop", "piano"): (0, 0, 0, 4, 25),
    ("lieder", "voice"): (52,),
}


def _program(style: str, part: dict[str, Any], pick: int) -> int | None:
    """The instrument code of a part; ``pick`` chooses among its programs. None: the part is left out."""
    if part.get("drum") or part.get("role") == "drums":
        return DRUMS
    programs = ROLE_PROGRAMS.get((style, str(part.get("role"))), (int(part.get("program", 0)),))
    return code_of_program(programs[pick % len(programs)])


def _score(style: str, document: dict[str, Any], columns: dict[str, NDArray[Any]], picks: NDArray[Any]) -> Score:
    codes = [_program(style, part, int(pick)) or 0 for part, pick in zip(document["parts"], picks, strict=True)]
    code = np.array(codes or [0], dtype=np.uint8)[columns["part"]]
    keep = (code > 0) & (columns["dur"] > 0)
    onset = np.cumsum(columns["onset"], dtype=np.int64)
    end = onset + columns["dur"]
    tick = _nearest(onset)
    bars = np.asarray(document.get("bars") or [], dtype=np.int64)
    return score(
        tick[keep],
        (_nearest(end) - tick)[keep],
        code[keep],
        columns["pitch"][keep],
        columns["vel"][keep],
        bars=np.unique(bars[bars % _TICK == 0] // _TICK),
        style=style,
        name=str(document.get("path", "")),
    )


def _nearest(tick: NDArray[np.int64]) -> NDArray[np.int64]:
    return (tick + _TICK // 2) // _TICK


def load(style: str, data: Path | str, split: str, seed: int | None = None) -> list[Score]:
    """One split of a collection. ``seed``: parts whose program is not told get any that suits; None: the usual one.

    Raises CorpusError when the style is unknown, the file is missing or is no collection, or the split holds nothing.
    """
    if style not in STYLES:
        raise CorpusError(f"unknown style {style!r}: use one of {', '.join(STYLES)}")
    path = Path(data) / f"{style}.npz"
    columns, documents = read(path)
    rng = None if seed is None else np.random.default_rng(seed)
    pieces = []
    for index, document in enumerate(documents):
        if document.get("split") != split:
            continue
        notes = slice(int(columns["starts"][index]), int(columns["starts"][index + 1]))
        parts = len(document["parts"])
        picks = rng.integers(0, 1000, parts) if rng else np.zeros(parts, dtype=np.int64)
        piece = _score(style, document, {name: columns[name][notes] for name in columns if name != "starts"}, picks)
        if len(piece) >= MIN_NOTES:
            pieces.append(piece)
    if not pieces:
        raise CorpusError(f"{path}: no piece in the split {split!r}: use a collection that has one")
    return pieces
