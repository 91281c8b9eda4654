"""From a key on JACK to its note on the page in Chromium: how long does it take?

The time is counted from the beginning of the JACK cycle in which the key goes down, at the latest, until the page has
drawn a picture with the note of the instrument that plays it, and has handed it over.
"""

import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ripieno.daemon.bench.face_stage import (
    HIGHEST,
    LOWEST,
    SECONDS,
    FrameTimes,
    check_browser,
    looking,
    octet,
    page_clock,
    player,
    server,
    serving,
)
from ripieno.daemon.bench.jack import PERIOD, RATE, wait_for
from ripieno.daemon.bench.rows import Row, percentile, show, verdict
from ripieno.native.drivers import JackClient
from ripieno.native.engine import Event

P99_MS = 50.0
_KEYS_A_SECOND = 8
_HELD = RATE // 20
_STRIDE = 7  # semitones from a key to the next; a pitch comes again after seconds
_SOONER_SECONDS = 0.005  # than it was played no note is seen, but for what the clocks are read wrong by
_LONGEST_SECONDS = 2.0  # what is drawn later is not that key's

# Which pitches are in the newest columns of the roll, each picture: a note is on the page when its row is filled there
# for the first time. The pictures are told of when all their work is done.
_WATCH = """() => {
  const roll = document.querySelector("rp-roll");
  const { pen } = roll;
  const fill = CanvasRenderingContext2D.prototype.fillRect;
  let [there, before] = [new Set(), new Set()];
  window.seen = [];
  pen.fillRect = (x, top, wide, high) => {
    fill.call(pen, x, top, wide, high);
    if (wide > 0 && top + high <= roll.split) there.add(top);
  };
  const pitch = (top) => {
    for (let one = roll.low; one <= roll.high; one++) if (Math.round((roll.high - one) * roll.row) === top) return one;
    return -1;
  };
  const done = new MessageChannel();
  done.port1.onmessage = () => {
    const now = performance.now();
    for (const top of there) if (!before.has(top)) seen.push([pitch(top), now / 1000]);
    [there, before] = [before, there];
    there.clear();
  };
  const next = () => {
    requestAnimationFrame(next);
    done.port2.postMessage(0);
  };
  requestAnimationFrame(next);
}"""

Moment = tuple[int, float]
"""A pitch, and when, in seconds."""


def run(json: bool = False, minutes: float = 1.0) -> dict[str, Any]:
    """Measure for so long; print it unless `json`. UserError: jackd, the browser or a library is missing."""
    check_browser()
    with server() as client, TemporaryDirectory() as name:
        played, seen = _measure(client, keys(60 * minutes), Path(name))
    found = judge(match(played, seen))
    if not json:
        show(found)
    return found


def keys(seconds: float) -> list[Event]:
    """The player's part: one key after the other, none in step with the pictures of a screen."""
    chance, script = random.Random(1), []
    for number in range(round(seconds * _KEYS_A_SECOND)):
        frame = (number * RATE + chance.randrange(RATE // 2)) // _KEYS_A_SECOND
        pitch = LOWEST + number * _STRIDE % (HIGHEST - LOWEST + 1)
        script += [(frame, 0, bytes((0x90, pitch, 80))), (frame + _HELD, 0, bytes((0x80, pitch, 64)))]
    return sorted(script, key=lambda event: event[0])


def _measure(client: JackClient, script: Sequence[Event], folder: Path) -> tuple[list[Moment], list[Moment]]:
    """When keys went down, and when pitches were seen."""
    with (
        serving(client, octet(folder), folder / "state") as served,
        looking(served.url) as page,
        player(client, script) as probe,
        FrameTimes(client) as times,
    ):
        page.evaluate(_WATCH)
        probe.go()
        wait_for(lambda: probe.done, "the last key", script[-1][0] / RATE + SECONDS)
        page.wait_for_timeout(1000 * _LONGEST_SECONDS)
        ahead, seen = page_clock(page), page.evaluate("seen")
        downs = [(data[1], frame) for frame, _, data in probe.sent() if data[0] & 0xF0 == 0x90]
    begun = times.of([frame - PERIOD for _, frame in downs])
    return [(pitch, at) for (pitch, _), at in zip(downs, begun, strict=True)], [(one, at + ahead) for one, at in seen]


def match(played: Sequence[Moment], seen: Sequence[Moment]) -> list[float | None]:
    """Milliseconds from each key to the first time that its pitch was seen anew then, None where it never was."""
    views: dict[int, list[float]] = defaultdict(list)
    for pitch, at in seen:
        views[pitch].append(at)
    late = []
    for pitch, at in played:
        first = bisect_left(views[pitch], at - _SOONER_SECONDS)
        found = views[pitch][first] if first < len(views[pitch]) else at + 2 * _LONGEST_SECONDS
        late.append(1000 * (found - at) if found - at < _LONGEST_SECONDS else None)
    return late


def judge(late: Sequence[float | None]) -> dict[str, Any]:
    """The rows."""
    there = [one for one in late if one is not None]
    half, p99 = percentile(there, 0.5), percentile(there, 0.99)
    rows = [
        Row("keys whose note was seen on the page", f"{len(there)} of {len(late)}", "all", len(there) == len(late) > 0),
        Row(
            "from a key to its note on the page",
            f"{half:.1f} ms, p99 {p99:.1f}, at most {max(there, default=0):.1f}",
            f"p99 <= {P99_MS:.0f} ms",
            bool(there) and p99 <= P99_MS,
        ),
    ]
    return verdict(rows, keys=len(late), p50_ms=round(half, 2), p99_ms=round(p99, 2))
