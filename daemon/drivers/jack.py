"""--driver jack: a client of a JACK server, whose callback is C (see ripieno.native.drivers)."""

from collections.abc import Sequence

from ripieno.daemon.drivers.base import plainly
from ripieno.native.drivers import DriverState, JackDriver
from ripieno.native.engine import Engine

_SIDES = 2  # loudspeakers, left and right


class Jack:
    """A `Driver` on a JACK server; see ripieno.daemon.drivers.base."""

    name = "jack"
    finished = False
    sounds = True

    def __init__(self, client: str, inputs: Sequence[str], outputs: Sequence[str], audios: Sequence[str] = ()) -> None:
        with plainly():
            self._driver = JackDriver(client, list(inputs), list(outputs), list(audios))

    @property
    def sample_rate(self) -> int:
        return self._driver.sample_rate

    def open(self) -> None:
        with plainly():
            self._driver.open()

    def start(self, engine: Engine) -> None:
        with plainly():
            self._driver.start(engine)

    def stop(self) -> bool:
        return self._driver.stop()

    def connect_in(self, part: str) -> str:
        with plainly():
            return self._driver.connect_in(part)

    def connect_out(self, part: str) -> str:
        with plainly():
            return self._driver.connect_out(part)

    def connect_audio(self, part: str) -> str:
        with plainly():
            parts = [part] if part else self._driver.speakers()[:_SIDES]
            return ", ".join(self._driver.connect_audio(one) for one in parts)

    def tend(self) -> list[str]:
        return self._driver.tend()

    def state(self) -> DriverState:
        return self._driver.state()

    def describe(self) -> str:
        state = self._driver.state()
        ports = ", ".join(self._driver.ports)
        return f"JACK at {state.sample_rate} Hz, {state.period} frames a period; ports {ports}"
