"""The JACK driver against a real server, with real clients at both ends of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from needs import lack, needs
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.native.drivers import DriverError, JackClient, JackDriver, jack_ports, jack_problem
from ripieno.native.engine import BLACKBOX_SIZE, Engine, Event, Instrument, Rig
from ripieno.native.instrumenter import Instrumenter, Voice
from ripieno.native.probe import JackProbe
from ripieno.native.zone import Zone

needs("jackd")

PERIOD = 128


@pytest.fixture(scope="module")
def server() -> Iterator[DummyServer]:
    with DummyServer(period=PERIOD, synchronous=True) as one:
        yield one


def wait_for(condition: Callable[[], object], what: str, seconds: float = 10.0) -> None:
    """Poll until it holds; the time is only there to fail in the end."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.005)


class Stage:
    """A driver with a thru engine, a probe that plays to it, a probe that listens."""

    def __init__(self, script: list[Event], inputs: list[str], outputs: list[str], blackbox: bytearray | None) -> None:
        self.driver = JackDriver("thru", inputs, outputs)
        self.player = JackProbe("player", [], ["out"], script)
        self.listener = JackProbe("listener", outputs, [])
        for client in (self.driver, self.player, self.listener):
            client.open()
        self.engine = Engine(self.driver.sample_rate, len(inputs), len(outputs), blackbox=blackbox)
        self.engine.load(Rig("thru"))
        self.driver.start(self.engine)
        self.player.start()
        self.listener.start()
        self.player.connect("player:out", "thru:in")
        for name in outputs:
            self.listener.connect(f"thru:{name}", f"listener:{name}")
        self.rest()

    def rest(self, cycles: int = 4) -> None:
        """Let some cycles go by."""
        seen = self.listener.state().cycles
        wait_for(lambda: self.listener.state().cycles >= seen + cycles, "the server runs")

    def play(self) -> list[Event]:
        """Play the script; what the listener heard."""
        self.player.go()
        wait_for(lambda: self.player.done, "the script was played", 60)
        self.rest()
        return self.listener.received()

    @property
    def xruns(self) -> int:
        """How often the machine was too late for its server since this began."""
        return self.driver.state().xruns  # it began first

    def close(self) -> None:
        for client in (self.driver, self.player, self.listener):
            client.close()
        self.engine.close()


@contextmanager
def stage(
    script: list[Event],
    inputs: list[str] | None = None,
    outputs: list[str] | None = None,
    blackbox: bytearray | None = None,
) -> Iterator[Stage]:
    one = Stage(script, inputs or ["in"], outputs or ["out"], blackbox)
    try:
        yield one
    finally:
        one.close()


def sounding(events: list[Event]) -> set[tuple[int, int, int]]:
    """What a synthesiser that got these would still play: (port, channel, pitch), pitch 128 for a pedal held down."""
    held: set[tuple[int, int, int]] = set()
    for _, port, data in events:
        kind, channel = data[0] & 0xF0, data[0] & 15
        if kind == 0x90 and data[2]:
            held.add((port, channel, data[1]))
        elif kind in (0x80, 0x90):
            held.discard((port, channel, data[1]))
        elif kind == 0xB0 and data[1] == 64:
            (held.add if data[2] else held.discard)((port, channel, 128))
    return held


def every_kind() -> list[bytes]:
    """One message of every kind there is, on several channels, and SysEx of 3 bytes to 20 kB."""
    short = [bytes([status, 1, 2][: 2 if status & 0xE0 == 0xC0 else 3]) for status in range(0x80, 0xF0, 5)]
    common = [b"\xf1\x12", b"\xf2\x12\x34", b"\xf3\x05", b"\xf6", b"\xf8", b"\xfa", b"\xfb", b"\xfc", b"\xfe"]
    exclusive = [b"\xf0" + bytes(i % 128 for i in range(size)) + b"\xf7" for size in (1, 2, 127, 1024, 20_000)]
    return [*short, *common, *exclusive]


def undisturbed(check: Callable[[], int]) -> None:
    """Repeat until the machine was never late: an xrun, whosever it is, may cost JACK the time of a cycle's events.

    `check` asserts nothing unless it counts no xruns, and returns their number.
    """
    if not any(check() == 0 for _ in range(8)):
        lack("a machine quick enough for a JACK server: it had xruns every time (real-time priority helps)")


def test_thru_is_bit_exact_and_in_the_same_cycle(server: DummyServer) -> None:
    script = [(200 * i, 0, message) for i, message in enumerate(every_kind())]

    def check() -> int:
        with stage(script) as at:
            heard = at.play()
            if at.xruns == 0:
                assert [event[2] for event in heard] == [event[2] for event in script]
                assert heard == at.player.sent()
                assert at.engine.stats().max_delay == 0
            return at.xruns

    undisturbed(check)


def test_chords_keep_their_order_and_samples(server: DummyServer) -> None:
    script = [(1000 * chord + chord % 7, 0, bytes([0x90, 40 + note, 80])) for chord in range(100) for note in range(8)]
    script += [(100_000 + i, 0, bytes([0x80, 40 + i, 0])) for i in range(8)]

    def check() -> int:
        with stage(script) as at:
            heard = at.play()
            assert at.xruns or heard == at.player.sent()
            return at.xruns

    undisturbed(check)


def test_an_input_pulled_out_is_released(server: DummyServer) -> None:
    with stage([(0, 0, b"\x90\x3c\x50"), (0, 0, b"\xb0\x40\x7f"), (1, 0, b"\x93\x3d\x50")]) as at:
        assert sounding(at.play()) == {(0, 0, 60), (0, 0, 128), (0, 3, 61)}
        at.player.disconnect("player:out", "thru:in")
        wait_for(lambda: not sounding(at.listener.received()), "the notes were released")


def test_a_player_that_goes_away_is_released(server: DummyServer) -> None:
    with stage([(0, 0, b"\x90\x3c\x50")]) as at:
        assert sounding(at.play()) == {(0, 0, 60)}
        at.player.close()
        wait_for(lambda: not sounding(at.listener.received()), "the note was released")


def test_a_listener_that_comes_back_hears_the_release(server: DummyServer) -> None:
    with stage([(0, 0, b"\x90\x3c\x50")]) as at:
        assert sounding(at.play()) == {(0, 0, 60)}
        at.listener.disconnect("thru:out", "listener:out")
        at.rest()
        at.player.disconnect("player:out", "thru:in")  # released while nobody listens
        wait_for(lambda: at.engine.stats().sounding == 0, "the ledger is empty")
        assert sounding(at.listener.received()) == {(0, 0, 60)}
        at.listener.connect("thru:out", "listener:out")
        wait_for(lambda: not sounding(at.listener.received()), "the note was released")


def test_stop_ends_in_silence(server: DummyServer) -> None:
    with stage([(0, 0, b"\x90\x3c\x50"), (0, 0, b"\xb0\x40\x7f"), (0, 0, b"\xe0\x00\x50")]) as at:
        assert sounding(at.play())
        assert at.driver.stop()
        at.rest()
        assert not sounding(at.listener.received())
        assert b"\xe0\x00\x40" in [event[2] for event in at.listener.received()]


def test_a_killed_process_is_silenced_by_the_next(server: DummyServer) -> None:
    box = bytearray(BLACKBOX_SIZE)
    with stage([(0, 0, b"\x95\x3c\x50"), (0, 0, b"\xb5\x40\x7f")], blackbox=box) as at:
        heard = at.play()
        at.driver.close()  # as a kill does: nothing is released
        at.rest()
        assert sounding(at.listener.received()) == {(0, 5, 60), (0, 5, 128)}
    with stage([], blackbox=box) as at:
        wait_for(lambda: not sounding(heard + at.listener.received()), "the first thing sent silences what was left")


def test_several_inputs_are_merged_by_time(server: DummyServer) -> None:
    script = [(10 * i, 0, bytes([0x90 + i % 16, 60, 1 + i])) for i in range(100)]

    def check() -> int:
        with stage(script, inputs=["in", "more"]) as at:
            at.player.connect("player:out", "thru:more")
            heard, sent = at.play(), at.player.sent()
            assert at.xruns or heard == [event for event in sent for _ in range(2)]
            return at.xruns

    undisturbed(check)


def test_outputs_are_ports_of_their_own(server: DummyServer) -> None:
    script = [(i * 500, 0, bytes([0x90, 60 + i, 80])) for i in range(8)]

    def check() -> int:
        with stage(script, outputs=["low", "high"]) as at:
            instruments = [Instrument(0, 0, polyphony=0), Instrument(1, 1, polyphony=0)]
            voices = [Voice(0, 63, polyphony=0), Voice(64, 127, polyphony=0)]
            at.engine.load(Rig("ensemble", instruments, Instrumenter(voices, sample_rate=48_000, decide="zone")))
            at.rest()
            heard, sent = at.play(), at.player.sent()
            expected = [(frame, data[1] >= 64, bytes([0x90 + (data[1] >= 64), *data[1:]])) for frame, _, data in sent]
            assert at.xruns or heard == expected
            return at.xruns

    undisturbed(check)


def test_mpe_in_and_out(server: DummyServer) -> None:
    """A synth hears of its zone as soon as it listens; each note has its bend, to the frame of its key."""
    played = [(1000, b"\xe1\x00\x50"), (1000, b"\x91\x3c\x40"), (1007, b"\xe2\x00\x30"), (1007, b"\x92\x40\x40")]
    ended = [(9000, b"\x81\x3c\x00"), (9000, b"\x82\x40\x00")]
    script = [(frame, 0, data) for frame, data in played + ended]
    with stage(script, outputs=["Lead"]) as at:
        voices = Instrumenter([Voice()], decide="closest", when="note", sample_rate=at.engine.sample_rate)
        lead = Instrument(0, 0, polyphony=0, mpe=True)
        at.engine.load(Rig("ensemble", [lead], voices, zones=[Zone(mpe=True)]))
        wait_for(lambda: len(at.listener.received()) == 51, "the zone is told")
        at.listener.disconnect("thru:Lead", "listener:Lead")
        at.rest()
        at.listener.connect("thru:Lead", "listener:Lead")
        wait_for(lambda: len(at.listener.received()) == 102, "the zone is told again")
        heard = at.play()[102:]
        assert [data for _, _, data in heard[:1]] == [b"\xe1\x00\x50"]
        bends = {data[0] & 15: data[1:] for _, _, data in heard if data[0] & 0xF0 == 0xE0}
        notes = {data[1]: (data[0] & 15, frame) for frame, _, data in heard if data[0] & 0xF0 == 0x90}
        assert bends[notes[60][0]] == b"\x00\x50"
        assert bends[notes[64][0]] == b"\x00\x30"
        assert notes[64][1] - notes[60][1] == 7
        assert not sounding(heard)


def test_devices_are_found_by_part_of_their_names(server: DummyServer) -> None:
    with stage([]) as at:
        assert at.driver.connect_in("PLAYER") == "player:out"
        assert at.driver.connect_out("listener:out") == "listener:out"
        with pytest.raises(DriverError, match=r"no MIDI source has 'Keystation' in its name; there are: player:out"):
            at.driver.connect_in("Keystation")
        with JackPair("synth") as pair, pytest.raises(DriverError, match=r"several .* synth-a:in, synth-b:in"):
            at.driver.connect_out(pair.name)


class JackPair:
    """Two listeners with much the same name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._clients = [JackClient(f"{name}-{end}", ["in"], []) for end in "ab"]

    def __enter__(self) -> "JackPair":
        for client in self._clients:
            client.open()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()


def test_a_device_that_comes_back_is_connected_again(server: DummyServer) -> None:
    with stage([]) as at:
        with closing(JackProbe("keyboard", [], ["keys"])) as keyboard:
            keyboard.open()
            keyboard.start()
            assert at.driver.connect_in("keyb") == "keyboard:keys"
        wait_for(lambda: "keyboard:keys" not in [port.name for port in jack_ports()], "it is gone")
        at.driver.tend()
        with closing(JackProbe("keyboard", [], ["keys"], [(0, 0, b"\x90\x40\x40"), (9, 0, b"\x80\x40\x40")])) as again:
            again.open()
            assert at.driver.tend() == []  # its port is there, and not ready
            again.start()
            news: list[str] = []
            wait_for(lambda: news.extend(at.driver.tend()) or news, "the driver sees it")
            assert news == ["keyboard:keys is connected"]
            at.rest()
            again.go()
            wait_for(lambda: len(at.listener.received()) == 2, "it plays")


def test_a_name_that_is_taken(server: DummyServer) -> None:
    with stage([]) as at:
        other = JackDriver("thru", ["in"], [])
        other.open()
        assert other.client_name != at.driver.client_name
        assert other.ports == [f"{other.client_name}:in"]
        other.close()


def test_rates_must_agree(server: DummyServer) -> None:
    driver = JackDriver("rate", [], [])
    driver.open()
    with Engine(44_100) as engine, pytest.raises(DriverError, match="44100"):
        driver.start(engine)
    driver.close()


@pytest.mark.parametrize("kill", [False, True])
def test_a_server_that_dies_and_returns(kill: bool) -> None:
    player = JackProbe("player", [], ["out"], [(0, 0, b"\x90\x3c\x50")])
    driver = JackDriver("survivor", ["in"], ["out"])
    with DummyServer(period=PERIOD) as own, closing(player), Engine(48_000) as engine, closing(driver):
        driver.open()
        engine.load(Rig("thru"))
        driver.start(engine)
        player.open()
        player.start()
        assert driver.connect_in("player") == "player:out"
        player.go()
        wait_for(lambda: engine.stats().sounding == 1, "a note sounds")
        own.end(kill)
        wait_for(lambda: not driver.state().alive, "the driver sees it")
        player.close()  # libjack cannot open a client in a process that has another one left of a dead server
        news = driver.tend()
        assert len(news) == 1
        assert news[0].startswith("the JACK server went away")
        before = driver.state()
        own.start()
        wait_for(lambda: news.extend(driver.tend()) or driver.state().alive, "the driver is back")
        assert news[1] == "the JACK server is back"
        wait_for(lambda: driver.state().cycles > before.cycles, "the engine goes on")
        assert driver.state().frame > before.frame
        wait_for(lambda: engine.stats().sounding == 0, "what was held is released")
        assert driver.stop()


def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "ripieno-nowhere")
    problem = jack_problem()
    assert problem
    assert "no JACK server answers; start one" in problem
    with pytest.raises(DriverError, match="no JACK server answers"):
        JackDriver("x", ["in"], ["out"]).open()


def test_too_many_ports() -> None:
    with pytest.raises(DriverError, match="at most 16"):
        JackDriver("x", [str(i) for i in range(17)], [])
