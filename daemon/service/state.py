"""The last state of a performance, on disk: whatever ended it, it can go on where it was.

Kept are the presets or the set list, which song plays, its instruments that were switched, what was set while it
played, and the connections that others made with our ports. Written by a thread of its own, whole or not at all, a
moment after something changed.
"""

import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from ripieno.daemon.errors import UserError
from ripieno.daemon.files import whole_file
from ripieno.native.links import Identity, Link

if TYPE_CHECKING:
    from ripieno.daemon.drivers.base import Driver
    from ripieno.daemon.live import Performance
    from ripieno.daemon.ready import Ready
    from ripieno.daemon.schema import Key
    from ripieno.daemon.settings import Settings

_PAUSE_SECONDS = 1.0  # from one writing to the next, at least
Values = Mapping[str, Mapping[str, Any]]
"""What is set: for each table its keys and their values."""


def state_path(client: str) -> Path:
    """The file of a client: in $XDG_STATE_HOME/ripieno, or ~/.local/state/ripieno."""
    base = os.environ.get("XDG_STATE_HOME")
    folder = (Path(base) if base else Path.home() / ".local" / "state") / "ripieno"
    name = re.sub(r"[^\w.-]", "_", client)
    return folder / f"{name}.performance.json"


@dataclass(frozen=True)
class Cable:
    """A connection that somebody made by hand.

    ours: our port's short name; name, aliases: the other's. into: it plays to us. audio: sound, not MIDI.
    """

    ours: str
    name: str
    aliases: list[str]
    into: bool
    audio: bool


@dataclass(frozen=True)
class State:
    """How a performance stood.

    presets: as `ripieno run` takes them; song: the title of the one that played; number: its place there, from 0.
    switched: instruments that were switched on or off, by name. settings: of each table the keys that were changed,
    with values as TOML.
    """

    presets: list[str]
    song: str = ""
    number: int = 0
    switched: dict[str, bool] = field(default_factory=dict)
    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    cables: list[Cable] = field(default_factory=list)


def write_state(path: Path, state: State) -> None:
    """Write it so that it outlives a power cut. UserError, naming the file, where that cannot be."""
    with whole_file(path) as out:
        out.write(json.dumps(asdict(state), indent=2, ensure_ascii=False).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())


def read_state(path: Path) -> State | None:
    """What a file keeps, None where there is none. UserError where it is of no use."""
    try:
        return _state(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: this is no state of a performance; remove it") from None


def _state(read: Any) -> State:
    """ValueError, KeyError, TypeError or AttributeError for what is not as `write_state` writes it."""
    settings = {table: dict(keys) for table, keys in read["settings"].items()}
    texts = [read["song"], *read["presets"], *read["switched"]]
    texts += [text for keys in settings.values() for one in keys.items() for text in one]
    flags = read["switched"].values()
    good = all(isinstance(one, str) for one in texts) and all(isinstance(one, bool) for one in flags)
    if not good or type(read["number"]) is not int or not read["presets"]:
        raise ValueError
    cables = [_cable(**one) for one in read["cables"]]
    return State(list(read["presets"]), read["song"], read["number"], dict(read["switched"]), settings, cables)


def _cable(ours: str, name: str, aliases: list[str], into: bool, audio: bool) -> Cable:
    """Likewise."""
    texts, flags = [ours, name, *aliases], [into, audio]
    if not all(isinstance(one, str) for one in texts) or not all(isinstance(one, bool) for one in flags):
        raise ValueError
    return Cable(ours, name, list(aliases), into, audio)


# ---- what a performance is like ----


def values_of(tables: "Mapping[str, Settings]") -> Values:
    """All that could be set, as it is."""
    return {title: {name: table.now(name) for name in table.live} for title, table in tables.items()}


def changes(tables: "Mapping[str, Settings]", before: Values) -> dict[str, dict[str, str]]:
    """What is another than before, with values as TOML; tables that stayed as they were are left out."""
    found: dict[str, dict[str, str]] = {}
    for title, table in tables.items():
        now = {name: (key, table.now(name)) for name, key in table.live.items()}
        keys = {name: _shown(*one) for name, one in now.items() if one[1] != before[title].get(name)}
        found |= {title: keys} if keys else {}
    return found


def _shown(key: "Key", value: Any) -> str:
    """A value as TOML; a whole number that is held as another (a plugin's steps) as whole."""
    whole = isinstance(value, float) and value.is_integer()
    return key.kind.show(int(value) if whole else value)


@dataclass(frozen=True)
class Start:
    """How a song was when it began. ready: the song, for as long as it is kept ready."""

    ready: "ref[Ready]"
    values: Values
    enabled: list[bool]


def start_of(ready: "Ready") -> Start:
    """As it is now."""
    return Start(ref(ready), values_of(ready.tables), list(ready.enabled))


def switched(ready: "Ready", before: Sequence[bool]) -> dict[str, bool]:
    """The instruments that are on or off, and were not before, by name."""
    rows = zip(ready.preset.ensemble, ready.enabled, before, strict=True)
    return {one.name: now for one, now, then in rows if now != then}


def cables_of(driver: "Driver") -> list[Cable]:
    """The connections that others made, as they are."""
    links = driver.made_by_hand()
    return [Cable(one.ours, one.device.name, list(one.device.aliases), one.into, one.audio) for one in links]


def connect(driver: "Driver", cables: Sequence[Cable]) -> None:
    """Make them again, each as soon as its device is there."""
    driver.make_again([Link(one.ours, Identity(one.name, tuple(one.aliases)), one.into, one.audio) for one in cables])


def restore(performance: "Performance", state: State) -> list[str]:
    """Set in the song that plays what was set; returns what could not be."""
    ready, news = performance.current, []
    assert ready
    for title, keys in state.settings.items():
        for name, text in keys.items():
            try:
                ready.tables[title].put(name, text)
            except KeyError:
                news.append(f"{title}.{name} cannot be set again: {title} is not here")
            except (UserError, BlockingIOError) as error:
                news.append(f"{title}.{name} cannot be set again: {error}")
    for place, one in enumerate(ready.preset.ensemble):
        if state.switched.get(one.name, ready.enabled[place]) != ready.enabled[place]:
            performance.switch(place)
    return news


class Memory:
    """A `Watcher` (see ripieno.daemon.live) that keeps the state of a performance, and brings it back.

    client: whose. given: the presets as they were asked for; resume: go on where it was, with the presets that there
    were if none is given. clock: seconds. UserError where there is nothing to go on with.
    """

    def __init__(
        self, client: str, given: Sequence[str], resume: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path, self._clock = state_path(client), clock
        self._news: list[str] = []
        self._last = self._read() if resume else None
        if not given and not self._last:
            why = "".join(self._news) or f"{self.path}: nothing is there to go on with"
            raise UserError(f"{why}; name a preset (`ripieno presets`)")
        self.presets = [_lasting(name) for name in given] or (self._last.presets if self._last else [])
        self._starts: dict[int, Start] = {}
        self._written: State | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None
        self._next = 0.0  # when it may be written again

    def _read(self) -> State | None:
        try:
            return read_state(self.path)
        except UserError as error:
            self._news.append(str(error))
            return None

    def first(self, titles: Sequence[str]) -> int:
        """Which of the songs to begin with: the one that played, if it is among them."""
        last = self._last
        if not last or last.song not in titles:
            return 0
        same = last.number < len(titles) and titles[last.number] == last.song
        return last.number if same else titles.index(last.song)

    def begin(self, performance: "Performance") -> None:
        self._thread = ThreadPoolExecutor(1, "state")
        self._start(performance)
        last = self._last
        if last:
            connect(performance.driver, last.cables)
        if last and last.song == performance.song.title:
            self._news.append(f"goes on as it was, with {last.song}")
            self._news += restore(performance, last)
        elif last:
            self._news.append(f"{last.song} played last, which is not in the list now: it begins anew")
        self.tend(performance)

    def tend(self, performance: "Performance") -> None:
        performance.news += self._take_news()
        ready, start = performance.current, self._start(performance)
        if not ready or not start or not self._thread or self._writing or self._clock() < self._next:
            return
        changed = switched(ready, start.enabled), changes(ready.tables, start.values)
        cables = cables_of(performance.driver)
        state = State(self.presets, performance.song.title, performance.playing, *changed, cables)
        if state != self._written:
            self._written, self._next = state, self._clock() + _PAUSE_SECONDS
            self._writing = self._thread.submit(write_state, self.path, state)

    def end(self) -> None:
        if self._thread:
            self._thread.shutdown(wait=False)  # what is being written is, before the program ends

    def _start(self, performance: "Performance") -> Start | None:
        """How the song that plays was when it was seen first; None where it is still being made ready."""
        ready = performance.current
        if not ready:
            return None
        start = self._starts.get(ready.index)
        if not start or start.ready() is not ready:
            self._starts[ready.index] = start = start_of(ready)
        return start

    def _take_news(self) -> list[str]:
        """What there is to tell. What cannot be written is told, and tried again when something changes."""
        if self._writing and self._writing.done():
            error, self._writing = self._writing.exception(), None
            self._news += [f"{error}; after a crash it will not be as it is now"] if error else []
        news, self._news = self._news, []
        return news


def _lasting(name: str) -> str:
    """A preset's name, or its path wherever one calls from."""
    path = Path(name)
    return str(path.resolve()) if path.suffix == ".toml" or len(path.parts) > 1 else name
