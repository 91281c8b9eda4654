"""Small note collections of every style, made up, for tests of the continuation."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ripieno.models.continuation.representation import STYLES

# The parts of a made-up piece of each style; notes are of the lowest pitch and so on upwards.
PARTS: dict[str, list[dict[str, Any]]] = {
    "chorales": [{"program": program} for program in (52, 53, 54, 52)],
    "quartets": [{"program": program} for program in (40, 40, 41, 42)],
    "orchestra": [{"program": program} for program in (73, 60, 48)],
    "lieder": [{"role": "voice", "program": 68}, {"program": 0}],
    "pop": [{"role": role, "program": 0} for role in ("melody", "bridge", "piano")],
    "band": [{"program": 33}, {"program": 0, "drum": True}],
}
BAR = 96  # ticks of the collections, 24 a quarter

Note = tuple[int, int, int, int, int]  # onset, duration, pitch, velocity, part


def notes_of(style: str, seed: int, beats: int = 40) -> list[Note]:
    """A piece of so many beats: each part steps up and down the scale of C, a note a beat."""
    rng = np.random.default_rng(seed)
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    notes = []
    for part in range(len(PARTS[style])):
        degree = 21 + 7 * part + np.cumsum(rng.integers(-1, 2, beats))
        pitch = 12 * (degree // 7) + scale[degree % 7] + 12
        notes += [(24 * beat, 24, int(pitch[beat]), 40 + 8 * (beat % 4), part) for beat in range(beats)]
    return sorted(notes)


def write(folder: Path, style: str, pieces: list[tuple[dict[str, Any], list[Note]]]) -> None:
    """Write ``folder/STYLE.npz``: pieces as what a document says beside its parts, and notes in order of time."""
    common = {"licence": "CC0-1.0", "source": "made up", "parts": PARTS[style]}
    documents = [{"path": f"{index}", **common, **about} for index, (about, _) in enumerate(pieces)]
    table = np.concatenate([np.array(notes) for _, notes in pieces])
    arrays = dict(zip(("onset", "dur", "pitch", "vel", "part"), table.T, strict=True))
    arrays["onset"] = np.concatenate([np.diff([note[0] for note in notes], prepend=0) for _, notes in pieces])
    starts = np.cumsum([0, *(len(notes) for _, notes in pieces)])
    text = np.frombuffer(json.dumps({"pieces": documents}).encode(), np.uint8)
    np.savez(folder / f"{style}.npz", json=text, starts=starts, **arrays)


def write_all(folder: Path, beats: int = 40, train: int = 3) -> Path:
    """All six collections: so many pieces to train on, one to choose on, one to test on. Returns the folder."""
    for number, style in enumerate(STYLES):
        splits = ["train"] * train + ["valid", "test"]
        write(
            folder,
            style,
            [
                ({"split": split, "bars": list(range(0, 24 * beats, BAR))}, notes_of(style, 10 * number + index, beats))
                for index, split in enumerate(splits)
            ],
        )
    return folder
