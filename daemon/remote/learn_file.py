"""Keeping [[learn]] tables with their preset: those are written, and nothing else in its file is touched."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ripieno.daemon.errors import UserError
from ripieno.daemon.files import whole_file
from ripieno.daemon.learn_keys import LEARN_KEYS
from ripieno.daemon.preset_document import LEARN, PresetError
from ripieno.daemon.presets import Learn, Preset, read, shipped_folder, show, user_folder
from ripieno.daemon.schema import slug
from ripieno.daemon.toml_lines import key_lines

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_EMPTY = re.compile(r"\s*(#.*)?\s*", re.DOTALL)
_HEAD = re.compile(rf"\s*\[\[\s*[\"']?{LEARN}\b")


def own_file(preset: Preset) -> Path:
    """The file that a preset's tables are kept in: its own; of one that comes with Ripieno the user's own copy, which
    goes before it from then on."""
    path = Path(preset.file)
    return user_folder() / path.name if path.parent == shipped_folder() else path


def keep(preset: Preset, rows: Sequence[Learn]) -> Path:
    """Write these as all of its tables; returns the file. UserError, naming it, where that cannot be, and nothing is
    written then."""
    path = own_file(preset)
    source = path if path.is_file() else Path(preset.file)
    if not source.is_file():
        raise UserError(f"{source}: is not there any more, and nothing can be kept in it")
    try:
        text = source.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{source}: cannot be read as text: {error}") from None
    written = with_tables(text, rows, str(source))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot be made: {error.strerror or error}") from None
    with whole_file(path) as out:
        out.write(written.encode())
    return path


def check(preset: Preset, rows: Sequence[Learn]) -> None:
    """UserError where the preset may not have these as its tables."""
    try:
        read(show(replace(preset, learn=tuple(rows))), preset.file)
    except PresetError as error:
        own = [problem for problem in error.problems if problem.key.partition(".")[0] == LEARN]
        if own:
            raise UserError("\n".join(f"{problem.key}: {problem.message}" for problem in own)) from None


def table_text(row: Learn) -> str:
    """A table: what is not as by default."""
    shown = [(key, getattr(row, key.field)) for key in LEARN_KEYS]
    lines = [f"{key.name} = {key.kind.show(value)}" for key, value in shown if value != key.default]
    return "\n".join([f"[[{LEARN}]]", *lines]) + "\n"


def with_tables(text: str, rows: Sequence[Learn], file: str) -> str:
    """The text of a preset with these as its tables: those that say the same stay as they are written, with their
    comments; others go; new ones come after the last, or at the end. UserError where they are written otherwise."""
    before = _rows(tomllib.loads(text), file)
    lines, new = _LINE.findall(text), [_plain(row) for row in rows]
    spans = _spans(text, lines, len(before), file)
    at = spans[-1][1] if spans else len(lines)
    for row, (first, last) in reversed(list(zip(before, spans, strict=True))):
        if row in new:
            new.remove(row)
            continue
        first -= first > 0 and not lines[first - 1].strip()
        del lines[first:last]
        at -= last - first
    added = [row for row in rows if _plain(row) in new]
    lines[at:at] = _parted(lines[:at], added, lines[at:], "\r\n" if "\r\n" in text else "\n")
    written = "".join(lines)
    _sure(text, written, rows, file)
    return written


def _plain(row: Learn) -> Learn:
    """Ports may be written otherwise than they are called."""
    return replace(row, port=slug(row.port))


def _rows(document: dict[str, Any], file: str) -> list[Learn]:
    """Its tables. UserError where one is wrong."""
    try:
        return [_row(table) for table in document.get(LEARN, [])]
    except (TypeError, ValueError) as error:
        raise UserError(f"{file}: one of its [[{LEARN}]] tables is wrong now: {error}") from None


def _row(table: dict[str, Any]) -> Learn:
    return _plain(Learn(**{key.field: key.kind.read(table[key.name]) for key in LEARN_KEYS if key.name in table}))


def _spans(text: str, lines: Sequence[str], count: int, file: str) -> list[tuple[int, int]]:
    """The lines of each table, from its head to its last key: first, and the one behind the last, from 0."""
    marks = key_lines(text)
    starts = [marks[(LEARN, place)] - 1 for place in range(count)]
    if any(not _HEAD.match(lines[first]) for first in starts):
        raise UserError(f"{file}: {LEARN} is written as a list: write each as a table of its own, [[{LEARN}]]")
    heads = sorted({*starts, *(line - 1 for path, line in marks.items() if path[0] != LEARN)})
    spans = []
    for first in starts:
        last = next((line for line in heads if line > first), len(lines))
        while last > first + 1 and _EMPTY.fullmatch(lines[last - 1]):
            last -= 1
        spans.append((first, last))
    return spans


def _parted(before: Sequence[str], rows: Sequence[Learn], after: Sequence[str], end: str) -> list[str]:
    """The lines of new tables, an empty one before each."""
    lines = [end] if rows and before and not before[-1].endswith("\n") else []
    for row in rows:
        lines += [end, *(line + end for line in table_text(row).splitlines())]
    return lines + ([end] if rows and after and after[0].strip() else [])


def _sure(text: str, written: str, rows: Sequence[Learn], file: str) -> None:
    """Nothing was lost, and nothing else written."""
    had, has = tomllib.loads(text), tomllib.loads(written)
    there, wanted = _rows(has, file), [_plain(row) for row in rows]
    had.pop(LEARN, None)
    has.pop(LEARN, None)
    if had != has or len(there) != len(wanted) or any(row not in there for row in wanted):
        raise UserError(f"{file}: its [[{LEARN}]] tables cannot be told from the rest: write them by hand")
