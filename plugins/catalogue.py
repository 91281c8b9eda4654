"""What is known of the plugins on this machine: what a scan found in each file, and which are blocked, and why.

Both are JSON, written whole: what was found in the user's cache, as a scan finds it again, the blocked ones with the
user's state. A file is known by its path, its size and the time of its last change: once it is another file, nothing
of this holds of it any more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ripieno.plugins.base import Parameter, PluginError
from ripieno.plugins.files import whole_file
from ripieno.plugins.open import Known
from ripieno.plugins.words import did_you_mean

Mark = tuple[int, int]
"""(size in bytes, time of the last change in ns) of a file; of a bundle: of what it runs."""
_LIBRARIES = ("Contents/*-linux/*", "Contents/*-win/*", "Contents/MacOS/*")


@dataclass(frozen=True)
class Scanned:
    """A plugin that was opened. spec: how a preset calls it."""

    name: str
    spec: str
    role: str
    latency: int
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True)
class File:
    """A plugin file as it was when it was opened. problem: why it, or some plugin in it, cannot be used, or ""."""

    path: str
    mark: Mark
    plugins: tuple[Scanned, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Blocked:
    """A file that is not opened. since: the day, as 2026-11-21."""

    path: str
    mark: Mark
    why: str
    since: str


def mark(path: str | Path) -> Mark | None:
    """A file's or a bundle's mark; None where there is none."""
    path = Path(path)
    try:
        parts = [part for pattern in _LIBRARIES for part in path.glob(pattern)] if path.is_dir() else []
        states = [part.stat() for part in parts or [path]]
    except OSError:
        return None
    return sum(state.st_size for state in states), max(state.st_mtime_ns for state in states)


# ---- what was found ----


def cache_file() -> Path:
    """$XDG_CACHE_HOME/ripieno/plugins.json, or that in ~/.cache."""
    return _folder("XDG_CACHE_HOME", ".cache") / "plugins.json"


def files() -> dict[str, File]:
    """What was found, by path; of a file that has changed since nothing is known. A damaged cache is an empty one."""
    try:
        return _current(_read(cache_file(), _file))
    except ValueError:
        return {}


def seen() -> list[Path]:
    """Every file that was found once, whatever became of it."""
    try:
        return [Path(file.path) for file in _read(cache_file(), _file)]
    except ValueError:
        return []


def keep(found: Mapping[str, File]) -> None:
    """Write what was found. Raises PluginError where that cannot be."""
    _write(cache_file(), found.values())


def plugins() -> list[Scanned]:
    """Every plugin that was found and may be used, by name."""
    shut = blocked()
    found = (plugin for file in files().values() if file.path not in shut for plugin in file.plugins)
    return sorted(found, key=lambda plugin: plugin.name.casefold())


def names() -> list[str]:
    """The names of all of them."""
    return [plugin.name for plugin in plugins()]


def find(name: str) -> str | None:
    """The spec of a plugin by its name, capitals or not; None where no scan has found one.

    Raises PluginError where it is blocked.
    """
    found = get(name)
    if found:
        return found.spec
    for shut in blocked().values():
        if name.casefold() in _called(shut):
            told = f"{name} is blocked since {shut.since}: {shut.why}"
            raise PluginError(f'{told}; `ripieno plugins allow "{name}"` lets it be used again')
    return None


def get(name: str) -> Scanned | None:
    """A plugin by its name, capitals or not."""
    every = plugins()
    alike = [plugin for plugin in every if plugin.name.casefold() == name.casefold()]
    return next((plugin for plugin in alike if plugin.name == name), alike[0] if alike else None)


def known(spec: str) -> Known | None:
    """What the last scan saw of a plugin; None where it saw none."""
    found = next((plugin for plugin in plugins() if plugin.spec == spec), None)
    return Known(found.role, found.parameters) if found else None


# ---- what is blocked ----


def block_file() -> Path:
    """$XDG_STATE_HOME/ripieno/blocked-plugins.json, or that in ~/.local/state."""
    return _folder("XDG_STATE_HOME", ".local/state") / "blocked-plugins.json"


def blocked() -> dict[str, Blocked]:
    """The blocked files by path; a new version of a file is not blocked.

    Raises PluginError where the list is damaged.
    """
    try:
        return _current(_read(block_file(), _blocked))
    except ValueError as error:
        raise PluginError(f"{block_file()}: damaged ({error}); remove it, and no plugin is blocked any more") from None


def blocking(path: str | Path) -> Blocked | None:
    """Why a file is blocked, by whatever way it is named; None where it is not."""
    real = os.path.realpath(path)
    return next((one for one in blocked().values() if os.path.realpath(one.path) == real), None)


def block(path: str | Path, why: str) -> None:
    """Let a file not be opened any more. why: a sentence for people. Raises PluginError where that cannot be kept."""
    now = mark(path)
    if now:
        today = datetime.now(UTC).astimezone().date().isoformat()
        _write(block_file(), (blocked() | {str(path): Blocked(str(path), now, why, today)}).values())


def allow(name: str) -> str:
    """Let a blocked file be opened again, by its path, its name, or that of a plugin in it; returns the path.

    Raises PluginError where none is blocked that is called so.
    """
    shut = blocked()
    for path, one in shut.items():
        if os.path.realpath(name) == os.path.realpath(path) or name.casefold() in _called(one):
            _write(block_file(), (other for other in shut.values() if other is not one))
            return path
    if not shut:
        raise PluginError(f"{name}: no plugin is blocked")
    raise PluginError(f"no blocked plugin is called {name!r}; {did_you_mean(name, [Path(path).stem for path in shut])}")


def _called(shut: Blocked) -> set[str]:
    """What a blocked file and the plugins in it are called, without capitals."""
    inside = files().get(shut.path)
    mine = [plugin.name for plugin in inside.plugins] if inside else []
    return {name.casefold() for name in [Path(shut.path).stem, Path(shut.path).name, *mine]}


# ---- on disk ----

Kept = TypeVar("Kept", File, Blocked)


def _folder(variable: str, usual: str) -> Path:
    base = os.environ.get(variable)
    return (Path(base) if base else Path.home() / usual) / "ripieno"


def _current(kept: Iterable[Kept]) -> dict[str, Kept]:
    return {one.path: one for one in kept if mark(one.path) == one.mark}


def _read(path: Path, make: Callable[[dict[str, Any]], Kept]) -> list[Kept]:
    """Raises ValueError for what is not ours."""
    try:
        rows = json.loads(path.read_bytes())
        return [make(row) for row in rows]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(str(error) or type(error).__name__) from None


def _write(path: Path, kept: Iterable[File | Blocked]) -> None:
    rows = [asdict(one) for one in kept]
    try:
        with whole_file(path) as out:
            out.write(json.dumps(rows, ensure_ascii=False, indent=1).encode())
    except OSError as error:
        raise PluginError(f"{path}: cannot be written: {error.strerror or error}") from None


def _file(row: dict[str, Any]) -> File:
    inside = tuple(scanned(one) for one in row["plugins"])
    return File(str(row["path"]), _mark(row["mark"]), inside, str(row["problem"]))


def _blocked(row: dict[str, Any]) -> Blocked:
    return Blocked(str(row["path"]), _mark(row["mark"]), str(row["why"]), str(row["since"]))


def _mark(pair: list[int]) -> Mark:
    size, changed = pair
    return int(size), int(changed)


def scanned(row: dict[str, Any]) -> Scanned:
    """A plugin of what JSON says of one. Raises KeyError, TypeError or ValueError where it says something else."""
    table = tuple(Parameter(**one) for one in row["parameters"])
    return Scanned(str(row["name"]), str(row["spec"]), str(row["role"]), int(row["latency"]), table)
