"""A delivery that runs free: what it says to a line, and whether that is like the singing it learnt from.

What goes wrong here does so slowly or in small: loudness drifts, codes flutter on held vowels, the pitch wanders. So
the figures are those of held notes and of all that is sung, of the corpus and of the network beside each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ripieno.models.singing.codec import Codec
from ripieno.models.singing.deliveries import Lesson
from ripieno.models.singing.delivery import DEVIATION, LOUDNESS, Delivery, hushed, nothing
from ripieno.models.singing.frames import BANDS, BLOCK, HEARD, SHAPE, cepstrum
from ripieno.models.singing.representation import DEVIATION_CENTS, ONSET, SUSTAIN, loudness_level

HELD = 7  # the age's bucket from which a note counts as held: 11 blocks, 176 ms


@dataclass(frozen=True)
class Sampling:
    """How a field is drawn: from its scores divided by ``temperature`` (0: the likeliest), among the likeliest values
    that together have ``top_p``."""

    temperature: float = 1.0
    top_p: float = 1.0


def draw(scores: Tensor, sampling: Sampling, random: torch.Generator | None = None) -> Tensor:
    """[...] values drawn from scores [..., size]."""
    if sampling.temperature <= 0.0:
        return scores.argmax(-1)
    likely = (scores.float() / sampling.temperature).softmax(-1)
    if sampling.top_p < 1.0:
        ordered, which = likely.sort(-1, descending=True)
        ordered[ordered.cumsum(-1) - ordered >= sampling.top_p] = 0.0
        likely = torch.zeros_like(likely).scatter(-1, which, ordered)
    mass = likely.cumsum(-1)
    lot = torch.rand(mass.shape[:-1], generator=random, device=mass.device) * mass[..., -1]
    return (mass <= lot[..., None]).sum(-1).clamp(max=mass.shape[-1] - 1)


@torch.no_grad()
def choose(
    network: Delivery,
    wanted: Tensor,
    phonation: Tensor,
    before: Tensor,
    sampling: Sequence[Sampling],
    random: torch.Generator | None = None,
) -> Tensor:
    """[batch, fields] what one block says: wanted [batch, fields, width], phonation [batch], before [batch, fields]."""
    said = before.clone()
    for field in range(len(network.shape.sizes)):
        scores = network.field_scores(wanted, field, said, before)
        if field == LOUDNESS:
            scores = hushed(scores, phonation, before[:, LOUDNESS])
        said[:, field] = draw(scores, sampling[field], random)
    return said


@torch.no_grad()
def deliver(
    network: Delivery, line: Tensor, touch: Tensor, voice: Tensor, sampling: Sequence[Sampling], seed: int = 0
) -> Tensor:
    """[batch, blocks, fields] what a network says to whole lines, block by block."""
    network.eval()
    random = torch.Generator().manual_seed(seed)
    before = torch.tensor(nothing(network.shape)).expand(len(line), -1)
    past, said = network.begin(len(line)), []
    for block in range(line.shape[1]):
        wanted = network.step(line[:, block], touch[:, block], voice, before, past)
        before = choose(network, wanted, line[:, block, 0], before, sampling, random)
        said.append(before)
    return torch.stack(said, 1)


@dataclass(frozen=True)
class Test:
    """Lines to deliver, of every voice: line [batch, blocks, 4], touch [batch, blocks, 2], voice [batch], and what the
    corpus says to them [batch, blocks, fields]."""

    line: Tensor
    touch: Tensor
    voice: Tensor
    said: Tensor


def test_of(voices: Sequence[Sequence[Lesson]], blocks: int, each: int) -> Test:
    """The beginnings of the first lessons of each voice that are long enough, ``each`` of a voice."""
    taken = [(voice, one) for voice, lessons in enumerate(voices) for one in lessons[:each] if len(one) >= blocks]
    line, touch, said = (
        np.stack([getattr(one, name)[:blocks] for _, one in taken]) for name in ("line", "touch", "said")
    )
    told = (line.astype(np.int64), touch.astype(np.float32), np.array([v for v, _ in taken]), said.astype(np.int64))
    return Test(*(torch.from_numpy(part) for part in told))


def beside(
    network: Delivery, test: Test, sampling: Sequence[Sampling], codec: Codec, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Each of ``figures``, of the corpus and of the network that delivers the same lines freely; and, as "timbre", the
    Frechet distance from the corpus of half of it, and of the network."""
    said = deliver(network, test.line, test.touch, test.voice, sampling, seed).numpy()
    line, true = test.line.numpy(), test.said.numpy()
    ours = figures(line, said, codec)
    found = {name: (value, ours[name]) for name, value in figures(line, true, codec).items()}
    corpus, half = timbre(true, codec), timbre(true[::2], codec)
    return found | {"timbre": (frechet(corpus, half), frechet(corpus, timbre(said, codec)))}


def timbre(said: NDArray[np.integer], codec: Codec) -> NDArray[np.float64]:
    """[frames, 2 * CEPSTRUM] cepstra of what is heard, and their changes, of [batch, blocks, fields]."""
    bands = decoded(said[..., 1:DEVIATION], codec)
    heard = np.repeat(loudness_level(said[..., LOUDNESS]) > HEARD, BLOCK, axis=1)
    cepstra = np.stack([cepstrum(one) for one in bands])
    both = np.concatenate([cepstra, np.gradient(cepstra, axis=1)], -1)
    return both[heard]


def frechet(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The Frechet distance of two sets of points [n, width], taken as normal, |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))
    (Dowson and Landau 1982), a dimension, each over its standard deviation in the first set."""
    spread = one.std(0)
    one, other = one / spread, other / spread
    apart = one.mean(0) - other.mean(0)
    first, second = np.cov(one.T), np.cov(other.T)
    values, axes = np.linalg.eigh(first)
    root = (axes * np.sqrt(values.clip(min=0.0))) @ axes.T
    both = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(min=0.0)).sum()
    return float(apart @ apart + np.trace(first) + np.trace(second) - 2.0 * both) / len(apart)


def figures(line: NDArray[np.integer], said: NDArray[np.integer], codec: Codec | None = None) -> dict[str, float]:
    """What [batch, blocks, 4] lines and what was said to them, [batch, blocks, fields], are like.

    changes: the share of blocks of held notes in which a code is another than the block before, by stage; moves: dB,
    rms, by which the decoded bands change from frame to frame there; loudness: mean, spread and mean step in dB of
    what is sung; deviation: median and 90th percentile of its size, and mean step, in cents, of held notes.
    """
    phonation, age = line[..., 0], line[..., 1]
    sung = (phonation == ONSET) | (phonation == SUSTAIN)
    held = (phonation == SUSTAIN) & (age >= HELD)
    step = held[:, 1:] & held[:, :-1]
    found: dict[str, float] = {}
    for stage in range(1, said.shape[-1] - 1):
        found[f"changes {stage}"] = float((said[:, 1:, stage] != said[:, :-1, stage])[step].mean())
    loudness = loudness_level(said[..., LOUDNESS])
    found["loudness mean"] = float(loudness[sung].mean())
    found["loudness spread"] = float(loudness[sung].std())
    found["loudness step"] = float(abs(np.diff(loudness, axis=1))[step].mean())
    cents = DEVIATION_CENTS[said[..., DEVIATION]]
    found["deviation median"] = float(np.median(abs(cents[held])))
    found["deviation p90"] = float(np.percentile(abs(cents[held]), 90))
    found["deviation step"] = float(abs(np.diff(cents, axis=1))[step].mean())
    if codec is not None:
        found["moves"] = moves(said[..., 1:DEVIATION], held, codec)
    return found


def moves(codes: NDArray[np.integer], held: NDArray[np.bool_], codec: Codec) -> float:
    """dB, rms over bands, of the change from frame to frame of the decoded envelope where a note is held."""
    steady = np.repeat(held, BLOCK, axis=1)
    steady = steady[:, 1:] & steady[:, :-1]
    return float(np.sqrt((np.diff(decoded(codes, codec), axis=1)[steady] ** 2).mean(-1)).mean())


@torch.no_grad()
def decoded(codes: NDArray[np.integer], codec: Codec) -> NDArray[np.float32]:
    """[batch, frames, BANDS] the envelopes of codes [batch, blocks, stages], in dB."""
    blocks = codec.decode(torch.from_numpy(codes.astype(np.int64))).numpy()
    return blocks.reshape(len(blocks), -1, SHAPE)[..., :BANDS]
