"""The keys of a preset's [singing] table: the voice that sings along. Kinds and keys are those of `schema`."""

from ripieno.daemon.pitch import show_pitch
from ripieno.daemon.schema import FLAG, MAYBE_TEXT, RANGE, Key, Kind, choice, number, quote

MODES = ("free", "double", "harmony")
INTERVALS = {"auto": 0, "third": 3, "sixth": 6}  # as the engine counts them: in steps of the scale, both ends
LOWEST, HIGHEST = 36, 83  # what a voice may sing, C2 to B5 (see native/src/singer.h)
_OCTAVE = 12
# What each voice sings at ease (models/singing/voices.py), and any other.
_EASE = {"soprano": (57, 77), "tenor": (46, 66), "alto": (53, 73), "baritone": (43, 62), "bass": (40, 60)}
_USUAL = (57, 76)


def own_range(voice: str) -> tuple[int, int]:
    """The lowest and highest note that a voice sings at ease, by its name."""
    return _EASE.get(voice, _USUAL)


def _sung_range(value: object) -> tuple[int, int] | None:
    if value == "":
        return None
    low, high = RANGE.read(value)
    if low < LOWEST or high > HIGHEST:
        raise ValueError(
            f"{show_pitch(low)} to {show_pitch(high)}: a voice sings from {show_pitch(LOWEST)} to {show_pitch(HIGHEST)}"
        )
    if high - low < _OCTAVE:
        raise ValueError(f"{show_pitch(low)} to {show_pitch(high)}: give it an octave at least, to follow every chord")
    return low, high


SUNG_RANGE = Kind(
    'lowest and highest note, an octave apart at least, or ""', _sung_range, lambda v: RANGE.show(v) if v else quote("")
)

SINGING_KEYS: tuple[Key, ...] = (
    Key("on", FLAG, True, "Whether it sings from the start."),
    Key(
        "mode",
        choice(*MODES),
        "free",
        '"free": a melody of its own; "double": the top line of what you play, in an octave of choice; "harmony": a '
        "third or sixth below that line, in the key heard so far.",
    ),
    Key("weights", MAYBE_TEXT, "", "The model: a folder of weights; by default those that come with Ripieno."),
    Key("voice", MAYBE_TEXT, "", "Who sings, by a name in the model's card; by default the first of them."),
    Key(
        "range",
        SUNG_RANGE,
        None,
        "Its lowest and highest note (C4 is middle C); by default what the voice sings at ease.",
    ),
    Key(
        "follow",
        number(0, 8, False),
        3,
        "How strongly your chords draw the melody that it sings freely; 0: not at all, it goes only by what it learnt.",
    ),
    Key("activity", number(0, 1, False), 0.5, "How much it sings: 0 hardly, 0.5 as it learnt, 1 nearly always."),
    Key(
        "temperature",
        number(0, 2, False),
        1,
        "How adventurous it is: 0 always sings the likeliest, 1 as it learnt, above 1 bolder.",
    ),
    Key("octave", number(-2, 2, True), 0, 'With mode = "double": octaves from your top line, as its range allows.'),
    Key(
        "interval",
        choice(*INTERVALS),
        "auto",
        'With mode = "harmony": always a third, always a sixth, or whichever fits better.',
    ),
    Key("brightness", number(-1, 1, False), 0, "Darker (below 0) or brighter (above) than the voice is by nature."),
    Key("vibrato", number(0, 2, False), 1, "How deep its vibrato is on long notes; 0: none."),
    Key("vibrato_rate", number(4, 7, False), 5.6, "How fast its vibrato is, in turns a second."),
    Key("breath", number(0, 2, False), 1, "0: neither breaths nor air in the tone; 1 as it learnt; 2 airy."),
    Key("volume", number(-40, 12, False), 0, "Louder or softer, in decibels."),
)
