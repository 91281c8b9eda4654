"""Eight compiled plugins in series on a JACK server, while Python is kept busy: is every block there in time?

An instrument that plays by itself and seven effects, as `ripieno plugins new jit` writes them, are recorded by another
client, while a thread of the same process holds the interpreter's lock. In the end the same is rendered off line, and
each block of the recording is looked for in it: one that came too late would not be there. Ten minutes count.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.daemon.bench import plugins_sound
from ripieno.daemon.bench.continuation_interaction import resident_kib, wire_xruns
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_client import Heard, Recording
from ripieno.daemon.bench.plugins_session import OURS, PERIOD, RATE, Stage, open_plugin, playing
from ripieno.daemon.bench.plugins_wire import Wire
from ripieno.daemon.bench.rows import Row, show, verdict, xruns_row
from ripieno.daemon.progress import Progress
from ripieno.native.rack import UNITS_MAX
from ripieno.plugins.base import Hosted
from ripieno.plugins.create import create

MINUTES = 1.0
WIRE_SECONDS = 10.0
_SPARE = 20.0  # seconds that there is room for beyond what is played
_PARTS = 20
_STRIP, _SIDES = "jit", ("left", "right")
MELODY = """
import math

import numpy as np

ROLE = "instrument"


def make_state(sample_rate):
    return {"phase": np.zeros(3), "step": np.zeros(3), "at": 0, "seed": 1}


def process(audio, events, parameters, state, sample_rate):
    left, right = audio
    for i in range(len(left)):
        if state.at % (sample_rate // 8) == 0:
            state.seed = (state.seed * 1103515245 + 12345) % 2147483648
            pitch = 48 + (state.seed >> 16) % 36
            state.step[state.seed % 3] = 440 * 2 ** ((pitch - 69) / 12) / sample_rate
        state.at += 1
        for voice in range(3):
            state.phase[voice] = (state.phase[voice] + state.step[voice]) % 1
            left[i] += 0.1 * math.sin(2 * math.pi * state.phase[voice])
            right[i] += 0.2 * state.phase[voice] - 0.1
"""


class Busy(threading.Thread):
    """Keeps the interpreter's lock, but for what it must give away every few milliseconds. turns: how far it came."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.turns, self.ended = 0, False

    def run(self) -> None:
        """Until it is ended."""
        while not self.ended:
            for _ in range(1000):
                pass
            self.turns += 1


@contextmanager
def busy_interpreter() -> Iterator[Busy]:
    """While it lasts, no other thread finds the lock free."""
    thread = Busy()
    thread.start()
    try:
        yield thread
    finally:
        thread.ended = True
        thread.join()


def write(folder: Path) -> Path:
    """An instrument that plays by itself, and an effect as a new user has it."""
    (folder / "melody.py").write_text(MELODY)
    create("jit", "warm", folder=folder)
    return folder


def chain(folder: Path) -> dict[str, list[Hosted]]:
    """One strip with as many plugins as it takes. UserError where they cannot be used."""
    specs = ["jit:melody.py"] + ["jit:warm.py"] * (UNITS_MAX - 1)
    plugins = [open_plugin(spec, folder) for spec in specs]
    for number, plugin in enumerate(plugins[1:]):
        plugin.set("drive", 3.0 + number)
        plugin.set("tone", 6000.0 + 500 * number)
    return {_STRIP: plugins}


def perform(folder: Path, minutes: float) -> tuple[Heard, dict[str, Any]]:
    """Play for so long; what was heard, and what the engine says of it."""
    seconds = minutes * 60
    with playing(chain(folder)) as session:
        record = [f"{_STRIP} {side}" for side in _SIDES]
        recording, wire = Recording(folder, OURS, [], record, seconds + _SPARE), Wire()
        try:
            with busy_interpreter() as busy, Progress("playing") as progress:
                session.watch(0.5)
                memory, before = resident_kib(), session.driver.state()
                for number in range(_PARTS):
                    session.watch(seconds / _PARTS)
                    progress((number + 1) / _PARTS)
                state = session.driver.state()
            beside, heard = wire.ends(), recording.ends()
            return heard, {
                "xruns": state.xruns - before.xruns,
                "overruns": state.overruns - before.overruns,
                "xruns_of_a_bare_wire_meanwhile": beside,
                "load_max": state.load_max,
                "load_mean": state.load_mean,
                "missed_blocks": sum(plugin.standing().missed for plugin in session.stage.plugins),
                "busy_turns": busy.turns,
                "memory_kib": {"start": memory, "end": resident_kib()},
                "cycles": session.driver.state().cycles,
            }
        finally:
            recording.kill()
            wire.kill()


def expected(folder: Path, cycles: int) -> NDArray[np.float32]:
    """[2, frames]: what should have been heard in so many cycles from the engine's first on."""
    stage = Stage(chain(folder))
    ports = [stage.audios.index(f"{_STRIP} {side}") for side in _SIDES]
    try:
        with Progress("rendering the same"):
            return np.concatenate([piece[:, ports].T for piece in stage.render([], cycles * PERIOD)], axis=1)
    finally:
        stage.close()


@dataclass(frozen=True)
class Beside:
    """A recording beside what was expected, in periods. lost: those that are nowhere in it; slips: how often one was
    not followed by the next: JACK's clients were out of step, after an xrun."""

    blocks: int
    lost: int
    slips: int


def compare(heard: NDArray[np.float32], sound: NDArray[np.float32]) -> Beside:
    """Both [2, frames]; the recording begins with any period of the sound, once its ports are connected."""
    places = {block: number for number, block in enumerate(_blocks(sound))}
    found = [places.get(block) for block in _blocks(heard)]
    begin = next((place for place, number in enumerate(found) if number is not None), 0)
    found = found[begin:]
    numbers = [number for number in found if number is not None]
    return Beside(len(found), len(found) - len(numbers), int(np.count_nonzero(np.diff(numbers) != 1)))


def _blocks(sound: NDArray[np.float32]) -> Iterator[int]:
    for first in range(0, sound.shape[1] - PERIOD + 1, PERIOD):
        yield hash(sound[:, first : first + PERIOD].tobytes())


def measure(minutes: float = MINUTES, wire_seconds: float = WIRE_SECONDS) -> dict[str, Any]:
    """Everything, on a server of its own. UserError: jackd or numba is missing."""
    with TemporaryDirectory(prefix="bench-plugins-") as name, DummyServer(RATE, PERIOD, True):
        folder = write(Path(name))
        before = wire_xruns(wire_seconds)
        heard, told = perform(folder, minutes)
        told |= {"minutes": minutes, "xruns_of_a_bare_wire_a_minute_before": before}
        sides = np.stack([heard.sound(number)[: heard.frames] for number in range(len(_SIDES))])
        beside, peak = compare(sides, expected(folder, told["cycles"])), plugins_sound.peak(sides[0])
        return verdict(rows(told, beside, peak), **told, **asdict(beside), peak=peak)


def rows(told: Mapping[str, Any], beside: Beside, peak: float) -> list[Row]:
    """The verdict."""
    slips = f", {beside.slips} times out of step" if beside.slips else ""
    sounds = plugins_sound.SILENT < peak < float("inf")
    return [
        xruns_row(
            f"underflows in {told['minutes']:g} minutes of {UNITS_MAX} compiled plugins in series, Python kept busy",
            told,
        ),
        Row(
            "periods that are not as rendered off line",
            f"{beside.lost} of {beside.blocks:,}{slips}; {told['missed_blocks']} replaced",
            "0",
            sounds and not beside.lost and beside.slips <= 2 * told["xruns"] and not told["missed_blocks"],
        ),
    ]


def run(json: bool = False, minutes: float = MINUTES) -> dict[str, Any]:
    """Measure; print the verdict unless `json`. UserError: jackd or numba is missing."""
    found = measure(minutes)
    if not json:
        show(found)
        memory = found["memory_kib"]
        print(f"  memory: {memory['start']} KiB at first, {memory['end']} at the end")
    return found
