"""A Ripieno that runs, asked and told by another program: what `ripieno ctl` is made of.

It speaks the API of the page's server (`ripieno run --ui`), and finds that by the file it leaves in the state folder.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from ripieno.daemon.errors import UserError
from ripieno.daemon.web.running import running_path

_SECONDS = 10.0  # that an answer may take
_SUFFIX = ".ui.json"
_ENDS = 1012  # of IANA's registry of WebSocket close codes: what a server says that is stopped
_BEGIN = "begin one with `ripieno run PRESET --ui`"


class NotFound(UserError):
    """No Ripieno is there that could be asked, or it is not clear which one is meant."""

    status = 3


@dataclass(frozen=True)
class Running:
    """A Ripieno that runs. name: that of its ports. url: of its page. token: what lets one in."""

    name: str
    url: str
    token: str


def running() -> list[Running]:
    """All that run here, for this user, and serve a page."""
    paths = sorted(running_path("any").parent.glob(f"*{_SUFFIX}"))
    return [one for path in paths if (one := _read(path))]


def _read(path: Path) -> Running | None:
    """None where it has ended meanwhile, too."""
    try:
        told = json.loads(path.read_bytes())
        name = path.name.removesuffix(_SUFFIX)
        return Running(name, str(told["url"]), str(told["token"])) if _lives(int(told["pid"])) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _lives(pid: int) -> bool:
    """Whether there is such a process; one that was killed left its file behind."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def find(name: str | None = None, seconds: float = _SECONDS) -> "Client":
    """The one that runs, or of several the one of this name. NotFound, where that is nobody."""
    there = running()
    called = [one for one in there if name is None or running_path(name) == running_path(one.name)]
    names = ", ".join(one.name for one in there)
    if not there:
        raise NotFound(f"no Ripieno with a page runs here: {_BEGIN}")
    if not called:
        raise NotFound(f"no Ripieno with a page is called {name!r}: there are {names}")
    if len(called) > 1:
        raise NotFound(f"several run here: say which one, --name {' or '.join(names.split(', '))}")
    return Client(called[0], seconds)


class Client:
    """One that runs. seconds: that an answer may take. Everything it refuses is a UserError that says why."""

    def __init__(self, whom: Running, seconds: float = _SECONDS) -> None:
        self.whom, self._seconds = whom, seconds
        self._headers = {"X-Ripieno-Token": whom.token}

    def state(self) -> dict[str, Any]:
        """How all stands: "values" by their paths, "status" and more."""
        found: dict[str, Any] = self.ask("GET", "/api/state")
        return found

    def tree(self) -> dict[str, Any]:
        """All "controls" and "actions"."""
        found: dict[str, Any] = self.ask("GET", "/api/tree")
        return found

    def set(self, path: str, value: Any) -> Any:
        """Change a control; how it then stands."""
        return self.ask("PUT", f"/api/controls/{quote(path)}", {"value": value})["value"]

    def do(self, path: str) -> None:
        """Do an action."""
        self.ask("POST", f"/api/actions/{quote(path)}")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What it answers."""
        there = urlsplit(self.whom.url)
        connection = HTTPConnection(there.hostname or "", there.port or 80, timeout=self._seconds)
        data = None if body is None else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, path, data, {**self._headers, **kind})
            answer = connection.getresponse()
            told = answer.read()
        except (OSError, HTTPException) as error:
            raise NotFound(f"{self.whom.name} does not answer at {self.whom.url}: {_why(error)}") from None
        finally:
            connection.close()
        return self._understood(answer.status, told)

    def _understood(self, status: int, told: bytes) -> Any:
        try:
            found = json.loads(told)
        except ValueError:
            raise UserError(f"{self.whom.url} answers with what is no JSON ({status})") from None
        if status >= 400:
            raise UserError(str(found.get("error", found)) if isinstance(found, dict) else f"refused ({status})")
        return found

    def live(self) -> Iterator[dict[str, Any]]:
        """What happens, as the page is told of it, until it ends. UserError where the library is missing."""
        try:
            from websockets.exceptions import ConnectionClosed, WebSocketException
            from websockets.sync.client import connect
        except ImportError:
            raise UserError('watching needs websockets: pip install "ripieno[ui]"') from None
        url = f"ws{self.whom.url.removeprefix('http')}api/live"
        try:
            with connect(url, additional_headers=self._headers, proxy=None, compression=None, max_size=None) as socket:
                for text in socket:
                    yield json.loads(text)
        except (OSError, WebSocketException) as error:
            if isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code == _ENDS:
                return
            raise NotFound(f"{self.whom.name} cannot be watched: {_why(error)}") from None


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
