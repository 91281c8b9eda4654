"""A plugin in a process of its own, with real processes: it plays, it fails in every way, it comes back."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from unit_player import UnitPlayer

from ripieno.plugins import isolated
from ripieno.plugins.base import PluginError
from ripieno.plugins.hosts import confine
from ripieno.plugins.isolated import Isolated, Limits
from ripieno.plugins.open import open as open_spec

RATE, PERIOD = 48000, 128
PATIENCE = 30.0  # seconds; what is waited for comes in a fraction of one
LONG = os.environ.get("RIPIENO_LONG") == "1"

GAIN = """
from ripieno.plugins.base import Parameter, Plugin

class Gain(Plugin):
    parameters = (Parameter("gain", 0.5, 0.0, 2.0), Parameter("steps", 1, 0, 8, "", "", True))
    latency = 7

    def prepare(self, sample_rate, period):
        import numpy
        self.past = numpy.zeros((2, self.latency), "float32")

    def render(self, audio, events, values):
        import numpy
        both = numpy.concatenate([self.past, audio * values["gain"]], axis=1)
        self.past = both[:, -self.latency:]
        return both[:, : audio.shape[1]]
"""
# It counts notes, which is its state, and fails as the last note says.
FAULTY = """
import os, time
from ripieno.plugins.base import Parameter, Plugin

class Faulty(Plugin):
    parameters = (Parameter("gain", 0.5, 0.0, 2.0),)
    count, fault, hoard = 0, 0, []

    def render(self, audio, events, values):
        for _, data in events:
            if data[0] == 0x90:
                self.fault = data[1]
                self.count += data[1] == 0
        if self.fault == 1:
            while True: pass
        elif self.fault == 2:
            time.sleep(1000)
        elif self.fault == 3:
            audio[:] = float("nan")
            return audio
        elif self.fault == 4:
            return audio + 1e6
        elif self.fault == 5:
            raise RuntimeError("no more")
        elif self.fault == 6:
            self.hoard.append(b"x" * (64 << 20))
        elif self.fault == 7:
            print("farewell", flush=True)
            os._exit(3)
        elif self.fault == 8:
            return audio[:, :1]
        return audio * values["gain"]

    def state(self):
        return b"%d" % self.count

    def restore(self, state):
        self.count = int(state)
"""
FAULTS = {
    "hangs, busy": (1, "it hung"),
    "hangs, asleep": (2, "it hung"),
    "no numbers": (3, "it sent samples that are no numbers"),
    "far too loud": (4, "it sent samples far over full scale"),
    "raises": (5, r"RuntimeError: no more \(plugin.py, line "),
    "takes memory": (6, "MiB of memory|MemoryError"),
    "ends": (7, r"it ended by itself \(status 3\): farewell"),
    "wrong shape": (8, r"an array shaped \(2, 1\)"),
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "plugin.py"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def start(write: Callable[[str], str]) -> Iterator[Callable[..., Isolated]]:
    opened: list[Isolated] = []

    def start(text: str, state: bytes | None = None, **limits: float) -> Isolated:
        opened.append(isolated.open("python", write(text), RATE, PERIOD, state, Limits(**limits)))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def wait_until(over: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not over():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.005)


def test_what_comes_back_is_what_was_given_a_period_and_its_own_latency_later(start: Callable[..., Isolated]) -> None:
    plugin = start(GAIN)
    player = UnitPlayer(plugin.unit, PERIOD)
    sound = np.random.default_rng(1).uniform(-1, 1, (2, 40 * PERIOD)).astype(np.float32)
    sound[:, : 20 * PERIOD] = 0
    heard = player.play(sound)
    late = PERIOD + 7
    assert plugin.standing().latency == late
    np.testing.assert_array_equal(heard[:, 20 * PERIOD + late :], sound[:, 20 * PERIOD : -late] * np.float32(0.5))
    assert not heard[:, : 20 * PERIOD + late].any()


def test_parameters_are_set_by_name_and_within_their_range(start: Callable[..., Isolated]) -> None:
    plugin = start(GAIN)
    player = UnitPlayer(plugin.unit, PERIOD)
    assert plugin.values() == {"gain": 0.5, "steps": 1}
    plugin.set("gain", 1.3)
    assert plugin.values() == {"gain": 1.3, "steps": 1}
    player.until_level(1.3)
    for name, value, why in (
        ("gian", 1, "no parameter 'gian'; did you mean 'gain'"),
        ("gain", 3, "gain cannot be 3: it is from 0 to 2"),
        ("gain", float("nan"), "gain cannot be nan"),
        ("steps", 1.5, "a whole number from 0 to 8"),
    ):
        with pytest.raises(PluginError, match=why):
            plugin.set(name, value)


def test_one_that_is_killed_comes_back_as_it_was(start: Callable[..., Isolated]) -> None:
    plugin = start(FAULTY)
    player = UnitPlayer(plugin.unit, PERIOD, settled=False)
    plugin.set("gain", 0.25)
    for _ in range(3):
        player.silence(PERIOD, [(5, b"\x90\x00\x40")])
    player.until_level(0.25)
    player.until(lambda: plugin.state() == b"3")
    player.play(np.ones((2, 8 * PERIOD), np.float32))  # what fades out is what was heard just before
    assert plugin.pid
    os.kill(plugin.pid, signal.SIGKILL)
    heard = player.until(lambda: plugin.standing().restarts == 1)
    assert np.isfinite(heard).all()
    assert np.abs(np.diff(heard[0])).max() < 0.02, "a click"
    player.until_level(0.25)
    assert plugin.state() == b"3"
    assert plugin.tend() == ["plugin: it was killed (SIGKILL); it is started again"]
    assert plugin.tend() == []


def test_blocks_may_become_longer_while_it_plays(start: Callable[..., Isolated]) -> None:
    plugin = start(GAIN)
    UnitPlayer(plugin.unit, PERIOD).silence(10 * PERIOD)
    player = UnitPlayer(plugin.unit, 4 * PERIOD)
    player.silence(40 * PERIOD)
    sound = np.random.default_rng(3).uniform(-1, 1, (2, 40 * PERIOD)).astype(np.float32)
    late = 4 * PERIOD + 7
    assert plugin.standing().latency == late
    np.testing.assert_array_equal(player.play(sound)[:, late:], sound[:, :-late] * np.float32(0.5))
    assert plugin.pid
    os.kill(plugin.pid, signal.SIGKILL)
    player.settled = False
    player.until(lambda: plugin.standing().restarts == 1)
    player.until_level(0.5)


@pytest.mark.parametrize("kind", FAULTS)
def test_one_that_fails_is_cut_off_and_comes_back(start: Callable[..., Isolated], kind: str) -> None:
    fault, why = FAULTS[kind]
    plugin = start(FAULTY, memory=512 << 20)
    player = UnitPlayer(plugin.unit, PERIOD, settled=False)
    player.until_level(0.5)
    player.silence(PERIOD, [(0, bytes([0x90, fault, 0x40]))])
    heard = player.until(lambda: plugin.standing().restarts == 1)
    assert np.abs(heard).max() <= 1
    player.until_level(0.5)
    (news,) = plugin.tend()
    assert re.search(why, news), news


def test_one_that_fails_again_and_again_is_left_out(start: Callable[..., Isolated]) -> None:
    text = FAULTY.replace("count, fault, hoard = 0, 0, []", "count, fault, hoard = 0, 5, []")
    plugin = start(text, failures=3)
    player = UnitPlayer(plugin.unit, PERIOD, settled=False)
    player.until(lambda: plugin.standing().blocked)
    news = plugin.tend()
    assert [line.endswith("it is started again") for line in news] == [True, True, False]
    assert news[-1].endswith("it is left out: it fails again and again")
    standing = plugin.standing()
    assert "no more" in standing.fault
    assert standing.restarts == 2
    np.testing.assert_array_equal(player.silence(4 * PERIOD)[:, 2 * PERIOD :], 0)
    assert plugin.state() == b""


def test_a_state_that_it_fails_of_is_given_up_for_the_first(start: Callable[..., Isolated]) -> None:
    text = FAULTY.replace("self.count = int(state)", "self.fault = 5 if state == b'1' else 0")
    plugin = start(text, b"0")
    player = UnitPlayer(plugin.unit, PERIOD, settled=False)
    player.silence(PERIOD, [(0, b"\x90\x00\x40")])
    player.until(lambda: plugin.state() == b"1")
    assert plugin.pid
    os.kill(plugin.pid, signal.SIGKILL)
    player.until(lambda: plugin.standing().restarts >= 2)
    player.until_level(0.5)
    assert not plugin.standing().blocked


def test_a_state_that_is_refused_is_told(start: Callable[..., Isolated]) -> None:
    plugin = start(FAULTY, b"many")
    wait_until(lambda: (news := plugin.tend()) and "does not take its state back (ValueError" in news[0])
    UnitPlayer(plugin.unit, PERIOD, settled=False).until_level(0.5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1", "plugin.py: a plugin is one class derived from ripieno.plugins.base.Plugin and has none"),
        ("import nowhere", r"plugin.py: it cannot be run: ModuleNotFoundError.*line 1"),
        ("def f(:", r"plugin.py: it cannot be run: SyntaxError.*line 1"),
        ("import os; print('oh no', flush=True); os._exit(9)", r"plugin.py: it ended by itself \(status 9\): oh no"),
        ("import os; os.abort()", "plugin.py: it gave up"),
        (GAIN.replace("2.0)", "float('inf'))"), "nonsense about itself"),
        (GAIN.replace("latency = 7", "latency = 1 << 40"), "nonsense about itself|MemoryError"),
        (GAIN.replace('Parameter("steps"', 'Parameter("gain"'), "each with a name of its own"),
    ],
)
def test_one_that_cannot_be_opened_says_why(write: Callable[[str], str], text: str, why: str) -> None:
    with pytest.raises(PluginError, match=why):
        isolated.open("python", write(text), RATE, PERIOD)
    with pytest.raises(PluginError, match="no such file of Python"):
        isolated.open("python", write("") + ".none", RATE, PERIOD)
    with pytest.raises(PluginError, match="no such kind of plugin; there are vst3"):
        isolated.open("vst", write(""), RATE, PERIOD)


def test_one_that_never_gets_ready_is_not_waited_for(write: Callable[[str], str]) -> None:
    with pytest.raises(PluginError, match=r"it was not ready within 0\.3 seconds"):
        isolated.open("python", write("import time; time.sleep(1000)"), RATE, PERIOD, None, Limits(start_s=0.3))


def test_one_that_takes_its_time_for_its_state_does_not_hang(start: Callable[..., Isolated]) -> None:
    slow = FAULTY.replace('return b"%d"', 'time.sleep(0.6); return b"%d"')
    plugin = start(slow, hang_s=0.2)
    player = UnitPlayer(plugin.unit, PERIOD, settled=False)
    player.silence(PERIOD, [(0, b"\x90\x00\x40")])
    assert plugin.state() == b"1"
    player.until_level(0.5)
    assert plugin.standing().restarts == 0


def test_it_has_no_network_where_it_says_so(start: Callable[..., Isolated]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = FAULTY.replace("import os, time", "import os, time, socket, tempfile").replace(
            'return b"%d" % self.count',
            f"""
        try:
            socket.create_connection(("127.0.0.1", {port}), 5).close()
        except OSError:
            return b"cut off"
        return b"connected\"""",
        )
        plugin = start(text)
        holds = plugin.holds
        assert {confine.FOLDER, confine.MEMORY} <= set(holds)
        assert plugin.state() == (b"cut off" if confine.NETWORK in holds else b"connected")


LIMITS = """
import json, os, resource
from ripieno.plugins.base import Plugin

class Limits(Plugin):
    def render(self, audio, events, values):
        return audio

    def state(self):
        names = ("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_NOFILE")
        told = {name: resource.getrlimit(getattr(resource, name))[1] for name in names}
        told |= {"folder": os.getcwd(), "TMPDIR": os.environ["TMPDIR"], "session": os.getsid(0), "pid": os.getpid()}
        for line in open("/proc/self/status") if os.path.exists("/proc/self/status") else ():
            told |= {"privileges": line.split()[1]} if line.startswith("NoNewPrivs") else {}
        return json.dumps(told).encode()
"""


def test_it_is_confined_as_it_says(start: Callable[..., Isolated]) -> None:
    plugin = start(LIMITS, memory=1 << 30)
    told = json.loads(plugin.state())
    assert told["pid"] == told["session"] == plugin.pid
    assert told["folder"] == told["TMPDIR"]
    assert Path(told["folder"]).name.startswith(f"ripieno-plugin-{os.getpid()}-")
    assert told["RLIMIT_CORE"] == 0
    assert 0 < told["RLIMIT_NOFILE"] <= 1024
    assert 1 << 30 < told["RLIMIT_AS"] < 1 << 40
    assert (told.get("privileges") == "1") == (confine.PRIVILEGES in plugin.holds)


def test_one_that_talks_a_lot_plays_on_and_only_its_last_words_are_kept(start: Callable[..., Isolated]) -> None:
    text = FAULTY.replace("        return audio * values", "        print('x' * 4000)\n        return audio * values")
    plugin = start(text)
    player = UnitPlayer(plugin.unit, PERIOD)
    player.silence(2000 * PERIOD)
    player.until_level(0.5)
    assert plugin.standing().restarts == 0
    player.settled = False
    player.silence(PERIOD, [(0, b"\x90\x07\x40")])
    player.until(lambda: plugin.standing().restarts == 1)
    (news,) = plugin.tend()
    assert "farewell" in news
    assert len(news) < 200


def test_a_large_state_comes_back_whole(start: Callable[..., Isolated]) -> None:
    text = FAULTY.replace('return b"%d" % self.count', "return self.kept").replace(
        "self.count = int(state)", "self.kept = state"
    )
    state = bytes(range(256)) * 20_000
    plugin = start(text, state)
    assert plugin.state() == state
    assert plugin.pid
    os.kill(plugin.pid, signal.SIGKILL)
    wait_until(lambda: plugin.standing().restarts == 1 and plugin.pid)
    UnitPlayer(plugin.unit, PERIOD, settled=False).until_level(0.5)
    assert plugin.state() == state


def test_memory_is_shared_where_the_system_has_no_memfd(
    start: Callable[..., Isolated], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("os.memfd_create", raising=False)
    plugin = start(GAIN)
    UnitPlayer(plugin.unit, PERIOD).until_level(0.5)


def test_nothing_of_it_is_left(write: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    isolated.open("python", write(GAIN), RATE, PERIOD).close()
    before = _belongings(tmp_path)
    plugin = isolated.open("python", write(FAULTY), RATE, PERIOD, None, Limits(a_minute=10**6, well_s=0))
    player = UnitPlayer(plugin.unit, PERIOD, settled=False)
    times = 100 if LONG else 6
    for number in range(times):
        assert plugin.pid
        os.kill(plugin.pid, signal.SIGKILL)
        player.until(lambda number=number: plugin.standing().restarts > number and plugin.pid)
    assert len(list(tmp_path.glob("ripieno-plugin-*"))) == 1
    plugin.close()
    plugin.close()
    assert _belongings(tmp_path) == before


def _belongings(folder: Path) -> tuple[list[str], int, list[str]]:
    """Files of ours, open descriptors, and children."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    descriptors = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    named = [name for place in (folder, Path("/dev/shm")) if place.exists() for name in os.listdir(place)]
    ours = sorted(name for name in named if "ripieno-plugin" in name)
    return ours, descriptors, children.read_text().split() if children.exists() else []


def test_it_ends_with_a_daemon_that_is_killed(write: Callable[[str], str], tmp_path: Path) -> None:
    text = f"""
from ripieno.plugins import isolated
plugin = isolated.open("python", {write(GAIN)!r}, {RATE}, {PERIOD})
print(plugin.pid, flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", text],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as daemon:
        assert daemon.stdout
        child = int(daemon.stdout.readline())
        folders = list(tmp_path.glob("ripieno-plugin-*"))
        daemon.kill()
        daemon.wait()
    wait_until(lambda: not _runs(child))
    assert len(folders) == 1
    assert folders[0].name.startswith(f"ripieno-plugin-{daemon.pid}-")


def _runs(pid: int) -> bool:
    """A zombie does not."""
    with suppress(OSError):
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_folders_of_daemons_that_were_killed_are_taken_away(
    start: Callable[..., Isolated], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    left, living = tmp_path / f"ripieno-plugin-{ended.pid}-x", tmp_path / f"ripieno-plugin-{os.getpid()}-y"
    left.mkdir()
    living.mkdir()
    start(GAIN)
    assert not left.exists()
    assert living.exists()


def test_what_a_preset_allows_is_what_it_gets(write: Callable[[str], str]) -> None:
    plugin = open_spec(f"python:{write(FAULTY)}", Path(), RATE, PERIOD, memory_mb=700)
    try:
        assert isinstance(plugin, Isolated)
        assert plugin.limits.memory == 700 << 20
    finally:
        plugin.close()
