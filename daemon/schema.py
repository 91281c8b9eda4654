"""The keys of a preset: one row a key, from which reading, checking, printing and documentation follow.

A kind turns what TOML or `--set` gives into what the program uses, and back. Its `read` raises ValueError with a
sentence that says what is wrong and what to write instead.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

from ripieno.daemon.errors import did_you_mean
from ripieno.daemon.gm import program_name, program_number
from ripieno.daemon.pitch import parse_pitch, show_pitch

DRUM_CHANNEL = 10
ALL_CHANNELS = tuple(range(1, 17))
MAX_INSTRUMENTS = 16


@dataclass(frozen=True)
class Kind:
    """What a key may hold. `what` is for people; `read` checks and converts; `show` writes a value as TOML.

    low, high, whole: of numbers, for knobs and faders. words: all that it may be, where these are a few.
    """

    what: str
    read: Callable[[object], Any]
    show: Callable[[Any], str]
    low: float | None = None
    high: float | None = None
    whole: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Key:
    """A key of a preset or of one instrument. A key without default (`...`) must be given."""

    name: str
    kind: Kind
    default: Any
    help: str

    @property
    def field(self) -> str:
        """What Python calls it, which has taken some names for itself."""
        return self.name + "_" * iskeyword(self.name)


def quote(text: str) -> str:
    """A string as TOML."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        text = text.replace(plain, escaped)
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda c: f"\\u{ord(c[0]):04x}", text) + '"'


def show_list(values: Any) -> str:
    """A list as TOML."""
    return "[" + ", ".join(quote(v) if isinstance(v, str) else str(v) for v in values) + "]"


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is no text")
    return value


def _maybe_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def number(low: float, high: float, whole: bool) -> Kind:
    """A number between two others, these included."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise ValueError(f"{value!r} is no {'whole ' if whole else ''}number")
        if not low <= value <= high:
            raise ValueError(f"{value!r} is not from {low:g} to {high:g}")
        return value

    return Kind(f"{'whole number' if whole else 'number'} from {low:g} to {high:g}", read, str, low, high, whole)


def choice(*words: str) -> Kind:
    """One of these words."""

    def read(value: object) -> str:
        if value not in words:
            raise ValueError(f"{value!r} is not among its values; {did_you_mean(str(value), list(words))}")
        return str(value)

    return Kind(" or ".join(quote(w) for w in words), read, quote, words=words)


_CHANNEL_SETS = {"all": ALL_CHANNELS, "pitched": tuple(n for n in ALL_CHANNELS if n != DRUM_CHANNEL)}


def _channels(value: object) -> tuple[int, ...]:
    if isinstance(value, str) and value in _CHANNEL_SETS:
        return _CHANNEL_SETS[value]
    if not isinstance(value, list) or not value or any(type(n) is not int or not 1 <= n <= 16 for n in value):
        raise ValueError(
            f'{value!r} is no set of channels: write "all", "pitched" or a list such as [1, 2], from 1 to 16'
        )
    return tuple(sorted(set(value)))


def _show_channels(value: Any) -> str:
    names = [quote(name) for name, channels in _CHANNEL_SETS.items() if channels == value]
    return names[0] if names else show_list(value)


def _ports(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) and slug(v) for v in value):
        raise ValueError(f'{value!r} is no list of port names: write, for instance, ["in"]')
    if len({slug(v) for v in value}) < len(value) or len(value) > MAX_INSTRUMENTS:
        raise ValueError(f"{value!r} has a name twice, or more than {MAX_INSTRUMENTS} of them")
    return tuple(value)


def _program(value: object) -> int:
    if isinstance(value, str) and not value.strip().isdecimal():
        return program_number(value)
    number = int(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 128:
        raise ValueError(f'{value!r} is no General MIDI program: write its name ("Violin") or a number from 1 to 128')
    return number


def _range(value: object) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f'{value!r} is no range: write its lowest and highest note, such as ["G3", "A7"]')
    low, high = (parse_pitch(v) for v in value)
    if low > high:
        raise ValueError(f"{show_pitch(low)} is above {show_pitch(high)}: write the lowest note first")
    return low, high


def _maybe_pitch(value: object) -> int | None:
    return None if value == "" else parse_pitch(value)


def _color(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}|", value):
        raise ValueError(f'{value!r} is no colour: write it as "#c04030" (red, green, blue)')
    return value


LONGEST_MS = 1000
"""The greatest latency of a device that can be made up for."""


def _latencies(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is no table: write each output with its milliseconds, such as {{ out = 12.5 }}")
    for name, late in value.items():
        if isinstance(late, bool) or not isinstance(late, (int, float)) or not 0 <= late <= LONGEST_MS:
            raise ValueError(f"{name} = {late!r} is no number of milliseconds from 0 to {LONGEST_MS}")
    return value


def _show_latencies(values: Any) -> str:
    pairs = [f"{quote(name)} = {late}" for name, late in values.items()]
    return "{ " + ", ".join(pairs) + " }" if pairs else "{}"


TEXT = Kind("text", _text, quote)
MAYBE_TEXT = Kind("text", _maybe_text, quote)
FLAG = Kind("true or false", _flag, lambda v: "true" if v else "false")
CHANNELS = Kind('"all", "pitched" or a list of channels', _channels, _show_channels)
PORTS = Kind("list of port names", _ports, show_list)
PROGRAM = Kind("General MIDI program, by name or number 1 to 128", _program, lambda v: quote(program_name(v)))
RANGE = Kind("lowest and highest note", _range, lambda v: show_list([show_pitch(p) for p in v]))
PITCH = Kind('note name or MIDI number, "" for none', _maybe_pitch, lambda v: quote("" if v is None else show_pitch(v)))
LATENCIES = Kind("table of outputs and milliseconds", _latencies, _show_latencies)
LEVEL = number(0, 127, True)
USUAL_LEVEL = 100
"""Where synthesisers begin (General MIDI 1)."""
COLOR = Kind('colour as "#rrggbb", "" for one of our choice', _color, quote)

PRESET_KEYS: tuple[Key, ...] = (
    Key("name", TEXT, ..., "What it is called; `ripieno run NAME` finds it by this or by its file's name."),
    Key("description", MAYBE_TEXT, "", "One line for `ripieno presets`."),
    Key("inputs", PORTS, ("in",), "Names of the virtual MIDI inputs."),
    Key(
        "in_channels",
        CHANNELS,
        ALL_CHANNELS,
        'MIDI channels listened to on every input; "pitched": all but 10, the drums.',
    ),
    Key("route", choice("ensemble", "thru"), "ensemble", "Play the ensemble, or pass everything on untouched."),
    Key(
        "outputs",
        choice("channels", "ports"),
        "channels",
        "Instruments leave on one port, a channel each, or on a virtual port each.",
    ),
    Key(
        "model",
        TEXT,
        "closest",
        "Who gives each note to an instrument: a trained model (chorales, quartets, pop, band, or a file of weights), "
        '"closest" (the instrument that last played nearest) or "zone" (by fixed zones of the keyboard).',
    ),
    Key(
        "when",
        choice("note", "window", "revise"),
        "note",
        "Decide at each note; wait for its chord (chord_window_ms); or sound at once and mend within revise_ms.",
    ),
    Key(
        "chord_window_ms",
        number(0, 200, False),
        0,
        "Wait so long for the rest of a chord, and decide it together; every note is late by it. Over 0 it overrules "
        "`when`.",
    ),
    Key(
        "revise_ms",
        number(1, 200, False),
        25,
        'With when = "revise": how soon after a chord\'s first note its notes may still move to better instruments.',
    ),
    Key(
        "fallback",
        choice("closest", "last"),
        "closest",
        "Who takes a note when the model cannot decide in time: the instrument nearest in pitch, or the last one.",
    ),
    Key(
        "overflow",
        choice("divisi", "steal", "drop"),
        "divisi",
        "More notes than voices: the nearest instrument takes a second note; the note held longest gives way; silence.",
    ),
    Key("send_programs", FLAG, True, "Send each instrument's program change at the start."),
    Key("expiry_s", number(0, 86400, False), 600, "Release a note nobody let go after so many seconds; 0: never."),
    Key("budget", number(1, 256, True), 32, "Notes that the model may decide in one audio cycle; others fall back."),
    Key("stems", FLAG, False, "With [[chain]] tables: each instrument's chain leaves on audio ports of its own, too."),
    Key(
        "compensate_midi",
        FLAG,
        False,
        "With [[chain]] tables: MIDI leaves as late as the sound does, for instruments outside that play with it.",
    ),
    Key(
        "latency_ms",
        LATENCIES,
        {},
        'How late the device at each output is; what leaves on the others waits for the slowest. "sound": all audio '
        "outputs. It goes before what `ripieno calibrate` measured, and --latency before it.",
    ),
    Key(
        "seed",
        number(0, 2**31 - 1, True),
        0,
        "Where random choices start: one number always gives the same notes. Only a band that answers and "
        "a voice choose at random.",
    ),
)

INSTRUMENT_KEYS: tuple[Key, ...] = (
    Key("name", TEXT, ..., "What it is called, on screen and as a track or a port."),
    Key("program", PROGRAM, ..., "Its sound."),
    Key("channel", number(1, 16, True), 0, "MIDI channel it leaves on. By default the next one but 10 (drums)."),
    Key("range", RANGE, (0, 127), "Its lowest and highest note (C4 is middle C). A note outside goes elsewhere."),
    Key("polyphony", number(0, 128, True), 1, "How many notes it plays at once; 0: any number."),
    Key(
        "divides",
        FLAG,
        False,
        'With overflow = "divisi": it can take a second note of a chord that has just begun, as a choir\'s section or '
        "a violin can and a flute cannot; a wrong guess at one note of a chord then takes no other's place. Notes "
        "too many go to such instruments first.",
    ),
    Key("part", MAYBE_TEXT, "", "The model's part that it plays. By default that of its own name, or of its place."),
    Key("centre", PITCH, None, "A hint of where its hand lies."),
    Key("enabled", FLAG, True, "Whether it plays from the start."),
    Key(
        "pedal",
        choice("pass", "lengthen", "ignore"),
        "pass",
        "The player's sustain pedal: passed on; turned into longer notes; left out.",
    ),
    Key(
        "mpe",
        FLAG,
        False,
        "It speaks MIDI Polyphonic Expression: it has a MIDI output of its own, called as it is, and each of its notes "
        "a channel with its own bend, pressure and controller 74. Channel 1 (or 16) has what holds for all of them.",
    ),
    Key(
        "bend_range",
        number(0, 96, True),
        0,
        "Semitones of a full pitch bend, as its synth is set: what bends one note is sent for that. 0: 2, or with mpe "
        "48, which the synth is told.",
    ),
    Key(
        "level",
        LEVEL,
        USUAL_LEVEL,
        "How loud it is: MIDI controller 7 of its channel. Synthesisers begin at 100, which is not sent.",
    ),
    Key("color", COLOR, "", "Its colour in plots and on screen."),
)


def slug(name: str) -> str:
    """A name as it is typed in `--set ensemble.NAME.key=value`: lower case, letters and digits only."""
    return "".join(c for c in name.casefold() if c.isalnum())
