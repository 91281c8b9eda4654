"""The flight recorder's writer: what the engine's recorder holds goes to disk, by a thread of its own.

The newest hour at least is kept: the oldest segments go when there are more than `most` bytes.
"""

import base64
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count
from pathlib import Path
from shutil import rmtree
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, BinaryIO

from ripieno.daemon.flight.file import END, HEAD, MAGIC, NEWS, RIG, SAMPLE, SUFFIX, encode_cycles, encode_json
from ripieno.native.flight import LAYOUT, Flight

if TYPE_CHECKING:
    from ripieno.native.engine import Engine, Rig

MOST, MOST_SOUND = 1 << 28, 1 << 31
"""Bytes of a session: an hour of the busiest music, and days of what is usual; with the sound that comes in, an hour of
that on two inputs."""
_SEGMENT = 1 << 24
_SESSIONS, _OLD_BYTES = 100, 1 << 30  # of older sessions so many, and so much, are kept
_DRAIN_SECONDS = 0.1
_SYNC_SECONDS, _SYNC_BYTES, _SYNC_AT_LAST_SECONDS = 1.0, 1 << 14, 10.0  # a disk of an installation lasts years


def flights_folder() -> Path:
    """Where recordings are kept: $XDG_STATE_HOME/ripieno/flights, or ~/.local/state/ripieno/flights."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "ripieno" / "flights"


def new_session(client: str, folder: Path | None = None) -> Path:
    """The folder of a session that begins, not made yet; of older sessions only the newest stay."""
    folder = folder or flights_folder()
    room = _OLD_BYTES
    old = sorted((path for path in folder.glob("*-*") if any(path.glob(f"*{SUFFIX}"))), reverse=True)
    for number, path in enumerate(old, 1):
        room -= sum(_size(one) for one in path.glob(f"*{SUFFIX}"))
        if number >= _SESSIONS or room < 0:
            rmtree(path, ignore_errors=True)
    name = "".join(c if c.isalnum() or c in "._-" else "_" for c in client)
    begun = f"{datetime.now():%Y%m%d-%H%M%S}-{name}"
    paths = (folder / (begun + (f"-{n}" if n else "")) for n in count())
    return next(path for path in paths if not path.exists())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def newest_session(folder: Path | None = None) -> Path | None:
    """The folder of the last session; None where there is none."""
    found = [path for path in (folder or flights_folder()).glob("*-*") if any(path.glob(f"*{SUFFIX}"))]
    return max(found, key=lambda path: path.name, default=None)


class FlightLog:
    """Writes one session into a folder, segment by segment. Nothing of it raises: where the disk is full or gone,
    `trouble` says so once, and the music goes on.

    begun: what the head of each segment tells besides what is told here: ports, seeds. sound: keep what comes in at
    audio inputs, too. most: bytes, 0: as many as are usual. clock: the time, in seconds.
    """

    def __init__(
        self,
        folder: Path,
        begun: dict[str, Any] | None = None,
        *,
        sound: bool = False,
        most: int = 0,
        segment: int = _SEGMENT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder, self.trouble = folder, ""
        self._begun, self._segment, self._clock = begun or {}, segment, clock
        self._sound, self._most = sound, most or (MOST_SOUND if sound else MOST)
        self._flight: Flight | None = None
        self._file: BinaryIO | None = None
        self._head: dict[str, Any] = {}
        self._rigs: dict[int, dict[str, Any]] = {}
        self._last_rig = self._number = self._size = self._engines = self._on_disk = 0
        self._synced = clock()
        self._lock, self._ending, self._thread = Lock(), Event(), Thread(target=self._work, name="flight", daemon=True)

    # ---- what is recorded ----

    def attach(self, engine: "Engine", sounding: bytes = b"") -> None:
        """Record this engine, before a driver runs it. sounding: its black box as it is now.

        An engine before it must be at an end. A segment begins with it.
        """
        with self._lock:
            if self._flight:
                self._flight.detach()
            self._drain()
            self._flight = Flight(sound=self._sound)
            self._flight.attach(engine)
            engine.lent = self._tell_rig
            self._rigs, self._last_rig = {}, 0
            self._engines += 1
            self._head = self._begun | {
                "version": version("ripieno"),
                "layout": [*LAYOUT, sys.byteorder],
                "engine": self._engines,
                "sample_rate": engine.sample_rate,
                "inputs": engine.inputs,
                "outputs": engine.outputs,
                "audios": engine.audios,
                "audio_inputs": engine.audio_inputs,
                "sounding": base64.b64encode(sounding).decode() if any(sounding) else "",
            }
            self._begin_segment(True)

    def start(self) -> None:
        """Let the thread write what comes, ten times a second."""
        self._thread.start()

    def sample(self, values: dict[str, Any]) -> None:
        """How everything stands now; about once a second."""
        self._tell(SAMPLE, values)

    def news(self, text: str) -> None:
        """Something happened that a user was told of."""
        self._tell(NEWS, {"text": text})

    def drain(self) -> None:
        """Write what the engine's recorder holds."""
        with self._lock:
            self._drain()

    def end(self) -> None:
        """The engine is at an end: write the rest, and that it ended as it should."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            if self._flight:
                self._flight.detach()
            self._drain()
            self._write(encode_json(END, {"time": self._clock(), "missed": self.missed}))
            self._close()

    @property
    def missed(self) -> int:
        """Cycles that were not recorded, of the engine that plays, because the disk was too slow."""
        return self._flight.stats().missed if self._flight else 0

    # ---- how it is written; all but the first under the lock ----

    def _work(self) -> None:
        while not self._ending.wait(_DRAIN_SECONDS):
            self.drain()

    def _tell(self, kind: int, values: dict[str, Any]) -> None:
        with self._lock:
            self._drain()
            self._write(encode_json(kind, {"time": self._clock()} | values))

    def _tell_rig(self, address: int, rig: "Rig") -> None:
        """Before the engine has it: what is known of a rig stands before the cycle that it begins in."""
        origin = rig.origin()
        with self._lock:
            self._drain()
            self._rigs[address], self._last_rig = origin, address
            self._write(encode_json(RIG, {"address": address} | origin))

    def _drain(self) -> None:
        data = self._flight.read() if self._flight else b""
        if data:
            self._write(encode_cycles(data))
        if self._file and self._size > self._segment:
            self._begin_segment(False)
        self._sync()

    def _begin_segment(self, first: bool) -> None:
        """first: an engine begins with it."""
        if self.trouble:
            return
        self._close()
        self._number += 1
        path = self.folder / f"{self._number:04}{SUFFIX}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file, self._size, self._on_disk = path.open("xb"), 0, 0
            self._bound()
        except OSError as error:
            self._fail(error)
        self._write(MAGIC)
        now = datetime.fromtimestamp(self._clock(), UTC).isoformat()
        segment = {"segment": self._number, "first": first, "time": self._clock(), "date": now}
        self._write(encode_json(HEAD, self._head | segment | {"rig": self._last_rig}))
        for address, origin in self._rigs.items():
            self._write(encode_json(RIG, {"address": address} | origin))

    def _bound(self) -> None:
        """The oldest segments go."""
        found = sorted(self.folder.glob(f"*{SUFFIX}"))
        sizes = [path.stat().st_size for path in found]
        while len(found) > 1 and sum(sizes) + self._segment > self._most:
            found.pop(0).unlink()
            sizes.pop(0)

    def _write(self, data: bytes) -> None:
        if not self._file:
            return
        try:
            self._file.write(data)
            self._file.flush()
            self._size += len(data)
        except OSError as error:
            self._fail(error)

    def _sync(self) -> None:
        """Once a second, of what is little every ten, all of it is on the disk, whatever happens to the power."""
        wait = _SYNC_SECONDS if self._size - self._on_disk > _SYNC_BYTES else _SYNC_AT_LAST_SECONDS
        if not self._file or 0 <= self._clock() - self._synced < wait:
            return
        self._synced, self._on_disk = self._clock(), self._size
        try:
            os.fsync(self._file.fileno())
            os.stat(self._file.name)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        where, why = self.folder, error.strerror or error
        self.trouble = f"{where}: {why}: the flight recorder keeps nothing from here on; the music goes on"
        self._close()

    def _close(self) -> None:
        if self._file:
            with suppress(OSError):
                self._file.close()
        self._file = None
