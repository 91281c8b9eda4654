"""Recorder, flight recorder, clock and Link all on: do the engine's own figures move?

jack_midi_latency_test and chords of eight notes, as in `bench jack`, through a bare wire, through a daemon with all
that off and through one with all of it on, by turns on one server; then what was recorded meanwhile is looked at.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, astuple, dataclass
from math import sqrt
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from ripieno.daemon.bench.jack import (
    PERIOD,
    RATE,
    ROUNDS,
    Chords,
    Latency,
    play_chords,
    round_trip,
)
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.rig_stage import INPUT, NOTHING, OUTPUT, end, everything, has_link, playing
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.daemon.flight.log import newest_session
from ripieno.daemon.flight.replay import replay
from ripieno.daemon.recording.take import NOTES
from ripieno.native.probe import JackWire

WAYS = {"wire": "a bare wire", "off": "all of it off", "on": "all of it on"}
_WIRE = ("bench-wire:in", "bench-wire:out")
_LOAD = 0.02  # of a period, that the mean load may be more

Trips = dict[str, list[Latency]]
Rounds = dict[str, list[dict[str, Any]]]
Play = Callable[[JackWire, str, Path, str], AbstractContextManager[object]]


def run(json: bool = False, minutes: float = 1.0, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure; print it unless `json`. minutes: of chords, each way. UserError: jackd or its tools are missing."""
    with TemporaryDirectory() as name:
        found = _measure(60 * minutes, rounds, Path(name))
    if not json:
        _print(found)
    return found


def _measure(seconds: float, rounds: int, folder: Path) -> dict[str, Any]:
    def play(wire: JackWire, preset: str, at: Path, way: str) -> AbstractContextManager[object]:
        return playing(wire, preset, _options(way, at), at)

    trips, parts, engine = by_turns(seconds, rounds, folder, play)
    left = [kept(folder / f"chords-on-{number}", parts["on"][number].notes) for number in range(rounds)]
    return judge(trips, {way: total(several) for way, several in parts.items()}, engine, left)


def by_turns(seconds: float, rounds: int, folder: Path, play: Play) -> tuple[Trips, dict[str, list[Chords]], Rounds]:
    """Round trips, chords and the engine's own figures of each way: a bare wire, and daemons "off" and "on".

    seconds: of chords, each way. play: how a daemon plays a preset in such a way, for as long as the context lasts.
    """
    trips: Trips = {way: [] for way in WAYS}
    parts: dict[str, list[Chords]] = {way: [] for way in WAYS}
    engine: Rounds = {"off": [], "on": []}
    with DummyServer(RATE, PERIOD), closing(JackWire("bench-wire", ["in"], ["out"])) as wire:
        wire.open()
        wire.start()
        for number in range(rounds):  # by turns: what else the machine does causes xruns, too
            trips["wire"].append(round_trip(wire, *_WIRE))
            parts["wire"].append(play_chords(wire, seconds / rounds, *_WIRE))
            for way in engine:
                with play(wire, "thru", folder / f"thru-{way}-{number}", way):
                    trips[way].append(round_trip(wire, INPUT, OUTPUT))
                at = folder / f"chords-{way}-{number}"
                with play(wire, "string-quartet", at, way):
                    parts[way].append(play_chords(wire, seconds / rounds, INPUT, OUTPUT))
                engine[way].append(end(at))
    return trips, parts, engine


def total(parts: Sequence[Chords]) -> Chords:
    """All of these, as one."""
    return Chords(*map(sum, zip(*map(astuple, parts), strict=True)))


def _options(way: str, folder: Path) -> Sequence[str]:
    return everything(folder / "recordings") if way == "on" else NOTHING


@dataclass(frozen=True)
class Kept:
    """What was recorded: keys, of so many that were played; cycles that were lost; played again, it is the same."""

    notes: int
    keys: int
    dropped: int
    same: bool


def kept(folder: Path, notes: int) -> Kept:
    """What a daemon has left, which played so many notes."""
    (take,) = (folder / "recordings").iterdir()
    session = newest_session(folder / "ripieno" / "flights")
    again = replay(session) if session else None
    dropped = end(folder)["recording"]["dropped"]
    return Kept(notes, keys_in(take / NOTES), dropped, bool(again and again.same and again.ended))


def keys_in(path: Path) -> int:
    """Keys of the player in a recording's MIDI file."""
    import mido

    inputs = [track for track in mido.MidiFile(path).tracks if track.name.startswith("input")]
    return sum(one.type == "note_on" and one.velocity > 0 for track in inputs for one in track)


def judge(
    trips: Trips,
    chords: dict[str, Chords],
    engine: Rounds,
    left: Sequence[Kept],
) -> dict[str, Any]:
    """The rows."""
    rows, on = engine_rows(trips, chords, engine), chords["on"]
    dropped, late = sum(one.dropped for one in left), on.xruns > 0  # then JACK loses notes on their way to us, too
    keys, notes, same = sum(one.keys for one in left), sum(one.notes for one in left), sum(one.same for one in left)
    rows += [
        Row(
            "recorded",
            f"{keys} of {notes} keys, {dropped} cycles lost",
            "all that came in" if late else "all",
            not dropped and (keys >= on.exact + on.slipped if late else keys == notes),
        ),
        Row("played again: identical bytes", f"{same} of {len(left)}", "all", same == len(left)),
    ]
    return verdict(rows, link=has_link(), **figures(trips, chords, engine))


def engine_rows(trips: Trips, chords: dict[str, Chords], engine: Rounds) -> list[Row]:
    """What the engine makes of it, "on" beside "off". A round in which the machine was late (an xrun, whosever it is)
    tells nothing of jitter and loss."""
    calm = [one for one in trips["on"] if not one.xruns]
    jitter = max((one.jitter for one in calm if one.jitter is not None), default=None)
    lost = sum(one.sent - one.received for one in calm)
    xruns = {way: sum(one.xruns for one in trips[way]) + chords[way].xruns for way in WAYS}
    on, load = chords["on"], {way: median(one["load"] for one in several) for way, several in engine.items()}
    near = {way: one.exact + one.slipped for way, one in chords.items()}
    late = on.xruns > 0  # then JACK loses notes on their way to us, too
    return [
        Row(
            f"jack_midi_latency_test, {len(calm)} calm rounds",
            f"jitter {jitter} frames, {lost} messages lost",
            "<= 1 frame, none",
            jitter is not None and jitter <= 1 and not lost,
        ),
        Row(
            "chords: at the sample of the key",
            f"{on.exact} of {on.notes}, {on.slipped} a period beside after an xrun",
            f"as many as a wire, which had {near['wire']}" if late else "all",
            near["on"] >= near["wire"] if late else on.exact == on.notes,
        ),
        Row("stuck, or twice", f"{on.stuck}, {on.doubled}", "none", not on.stuck and not on.doubled),
        Row(
            "xruns",
            f"{xruns['on']} with it, {xruns['off']} without, {xruns['wire']} of the wire",
            "none added",
            xruns["on"] <= xruns["off"] + 2 * sqrt(xruns["on"] + xruns["off"]),
        ),
        Row(
            "load, mean",
            f"{load['on']:.1%} of a period, {load['off']:.1%} without",
            f"+ {_LOAD:.0%} at most",
            load["on"] <= load["off"] + _LOAD,
        ),
    ]


def figures(trips: Trips, chords: dict[str, Chords], engine: Rounds) -> dict[str, Any]:
    """All that was measured, as plain values."""
    return {
        "round_trip": [{"through": way} | asdict(one) for way, several in trips.items() for one in several],
        "chords": [{"through": way} | asdict(one) for way, one in chords.items()],
        "engine": [
            {"through": way} | {key: one[key] for key in ("load", "load_max", "late")}
            for way, several in engine.items()
            for one in several
        ],
    }


def _print(found: dict[str, Any]) -> None:
    show(found)
    print_ways(found, WAYS)
    if not found["link"]:
        print("  without Link: LinkPython is not installed (pip install 'ripieno[link]')")


def print_ways(found: dict[str, Any], ways: dict[str, str]) -> None:
    """How each way did, a line each."""
    for way, words in ways.items():
        (chords,) = (one for one in found["chords"] if one["through"] == way)
        trips, engine = ([one for one in found[key] if one["through"] == way] for key in ("round_trip", "engine"))
        jitters = [one["jitter"] for one in trips if one["jitter"] is not None]
        told = f"jitter {median(jitters):.0f}, at most {max(jitters):.0f} frames" if jitters else "messages were lost"
        told += (
            f", {sum(one['xruns'] for one in trips)} xruns; chords: {chords['exact']} exact, {chords['xruns']} xruns"
        )
        if engine:
            told += f"; load {median(one['load'] for one in engine):.1%}, {max(one['load_max'] for one in engine):.0%}"
        print(f"  {words:15} {told}")
