"""What a voice is made of: frames of 8 ms, and their analysis with WORLD.

A frame is a pitch, a level, the shape of the spectral envelope in 40 mel bands, and how much of 6 bands is noise; the
C synth (native/src/vocoder.h) makes sound of the same numbers. Analysis: M. Morise, F. Yokomori and K. Ozawa, "WORLD: a
vocoder-based high-quality speech synthesis system for real-time applications", IEICE Trans. E99-D (2016): Harvest,
CheapTrick and D4C. Only ``analyse`` and ``resynthesise`` need pyworld, only ``read_wave`` soundfile: the extra [sing].
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE = 24_000  # samples a second that are analysed
PERIOD = 0.008  # s; frame k is centred on k * PERIOD
BLOCK = 2  # frames of a block, which is what the models decide at once
FFT = 1024
BANDS = 40
LOWEST, HIGHEST = 60.0, 12_000.0  # Hz; the bands' first and last centre
EDGES = (0.0, 1_000.0, 2_000.0, 4_000.0, 6_000.0, 8_500.0, 12_000.0)  # Hz, of the bands of aperiodicity
NOISES = len(EDGES) - 1
FULL = -12.0  # dB, mean square of the wave at level 0: singing whose peaks reach full scale
SILENT = -90.0  # dB, the lowest level
FLOOR = -60.0  # dB, the lowest aperiodicity
SHAPE = BANDS + NOISES  # numbers of a frame that the codec codes
HEARD = -45.0  # dB; frames below are not judged
CEPSTRUM = 24  # coefficients that are judged
PITCHES = 60.0, 1_000.0  # Hz, where f0 is sought


@dataclass
class Frames:
    """n frames. f0 [n] Hz, 0 where unvoiced; level [n] dB; envelope [n, BANDS] dB; aperiodicity [n, NOISES] dB.

    level: 10 log10 of the wave's mean square, less FULL. envelope: the power in each triangular mel band against the
    mean power over all frequencies, so that it does not depend on the level. aperiodicity: 20 log10 of the share of
    the amplitude that is noise, FLOOR to 0, in the bands between EDGES.
    """

    f0: Floats
    level: Floats
    envelope: Floats
    aperiodicity: Floats

    def __len__(self) -> int:
        return len(self.f0)

    def __getitem__(self, part: slice | NDArray[np.intp]) -> "Frames":
        return Frames(*(getattr(self, field.name)[part] for field in fields(self)))

    def shape(self) -> Floats:
        """[n, SHAPE] envelope and aperiodicity side by side."""
        return np.concatenate((self.envelope, self.aperiodicity), 1)


def join(parts: Iterable[Frames]) -> Frames:
    """The frames of several, one after another."""
    whole = list(parts)
    return Frames(*(np.concatenate([getattr(part, field.name) for part in whole]) for field in fields(Frames)))


def mel(hertz: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """Frequency on the mel scale (O'Shaughnessy's formula)."""
    return 2595.0 * np.log10(1.0 + np.asarray(hertz, np.float64) / 700.0)


def centres() -> NDArray[np.float64]:
    """[BANDS] centres of the bands, Hz; they are equally far apart in mel."""
    return 700.0 * (10.0 ** (np.linspace(mel(LOWEST), mel(HIGHEST), BANDS) / 2595.0) - 1.0)


def bins() -> NDArray[np.float64]:
    """[FFT / 2 + 1] frequencies of a spectrum, Hz."""
    return np.arange(FFT // 2 + 1, dtype=np.float64) * (RATE / FFT)


def band_weights() -> NDArray[np.float64]:
    """[FFT / 2 + 1, BANDS] weights of the triangular means; each column sums to 1."""
    at = mel(centres())
    weights = np.maximum(0.0, 1.0 - np.abs(mel(bins())[:, None] - at) / (at[1] - at[0]))
    return weights / weights.sum(0)


def noise_weights() -> NDArray[np.float64]:
    """[FFT / 2 + 1, NOISES] weights of the means between EDGES; each column sums to 1."""
    edges = np.array(EDGES)
    inside = (bins()[:, None] >= edges[:-1]) & ((bins()[:, None] < edges[1:]) | (edges[1:] == EDGES[-1]))
    return inside / inside.sum(0)


def reduce(f0: NDArray[np.float64], power: NDArray[np.float64], noise: NDArray[np.float64]) -> Frames:
    """Frames of WORLD's parameters: f0 [n], power [n, FFT / 2 + 1] and the share of noise, of the same shape."""
    mean = np.maximum(power.mean(1), 1e-12)
    level = np.maximum(10.0 * np.log10(mean) - FULL, SILENT)
    envelope = 10.0 * np.log10(np.maximum(power @ band_weights() / mean[:, None], 1e-9))
    aperiodicity = np.clip(20.0 * np.log10(np.maximum(noise @ noise_weights(), 1e-6)), FLOOR, 0.0)
    return Frames(*(part.astype(np.float32) for part in (f0, level, envelope, aperiodicity)))


def expand(frames: Frames) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power and share of noise, [n, FFT / 2 + 1] each, of frames: in dB, straight between the bands' centres."""
    at, where = mel(centres()), mel(bins())
    middles = (np.array(EDGES[1:]) + np.array(EDGES[:-1])) / 2
    level = frames.level.astype(np.float64) + FULL
    power = np.stack([np.interp(where, at, row) for row in frames.envelope.astype(np.float64)]) + level[:, None]
    noise = np.stack([np.interp(bins(), middles, row) for row in frames.aperiodicity.astype(np.float64)])
    return 10.0 ** (power / 10.0), np.clip(10.0 ** (noise / 20.0), 1e-3, 1.0 - 1e-9)


def analyse(wave: NDArray[np.floating], pitches: tuple[float, float] = PITCHES) -> Frames:
    """The frames of a wave at RATE, 1.0 = full scale; pitches: where f0 lies, Hz."""
    import pyworld

    wave = np.ascontiguousarray(wave, np.float64)
    f0, times = pyworld.harvest(wave, RATE, *pitches, PERIOD * 1000.0)
    f0 = pyworld.stonemask(wave, f0, times, RATE)
    power = pyworld.cheaptrick(wave, f0, times, RATE, fft_size=FFT)
    noise = pyworld.d4c(wave, f0, times, RATE, fft_size=FFT)
    return reduce(f0, power, noise)


def resynthesise(frames: Frames) -> NDArray[np.float64]:
    """The wave WORLD makes of frames, at RATE: what our own synth is compared with."""
    import pyworld

    power, noise = expand(frames)
    return pyworld.synthesize(frames.f0.astype(np.float64), power, noise, RATE, PERIOD * 1000.0)


def read_wave(path: Path) -> NDArray[np.float64]:
    """The samples of a mono recording at RATE.

    Raises ValueError naming the file where it has another rate or several channels.
    """
    import soundfile

    wave, rate = soundfile.read(path)
    if rate != RATE or wave.ndim != 1:
        raise ValueError(f"{path}: {rate} samples a second, {wave.shape[1:] or 1} channels: make it {RATE}, mono")
    return wave


def cepstrum(envelope: Floats) -> NDArray[np.float64]:
    """[n, CEPSTRUM] mel-cepstral coefficients 1.. of envelopes [n, BANDS]; the level, coefficient 0, is left out."""
    order, at = np.arange(1, CEPSTRUM + 1), (np.arange(BANDS) + 0.5) * np.pi / BANDS
    return (envelope.astype(np.float64) * (np.log(10.0) / 10.0)) @ np.cos(np.outer(at, order)) / BANDS


def mel_cepstral_distortion(one: Floats, other: Floats) -> NDArray[np.float64]:
    """[n] distance in dB of envelopes [n, BANDS]: 10 sqrt(2) / ln 10 times that of their cepstra (Kubichek 1993).

    It is the rms difference, in dB, of the two smoothed envelopes over the mel scale.
    """
    apart = cepstrum(one) - cepstrum(other)
    return 10.0 * np.sqrt(2.0) / np.log(10.0) * np.sqrt((apart**2).sum(1))
