"""The engine's Python face: what it refuses, and what it says then."""

import pytest

from ripieno.native.drivers import Clock
from ripieno.native.engine import BLACKBOX_SIZE, Engine, Instrument, Rig, run_offline

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
