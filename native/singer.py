"""The voice that sings along, computed by the C kernels: weights, and a singer that goes block by block.

Blocks are 16 ms; a row is what native/piano.py says of the piano as a block begins. See singer.h.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ripieno.native import vocoder
from ripieno.native._native import ffi, lib
from ripieno.native.parameter import Parameter, parameters
from ripieno.native.piano import ROW
from ripieno.native.transformer import Sampling

MODES = ("free", "double", "harmony")
"""In the order of their numbers."""
PARAMETERS: dict[str, Parameter] = parameters(lib.rp_singer_parameters(), lib.RP_SING_COUNT)
"""Every control by its name, in the order of the C table, which is the one source of names, ranges and meanings."""

CODES = lib.RP_CODES_MAX
FIELDS = ("phonation", "note", "loudness", *(f"code{stage + 1}" for stage in range(CODES)), "deviation")
"""The fields of a block, in the order in which they are chosen."""
ONSET, ENDED, FAULT = lib.RP_SUNG_ONSET, lib.RP_SUNG_ENDED, lib.RP_SUNG_FAULT
"""Flags of a block: a note begins in it; the one before is over; the networks gave no numbers."""
SUNG = np.dtype(
    [
        ("phonation", "u1"),
        ("age", "u1"),
        ("note", "u1"),
        ("flags", "u1"),
        ("loudness", "u1"),
        ("deviation", "u1"),
        ("code", "u2", CODES),
        ("unused", "u2"),
        ("cents", "f4", lib.RP_BLOCK_FRAMES),
        ("frame", vocoder.FRAME, lib.RP_BLOCK_FRAMES),
    ]
)
"""One block, as `rp_sung`."""
NEUTRAL = {"low": PARAMETERS["low"].low, "high": PARAMETERS["high"].high, "follow": 0.0, "vibrato": 0.0}
"""Controls under which a singer does what its networks say and nothing else, but for resting when the player does."""


@dataclass(frozen=True)
class TowerShape:
    """What the arrays of a tower do not tell: its heads, and how many blocks one block hears."""

    heads: int
    window: int


@dataclass(frozen=True)
class SingerShape:
    """What the arrays do not tell. sampling: how each of `FIELDS` is best drawn; by its plain scores where unsaid."""

    line: TowerShape
    delivery: TowerShape
    sampling: Mapping[str, Sampling] = field(default_factory=dict)


class SingerWeights:
    """Packed weights; any number of singers may share them. `pointer` is the C `const rp_singer_weights *`: whoever
    keeps it keeps this object too."""

    def __init__(self, arrays: Mapping[str, ArrayLike], shape: SingerShape) -> None:
        """arrays: by their names in PyTorch, after "line.", "delivery." and "codec."; they are copied. ValueError: an
        array is missing or has another shape (the first is told), or a field that there is not."""
        unknown = sorted(set(shape.sampling) - set(FIELDS))
        if unknown:
            raise ValueError(f"no field {', '.join(unknown)}; there are {', '.join(FIELDS)}")
        stored = _Stored(arrays)
        why = ffi.new("char[256]")
        pointer = lib.rp_singer_weights_new(_shape(shape), stored.arrays, len(stored.kept), why, 256)
        if pointer == ffi.NULL:
            raise ValueError(f"the weights do not fit the singer: {ffi.string(why).decode()}")
        self.pointer = ffi.gc(pointer, lib.rp_singer_weights_free, size=sum(one.nbytes for one in stored.kept))
        self.voices: int = lib.rp_singer_voices(self.pointer)
        self.codes: int = lib.rp_singer_codes(self.pointer)


class Singer:
    """What was heard and sung so far, for one thread."""

    def __init__(self, weights: SingerWeights) -> None:
        """MemoryError: it does not fit."""
        self.weights = weights
        pointer = lib.rp_singer_new(weights.pointer)
        if pointer == ffi.NULL:
            raise MemoryError("no memory for the singer")
        self.pointer = ffi.gc(pointer, lib.rp_singer_free)

    def reset(self) -> None:
        """Nothing was heard or sung; the seed begins anew."""
        lib.rp_singer_reset(self.pointer)

    def run(self, rows: ArrayLike, **values: float) -> NDArray[Any]:
        """`SUNG` [blocks] of the piano's rows [blocks, ROW], going on from where it was. values: controls by their
        names; the others as usual. ValueError: rows of another width, or a control as in `controls`."""
        told = np.ascontiguousarray(rows, np.float32)
        if told.ndim != 2 or told.shape[1] != ROW:
            raise ValueError(f"rows {told.shape}; they are [blocks, {ROW}]")
        set_to, sung = controls(**values), np.zeros(len(told), SUNG)
        out, row = ffi.from_buffer("rp_sung[]", sung), ffi.from_buffer("float[]", told)
        for block in range(len(told)):
            lib.rp_singer_step(self.pointer, row + block * ROW, set_to, out + block)
        return sung


def controls(**values: float) -> Any:
    """`rp_singer_controls *`. ValueError: a control that there is not, or a value out of its range."""
    found = ffi.new("rp_singer_controls *")
    lib.rp_singer_usual(found)
    for name, value in values.items():
        if name not in PARAMETERS:
            raise ValueError(f"no control {name!r}; there are {', '.join(PARAMETERS)}")
        one = PARAMETERS[name]
        if not one.low <= value <= one.high:
            raise ValueError(f"{name} {value}: it is {one.low:g} to {one.high:g}")
        found.value[one.index] = value
    return found


def frames(sung: NDArray[Any]) -> NDArray[Any]:
    """`vocoder.FRAME` [2 * blocks] of blocks."""
    return np.ascontiguousarray(sung["frame"]).reshape(-1)


class _Stored:
    """Arrays as C takes them, kept alive with their names."""

    def __init__(self, arrays: Mapping[str, ArrayLike]) -> None:
        self.kept = [_flat(value) for value in arrays.values()]
        self.names = [ffi.new("char[]", name.encode()) for name in arrays]
        self.arrays = ffi.new("rp_stored[]", max(len(self.kept), 1))
        for one, name, value in zip(self.arrays, self.names, self.kept, strict=False):
            one.name, one.values = name, ffi.from_buffer("float[]", value)
            one.rows, one.columns = value.shape if value.ndim == 2 else (len(value), 0)


def _flat(value: ArrayLike) -> NDArray[np.float32]:
    """A vector or a matrix; of more dimensions all but the last become rows."""
    array = np.ascontiguousarray(value, np.float32)
    return np.atleast_1d(array) if array.ndim <= 2 else array.reshape(-1, array.shape[-1])


def _shape(shape: SingerShape) -> Any:
    pointer = ffi.new("rp_singer_shape *", {"line": asdict(shape.line), "delivery": asdict(shape.delivery)})
    for index, name in enumerate(FIELDS):
        pointer.sampling[index] = asdict(shape.sampling.get(name, Sampling()))
    return pointer


assert SUNG.itemsize == ffi.sizeof("rp_sung")
