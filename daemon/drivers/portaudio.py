"""--driver portaudio: MIDI as --driver rtmidi has it, and sound on any device that PortAudio finds.

sounddevice opens the stream and is given a C function to call, which runs the engine: no Python stands between a key
and its sound. PortAudio's own way to JACK is left out: there --driver jack is better, and PortAudio ends the program
when it looks for devices after a JACK server went away.
"""

import os
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import ModuleType
from typing import Any, NamedTuple

from ripieno.daemon.chain_checks import LEFT
from ripieno.daemon.drivers import rtmidi
from ripieno.daemon.drivers.base import plainly
from ripieno.daemon.drivers.paced import SAMPLE_RATE
from ripieno.daemon.drivers.rtmidi import RtMidi
from ripieno.daemon.errors import UserError
from ripieno.daemon.latencies import SOUND
from ripieno.native.cards import usb_identity
from ripieno.native.drivers import Clock, DriverState, pick
from ripieno.native.links import lasting
from ripieno.native.portaudio import Callback, hush

RATES = (22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
_SIDES = 2
LATENCY = 0.02  # s: less makes sound servers stumble
_STALL = 5.0  # s without a buffer, of a stream that is said to run: some servers take long over the first
_LOOK_EVERY, _LOOK_LATER = 0.4, 3.0  # s between two looks for a device that is missing, just now or for long
_LONG = 60.0  # s
_INVALID_RATE = -9997  # paInvalidSampleRate
_NONE_HERE = "no audio output is here; MIDI goes on, and the sound as soon as there is one"
_NO_JACK = {"JACK_DEFAULT_SERVER": "ripieno-wants-none", "PIPEWIRE_NOJACK": "1"}


class Device(NamedTuple):
    """An output of sound. number: PortAudio's; name: with its host API in brackets; channels: at most."""

    number: int
    name: str
    channels: int
    rate: int  # samples a second, as it usually has


@contextmanager
def _alone() -> Iterator[None]:
    """Let PortAudio look for devices without finding JACK, and without its complaints on the terminal."""
    before = {name: os.environ.get(name) for name in _NO_JACK}
    os.environ.update(_NO_JACK)
    sys.stderr.flush()
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def load() -> ModuleType:
    """The module `sounddevice`. UserError where it, or PortAudio itself, is not installed."""
    try:
        with _alone():
            import sounddevice
    except ImportError:
        raise UserError("sounddevice is not installed: pip install sounddevice, or use --driver jack") from None
    except OSError as error:
        raise UserError(f"{error}; Debian, Ubuntu: sudo apt install libportaudio2") from None
    hush()
    return sounddevice


def problem() -> str | None:
    """Why this driver does not work here, None where it does."""
    try:
        load()
    except UserError as error:
        return str(error)
    return rtmidi.problem()


def look_again(sounddevice: ModuleType) -> None:
    """Let PortAudio forget the devices it found and look for them anew; no stream may be open."""
    with _alone():
        sounddevice._terminate()
        sounddevice._initialize()


def devices(inputs: bool = False) -> list[Device]:
    """The outputs that PortAudio found, or the inputs; the usual one first."""
    sounddevice = load()
    hosts = [host["name"] for host in sounddevice.query_hostapis()]
    channels = "max_input_channels" if inputs else "max_output_channels"
    found = [
        Device(one["index"], f"{one['name']} ({hosts[one['hostapi']]})", one[channels], round(rate))
        for one in sounddevice.query_devices()
        if one[channels] > 0 and "JACK" not in hosts[one["hostapi"]]
        for rate in [one["default_samplerate"]]
    ]
    usual = sounddevice.default.device[0 if inputs else 1]
    return sorted(found, key=lambda device: device.number != usual)


def choose(part: str, inputs: bool = False) -> Device | None:
    """The device of this number or with this in its name; "": the usual one, None where there is none.

    UserError, with what there is, where none or several go by that name.
    """
    there = devices(inputs)
    if not part:
        return there[0] if there else None
    numbered = {str(device.number): device for device in there}
    if part in numbered:
        return numbered[part]
    with plainly():
        name = pick(part, {device.name: () for device in there}, "audio input" if inputs else "audio output")
    return next(device for device in there if device.name == name)


def identity(device: Device) -> str:
    """What tells a device from others, however often it comes: its name, and the numbers of USB."""
    return " ".join(filter(None, [lasting(device.name), usb_identity(device.name)]))


def returned(place: str, there: Sequence[Device], others: Collection[str] = ()) -> Device | None:
    """The device of this identity among those that are there; None: it is not, or two are alike. others: the names of
    those that are like it, and were there beside it."""
    found = [device for device in there if identity(device) == place and device.name not in others]
    return found[0] if len(found) == 1 else None


def refusal(device: Device, rate: int) -> str | None:
    """Why a device does not play at so many samples a second, None where it does."""
    sounddevice = load()
    wanted = {"device": device.number, "channels": channels_of(device), "dtype": "float32"}

    def try_rate(samples: int) -> int:
        """PortAudio's error, 0 for none."""
        try:
            sounddevice.check_output_settings(samplerate=samples, **wanted)
        except sounddevice.PortAudioError as error:
            return int(error.args[1]) if len(error.args) > 1 else -1
        return 0

    fault = try_rate(rate)
    if fault == 0:
        return None
    taken = [str(other) for other in RATES if try_rate(other) == 0]
    if fault == _INVALID_RATE and taken:
        return f"{device.name} refuses {rate} samples a second; it takes {', '.join(taken)}: choose one with --rate"
    return f"{device.name} does not open; another program may hold it"


def channels_of(device: Device) -> int:
    """How many of its channels are played on: two where it has them."""
    return min(2, device.channels)


def usual_rate() -> int:
    """The sample rate to play at: 48,000, or what the usual device has where it refuses that."""
    device = choose("")
    return SAMPLE_RATE if device is None or refusal(device, SAMPLE_RATE) is None else device.rate


class Sound:
    """An engine's audio outputs on one device, which may go and come back. The clock runs the engine meanwhile."""

    def __init__(self, clock: Clock, audios: int) -> None:
        self._clock, self._audios = clock, audios
        self._wanted: str | None = None  # a part of a name; None: no device is wanted
        self._place = ""  # what tells the device that this is the place of from others; "": it was not there yet
        self._others: set[str] = set()  # names of those that are like it, and were there with it
        self.device: Device | None = None
        self._stream: Any = None
        self._callback: Callback | None = None
        self._seen, self._seen_at = 0, 0.0  # buffers, and when they became so many
        self._underflows = 0  # of streams that are closed
        self._next_look = 0.0
        self._said = ""

    def connect(self, part: str) -> str:
        """Play on the device that goes by `part`; "": on the usual one. Returns its name, "" where there is none yet.

        UserError: there is no such device, it refuses the clock's sample rate, or one is wanted already. But for the
        last, `tend` goes on looking for it.
        """
        if self._wanted is not None:
            raise UserError(f"PortAudio sounds on one device: leave out --connect-audio {part!r}")
        self._wanted = part
        try:
            return self._find(part)
        except UserError as error:
            self._said = str(error)
            raise

    def _find(self, part: str) -> str:
        """Open the device that goes by `part`; returns its name, "" where there is none. UserError as of `connect`."""
        there = devices()
        device = returned(self._place, there, self._others) if self._place else choose(part)
        if not device:
            self._said = _NONE_HERE
            return ""
        self._open(device)
        self._place = identity(device) if part else ""  # the usual device may be another one each time
        self._others = {one.name for one in there if identity(one) == self._place} - {device.name}
        self._said = ""
        return device.name

    def _open(self, device: Device) -> None:
        why_not = refusal(device, self._clock.sample_rate)
        if why_not:
            raise UserError(why_not)
        sounddevice, channels = load(), channels_of(device)
        self._callback = Callback(self._clock, self._audios, channels)
        try:
            self._stream = sounddevice._StreamBase(
                kind="output",
                samplerate=self._clock.sample_rate,
                device=device.number,
                channels=channels,
                dtype="float32",
                latency=LATENCY,
                callback=self._callback.function,
                userdata=self._callback.data,
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            self.close()
            raise UserError(f"{device.name} does not open: {error.args[0]}") from None
        self.device, self._seen, self._seen_at = device, 0, time.monotonic()

    def close(self) -> None:
        """Play on no device; what is wanted stays so."""
        if self._stream:
            with suppress(load().PortAudioError):  # it may be gone
                self._stream.close()
        self._underflows += self._callback.state.underflows if self._callback else 0
        self._stream = self._callback = self.device = None

    def _alive(self) -> bool:
        assert self._callback
        buffers, now = self._callback.state.buffers, time.monotonic()
        if buffers != self._seen:
            self._seen, self._seen_at = buffers, now
        return bool(self._stream.active) and now - self._seen_at < _STALL

    def tend(self) -> list[str]:
        """Notices a device that went away, and one that came; news in sentences."""
        if self._wanted is None or (self._stream and self._alive()):
            return []
        news = []
        if self.device:
            news.append(f"{self.device.name} went away; MIDI goes on, and the sound as soon as it is back")
            self.close()
        if time.monotonic() >= self._next_look:
            long = time.monotonic() - self._seen_at > _LONG
            self._next_look = time.monotonic() + (_LOOK_LATER if long else _LOOK_EVERY)
            news += self._look()
        return news

    def _look(self) -> list[str]:
        """Open the device if it is there; complain once of what is in the way."""
        assert self._wanted is not None
        before = self._said
        look_again(load())
        try:
            name = self._find(self._wanted)
        except UserError as error:
            name, self._said = "", str(error)
        if name:
            return [f"the sound is on {name}"]
        return [] if self._said == before else [self._said]

    def state(self, clock: DriverState) -> DriverState:
        """How the clock does, with the buffers that came too late, and the device's own period."""
        if not self._callback:
            return replace(clock, xruns=clock.xruns + self._underflows)
        own = self._callback.state
        xruns = clock.xruns + self._underflows + own.underflows
        return replace(clock, xruns=xruns, period=own.frames or clock.period)


class PortAudio(RtMidi):
    """A `Driver` on python-rtmidi and PortAudio; see ripieno.daemon.drivers.base."""

    name = "portaudio"
    sounds = True

    def __init__(
        self,
        client: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        audios: Sequence[str] = (),
        rate: int = 0,
        api: int | None = None,
    ) -> None:
        """rate: samples a second, 0: as the usual device likes it. api: of rtmidi, for tests. UserError: PortAudio or
        sounddevice is missing."""
        load()
        super().__init__(client, inputs, outputs, api, rate or usual_rate())
        # Left and right come first; ports for the parts of it are a mixer's, and a device is none.
        heard = audios[:_SIDES] if LEFT in audios else audios
        self._sound = Sound(self._paced.clock, max(1, len(heard)))

    def connect_audio(self, part: str) -> str:
        return self._sound.connect(part)

    def listeners(self) -> dict[str, list[str]]:
        device = self._sound.device
        return super().listeners() | ({SOUND: [identity(device)]} if device else {})

    def stop(self) -> bool:
        silent = super().stop()
        self._sound.close()
        return silent

    def tend(self) -> list[str]:
        return [*super().tend(), *self._sound.tend()]

    def state(self) -> DriverState:
        return self._sound.state(super().state())

    def describe(self) -> str:
        device = self._sound.device
        where = f"sound on {device.name} at {self.sample_rate} Hz" if device else "no sound"
        return f"{super().describe()}; {where}"
