"""Files in the state folder: where a running program is found, for its user alone, and which devices it knows."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ripieno.daemon.errors import UserError
from ripieno.daemon.files import whole_file
from ripieno.daemon.service.state import state_path


def running_path(client: str) -> Path:
    """The file of a client: in $XDG_STATE_HOME/ripieno, or ~/.local/state/ripieno."""
    return _beside(client, "ui")


def paired_path(client: str) -> Path:
    """Likewise, of the devices; without it none is paired."""
    return _beside(client, "paired")


def _beside(client: str, what: str) -> Path:
    other = state_path(client)
    return other.with_name(f"{other.name.removesuffix('.performance.json')}.{what}.json")


def write_running(path: Path, url: str, token: str) -> None:
    """Whole or not at all. UserError, naming the file, where that cannot be."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
            json.dump({"url": url, "token": token, "pid": os.getpid()}, out)
        new.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None


def remove_running(path: Path, token: str) -> None:
    """Unless another program has taken the name since."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads(path.read_bytes())["token"] == token:
            path.unlink()


def read_paired(path: Path) -> list[str]:
    """The digests of the tokens of those who are; none where the file is missing or no such list."""
    with suppress(OSError, ValueError):
        read = json.loads(path.read_bytes())
        if isinstance(read, list) and all(isinstance(one, str) for one in read):
            return read
    return []


def write_paired(path: Path, paired: Sequence[str]) -> None:
    """UserError, naming the file, where that cannot be."""
    with whole_file(path) as out:
        out.write(json.dumps(list(paired), indent=0).encode() + b"\n")
