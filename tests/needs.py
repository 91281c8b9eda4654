"""What some tests need beyond a checkout: they skip where it is missing and say how to get it.

With RIPIENO_CI=1 everything has been installed first, and a missing thing is a failure.
"""

import os
import shutil
from collections.abc import Callable
from ctypes.util import find_library
from importlib.util import find_spec
from typing import NoReturn

import pytest


def _program(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


def _module(name: str) -> Callable[[], bool]:
    return lambda: find_spec(name) is not None


_HOW: dict[str, tuple[Callable[[], bool], str]] = {
    "jackd": (_program("jackd"), "Debian: apt install jackd2; macOS: brew install jack"),
    "jack_midi_latency_test": (_program("jack_midi_latency_test"), "Debian: apt install jackd2"),
    "jack_iodelay": (_program("jack_iodelay"), "Debian: apt install jackd2"),
    "jack_midi_clock": (_program("jack_midi_clock"), "Debian: apt install jack-midi-clock"),
    "jack_transport": (_program("jack_transport"), "Debian: apt install jackd2"),
    "ardour7-lua": (_program("ardour7-lua"), "Debian 12: apt install --no-install-recommends ardour"),
    "pulseaudio": (
        lambda: all(map(shutil.which, ("pulseaudio", "pactl", "parec"))),
        "Debian: apt install pulseaudio pulseaudio-utils libasound2-plugins",
    ),
    "sounddevice": (
        lambda: find_spec("sounddevice") is not None and find_library("portaudio") is not None,
        'pip install "ripieno[audio]"; Debian: apt install libportaudio2',
    ),
    "torch": (_module("torch"), 'pip install "ripieno[train]"'),
    "music21": (_module("music21"), 'pip install "ripieno[train]"'),
    "rtmidi": (_module("rtmidi"), 'pip install "ripieno[rtmidi]"'),
    "matplotlib": (_module("matplotlib"), 'pip install "ripieno[plot]"'),
    "tinysoundfont": (_module("tinysoundfont"), "pip install --no-deps tinysoundfont"),
    "pyworld": (_module("pyworld"), 'pip install "ripieno[sing]"'),
    "soundfile": (_module("soundfile"), 'pip install "ripieno[sing]"'),
    "pedalboard": (_module("pedalboard"), 'pip install "ripieno[vst]"'),
    "numba": (_module("numba"), 'pip install "ripieno[jit]"'),
    "pyo": (_module("pyo"), 'pip install "ripieno[pyo]"'),
    "fluidsynth": (lambda: find_library("fluidsynth") is not None, "Debian: apt install libfluidsynth3"),
    "mir_eval": (_module("mir_eval"), 'pip install "ripieno[beats]"'),
    "link": (_module("link"), 'pip install "ripieno[link]"'),
    "partitura": (_module("partitura"), 'pip install "ripieno[beats]"'),
    "systemd-analyze": (_program("systemd-analyze"), "Debian: apt install systemd"),
    "starlette": (_module("starlette"), 'pip install "ripieno[ui]"'),
    "tomlkit": (_module("tomlkit"), 'pip install "ripieno[ui]"'),
    "uvicorn": (_module("uvicorn"), 'pip install "ripieno[ui]"'),
    "websockets": (_module("websockets"), 'pip install "ripieno[ui]"'),
    "segno": (_module("segno"), 'pip install "ripieno[ui]"'),
    "chromium": (_program("chromium"), "Debian: apt install chromium"),
    "playwright": (_module("playwright"), 'pip install "ripieno[dev]"'),
    "axe_playwright_python": (_module("axe_playwright_python"), 'pip install "ripieno[dev]"'),
    "httpx": (_module("httpx"), 'pip install "ripieno[dev]"'),
    "schemathesis": (_module("schemathesis"), 'pip install "ripieno[dev]"'),
    "prometheus_client": (_module("prometheus_client"), 'pip install "ripieno[dev]"'),
    "oscsend": (_program("oscsend"), "Debian: apt install liblo-tools"),
    "oscdump": (_program("oscdump"), "Debian: apt install liblo-tools"),
    "zsh": (_program("zsh"), "Debian: apt install zsh"),
    "fish": (_program("fish"), "Debian: apt install fish"),
    "pretty_midi": (_module("pretty_midi"), 'pip install "ripieno[sound]"'),
}


def needs(*things: str) -> None:
    """Skip the test (or, at a module's top, all of its tests) unless all these are here."""
    missing = [f"{thing} ({_HOW[thing][1]})" for thing in things if not _HOW[thing][0]()]
    if missing:
        lack(f"missing: {', '.join(missing)}")


def lack(message: str) -> NoReturn:
    """Skip for want of something; fail where everything was to be there."""
    if os.environ.get("RIPIENO_CI") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message, allow_module_level=True)
