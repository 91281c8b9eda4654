"""Which instrument plays a note: the C instrumenter, set up, and run on whole performances to train and judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ripieno.native._native import ffi, lib
from ripieno.native.lstm import Lstm

DECIDE = {"zone": lib.RP_DECIDE_ZONE, "closest": lib.RP_DECIDE_CLOSEST, "model": lib.RP_DECIDE_MODEL}
WHEN = {"note": lib.RP_WHEN_NOTE, "window": lib.RP_WHEN_WINDOW, "revise": lib.RP_WHEN_REVISE}
FALLBACK = {"last": lib.RP_FALLBACK_LAST, "closest": lib.RP_FALLBACK_CLOSEST}
OVERFLOW = {"divisi": lib.RP_OVERFLOW_DIVISI, "steal": lib.RP_OVERFLOW_STEAL, "drop": lib.RP_OVERFLOW_DROP}
FEATURES_VERSION: int = lib.RP_FEATURES_VERSION
NO_VOICE: int = lib.RP_NO_VOICE
VOICES_MAX: int = lib.RP_VOICES_MAX
CHORD_MAX: int = lib.RP_CHORD_MAX
_ALWAYS = 1 << 20


@dataclass(frozen=True)
class Voice:
    """One instrument of the ensemble.

    lowest, highest: its range, MIDI numbers. polyphony: notes at once, 0 any number. label: the model's output that
    stands for it. enabled: the player's switch. centre: where its hand lies (MIDI number), 0 not said. divides: it may
    take a second note of a chord (25 ms) that has just begun (overflow "divisi").
    """

    lowest: int = 0
    highest: int = 127
    polyphony: int = 0
    label: int = 0
    enabled: bool = True
    centre: int = 0
    divides: bool = False


@dataclass(frozen=True)
class Decision:
    """voice: None when the note is dropped, or not decided yet (pending). from_voice: the voice it had before."""

    tag: int
    voice: int | None
    from_voice: int | None
    fallback: bool
    pending: bool
    stolen: int | None


@dataclass(frozen=True)
class Trace:
    """What became of a performance's notes, and the rows a model saw.

    first, voice: [notes] the voice that sounded first, and in the end; NO_VOICE for none. times: [notes] how often a
    note was decided. moves: [notes] how often it moved afterwards. x: [rows, width]. scores: [rows, labels].
    row_note: [rows] which note a row is. row_labels: [rows, labels] whether a label could take it.
    """

    first: NDArray[np.uint8]
    voice: NDArray[np.uint8]
    times: NDArray[np.uint8]
    moves: NDArray[np.uint8]
    x: NDArray[np.float32]
    scores: NDArray[np.float32]
    row_note: NDArray[np.uint32]
    row_labels: NDArray[np.bool_]
    fallbacks: int


def solo_width(labels: int) -> int:
    """Width of the input of a model that decides notes by themselves."""
    return int(lib.rp_features_solo_width(labels))


def chord_width(labels: int) -> int:
    """Width of the input of a model that decides chords."""
    return int(lib.rp_features_chord_width(labels))


class Instrumenter:
    """Gives notes to voices. `pointer` is the C object: whoever takes it over (`release`) keeps this object too, since
    it holds the networks' weights."""

    def __init__(
        self,
        voices: Sequence[Voice],
        *,
        sample_rate: int,
        decide: str = "model",
        when: str = "note",
        fallback: str = "closest",
        overflow: str = "divisi",
        window: int = 0,
        stay: float = 0.0,
        together: bool = False,
        solo: Lstm | None = None,
        chord: Lstm | None = None,
    ) -> None:
        """window: frames. stay: how much better (log probability) another voice must be before a note moves.
        together: notes of one frame wait for each other and are decided together (needs `chord`).
        chord: with when = "note" it tells, once a chord is over, who should have played what.

        Raises ValueError for a word that is not known (each is told), or for voices and networks that do not fit.
        """
        config = ffi.new("rp_instrumenter_config *")
        if len(voices) > VOICES_MAX:
            raise ValueError(f"{len(voices)} voices: at most {VOICES_MAX}")
        config.voices = len(voices)
        for slot, voice in zip(config.voice, voices, strict=False):
            fill(slot, voice)
        words = {"decide": (decide, DECIDE), "when": (when, WHEN), "fallback": (fallback, FALLBACK)}
        for field, (word, table) in (words | {"overflow": (overflow, OVERFLOW)}).items():
            setattr(config, field, _word(field, word, table))
        config.window, config.sample_rate, config.stay = window, sample_rate, stay
        config.together = together
        config.solo = solo.pointer if solo else ffi.NULL
        config.chord = chord.pointer if chord else ffi.NULL
        self.solo, self.chord, self.voices, self.when = solo, chord, tuple(voices), when
        self.pointer: Any = lib.rp_instrumenter_new(config)
        if self.pointer == ffi.NULL:
            raise ValueError(
                "no instrumenter of this kind: it needs 1 to 16 voices with ranges within 0..127 and labels that the "
                "networks know, a solo network unless `when` is window, a chord network unless it is note"
            )

    def __del__(self) -> None:
        if getattr(self, "pointer", ffi.NULL) != ffi.NULL:
            lib.rp_instrumenter_free(self.release())

    def release(self) -> Any:
        """The C object, now somebody else's to free."""
        pointer, self.pointer = self.pointer, ffi.NULL
        return pointer

    def reset(self) -> None:
        """Forget every note."""
        lib.rp_instrumenter_reset(self.pointer)

    def set_voice(self, index: int, voice: Voice) -> None:
        """Change a switch, a hand or a range; the label stays."""
        slot = ffi.new("rp_voice *")
        fill(slot, voice)
        lib.rp_instrumenter_set_voice(self.pointer, index, slot)

    def note_on(self, frame: int, tag: int, pitch: int, velocity: int = 64, afford: int = _ALWAYS) -> Decision:
        """A key went down; afford 0: the fallback decides."""
        return _decision(lib.rp_instrumenter_note_on(self.pointer, frame, tag, pitch, velocity, afford))

    def note_off(self, frame: int, tag: int) -> None:
        """The key of that note went up."""
        lib.rp_instrumenter_note_off(self.pointer, frame, tag)

    def deadline(self) -> int | None:
        """The frame at which the open chord closes, None where none is open."""
        frame = lib.rp_instrumenter_deadline(self.pointer)
        return None if frame == 0xFFFFFFFFFFFFFFFF else int(frame)

    def close(self, frame: int, afford: int = _ALWAYS) -> list[Decision]:
        """Close the open chord: its decisions, or (revise) only its moves."""
        out = ffi.new("rp_decision[]", CHORD_MAX)
        return [_decision(out[i]) for i in range(lib.rp_instrumenter_close(self.pointer, frame, out, afford))]

    def trace(
        self,
        frame: ArrayLike,
        on: ArrayLike,
        pitch: ArrayLike,
        velocity: ArrayLike,
        note: ArrayLike,
        notes: int,
        *,
        forced: ArrayLike | None = None,
        rows: str | None = None,
    ) -> Trace:
        """Play key events (arrays [events], in time order) from a fresh start.

        note: which of the `notes` notes an event belongs to; each is struck once. forced: [notes] the label a note must
        get, NO_VOICE where the choice is its own. rows: "solo" or "chord", to have what that model
        saw.
        """
        columns: list[tuple[str, NDArray[Any]]] = [
            ("uint64_t[]", np.ascontiguousarray(frame, np.uint64)),
            ("uint8_t[]", np.ascontiguousarray(on, np.uint8)),
            ("uint8_t[]", np.ascontiguousarray(pitch, np.uint8)),
            ("uint8_t[]", np.ascontiguousarray(velocity, np.uint8)),
            ("uint32_t[]", np.ascontiguousarray(note, np.uint32)),
        ]
        events = len(columns[0][1])
        if any(column.shape != (events,) for _, column in columns):
            raise ValueError("the columns of a performance differ in length")
        if events and int(columns[4][1].max()) >= notes:
            raise ValueError(f"a note's number is beyond the {notes} notes of the performance")
        buffers = [ffi.from_buffer(kind, column) for kind, column in columns]
        performance = ffi.new("rp_performance *", [events, notes, *buffers, _labels(forced, notes)])
        return self._traced(performance, notes, rows)

    def _traced(self, performance: Any, notes: int, rows: str | None) -> Trace:
        network = {"solo": self.solo, "chord": self.chord, None: None}[rows]
        rows_max = notes if network else 0
        labels = network.config.output if network else 1
        x = np.empty((rows_max, network.config.input if network else 1), np.float32)
        scores = np.empty((rows_max, labels), np.float32)
        row_note, row_bits = np.empty(rows_max, np.uint32), np.empty(rows_max, np.uint32)
        per_note = [np.empty(notes, np.uint8) for _ in range(4)]
        trace = ffi.new("rp_trace *")
        trace.first, trace.voice, trace.times, trace.moves = (ffi.from_buffer("uint8_t[]", a) for a in per_note)
        trace.of_chord, trace.rows_max = rows == "chord", rows_max
        trace.x, trace.scores = ffi.from_buffer("float[]", x), ffi.from_buffer("float[]", scores)
        trace.row_note, trace.row_labels = (ffi.from_buffer("uint32_t[]", a) for a in (row_note, row_bits))
        lib.rp_instrumenter_trace(self.pointer, performance, trace)
        n = trace.rows
        bits = (row_bits[:n, np.newaxis] >> np.arange(labels, dtype=np.uint32)) & 1
        first, voice, times, moves = per_note
        return Trace(first, voice, times, moves, x[:n], scores[:n], row_note[:n], bits.astype(bool), trace.fallbacks)


def _labels(labels: ArrayLike | None, notes: int) -> Any:
    """One label a note for C, NULL for none."""
    if labels is None:
        return ffi.NULL
    wanted = np.ascontiguousarray(labels, np.uint8)
    if wanted.shape != (notes,):
        raise ValueError(f"labels of shape {wanted.shape}, expected [{notes}]")
    return ffi.from_buffer("uint8_t[]", wanted)


def _word(field: str, word: str, table: dict[str, int]) -> int:
    if word not in table:
        raise ValueError(f"{field} = {word!r}: use one of {', '.join(table)}")
    return table[word]


def fill(slot: Any, voice: Voice) -> None:
    """Write a voice into a C rp_voice."""
    for field in ("lowest", "highest", "polyphony", "label", "enabled", "centre", "divides"):
        setattr(slot, field, int(getattr(voice, field)))


def _decision(raw: Any) -> Decision:
    voice = None if raw.voice == NO_VOICE else raw.voice
    came_from = None if getattr(raw, "from") == NO_VOICE else getattr(raw, "from")
    return Decision(
        raw.tag, voice, came_from, bool(raw.fallback), bool(raw.pending), raw.stolen if raw.steals else None
    )
