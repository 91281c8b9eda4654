"""`ripieno calibrate` on a real JACK server, against cables whose latency is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from pulse import PulseServer

from needs import needs
from ripieno.daemon import calibrate, calibrate_portaudio, cli, devices
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.drivers import portaudio, rtmidi
from ripieno.daemon.errors import UserError
from ripieno.native.drivers import DriverError, JackDriver
from ripieno.native.engine import Engine, Rig
from ripieno.native.probe import JackWire

RATE, PERIOD = 48_000, 128


@pytest.fixture(scope="module")
def server() -> Iterator[DummyServer]:
    needs("jackd")
    with DummyServer(rate=RATE, period=PERIOD, synchronous=True) as one:
        yield one


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_messages_are_told_apart() -> None:
    script = calibrate.script(RATE)
    assert len({data for _, _, data in script}) == len(script)
    spaces = np.diff([frame for frame, _, _ in script])
    assert spaces.min() >= 11 * RATE // 1000
    assert len(set(spaces % PERIOD)) > PERIOD / 4  # on all places of a period


def test_delays_of_what_came_back() -> None:
    sent = [(100 * n, 0, bytes([n])) for n in range(5)]
    heard = [(frame + 30 + n, 0, data) for n, (frame, _, data) in enumerate(sent)]
    noise = [(250, 0, b"\xf8")]
    assert calibrate.delays(sent, sorted(heard + noise)) == [30, 31, 32, 33, 34]
    assert calibrate.delays(sent, heard[:2] + heard[3:]) == [30, 31, 33, 34]
    assert calibrate.delays(sent, []) == []


@pytest.mark.parametrize("level", [1.0, -0.01])
def test_a_sweep_is_found_to_a_part_of_a_frame(level: float) -> None:
    said = calibrate.sweep(RATE)
    noise = np.random.default_rng(1).normal(0, 0.0005, 2 * RATE).astype(np.float32)
    heard = noise.copy()
    spectrum = np.fft.rfft(said, len(heard)) * np.exp(-2j * np.pi * np.fft.rfftfreq(len(heard)) * 1234.3)
    heard += level * np.fft.irfft(spectrum, len(heard)).astype(np.float32)
    assert calibrate.place(heard, said) == pytest.approx(1234.3, abs=0.1)
    with pytest.raises(ValueError, match="not in"):
        calibrate.place(noise, said)
    with pytest.raises(ValueError, match="not in"):
        calibrate.place(np.zeros(RATE, np.float32), said)


def test_midi_through_a_cable_of_known_length(server: DummyServer) -> None:
    """The cable is an engine that passes on 1,000 frames later; a loop in JACK costs a period more, or none."""
    driver = JackDriver("cable", ["in"], ["out"])
    with Engine(RATE) as engine, closing(driver):
        driver.open()
        engine.load(Rig("thru"))
        engine.shift_port(0, 1000)
        driver.start(engine)
        key, figure = calibrate.midi("cable:in", "cable:out", input_ms=1.0)
    assert key == "cable:in"
    assert (figure.kind, figure.sent, figure.lost, figure.rate, figure.period) == ("midi", 100, 0, RATE, PERIOD)
    frames = figure.round_trip_ms * RATE / 1000
    assert min(abs(frames - 1000), abs(frames - 1000 - PERIOD)) < 0.05
    assert figure.latency_ms == pytest.approx(figure.round_trip_ms - 1, abs=0.002)


def test_sound_through_a_cable(server: DummyServer) -> None:
    """The cable itself costs nothing; a loop in JACK costs a period, or none."""
    with closing(JackWire("wire", [], [], ["sound-in"], ["sound-out"])) as wire:
        wire.open()
        wire.start()
        key, figure = calibrate.audio("wire:sound-in", "wire:sound-out")
    frames = figure.round_trip_ms * RATE / 1000
    assert key == "wire:sound-in"
    assert min(abs(frames), abs(frames - PERIOD)) < 0.1
    assert (figure.kind, figure.sent, figure.lost) == ("audio", 1, 0)


def test_sound_without_a_cable(server: DummyServer) -> None:
    with pytest.raises(DriverError, match=r"no audio destination has 'card' in its name"):
        calibrate.audio("card", "system")
    with pytest.raises(UserError, match=r"nothing came back from system:playback_1 at system:capture_1"):
        calibrate.audio("system:playback_1", "system:capture_1")


def test_midi_without_jack(server: DummyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over rtmidi's JACK ports: this machine may have no others. The program never does that."""
    needs("rtmidi")
    monkeypatch.setattr(rtmidi, "portable_api", lambda module: module.API_UNIX_JACK)
    driver = JackDriver("cable", ["in"], ["out"])
    with Engine(RATE) as engine, closing(driver):
        driver.open()
        engine.load(Rig("thru"))
        engine.shift_port(0, 1000)
        driver.start(engine)
        key, figure = calibrate_portaudio.midi("cable:in", "cable:out", input_ms=1.0)
    assert key == "cable:in"
    assert (figure.kind, figure.sent, figure.lost, figure.rate, figure.period) == ("midi", 100, 0, 0, 0)
    assert figure.round_trip_ms > (1000 - 2 * PERIOD) * 1000 / RATE  # rtmidi knows no places within a period
    assert figure.latency_ms == pytest.approx(figure.round_trip_ms - 1, abs=0.002)


def test_sound_without_jack(capsys: pytest.CaptureFixture[str]) -> None:
    needs("pulseaudio", "sounddevice")
    with PulseServer():
        portaudio.look_again(portaudio.load())
        assert cli.main(["calibrate", "--driver", "portaudio", "--audio", "pulse", "pulse", "--json"]) == 0
        ((key, figure),) = devices.load().items()
        device = portaudio.choose("pulse")
        assert device
        assert key == portaudio.identity(device)  # as `ripieno run` calls it
        assert (figure.kind, figure.lost, figure.rate) == ("audio", 0, RATE)
        assert 0 < figure.latency_ms < 2000
        assert cli.main(["calibrate", "--driver", "portaudio", "--audio", "nowhere", "pulse"]) == 1
        assert "no audio output has 'nowhere' in its name" in capsys.readouterr().err


def test_nothing_comes_back(server: DummyServer) -> None:
    with closing(JackWire("dead", ["in"], ["out"])) as wire:
        wire.open()  # and not started
        with pytest.raises((UserError, DriverError)):
            calibrate.midi("dead:in", "dead:out")


def test_the_command(server: DummyServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["calibrate"]) == 0
    assert "no device has been measured yet" in capsys.readouterr().out
    with closing(JackWire("loop", ["in"], ["out"])) as wire:
        wire.open()
        wire.start()
        assert cli.main(["calibrate", "--midi", "loop:in", "loop:out"]) == 0
        shown = capsys.readouterr().out
        assert "loop:in" in shown
        assert f"remembered in {devices.file()}" in shown
    assert list(devices.load()) == ["loop:in"]
    assert cli.main(["calibrate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["loop:in"]["lost"] == 0
    assert cli.main(["calibrate", "--midi", "nowhere", "loop:out"]) == 1
    assert "no MIDI destination has 'nowhere' in its name" in capsys.readouterr().err
    assert cli.main(["calibrate", "--forget", "loop:in"]) == 0
    assert devices.load() == {}
