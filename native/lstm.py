"""A stack of LSTM layers that gives scores note by note, computed by the C kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ripieno.native._native import ffi, lib

Floats = NDArray[np.float32]

PRECISIONS = {"fp32": lib.RP_PRECISION_FP32, "16": lib.RP_PRECISION_16, "8": lib.RP_PRECISION_8}
"""How the weights of the LSTM layers are held: floats, or integers of that many bits with a scale for each row."""

KERNELS = ("generic", "avx2", "avx512", "neon")
"""Every instruction set there is code for."""


@dataclass(frozen=True)
class LstmConfig:
    """The network's shape: `layers` LSTM layers of width `hidden`, layer normalisation after each (`norm`), a ReLU
    layer of width `head` (0: none), then `output` scores. With `skip` the layer after the last LSTM layer sees the
    input too."""

    input: int
    hidden: int
    layers: int
    output: int
    norm: bool = True
    head: int = 0
    skip: bool = False
    norm_epsilon: float = 1e-5

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every array the network needs, by name. Rows of the LSTM's weights go gate by gate (i, f, g, o), as in
        PyTorch; where the input is seen beside the last layer, its columns come last."""
        shapes: dict[str, tuple[int, ...]] = {}
        gates, width = 4 * self.hidden, self.input
        for index in range(self.layers):
            shapes[f"lstm.{index}.w_ih"] = (gates, width)
            shapes[f"lstm.{index}.w_hh"] = (gates, self.hidden)
            shapes[f"lstm.{index}.b_ih"] = shapes[f"lstm.{index}.b_hh"] = (gates,)
            if self.norm:
                shapes[f"lstm.{index}.norm_weight"] = shapes[f"lstm.{index}.norm_bias"] = (self.hidden,)
            width = self.hidden
        width += self.input if self.skip else 0
        if self.head:
            shapes |= {"head.weight": (self.head, width), "head.bias": (self.head,)}
            width = self.head
        return shapes | {"output.weight": (self.output, width), "output.bias": (self.output,)}


def kernels() -> str:
    """The instruction set in use: one of `KERNELS`."""
    return str(ffi.string(lib.rp_kernels_name()).decode())


def use_kernels(name: str) -> None:
    """Use this instruction set for networks made from now on. ValueError: this machine does not have it."""
    if lib.rp_kernels_use(name.encode()) != 0:
        raise ValueError(f"no {name!r} kernels on this machine; there are {', '.join(available_kernels())}")


def available_kernels() -> list[str]:
    """The instruction sets of this machine that there is code for, plain C first."""
    before = lib.rp_kernels_name()
    found = [name for name in KERNELS if lib.rp_kernels_use(name.encode()) == 0]
    lib.rp_kernels_use(before)
    return found


class Lstm:
    """Weights packed for the kernels, and the state of one player. `pointer` is the C `const rp_lstm *`: whoever keeps
    it keeps this object too."""

    def __init__(self, arrays: Mapping[str, ArrayLike], config: LstmConfig, precision: str = "fp32") -> None:
        """arrays: float32 by the names and shapes of `config.shapes()`; they are copied. ValueError: a wrong name or
        shape (each is told); MemoryError: the weights do not fit."""
        if precision not in PRECISIONS:
            raise ValueError(f"no precision {precision!r}; there are {', '.join(PRECISIONS)}")
        self.config = config
        self.precision = precision
        weights = _checked(arrays, config)
        described, _keep = _describe(weights, config)
        self.pointer = ffi.gc(_made(lib.rp_lstm_new(described, PRECISIONS[precision])), lib.rp_lstm_free)
        self._state = ffi.gc(_made(lib.rp_lstm_state_new(self.pointer)), lib.rp_lstm_state_free)

    def reset(self) -> None:
        """Forget every note."""
        lib.rp_lstm_state_reset(self._state)

    def step(self, x: ArrayLike) -> Floats:
        """One note: x [input] gives scores [output]."""
        return self.run(np.asarray(x, np.float32)[np.newaxis]).reshape(-1)

    def run(self, x: ArrayLike) -> Floats:
        """Notes in a row: x [n, input] gives scores [n, output]. The state goes on from the last call."""
        notes, scores = self._buffers(x)
        lib.rp_lstm_run(self.pointer, self._state, len(notes), _floats(notes), _floats(scores))
        return scores

    def time(self, x: ArrayLike) -> tuple[Floats, NDArray[np.uint32]]:
        """As `run`, and the nanoseconds that each step took [n]."""
        notes, scores = self._buffers(x)
        nanoseconds = np.zeros(len(notes), np.uint32)
        buffer = ffi.from_buffer("uint32_t[]", nanoseconds)
        lib.rp_lstm_time(self.pointer, self._state, len(notes), _floats(notes), _floats(scores), buffer)
        return scores, nanoseconds

    def _buffers(self, x: ArrayLike) -> tuple[Floats, Floats]:
        notes = np.ascontiguousarray(x, np.float32)
        if notes.ndim != 2 or notes.shape[1] != self.config.input:
            raise ValueError(f"notes of shape {notes.shape}; this network takes [n, {self.config.input}]")
        return notes, np.zeros((len(notes), self.config.output), np.float32)


def _made(pointer: Any) -> Any:
    if pointer == ffi.NULL:
        raise MemoryError("no memory for the network, or its shape is beyond what the kernels take")
    return pointer


def _floats(array: Floats) -> Any:
    return ffi.from_buffer("float[]", array)


def _checked(arrays: Mapping[str, ArrayLike], config: LstmConfig) -> dict[str, Floats]:
    """The arrays as contiguous float32, or a ValueError that names every one that is missing, unknown or misshapen."""
    shapes = config.shapes()
    faults = [f"{name}: not a part of this network" for name in arrays if name not in shapes]
    found: dict[str, Floats] = {}
    for name, shape in shapes.items():
        if name not in arrays:
            faults.append(f"{name}: missing, expected {list(shape)}")
            continue
        found[name] = np.ascontiguousarray(arrays[name], np.float32)
        if found[name].shape != shape:
            faults.append(f"{name}: {list(found[name].shape)}, expected {list(shape)}")
    if faults:
        raise ValueError("the weights do not fit the network: " + "; ".join(faults))
    return found


def _describe(weights: Mapping[str, Floats], config: LstmConfig) -> tuple[Any, list[Any]]:
    """The C struct that points into the arrays, and what must live while it is read."""
    pointers = {name: _floats(array) for name, array in weights.items()}
    layers = ffi.new("rp_lstm_layer[]", config.layers)
    for index in range(config.layers):
        for field in ("w_ih", "w_hh", "b_ih", "b_hh", "norm_weight", "norm_bias"):
            setattr(layers[index], field, pointers.get(f"lstm.{index}.{field}", ffi.NULL))
    described = ffi.new("rp_lstm_arrays *")
    for field, value in vars(config).items():
        setattr(described.config, field, value)
    described.layer = layers
    for field in ("head_weight", "head_bias", "output_weight", "output_bias"):
        setattr(described, field, pointers.get(field.replace("_", "."), ffi.NULL))
    return described, [layers, pointers]
