"""A user's jit plugin as it stands in its file: what it says of itself, and the memory that it asks for.

    PARAMETERS = [Parameter("gain", usual=0.0, low=-60.0, high=12.0, unit="dB")]
    ROLE, LATENCY = "effect", 0
    def make_state(sample_rate): return {"gain": 1.0, "line": np.zeros((2, sample_rate))}
    def process(audio, events, parameters, state, sample_rate): ...

`process` alone is needed. audio: left and right, float32 [frames] each, changed in place. events: EVENT [events], by
frame. parameters: ``parameters.gain``. state: what `make_state` gave, ``state.gain`` and ``state.line[0, i]``, or the
array that it gave.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ripieno.native.foreign import LATENCY_MAX
from ripieno.native.unit import PARAMETERS_MAX
from ripieno.plugins.base import EFFECT, INSTRUMENT, Parameter, PluginError

EVENT = np.dtype([("frame", np.int32), ("status", np.int32), ("data1", np.int32), ("data2", np.int32)])
"""A MIDI message at a frame of the block, as the process thread has it."""
ARGUMENTS = ("audio", "events", "parameters", "state", "sample_rate")
STATE_BYTES = 64 << 20  # after a panic all of it is written anew, in the process thread
_ALIGNED = 64  # bytes: a line of the processor's cache
_NUMBERS = "biufc"


@dataclass(frozen=True)
class Program:
    """A plugin's file, read. first: its memory as it begins, 0-dimensional where its parts have names."""

    path: Path
    text: str
    module: ModuleType
    role: str
    latency: int
    parameters: tuple[Parameter, ...]
    first: NDArray[Any]

    @property
    def values(self) -> np.dtype[Any]:
        """The parameters as one record of float32."""
        names = [one.name for one in self.parameters] or ["none"]
        return np.dtype([(name, np.float32) for name in names])


def refuse(path: Path, what: str, line: int | None = None) -> NoReturn:
    """Raise PluginError."""
    where = str(path) if line is None else f"{path}, line {line}"
    raise PluginError(f"{where}: {what}") from None


def line_of(error: BaseException, path: Path) -> int | None:
    """The last line of the file that the error went through."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), None)


def in_words(error: BaseException) -> str:
    """An exception as a sentence."""
    if isinstance(error, SyntaxError):
        return f"this is not Python: {error.msg}"
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def read(path: Path) -> str:
    """A file's text. Raises PluginError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        refuse(path, f"it cannot be read: {error}")


def load(path: Path, sample_rate: int) -> Program:
    """Read and run a user's file. Raises PluginError where it is not a plugin, with the line where that is known."""
    text = read(path)
    module = run(text, path, f"ripieno_jit_{path.stem}")
    process = getattr(module, "process", None)
    if not inspect.isfunction(process):
        refuse(path, f"it has no function `process({', '.join(ARGUMENTS)})`; `ripieno plugins new jit NAME` writes one")
    if len(inspect.signature(process).parameters) != len(ARGUMENTS):
        refuse(path, f"`process` takes {', '.join(ARGUMENTS)}, in this order", process.__code__.co_firstlineno)
    role, latency = _role(path, module), _latency(path, module)
    return Program(path, text, module, role, latency, _parameters(path, module), _first(path, module, sample_rate))


def run(text: str, path: Path, name: str, file: Path | None = None) -> ModuleType:
    """The module that a text makes. file: where it says it is, by default ``path``. Raises PluginError."""
    module = ModuleType(name)
    module.__file__ = str(file or path)
    sys.modules[name] = module  # numba looks it up by its name
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        refuse(path, in_words(error), line_of(error, path))
    return module


def _role(path: Path, module: ModuleType) -> str:
    role = getattr(module, "ROLE", EFFECT)
    if role not in (EFFECT, INSTRUMENT):
        refuse(path, f"ROLE is {role!r}: say {EFFECT!r} or {INSTRUMENT!r}")
    return str(role)


def _latency(path: Path, module: ModuleType) -> int:
    latency = getattr(module, "LATENCY", 0)
    if not isinstance(latency, int) or not 0 <= latency <= LATENCY_MAX:
        refuse(path, f"LATENCY is {latency!r}: say how many frames late its sound is, 0 to {LATENCY_MAX}")
    return latency


def _parameters(path: Path, module: ModuleType) -> tuple[Parameter, ...]:
    found = getattr(module, "PARAMETERS", ())
    if not isinstance(found, Sequence) or not all(isinstance(one, Parameter) for one in found):
        refuse(path, "PARAMETERS is no list of ripieno.plugins.base.Parameter")
    names = [one.name for one in found]
    if len(set(names)) < len(names) or not all(names):
        refuse(path, f"PARAMETERS has a name twice, or none: {', '.join(names)}")
    if len(names) > PARAMETERS_MAX:
        refuse(path, f"PARAMETERS has {len(names)}: at most {PARAMETERS_MAX}")
    for one in found:
        if not (np.isfinite([one.low, one.high]).all() and one.low <= one.usual <= one.high):
            refuse(path, f"parameter {one.name!r}: its usual value, {one.usual}, is not from {one.low} to {one.high}")
    return tuple(found)


def _first(path: Path, module: ModuleType, sample_rate: int) -> NDArray[Any]:
    """What `make_state` gives, as one array: named parts are the fields of a record. No function: no memory."""
    make: Callable[[int], object] = getattr(module, "make_state", lambda rate: {})
    try:
        found = make(sample_rate)
        first = _record(found) if isinstance(found, Mapping) else np.ascontiguousarray(found)
    except Exception as error:
        refuse(path, f"make_state({sample_rate}): {in_words(error)}", line_of(error, path))
    if not isinstance(found, Mapping | np.ndarray) or first.dtype.hasobject:
        refuse(path, "make_state returns neither an array nor a dict of numbers and arrays")
    if first.nbytes > STATE_BYTES:
        refuse(path, f"make_state asks for {first.nbytes >> 20} MiB: at most {STATE_BYTES >> 20}")
    return first


def _record(parts: Mapping[str, object]) -> NDArray[Any]:
    arrays = {name: np.asarray(part) for name, part in parts.items()} or {"none": np.zeros((), np.uint8)}
    for name, array in arrays.items():
        if not name.isidentifier():
            raise ValueError(f"{name!r} is no name")
        if array.dtype.kind not in _NUMBERS or not array.size:
            raise ValueError(f"{name!r} is neither a number nor an array of numbers")
    record = np.zeros((), np.dtype([(name, one.dtype, one.shape) for name, one in arrays.items()], align=True))
    for name, array in arrays.items():
        record[name] = array
    return record


def memory(program: Program) -> NDArray[np.uint8]:
    """The memory of one that plays: uint8 [2, bytes], as it is now and as it was at first; aligned."""
    size = max(program.first.nbytes, 1)
    size += -size % _ALIGNED
    room = np.zeros(2 * size + _ALIGNED, np.uint8)
    begin = -room.ctypes.data % _ALIGNED
    found = room[begin : begin + 2 * size].reshape(2, size)
    found[:, : program.first.nbytes] = np.frombuffer(program.first.tobytes(), np.uint8)
    return found
