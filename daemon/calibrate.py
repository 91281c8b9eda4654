"""The latency of devices, measured by what comes back to JACK: MIDI out to MIDI in, sound out to sound in, by a cable.

Of a round trip nobody can tell how much is the way out: what the way in takes has to be known (`input_ms`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ripieno.daemon.devices import Figure
from ripieno.daemon.errors import UserError
from ripieno.native.cards import steady
from ripieno.native.drivers import JackClient, pick
from ripieno.native.links import Identity, Port
from ripieno.native.probe import JackProbe

NAME = "ripieno-calibrate"
_MESSAGES = 100
_APART_MS = (11, 17)  # between two messages, so that they fall on all places of a period
_CONTROLLER = 119  # one that MIDI leaves undefined: no synthesiser sounds or changes by it
_VALUES = 128
PATIENCE = 2.0  # s that something may take to come back
_SWEEP_SECONDS, _SWEEP_HZ, _SWEEP_LEVEL = 0.3, (80.0, 16_000.0), 0.25
_CLEAR = 12.0  # times the sound's usual likeness with the sweep that the best place must have


@dataclass(frozen=True)
class Loop:
    """A device that we send to, and the one at which it comes back."""

    out: Port
    back: Port


def find(client: JackClient, out: str, back: str, audio: bool) -> Loop:
    """The two ends of a loopback by parts of their names. DriverError where none or several have them."""
    ports = {port.name: port for port in client.list_ports(audio) if not port.ours}
    what = "audio" if audio else "MIDI"
    ends = ((out, "destination", "reads"), (back, "source", "writes"))
    found = [
        pick(part, {n: p.aliases for n, p in ports.items() if getattr(p, can)}, f"{what} {end}")
        for part, end, can in ends
    ]
    return Loop(ports[found[0]], ports[found[1]])


def wait(condition: Callable[[], object], news: Callable[[], int]) -> None:
    """Until it holds, or nothing has come for a while; `news` counts what came."""
    seen, end = news(), time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        if news() != seen:
            seen, end = news(), time.monotonic() + PATIENCE
        time.sleep(0.01)


def script(rate: int, count: int = _MESSAGES) -> list[tuple[int, int, bytes]]:
    """Controllers, each with a value of its own, at uneven distances: (frame, port, bytes)."""
    spaces = np.random.default_rng(0).uniform(*_APART_MS, count) * rate / 1000
    frames = np.concatenate([[0], np.cumsum(spaces)[:-1]]).astype(int)
    return [(int(f), 0, bytes([0xB0, _CONTROLLER, i % _VALUES])) for i, f in enumerate(frames)]


def delays(sent: Sequence[tuple[int, int, bytes]], heard: Sequence[tuple[int, int, bytes]]) -> list[int]:
    """Frames that each message took of those that came back, in their order; what else is heard counts for nothing."""
    came, found = iter(heard), []
    waiting = list(came)
    for frame, _, data in sent:
        place = next((n for n, (at, _, other) in enumerate(waiting) if other == data and at >= frame), None)
        if place is not None:
            found.append(waiting[place][0] - frame)
            del waiting[: place + 1]
    return found


def midi(out: str, back: str, input_ms: float = 0.0) -> tuple[str, Figure]:
    """Measure a MIDI device: its key, and its figure. UserError or DriverError where nothing comes back."""
    probe = JackProbe(NAME, ["in"], ["out"], script(_rate()))
    try:
        probe.open()
        loop = find(probe, out, back, False)
        probe.start()
        probe.connect(probe.ports[1], loop.out.name)
        probe.connect(loop.back.name, probe.ports[0])
        probe.go()
        wait(lambda: len(delays(probe.sent(), probe.received())) == len(probe.script), lambda: len(probe.sent()))
        took, state = delays(probe.sent(), probe.received()), probe.state()
    finally:
        probe.close()
    if not took:
        raise UserError(f"nothing came back from {loop.out.name} at {loop.back.name}: is there a cable between them?")
    milliseconds = np.array(took) * 1000 / state.sample_rate
    lost = len(probe.script) - len(took)
    return _key(loop), figure_of(
        "midi", milliseconds, input_ms, (len(probe.script), lost), (state.sample_rate, state.period)
    )


def sweep(rate: int) -> NDArray[np.float32]:
    """A sine that rises exponentially, float32 [frames] (Farina, AES 108, 2000), faded in and out."""
    low, high = _SWEEP_HZ
    t = np.arange(round(_SWEEP_SECONDS * rate)) / rate
    ratio = np.log(min(high, 0.4 * rate) / low)
    phase = 2 * np.pi * low * _SWEEP_SECONDS / ratio * (np.exp(t / _SWEEP_SECONDS * ratio) - 1)
    fade = np.minimum(1, np.minimum(t, t[::-1]) / 0.005)
    return (_SWEEP_LEVEL * fade * np.sin(phase)).astype(np.float32)


def place(heard: NDArray[np.float32], said: NDArray[np.float32]) -> float:
    """The frame at which `said` begins within `heard`, to a part of a frame; ValueError: it is not in there.

    The greatest correlation of the two, whichever way round the cable is, and a parabola through its neighbours.
    """
    size = 1 << (len(heard) + len(said)).bit_length()
    both = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)), size)
    likeness = np.abs(both[: max(1, len(heard))])
    best = int(np.argmax(likeness))
    if likeness[best] <= _CLEAR * max(float(np.median(likeness)), 1e-9):
        raise ValueError("the sweep is not in what was heard")
    if not 0 < best < len(likeness) - 1:
        return float(best)
    before, at, after = likeness[best - 1 : best + 2]
    return best + 0.5 * float(before - after) / float(before - 2 * at + after)


def audio(out: str, back: str, input_ms: float = 0.0) -> tuple[str, Figure]:
    """Measure a device of sound, likewise."""
    rate = _rate()
    says = sweep(rate)
    room = len(says) + round(PATIENCE * rate)
    sound = ["sound-in"], ["sound-out"]
    probe = JackProbe(NAME, [], [], audio_inputs=sound[0], audio_frames=room, audio_outputs=sound[1], says=says)
    try:
        probe.open()
        loop = find(probe, out, back, True)
        ours_in, ours_out = probe.ports
        probe.start()
        probe.connect(ours_out, loop.out.name)
        probe.connect(loop.back.name, ours_in)
        probe.go()
        wait(lambda: len(probe.sound()) >= room, lambda: len(probe.sound()))
        heard, state = probe.sound(), probe.state()
        offset = probe.first_frame - probe.went_frame
    finally:
        probe.close()
    try:
        took = offset + place(heard, says)
    except ValueError:
        told = f"nothing came back from {loop.out.name} at {loop.back.name}"
        raise UserError(f"{told}: is there a cable between them, and is the level up?") from None
    return _key(loop), figure_of("audio", np.array([took * 1000 / rate]), input_ms, (1, 0), (rate, state.period))


def _rate() -> int:
    client = JackClient(NAME, [], [])
    client.open()
    try:
        return client.sample_rate
    finally:
        client.close()


def _key(loop: Loop) -> str:
    return Identity(loop.out.name, steady(loop.out).aliases).key


def figure_of(
    kind: str, took_ms: NDArray[np.float64], input_ms: float, counts: tuple[int, int], clock: tuple[int, int]
) -> Figure:
    """took_ms: round trips. counts: messages sent, and lost. clock: rate, and frames a period."""
    middle = float(np.median(took_ms))
    return Figure(
        kind=kind,
        latency_ms=round(max(0.0, middle - input_ms), 3),
        round_trip_ms=round(middle, 3),
        jitter_ms=round(float(np.max(took_ms) - np.min(took_ms)), 3),
        sent=counts[0],
        lost=counts[1],
        rate=clock[0],
        period=clock[1],
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def table(figures: dict[str, Figure]) -> str:
    """Figures for people, a line a device."""
    width = max([len("device"), *(len(key) for key in figures)])
    head = f"{'device':<{width}}  kind   round trip   jitter     lost   latency"
    rows = [
        f"{key:<{width}}  {one.kind:<5}  {one.round_trip_ms:7.3f} ms  {one.jitter_ms:6.3f} ms"
        f"  {one.lost:>3}/{one.sent:<3}  {one.latency_ms:.3f} ms"
        for key, one in figures.items()
    ]
    return "\n".join([head, *rows])
