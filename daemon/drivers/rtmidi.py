"""--driver rtmidi: python-rtmidi's ports (ALSA, CoreMIDI, Windows MM) round a clock that is C.

rtmidi calls Python for each message that comes in, so that a busy interpreter delays it; all that the callback does is
to put the bytes into a ring. On JACK that callback would hold up JACK's own process thread: there, use --driver jack.

Windows has no virtual ports: there the user makes ports with loopMIDI, called "ripieno in" and "ripieno out". What is
done here for macOS and Windows is written for them and untested.
"""

import os
import platform
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from threading import Lock
from types import ModuleType
from typing import Any

from ripieno.daemon.drivers.base import NO_SOUND, NO_SOUND_IN, plainly
from ripieno.daemon.drivers.paced import SAMPLE_RATE, Paced
from ripieno.daemon.errors import UserError
from ripieno.native.drivers import DriverState, pick
from ripieno.native.engine import Engine
from ripieno.native.links import Link, lasting

SOURCES = 16
_LOOK_EVERY = 0.2  # seconds between two looks at which devices are there
_ALSA_SEQUENCER = "/dev/snd/seq"
_VIRTUAL_PORTS = platform.system() != "Windows"


def load() -> ModuleType:
    """The module `rtmidi`. UserError where it is not installed."""
    try:
        import rtmidi
    except ImportError:
        raise UserError("python-rtmidi is not installed: pip install python-rtmidi, or use --driver jack") from None
    return rtmidi


def portable_api(rtmidi: ModuleType) -> int:
    """The interface to this system's MIDI that rtmidi knows, JACK left out. UserError where there is none."""
    apis = [api for api in rtmidi.get_compiled_api() if api not in (rtmidi.API_UNIX_JACK, rtmidi.API_RTMIDI_DUMMY)]
    if not apis:
        raise UserError("python-rtmidi knows no MIDI here but JACK's, where it is never used: use --driver jack")
    if sys.platform.startswith("linux") and not os.path.exists(_ALSA_SEQUENCER):
        raise UserError(
            f"this machine has no ALSA sequencer ({_ALSA_SEQUENCER} is missing): load it as root with"
            " `modprobe snd-seq`, or start a JACK server and use --driver jack"
        )
    return int(apis[0])


def problem() -> str | None:
    """Why this driver does not work here, None where it does."""
    try:
        portable_api(load())
    except UserError as error:
        return str(error)
    return None


def devices(api: int | None = None) -> tuple[list[str], list[str]]:
    """Names of the ports that play and of those that listen. UserError where there is no portable MIDI."""
    rtmidi = load()
    kind = portable_api(rtmidi) if api is None else api
    ends = [make(kind, name="ripieno-look") for make in (rtmidi.MidiIn, rtmidi.MidiOut)]
    names = [list(end.get_ports()) for end in ends]
    for end in ends:
        end.delete()
    return names[0], names[1]


def outlet(client: str, part: str) -> tuple[str, Any]:
    """An rtmidi.MidiOut that plays to the device with `part` in its name, and that name. UserError where it fails."""
    rtmidi = load()
    end = rtmidi.MidiOut(portable_api(rtmidi), name=client)
    return open_device(end, part, client, False), end


def open_device(end: Any, part: str, client: str, plays: bool) -> str:
    """Open the device with `part` in its name; returns its name."""
    others: dict[str, tuple[str, ...]] = {n: () for n in end.get_ports() if not n.startswith(f"{client}:")}
    with plainly():
        name = pick(part, others, "MIDI source" if plays else "MIDI destination")
    _open_named(end, name)
    return name


def _open_named(end: Any, name: str) -> None:
    """Open the device of this name. UserError: it does not open, or went away."""
    errors = load().RtMidiError
    try:
        while not _opens(end, name):
            pass
    except (errors, ValueError) as error:
        raise UserError(f"{name} does not open ({error}); another program may hold it, or it went away") from None


def _opens(end: Any, name: str) -> bool:
    """Open it; False: rtmidi opens by number, numbers moved meanwhile, and nothing is open. ValueError: it is away."""
    before = list(end.get_ports())
    end.open_port(before.index(name), name=name.partition(":")[0])
    if list(end.get_ports()) == before:
        return True
    end.close_port()
    return False


@dataclass
class _Device:
    """A device asked for by part of its name; `end` is None while it is not there. `port` is ours, `name` what it was
    called when it was there last: no other device is taken for it. beside: all that were there with it."""

    into: bool
    port: int
    source: int  # of the clock, for those that play
    name: str = ""
    end: Any = None
    beside: Collection[str] = ()


class RtMidi:
    """A `Driver` on python-rtmidi; see ripieno.daemon.drivers.base. `api` is for tests: the user's is chosen here."""

    name = "rtmidi"
    finished = False
    sounds = False
    hears = False
    stirred = False  # nobody tells of devices that come: `tend` looks
    new_rate = 0

    def __init__(
        self,
        client: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        api: int | None = None,
        sample_rate: int = SAMPLE_RATE,
    ) -> None:
        self._client, self._inputs, self._outputs = client, list(inputs), list(outputs)
        self._api = api
        self._paced = Paced(SOURCES, max(1, len(outputs)), self._deliver, sample_rate)
        self._ins: list[Any] = []
        self._outs: list[list[Any]] = [[] for _ in outputs]  # for each output port, all that it plays to
        self._devices: list[_Device] = []
        self._lookers: tuple[Any, ...] = ()  # see which devices are there
        self._leaving = Lock()  # held while messages leave, so that no end goes away meanwhile
        self._next_look = 0.0

    @property
    def sample_rate(self) -> int:
        return self._paced.clock.sample_rate

    def open(self) -> None:
        self._rtmidi = load()
        if self._api is None:
            self._api = portable_api(self._rtmidi)
        for number, name in enumerate(self._inputs):
            self._ins.append(self._show(self._midi_in(number, number), name))
        self._lookers = (self._new(self._rtmidi.MidiIn), self._new(self._rtmidi.MidiOut))
        for outs, name in zip(self._outs, self._outputs, strict=True):
            outs.append(self._show(self._new(self._rtmidi.MidiOut), name))

    def _new(self, make: Callable[..., Any]) -> Any:
        try:
            return make(self._api, name=self._client)
        except self._rtmidi.RtMidiError as error:
            raise UserError(f"rtmidi finds no MIDI here ({error}); see `ripieno doctor`") from None

    def _midi_in(self, source: int, port: int) -> Any:
        end = self._new(self._rtmidi.MidiIn)
        end.ignore_types(sysex=False, timing=False, active_sense=False)
        clock = self._paced.clock
        end.set_callback(lambda event, _: clock.send(source, port, bytes(event[0])))
        return end

    def _show(self, end: Any, name: str) -> Any:
        """Make a virtual port, or, where the system has none, use the user's one of that name."""
        if _VIRTUAL_PORTS:
            end.open_virtual_port(name)
            return end
        names = list(end.get_ports())
        wanted = f"{self._client} {name}".lower()
        found = [number for number, one in enumerate(names) if wanted in one.lower()]
        if not found:
            raise UserError(f"Windows has no virtual MIDI ports: install loopMIDI and make a port called {wanted!r}")
        end.open_port(found[0])
        return end

    def start(self, engine: Engine) -> None:
        self._paced.start(engine)

    def stop(self) -> bool:
        silent = self._paced.stop()
        players = [device.end for device in self._devices if device.into and device.end]
        for end in [*self._ins, *self._lookers, *players, *chain.from_iterable(self._outs)]:
            end.delete()
        self._lookers = ()
        self._ins, self._devices, self._outs = [], [], [[] for _ in self._outputs]
        return silent

    def _deliver(self, frame: int, port: int, data: bytes) -> None:
        with self._leaving:
            for end in self._outs[port]:
                with suppress(self._rtmidi.RtMidiError):  # it was just pulled out: `tend` will see that
                    end.send_message(data)

    def connect_in(self, part: str, port: int = 0) -> str:
        taken = len(self._inputs) + sum(device.into for device in self._devices)
        if taken >= SOURCES:
            raise UserError(f"at most {SOURCES} ports and devices can play at once")
        return self._connect(_Device(True, port, taken), part)

    def connect_out(self, part: str, port: int = 0) -> str:
        return self._connect(_Device(False, port, 0), part)

    def listeners(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for device in self._devices:
            if not device.into:
                found.setdefault(self._outputs[device.port], []).append(lasting(device.name))
        return found

    def made_by_hand(self) -> list[Link]:
        return []

    def make_again(self, links: Sequence[Link]) -> None:
        """There were none."""

    def connect_audio(self, part: str) -> str:
        raise UserError(NO_SOUND)

    def connect_audio_in(self, part: str) -> str:
        raise UserError(NO_SOUND_IN)

    def _connect(self, device: _Device, part: str) -> str:
        self._join(device, lambda end: open_device(end, part, self._client, device.into))
        self._devices.append(device)
        return device.name

    def _join(self, device: _Device, open_end: Callable[[Any], str]) -> None:
        """Open the device; `open_end` returns its name. UserError where it is not there."""
        end = self._midi_in(device.source, device.port) if device.into else self._new(self._rtmidi.MidiOut)
        try:
            device.name = open_end(end)
        except UserError:
            end.delete()
            raise
        device.end = end
        if not device.into:
            with self._leaving:
                self._outs[device.port].append(end)

    def _leave(self, device: _Device) -> None:
        with self._leaving:
            if not device.into:
                self._outs[device.port].remove(device.end)
            device.end.delete()
        device.end = None
        if device.into:
            self._paced.clock.lose(device.port)

    def tend(self) -> list[str]:
        if not self._devices or time.monotonic() < self._next_look:
            return []
        self._next_look = time.monotonic() + _LOOK_EVERY
        playing, listening = (list(looker.get_ports()) for looker in self._lookers)
        news = []
        for device in self._devices:
            there = playing if device.into else listening
            if device.end is not None and device.name not in there:
                self._leave(device)
                news.append(f"{device.name} went away")
            elif device.end is not None:
                device.beside = there
            elif name := self._place(device, there):
                self._rejoin(device, name, news)
        return news

    def _place(self, device: _Device, there: Collection[str]) -> str:
        """What a device is called among those that are there: its whole name, else what is like it but for the number
        that the system gives anew, and nobody else; "": it is away, or nobody can tell."""
        if device.name in there:
            return device.name
        own = [one for one in self._devices if one.into == device.into and one.name != device.name]
        twins = [one for one in own if lasting(one.name) == lasting(device.name)]
        taken = {*device.beside, *(one.name for one in twins)}
        new = [name for name in there if lasting(name) == lasting(device.name) and name not in taken]
        return new[0] if len(new) == 1 and all(one.end for one in twins) else ""

    def _rejoin(self, device: _Device, name: str, news: list[str]) -> None:
        def open_end(end: Any) -> str:
            _open_named(end, name)
            return name

        before = device.name
        try:
            self._join(device, open_end)
        except UserError:
            return  # it is not ready: the next look may find it so
        for one in self._devices:
            if one.into == device.into and one.name == before:
                one.name = name
        news.append(f"{device.name} is connected")

    def state(self) -> DriverState:
        return self._paced.state()

    def describe(self) -> str:
        api = self._rtmidi.get_api_display_name(self._api)
        ports = ", ".join(f"{self._client}:{name}" for name in (*self._inputs, *self._outputs))
        return f"{api} by rtmidi; ports {ports}"
