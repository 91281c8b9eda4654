"""A real knob on a real JACK server: what it sends changes what the performance shows, move for move."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from performing import look_until
from stage import connected, name_of

from needs import needs
from ripieno.daemon import presets
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.live import Options, Performance, begin, end, make_performance
from ripieno.daemon.remote import learn
from ripieno.daemon.remote.desk import Batch, Change, outcome
from ripieno.daemon.remote.learn import FEEDBACK
from ripieno.daemon.setlist import load_list
from ripieno.native.engine import BLACKBOX_SIZE, Event
from ripieno.native.probe import JackProbe

needs("jackd")

PATH = "players/cello/level"
PRESET = """\
name = "Mine"
model = "closest"

[[ensemble]]
name = "Cello"
program = "Cello"
"""
TABLE = f"""
[[learn]]
control = "controller 21"
path = "{PATH}"
"""
CHANGES, EVERY = 10_000, 48  # one a millisecond: what reports there is room for waits for seconds


@pytest.fixture(scope="module", autouse=True)
def _server() -> Iterator[None]:
    with DummyServer(synchronous=True):
        yield


@contextmanager
def stage(folder: Path, script: list[Event], tables: str = "") -> Iterator[tuple[Performance, JackProbe, JackProbe]]:
    """A performance, a control surface that plays a script, and what its faders hear (port 0) and a synth (1)."""
    (folder / "mine.toml").write_text(PRESET + tables)
    name = name_of("knob")
    options = Options(client=name, driver="jack", feedback="")
    one, _ = make_performance(load_list([str(folder / "mine.toml")]), options, bytearray(BLACKBOX_SIZE))
    surface, faders = JackProbe("surface", [], ["out"], script), JackProbe("faders", [FEEDBACK, "synth"], [])
    try:
        assert begin(one)
        with closing(surface), closing(faders):
            for probe in (surface, faders):
                probe.open()
                probe.start()
            ends = (
                ("surface:out", f"{name}:in"),
                (f"{name}:{FEEDBACK}", f"faders:{FEEDBACK}"),
                (f"{name}:out", "faders:synth"),
            )
            for pair in ends:
                look_until(one, lambda pair=pair: connected(surface, *pair), f"a connection of {pair}")
            yield one, surface, faders
    finally:
        end(one)


def heard(probe: JackProbe, port: int, controller: int) -> list[int]:
    """The values of a controller that came to one of its inputs."""
    return [
        data[2] for _, where, data in probe.received() if where == port and data[0] >> 4 == 11 and data[1] == controller
    ]


def test_ten_thousand_moves_and_none_is_lost(tmp_path: Path) -> None:
    values = [(7 * n + n // 128) % 128 for n in range(CHANGES)]
    script = [(EVERY * n, 0, bytes((0xB0, 21, value))) for n, value in enumerate(values)]
    with stage(tmp_path, script, TABLE) as (one, surface, faders):
        changes: list[Change] = []
        status: list[Any] = []

        def hear(batch: Batch) -> None:
            changes.extend(batch.changes)
            if batch.status:
                status.append(batch.status["players"][0]["level"])

        one.desk.listen(hear)
        look_until(one, lambda: status and one.learner.status()["bound"] == 1, "it is bound")
        surface.go()
        look_until(one, lambda: len(changes) >= CHANGES and surface.done, "all is moved")
        look_until(one, lambda: status[-1] == values[-1], "and shown")
        assert [(change.path, change.value, change.origin) for change in changes] == [
            (PATH, value, "learn") for value in values
        ]
        assert one.desk.values[PATH] == values[-1]
        assert one.engine.stats().reports_lost == 0
        look_until(one, lambda: heard(faders, 1, 7)[-1:] == values[-1:], "the synth has the level")
        assert heard(faders, 1, 21) == []  # the knob is not played
        assert heard(faders, 0, 21) == []  # nor told of its own moves


def test_a_knob_is_learnt_by_moving_it_and_its_motor_follows(tmp_path: Path) -> None:
    script = [(24_000 + 480 * n, 0, bytes((0xB2, 33, 30 + n))) for n in range(40)]
    with stage(tmp_path, script) as (one, surface, faders):
        asked = learn.begin(one.desk, PATH)
        look_until(one, asked.done, "an answer")
        assert outcome(asked)["learning"] == PATH
        surface.go()
        look_until(one, lambda: one.desk.grown(one).node(PATH).value() == 69, "it is found, and sets what it is to")
        (row,) = presets.load(str(tmp_path / "mine.toml")).learn
        assert (str(row.control), row.path, row.feedback) == ("controller 33 channel 3", PATH, FEEDBACK)
        assert heard(faders, 1, 33) == []  # not even while it was looked for
        told = one.desk.set(PATH, 12, "page:1")
        look_until(one, lambda: heard(faders, 0, 33)[-1:] == [12], "the motor is told")
        assert told.result().value == 12


def test_a_controller_that_comes_back_is_told_all(tmp_path: Path) -> None:
    with stage(tmp_path, [], TABLE + f'feedback = "{FEEDBACK}"\n') as (one, _, faders):
        look_until(one, lambda: heard(faders, 0, 21)[-1:] == [100], "the motor is told")
        one.tend()
        faders.close()
        again = JackProbe("faders", [FEEDBACK, "synth"], [])
        with closing(again):
            again.open()
            again.start()

            def told() -> bool:
                one.tend()
                return heard(again, 0, 21)[-1:] == [100]

            look_until(one, told, "it is told again")


def test_a_cable_back_ends(tmp_path: Path) -> None:
    with stage(tmp_path, [], TABLE + f'feedback = "{FEEDBACK}"\n') as (one, surface, faders):
        name = name_of("knob")
        surface.connect(f"{name}:{FEEDBACK}", f"{name}:in")
        for value in (5, 99, 64):
            change = one.desk.set(PATH, value, "page:1")
            look_until(
                one,
                lambda change=change, value=value: change.done() and heard(faders, 0, 21)[-1:] == [value],
                "it is told",
            )
        rest(one)
        told = heard(faders, 0, 21)
        assert [value for value, _ in groupby(told)][-3:] == [5, 99, 64]
        rest(one)
        assert heard(faders, 0, 21) == told  # and nothing goes round
        assert one.desk.values[PATH] == 64


def rest(one: Performance) -> None:
    """A second or two of the server's go by."""
    cycles = one.driver.state().cycles
    look_until(one, lambda: one.driver.state().cycles > cycles + 600, "time goes by")
