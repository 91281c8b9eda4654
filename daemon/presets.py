"""Presets: found by name or path, read from TOML, overridden, and checked with every mistake told at once."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from ripieno.daemon.clock_keys import CLOCK_KEYS
from ripieno.daemon.continuation_keys import KeyLock
from ripieno.daemon.controls import Control
from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.learn_keys import Knob
from ripieno.daemon.preset_checks import CHECKS, EVERYONE
from ripieno.daemon.preset_document import LISTS, TABLES, Checked, Document, PresetError, Source, lay, override, parse
from ripieno.daemon.schema import PRESET_KEYS, Key, slug


@dataclass(frozen=True)
class Instrument:
    """One instrument of the ensemble; the fields are the keys of `schema.INSTRUMENT_KEYS`.

    program and channel count from 1. range and centre are MIDI note numbers. part is a label of the model. bend_range:
    semitones, 0 for the usual ones.
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
    mpe: bool
    bend_range: int
    level: int
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
class Chain:
    """A plugin that sounds, and where; the fields are the keys of `chain_keys.CHAIN_KEYS`.

    plugin: a spec as `ripieno.plugins.open.resolve` gives it. on: an instrument's name or one of PLACES. state: "" or
    an absolute path. cc_channel: 0 for any, or 1 to 16.
    """

    plugin: str
    on: str
    name: str
    bypass: bool
    gain_db: float
    state: str
    parameters: Mapping[str, float]
    cc: Mapping[str, int]
    cc_channel: int
    memory_mb: int


@dataclass(frozen=True)
class Input:
    """What comes in, and who plays it; the fields are the keys of `input_keys.INPUT_KEYS`.

    channels count from 1; range: MIDI pitches as they come in. to: names of instruments, or "ensemble" alone.
    """

    port: str
    device: str
    channels: tuple[int, ...]
    range: tuple[int, int]
    velocity: tuple[int, int]
    mpe: bool
    transpose: int
    to: tuple[str, ...]


@dataclass(frozen=True)
class Learn:
    """A control of the player's, and what it sets; the fields are the keys of `learn_keys.LEARN_KEYS`.

    port: "" for any. low, high: None for as far as it goes. step: 0 for the usual one. feedback: "" for none.
    """

    control: Knob
    path: str
    port: str = ""
    low: float | None = None
    high: float | None = None
    curve: str = "linear"
    pick_up: str = "jump"
    mode: str = "auto"
    encoder: str = "absolute"
    step: float = 0
    play: bool = False
    feedback: str = ""


@dataclass(frozen=True)
class Clock:
    """Whom the one clock follows, and who is told; the fields are the keys of `clock_keys.CLOCK_KEYS`.

    in_: names of inputs, () for all. out: names of outputs of any preset in the performance.
    """

    source: str
    tempo: float
    in_: tuple[str, ...]
    out: tuple[str, ...]
    link: bool
    tap: tuple[Control, ...]


@dataclass(frozen=True)
class Preset:
    """A preset that has passed every check; the fields are the keys of `schema.PRESET_KEYS`, and its tables.

    model is a name, or the absolute path of a file of weights. file: what it was read from.
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
    stems: bool
    compensate_midi: bool
    latency_ms: Mapping[str, float]
    seed: int
    ensemble: tuple[Instrument, ...] = ()
    chain: tuple[Chain, ...] = ()
    input: tuple[Input, ...] = ()
    learn: tuple[Learn, ...] = ()
    continuation: Continuation | None = None
    singing: Singing | None = None
    clock: Clock | None = None
    file: str = field(default="", compare=False)

    @property
    def player(self) -> int | None:
        """Whose instrument is the player's own, where a band answers; None where the player plays them all."""
        if self.continuation is None or self.continuation.player == EVERYONE:
            return None
        return [one.name for one in self.ensemble].index(self.continuation.player)


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


# --- The whole -----------------------------------------------------------------------------------------------------


def read(text: str, file: str, options: Iterable[str] = (), under: Mapping[str, Document] = {}) -> Preset:
    """A preset from TOML text. file: what messages call it. options: KEY=VALUE overrides, the last one winning. under:
    tables that hold where the text and the options say nothing else.

    PresetError tells every mistake, with its line.
    """
    document = lay(parse(text, file), under)
    source = Source(file, text)
    problems = [problem for option in options for problem in override(document, source, option)]
    checked = Checked(document, source)
    for check in CHECKS:
        check(checked)
    problems += checked.problems
    if problems:
        raise PresetError(problems)
    ensemble = tuple(Instrument(**row) for row in checked.ensemble)
    chain = tuple(Chain(**row) for row in checked.chain)
    inputs = tuple(Input(**row) for row in checked.input)
    learn = tuple(Learn(**row) for row in checked.learn)
    continuation = Continuation(**checked.continuation) if checked.continuation is not None else None
    singing = Singing(**checked.singing) if checked.singing is not None else None
    clock = Clock(**_fields(CLOCK_KEYS, checked.clock)) if checked.clock is not None else None
    lists: Mapping[str, Any] = {"ensemble": ensemble, "chain": chain, "input": inputs, "learn": learn}
    return Preset(**checked.values, **lists, continuation=continuation, singing=singing, clock=clock, file=file)


def _fields(keys: Iterable[Key], values: Document) -> Document:
    """The values of a table by what Python calls its keys."""
    return {key.field: values[key.name] for key in keys}


def load(
    name: str, options: Iterable[str] = (), folder: Path | None = None, under: Mapping[str, Document] = {}
) -> Preset:
    """A preset by its name or path, otherwise as `read`. UserError or PresetError where it cannot be used."""
    path = find(name, folder)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text: {error}") from None
    return read(text, str(path), options, under)


def show(preset: Preset) -> str:
    """A preset as TOML, every key said; reading it gives the same preset."""
    lines = [f"{key.name} = {key.kind.show(getattr(preset, key.name))}" for key in PRESET_KEYS]
    for name, (keys, _) in TABLES.items():
        if table := getattr(preset, name):
            lines += ["", f"[{name}]", *(f"{key.name} = {key.kind.show(getattr(table, key.field))}" for key in keys)]
    for name, (keys, _, _) in LISTS.items():
        for row in getattr(preset, name):
            lines += ["", f"[[{name}]]", *(f"{key.name} = {key.kind.show(getattr(row, key.name))}" for key in keys)]
    return "\n".join(lines) + "\n"


def as_dict(preset: Preset) -> dict[str, object]:
    """A preset as plain values, for JSON."""
    values: dict[str, object] = {f.name: getattr(preset, f.name) for f in fields(preset) if f.compare}
    for name, (keys, _) in TABLES.items():
        table = asdict(one) if (one := getattr(preset, name)) else None
        values[name] = {key.name: table[key.field] for key in keys} if table else None
    for name in LISTS:
        values[name] = [asdict(row) for row in getattr(preset, name)]
    return values
