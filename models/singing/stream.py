"""The whole singer in PyTorch: as it streams, a block at a time, and all blocks at once.

What native/src/singer.c plays is judged by both: the same piano gives the same tokens where the likeliest is taken, and
the same frames; and neither knows more than the other, since nothing of ours hears the future. Vibrato and the other
rules with controls are not here; in C they are set to nothing.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ripieno.models.singing.codec import KERNEL, Codec, Stack
from ripieno.models.singing.delivered import Sampling, choose
from ripieno.models.singing.delivery import DEVIATION, LOUDNESS, Delivery, hushed, nothing, shifted, sound, touch
from ripieno.models.singing.frames import BANDS, FLOOR, HIGHEST, SHAPE, centres
from ripieno.models.singing.line import Line, lean, tire
from ripieno.models.singing.representation import BREATH, NOTES, NOTHING_SUNG, REST, SUSTAIN, ages, history
from ripieno.models.singing.rollout import IMPOSSIBLE, Choir, Manner, State
from ripieno.native import vocoder

VOICE = 0
GREEDY = Sampling(0.0)
EXCESS = 1.0  # dB


@dataclass(frozen=True)
class Networks:
    """The three of a singer."""

    line: Line
    delivery: Delivery
    codec: Codec


@dataclass(frozen=True)
class Voiced:
    """What was sung: line [blocks, 4] (representation.history), said [blocks, fields], frames [blocks * 2]."""

    line: NDArray[np.int64]
    said: NDArray[np.int64]
    frames: NDArray[np.void]


class Decoding:
    """The codec's decoder, a block at a time: its last point, and what each layer heard of the last blocks."""

    def __init__(self, codec: Codec) -> None:
        self.codec, stack = codec, codec.decoder
        self.point = torch.zeros(1, codec.shape.dim)
        layers = [stack.first, *stack.middle]
        self.past = [torch.zeros(1, layer.weight.shape[1] // KERNEL * (KERNEL - 1)) for layer in layers]

    def step(self, codes: Tensor) -> Tensor:
        """[1, INPUTS] of the next block's codes [1, stages], in dB."""
        books = self.codec.codebooks
        self.point = books.keep * self.point + books.look_up(codes)
        return self._stack(self.codec.decoder, self.point) * self.codec.scale + self.codec.mean

    def _stack(self, stack: Stack, x: Tensor) -> Tensor:
        y = functional.gelu(self._layer(0, stack.first, x), approximate="tanh")
        for number, layer in enumerate(stack.middle, 1):
            y = y + functional.gelu(self._layer(number, layer, y), approximate="tanh")
        return stack.last(y) + stack.direct(x)

    def _layer(self, number: int, layer: nn.Module, x: Tensor) -> Tensor:
        beside = torch.cat([self.past[number], x], -1)
        self.past[number] = beside[:, x.shape[-1] :]
        return functional.linear(beside, layer.weight, layer.bias)


class Streaming:
    """One singer, block by block."""

    def __init__(self, networks: Networks, manner: Manner, sampling: list[Sampling], voice: int = VOICE) -> None:
        self.networks, self.sampling, self.voice = networks, sampling, torch.tensor([voice])
        self.choir = Choir(networks.line, 1, manner)
        self.past, self.decoding = networks.delivery.begin(), Decoding(networks.codec)
        self.before = torch.tensor([nothing(networks.delivery.shape)])
        self.last: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    @torch.no_grad()
    def step(self, row: NDArray[np.float32]) -> Voiced:
        """The next block: row [ROW]."""
        self.choir.go(torch.from_numpy(row)[None, None])
        line = self.choir.state.history()
        struck = torch.from_numpy(touch(row[None]))
        wanted = self.networks.delivery.step(line, struck, self.voice, self.before, self.past)
        self.before = choose(self.networks.delivery, wanted, line[:, 0], self.before, self.sampling)
        shape = self.decoding.step(self.before[:, 1:DEVIATION]).numpy()
        return self._sound(line.numpy(), self.before.numpy(), shape)

    def _sound(self, line: NDArray[np.int64], said: NDArray[np.int64], shape: NDArray[np.float32]) -> Voiced:
        """The block with its frames, which come out of the block before."""
        both = (
            (line, said) if self.last is None else tuple(map(np.concatenate, zip(self.last, (line, said), strict=True)))
        )
        level, f0 = (part[-1:] for part in sound(*both))
        kept = line.copy()
        if kept[0, 0] == REST:  # whether it has a pitch is all that the next block must know of it
            kept[0, 0] = SUSTAIN if f0[0, 1] > 0 else BREATH
        self.last = kept, said
        return Voiced(line, said, frames_of(level, f0, shape))


def joined(blocks: list[Voiced]) -> Voiced:
    """Blocks one after another."""
    return Voiced(*(np.concatenate([getattr(one, name) for one in blocks]) for name in ("line", "said", "frames")))


def stream(
    networks: Networks, rows: NDArray[np.float32], manner: Manner, sampling: list[Sampling], voice: int = VOICE
) -> Voiced:
    """What is sung to a piano's rows [blocks, ROW], block by block."""
    singer = Streaming(networks, manner, sampling, voice)
    return joined([singer.step(row) for row in rows])


@torch.no_grad()
def at_once(networks: Networks, rows: NDArray[np.float32], manner: Manner, sung: Voiced, voice: int = VOICE) -> Voiced:
    """What the likeliest is in every block, all at once, each block being told that ``sung`` was sung before it."""
    line = line_at_once(networks.line, torch.from_numpy(rows), manner, sung.line)
    said = torch.from_numpy(sung.said)[None]
    told, struck = torch.from_numpy(sung.line)[None], torch.from_numpy(touch(rows))[None]
    before = shifted(said, networks.delivery.shape)
    scores = networks.delivery(told, struck, torch.tensor([voice]), said, before)
    scores[LOUDNESS] = hushed(scores[LOUDNESS], told[..., 0], before[..., LOUDNESS])
    found = torch.stack([one.argmax(-1) for one in scores], -1)[0].numpy()
    shape = networks.codec.decode(said[..., 1:DEVIATION])[0].numpy()
    level, f0 = sound(sung.line, sung.said)
    return Voiced(line, found, frames_of(level, f0, shape))


def line_at_once(line: Line, rows: Tensor, manner: Manner, sung: NDArray[np.int64]) -> NDArray[np.int64]:
    """[blocks, 4] the line of ``at_once``: likeliest phonation and note of each block; rows [blocks, ROW]."""
    told = np.concatenate([[NOTHING_SUNG], sung[:-1]])
    before, guidance = torch.from_numpy(told), torch.full((len(rows),), float(manner.guidance))
    choir = Choir(line, len(rows), manner)
    choir.state.phonation, choir.state.note = before[:, 0], before[:, 2]
    choir.state.age = torch.from_numpy(np.concatenate([[0], ages(sung[:-1, 0])]))
    heard = line(rows[None], before[None])[0]
    scores = lean(line.phonation(heard, rows, before, guidance), before, manner.activity)
    phonation = scores.masked_fill(choir.impossible(rows), IMPOSSIBLE).argmax(-1)
    notes = tire(line.note(heard, rows, before[:, 2], guidance), *struck_until(before))
    notes = notes.masked_fill(choir.beyond[:NOTES], IMPOSSIBLE)
    return history(phonation.numpy(), notes.argmax(-1).numpy())


def struck_until(told: Tensor) -> tuple[Tensor, Tensor]:
    """[blocks, 2] and [blocks]: the pair and the strikes (rollout.State) after each block told [blocks, 4]."""
    state, found = State(1), []
    for block in told[:, None]:
        state.add(block[:, 0], block[:, 2])
        found.append((state.pair, state.strikes))
    return torch.cat([pair for pair, _ in found]), torch.cat([strikes for _, strikes in found])


def frames_of(level: NDArray[np.float64], f0: NDArray[np.float64], shape: NDArray[np.float32]) -> NDArray[np.void]:
    """`vocoder.FRAME`s [blocks * 2] of levels and f0 [blocks, 2] and shapes [blocks, INPUTS]."""
    parts = shape.reshape(-1, SHAPE)
    noise = parts[:, BANDS:].clip(FLOOR, 0.0)
    return vocoder.frames_of(f0.reshape(-1), level.reshape(-1), kept(parts[:, :BANDS]), noise)


def kept(envelope: NDArray[np.float32]) -> NDArray[np.float32]:
    """Envelopes [frames, BANDS], none of them more than EXCESS dB louder than its level says: codes that nobody taught
    together may come to a burst. The mean power is of bands as wide as from neighbour to neighbour."""
    edges = np.pad(centres(), 1, mode="edge")
    breadth = (edges[2:] - edges[:-2]) / 2 / HIGHEST
    power = 10.0 * np.log10(10.0 ** (envelope.astype(np.float64) / 10.0) @ breadth)
    return (envelope - np.maximum(power - EXCESS, 0.0)[:, None]).astype(np.float32)
