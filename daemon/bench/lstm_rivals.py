"""What else steps an LSTM note by note on one thread: ONNX Runtime and PyTorch, where they are installed."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ripieno.native.lstm import LstmConfig

Floats = NDArray[np.float32]
Arrays = Mapping[str, Floats]

_OPSET, _IR_VERSION = 17, 8  # LayerNormalization came with opset 17


class Rival(Protocol):
    """step(x [input]) gives scores [output] and keeps the state."""

    name: str

    def step(self, x: Floats) -> Floats: ...


class Onnx:
    """ONNX Runtime: its LSTM and LayerNormalization operators in turn, states bound to buffers of ours."""

    def __init__(self, arrays: Arrays, config: LstmConfig) -> None:
        """ImportError: onnx or onnxruntime is not installed."""
        import onnxruntime

        self.name = f"ONNX Runtime {onnxruntime.__version__}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        model = _onnx_model(arrays, config).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.outputs = [output.name for output in self.session.get_outputs()]
        state = np.zeros((1, 1, config.hidden), np.float32)
        self.state = {f"{kind}{index}": state for index in range(config.layers) for kind in "hc"}

    def step(self, x: Floats) -> Floats:
        scores, *states = self.session.run(self.outputs, {"x": x.reshape(1, 1, -1), **self.state})
        self.state = dict(zip(self.state, states, strict=True))
        return np.asarray(scores).reshape(-1)


def _onnx_model(arrays: Arrays, config: LstmConfig) -> Any:
    """The network as an ONNX model: inputs x, h0, c0, ...; outputs scores, h0_next, c0_next, ..."""
    from onnx import TensorProto, helper, numpy_helper

    def values(suffix: str) -> list[Any]:
        return [
            helper.make_tensor_value_info(f"{kind}{index}{suffix}", TensorProto.FLOAT, [1, 1, config.hidden])
            for index in range(config.layers)
            for kind in "hc"
        ]

    nodes: list[Any] = []
    constants: dict[str, NDArray[Any]] = {}
    seen = "x"
    for index in range(config.layers):
        nodes += _onnx_layer(index, seen, config)
        constants |= _onnx_weights(index, arrays)
        seen = f"normed{index}"
    nodes.append(helper.make_node("MatMul", [seen, "output.weight"], ["product"]))
    nodes.append(helper.make_node("Add", ["product", "output.bias"], ["scores"]))
    constants |= {"output.weight": arrays["output.weight"].T, "output.bias": arrays["output.bias"]}
    constants["axis"] = np.array([1], np.int64)
    graph = helper.make_graph(
        nodes,
        "lstm",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, config.input]), *values("")],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1, config.output]), *values("_next")],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)


def _onnx_layer(index: int, seen: str, config: LstmConfig) -> list[Any]:
    from onnx import helper

    weights = [f"w{index}", f"r{index}", f"b{index}"]
    made = [f"y{index}", f"h{index}_next", f"c{index}_next"]
    inputs = [seen, *weights, "", f"h{index}", f"c{index}"]
    return [
        helper.make_node("LSTM", inputs, made, hidden_size=config.hidden),
        helper.make_node("Squeeze", [f"y{index}", "axis"], [f"flat{index}"]),
        helper.make_node(
            "LayerNormalization",
            [f"flat{index}", f"scale{index}", f"shift{index}"],
            [f"normed{index}"],
            epsilon=config.norm_epsilon,
        ),
    ]


def _onnx_weights(index: int, arrays: Arrays) -> Arrays:
    """One layer's weights, gates in ONNX's order: i, o, f, g."""

    def gates(name: str) -> Floats:
        i, f, g, o = np.split(arrays[f"lstm.{index}.{name}"], 4)
        return np.concatenate([i, o, f, g])

    return {
        f"w{index}": gates("w_ih")[np.newaxis],
        f"r{index}": gates("w_hh")[np.newaxis],
        f"b{index}": np.concatenate([gates("b_ih"), gates("b_hh")])[np.newaxis],
        f"scale{index}": arrays[f"lstm.{index}.norm_weight"],
        f"shift{index}": arrays[f"lstm.{index}.norm_bias"],
    }


class Torch:
    """PyTorch: nn.LSTM and nn.LayerNorm in turn."""

    def __init__(self, arrays: Arrays, config: LstmConfig) -> None:
        """ImportError: torch is not installed."""
        import torch

        torch.set_num_threads(1)
        self.torch = torch
        self.name = f"PyTorch {torch.__version__}, nn.LSTM"
        widths = [config.input] + [config.hidden] * (config.layers - 1)
        self.layers = [torch.nn.LSTM(width, config.hidden) for width in widths]
        self.norms = [torch.nn.LayerNorm(config.hidden, eps=config.norm_epsilon) for _ in widths]
        self.output = torch.nn.Linear(config.hidden, config.output)
        self.state: list[Any] = [None] * config.layers
        self._fill(arrays)

    def step(self, x: Floats) -> Floats:
        return self.run(x.reshape(1, -1)).reshape(-1)

    def run(self, x: Floats) -> Floats:
        """Notes [n, input] at once: scores [n, output]. The state goes on."""
        with self.torch.inference_mode():
            values = self.torch.from_numpy(x)
            for index, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
                values, self.state[index] = layer(values, self.state[index])
                values = norm(values)
            return np.asarray(self.output(values).numpy())

    def _fill(self, arrays: Arrays) -> None:
        names = {"weight_ih_l0": "w_ih", "weight_hh_l0": "w_hh", "bias_ih_l0": "b_ih", "bias_hh_l0": "b_hh"}
        for index, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            mine = {theirs: arrays[f"lstm.{index}.{ours}"] for theirs, ours in names.items()}
            layer.load_state_dict({name: self.torch.from_numpy(array) for name, array in mine.items()})
            for kind in ("weight", "bias"):
                getattr(norm, kind).data = self.torch.from_numpy(arrays[f"lstm.{index}.norm_{kind}"])
        for kind in ("weight", "bias"):
            getattr(self.output, kind).data = self.torch.from_numpy(arrays[f"output.{kind}"])


RIVALS: dict[str, tuple[Callable[[Arrays, LstmConfig], Rival], str]] = {
    "onnxruntime": (Onnx, "pip install onnx onnxruntime"),
    "torch": (Torch, "pip install torch --index-url https://download.pytorch.org/whl/cpu"),
}
"""How each is made, and how to get it."""


def timed(rival: Rival, x: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Scores [n, output] of notes [n, input], one by one, and the nanoseconds of each."""
    scores, nanoseconds = [], np.zeros(len(x), np.int64)
    for index, note in enumerate(x):
        begun = time.perf_counter_ns()
        scores.append(rival.step(note))
        nanoseconds[index] = time.perf_counter_ns() - begun
    return np.stack(scores), nanoseconds
