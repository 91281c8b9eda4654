"""What plays by a table of keys, of which most may be changed while it plays: by a name that is typed, or by a key."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.preset_document import option_value
from ripieno.daemon.schema import Key


class Settings(ABC):
    """The keys of a preset's table, as they are now.

    who: plays by them. live: those that may be changed; fixed: those that only a new start can change.
    """

    who: str
    live: Mapping[str, Key]
    fixed: frozenset[str]

    def __init__(self, settings: Any, cycles: Mapping[str, Sequence[Any]]) -> None:
        """cycles: the values of a key that one key of the keyboard goes through."""
        self.settings, self.cycles = settings, cycles

    @abstractmethod
    def apply(self, name: str, value: Any) -> None:
        """Let what plays know of a new value, which is a good one."""

    def find(self, name: str) -> str | None:
        """The key that may be changed and is meant by a name as it is typed."""
        return name if name in self.live else None

    def now(self, name: str) -> Any:
        """The value of a key."""
        return getattr(self.settings, name)

    def keep(self, name: str, value: Any) -> None:
        """Remember it."""
        self.settings = replace(self.settings, **{name: value})

    def set(self, name: str, value: object) -> str:
        """Change a key; returns how it stands. UserError for what it cannot be."""
        if name not in self.live:
            begun = f"is settled when {self.who} begins" if name in self.fixed else ""
            raise UserError(f"{name} {begun or f'is no key; {did_you_mean(name, [*self.live])}'}")
        key = self.live[name]
        try:
            good = key.kind.read(value)
        except ValueError as error:
            raise UserError(f"{name}: {error}") from None
        self.take(name, good)
        return f"{name} = {key.kind.show(good)}"

    def take(self, name: str, good: Any) -> None:
        """Change a key to what its kind has read. UserError for what it cannot be all the same."""
        self.apply(name, good)
        self.keep(name, good)

    def command(self, text: str) -> str:
        """A key and its value as one types them: "tempo 96", "key D minor"."""
        return self.put(*split(text))

    def put(self, name: str, text: str) -> str:
        """Change a key to what was typed."""
        return self.set(name, option_value(text, name, tuple(self.live.values())))

    def step(self, name: str, by: float) -> str:
        """Change a number by so much; at its end it stays."""
        now = self.now(name)
        try:
            self.live[name].kind.read(wanted := round(now + by, 3))
        except ValueError:
            return f"{name} = {now} is as far as it goes"
        return self.set(name, wanted)

    def cycle(self, name: str) -> str:
        """The next of a key's words."""
        values = self.cycles[name]
        now = self.now(name)
        return self.set(name, values[(values.index(now) + 1) % len(values)] if now in values else values[0])


def split(text: str) -> tuple[str, str]:
    """The name and the value of a setting as it is typed."""
    name, _, value = text.strip().replace("=", " ", 1).partition(" ")
    return name, value.strip()


@dataclass(frozen=True)
class Command:
    """What a key of the computer's keyboard does to what plays; `act` returns what there is to tell of it. path: of the
    same as an action for those outside (see ripieno.daemon.remote.tree), "" where it changes a setting."""

    words: str
    act: Callable[[Any], str | None]
    path: str = ""


def help_of(keys: Mapping[str, Command]) -> list[str]:
    """What each key does, for people."""
    return [f"{key.strip() or 'space'} {command.words}" for key, command in keys.items()] + [": any setting"]
