"""The engine's Python face: what it refuses, and what it says then."""

import pytest

from ripieno.native.drivers import Clock
from ripieno.native.engine import BLACKBOX_SIZE, Engine, Instrument, Rig, Trigger, run_offline

RATE = 48000


def test_refusals_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="0 inputs"):
        Engine(RATE, 0, 1)
    with pytest.raises(ValueError, match=f"not {BLACKBOX_SIZE}"):
        Engine(RATE, blackbox=bytearray(3))
    with pytest.raises(ValueError, match="17 instruments"):
        Rig("ensemble", [Instrument(0, 0)] * 17)
    with pytest.raises(ValueError, match="refuses this rig"):
        Rig("ensemble", [Instrument(0, 16)])


def test_an_engine_without_a_driver_takes_no_endless_commands() -> None:
    def ask_for_ever() -> None:
        while True:
            engine.panic()

    with Engine(RATE) as engine:
        with pytest.raises(BlockingIOError, match="driver does not run"):
            ask_for_ever()
        run_offline(engine, [], 128)
        assert any(report.kind == "panic" for report in engine.poll())


def test_a_running_engine_cannot_be_closed() -> None:
    engine, clock = Engine(RATE), Clock(RATE, 64)
    clock.start(engine)
    with pytest.raises(RuntimeError, match="stop it before"):
        engine.close()
    clock.stop()
    engine.close()


def test_a_key_without_ensemble_goes_to_the_first_instrument() -> None:
    with Engine(RATE, outputs=2) as engine:
        engine.load(Rig("ensemble", [Instrument(1, 5, program=40)]))
        sent = run_offline(engine, [(3, 0, b"\x90\x3c\x40"), (200, 0, b"\x90\x3c\x00")], 256)
        assert sent == [(0, 1, b"\xc5\x28"), (3, 1, b"\x95\x3c\x40"), (200, 1, b"\x95\x3c\x00")]
        reports = [(r.kind, r.instrument, r.pitch) for r in engine.poll()]
        assert reports == [("note_in", None, 60), ("note_on", 0, 60), ("note_off", 0, 60)]
        assert engine.stats().notes_out == 1


def test_what_goes_straight_through_leaves_where_it_is_to() -> None:
    messages = (b"\x90\x3c\x40", b"\xa0\x3c\x05", b"\xe0\x00\x45", b"\xb0\x40\x7f", b"\xf0\x01\xf7", b"\x80\x3c\x00")
    for through, expected in ((None, (0, 1, 1)), (0, (0, 0, 0)), (1, (1, 1, 1)), (9, (1, 1, 1))):
        with Engine(RATE, 3, 2) as engine:
            engine.load(Rig("thru", through=through))
            for port, output in enumerate(expected):
                events = [(256 * port + place, port, data) for place, data in enumerate(messages)]
                sent = run_offline(engine, events, 256 * port + 256, from_frame=256 * port)
                assert [(where, data) for _, where, data in sent] == [(output, data) for data in messages]


def test_rigs_wait_in_slots_until_the_player_wants_them() -> None:
    with Engine(RATE) as engine:
        rigs = [Rig("ensemble", [Instrument(0, channel)]) for channel in (1, 2)]
        engine.set_slots(3, 15)
        for slot, rig in enumerate(rigs):
            engine.arm(slot, rig)
            engine.set_program(slot, 7 + slot, 300)
        engine.set_trigger(0, Trigger(-1, 66, controller=True))
        engine.go(0)
        events = [
            (0, 0, b"\x90\x3c\x40"),
            (10, 0, b"\xbf\x00\x02"),  # bank 2 * 128 + 44
            (11, 0, b"\xbf\x20\x2c"),
            (12, 0, b"\xcf\x08"),
            (13, 0, b"\x90\x3e\x40"),
            (20, 0, b"\xb0\x42\x7f"),
            (21, 0, b"\x90\x40\x40"),
            (30, 0, b"\x80\x3c\x40"),
        ]
        sent = run_offline(engine, events, 256)
        assert sent == [
            (0, 0, b"\x91\x3c\x40"),
            (13, 0, b"\x92\x3e\x40"),
            (21, 0, b"\x91\x40\x40"),
            (30, 0, b"\x81\x3c\x40"),
        ]
        assert [(r.frame, r.value) for r in engine.poll() if r.kind == "slot"] == [(0, 0), (12, 1), (20, 0)]
        assert engine.stats().changes == 3
        engine.go(2)
        run_offline(engine, [], 384, from_frame=256)
        assert [r.value for r in engine.poll() if r.kind == "wanted"] == [2]
        engine.arm(1, None)
        run_offline(engine, [], 512, from_frame=384)
        engine.poll()
        assert [engine.holds(rig) for rig in rigs] == [True, False]


def test_slots_that_there_are_not() -> None:
    with Engine(RATE) as engine:
        for wrong in (
            lambda: engine.arm(128, None),
            lambda: engine.go(-1),
            lambda: engine.set_slots(129),
            lambda: engine.set_trigger(32, None),
            lambda: engine.set_program(128, None),
        ):
            with pytest.raises(ValueError, match="is not from 0 to"):
                wrong()


def test_levels_leave_as_controller_7() -> None:
    with Engine(RATE) as engine:
        engine.set_slots(2)
        for slot, level in enumerate((None, 30)):
            engine.arm(slot, Rig("ensemble", [Instrument(0, 0), Instrument(0, 15, level=level, mpe=False)]))
        engine.go(0)
        assert run_offline(engine, [], 128) == []
        engine.set_level(1, 0)
        engine.set_level(0, 127, slot=1)
        assert run_offline(engine, [], 128, from_frame=128) == [(128, 0, b"\xbf\x07\x00")]
        engine.go(1)
        assert [data for _, _, data in run_offline(engine, [], 128, from_frame=256)] == [
            b"\xb0\x07\x7f",
            b"\xbf\x07\x1e",
        ]
        with pytest.raises(ValueError, match="128 is no level"):
            engine.set_level(0, 128)
        with pytest.raises(ValueError, match="128 is not from 0 to 127"):
            engine.set_level(0, 1, slot=128)
