"""Presets: found by name or path, read from TOML, overridden, and checked with every mistake told at once."""

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from ripieno.daemon import schema
from ripieno.daemon.cast import likely_programs, model_code
from ripieno.daemon.continuation_keys import CONTINUATION_KEYS, KeyLock
from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.gm import program_name
from ripieno.daemon.schema import INSTRUMENT_KEYS, PRESET_KEYS, Key, slug
from ripieno.daemon.singing_keys import SINGING_KEYS
from ripieno.daemon.toml_lines import key_lines, line_of

UNTRAINED = ("zone", "closest")
CONTINUATION, SINGING = "continuation", "singing"
# The tables that a preset may have beside its ensemble, with an example of what to write below their names.
TABLES: dict[str, tuple[tuple[Key, ...], str]] = {
    CONTINUATION: (CONTINUATION_KEYS, 'mode = "duet"'),
    SINGING: (SINGING_KEYS, 'mode = "free"'),
}
# What a voice leaves on: its sound, and its line as notes. On JACK no two ports have one name, of whatever kind.
VOICE_PORTS = VOICE, MELODY = ("voice", "melody")
EVERYONE = "all"  # whose notes the player's are, where the instrumentation model gives them out
SHIPPED = ("small",)  # weights of a continuation that come with Ripieno
WEIGHTS = ".safetensors"
Document = dict[str, Any]
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Instrument:
    """One instrument of the ensemble; the fields are the keys of `schema.INSTRUMENT_KEYS`.

    program and channel count from 1. range and centre are MIDI note numbers. part is a label of the model.
    """

    name: str
    program: int
    channel: int
    range: tuple[int, int]
    polyphony: int
    divides: bool
    part: str
    centre: int | None
    enabled: bool
    pedal: str
    color: str


@dataclass(frozen=True)
class Continuation:
    """How the band answers; the fields are the keys of `continuation_keys.CONTINUATION_KEYS`.

    weights is a name, or the absolute path of a file. player is the name of an instrument of the ensemble.
    """

    mode: str
    weights: str
    player: str
    style: str
    tempo: float
    tempo_source: str
    beats: int
    while_playing: str
    handover_beats: float
    handover_pedal: str
    answer_bars: int
    rest_bars: int
    start_notes: int
    at_once: int
    density: float
    temperature: float
    top_p: float
    register: int
    key: KeyLock
    key_pull: float
    follow_velocity: float
    humanize: float
    commit_beats: float
    plan_beats: float


@dataclass(frozen=True)
class Singing:
    """How a voice sings along; the fields are the keys of `singing_keys.SINGING_KEYS`.

    weights is "" or the absolute path of a folder. voice is a name from its card. range: MIDI note numbers; None: the
    voice's own.
    """

    on: bool
    mode: str
    weights: str
    voice: str
    range: tuple[int, int] | None
    follow: float
    activity: float
    temperature: float
    octave: int
    interval: str
    brightness: float
    vibrato: float
    vibrato_rate: float
    breath: float
    volume: float


@dataclass(frozen=True)
class Preset:
    """A preset that has passed every check; the fields are the keys of `schema.PRESET_KEYS`, and its tables.

    model is a name, or the absolute path of a file of weights.
    """

    name: str
    description: str
    inputs: tuple[str, ...]
    in_channels: tuple[int, ...]
    route: str
    outputs: str
    model: str
    when: str
    chord_window_ms: float
    revise_ms: float
    fallback: str
    overflow: str
    send_programs: bool
    expiry_s: float
    budget: int
    seed: int
    ensemble: tuple[Instrument, ...] = ()
    continuation: Continuation | None = None
    singing: Singing | None = None

    @property
    def player(self) -> int | None:
        """Whose instrument is the player's own, where a band answers; None where the player plays them all."""
        if self.continuation is None or self.continuation.player == EVERYONE:
            return None
        return [one.name for one in self.ensemble].index(self.continuation.player)


@dataclass(frozen=True)
class Problem:
    """One mistake: where it stands (file and line, or the option that made it), the key, and what to do."""

    where: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class PresetError(UserError):
    """A preset cannot be used; `problems` holds every reason, and the message shows them all, a line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.where, p.line or 0))
        super().__init__("\n".join(map(str, self.problems)))


# --- Finding -------------------------------------------------------------------------------------------------------


def user_folder() -> Path:
    """Where a user's own presets live: $XDG_CONFIG_HOME/ripieno/presets, or ~/.config/ripieno/presets."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "ripieno" / "presets"


def shipped_folder() -> Path:
    """Where the presets that come with Ripieno are."""
    return Path(str(files("ripieno.presets")))


def available(folder: Path | None = None) -> dict[str, Path]:
    """Every preset that can be called by name, and its file; a user's own hides ours of the same name.

    folder: looked through before the user's own. UserError if it is not there.
    """
    if folder is not None and not folder.is_dir():
        raise UserError(f"{folder}: no such folder of presets")
    found: dict[str, Path] = {}
    for place in (folder, user_folder(), shipped_folder()):
        for path in sorted(place.glob("*.toml")) if place is not None and place.is_dir() else ():
            found.setdefault(path.stem, path)
    return found


def find(name: str, folder: Path | None = None) -> Path:
    """The file of a preset, given by its path or by its name. UserError says which names there are."""
    path = Path(name)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if path.is_file():
            return path
        what = "is a folder: name a preset in it, or use --presets" if path.is_dir() else "no such file"
        raise UserError(f"{name}: {what}")
    presets = available(folder)
    by_slug = {slug(stem): path for stem, path in presets.items()}
    if slug(name) not in by_slug:
        raise UserError(f"no preset is called {name!r}; {did_you_mean(name, list(presets))}")
    return by_slug[slug(name)]


# --- Reading -------------------------------------------------------------------------------------------------------


class _Source:
    """Where each value of a document came from, to tell a mistake's place."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.lines = key_lines(text)
        self.options: dict[KeyPath, str] = {}

    def problem(self, path: KeyPath, message: str, document: Document) -> Problem:
        option = next((self.options[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.options), None)
        where, line = (option, None) if option else (self.file, line_of(self.lines, path) or 1)
        return Problem(where, line, _dotted(path, document), message)


def _dotted(path: KeyPath, document: Document) -> str:
    """A path as `--set` writes it, instruments by their names."""
    if len(path) > 1 and path[0] == "ensemble" and isinstance(path[1], int):
        name = document["ensemble"][path[1]].get("name")
        path = ("ensemble", slug(name) if isinstance(name, str) and slug(name) else path[1] + 1, *path[2:])
    return ".".join(map(str, path))


def _parse(text: str, file: str) -> Document:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r"\(at line (\d+), column (\d+)\)", message)
        line = int(place[1]) if place else text.count("\n") + 1
        reason = re.sub(r"\s*\(at .*\)", "", message)
        message = f"this is no TOML: {reason}. A line reads: key = value, with text in quotes"
        raise PresetError([Problem(file, line, "", message)]) from None


def _override(document: Document, source: _Source, option: str) -> Iterator[Problem]:
    """Put one KEY=VALUE into the document."""
    where = f"--set {option}"
    key, equals, text = option.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        yield Problem(where, None, "", "write KEY=VALUE, such as overflow=steal or ensemble.1.channel=3")
        return
    if parts[0] != "ensemble":
        path = _own_path(parts, document)
        if path is None:
            told = " or ".join(f"{table}.{parts[0]}" for table in TABLES)
            yield Problem(where, None, "", f"which one? write {told}")
            return
        table, keys = (document, PRESET_KEYS) if len(path) == 1 else (document[str(path[0])], TABLES[str(path[0])][0])
        table[str(path[-1])] = option_value(text, str(path[-1]), keys)
    else:
        rows = _tables(document)
        names = [slug(str(row.get("name", ""))) for row in rows]
        numbers = [str(n) for n in range(1, len(names) + 1)]
        which = slug(parts[1]) if len(parts) == 3 else ""
        if which not in names + numbers:
            yield Problem(
                where,
                None,
                "",
                f"which instrument? {did_you_mean(which, sorted(set(names))) if names else 'none here'}",
            )
            return
        index = names.index(which) if which in names else int(which) - 1
        path = ("ensemble", index, parts[2])
        rows[index][parts[2]] = option_value(text, parts[2], INSTRUMENT_KEYS)
    source.options[path] = where


def _own_path(parts: list[str], document: Document) -> KeyPath | None:
    """Where a key that is no instrument's belongs; None where two tables have one of that name.

    A table's key may be called without the table's name.
    """
    there = [name for name in TABLES if isinstance(document.get(name), dict)]
    if len(parts) == 1 and parts[0] not in {key.name for key in PRESET_KEYS}:
        owners = [name for name in there if parts[0] in {key.name for key in TABLES[name][0]}]
        if owners:
            return (owners[0], parts[0]) if len(owners) == 1 else None
    if len(parts) == 2 and parts[0] in TABLES and (parts[0] in there or parts[0] not in document):
        document.setdefault(parts[0], {})
        return (parts[0], parts[1])
    return (".".join(parts),)


def option_value(text: str, name: str, keys: tuple[Key, ...]) -> object:
    """What an option means: TOML if it reads as TOML, otherwise plain text."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    textual = any(k.name == name and k.kind in (schema.TEXT, schema.MAYBE_TEXT) for k in keys)
    return value if isinstance(value, str) or not textual else text


def _are_tables(rows: object) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def _tables(document: Document) -> list[Document]:
    """The instruments of a document, none where they are no tables."""
    rows = document.get("ensemble", [])
    return rows if _are_tables(rows) else []


class _Checked:
    """The values of a document, key by key, and the mistakes in them."""

    def __init__(self, document: Document, source: _Source) -> None:
        self.document, self.source = document, source
        self.problems: list[Problem] = []
        rows = document.get("ensemble", [])
        if not _are_tables(rows):
            self.wrong(("ensemble",), "write each instrument as a table of its own: [[ensemble]]")
            document["ensemble"] = rows = []
        others = ["ensemble", *TABLES]
        own = {name: value for name, value in document.items() if name not in others}
        self.values = self.table((), own, PRESET_KEYS, others)
        self.continuation, self.singing = (self.beside(name, document.get(name)) for name in TABLES)
        self.ensemble = [self.table(("ensemble", i), row, INSTRUMENT_KEYS, []) for i, row in enumerate(rows)]

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

    def have(self, *names: str) -> bool:
        return all(name in self.values for name in names)


# --- Checks of one key against another -----------------------------------------------------------------------------


def _check_size(c: _Checked) -> None:
    rows = len(c.ensemble)
    if c.values.get("route") == "ensemble" and rows == 0 and _are_tables(c.document.get("ensemble", [])):
        c.wrong(("ensemble",), 'nobody plays: add [[ensemble]] tables, or write route = "thru"')
    if c.values.get("route") == "thru" and rows:
        c.wrong(("route",), "passes everything on untouched, so it can have no ensemble")
    if rows > schema.MAX_INSTRUMENTS:
        c.wrong(("ensemble", schema.MAX_INSTRUMENTS), f"an ensemble has at most {schema.MAX_INSTRUMENTS} instruments")


def _check_names(c: _Checked) -> None:
    seen: dict[str, str] = {}
    for i, row in enumerate(c.ensemble):
        name = row.get("name", "")
        if name and not slug(name):
            c.wrong(("ensemble", i, "name"), f"{name!r} needs a letter or a digit")
        elif name and slug(name) in seen:
            c.wrong(("ensemble", i, "name"), f"{name!r} and {seen[slug(name)]!r} would be called the same")
        seen[slug(name)] = name


def _check_when(c: _Checked) -> None:
    if c.have("when", "chord_window_ms") and c.values["when"] == "window" and not c.values["chord_window_ms"]:
        c.wrong(("when",), "needs chord_window_ms, the milliseconds to wait for the rest of a chord (25 is good)")


def _check_centres(c: _Checked) -> None:
    for i, row in enumerate(c.ensemble):
        if "range" in row and row.get("centre") is not None and not row["range"][0] <= row["centre"] <= row["range"][1]:
            c.wrong(("ensemble", i, "centre"), "its hand would lie outside of its own range")


def _check_channels(c: _Checked) -> None:
    """Give every instrument without a channel the next free one; then no two may share one on the same port."""
    taken = {row["channel"] for row in c.ensemble if row.get("channel")}
    free = [n for n in range(1, 17) if n not in taken and n != schema.DRUM_CHANNEL] + [schema.DRUM_CHANNEL]
    owner: dict[int, str] = {}
    for i, row in enumerate(c.ensemble):
        if row.get("channel") == 0:
            row["channel"] = free.pop(0) if free else schema.DRUM_CHANNEL
        channel = row.get("channel")
        if channel in owner and c.values.get("outputs") == "channels":
            c.wrong(
                ("ensemble", i, "channel"),
                f'{owner[channel]} leaves on channel {channel}, too: choose another, or write outputs = "ports"',
            )
        if channel:
            owner.setdefault(channel, row.get("name", f"instrument {i + 1}"))


def _check_model(c: _Checked) -> None:
    if not c.have("model"):
        return
    model = c.values["model"]
    beside = Path() if ("model",) in c.source.options else Path(c.source.file).parent
    try:
        path = None if model in UNTRAINED else weights_file(model, beside)
        labels = model_labels(path) if path else ()
    except UserError as error:
        c.wrong(("model",), str(error))
        return
    if path and path.parent != _shipped_weights():
        c.values["model"] = str(path)
    _check_parts(c, labels)


def _check_parts(c: _Checked, labels: tuple[str, ...]) -> None:
    """Every instrument plays a part of the model, and no two the same. Without a model, each plays its own place."""
    player: dict[str, str] = {}
    for i, row in enumerate(c.ensemble):
        name = row.get("name", f"instrument {i + 1}")
        part = row.get("part") or (slug(name) if slug(name) in labels or not labels else "")
        part = part or (labels[i] if i < len(labels) else "")
        if labels and part not in labels:
            wrong = f"the model has no part {part!r}" if part else f"the model has only {len(labels)} parts"
            c.wrong(("ensemble", i, "part"), f"{wrong}; {did_you_mean(part, list(labels))}")
        elif part in player and labels:
            c.wrong(("ensemble", i, "part"), f"{player[part]} plays the model's part {part!r} already")
        player[part] = name
        row["part"] = part


def _check_player(c: _Checked) -> None:
    """The player has an instrument of the ensemble, and in a band somebody else is left to play."""
    if c.continuation is None or not c.ensemble:
        if c.continuation is not None and c.values.get("route") == "thru":
            c.wrong((CONTINUATION,), "needs an ensemble to play, and this preset passes everything on")
        return
    names = [row["name"] for row in c.ensemble if "name" in row]
    wanted = c.continuation.get("player") or (names[0] if names else "")
    found = [name for name in (*names, EVERYONE) if slug(name) == slug(wanted)]
    if names and not found:
        told = did_you_mean(wanted, [*names, EVERYONE])
        c.wrong((CONTINUATION, "player"), f"nobody in the ensemble is called {wanted!r}; {told}")
    c.continuation["player"] = found[0] if found else ""
    if found == [EVERYONE] and c.continuation.get("mode") == "band":
        c.wrong((CONTINUATION, "player"), 'with mode = "band" one instrument is the player\'s: name it')
    if c.continuation.get("mode") == "band" and len(c.ensemble) == 1:
        c.wrong((CONTINUATION, "mode"), "a band needs an instrument beside the player's: add [[ensemble]] tables")


def _check_singing(c: _Checked) -> None:
    """The weights are there, and the voice is one of theirs."""
    if c.singing is None or not {"weights", "voice"} <= c.singing.keys():
        return
    weights, voice = c.singing["weights"], c.singing["voice"]
    beside = Path() if (SINGING, "weights") in c.source.options else Path(c.source.file).parent
    folder = (beside / Path(weights).expanduser()).absolute() if weights else _shipped_singer()
    try:
        names = singer_voices(folder)
    except UserError as error:
        c.wrong((SINGING, "weights"), str(error))
        return
    c.singing["weights"] = str(folder) if weights else ""
    if voice and voice not in names:
        c.wrong((SINGING, "voice"), f"nobody is called {voice!r}; {did_you_mean(voice, list(names))}")


def _check_voice_port(c: _Checked) -> None:
    """With a port an instrument, none of them is called as the voice's own ports are."""
    if c.singing is None or c.values.get("outputs") != "ports":
        return
    for i, row in enumerate(c.ensemble):
        if slug(row.get("name", "")) in VOICE_PORTS:
            c.wrong(("ensemble", i, "name"), f"{row['name']!r} is a port of the voice that sings: choose another name")


def _check_instruments(c: _Checked) -> None:
    """Every instrument is one that the continuation knows."""
    for i, row in enumerate(c.ensemble if c.continuation is not None else []):
        if "program" in row and model_code(row["program"], row.get("channel", 0)) is None:
            lacks = f"the model has no {program_name(row['program'])}; it has {likely_programs(row['program'])}"
            c.wrong(("ensemble", i, "program"), f"{lacks}: choose another sound, or leave this instrument out")


def _check_answer_weights(c: _Checked) -> None:
    if c.continuation is None or "weights" not in c.continuation:
        return
    beside = Path() if (CONTINUATION, "weights") in c.source.options else Path(c.source.file).parent
    try:
        c.continuation["weights"] = answer_weights(c.continuation["weights"], beside)
    except UserError as error:
        c.wrong((CONTINUATION, "weights"), str(error))


_CHECKS: tuple[Callable[[_Checked], None], ...] = (
    _check_size,
    _check_names,
    _check_when,
    _check_centres,
    _check_channels,
    _check_model,
    _check_player,
    _check_voice_port,
    _check_singing,
    _check_instruments,
    _check_answer_weights,
)


# --- Models --------------------------------------------------------------------------------------------------------


def _shipped_weights() -> Path:
    return Path(str(files("ripieno.models"))) / "instrumentation" / "weights"


def weights_file(model: str, beside: Path) -> Path:
    """The weights that a preset's `model` names: shipped ones by name, others by a path, from the folder `beside`."""
    shipped = {path.stem: path for path in sorted(_shipped_weights().glob(f"*{WEIGHTS}"))}
    if model in shipped:
        return shipped[model]
    if not model.endswith(WEIGHTS):
        raise UserError(f"no model is called {model!r}; {did_you_mean(model, [*shipped, *UNTRAINED])}")
    path = (beside / Path(model).expanduser()).absolute()
    if not path.is_file():
        raise UserError(f"{path}: no such file of weights")
    return path


def answer_weights(weights: str, beside: Path) -> str:
    """The weights that a continuation names: shipped ones by their name, others by an absolute path, looked for from
    the folder `beside`. UserError where there are none."""
    if weights in SHIPPED:
        return weights
    if not weights.endswith(WEIGHTS):
        told = f"{did_you_mean(weights, list(SHIPPED))}; a file of your own ends in {WEIGHTS}"
        raise UserError(f"no model is called {weights!r}; {told}")
    path = (beside / Path(weights).expanduser()).absolute()
    if not path.is_file():
        raise UserError(f"{path}: no such file of weights")
    return str(path)


def model_labels(path: Path) -> tuple[str, ...]:
    """The parts that a model tells apart, from the card beside its weights."""
    return _of_card(path.with_suffix(".json"), "labels")


def _shipped_singer() -> Path:
    return Path(str(files("ripieno.models"))) / "singing" / "weights"


def singer_voices(folder: Path) -> tuple[str, ...]:
    """The names of the voices that a folder of a singer's weights has. UserError where there is none."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of weights")
    return _of_card(folder / "codec.json", "voices")


def _of_card(card: Path, names: str) -> tuple[str, ...]:
    """Names that a model's card tells. UserError where it cannot be read."""
    try:
        return tuple(map(str, json.loads(card.read_text(encoding="utf-8"))[names]))
    except OSError:
        raise UserError(f"{card}: a model's weights need their card beside them, and it cannot be read") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{card}: this is no model's card (JSON with its {names})") from None


# --- The whole -----------------------------------------------------------------------------------------------------


def read(text: str, file: str, options: Iterable[str] = ()) -> Preset:
    """A preset from TOML text. file: what messages call it. options: KEY=VALUE overrides, the last one winning.

    PresetError tells every mistake, with its line.
    """
    document = _parse(text, file)
    source = _Source(file, text)
    problems = [problem for option in options for problem in _override(document, source, option)]
    checked = _Checked(document, source)
    for check in _CHECKS:
        check(checked)
    problems += checked.problems
    if problems:
        raise PresetError(problems)
    ensemble = tuple(Instrument(**row) for row in checked.ensemble)
    continuation = Continuation(**checked.continuation) if checked.continuation is not None else None
    singing = Singing(**checked.singing) if checked.singing is not None else None
    return Preset(**checked.values, ensemble=ensemble, continuation=continuation, singing=singing)


def load(name: str, options: Iterable[str] = (), folder: Path | None = None) -> Preset:
    """A preset by its name or path, with KEY=VALUE overrides. UserError or PresetError where it cannot be used."""
    path = find(name, folder)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text: {error}") from None
    return read(text, str(path), options)


def show(preset: Preset) -> str:
    """A preset as TOML, every key said; reading it gives the same preset."""
    lines = [f"{key.name} = {key.kind.show(getattr(preset, key.name))}" for key in PRESET_KEYS]
    for name, (keys, _) in TABLES.items():
        if table := getattr(preset, name):
            lines += ["", f"[{name}]", *(f"{key.name} = {key.kind.show(getattr(table, key.name))}" for key in keys)]
    for instrument in preset.ensemble:
        lines += ["", "[[ensemble]]"]
        lines += [f"{key.name} = {key.kind.show(getattr(instrument, key.name))}" for key in INSTRUMENT_KEYS]
    return "\n".join(lines) + "\n"


def as_dict(preset: Preset) -> dict[str, object]:
    """A preset as plain values, for JSON."""
    values: dict[str, object] = {f.name: getattr(preset, f.name) for f in fields(preset)}
    for name in TABLES:
        values[name] = asdict(table) if (table := getattr(preset, name)) else None
    values["ensemble"] = [{f.name: getattr(i, f.name) for f in fields(i)} for i in preset.ensemble]
    return values
