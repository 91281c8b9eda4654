"""The network of our own models in PyTorch: what is trained here is what native/src/lstm.c plays."""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from ripieno.native.lstm import LstmConfig

_TORCH_NAMES = {"w_ih": "weight_ih_l0", "w_hh": "weight_hh_l0", "b_ih": "bias_ih_l0", "b_hh": "bias_hh_l0"}


class Network(nn.Module):
    """LSTM layers with normalisation and dropout, then a ReLU layer that sees the input beside them, then scores."""

    def __init__(self, config: LstmConfig, dropout: float = 0.1) -> None:
        super().__init__()
        self.config = config
        widths = [config.input] + [config.hidden] * config.layers
        self.layers = nn.ModuleList(nn.LSTM(n, config.hidden, batch_first=True) for n in widths[:-1])
        self.norms = nn.ModuleList(nn.LayerNorm(config.hidden, eps=config.norm_epsilon) for _ in self.layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(config.hidden + config.input, config.head)
        self.output = nn.Linear(config.head, config.output)

    def forward(self, x: Tensor) -> Tensor:
        """x [pieces, notes, input] gives scores [pieces, notes, output]."""
        seen = x
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = self.dropout(norm(layer(x)[0]))
        return self.output(self.dropout(torch.relu(self.head(torch.cat([x, seen], -1)))))

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights by the names that native's Lstm takes."""
        found: dict[str, Tensor] = {}
        for index, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            for ours, theirs in _TORCH_NAMES.items():
                found[f"lstm.{index}.{ours}"] = getattr(layer, theirs)
            found[f"lstm.{index}.norm_weight"], found[f"lstm.{index}.norm_bias"] = norm.weight, norm.bias
        for name in ("head", "output"):
            dense = getattr(self, name)
            found[f"{name}.weight"], found[f"{name}.bias"] = dense.weight, dense.bias
        return {name: value.detach().numpy().astype(np.float32, copy=True) for name, value in found.items()}


class Averaged(nn.Module):
    """A network and the running average of its weights, which plays better than the weights of any one step."""

    def __init__(self, network: Network, keep: float = 0.995) -> None:
        super().__init__()
        self.network, self.keep = network, keep
        self.average = copy.deepcopy(network).requires_grad_(False)
        self.average.eval()
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def train(self, mode: bool = True) -> "Averaged":
        super().train(mode)
        self.average.eval()
        return self

    @torch.no_grad()
    def follow(self) -> None:
        """Move the average towards the network; faster while it is young."""
        self.steps += 1
        keep = min(self.keep, 1.0 - 1.0 / (1.0 + float(self.steps)))
        for mean, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(now, 1.0 - keep)
