"""What is heard when the service is killed while notes sound, again and again: silence, then it plays on (with JACK).

A stand-in is the service manager: it starts what the unit says, with a socket to be told at, and starts it anew after
the unit's pause when it was killed. A player plays chords all the while, and a listener, which is the synthesiser,
hears what comes of them.
"""

import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ripieno.daemon.bench.jack import sounding
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.daemon.errors import UserError
from ripieno.daemon.progress import Progress
from ripieno.daemon.service.plan import Plan
from ripieno.daemon.service.state import State, state_path, write_state
from ripieno.daemon.service.systemd import RESTART_S, WATCHDOG_S
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

KILLS = 20
LIMIT_S = 3.0
PRESETS, PLAYING = ("choir", "string-quartet"), "String quartet"  # the second: it goes on with that, as it was
RATE = 48_000
_CHORD, _HELD_S, _BEAT_S = (48, 55, 64, 72), 0.4, 0.5
_PATIENCE_S, _LOOK_S = 30.0, 0.02
_SECONDS_A_KILL = 10  # of playing, at most


class StandIn:
    """A service manager of one service, with the protocol of sd_notify(3). told: what it was told, a line each."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.told = plan, list[str]()
        self._path = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._path)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; nobody waits for it yet."""
        told = {"NOTIFY_SOCKET": self._path, "WATCHDOG_USEC": str(round(1e6 * WATCHDOG_S))}
        self._process = subprocess.Popen(
            self.plan.command,
            cwd=self.plan.folder,
            env={**os.environ, **self.plan.environment, **told},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def wait(self, line: str) -> None:
        """Until it tells this. UserError where it does not."""
        assert self._process
        self._socket.settimeout(_PATIENCE_S)
        told: list[str] = []
        while line not in told:
            try:
                told = self._socket.recv(4096).decode().split("\n")
            except TimeoutError:
                raise UserError(f"the service did not tell {line!r}; exit code {self._process.poll()}") from None
            self.told += told

    def end(self, number: int) -> int:
        """By a signal; returns its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(_PATIENCE_S)

    def close(self) -> None:
        """End it if it runs, and hear no more."""
        self.end(signal.SIGKILL)
        self._socket.close()


def run(as_json: bool = False, kills: int = KILLS, seed: int = 1) -> dict[str, Any]:
    """Kill the service so often, at random moments while notes sound. Print what was found unless as_json.

    back_s: from each kill to the next note, in seconds. wrong: the kills that met no note, or after which an old note
    had not ended when a new one began: what was held, and what was heard since.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise UserError("this is measured where there are unix sockets")
    chance = random.Random(seed)
    lives: list[dict[str, Any]] = []
    with _server(), tempfile.TemporaryDirectory() as folder, Progress("killing the service") as progress:
        with _stage(kills) as (player, listener), closing(_service(Path(folder))) as service:
            service.start()
            service.wait("READY=1")
            player.go()
            for number in range(kills):
                lives.append(_kill(service, player, listener, chance.uniform(0, _HELD_S / 2)))
                progress((number + 1) / kills)
            clean = service.end(signal.SIGTERM) == 0
            _until(lambda: not sounding(listener.received()), player, "silence at the end")
        statuses = [line for line in service.told if line.startswith("STATUS=")]
    found = _verdict(lives, clean, all(line.startswith(f"STATUS={PLAYING} on jack") for line in statuses))
    if not as_json:
        show(found)
    return found


def _server() -> DummyServer:
    """One that leaves nobody out where the machine is late: what it loses then is not the service's doing."""
    return DummyServer(RATE, synchronous=True)


def _service(folder: Path) -> StandIn:
    """One that was killed before, with the second of its presets playing."""
    client = f"ripieno-bench-{os.getpid()}"
    line = [
        *PRESETS,
        "--driver",
        "jack",
        "--name",
        client,
        "--connect-in",
        "player:out",
        "--connect-out",
        "listener:in",
    ]
    environment = {"XDG_STATE_HOME": str(folder)}
    write_state(folder / "ripieno" / state_path(client).name, State(list(PRESETS), PLAYING))
    return StandIn(Plan(client, line, folder, environment), folder)


@contextmanager
def _stage(kills: int) -> Iterator[tuple[JackProbe, JackProbe]]:
    """Whoever plays, and whoever hears."""
    script = list(_chords(_SECONDS_A_KILL * (kills + 1)))
    player, listener = JackProbe("player", [], ["out"], script), JackProbe("listener", ["in"], [])
    with closing(player), closing(listener):
        for probe in (player, listener):
            probe.open()
            probe.start()
        yield player, listener


def _chords(seconds: float) -> Iterator[Event]:
    """A chord each half second."""
    for beat in range(round(seconds / _BEAT_S)):
        begin = round(beat * _BEAT_S * RATE)
        yield from ((begin + place, 0, bytes((0x90, pitch, 80))) for place, pitch in enumerate(_CHORD))
        end = begin + round(_HELD_S * RATE)
        yield from ((end + place, 0, bytes((0x80, pitch, 0))) for place, pitch in enumerate(_CHORD))


def _kill(service: StandIn, player: JackProbe, listener: JackProbe, after_s: float) -> dict[str, Any]:
    """Kill it so long after a chord began, and see what is heard."""
    _until(lambda: not sounding(listener.received()), player, "a pause")
    _until(lambda: sounding(listener.received()), player, "notes")
    time.sleep(after_s)
    service.end(signal.SIGKILL)
    killed = time.monotonic()
    time.sleep(RESTART_S)
    before = len(listener.received())  # its last words have arrived by now
    held = sounding(listener.received()[:before])
    service.start()
    _until(lambda: _begun(listener.received()[before:]) is not None, player, "a note after a kill")
    back = time.monotonic() - killed
    service.wait("READY=1")
    new = listener.received()[before:]
    begun = _begun(new)
    silent = next((place for place in range(len(new) + 1) if not sounding(new[:place], held)), None)
    first = silent is not None and begun is not None and silent <= begun
    heard = [] if first else [(frame, data.hex()) for frame, _, data in new]
    return {"held": sorted(held), "back_s": round(back, 3), "first": first, "heard": heard}


def _until(condition: Callable[[], object], player: JackProbe, what: str) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > end or player.done:
            raise UserError(f"it never came to this: {what}")
        time.sleep(_LOOK_S)


def _begun(events: Sequence[Event]) -> int | None:
    """The place of the first note that begins."""
    return next((place for place, (_, _, data) in enumerate(events) if data[0] & 0xF0 == 0x90 and data[2]), None)


def _verdict(lives: Sequence[dict[str, Any]], clean: bool, as_it_was: bool) -> dict[str, Any]:
    kills, worst = len(lives), max(life["back_s"] for life in lives)
    first = sum(life["first"] and bool(life["held"]) for life in lives)
    rows = [
        Row(f"killed {kills} times: silence before any new note", f"{first} times", "each time", first == kills),
        Row("back, and playing", f"after {worst:.2f} s at most", f"<= {LIMIT_S:g} s", worst <= LIMIT_S),
        Row("as it was", "yes" if as_it_was else "no", f"{PLAYING}, the second preset", as_it_was),
        Row("then told to end", "silent" if clean else "not clean", "silent", clean),
    ]
    wrong = [life for life in lives if not life["first"] or not life["held"]]
    return verdict(rows, back_s=[life["back_s"] for life in lives], wrong=wrong)
