"""A patch of pyo: a file of Python that builds its sound out of pyo's objects, and sends it `out`.

The file is run with everything of pyo at hand, and beside it
- `s`: the server, booted; it is started afterwards, and its blocks come from us;
- `audio_in`: what goes into an effect, left and right;
- one `SigTo` for each name in its PARAMETERS, a dict in the file itself, of (usual, low, high) or (usual, low, high,
  unit);
- notes and controllers as pyo has them: `Notein`, `Midictl`, `MidiAdsr` and the like.

With ROLE = "instrument" in the file, notes go in; without, it is an effect:

    PARAMETERS = {"cutoff": (2000, 50, 12000, "Hz")}
    sound = ButLP(audio_in, freq=cutoff).out()

pyo works in blocks of one size, whatever the cycles are: its sound is late by one of them.
"""

from __future__ import annotations

import ast
import ctypes
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("PYO_GUI_WX", "0")
import pyo

from ripieno.plugins.base import EFFECT, INSTRUMENT, Audio, Event, Parameter, Plugin, PluginError
from ripieno.plugins.hosts.errors import described

BLOCK = 16
_GLIDE_S = 0.02
_ON, _OFF = 0x90, 0x80


class Patch(Plugin):
    """A patch that plays."""

    latency = BLOCK

    def __init__(self, path: str, sample_rate: int) -> None:
        text = _read(path)
        told = declarations(text, path)
        self.name, self.role, self.parameters = Path(path).stem, told.role, told.parameters
        self._server: Any = pyo.Server(
            sr=sample_rate, nchnls=2, buffersize=BLOCK, duplex=1, audio="manual", verbosity=1
        )
        self._server.deactivateMidi()
        self._server.boot()
        self._glides = {one.name: pyo.SigTo(one.usual, _GLIDE_S, one.usual) for one in self.parameters}
        names = {name: value for name, value in vars(pyo).items() if not name.startswith("_")}
        names |= {"s": self._server, "audio_in": pyo.Input([0, 1]), "__name__": "__main__", "__file__": path}
        self._names = _run(text, path, names | self._glides)
        self._server.start()
        self._in = _samples(self._server.getInputAddr())
        self._out = _samples(self._server.getOutputAddr())
        self._values: Mapping[str, float] = {}
        self._at = 0
        self._held: set[tuple[int, int]] = set()

    def render(self, audio: Audio, events: Sequence[Event], values: Mapping[str, float]) -> Audio:
        if values is not self._values:
            self._turn(values)
        waiting, at, frames = list(events), 0, audio.shape[1]
        while at < frames:
            count = min(BLOCK - self._at, frames - at)
            here, there = slice(self._at, self._at + count), slice(at, at + count)
            self._in[here] = audio[:, there].T
            audio[:, there] = self._out[here].T
            at, self._at = at + count, (self._at + count) % BLOCK
            while waiting and waiting[0][0] < at:
                self._send(waiting.pop(0)[1])
            if self._at == 0:
                self._server.process()
        return audio

    def _turn(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if self._values.get(name) != value:
                self._glides[name].value = value
        self._values = values

    def _send(self, data: bytes) -> None:
        kind, note = data[0] & 0xF0, (data[0] & 15, data[1])
        if kind == _ON and data[2]:
            self._held.add(note)
        elif kind in (_ON, _OFF):
            self._held.discard(note)
        self._server.addMidiEvent(*data)

    def reset(self) -> None:
        """pyo has no word for silence: notes are ended, tails go on."""
        for channel, pitch in sorted(self._held):
            self._server.addMidiEvent(_OFF | channel, pitch, 0)
        self._held.clear()


class Declarations:
    """What a patch says of itself, without being run."""

    def __init__(self, role: str, parameters: tuple[Parameter, ...]) -> None:
        self.role, self.parameters = role, parameters


def declarations(text: str, path: str) -> Declarations:
    """ROLE and PARAMETERS of a patch, given as plain values at its top level. Raises PluginError."""
    try:
        tree = ast.parse(text, path)
    except SyntaxError as error:
        raise PluginError(f"{path}: {described(error)}") from None
    found: dict[str, Any] = {"ROLE": EFFECT, "PARAMETERS": {}}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in found:
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                raise PluginError(f"{path}, line {node.lineno}: write plain values there") from None
    if found["ROLE"] not in (EFFECT, INSTRUMENT):
        raise PluginError(f"{path}: ROLE is {EFFECT!r} or {INSTRUMENT!r}, not {found['ROLE']!r}")
    try:
        parameters = tuple(_parameter(name, *row) for name, row in found["PARAMETERS"].items())
    except (AttributeError, TypeError, ValueError):
        raise PluginError(f'{path}: PARAMETERS is such as {{"cutoff": (2000, 50, 12000, "Hz")}}') from None
    return Declarations(found["ROLE"], parameters)


def _parameter(name: str, usual: float, low: float, high: float, unit: str = "") -> Parameter:
    if not name.isidentifier() or not low <= usual <= high:
        raise ValueError(name)
    return Parameter(name, float(usual), float(low), float(high), unit)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise PluginError(f"{path}: it cannot be read: {error}") from None


def _run(text: str, path: str, names: dict[str, Any]) -> dict[str, Any]:
    """The names that the patch leaves: its objects sound as long as they live."""
    try:
        exec(compile(text, path, "exec"), names)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{path}: {described(error)}") from error
    return names


def _samples(address: str) -> NDArray[np.float32]:
    """pyo's own buffer [BLOCK, 2] at an address."""
    buffer = (ctypes.c_float * (2 * BLOCK)).from_address(int(address, 16))
    return np.ctypeslib.as_array(buffer).reshape(BLOCK, 2)


def load(path: str, sample_rate: int, period: int) -> Plugin:
    """The patch of a file, ready to play. Raises PluginError."""
    return Patch(path, sample_rate)
