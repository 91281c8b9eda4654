"""The shipped singer in PyTorch, to compare with and to judge the codec: reached by evaluation and benches alone."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ripieno.models.checkpoint import under
from ripieno.models.collection import CorpusError
from ripieno.models.singing import codec, delivery, frames, line, stored
from ripieno.models.singing.stream import Networks
from ripieno.models.singing.train_codec import distortion
from ripieno.models.singing.voices import FOLDER, HELD_OUT


def part(model: stored.Weights, name: str, network: nn.Module) -> Any:
    """One of the three networks with its weights, half precision as shipped, for use alone. Raises WeightsError."""
    arrays = under(f"{name}.", {key: torch.from_numpy(value).float() for key, value in model.arrays.items()})
    try:
        missing, unexpected = network.load_state_dict(arrays, strict=False)
    except RuntimeError as error:
        raise stored.WeightsError(f"{model.path}: {name} is not of its card's shape ({error})") from error
    lacking = [key for key in missing if key.split(".")[-1] not in ("counts", "sums")]
    if lacking or unexpected:
        told = ", ".join([*lacking, *unexpected])
        raise stored.WeightsError(f"{model.path}: {name} does not fit PyTorch's network: {told}")
    return network.eval()


def _shape(kind: Any, told: dict[str, Any]) -> Any:
    """A shape of what a card says of it."""
    return kind(**{field.name: told[field.name] for field in fields(kind) if field.name in told})


def codec_of(model: stored.Weights) -> codec.Codec:
    """The codec, encoder and decoder."""
    found: codec.Codec = part(model, "codec", codec.Codec(_shape(codec.CodecShape, stored.shapes(model)["codec"])))
    return found


def networks(model: stored.Weights) -> Networks:
    """All three."""
    shapes = stored.shapes(model)
    return Networks(
        part(model, "line", line.Line(_shape(line.Shape, shapes["line"]))),
        part(model, "delivery", delivery.Delivery(_shape(delivery.Shape, shapes["delivery"]))),
        codec_of(model),
    )


def held_out(model: stored.Weights, data: Path) -> dict[str, float]:
    """Mel-cepstral distortion in dB of each recording that no training heard, and their mean.

    Raises CorpusError where a recording is not there or is no recording.
    """
    heard = {name: _recording(data / FOLDER / f"{name}.flac") for name in HELD_OUT}
    judged = codec_of(model)
    found = {name: distortion(judged, one) for name, one in heard.items()}
    return found | {"mean": sum(found.values()) / len(found)}


def _recording(path: Path) -> frames.Frames:
    if not path.is_file():
        raise CorpusError(f"{path}: no such file: the codec is judged with it; give the folder that has singing/ in it")
    try:
        return frames.analyse(frames.read_wave(path))
    except (OSError, ValueError, RuntimeError) as error:
        raise CorpusError(f"{path}: cannot be judged ({error})") from error
