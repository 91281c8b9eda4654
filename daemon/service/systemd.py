"""A systemd user unit: what it says, and how it is put in place.

The keys are those of systemd.unit(5), systemd.service(5) and systemd.exec(5). `Type=notify`, `WatchdogSec`: what
`notify` tells. Nothing limits how often it is started again: whoever is killed every minute still plays.
"""

import getpass
import os
from collections.abc import Iterable
from pathlib import Path

from ripieno.daemon.errors import UserError
from ripieno.daemon.files import whole_file
from ripieno.daemon.service.plan import CLIENT, Health, Plan, call, must_be_there, remove, show

RESTART_S, WATCHDOG_S = 0.5, 10
_UNIT = """\
# Written by `ripieno service install`, which writes it anew; own changes: `systemctl --user edit {title}`.
[Unit]
Description=Ripieno, an ensemble played live ({title})
After=pipewire.service wireplumber.service pulseaudio.service jack.service
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
WorkingDirectory=-{folder}
{environment}\
Restart=always
RestartSec={restart}
RestartPreventExitStatus=2
WatchdogSec={watchdog}
TimeoutStartSec=infinity
TimeoutStopSec=10
KillMode=mixed
LimitRTPRIO=95
LimitMEMLOCK=infinity
Slice=session.slice
SyslogIdentifier={title}

[Install]
WantedBy=default.target
"""
_LINGERING = Path("/var/lib/systemd/linger")
_LIMITS = (
    "real-time priority for services of users, as root: a file /etc/systemd/system/user@.service.d/ripieno.conf with"
    " the lines [Service], LimitRTPRIO=95 and LimitMEMLOCK=infinity; then start the machine again"
)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "%": "%%"}


def escaped(text: str) -> str:
    """Text as a unit holds it between double quotes, with no specifier (%) in it; see systemd.syntax(7)."""
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def command_line(words: Iterable[str]) -> str:
    """Words as ExecStart= takes them: each in quotes, with no variable ($) in it."""
    return " ".join(f'"{escaped(word)}"'.replace("$", "$$") for word in words)


def unit(plan: Plan) -> str:
    """The unit's text. UserError for a folder that no unit can name."""
    folder = str(plan.folder)
    if not folder.isprintable() or folder.endswith("\\"):
        raise UserError(f"{folder!r}: systemd takes no folder of this name: call it from another one")
    environment = (f'Environment="{escaped(f"{name}={value}")}"\n' for name, value in plan.environment.items())
    return _UNIT.format(
        title=plan.title,
        command=command_line(plan.command),
        folder=folder.replace("%", "%%"),
        environment="".join(environment),
        restart=RESTART_S,
        watchdog=WATCHDOG_S,
    )


def unit_folder() -> Path:
    """Where a user's own units are: $XDG_CONFIG_HOME/systemd/user, or that in ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "systemd" / "user"


def _path(title: str) -> Path:
    return unit_folder() / f"{title}.service"


class Systemd:
    """A `Manager`; see ripieno.daemon.service.plan."""

    def text(self, plan: Plan) -> str:
        return unit(plan)

    def install(self, plan: Plan, start: bool) -> list[str]:
        _must_answer()
        path = _path(plan.title)
        with whole_file(path) as out:
            out.write(unit(plan).encode())
        _systemctl("daemon-reload")
        _systemctl("enable", path.name)
        if start:
            _systemctl("restart", "--no-block", path.name)
        return [f"wrote {path}", _begun(plan.title, start), *_lingering()]

    def uninstall(self, title: str) -> list[str]:
        path = _path(title)
        must_be_there(path, title)
        _must_answer()
        _systemctl("disable", "--now", path.name)
        remove(path, title)
        _systemctl("daemon-reload")
        return [f"ended {title}, and removed {path}"]

    def status(self, title: str) -> int:
        must_be_there(_path(title), title)
        return show("systemctl", "--user", "--no-pager", "status", f"{title}.service")

    def logs(self, title: str, lines: int, follow: bool) -> int:
        must_be_there(_path(title), title)
        live = ["--follow"] if follow else []
        return show("journalctl", f"--user-unit={title}.service", f"--lines={lines}", "--no-pager", *live)

    def health(self) -> Health:
        try:
            _must_answer()
        except UserError as error:
            what, _, how = str(error).partition(": ")
            return Health("missing", what, how)
        titles = sorted(path.stem for path in unit_folder().glob(f"{CLIENT}*.service"))
        if not titles:
            return Health("works", "systemd would run it; none is installed", "ripieno service install -- PRESET")
        told = [(title, _condition(title)) for title in titles]
        detail = ", ".join(f"{title} {condition}" for title, condition in told)
        sound = all(condition.startswith("active") for _, condition in told)
        return Health("works" if sound else "limited", detail, _advice(titles, sound))


def _systemctl(*words: str) -> str:
    return call("systemctl", "--user", *words)


def _must_answer() -> None:
    """UserError where no systemd looks after this user."""
    try:
        _systemctl("show", "--property=Version")
    except UserError:
        raise UserError(
            "systemd looks after no session of this user: log in as the user who is to play, not by su or sudo, and"
            " with libpam-systemd and dbus-user-session installed (Debian); in a container, let its own manager run"
            " `ripieno run --resume --wait PRESET`"
        ) from None


def _begun(title: str, start: bool) -> str:
    short = "" if title == CLIENT else f" --name {title.removeprefix(f'{CLIENT}-')}"
    told = f"see `ripieno service status{short}` and `ripieno service logs{short}`"
    now = "it starts now" if start else f"`systemctl --user start {title}` starts it"
    return f"{now}, and by itself with your session; {told}"


def _lingering() -> list[str]:
    """What to do so that it plays with nobody logged in, unless that is so."""
    user = getpass.getuser()
    if (_LINGERING / user).exists():
        return []
    return [f"to play from the machine's start on, with nobody logged in: loginctl enable-linger {user}"]


def _condition(title: str) -> str:
    """A service in a few words: "active (String quartet on jack), started again 3 times"."""
    names = ("ActiveState", "StatusText", "NRestarts")
    said = _systemctl("show", f"{title}.service", *(f"--property={name}" for name in names))
    values = dict(line.partition("=")[::2] for line in said.splitlines())
    state, text, again = (values.get(name, "") for name in names)
    words = f"{state} ({text})" if text else state
    return words if again in ("", "0") else f"{words}, started again {again} times"


def _advice(titles: Iterable[str], sound: bool) -> str:
    priorities = [_priority(title) for title in titles]
    if 0 in priorities:
        return _LIMITS
    return "" if sound else "ripieno service status"


def _priority(title: str) -> int | None:
    """The real-time priority that a service may have, None where it does not run."""
    try:
        pid = int(_systemctl("show", f"{title}.service", "--property=MainPID", "--value"))
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    except (OSError, ValueError):
        return None
    found = [line.split() for line in lines if line.startswith("Max realtime priority")]
    return int(found[0][3]) if found and found[0][3].isdecimal() else None
