"""Music written by the continuation's model off line, with no clock: from nothing, or after what was given.

These are the three ways of the Multitrack Music Transformer (Dong et al., ICASSP 2023): unconditioned, told only the
instruments, and going on after a given beginning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ripieno.models.continuation.instruments import DRUMS
from ripieno.models.continuation.representation import (
    COLUMNS,
    DURATION,
    INSTRUMENT,
    INSTRUMENT_ROW,
    NOTE,
    PITCH,
    POSITIONS,
    SIZES,
    START_OF_NOTES,
    TYPE,
    VELOCITY,
    Events,
    Score,
    Ticks,
    encode,
    joined,
    length_of,
    prefix,
    score,
    velocity_of,
)
from ripieno.native.transformer import Choice, Decoder, Sampling, Transformer

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10, 11)  # minor: the seventh both ways
# Probe-tone profiles (Krumhansl & Kessler, Psychological Review 89, 1982, table 2): how well each semitone above the
# root fits a major and a minor key.
_PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
_BAR_BEATS = 4  # where the meter is not known
# How the one who has been silent is drawn in: added to his score, for each bar beyond the patience.
_URGE_A_BAR, _URGE_MOST = 2.0, 10.0
_MOST_INSTRUMENTS = 8  # that the model may cast by itself


class ComposeError(Exception):
    """The model could not go on; the message says why."""


@dataclass(frozen=True)
class Wish:
    """What is to be written.

    ranges: for each instrument's code (1 to 65) its lowest and highest MIDI pitch. sampling: one a field, as
    `representation.FIELDS` names them. pull: how strongly the key heard lately draws the next pitch; 0: not at all.
    pitch_classes: 0 to 11, those allowed; drums are free. bar_beats: 0 where the meter is not known. patience: bars
    after which an instrument that does not play is drawn in; 0: it may be silent for ever. window: events that the
    model looks back on.
    """

    ranges: Mapping[int, tuple[int, int]]
    sampling: tuple[Sampling, ...] = tuple(Sampling() for _ in SIZES)
    pull: float = 0.0
    pitch_classes: frozenset[int] = frozenset(range(12))
    bar_beats: int = 4
    patience: float = 0.0
    style: str = ""
    seed: int = 0
    window: int = 512
    codes: list[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", sorted(self.ranges))


def go_on(model: Transformer, given: Score, start: int, until: int, wish: Wish, bar_tick: int = 0) -> Score:
    """The notes that the model writes from the tick `start` on, before the tick `until`, after those given.

    bar_tick: where a bar begins. Where more has been written than the window holds, the model goes on from its newer
    half. ComposeError where the model's scores are no numbers.
    """
    writer = _Writer(model, given, start, wish, bar_tick)
    bar = (wish.bar_beats or _BAR_BEATS) * POSITIONS
    for at in range(start, until, bar) if wish.patience else [start]:
        writer.write(at, min(until, at + bar) if wish.patience else until)
    return writer.written


class _Writer:
    """A decoder that goes on with a piece, and what it has written so far."""

    def __init__(self, model: Transformer, given: Score, start: int, wish: Wish, bar_tick: int) -> None:
        self.given, self.start, self.wish, self.bar_tick = given, start, wish, bar_tick
        self.written = given.take(slice(0, 0))
        self.decoder, self.calls = Decoder(model, wish.window), 0
        self.hear(start)

    def hear(self, earliest: int) -> None:
        """Tell the decoder who plays, and the newest notes; its ticks count from their first beat."""
        before = joined(self.given, self.written)
        tail = before.take(slice(max(0, len(before) - self.wish.window // 2), None))
        self.beat = int((tail.tick[0] if len(tail) else self.start) // POSITIONS)
        offset = self.beat * POSITIONS
        self.choice = _choice(self.wish, earliest - offset, self.bar_tick - offset)
        _hear(self.decoder, self.choice, tail, self.beat, self.wish)

    def write(self, start: int, until: int) -> None:
        """All notes from a tick on, before another."""
        why = "room"
        while why in ("room", "context"):
            if self.decoder.length == self.wish.window:
                self.hear(start)
            offset = self.beat * POSITIONS
            self.choice.pointer.earliest = start - offset
            self.urge(start)
            room = self.wish.window - self.decoder.length
            events, ticks, why = self.decoder.generate(self.choice, self.seed(), until - offset, room)
            self.written = joined(self.written, _notes(events, ticks + offset))
        if why == "fault":
            raise ComposeError("the model's scores are no numbers: its weights are of no use")

    def urge(self, now: int) -> None:
        """Whoever has not played for longer than the wish's patience is drawn in, more so with every bar."""
        bar = (self.wish.bar_beats or _BAR_BEATS) * POSITIONS
        for code in self.wish.codes if self.wish.patience else []:
            mine = np.flatnonzero(self.written.instrument == code)
            silent = (now - (int(self.written.tick[mine[-1]]) if len(mine) else self.start)) / bar
            urge = _URGE_A_BAR * max(0.0, silent - self.wish.patience)
            self.choice.pointer.instrument_bias[code] = min(_URGE_MOST, urge)

    def seed(self) -> int:
        """Another one at each call, the same ones for one wish."""
        self.calls += 1
        return int.from_bytes(blake2b(f"{self.wish.seed} {self.calls}".encode(), digest_size=8).digest())


def _notes(events: Events, ticks: Ticks) -> Score:
    """The notes among events, each at its tick: a rest of more than 16 beats is not told by the events alone."""
    notes = events[:, TYPE] == NOTE
    columns = (events[notes, column].astype(np.int64) for column in (DURATION, INSTRUMENT, PITCH, VELOCITY))
    duration, instrument, pitch, velocity = columns
    return score(ticks[notes], length_of(duration), instrument, pitch - 1, velocity_of(velocity))


def _choice(wish: Wish, earliest: int, bar_tick: int) -> Choice:
    return Choice(
        sampling=wish.sampling,
        earliest=earliest,
        ranges=wish.ranges,
        pitch_classes=wish.pitch_classes,
        bar_beats=wish.bar_beats,
        bar_tick=bar_tick,
        pull=wish.pull,
    )


def _hear(decoder: Decoder, choice: Choice, tail: Score, beat: int, wish: Wish) -> None:
    """Tell the decoder who plays, and the notes before; times count from the beat."""
    rows, ticks = encode(tail, beat)
    notes = rows[:, TYPE] > START_OF_NOTES
    head = prefix([*wish.codes, *np.unique(tail.instrument)], wish.style)
    events = np.concatenate([head, rows[notes]])
    times = np.concatenate([np.zeros(len(head), np.int64), ticks[notes]])
    decoder.rewind(0)
    if decoder.absorb(events, times) < len(events):
        raise ComposeError("more instruments than the model's window holds")
    choice.follow(events[-1], int(times[-1]))


def cast(model: Transformer, temperature: float, style: str, seed: int) -> list[int]:
    """Instruments' codes that the model chooses for a new piece; at least one."""
    decoder, random = Decoder(model, 2 + _MOST_INSTRUMENTS), np.random.default_rng(seed)
    decoder.absorb(prefix([], style)[:1], np.zeros(1, np.int64))
    codes: list[int] = []
    while len(codes) < _MOST_INSTRUMENTS:
        row = np.zeros((1, COLUMNS), np.int16)
        kinds = [INSTRUMENT_ROW, START_OF_NOTES] if codes else [INSTRUMENT_ROW]
        row[0, TYPE] = _draw(decoder.scores(TYPE, row[0]), kinds, temperature, random)
        left = list(range(codes[-1] + 1 if codes else 1, DRUMS + 1))
        if row[0, TYPE] == START_OF_NOTES or not left:
            break
        row[0, INSTRUMENT] = _draw(decoder.scores(INSTRUMENT, row[0]), left, temperature, random)
        codes.append(int(row[0, INSTRUMENT]))
        decoder.absorb(row, np.zeros(1, np.int64))
    return codes


def _draw(scores: NDArray[np.float32], allowed: list[int], temperature: float, random: np.random.Generator) -> int:
    left = scores[allowed].astype(np.float64)
    if not np.isfinite(left).all():
        raise ComposeError("the model's scores are no numbers: its weights are of no use")
    if temperature <= 0:
        return allowed[int(left.argmax())]
    shares = np.exp((left - left.max()) / temperature)
    return allowed[int(np.searchsorted(np.cumsum(shares), random.random() * shares.sum(), side="right"))]


def heard_key(piece: Score) -> tuple[int, str]:
    """The key that the notes fit best (root from 0, C; "major" or "minor"), by Krumhansl and Schmuckler's correlation
    of how long each pitch class sounds with the probe-tone profiles. C major where nothing pitched sounds."""
    pitched = piece.instrument != DRUMS
    heard = np.bincount(piece.pitch[pitched] % 12, weights=piece.length[pitched], minlength=12)
    if not heard.any() or not heard.std():
        return 0, "major"
    fits = {
        (root, mode): float(np.corrcoef(heard, np.roll(profile, root))[0, 1])
        for mode, profile in _PROFILES.items()
        for root in range(12)
    }
    return max(fits, key=lambda key: fits[key])


def pitch_classes(root: int, mode: str) -> frozenset[int]:
    """The pitch classes of a key."""
    return frozenset((root + step) % 12 for step in (MAJOR if mode == "major" else MINOR))
