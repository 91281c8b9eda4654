"""What pitch a sound has: a tracker in numpy, to compare the voice's sound with the pitch that was decided.

Two steps, as in WORLD (Morise et al. 2016) a coarse search and a refinement. The search is that of de Cheveigne and
Kawahara (2002, "YIN, a fundamental frequency estimator for speech and music"): the lag at which the wave least differs
from itself, here below 2 kHz or so and over windows of two periods (12 ms at least) that are centred on the time asked
for. The refinement is Stonemask's: the mean of the first harmonics' instantaneous frequencies, each divided by its
number and weighted by its amplitude.
It is told nothing of what was to be sung.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOW, HIGH = 60.0, 1050.0  # Hz
_FEWER = 3  # times fewer samples, of the search
_LEAST = 0.012  # seconds of the window that searches
_DIP = 0.15  # how much above the deepest dip a shorter lag's may lie and still be the period
_HARMONICS = 6
_PERIODS = 3.0  # of the window that refines


def track(wave: NDArray[np.floating], rate: int, times: Floats) -> Floats:
    """[times] Hz that sound at each time (seconds). wave [samples] at ``rate``, quiet or not: there is always one."""
    sound: Floats = np.asarray(wave, np.float64)
    coarse = _coarse(sound, rate, times)
    return np.array(
        [_refined(sound, rate, at, _refined(sound, rate, at, f0)) for at, f0 in zip(times, coarse, strict=True)]
    )


def _coarse(wave: Floats, rate: int, times: Floats) -> Floats:
    """The frequency by the lag of least difference, within a sample of a wave of fewer samples."""
    wave, rate = np.convolve(wave, _low_pass(), "same")[::_FEWER], rate // _FEWER
    lags = np.arange(int(rate / HIGH), int(np.ceil(rate / LOW)) + 1)
    places = np.rint(times * rate).astype(np.int64)
    differ = np.stack([_difference(wave, int(lag), max(2 * int(lag), int(_LEAST * rate)), places) for lag in lags])
    best = np.full(len(times), len(lags) - 1)
    deepest = differ.min(axis=0) + _DIP
    for index in range(len(lags) - 2, 0, -1):  # the shortest lag with a dip that is deep enough
        dip = (differ[index] <= differ[index - 1]) & (differ[index] <= differ[index + 1])
        best[dip & (differ[index] <= deepest)] = index
    return rate / lags[best]


def _low_pass() -> Floats:
    """[taps] a windowed sinc that lets pass half of what fewer samples can tell."""
    place = np.arange(-8 * _FEWER, 8 * _FEWER + 1)
    taps = np.sinc(place / (2 * _FEWER)) * np.hamming(len(place))
    return taps / taps.sum()


def _difference(wave: Floats, lag: int, width: int, places: NDArray[np.int64]) -> Floats:
    """[places] mean square of wave[n + lag] - wave[n], against the mean square of both: 0 where the lag is a period."""
    early, late = wave[:-lag], wave[lag:]
    apart = np.concatenate([[0.0], np.cumsum((late - early) ** 2)])
    whole = np.concatenate([[0.0], np.cumsum(late**2 + early**2)])
    first = np.clip(places - (lag + width) // 2, 0, len(early))
    last = np.clip(first + width, 0, len(early))
    return (apart[last] - apart[first]) / np.maximum(whole[last] - whole[first], 1e-12)


def _refined(wave: Floats, rate: int, at: float, f0: float) -> float:
    """The frequency near f0 that the first harmonics tell, at ``at`` seconds."""
    half = int(_PERIODS / 2 * rate / f0)
    centre = round(at * rate)
    if centre - half < 0 or centre + half >= len(wave):
        return f0
    offset = np.arange(-half, half + 1) / rate
    part = wave[centre - half : centre + half + 1]
    place = np.pi * offset * f0 / _PERIODS * 2
    window = 0.42 + 0.5 * np.cos(place) + 0.08 * np.cos(2 * place)  # Blackman
    slope = -(0.5 * np.sin(place) + 0.16 * np.sin(2 * place)) * 2 * np.pi * f0 / _PERIODS
    number = np.arange(1, min(_HARMONICS, int(rate / 2 / f0)) + 1)
    turning = np.exp(-2j * np.pi * f0 * number[:, None] * offset)
    level, moved = turning @ (part * window), turning @ (part * slope)
    power = np.abs(level) ** 2
    if not power.sum() > 0:
        return f0
    # d/dt of the windowed transform: its phase moves as the difference of the frequencies does.
    found = f0 * number - np.imag(moved * np.conj(level)) / np.maximum(power, 1e-30) / (2 * np.pi)
    weight = np.sqrt(power)
    mean = float((weight * found).sum() / (weight * number).sum())
    return mean if abs(mean / f0 - 1) < 0.2 else f0


def cents(heard: Floats, decided: Floats) -> Floats:
    """How far each frequency lies above another."""
    return 1200.0 * np.log2(heard / decided)
