"""Checkpoints of a training that can be resumed; nothing is pickled.

A checkpoint is a ``safetensors`` file (weights, the optimiser's moments, torch's random state) and a JSON file beside
it (how far it is, numpy's random state). Each is complete or the one before stays; the step stands in both, so that two
that do not belong together are noticed.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

Tensors = dict[str, Tensor]


class CheckpointError(Exception):
    """A checkpoint cannot be used; the message names the folder and says what to do."""


def save(
    folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer, rng: np.random.Generator, progress: dict[str, Any]
) -> None:
    """Write ``folder/checkpoint.*``. progress: what JSON can hold, with ``step`` in it."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name}": value.detach().clone().contiguous() for name, value in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value).clone() for name, value in state.items()}
    tensors["random"] = torch.get_rng_state()
    document = progress | {"rng": rng.bit_generator.state}
    save_file(tensors, folder / "checkpoint.safetensors.new", metadata={"step": str(progress["step"])})
    (folder / "checkpoint.json.new").write_text(json.dumps(document))
    for suffix in ("safetensors", "json"):
        os.replace(folder / f"checkpoint.{suffix}.new", folder / f"checkpoint.{suffix}")


def load(
    folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Go on from ``folder/checkpoint.*``: its progress, or None where there is none.

    Raises CheckpointError when the two files do not belong together or the model has another shape.
    """
    path = folder / "checkpoint.safetensors"
    if not path.is_file():
        return None
    try:
        progress: dict[str, Any] = json.loads((folder / "checkpoint.json").read_text())
        with safe_open(path, "pt") as file:
            step = (file.metadata() or {}).get("step")
        if step != str(progress["step"]):
            raise CheckpointError(f"{folder}: weights of step {step}, progress of step {progress['step']}: delete both")
        tensors = load_file(path)
        model.load_state_dict(under("model.", tensors))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{folder}: the checkpoint cannot be used ({error}): delete it to begin anew") from error
    state: dict[int, Tensors] = {}
    for key, value in under("optimiser.", tensors).items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    torch.set_rng_state(tensors["random"])
    rng.bit_generator.state = progress.pop("rng")
    return progress


def under(prefix: str, tensors: Tensors) -> Tensors:
    """The tensors whose names begin with ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
