"""What a service is to run, and what every service manager does for it."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ripieno.daemon.errors import UserError

CLIENT = "ripieno"
# Of the environment that `install` is called in, what else would be lost: a service gets none of a shell's.
_KEPT = (
    *("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER", "JACK_PROMISCUOUS_SERVER"),
    *("PIPEWIRE_LATENCY", "PIPEWIRE_QUANTUM", "PIPEWIRE_REMOTE"),
    "LD_LIBRARY_PATH",  # that of pw-jack
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"),
)
_OURS = ("--resume", "--wait")


def title_of(client: str) -> str:
    """The name of the service for a client's name: "ripieno", or "ripieno-stage"."""
    name = re.sub(r"[^\w.-]+", "-", client).strip("-.")
    return CLIENT if name in ("", CLIENT) else f"{CLIENT}-{name.removeprefix(f'{CLIENT}-')}"


def kept_environment() -> dict[str, str]:
    """What of this process's environment a service needs, too."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


@dataclass(frozen=True)
class Plan:
    """A service.

    client: the name of its ports. arguments: those of `ripieno run`; folder: where paths among them begin.
    environment: its variables, beside those that the manager gives.
    """

    client: str
    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=kept_environment)

    @property
    def title(self) -> str:
        """What the service is called."""
        return title_of(self.client)

    @property
    def command(self) -> list[str]:
        """The command line. A process that the watchdog ends says where it stood (`faulthandler`)."""
        ours = [option for option in _OURS if option not in self.arguments]
        return [sys.executable, "-X", "faulthandler", "-m", "ripieno.daemon.cli", "run", *ours, *self.arguments]


@dataclass(frozen=True)
class Health:
    """How services stand, for the doctor; see ripieno.daemon.checkup.Finding."""

    state: str
    detail: str
    advice: str = ""


class Manager(Protocol):
    """A service manager. Whatever a user can mend raises UserError; what `install` and `uninstall` did is returned in
    sentences."""

    def text(self, plan: Plan) -> str:
        """The file that tells the manager what to run."""

    def install(self, plan: Plan, start: bool) -> list[str]:
        """Write that file and, if so, start the service now; it starts by itself from now on."""

    def uninstall(self, title: str) -> list[str]:
        """End the service, and take its file away."""

    def status(self, title: str) -> int:
        """Print how it does; returns an exit code."""

    def logs(self, title: str, lines: int, follow: bool) -> int:
        """Print the last lines that it wrote and, if so, those to come; returns an exit code."""

    def health(self) -> Health:
        """How services do here."""


def call(*command: str) -> str:
    """What a program says. UserError, with its complaint, where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise UserError(f"{command[0]}: cannot be run: {error.strerror or error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise UserError(f"`{' '.join(command)}` failed: {said}")
    return done.stdout.strip()


def show(*command: str) -> int:
    """Run a program that talks to the user itself; returns its exit code."""
    try:
        return subprocess.run(command, check=False).returncode
    except OSError as error:
        raise UserError(f"{command[0]}: cannot be run: {error.strerror or error}") from None


def remove(path: Path, title: str) -> None:
    """Take a service's file away. UserError where there is none, or where it stays."""
    try:
        path.unlink()
    except FileNotFoundError:
        raise UserError(f"{path}: there is no service called {title} to take away") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be removed: {error.strerror or error}") from None


def must_be_there(path: Path, title: str) -> None:
    """UserError where a service is not installed."""
    if not path.exists():
        raise UserError(f"no service is called {title} ({path}): `ripieno service install -- PRESET` makes one")
