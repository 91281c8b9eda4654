"""Write tests/native/data/singer_torch.npz: small networks, a piano, and the likeliest song that PyTorch sings to it.

    python tests/train/export_singer.py

Run it again only when a network changes; test_singer_torch.py says when the file and PyTorch part.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ripieno.models.singing import delivery, stream
from ripieno.models.singing.codec import Codec, CodecShape, stored_arrays
from ripieno.models.singing.delivery import Delivery
from ripieno.models.singing.line import Line
from ripieno.models.singing.line import Shape as LineShape
from ripieno.models.singing.rollout import Manner
from ripieno.models.singing.stream import Networks
from ripieno.native import piano

FILE = Path(__file__).parents[1] / "native" / "data" / "singer_torch.npz"
LINE = LineShape(dim=32, layers=2, heads=2, hidden=48, window=40, field=16)
DELIVERY = delivery.Shape(dim=32, layers=1, heads=1, hidden=32, window=24, field=16, voices=3, stages=2, codes=16)
CODEC = CodecShape(stages=2, size=16, dim=8, width=16, layers=1)
BLOCKS, VOICE, GUIDANCE, ACTIVITY, LOW, HIGH = 240, 1, 2.0, 0.7, 45, 79


@torch.no_grad()
def make_networks(seed: int = 3) -> Networks:
    """Networks with random weights of which none is left out of the scores; halves of precision, so as to be small."""
    torch.manual_seed(seed)
    made = Networks(Line(LINE), Delivery(DELIVERY), Codec(CODEC))
    for network, spread in ((made.line, 0.15), (made.delivery, 0.15), (made.codec, 0.1)):
        network.eval()
        for weight in [*network.parameters(), *network.buffers()]:
            if weight.is_floating_point():
                weight.data.add_(spread * torch.randn_like(weight))
                weight.data.copy_(weight.half().float())
    made.codec.mean.fill_(-20.0)
    made.codec.scale.fill_(5.0)
    return made


def make_rows(blocks: int, seed: int = 1) -> NDArray[np.float32]:
    """[blocks, ROW] of somebody who plays chords and runs, pedalled at times, and never rests for a second."""
    rng = np.random.default_rng(seed)
    onsets = np.cumsum(rng.choice([0, 0, 90, 180, 360], 40 + blocks // 4))
    onsets -= onsets[0]
    ends = onsets + rng.integers(200, 900, len(onsets))
    pedal = np.array([[1000, 1600], [3000, 3300]])
    events = piano.events_of(onsets, ends, rng.integers(36, 90, len(onsets)), rng.integers(1, 128, len(onsets)), pedal)
    return piano.rows(events, blocks, first=1)


def arrays(networks: Networks) -> dict[str, NDArray[np.float32]]:
    """The singer's arrays by their names."""
    found = {f"line.{name}": value.numpy() for name, value in networks.line.state_dict().items()}
    found |= {f"delivery.{name}": value.numpy() for name, value in networks.delivery.state_dict().items()}
    return found | {f"codec.{name}": value for name, value in stored_arrays(networks.codec.state_dict()).items()}


@torch.no_grad()
def lively(networks: Networks) -> Networks:
    """The same, singing, breathing and resting in turn, and loud."""
    networks.line.phonation_scores.weight.mul_(4.0)
    networks.line.phonation_scores.bias.copy_(torch.tensor([0.25, 0.25, -0.625, 0.625]))
    networks.delivery.scores[0].bias.copy_((-((torch.arange(48) - 38) / 8.0).square()).half())
    for field in (0, -1):
        networks.delivery.scores[field].weight.copy_((3.0 * networks.delivery.scores[field].weight).half())
    return networks


def kept() -> dict[str, NDArray[Any]]:
    """What the file holds."""
    networks, rows = lively(make_networks()), make_rows(BLOCKS).astype(np.float16)
    manner = Manner(guidance=GUIDANCE, temperature=0.0, activity=ACTIVITY, low=LOW, high=HIGH)
    greedy = [stream.GREEDY] * len(DELIVERY.sizes)
    sung = stream.stream(networks, rows.astype(np.float32), manner, greedy, VOICE)
    found: dict[str, NDArray[Any]] = {"rows": rows, "line": sung.line, "said": sung.said}
    found |= {part: sung.frames[part].reshape(BLOCKS, 2, -1) for part in ("f0", "level", "envelope", "aperiodicity")}
    found |= {f"array.{name}": value.astype(np.float16) for name, value in arrays(networks).items()}
    return found | {
        "config.windows": np.array([LINE.heads, LINE.window, DELIVERY.heads, DELIVERY.window]),
        "config.controls": np.array([VOICE, GUIDANCE, ACTIVITY, LOW, HIGH]),
    }


def main() -> None:
    """Write the file."""
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, **kept())


if __name__ == "__main__":
    main()
