"""The drivers as the daemon uses them, on real servers and real files."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import mido
import pytest
from stage import connected

from needs import needs
from ripieno.daemon.bench.jack import daemon, has_ports, wait_for
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.drivers import File, RtMidi, choose, make, rtmidi
from ripieno.daemon.drivers.paced import Paced
from ripieno.daemon.errors import UserError
from ripieno.native.drivers import DriverError, natural, pick
from ripieno.native.engine import Engine, Event, Rig
from ripieno.native.probe import JackProbe

SECONDS = 20.0
HELD = [(0, 0, b"\x90\x3c\x50"), (10, 0, b"\xb3\x40\x7f"), (20, 0, b"\x93\x40\x50"), (30, 0, b"\xe0\x00\x50")]


@pytest.fixture(scope="module")
def server() -> Iterator[DummyServer]:
    needs("jackd")
    with DummyServer(synchronous=True) as one:
        yield one


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def sounding(events: list[Event]) -> set[tuple[int, int]]:
    """What a synthesiser that got these would still play: (channel, pitch), pitch 128 for a pedal held down."""
    held: set[tuple[int, int]] = set()
    for _, _, data in events:
        kind, channel = data[0] & 0xF0, data[0] & 15
        if kind == 0x90 and data[2]:
            held.add((channel, data[1]))
        elif kind in (0x80, 0x90):
            held.discard((channel, data[1]))
        elif kind == 0xB0 and data[1] == 64:
            (held.add if data[2] else held.discard)((channel, 128))
    return held


def soon(condition: Callable[[], object], what: str) -> None:
    wait_for(condition, what, SECONDS)


class Ends:
    """A player and a listener on the server, for a client with the ports `to` and `back`."""

    def __init__(self, script: list[Event]) -> None:
        self.player = JackProbe("test-player", [], ["out"], script)
        self.listener = JackProbe("test-listener", ["in"], [])
        for probe in (self.player, self.listener):
            probe.open()
            probe.start()

    def connect(self, to: str, back: str) -> None:
        soon(lambda: has_ports(self.player, [to, back]), "its ports")
        soon(lambda: self._try(to, back), "the connections")
        self.rest()

    def _try(self, to: str, back: str) -> bool:
        try:
            self.player.connect("test-player:out", to)
            self.listener.connect(back, "test-listener:in")
        except DriverError:
            return False
        return True

    def rest(self, cycles: int = 8) -> None:
        seen = self.listener.state().cycles
        soon(lambda: self.listener.state().cycles >= seen + cycles, "the next cycles")

    def play(self, count: int) -> list[Event]:
        """Play the script until so many events were heard."""
        self.player.go()
        soon(lambda: len(self.listener.received()) >= count, f"{count} events")
        return self.listener.received()

    def close(self) -> None:
        self.player.close()
        self.listener.close()


@contextmanager
def ends(script: list[Event]) -> Iterator[Ends]:
    with closing(Ends(script)) as one:
        yield one


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_in_silence(server: DummyServer, number: signal.Signals) -> None:
    with ends(HELD) as at, daemon(at.player, "thru", name="quiet") as process:
        at.connect("quiet:in", "quiet:out")
        assert sounding(at.play(len(HELD))) == {(0, 60), (3, 64), (3, 128)}
        process.send_signal(number)
        process.wait(SECONDS)
        at.rest()
        heard = at.listener.received()
        assert not sounding(heard)
        assert b"\xe0\x00\x40" in [data for _, _, data in heard]
        assert process.returncode == 0


def test_after_a_kill_the_next_start_silences(server: DummyServer) -> None:
    with ends(HELD) as at:
        with suppress(UserError), daemon(at.player, "thru", name="killed") as process:  # a kill is no good end
            at.connect("killed:in", "killed:out")
            at.play(len(HELD))
            process.kill()
            process.wait(SECONDS)
            at.rest()
        assert sounding(at.listener.received()) == {(0, 60), (3, 64), (3, 128)}
        with daemon(at.player, "thru", name="killed"):
            at.connect("killed:in", "killed:out")
            soon(lambda: not sounding(at.listener.received()), "silence")


def test_the_daemon_outlives_its_server() -> None:
    needs("jackd")
    with DummyServer() as own, ExitStack() as stack:
        watch = stack.enter_context(closing(JackProbe("watch", [], ["out"])))
        watch.open()
        watch.start()
        stack.enter_context(daemon(watch, "thru", name="survivor"))
        # Only ports of clients that play can be connected: it is past its start.
        soon(lambda: connected(watch, "watch:out", "survivor:in"), "the daemon plays")
        watch.close()
        own.end(kill=True)
        own.start()
        watch.open()
        watch.start()
        soon(lambda: connected(watch, "watch:out", "survivor:in"), "the daemon plays again")


def test_auto_takes_jack_where_a_server_answers(server: DummyServer) -> None:
    driver, reason = make("auto", "x", ["in"], ["out"])
    assert driver.name == "jack"
    assert "a JACK server answers" in reason


def test_auto_says_why_nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    live = {"jack": ("", lambda: "no server"), "rtmidi": ("", lambda: "no sequencer")}
    monkeypatch.setattr("ripieno.daemon.drivers._LIVE", live)
    with pytest.raises(UserError) as error:
        choose()
    assert str(error.value) == "no driver works here.\n  not jack: no server\n  not rtmidi: no sequencer"


def test_auto_prefers_the_next_best(monkeypatch: pytest.MonkeyPatch) -> None:
    live = {"jack": ("best", lambda: "no server"), "rtmidi": ("good", lambda: None)}
    monkeypatch.setattr("ripieno.daemon.drivers._LIVE", live)
    assert choose() == ("rtmidi", "good; not jack: no server")


def test_file_driver_wants_a_file() -> None:
    with pytest.raises(UserError, match="--input FILE"):
        make("file", "x", ["in"], ["out"])


def test_rtmidi_never_takes_jack() -> None:
    class OnlyJack:
        API_UNIX_JACK, API_RTMIDI_DUMMY = 3, 5

        @staticmethod
        def get_compiled_api() -> list[int]:
            return [3, 5]

    with pytest.raises(UserError, match="use --driver jack"):
        rtmidi.portable_api(OnlyJack)  # type: ignore[arg-type]


# This machine may have no ALSA sequencer: the driver's code runs over rtmidi's JACK ports here, whose callbacks are
# Python as they are anywhere. The program never does that.


@contextmanager
def on_rtmidi() -> Iterator[tuple[RtMidi, Engine]]:
    needs("rtmidi")
    driver = RtMidi("portable", ["in"], ["out"], api=rtmidi.load().API_UNIX_JACK)
    driver.open()
    engine = Engine(driver.sample_rate)
    engine.load(Rig("thru"))
    driver.start(engine)
    try:
        yield driver, engine
    finally:
        driver.stop()
        engine.close()


def rtmidi_ports(probe: JackProbe) -> tuple[str, str]:
    """The driver's ports: JACK gives each of its ends, a client of its own, a name of its own."""
    soon(lambda: len([p for p in probe.list_ports() if p.name.startswith("portable")]) >= 2, "the ports")
    ours = [port for port in probe.list_ports() if port.name.startswith("portable")]
    return next(p.name for p in ours if p.reads), next(p.name for p in ours if p.writes)


def test_rtmidi_passes_everything(server: DummyServer) -> None:
    exclusive = [b"\xf0" + bytes(i % 128 for i in range(size)) + b"\xf7" for size in (1, 100, 5_000)]
    short = [b"\x90\x3c\x50", b"\xf8", b"\xb0\x40\x40", b"\xe0\x01\x02", b"\xc1\x05", b"\xfe", b"\x80\x3c\x00"]
    script = [(2_000 * i, 0, message) for i, message in enumerate(short + exclusive)]
    with ends(script) as at, on_rtmidi():
        at.connect(*rtmidi_ports(at.player))
        assert [data for _, _, data in at.play(len(script))] == short + exclusive


def test_rtmidi_stops_in_silence(server: DummyServer) -> None:
    with ends(HELD) as at, on_rtmidi() as (driver, _):
        at.connect(*rtmidi_ports(at.player))
        assert sounding(at.play(len(HELD)))
        assert driver.stop()
        at.rest()
        assert not sounding(at.listener.received())


def test_rtmidi_releases_what_an_unplugged_device_held(server: DummyServer) -> None:
    with ends([]) as at, on_rtmidi() as (driver, engine):
        listener_name = driver.connect_out("test-listener")
        assert "test-listener" in listener_name
        with closing(JackProbe("keyboard", [], ["keys"], HELD)) as keyboard:
            keyboard.open()
            keyboard.start()
            assert "keyboard" in driver.connect_in("KEYB")
            at.rest()
            keyboard.go()
            soon(lambda: len(at.listener.received()) == len(HELD), "what it plays")
        news: list[str] = []
        soon(lambda: news.extend(driver.tend()) or news, "the driver notices")
        assert "keyboard" in news[0]
        assert news[0].endswith("went away")
        soon(lambda: not sounding(at.listener.received()), "silence")
        assert engine.stats().sounding == 0
        with pytest.raises(UserError, match="no MIDI source has 'Keystation'"):
            driver.connect_in("Keystation")


class Hub:
    """rtmidi's part of it: devices in and out of one list, which a test plugs and pulls."""

    RtMidiError = OSError

    def __init__(self, *names: str) -> None:
        self.names, self.sent, self.on_open = list(names), list[tuple[str, bytes]](), list[str]()

    def MidiIn(self, _api: int, name: str) -> "End":
        return End(self)

    MidiOut = MidiIn


class End:
    """One of its ends."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self.to = hub, ""

    def get_ports(self) -> list[str]:
        return list(self.hub.names)

    def open_virtual_port(self, name: str) -> None:
        self.to = f"virtual {name}"

    def open_port(self, number: int, name: str) -> None:
        self.hub.names[:0] = self.hub.on_open  # plugged in at the worst moment: all numbers move
        self.hub.on_open = []
        self.to = self.hub.names[number]

    def close_port(self) -> None:
        self.to = ""

    def ignore_types(self, **_: bool) -> None: ...

    def set_callback(self, _: object) -> None: ...

    def send_message(self, data: bytes) -> None:
        if not self.to.startswith("virtual") and self.to not in self.hub.names:
            raise OSError("it is gone")
        self.hub.sent.append((self.to, bytes(data)))

    delete = close_port


def twin(number: int) -> str:
    return f"Synth:Synth MIDI 1 {number}:0"


@contextmanager
def on_hub(monkeypatch: pytest.MonkeyPatch, *names: str) -> Iterator[tuple[Hub, RtMidi]]:
    hub = Hub(*names)
    monkeypatch.setattr(rtmidi, "load", lambda: hub)
    monkeypatch.setattr(rtmidi, "_LOOK_EVERY", 0.0)
    driver = RtMidi("hub", [], ["out", "other"], api=0)
    driver.open()
    try:
        yield hub, driver
    finally:
        driver.stop()


def test_rtmidi_takes_no_other_for_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_hub(monkeypatch, twin(20), twin(24)) as (hub, driver):
        driver.connect_out(twin(20))
        driver.connect_out(twin(20), 1)
        driver.tend()
        hub.names.remove(twin(20))
        assert driver.tend() == [f"{twin(20)} went away"] * 2
        assert driver.tend() == []  # its like, which was there before, is another one
        hub.names.append(twin(28))
        assert driver.tend() == [f"{twin(28)} is connected"] * 2


def test_rtmidi_of_two_that_are_alike_takes_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_hub(monkeypatch, twin(20), twin(24)) as (hub, driver):
        driver.connect_out(twin(20))
        driver.connect_out(twin(24), 1)
        hub.names.clear()
        driver.tend()
        hub.names.append(twin(28))
        assert driver.tend() == []  # who of the two may it be?
        hub.names[:] = [twin(24), twin(28)]
        assert driver.tend() == [f"{twin(24)} is connected"]
        assert driver.tend() == [f"{twin(28)} is connected"]


def test_rtmidi_opens_whom_it_means(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_hub(monkeypatch, "Other", "Synth") as (hub, driver):
        hub.on_open = ["Newcomer"]
        assert driver.connect_out("synth") == "Synth"
        driver._deliver(0, 0, b"\xfe")
        assert hub.sent == [("virtual out", b"\xfe"), ("Synth", b"\xfe")]
        hub.names.remove("Synth")
        driver._deliver(0, 0, b"\xfe")  # it was pulled out just now; the others play on
        assert hub.sent[2:] == [("virtual out", b"\xfe")]


def piece(path: Path, notes: int) -> list[bytes]:
    """A MIDI file of short notes, the last never released; returns its messages."""
    track = mido.MidiTrack()
    for number in range(notes):
        track.append(mido.Message("note_on", note=40 + number, velocity=70, time=10))
        track.append(mido.Message("note_off", note=40 + number, velocity=0, time=10))
    track.append(mido.Message("note_on", note=100, velocity=70))
    file = mido.MidiFile(tracks=[track])
    file.save(path)
    return [bytes(message.bytes()) for message in track if not message.is_meta]


def test_file_plays_at_its_pace_and_ends_in_silence(tmp_path: Path) -> None:
    played = piece(tmp_path / "piece.mid", 20)
    driver = File(tmp_path / "piece.mid", ["out"])
    driver.open()
    with Engine(driver.sample_rate) as engine:
        engine.load(Rig("thru"))
        driver.start(engine)
        soon(lambda: driver.finished, "the end of the file")
        assert [data for _, _, data in driver.sent] == played
        # 10 ticks of 480 a beat, at 120 beats a minute, are 500 frames.
        assert [frame for frame, _, _ in driver.sent[:4]] == [500, 1000, 1500, 2000]
        assert driver.stop()
        assert not sounding(driver.sent)
        assert "piece.mid" in driver.describe()


def test_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.mid"):
        File(tmp_path / "nothing.mid", ["out"]).open()


def test_sysex_is_put_together_again() -> None:
    heard: list[bytes] = []
    paced = Paced(1, 1, lambda _frame, _port, data: heard.append(data))
    with Engine(paced.clock.sample_rate) as engine:
        engine.load(Rig("thru"))
        paced.start(engine)
        for piece_of in (b"\xf0\x01\x02", b"\x03", b"\xf8", b"\x04\xf7", b"\x90\x40\x40", b"\xf0\xf7"):
            assert paced.clock.send(0, 0, piece_of)
        soon(lambda: len(heard) == 4, "what was sent")
        assert paced.stop()
    assert heard[:4] == [b"\xf8", b"\xf0\x01\x02\x03\x04\xf7", b"\x90\x40\x40", b"\xf0\xf7"]


def test_a_port_by_part_of_its_name() -> None:
    ports = {"Midi Through:0": (), "USB Keystation 49:0": ("hw:1,0",), "USB Keystation 61:0": ()}
    assert pick("through", ports, "source") == "Midi Through:0"
    assert pick("hw:1", ports, "source") == "USB Keystation 49:0"
    assert pick("usb keystation 61:0", ports, "source") == "USB Keystation 61:0"
    with pytest.raises(DriverError, match="several source have 'usb' in their name; say more of it: USB Keystation 49"):
        pick("usb", ports, "source")
    with pytest.raises(DriverError, match="there are: none"):
        pick("x", {}, "source")
    assert sorted(["Port 10", "port 9"], key=natural) == ["port 9", "Port 10"]
