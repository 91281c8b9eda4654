"""The keys of a [clock] table, of a preset or of a set list: the one clock. Kinds and keys are those of `schema`."""

from ripieno.daemon.controls import CONTROLS
from ripieno.daemon.schema import FLAG, Key, Kind, choice, number, show_list, slug

SOURCES = INTERNAL, TAP, MIDI, LINK, JACK, PLAYER = ("internal", "tap", "midi", "link", "jack", "player")
SLOWEST, FASTEST = 20, 400  # RP_BPM_MIN, RP_BPM_MAX of native/src/timeline.h
CLOCK_PORT = "clock"
"""The output of the clock's own."""


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and slug(one) for one in value):
        raise ValueError(f'{value!r} is no list of port names: write, for instance, ["{CLOCK_PORT}"]')
    return tuple(dict.fromkeys(value))


TEMPO = number(SLOWEST, FASTEST, False)
NAMES = Kind("list of port names", _names, show_list)

CLOCK_KEYS: tuple[Key, ...] = (
    Key(
        "source",
        choice(*SOURCES),
        INTERNAL,
        "Whom it follows: nobody; you, who tap (`tap`, or the key t); MIDI clock that comes in; Ableton Link; JACK's "
        "transport; or your playing. What is not there, or falls silent, leaves the tempo as it is.",
    ),
    Key("tempo", TEMPO, 120, "Beats a minute: of the internal clock, and of the others until they are heard."),
    Key("in", NAMES, (), "The inputs at which MIDI clock is heard, which is not passed on there; by default all."),
    Key(
        "out",
        NAMES,
        (),
        f'Outputs on which MIDI clock leaves, beside what is played there; "{CLOCK_PORT}" is one of its own.',
    ),
    Key("link", FLAG, False, "Let an Ableton Link session have our tempo and beats, where it is not what we follow."),
    Key("tap", CONTROLS, (), "Keys, pedals and other controllers that tap the beat. They are not played."),
)
