"""How much of real time the voice takes on one core: networks and decoder, and synth, in C, beside PyTorch.

Both hear the same pianist and sing with the same weights, one after the other in the same run, on one thread. PyTorch
goes block by block with its keys and values kept (models/singing/stream.py); its frames are sung by the same synth. The
real-time factor is the processor's time that it takes (not what other programs take) over the time that is sung.
"""

import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.daemon.bench.singing_player import accompaniment
from ripieno.models.singing import stored
from ripieno.native import piano, vocoder
from ripieno.native.engine import Event
from ripieno.native.singer import Singer, SingerWeights, frames

RATE, BLOCK = 48_000, 768  # of the synth; frames of a block
SECONDS, RIVALS_SECONDS = 60.0, 15.0
ROUNDS = 3
WARM = 600  # blocks before the measured ones: the attention has its whole window
_ON, _OFF, _CONTROL = 0x90, 0x80, 0xB0


def rows_of(script: list[Event], count: int) -> NDArray[np.float32]:
    """[count, ROW] the piano's rows of MIDI played at RATE."""
    kinds = {_ON: piano.ON, _OFF: piano.OFF, _CONTROL: piano.PEDAL}
    events = np.zeros(len(script), piano.EVENT)
    for place, (frame, _, data) in enumerate(script):
        kind = kinds[data[0] & 0xF0]
        events[place] = (frame, kind, 0 if kind == piano.PEDAL else data[1], data[2], 0)
    return piano.rows(events, count, step=BLOCK, sample_rate=RATE)


def seconds_of(work: Callable[[], Any]) -> tuple[float, Any]:
    """How long something takes of the processor, and what it gives."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def ours(weights: SingerWeights, rows: NDArray[np.float32]) -> dict[str, float]:
    """Real-time factors of the blocks after the first WARM, and the longest of them in ms; the best of some rounds."""
    rounds = []
    for number in range(ROUNDS):
        singer = Singer(weights)
        singer.run(rows[:WARM], seed=number)
        networks, sung = seconds_of(partial(singer.run, rows[WARM:], seed=number))
        synth, _ = seconds_of(partial(vocoder.sing, frames(sung), RATE))
        rounds.append((networks, synth))
    told = (len(rows) - WARM) * BLOCK / RATE
    networks, synth = (min(part) / told for part in zip(*rounds, strict=True))
    return {"networks and decoder": networks, "synth": synth, "all": networks + synth}


def rivals(model: stored.Weights, rows: NDArray[np.float32], synth: float) -> dict[str, float]:
    """The same of PyTorch, with our synth's factor; the first WARM blocks are heard and not measured."""
    import torch

    from ripieno.models.singing import torch_side
    from ripieno.models.singing.delivered import Sampling
    from ripieno.models.singing.rollout import Manner
    from ripieno.models.singing.stream import Streaming

    torch.set_num_threads(1)
    networks = torch_side.networks(model)
    singer = Streaming(networks, Manner(), [Sampling()] * len(networks.delivery.shape.sizes))
    for row in rows[:WARM]:
        singer.step(row)
    taken, _ = seconds_of(lambda: [singer.step(row) for row in rows[WARM:]])
    factor = taken / ((len(rows) - WARM) * BLOCK / RATE)
    return {"networks and decoder": factor, "synth": synth, "all": factor + synth}


def measure(
    model: stored.Weights, seconds: float = SECONDS, rivals_seconds: float = RIVALS_SECONDS
) -> dict[str, dict[str, float]]:
    """Real-time factors of ours, and of PyTorch's where there is PyTorch, with how many times it takes longer."""
    count = WARM + int(seconds * RATE / BLOCK)
    rows = rows_of(accompaniment(count * BLOCK / RATE, RATE), count)
    found = {"C": ours(stored.weights(model), rows)}
    if find_spec("torch"):
        found["PyTorch"] = rivals(model, rows[: WARM + int(rivals_seconds * RATE / BLOCK)], found["C"]["synth"])
        found["times"] = {name: found["PyTorch"][name] / found["C"][name] for name in found["C"]}
    return found


def run(json: bool = False, weights: str = "small") -> dict[str, dict[str, float]]:
    """Measure; print a table unless `json`. UserError: the weights are not there."""
    from ripieno.daemon.singer import singer_model

    singer_model(weights)  # says what is wrong with them
    found = measure(stored.read(weights))
    if not json:
        print("real-time factor, one core   networks and decoder      synth        all")
        for name, row in found.items():
            told = name if name != "times" else "PyTorch / C"
            print(f"{told:28} {row['networks and decoder']:20.4f} {row['synth']:10.4f} {row['all']:10.4f}")
        if "PyTorch" not in found:
            print("PyTorch is left out: pip install 'ripieno[train]'")
    return found
