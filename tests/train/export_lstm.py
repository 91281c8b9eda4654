"""Write tests/native/data/lstm_torch.npz: small networks, notes, and the scores that PyTorch gives them.

    python tests/train/export_lstm.py

Run it again only when the networks change; test_lstm_torch.py says when the file and PyTorch part.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ripieno.native.lstm import LstmConfig

FILE = Path(__file__).parents[1] / "native" / "data" / "lstm_torch.npz"
NOTES = 30
ARRAYS = {"w_ih": "weight_ih_l0", "w_hh": "weight_hh_l0", "b_ih": "bias_ih_l0", "b_hh": "bias_hh_l0"}
CASES = {
    "stack": LstmConfig(input=11, hidden=24, layers=3, output=5, norm_epsilon=1e-3),
    "head": LstmConfig(input=7, hidden=20, layers=2, output=4, head=9, skip=True),
    "plain": LstmConfig(input=5, hidden=16, layers=1, output=3, norm=False),
    "skip": LstmConfig(input=6, hidden=16, layers=1, output=18, skip=True),
}


class TorchLstm(nn.Module):
    """The same network in PyTorch: nn.LSTM and nn.LayerNorm in turn, then the head."""

    def __init__(self, config: LstmConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.input] + [config.hidden] * (config.layers - 1)
        self.layers = nn.ModuleList(nn.LSTM(width, config.hidden) for width in widths)
        self.norms = nn.ModuleList(nn.LayerNorm(config.hidden, eps=config.norm_epsilon) for _ in widths if config.norm)
        seen = config.hidden + (config.input if config.skip else 0)
        self.head = nn.Linear(seen, config.head) if config.head else None
        self.output = nn.Linear(config.head or seen, config.output)

    def forward(self, notes: Tensor) -> Tensor:
        """notes [n, input] to scores [n, output]."""
        x = notes
        for index, layer in enumerate(self.layers):
            x = layer(x)[0]
            x = self.norms[index](x) if self.config.norm else x
        x = torch.cat([x, notes], dim=-1) if self.config.skip else x
        x = torch.relu(self.head(x)) if self.head else x
        return self.output(x)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights by the names of `LstmConfig.shapes`."""
        tensors: dict[str, Tensor] = {}
        for index, layer in enumerate(self.layers):
            tensors |= {f"lstm.{index}.{ours}": getattr(layer, theirs) for ours, theirs in ARRAYS.items()}
            if self.config.norm:
                tensors[f"lstm.{index}.norm_weight"] = self.norms[index].weight
                tensors[f"lstm.{index}.norm_bias"] = self.norms[index].bias
        for name, part in (("head", self.head), ("output", self.output)):
            if part is not None:
                tensors |= {f"{name}.weight": part.weight, f"{name}.bias": part.bias}
        return {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}


def make_case(config: LstmConfig, notes: int, seed: int = 1) -> tuple[TorchLstm, NDArray[np.float32]]:
    """A network with random weights of a trained one's size, and notes [notes, input]."""
    torch.manual_seed(seed)
    network = TorchLstm(config)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return network, torch.randn(notes, config.input).numpy()


def main() -> None:
    """Write the file."""
    kept: dict[str, NDArray[np.generic]] = {}
    for name, config in CASES.items():
        network, x = make_case(config, NOTES)
        with torch.no_grad():
            scores = network(torch.from_numpy(x)).numpy()
        parts = {"x": x, "scores": scores} | {f"array.{key}": array for key, array in network.arrays().items()}
        parts |= {f"config.{key}": np.asarray(value) for key, value in asdict(config).items()}
        kept |= {f"{name}/{key}": value for key, value in parts.items()}
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, **kept)


if __name__ == "__main__":
    main()
