"""Intruders at the page's server while music is played: is each of them refused and told of, and the music untouched?

Chords of eight notes go through a daemon that serves its page on all addresses, each note to be out at the sample of
its key. Xruns are those of that server, beside those of a bare wire on another one meanwhile.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from math import sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from ripieno.daemon.bench.face_attacks import Attack, attacks
from ripieno.daemon.bench.face_stage import Served, check, server, serving
from ripieno.daemon.bench.jack import Chords, play_chords
from ripieno.daemon.bench.plugins_wire import Wire
from ripieno.daemon.bench.rig_stage import INPUT, OUTPUT, end, news
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.daemon.errors import UserError
from ripieno.native.drivers import JackClient

_CHORDS_SECONDS = 10.0  # a piece of music; another one follows while there are attacks
_REFUSED = "the page's server refused "


@dataclass(frozen=True)
class Tried:
    """An attack. tries: how many; wrong: of those, what was not refused. logged: the player was told."""

    what: str
    tries: int
    wrong: Sequence[str]
    logged: bool


def run(json: bool = False, only: Sequence[str] = ()) -> dict[str, Any]:
    """Try it all; print what was found unless `json`. only: attacks whose names begin so; by default all. UserError:
    jackd or a library is missing."""
    check()
    chosen = [one for one in attacks() if not only or one.what.startswith(tuple(only))]
    with server() as client, TemporaryDirectory() as name:
        found = _besiege(client, chosen, Path(name) / "state")
    if not json:
        show(found)
    return found


def _besiege(client: JackClient, chosen: Sequence[Attack], folder: Path) -> dict[str, Any]:
    wire, over = Wire(), Event()
    try:
        with serving(client, "string-quartet", folder, "--ui-lan") as served, ThreadPoolExecutor() as threads:
            music = threads.submit(_play, client, over)
            try:
                wrong = [list(one.wrong(served)) for one in chosen]
            finally:
                over.set()
            parts, answers = music.result(), _answers(served)
        told = news(folder)
        state = end(folder)
        beside = wire.ends()
    finally:
        wire.kill()
    tried = [
        Tried(one.what, len(came), [each for each in came if each], _is_told(one, told))
        for one, came in zip(chosen, wrong, strict=True)
    ]
    return judge(tried, Chords(*map(sum, zip(*map(astuple, parts), strict=True))), state, beside, answers)


def _play(client: JackClient, over: Event) -> list[Chords]:
    """Chords, until it is over."""
    parts = [play_chords(client, _CHORDS_SECONDS, INPUT, OUTPUT)]
    while not over.is_set():
        parts.append(play_chords(client, _CHORDS_SECONDS, INPUT, OUTPUT))
    return parts


def _answers(served: Served) -> bool:
    """Whether it still does, to those who may ask."""
    try:
        return bool(served.client().state()["status"]["alive"])
    except UserError:
        return False


def _is_told(one: Attack, told: Sequence[str]) -> bool:
    said = [text.partition(": ")[2] for text in told if text.startswith(_REFUSED)]
    return any(text.startswith(tuple(one.said)) for text in said)


def judge(tried: Sequence[Tried], chords: Chords, state: dict[str, Any], beside: int, answers: bool) -> dict[str, Any]:
    """The rows. state: how the daemon stood in the end. beside: xruns of a bare wire meanwhile."""
    load = {"load_max": state.get("load_max", 0.0), "load_mean": state.get("load", 0.0)}
    rows = [
        *(_row(one) for one in tried),
        Row("who may ask is answered afterwards", "yes" if answers else "no", "yes", answers),
        Row(
            "chords meanwhile: at the sample of the key",
            f"{chords.exact} of {chords.notes}; {chords.stuck} stuck, {chords.doubled} twice",
            "all, none",
            0 < chords.notes == chords.exact and not chords.stuck and not chords.doubled,
        ),
        Row(
            "xruns meanwhile",
            f"{chords.xruns}, of a bare wire on another server {beside}; longest cycle {load['load_max']:.0%}",
            "no more, but by chance",
            chords.xruns <= beside + 2 * sqrt(chords.xruns + beside),
        ),
    ]
    return verdict(rows, notes=chords.notes, xruns=chords.xruns, wire=beside, **load)


def _row(one: Tried) -> Row:
    found = f"{one.tries - len(one.wrong)} of {one.tries}{', logged' if one.logged else ', NOT logged'}"
    found += f"; {one.wrong[0]}" if one.wrong else ""
    return Row(f"refused: {one.what}", found, "all, logged", one.tries > 0 and not one.wrong and one.logged)
