"""A score played through the engine off line: the same engine as on stage, as fast as it goes, the same every time."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from ripieno.daemon.answers import AnswerLog
from ripieno.daemon.band import Band, make_band
from ripieno.daemon.chain_keys import VOICE_PLACE
from ripieno.daemon.chains import Chains, make_chains
from ripieno.daemon.clock import begin_offline
from ripieno.daemon.colors import PIANO_COLOR, VOICE_COLOR, color_of
from ripieno.daemon.errors import UserError
from ripieno.daemon.plot import Bar, Plans, Sung
from ripieno.daemon.presets import Preset
from ripieno.daemon.rig import (
    audio_input_names,
    audio_names,
    build,
    decides_when,
    delay_frames,
    melody_port,
    output_names,
    places,
    strip_names,
)
from ripieno.daemon.score import Event, Part, Score
from ripieno.daemon.singer import Singer, make_singer
from ripieno.daemon.sung import line, share
from ripieno.native.engine import Engine, Report, Rig, Sound, Stats, run_offline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ripieno.native.singing import SingingReport

    Audio = NDArray[np.float32]

RATE = 48_000
BLOCK = 128
_CHUNK = 64 * BLOCK
_NOTE_OFF, _NOTE_ON, _CONTROL, _PROGRAM = 0x80, 0x90, 0xB0, 0xC0
# What plugins ring on for: until they have been silent (below -100 dB) for as long as this, but not for ever.
_QUIET_SECONDS, _RINGING_SECONDS, _QUIET = 2.5, 30, 1e-5
_SUSTAIN = 64
VOICE_NAME, PIANO_NAME = "Voice", "Piano"  # the latter: what a voice sings along with


@dataclass(frozen=True)
class Take:
    """What came of playing a score: what the engine sent, the frame it ended at, counts.

    delays, moves: milliseconds from a key to its first sound, and to its change of hands, for each note (that changed).
    played: how many notes ended up with each instrument; None stands for those passed through.
    answers, band: what a band that answers did, and how it stood in the end. blocks, audio, voice: what a voice
    sang, its sound in one channel, and how it stood in the end. mix, strips, chains: with plugins, what they gave, left
    and right [frames, 2], that of each place apart, and how they stood.
    """

    preset: Preset
    score: Score
    sent: list[Event]
    frames: int
    stats: Stats
    delays: list[float]
    moves: list[float]
    played: Mapping[int | None, int]
    answers: AnswerLog | None = None
    band: Mapping[str, Any] | None = None
    blocks: "Sequence[SingingReport]" = ()
    audio: "NDArray[np.float32] | None" = None
    voice: Mapping[str, Any] | None = None
    mix: "Audio | None" = None
    strips: "Mapping[str, Audio]" = field(default_factory=dict)
    chains: Mapping[str, Any] | None = None

    @property
    def parts(self) -> list[Part]:
        """The tracks of it: an instrument each, or, passed through, a channel each."""
        there = zip(self.preset.ensemble, places(self.preset), strict=True)
        found: list[tuple[str, tuple[int, int | None]]] = [
            (one.name, (port, None if one.mpe else channel)) for one, (port, channel) in there
        ]
        if not found:
            used = sorted({(port, data[0] & 15) for _, port, data in self.heard if data[0] < 0xF0}) or [(0, 0)]
            alone = self.preset.singing is not None and len(used) == 1
            found = [(PIANO_NAME if alone else f"Channel {channel + 1}", (port, channel)) for port, channel in used]
        found += [(VOICE_NAME, (melody_port(self.preset), 0))] if self.preset.singing else []
        return [Part(name, port, channel) for name, (port, channel) in found]

    @property
    def heard(self) -> list[Event]:
        """What instruments play; a voice has a sound of its own. A synthesizer that knows nothing of MPE has
        such an instrument's program on all of its channels."""
        silent = melody_port(self.preset) if self.preset.singing else None
        there = zip(self.preset.ensemble, places(self.preset), strict=True)
        wide = [(port, one.program - 1) for one, (port, _) in there if one.mpe and self.preset.send_programs]
        programs = [(0, port, bytes((_PROGRAM | channel, program))) for port, program in wide for channel in range(16)]
        return programs + [event for event in self.sent if event[1] != silent]

    @property
    def colors(self) -> list[str]:
        """A colour for each part."""
        own = [one.color for one in self.preset.ensemble] + [""] * len(self.parts)
        known = {VOICE_NAME: VOICE_COLOR, PIANO_NAME: PIANO_COLOR} if self.preset.singing else {}
        return [color_of(i, own[i] or known.get(part.name, "")) for i, part in enumerate(self.parts)]

    def summary(self) -> dict[str, object]:
        """Counts and delays for people and for JSON."""
        return {
            "preset": self.preset.name,
            "decided": decides_when(self.preset) if self.preset.ensemble else "thru",
            "seconds": round(self.frames / RATE, 3),
            "notes_in": self.stats.notes_in,
            "notes_out": self.stats.notes_out,
            "dropped": self.stats.dropped,
            "moved": self.stats.moved,
            "fallback": self.stats.fallback,
            "shared": self.stats.shared,
            "stolen": self.stats.stolen,
            "delay_ms": {"median": round(median(self.delays or [0]), 3), "max": round(max(self.delays, default=0), 3)},
            "latest_move_ms": round(max(self.moves, default=0), 3),
            "notes": self._counts(),
            **({"band": dict(self.band)} if self.band else {}),
            **({"voice": dict(self.voice) | {"share": round(share(self.blocks), 4)}} if self.voice else {}),
            **({"chains": dict(self.chains)} if self.chains else {}),
        }

    def _counts(self) -> dict[str, int]:
        sounding = Counter(bar.row for bar in self._sounding())
        decided = {i: self.played[i] for i in range(len(self.preset.ensemble))}  # where each note ended up
        return {part.name: decided.get(i, sounding[i]) for i, part in enumerate(self.parts)}

    def bars(self) -> list[Bar]:
        """The notes of every part, as they sounded; where a band answers, the band's and a voice's."""
        if self.answers:
            return self.answers.bars(RATE, self.frames) + [bar for bar in self._sounding() if self._is_sung(bar)]
        return self._sounding()

    def _sounding(self) -> list[Bar]:
        rows = {(part.port, part.channel): row for row, part in enumerate(self.parts)}
        return _bars(self.sent, rows, self.frames)

    def _is_sung(self, bar: Bar) -> bool:
        return self.preset.singing is not None and bar.row == len(self.parts) - 1

    def keys(self) -> list[Bar]:
        """The player's keys; none where they are heard as they were played, beside a voice."""
        if self.preset.singing and not self.preset.ensemble:
            return []
        return _bars(self.score.events, {}, self.frames)

    def plans(self) -> Plans | None:
        """What a band that answers had planned; None where there is none."""
        return self.answers.plans(RATE, self.frames) if self.answers else None

    @property
    def sung(self) -> Sung | None:
        """What a voice sang; None where there is none."""
        return Sung(len(self.parts) - 1, line(self.blocks, RATE), self.audio, RATE) if self.audio is not None else None


def _bars(events: Iterable[Event], rows: Mapping[tuple[int, int | None], int], end: int) -> list[Bar]:
    """Notes from their note-ons and note-offs; what is never released lasts to the end."""
    open_notes: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    bars = []

    def close(key: tuple[int, int, int], frame: int) -> None:
        start, velocity = open_notes[key].pop(0)
        bars.append(Bar(start / RATE, frame / RATE, key[2], velocity, rows.get(key[:2])))

    for frame, port, data in events:
        key = (port, data[0] & 15, data[1] if len(data) > 1 else 0)
        kind = data[0] & 0xF0
        if kind == _NOTE_ON and data[2]:
            open_notes.setdefault(key, []).append((frame, data[2]))
        elif kind in (_NOTE_ON, _NOTE_OFF) and open_notes.get(key):
            close(key, frame)
    for key, notes in open_notes.items():
        for _ in range(len(notes)):
            close(key, end)
    return sorted(bars, key=lambda bar: bar.start)


def play(preset: Preset, score: Score, progress: Callable[[float], None], apart: bool = False) -> Take:
    """Play a score, read at RATE, through a preset. progress: told the share done, from 0 to 1.

    At the score's end what still sounds is released; in a duet the band answers first. The same score and preset give
    the same take. apart: the sound of each place of plugins is kept, too. UserError where a plugin cannot be used.
    """
    preset = replace(preset, stems=apart and bool(preset.chain))
    chains = _chains(preset) if preset.chain else None
    try:
        return _play(preset, score, progress, chains)
    finally:
        if chains:
            chains.end()


def _chains(preset: Preset) -> Chains:
    """The plugins of a preset. UserError where one cannot be opened: nobody waits, and it would be missed."""
    chains, news = make_chains(preset, RATE, BLOCK, output_names(preset), audio_names(preset))
    if all(link.hosted for link in chains.links):
        return chains
    chains.end()
    raise UserError("\n".join(news))


def _play(preset: Preset, score: Score, progress: Callable[[float], None], chains: Chains | None) -> Take:
    band = make_band(preset, RATE, synchronous=True) if preset.continuation else None
    singer = make_singer(preset, RATE, synchronous=True) if preset.singing else None
    cores = (band.core if band else None, singer.core if singer else None, chains.rack if chains else None)
    audios = audio_names(preset)
    ports = (len(preset.inputs), len(output_names(preset)))
    with Engine(RATE, *ports, audios=len(audios), audio_inputs=len(audio_input_names(preset))) as engine:
        engine.load(build(preset, RATE, None, *cores, audios))
        begin_offline(engine, preset)
        player = _Offline(engine, score.events, band, singer, chains)
        end = _blocks(score.frames + 1 + delay_frames(preset, RATE))
        player.play(end, lambda at: progress(at / end))
        if band:
            end += _blocks(band.answer_frames())
            player.play(end, lambda at: progress(at / end))
        if singer:
            player.let_end(singer)
        if chains:
            player.ring(chains)
        engine.stop()
        player.run(player.at + _CHUNK)
        progress(1.0)
        last = max([score.frames, *(frame for frame, _, _ in player.sent[-1:])])
        mix, strips = _apart(preset, player.sound) if chains else (None, {})
        if chains:
            chains.tend()
        return Take(
            preset,
            score,
            player.sent,
            last,
            engine.stats(),
            player.delays,
            player.moves,
            player.played,
            player.answers,
            band.status(last) if band else None,
            player.blocks,
            _voice_alone(player.sound, strips) if singer else None,
            singer.status() if singer else None,
            mix,
            strips,
            chains.status() if chains else None,
        )


def sound_of(
    preset: Preset, sent: Sequence[Event], frames: int, progress: Callable[[float], None], apart: bool = False
) -> "tuple[Audio, dict[str, Audio], dict[str, Any]]":
    """What the plugins of a preset make of MIDI that leaves on its ports, at RATE: `mix`, `strips`, `chains` of a Take.

    frames: when it ends. UserError where a plugin cannot be used.
    """
    preset = replace(preset, stems=apart)
    chains = _chains(preset)
    ports, audios = len(output_names(preset)), {"audios": len(audio_names(preset))}
    try:
        with Engine(RATE, ports, ports, **audios, audio_inputs=len(audio_input_names(preset))) as engine:
            engine.load(Rig("thru", rack=chains.rack))
            player = _Offline(engine, sent, None, None, chains)
            end = _blocks(frames + 1)
            player.play(end, lambda at: progress(at / end))
            player.ring(chains)
            chains.tend()
            return *_apart(preset, player.sound), chains.status()
    finally:
        chains.end()


def _apart(preset: Preset, sound: "Audio") -> "tuple[Audio, dict[str, Audio]]":
    """What the audio outputs [frames, outputs] gave: the mix, and the places of plugins, each [frames, 2]."""
    places_of_it = strip_names(preset) if preset.stems else []
    return sound[:, :2], {name: sound[:, 2 * n : 2 * n + 2] for n, name in enumerate(places_of_it, 1)}


def _voice_alone(sound: "Audio", strips: "Mapping[str, Audio]") -> "Audio | None":
    """The voice in one channel; None where it is only heard among others."""
    if VOICE_PLACE in strips:
        return strips[VOICE_PLACE].mean(axis=1)
    return sound[:, 0] if sound.shape[1] == 1 else None


def _blocks(frames: int) -> int:
    """Frames rounded up to whole blocks."""
    return -(-frames // BLOCK) * BLOCK


class _Offline:
    """An engine run piece by piece, its reports read as it goes."""

    def __init__(
        self, engine: Engine, events: Sequence[Event], band: Band | None, singer: Singer | None, chains: Chains | None
    ) -> None:
        self.engine, self.events, self.band, self.singer, self.chains = engine, list(events), band, singer, chains
        self.blocks: list[SingingReport] = []
        self._sound = Sound(engine.audios) if engine.audios else None
        self._pieces: list[Audio] = []
        self.answers = AnswerLog() if band else None
        self.at = self.next = 0
        self.sent: list[Event] = []
        self.delays: list[float] = []
        self.moves: list[float] = []
        self.played: Counter[int | None] = Counter()

    @property
    def sound(self) -> "Audio":
        """All that was heard, [frames, audio outputs]."""
        import numpy as np

        return np.concatenate(self._pieces) if self._pieces else np.zeros((0, self.engine.audios), np.float32)

    def play(self, end: int, progress: Callable[[int], None]) -> None:
        """Play on to a frame, a whole number of blocks away, telling how far it has come."""
        while self.at < end:
            self.run(min(self.at + _CHUNK, end))
            progress(self.at)

    def let_end(self, singer: Singer) -> None:
        """Play on until the voice has ended what it sings, for some seconds at most."""
        last = self.at + singer.longest_ending()
        while singer.sounds() and self.at < last:
            self.run(self.at + _CHUNK)

    def ring(self, chains: Chains) -> None:
        """Release what is held and play on until the plugins are silent, for half a minute at most."""
        if self.band or self.singer:  # they are done
            self.engine.load(Rig("thru", rack=chains.rack))
        self.events += [(self.at, port, data) for port, data in _releases(self.events)]
        quiet, last = 0, self.at + _RINGING_SECONDS * RATE
        while quiet < _QUIET_SECONDS * RATE and self.at < last:
            self.run(self.at + _CHUNK)
            quiet = quiet + _CHUNK if abs(self._pieces[-1]).max() < _QUIET else 0

    def run(self, until: int) -> None:
        """Play on up to a frame, a whole number of blocks away."""
        first = self.next
        while self.next < len(self.events) and self.events[self.next][0] < until:
            self.next += 1
        due = self.events[first : self.next]
        self.sent += run_offline(self.engine, due, until, from_frame=self.at, block=BLOCK, sound=self._sound)
        self._keep((until - self.at) / RATE)
        self.at = until
        if self.singer:
            self.blocks += self.singer.hear()
        if self.band and self.answers:
            self.answers.hear(self.band.hear())
        reports = [report for report in self.engine.poll() if not report.sung]
        self.delays += _after_key(reports, "note_on")
        self.moves += _after_key(reports, "move")
        self.played.update(report.instrument for report in reports if report.kind in ("note_on", "move"))
        self.played.subtract(report.from_ for report in reports if report.kind == "move")

    def _keep(self, seconds: float) -> None:
        if self._sound is not None:
            self._pieces.append(self._sound.samples())
            self._sound.clear()
        if self.chains:
            self.chains.look(seconds)


def _releases(events: Iterable[Event]) -> list[tuple[int, bytes]]:
    """(port, message) that let go of the keys and pedals that are down in the end."""
    down: dict[tuple[int, int, int, int], bytes] = {}
    for _, port, data in events:
        kind, channel = data[0] & 0xF0, data[0] & 15
        if kind in (_NOTE_ON, _NOTE_OFF):
            held = bytes((_NOTE_OFF | channel, data[1], 64)) if kind == _NOTE_ON and data[2] else b""
            down[port, _NOTE_ON, channel, data[1]] = held
        elif kind == _CONTROL and data[1] == _SUSTAIN:
            down[port, _CONTROL, channel, _SUSTAIN] = bytes((data[0], _SUSTAIN, 0)) if data[2] >= 64 else b""
    return [(key[0], data) for key, data in down.items() if data]


def _after_key(reports: Iterable[Report], kind: str) -> list[float]:
    """Milliseconds from the key to each report of a kind."""
    return [(report.frame - report.key_frame) * 1000 / RATE for report in reports if report.kind == kind]
