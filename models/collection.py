"""Note collections: one ``NAME.npz`` file each, numpy only, nothing pickled.

A collection holds a ``json`` array (UTF-8 bytes: header and a list of pieces with their parts, tempo, licence and
split), ``starts`` (where each piece's notes begin, one more than pieces) and one column a note: ``onset`` (stored as
steps from the note before), ``dur``, ``pitch``, ``vel``, ``part``. Time is in ticks, 24 a quarter note. A collection
of performances has ``onset_ms`` and ``dur_ms`` too, the same in milliseconds.
"""

import json
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TICKS_PER_QUARTER = 24
SPLITS = ("train", "valid", "test")
COLUMNS = ("onset", "dur", "pitch", "vel", "part")
PERFORMED = ("onset_ms", "dur_ms")


class CorpusError(Exception):
    """A collection or a folder cannot be used; the message names the file, what is wrong and what to do."""


def read(path: Path) -> tuple[dict[str, NDArray[Any]], list[dict[str, Any]]]:
    """The columns (with ``starts``) and the pieces' documents of a collection.

    Raises CorpusError when the file is missing, is no such collection, or its columns and pieces do not fit.
    """
    if not path.is_file():
        raise CorpusError(f"{path}: no such file: give the folder that holds it with --data DIR")
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in (*COLUMNS, "starts", "json") if name not in archive.files]
            if missing:
                raise CorpusError(f"{path}: not a note collection, it lacks {', '.join(missing)}")
            performed = [name for name in PERFORMED if name in archive.files]
            columns = {name: archive[name] for name in (*COLUMNS, *performed, "starts")}
            documents = json.loads(archive["json"].tobytes().decode())["pieces"]
    except (OSError, ValueError, EOFError, KeyError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{path}: not a note collection ({error}): fetch the file again") from error
    lengths = {len(values) for name, values in columns.items() if name != "starts"}
    starts = columns["starts"]
    if len(lengths) != 1 or len(starts) != len(documents) + 1 or int(starts[-1]) != lengths.pop():
        raise CorpusError(f"{path}: columns and pieces do not fit together: fetch the file again")
    return columns, documents


def licences(path: Path, names: Collection[str], unnamed: str) -> list[str]:
    """The sources and licences of those pieces of a collection that have these names (``path`` in their documents),
    each once. unnamed: the source where a piece tells none. Raises CorpusError."""
    _, documents = read(path)
    chosen = (each for each in documents if each.get("path") in names)
    return sorted({f"{each.get('source', unnamed)}: {each.get('licence', 'not told')}" for each in chosen})
