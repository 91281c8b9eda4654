"""Set lists: songs in order, each with a preset, and what the player steps through them by. TOML, or just presets."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripieno.daemon.clock_keys import CLOCK_KEYS, TEMPO
from ripieno.daemon.controls import CONTROLS, MOST_TRIGGERS, Control
from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.preset_document import (
    CLOCK,
    LISTS,
    TABLES,
    Document,
    KeyPath,
    PresetError,
    Problem,
    are_tables,
    parse,
)
from ripieno.daemon.presets import Preset, find, load
from ripieno.daemon.schema import MAYBE_TEXT, TEXT, Key, Kind, number, quote
from ripieno.daemon.snapshots import Snapshot, read_snapshot
from ripieno.daemon.toml_lines import key_lines, line_of

if TYPE_CHECKING:
    from ripieno.native.engine import Trigger

MOST = 128
"""Songs in a list: as many as there are program changes of a bank."""
ALL, NONE = "all", "none"
_SONG = "song"


def parse_channel(value: object) -> int | str:
    """ "all", "none" or a channel, 1-16. ValueError for anything else."""
    if value in (ALL, NONE):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 16:
        raise ValueError(f'{value!r} is no channel: write one from 1 to 16, "all" or "none"')
    return value


def _table(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f'{value!r} is no table: write, for instance, {{ overflow = "steal" }}')
    return value


CHANNEL = Kind('channel, "all" or "none"', parse_channel, lambda v: quote(v) if isinstance(v, str) else str(v))
SONG_TEMPO = Kind(f"{TEMPO.what}, or 0", lambda value: 0 if value == 0 else TEMPO.read(value), str)
OVERRIDES = Kind("table of a preset's keys and values", _table, str)

SETLIST_KEYS: tuple[Key, ...] = (
    Key("name", MAYBE_TEXT, "", "What it is called."),
    Key("next", CONTROLS, (), "Keys, pedals and other controllers that go on to the next song. They are not played."),
    Key("previous", CONTROLS, (), "Those that go back to the song before."),
    Key("program_channel", CHANNEL, ALL, "The input channel whose program changes mean songs."),
)
SONG_KEYS: tuple[Key, ...] = (
    Key("preset", TEXT, ..., "Who plays: the name or the file of a preset."),
    Key("title", MAYBE_TEXT, "", "What it is called; by default as its preset."),
    Key("program", number(0, 128, True), 0, "The program change, from 1 to 128, that begins it; 0: none."),
    Key("bank", number(0, 16383, True), 0, "The bank select before it: controller 0 times 128, plus controller 32."),
    Key("snapshot", MAYBE_TEXT, "", "A file of settings (see the keys z and Z): so it is whenever it begins."),
    Key("tempo", SONG_TEMPO, 0, "Its tempo, as `tempo` in its preset's [clock]; 0: as that says, or the list's own."),
    Key(
        "set",
        OVERRIDES,
        {},
        'Keys of the preset that are other ones here: { overflow = "steal", clock.source = "midi" }.',
    ),
)


@dataclass(frozen=True)
class Song:
    """One of a list. program: 1-128, 0 for none. snapshot: how it is when it begins, None: as the preset says.
    keeps: where its snapshots are kept, None: where those of its preset are."""

    title: str
    preset: Preset
    program: int = 0
    bank: int = 0
    snapshot: Snapshot | None = None
    keeps: Path | None = None


@dataclass(frozen=True)
class SetList:
    """Songs in order. program_channel: 1-16, "all" or "none"."""

    songs: tuple[Song, ...]
    name: str = ""
    next: tuple[Control, ...] = ()
    previous: tuple[Control, ...] = ()
    program_channel: int | str = ALL

    @property
    def presets(self) -> tuple[Preset, ...]:
        """Of each song."""
        return tuple(song.preset for song in self.songs)

    def triggers(self) -> "list[Trigger]":
        """Its keys and controllers, as the engine has them."""
        from ripieno.native.engine import Trigger

        return [
            Trigger(step, one.number, one.controller, one.channel - 1 if one.channel else None)
            for step, controls in ((1, self.next), (-1, self.previous))
            for one in controls
        ]

    def channel(self) -> int | str | None:
        """Whose program changes mean songs, as the engine has it: 0-15, "all" or, where no song has one, None."""
        if self.program_channel == NONE or not any(song.program for song in self.songs):
            return None
        return self.program_channel - 1 if isinstance(self.program_channel, int) else ALL


def of_presets(presets: Sequence[Preset]) -> SetList:
    """Presets alone, in order; their program changes are numbered likewise, but no channel is listened to."""
    songs = tuple(Song(one.name, one, place) for place, one in enumerate(presets, 1))
    return SetList(songs[:MOST], program_channel=NONE) if len(songs) <= MOST else _too_many(len(songs))


def _too_many(count: int) -> SetList:
    raise UserError(f"{count} songs: a performance has {MOST} at most")


def load_list(names: Iterable[str], options: Sequence[str] = (), folder: Path | None = None) -> SetList:
    """The songs that a command line means: names and files of presets, and files of set lists.

    options: KEY=VALUE for every preset. UserError, or PresetError with every mistake and its line.
    """
    whole = SetList((), program_channel=NONE)
    plain = True
    for name in names:
        text = _set_list_text(name)
        one = read_list(text, Path(name), options, folder) if text else of_presets([load(name, options, folder)])
        plain = plain and not text
        whole = SetList(
            whole.songs + one.songs,
            whole.name or one.name,
            whole.next + one.next,
            whole.previous + one.previous,
            one.program_channel if text else whole.program_channel,
        )
    if len(whole.songs) > MOST:
        _too_many(len(whole.songs))
    return of_presets(whole.presets) if plain else whole


def _set_list_text(name: str) -> str:
    """The text of a file that is a set list, "" for what is none: a preset, or nothing at all, which is told later."""
    path = Path(name)
    if path.suffix != ".toml" or not path.is_file():
        return ""
    try:
        text = path.read_text(encoding="utf-8")
        return text if _SONG in tomllib.loads(text) else ""
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return ""


class _Reader:
    """Reads a set list; its mistakes are gathered."""

    def __init__(self, text: str, path: Path, options: Sequence[str], folder: Path | None) -> None:
        self.document: Document = parse(text, str(path))
        self.path, self.options, self.folder = path, options, folder
        self.under: dict[str, Document] = {}  # the clock for all songs
        self.lines = key_lines(text)
        self.problems: list[Problem] = []

    def wrong(self, place: KeyPath, message: str) -> None:
        name = ".".join(str(step + 1 if isinstance(step, int) else step) for step in place)
        self.problems.append(Problem(str(self.path), line_of(self.lines, place) or 1, name, message))

    def table(self, place: KeyPath, table: Document, keys: Sequence[Key], others: Sequence[str] = ()) -> dict[str, Any]:
        """Good values of a table, those that are missing or bad as by default."""
        names = [key.name for key in keys]
        for name in table:
            if name not in names and name not in others:
                self.wrong((*place, name), f"there is no such key; {did_you_mean(name, names)}")
        values: dict[str, Any] = {}
        for key in keys:
            values[key.name] = key.default
            if key.name not in table and key.default is ...:
                self.wrong((*place, key.name), f"is missing: {key.help}")
            try:
                values[key.name] = key.kind.read(table[key.name]) if key.name in table else key.default
            except ValueError as error:
                self.wrong((*place, key.name), str(error))
        return values

    def song(self, index: int, table: Document) -> Song | None:
        place: KeyPath = (_SONG, index)
        values = self.table(place, table, SONG_KEYS)
        if values["preset"] is ...:
            return None
        preset = self.preset(place, values)
        if not preset:
            return None
        keeps = self.path.parent / values["snapshot"] if values["snapshot"] else None
        snapshot = self.snapshot((*place, "snapshot"), keeps, preset)
        return Song(values["title"] or preset.name, preset, values["program"], values["bank"], snapshot, keeps)

    def preset(self, place: KeyPath, values: Mapping[str, Any]) -> Preset | None:
        own = [f"{CLOCK}.tempo={values['tempo']}"] if values["tempo"] else []
        own += [f"{key}={_shown(value)}" for key, value in _flat(values["set"])]
        try:
            name = str(values["preset"])
            beside = self.path.parent / name
            known = str(beside) if beside.suffix == ".toml" and beside.is_file() else name
            find(known, self.folder)
            return load(known, [*own, *self.options], self.folder, self.under)
        except PresetError as error:
            for one in error.problems:
                ours = one.where.startswith("--set")
                self.wrong((*place, "set" if ours else "preset"), f"{one.key}: {one.message}" if ours else str(one))
        except UserError as error:
            self.wrong((*place, "preset"), str(error))
        return None

    def snapshot(self, place: KeyPath, path: Path | None, preset: Preset) -> Snapshot | None:
        if path is None or not path.exists():  # it may be taken later
            return None
        try:
            return read_snapshot(path, preset)
        except UserError as error:
            for line in str(error).splitlines():
                self.wrong(place, line)
        return None

    def clock(self) -> None:
        """The list's own [clock]: under the songs'."""
        table = self.document.get(CLOCK)
        if isinstance(table, dict):
            known = len(self.problems)
            self.table((CLOCK,), table, CLOCK_KEYS)
            self.under = {CLOCK: table} if len(self.problems) == known else {}  # each is told once
        elif table is not None:
            self.wrong((CLOCK,), f"write it as a table of its own: [{CLOCK}], and below it {TABLES[CLOCK][1]}")

    def whole(self) -> SetList:
        self.clock()
        rows = self.document[_SONG]
        if not are_tables(rows):
            self.wrong((_SONG,), "write each song as a table of its own: [[song]]")
            rows = []
        elif not rows:
            self.wrong((_SONG,), "there is no song: write [[song]], and below it preset = ...")
        tables = (_SONG, CLOCK)
        own = self.table((), {name: one for name, one in self.document.items() if name not in tables}, SETLIST_KEYS)
        if len(own["next"]) + len(own["previous"]) > MOST_TRIGGERS:
            self.wrong(("next",), f"more than {MOST_TRIGGERS} keys and controllers, with those of previous")
        songs = [self.song(index, row) for index, row in enumerate(rows[:MOST])]
        if len(rows) > MOST:
            self.wrong((_SONG, MOST), f"a performance has {MOST} songs at most")
        self.unlike([song for song in songs if song] if all(songs) else [])
        if self.problems:
            raise PresetError(self.problems)
        return SetList(tuple(song for song in songs if song), **own)

    def unlike(self, songs: Sequence[Song]) -> None:
        """No two songs are called by the same program change, and all have the same inputs."""
        seen: dict[tuple[int, int], int] = {}
        for index, song in enumerate(songs):
            number = (song.bank, song.program)
            if song.program and number in seen:
                told = f"{song.program} of bank {song.bank} is song {seen[number] + 1}'s already"
                self.wrong((_SONG, index, "program"), told)
            seen.setdefault(number, index)
            if song.preset.inputs != songs[0].preset.inputs:
                self.wrong((_SONG, index, "preset"), f"its inputs are not those of song 1: {songs[0].preset.inputs}")


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Keys of a preset, and of its tables (clock.source), with their values."""
    for key, value in values.items():
        if key.partition(".")[0] in TABLES | LISTS and isinstance(value, dict):
            yield from _flat({f"{key}.{name}": one for name, one in value.items()})
        else:
            yield key, value


def _shown(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{quote(key)} = {_shown(one)}" for key, one in value.items()) + " }"
    return str(value)


def read_list(text: str, path: Path, options: Sequence[str] = (), folder: Path | None = None) -> SetList:
    """A set list from TOML text. path: its file's, from whose folder it names others. PresetError tells every mistake,
    with its line."""
    return _Reader(text, path, options, folder).whole()


def with_controls(
    songs: SetList, next_: Sequence[Control], previous: Sequence[Control], channel: int | str | None
) -> SetList:
    """The same, stepped through by these as well; channel: None for its own."""
    on, back = songs.next + tuple(next_), songs.previous + tuple(previous)
    if len(on) + len(back) > MOST_TRIGGERS:
        raise UserError(f"more than {MOST_TRIGGERS} keys and controllers for the next and the previous song")
    return replace(songs, next=on, previous=back, program_channel=songs.program_channel if channel is None else channel)
