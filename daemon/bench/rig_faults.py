"""Killed while it records, the disk full, the folder gone: what opens afterwards, and does the music go on? (JACK)

A player plays chords through `ripieno run --record`, and a listener hears what comes of them. What was recorded up to a
second before a kill must open, in mido and in soundfile; a disk that is full and a folder that is gone must be told of,
cost no note, and be recorded in again when they are back.
"""

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ripieno.daemon.bench.jack import PERIOD, RATE, chords, judge, wait_for
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_client import connect
from ripieno.daemon.bench.rig_stage import INPUT, OUTPUT, end, news, playing
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.daemon.errors import UserError
from ripieno.daemon.recording.take import NOTES, recover
from ripieno.native.probe import JackProbe

KILLS = 10
LOST_S = 1.0  # that a kill may cost
_PRESET = "string-quartet"
_SECONDS = 30.0
_SMALL = 24  # megabytes of a disk that is soon full


def run(json: bool = False, kills: int = KILLS) -> dict[str, Any]:
    """Do it all to a daemon; print what was found unless `json`. UserError: jackd, mido or soundfile is missing."""
    try:
        import soundfile  # noqa: F401 - a run without it would tell nothing
    except ImportError:
        raise UserError("soundfile is not installed: pip install soundfile") from None
    with DummyServer(RATE, PERIOD, synchronous=True), TemporaryDirectory() as name:
        folder = Path(name)
        lives = [_kill(folder / f"kill-{number}", 2 + number * 0.37) for number in range(kills)]
        rows = [*_judge(lives), *_gone(folder / "gone"), *_full(folder)]
    found = verdict(rows, lost_s=[round(life.lost_s, 3) for life in lives])
    if not json:
        show(found)
    return found


class _Music:
    """Chords from a player through a daemon to a listener."""

    def __init__(self, seconds: float) -> None:
        self.player = JackProbe("bench-player", [], ["out"], chords(seconds))
        self.listener = JackProbe("bench-listener", ["in"], [])
        for probe in (self.player, self.listener):
            probe.open()
            probe.start()

    def begin(self) -> None:
        """Play."""
        connect(self.listener, OUTPUT, "bench-listener:in")
        connect(self.listener, "bench-player:out", INPUT)
        self.player.go()

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Until it holds, as long as there is music."""
        wait_for(lambda: condition() or self.player.done, what, _SECONDS)
        if not condition():
            raise UserError(f"{what} did not come while the music lasted")

    def end(self) -> tuple[int, int]:
        """At its end: notes that were played, and those that were heard as they should be."""
        wait_for(lambda: self.player.done, "the end of the chords", 2 * _SECONDS)
        frame = self.listener.state().frame + RATE // 2
        wait_for(lambda: self.listener.state().frame >= frame, "the server's next cycles", _SECONDS)
        found = judge(self.player.sent(), self.listener.received())
        wrong = found.lost + found.doubled + found.stuck
        return found.notes, found.exact + found.slipped - wrong

    def close(self) -> None:
        for probe in (self.player, self.listener):
            probe.close()


# ---- killed ----


@dataclass(frozen=True)
class Life:
    """What a kill left. lost_s: seconds of the music before it that are not in what opens, of notes or of sound, as it
    was left and put right; told: it was put right, and said so."""

    lost_s: float
    told: bool


def _kill(folder: Path, after_s: float) -> Life:
    recordings = folder / "recordings"
    with closing(_Music(after_s + _SECONDS)) as music:
        with playing(music.listener, _PRESET, ("--record", "--recordings", str(recordings)), folder) as process:
            music.begin()
            music.wait(lambda: end(folder).get("recording", {}).get("seconds", 0) > after_s, "the recording")
            process.send_signal(signal.SIGKILL)
            killed = music.player.state().frame
            process.wait()
        sent = [frame for frame, _, data in music.player.sent() if data[0] & 0xF0 == 0x90 and frame <= killed]
    (take,) = recordings.iterdir()
    lost = [_lost(take, sent, killed)]
    told = recover(recordings)
    return Life(max(*lost, _lost(take, sent, killed)), len(told) == 1 and "it is whole up to there" in told[0])


def _lost(take: Path, sent: list[int], killed: int) -> float:
    """Seconds before a kill that a recording, as it opens, has not."""
    import mido
    import soundfile

    times, now = [], 0.0
    for message in mido.MidiFile(take / NOTES):
        now += message.time
        if message.type == "note_on":
            times.append(now)
    sound = soundfile.info(take / "mix.wav").frames / RATE
    first = min(times) - sent[0] / RATE  # of the player's time, where the recording begins
    return max(0.0, killed / RATE + first - min(max(times), sound))


def _judge(lives: list[Life]) -> Iterator[Row]:
    count, worst = len(lives), max(life.lost_s for life in lives)
    opens = f"all but {worst:.2f} s opens"
    yield Row(f"killed {count} times while it records", opens, f"all but {LOST_S:g} s", worst <= LOST_S)
    told = sum(life.told for life in lives)
    yield Row("then put right, and told", f"{told} times", "each time", told == count)


# ---- the folder gone, the disk full ----


def _gone(folder: Path) -> Iterator[Row]:
    """Somebody takes the folder away, and brings it back."""
    recordings, away = folder / "recordings", folder / "away"

    def take_away() -> None:
        recordings.rename(away)

    folder.mkdir()
    yield from _without(folder / "state", recordings, "the folder is gone", take_away, lambda: away.rename(recordings))


def _full(folder: Path) -> Iterator[Row]:
    """A disk of a few megabytes, full and then not."""
    place = folder / "small"
    place.mkdir()
    with _small_disk(place) as there:
        if not there:
            yield Row("the disk is full", "not tried: nothing can be mounted here", "run it as root", False)
            return
        ballast = place / "ballast"

        def fill() -> None:
            ballast.write_bytes(bytes(shutil.disk_usage(place).free - 400_000))

        yield from _without(folder / "state", place / "recordings", "the disk is full", fill, ballast.unlink)


def _without(
    folder: Path, recordings: Path, words: str, take: Callable[[], None], give: Callable[[], object]
) -> Iterator[Row]:
    """A recording whose place is taken and given back while music is played."""
    with closing(_Music(_SECONDS)) as music:
        recordings.mkdir()
        with playing(music.listener, _PRESET, ("--record", "--recordings", str(recordings)), folder):
            music.begin()
            music.wait(lambda: end(folder).get("recording", {}).get("seconds", 0) > 1, "the recording")
            take()
            music.wait(lambda: any(words in one for one in news(folder)), f"news that {words}")
            told = [one for one in news(folder) if words in one]
            give()
            begun = lambda: sum(one.startswith("recording in ") for one in news(folder)) > 1  # noqa: E731
            music.wait(begun, "the recording's going on")
            notes, right = music.end()
    yield Row(
        f"{words}: told",
        "once" if len(told) == 1 else f"{len(told)} times",
        "once, by its name",
        len(told) == 1 and str(recordings) in told[0],
    )
    yield Row(f"{words}: the music", f"{right} of {notes} notes as they should be", "all", right == notes)
    takes, opening = _opening(recordings)
    yield Row(f"{words}: what opens", f"{opening} of {takes} recordings", "both", takes == opening == 2)


def _opening(recordings: Path) -> tuple[int, int]:
    """How many recordings there are, and how many of them open and have something in them."""
    import mido
    import soundfile

    takes = [path for path in recordings.iterdir() if path.is_dir()]
    whole = 0
    for take in takes:
        notes = sum(one.type == "note_on" for one in mido.MidiFile(take / NOTES))
        whole += notes > 0 and soundfile.info(take / "mix.wav").frames > 0
    return len(takes), whole


@contextmanager
def _small_disk(place: Path) -> Iterator[bool]:
    """A file system of some megabytes in memory; False where this may not be."""
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", f"size={_SMALL}m", "tmpfs", str(place)]
    if not mount or subprocess.run([mount, *options], capture_output=True, check=False).returncode:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
