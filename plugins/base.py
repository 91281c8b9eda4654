"""The plugin contract: what every plugin is to Ripieno, whoever made it and wherever it runs.

There are four kinds. *native*: C of our own. *jit*: a user's Python, compiled to a function that the process thread
calls. *isolated*: VST3, AU, pyo, or any Python, in a process of its own. *soundfont*: a SoundFont. For whoever plays
they are all a `Hosted`: a unit in the engine's rack, a table of parameters, a state.

Tags say which thread calls what: [process] the audio thread, or in an isolated plugin's own process the one that
renders; [control] any other, never while [process] runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ripieno.native.unit import Unit

EFFECT, INSTRUMENT = "effect", "instrument"
Audio = NDArray[np.float32]
"""[2, frames]: left and right; 1.0 is full scale."""
Event = tuple[int, bytes]
"""(frame within the block, a short MIDI message)"""


class PluginError(Exception):
    """A plugin cannot be used; the message names its file, what is wrong and what to do."""


@dataclass(frozen=True)
class Parameter:
    """A number that may be set while playing; ``low`` to ``high``, ``usual`` at first. unit: such as "dB", "" for
    none. whole: only whole numbers."""

    name: str
    usual: float
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    help: str = ""
    whole: bool = False


class Plugin(ABC):
    """A plugin written in Python that runs in a process of its own; a user's file derives one class from it.

    `render` is given what is played since the block before, and nothing of what it does can stop the music: a block
    that is not there in time is replaced.
    """

    role: str = EFFECT
    """EFFECT: sound goes in. INSTRUMENT: notes go in."""
    parameters: Sequence[Parameter] = ()
    latency: int = 0
    """Frames by which its sound is late; to be set in `prepare` at the latest."""

    def prepare(self, sample_rate: int, period: int) -> None:  # noqa: B027
        """It will play at ``sample_rate`` Hz, in blocks of at most ``period`` frames. [control]"""

    @abstractmethod
    def render(self, audio: Audio, events: Sequence[Event], values: Mapping[str, float]) -> Audio:
        """The next block, as long as ``audio`` [2, frames] (silence, for an instrument); it may be changed in place.
        values: of all parameters, by name. [process]"""

    def reset(self) -> None:  # noqa: B027
        """Be silent at once: no note, no tail. [process]"""

    def state(self) -> bytes:
        """What it needs to sound again as it does now, beside its parameters. [process]"""
        return b""

    def restore(self, state: bytes) -> None:  # noqa: B027
        """Sound as it did when `state` said this. Raises ValueError where that is no state of its own. [control]"""


@dataclass(frozen=True)
class Standing:
    """How a hosted plugin does. fault: "" or why it is cut off now. restarts: of its process so far. peak: the highest
    sample of left and right since this was asked last. memory: bytes of its own process, 0 where it has none."""

    latency: int
    blocks: int
    missed: int
    fault: str
    peak: tuple[float, float]
    restarts: int = 0
    blocked: bool = False
    memory: int = 0


class Hosted(ABC):
    """A plugin ready to play, from the control thread's side. All of it is [control].

    unit: what the engine plays. spec: how the preset calls it, such as "vst3:/path/to.vst3".
    """

    spec: str
    name: str
    role: str
    parameters: tuple[Parameter, ...]
    unit: Unit

    @abstractmethod
    def set(self, name: str, value: float) -> None:
        """Set a parameter; heard from the next block on. Raises PluginError for a name or a value that it has not."""

    @abstractmethod
    def values(self) -> dict[str, float]:
        """What every parameter was set to last, by name."""

    @abstractmethod
    def state(self) -> bytes:
        """Its state beside the parameters, as of now or, where it does not answer, as it was last; b"": none."""

    @abstractmethod
    def standing(self) -> Standing:
        """How it does."""

    def tend(self) -> list[str]:
        """A few times a second: look after it; returns news, in sentences."""
        return []

    def close(self) -> None:  # noqa: B027
        """End it; its unit is in no rack any more."""
