"""Where a running program is found: a file in the state folder with address, token and process, for its user alone."""

import json
import os
from contextlib import suppress
from pathlib import Path

from ripieno.daemon.errors import UserError
from ripieno.daemon.service.state import state_path


def running_path(client: str) -> Path:
    """The file of a client: in $XDG_STATE_HOME/ripieno, or ~/.local/state/ripieno."""
    other = state_path(client)
    return other.with_name(f"{other.name.removesuffix('.performance.json')}.ui.json")


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
