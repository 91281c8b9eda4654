"""A preset's text as a form has it: what its keys may be, what stands in it and is wrong, changed key by key, compared.

The text is what is edited, and its comments stay: a change of the form is a change of the text.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.gm import PROGRAMS
from ripieno.daemon.preset_document import (
    CHAIN,
    CLOCK,
    CONTINUATION,
    ENSEMBLE,
    INPUT,
    LEARN,
    LISTS,
    SINGING,
    TABLES,
    Document,
    PresetError,
    Problem,
    are_tables,
    option_value,
    parse,
    rows_of,
)
from ripieno.daemon.remote.library import checked
from ripieno.daemon.remote.tree import Plain, plain, type_of
from ripieno.daemon.schema import PRESET_KEYS, Key
from ripieno.daemon.weights import SHIPPED, UNTRAINED, WEIGHTS, shipped_singer, shipped_weights, singer_voices

OWN = ""
"""The table of the keys that are the preset's own."""
SET, UNSET, ADD, REMOVE, UP, DOWN = DEEDS = ("set", "unset", "add", "remove", "up", "down")
_SHORT = 40  # letters of what is not known, told again
_TITLES = {
    OWN: "Preset",
    ENSEMBLE: "Ensemble",
    CHAIN: "Plugins",
    INPUT: "Inputs",
    LEARN: "Learnt knobs",
    CONTINUATION: "Band",
    SINGING: "Voice",
    CLOCK: "Clock",
}
_TABLES: Mapping[str, tuple[Key, ...]] = {
    OWN: PRESET_KEYS,
    **{name: keys for name, (keys, _, _) in LISTS.items()},
    **{name: keys for name, (keys, _) in TABLES.items()},
}


def described() -> list[dict[str, Any]]:
    """All tables of a preset and their keys, as plain values. many: there may be several of it."""
    return [
        {
            "table": name,
            "title": _title(name),
            "one": LISTS[name][1] if name in LISTS else "",
            "many": name in LISTS,
            "keys": [_key(name, key) for key in keys],
        }
        for name, keys in _TABLES.items()
    ]


def _title(table: str) -> str:
    return _TITLES.get(table, table.capitalize())


def _key(table: str, key: Key) -> dict[str, Any]:
    kind, suggests = key.kind, _SUGGESTED.get((table, key.name))
    limits = {"low": kind.low, "high": kind.high, "whole": kind.whole} if kind.low is not None else {}
    needed = key.default is ...
    told = {"key": key.name, "help": key.help, "what": kind.what, "type": type_of(kind), "words": list(kind.words)}
    told |= {"suggests": list(suggests()) if suggests else []}
    return told | limits | {"needed": needed, "default": None if needed else plain(kind, key.default)}


def _models() -> Iterable[str]:
    return [*UNTRAINED, *(path.stem for path in sorted(shipped_weights().glob(f"*{WEIGHTS}")))]


def _plugins() -> Iterable[str]:
    from ripieno.native.builtin import BUILTINS
    from ripieno.plugins import catalogue

    return [*BUILTINS, "soundfont:", *catalogue.names()]


def _voices() -> Iterable[str]:
    with suppress(UserError):
        return singer_voices(shipped_singer())
    return ()


# Of keys that may be anything: what they often are.
_SUGGESTED: Mapping[tuple[str, str], Callable[[], Iterable[str]]] = {
    (OWN, "model"): _models,
    (ENSEMBLE, "program"): lambda: PROGRAMS,
    (CHAIN, "plugin"): _plugins,
    (CONTINUATION, "weights"): lambda: SHIPPED,
    (SINGING, "voice"): _voices,
}


# ---- what stands in a text ----


def look(text: str) -> dict[str, Any]:
    """A text as a form shows it: name, the document as plain values ({} where it is no TOML), and what is wrong."""
    try:
        found, wrong = checked(text), []
    except PresetError as error:
        found, wrong = None, [told(one) for one in error.problems]
    document = _document(text)
    name = found.name if found else document.get("name", "")
    return {"name": name if isinstance(name, str) else "", "document": document, "problems": wrong}


def told(problem: Problem) -> dict[str, Any]:
    """A mistake as plain values. table: OWN for the preset's own keys; row: from 0, -1 for none; key: "" for none."""
    path = list(problem.path)
    table = str(path.pop(0)) if path and path[0] in _TABLES else OWN
    row = path.pop(0) if table and path and isinstance(path[0], int) else -1
    key = str(path[0]) if path else ""
    return {"table": table, "row": row, "key": key, "line": problem.line or 1, "error": problem.message}


def _document(text: str) -> Document:
    try:
        found = parse(text, OWN)
    except PresetError:
        return {}
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Plain:
    """What JSON can hold of TOML's values."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if isinstance(value, (bool, int, float, str)) else str(value)


# ---- changed ----


@dataclass(frozen=True)
class Edit:
    """Something to be done to a text. do: one of DEEDS. row: from 0, of a table that there may be several of."""

    do: str
    table: str = OWN
    row: int = 0
    key: str = ""
    value: Any = None


class _Makers(NamedTuple):
    """What tables are made of: plain ones, or those that know how they are written."""

    table: Callable[[], Any]
    rows: Callable[[], Any]
    inline: Callable[[], Any]


_PLAIN = _Makers(dict, list, dict)


def change(text: str, edit: Edit) -> str:
    """The text with one thing changed, all else as it stands. UserError for what cannot be, PresetError where the text
    is no TOML."""
    try:
        import tomlkit
    except ImportError:
        raise UserError('the form needs tomlkit: pip install "ripieno[ui]", or change the text') from None
    wanted = parse(text, "the preset")
    _check(edit, wanted)
    _apply(wanted, edit, _PLAIN)
    try:
        document = tomlkit.parse(text)
        _apply(document, edit, _Makers(tomlkit.table, tomlkit.aot, tomlkit.inline_table))
        written = document.as_string()
        same = tomllib.loads(written) == wanted
    except (ValueError, LookupError, TypeError, AttributeError, NotImplementedError, RecursionError):
        same = False
    if not same:
        raise UserError(f"{edit.table or 'this'} is written so that a form cannot change it: change the text")
    return written


def _check(edit: Edit, document: Document) -> None:
    """UserError where it cannot be done."""
    do, table, key = edit.do[:_SHORT], edit.table[:_SHORT], edit.key[:_SHORT]
    if do not in DEEDS:
        raise UserError(f"{do!r} cannot be done; {did_you_mean(do, DEEDS)}")
    if table not in _TABLES or (do not in (SET, UNSET) and table == OWN):
        raise UserError(f"there is no table {table!r}; {did_you_mean(table, [*_TABLES][1:])}")
    there = _meant_table(document, edit)
    if there is None and do != ADD:
        raise UserError(f"there is no {LISTS[table][1] if table in LISTS else table} {edit.row + 1} here")
    names = [one.name for one in _TABLES[table]]
    if do in (SET, UNSET) and edit.key not in (*names, *(there or ())):
        raise UserError(f"{table or 'a preset'} has no key {key!r}; {did_you_mean(key, names)}")
    if do == SET and edit.value is None:
        raise UserError(f"{key} needs a value; {UNSET!r} leaves it as by default")
    if do == ADD and table in LISTS and not are_tables(document.get(table, [])):
        raise UserError(f"{table} is no list of tables: mend that in the text")


def _meant_table(document: Document, edit: Edit) -> Any:
    """The table that is meant, None where it is not there."""
    if edit.table == OWN:
        return document
    if edit.table in LISTS:
        rows = document.get(edit.table, [])
        return rows[edit.row] if are_tables(rows) and 0 <= edit.row < len(rows) else None
    there = document.get(edit.table)
    return there if isinstance(there, dict) else None


def _apply(document: Document, edit: Edit, makers: _Makers) -> None:
    """Do it."""
    if edit.do == SET:
        _meant_table(document, edit)[edit.key] = _inline(meant(edit), makers)
    elif edit.do == UNSET:
        _meant_table(document, edit).pop(edit.key, None)
    elif edit.table in LISTS:
        _apply_to_rows(document, edit, makers)
    elif edit.do == REMOVE:
        del document[edit.table]
    elif edit.do == ADD and edit.table not in document:
        document[edit.table] = makers.table()


def _apply_to_rows(document: Document, edit: Edit, makers: _Makers) -> None:
    if edit.table not in document:
        document[edit.table] = makers.rows()
    rows = document[edit.table]
    if edit.do == ADD:
        rows.append(makers.table())
        return
    one = rows[edit.row]
    del rows[edit.row]
    if edit.do in (UP, DOWN):
        rows.insert(max(0, edit.row + (1 if edit.do == DOWN else -1)), one)
    elif not rows:
        del document[edit.table]


def _inline(value: Any, makers: _Makers) -> Any:
    """A table that is a value stands in one line."""
    if not isinstance(value, dict):
        return value
    table = makers.inline()
    table.update(value)
    return table


def meant(edit: Edit) -> Any:
    """What somebody typed for a key: the first of its readings that the key takes, or else what TOML makes of it."""
    keys = _TABLES[edit.table]
    key = next((one for one in keys if one.name == edit.key), None)
    if not isinstance(edit.value, str):
        return edit.value
    plainly = option_value(edit.value, edit.key, keys)
    if not key:
        return plainly
    for reading in _readings(edit.value, plainly):
        with suppress(ValueError):
            key.kind.read(reading)
            return reading
    return plainly


def _readings(text: str, plainly: object) -> Iterator[object]:
    """A list may be typed without brackets, and a text that looks like a number is one where none is wanted."""
    parts = [option_value(part.strip(), "", ()) for part in text.split(",")]
    yield from [parts] if len(parts) > 1 and isinstance(plainly, str) else []
    yield plainly
    yield text
    yield parts


# ---- compared ----


def compare(one: str, other: str) -> list[dict[str, Any]]:
    """Two presets key by key, as plain values: table, title, name (of an instrument, a plugin ...), key, both values as
    TOML (None: there is no such table), same. Keys that neither says are left out. PresetError where one is no TOML."""
    documents = parse(one, "one"), parse(other, "other")
    return [
        {"table": table, "title": _title(table), "name": name, "key": key.name, "a": a, "b": b, "same": a == b}
        for table, keys in _TABLES.items()
        for name, pair in _pairs(table, *documents)
        for key in keys
        if any(key.name in (side or ()) for side in pair)
        for a, b in [[_shown(key, side) for side in pair]]
    ]


_Sides = tuple[Document | None, Document | None]


def _pairs(table: str, one: Document, other: Document) -> Iterator[tuple[str, _Sides]]:
    """What is compared with what: the tables of one name."""
    if table not in LISTS:
        yield "", tuple(_meant_table(side, Edit(SET, table)) for side in (one, other))
        return
    ours, theirs = _named_rows(table, one), _named_rows(table, other)
    for name in dict.fromkeys([*ours, *theirs]):
        yield name, (ours.get(name), theirs.get(name))


def _named_rows(table: str, document: Document) -> dict[str, Document]:
    rows = rows_of(table, document)
    names = LISTS[table][2](rows)
    return {name or str(place): row for place, (name, row) in enumerate(zip(names, rows, strict=True), 1)}


def _shown(key: Key, table: Document | None) -> str | None:
    """A value as TOML, that by default where none is said, "" where one must be."""
    if table is None:
        return None
    if key.name not in table:
        return "" if key.default is ... else key.kind.show(key.default)
    with suppress(ValueError):
        return key.kind.show(key.kind.read(table[key.name]))
    return str(table[key.name])
