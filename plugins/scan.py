"""Looks for plugins on this machine: each file is opened in a process of its own, which it may crash or hang.

Such a file is blocked, with the reason, and the scan goes on; so is one that wants too much memory. What was found is
kept after each file, and a file that has not changed since is not opened again.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ripieno.plugins import catalogue
from ripieno.plugins.base import PluginError
from ripieno.plugins.catalogue import File, Scanned

LIMIT_S = 60.0
"""Seconds that a file may take to be opened: sample libraries and licence checks take their time."""
ENDINGS = {".vst3": "vst3"} | ({".component": "au"} if sys.platform == "darwin" else {})
_MAC = ("~/Library/Audio/Plug-Ins/{}", "/Library/Audio/Plug-Ins/{}")


@dataclass(frozen=True)
class Step:
    """What came of a file, the ``number``-th of ``total``; blocked: it was so before, or is now, for its problem."""

    number: int
    total: int
    file: File
    opened: bool
    blocked: bool


class Failed(Exception):
    """A file has crashed, hung or choked the process that opened it; the message says which, as a sentence."""


def usual_folders() -> list[Path]:
    """Where plugins stand on this system: the VST3 documentation's and Apple's folders."""
    if sys.platform == "darwin":
        names = [place.format(kind) for kind in ("VST3", "Components") for place in _MAC]
    elif sys.platform == "win32":
        names = [str(Path(os.environ.get("COMMONPROGRAMFILES", r"C:\Program Files\Common Files"), "VST3"))]
    else:
        names = ["~/.vst3", "/usr/lib/vst3", "/usr/local/lib/vst3"]
    return [Path(name).expanduser() for name in names]


def candidates(folders: Sequence[Path]) -> list[Path]:
    """The plugin files in these folders and all below them, each once, by whole path; a folder may be one itself."""
    return list(dict.fromkeys(path for folder in folders for path in _below(Path(os.path.abspath(folder)), set())))


def _below(place: Path, seen: set[str]) -> Iterator[Path]:
    """seen: the folders on the way, that links may lead back to."""
    if place.suffix.lower() in ENDINGS:
        yield place
        return
    real = os.path.realpath(place)
    if real in seen or not place.is_dir():
        return
    with contextlib.suppress(OSError):
        for child in sorted(place.iterdir()):
            if child.is_dir() or child.suffix.lower() in ENDINGS:
                yield from _below(child, seen | {real})


def scan(
    folders: Sequence[Path],
    told: Callable[[Step], None] = lambda _: None,
    limit_s: float = LIMIT_S,
    again: bool = False,
    begun: Callable[[int, int, Path], None] = lambda number, total, path: None,
) -> list[File]:
    """Open what is new in these folders, and what was found before and has changed; returns all that was looked at.

    begun, told: before and after each file. again: open what has not changed, too. Raises PluginError where nothing can
    be opened, or kept.
    """
    _need_pedalboard()
    found = catalogue.files()
    paths = candidates([*folders, *(path for path in catalogue.seen() if path.exists())])
    looked = []
    for number, path in enumerate(paths, 1):
        begun(number, len(paths), path)
        step = _step(number, len(paths), path, None if again else found.get(str(path)), limit_s)
        looked.append(step.file)
        if step.opened:
            found.pop(str(path), None)
            if not step.blocked:
                found[str(path)] = step.file
            catalogue.keep(found)
        told(step)
    return looked


def _step(number: int, total: int, path: Path, before: File | None, limit_s: float) -> Step:
    shut = catalogue.blocking(path)
    if shut:
        return Step(number, total, File(str(path), shut.mark, problem=shut.why), False, True)
    if before:
        return Step(number, total, before, False, False)
    now = catalogue.mark(path) or (0, 0)
    try:
        plugins, problem = examine(ENDINGS[path.suffix.lower()], str(path), limit_s)
    except Failed as failed:
        catalogue.block(path, str(failed))
        return Step(number, total, File(str(path), now, problem=str(failed)), True, True)
    return Step(number, total, File(str(path), now, tuple(plugins), problem), True, False)


def examine(kind: str, path: str, limit_s: float = LIMIT_S) -> tuple[list[Scanned], str]:
    """(the plugins in a file, why there are none or not all, or ""), told by a process of its own, see describe.

    Raises Failed where that crashes, or takes longer than limit_s seconds; PluginError for want of what opens it.
    """
    if kind in ENDINGS.values():
        _need_pedalboard()
    with tempfile.TemporaryDirectory(prefix="ripieno-scan-") as folder:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "ripieno.plugins.describe", kind, path, str(os.getpid())],
            cwd=folder,
            env={**os.environ, "TMPDIR": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            out, _ = child.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"it was not open after {limit_s:g} s") from None
        finally:
            _end(child)
    if child.returncode:
        raise Failed(_how_it_ended(child.returncode))
    return _read(out)


def _need_pedalboard() -> None:
    if find_spec("pedalboard") is None:
        raise PluginError(
            'opening VST3 and Audio Unit plugins needs pedalboard; install it: pip install "ripieno[vst]"'
        )


def _end(child: subprocess.Popen[bytes]) -> None:
    """It, and whatever it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


def _how_it_ended(code: int) -> str:
    if code > 0:
        return f"it ended the process that opened it (status {code})"
    name = signal.Signals(-code).name
    return f"it crashed as it was opened ({name})"


def _read(out: bytes) -> tuple[list[Scanned], str]:
    try:
        rows = [json.loads(line) for line in out.splitlines()]
        problem = "; ".join(str(row["problem"]) for row in rows if "problem" in row)
        plugins = [catalogue.scanned(row) for row in rows if "problem" not in row]
    except (ValueError, KeyError, TypeError) as error:
        return [], f"what it says of itself cannot be read: {error}"
    return plugins, problem or ("" if plugins else "there is no plugin in it")
