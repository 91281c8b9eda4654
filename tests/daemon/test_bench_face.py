"""The benchmark of the page: its judgement, and a short life of a daemon with an audience."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from needs import needs
from ripieno.daemon.bench import face
from ripieno.daemon.bench.face_audience import Audience, Heard
from ripieno.daemon.bench.jack import Chords, Latency, play_chords
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.rig_stage import INPUT, OUTPUT, playing
from ripieno.native.probe import JackWire

GOOD = Chords(notes=80, exact=80, slipped=0, released=80, lost=0, doubled=0, moved=0, stuck=0, xruns=0)
FINE = {"load": 0.01, "load_max": 0.2, "late": 0}
HEARD = Heard([5.0] * 100, 1000, 1000, True)


def met(heard: Heard) -> list[bool]:
    trips = {way: [Latency(1024, 1024, 128.0, 0.0, 0)] for way in face.WAYS}
    engine = {"off": [FINE], "on": [FINE]}
    return [row["met"] for row in face.judge(trips, dict.fromkeys(face.WAYS, GOOD), engine, [heard])["rows"]]


def test_what_it_judges_by() -> None:
    assert met(HEARD) == [True] * 8
    assert met(replace(HEARD, late_ms=[5.0] * 98 + [60.0] * 2)) == [True] * 5 + [False, True, True]
    assert met(replace(HEARD, late_ms=[])) == [True] * 5 + [False, True, True]
    assert met(replace(HEARD, answered=999)) == [True] * 6 + [False, True]
    assert met(replace(HEARD, asked=0, answered=0)) == [True] * 6 + [False, True]
    assert met(replace(HEARD, alike=False)) == [True] * 7 + [False]


def test_an_audience_hears_every_key_and_knows_the_end(tmp_path: Path) -> None:
    needs("jackd", "starlette", "uvicorn", "websockets", "segno")
    folder = tmp_path / "on"
    with DummyServer(synchronous=True), closing(JackWire("bench-wire", ["in"], ["out"])) as wire:
        wire.open()
        wire.start()
        with playing(wire, "string-quartet", face._ON, folder), Audience(folder, browser=False) as audience:
            played = play_chords(wire, 1, INPUT, OUTPUT)
    assert len(audience.heard.late_ms) == played.notes == 160
    assert min(audience.heard.late_ms) >= -5  # no earlier than it was played, but for a cycle of the driver's
    assert audience.heard.asked == audience.heard.answered > 0
    assert audience.heard.alike
