"""The benchmark of a whole rig: its judgement, and a short life with everything on that must keep what it promises."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from needs import needs
from ripieno.daemon.bench import rig_faults, rig_load, rig_stage
from ripieno.daemon.bench.jack import Chords, Latency, play_chords
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.rig_faults import Life
from ripieno.daemon.bench.rig_load import Kept, judge
from ripieno.native.probe import JackWire

GOOD = Chords(notes=80, exact=80, slipped=0, released=80, lost=0, doubled=0, moved=0, stuck=0, xruns=0)
TRIP, LATE = Latency(1024, 1024, 128.0, 0.0, 0), Latency(700, 600, 256.0, 128.0, 3)
KEPT = Kept(80, 80, 0, True)
FINE = {"load": 0.01, "load_max": 0.2, "late": 0}


def met(on: Chords = GOOD, trip: Latency = TRIP, load: float = 0.01, left: Kept = KEPT) -> list[bool]:
    trips = {"wire": [TRIP], "off": [TRIP], "on": [trip, LATE]}
    chords = {"wire": GOOD, "off": replace(GOOD, xruns=4), "on": on}
    engine = {"off": [FINE], "on": [{**FINE, "load": load}]}
    return [row["met"] for row in judge(trips, chords, engine, [left])["rows"]]


def test_what_it_judges_by() -> None:
    assert met() == [True] * 7
    assert met(trip=replace(TRIP, jitter=2.0)) == [False] + [True] * 6
    assert met(trip=replace(TRIP, received=1023)) == [False] + [True] * 6
    assert met(replace(GOOD, exact=79, lost=1))[1] is False
    assert met(replace(GOOD, exact=79, slipped=1))[1] is False  # without an xrun that cannot be
    assert met(replace(GOOD, exact=79, slipped=1, xruns=1))[1] is True
    assert met(replace(GOOD, exact=78, slipped=1, xruns=1))[1] is False  # the wire lost none
    late = replace(GOOD, exact=78, lost=2, xruns=3)
    assert met(late, left=Kept(80, 78, 0, True))[5] is True  # what JACK lost did not come in
    assert met(late, left=Kept(80, 77, 0, True))[5] is False
    assert met(replace(GOOD, stuck=1))[2] is False
    assert met(replace(GOOD, doubled=1))[2] is False
    assert met(replace(GOOD, xruns=20))[3] is False
    assert met(load=0.05)[4] is False
    assert met(left=Kept(80, 79, 0, True))[5:] == [False, True]
    assert met(left=Kept(80, 80, 1, True))[5:] == [False, True]
    assert met(left=Kept(80, 80, 0, False))[5:] == [True, False]


def test_what_a_kill_may_cost() -> None:
    rows = list(rig_faults._judge([Life(0.3, True), Life(1.2, False)]))
    assert [row.met for row in rows] == [False, False]
    assert [row.met for row in rig_faults._judge([Life(0.3, True)])] == [True, True]


def test_with_all_of_it_on_everything_is_recorded_and_plays_again(tmp_path: Path) -> None:
    needs("jackd")
    folder, options = tmp_path / "on", rig_stage.everything(tmp_path / "on" / "recordings")
    with DummyServer(synchronous=True), closing(JackWire("bench-wire", ["in"], ["out"])) as wire:
        wire.open()
        wire.start()
        with rig_stage.playing(wire, "string-quartet", options, folder):
            chords = play_chords(wire, 2.0, rig_stage.INPUT, rig_stage.OUTPUT)
    assert chords.notes == chords.exact + chords.slipped == 320
    assert rig_load.kept(folder, chords.notes) == Kept(320, 320, 0, True)
    assert "clock" in rig_stage.end(folder)


@pytest.mark.long
def test_what_may_happen_to_a_recording() -> None:
    needs("jackd", "soundfile")
    found = rig_faults.run(True, 2)
    assert found["met"], found
