"""What the delivery learns from: singing, told block by block as tokens, and a piano that is struck soft and hard.

A singing is frames, what they sing, and codes. Its loudness is made to follow the piano's (a rule of ours: the singers
had no piano to hear), which costs nothing, since level and timbre are apart. Excerpts of singings are drawn for each
voice alike; what was sung before an excerpt is known to it by its last block alone.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ripieno.models.collection import CorpusError
from ripieno.models.singing.delivery import DEVIATION, LOUDNESS, Shape, nothing
from ripieno.models.singing.frames import BLOCK, Frames
from ripieno.models.singing.recordings import Sung
from ripieno.models.singing.representation import (
    BLOCK as SECONDS,
)
from ripieno.models.singing.representation import (
    NO_NOTE,
    NOTES,
    ONSET,
    REST,
    deviation_token,
    history,
    loudness_token,
)

RELEASED = -50.0  # dB; in a rest, what is softer counts as silence
FOLLOW_DB, FOLLOW_MIDDLE, FOLLOW_MOST = 14.0, 0.45, 6.0  # dB a unit of touch, touch of no change, dB at most
FOLLOW_TIME = 0.4  # s, of the mean of the touch that loudness follows
SOFTEST, HARDEST = 0.4, 1.5  # by how much a piano's velocities are changed
UNHEARD = 0.05  # the weight of codes that are silent
TRANSPOSE = 3  # semitones by which a recording's notes are moved at most: its timbre still fits


@dataclass(frozen=True)
class Lesson:
    """A singing of n blocks. line [n, 4]: representation.history; said [n, fields]; touch [n, 2]; weight [n, fields]:
    how much each token is to be learnt."""

    line: NDArray[np.uint8]
    said: NDArray[np.uint16]
    touch: NDArray[np.float16]
    weight: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.line)


def following(touch: NDArray[np.floating]) -> NDArray[np.float64]:
    """[blocks] dB by which the voice is louder where the piano is: of touch [blocks, 2], its second column's mean."""
    keep = np.exp(-SECONDS / FOLLOW_TIME)
    heard, mean = np.empty(len(touch)), FOLLOW_MIDDLE
    for block, now in enumerate(touch[:, 1].astype(np.float64)):
        mean = keep * mean + (1.0 - keep) * now
        heard[block] = mean
    return np.clip(FOLLOW_DB * (heard - FOLLOW_MIDDLE), -FOLLOW_MOST, FOLLOW_MOST)


def struck(touch: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float32]:
    """The same piano played softer or harder."""
    return np.clip(touch * np.exp(rng.uniform(np.log(SOFTEST), np.log(HARDEST))), 0.0, 1.0).astype(np.float32)


def released(loudness: NDArray[np.int64], phonation: NDArray[np.int64]) -> NDArray[np.int64]:
    """Loudness tokens as ``delivery.hushed`` allows them: in a rest they only fall."""
    found = loudness.copy()
    for block in np.flatnonzero(phonation == REST):
        before = found[block - 1] if block else 0
        found[block] = min(found[block], max(before - 1, 0))
    return found


def lesson(frames: Frames, sung: Sung, codes: NDArray[np.integer], touch: NDArray[np.floating]) -> Lesson:
    """A singing as tokens. frames: two a block of ``sung``; codes [blocks, stages]; touch [blocks, 2]."""
    blocks = min(len(sung.phonation), len(codes), len(touch), len(frames) // BLOCK)
    phonation, note, touch = sung.phonation[:blocks], sung.note[:blocks], touch[:blocks]
    second = slice(BLOCK - 1, BLOCK * blocks, BLOCK)
    level = frames.level[second] + following(touch)
    silent = (phonation == REST) & (frames.level[second] < RELEASED)
    loudness = released(np.where(silent, 0, loudness_token(level)), phonation)
    said = np.column_stack([loudness, codes[:blocks], deviation_token(sung.cents[second])])
    return Lesson(
        history(phonation, note).astype(np.uint8),
        said.astype(np.uint16),
        touch.astype(np.float16),
        weights(said, phonation, frames.f0[second] > 0).astype(np.float16),
    )


def weights(
    said: NDArray[np.integer], phonation: NDArray[np.integer], voiced: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """[blocks, fields] how much each token is to be learnt: not what is forced, nor the pitch of what has none."""
    found = np.ones(said.shape)
    heard = said[:, LOUDNESS] > 0
    before = np.concatenate([[False], heard[:-1]])
    found[:, LOUDNESS] = (phonation != REST) | before
    found[:, 1:DEVIATION] = np.where(heard, 1.0, UNHEARD)[:, None]
    found[:, DEVIATION] = (phonation >= ONSET) & voiced
    return found


def write(path: Path, lessons: Sequence[Lesson]) -> None:
    """Several lessons into one file; it is complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns: dict[str, Any] = {
        field.name: np.concatenate([getattr(one, field.name) for one in lessons]) for field in fields(Lesson)
    }
    part = path.with_suffix(".new.npz")
    np.savez(part, starts=np.cumsum([0, *map(len, lessons)]), **columns)
    part.replace(path)


def read(path: Path) -> list[Lesson]:
    """The lessons of a file. Raises CorpusError naming it."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            columns = [archive[field.name] for field in fields(Lesson)]
            starts = archive["starts"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{path}: no lessons of a delivery ({error}): delete it, and they are made anew") from error
    return [Lesson(*(column[first:last] for column in columns)) for first, last in pairwise(starts)]


@dataclass(frozen=True)
class Batch:
    """Excerpts, [batch, blocks, ...] each: what Delivery hears, and how much each token is to be learnt."""

    line: Tensor
    touch: Tensor
    voice: Tensor
    said: Tensor
    before: Tensor
    weight: Tensor


class Excerpts:
    """Draws excerpts of the voices' lessons, each voice as often as its share. voices: a list of lessons a voice."""

    def __init__(self, voices: Sequence[Sequence[Lesson]], shares: Sequence[float], shape: Shape, blocks: int) -> None:
        self.shape, self.blocks = shape, blocks
        self.voices = [[one for one in lessons if len(one) > blocks] for lessons in voices]
        for voice, lessons in enumerate(self.voices):
            if not lessons:
                raise CorpusError(f"voice {voice} sings nothing longer than {blocks} blocks: use fewer --blocks")
        self.shares = np.array(shares) / np.sum(shares)
        self.lengths = [np.array([len(one) for one in lessons], np.float64) for lessons in self.voices]

    def excerpt(self, rng: np.random.Generator) -> tuple[int, Lesson, NDArray[np.uint16]]:
        """A voice, an excerpt of it, and what was said in the block before it."""
        voice = int(rng.choice(len(self.voices), p=self.shares))
        lengths = self.lengths[voice]
        one = self.voices[voice][int(rng.choice(len(lengths), p=lengths / lengths.sum()))]
        first = int(rng.integers(0, len(one) - self.blocks + 1))
        part = slice(first, first + self.blocks)
        said = one.said[first - 1] if first else np.array(nothing(self.shape), np.uint16)
        return voice, Lesson(one.line[part], one.said[part], one.touch[part], one.weight[part]), said

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Excerpts, their notes moved a little."""
        voices, excerpts, firsts = zip(*(self.excerpt(rng) for _ in range(size)), strict=True)
        line = np.stack([moved(one.line, int(rng.integers(-TRANSPOSE, TRANSPOSE + 1))) for one in excerpts])
        said = np.stack([one.said for one in excerpts]).astype(np.int64)
        before = np.concatenate([np.stack(firsts)[:, None].astype(np.int64), said[:, :-1]], 1)
        touch = np.stack([one.touch for one in excerpts]).astype(np.float32)
        weight = np.stack([one.weight for one in excerpts]).astype(np.float32)
        told = (line, touch, np.array(voices), said, before, weight)
        return Batch(*(torch.from_numpy(np.ascontiguousarray(part)) for part in told))


def moved(line: NDArray[np.uint8], by: int) -> NDArray[np.int64]:
    """A line [blocks, 4] whose notes are ``by`` semitones higher, where the voice reaches so far."""
    found = line.astype(np.int64)
    sung = found[:, 2] < NO_NOTE
    found[sung, 2] = np.clip(found[sung, 2] + by, 0, NOTES - 1)
    return found
