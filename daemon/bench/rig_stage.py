"""What `bench rig` plays with: a quartet that also sounds, everything on or nothing, and what it left behind."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ripieno.daemon.bench.jack import daemon, told
from ripieno.daemon.presets import load, show
from ripieno.native.drivers import JackClient

INPUT, OUTPUT = "ripieno-bench:in", "ripieno-bench:out"
NOTHING = ("--no-flight",)
_CHAIN = '\n[[chain]]\non = "input"\nplugin = "gain"\nname = "wire"\n'


def everything(recordings: Path) -> tuple[str, ...]:
    """The options that switch all of it on: the recorder, the flight recorder, the clock with a port of its own, and
    Link, where its library is installed."""
    link = ("--set", "clock.link=true") if has_link() else ()
    clock = ("--clock", "internal", "--tempo", "127", "--clock-out", "clock", *link)
    return ("--record", "--recordings", str(recordings), "--flight", *clock)


def has_link() -> bool:
    """Its library is installed."""
    return find_spec("link") is not None


def with_sound(name: str, folder: Path) -> str:
    """A preset that also sounds, as a file: what comes in as sound leaves through a plugin, so that there are WAVs."""
    path = folder / f"{name}.toml"
    path.write_text(show(load(name)) + _CHAIN)
    return str(path)


@contextmanager
def playing(
    client: JackClient, preset: str, options: Sequence[str], folder: Path, stress: bool = True
) -> Iterator[subprocess.Popen[str]]:
    """A daemon that plays a preset with sound, all it keeps in a folder that is new. stress: its Python is kept busy,
    which takes a whole core."""
    folder.mkdir()
    arguments = (with_sound(preset, folder), *options, "--connect-audio", "none", *(["--stress"] if stress else []))
    with daemon(client, *arguments, keep=folder) as process:
        yield process


def news(folder: Path) -> list[str]:
    """Its sentences."""
    return [str(one["text"]) for one in told(folder) if one["event"] == "news"]


def end(folder: Path) -> dict[str, Any]:
    """How it all stood in the end, or last."""
    return next((one for one in reversed(told(folder)) if one["event"] in ("end", "status")), {})
