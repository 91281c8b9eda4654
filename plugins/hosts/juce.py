"""VST3 and Audio Unit plugins, by Spotify's pedalboard (which is JUCE).

A plugin that tells real units ("-12.0 dB") has them in its table; one that does not has 0 to 1. An effect that takes
one channel only gets the mean of left and right, and is heard on both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard
from numpy.typing import NDArray

from ripieno.native.unit import PARAMETERS_MAX
from ripieno.plugins.base import EFFECT, INSTRUMENT, Audio, Event, Parameter, Plugin, PluginError

_LOADING_S = 2.0  # the longest that an instrument is waited for until it can be heard: some load their sounds meanwhile
_POINTS = 33
_STEPS_MAX = 128
_NUMBER = re.compile(r"^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s].*)?$")
_LINEAR = 1e-3  # of the range: texts are rounded
# Sustain off, all sound off, controllers back, all notes off.
_SILENCE = [bytes([0xB0 | channel, *rest]) for channel in range(16) for rest in ((64, 0), (120, 0), (121, 0), (123, 0))]


@dataclass(frozen=True)
class Knob:
    """A parameter of the plugin and how its values become the plugin's own, 0 to 1."""

    parameter: Parameter
    raw: Callable[[float], float]
    value: Callable[[float], float]
    theirs: Any


class Juce(Plugin):
    """One plugin of a file."""

    def __init__(self, path: str, sample_rate: int, period: int) -> None:
        file, _, name = path.partition("#")
        self._theirs: Any = pedalboard.load_plugin(file, plugin_name=name or None, initialization_timeout=_LOADING_S)
        self.name = str(self._theirs.name)
        self.role = INSTRUMENT if self._theirs.is_instrument else EFFECT
        self.knobs = knobs(self._theirs)
        self.parameters = tuple(knob.parameter for knob in self.knobs)
        self._values: Mapping[str, float] = {}
        self._set = np.array([_single(knob.value(knob.theirs.raw_value)) for knob in self.knobs], np.float32)
        self._channels, self._play_silence = 2, False
        self.prepare(sample_rate, period)

    def prepare(self, sample_rate: int, period: int) -> None:
        self._rate, self._period = sample_rate, period
        silence = np.zeros((2, period), np.float32)
        for channels in (2, 1):
            self._channels = channels
            try:
                self._render(silence, ())
                break
            except ValueError:
                if channels == 1:
                    raise
        self.latency = int(self._theirs.reported_latency_samples)

    def render(self, audio: Audio, events: Sequence[Event], values: Mapping[str, float]) -> Audio:
        if values is not self._values:
            self._turn(values)
        return self._render(audio, events)

    def _turn(self, values: Mapping[str, float]) -> None:
        """Only what has changed: others the plugin may have moved by itself."""
        self._values = values
        wanted = np.fromiter(values.values(), np.float32, len(self.knobs))
        for index in np.nonzero(wanted != self._set)[0]:
            knob = self.knobs[index]
            knob.theirs.raw_value = knob.raw(float(wanted[index]))
        self._set = wanted
        self.latency = int(self._theirs.reported_latency_samples)

    def _render(self, audio: Audio, events: Sequence[Event]) -> Audio:
        if self.role == INSTRUMENT:
            return self._play(audio.shape[1], events)
        given = audio if self._channels == 2 else audio.mean(axis=0, keepdims=True)
        return self._whole(self._theirs.process(given, self._rate, self._period, False), audio)

    def _play(self, frames: int, events: Sequence[Event]) -> Audio:
        # Half a frame more: these become whole frames by cutting off what is behind the point.
        messages = [(data, (frame + 0.5) / self._rate) for frame, data in events]
        if self._play_silence:
            self._play_silence = False
            messages = [(data, 0.0) for data in _SILENCE] + messages
        duration = (frames + 0.5) / self._rate
        out = self._theirs.process(messages, duration, self._rate, self._channels, max(self._period, frames), False)
        return np.broadcast_to(out, (2, frames))

    def _whole(self, out: NDArray[np.float32], audio: Audio) -> Audio:
        """pedalboard leaves out the plugin's latency, at the beginning: it is put in again, as silence."""
        audio[:, : audio.shape[1] - out.shape[1]] = 0
        audio[:, audio.shape[1] - out.shape[1] :] = out
        return audio

    def reset(self) -> None:
        if self.role == INSTRUMENT:
            self._play_silence = True
        else:
            self._theirs.reset()

    def state(self) -> bytes:
        return bytes(self._theirs.raw_state)

    def restore(self, state: bytes) -> None:
        self._theirs.raw_state = state
        self._set = np.array([_single(knob.value(knob.theirs.raw_value)) for knob in self.knobs], np.float32)

    def values(self) -> dict[str, float]:
        """As the plugin has them now."""
        return {knob.parameter.name: float(value) for knob, value in zip(self.knobs, self._set, strict=True)}


def _single(value: float) -> float:
    return float(np.float32(value))


def load(path: str, sample_rate: int, period: int) -> Plugin:
    """A plugin of a file, "#Name" behind it where that holds several. Raises PluginError."""
    file = path.partition("#")[0]
    if not Path(file).exists():
        raise PluginError(f"{file}: no such plugin")
    try:
        return Juce(path, sample_rate, period)
    except (ImportError, ValueError, RuntimeError) as error:
        raise PluginError(f"{path}: it cannot be loaded: {' '.join(str(error).split())}") from None


def knobs(theirs: Any) -> list[Knob]:
    """What may be set of a plugin: the first that it lets others automate, each under a name of its own."""
    found: dict[str, Knob] = {}
    for one in theirs._parameters:
        if len(found) < PARAMETERS_MAX and one.is_automatable and not one.name.startswith("MIDI CC "):
            name = _name(one.name, found)
            found[name] = _knob(name, one)
    return list(found.values())


def _name(text: str, taken: Mapping[str, Any]) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "parameter"
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    return name


def _knob(name: str, theirs: Any) -> Knob:
    usual, label = float(theirs.default_raw_value), str(theirs.label)
    if theirs.is_boolean:
        return Knob(Parameter(name, round(usual), 0, 1, "", theirs.name, True), float, round, theirs)
    texts = [str(theirs.get_text_for_raw_value(i / (_POINTS - 1))) for i in range(_POINTS)]
    table = _table(texts)
    if table is not None:
        return _real(name, table, _unit(texts[-1], label), theirs)
    if theirs.is_discrete and 2 <= theirs.num_steps <= _STEPS_MAX:
        return _choice(name, theirs)
    return Knob(Parameter(name, usual, 0.0, 1.0, "", theirs.name), float, float, theirs)


def _real(name: str, table: NDArray[np.float64], unit: str, theirs: Any) -> Knob:
    """table [_POINTS]: values at equal distances of the plugin's own."""
    low, high = float(table[0]), float(table[-1])
    raws = np.linspace(0, 1, _POINTS)
    if np.allclose(table, np.linspace(low, high, _POINTS), rtol=0, atol=_LINEAR * abs(high - low)):
        raws, table = raws[[0, -1]], table[[0, -1]]
    if high < low:  # it falls
        raws, table = raws[::-1], table[::-1]

    def raw(value: float) -> float:
        return float(np.interp(value, table, raws))

    digits = max(0, 6 - math.floor(math.log10(abs(high - low))))

    def value(raw: float) -> float:
        rising = (raws, table) if raws[0] < raws[-1] else (raws[::-1], table[::-1])
        return round(float(np.interp(raw, *rising)), digits) + 0.0  # no -0

    usual = value(float(theirs.default_raw_value))
    return Knob(Parameter(name, usual, min(low, high), max(low, high), unit, theirs.name), raw, value, theirs)


def _choice(name: str, theirs: Any) -> Knob:
    """Some words to choose from, by their number."""
    last = theirs.num_steps - 1
    words = ", ".join(f"{i} {theirs.get_text_for_raw_value(i / last)}" for i in range(theirs.num_steps))
    usual = round(float(theirs.default_raw_value) * last)
    parameter = Parameter(name, usual, 0, last, "", f"{theirs.name}: {words}", True)
    return Knob(parameter, lambda value: value / last, lambda raw: round(raw * last), theirs)


def _table(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """The numbers that the texts tell, if they all do, in one unit, and go one way; None: they do not. The least of
    levels may be "-inf": it is as far below the next as that is below the one after it."""
    endless = texts[0].strip().lower().startswith("-inf")
    matches = [_NUMBER.match(text) for text in texts[endless:]]
    if not all(matches) or len({match[2] for match in matches if match}) > 1:
        return None
    numbers = [float(match[1]) for match in matches if match]
    table = np.array([round(2 * numbers[0] - numbers[1], 1)] * endless + numbers)
    steps = np.diff(table)
    if not np.all(np.isfinite(table)) or not (np.all(steps > 0) or np.all(steps < 0)):
        return None
    return table


def _unit(text: str, label: str) -> str:
    match = _NUMBER.match(text)
    return label.strip() or (match[2] or "").strip() if match else label.strip()
