"""The voice's sound: the C synth of vocoder.h, and the same written out in numpy, which is its judge.

A voice is an array of `FRAME`s, 8 ms apart; a wave is float32 [samples], 1.0 = full scale.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ripieno.native._native import ffi, lib

Wave = NDArray[np.float32]
Doubles = NDArray[np.float64]

BANDS, NOISES, AHEAD = lib.RP_VOCAL_BANDS, lib.RP_VOCAL_NOISES, lib.RP_VOCODER_AHEAD
FRAME = np.dtype([("f0", "f4"), ("level", "f4"), ("envelope", "f4", BANDS), ("aperiodicity", "f4", NOISES)])
"""One frame, as `rp_vocal_frame`: f0 Hz (0: unvoiced), level dB, envelope and aperiodicity in dB."""


def frames_of(f0: ArrayLike, level: ArrayLike, envelope: ArrayLike, aperiodicity: ArrayLike) -> NDArray[Any]:
    """`FRAME`s [n] of f0 [n], level [n], envelope [n, BANDS], aperiodicity [n, NOISES]; or what broadcasts to these."""
    count = max(np.size(f0), np.size(level))
    frames = np.empty(count, FRAME)
    for name, values in zip(FRAME.names or (), (f0, level, envelope, aperiodicity), strict=True):
        frames[name] = values
    return frames


def starts(sample_rate: int, count: int) -> NDArray[np.int64]:
    """[count] the first sample of frames 0, 1, 2, ..."""
    return np.array([lib.rp_vocoder_start(sample_rate, k) for k in range(count)], np.int64)


class Vocoder:
    """A synth; see vocoder.h for what it does with late, missing and impossible frames."""

    def __init__(self, sample_rate: int) -> None:
        """ValueError: a sample rate beyond 8,000..384,000; MemoryError."""
        if not 8_000 <= sample_rate <= 384_000:
            raise ValueError(f"the voice cannot sing at {sample_rate} samples a second: 8,000 to 384,000")
        self.sample_rate = sample_rate
        pointer = lib.rp_vocoder_new(sample_rate)
        if pointer == ffi.NULL:
            raise MemoryError("no memory for the vocoder")
        self._pointer = ffi.gc(pointer, lib.rp_vocoder_free)

    def clear(self, sample: int = 0) -> None:
        """Silent at once; the next sample rendered is this one."""
        lib.rp_vocoder_clear(self._pointer, sample)

    def push(self, first: int, frames: NDArray[Any]) -> int:
        """Frames number first, first + 1, ...; returns how many were neither too late nor more than AHEAD ahead."""
        told = np.ascontiguousarray(frames, FRAME)
        pointers = ffi.from_buffer("rp_vocal_frame[]", told)
        return sum(lib.rp_vocoder_push(self._pointer, first + i, pointers + i) for i in range(len(told)))

    def render(self, samples: int) -> Wave:
        """The next samples."""
        wave = np.zeros(samples, np.float32)
        lib.rp_vocoder_render(self._pointer, ffi.from_buffer("float[]", wave), samples)
        return wave

    def fade(self, seconds: float) -> None:
        """Silent within this time, and what was pushed is forgotten."""
        lib.rp_vocoder_fade(self._pointer, seconds)

    @property
    def state(self) -> Any:
        """`rp_vocoder_state`: sample, frame, held, sounding."""
        state = ffi.new("rp_vocoder_state *")
        lib.rp_vocoder_get_state(self._pointer, state)
        return state[0]


def sing(frames: NDArray[Any], sample_rate: int, after: int = 0) -> Wave:
    """The wave of frames 0, 1, 2, ..., and of as many as `after` for which none are there."""
    synth, edges = Vocoder(sample_rate), starts(sample_rate, len(frames) + after + 1)
    pieces = []
    for k, length in enumerate(np.diff(edges)):
        synth.push(k, frames[k : k + 1])
        pieces.append(synth.render(int(length)))
    return np.concatenate([*pieces, np.zeros(0, np.float32)])


# ---- the same in numpy ----

FULL = 10.0 ** (-13.0 / 20.0)  # rms at level 0
HOLD, FADE = 4, 25  # frames
HIGHEST, SHARE, EDGE = 11_500.0, 0.45, 0.95
LOWEST, WIDTH = 30.0, 12_000.0  # Hz, of the noise
MIDDLES = np.array([500.0, 1_500.0, 3_000.0, 5_000.0, 7_250.0, 10_250.0])
SPAN = 64


def band_of(hertz: ArrayLike) -> Doubles:
    """Which band a frequency lies in: 0 at 60 Hz, 39 at 12 kHz, mel-spaced between."""
    mel = np.log1p(np.asarray(hertz, np.float64) / 700.0)
    low, high = np.log1p(60.0 / 700.0), np.log1p(12_000.0 / 700.0)
    return (BANDS - 1) * (mel - low) / (high - low)


def band_centres() -> Doubles:
    """[BANDS] Hz."""
    low, high = np.log1p(60.0 / 700.0), np.log1p(12_000.0 / 700.0)
    return 700.0 * np.expm1(np.linspace(low, high, BANDS))


def _uniform(seed: int, count: int) -> Doubles:
    """[count] in [0, 1): SplitMix64, as sampler.c has it."""
    with np.errstate(over="ignore"):
        x = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _prime_below(n: int) -> int:
    while any(n % factor == 0 for factor in range(2, int(n**0.5) + 1)):
        n -= 1
    return n


def noise_loops(sample_rate: int) -> list[Doubles]:
    """[BANDS] one loop of each band's noise: its power is the band's share of an envelope that is 1 up to WIDTH."""
    size = 4096
    while size < 0.6 * sample_rate:
        size *= 2
    step = sample_rate / size
    hertz = np.arange(int(LOWEST / step) + 1, size) * step
    hertz = hertz[hertz < min(WIDTH, SHARE * sample_rate)]
    first, place = round(hertz[0] / step), np.maximum(0.0, band_of(hertz))
    loops = []
    for band in range(BANDS):
        spectrum = np.zeros(size // 2 + 1, complex)
        power = np.maximum(0.0, 1.0 - np.abs(place - band)) * step / WIDTH
        phases = np.exp(2j * np.pi * _uniform(band, len(hertz)))
        spectrum[first : first + len(hertz)] = np.sqrt(2.0 * power) * phases
        wave = np.fft.irfft(spectrum, size) * size / 2
        length = _prime_below(size - size // 16 - band * (size // 128))
        over = size - length
        angle = np.pi / 2 * (np.arange(over) + 0.5) / over
        loop = wave[:length].copy()
        loop[:over] = np.sin(angle) * wave[:over] + np.cos(angle) * wave[length:]
        loops.append(loop)
    return loops


def _moment(frame: Any, gain: float, highest: float) -> tuple[float, Doubles, Doubles]:
    """Pitch (0: none), amplitudes of the harmonics and of the noise bands at the end of a frame."""
    numbers = [frame["f0"], frame["level"], *frame["envelope"], *frame["aperiodicity"]]
    if gain <= 0 or not np.all(np.isfinite(numbers)) or frame["level"] <= -90:
        return 0.0, np.zeros(0), np.zeros(BANDS)
    gain *= FULL * 10.0 ** (min(float(frame["level"]), 24.0) / 20.0)

    def envelope(place: Doubles) -> Doubles:
        return 10.0 ** (np.interp(place, np.arange(BANDS), np.clip(frame["envelope"], -120, 60)) / 20.0)

    def share(hertz: Doubles) -> Doubles:
        return 10.0 ** (np.interp(hertz, MIDDLES, np.clip(frame["aperiodicity"], -100, 0)) / 20.0)

    noise = gain * envelope(np.arange(BANDS))
    if frame["f0"] <= 0:
        return 0.0, np.zeros(0), noise
    pitch = float(np.clip(frame["f0"], 30.0, 2000.0))
    hertz: Doubles = pitch * np.arange(1, int(highest / pitch) + 1, dtype=np.float64)
    size = gain * np.sqrt(2.0 * pitch / WIDTH) * envelope(band_of(hertz)) * np.sqrt(1.0 - share(hertz) ** 2)
    edge = np.clip((highest - hertz) / (highest * (1 - EDGE)), 0.0, 1.0)
    return pitch, size * edge, noise * share(band_centres())


def _padded(sizes: Doubles, count: int) -> Doubles:
    return np.pad(sizes, (0, count - len(sizes)))[:, np.newaxis]


def reference(frames: NDArray[Any], sample_rate: int, after: int = 0) -> Doubles:
    """What `sing` makes, in double precision and without a trick."""
    edges, loops = starts(sample_rate, len(frames) + after + 1), noise_loops(sample_rate)
    wave, heard = np.zeros(edges[-1]), 0  # heard: samples that had noise, which is where its loops stand
    before, phase = _moment(np.zeros(1, FRAME)[0], 0.0, HIGHEST), 0.0
    for k, length in enumerate(np.diff(edges)):
        missing = max(0, k - len(frames) + 1)
        gain = 1.0 if missing <= HOLD else 1.0 - (missing - HOLD) / FADE
        now = _moment(frames[min(k, len(frames) - 1)], gain, min(HIGHEST, SHARE * sample_rate))
        part = wave[edges[k] : edges[k + 1]]
        way = np.arange(length) / length
        pitches = before[0] or now[0], now[0] or before[0]
        turns = phase + np.cumsum(np.r_[0.0, pitches[0] + (pitches[1] - pitches[0]) * (way + 0.5 / length)])[:-1] / (
            sample_rate
        )
        count = max(len(before[1]), len(now[1]))
        old, new = _padded(before[1], count), _padded(now[1], count)
        order = np.arange(1, count + 1)[:, np.newaxis]
        part += ((old + (new - old) * way) * np.sin(2 * np.pi * order * turns)).sum(0)
        if before[2].any() or now[2].any():
            for band, loop in enumerate(loops):
                size = before[2][band] + (now[2][band] - before[2][band]) * way
                part += size * loop[(heard + np.arange(length)) % len(loop)]
            heard += length
        phase += sum(pitches) / 2 * length / sample_rate
        before = now
    return wave
