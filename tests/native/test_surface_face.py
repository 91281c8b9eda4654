"""What the engine tells Python of knobs, wheels and pads, and what it then does not play."""

from ripieno.native.engine import Engine, Event, Rig, run_offline
from ripieno.native.surface import KINDS, TAKEN, Moved, Taken, moved

RATE = 48_000


def heard(engine: Engine, events: list[Event]) -> tuple[list[Moved], list[bytes]]:
    """What is told of these, and what leaves."""
    sent = run_offline(engine, events, events[-1][0] + 1000, from_frame=events[0][0])
    return [moved(one) for one in engine.poll() if one.kind == "control"], [data for _, _, data in sent]


def test_controls_are_told_and_taken() -> None:
    with Engine(RATE) as engine:
        engine.load(Rig("thru"))
        knob, bend = bytes((0xB2, 21, 100)), bytes((0xE0, 1, 70))
        assert heard(engine, [(0, 0, knob)]) == ([], [knob])
        engine.hear_controls(frozenset(KINDS))
        engine.take_control(TAKEN - 1, Taken("controller", 21, 2))
        told, left = heard(engine, [(2000, 0, knob), (2001, 0, bend)])
        assert told == [Moved(2000, 0, 2, "controller", 21, 100), Moved(2001, 0, 0, "bend", 0, 70 << 7 | 1)]
        assert left == [bend]
        engine.take_control(TAKEN - 1, None)
        engine.hear_controls(frozenset({"controller"}), frozenset({"controller"}))
        assert heard(engine, [(4000, 0, knob), (4001, 0, bend)]) == ([Moved(4000, 0, 2, "controller", 21, 100)], [bend])


def test_faders_are_told() -> None:
    with Engine(RATE, outputs=2) as engine:
        engine.load(Rig("thru"))
        engine.tell(1, bytes((0xB0, 7, 64)))
        assert run_offline(engine, [], 128) == [(0, 1, bytes((0xB0, 7, 64)))]
