"""The recorder: a thread that takes from the tap what was played, and writes it down while somebody wants it.

The engine knows nothing of it and never waits. What the disk refuses is told once, the music goes on, and so does the
recording in a new folder as soon as it can; what the last minutes in memory still hold of the time between is in there.
"""

import errno
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripieno.daemon.recording.rolling import Rolling
from ripieno.daemon.recording.sources import Sources
from ripieno.daemon.recording.take import Take, explain, recover

if TYPE_CHECKING:
    from ripieno.native.tap import Block, Tap

_LOOK_SECONDS = 0.1
_SYNC_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_NEEDED_SECONDS = 10.0  # of sound must find room where a recording begins
_WARNED_SECONDS = 600.0
_LONGEST_GAP_SECONDS = 60.0
_MEGABYTE = 1_000_000
_MEMORY_BYTES = 512 * _MEGABYTE


@dataclass(frozen=True)
class Status:
    """How it stands. path: of the recording under way, "" for none; seconds, bytes: of that.

    gaps, missing_ms: what is silence in it because it was lost. dropped: cycles that were not taken from the engine in
    time, since it began. room_s: seconds that the disk has room for, 0 while nothing is recorded. rolling_s: seconds
    that can be saved after the fact. saving: how much of those being saved is on disk, 0 to 1; None: none are.
    """

    wanted: bool = False
    path: str = ""
    seconds: float = 0.0
    bytes: int = 0
    gaps: int = 0
    missing_ms: float = 0.0
    dropped: int = 0
    room_s: int = 0
    rolling_s: float = 0.0
    saving: float | None = None


class Recorder:
    """Records what a tap gives, in folders within `folder`.

    Every method may be called from any thread and returns at once, but `close` and `settle`. news: sentences for the
    player, taken with `take_news`.
    """

    def __init__(
        self,
        tap: "Tap",
        sources: Sources,
        folder: Path,
        rolling_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        """rolling_s: seconds that are kept for `save`; 0 for none. clock, now: seconds, and the date."""
        self.tap, self.sources, self.folder = tap, sources, folder
        self.status = Status()
        self._clock, self._now = clock, now
        self._news: deque[str] = deque()
        self._asked: deque[Callable[[], None]] = deque()
        self._woken, self._over = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="ripieno-recorder", daemon=True)
        self._saver = ThreadPoolExecutor(1, "ripieno-saver")
        self._kept = self._choose(rolling_s)
        self._rolling = Rolling(round(rolling_s * sources.rate))
        self._saving: float | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        """No recording is under way, or wanted."""
        self._title: str | None = None  # of the one that is wanted
        self._take: Take | None = None
        self._fault = ""  # that was told last
        self._warned = False
        self._next: int | None = None  # frame that is expected
        self._resume: int | None = None  # frame from which on something is missing
        self._retry_at = self._sync_at = 0.0
        self._gaps, self._missing, self._gaps_told = 0, 0, False

    def _choose(self, rolling_s: float) -> list[str]:
        """The sounds that are kept in memory: all, or the first alone where all are too many."""
        names = list(self.sources.sounds)
        size = 4 * self.tap.audios * rolling_s * self.sources.rate
        if size <= _MEMORY_BYTES or len(names) < 2:
            return names
        told = f"the last {rolling_s / 60:g} minutes are kept of {names[0]} alone: all would take"
        self._news.append(f"{told} {size / _MEGABYTE:.0f} MB of memory")
        return names[:1]

    # What may be asked for.

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def record(self, title: str) -> None:
        """Record from now on. title: the preset's name, for the folder's."""
        self._ask(lambda: self._want(title))

    def end(self) -> None:
        """End the recording, if one is under way."""
        self._ask(self._end)

    def save(self, title: str) -> None:
        """Write down the last minutes. What is being recorded is not disturbed."""
        self._ask(lambda: self._save(title))

    def name(self, instruments: Mapping[tuple[int, int], str]) -> None:
        """Another preset plays: its instruments, by output port and channel."""
        self._ask(lambda: self._name(instruments))

    def close(self) -> None:
        """End everything, with all of it on disk; waits for that."""
        self._ask(self._end)
        self._over = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()
        self.look()
        self._saver.shutdown()

    def settle(self) -> None:
        """Wait until what has ended, and what was to be saved, is on disk."""
        self._saver.submit(lambda: None).result()

    def take_news(self) -> list[str]:
        """What there is to tell, once."""
        return [self._news.popleft() for _ in range(len(self._news))]

    def plain_status(self) -> dict[str, Any]:
        """How it stands, as plain values."""
        return asdict(self.status)

    def _ask(self, what: Callable[[], None]) -> None:
        self._asked.append(what)
        self._woken.set()

    # The thread.

    def _run(self) -> None:
        while not self._over:
            self._woken.wait(_LOOK_SECONDS)
            self._woken.clear()
            self.look()

    def look(self) -> None:
        """One look at all there is to do: by the thread or, where that was not started, by whoever drives it."""
        self._listen()
        while self._asked:
            self._asked.popleft()()
        if self._take and self._clock() >= self._sync_at:
            self._sync(self._take)
        self.status = self._how()

    def _listen(self) -> None:
        while block := self.tap.read():
            self._hear(block)

    def _hear(self, block: "Block") -> None:
        if self._next is not None and block.frame != self._next:
            self._miss(block.frame - self._next)
        self._next = block.end
        if self._title is not None and not self._take and self._clock() >= self._retry_at:
            self._open(self._title, block.frame)
        self._rolling.add(self._part(block))
        if self._take:
            self._write(self._take, [block])

    def _part(self, block: "Block") -> "Block":
        """What of a block is kept in memory."""
        if len(self._kept) == len(self.sources.sounds):
            return block
        places = [place for name in self._kept for place in self.sources.sounds[name]]
        return replace(block, audio=block.audio[places])

    def _miss(self, frames: int) -> None:
        """The clock jumped: silence, or, where that makes no sense, a new recording."""
        if not self._take:
            return
        if 0 < frames <= _LONGEST_GAP_SECONDS * self.sources.rate:
            self._gaps, self._missing = self._gaps + 1, self._missing + frames
            return
        self._news.append("the clock jumped: the recording goes on in another folder")
        self._finish(self._take)

    # A recording's life.

    def _want(self, title: str) -> None:
        if self._title is None:
            self._begin_anew()
            self._title = title

    def _open(self, title: str, frame: int) -> None:
        """Begin a recording with that frame, or with what is missing since the last, as far as it is still known."""
        past: tuple[Block, ...] = ()
        if self._resume is not None and len(self._kept) == len(self.sources.sounds):
            past = self._rolling.blocks(self._resume)
        try:
            self._check_room()
            self._take = Take(self.folder, title, self.sources, past[0].frame if past else frame, self._now())
        except OSError as error:
            self._fail(error)
            return
        self._news.append(f"recording in {self._take.path}")
        self._news += recover(self.folder)
        self._fault, self._resume, self._sync_at = "", None, self._clock() + _SYNC_SECONDS
        self._write(self._take, past)

    def _check_room(self) -> None:
        if self.folder.exists() and self._free() < _NEEDED_SECONDS * self.sources.bytes_a_second:
            raise OSError(errno.ENOSPC, "the disk is full")

    def _free(self) -> int:
        return shutil.disk_usage(self.folder).free

    def _write(self, take: Take, blocks: "tuple[Block, ...] | list[Block]") -> None:
        try:
            for block in blocks:
                take.write(block)
        except OSError as error:
            self._lose(take, error)

    def _sync(self, take: Take) -> None:
        self._sync_at = self._clock() + _SYNC_SECONDS
        try:
            take.sync()
            self._warn()
        except OSError as error:
            self._lose(take, error)
        if self._gaps and not self._gaps_told:
            self._news.append(f"{self._gap_words()}; there may be more")
            self._gaps_told = True

    def _gap_words(self) -> str:
        why = "the disk is too slow" if self.tap.dropped else "xruns"
        return f"{self._missing / self.sources.rate * 1000:.0f} ms are missing, and silence, in the recording ({why})"

    def _warn(self) -> None:
        """The disk will be full before long."""
        room = self._room()
        if room < _WARNED_SECONDS and not self._warned:
            self._news.append(f"{self.folder}: the disk has room for {room // 60} minutes of recording more")
            self._warned = True

    def _lose(self, take: Take, error: OSError) -> None:
        """The disk refuses: end what is there; go on elsewhere as soon as there is room."""
        self._resume, self._take = take.safe, None
        self._saver.submit(take.close)
        self._fail(error)

    def _fail(self, error: OSError) -> None:
        self._retry_at = self._clock() + _RETRY_SECONDS
        fault = explain(error, self.folder)
        if fault != self._fault:
            self._news.append(f"{fault}. The music goes on, and the recording does as soon as it can")
        self._fault = fault

    def _end(self) -> None:
        if self._take:
            self._finish(self._take)
        elif self._title is not None and self._fault:
            self._news.append(f"the recording had not gone on: {self._fault}")
        self._begin_anew()

    def _finish(self, take: Take) -> None:
        self._take = None
        gaps = f"; in {self._gaps} places {self._gap_words()}" if self._gaps else ""
        self._saver.submit(self._round_off, take, gaps)

    def _round_off(self, take: Take, gaps: str) -> None:
        """Runs in a thread of its own: the tracks of an hour take seconds to make, and what is played goes on."""
        size, faults = take.size / _MEGABYTE, take.close()
        if faults:
            self._news.append(f"{explain(faults[0], self.folder)}. The recording's end may be missing")
        minutes, seconds = divmod(round(take.seconds), 60)
        self._news.append(f"recorded {minutes}:{seconds:02} in {take.path} ({size:.1f} MB){gaps}")

    def _name(self, instruments: Mapping[tuple[int, int], str]) -> None:
        self.sources = replace(self.sources, instruments=instruments)
        if self._take:
            self._take.name(instruments)

    # After the fact.

    def _save(self, title: str) -> None:
        blocks = self._rolling.blocks()
        if not blocks:
            self._news.append("there is nothing to save yet")
            return
        self._saving = 0.0
        self._saver.submit(self._write_down, blocks, self._sources_kept(), title)

    def _sources_kept(self) -> Sources:
        """What the blocks in memory hold: the same, or some of the sounds, in their order."""
        if len(self._kept) == len(self.sources.sounds):
            return self.sources
        sounds, at = {}, 0
        for name in self._kept:
            count = len(self.sources.sounds[name])
            sounds[name], at = tuple(range(at, at + count)), at + count
        return replace(self.sources, sounds=sounds)

    def _write_down(self, blocks: "tuple[Block, ...]", sources: Sources, title: str) -> None:
        """Runs in a thread of its own: it may take long."""
        try:
            take = Take(self.folder, title, sources, blocks[0].frame, self._now())
            try:
                for n, block in enumerate(blocks):
                    take.write(block)
                    self._saving = n / len(blocks)
            finally:
                faults = take.close()
            if faults:
                raise faults[0]
            self._news.append(f"saved the last {take.seconds:.0f} s in {take.path}")
        except OSError as error:
            self._news.append(f"{explain(error, self.folder)}. The last minutes are not all on disk")
        finally:
            self._saving = None

    def _how(self) -> Status:
        take, rate = self._take, self.sources.rate
        status = Status(
            wanted=self._title is not None,
            gaps=self._gaps,
            missing_ms=round(self._missing * 1000 / rate, 1),
            dropped=self.tap.dropped,
            rolling_s=round(self._rolling.frames / rate, 1),
            saving=self._saving,
        )
        if not take:
            return status
        seconds, room_s = round(take.seconds, 1), self._room()
        return replace(status, path=str(take.path), seconds=seconds, bytes=take.size, room_s=room_s)

    def _room(self) -> int:
        """Seconds of sound that the disk has room for."""
        try:
            return self._free() // max(1, self.sources.bytes_a_second)
        except OSError:
            return 0
