"""Made-up songs with a piano, for tests of the singer's line."""

from pathlib import Path

from note_collections import write

PARTS = [{"role": role, "program": 0} for role in ("melody", "bridge", "piano")]
SPLITS = ("train", "train", "valid", "test")


def write_songs(folder: Path, beats: int = 120) -> Path:
    """pop.npz and lieder.npz: the line rests in every fourth bar; the piano plays a chord a bar. Returns the folder."""
    for style in ("pop", "lieder"):
        pieces = []
        for number, split in enumerate(SPLITS):
            sung = [beat for beat in range(beats) if beat % 16 < 12]
            notes = [(24 * beat, 20, 60 + number + (0, 2, 4, 7)[beat % 4], 80, 0) for beat in sung]
            chords = [(24 * beat, 90, 48 + number + step, 70, 2) for beat in range(0, beats, 4) for step in (0, 4, 7)]
            pieces.append(({"split": split, "parts": PARTS}, sorted(notes + chords)))
        write(folder, style, pieces)
    return folder
