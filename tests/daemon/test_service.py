"""`ripieno service`: what it writes, what it asks the service manager for, and what it says where there is none."""

import getpass
import json
import os
import plistlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import COMMAND, ripieno
from hypothesis import given
from hypothesis import strategies as st

from needs import needs
from ripieno.daemon import service
from ripieno.daemon.checkup import examine
from ripieno.daemon.errors import UserError
from ripieno.daemon.service import launchd
from ripieno.daemon.service.plan import Plan, kept_environment, title_of
from ripieno.daemon.service.systemd import Systemd, command_line, unit

LINE = ("string-quartet", "--driver", "jack", "--connect-in", "Keystation 49")
STAND_IN = """\
#!{python}
# Writes down how it is called, and answers as it was told to.
import json, os, sys
folder = os.path.dirname(__file__)
with open(os.path.join(folder, "calls"), "a") as out:
    print(json.dumps(sys.argv[1:]), file=out)
answers = json.load(open(os.path.join(folder, "answers")))
for words, (code, text) in answers:
    if all(word in sys.argv for word in words):
        print(text, file=sys.stderr if code else sys.stdout)
        sys.exit(code)
"""


class StandIn:
    """Programs that stand in for the service manager's, in a folder of their own."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder = folder
        for name in names:
            self.answer(name)
            (folder / name / name).write_text(STAND_IN.format(python=sys.executable))
            (folder / name / name).chmod(0o755)

    def answer(self, name: str, *answers: tuple[tuple[str, ...], int, str]) -> None:
        """When it is called with these words: its exit code and what it prints."""
        (self.folder / name).mkdir(exist_ok=True, parents=True)
        (self.folder / name / "answers").write_text(
            json.dumps([(words, (code, text)) for words, code, text in answers])
        )

    def calls(self, name: str) -> list[list[str]]:
        """How it was called since the last time."""
        path = self.folder / name / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and nothing of ours in the environment."""
    for name in kept_environment():
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    names = ("systemctl", "journalctl")
    one = StandIn(tmp_path / "bin", *names)
    monkeypatch.setenv("PATH", os.pathsep.join([*(str(one.folder / name) for name in names), os.environ["PATH"]]))
    return one


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systemd is Linux's")


# ---- the unit ----


def words_of(line: str) -> list[str]:
    """The words of ExecStart= as systemd.syntax(7) and systemd.service(5) say that they are read."""
    letters = {"\\\\": "\\", '\\"': '"', "\\n": "\n", "\\t": "\t", "\\r": "\r", "%%": "%", "$$": "$"}
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', line, re.DOTALL)
    return [re.sub(r'\\[\\"ntr]|%%|\$\$', lambda found: letters[found[0]], word) for word in quoted]


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
def test_every_argument_reaches_the_program_as_it_is(words: list[str]) -> None:
    line = command_line(words)
    assert "\n" not in line
    assert words_of(line) == words
    assert not re.search(r"(?<!%)(?:%%)*%(?!%)", line)  # no specifier
    assert not re.search(r"(?<!\$)(?:\$\$)*\$(?!\$)", line)  # no variable


def keys_of(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def test_the_unit_says_what_keeps_it_alive(tmp_path: Path) -> None:
    plan = Plan("ripieno", LINE, tmp_path, {"JACK_DEFAULT_SERVER": "my jack"})
    keys = keys_of(unit(plan))
    assert words_of(keys["ExecStart"]) == plan.command
    assert plan.command[-len(LINE) :] == [*LINE]
    assert plan.command[: -len(LINE)][-3:] == ["run", "--resume", "--wait"]
    wanted = {"Type": "notify", "Restart": "always", "Slice": "session.slice", "StartLimitIntervalSec": "0"}
    assert wanted.items() <= keys.items()
    assert float(keys["RestartSec"]) < 1
    assert int(keys["WatchdogSec"]) > 0
    assert (keys["LimitRTPRIO"], keys["LimitMEMLOCK"]) == ("95", "infinity")
    assert keys["Environment"] == '"JACK_DEFAULT_SERVER=my jack"'
    assert keys["WorkingDirectory"] == f"-{tmp_path}"


def test_systemd_understands_the_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("systemd-analyze")
    odd = [*LINE, "--set", 'name="a $b %h \\ é"']
    plan = Plan("stage left", odd, tmp_path, {"JACK_DEFAULT_SERVER": 'a "b" $c %d \\', "XDG_STATE_HOME": "/x y"})
    path = tmp_path / f"{plan.title}.service"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    def complaint(text: str) -> str:
        path.write_text(text)
        line = ["systemd-analyze", "--user", "--man=no", "verify", str(path)]
        return subprocess.run(line, capture_output=True, text=True, timeout=60).stderr

    assert complaint(unit(plan)) == ""
    assert "Unknown key" in complaint(unit(plan).replace("KillMode=", "KilMode="))
    assert "not executable" in complaint(unit(plan).replace(sys.executable, "/nowhere/python"))


def test_folders_that_no_unit_can_name_are_told() -> None:
    for folder in ("/a\nb", "/a\\"):
        with pytest.raises(UserError, match="call it from another one"):
            unit(Plan("ripieno", LINE, Path(folder)))
    assert "WorkingDirectory=-/100%%\n" in unit(Plan("ripieno", LINE, Path("/100%")))


def test_titles() -> None:
    found = [title_of(client) for client in ("ripieno", "stage", "ripieno-stage", "left & right", "../x", "")]
    assert found == ["ripieno", "ripieno-stage", "ripieno-stage", "ripieno-left-right", "ripieno-x", "ripieno"]


# ---- systemd ----


@linux
def test_installed_it_is_enabled_and_started(systemd: StandIn, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "mine")
    said = ripieno("service", "install", "--", *LINE).stdout
    path = home / ".config" / "systemd" / "user" / "ripieno.service"
    assert f"wrote {path}" in said
    assert Path("/var/lib/systemd/linger", getpass.getuser()).exists() or f"enable-linger {getpass.getuser()}" in said
    text = path.read_text()
    assert words_of(keys_of(text)["ExecStart"])[-len(LINE) :] == [*LINE]
    assert keys_of(text)["Environment"] == '"JACK_DEFAULT_SERVER=mine"'
    done = [call[1:] for call in systemd.calls("systemctl") if call[0] == "--user"]
    assert done[1:] == [
        ["daemon-reload"],
        ["enable", "ripieno.service"],
        ["restart", "--no-block", "ripieno.service"],
    ]
    ripieno("service", "status")
    assert systemd.calls("systemctl") == [["--user", "--no-pager", "status", "ripieno.service"]]
    ripieno("service", "logs", "--lines", 5, "--follow")
    logs = ["--user-unit=ripieno.service", "--lines=5", "--no-pager", "--follow"]
    assert systemd.calls("journalctl") == [logs]
    assert f"removed {path}" in ripieno("service", "uninstall").stdout
    assert not path.exists()
    assert [call[1] for call in systemd.calls("systemctl")] == ["show", "disable", "daemon-reload"]


@linux
def test_several_run_beside_each_other(systemd: StandIn, home: Path) -> None:
    said = ripieno("service", "install", "--no-start", "--", "choir", "--name", "stage").stdout
    assert "ripieno-stage.service" in said
    assert "service status --name stage" in said
    assert "say --driver jack" in said
    assert not any("restart" in call for call in systemd.calls("systemctl"))
    assert "ripieno-stage" in ripieno("service", "uninstall", "--name", "stage").stdout
    assert "no service is called ripieno-stage" in ripieno("service", "status", "--name", "stage", status=1).stderr
    assert "no service is called ripieno-stage" in ripieno("service", "logs", "--name", "stage", status=1).stderr
    assert "no service is called ripieno-stage" in ripieno("service", "uninstall", "--name", "stage", status=1).stderr


@linux
def test_only_printed_nothing_is_written(systemd: StandIn, home: Path, tmp_path: Path) -> None:
    printed = ripieno("service", "install", "--print", "--", *LINE).stdout
    assert printed == unit(Plan("ripieno", LINE, tmp_path))
    assert not home.exists()
    assert not systemd.calls("systemctl")


@linux
def test_a_set_list_is_a_service_too(systemd: StandIn, home: Path, tmp_path: Path) -> None:
    (tmp_path / "saturday.toml").write_text('[[song]]\npreset = "choir"\n[[song]]\npreset = "string-quartet"\n')
    said = ripieno("service", "install", "--print", "--", "saturday.toml", "--clock", "jack").stdout
    assert '"saturday.toml" "--clock" "jack"' in said
    (tmp_path / "saturday.toml").write_text('[[song]]\npreset = "chior"\n')
    assert "chior" in ripieno("service", "install", "--print", "--", "saturday.toml", status=1).stderr


@linux
def test_mistakes_are_told_before_anything_is_written(systemd: StandIn, home: Path) -> None:
    for line, told in (
        (["string-quartt"], "did you mean 'string-quartet'"),
        ([], "name a preset"),
        (["choir", "--set", "overflow=stael"], "overflow"),
        (["choir", "--diver", "jack"], "--diver"),
    ):
        done = subprocess.run([*COMMAND, "service", "install", "--", *line], capture_output=True, text=True, timeout=60)
        assert done.returncode in (1, 2)
        assert told in done.stderr
        assert "Traceback" not in done.stderr
    assert not home.exists()
    assert not systemd.calls("systemctl")


@linux
def test_where_systemd_has_no_session_it_says_what_to_do(systemd: StandIn, home: Path) -> None:
    systemd.answer("systemctl", ((), 1, "Failed to connect to bus: No medium found"))
    told = ripieno("service", "install", "--", *LINE, status=1).stderr
    assert "log in as the user who is to play" in told
    assert "ripieno run --resume --wait" in told
    assert not home.exists()


@linux
def test_what_systemd_refuses_is_told_in_its_words(systemd: StandIn) -> None:
    systemd.answer("systemctl", (("enable",), 1, "Failed to enable unit: read-only file system"))
    told = ripieno("service", "install", "--", *LINE, status=1).stderr
    assert "read-only file system" in told


@linux
def test_where_there_is_no_manager_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told = ripieno("service", "install", "--", *LINE, status=1).stderr
    assert "no service manager is here that Ripieno knows" in told
    assert "ripieno run --resume --wait PRESET" in told


# ---- the doctor ----


def finding(what: str) -> dict[str, str]:
    return next(one.as_dict() for one in examine() if one.what == what)


@linux
def test_the_doctor_tells_of_the_service(systemd: StandIn, home: Path) -> None:
    assert finding("service")["advice"] == "ripieno service install -- PRESET"
    Systemd().install(Plan("ripieno", LINE, Path("/")), False)
    state = "ActiveState=active\nStatusText=Choir on jack: 3 keys\nNRestarts=2"
    pid = (("--property=MainPID",), 0, str(os.getpid()))
    systemd.answer("systemctl", pid, (("--property=ActiveState",), 0, state))
    found = finding("service")
    assert found["detail"] == "ripieno active (Choir on jack: 3 keys), started again 2 times"
    limited = "Max realtime priority     0                    0" in Path(f"/proc/{os.getpid()}/limits").read_text()
    assert ("LimitRTPRIO=95" in found["advice"]) == limited
    systemd.answer(
        "systemctl", (("--property=MainPID",), 0, "0"), (("--property=ActiveState",), 0, "ActiveState=failed")
    )
    found = finding("service")
    assert (found["state"], found["advice"]) == ("limited", "ripieno service status")
    systemd.answer("systemctl", ((), 1, "Failed to connect to bus"))
    assert finding("service")["state"] == "missing"


@linux
def test_the_doctor_tells_whether_real_time_priority_is_given() -> None:
    found = finding("real-time priority")
    line = [sys.executable, "-c", "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"]
    given = subprocess.run(line, capture_output=True).returncode == 0
    assert given or found["state"] == "limited"
    assert "(rtprio)" in found["detail"]
    assert "(memlock)" in found["detail"]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER  # as before


# ---- launchd ----


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    one = StandIn(tmp_path / "bin", "launchctl", "tail")
    folders = [str(one.folder / name) for name in ("launchctl", "tail")]
    monkeypatch.setenv("PATH", os.pathsep.join([*folders, os.environ["PATH"]]))
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    return one


@pytest.mark.skipif(os.name == "nt", reason="Windows has no users by number")
def test_an_agent_of_launchd(mac: StandIn, home: Path) -> None:
    one, domain = service.manager(), f"gui/{os.getuid()}"
    label = "org.ripieno.ripieno"
    plan = Plan("ripieno", LINE, Path("/some/folder"), {"A": "b"})
    path = home / "Library" / "LaunchAgents" / f"{label}.plist"
    assert one.health().advice == "ripieno service install -- PRESET"
    mac.answer("launchctl", (("print",), 113, "Could not find service"))
    assert f"wrote {path}" in one.install(plan, True)
    agent = plistlib.loads(path.read_bytes())
    assert agent == plistlib.loads(one.text(plan).encode())
    assert agent["ProgramArguments"] == plan.command
    assert (agent["Label"], agent["KeepAlive"], agent["RunAtLoad"]) == (label, True, True)
    assert (agent["WorkingDirectory"], agent["EnvironmentVariables"]) == ("/some/folder", {"A": "b"})
    assert mac.calls("launchctl") == [["print", f"{domain}/{label}"], ["bootstrap", domain, str(path)]]
    assert one.health().state == "limited"
    mac.answer("launchctl")
    mac.calls("launchctl")
    assert one.health().detail == "ripieno loaded"
    one.install(plan, True)  # again: the old one goes first
    assert [call[0] for call in mac.calls("launchctl")] == ["print", "print", "bootout", "bootstrap"]
    assert one.logs("ripieno", 7, False) == 0
    assert mac.calls("tail") == [["-n", "7", str(home / "Library" / "Logs" / "ripieno.log")]]
    assert one.status("ripieno") == 0
    assert path.name in "".join(one.uninstall("ripieno"))
    assert not path.exists()
    with pytest.raises(UserError, match="no service is called ripieno"):
        one.uninstall("ripieno")
    assert launchd.agent(plan) == one.text(plan).encode()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no users by number")
def test_the_next_agent_waits_for_the_one_before_to_end(mac: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, calls = Plan("ripieno", LINE, Path("/some/folder"), {}), list[str]()

    def call(*words: str) -> str:
        calls.append(words[1])
        if words[1] == "bootstrap" and calls.count("bootstrap") < 3:
            raise UserError("Bootstrap failed: 5: Input/output error")
        return ""

    monkeypatch.setattr(launchd, "call", call)
    monkeypatch.setattr("time.sleep", lambda _: None)
    service.manager().install(plan, True)
    assert calls == ["print", "bootout", "bootstrap", "bootstrap", "bootstrap"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no users by number")
def test_what_launchd_refuses_is_told_in_its_words(mac: StandIn) -> None:
    mac.answer("launchctl", (("print",), 113, "none"), (("bootstrap",), 5, "Bootstrap failed: 5"))
    with pytest.raises(UserError, match="Bootstrap failed: 5"):
        service.manager().install(Plan("ripieno", LINE, Path("/some/folder"), {}), True)


@pytest.mark.skipif(shutil.which("plutil") is None, reason="plutil is macOS's")
def test_launchd_understands_the_agent(tmp_path: Path) -> None:
    (tmp_path / "agent.plist").write_bytes(launchd.agent(Plan("ripieno", LINE, tmp_path)))
    subprocess.run(["plutil", "-lint", str(tmp_path / "agent.plist")], check=True)
