"""A preset's text as a document: read from TOML, overridden by options, its values checked one by one.

Every mistake is a `Problem` that knows where it stands.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ripieno.daemon import schema
from ripieno.daemon.chain_keys import CHAIN_KEYS, chain_names
from ripieno.daemon.clock_keys import CLOCK_KEYS
from ripieno.daemon.continuation_keys import CONTINUATION_KEYS
from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.input_keys import INPUT_KEYS, input_names
from ripieno.daemon.learn_keys import LEARN_KEYS, learn_names
from ripieno.daemon.schema import INSTRUMENT_KEYS, PRESET_KEYS, Key, slug
from ripieno.daemon.singing_keys import SINGING_KEYS
from ripieno.daemon.toml_lines import key_lines, line_of


def _names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What instruments are called."""
    return [name if isinstance(name := row.get("name"), str) else "" for row in rows]


CONTINUATION, SINGING, CLOCK = "continuation", "singing", "clock"
ENSEMBLE, CHAIN, INPUT, LEARN = "ensemble", "chain", "input", "learn"
# The tables that a preset may have once, with an example of what to write below their names.
TABLES: dict[str, tuple[tuple[Key, ...], str]] = {
    CONTINUATION: (CONTINUATION_KEYS, 'mode = "duet"'),
    SINGING: (SINGING_KEYS, 'mode = "free"'),
    CLOCK: (CLOCK_KEYS, 'source = "midi"'),
}
# Those that it may have several of, with what one of them is, and what its tables are called.
LISTS: dict[str, tuple[tuple[Key, ...], str, Callable[[Sequence[Mapping[str, Any]]], list[str]]]] = {
    ENSEMBLE: (INSTRUMENT_KEYS, "instrument", _names),
    CHAIN: (CHAIN_KEYS, "chain", chain_names),
    INPUT: (INPUT_KEYS, "input", input_names),
    LEARN: (LEARN_KEYS, "bound control", learn_names),
}
NESTED = ("parameters", "cc")  # keys of a chain that are tables themselves
OWN_TABLES = ("latency_ms",)  # keys of the preset that are, of outputs by their names
Document = dict[str, Any]
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One mistake: where it stands (file and line, or the option that made it), the key, and what to do. path: the key
    in the document."""

    where: str
    line: int | None
    key: str
    message: str
    path: KeyPath = ()

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class PresetError(UserError):
    """A preset cannot be used; `problems` holds every reason, and the message shows them all, a line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.where, p.line or 0))
        super().__init__("\n".join(map(str, self.problems)))


class Source:
    """Where each value of a document came from, to tell a mistake's place."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.lines = key_lines(text)
        self.options: dict[KeyPath, str] = {}

    def problem(self, path: KeyPath, message: str, document: Document) -> Problem:
        option = next((self.options[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.options), None)
        line = line_of(self.lines, path)
        if option is None and line is None:  # not in the file: a table that options alone have made
            option = next((one for own, one in self.options.items() if own[: len(path)] == path), None)
        where, line = (option, None) if option else (self.file, line or 1)
        return Problem(where, line, _dotted(path, document), message, path)


def _dotted(path: KeyPath, document: Document) -> str:
    """A path as `--set` writes it, instruments and chains by their names."""
    if len(path) > 1 and path[0] in LISTS and isinstance(path[1], int):
        table = str(path[0])
        names = LISTS[table][2](rows_of(table, document))
        name = names[path[1]] if path[1] < len(names) else ""
        path = (path[0], slug(name) or path[1] + 1, *path[2:])
    return ".".join(map(str, path))


def parse(text: str, file: str) -> Document:
    """The document of a TOML text. PresetError, with its line, where it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r"\(at line (\d+), column (\d+)\)", message)
        line = int(place[1]) if place else text.count("\n") + 1
        reason = re.sub(r"\s*\(at .*\)", "", message)
        message = f"this is no TOML: {reason}. A line reads: key = value, with text in quotes"
        raise PresetError([Problem(file, line, "", message)]) from None
    except RecursionError:
        raise PresetError([Problem(file, 1, "", "this is no preset: its values are nested too deeply")]) from None
    except ValueError:  # Python reads a number of so many digits only
        raise PresetError([Problem(file, 1, "", "this is no preset: a number in it has too many digits")]) from None


def lay(document: Document, under: Mapping[str, Document]) -> Document:
    """The document with tables laid under its own: their keys hold where it has none of that name."""
    there = {name: document.get(name, {}) for name in under}
    return document | {name: {**under[name], **one} if isinstance(one, dict) else one for name, one in there.items()}


def override(document: Document, source: Source, option: str) -> Iterator[Problem]:
    """Put one KEY=VALUE into the document."""
    where = f"--set {option}"
    key, equals, text = option.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        yield Problem(where, None, "", "write KEY=VALUE, such as overflow=steal or ensemble.1.channel=3")
        return
    try:
        path = _row_path(parts, document) if parts[0] in LISTS else _own_path(parts, document)
    except UserError as error:
        yield Problem(where, None, "", str(error))
        return
    _put(document, path, text)
    source.options[path] = where


def _put(document: Document, path: KeyPath, text: str) -> None:
    """Set what lies at a path whose tables are there but, perhaps, the last one."""
    place: Any = document
    for step in path[:-1]:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    keys = PRESET_KEYS if len(path) == 1 else (TABLES | LISTS).get(str(path[0]), ((),))[0]
    place[path[-1]] = option_value(text, str(path[-1]), () if path[-2:-1] in [(name,) for name in NESTED] else keys)


def _row_path(parts: list[str], document: Document) -> KeyPath:
    """Where a key of an instrument or a chain belongs: ensemble.NAME.key. UserError where there is none such."""
    table = parts[0]
    _, what, names_of = LISTS[table]
    rows = rows_of(table, document)
    names = [slug(name) for name in names_of(rows)]
    numbers = [str(n) for n in range(1, len(names) + 1)]
    which = slug(parts[1]) if len(parts) > 2 else ""
    if which not in names + numbers:
        raise UserError(f"which {what}? {did_you_mean(which, sorted(set(names))) if names else 'none here'}")
    index = names.index(which) if which in names else int(which) - 1
    key = _chain_key(parts[2:], rows[index]) if table == CHAIN else [".".join(parts[2:])]
    return (table, index, *key)


def _chain_key(key: list[str], row: Document) -> list[str]:
    """A chain's own key, or its table and the name in it; a parameter may be called without its table's name."""
    if key[0] not in {own.name for own in CHAIN_KEYS}:
        key = [NESTED[0], *key]
    nested = len(key) > 1 and key[0] in NESTED and isinstance(row.get(key[0], {}), dict)
    return [key[0], ".".join(key[1:])] if nested else [".".join(key)]


def _own_path(parts: list[str], document: Document) -> KeyPath:
    """Where a key that is no instrument's belongs. UserError where two tables have one of that name.

    A table's key may be called without the table's name.
    """
    there = [name for name in TABLES if isinstance(document.get(name), dict)]
    if len(parts) == 1 and parts[0] not in {key.name for key in PRESET_KEYS}:
        owners = [name for name in there if parts[0] in {key.name for key in TABLES[name][0]}]
        if len(owners) > 1:
            raise UserError(f"which one? write {' or '.join(f'{table}.{parts[0]}' for table in owners)}")
        if owners:
            return (owners[0], parts[0])
    if len(parts) > 1 and parts[0] in OWN_TABLES and isinstance(document.get(parts[0], {}), dict):
        return (parts[0], ".".join(parts[1:]))
    if len(parts) == 2 and parts[0] in TABLES and (parts[0] in there or parts[0] not in document):
        document.setdefault(parts[0], {})
        return (parts[0], parts[1])
    return (".".join(parts),)


def option_value(text: str, name: str, keys: tuple[Key, ...]) -> object:
    """What an option means: TOML if it reads as TOML, otherwise plain text."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
    textual = any(k.name == name and k.kind in (schema.TEXT, schema.MAYBE_TEXT) for k in keys)
    return value if isinstance(value, str) or not textual else text


def are_tables(rows: object) -> bool:
    """Whether this is what [[tables]] give."""
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def rows_of(table: str, document: Document) -> list[Document]:
    """The rows of a table of LISTS, none where they are no tables."""
    rows = document.get(table, [])
    return rows if are_tables(rows) else []


class Checked:
    """The values of a document, key by key, and the mistakes in them."""

    def __init__(self, document: Document, source: Source) -> None:
        self.document, self.source = document, source
        self.problems: list[Problem] = []
        others = [*LISTS, *TABLES]
        own = {name: value for name, value in document.items() if name not in others}
        self.values = self.table((), own, PRESET_KEYS, others)
        self.continuation, self.singing, self.clock = (self.beside(name, document.get(name)) for name in TABLES)
        self.ensemble, self.chain, self.input, self.learn = (self.rows(name) for name in LISTS)

    def rows(self, name: str) -> list[Document]:
        """The good values of each of the tables of LISTS that are called so."""
        keys, what, _ = LISTS[name]
        if not are_tables(self.document.get(name, [])):
            self.wrong((name,), f"write each {what} as a table of its own: [[{name}]]")
            self.document[name] = []
        return [self.table((name, i), row, keys, []) for i, row in enumerate(rows_of(name, self.document))]

    def beside(self, name: str, table: object) -> Document | None:
        """The good values of a table of TABLES; None where the preset has none."""
        keys, example = TABLES[name]
        if table is not None and not isinstance(table, dict):
            self.wrong((name,), f"write it as a table of its own: [{name}], and below it {example}")
        return self.table((name,), table, keys, []) if isinstance(table, dict) else None

    def wrong(self, path: KeyPath, message: str) -> None:
        self.problems.append(self.source.problem(path, message, self.document))

    def table(self, path: KeyPath, table: Document, keys: tuple[Key, ...], others: list[str]) -> Document:
        """The good values of a table, defaults included; a key whose value is bad is left out."""
        names = [key.name for key in keys] + others
        # A key of one of the tables may have been meant, without the table's name.
        there = [keys for name, (keys, _) in TABLES.items() if not path and name in self.document]
        like = names + [key.name for keys in there for key in keys]
        for name in table:
            if name not in names:
                self.wrong((*path, name), f"there is no such key; {did_you_mean(name, like)}")
        values: Document = {}
        for key in keys:
            if key.name not in table:
                values[key.name] = key.default
                if key.default is ...:
                    del values[key.name]
                    self.wrong((*path, key.name), f"is missing: {key.help}")
                continue
            try:
                values[key.name] = key.kind.read(table[key.name])
            except ValueError as error:
                self.wrong((*path, key.name), str(error))
        return values

    def own_ports(self) -> list[tuple[int, str]]:
        """The instruments, by place and name, that leave on a MIDI output of their own, called as they are."""
        each = self.values.get("outputs") == "ports"
        return [(i, row["name"]) for i, row in enumerate(self.ensemble) if "name" in row and (each or row.get("mpe"))]

    def have(self, *names: str) -> bool:
        return all(name in self.values for name in names)
