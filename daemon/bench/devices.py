"""How soon everything is in its place again when devices are pulled out while music is played, or the server restarts.

The devices are JACK clients. Some are connected by options, some by hand; some come up under another number each time,
as ALSA gives them; and of each there is one more that is just like it, is there all the time, and must get no place.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Condition, Thread
from typing import Any

from ripieno.daemon.bench.jack import sounding
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.daemon.errors import UserError
from ripieno.daemon.progress import Progress
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

REPLUGS, RESTARTS = 100, 10
BACK_S, SERVER_BACK_S = 0.5, 2.0
RATE, PERIOD = 48_000, 128
_CLIENT = f"ripieno-bench-{os.getpid()}"
_PATIENCE_S, _LOOK_S = 30.0, 0.002
_PLAYS_S = 60  # then it is replaced
_PRESET = """\
name = "Devices"
model = "closest"
inputs = ["in", "pads"]

[[ensemble]]
name = "High"
program = "String Ensemble 1"
polyphony = 0
range = ["C4", "G9"]

[[ensemble]]
name = "Low"
program = "String Ensemble 2"
polyphony = 0
range = ["C-1", "B3"]

[[chain]]
on = "input"
plugin = "gain"
"""


@dataclass(frozen=True)
class Device:
    """A device: its client's name, in which {} is the number that it has at the time, and its port. places: our ports
    that it is connected with. plays: it writes; sound: no MIDI. option: of `ripieno run`, "": connected by hand."""

    name: str
    port: str
    places: tuple[str, ...]
    plays: bool = False
    sound: bool = False
    option: str = ""


DEVICES = (
    Device("keyboard", "keys", ("in",), plays=True, option="--connect-in"),
    Device("pads [{}]", "MIDI 1", ("pads",), plays=True),
    Device("synth", "notes", ("out",), option="--connect-out"),
    Device("expander [{}]", "MIDI 1", ("out",)),
    Device("speakers", "sound", ("left", "right"), sound=True, option="--connect-audio"),
    Device("microphone", "sound", ("left-in", "right-in"), plays=True, sound=True, option="--connect-audio-in"),
)
KEYBOARD, PADS, SYNTH, EXPANDER = DEVICES[:4]


# Whoever plays: their pitches, seconds between two chords, and how long each is held.
CHORDS: dict[Device, tuple[tuple[int, ...], float, float]] = {
    KEYBOARD: ((60, 64, 67, 72), 0.25, 0.2),
    PADS: ((36, 43), 0.5, 0.48),
}


def script(device: Device) -> list[Event]:
    """What it plays for a minute; nothing where it plays no notes."""
    pitches, beat, held = CHORDS.get(device, ((), 1.0, 1.0))
    begin = [round(number * beat * RATE) for number in range(round(_PLAYS_S / beat))]
    ons = [(frame, 0, bytes((0x90, pitch, 80))) for frame in begin for pitch in pitches]
    offs = [(frame + round(held * RATE), 0, bytes((0x80, pitch, 0))) for frame in begin for pitch in pitches]
    return sorted([*ons, *offs])


class Program:
    """`ripieno run ... --json`, and what it says. statuses: how often it has told how it is."""

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        """folder: where it finds what is known of devices, and keeps its state."""
        line = [sys.executable, "-m", "ripieno.daemon.cli", "run", *arguments, "--name", _CLIENT, "--json"]
        self._process = subprocess.Popen(
            [*line, "--driver", "jack"],
            env={**os.environ, "XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.statuses, self.news, self._ended = 0, list[str](), False
        self._heard = Condition()
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            said = json.loads(line)
            with self._heard:
                self.statuses += said["event"] == "status"
                self.news += [said["text"]] if said["event"] == "news" else []
                self._heard.notify_all()
        with self._heard:
            self._ended = True
            self._heard.notify_all()

    def looks(self) -> None:
        """Wait until it has looked at its devices once more. UserError where it has ended."""
        with self._heard:
            wanted = self.statuses + 2
            self._heard.wait_for(lambda: self.statuses >= wanted or self._ended, _PATIENCE_S)
            if self.statuses < wanted:
                raise UserError(f"`ripieno run` says nothing any more; exit code {self._process.poll()}")

    def end(self) -> int:
        """Tell it to end; its exit code."""
        self._process.terminate()
        return self._process.wait(_PATIENCE_S)

    def close(self) -> None:
        """End it if it runs."""
        self._process.kill()
        self._process.wait()


class House:
    """All devices that are plugged in, by their names in the table, and their likes, which nobody connects."""

    def __init__(self) -> None:
        self.there: dict[str, JackProbe] = {}
        self.likes: dict[str, JackProbe] = {}
        self._names: dict[tuple[str, bool], str] = {}
        self._number = 16  # the first that ALSA gives to a device

    def close(self) -> None:
        """Pull all of them out."""
        for probe in [*self.there.values(), *self.likes.values()]:
            probe.close()
        self.there, self.likes = {}, {}

    def plug(self, device: Device) -> None:
        """Plug it in, under another number than before; it plays nothing yet."""
        self._names.pop((device.name, False), None)
        self.there[device.name] = _probe(device, self._name(device, False))

    def plug_all(self) -> None:
        """Plug in everything, and what is like it, each under its last name."""
        for device in DEVICES:
            self.likes[device.name] = _probe(device, self._name(device, True))
            self.there[device.name] = _probe(device, self._name(device, False))

    def _name(self, device: Device, like: bool) -> str:
        if (device.name, like) not in self._names:
            self._number += 4
            name = device.name.format(self._number)
            self._names[device.name, like] = f"{name} 2" if like and name == device.name else name
        return self._names[device.name, like]

    def pull(self, device: Device) -> None:
        """Pull it out, whatever it is doing."""
        self.there.pop(device.name).close()

    def connect(self, device: Device) -> None:
        """By hand."""
        probe = self.there[device.name]
        for ends in _cables(device, probe, device.places):
            probe.connect(*ends)

    def in_place(self, device: Device) -> bool:
        """Are all its connections there?"""
        probe = self.there[device.name]
        return all(probe.connected(*ends) for ends in _cables(device, probe, device.places))

    def misplaced(self) -> list[str]:
        """Connections that nobody asked for."""
        found = []
        for device in DEVICES:
            own = {self.there.get(device.name): device.places, self.likes[device.name]: ()}
            for probe, places in own.items():
                cables = _cables(device, probe, sorted(_like_places(device) - {*places})) if probe else []
                found += [f"{ends[0]} -> {ends[1]}" for ends in cables if probe and probe.connected(*ends)]
        return found

    def held(self) -> set[int]:
        """The pitches that synth or expander play."""
        heard = [sounding(self.there[one.name].received()) for one in (SYNTH, EXPANDER) if one.name in self.there]
        return {pitch for notes in heard for _, pitch in notes}


def _probe(device: Device, name: str) -> JackProbe:
    ins, outs = ([], [device.port]) if device.plays else ([device.port], [])
    if device.sound:
        probe = JackProbe(name, [], [], audio_inputs=ins, audio_outputs=outs)
    else:
        probe = JackProbe(name, ins, outs, script(device))
    probe.open()
    probe.start()
    return probe


def _like_places(device: Device) -> set[str]:
    """All our ports that it could be connected with."""
    same = [one for one in DEVICES if (one.plays, one.sound) == (device.plays, device.sound)]
    return {place for one in same for place in one.places}


def _cables(device: Device, probe: JackProbe, places: Iterable[str]) -> list[tuple[str, str]]:
    """(source, destination) of its connections with ports of ours."""
    (theirs,), ours = probe.ports, [f"{_CLIENT}:{place}" for place in places]
    return [(theirs, one) if device.plays else (one, theirs) for one in ours]


def _until(condition: Callable[[], object], what: str, begun: float | None = None) -> float:
    """Seconds until it holds, since `begun` (of the monotonic clock) or now. UserError where it never does."""
    now = time.monotonic()
    begun = now if begun is None else begun
    while not condition():
        if time.monotonic() > now + _PATIENCE_S:
            raise UserError(f"it never came to this: {what}")
        time.sleep(_LOOK_S)
    return time.monotonic() - begun


def run(as_json: bool = False, replugs: int = REPLUGS, restarts: int = RESTARTS) -> dict[str, Any]:
    """Pull out each device so often, and restart the server. Print what was found unless as_json.

    back_ms: of each device, from when its port is there until it is connected as before, each time. released_ms: of
    those that play notes, from when one is pulled out until what it held is silent. server_ms: from when the server
    answers until everything is in its place. misplaced: connections that nobody asked for. stuck: pitches that sound
    when nobody plays any more. news: what the program told.
    """
    steps = len(DEVICES) * replugs + restarts
    told: dict[str, Any] = {"back_ms": {}, "released_ms": {}, "misplaced": []}
    with _at_work() as (server, house, program), Progress("pulling out devices") as progress:
        for number, device in enumerate(DEVICES):
            figures = [_replug(house, device) for _ in _counted(replugs, number * replugs, steps, progress)]
            told["back_ms"][device.name] = [back for back, _, _ in figures]
            told["released_ms"] |= {device.name: [one for _, one, _ in figures]} if device in CHORDS else {}
            told["misplaced"] += [cable for *_, wrong in figures for cable in wrong]
        back = [_restart(server, house, n) for n in _counted(restarts, len(DEVICES) * replugs, steps, progress)]
        told["server_ms"] = [took for took, _ in back]
        told["misplaced"] += [cable for _, wrong in back for cable in wrong]
        told["stuck"] = _silence(house)
        told["ended"] = program.end()
        told["news"] = program.news
    found = _verdict(told)
    if not as_json:
        show(found)
    return found


def _counted(count: int, done: int, steps: int, progress: Callable[[float], None]) -> Iterator[int]:
    for number in range(count):
        yield number
        progress((done + number + 1) / steps)


@contextmanager
def _at_work() -> Iterator[tuple[DummyServer, House, Program]]:
    """A server, all devices on it, and the program, with everything in its place."""
    with ExitStack() as stack:
        # One that leaves nobody out where the machine is late: what a synth loses then is not the program's doing.
        server = stack.enter_context(DummyServer(RATE, PERIOD, synchronous=True))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "devices.toml").write_text(_PRESET, encoding="utf-8")
        house = stack.enter_context(closing(House()))
        house.plug_all()
        asked = [part for one in DEVICES if one.option for part in (one.option, f"{one.name}:{one.port}")]
        program = stack.enter_context(closing(Program([str(folder / "devices.toml"), *asked], folder)))
        program.looks()
        for device in DEVICES:
            if not device.option:
                house.connect(device)
        program.looks()
        for device in DEVICES:
            _until(lambda device=device: house.in_place(device), f"{device.name} is connected")  # type: ignore[misc]
        yield server, house, program


def _play(house: House) -> None:
    """Whoever plays is playing."""
    for device in CHORDS:
        if house.there[device.name].done:
            house.pull(device)
            house.plug(device)
            _until(lambda device=device: house.in_place(device), f"{device.name} is connected")  # type: ignore[misc]
        house.there[device.name].go()
    _until(lambda: {pitch for pitches, _, _ in CHORDS.values() for pitch in pitches} <= house.held(), "music")


def _replug(house: House, device: Device) -> tuple[float, float, list[str]]:
    """Pull it out while music is played, and plug it in: ms until it is in its place again, ms until what it held was
    silent, and what is connected wrongly."""
    _play(house)
    pulled = time.monotonic()
    house.pull(device)
    own, *_ = CHORDS.get(device, ((),))
    released = _until(lambda: not {*own} & house.held(), f"what {device.name} held is released", pulled)
    wrong = house.misplaced()
    house.plug(device)
    back = _until(lambda: house.in_place(device), f"{device.name} is in its place again")
    return 1000 * back, 1000 * released, [*wrong, *house.misplaced()]


def _restart(server: DummyServer, house: House, number: int) -> tuple[float, list[str]]:
    """End the server, or kill it, while music is played, and start it: ms until everything is in its place again, and
    what is connected wrongly."""
    _play(house)
    server.end(kill=number % 2 == 1)
    house.close()
    server.start()
    answers = time.monotonic()
    house.plug_all()
    back = _until(lambda: all(map(house.in_place, DEVICES)), "everything is in its place again", answers)
    return 1000 * back, house.misplaced()


def _silence(house: House) -> list[int]:
    """The pitches that sound on when whoever played is pulled out; none."""
    _play(house)
    for device in CHORDS:
        house.pull(device)
    try:
        _until(lambda: not house.held(), "silence")
    except UserError:
        return sorted(house.held())
    return []


def _verdict(told: dict[str, Any]) -> dict[str, Any]:
    limit, server_limit, server = 1000 * BACK_S, 1000 * SERVER_BACK_S, told["server_ms"]
    rows = [
        Row(
            f"{name} pulled out {len(took)} times: in its place after",
            _times(took),
            f"<= {limit:g} ms",
            max(took) <= limit,
        )
        for name, took in told["back_ms"].items()
    ]
    rows += [
        Row(f"what {name} held is released after", _times(took), f"<= {limit:g} ms", max(took) <= limit)
        for name, took in told["released_ms"].items()
    ]
    restarted = f"JACK server restarted {len(server)} times: everything in its place after"
    misplaced, stuck = sorted({*told["misplaced"]}), told["stuck"]
    rows += [
        Row(restarted, _times(server), f"<= {server_limit:g} ms", max(server, default=0) <= server_limit),
        Row("put in another's place", ", ".join(misplaced) or "nothing", "nothing", not misplaced),
        Row("sounding in the end, when nobody plays", str(stuck or "nothing"), "nothing", not stuck),
        Row("told to end", f"exit code {told['ended']}", "0", told["ended"] == 0),
    ]
    return verdict(rows, **told)


def _times(took: Sequence[float]) -> str:
    return f"{median(took):.0f} ms, {max(took):.0f} ms at most" if took else "-"
