"""What PortAudio calls for each buffer of sound: a C function that runs a clock's engine. Python is not called."""

from __future__ import annotations

from typing import Any

from ripieno.native._native import ffi, lib
from ripieno.native.drivers import Clock, DriverError


def hush() -> None:
    """Let ALSA, where it is, keep its complaints to itself: they would cross the screen at every underflow."""
    lib.rp_portaudio_hush()


class Callback:
    """A `PaStreamCallback` for an output stream of 32-bit floats with so many channels, and its user data.

    While PortAudio calls it, it runs the clock's engine, and the clock's own thread stands by; where it stops being
    called, that thread goes on within a tenth of a second or so. An engine's only audio output sounds on every channel,
    several each on one. It must live until the stream is closed, and the clock too.
    """

    def __init__(self, clock: Clock, audios: int, channels: int) -> None:
        pointer = lib.rp_portaudio_new(clock.pointer, audios, channels)
        if pointer == ffi.NULL:
            raise DriverError(f"{audios} audio outputs on {channels} channels: 1 to 16 of each")
        self._pointer = ffi.gc(pointer, lib.rp_portaudio_free)
        self._clock = clock  # kept alive
        self.function = ffi.addressof(lib, "rp_portaudio_callback")
        self.data = ffi.cast("void *", self._pointer)

    @property
    def state(self) -> Any:
        """`rp_portaudio_state`: buffers, silent, underflows, frames (of the last buffer)."""
        state = ffi.new("rp_portaudio_state *")
        lib.rp_portaudio_get_state(self._pointer, state)
        return state[0]
