"""Files that appear whole or not at all, and what to say of those that cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ripieno.daemon.errors import UserError
from ripieno.plugins import files


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write: it takes its name when everything is in it, and nothing is left of it otherwise.

    UserError, naming the file, where it cannot be written.
    """
    try:
        with files.whole_file(path) as out:
            yield out
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None
