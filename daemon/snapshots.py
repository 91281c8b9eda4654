"""Snapshots: all that can be set while a preset plays, as TOML: who plays, the band, the voice, each plugin."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripieno.daemon.band import LIVE as BAND_KEYS
from ripieno.daemon.clock import LIVE as CLOCK_KEYS
from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.files import whole_file
from ripieno.daemon.levels import TITLE as LEVELS
from ripieno.daemon.levels import level_keys
from ripieno.daemon.preset_document import (
    CHAIN,
    CLOCK,
    CONTINUATION,
    SINGING,
    TABLES,
    Document,
    KeyPath,
    PresetError,
    Problem,
    parse,
)
from ripieno.daemon.presets import Preset
from ripieno.daemon.schema import Key, quote, slug
from ripieno.daemon.singer import LIVE as SINGER_KEYS
from ripieno.daemon.toml_lines import key_lines, line_of

if TYPE_CHECKING:
    from ripieno.daemon.settings import Settings

_INSTRUMENTS = "instruments"
_PLAIN = (*TABLES, LEVELS)  # tables that are no plugin's
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Snapshot:
    """How a preset was set. file: where it is kept. enabled: instruments, by name; tables: their values by key, as TOML
    gives them, of "continuation", "singing", "clock", "levels" and, by its name, each plugin."""

    file: str
    enabled: Mapping[str, bool]
    tables: Mapping[str, Mapping[str, Any]]


def snapshot_path(preset: Preset) -> Path:
    """Where a preset's snapshot is kept that no set list names: $XDG_STATE_HOME/ripieno/snapshots/NAME.toml."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "ripieno" / "snapshots" / _file(preset.name)


def _file(name: str) -> str:
    return f"{slug(name) or 'preset'}.toml"


# ---- taking one ----


def snapshot_text(preset: Preset, enabled: Mapping[str, bool], tables: "Mapping[str, Settings]") -> str:
    """All that is set, as TOML. enabled: instruments, by name. tables: as `Performance.tables`."""
    lines = [f"preset = {quote(preset.name)}"]
    switches = [f"{quote(name)} = {'true' if on else 'false'}" for name, on in enabled.items()]
    lines += ["", f"[{_INSTRUMENTS}]", *switches] if switches else []
    for title, table in tables.items():
        lines += ["", f"[{title}]" if title in _PLAIN else f"[{CHAIN}.{quote(title)}]"]
        lines += [f"{_name(name)} = {_shown(key, now)}" for name, key, now in _values(table)]
    return "\n".join(lines) + "\n"


def _values(table: "Settings") -> list[tuple[str, Key, Any]]:
    """What is known of a table; of a plugin that does not play, little is."""
    found = [(name, key, table.now(name)) for name, key in table.live.items()]
    return [one for one in found if one[2] is not None or one[1].name == "range"]


def _name(key: str) -> str:
    return key if _BARE.fullmatch(key) else quote(key)


def _shown(key: Key, value: Any) -> str:
    """A value as TOML; a whole number that is held as another (a plugin's steps) as whole."""
    return key.kind.show(int(value) if isinstance(value, float) and value.is_integer() else value)


def write_snapshot(path: Path, text: str) -> None:
    """Keep it. UserError, naming the file, where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot be made: {error.strerror or error}") from None
    with whole_file(path) as out:
        out.write(text.encode())


# ---- reading one ----


def read_snapshot(path: Path, preset: Preset) -> Snapshot:
    """A preset's snapshot. UserError where it cannot be read; PresetError with every mistake and its line.

    What a plugin's values may be is known only when it is open: see `recall`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no snapshot yet; the key Z takes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text: {error}") from None
    return _Checker(text, path, preset).whole()


class _Checker:
    """Checks a snapshot; its mistakes are gathered."""

    def __init__(self, text: str, path: Path, preset: Preset) -> None:
        self.document: Document = parse(text, str(path))
        self.path, self.preset = path, preset
        self.lines = key_lines(text)
        self.problems: list[Problem] = []

    def wrong(self, place: KeyPath, message: str) -> None:
        line = line_of(self.lines, place) or 1
        self.problems.append(Problem(str(self.path), line, ".".join(map(str, place)), message))

    def tables_of(self, place: KeyPath, table: object) -> Mapping[str, Any]:
        if isinstance(table, dict):
            return table
        self.wrong(place, f"write it as a table of its own: [{'.'.join(map(str, place))}]")
        return {}

    def named(self, place: KeyPath, table: Mapping[str, Any], names: list[str], what: str) -> list[str]:
        """Those of its names that the preset has."""
        for name in table:
            if name not in names:
                self.wrong((*place, name), f"{what}; {did_you_mean(name, names)}" if names else what)
        return [name for name in table if name in names]

    def switches(self) -> dict[str, bool]:
        table = self.tables_of((_INSTRUMENTS,), self.document.get(_INSTRUMENTS, {}))
        names = [one.name for one in self.preset.ensemble]
        known = self.named((_INSTRUMENTS,), table, names, f"nobody is called so in {self.preset.name}")
        for name in known:
            if not isinstance(table[name], bool):
                self.wrong((_INSTRUMENTS, name), f"{table[name]!r} is neither true nor false")
        return {name: bool(table[name]) for name in known}

    def values(self, title: str, keys: Mapping[str, Key], there: bool) -> dict[str, dict[str, Any]]:
        """The values of a table, checked."""
        if title not in self.document:
            return {}
        table = self.tables_of((title,), self.document[title])
        if not there:
            self.wrong((title,), f"{self.preset.name} has no [{title}]")
        for name in self.named((title,), table, list(keys), "there is no such key to be set while it plays"):
            try:
                keys[name].kind.read(table[name])
            except ValueError as error:
                self.wrong((title, name), str(error))
        return {title: dict(table)}

    def chains(self) -> dict[str, dict[str, Any]]:
        table = self.tables_of((CHAIN,), self.document.get(CHAIN, {}))
        names = [one.name for one in self.preset.chain]
        known = self.named((CHAIN,), table, names, f"no plugin is called so in {self.preset.name}")
        return {name: dict(self.tables_of((CHAIN, name), table[name])) for name in known}

    def whole(self) -> Snapshot:
        name = self.document.get("preset", self.preset.name)
        if name != self.preset.name:
            self.wrong(("preset",), f"this is a snapshot of {name}, not of {self.preset.name}")
        known = ["preset", _INSTRUMENTS, *_PLAIN, CHAIN]
        self.named((), self.document, known, "there is no such key")
        enabled = self.switches()
        tables = self.values(CONTINUATION, BAND_KEYS, self.preset.continuation is not None)
        tables |= self.values(SINGING, SINGER_KEYS, self.preset.singing is not None)
        tables |= self.values(LEVELS, level_keys(self.preset), bool(self.preset.ensemble))
        clock = self.values(CLOCK, CLOCK_KEYS, True)
        tables |= clock if self.preset.clock else {}  # which one evening may have, and another not
        tables |= self.chains()
        if self.problems:
            raise PresetError(self.problems)
        return Snapshot(str(self.path), enabled, tables)


def recall(snapshot: Snapshot, tables: "Mapping[str, Settings]") -> list[str]:
    """Set the tables as they were; what could not be. Instruments are switched by whoever has the engine."""
    news = []
    for title, values in snapshot.tables.items():
        for name, value in values.items():
            try:
                tables[title].set(name, value)
            except KeyError:
                news.append(f"{snapshot.file}: {title} is not here")
                break
            except (UserError, BlockingIOError) as error:
                news.append(f"{snapshot.file}: {title}: {error}")
    return news
