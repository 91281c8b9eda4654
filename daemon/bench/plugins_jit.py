"""Eight compiled plugins in series on a JACK server, while Python is kept busy: is every block there in time?

An instrument and seven effects, as `ripieno plugins new jit` writes them, play the notes of another client, which
records what is heard; a thread of the same process holds the interpreter's lock all the while. In the end the same is
rendered off line and compared, sample by sample: a block that came too late would be missing. Ten minutes count.
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
from ripieno.daemon.bench.plugins_player import script
from ripieno.daemon.bench.plugins_rows import Row, show, verdict
from ripieno.daemon.bench.plugins_session import OURS, PERIOD, RATE, Stage, open_plugin, playing
from ripieno.daemon.bench.plugins_wire import Wire
from ripieno.daemon.progress import Progress
from ripieno.native.rack import UNITS_MAX
from ripieno.plugins.base import Hosted
from ripieno.plugins.create import create

MINUTES = 1.0
WIRE_SECONDS = 10.0
TAIL = 2.0  # seconds until the last note has rung out
_SPARE = 20.0  # seconds that are recorded beyond the script
_PARTS = 20
_STRIP, _SIDES = "jit", ("left", "right")


@dataclass(frozen=True)
class Take:
    """What was heard of a performance, and by the recording's frames when it began."""

    heard: Heard
    engine_frame: int


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
    """An instrument and an effect, as a new user has them."""
    create("jit", "keys", instrument=True, folder=folder)
    create("jit", "warm", folder=folder)
    return folder


def chain(folder: Path) -> dict[str, list[Hosted]]:
    """One strip with as many plugins as it takes. UserError where they cannot be used."""
    specs = ["jit:keys.py"] + ["jit:warm.py"] * (UNITS_MAX - 1)
    plugins = [open_plugin(spec, folder) for spec in specs]
    for number, plugin in enumerate(plugins[1:]):
        plugin.set("drive", 3.0 + number)
        plugin.set("tone", 6000.0 + 500 * number)
    return {_STRIP: plugins}


def perform(folder: Path, minutes: float) -> tuple[Take, dict[str, Any]]:
    """Play for so long; what was heard, and what the engine says of it."""
    seconds = minutes * 60
    notes = script(seconds, 1, RATE)
    with playing(chain(folder)) as session:
        record = [f"{_STRIP} {side}" for side in _SIDES]
        recording, wire = Recording(folder, OURS, notes, record, seconds + TAIL + _SPARE), Wire()
        try:
            with busy_interpreter() as busy, Progress("playing") as progress:
                session.watch(1)
                memory, before = resident_kib(), session.driver.state()
                recording.go()
                for number in range(_PARTS):
                    session.watch((seconds + TAIL) / _PARTS)
                    progress((number + 1) / _PARTS)
                state, engine_frame = session.driver.state(), session.first_frame()
            told = {
                "xruns": state.xruns - before.xruns,
                "xruns_of_a_bare_wire_meanwhile": wire.ends(),
                "cycles": state.cycles - before.cycles,
                "load_max": state.load_max,
                "load_mean": state.load_mean,
                "missed_blocks": sum(plugin.standing().missed for plugin in session.stage.plugins),
                "busy_turns": busy.turns,
                "memory_kib": {"start": memory, "end": resident_kib()},
            }
            return Take(recording.ends(), engine_frame), told
        finally:
            recording.kill()
            wire.kill()


def expected(folder: Path, take: Take) -> list[NDArray[np.float32]]:
    """What should have been heard on the left and on the right, from the recording's first frame on."""
    begin = take.heard.first_frame - take.engine_frame
    events = [(frame - take.engine_frame, port, data) for frame, port, data in take.heard.sent]
    stage = Stage(chain(folder))
    try:
        sounds = [np.zeros(take.heard.frames, np.float32) for _ in _SIDES]
        at, frames = -begin, begin + take.heard.frames
        with Progress("rendering the same") as progress:
            for piece in stage.render(events, frames):
                first = max(0, -at)
                for side, sound in zip(_SIDES, sounds, strict=True):
                    part = piece[first:, stage.audios.index(f"{_STRIP} {side}")]
                    sound[at + first : at + first + len(part)] = part
                at += len(piece)
                progress((at + begin) / frames)
        return sounds
    finally:
        stage.close()


def measure(minutes: float = MINUTES, wire_seconds: float = WIRE_SECONDS) -> dict[str, Any]:
    """Everything, on a server of its own. UserError: jackd or numba is missing."""
    with TemporaryDirectory(prefix="bench-plugins-") as name, DummyServer(RATE, PERIOD, True):
        folder = write(Path(name))
        before = wire_xruns(wire_seconds)
        take, told = perform(folder, minutes)
        told |= {"minutes": minutes, "xruns_of_a_bare_wire_a_minute_before": before, "notes": len(take.heard.sent) // 2}
        sides = [plugins_sound.compare(take.heard.sound(n), sound) for n, sound in enumerate(expected(folder, take))]
        peak = plugins_sound.peak(take.heard.sound(0))
        return verdict(
            rows(told, sides, peak), **told, peak=peak, sides=[asdict(one) for one in sides], skipped=take.heard.skipped
        )


def rows(told: Mapping[str, Any], sides: list[plugins_sound.Beside], peak: float) -> list[Row]:
    """The verdict."""
    beside, before = told["xruns_of_a_bare_wire_meanwhile"], told["xruns_of_a_bare_wire_a_minute_before"]
    lost, slips = sum(one.lost for one in sides), sum(one.slips for one in sides)
    sounds = plugins_sound.SILENT < peak < plugins_sound.NONSENSE
    slipped = f", {slips} times a period beside" if slips else ""
    return [
        Row(
            f"underflows in {told['minutes']:g} minutes of {UNITS_MAX} compiled plugins in series, Python kept busy",
            f"{max(told['xruns'] - beside, 0)}: {told['xruns']}, where a bare wire beside it had {beside} ({before:.1f}"
            f" a minute before); longest cycle {told['load_max']:.0%} of the period, mean {told['load_mean']:.1%}",
            "0",
            told["xruns"] <= beside and told["load_max"] < 1,
        ),
        Row(
            "samples that are not as rendered off line",
            f"{lost} of {sum(one.samples for one in sides):,}{slipped}; {told['missed_blocks']} blocks replaced",
            "0",
            sounds and not lost and not slips and not told["missed_blocks"],
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
