"""A clock that runs the engine, and the thread that hands out what the engine sends."""

from collections.abc import Callable
from threading import Thread

from ripieno.daemon.drivers.base import plainly
from ripieno.native.drivers import Clock, DriverState, stop_engine
from ripieno.native.engine import Engine

SAMPLE_RATE = 48_000
BLOCK = 64  # frames: a message waits for 1.3 ms at most
_WAIT_MS = 50
_SYSEX, _SYSEX_END, _REAL_TIME = 0xF0, 0xF7, 0xF8

Deliver = Callable[[int, int, bytes], None]
"""Takes (frame, port, a whole MIDI message)."""


class Paced:
    """Runs an engine at real pace; `deliver` gets each message it sends, on a thread of its own.

    The engine passes a SysEx on in the pieces it came in; here it is put together again.
    """

    def __init__(self, sources: int, outputs: int, deliver: Deliver, sample_rate: int = SAMPLE_RATE) -> None:
        with plainly():
            self.clock = Clock(sample_rate, BLOCK, sources, outputs)
        self._deliver = deliver
        self._sysex = [bytearray() for _ in range(outputs)]
        self._thread: Thread | None = None
        self._engine: Engine | None = None
        self._ending = False

    def start(self, engine: Engine) -> None:
        """Begin."""
        self._engine, self._ending = engine, False
        self._thread = Thread(target=self._hand_out, name="ripieno-out", daemon=True)
        self._thread.start()
        with plainly():
            self.clock.start(engine)

    def stop(self) -> bool:
        """Release every note, hand out the last message, end. False: the engine did not answer."""
        silent = self._engine is None or stop_engine(self._engine, self)
        self.clock.stop()
        self._engine, self._ending = None, True
        if self._thread:
            self._thread.join()
        self._thread = None
        return silent

    def state(self) -> DriverState:
        """How the clock does."""
        return self.clock.state()

    def _hand_out(self) -> None:
        while True:
            event = self.clock.receive(_WAIT_MS)
            if event:
                self._pass_on(*event)
            elif self._ending:
                return

    def _pass_on(self, frame: int, port: int, data: bytes) -> None:
        status, collected = data[0], self._sysex[port]
        if status >= _REAL_TIME:  # these come between the pieces of others
            self._deliver(frame, port, data)
            return
        if status & 0x80 and status != _SYSEX_END:
            collected.clear()  # a message begins; what was not ended is lost
        collected += data
        if collected[0] != _SYSEX or collected[-1] == _SYSEX_END:
            self._deliver(frame, port, bytes(collected))
            collected.clear()
