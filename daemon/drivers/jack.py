"""--driver jack: a client of a JACK server, whose callback is C (see ripieno.native.drivers)."""

from collections.abc import Callable, Sequence

from ripieno.daemon.chain_checks import LEFT, LEFT_IN, RIGHT, RIGHT_IN
from ripieno.daemon.drivers.base import plainly
from ripieno.daemon.errors import UserError
from ripieno.daemon.latencies import SOUND
from ripieno.native.drivers import DriverState, JackDriver, natural
from ripieno.native.engine import Engine
from ripieno.native.links import Link

_SIDES = 2  # loudspeakers, left and right


class Jack:
    """A `Driver` on a JACK server; see ripieno.daemon.drivers.base."""

    name = "jack"
    finished = False
    sounds = True
    hears = True

    def __init__(
        self,
        client: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        audios: Sequence[str] = (),
        audio_inputs: Sequence[str] = (),
    ) -> None:
        self._audios, self._audio_inputs = list(audios), list(audio_inputs)
        with plainly():
            self._driver = JackDriver(client, list(inputs), list(outputs), self._audios, self._audio_inputs)

    @property
    def new_rate(self) -> int:
        return self._driver.new_rate

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

    def connect_in(self, part: str, port: int = 0) -> str:
        with plainly():
            return self._driver.connect_in(part, port)

    def connect_out(self, part: str, port: int = 0) -> str:
        with plainly():
            return self._driver.connect_out(part, port)

    def listeners(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for link in self._driver.links.links:
            if not link.into:
                found.setdefault(SOUND if link.audio else link.ours, []).append(link.device.key)
        return found

    def made_by_hand(self) -> list[Link]:
        return [link for link in self._driver.links.links if not link.asked]

    def make_again(self, links: Sequence[Link]) -> None:
        self._driver.remember(links)

    def connect_audio(self, part: str) -> str:
        port, rest = _one_port(part, self._audios)
        ours = [LEFT, RIGHT] if LEFT in self._audios else self._audios[:1]
        with plainly():
            if port:
                return self._driver.connect_audio(rest, self._audios.index(port))
            ends = self._ends(part, False) if part else self._driver.speakers()[:_SIDES]
            return _join(ends, ours, lambda end, name: self._driver.connect_audio(end, self._audios.index(name)))

    def connect_audio_in(self, part: str) -> str:
        if not self._audio_inputs:
            raise UserError('no sound is let in: a preset needs a [[chain]] with on = "input" for that')
        port, rest = _one_port(part, self._audio_inputs)
        with plainly():
            if port:
                return self._driver.connect_audio_in(rest, self._audio_inputs.index(port))
            ours, ends = [LEFT_IN, RIGHT_IN], self._ends(part, True)
            return _join(ends, ours, lambda end, name: self._driver.connect_audio_in(end, ours.index(name)))

    def _ends(self, part: str, writes: bool) -> list[str]:
        """The port that goes by `part`, or the first two, left and right, where several of one client's do."""
        ports = [one for one in self._driver.list_ports(True) if not one.ours and (one.writes if writes else one.reads)]
        if any(part.lower() in (name.lower() for name in (one.name, *one.aliases)) for one in ports):
            return [part]
        found = [one.name for one in ports if any(part.lower() in name.lower() for name in (one.name, *one.aliases))]
        of_one = len({name.partition(":")[0] for name in found}) == 1
        return sorted(found, key=natural)[:_SIDES] if of_one else [part]

    @property
    def stirred(self) -> bool:
        return self._driver.stirred

    def tend(self) -> list[str]:
        return self._driver.tend()

    def state(self) -> DriverState:
        return self._driver.state()

    def describe(self) -> str:
        state = self._driver.state()
        ports = ", ".join(self._driver.ports)
        return f"JACK at {state.sample_rate} Hz, {state.period} frames a period; ports {ports}"


def _one_port(part: str, ours: Sequence[str]) -> tuple[str, str]:
    """One of our ports and what to connect it with, from "PORT=NAME"; "" and all of it where it says neither."""
    port, equals, rest = part.partition("=")
    return (port, rest) if equals and port in ours else ("", part)


def _join(ends: Sequence[str], ours: Sequence[str], connect: Callable[[str, str], str]) -> str:
    """Left with left and right with right, or one with all there is. Returns the names of what was connected."""
    pairs = [(ends[0], ours[0]), (ends[-1], ours[-1])] if len(ours) > 1 and ends else [(end, ours[0]) for end in ends]
    return ", ".join(dict.fromkeys(connect(end, name) for end, name in pairs))
