"""One recording, in a folder of its own: a WAV file for each sound, and one MIDI file; and its rescue after a crash."""

import errno
import fcntl
import os
import shutil
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ripieno.daemon.errors import UserError
from ripieno.daemon.recording.midi import OUTPUTS, Journal, make_tracks
from ripieno.daemon.recording.sources import Sources
from ripieno.daemon.recording.wav import WavFile, mend

if TYPE_CHECKING:
    from ripieno.native.tap import Block

MARK = ".recording"
"""Lies in a take's folder, locked, while somebody writes it."""

NOTES = "performance.mid"
_FORBIDDEN = '/\\:*?"<>|'


class Take:
    """A recording under way. Each method raises OSError where the disk refuses; it must be closed even then."""

    def __init__(self, folder: Path, title: str, sources: Sources, begin: int, when: datetime) -> None:
        """Makes a folder in `folder`, which is made itself if only it is missing. begin: the first frame."""
        self.sources, self.begin, self.end = sources, begin, begin
        self.safe = begin  # what was played before that frame is on disk
        self.path = _new_folder(folder, f"{when:%Y-%m-%d %H.%M.%S} {title}")
        self._wavs: list[tuple[WavFile, list[int]]] = []
        self._midi: Journal | None = None
        self._mark = _hold(self.path / MARK)
        self._ends: list[Callable[[], None]] = []
        try:
            self._open(title)
        except OSError:
            self.close()
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    def _open(self, title: str) -> None:
        sources = self.sources
        for name, places in sources.sounds.items():
            wav = WavFile(self.path / f"{_fit(name)}.wav", sources.rate, len(places), sources.bits)
            self._wavs.append((wav, list(places)))
            self._ends.append(wav.close)
        midi = Journal(self.path / NOTES, sources.rate, self.begin, title, sources.bpm)
        self._midi = midi
        self._ends.append(lambda: midi.close(self.end))
        for port, name in enumerate(sources.inputs):
            midi.name(self.begin, port, None, f"input {name}" if len(sources.inputs) > 1 else "input")
        for port, name in enumerate(sources.outputs):
            midi.name(self.begin, OUTPUTS + port, None, name)
        self.name(sources.instruments)
        _settle(self.path)
        _settle(self.path.parent)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.begin) / self.sources.rate

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(wav.size for wav, _ in self._wavs) + (self._midi.size if self._midi else 0)

    def name(self, instruments: Mapping[tuple[int, int], str]) -> None:
        """From here on these play, by output port and channel."""
        for (port, channel), name in instruments.items():
            if self._midi:
                self._midi.name(self.end, OUTPUTS + port, channel, name)

    def write(self, block: "Block") -> None:
        """Go on with this; what lies between is silence, and marked. A block that lies before is left out."""
        gap = block.frame - self.end
        if gap < 0:
            return
        if gap:
            self._skip(gap)
        for wav, places in self._wavs:
            wav.write(block.audio[places].T)
        self.end = block.end
        if self._midi:
            _write_down(self._midi, block)

    def _skip(self, frames: int) -> None:
        if self._midi:
            self._midi.mark(self.end, f"{frames / self.sources.rate * 1000:.1f} ms are missing here")
        for wav, _ in self._wavs:
            wav.silence(frames)
        self.end += frames

    def sync(self) -> None:
        """What was written so far opens, whatever happens. OSError too where somebody took the folder away."""
        if not (self.path / MARK).exists() or any(wav.gone() for wav, _ in self._wavs):
            raise FileNotFoundError(errno.ENOENT, "the folder is gone", str(self.path))
        for wav, _ in self._wavs:
            wav.sync()
        if self._midi:
            self._midi.sync()
        self.safe = self.end

    def close(self) -> list[OSError]:
        """End it, as far as the disk allows; returns what it did not. Then the next `recover` tries again."""
        faults = []
        for end in self._ends:
            try:
                end()
            except OSError as error:
                faults.append(error)
        with suppress(OSError):
            if not faults:
                (self.path / MARK).unlink()
        os.close(self._mark)
        return faults


def _write_down(midi: Journal, block: "Block") -> None:
    """A block's MIDI and its clock, in order of time."""
    beats = deque(block.beats)
    for one in block.midi:
        while beats and beats[0].frame <= one.frame:
            midi.beat(beats.popleft())
        midi.add(one.frame, one.port, one.out, one.data)
    for left in beats:
        midi.beat(left)


def _fit(name: str) -> str:
    """A name that every file system takes."""
    return "".join("-" if c in _FORBIDDEN or not c.isprintable() else c for c in name).strip(" .")[:100] or "untitled"


def _new_folder(folder: Path, name: str) -> Path:
    """A folder that was not there. Only the last part of `folder` is made: what it was mounted on may be away."""
    folder.mkdir(exist_ok=True)
    for n in range(1, 1000):
        path = folder / (_fit(name) + (f" ({n})" if n > 1 else ""))
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise FileExistsError(errno.EEXIST, "too many recordings of this name", str(folder / name))


def _settle(folder: Path) -> None:
    """The names of its files survive the power, where the file system knows of such a thing."""
    handle = os.open(folder, os.O_RDONLY)
    with suppress(OSError):
        os.fsync(handle)
    os.close(handle)


def _hold(mark: Path) -> int:
    """A file that is locked until it is closed, or this process ends. BlockingIOError: another process has it."""
    handle = os.open(mark, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def recover(folder: Path) -> list[str]:
    """Put right the recordings in a folder that nobody ended: after a crash, or a power cut. Returns news of them."""
    news = []
    for mark in sorted(folder.glob(f"*/{MARK}")):
        try:
            news += _rescue(mark)
        except BlockingIOError:
            continue  # somebody is recording it
        except OSError as error:
            why = error.strerror or error
            news.append(f"{mark.parent}: this recording was cut short, and cannot be put right now ({why})")
    return news


def _rescue(mark: Path) -> list[str]:
    handle = _hold(mark)
    try:
        sounds = [frames for path in sorted(mark.parent.glob("*.wav")) if (frames := mend(path)) is not None]
        notes = mark.parent / NOTES
        whole = notes.exists() and make_tracks(notes)
        mark.unlink()
    finally:
        os.close(handle)
    if not sounds and not whole:
        return []
    return [f"{mark.parent}: this recording was cut short; it is whole up to there"]


def explain(error: OSError, folder: Path) -> str:
    """Why nothing can be recorded in a folder, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{folder}: the disk is full; make room there, or record elsewhere"
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ESTALE, errno.ENOTDIR):
        return f"{folder}: the folder is gone; bring it back, or record elsewhere"
    return f"{folder}: nothing can be written there ({error.strerror or error}); see to that, or record elsewhere"


def check_folder(folder: Path) -> None:
    """Raises UserError where nothing can be recorded."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UserError(explain(error, folder)) from None
