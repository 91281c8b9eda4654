"""Every control of a performance, by a path: what the page, OSC, `ripieno ctl` and learnt knobs set and are told of.

Paths are lower case, their parts parted by "/": `clock/tempo`, `players/violin/on`, `chain/hall/mix`. They follow from
the tables that the presets' keys stand in, so that whatever can be set while it plays is there, and nothing else.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.levels import TITLE as LEVELS
from ripieno.daemon.preset_document import CLOCK, CONTINUATION, SINGING
from ripieno.daemon.schema import FLAG, Kind, number
from ripieno.daemon.settings import Settings

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance

T = TypeVar("T")
Plain = bool | int | float | str | list[Any] | dict[str, Any]
"""What JSON can hold, and OSC for the most part."""

_LONGEST = 1000  # letters of a value or a path: nobody is to search for what a longer one may have meant
_TITLES = {CLOCK: "clock", CONTINUATION: "band", SINGING: "voice"}
_CHAIN, _PLAYERS = "chain", "players"


def path_part(name: str) -> str:
    """A name as a part of a path: letters, digits and dashes, which need no quotes in a shell, a URL or OSC."""
    return re.sub(r"[^\w.]+", "-", name.casefold(), flags=re.ASCII).strip("-") or "unnamed"


def path_parts(names: Iterable[str]) -> dict[str, str]:
    """Each name's part of a path; where two are alike, the second has a number."""
    parts: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        part = path_part(name)
        numbered = (part if n == 1 else f"{part}-{n}" for n in count(1))
        parts[name] = next(one for one in numbered if one not in taken)
        taken.add(parts[name])
    return parts


@dataclass(frozen=True)
class Node:
    """A control. kind: what it may be. now: how it is. put: change it, with a good value."""

    path: str
    title: str
    help: str
    kind: Kind
    now: Callable[[], Any]
    put: Callable[[Any], object]

    def value(self) -> Plain:
        """How it is, as a plain value."""
        return plain(self.kind, self.now())

    def set(self, value: object) -> None:
        """Change it. UserError, naming it, for what it cannot be."""
        if len(str(value)) > _LONGEST:
            raise UserError(f"{self.path}: this is longer than any value that it may have")
        try:
            good = self.kind.read(_fitted(self.kind, value))
        except ValueError as error:
            raise UserError(f"{self.path}: {error}") from None
        self.put(good)

    def described(self) -> dict[str, Any]:
        """What there is to know of it, as plain values."""
        limits = {"low": self.kind.low, "high": self.kind.high} if self.kind.low is not None else {}
        whole = {"whole": True} if self.kind.whole else {}
        words = {"words": list(self.kind.words)} if self.kind.words else {}
        told = {"path": self.path, "title": self.title, "help": self.help, "what": self.kind.what}
        return told | {"type": type_of(self.kind)} | limits | whole | words


@dataclass(frozen=True)
class Action:
    """Something that is done rather than set."""

    path: str
    title: str
    help: str
    do: Callable[[], None]


def type_of(kind: Kind) -> str:
    """ "flag", "number", "choice" or "text"."""
    if kind is FLAG:
        return "flag"
    return "number" if kind.low is not None else "choice" if kind.words else "text"


def plain(kind: Kind, value: Any) -> Plain:
    """A value of ours as it is written: (55, 84) as ["G3", "C6"]."""
    if value is None or isinstance(value, (bool, int, float)):
        return "" if value is None else value
    found: Plain = tomllib.loads(f"value = {kind.show(value)}")["value"]
    return found


def _fitted(kind: Kind, value: object) -> object:
    """What others have as a float, a whole number or a flag among ours."""
    if kind.whole and isinstance(value, float) and value.is_integer():
        return int(value)
    return bool(value) if kind is FLAG and value in (0, 1) else value


class Tree:
    """The controls and actions of the song that plays, by their paths. It is grown anew for each song."""

    def __init__(self, performance: "Performance") -> None:
        self.nodes = {node.path: node for node in _nodes(performance)}
        self.actions = {action.path: action for action in _actions(performance)}

    def node(self, path: str) -> Node:
        """UserError, with what was meant perhaps, where there is none."""
        return _found(self.nodes, path, "control")

    def action(self, path: str) -> Action:
        """UserError likewise."""
        return _found(self.actions, path, "action")

    def values(self) -> dict[str, Plain]:
        """How all of them are."""
        return {path: node.value() for path, node in self.nodes.items()}

    def described(self) -> dict[str, Any]:
        """All of them, as plain values."""
        actions = [{"path": one.path, "title": one.title, "help": one.help} for one in self.actions.values()]
        return {"controls": [node.described() for node in self.nodes.values()], "actions": actions}


def _found(there: Mapping[str, T], path: str, what: str) -> T:
    if len(path) > _LONGEST:
        raise UserError(f"there is no {what} of such a long name")
    if path not in there:
        raise UserError(f"there is no {what} {path!r}; {did_you_mean(path, list(there))}")
    return there[path]


# ---- controls ----


def _nodes(performance: "Performance") -> Iterator[Node]:
    yield _song(performance)
    ready = performance.current
    if not ready:
        return
    yield from _players(performance)
    tables = {name: table for name, table in ready.tables.items() if name != LEVELS}
    parts = path_parts(name for name in tables if name not in _TITLES)
    for name, table in tables.items():
        at = f"{_CHAIN}/{parts[name]}" if name in parts else _TITLES[name]
        for key, part in path_parts(table.live).items():
            yield _of_table(f"{at}/{part}", key, table, key)


def _of_table(path: str, title: str, table: Settings, name: str) -> Node:
    """A key of a table of the preset."""
    key = table.live[name]
    return Node(path, title, key.help, key.kind, partial(table.now, name), partial(table.take, name))


def _song(performance: "Performance") -> Node:
    """By its number or its title."""
    titles = [song.title for song in performance.songs.songs]
    numbers = number(1, len(titles), True)

    def read(value: object) -> Any:
        return titles.index(value) + 1 if isinstance(value, str) and value in titles else numbers.read(value)

    def now() -> int:
        wanted = performance.wanted
        return 1 + (performance.playing if wanted is None else wanted)

    kind = replace(numbers, read=read, words=tuple(titles))
    told = "Which song of the set list plays, or is to play as soon as it is ready: its number, or its title."
    return Node("song", "Song", told, kind, now, lambda song: performance.load(song - 1))


def _players(performance: "Performance") -> Iterator[Node]:
    """Whether the instruments play, and how loud."""
    ready = performance.current
    assert ready
    for place, (name, part) in enumerate(path_parts(one.name for one in performance.preset.ensemble).items()):
        at, on = f"{_PLAYERS}/{part}", partial(ready.enabled.__getitem__, place)
        yield Node(f"{at}/on", name, f"Whether {name} plays.", FLAG, on, partial(performance.switch, place))
        if ready.levels:
            yield _of_table(f"{at}/level", f"{name}: level", ready.levels, name)


# ---- actions ----


def _actions(performance: "Performance") -> Iterator[Action]:
    """Those of the performance, and what its clock, band, voice and plugins do at a key."""
    for path, (title, told, do) in _DEEDS.items():
        yield Action(path, title, told, partial(do, performance))
    for keys, one in performance.keyed:
        for command in keys.values():
            if command.path:
                do = partial(performance.obey, command, one)
                yield Action(command.path, f"{command.words[:1].upper()}{command.words[1:]}", "", do)


_DEEDS: Mapping[str, tuple[str, str, "Callable[[Performance], None]"]] = {
    "panic": ("Panic", "Silence everything, at once.", lambda one: one.panic()),
    "next": ("Next", "Go on to the next song.", lambda one: one.step(1)),
    "previous": ("Previous", "Go back to the song before.", lambda one: one.step(-1)),
    "keep": ("Keep", "Keep all that is set now in the song's snapshot.", lambda one: one.take_snapshot()),
    "recall": ("Recall", "Be as the song's snapshot says.", lambda one: one.recall_snapshot()),
    "record": ("Record", "Record what is played, or no longer.", lambda one: one.record()),
    "save-last": ("Save the last minutes", "Write down what was just played.", lambda one: one.save_last()),
}
