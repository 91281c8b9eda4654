"""From a key to the first sample of the voice that it changes, in the engine's own frames.

The engine runs off line in cycles of 128 frames at 48 kHz, as it does live, twice for each key: a pianist plays, and at
a random moment a key is struck, or is not. The voice is the same up to a sample, and from there on another: so many
frames after the key. In the mode *double* the voice sings what is played on top, so that a key above everything, of a
pitch class that was not played just before, must change it: this is how long the way takes. (Not within 80 ms after
another key: the notes of a broken chord are taken as one there.) In the mode *free* the voice does what it likes, and
what a key changes may come later, or not at all.
"""

from collections.abc import Sequence
from contextlib import closing
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.daemon.bench.singing_player import accompaniment
from ripieno.daemon.singer import singer_model
from ripieno.native.engine import Engine, Event, Rig, Sound, run_offline
from ripieno.native.singer import MODES, SingerWeights
from ripieno.native.singing import Singing, SingingConfig

RATE, CYCLE = 48_000, 128
KEYS = 200  # of each mode
PIECES = 20
AFTER = RATE // 4  # frames after a key within which a change is looked for
BOUND_MS = 25.0
_MODES = ("double", "free")
_FIRST, _LAST = 1.5, 3.0  # seconds between which the key is struck
_APART = int(0.08 * RATE)
_LOWEST, _HIGHEST = 76, 88  # above everything the pianist plays
_ON = 0x90


def sung(weights: SingerWeights, script: Sequence[Event], until: int, mode: str, seed: int) -> NDArray[np.float32]:
    """[until] what the voice sounds like to this script."""
    parameters = {"mode": MODES.index(mode), "seed": seed}
    core = Singing(weights, SingingConfig(RATE, synchronous=True, parameters=parameters))
    with closing(core), closing(Engine(RATE, outputs=2, audios=1)) as engine:
        engine.load(Rig("thru", singing=core, singing_port=1))
        sound = Sound()
        run_offline(engine, script, until, block=CYCLE, sound=sound)
        return sound.samples()[:, 0]


def with_key(script: Sequence[Event], frame: int, pitch: int) -> list[Event]:
    """A script with one key more, which is held."""
    return sorted([*script, (frame, 0, bytes([_ON, pitch, 90]))], key=lambda event: event[0])


def moment(script: Sequence[Event], rng: Random) -> int:
    """A random frame with no key just before it."""
    struck = [at for at, _, data in script if data[0] == _ON]
    while True:
        frame = rng.randrange(int(_FIRST * RATE), int(_LAST * RATE))
        if not any(frame - _APART < at <= frame for at in struck):
            return frame


def new_pitch(script: Sequence[Event], frame: int, rng: Random) -> int:
    """A pitch above everything, of a class that was not struck in the two seconds before."""
    struck = {data[1] % 12 for at, _, data in script if data[0] == _ON and frame - 2 * RATE < at < frame}
    pitches = [pitch for pitch in range(_LOWEST, _HIGHEST) if pitch % 12 not in struck]
    return rng.choice(pitches or [_HIGHEST])


def first_change(plain: NDArray[np.float32], other: NDArray[np.float32], frame: int) -> int | None:
    """Frames from a key to the first sample that differs; None: none does. ValueError: one differs before the key."""
    count = min(len(plain), len(other))
    differs = np.flatnonzero(plain[:count] != other[:count])
    if not len(differs):
        return None
    if differs[0] < frame:
        raise ValueError(f"the voice changed {frame - differs[0]} frames before the key")
    return int(differs[0]) - frame


def delays(weights: SingerWeights, mode: str, keys: int = KEYS, pieces: int = PIECES) -> list[int | None]:
    """Frames from each of so many keys to what it changes."""
    rng, found = Random(mode), []
    last = int(_LAST * RATE) + AFTER
    for piece in range(min(pieces, keys)):
        script = [event for event in accompaniment(5.0, RATE, seed=piece) if event[0] < last]
        plain = sung(weights, script, last, mode, piece)
        for _ in range(piece, keys, pieces):
            frame = moment(script, rng)
            told = with_key(script, frame, new_pitch(script, frame, rng))
            found.append(first_change(plain, sung(weights, told, frame + AFTER, mode, piece), frame))
    return found


def summary(found: Sequence[int | None]) -> dict[str, Any]:
    """Percentiles in ms of those keys that changed something within a quarter of a second, and how many those are."""
    known = np.array([1000 * one / RATE for one in found if one is not None])
    percentiles = {name: float("nan") for name in ("p50_ms", "p99_ms", "max_ms")}
    if len(known):
        percentiles = dict(zip(percentiles, map(float, np.percentile(known, (50, 99, 100))), strict=True))
    within = float(np.sum(known <= BOUND_MS)) / len(found) if found else float("nan")
    return {"keys": len(found), "changed": len(known), **percentiles, "within_25_ms": within}


def measure(weights: SingerWeights, keys: int = KEYS) -> dict[str, dict[str, Any]]:
    """By mode."""
    return {mode: summary(delays(weights, mode, keys)) for mode in _MODES}


def run(json: bool = False, weights: str = "small") -> dict[str, dict[str, Any]]:
    """Measure; print a table unless `json`. UserError: the weights are not there."""
    found = measure(singer_model(weights).weights)
    if not json:
        print("mode     keys  changed   p50 ms   p99 ms   max ms  within 25 ms")
        for mode, row in found.items():
            print(
                f"{mode:7} {row['keys']:5} {row['changed']:8} {row['p50_ms']:8.2f} {row['p99_ms']:8.2f}"
                f" {row['max_ms']:8.2f} {row['within_25_ms']:12.3f}"
            )
    return found
