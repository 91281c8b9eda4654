"""The same without JACK: MIDI as --driver rtmidi has it, sound as --driver portaudio has it.

Both go through Python, so that the jitter is that of this computer, too; the median is what counts.
"""

import time
from typing import Any

import numpy as np

from ripieno.daemon.calibrate import NAME, PATIENCE, delays, figure_of, place, script, sweep, wait
from ripieno.daemon.devices import Figure
from ripieno.daemon.drivers import portaudio, rtmidi
from ripieno.daemon.drivers.paced import SAMPLE_RATE
from ripieno.daemon.errors import UserError
from ripieno.native.engine import Event
from ripieno.native.links import lasting

_NANOSECONDS = 1_000_000_000


def midi(out: str, back: str, input_ms: float = 0.0) -> tuple[str, Figure]:
    """Measure a MIDI device: its key, and its figure. UserError where nothing comes back."""
    module = rtmidi.load()
    api = rtmidi.portable_api(module)
    mouth, ear = module.MidiOut(api, name=NAME), module.MidiIn(api, name=NAME)
    heard: list[Event] = []
    try:
        name, source = (rtmidi.open_device(*end) for end in ((mouth, out, NAME, False), (ear, back, NAME, True)))
        ear.set_callback(lambda event, _: heard.append((time.monotonic_ns(), 0, bytes(event[0]))))
        sent = _play(mouth)
        wait(lambda: len(delays(sent, heard)) == len(sent), lambda: len(heard))
    finally:
        mouth.delete()
        ear.delete()
    took = delays(sent, heard)
    if not took:
        raise UserError(f"nothing came back from {name} at {source}: is there a cable between them?")
    return lasting(name), figure_of("midi", np.array(took) / 1e6, input_ms, (len(sent), len(sent) - len(took)), (0, 0))


def _play(mouth: Any) -> list[Event]:
    """Send the script; each message with the nanosecond of the monotonic clock at which it left."""
    sent, begun = [], time.monotonic_ns()
    for frame, port, data in script(_NANOSECONDS):
        time.sleep(max(0, begun + frame - time.monotonic_ns()) / _NANOSECONDS)
        sent.append((time.monotonic_ns(), port, data))
        mouth.send_message(data)
    return sent


def audio(out: str, back: str, input_ms: float = 0.0) -> tuple[str, Figure]:
    """Measure a device of sound, likewise."""
    sounddevice = portaudio.load()
    device, source = portaudio.choose(out), portaudio.choose(back, inputs=True)
    if not device or not source:
        raise UserError("no audio device is here that sounds and hears")
    rate = SAMPLE_RATE if portaudio.refusal(device, SAMPLE_RATE) is None else device.rate
    says = sweep(rate)
    sound = np.pad(says, (0, round(PATIENCE * rate)))[:, None].repeat(portaudio.channels_of(device), axis=1)
    how = {"samplerate": rate, "channels": 1, "device": (source.number, device.number), "latency": portaudio.LATENCY}
    try:
        heard = sounddevice.playrec(sound, blocking=True, dtype="float32", **how)
    except sounddevice.PortAudioError as error:
        raise UserError(f"{device.name} and {source.name} do not play together: {error}") from None
    try:
        took = place(heard[:, 0], says)
    except ValueError:
        told = f"nothing came back from {device.name} at {source.name}"
        raise UserError(f"{told}: is there a cable between them, and is the level up?") from None
    return portaudio.identity(device), figure_of("audio", np.array([took * 1000 / rate]), input_ms, (1, 0), (rate, 0))
