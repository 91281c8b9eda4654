"""A SoundFont by tinysoundfont, for where libfluidsynth is not installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tinysoundfont

from ripieno.plugins.base import INSTRUMENT, Audio, Event, Parameter, Plugin, PluginError

_OFF, _ON, _CONTROL, _PROGRAM, _BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0
_DRUMS = 9
_CC_SOUND_OFF, _CC_RESET = 120, 121
_VOICES = 256
_GAIN_DB = -7.0  # about as loud as FluidSynth is here: many voices together stay below full scale


class TinySound(Plugin):
    """One SoundFont on sixteen channels."""

    role = INSTRUMENT
    parameters = (Parameter("gain", 0.0, -60.0, 24.0, "dB", "how much louder"),)

    def __init__(self, path: str, sample_rate: int) -> None:
        self.name = Path(path).stem
        self._synth = tinysoundfont.Synth(gain=_GAIN_DB, samplerate=sample_rate)
        self._font = self._synth.sfload(path, max_voices=_VOICES)
        self._values: Mapping[str, float] = {}
        self._gain = 1.0
        for channel in range(16):
            self._synth.program_change(channel, 0, channel == _DRUMS)

    def render(self, audio: Audio, events: Sequence[Event], values: Mapping[str, float]) -> Audio:
        if values is not self._values:
            self._values, self._gain = values, 10 ** (values["gain"] / 20)
        at = 0
        for frame, data in events:
            at = self._generate(audio, at, frame)
            self._send(data)
        self._generate(audio, at, audio.shape[1])
        audio *= self._gain
        return audio

    def _generate(self, audio: Audio, begin: int, end: int) -> int:
        if end > begin:
            audio[:, begin:end] = np.frombuffer(self._synth.generate(end - begin), np.float32).reshape(-1, 2).T
        return max(begin, end)

    def _send(self, data: bytes) -> None:
        kind, channel, synth = data[0] & 0xF0, data[0] & 15, self._synth
        if kind == _ON and data[2]:
            synth.noteon(channel, data[1], data[2])
        elif kind in (_ON, _OFF):
            synth.noteoff(channel, data[1])
        elif kind == _CONTROL:
            synth.control_change(channel, data[1], data[2])
        elif kind == _PROGRAM:
            synth.program_change(channel, data[1], channel == _DRUMS)
        elif kind == _BEND:
            synth.pitchbend(channel, data[1] | data[2] << 7)

    def reset(self) -> None:
        for channel in range(16):
            self._synth.control_change(channel, _CC_RESET, 0)
            self._synth.control_change(channel, _CC_SOUND_OFF, 0)


def load(path: str, sample_rate: int, period: int) -> Plugin:
    """The SoundFont of a file. Raises PluginError."""
    if not Path(path).is_file():
        raise PluginError(f"{path}: no such SoundFont")
    try:
        return TinySound(path, sample_rate)
    except Exception as error:
        raise PluginError(f"{path}: not a SoundFont that tinysoundfont reads ({error})") from None
