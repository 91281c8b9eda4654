"""The presets there are, for those outside: listed, read, saved, renamed and deleted, in the user's own folder alone.

A preset that comes with Ripieno stays as it is: what is saved under its name is the user's own copy, which goes before
it (see `presets.available`) until it is deleted.
"""

import re
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.files import whole_file
from ripieno.daemon.preset_document import PresetError, Problem, parse
from ripieno.daemon.presets import Preset, available, read, shipped_folder, user_folder
from ripieno.daemon.schema import slug

LONGEST = 65_536
"""Letters of a preset that is read or saved here."""
LONGEST_NAME = 60
_NAME = re.compile(r"[^\W_](?:[\w .+-]*[\w+-])?")
_SUFFIX = ".toml"


class Missing(UserError):
    """There is no such preset."""


class Taken(UserError):
    """What is there stands against it: a name that is taken, a file that somebody else has changed."""


@dataclass(frozen=True)
class Entry:
    """A preset that can be called by name. name: of its file; own: it is the user's; hides: one of that name comes with
    Ripieno. title, description, players: what it says itself; error: why it cannot be played, "" if it can."""

    name: str
    file: str
    own: bool
    hides: bool
    title: str = ""
    description: str = ""
    players: tuple[str, ...] = ()
    error: str = ""

    def told(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "players": list(self.players)}


def entries() -> list[Entry]:
    """All of them, by name; one with mistakes among them."""
    return [_entry(name, path) for name, path in sorted(available().items(), key=lambda one: one[0].casefold())]


def entry(name: str) -> Entry:
    """One of them. Missing where there is none."""
    return _entry(name, path_of(name))


def _entry(name: str, path: Path) -> Entry:
    own = path.parent == user_folder()
    bare = Entry(name, str(path), own, own and _shipped(name).is_file())
    try:
        preset = checked(_text(path), path)
    except PresetError as error:
        return replace(bare, title=_title(path) or name, error="\n".join(map(_briefly, error.problems)))
    except UserError as error:
        return replace(bare, title=name, error=str(error))
    players = tuple(one.name for one in preset.ensemble)
    return replace(bare, title=preset.name, description=preset.description, players=players)


def _title(path: Path) -> str:
    """What a preset with mistakes calls itself, "" where that cannot be read."""
    with suppress(UserError):
        title = parse(_text(path), str(path)).get("name")
        return title if isinstance(title, str) else ""
    return ""


def _briefly(problem: Problem) -> str:
    """Without the file, which is known."""
    return f"line {problem.line}: {f'{problem.key}: ' if problem.key else ''}{problem.message}"


def path_of(name: str) -> Path:
    """Where one of them lies. Missing where there is none."""
    there = available()
    if name not in there:
        near = f"; {did_you_mean(name, list(there))}" if len(name) <= LONGEST_NAME else ""
        raise Missing(f"no preset is called {_short(name)}{near}")
    return there[name]


def text_of(name: str) -> str:
    """The TOML of one of them. UserError where it cannot be read."""
    return _text(path_of(name))


def version(text: str) -> str:
    """What tells one text from another."""
    return sha256(text.encode()).hexdigest()[:16]


def checked(text: str, path: Path | None = None) -> Preset:
    """A preset from its text. path: where it lies, or is to lie, for files that it names. PresetError tells every
    mistake."""
    where = path or user_folder() / f"preset{_SUFFIX}"
    if len(text) > LONGEST:
        raise PresetError([Problem(str(where), 1, "", f"it is too long: a preset has {LONGEST} letters at most")])
    return read(text, str(where))


def save(name: str, text: str, known: str = "") -> Entry:
    """Write one of the user's own; over one of that name, where it is still the one that is known (a `version`, "": it
    may be any). What comes with Ripieno stays, behind it. UserError, PresetError or Taken, and nothing is written."""
    path = _own(name)
    there = available().get(name)
    if there is None:
        _check_free(name)
    elif known and version(_text(there)) != known:
        raise Taken(f"{there}: somebody else has changed it: read it again, or save under another name")
    _write(path, text)
    return _entry(name, path)


def create(title: str, text: str) -> Entry:
    """Save a text under a name that nothing has yet, made from a title. Likewise."""
    name = name_of(title)
    path = _own(name)
    _check_free(name)
    _write(path, text)
    return _entry(name, path)


def delete(name: str) -> None:
    """Remove one of the user's own; one that comes with Ripieno is there again. Taken: it is not the user's."""
    path = _mine(name, "deleted")
    try:
        path.unlink()
    except OSError as error:
        raise UserError(f"{path}: cannot be deleted: {error.strerror or error}") from None


def rename(name: str, title: str, text: str) -> Entry:
    """Give one of the user's own another name, made from a title, and this text."""
    _mine(name, "renamed")
    if name_of(title) == name:
        return save(name, text)
    made = create(title, text)
    with suppress(UserError):  # then there are two
        delete(name)
    return made


def name_of(title: str) -> str:
    """The name of the file of a preset that is called so. UserError where nothing is left of it."""
    name = re.sub(r"[\W_]+", "-", title.casefold()).strip("-")
    if not name or len(name) > LONGEST_NAME:
        raise UserError(f"{_short(title)} is no name: write one of 1 to {LONGEST_NAME} letters and digits")
    return name


# ---- where it lies ----


def _shipped(name: str) -> Path:
    return shipped_folder() / f"{name}{_SUFFIX}"


def _mine(name: str, done: str) -> Path:
    path = path_of(name)
    if path.parent != user_folder():
        raise Taken(f"{name} comes with Ripieno and cannot be {done}; only a copy of your own can")
    return path


def _own(name: str) -> Path:
    """The user's file of that name, there or not. UserError for what is no name: nothing leads out of the folder."""
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        told = f"write 1 to {LONGEST_NAME} letters and digits, with dashes or spaces between them"
        raise UserError(f"{_short(name)} is no name of a preset: {told}")
    return user_folder() / f"{name}{_SUFFIX}"


def _check_free(name: str) -> None:
    """Taken where a preset is called so already, or as good as so."""
    for other in available():
        if slug(other) == slug(name):
            raise Taken(f"there is a preset {other!r} already: choose another name")


def _short(name: str) -> str:
    return repr(name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "...")


# ---- read and written ----


def _text(path: Path) -> str:
    _check_inside(path)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read(LONGEST + 1)
    except FileNotFoundError:
        raise Missing(f"{path}: is not there any more") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: cannot be read as text: it is no UTF-8") from None
    if len(text) > LONGEST:
        raise UserError(f"{path}: is too long for a preset: {LONGEST} letters at most")
    return text


def _check_inside(path: Path) -> None:
    """UserError where a link in the user's folder leads out of it."""
    try:
        inside = path.parent != user_folder() or path.resolve().parent == path.parent.resolve()
    except (OSError, RuntimeError):  # a link to itself
        inside = False
    if not inside:
        raise UserError(f"{path}: is a link that leads out of its folder: put the file itself there")


def _write(path: Path, text: str) -> None:
    checked(text, path)
    _check_inside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot be made: {error.strerror or error}") from None
    try:
        with whole_file(path) as out:
            out.write(text.encode())
    except UnicodeEncodeError:
        raise UserError(f"{path}: cannot be written: half of a character stands in it") from None
