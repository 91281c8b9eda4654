"""--driver file: a MIDI file plays, at real pace, in the player's place."""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

from ripieno.daemon.drivers import rtmidi
from ripieno.daemon.drivers.base import NO_SOUND, NO_SOUND_IN
from ripieno.daemon.drivers.paced import SAMPLE_RATE, Paced
from ripieno.daemon.errors import UserError
from ripieno.daemon.score import read_score
from ripieno.native.drivers import DriverState
from ripieno.native.engine import Engine, Event
from ripieno.native.links import Link

_AHEAD = SAMPLE_RATE  # frames of the file that wait in the clock's queue
_TAIL = SAMPLE_RATE // 2  # frames between the file's last event and the end
_PAUSE = 0.1


class File:
    """A `Driver` that plays a MIDI file once; see ripieno.daemon.drivers.base.

    What the engine sends is kept in `sent` and, with `connect_out`, goes to a device by python-rtmidi as well.
    """

    name = "file"
    sounds = False
    hears = False
    stirred = False
    new_rate = 0
    sample_rate = SAMPLE_RATE

    def __init__(self, path: Path, outputs: Sequence[str], linger_s: float = 0.0) -> None:
        """linger_s: seconds that it goes on for after the file's end: somebody may answer."""
        self._path, self._outputs = path, list(outputs)
        self._tail = _TAIL + round(linger_s * SAMPLE_RATE)
        self._paced = Paced(1, max(1, len(outputs)), self._deliver)
        self.sent: list[Event] = []
        self._device: Any = None
        self._ending = Flag()
        self._thread: Thread | None = None
        self._waiting: deque[Event] = deque()

    def open(self) -> None:
        self._score = read_score(self._path, SAMPLE_RATE)
        self._last = self._score.frames + self._tail

    def start(self, engine: Engine) -> None:
        self._ending.clear()
        self._waiting = deque(self._score.events)
        self._fill()  # before the clock starts, so that the first notes are not late
        self._thread = Thread(target=self._feed, name="ripieno-file", daemon=True)
        self._paced.start(engine)
        self._thread.start()

    def _fill(self) -> None:
        """Give the clock what comes within about a second, as far as its queue has room."""
        clock, waiting = self._paced.clock, self._waiting
        while waiting and waiting[0][0] <= clock.state().frame + _AHEAD and clock.send_at(0, *waiting[0]):
            waiting.popleft()

    def _feed(self) -> None:
        """Keep the clock's queue filled."""
        while self._waiting and not self._ending.wait(_PAUSE):
            self._fill()

    @property
    def finished(self) -> bool:
        """The file has been played, and a moment has gone since its last event."""
        return self._paced.state().frame >= self._last

    def stop(self) -> bool:
        self._ending.set()
        if self._thread:
            self._thread.join()
        silent = self._paced.stop()
        if self._device:
            self._device.delete()
        self._device = None
        return silent

    def _deliver(self, frame: int, port: int, data: bytes) -> None:
        self.sent.append((frame, port, data))
        if self._device and port == 0:
            with suppress(rtmidi.load().RtMidiError):  # it was pulled out; the music goes on
                self._device.send_message(data)

    def connect_in(self, part: str, port: int = 0) -> str:
        raise UserError(f"--driver file plays {self._path}; leave out --connect-in {part!r} or choose another driver")

    def connect_out(self, part: str, port: int = 0) -> str:
        name, self._device = rtmidi.outlet("ripieno", part)
        return name

    def listeners(self) -> dict[str, list[str]]:
        return {}

    def made_by_hand(self) -> list[Link]:
        return []

    def make_again(self, links: Sequence[Link]) -> None:
        """There were none."""

    def connect_audio(self, part: str) -> str:
        raise UserError(NO_SOUND)

    def connect_audio_in(self, part: str) -> str:
        raise UserError(NO_SOUND_IN)

    def tend(self) -> list[str]:
        return []

    def state(self) -> DriverState:
        return self._paced.state()

    def describe(self) -> str:
        seconds = self._score.frames / SAMPLE_RATE
        return f"{self._path}, {seconds:.0f} seconds at real pace"
