"""Music that the model writes off line: after a MIDI file's end, or from nothing.

It goes by the beats of the file (or of the preset's tempo), and not through the engine: nobody plays against it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ripieno.daemon import presets
from ripieno.daemon.answer_model import AnswerModel, answer_model
from ripieno.daemon.cast import model_codes, row_of
from ripieno.daemon.colors import color_of
from ripieno.daemon.errors import UserError
from ripieno.daemon.offline import RATE
from ripieno.daemon.plot import Bar, Plans
from ripieno.daemon.presets import Continuation, Preset
from ripieno.daemon.rig import places
from ripieno.daemon.schema import MAX_INSTRUMENTS, quote
from ripieno.daemon.score import Event, Part, Score, read_score, score_of
from ripieno.daemon.transcription import Grid, Piece, notes_of, piece_of
from ripieno.models.continuation.instruments import DRUMS
from ripieno.models.continuation.representation import POSITIONS

if TYPE_CHECKING:
    from ripieno.models.continuation import compose
    from ripieno.models.continuation.representation import Score as ModelScore

_TICKS_PER_BEAT = 480
_NOTE_OFF, _NOTE_ON, _CONTROL, _PROGRAM, _PRESSURE, _BEND = 0x80, 0x90, 0xB0, 0xC0, 0xD0, 0xE0
_SUSTAIN = 64
_MIDDLING = 64  # a velocity, where the model wrote none
# Bars: whoever was asked for by name is to be heard, though the model may go on for long with those who play.
_PATIENCE = 1.0
_UNTITLED = "From scratch"


@dataclass(frozen=True)
class Line:
    """A note to be sent: frames, the instrument's place in the ensemble, pitch and velocity."""

    start: int
    end: int
    row: int
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Composition:
    """What was given and what the model wrote, as MIDI. split: the frame at which the model's part begins."""

    given: "Given"
    written: list[Line]
    split: int

    @property
    def preset(self) -> Preset:
        return self.given.preset

    @property
    def score(self) -> Score:
        return self.given.grid.score

    @property
    def parts(self) -> list[Part]:
        """A track an instrument."""
        seats = zip(self.preset.ensemble, places(self.preset), strict=True)
        return [Part(one.name, port, channel) for one, (port, channel) in seats]

    @property
    def colors(self) -> list[str]:
        """A colour for each part."""
        return [color_of(i, one.color) for i, one in enumerate(self.preset.ensemble)]

    @property
    def frames(self) -> int:
        """When the last note ends."""
        return max([self.split, *(line.end for line in self.given.lines + self.written)])

    @property
    def sent(self) -> list[Event]:
        """Everything as MIDI, by time; of two notes of one pitch the first ends before the second begins."""
        seats = places(self.preset)
        events = [
            (0, 0, (0, port, bytes((_PROGRAM | channel, one.program - 1))))
            for one, (port, channel) in zip(self.preset.ensemble, seats, strict=True)
        ]
        events += [(frame, 1, (frame, port, data)) for frame, port, data in self.given.controls]
        for line in _untangled(self.given.lines + self.written):
            port, channel = seats[line.row]
            events.append((line.end, 0, (line.end, port, bytes((_NOTE_OFF | channel, line.pitch, 64)))))
            events.append((line.start, 2, (line.start, port, bytes((_NOTE_ON | channel, line.pitch, line.velocity)))))
        return [event for _, _, event in sorted(events, key=lambda entry: entry[:2])]

    @property
    def heard(self) -> list[Event]:
        """All of it."""
        return self.sent

    @property
    def sung(self) -> None:
        """Nobody sings."""

    mix: ClassVar[None] = None
    strips: ClassVar[Mapping[str, Any]] = {}
    """No plugin has played yet."""

    def keys(self) -> list[Bar]:
        """What was given."""
        return [_bar(line, None) for line in self.given.lines]

    def bars(self) -> list[Bar]:
        """What the model wrote."""
        return [_bar(line, line.row) for line in self.written]

    def plans(self) -> Plans:
        """Where the model goes on."""
        return Plans(split=self.split / RATE if self.given.lines else None, composed=True)

    def summary(self) -> dict[str, object]:
        """Counts for people and for JSON."""
        counts = Counter(line.row for line in self.written)
        return {
            "preset": self.preset.name,
            "seconds": round(self.frames / RATE, 3),
            "given": len(self.given.lines),
            "written": len(self.written),
            "from_second": round(self.split / RATE, 3),
            "seed": self.preset.seed,
            "notes": {one.name: counts[row] for row, one in enumerate(self.preset.ensemble)},
        }


def _bar(line: Line, row: int | None) -> Bar:
    return Bar(line.start / RATE, line.end / RATE, line.pitch, line.velocity, row)


def _untangled(lines: Iterable[Line]) -> list[Line]:
    """Notes of which none still sounds when its own pitch is struck again on the same instrument."""
    following: dict[tuple[int, int], int] = {}
    found = []
    for line in sorted(lines, key=lambda line: line.start, reverse=True):
        limit = following.get((line.row, line.pitch))
        if limit is None or line.start < limit:
            found.append(replace(line, end=line.end if limit is None else min(line.end, limit)))
            following[line.row, line.pitch] = line.start
    return found[::-1]


# --- Who plays -----------------------------------------------------------------------------------------------------


def ensemble_of(codes: Sequence[int], options: Iterable[str], name: str) -> Preset:
    """A preset of these instruments of the model, with KEY=VALUE overrides. UserError for what cannot be used."""
    if len(codes) > MAX_INSTRUMENTS:
        raise UserError(f"{len(codes)} instruments: an ensemble has at most {MAX_INSTRUMENTS}")
    lines = [f"name = {quote(name)}", "[continuation]", 'mode = "duet"']
    for code in codes:
        lines += [
            "[[ensemble]]",
            *(f"{key} = {quote(v) if isinstance(v, str) else v}" for key, v in row_of(code).items()),
        ]
    return presets.read("\n".join(lines), name, options)


def _settings(preset: Preset) -> Continuation:
    if preset.continuation is None:
        raise UserError(
            f"the preset {preset.name!r} has no [continuation]: use duet or band, or add --set continuation.mode=duet"
        )
    return preset.continuation


# --- What is given -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """What the model goes on from. lines: it as it is to be heard; controls: its pedals and the like, re-seated."""

    preset: Preset
    grid: Grid
    piece: Piece
    lines: list[Line]
    controls: list[Event]


def _given(source: Path, preset: Preset | None, options: Sequence[str]) -> Given:
    score = read_score(source, RATE)
    notes = notes_of(score.events, score.frames)
    if preset is None:
        codes = sorted({note.code for note in notes} - {0})
        if not codes:
            raise UserError(f"{source}: none of its instruments is one of the model's; say who plays: --preset duet")
        preset = ensemble_of(codes, options, source.stem)
        places_of = {code: row for row, code in enumerate(codes)}
        rows = [places_of.get(note.code) for note in notes]
    else:
        _settings(preset)
        heard = {channel - 1 for channel in preset.in_channels}
        own = preset.player or 0
        rows = [own if note.channel in heard else None for note in notes]
    told = [(note, row) for note, row in zip(notes, rows, strict=True) if row is not None]
    if not told:
        raise UserError(f"{source}: there is no note in it to go on from")
    settings, codes = _settings(preset), model_codes(preset)
    grid = Grid(score, settings.tempo, settings.beats)
    piece = piece_of([note for note, _ in told], grid, [codes[row] for _, row in told], settings.style)
    lines = [Line(note.start, note.end, row, note.pitch, note.velocity) for note, row in told]
    return Given(preset, grid, piece, lines, _controls(preset, score, {note.channel: row for note, row in told}))


def _controls(preset: Preset, score: Score, row_of_channel: Mapping[int, int]) -> list[Event]:
    """Pedals, bends and pressure of the given, where its notes leave; and every pedal up at the end."""
    seats, down = places(preset), set[tuple[int, int]]()
    found: list[Event] = []
    for frame, _, data in score.events:
        row = row_of_channel.get(data[0] & 15)
        if data[0] & 0xF0 in (_CONTROL, _PRESSURE, _BEND) and row is not None:
            port, channel = seats[row]
            found.append((frame, port, bytes((data[0] & 0xF0 | channel, *data[1:]))))
            if data[0] & 0xF0 == _CONTROL and data[1] == _SUSTAIN:
                (down.add if data[2] >= 64 else down.discard)((port, channel))
    return found + [(score.frames, port, bytes((_CONTROL | channel, _SUSTAIN, 0))) for port, channel in sorted(down)]


def _nothing(preset: Preset) -> Given:
    """An empty piece of the preset's tempo and meter."""
    import mido

    settings = _settings(preset)
    file = mido.MidiFile(type=1, ticks_per_beat=_TICKS_PER_BEAT)
    tempo = mido.MetaMessage("set_tempo", tempo=round(60_000_000 / settings.tempo))
    file.tracks.append(mido.MidiTrack([tempo, mido.MetaMessage("time_signature", numerator=settings.beats)]))
    grid = Grid(score_of(file, RATE), settings.tempo, settings.beats)
    return Given(preset, grid, piece_of([], grid, [], settings.style), [], [])


# --- Writing -------------------------------------------------------------------------------------------------------


def go_on(source: Path, preset: Preset | None, bars: int, options: Sequence[str]) -> Composition:
    """A MIDI file, and `bars` bars of the model's after it.

    preset: who goes on; all of the file is then what the player plays on his instrument. None: the file's own
    instruments, with `options` as KEY=VALUE of a preset made of them. UserError for what cannot be used.
    """
    return _written(_given(source, preset, options), bars)


def from_scratch(preset: Preset | None, codes: Sequence[int], bars: int, options: Sequence[str]) -> Composition:
    """A new piece. codes: the model's instruments, where no preset says who plays; none: the model chooses."""
    if preset is None and not codes:
        from ripieno.models.continuation.compose import cast

        somebody = ensemble_of([1], options, _UNTITLED)
        settings = _settings(somebody)
        model = answer_model(settings.weights)
        codes = cast(model.transformer, settings.temperature, settings.style, somebody.seed)
    return _written(_nothing(preset or ensemble_of(codes, options, _UNTITLED)), bars)


def _written(given: Given, bars: int) -> Composition:
    """What the model writes, from the first beat on at which nothing of the given sounds any more."""
    from ripieno.models.continuation import compose

    settings, grid = _settings(given.preset), given.grid
    model = answer_model(settings.weights)
    start = -(-given.piece.end // POSITIONS) * POSITIONS
    until = start + bars * grid.bar_length(start)
    wish = _wish(given, model, grid.bar_length(start))
    try:
        notes = compose.go_on(model.transformer, given.piece.notes, start, until, wish, grid.bars(start)[-1])
    except compose.ComposeError as error:
        raise UserError(f"{settings.weights}: {error}") from None
    return Composition(given, _performed(given, notes), grid.frame(start))


def _wish(given: Given, model: AnswerModel, bar: int) -> "compose.Wish":
    from ripieno.models.continuation import compose

    settings = _settings(given.preset)
    key = compose.heard_key(given.piece.notes) if settings.key == "auto" else settings.key
    return compose.Wish(
        ranges=_Seats(given.preset, settings.register).ranges(),
        sampling=model.sampling(settings.temperature, settings.top_p),
        pull=settings.key_pull,
        pitch_classes=frozenset(range(12)) if isinstance(key, str) else compose.pitch_classes(*key),
        bar_beats=0 if bar % POSITIONS else bar // POSITIONS,
        patience=_PATIENCE,
        style=settings.style,
        seed=given.preset.seed,
        window=model.window,
    )


class _Seats:
    """Who plays what the model writes: it knows an instrument once, where an ensemble may have several of it."""

    def __init__(self, preset: Preset, register: int) -> None:
        self._free = [0] * len(preset.ensemble)  # the tick from which each has nothing to play
        self._seats: dict[int, list[tuple[int, int, int]]] = {}  # of each code: row, lowest, highest pitch
        for row, (code, one) in enumerate(zip(model_codes(preset), preset.ensemble, strict=True)):
            by = 0 if code == DRUMS else register
            low, high = (max(0, min(127, pitch + by)) for pitch in one.range)
            if one.enabled:
                self._seats.setdefault(code, []).append((row, low, high))

    def ranges(self) -> dict[int, tuple[int, int]]:
        """The range that each instrument has among those who play it."""
        return {
            code: (min(low for _, low, _ in seats), max(high for _, _, high in seats))
            for code, seats in self._seats.items()
        }

    def take(self, code: int, pitch: int, tick: int, length: int) -> int:
        """The row of who plays a note: of those who reach it, the one who has had nothing to play for longest."""
        seats = self._seats[code]
        reach = [row for row, low, high in seats if low <= pitch <= high] or [row for row, _, _ in seats]
        row = min(reach, key=lambda one: self._free[one])
        self._free[row] = tick + length
        return row


def _performed(given: Given, notes: "ModelScore") -> list[Line]:
    """The model's notes with the player's touch."""
    from ripieno.models.continuation.feel import Feel, touch_of

    settings, grid, piece = _settings(given.preset), given.grid, given.piece
    seats = _Seats(given.preset, settings.register)
    touch = touch_of(piece.velocities, piece.deviations)
    feel = Feel(touch, settings.follow_velocity, settings.humanize, given.preset.seed)
    columns = (getattr(notes, name).tolist() for name in ("tick", "length", "instrument", "pitch", "velocity"))
    lines = []
    for tick, length, code, pitch, velocity in zip(*columns, strict=True):
        row = seats.take(code, pitch, tick, length)
        late = round(feel.lateness(code, tick) * RATE)
        start, end = max(0, grid.frame(tick) + late), grid.frame(tick + length) + late
        lines.append(Line(start, max(start + 1, end), row, pitch, feel.velocity(velocity or _MIDDLING)))
    return lines
