"""A thousand notes a second on JACK: does the page in Chromium keep up, does its memory grow, is any note missing?

Eight instruments play them, and each is looked for in pictures of the roll: where it sounded there must be its colour,
where its pitch was silent none. Pictures are those that the roll has drawn when the browser asked for one; taking those
that are looked at is part of the load. Memory is that of the page's scripts after a forced collection, and all of the
daemon's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ripieno.daemon.bench.face_stage import (
    HIGHEST,
    LOWEST,
    SECONDS,
    Served,
    check_browser,
    looking,
    octet,
    player,
    resident,
    server,
    serving,
)
from ripieno.daemon.bench.jack import RATE, wait_for
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.native.drivers import JackClient
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

NOTES_A_SECOND = 1000
PICTURES = 50.0  # a second
_STRIDE = 7  # semitones from one note to the next
_HELD, _SILENT = 30, 42  # milliseconds: a pitch comes again after all the others
_LOOK_SECONDS, _AGE_SECONDS = 3.0, 1.0  # between two pictures that are looked at, and how old the notes on it are
_STEADY_SECONDS = 10.0  # until memory is first measured
_MORE_HEAP, _MORE_RESIDENT = 1 << 20, 8 << 20  # bytes that are no growth

_BEGIN = """async () => {
  const { hear } = await import("/page/live.js");
  const roll = document.querySelector("rp-roll");
  const told = { key: 0, on: 0, off: 0, move: 0 };
  const seconds = [];
  const began = performance.now();
  let drawn = roll.pictures;
  window.bench = { told, seconds, now_s: 0 };
  const now_s = roll.frames.now_s.bind(roll.frames);
  roll.frames.now_s = (...given) => (bench.now_s = now_s(...given)); // the roll asks once for each picture
  hear((batch) => {
    for (const [kind] of batch.notes ?? []) told[kind]++;
  });
  const next = (now) => {
    requestAnimationFrame(next);
    const second = Math.max(0, Math.floor((now - began) / 1000));
    seconds[second] = (seconds[second] ?? 0) + roll.pictures - drawn;
    drawn = roll.pictures;
  };
  requestAnimationFrame(next);
}"""
# A picture as it was just drawn, and at each place, (seconds, pitch) in the middle of a note or of the silence behind
# it, whether it is brighter than any ground. The roll's own canvas is not read, for that would slow it down for ever.
_LOOK = """(places) => new Promise((done) => requestAnimationFrame(async () => {
  const roll = document.querySelector("rp-roll");
  const { canvas, speed, now_x, high, row } = roll;
  const edge = now_x - Math.round(bench.now_s * speed);
  const { width, height } = canvas;
  const picture = await createImageBitmap(canvas);
  const ink = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  ink.drawImage(picture, 0, 0);
  picture.close();
  const { data } = ink.getImageData(0, 0, width, height);
  done(places.map(([at_s, pitch]) => {
    const at = 4 * (Math.round((high - pitch + 0.5) * row) * width + Math.round(at_s * speed) + edge);
    return Math.max(data[at], data[at + 1], data[at + 2]) > 60;
  }));
}))"""
_END = "() => ({ told: bench.told, seconds: Array.from(bench.seconds, (count) => count ?? 0) })"


@dataclass
class Shown:
    """What the page did. played: notes. told: of how many it was told, by kind. seen: notes that were in a picture;
    ghosts: silences that were none. pictures: that the roll drew, in each second while there were notes. heap,
    resident: bytes, soon after the beginning and in the end."""

    played: int
    told: dict[str, int] = field(default_factory=dict)
    seen: int = 0
    ghosts: int = 0
    pictures: list[int] = field(default_factory=list)
    heap: list[int] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)


def run(json: bool = False, minutes: float = 1.0) -> dict[str, Any]:
    """Measure for so long; print it unless `json`. UserError: jackd, the browser or a library is missing."""
    check_browser()
    with server() as client, TemporaryDirectory() as name:
        found = judge(_measure(client, 60 * minutes, Path(name)))
    if not json:
        show(found)
    return found


def pitch_of(number: int) -> int:
    """A note's, by its number."""
    return LOWEST + number * _STRIDE % (HIGHEST - LOWEST + 1)


def script(notes: int) -> list[Event]:
    """So many notes, one each millisecond."""
    step, held, events = RATE // NOTES_A_SECOND, _HELD * RATE // 1000, []
    for number in range(notes):
        begin, pitch = number * step, pitch_of(number)
        events += [(begin, 0, bytes((0x90, pitch, 90))), (begin + held, 0, bytes((0x80, pitch, 64)))]
    return sorted(events, key=lambda event: event[0])


def _measure(client: JackClient, seconds: float, folder: Path) -> Shown:
    shown = Shown(round(seconds * NOTES_A_SECOND))
    with (
        serving(client, octet(folder), folder / "state") as served,
        looking(served.url) as page,
        player(client, script(shown.played)) as probe,
    ):
        page.evaluate(_BEGIN)
        probe.go()
        _watch(page, probe, served, shown, min(_STEADY_SECONDS, seconds / 2))
        wait_for(lambda: page.evaluate("bench.told.off") >= shown.played, "the last note on the page", SECONDS)
        end = page.evaluate(_END)
    shown.told, shown.pictures = end["told"], end["seconds"][1 : int(seconds)]
    return shown


def _watch(page: "Page", probe: JackProbe, served: Served, shown: Shown, steady_s: float) -> None:
    """Look at the roll, again and again, and at the memory soon and in the end."""
    tools, looked = page.context.new_cdp_session(page), 0
    wait_for(lambda: probe.went_frame, "the first note", SECONDS)
    while looked < shown.played:
        page.wait_for_timeout(1000 * min(_LOOK_SECONDS, steady_s))
        passed_s = (probe.state().frame - probe.went_frame) / RATE
        upto = min(shown.played, int((passed_s - _AGE_SECONDS) * NOTES_A_SECOND))
        if upto > looked:
            _look(page, range(looked, upto), probe.went_frame, shown)
            looked = upto
        if passed_s >= steady_s and not shown.heap:
            _weigh(tools, served, shown)
    _weigh(tools, served, shown)


def _look(page: "Page", numbers: range, went_frame: int, shown: Shown) -> None:
    """See whether these notes are on the roll."""
    begins = [went_frame / RATE + number / NOTES_A_SECOND for number in numbers]
    pitches = [pitch_of(number) for number in numbers]
    held, silent = _HELD / 1000, _SILENT / 1000
    notes = [(begin + held / 2, pitch) for begin, pitch in zip(begins, pitches, strict=True)]
    silences = [(begin + held + silent / 2, pitch) for begin, pitch in zip(begins, pitches, strict=True)]
    found = page.evaluate(_LOOK, notes + silences)
    shown.seen += sum(found[: len(notes)])
    shown.ghosts += sum(found[len(notes) :])


def _weigh(tools: "CDPSession", served: Served, shown: Shown) -> None:
    """What the page's scripts and the daemon have in memory."""
    tools.send("HeapProfiler.collectGarbage")
    shown.heap.append(tools.send("Runtime.getHeapUsage")["usedSize"])
    shown.resident.append(resident(served.pid))


def judge(shown: Shown) -> dict[str, Any]:
    """The rows."""
    played, told = shown.played, shown.told
    pictures = fmean(shown.pictures) if shown.pictures else 0.0
    rows = [
        Row(
            f"pictures of the page, {NOTES_A_SECOND} notes a second",
            f"{pictures:.1f} a second, {min(shown.pictures, default=0)} in the slowest one",
            f">= {PICTURES:.0f}",
            pictures >= PICTURES,
        ),
        Row(
            "notes that the page was told of",
            f"{told.get('on', 0)} begin, {told.get('off', 0)} end, of {played}; {told.get('key', 0)} keys",
            "all",
            [told.get(kind, 0) for kind in ("key", "on", "off")] == [played] * 3,
        ),
        Row("notes that are seen on the roll", f"{shown.seen} of {played}", "all", shown.seen == played),
        Row("seen where none was", f"{shown.ghosts} of {played} places", "none", not shown.ghosts),
        _memory("the page's scripts in memory", shown.heap, _MORE_HEAP),
        _memory("the daemon in memory", shown.resident, _MORE_RESIDENT),
    ]
    return verdict(rows, pictures=shown.pictures, heap=shown.heap, resident=shown.resident)


def _memory(what: str, sizes: Sequence[int], most: int) -> Row:
    first, last = sizes[0], sizes[-1]
    found = f"{first / (1 << 20):.2f} MiB, in the end {last / (1 << 20):.2f}"
    return Row(what, found, f"no more than {most >> 20} MiB more", last - first <= most)
