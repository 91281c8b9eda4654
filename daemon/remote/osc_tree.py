"""The tree that OSC shows: controls, actions, what can be read, what happens, and what may be asked of us.

Tables, from which messages, what OSCQuery answers and docs/osc.md follow.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from ripieno.daemon.errors import UserError

ROOT = "/ripieno"
NOTHING, READ, WRITE = 0, 1, 2
"""What may be done with an address, as the bits of OSCQuery's ACCESS."""

Values = tuple[str, list[Any]]
"""Type tags of OSC, and an argument for each."""

_WILD = "*?[{"
_MOST_PATTERN, _MOST_WORDS = 200, 64  # characters, and words that braces stand for
_DIGITS = 7  # of a float of 32 bits
_INT = 2**31


@dataclass(frozen=True)
class Method:
    """An address. types: tags of what it takes, or tells. access: NOTHING: it only happens. what: what its value may
    be, for people; low, high, words: likewise, for programs."""

    address: str
    types: str
    access: int
    help: str
    what: str = ""
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """Something that is told when it is another, and when it is asked for. find: it in the status; None: there is
    none."""

    types: str
    help: str
    find: Callable[[Mapping[str, Any]], Any]


READINGS: Mapping[str, Reading] = {
    "title": Reading("s", "The song that plays.", lambda status: _songs(status, "title") or status.get("preset")),
    "titles": Reading("s", "Those of the set list, in order.", lambda status: _titles(_songs(status, "list"))),
    "chord": Reading("s", "The chord that sounds, such as F#m7.", lambda status: status.get("chord")),
    "key": Reading("s", "The key that was heard of late, such as Bb major.", lambda status: status.get("key")),
    "rolling": Reading("T", "Whether the clock's transport rolls.", lambda status: _clock(status, "rolling")),
    "bpm": Reading("f", "Beats a minute, as the clock has them.", lambda status: _clock(status, "bpm")),
    "load": Reading("f", "Share of a cycle that playing takes.", lambda status: status.get("load")),
    "late": Reading("i", "Notes that left later than they were to.", lambda status: status.get("late")),
    "xruns": Reading("i", "Cycles that came too late.", lambda status: status.get("xruns")),
}


@dataclass(frozen=True)
class Row:
    """Something that happens, or that may be asked of us. types: of its arguments."""

    types: str
    help: str


EVENTS: Mapping[str, Row] = {
    "note": Row("siiT", "A note: instrument, pitch, velocity, whether it begins. Thru and voice are instruments, too."),
    "played": Row("ii", "A key of yours: pitch, velocity."),
    "plan": Row(
        "siiff",
        "A note that the band has settled: instrument, pitch, velocity, seconds until it sounds, and how long it does.",
    ),
    "unplan": Row("sif", "It was taken back: instrument, pitch, seconds until it would have sounded."),
    "beat": Row("if", "A beat of the clock, in its moment: its number, from 0, and beats a minute."),
    "news": Row("s", "A sentence for the player."),
    "error": Row("ss", "To who sent it: an address, and why nothing was done."),
}
REQUESTS: Mapping[str, Row] = {
    "listen": Row("i", "Be told of everything for a minute, at the port that you send from, or at this one."),
    "unlisten": Row("i", "No longer."),
    "tree": Row("", "Be told of each address: itself, type tags, access, help, and what its value may be."),
}


def _clock(status: Mapping[str, Any], name: str) -> Any:
    return status["clock"][name] if "clock" in status else None


def _songs(status: Mapping[str, Any], name: str) -> Any:
    return status["songs"][name] if "songs" in status else None


def _titles(songs: Sequence[Mapping[str, str]] | None) -> list[str] | None:
    return [song["title"] for song in songs] if songs else None


# ---- the tree ----


def methods(described: Mapping[str, Any]) -> dict[str, Method]:
    """All addresses, by their paths without ROOT. described: as `Desk.described` has it."""
    return dict(_methods(described))


def _methods(described: Mapping[str, Any]) -> Iterator[tuple[str, Method]]:
    for one in described["controls"]:
        yield one["path"], _of_control(one)
    for one in described["actions"]:
        yield one["path"], Method(f"{ROOT}/{one['path']}", "", WRITE, one["help"] or one["title"])
    for path, reading in READINGS.items():
        yield path, Method(f"{ROOT}/{path}", reading.types, READ, reading.help)
    for rows, access in ((EVENTS, NOTHING), (REQUESTS, WRITE)):
        for path, row in rows.items():
            yield path, Method(f"{ROOT}/{path}", row.types, access, row.help)


_TAGS = {"flag": "T", "choice": "s", "text": "s"}


def _of_control(one: Mapping[str, Any]) -> Method:
    types = _TAGS.get(one["type"]) or ("i" if one.get("whole") else "f")
    low, high, words = one.get("low"), one.get("high"), tuple(one.get("words", ()))
    return Method(f"{ROOT}/{one['path']}", types, READ | WRITE, one["help"], one["what"], low, high, words)


def found(address: str, known: Mapping[str, Method], access: int) -> list[str]:
    """The paths that an address means; those that a pattern of OSC's means have values, and this access. UserError for
    what is none of ours."""
    if not address.startswith(f"{ROOT}/"):
        raise UserError(f"our addresses begin with {ROOT}/")
    wanted = address.removeprefix(f"{ROOT}/")
    if not any(sign in wanted for sign in _WILD):
        return [wanted] if wanted in known else []
    parts = [_alternatives(part) for part in wanted.split("/")]
    wide = (path for path, one in known.items() if one.access & access == access and one.access & READ)
    return [path for path in wide if _matches(path.split("/"), parts)]


def _matches(path: Sequence[str], pattern: Sequence[Sequence[str]]) -> bool:
    if len(path) != len(pattern):
        return False
    return all(any(fnmatchcase(part, word) for word in words) for part, words in zip(path, pattern, strict=True))


def _alternatives(part: str) -> list[str]:
    """A part of a pattern as patterns without braces: {a,b}c as ac and bc. UserError where there are too many."""
    pieces: list[list[str]] = []
    rest, many = part[:_MOST_PATTERN], 1
    while "{" in rest:
        before, _, rest = rest.partition("{")
        inside, _, rest = rest.partition("}")
        pieces += [[before], inside.split(",")]
        many *= len(pieces[-1])
    if many > _MOST_WORDS or len(part) > _MOST_PATTERN:
        raise UserError("this pattern stands for too much")
    return ["".join(words) for words in product(*pieces, [rest])]


# ---- values ----


def sent(arguments: Sequence[Any]) -> Any:
    """What somebody sends as a value: one argument, or a list of several."""
    return arguments[0] if len(arguments) == 1 else list(arguments)


def taken(method: Method, value: Any) -> Any:
    """What a control is to be set to. A fader's float is a whole number, or a flag, where the control is one."""
    if isinstance(value, float):
        value = round(value) if method.types == "i" else float(f"{value:.{_DIGITS}g}")
    if method.types == "T" and value in (0, 1):
        return bool(value)
    return value


def pressed(arguments: Sequence[Any]) -> bool:
    """Whether an action is meant: a button that is let go sends 0."""
    return not arguments or arguments[0] not in (0, False)


def given(types: str, value: Any) -> Values:
    """A value as OSC has it. types: of its control; a list has as many as it has values."""
    if isinstance(value, list):
        both = [given("s" if isinstance(one, str) else "i", one) for one in value]
        return "".join(tags for tags, _ in both), [one for _, ones in both for one in ones]
    if isinstance(value, bool):
        return ("T" if value else "F"), [value]
    if isinstance(value, (int, float)):
        return _number(types, value)
    return "s", [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)]


def _number(types: str, value: int | float) -> Values:
    if types == "i" and isinstance(value, int):
        return ("i" if -_INT <= value < _INT else "h"), [value]
    return "f", [float(value)]


def same(one: Any, other: Any) -> bool:
    """Whether two values are one to who speaks OSC: 1.0 is as good as 1, or true."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return f"{one:.{_DIGITS - 1}g}" == f"{other:.{_DIGITS - 1}g}"
    return bool(one == other)
