"""A launchd agent: what its property list says, and how it is put in place. The keys are those of launchd.plist(5)."""

import os
import plistlib
import time
from pathlib import Path

from ripieno.daemon.errors import UserError
from ripieno.daemon.files import whole_file
from ripieno.daemon.service.plan import CLIENT, Health, Plan, call, must_be_there, remove, show

_PREFIX = "org.ripieno."
_END_SECONDS, _LOOK_SECONDS = 10, 0.2  # that one may take to end


def agent(plan: Plan) -> bytes:
    """The property list."""
    log = str(_log(plan.title))
    return plistlib.dumps(
        {
            "Label": _label(plan.title),
            "ProgramArguments": plan.command,
            "WorkingDirectory": str(plan.folder),
            "EnvironmentVariables": dict(plan.environment),
            "RunAtLoad": True,
            "KeepAlive": True,
            "ThrottleInterval": 1,  # seconds between starts, of one that ends at once
            "ExitTimeOut": _END_SECONDS,
            "ProcessType": "Interactive",  # as an app: no throttling of its processor time
            "StandardOutPath": log,
            "StandardErrorPath": log,
        }
    )


def _label(title: str) -> str:
    return _PREFIX + title


def _folder() -> Path:
    return Path.home() / "Library" / "LaunchAgents"


def _path(title: str) -> Path:
    return _folder() / f"{_label(title)}.plist"


def _log(title: str) -> Path:
    return Path.home() / "Library" / "Logs" / f"{title}.log"


def _domain() -> str:
    """Where a user's agents live: with the session on the screen."""
    return f"gui/{os.getuid()}"


class Launchd:
    """A `Manager`; see ripieno.daemon.service.plan."""

    def text(self, plan: Plan) -> str:
        return agent(plan).decode()

    def install(self, plan: Plan, start: bool) -> list[str]:
        path = _path(plan.title)
        known = _loaded(plan.title)
        with whole_file(path) as out:
            out.write(agent(plan))
        if known:
            call("launchctl", "bootout", f"{_domain()}/{_label(plan.title)}")
        if start:
            _bootstrap(path, _END_SECONDS if known else 0)
        return [f"wrote {path}", f"it starts {'now, and ' * start}by itself with your session; log: {_log(plan.title)}"]

    def uninstall(self, title: str) -> list[str]:
        path = _path(title)
        must_be_there(path, title)
        if _loaded(title):
            call("launchctl", "bootout", f"{_domain()}/{_label(title)}")
        remove(path, title)
        return [f"ended {title}, and removed {path}"]

    def status(self, title: str) -> int:
        must_be_there(_path(title), title)
        return show("launchctl", "print", f"{_domain()}/{_label(title)}")

    def logs(self, title: str, lines: int, follow: bool) -> int:
        must_be_there(_path(title), title)
        return show("tail", "-n", str(lines), *(["-F"] if follow else []), str(_log(title)))

    def health(self) -> Health:
        titles = sorted(path.stem.removeprefix(_PREFIX) for path in _folder().glob(f"{_PREFIX}{CLIENT}*.plist"))
        if not titles:
            return Health("works", "launchd would run it; none is installed", "ripieno service install -- PRESET")
        away = [title for title in titles if not _loaded(title)]
        detail = ", ".join(f"{title} {'not loaded' if title in away else 'loaded'}" for title in titles)
        return Health("limited" if away else "works", detail, "log in again, or install it again" if away else "")


def _bootstrap(path: Path, patience_s: float) -> None:
    """Start an agent. patience_s: seconds; while the one before still ends, launchd refuses."""
    end = time.monotonic() + patience_s
    while True:
        try:
            call("launchctl", "bootstrap", _domain(), str(path))
            return
        except UserError:
            if time.monotonic() >= end:
                raise
        time.sleep(_LOOK_SECONDS)


def _loaded(title: str) -> bool:
    """Whether launchd knows of it."""
    try:
        call("launchctl", "print", f"{_domain()}/{_label(title)}")
    except UserError:
        return False
    return True
