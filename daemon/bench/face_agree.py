"""Ten thousand changes from a page's socket, OSC, `ripieno ctl` and a learnt knob at once: do all agree in the end?

Each of them sets four levels that all of them set, and one that is its own, so that it can be told whether its last
word was lost. A motor fader is beside the knob, and a cable takes what it is told back to where it comes from, as bad
controllers do. They do it in rounds, for it is the last words that cross. At the end of each it has to be quiet, and
what each of them was told is compared with how all stands.
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from ripieno.daemon.bench.face_clients import LEVELS, Ctl, Knobs, Line, Osc, Page, Plan, learnt
from ripieno.daemon.bench.face_stage import SECONDS, Served, check, has_browser, looking, octet, server, serving
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.daemon.errors import UserError
from ripieno.daemon.remote.osc_ports import missing
from ripieno.native.drivers import JackClient

CHANGES, ROUNDS = 10_000, 20
SHARED, _OWN = LEVELS[:4], LEVELS[4:]
_QUIET_SECONDS, _STRAY_SECONDS = 0.5, 1.0
_SAME = 1e-6  # relative: OSC has 32 bits
_SHOWN = """async (paths) => {
  const { control } = await import("/page/live.js");
  return paths.map((path) => control(path).shown.peek());
}"""

View = Mapping[str, Any]


@dataclass
class Told:
    """A client at a round's end. own: the path that it alone sets. asked, answered: its changes in the round. last:
    what it set each path to last. view: how it believes that all stands."""

    name: str
    own: str
    asked: int
    answered: int
    last: Mapping[str, int]
    view: View


def plan_of(place: int, number: int, changes: int) -> Plan:
    """What the client of that place sets in the round of that number: levels all of them set, and its own."""
    chance, paths = random.Random(number * len(_OWN) + place), (*SHARED, _OWN[place])
    return [(paths[number % len(paths)], chance.randrange(128)) for number in range(changes)]


@dataclass
class Found:
    """All at the end of a round. values: GET /api/state. made: changes that the daemon has counted. stray: of those
    that were told in a second that was to be quiet, by client. shown: what the page in the browser shows; None
    without one."""

    values: View
    clients: Sequence[Told]
    made: int
    stray: Mapping[str, int] = field(default_factory=dict)
    shown: View | None = None


def run(json: bool = False, changes: int = CHANGES, rounds: int = ROUNDS) -> dict[str, Any]:
    """Do it; print what was found unless `json`. UserError: jackd or a library is missing."""
    check()
    if lacking := missing():
        raise UserError(lacking)
    with server() as client, TemporaryDirectory() as name:
        found = judge(_meet(client, rounds, changes // rounds // len(_OWN), Path(name)))
    if not json:
        show(found)
        print("" if has_browser() else "  without a browser: Chromium or Playwright is not installed")
    return found


def _meet(client: JackClient, rounds: int, each: int, folder: Path) -> list[Found]:
    """So many rounds of so many changes of each client."""
    preset, options = octet(folder, learnt()), ("--osc-port", "0", "--feedback")
    with serving(client, preset, folder / "state", *options) as served, ExitStack() as stack, _browsing(served) as page:
        lines: dict[str, Line] = {
            "a page's socket": Page(served, stack),
            "OSC": Osc(served, stack),
            "ripieno ctl": Ctl(served),
            "a knob": Knobs(client, stack),
        }
        return [
            _round(served, lines, [plan_of(place, number, each) for place in range(len(_OWN))], page)
            for number in range(rounds)
        ]


def _round(served: Served, lines: Mapping[str, Line], plans: Sequence[Plan], page: Any) -> Found:
    before = served.client().state()["revision"]
    _play(list(lines.values()), plans)
    stray = _listen(lines)
    state = served.client().state()
    shown = dict(zip(LEVELS, page.evaluate(_SHOWN, list(LEVELS)), strict=True)) if page else None
    clients = [
        Told(name, own, len(plan), line.answered, dict(plan), dict(line.view))
        for (name, line), own, plan in zip(lines.items(), _OWN, plans, strict=True)
    ]
    return Found(state["values"], clients, state["revision"] - before, stray, shown)


@contextmanager
def _browsing(served: Served) -> Iterator[Any]:
    """The page in a browser, where there is one."""
    if not has_browser():
        yield None
        return
    with looking(served.url) as page:
        yield page


def _play(lines: Sequence[Line], plans: Sequence[Plan]) -> None:
    """All at once. UserError, where one of them fails."""
    wrong: list[Exception] = []

    def play(line: Line, plan: Plan) -> None:
        try:
            line.play(plan)
        except Exception as error:
            wrong.append(error)

    threads = [Thread(target=play, args=one) for one in zip(lines, plans, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise UserError(f"a client gave up: {wrong[0]}") from wrong[0]


def _listen(lines: Mapping[str, Line]) -> dict[str, int]:
    """When it has become quiet: the changes that are told from then on, within a second."""

    def counts() -> dict[str, int]:
        return {name: line.heard for name, line in lines.items()}

    before: dict[str, int] = {}
    end = time.monotonic() + SECONDS
    while before != (before := counts()) and time.monotonic() < end:
        time.sleep(_QUIET_SECONDS)
    time.sleep(_STRAY_SECONDS)
    return {name: count - before[name] for name, count in counts().items()}


def differ(view: View, values: View) -> list[str]:
    """Paths that a client believes to stand otherwise than they do, or knows nothing of."""
    return [path for path in values if path in (*LEVELS, *view) and not _alike(view.get(path), values[path])]


def _alike(one: Any, other: Any) -> bool:
    numbers = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (one, other))
    return isclose(one, other, rel_tol=_SAME) if numbers else bool(one == other)


def lost(found: Found) -> list[str]:
    """What stands otherwise than it was set last: by its only client or, of what all set, by any of them."""
    wrong = [one.own for one in found.clients if found.values[one.own] != one.last[one.own]]
    return wrong + [path for path in SHARED if found.values[path] not in [one.last[path] for one in found.clients]]


def judge(rounds: Sequence[Found]) -> dict[str, Any]:
    """The rows."""
    told = [one for found in rounds for one in found.clients]
    asked, missing = sum(one.asked for one in told), sum(one.asked - one.answered for one in told)
    merged = sum(one.asked for one in told if one.name == "OSC")  # of those that wait the last one holds
    made, stray = sum(found.made for found in rounds), sum(sum(found.stray.values()) for found in rounds)
    gone = [path for found in rounds for path in lost(found)]
    rows = [
        *_views(rounds),
        Row("changes not answered, last words lost", f"{missing}, {_some(gone)}", "none", not missing and not gone),
        Row(
            "changes made",
            f"{made} of {asked}",
            "all, but for OSC's that wait for one another; no more",
            asked - merged <= made <= asked,
        ),
        Row("changes told in a second that was to be quiet", str(stray), "none", not stray),
    ]
    return verdict(rows, rounds=len(rounds), asked=asked, made=made, stray=stray)


def _views(rounds: Sequence[Found]) -> Iterator[Row]:
    """A row for each who believes something."""
    wrong: dict[str, list[str]] = {}
    for found in rounds:
        views = [(one.name, one.view) for one in found.clients]
        views += [("the page in the browser", found.shown)] if found.shown is not None else []
        for name, view in views:
            wrong.setdefault(name, []).extend(differ(view, found.values))
    for name, paths in wrong.items():
        yield Row(f"{name}: controls that stand otherwise, {len(rounds)} rounds", _some(paths), "none", not paths)


def _some(paths: Sequence[str]) -> str:
    return f"{len(paths)}: {', '.join(paths[:3])}" if paths else "0"
