"""What every driver does for the daemon, whatever it plays through."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from ripieno.daemon.errors import UserError
from ripieno.native.drivers import DriverError, DriverState
from ripieno.native.engine import Engine
from ripieno.native.links import Link

NO_SOUND_IN = "this driver lets no sound in: use --driver jack"
NO_SOUND = "this driver carries no sound: start a JACK server, or use --driver portaudio"


class Driver(Protocol):
    """The life of a driver: open, start, tend now and then, stop. Whatever a user can mend raises UserError.

    `name` is the one of --driver; `sample_rate` (frames a second) is known after open, and an engine made with it.
    `sounds`: it carries audio, so that an engine's audio outputs are heard. `hears`: audio comes in, too.
    """

    name: str
    sounds: bool
    hears: bool

    @property
    def sample_rate(self) -> int: ...

    def open(self) -> None:
        """Show the ports; nothing plays yet."""

    def start(self, engine: Engine) -> None:
        """Run the engine from now on."""

    def stop(self) -> bool:
        """Release every note, play that out, take the ports away. False: silence is not certain."""

    def connect_in(self, part: str, port: int = 0) -> str:
        """Let the device that has `part` in its name play into an input, from 0; returns its name. The place is that
        device's from now on: whenever it comes back it is connected again, and no other one is."""

    def connect_out(self, part: str, port: int = 0) -> str:
        """Let an output play to the device that has `part` in its name, likewise; returns its name."""

    def listeners(self) -> dict[str, list[str]]:
        """The devices that each output plays to, by the output's name: their keys (`Identity.key`). Audio outputs go by
        "sound"."""

    def made_by_hand(self) -> list[Link]:
        """Connections with our ports that others made, and that are looked after now; none where a driver has none."""

    def make_again(self, links: Sequence[Link]) -> None:
        """Make such connections of a life before, each as soon as its device is there."""

    def connect_audio(self, part: str) -> str:
        """Let the sound be heard on the input that has `part` in its name, or left and right on the first two of a
        device that has several; "" for the loudspeakers; "PORT=NAME": one of our ports there. Returns its name, or
        theirs, "" for none."""

    def connect_audio_in(self, part: str) -> str:
        """Let in what comes from the output that has `part` in its name, or, left and right, from the first two of such
        a device; "PORT=NAME": into one of our ports. Returns its name, or theirs."""

    def tend(self) -> list[str]:
        """A few times a second: notices devices and servers that go and come back; returns news, in sentences."""

    @property
    def stirred(self) -> bool:
        """Devices came or went just now: `tend` should not wait."""

    @property
    def new_rate(self) -> int:
        """The server came back with this sample rate, and needs another engine; 0: it did not."""

    def state(self) -> DriverState:
        """How it does now."""

    def describe(self) -> str:
        """The driver and its ports, for people."""

    @property
    def finished(self) -> bool:
        """There is nothing more to play: only a file comes to an end."""


@contextmanager
def plainly() -> Iterator[None]:
    """What a driver complains of, as a sentence for the user."""
    try:
        yield
    except DriverError as error:
        raise UserError(str(error)) from None
