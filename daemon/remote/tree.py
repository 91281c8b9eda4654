"""Every control of a performance, by a path: what the page, OSC, `ripieno ctl` and learnt knobs set and are told of.

Paths are lower case, their parts parted by "/": `clock/tempo`, `players/violin/on`, `chain/hall/mix`. They follow from
the tables that the presets' keys stand in, so that whatever can be set while it plays is there, and nothing else.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.preset_document import CLOCK, CONTINUATION, SINGING
from ripieno.daemon.schema import FLAG, Kind, number
from ripieno.daemon.settings import Settings

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance

Plain = bool | int | float | str | list[Any] | dict[str, Any]
"""What JSON can hold, and OSC for the most part."""

_TITLES = {CLOCK: "clock", CONTINUATION: "band", SINGING: "voice"}
_CHAIN, _PLAYERS = "chain", "players"


def path_part(name: str) -> str:
    """A name as a part of a path: letters, digits and dashes, which need no quotes in a shell, a URL or OSC."""
    return re.sub(r"[^\w.]+", "-", name.casefold(), flags=re.ASCII).strip("-") or "unnamed"


@dataclass(frozen=True)
class Node:
    """A control. kind: what it may be. now: how it is. set: change it, with a good value, and say how it stands."""

    path: str
    title: str
    help: str
    kind: Kind
    now: Callable[[], Any]
    put: Callable[[Any], object]

    def value(self) -> Plain:
        """How it is, as a plain value."""
        return plain(self.kind, self.now())

    def set(self, value: object) -> Plain:
        """Change it; returns how it then is. UserError, naming it, for what it cannot be."""
        try:
            good = self.kind.read(value)
        except ValueError as error:
            raise UserError(f"{self.path}: {error}") from None
        self.put(good)
        return self.value()

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
    do: Callable[[], object]


def type_of(kind: Kind) -> str:
    """ "flag", "number", "choice" or "text"."""
    if kind is FLAG:
        return "flag"
    return "number" if kind.low is not None else "choice" if kind.words else "text"


def plain(kind: Kind, value: Any) -> Plain:
    """A value of ours as it is written: [55, 84] as ["G3", "C6"]."""
    if isinstance(value, (bool, int, float)) or value is None:
        return value if value is not None else ""
    found: Plain = tomllib.loads(f"value = {kind.show(value)}")["value"]
    return found


class Tree:
    """The controls and actions of the song that plays, by their paths. It is grown anew for each song."""

    def __init__(self, performance: "Performance") -> None:
        self._performance = performance
        self.nodes: dict[str, Node] = {}
        for node in self._grow():
            self.nodes[self._free(node.path)] = node
        self.actions = {action.path: action for action in _actions(performance)}

    def _free(self, path: str) -> str:
        """The path, or with a number where two names are alike to a path."""
        return next(one for one in _numbered(path) if one not in self.nodes)

    def node(self, path: str) -> Node:
        """UserError, with what was meant perhaps, where there is none."""
        if path not in self.nodes:
            raise UserError(f"there is no control {path!r}; {did_you_mean(path, list(self.nodes))}")
        return self.nodes[path]

    def action(self, path: str) -> Action:
        """UserError likewise."""
        if path not in self.actions:
            raise UserError(f"there is no action {path!r}; {did_you_mean(path, list(self.actions))}")
        return self.actions[path]

    def values(self) -> dict[str, Plain]:
        """How all of them are."""
        return {path: node.value() for path, node in self.nodes.items()}

    def described(self) -> dict[str, Any]:
        """All of them, as plain values."""
        actions = [{"path": one.path, "title": one.title, "help": one.help} for one in self.actions.values()]
        return {"controls": [node.described() for node in self.nodes.values()], "actions": actions}

    def _grow(self) -> Iterator[Node]:
        performance = self._performance
        yield _song(performance)
        ready = performance.current
        if ready:
            yield from _players(performance)
            for name, table in ready.tables.items():
                yield from _table(_title_path(name), table)


def _numbered(path: str) -> Iterator[str]:
    yield path
    number = 2
    while True:
        yield f"{path}-{number}"
        number += 1


def _title_path(name: str) -> str:
    return _TITLES.get(name) or f"{_CHAIN}/{path_part(name)}"


def _table(at: str, table: Settings) -> Iterator[Node]:
    """The keys of a table of the preset."""
    for name, key in table.live.items():

        def now(name: str = name) -> Any:
            return table.now(name)

        def put(value: Any, name: str = name) -> object:
            return table.set(name, tomllib.loads(f"value = {table.live[name].kind.show(value)}")["value"])

        yield Node(f"{at}/{path_part(name)}", name, key.help, key.kind, now, put)


def _song(performance: "Performance") -> Node:
    count = len(performance.presets)

    def put(value: int) -> None:
        performance.load(value - 1)

    return Node("song", "Song", "Which song of the set list plays.", number(1, count, True),
                lambda: performance.playing + 1, put)  # fmt: skip


def _players(performance: "Performance") -> Iterator[Node]:
    """The instruments' switches."""
    ready = performance.current
    assert ready
    for place, one in enumerate(performance.preset.ensemble):

        def now(place: int = place) -> bool:
            return ready.enabled[place]

        def put(value: bool, place: int = place) -> None:
            if ready.enabled[place] != value:
                performance.switch(place)

        path = f"{_PLAYERS}/{path_part(one.name)}/on"
        yield Node(path, one.name, f"Whether {one.name} plays.", FLAG, now, put)


def _actions(performance: "Performance") -> Iterator[Action]:
    """Those of the performance, and what its bands, voice, plugins and clock do at a key."""
    for path, (title, help_, do) in _DEEDS.items():
        yield Action(path, title, help_, lambda do=do: do(performance))  # type: ignore[misc]


_DEEDS: Mapping[str, tuple[str, str, Callable[["Performance"], object]]] = {
    "panic": ("Panic", "Silence everything, at once.", lambda performance: performance.panic()),
    "next": ("Next", "Go on to the next song.", lambda performance: performance.step(1)),
    "previous": ("Previous", "Go back to the song before.", lambda performance: performance.step(-1)),
    "keep": ("Keep", "Keep all that is set now in the song's snapshot.", lambda one: one.take_snapshot()),
    "recall": ("Recall", "Be as the song's snapshot says.", lambda one: one.recall_snapshot()),
    "record": ("Record", "Record what is played, or no longer.", lambda one: one.record()),
    "save-last": ("Save the last minutes", "Write down what was just played.", lambda one: one.save_last()),
}
