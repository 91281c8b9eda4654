"""What was sent, as sound: a small synthesizer without a sound card (tinysoundfont), into a WAV file."""

import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripieno.daemon.errors import UserError
from ripieno.daemon.files import whole_file
from ripieno.daemon.score import Event
from ripieno.plugins import soundfont

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Audio = NDArray[np.float32]

INSTALL = "pip install pretty_midi && pip install --no-deps tinysoundfont"
_TAIL_SECONDS = 2.5
_FADE_SECONDS = 0.5
_PEAK = 0.891  # -1 dBFS
_PIECE = 1 << 16
# A small hall: early enough not to blur, so that dry samples do not sound as if in a cupboard.
_REVERB_SECONDS, _REVERB_DECAY, _REVERB_LEVEL, _REVERB_SEED = 1.4, 4.6, 0.20, 1
_NOTE_OFF, _NOTE_ON, _CONTROL, _PROGRAM, _BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0
_CC_PAN, _DRUM_CHANNEL = 10, 9
# How loud a voice that sings along is beside the instruments, which the synthesizer plays softly.
_VOICE_GAIN = 0.36


@dataclass(frozen=True)
class Sound:
    """What a sound file holds: length in seconds, highest sample before levelling (1.0: full scale) and after."""

    seconds: float
    peak_before: float
    peak: float


def find_soundfont() -> Path:
    """The SoundFont that the package pretty_midi carries. UserError with what to install where it is missing."""
    font = soundfont.carried()
    if font is None:
        raise UserError(f"no SoundFont is installed, so there is no sound to render; install one: {INSTALL}")
    return font


def _load_library() -> Any:
    try:
        import tinysoundfont
    except ImportError as error:
        raise UserError(f"the synthesizer tinysoundfont is not installed ({error}); install it: {INSTALL}") from None
    return tinysoundfont


def require() -> None:
    """UserError, with what to install, where no sound can be made here."""
    _load_library()
    find_soundfont()


class _Player:
    """Our events on one synthesizer a port."""

    def __init__(self, library: Any, font: Path, rate: int, pans: Mapping[tuple[int, int], int]) -> None:
        self.library, self.font, self.rate, self.pans = library, font, rate, pans
        self.ports: dict[int, Any] = {}

    def port(self, number: int) -> Any:
        if number not in self.ports:
            synth = self.library.Synth(gain=-12, samplerate=self.rate)
            synth.sfload(str(self.font), max_voices=256)
            for channel in range(16):
                synth.program_change(channel, 0, channel == _DRUM_CHANNEL)
            for (port, channel), pan in self.pans.items():
                if port == number:
                    synth.control_change(channel, _CC_PAN, pan)
            self.ports[number] = synth
        return self.ports[number]

    def send(self, number: int, data: bytes) -> None:
        synth, kind, channel = self.port(number), data[0] & 0xF0, data[0] & 15
        if kind == _NOTE_ON and data[2]:
            synth.noteon(channel, data[1], data[2])
        elif kind in (_NOTE_ON, _NOTE_OFF):
            synth.noteoff(channel, data[1])
        elif kind == _CONTROL:
            synth.control_change(channel, data[1], data[2])
        elif kind == _PROGRAM:
            synth.program_change(channel, data[1], channel == _DRUM_CHANNEL)
        elif kind == _BEND:
            synth.pitchbend(channel, data[1] | data[2] << 7)

    def generate(self, frames: int) -> "Audio":
        """The next frames of all ports together, shaped (frames, 2)."""
        import numpy as np

        audio = np.zeros((frames, 2), np.float32)
        for synth in self.ports.values():
            audio += np.frombuffer(synth.generate(frames), np.float32).reshape(-1, 2)
        return audio


def spread(places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Where each (port, channel) sits from left to right, as MIDI pan (64 is the middle), in the order given."""
    width = 44 if len(places) > 1 else 0
    return {place: round(64 - width + 2 * width * i / max(1, len(places) - 1)) for i, place in enumerate(places)}


def _pieces(player: _Player, events: Sequence[Event], frames: int) -> Iterator["Audio"]:
    at = 0
    for frame, port, data in events:
        while at < frame:
            size = min(frame - at, _PIECE)
            yield player.generate(size)
            at += size
        player.send(port, data)
    while at < frames:
        size = min(frames - at, _PIECE)
        yield player.generate(size)
        at += size


def _hall(audio: "Audio", rate: int) -> None:
    """Put the audio into a small hall, in place: convolve it with decaying noise, piece by piece."""
    import numpy as np

    noise = np.random.default_rng(_REVERB_SEED).standard_normal((int(_REVERB_SECONDS * rate), 2))
    noise *= np.exp(-_REVERB_DECAY * np.arange(len(noise)) / rate)[:, None]
    # Air takes the treble.
    noise = np.stack([np.convolve(noise[:, c], np.ones(6) / 6, "same") for c in (0, 1)], axis=1)
    noise *= _REVERB_LEVEL / np.sqrt((noise**2).sum(axis=0))
    size = 1 << 17
    response = np.fft.rfft(noise, 2 * size, axis=0)
    ringing = np.zeros((size, 2))
    for at in range(0, len(audio), size):
        piece = audio[at : at + size]
        wet = np.fft.irfft(np.fft.rfft(piece, 2 * size, axis=0) * response, 2 * size, axis=0)
        piece += (wet[:size] + ringing)[: len(piece)].astype(np.float32)
        ringing = wet[size:]


@dataclass(frozen=True)
class Stems:
    """Files for the voice and for all the others, apart; together they are the whole. None: not wanted."""

    voice: Path | None = None
    others: Path | None = None


NO_STEMS = Stems()


def write_wav(
    path: Path,
    events: Sequence[Event],
    frames: int,
    rate: int,
    pans: Mapping[tuple[int, int], int],
    progress: Callable[[float], None],
    voice: "NDArray[np.float32] | None" = None,
    stems: Stems = NO_STEMS,
) -> Sound:
    """Play events, sorted by frame, into a stereo 16-bit WAV file that appears whole or not at all.

    frames: when the music ends; the sound rings on a little and fades. pans: MIDI pan of each (port, channel). voice:
    what sings along, one channel from frame 0, as it is. progress: told the share done. Levelled to -1 dBFS, the stems
    by as much. UserError where the synthesizer or its sounds are missing.
    """
    total = frames + int(_TAIL_SECONDS * rate)
    others = _instruments(events, total, rate, pans, progress)
    sung = _sung(voice, total, rate) if voice is not None else None
    whole = others if sung is None else others + sung
    before = float(max(whole.max(initial=0), -whole.min(initial=0)))
    scale = _PEAK / before if before > 0 else 1.0
    for name, audio in ((path, whole), (stems.voice, sung), (stems.others, others)):
        if name and audio is not None:
            _write(name, audio, scale, rate)
    return Sound(total / rate, before, before * scale)


def _instruments(
    events: Sequence[Event], frames: int, rate: int, pans: Mapping[tuple[int, int], int], progress: Any
) -> "Audio":
    """What the synthesizer plays, in its hall, shaped (frames, 2)."""
    import numpy as np

    player = _Player(_load_library(), find_soundfont(), rate, pans)
    audio = np.empty((frames, 2), np.float32)
    at = 0
    for piece in _pieces(player, events, frames):
        audio[at : at + len(piece)] = piece
        at += len(piece)
        progress(at / frames)
    return _staged(audio, rate)


def _sung(voice: "NDArray[np.float32]", frames: int, rate: int) -> "Audio":
    """The voice in the same hall, in its middle, shaped (frames, 2)."""
    import numpy as np

    audio = np.zeros((frames, 2), np.float32)
    audio[: len(voice)] = _VOICE_GAIN * voice[:frames, None]
    return _staged(audio, rate)


def _staged(audio: "Audio", rate: int) -> "Audio":
    """In the hall, and faded at the end, in place."""
    import numpy as np

    _hall(audio, rate)
    fade = min(len(audio), int(_FADE_SECONDS * rate))
    audio[len(audio) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return audio


def _write(path: Path, audio: "Audio", scale: float, rate: int) -> None:
    import numpy as np

    with whole_file(path) as out, wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        for at in range(0, len(audio), _PIECE):
            piece = audio[at : at + _PIECE] * np.float32(scale)
            file.writeframesraw(np.rint(piece * 32767).astype("<i2").tobytes())
