"""JACK clients that are no engine, for tests and benchmarks: the other end of the cable, and the cable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.native._native import ffi, lib
from ripieno.native.drivers import JackClient
from ripieno.native.engine import Event

_ROOM = 1 << 22


class JackProbe(JackClient):
    """Plays `script`, (frame, port, bytes) by frame counted from `go`, and records. Its callback is C.

    All frames it reports are the server's, so that those of two probes can be compared. room: bytes it can record.
    Of its `audio_inputs` it records the first `audio_frames` frames; on its `audio_outputs` it plays what it `says`,
    float32 [frames], from `go` on.
    """

    def __init__(
        self,
        name: str,
        inputs: list[str],
        outputs: list[str],
        script: Iterable[Event] = (),
        room: int = _ROOM,
        *,
        audio_inputs: Sequence[str] = (),
        audio_frames: int = 0,
        audio_outputs: Sequence[str] = (),
        says: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__(name, inputs, outputs, audio_inputs, audio_outputs)
        self._tape = ffi.gc(lib.rp_tape_new(), lib.rp_tape_free)
        self.script = list(script)
        for frame, port, data in self.script:
            lib.rp_tape_add(self._tape, frame, port, data, len(data))
        self._probe = ffi.gc(lib.rp_probe_new(self._tape, room), lib.rp_probe_free)
        if not lib.rp_probe_listen(self._probe, len(audio_inputs), audio_frames):
            raise MemoryError(f"no memory for {audio_frames} frames of sound")
        if says is not None:
            self._words = ffi.new("float[]", np.asarray(says, np.float32).tolist())
            lib.rp_probe_say(self._probe, self._words, len(self._words))

    def start(self) -> None:
        """Record from now on. Raises DriverError."""
        self._check(lib.rp_jack_start_probe(self._jack, self._probe))

    def go(self) -> None:
        """Play the script."""
        lib.rp_probe_go(self._probe)

    @property
    def went_frame(self) -> int:
        """The frame at which it began to play, 0: it has not begun."""
        return int(lib.rp_probe_went_frame(self._probe))

    @property
    def done(self) -> bool:
        """The whole script has been sent."""
        return bool(lib.rp_probe_get_state(self._probe).sent == len(self.script))

    @property
    def missed(self) -> int:
        """Events heard that there was no room for."""
        return int(lib.rp_probe_get_state(self._probe).missed)

    def sent(self) -> list[Event]:
        """What of the script has been sent, and the frames it was sent at."""
        count = lib.rp_probe_get_state(self._probe).sent
        frames = [lib.rp_probe_sent_frame(self._probe, i) for i in range(count)]
        return [(frame, port, data) for frame, (_, port, data) in zip(frames, self.script, strict=False)]

    def received(self, first: int = 0) -> list[Event]:
        """What it heard, from the event of that number on."""
        count = lib.rp_probe_get_state(self._probe).received
        return [_event(lib.rp_probe_received(self._probe, i)) for i in range(first, count)]

    @property
    def first_frame(self) -> int:
        """The server's frame of the first sample recorded, once there is one."""
        return int(lib.rp_probe_first_frame(self._probe))

    def sound(self, port: int = 0) -> NDArray[np.float32]:
        """float32 [frames] of an audio input so far, a copy."""
        count = lib.rp_probe_frames(self._probe)
        raw = ffi.buffer(lib.rp_probe_sound(self._probe, port), 4 * count) if count else b""
        return np.frombuffer(raw, np.float32).copy()


class JackWire(JackClient):
    """A JACK client that passes on what comes in, and is nothing else: what a C client costs at the least."""

    def start(self) -> None:
        """Pass on from now on. Raises DriverError."""
        self._check(lib.rp_jack_start_wire(self._jack))


def _event(one: Any) -> Event:
    return one.frame, one.port, bytes(ffi.buffer(one.data, one.size))
