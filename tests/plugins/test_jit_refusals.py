"""What a user's file does that it may not, told before it plays: what, in which file, on which line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from needs import needs
from ripieno.plugins import jit, jit_trial
from ripieno.plugins.base import PluginError
from ripieno.plugins.jit_trial import Limits, examine

needs("numba")

RATE = 48_000
QUICK = Limits(play=2)
BODY = """\
import math
import numpy as np
from ripieno.plugins.base import Parameter
PARAMETERS = [Parameter("much", 0.0, 0.0, 1.0)]
def make_state(sample_rate):
    return {"line": np.zeros(64), "at": 0}
def helper(x):
    return x + 1
def process(audio, events, parameters, state, sample_rate):
    left, right = audio
"""  # what follows begins on line 11


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def written(folder: Path, text: str, lines: str = "") -> Path:
    path = folder / "mine.py"
    path.write_text(text + "".join(f"    {line}\n" for line in lines.splitlines()))
    return path


def complaint(path: Path) -> str:
    """What is said of it by the same trials, in this process."""
    with pytest.raises(PluginError) as caught:
        examine(path, RATE, lambda what, playing: None)
    assert str(caught.value).startswith(str(path))
    return str(caught.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def process(:\n", ", line 1: this is not Python: invalid syntax"),
        ("x = 1\nimport nowhere\n", ", line 2: ModuleNotFoundError: No module named 'nowhere'"),
        ("\nraise SystemExit(3)\n", ", line 2: SystemExit: 3"),
        ("x = 1\n", ": it has no function `process(audio, events, parameters, state, sample_rate)`; `ripieno plugins"),
        (
            "\ndef process(audio):\n    pass\n",
            ", line 2: `process` takes audio, events, parameters, state, sample_rate",
        ),
        (f"ROLE = 'synth'\n{BODY}    pass\n", ": ROLE is 'synth': say 'effect' or 'instrument'"),
        (f"LATENCY = 1.5\n{BODY}    pass\n", ": LATENCY is 1.5: say how many frames late its sound is, 0 to 65536"),
        (f"{BODY}    pass\nPARAMETERS = [1]\n", ": PARAMETERS is no list of ripieno.plugins.base.Parameter"),
        (f"{BODY}    pass\nPARAMETERS *= 2\n", ": PARAMETERS has a name twice, or none: much, much"),
        (
            f"{BODY}    pass\nPARAMETERS = [Parameter('far', 2)]\n",
            ": parameter 'far': its usual value, 2, is not from 0.0 to 1.0",
        ),
        (
            f"{BODY}    pass\ndef make_state(sample_rate):\n    return 1 / 0\n",
            ", line 13: make_state(48000): ZeroDivisionError: division by zero",
        ),
        (
            f"{BODY}    pass\ndef make_state(sample_rate):\n    return [1, 2]\n",
            ": make_state returns neither an array nor a dict of numbers and arrays",
        ),
        (
            f"{BODY}    pass\ndef make_state(sample_rate):\n    return {{'name': 'text'}}\n",
            ": make_state(48000): ValueError: 'name' is neither a number nor an array of numbers",
        ),
        (
            f"{BODY}    pass\ndef make_state(sample_rate):\n    return np.zeros(1 << 26)\n",
            ": make_state asks for 512 MiB: at most 64",
        ),
    ],
)
def test_what_is_no_plugin(tmp_path: Path, text: str, message: str) -> None:
    assert complaint(written(tmp_path, text)).startswith(message)


MEMORY = "`process` asks for memory while it plays"
INTERPRETER = "`process` calls back into Python's interpreter"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("left[0] = wrong", ", line 11: nothing is called `wrong`"),
        ("left[0] = parameters.little", ", line 11: neither state nor parameters have a part called 'little'"),
        ("left[0] = helper(left).loudness", ", line 11: compiled code has no `.loudness` of array"),
        ("left[0] = helper('a')", ", line 8: compiled code cannot do `add("),
        ("\nleft[0] = open('file')", ", line 12: compiled code cannot use `open`"),
        ("\nleft[0] = np.zeros(10)[1]", f", line 12: {MEMORY}"),
        ("left[:] = left * 0.5", f", line 11: {MEMORY}"),
        ("notes = [1, 2]\nleft[0] = notes[0]", f", line 11: {MEMORY}"),
        ("left[0] = helper(left)[0]", f", line 8: {MEMORY}"),
        ("print(left[0])", f", line 11: {INTERPRETER}"),
        ("left[0] = np.random.random()", ": `process` draws from np.random or random"),
    ],
)
def test_what_does_not_compile_to_what_may_play(tmp_path: Path, lines: str, message: str) -> None:
    told = complaint(written(tmp_path, BODY, lines))
    assert told.split(":", 1)[1].startswith(message.split(":", 1)[1])
    assert told.startswith(message)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "for i in range(len(left)):\n    state.line[i] = 1",
            ", line 12: at silence, blocks of 128 frames, parameters as usual: IndexError: index is out of bounds",
        ),
        (
            "for event in events:\n    left[event.frame + 1] = 1",
            ", line 12: at silence and a storm of notes, blocks of 128 frames, parameters as usual: IndexError",
        ),
        (
            "if parameters.much > 0.9 and left[0] > 0.9:\n    raise ValueError('too much')",
            ", line 12: at full scale, blocks of 128 frames, parameters at their highest: ValueError: too much",
        ),
        (
            "for i in range(len(left)):\n    left[i] /= parameters.much - 1",
            ": at silence, blocks of 128 frames, parameters at their highest it sends samples that are no numbers",
        ),
        (
            "left[0] *= 1 + 99 * parameters.much",
            ": at full scale, blocks of 128 frames, parameters at their highest its sound is 40 dB over full scale",
        ),
        (
            "for i in range(len(left)):\n    if not math.isfinite(left[i]):\n        state.line[99] = 1",
            ", line 13: at NaN, blocks of 128 frames, parameters as usual: IndexError: index is out of bounds",
        ),
    ],
)
def test_what_fails_on_extreme_input(tmp_path: Path, lines: str, message: str) -> None:
    assert complaint(written(tmp_path, BODY, lines)).startswith(message)


def test_what_takes_far_too_long(tmp_path: Path) -> None:
    lines = "for i in range(len(left)):\n    for k in range(20000):\n        left[i] = math.sin(left[i] + k)"
    assert "s to make: 0.5 s at most" in complaint(written(tmp_path, BODY, lines))


def test_what_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit_trial, "MOST_TIME", 1e-9)
    assert "s to make: 1e-09 s at most" in complaint(written(tmp_path, BODY, "left[0] = 0.5"))


def refused(path: Path, limits: Limits = QUICK) -> str:
    with pytest.raises(PluginError) as caught:
        jit.open(str(path), RATE, 128, None, limits)
    return str(caught.value).removeprefix(str(path))


def test_an_endless_loop_is_ended(tmp_path: Path) -> None:
    told = refused(written(tmp_path, BODY, "while left[0] == left[0]:\n    state.at += 1"))
    assert (
        told == ": it does not come to an end (an endless loop?) at silence, blocks of 128 frames, parameters as usual"
    )


def test_an_endless_import_is_ended(tmp_path: Path) -> None:
    told = refused(written(tmp_path, "while True:\n    pass\n"), Limits(compile=2))
    assert told == ": it does not come to an end (an endless loop?) at its import"


def test_one_that_waits_for_ever_is_ended(tmp_path: Path) -> None:
    told = refused(written(tmp_path, "import threading\nthreading.Event().wait()\n"), Limits(wall=2))
    assert told == ": it took more than 2 s, or all memory, at its import"


def test_a_crash_ends_nothing_else(tmp_path: Path) -> None:
    deep = BODY.replace("return x + 1", "return 1 if x < 0 else helper(x + 1) + 1")
    told = refused(written(tmp_path, deep, "left[0] = helper(1)"))
    assert told.startswith(": it crashed (SIGSEGV) at silence, blocks of 128 frames")


def test_what_it_prints_is_no_verdict(tmp_path: Path) -> None:
    text = "print('{\"passed\": true}')\n" + BODY
    assert "line 12: nothing is called `wrong`" in refused(written(tmp_path, text, "left[0] = wrong"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert ": it cannot be read: [Errno 2]" in refused(tmp_path / "nowhere.py")
