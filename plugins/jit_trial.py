"""A jit plugin is tried before it is played, in a process of its own: an endless loop, a crash, a write beyond its
arrays or an unbearable sound end that process, and nothing else.

    python -m ripieno.plugins.jit_trial FILE SAMPLE_RATE COMPILE_SECONDS PLAY_SECONDS

It is compiled so that it raises IndexError at an array's bounds, and given what nobody would play: silence, full scale,
denormals, infinities, a storm of notes, in blocks of one frame and of thousands, with its parameters at their ends.
Then it is compiled as it will be played, which the cache keeps, and timed.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from ripieno.plugins.base import INSTRUMENT, PluginError
from ripieno.plugins.jit_source import EVENT, Program, in_words, line_of, load, memory, refuse

BLOCKS = (128, 1, 61, 1024, 8192)
FRAMES, SINGLE_FRAMES = 2048, 256  # of each trial; of those in blocks of one frame
LONG_SECONDS = 1.0
LOUDEST_DB = 24.0  # over full scale, and over what comes in: what is louder is cut off while it plays, too
MOST_TIME = 0.5  # of the time that a sound lasts, which making it may take
_FAR_TOO_LONG = 4 * MOST_TIME  # with bounds checked, at the first trial
_STORM = 64  # messages a block
_MEMORY = 4 << 30  # bytes of addresses
_KEPT = 1 << 20  # bytes of state from before a block, to tell the line that failed
_HOSTILE = ("NaN", "infinities")


@dataclass(frozen=True)
class Limits:
    """compile, play: seconds of the processor's time for compiling it and for each trial. wall: seconds for all."""

    compile: float = 120.0
    play: float = 10.0
    wall: float = 600.0


USUAL = Limits()


# ---- from outside ----


def try_out(path: Path, sample_rate: int, limits: Limits = USUAL) -> None:
    """Raises PluginError, with what happened, where the plugin is not fit to be played."""
    numbers = (sample_rate, limits.compile, limits.play)
    command = [sys.executable, "-P", "-m", "ripieno.plugins.jit_trial", str(path), *map(str, numbers)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet, text=True) as process:
        try:
            said, _ = process.communicate(timeout=limits.wall)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
    lines = [json.loads(line) for line in said.splitlines()]
    last = lines[-1] if lines else {"at": "its start"}
    if "refused" in last:
        raise PluginError(last["refused"])
    if "passed" not in last:
        refuse(path, f"{_end(process.returncode, limits)} at {last['at']}")


def _end(code: int, limits: Limits) -> str:
    """How a trial ended that came to no verdict."""
    name = signal.Signals(-code).name if code < 0 else f"status {code}"
    if name == "SIGXCPU":
        return "it does not come to an end (an endless loop?)"
    if name == "SIGKILL":
        return f"it took more than {limits.wall:g} s, or all memory,"
    return f"it crashed ({name})"


# ---- in the process of its own ----


@dataclass(frozen=True)
class Setting:
    """Values of all parameters, as [1] record, and what to call them."""

    name: str
    values: NDArray[Any]


@dataclass(frozen=True)
class Trial:
    """Something to play: audio, float32 [2, frames], and a number of messages in each block."""

    name: str
    audio: NDArray[np.float32]
    block: int
    setting: Setting
    messages: int = 0

    def __str__(self) -> str:
        notes = " and a storm of notes" if self.messages else ""
        blocks = "single frames" if self.block == 1 else f"blocks of {self.block} frames"
        return f"{self.name}{notes}, {blocks}, {self.setting.name}"


def settings(program: Program, rng: np.random.Generator) -> list[Setting]:
    """Everything as usual, at its lowest, at its highest, and anyhow."""
    table = program.parameters
    drawn = [rng.uniform(one.low, one.high) for one in table]
    anyhow = [round(value) if one.whole else value for one, value in zip(table, drawn, strict=True)]
    found = {
        "parameters as usual": [one.usual for one in table],
        "parameters at their lowest": [one.low for one in table],
        "parameters at their highest": [one.high for one in table],
        "parameters anyhow": anyhow,
    }
    return [_setting(program, name, values) for name, values in found.items()][: 4 if table else 1]


def _setting(program: Program, name: str, values: list[float]) -> Setting:
    record = np.zeros(1, program.values)
    for one, value in zip(program.parameters, values, strict=True):
        record[one.name] = value
    return Setting(name, record)


def sounds(frames: int, role: str, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """What comes in: float32 [2, frames] each; an instrument hears silence."""
    at = np.arange(frames)
    silence = np.zeros(frames)
    found = {"silence": silence}
    if role != INSTRUMENT:
        found |= {
            "full scale": np.where(at // 24 % 2, 1.0, -1.0),
            "full scale that stands still": np.ones(frames),
            "noise": rng.uniform(-1, 1, frames),
            "denormals": rng.uniform(-1e-39, 1e-39, frames),
            "an impulse": np.where(at == frames // 3, 1.0, 0.0),
            "NaN": np.where(at % 100 == 50, np.nan, 0.5),
            "infinities": np.where(at % 100 == 50, np.where(at % 200 == 50, np.inf, -np.inf), 0.5),
        }
    return {name: np.stack([sound, sound[::-1]]).astype(np.float32) for name, sound in found.items()}


def trials(program: Program, sample_rate: int) -> Iterator[Trial]:
    """All of them, the same each time."""
    rng = np.random.default_rng(1)
    all_settings = settings(program, rng)
    for block in BLOCKS:
        frames = max(block, SINGLE_FRAMES if block == 1 else FRAMES)
        for name, audio in sounds(frames, program.role, rng).items():
            for setting in all_settings:
                yield Trial(name, audio, block, setting)
                if name in ("silence", "noise"):
                    yield Trial(name, audio, block, setting, min(block, _STORM))
    last = "silence" if program.role == INSTRUMENT else "noise"
    audio = sounds(int(LONG_SECONDS * sample_rate), program.role, rng)[last]
    for setting in all_settings:
        yield Trial(f"{LONG_SECONDS:g} seconds of {last}", audio, 512, setting, _STORM)


def storm(frames: int, messages: int, rng: np.random.Generator) -> NDArray[Any]:
    """Any channel messages, most of them notes."""
    found = np.zeros(messages, EVENT)
    found["frame"] = np.sort(rng.integers(0, frames, messages))
    kinds = np.array([0x80, 0x90, 0x90, 0x90, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0])
    found["status"] = rng.choice(kinds, messages) | rng.integers(0, 16, messages)
    found["data1"], found["data2"] = rng.integers(0, 128, (2, messages))
    return found


def play(process: Any, program: Program, trial: Trial, sample_rate: int) -> None:
    """Raises PluginError, with what is wrong."""
    state = program.first.copy()
    rng, taken = np.random.default_rng(2), 0.0
    for begin in range(0, trial.audio.shape[1] - trial.block + 1, trial.block):
        audio = trial.audio[:, begin : begin + trial.block].copy()
        before = state.copy() if state.nbytes <= _KEPT else None
        heard = storm(trial.block, trial.messages, rng)
        began = time.thread_time()
        try:
            run_block(process, audio, heard, trial.setting.values, state, sample_rate)
        except Exception as error:
            audio = trial.audio[:, begin : begin + trial.block].copy()
            line = line_in_python(program, sample_rate, audio, heard, trial.setting.values, before)
            refuse(program.path, f"at {trial}: {in_words(error)}", line)
        taken += time.thread_time() - began
        if trial.name not in _HOSTILE:
            judge(audio, trial, program)
    if trial.block == BLOCKS[0]:
        refuse_slow(taken / trial.audio.shape[1] * sample_rate, _FAR_TOO_LONG, program)


def refuse_slow(taken: float, most: float, program: Program) -> None:
    """Raises PluginError where a second of sound takes more than ``most`` seconds to make."""
    if taken > most:
        refuse(program.path, f"a second of its sound takes {taken:.2g} s to make: {MOST_TIME:g} s at most")


def run_block(process: Any, audio: Any, heard: Any, values: Any, state: Any, sample_rate: int) -> None:
    """The block as `process` is given it; audio and state are changed."""
    process((audio[0], audio[1]), heard, values[0], state if state.ndim else state.reshape(1)[0], float(sample_rate))


def line_in_python(program: Program, sample_rate: int, audio: Any, heard: Any, values: Any, state: Any) -> int | None:
    """Where the same block fails without a compiler, where the line is known. state: None: it was not kept."""
    if state is None:
        return None
    heard, values, state = (one.view(np.recarray) if one.dtype.names else one for one in (heard, values, state))
    try:
        run_block(vars(load(program.path, sample_rate).module)["process"], audio, heard, values, state, sample_rate)
    except Exception as error:
        return line_of(error, program.path)
    return None


def judge(sound: NDArray[np.float32], trial: Trial, program: Program) -> None:
    """Raises PluginError where nobody may hear that."""
    peak = float(np.abs(sound).max())
    if not math.isfinite(peak):
        refuse(program.path, f"at {trial} it sends samples that are no numbers")
    if peak > 10 ** (LOUDEST_DB / 20):
        refuse(
            program.path,
            f"at {trial} its sound is {20 * math.log10(peak):.0f} dB over full scale; what is louder than"
            f" {LOUDEST_DB:g} dB over is cut off: keep it lower, or its parameters within narrower limits",
        )


def time_taken(address: int, program: Program, sample_rate: int) -> float:
    """Seconds of the processor's time for a second of sound, with a storm of notes: the best of three."""
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    call = ctypes.CFUNCTYPE(None, pointer, pointer, number, pointer, number, pointer, pointer, ctypes.c_double)(address)
    rng, block = np.random.default_rng(3), 128
    values, state = settings(program, rng)[0].values.tobytes(), memory(program)
    heard = storm(block, 8, rng)
    taken = []
    for _ in range(3):
        audio = np.ascontiguousarray(rng.uniform(-1, 1, (sample_rate // block, 2, block)), np.float32)
        audio *= program.role != INSTRUMENT
        begin = time.thread_time()
        for left, right in audio:
            places = (left.ctypes.data, right.ctypes.data, block, heard.ctypes.data, len(heard))
            call(*places, values, state.ctypes.data, sample_rate)
        taken.append(time.thread_time() - begin)
    return min(taken)


def limit(seconds: float) -> None:
    """So much of the processor's time from now on, then SIGXCPU."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used + seconds), hard))


def confine() -> None:
    """Little memory, and no core dump of what crashes."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def examine(path: Path, sample_rate: int, begin: Callable[[str, bool], object]) -> None:
    """All trials; raises PluginError.

    begin: is told what is tried next, and whether the plugin plays then.
    """
    from ripieno.plugins import jit_compile

    begin("its import", False)
    program = load(path, sample_rate)
    begin("its compilation", False)
    process = jit_compile.checked(program)
    kept = jit_compile.place(path, program.text, sample_rate)
    made = jit_compile.entry(program, kept)
    jit_compile.audit(made, program)
    for trial in trials(program, sample_rate):
        begin(str(trial), True)
        play(process, program, trial, sample_rate)
    begin("its compilation", False)
    compiled = jit_compile.finish(made)
    refuse_slow(time_taken(compiled.address, program, sample_rate), MOST_TIME, program)
    if made.kept:
        (kept / jit_compile.PASSED).touch()
        jit_compile.forget_old(kept.parent)


class Teller:
    """Says on `out`, as lines of JSON, what is being done; all of it has its limit."""

    def __init__(self, out: TextIO, limits: Limits) -> None:
        self._out, self._limits = out, limits

    def __call__(self, at: str, playing: bool) -> None:
        """It begins."""
        limit(self._limits.play if playing else self._limits.compile)
        self.say(at=at)

    def say(self, **what: object) -> None:
        """One line."""
        print(json.dumps(what), file=self._out, flush=True)


def main(path: str, sample_rate: str, compile_seconds: str, play_seconds: str) -> None:
    """What `try_out` starts."""
    confine()
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # what the user's file prints is not ours
        tell = Teller(out, Limits(float(compile_seconds), float(play_seconds)))
        try:
            examine(Path(path), int(sample_rate), tell)
            tell.say(passed=True)
        except PluginError as error:
            tell.say(refused=str(error))
        except Exception as error:
            tell.say(refused=f"{path}: {in_words(error)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
