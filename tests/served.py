"""A `ripieno run --ui` as a process of its own, that plays a file, and how it is asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mido
import pytest
from stage import Daemon, daemon, name_of

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

    def news(self, words: str) -> str:
        """The next sentence that it says with these words in it."""
        while words not in (text := self.daemon.hear("news")["text"]):
            pass
        return str(text)


def write_song(path: Path, messages: list[mido.Message]) -> Path:
    """A file that goes on for an hour after these messages."""
    track = mido.MidiTrack([*messages, mido.MetaMessage("end_of_track", time=HOUR)])
    mido.MidiFile(type=0, tracks=[track]).save(path)
    return path


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
