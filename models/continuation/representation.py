"""Music as events: the fields of the Multitrack Music Transformer (Dong et al., ICASSP 2023), made endless and live.

As there, an event is a row of numbers and a piece is: start of song, one row for each instrument, start of notes, the
notes in order of time, end of song; 12 positions a beat, 32 durations, 64 instruments. What differs, and why:

- ``beat`` counts the beats since the event before, not since the beginning: nothing runs out after 256 beats.
- ``velocity`` is a seventh field, and drums are kept (the 65th instrument).
- ``mark`` says which beat of the bar an event lies in (0: not known), and at the start of a song which style it is.
- Notes of one tick are in order of instrument, then pitch, then duration: who plays is chosen before what is played,
  so that an instrument can be left to the player.

The columns stand in the order in which a note's fields are chosen. 0 is "none" in every field but type and beat.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models.continuation.instruments import DRUMS

FIELDS = ("type", "beat", "position", "instrument", "pitch", "duration", "velocity")
TYPE, BEAT, POSITION, INSTRUMENT, PITCH, DURATION, VELOCITY, MARK = range(8)
COLUMNS = len(FIELDS) + 1
START_OF_SONG, INSTRUMENT_ROW, START_OF_NOTES, NOTE, END_OF_SONG = range(5)
# How many values each field has; a longer rest than 16 beats is told as 16.
BEATS_MAX = 16
SIZES = (5, BEATS_MAX + 1, 13, 66, 129, 33, 33)
MARKS = 32
BAR_MAX = 15  # beats of a bar that are told apart
POSITIONS = 12
# In positions (Dong et al. 2023): the nearest one stands for a duration.
DURATIONS = (
    *range(1, 13), 15, 16, 18, 20, 21, 24, 30, 36, 40, 42, 48, 60, 72, 84, 96, 120, 144, 168, 192, 384,
)  # fmt: skip
VELOCITY_STEP = 4
# What is recalled of the last notes of an instrument once it is chosen, and the field that hears it (see recall).
RECALL_FIELDS = (PITCH, PITCH, DURATION, VELOCITY)
RECALL_SIZES = (2 * SIZES[PITCH], SIZES[PITCH], 2 * SIZES[DURATION], 2 * SIZES[VELOCITY])
# What is seen of the band when a field is chosen, each a row of zeros and ones (see outlook).
OUTLOOK_FIELDS = (BEAT, POSITION, INSTRUMENT, PITCH)
OUTLOOK_STATES = 4
OUTLOOK_SIZES = (BEATS_MAX + 2, SIZES[POSITION], OUTLOOK_STATES * SIZES[INSTRUMENT], 128)
STYLES = ("chorales", "quartets", "orchestra", "lieder", "pop", "band")
_STYLE_MARK = BAR_MAX + 1  # the mark of the first style; a start of song with mark 0 has none

Events = NDArray[np.int16]
Ticks = NDArray[np.int64]


@dataclass(frozen=True)
class Score:
    """Notes of a piece as the model sees them, in order of (tick, instrument, pitch, duration).

    tick, length: int64, 12 a beat. instrument: code 1..65. pitch: MIDI number. velocity: 1..127, 0 where not known.
    bars: ticks where bars begin, ascending, empty where the meter is not known. style: one of STYLES, or "".
    """

    tick: Ticks
    length: Ticks
    instrument: NDArray[np.uint8]
    pitch: NDArray[np.uint8]
    velocity: NDArray[np.uint8]
    bars: Ticks
    style: str = ""
    name: str = ""

    def __len__(self) -> int:
        return len(self.tick)

    def take(self, keep: Any) -> "Score":
        """The same piece with some of its notes (a mask, a slice or indices in order)."""
        columns = (self.tick, self.length, self.instrument, self.pitch, self.velocity)
        tick, length, instrument, pitch, velocity = (column[keep] for column in columns)
        return Score(tick, length, instrument, pitch, velocity, self.bars, self.style, self.name)


def score(
    tick: NDArray[Any],
    length: NDArray[Any],
    instrument: NDArray[Any],
    pitch: NDArray[Any],
    velocity: NDArray[Any],
    bars: NDArray[Any] | None = None,
    style: str = "",
    name: str = "",
) -> Score:
    """A Score from notes in any order: sorted, and without a note that is there twice (the longer one stays)."""
    order = np.lexsort((length, pitch, instrument, tick))
    last = np.ones(len(order), dtype=bool)
    same = np.stack([np.asarray(column)[order] for column in (tick, instrument, pitch)]).astype(np.int64)
    last[:-1] = (same[:, 1:] != same[:, :-1]).any(axis=0)
    order = order[last]
    return Score(
        np.asarray(tick)[order].astype(np.int64),
        np.maximum(np.asarray(length)[order].astype(np.int64), 1),
        np.asarray(instrument)[order].astype(np.uint8),
        np.asarray(pitch)[order].astype(np.uint8),
        np.asarray(velocity)[order].astype(np.uint8),
        np.zeros(0, dtype=np.int64) if bars is None else np.asarray(bars, dtype=np.int64),
        style,
        name,
    )


def joined(first: Score, second: Score) -> Score:
    """The notes of both; the rest is the first's."""
    tick, length, instrument, pitch, velocity = (
        np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("tick", "length", "instrument", "pitch", "velocity")
    )
    return score(tick, length, instrument, pitch, velocity, first.bars, first.style, first.name)


_NEAREST = np.abs(np.arange(DURATIONS[-1] + 1)[:, None] - np.array(DURATIONS)[None, :]).argmin(axis=1) + 1


def duration_code(length: NDArray[Any]) -> NDArray[np.int64]:
    """Lengths in ticks to codes 1..32."""
    return _NEAREST[np.clip(length, 1, DURATIONS[-1])]


def length_of(code: NDArray[Any]) -> NDArray[np.int64]:
    """Codes 1..32 to lengths in ticks."""
    return np.array((0, *DURATIONS), dtype=np.int64)[code]


def velocity_code(velocity: NDArray[Any]) -> NDArray[np.int64]:
    """Velocities 1..127 to codes 1..32; 0, not known, stays 0."""
    known = np.asarray(velocity, dtype=np.int64)
    return np.where(known > 0, known // VELOCITY_STEP + 1, 0)


def velocity_of(code: NDArray[Any]) -> NDArray[np.int64]:
    """Codes 1..32 to velocities, the middle of each step."""
    code = np.asarray(code, dtype=np.int64)
    return np.where(code > 0, np.clip((code - 1) * VELOCITY_STEP + VELOCITY_STEP // 2, 1, 127), 0)


def beat_marks(beat: NDArray[Any], bars: Ticks) -> NDArray[np.int64]:
    """Which beat of its bar each beat is, from 1; 0 where no bar is known or it does not begin on a beat."""
    tick = np.asarray(beat, dtype=np.int64) * POSITIONS
    if not len(bars):
        return np.zeros(len(tick), dtype=np.int64)
    index = np.searchsorted(bars, tick, side="right") - 1
    since = tick - bars[np.maximum(index, 0)]
    known = (index >= 0) & (since % POSITIONS == 0) & (since < BAR_MAX * POSITIONS)
    return np.where(known, since // POSITIONS + 1, 0)


def prefix(instruments: NDArray[Any] | list[int], style: str = "") -> Events:
    """The rows before the notes: start of song with its style, the instruments in order, start of notes."""
    codes = sorted({int(code) for code in instruments})
    rows = np.zeros((len(codes) + 2, COLUMNS), dtype=np.int16)
    rows[0, MARK] = _STYLE_MARK + STYLES.index(style) if style else 0
    rows[1:-1, TYPE] = INSTRUMENT_ROW
    rows[1:-1, INSTRUMENT] = codes
    rows[-1, TYPE] = START_OF_NOTES
    return rows


def encode(piece: Score, start_beat: int = 0, ends: bool = False) -> tuple[Events, Ticks]:
    """A piece's events [rows, 8] and the tick of each, counted from ``start_beat``; ``ends``: with an end of song.

    Rows before the notes have tick 0. Notes before ``start_beat`` must not be there.
    """
    tick = piece.tick - start_beat * POSITIONS
    beat = tick // POSITIONS
    rows = np.zeros((len(piece), COLUMNS), dtype=np.int16)
    rows[:, TYPE] = NOTE
    rows[:, BEAT] = np.minimum(np.diff(beat, prepend=0), BEATS_MAX)
    rows[:, POSITION] = tick % POSITIONS + 1
    rows[:, INSTRUMENT] = piece.instrument
    rows[:, PITCH] = piece.pitch.astype(np.int16) + 1
    rows[:, DURATION] = duration_code(piece.length)
    rows[:, VELOCITY] = velocity_code(piece.velocity)
    rows[:, MARK] = beat_marks(beat + start_beat, piece.bars)
    head = prefix(np.unique(piece.instrument), piece.style)
    parts, ticks = [head, rows], [np.zeros(len(head), dtype=np.int64), tick]
    if ends:
        end = np.zeros((1, COLUMNS), dtype=np.int16)
        end[0, TYPE] = END_OF_SONG
        parts.append(end)
        ticks.append(tick[-1:] if len(tick) else np.zeros(1, dtype=np.int64))
    return np.concatenate(parts), np.concatenate(ticks)


def recall(events: NDArray[Any], ticks: NDArray[Any]) -> NDArray[np.int64]:
    """What the instrument of each row played before it: [..., rows, 4] from events [..., rows, 8], ticks [..., rows].

    The pitch of its last note, the pitch of the one before that, the duration and the velocity of its last note. Where
    that last note has the row's own tick (a chord), its pitch, duration and velocity are raised by the field's size.
    0 where there is none.
    """
    if events.ndim > 2:
        return np.stack([recall(one, tick) for one, tick in zip(events, ticks, strict=True)])
    found = np.zeros((len(events), 4), dtype=np.int64)
    notes = np.flatnonzero(events[:, TYPE] == NOTE)
    order = notes[np.argsort(events[notes, INSTRUMENT], kind="stable")]
    same = events[order[1:], INSTRUMENT] == events[order[:-1], INSTRUMENT]
    now, last = order[1:][same], order[:-1][same]
    together = ticks[now] == ticks[last]
    for column, field in ((0, PITCH), (2, DURATION), (3, VELOCITY)):
        found[now, column] = events[last, field] + together * SIZES[field]
    twice = same[1:] & same[:-1]
    found[order[2:][twice], 1] = events[order[:-2][twice], PITCH]
    return found


def outlook(events: NDArray[Any], ticks: NDArray[Any]) -> list[NDArray[np.float32]]:
    """How the band stands before each row: an array [..., rows, OUTLOOK_SIZES[n]] of zeros and ones for each n.

    0, for the beat: in how many beats the last notes of the instruments end, counted from the row before (17: more
    than 16). 1, for the position, the beat being known: at which positions of that beat they end. 2, for the
    instrument, the tick being known: the state of each instrument that has played (sounding on, ending here, silent,
    begun here). 3, for the pitch: the pitches that sound at this tick, without the drums.
    """
    if events.ndim > 2:
        each = [outlook(one, tick) for one, tick in zip(events, ticks, strict=True)]
        return [np.stack(columns) for columns in zip(*each, strict=True)]
    rows = np.arange(len(events))
    note, tick = events[:, TYPE] == NOTE, np.asarray(ticks, dtype=np.int64)
    end = tick + length_of(np.where(note, events[:, DURATION], 0))
    last = _last_of_instrument(events, note)
    row, code = np.nonzero(last >= 0)
    row, code = row[note[row]], code[note[row]]
    last_tick, last_end = tick[last[row, code]], end[last[row, code]]
    found = [np.zeros((len(events), size), dtype=np.float32) for size in OUTLOOK_SIZES]
    ahead = last_end // POSITIONS - tick[row - 1] // POSITIONS
    found[0][row, np.clip(ahead, 0, BEATS_MAX + 1)] = 1
    here = last_end // POSITIONS == tick[row] // POSITIONS
    found[1][row[here], last_end[here] % POSITIONS + 1] = 1
    state = np.where(
        last_tick == tick[row], 3, np.where(last_end > tick[row], 0, np.where(last_end == tick[row], 1, 2))
    )
    found[2][row, OUTLOOK_STATES * code + state] = 1
    pitched = note & (events[:, INSTRUMENT] != DRUMS)
    sounding = (end[None, :] > tick[:, None]) & (rows[None, :] < rows[:, None]) & pitched[None, :] & note[:, None]
    pitches = np.zeros((len(events), OUTLOOK_SIZES[3]), dtype=np.float32)
    pitches[rows[pitched], events[pitched, PITCH] - 1] = 1
    found[3] = np.minimum(sounding.astype(np.float32) @ pitches, 1)
    return found


def _last_of_instrument(events: NDArray[Any], note: NDArray[np.bool_]) -> NDArray[np.int64]:
    """[rows, 66] the last note of each instrument before each row; -1: none."""
    last = np.full((len(events) + 1, SIZES[INSTRUMENT]), -1, dtype=np.int64)
    rows = np.flatnonzero(note)
    last[rows + 1, events[rows, INSTRUMENT]] = rows
    return np.maximum.accumulate(last, axis=0)[:-1]


def decode(events: Events, start_beat: int = 0) -> Score:
    """The notes of events, as encode tells them. Rows that are no notes only bring the style."""
    notes = events[events[:, TYPE] == NOTE].astype(np.int64)
    beat = np.cumsum(notes[:, BEAT]) + start_beat
    mark = int(events[0, MARK]) if len(events) and events[0, TYPE] == START_OF_SONG else 0
    return score(
        beat * POSITIONS + notes[:, POSITION] - 1,
        length_of(notes[:, DURATION]),
        notes[:, INSTRUMENT],
        notes[:, PITCH] - 1,
        velocity_of(notes[:, VELOCITY]),
        style=STYLES[mark - _STYLE_MARK] if mark >= _STYLE_MARK else "",
    )
