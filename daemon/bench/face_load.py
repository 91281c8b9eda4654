"""The page open, OSC on, two hundred changes a second: do the engine's own figures move? And how soon is a key told?

jack_midi_latency_test and chords of eight notes, as in `bench jack`, through a bare wire, through a daemon without a
page, and through one with all of it, by turns on one server. The page is open in Chromium where that and Playwright are
installed; a socket beside it hears all that the page hears, and tells how late.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ripieno.daemon.bench.face_audience import UPDATES, Audience, Heard
from ripieno.daemon.bench.face_stage import check, has_browser
from ripieno.daemon.bench.jack import ROUNDS, Chords
from ripieno.daemon.bench.rig_load import Rounds, Trips, by_turns, engine_rows, figures, print_ways, total
from ripieno.daemon.bench.rig_stage import NOTHING, playing
from ripieno.daemon.bench.rows import Row, percentile, show, verdict
from ripieno.native.probe import JackWire

WAYS = {"wire": "a bare wire", "off": "no page", "on": "page, OSC, changes"}
_ON = (*NOTHING, "--ui-port", "0", "--osc-port", "0")
_KEY_MS = 50.0


def run(json: bool = False, minutes: float = 1.0, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure; print it unless `json`. minutes: of chords, each way. UserError: jackd, its tools or libraries are
    missing."""
    check()
    with TemporaryDirectory() as name:
        found = measure(60 * minutes, rounds, Path(name))
    if not json:
        show(found)
        print_ways(found, WAYS)
        print("" if found["browser"] else "  without a browser: Chromium or Playwright is not installed")
    return found


def measure(seconds: float, rounds: int, folder: Path) -> dict[str, Any]:
    """All of it, in a folder for what the daemons keep."""
    heard: list[Heard] = []

    def play(wire: JackWire, preset: str, at: Path, way: str) -> AbstractContextManager[None]:
        return _watched(wire, preset, at, way, heard)

    trips, parts, engine = by_turns(seconds, rounds, folder, play)
    return judge(trips, {way: total(several) for way, several in parts.items()}, engine, heard)


@contextmanager
def _watched(wire: JackWire, preset: str, at: Path, way: str, heard: list[Heard]) -> Iterator[None]:
    """A daemon that plays, with an audience if the way is so."""
    with playing(wire, preset, _ON if way == "on" else NOTHING, at, stress=False):
        with Audience(at) if way == "on" else nullcontext() as audience:
            yield
        heard += [audience.heard] if audience else []


def judge(
    trips: Trips,
    chords: dict[str, Chords],
    engine: Rounds,
    heard: Sequence[Heard],
) -> dict[str, Any]:
    """The rows: the engine's, and what the audience heard."""
    late = [ms for one in heard for ms in one.late_ms]
    p99 = percentile(late, 0.99)
    asked, answered = sum(one.asked for one in heard), sum(one.answered for one in heard)
    alike = sum(one.alike for one in heard)
    rows = [
        *engine_rows(trips, chords, engine),
        Row(
            f"from a key to its note on the line, {len(late)} keys",
            f"{percentile(late, 0.5):.1f} ms, p99 {p99:.1f}, at most {max(late, default=0):.1f}",
            f"p99 <= {_KEY_MS:.0f} ms",
            bool(late) and p99 <= _KEY_MS,
        ),
        Row(
            f"changes, {UPDATES} a second: answered", f"{answered} of {asked}", "all", bool(asked) and answered == asked
        ),
        Row("in the end all know the same", f"{alike} of {len(heard)}", "all", alike == len(heard)),
    ]
    told = {"p50_ms": percentile(late, 0.5), "p99_ms": p99, "keys": len(late), "asked": asked, "answered": answered}
    return verdict(rows, browser=has_browser(), audience=told, **figures(trips, chords, engine))
