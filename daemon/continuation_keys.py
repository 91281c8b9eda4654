"""The keys of a preset's [continuation] table: the band that answers. Kinds and keys are those of `schema`."""

from contextlib import suppress

from ripieno.daemon.pitch import parse_pitch, show_pitch
from ripieno.daemon.schema import MAYBE_TEXT, TEXT, Key, Kind, choice, number, quote
from ripieno.models.continuation.representation import BAR_MAX, STYLES

SCALES = ("major", "minor")
KeyLock = str | tuple[int, str]
"""off", "auto", or a root (0: C) and one of SCALES."""


def _key_lock(value: object) -> KeyLock:
    if value in ("off", "auto"):
        return str(value)
    words = value.split() if isinstance(value, str) else []
    if len(words) == 2 and words[1].casefold() in SCALES:
        with suppress(ValueError):
            return parse_pitch(f"{words[0]}4") % 12, words[1].casefold()
    raise ValueError(
        f'{value!r} is no key: write "off", "auto" (the key that is heard) or one such as "D minor" or "Bb major"'
    )


def show_key(lock: KeyLock) -> str:
    """A key lock as it is written in a preset."""
    return lock if isinstance(lock, str) else f"{show_pitch(60 + lock[0])[:-1]} {lock[1]}"


KEY_LOCK = Kind('"off", "auto" or a key such as "D minor"', _key_lock, lambda v: quote(show_key(v)))

CONTINUATION_KEYS: tuple[Key, ...] = (
    Key(
        "mode",
        choice("duet", "band"),
        ...,
        '"duet": the band goes on where you stop, and yields when you play; "band": it plays along, and your own '
        "instrument is left to you.",
    ),
    Key("weights", TEXT, "small", "The model: one that comes with Ripieno, or a file of weights (.safetensors)."),
    Key(
        "player",
        MAYBE_TEXT,
        "",
        "The instrument that is yours, by its name: all you play sounds on it; by default the first of the ensemble. "
        '"all": your notes go to the whole ensemble, as the preset\'s model says (in a duet).',
    ),
    Key("style", choice("", *STYLES), "", "What the music should be like; by default the model follows what it hears."),
    Key("tempo", number(30, 300, False), 100, "Beats a minute, at first or throughout."),
    Key(
        "tempo_source",
        choice("fixed", "tap", "follow"),
        "follow",
        "Who sets the tempo: the preset; you, with the key t on each beat; or your playing, followed. A [clock] "
        "leads the band, whatever stands here.",
    ),
    Key("beats", number(1, BAR_MAX, True), 4, "Beats of a bar."),
    Key(
        "while_playing",
        choice("yield", "comp"),
        "yield",
        "In a duet, while you play: the band is silent, or the other instruments accompany you.",
    ),
    Key("handover_beats", number(0.25, 16, False), 1, "In a duet: so many beats after your last key the band goes on."),
    Key(
        "handover_pedal",
        choice("off", "sostenuto", "soft"),
        "off",
        "A pedal that hands over at once (sostenuto: controller 66, soft: 67); it then does nothing else.",
    ),
    Key("answer_bars", number(0, 256, True), 0, "In a duet: the longest answer, in bars; 0: until you play again."),
    Key(
        "rest_bars",
        number(0, 256, True),
        4,
        "In a band: it rests when you have been silent for so many bars; 0: it plays on.",
    ),
    Key("start_notes", number(1, 256, True), 16, "In a band: it joins in after so many of your notes, or after a bar."),
    Key("at_once", number(0, 16, True), 0, "How many instruments of the band play at the same time; 0: all."),
    Key("density", number(0.25, 4, False), 1, "Fewer notes (below 1) or more (above 1) than the model would play."),
    Key(
        "temperature",
        number(0, 2, False),
        1,
        "How adventurous it is: 0 always plays the likeliest note, 1 as it learnt, above 1 bolder.",
    ),
    Key("top_p", number(0.05, 1, False), 0.95, "It chooses among the likeliest notes that have this share together."),
    Key("register", number(-24, 24, True), 0, "Semitones by which the instruments' ranges are moved up or down."),
    Key("key", KEY_LOCK, "off", "Only notes of this key; drums are free."),
    Key(
        "key_pull",
        number(0, 2, False),
        0.6,
        "How strongly the key that was heard draws its notes, without forbidding any; 0: not at all.",
    ),
    Key(
        "follow_velocity",
        number(0, 1, False),
        0.7,
        "How far its loudness follows yours: 0 not at all, 1 altogether.",
    ),
    Key("humanize", number(0, 2, False), 1, "How far its notes leave the beat, as yours do; 0: exactly on it."),
    Key(
        "commit_beats",
        number(0.1, 8, False),
        1,
        "How far ahead its notes are settled. More is safer on a slow machine; less follows you sooner. While the "
        "tempo of a [clock] is on the move it is 0.15 s at most.",
    ),
    Key("plan_beats", number(2, 16, False), 2, "How far beyond that it plans, ready to think again."),
)
