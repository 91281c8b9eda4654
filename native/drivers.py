"""Python face of the drivers: what runs the engine. Nothing here runs between a key and its sound.

`JackDriver` is a client of a JACK server, whose process callback is C; `Clock` is a C thread that runs the engine at
real pace, for ports that have no clock of their own.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from ripieno.native._native import ffi, lib
from ripieno.native.engine import Engine

RUNNING, GONE = lib.RP_JACK_RUNNING, lib.RP_JACK_GONE
_ADVICE = {
    lib.RP_JACK_NO_LIBRARY: "JACK's library (libjack) is not on this machine; install JACK (Debian: apt install jackd2;"
    " macOS: brew install jack), or use --driver rtmidi",
    lib.RP_JACK_NO_SERVER: "no JACK server answers; start one (with a sound card: jackd -d alsa -r 48000 -p 128;"
    " without: jackd -d dummy -r 48000 -p 128; or QjackCtl), as the same user, and set JACK_DEFAULT_SERVER if it was"
    " given a name",
    lib.RP_JACK_REFUSED: "the JACK server refuses this client or one of its ports",
    lib.RP_JACK_OTHER_RATE: "the JACK server came back with another sample rate; stop Ripieno and start it again",
    lib.RP_JACK_NO_MEMORY: "no memory for the JACK client",
}
_BACKOFF = (0.25, 0.5, 1.0, 2.0, 4.0)  # seconds between attempts to find the server again; the last one repeats
_STOP_TIMEOUT = 3.0


class DriverError(Exception):
    """A driver cannot do what it was asked to; the message says why and what to do."""


class Port(NamedTuple):
    """A MIDI port that somebody else has, or we: full name and other names."""

    name: str
    aliases: tuple[str, ...]
    writes: bool  # events come out of it: a keyboard
    reads: bool  # events go into it: a synthesiser
    physical: bool
    ours: bool


@dataclass(frozen=True)
class DriverState:
    """How a driver does. Loads are the time spent in a cycle, as a share of the period; frames are samples."""

    alive: bool
    sample_rate: int
    period: int
    frame: int
    cycles: int
    xruns: int
    load_max: float
    load_mean: float
    reason: str = ""


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


class JackDriver:
    """A JACK client with MIDI ports that runs an engine: events in and out in one callback, at their samples.

    `inputs` and `outputs` name the ports (at most 16 each). `open` shows the ports, `start` plays, `stop` ends in
    silence. A server that goes away is looked for by `tend`, which makes the connections of `connect_in` and
    `connect_out` again. The server is the one that JACK_DEFAULT_SERVER names, and is never started from here.
    """

    def __init__(self, name: str, inputs: list[str], outputs: list[str]) -> None:
        texts = [[ffi.new("char[]", text.encode()) for text in names] for names in (inputs, outputs)]
        arrays = [ffi.new("char *[]", names) for names in texts]
        pointer = lib.rp_jack_new(name.encode(), len(inputs), arrays[0], len(outputs), arrays[1])
        if pointer == ffi.NULL:
            raise DriverError(f"{len(inputs)} input and {len(outputs)} output ports: at most 16 each")
        self._jack = ffi.gc(pointer, lib.rp_jack_free)
        self._inputs, self._outputs = inputs, outputs
        self._engine: Engine | None = None
        self._wishes: list[tuple[str, str, bool]] = []  # (part of a name, our port, into it)
        self._changes = 0
        self._attempt, self._again = 0, 0.0
        self.sample_rate = 0

    def open(self) -> None:
        """Become a client and show the ports. Raises DriverError."""
        self._check(lib.rp_jack_open(self._jack))
        self.sample_rate = self._raw().sample_rate

    def start(self, engine: Engine) -> None:
        """Run the engine, whose sample rate must be the driver's. Raises DriverError."""
        if engine.sample_rate != self.sample_rate:
            raise DriverError(f"the engine has {engine.sample_rate} Hz, the JACK server {self.sample_rate} Hz")
        self._engine = engine
        self._check(lib.rp_jack_start(self._jack, engine.pointer))

    def stop(self) -> bool:
        """Release every note, then leave the server. False: silence is not certain (the server is gone; the engine's
        black box then knows what may still sound)."""
        engine, self._engine = self._engine, None
        silent = engine is None or stop_engine(engine, self)
        self.close()
        return silent

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
            reason=ffi.string(raw.reason).decode(errors="replace"),
        )

    @property
    def client_name(self) -> str:
        """The client's name on the server; another than asked for where that one was taken."""
        return ffi.string(lib.rp_jack_client_name(self._jack)).decode()

    @property
    def ports(self) -> list[str]:
        """The full names of our ports, inputs first."""
        return [f"{self.client_name}:{name}" for name in (*self._inputs, *self._outputs)]

    def list_ports(self) -> list[Port]:
        """Every MIDI port of the server."""
        size = lib.rp_jack_list(self._jack, ffi.NULL, 0) + 4096  # room for what comes up meanwhile
        text = ffi.new("char[]", size)
        lib.rp_jack_list(self._jack, text, size)
        return [_port(line) for line in ffi.string(text).decode(errors="replace").splitlines()]

    def connect_in(self, part: str, port: int = 0) -> str:
        """Let a device play into our input port, now and whenever it comes back; returns its full name."""
        self._wishes.append((part, self._inputs[port], True))
        return self._grant(*self._wishes[-1])

    def connect_out(self, part: str, port: int = 0) -> str:
        """Let our output port play to a device, now and whenever it comes back; returns its full name."""
        self._wishes.append((part, self._outputs[port], False))
        return self._grant(*self._wishes[-1])

    def _grant(self, part: str, ours: str, into: bool) -> str:
        ports = {p.name: p.aliases for p in self.list_ports() if not p.ours and (p.writes if into else p.reads)}
        name = pick(part, ports, "MIDI source" if into else "MIDI destination")
        self.connect(*((name, f"{self.client_name}:{ours}") if into else (f"{self.client_name}:{ours}", name)))
        return name

    def connect(self, source: str, destination: str) -> None:
        """Connect two ports by their full names. Raises DriverError."""
        if not lib.rp_jack_connect(self._jack, source.encode(), destination.encode()):
            raise DriverError(f"JACK does not connect {source} to {destination}")

    def tend(self) -> list[str]:
        """To be called a few times a second: finds a server that went away, and devices that came back.

        Returns news, in sentences.
        """
        raw = self._raw()
        if raw.state != RUNNING:
            return self._look_for_server() if self._engine else []
        if raw.changes == self._changes:
            return []
        self._changes = raw.changes
        return self._renew()

    def _renew(self) -> list[str]:
        news = []
        for part, ours, into in self._wishes:
            mine = f"{self.client_name}:{ours}".encode()
            try:
                before = {p.name for p in self.list_ports() if not p.ours and self._linked(p.name.encode(), mine, into)}
                name = self._grant(part, ours, into)
            except DriverError:
                continue  # not there yet: a later change brings it
            if name not in before:
                news.append(f"{name} is connected")
        return news

    def _linked(self, other: bytes, mine: bytes, into: bool) -> bool:
        return bool(lib.rp_jack_connected(self._jack, *((other, mine) if into else (mine, other))))

    def _look_for_server(self) -> list[str]:
        if time.monotonic() < self._again:
            return []
        first, reason = self._attempt == 0, self.state().reason
        self._again = time.monotonic() + _BACKOFF[min(self._attempt, len(_BACKOFF) - 1)]
        self._attempt += 1
        news = [f"the JACK server went away{f' ({reason})' if reason else ''}; looking for it"] if first else []
        engine = self._engine
        try:
            self._check(lib.rp_jack_open(self._jack))
            self._check(lib.rp_jack_start(self._jack, engine.pointer if engine else ffi.NULL))
        except DriverError:
            return news
        self._attempt, self._again = 0, 0.0
        return [*news, "the JACK server is back", *self._renew()]


def _port(line: str) -> Port:
    flags, name, *aliases = line.split("\t")
    bits = int(flags)
    return Port(name, tuple(aliases), bool(bits & 2), bool(bits & 1), bool(bits & 4), bool(bits & 256))


def jack_problem(name: str = "ripieno") -> str | None:
    """Why the JACK driver does not work here, None where it does."""
    driver = JackDriver(f"{name}-look", [], [])
    try:
        driver.open()
    except DriverError as error:
        return str(error)
    driver.close()
    return None


def jack_ports() -> list[Port]:
    """The MIDI ports of the JACK server. Raises DriverError where there is none."""
    driver = JackDriver("ripieno-look", [], [])
    driver.open()
    try:
        return driver.list_ports()
    finally:
        driver.close()


class Clock:
    """A C thread that runs an engine at real pace in blocks of `block` frames.

    Bytes come from `sources` (at most 16), each of which one Python thread feeds; what the engine sends waits in a
    queue for the one thread that calls `receive`.
    """

    def __init__(self, sample_rate: int = 48000, block: int = 64, sources: int = 1, outputs: int = 1) -> None:
        config = ffi.new("rp_clock_config *", (sample_rate, block, sources, outputs))
        pointer = lib.rp_clock_new(config)
        if pointer == ffi.NULL:
            raise DriverError(
                f"no clock with {sources} sources and {outputs} outputs, {block} frames at {sample_rate} Hz"
            )
        self._clock = ffi.gc(pointer, lib.rp_clock_free)
        self._event = ffi.new("rp_clock_event *")
        self._engine: Engine | None = None
        self.sample_rate, self.block = sample_rate, block

    def start(self, engine: Engine) -> None:
        """Run the engine from now on, its frames going on where they stopped. Raises DriverError."""
        self._engine = engine  # kept alive while the thread runs
        if not lib.rp_clock_start(self._clock, engine.pointer):
            raise DriverError("the system gives no thread for the engine")

    def stop(self) -> None:
        """End the thread."""
        lib.rp_clock_stop(self._clock)
        self._engine = None

    def send(self, source: int, port: int, data: bytes) -> bool:
        """Bytes for the engine's input `port`, to be played at once. False: its queue is full, nothing was taken."""
        return bool(lib.rp_clock_send(self._clock, source, port, data, len(data)))

    def send_at(self, source: int, frame: int, port: int, data: bytes) -> bool:
        """The same for a frame to come; frames never decrease within a source."""
        return bool(lib.rp_clock_send_at(self._clock, source, frame, port, data, len(data)))

    def receive(self, timeout_ms: int) -> tuple[int, int, bytes] | None:
        """The next (frame, port, bytes) that the engine sent; waits in C, without the interpreter's lock."""
        event = self._event
        if not lib.rp_clock_receive(self._clock, event, timeout_ms):
            return None
        return event.frame, event.port, bytes(ffi.buffer(event.data, event.size))

    def lose(self, port: int) -> None:
        """The input port was unplugged: what it holds is released."""
        lib.rp_clock_lose(self._clock, port)

    def set_connected(self, outputs: int) -> None:
        """Bit n: output port n has a listener."""
        lib.rp_clock_set_connected(self._clock, outputs)

    def state(self) -> DriverState:
        """How it does now."""
        raw = ffi.new("rp_clock_state *")
        lib.rp_clock_get_state(self._clock, raw)
        return DriverState(
            alive=bool(raw.running),
            sample_rate=self.sample_rate,
            period=self.block,
            frame=raw.frame,
            cycles=raw.cycles,
            xruns=raw.xruns,
            load_max=raw.load_max / 1000,
            load_mean=raw.load_mean / 1000,
            reason="" if raw.realtime else "without real-time priority",
        )
