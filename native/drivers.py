"""Python face of the drivers: what runs the engine. Nothing here runs between a key and its sound.

`JackDriver` is a client of a JACK server, whose process callback is C; `Clock` is a C thread that runs the engine at
real pace, for ports that have no clock of their own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ripieno.native._native import ffi, lib
from ripieno.native.cards import steady
from ripieno.native.engine import Engine
from ripieno.native.links import Link, Links, Port

RUNNING = lib.RP_JACK_RUNNING
_ADVICE = {
    lib.RP_JACK_NO_LIBRARY: "JACK's library (libjack) is not on this machine; install JACK (Debian: apt install jackd2;"
    " macOS: brew install jack), or use --driver rtmidi",
    lib.RP_JACK_NO_SERVER: "no JACK server answers; start one (with a sound card: jackd -d alsa -r 48000 -p 128;"
    " without: jackd -d dummy -r 48000 -p 128; or QjackCtl), as the same user, and set JACK_DEFAULT_SERVER if it was"
    " given a name; with PipeWire, run `pw-jack ripieno ...`",
    lib.RP_JACK_REFUSED: "the JACK server refuses this client or one of its ports",
    lib.RP_JACK_OTHER_RATE: "the JACK server came back with another sample rate",
    lib.RP_JACK_NO_MEMORY: "no memory for the JACK client",
}
_BACKOFF = (0.25, 0.25, 0.5)  # seconds between attempts to find the server again; the last one repeats
_STOP_TIMEOUT = 3.0
_READY_SECONDS = 1.0  # in which a client that shows its ports should begin to play


class DriverError(Exception):
    """A driver cannot do what it was asked to; the message says why and what to do."""


@dataclass(frozen=True)
class DriverState:
    """How a driver does. Loads are the time spent in a cycle, as a share of the period; frames are samples. overruns:
    cycles that took longer than a period, and so are xruns of our own making. restored: connections that were made
    again, of devices that came back."""

    alive: bool
    sample_rate: int
    period: int
    frame: int
    cycles: int
    xruns: int
    load_max: float
    load_mean: float
    overruns: int = 0
    reason: str = ""
    restored: int = 0


def natural(name: str) -> str:
    """A key to sort port names by: numbers by their value, capitals like small letters."""
    return re.sub(r"\d+", lambda number: number.group().zfill(8), name.lower())


def pick(part: str, ports: dict[str, tuple[str, ...]], what: str) -> str:
    """The one port that goes by `part`: its whole name, else a part of a name, capitals or not.

    `ports` gives each port's other names. Raises DriverError, with what there is, when none or several match.
    """
    wanted = part.lower()
    exact = [port for port, others in ports.items() if wanted in (name.lower() for name in (port, *others))]
    found = exact or [port for port, others in ports.items() if any(wanted in n.lower() for n in (port, *others))]
    if len(found) == 1:
        return found[0]
    if found:
        raise DriverError(f"several {what} have {part!r} in their name; say more of it: {', '.join(found)}")
    there = ", ".join(sorted(ports, key=natural)) or "none"
    raise DriverError(f"no {what} has {part!r} in its name; there are: {there}")


def stop_engine(engine: Engine, driver: Any) -> bool:
    """Release every note and wait until the driver has played that out; False: it did not within three seconds.

    `driver.state()` must give a DriverState.
    """
    end = time.monotonic() + _STOP_TIMEOUT
    try:
        engine.stop()
    except BlockingIOError:
        return False
    while not any(report.kind == "stopped" for report in engine.poll()):
        if time.monotonic() > end or not driver.state().alive:
            return False
        time.sleep(0.002)
    last = driver.state().cycles + 2  # the one under way, and one whole one in which the listeners read it
    while driver.state().cycles < last:
        if time.monotonic() > end or not driver.state().alive:
            return False
        time.sleep(0.002)
    return True


class JackClient:
    """A client of the JACK server that JACK_DEFAULT_SERVER names; no server is ever started from here.

    `inputs` and `outputs` name its MIDI ports, `audio_inputs` and `audio_outputs` those for sound (at most 16 each).
    `open` shows them, `close` takes them away.
    """

    def __init__(
        self,
        name: str,
        inputs: list[str],
        outputs: list[str],
        audio_inputs: Sequence[str] = (),
        audio_outputs: Sequence[str] = (),
    ) -> None:
        self._name, self._inputs, self._outputs = name, inputs, outputs
        self._audio_inputs, self._audio_outputs = list(audio_inputs), list(audio_outputs)
        self._jack = self._new()
        self.sample_rate = 0

    def _new(self) -> Any:
        """A client that is not open yet."""
        lists = (self._inputs, self._outputs, self._audio_inputs, self._audio_outputs)
        texts = [[ffi.new("char[]", text.encode()) for text in names] for names in lists]
        ins, outs, audio_ins, audio_outs = ((len(names), ffi.new("char *[]", names)) for names in texts)
        pointer = lib.rp_jack_new(self._name.encode(), *ins, *outs)
        if pointer == ffi.NULL:
            raise DriverError(f"{ins[0]} input and {outs[0]} output ports: at most 16 each")
        jack = ffi.gc(pointer, lib.rp_jack_free)
        if not lib.rp_jack_set_audio(jack, *audio_ins, *audio_outs):
            raise DriverError(f"{audio_ins[0]} audio input and {audio_outs[0]} audio output ports: at most 16 each")
        return jack

    def open(self) -> None:
        """Become a client and show the ports. Raises DriverError."""
        self._check(lib.rp_jack_open(self._jack))
        self.sample_rate = self._raw().sample_rate

    def close(self) -> None:
        """Leave the server at once."""
        lib.rp_jack_close(self._jack)

    def _raw(self) -> Any:
        state = ffi.new("rp_jack_state *")
        lib.rp_jack_get_state(self._jack, state)
        return state

    def _check(self, result: int) -> None:
        if result != lib.RP_JACK_FINE:
            reason = ffi.string(self._raw().reason).decode(errors="replace").strip()
            raise DriverError(_ADVICE[result] + (f" (JACK says: {reason})" if reason else ""))

    def state(self) -> DriverState:
        """How it does now."""
        raw = self._raw()
        return DriverState(
            alive=raw.state == RUNNING,
            sample_rate=raw.sample_rate,
            period=raw.period,
            frame=raw.frame,
            cycles=raw.cycles,
            xruns=raw.xruns,
            load_max=raw.load_max / 1000,
            load_mean=raw.load_mean / 1000,
            overruns=raw.overruns,
            reason=ffi.string(raw.reason).decode(errors="replace"),
        )

    @property
    def client_name(self) -> str:
        """The client's name on the server; another than asked for where that one was taken."""
        return ffi.string(lib.rp_jack_client_name(self._jack)).decode()

    @property
    def ports(self) -> list[str]:
        """The full names of our ports: inputs, outputs, audio inputs, audio outputs."""
        names = (*self._inputs, *self._outputs, *self._audio_inputs, *self._audio_outputs)
        return [f"{self.client_name}:{name}" for name in names]

    def list_ports(self, audio: bool = False) -> list[Port]:
        """Every MIDI port of the server, or every audio port."""
        size = lib.rp_jack_list(self._jack, audio, ffi.NULL, 0) + 4096  # room for what comes up meanwhile
        text = ffi.new("char[]", size)
        lib.rp_jack_list(self._jack, audio, text, size)
        return [_port(line) for line in ffi.string(text).decode(errors="replace").splitlines()]

    def connect(self, source: str, destination: str) -> None:
        """Connect two ports by their full names. Raises DriverError."""
        if not lib.rp_jack_connect(self._jack, source.encode(), destination.encode()):
            raise DriverError(f"JACK does not connect {source} to {destination}")

    def disconnect(self, source: str, destination: str) -> None:
        """Undo that. Raises DriverError."""
        if not lib.rp_jack_disconnect(self._jack, source.encode(), destination.encode()):
            raise DriverError(f"JACK does not disconnect {source} from {destination}")

    def connected(self, source: str, destination: str) -> bool:
        """Are these two, one of them ours, connected?"""
        return bool(lib.rp_jack_connected(self._jack, source.encode(), destination.encode()))


class JackDriver(JackClient):
    """A JACK client that runs an engine: events in and out in one callback, at their samples.

    `audios` names its audio outputs, `audio_inputs` its audio inputs. `open` shows the ports, `start` plays,
    `stop` ends in silence. `tend`, called now and then, looks for a server that went away, makes connections again when
    their devices come back (those of `connect_in`, `connect_out`, `connect_audio` and `connect_audio_in`, and those
    that others made while it ran), and tells JACK how late our sound is. `links` are these connections.

    new_rate: the server came back with this sample rate, and `start` wants an engine of that rate; 0: it did not.
    """

    def __init__(
        self,
        name: str,
        inputs: list[str],
        outputs: list[str],
        audios: Sequence[str] = (),
        audio_inputs: Sequence[str] = (),
    ) -> None:
        super().__init__(name, inputs, outputs, audio_inputs, audios)
        self._engine: Engine | None = None
        self.links = Links()
        self._missing = False  # a device is there, and not connected yet
        self._changes, self._changed_at = 0, 0.0  # of the server's ports, and when it was so many
        self._attempts, self._next_attempt = 0, 0.0
        self.new_rate = 0

    def start(self, engine: Engine) -> None:
        """Run the engine, whose sample rate must be the driver's. Raises DriverError."""
        if engine.sample_rate != self.sample_rate:
            raise DriverError(f"the engine has {engine.sample_rate} Hz, the JACK server {self.sample_rate} Hz")
        result = lib.rp_jack_start(self._jack, engine.pointer)
        if not self.new_rate:  # else the server may have gone again meanwhile: `tend` looks for it
            self._check(result)
        self._engine, self.new_rate = engine, 0
        self._missing = bool(self.links.links)
        engine.drivers += 1

    def stop(self) -> bool:
        """Release every note, then leave the server. False: silence is not certain (the server is gone; the engine's
        black box then knows what may still sound)."""
        silent = self._engine is None or stop_engine(self._engine, self)
        self.close()
        return silent

    def close(self) -> None:
        """Leave the server at once, whatever sounds."""
        super().close()
        if self._engine:
            self._engine.drivers -= 1
        self._engine = None

    def connect_in(self, part: str, port: int = 0) -> str:
        """Let a device play into our input port, now and whenever it comes back; returns its full name."""
        return self._ask_for(part, self._inputs[port], True)

    def connect_out(self, part: str, port: int = 0) -> str:
        """Let our output port play to a device, now and whenever it comes back; returns its full name."""
        return self._ask_for(part, self._outputs[port], False)

    def connect_audio(self, part: str, audio: int = 0) -> str:
        """Let our audio output sound on a device's input, likewise; returns its full name."""
        return self._ask_for(part, self._audio_outputs[audio], False, True)

    def connect_audio_in(self, part: str, audio: int = 0) -> str:
        """Let a device be heard at our audio input, likewise; returns its full name."""
        return self._ask_for(part, self._audio_inputs[audio], True, True)

    def state(self) -> DriverState:
        """How it does now."""
        return replace(super().state(), restored=self.links.restored)

    def remember(self, links: Iterable[Link]) -> None:
        """Connections of a life before: each is made as soon as its device is there."""
        ports = (*self._inputs, *self._outputs, *self._audio_inputs, *self._audio_outputs)
        there = {(one.ours, one.into, one.device.name) for one in self.links.links}
        new = [one for one in links if one.ours in ports and (one.ours, one.into, one.device.name) not in there]
        self.links.links = [*self.links.links, *new]
        self._missing = True

    def disconnect(self, source: str, destination: str) -> None:
        """Undo a connection of ours, for good. Raises DriverError."""
        super().disconnect(source, destination)
        for ours, other, into in ((source, destination, False), (destination, source, True)):
            if self._own(ours):
                self.links.forget(self._own(ours), other, into)

    def speakers(self) -> list[str]:
        """The full names of the audio inputs that are hardware: where sound is heard."""
        return sorted((port.name for port in self.list_ports(True) if port.physical and port.reads), key=natural)

    def _ask_for(self, part: str, ours: str, into: bool, audio: bool = False) -> str:
        """Connect the one device that goes by `part`, whose place this is from now on. DriverError: it is not there."""
        ports = {p.name: p for p in self.list_ports(audio) if not p.ours and (p.writes if into else p.reads)}
        what = f"{'audio' if audio else 'MIDI'} {'source' if into else 'destination'}"
        port = ports[pick(part, {name: one.aliases for name, one in ports.items()}, what)]
        self._join(ours, port, into)
        self.links.joined(ours, steady(port), into, audio, asked=True, there=ports)
        return port.name

    def _own(self, name: str) -> str:
        """The short name of a port of ours; "" for another's."""
        client, _, short = name.partition(":")
        known = (*self._inputs, *self._outputs, *self._audio_inputs, *self._audio_outputs)
        return short if client == self.client_name and short in known else ""

    def _ends(self, ours: str, other: str, into: bool) -> tuple[str, str]:
        full = f"{self.client_name}:{ours}"
        return (other, full) if into else (full, other)

    def _join(self, ours: str, port: Port, into: bool) -> None:
        """Connect, unless they are. Raises DriverError."""
        ends = self._ends(ours, port.name, into)
        if not self.connected(*ends):
            self.connect(*ends)

    @property
    def stirred(self) -> bool:
        """Ports came or went just now, or the server: `tend` has something to do, the sooner the better."""
        raw = self._raw()
        if raw.changes != self._changes:
            self._changes, self._changed_at = raw.changes, time.monotonic()
            return True
        if raw.state != RUNNING:
            return self._engine is not None and self._attempts == 0
        return self._missing and time.monotonic() < self._changed_at + _READY_SECONDS

    def tend(self) -> list[str]:
        """To be called a few times a second: finds a server that went away, and devices that came back.

        Returns news, in sentences.
        """
        if self._raw().state != RUNNING:
            return self._look_for_server() if self._engine else []
        self._tell_latency()
        happened = self._hear()
        return self._renew() if happened or self._missing or self.links.unsettled else []

    def _tell_latency(self) -> None:
        if self._engine:
            stats = self._engine.stats()
            lib.rp_jack_set_latency(self._jack, stats.latency + self._engine.sound_shift, stats.delay)
            for port, frames in enumerate(self._engine.shifts):
                lib.rp_jack_set_shift(self._jack, port, frames)

    def _happened(self) -> Iterator[tuple[int, str, str]]:
        """What happened to ports and connections since the last look: (kind, source, destination)."""
        news = ffi.new("rp_jack_news *")
        while lib.rp_jack_hear(self._jack, news):
            yield news.kind, _text(news.source), _text(news.destination)

    def _all_ports(self) -> dict[str, tuple[Port, bool]]:
        """By their names, as devices are known; whether they are for sound."""
        kinds = (False, True) if self._audio_inputs or self._audio_outputs else (False,)
        return {port.name: (steady(port), audio) for audio in kinds for port in self.list_ports(audio)}

    def _hear(self) -> bool:
        """Take in what happened. False: nothing."""
        happened = list(self._happened())
        ports = self._all_ports() if happened else {}
        gone = {name: place for place, (kind, name, _) in enumerate(happened) if kind == lib.RP_JACK_WENT}
        for place, (kind, source, destination) in enumerate(happened):
            if kind in (lib.RP_JACK_CAME, lib.RP_JACK_WENT):
                self.links.moved(source)
                continue
            into = bool(self._own(destination))
            ours, other = (self._own(destination), source) if into else (self._own(source), destination)
            if kind == lib.RP_JACK_PARTED:
                self.links.parted(ours, other, into, time.monotonic())
            elif place > gone.get(other, -1) and self._is_joined(ours, other, into, ports):
                self.links.joined(ours, ports[other][0], into, ports[other][1], there=ports)
        return bool(happened)

    def _is_joined(self, ours: str, other: str, into: bool, ports: Mapping[str, tuple[Port, bool]]) -> bool:
        """Whether news of a connection hold: a port's number, by which JACK tells them, may be another's by now."""
        known = other in ports and not ports[other][0].ours
        return known and self.connected(*self._ends(ours, other, into))

    def _renew(self) -> list[str]:
        """Make the connections that are missing, of devices that are there; returns news."""
        ports = [port for port, _ in self._all_ports().values()]
        news, self._missing = self.links.strangers(ports), False
        wanted = self.links.missing(
            ports, lambda link, port: self.connected(*self._ends(link.ours, port.name, link.into)), time.monotonic()
        )
        for link, port in wanted:
            try:
                self._join(link.ours, port, link.into)
            except DriverError:
                self._missing = True  # it is there, and not ready
                continue
            self.links.made(link, port)
            self.links.restored += 1
            news.append(f"{port.name} is connected")
        return list(dict.fromkeys(news))  # once, with however many of our ports

    def _look_for_server(self) -> list[str]:
        if self._engine is None or time.monotonic() < self._next_attempt:
            return []
        news = []
        if self._attempts == 0:
            list(self._happened())  # the last words of a server that is no more
            self.links.server_gone()
            news.append(
                f"the JACK server went away ({self.state().reason.strip() or 'no reason given'}); looking for it"
            )
        self._next_attempt = time.monotonic() + _BACKOFF[min(self._attempts, len(_BACKOFF) - 1)]
        self._attempts += 1
        try:
            result = lib.rp_jack_open(self._jack)
            if result == lib.RP_JACK_OTHER_RATE:
                self._open_anew()
            else:
                self._check(result)
                self._check(lib.rp_jack_start(self._jack, self._engine.pointer))
        except DriverError:
            return news
        self._attempts, self._next_attempt = 0, 0.0
        if self.new_rate:
            return [*news, f"the JACK server is back, with {self.new_rate} Hz"]
        return [*news, "the JACK server is back", *self._renew()]

    def _open_anew(self) -> None:
        """Show the ports on a server of another rate, and let the engine go."""
        before, self._jack = self._jack, self._new()
        try:
            self.open()
        except DriverError:
            self._jack = before
            raise
        assert self._engine
        self._engine.drivers -= 1
        self._engine, self.new_rate = None, self.sample_rate


def _text(characters: Any) -> str:
    return str(ffi.string(characters).decode(errors="replace"))


def _port(line: str) -> Port:
    flags, name, *aliases = line.split("\t")
    bits = int(flags)
    return Port(name, tuple(aliases), bool(bits & 2), bool(bits & 1), bool(bits & 4), bool(bits & 256))


def jack_ports(audio: bool = False) -> list[Port]:
    """The MIDI ports of the JACK server, or its audio ports. Raises DriverError where there is none."""
    client = JackClient("ripieno-look", [], [])
    client.open()
    try:
        return client.list_ports(audio)
    finally:
        client.close()


def jack_problem() -> str | None:
    """Why the JACK driver does not work here, None where it does."""
    try:
        jack_ports()
    except DriverError as error:
        return str(error)
    return None


class Clock:
    """A C thread that runs an engine at real pace in blocks of `block` frames.

    Bytes come from `sources` (at most 16), each of which one Python thread feeds; what the engine sends waits in a
    queue for the one thread that calls `receive`. A sound card may run the engine in the thread's place, for as long as
    it asks for sound: see `ripieno.native.portaudio`. `pointer` is the C `rp_clock *`.
    """

    def __init__(self, sample_rate: int = 48000, block: int = 64, sources: int = 1, outputs: int = 1) -> None:
        config = ffi.new("rp_clock_config *", (sample_rate, block, sources, outputs))
        pointer = lib.rp_clock_new(config)
        if pointer == ffi.NULL:
            raise DriverError(
                f"no clock with {sources} sources and {outputs} outputs, {block} frames at {sample_rate} Hz"
            )
        self.pointer = ffi.gc(pointer, lib.rp_clock_free)
        self._event = ffi.new("rp_clock_event *")
        self._engine: Engine | None = None
        self.sample_rate, self.block = sample_rate, block

    def start(self, engine: Engine) -> None:
        """Run the engine from now on, its frames going on where they stopped. Raises DriverError."""
        if not lib.rp_clock_start(self.pointer, engine.pointer):
            raise DriverError("the system gives no thread for the engine")
        self._engine = engine  # kept alive while the thread runs
        engine.drivers += 1

    def stop(self) -> None:
        """End the thread."""
        lib.rp_clock_stop(self.pointer)
        if self._engine:
            self._engine.drivers -= 1
        self._engine = None

    def send(self, source: int, port: int, data: bytes) -> bool:
        """Bytes for the engine's input `port`, to be played at once. False: its queue is full, nothing was taken."""
        return bool(lib.rp_clock_send(self.pointer, source, port, data, len(data)))

    def send_at(self, source: int, frame: int, port: int, data: bytes) -> bool:
        """The same for a frame to come; frames never decrease within a source."""
        return bool(lib.rp_clock_send_at(self.pointer, source, frame, port, data, len(data)))

    def receive(self, timeout_ms: int) -> tuple[int, int, bytes] | None:
        """The next (frame, port, bytes) that the engine sent; waits in C, without the interpreter's lock."""
        event = self._event
        if not lib.rp_clock_receive(self.pointer, event, timeout_ms):
            return None
        return event.frame, event.port, bytes(ffi.buffer(event.data, event.size))

    def lose(self, port: int) -> None:
        """The input port was unplugged: what it holds is released."""
        lib.rp_clock_lose(self.pointer, port)

    def set_connected(self, outputs: int) -> None:
        """Bit n: output port n has a listener."""
        lib.rp_clock_set_connected(self.pointer, outputs)

    def state(self) -> DriverState:
        """How it does now."""
        raw = ffi.new("rp_clock_state *")
        lib.rp_clock_get_state(self.pointer, raw)
        return DriverState(
            alive=bool(raw.running),
            sample_rate=self.sample_rate,
            period=self.block,
            frame=raw.frame,
            cycles=raw.cycles,
            xruns=raw.xruns,
            load_max=raw.load_max / 1000,
            load_mean=raw.load_mean / 1000,
            overruns=raw.overruns,
            reason="" if raw.realtime else "without real-time priority",
        )
