"""Python face of the timeline: the one clock, which beat it is at which frame. Nothing here runs as music is played.

The engine has a timeline of its own and runs it in C; here one is run by hand, cycle by cycle, and the state of either
is read. A beat is a quarter note; frames are the driver's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ripieno.native._native import ffi, lib

SOURCES = {
    "internal": lib.RP_CLOCK_INTERNAL,
    "tap": lib.RP_CLOCK_TAP,
    "midi": lib.RP_CLOCK_MIDI,
    "link": lib.RP_CLOCK_LINK,
    "jack": lib.RP_CLOCK_JACK,
    "player": lib.RP_CLOCK_PLAYER,
}
SLOWEST, FASTEST = float(lib.RP_BPM_MIN), float(lib.RP_BPM_MAX)
"""Beats a minute: the tempos there are."""

_NAMES = {number: name for name, number in SOURCES.items()}
_ROOM = 128


class Sent(NamedTuple):
    """A message of MIDI clock that leaves at `frame`."""

    frame: int
    data: bytes


@dataclass(frozen=True)
class TimelineState:
    """What a timeline said of its last cycle: the fields of rp_timeline_state in timeline.h.

    bpm; beat: at `frame`, or where it stopped. residual: ms, root mean square of what the source says against what was
    played, lately; away: ms that the source's line is ahead now. locked: the source is heard, and followed freely;
    slewing: it was taken over from another, and the phase is still on its way. heard: observations; jumps: times that
    the place was set.
    """

    source: str
    bpm: float
    beat: float
    residual: float
    away: float
    frame: int
    heard: int
    rolling: bool
    locked: bool
    slewing: bool
    jumps: int


def state_of(pointer: Any) -> TimelineState:
    """The state of an rp_timeline, whichever thread runs it."""
    out = ffi.new("rp_timeline_state *")
    lib.rp_timeline_get(pointer, out)
    return state_in(out)


def state_in(out: Any) -> TimelineState:
    """The same, of an rp_timeline_state."""
    return TimelineState(
        _NAMES[out.source],
        out.bpm,
        out.beat,
        out.residual,
        out.away,
        out.frame,
        out.heard,
        bool(out.rolling),
        bool(out.locked),
        bool(out.slewing),
        out.jumps,
    )


class Timeline:
    """A timeline, with MIDI clock coming in and going out; see timeline.h, clock_in.h and clock_out.h.

    Each cycle: first what came in (`observe`, `hear`, `start`, `stop`), then `advance`, then ask.
    """

    def __init__(self, sample_rate: float = 48000.0, bpm: float = 120.0, frame: int = 0) -> None:
        """Beat 0 at `frame`. Raises ValueError for a sample rate or tempo out of range."""
        if not 8000 <= sample_rate <= 384000:
            raise ValueError(f"no timeline at {sample_rate:g} Hz: 8,000 to 384,000 Hz")
        pointer = lib.rp_timeline_new()
        if pointer == ffi.NULL:
            raise MemoryError("no memory for a timeline")
        self.pointer: Any = ffi.gc(pointer, lib.rp_timeline_free)
        self._in, self._out = ffi.new("rp_clock_in *"), ffi.new("rp_clock_out *")
        self._room = ffi.new("rp_clock_byte[]", _ROOM)
        lib.rp_timeline_begin(self.pointer, sample_rate, frame, _tempo(bpm))

    def observe(self, source: str, frame: int, beat: float) -> None:
        """At this frame it was this beat of the source's own count."""
        lib.rp_timeline_observe(self.pointer, number_of(source), frame, beat)

    def hear(self, frame: int, data: bytes) -> None:
        """A MIDI message came in; any but clock, start, continue, stop and song position changes nothing."""
        lib.rp_clock_in_hear(self._in, self.pointer, frame, data, len(data))

    def choose(self, source: str) -> None:
        """Follow this source from now on."""
        lib.rp_timeline_choose(self.pointer, number_of(source))

    def set_tempo(self, bpm: float) -> None:
        """Of the internal clock. Raises ValueError for a tempo out of range."""
        lib.rp_timeline_set_tempo(self.pointer, _tempo(bpm))

    def start(self, source: str, frame: int, own: float, beat: float) -> None:
        """The transport starts; the source's own beat is there the timeline's `beat`."""
        lib.rp_timeline_start(self.pointer, number_of(source), frame, own, beat)

    def locate(self, source: str, frame: int, own: float, beat: float) -> None:
        """It is elsewhere from this frame on, rolling or not as it was."""
        lib.rp_timeline_locate(self.pointer, number_of(source), frame, own, beat)

    def stop(self, source: str, frame: int) -> None:
        """The transport stops; the clock ticks on."""
        lib.rp_timeline_stop(self.pointer, number_of(source), frame)

    def advance(self, frame: int) -> None:
        """A cycle begins."""
        lib.rp_timeline_advance(self.pointer, frame)

    def beat(self, frame: int) -> float:
        """The beat at a frame of this cycle."""
        return float(lib.rp_timeline_beat(self.pointer, frame))

    def frame(self, beat: float) -> float:
        """The frame, with its fraction, of a beat of this cycle."""
        return float(lib.rp_timeline_frame(self.pointer, beat))

    def send(self, frame: int, frames: int) -> list[Sent]:
        """MIDI clock of the cycle, which begins at `frame` and has so many frames."""
        count = lib.rp_clock_out_cycle(self._out, self.pointer, frame, frames, self._room, _ROOM)
        return [_sent(frame, self._room[i]) for i in range(count)]

    def state(self) -> TimelineState:
        """As of the last `advance`."""
        return state_of(self.pointer)

    @property
    def lost(self) -> int:
        """Ticks of MIDI clock that did not come in, by those around them."""
        return int(self._in.lost)


def number_of(source: str) -> int:
    """A source's RP_CLOCK_... by its name. Raises ValueError for a name that there is not."""
    if source not in SOURCES:
        raise ValueError(f"no clock {source!r}; there are {', '.join(SOURCES)}")
    return int(SOURCES[source])


def _tempo(bpm: float) -> float:
    if not SLOWEST <= bpm <= FASTEST:
        raise ValueError(f"{bpm:g} BPM is no tempo: {SLOWEST:g} to {FASTEST:g}")
    return float(bpm)


def _sent(frame: int, one: Any) -> Sent:
    return Sent(frame + one.offset, bytes(one.byte[0 : one.size]))
