"""What a recording is beside the sound that was expected: samples that differ, gaps, clicks, what rings in the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ripieno.daemon.bench.plugins_session import PERIOD

_PIECE = 1 << 20
_SLIPS = 4  # periods by which JACK's clients may run out of step after an xrun
_SAME_AGAIN = 480  # frames without a difference, after which a gap is over
SILENT = 1e-4  # -80 dB
NONSENSE = 1e30

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Beside:
    """How a recording compares. samples: compared; lost: those that are not what they should be; slips: how often it
    went on some periods earlier or later, JACK's clients out of step."""

    samples: int
    lost: int
    slips: int


def compare(heard: Sound, expected: Sound) -> Beside:
    """Sample by sample, both from the same frame on."""
    frames = min(len(heard), len(expected))
    lost, slips, shift, at = 0, 0, 0, 0
    while at < frames:
        size = _PIECE if frames - at >= _PIECE else frames - at
        if shift == 0 and np.array_equal(heard[at : at + size], expected[at : at + size]):
            at += size
            continue
        for first in range(at, at + size, PERIOD):
            block = heard[first : min(first + PERIOD, frames)]
            found = _found(block, expected, first, shift)
            slips += found is not None and found != shift
            shift = shift if found is None else found
            if found is None:
                lost += int(np.count_nonzero(block != _part(expected, first - shift, len(block))))
        at += size
    return Beside(frames, lost, slips)


def _found(block: Sound, expected: Sound, first: int, shift: int) -> int | None:
    """By how many frames the block is late, where it is in the expected sound at all: the last shift if that will do.
    Silence proves no other."""
    near = [shift + PERIOD * by for by in range(-_SLIPS, _SLIPS + 1)] if block.any() else []
    for one in [shift, *sorted(near, key=abs)]:
        if np.array_equal(block, _part(expected, first - one, len(block))):
            return one
    return None


def _part(sound: Sound, first: int, size: int) -> Sound:
    """So many samples from there on, zeros where there are none."""
    part = sound[max(first, 0) : max(first + size, 0)]
    before = min(size, max(-first, 0))
    return np.concatenate([np.zeros(before, np.float32), part, np.zeros(size - before - len(part), np.float32)])


@dataclass(frozen=True)
class Gap:
    """What followed a fault: frames from the first sample that differs to the last, before the sound was again as
    expected; over: it was so before the next fault of that strip. later: samples that differ after that, since a block
    came too late by itself."""

    frames: int
    over: bool
    later: int


def gaps(heard: Sound, expected: Sound, faults: Sequence[int]) -> list[Gap]:
    """Of each fault, by its frame, in order."""
    frames = min(len(heard), len(expected))
    return [_gap(heard[first:last] != expected[first:last]) for first, last in pairwise([*faults, frames])]


def _gap(differs: NDArray[np.bool_]) -> Gap:
    places = np.flatnonzero(differs)
    if not len(places):
        return Gap(0, True, 0)
    rests = np.flatnonzero(np.diff(places) > _SAME_AGAIN)
    last = int(rests[0]) if len(rests) else len(places) - 1
    over = len(rests) > 0 or len(differs) - int(places[-1]) > _SAME_AGAIN
    return Gap(int(places[last] - places[0]) + 1, over, len(places) - 1 - last)


def longest_silence(heard: Sound, expected: Sound) -> int:
    """Frames: the longest stretch that is silent where sound was expected throughout."""
    longest = run = 0
    for first in range(0, min(len(heard), len(expected)) - PERIOD + 1, PERIOD):
        part = slice(first, first + PERIOD)
        silent = float(np.abs(heard[part]).max()) < SILENT <= float(np.abs(expected[part]).max())
        run = run + PERIOD if silent else 0
        longest = max(longest, run)
    return longest


def largest_jump(sound: Sound) -> float:
    """From one sample to the next; NONSENSE where one is no number."""
    pieces = (sound[first : first + _PIECE + 1] for first in range(0, len(sound), _PIECE))
    jumps = (np.nan_to_num(np.abs(np.diff(piece)), nan=NONSENSE, posinf=NONSENSE) for piece in pieces)
    return max((float(one.max(initial=0)) for one in jumps), default=0.0)


def peak(sound: Sound) -> float:
    """The highest sample; NONSENSE where one is no number."""
    highest = [0.0]
    for first in range(0, len(sound), _PIECE):
        part = np.abs(sound[first : first + _PIECE])
        highest.append(float(part.max(initial=0)) if np.isfinite(part).all() else NONSENSE)
    return max(highest)
