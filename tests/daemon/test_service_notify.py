"""What the service's manager is told, over real sockets."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mido
import pytest
from stage import Daemon, daemon, name_of

from needs import needs
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.errors import UsageError, UserError
from ripieno.daemon.service.notify import Notifier
from ripieno.daemon.service.patience import patiently

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no unix sockets here")


class Manager:
    """What a service's manager listens at."""

    def __init__(self, address: str) -> None:
        self.name = f"@{address[1:]}" if address.startswith("\0") else address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(30)

    def hear(self) -> list[str]:
        """The lines of the next datagram."""
        return self.socket.recv(4096).decode().split("\n")

    def heard(self) -> list[str]:
        """All lines that are there."""
        self.socket.setblocking(False)
        lines: list[str] = []
        while True:
            try:
                lines += self.hear()
            except BlockingIOError:
                return lines


@pytest.fixture(params=["in a folder", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    if request.param == "abstract" and not Path("/proc").exists():
        pytest.skip("only Linux has abstract sockets")
    one = Manager(str(tmp_path / "notify") if request.param == "in a folder" else f"\0ripieno-{tmp_path}")
    yield one
    one.socket.close()


class Clock:
    """Seconds that pass when told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def performance(cycles: int = 1, alive: bool = True, keys: int = 0) -> Any:
    """As much of one as a manager is told of."""
    return SimpleNamespace(
        preset=SimpleNamespace(name="Choir"),
        driver=SimpleNamespace(name="jack", state=lambda: SimpleNamespace(cycles=cycles, alive=alive, xruns=2)),
        engine=SimpleNamespace(stats=lambda: SimpleNamespace(notes_in=keys, late=0)),
    )


def notifier(manager: Manager, clock: Clock, limit_s: float = 0.0) -> Notifier:
    environment = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": str(round(limit_s * 1e6))}
    return Notifier(environment if limit_s else {"NOTIFY_SOCKET": manager.name}, clock)


def test_ready_status_and_the_end_are_told(manager: Manager) -> None:
    clock = Clock()
    one = notifier(manager, clock)
    one.begin(performance())
    assert manager.hear() == ["READY=1", "STATUS=Choir on jack: 0 keys, 0 late, 2 xruns"]
    clock.now += 1
    one.tend(performance(keys=1))
    assert manager.heard() == []  # not at every look
    clock.now += 10
    one.tend(performance(keys=1))
    one.tend(performance(keys=1))
    assert manager.heard() == ["STATUS=Choir on jack: 1 keys, 0 late, 2 xruns"]
    clock.now += 10
    one.tend(performance(keys=1, alive=False))
    assert manager.heard() == ["STATUS=Choir on jack, which is away: 1 keys, 0 late, 2 xruns"]
    one.end()
    assert manager.heard() == ["STOPPING=1"]


def test_what_never_began_does_not_say_that_it_ends(manager: Manager) -> None:
    one = notifier(manager, Clock())
    one.say("waiting:\nno server")
    one.end()
    assert manager.heard() == ["STATUS=waiting: no server"]


def test_the_watchdog_hears_often_enough_while_cycles_go_on(manager: Manager) -> None:
    clock = Clock()
    one = notifier(manager, clock, limit_s=10)
    one.begin(performance(cycles=0))
    manager.heard()
    told = []
    for look in range(1, 101):  # 25 seconds, a look each quarter of one
        clock.now += 0.25
        one.tend(performance(cycles=look))
        told += [clock.now for line in manager.heard() if line == "WATCHDOG=1"]
    gaps = [after - before for before, after in zip([100.0, *told], told, strict=False)]
    assert max(gaps) <= 10 / 2  # as sd_watchdog_enabled(3) asks for
    assert len(told) <= 10  # and not at every look


def test_the_watchdog_hears_nothing_once_cycles_stand_still(manager: Manager) -> None:
    clock = Clock()
    one = notifier(manager, clock, limit_s=10)
    one.begin(performance(cycles=5))
    manager.heard()
    for _ in range(40):
        clock.now += 0.25
        one.tend(performance(cycles=5))
    assert "WATCHDOG=1" not in manager.heard()
    one.tend(performance(cycles=5, alive=False))  # the server is away: to be started again would not help
    assert "WATCHDOG=1" in manager.heard()


def test_what_is_for_us_is_not_for_the_processes_of_plugins(manager: Manager) -> None:
    environment = {
        "NOTIFY_SOCKET": manager.name,
        "WATCHDOG_USEC": "1000000",
        "WATCHDOG_PID": str(os.getpid()),
        "A": "b",
    }
    assert Notifier(environment).limit_s == 1
    assert environment == {"A": "b"}
    assert Notifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid() + 1)}).limit_s == 0


def test_no_manager_and_one_that_is_gone_do_no_harm(manager: Manager, tmp_path: Path) -> None:
    for address in ("", str(tmp_path / "none"), "@ripieno-none", "vsock:2:3"):
        one = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
        one.begin(performance())
        one.tend(performance())
        one.end()
    one = notifier(manager, Clock())
    manager.socket.close()
    one.begin(performance())
    one.end()


def test_a_full_queue_does_not_hold_it_up(manager: Manager) -> None:
    one = notifier(manager, Clock())
    for number in range(5000):
        one.say(f"number {number}")  # this would never return if it waited
    assert manager.hear() == ["STATUS=number 0"]


# ---- patience ----


def test_it_waits_for_what_is_not_there_yet_and_says_why_once(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = iter(["no server", "no server", "no keyboard"])
    said: list[str] = []
    pauses: list[float] = []

    def play() -> int:
        for reason in reasons:
            raise UserError(reason)
        return 7

    assert patiently(play, said.append, pauses.append) == 7
    assert said == ["waiting: no server", "waiting: no keyboard"]
    assert len(pauses) == 3
    assert capsys.readouterr().err.splitlines() == [f"ripieno: {line}" for line in said]


def test_it_does_not_wait_for_what_makes_no_sense() -> None:
    def play() -> int:
        raise UsageError("no sense")

    with pytest.raises(UsageError):
        patiently(play, print)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Those of this process stay as they were: `patiently` gives them back to the system."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


# ---- the whole program ----


def test_the_program_tells_its_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track = mido.MidiTrack([mido.MetaMessage("end_of_track", time=480 * 240)])
    mido.MidiFile(type=0, tracks=[track]).save(tmp_path / "silence.mid")
    manager = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", manager.name)
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with daemon("thru", "--driver", "file", "--input", tmp_path / "silence.mid", "--name", name_of("told")) as one:
        first = manager.hear()
        assert first[0] == "READY=1"
        assert first[1].startswith("STATUS=Thru on file")
        while "WATCHDOG=1" not in manager.hear():
            pass
        assert one.end(signal.SIGTERM) == 0
    assert manager.heard()[-1] == "STOPPING=1"
    manager.socket.close()


def test_it_waits_for_a_server_and_may_be_ended_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", manager.name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "ripieno-has-no-such-server")
    one = Daemon("thru", "--driver", "jack", "--wait", "--name", name_of("waits"))
    assert manager.hear()[0].startswith("STATUS=waiting: ")
    one.process.terminate()
    complaint = one.process.communicate(timeout=30)[1]
    assert one.process.returncode == -signal.SIGTERM
    assert complaint.count("ripieno: waiting: no JACK server answers") + complaint.count("libjack") == 1
    manager.socket.close()


def test_it_begins_when_the_server_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("jackd")
    server = DummyServer()
    manager = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", manager.name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    with daemon("thru", "--driver", "jack", "--wait", "--name", name_of("later"), "--metrics", "0") as one:
        assert manager.hear()[0].startswith("STATUS=waiting: ")
        with server:
            assert manager.hear()[0] == "READY=1"
            assert one.hear("news")["text"].startswith("figures at ")
            assert one.end(signal.SIGTERM) == 0
    manager.socket.close()
