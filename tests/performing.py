"""A performance in this process, its driver a file of silence; looked at by whoever tests it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import mido
from stage import name_of

from ripieno.daemon.flight.recorder import FlightRecorder
from ripieno.daemon.live import Options, Performance, begin, end, make_performance
from ripieno.daemon.setlist import load_list
from ripieno.native.engine import BLACKBOX_SIZE

PATIENCE_SECONDS = 60


def silence(path: Path, *messages: mido.Message) -> Path:
    """A file with these messages, and an hour of silence."""
    track = mido.MidiTrack([*messages, mido.MetaMessage("end_of_track", time=480 * 7200)])
    mido.MidiFile(type=0, ticks_per_beat=480, tracks=[track]).save(path)
    return path


@contextmanager
def performing(
    song: Path, presets: Sequence[str], overrides: Sequence[str] = (), flight: FlightRecorder | None = None
) -> Iterator[Performance]:
    """One that plays the first of these presets; `look_until` lets it go on. flight: records it."""
    watchers = [flight] if flight else []
    options = Options(client=name_of("here"), driver="file", file=song, flight=flight, watchers=watchers)
    performance, _ = make_performance(load_list(list(presets), list(overrides)), options, bytearray(BLACKBOX_SIZE))
    try:
        assert begin(performance)
        for watcher in performance.watchers:
            watcher.begin(performance)
        yield performance
    finally:
        end(performance)


def look_until(performance: Performance, so: Callable[[], object], what: str) -> None:
    """Look as `ripieno run` does, until something is so."""
    tired = time.monotonic() + PATIENCE_SECONDS
    while not so():
        assert time.monotonic() < tired, f"not so: {what}"
        performance.look()
        performance.desk.rest(0.01)
