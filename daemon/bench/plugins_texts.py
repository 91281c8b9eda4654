"""The plugins that the benches play: files as a user writes them, for a temporary folder.

Tint (an effect) and Reed (an instrument) run in a process of their own. The parameter `teach` gives them a loudness,
which is their state; the parameter `trouble` lets them fail, at each new value: an odd one makes them hang, an even one
send what is no number. The value that a new process finds makes no trouble, or it would never play again.
"""

from pathlib import Path

_TROUBLE = '''
class Trouble:
    """What a plugin is told to do wrong, and how loud it was taught to be."""

    def __init__(self):
        self.loudness, self.seen, self.burst = 1.0, None, 0

    def obey(self, values):
        told = (int(values["trouble"]), float(values["teach"]))
        if self.seen is not None and told[1] != self.seen[1]:
            self.loudness = told[1]
        if self.seen is not None and told[0] != self.seen[0]:
            while told[0] % 2:
                pass
            self.burst = 3
        self.seen = told

    def spoil(self, audio):
        if self.burst:
            self.burst -= 1
            audio[:] = np.nan
        return audio
'''

_BASES = """
    parameters = (
        Parameter("trouble", 0, 0, 1_000_000, whole=True),
        Parameter("teach", 0, -4, 4),
    )

    def __init__(self):
        self.trouble = Trouble()

    def state(self):
        return repr(self.trouble.loudness).encode()

    def restore(self, state):
        self.trouble.loudness = float(state)
"""

TINT = f'''"""An effect that makes the sound louder or softer by its state."""
import numpy as np

from ripieno.plugins.base import EFFECT, Parameter, Plugin

{_TROUBLE}

class Tint(Plugin):
    role = EFFECT
{_BASES}
    def render(self, audio, events, values):
        self.trouble.obey(values)
        audio *= np.float32(self.trouble.loudness)
        return self.trouble.spoil(audio)
'''

REED = f'''"""An instrument whose notes last until they are released; what a note is depends on its own age alone."""
import numpy as np

from ripieno.plugins.base import INSTRUMENT, Parameter, Plugin

{_TROUBLE}

class Reed(Plugin):
    role = INSTRUMENT
{_BASES}
    def prepare(self, sample_rate, period):
        self.rate, self.notes = sample_rate, []

    def reset(self):
        self.notes = []

    def render(self, audio, events, values):
        self.trouble.obey(values)
        at = 0
        for frame, message in events:
            self.sound(audio[:, at:frame])
            self.hear(message)
            at = frame
        self.sound(audio[:, at:])
        self.notes = [note for note in self.notes if note["left"] > 0]
        audio *= np.float32(self.trouble.loudness)
        return self.trouble.spoil(audio)

    def hear(self, message):
        kind = message[0] & 0xF0
        if kind not in (0x80, 0x90):
            return
        key, velocity = message[1:]
        for note in self.notes:
            note["falls"] |= note["key"] == key
        if kind == 0x90 and velocity:
            step = 2 * np.pi * 440 * 2 ** ((key - 69) / 12) / self.rate
            loud = 0.1 * velocity / 127
            self.notes.append({{"key": key, "step": step, "loud": loud, "age": 0, "falls": False, "left": 960}})

    def sound(self, audio):
        frames = audio.shape[1]
        for note in self.notes:
            age = note["age"] + np.arange(frames)
            wave = note["loud"] * np.minimum(age / 240, 1) * np.sin(note["step"] * age)
            if note["falls"]:
                wave *= np.maximum(note["left"] - np.arange(frames), 0) / 960
                note["left"] -= frames
            note["age"] += frames
            audio += wave.astype(np.float32)
'''

PASS = '''"""An effect that does nothing; what it costs is what isolation costs."""
from ripieno.plugins.base import EFFECT, Plugin


class Pass(Plugin):
    role = EFFECT

    def render(self, audio, events, values):
        return audio
'''

LATE = '''"""An effect that is late by 872 frames, and says so."""
import numpy as np

from ripieno.plugins.base import EFFECT, Plugin

LATE = 872


class Late(Plugin):
    role = EFFECT
    latency = LATE

    def prepare(self, sample_rate, period):
        self.kept = np.zeros((2, LATE), np.float32)

    def render(self, audio, events, values):
        both = np.concatenate([self.kept, audio], axis=1)
        self.kept = both[:, audio.shape[1] :].copy()
        return both[:, : audio.shape[1]]
'''

PIPE = '''"""An instrument, compiled: a sine for each key that is held, which comes and goes softly."""
import math

import numpy as np

ROLE = "instrument"


def make_state(sample_rate):
    return {"wanted": np.zeros(128), "level": np.zeros(128), "phase": np.zeros(128)}


def process(audio, events, parameters, state, sample_rate):
    begin = 0
    for n in range(len(events) + 1):
        end = events[n].frame if n < len(events) else len(audio[0])
        for key in range(128):
            if state.wanted[key] == 0 and state.level[key] == 0:
                continue
            step = 2 * math.pi * 440 * 2 ** ((key - 69) / 12) / sample_rate
            for i in range(begin, end):
                change = 0.1 / 480
                if state.level[key] < state.wanted[key]:
                    state.level[key] = min(state.wanted[key], state.level[key] + change)
                else:
                    state.level[key] = max(state.wanted[key], state.level[key] - change)
                audio[0][i] += state.level[key] * math.sin(state.phase[key])
                audio[1][i] += state.level[key] * math.cos(state.phase[key])
                state.phase[key] += step
            if state.level[key] == 0:
                state.phase[key] = 0
        if n < len(events):
            kind, key = events[n].status & 0xF0, events[n].data1
            if kind == 0x90:
                state.wanted[key] = 0.1 * events[n].data2 / 127
            elif kind == 0x80:
                state.wanted[key] = 0
        begin = end
'''

CLICK = '''"""An instrument, compiled: each note is one sample, at the frame at which it begins."""
ROLE = "instrument"


def process(audio, events, parameters, state, sample_rate):
    for n in range(len(events)):
        if events[n].status & 0xF0 == 0x90 and events[n].data2 > 0:
            audio[0][events[n].frame] = 0.5
            audio[1][events[n].frame] = 0.5
'''

_SLOW = '''"""An effect, compiled, that is late by {latency} frames, and says so."""
import numpy as np

LATENCY = {latency}


def make_state(sample_rate):
    return {{"line": np.zeros((2, LATENCY), np.float32), "at": np.zeros(1, np.int64)}}


def process(audio, events, parameters, state, sample_rate):
    for i in range(len(audio[0])):
        at = state.at[0]
        for side in range(2):
            come = audio[side][i]
            audio[side][i] = state.line[side, at]
            state.line[side, at] = come
        state.at[0] = (at + 1) % {latency}
'''

UNITY = '''"""An effect, compiled: a gain, which is 1."""
from ripieno.plugins.base import Parameter

PARAMETERS = [Parameter("gain", usual=1.0, low=0.0, high=2.0)]


def process(audio, events, parameters, state, sample_rate):
    for side in range(2):
        for i in range(len(audio[side])):
            audio[side][i] *= parameters.gain
'''

TEXTS = {
    "tint": TINT,
    "reed": REED,
    "pass": PASS,
    "late": LATE,
    "pipe": PIPE,
    "click": CLICK,
    "slow64": _SLOW.format(latency=64),
    "slow1000": _SLOW.format(latency=1000),
    "unity": UNITY,
}


def write(folder: Path) -> Path:
    """All of them, as NAME.py; returns the folder."""
    for name, text in TEXTS.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder
