"""A `ripieno run --ui` as a process of its own, that plays a file, and how it is asked."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mido
import pytest
from stage import Daemon, daemon, name_of

from needs import needs

if TYPE_CHECKING:
    from httpx import Response
    from websockets.sync.client import ClientConnection

needs("starlette", "uvicorn", "websockets", "segno", "httpx")

ON = "players/violin-1/on"
MINE = """\
name = "Mine"
model = "closest" # no network

[[ensemble]]
name = "Cello"
program = "Cello"
"""
HOUR = 3600 * 960  # ticks, at 120 a minute


@dataclass
class Served:
    """url: of its page, without a slash at the end."""

    daemon: Daemon
    state: Path
    url: str
    token: str
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = {"X-Ripieno-Token": self.token}

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])


def write_song(path: Path, messages: list[mido.Message]) -> Path:
    """A file that goes on for an hour after these messages."""
    track = mido.MidiTrack([*messages, mido.MetaMessage("end_of_track", time=HOUR)])
    mido.MidiFile(type=0, tracks=[track]).save(path)
    return path


def write_list(path: Path, *presets: str) -> str:
    """A set list of these."""
    path.write_text("".join(f'[[song]]\npreset = "{one}"\n' for one in presets))
    return str(path)


@contextmanager
def served(folder: Path, preset: str, *arguments: object, song: Path | None = None) -> Iterator[Served]:
    """It runs, with its state in that folder."""
    name = name_of(f"page-{folder.name}")
    song = song or write_song(folder / "quiet.mid", [])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        line = ("--driver", "file", "--input", song, "--name", name, "--ui", "--ui-port", 0, *arguments)
        with daemon(preset, *line) as one:
            while not (said := one.hear("news")["text"]).startswith("the page is at "):
                pass
            path = folder / "ripieno" / f"{name}.ui.json"
            one.hear("status")  # by then it has told how it is found
            told: dict[str, Any] = json.loads(path.read_text())
            assert said == f"the page is at {told['url']}"
            yield Served(one, path, told["url"].rstrip("/"), told["token"])


@contextmanager
def served_at_home(folder: Path, *arguments: object) -> Iterator[Served]:
    """Likewise, with the user's presets in that folder, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        with served(folder, *arguments) as one:
            yield one


def live(one: Served, **headers: str) -> "ClientConnection":
    """A socket with the page's token."""
    from websockets.sync.client import connect

    return connect(f"ws://{one.host}/api/live?token={one.token}", additional_headers=headers, open_timeout=30)


def heard(line: "ClientConnection", fits: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The next message that fits."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        message: dict[str, Any] = json.loads(line.recv(timeout=30))
        if fits(message):
            return message
    raise AssertionError("it never came")


def answer(line: "ClientConnection", **message: object) -> dict[str, Any]:
    line.send(json.dumps(message))
    return heard(line, lambda one: one["t"] in ("ok", "error") and one["id"] == message.get("id"))


def refusal(answer: "Response", status: int) -> str:
    """A sentence, and what it is about."""
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"error", "where"}
    return str(answer.json()["error"])


def unchanged(one: Served) -> None:
    """The music is untouched."""
    import httpx

    state = httpx.get(f"{one.url}/api/state", timeout=30).json()
    assert state["values"][ON] is True
    assert state["status"]["alive"]


def connect_as(one: Served, token: str, headers: dict[str, str]) -> "ClientConnection":
    """A socket that calls it by another name."""
    import socket

    from websockets.sync.client import connect

    line = socket.create_connection(("127.0.0.1", one.port), timeout=30)
    name = headers.pop("Host")
    query = f"?token={token}" if token else ""
    return connect(f"ws://{name}/api/live{query}", sock=line, additional_headers=headers, open_timeout=30)
