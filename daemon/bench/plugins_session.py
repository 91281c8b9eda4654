"""An engine whose rack has a strip for each MIDI channel, with stems: on a JACK server, or off line as its judge.

Notes of channel 1 (0 as bytes have it) go to the first strip, and so on. The audio outputs are `left` and `right`, and
`NAME left`, `NAME right` of each strip.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ripieno.daemon.errors import UserError
from ripieno.native.drivers import JackDriver
from ripieno.native.engine import Engine, Event, Rig, Sound, run_offline
from ripieno.native.rack import Rack, Strip
from ripieno.plugins.base import Hosted, PluginError

RATE, PERIOD = 48_000, 128
OURS = "ripieno-bench"
_LOOK_SECONDS = 0.02
_START_SECONDS = 20.0
_CHUNK = 64 * PERIOD


@contextmanager
def plainly() -> Iterator[None]:
    """What a plugin complains of, as a sentence for the user."""
    try:
        yield
    except PluginError as error:
        raise UserError(str(error)) from None


class Stage:
    """Engine, rack and plugins, run by nobody yet; they are the stage's own from now on.

    strips: the plugins of each, in order, by its name; a source other than "notes" is that of all of them.
    """

    def __init__(self, strips: Mapping[str, Sequence[Hosted]], source: str = "notes") -> None:
        self.strips = {name: list(plugins) for name, plugins in strips.items()}
        self.audios = ["left", "right", *(f"{name} {side}" for name in strips for side in ("left", "right"))]
        self.inputs = ["left-in", "right-in"] if source == "input" else []
        places = [
            Strip(source=source, port=0, channel=number, inputs=(0, 1), outputs=(2 * number + 2, 2 * number + 3))
            for number in range(len(strips))
        ]
        self.rack = Rack(RATE, places, outputs=(0, 1))
        for number, plugins in enumerate(self.strips.values()):
            for plugin in plugins:
                self.rack.add(number, plugin.unit)
        self.engine = Engine(RATE, audios=len(self.audios), audio_inputs=len(self.inputs))
        self.engine.load(Rig("thru", rack=self.rack))

    @property
    def plugins(self) -> list[Hosted]:
        """All of them, strip by strip."""
        return [plugin for plugins in self.strips.values() for plugin in plugins]

    def fine(self) -> bool:
        """No plugin is cut off."""
        return not any(plugin.standing().fault for plugin in self.plugins)

    def close(self) -> None:
        """The end of everything; no driver runs it."""
        self.engine.close()
        for plugin in self.plugins:
            plugin.close()

    def render(self, events: Sequence[Event], frames: int) -> Iterator[NDArray[np.float32]]:
        """Off line: what the outputs give from frame 0 on, in pieces shaped [frames, outputs]."""
        sound, at, due = Sound(len(self.audios)), 0, 0
        while at < frames:
            until, first = min(at + _CHUNK, -(-frames // PERIOD) * PERIOD), due
            while due < len(events) and events[due][0] < until:
                due += 1
            run_offline(self.engine, events[first:due], until, from_frame=at, block=PERIOD, sound=sound)
            self.engine.poll()
            yield sound.samples()[: frames - at]
            sound.clear()
            at = until


class Session:
    """A stage on the server that JACK_DEFAULT_SERVER names, for as long as it is open."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.news: list[str] = []
        self.driver = JackDriver(OURS, ["in"], ["out"], stage.audios, stage.inputs)
        self.open = True
        try:
            self.driver.open()
            self.driver.start(stage.engine)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Silence, then the end of everything; once."""
        if not self.open:
            return
        self.open = False
        self.driver.stop()
        self.stage.close()

    def look(self) -> None:
        """Read what is said and look after the plugins, as the daemon does."""
        self.stage.engine.poll()
        for plugin in self.stage.plugins:
            self.news += plugin.tend()

    def watch(self, seconds: float) -> None:
        """That, for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(_LOOK_SECONDS)

    def settle(self) -> None:
        """Until every plugin plays. UserError where one does not."""
        end = time.monotonic() + _START_SECONDS
        while not self.stage.fine():
            if time.monotonic() > end:
                faults = [f"{one.spec}: {one.standing().fault}" for one in self.stage.plugins if one.standing().fault]
                raise UserError(f"a plugin does not begin: {'; '.join(faults)}")
            self.watch(0.1)

    def first_frame(self) -> int:
        """The server's frame of the engine's first cycle, where no cycle was left out since."""
        while True:
            before, after = self.driver.state(), self.driver.state()
            if before.cycles == after.cycles and before.frame == after.frame:
                return after.frame - after.cycles * PERIOD


@contextmanager
def playing(strips: Mapping[str, Sequence[Hosted]], source: str = "notes") -> Iterator[Session]:
    """A session whose plugins all play, closed in the end."""
    session = Session(Stage(strips, source))
    try:
        session.settle()
        yield session
    finally:
        session.close()


def open_plugin(spec: str, folder: Path, state: bytes | None = None) -> Hosted:
    """A plugin for a stage. UserError where it cannot be used."""
    from ripieno.plugins.open import open as open_spec

    with plainly():
        return open_spec(spec, folder, RATE, PERIOD, state)
