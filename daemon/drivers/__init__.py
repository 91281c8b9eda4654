"""What the engine plays through: JACK, rtmidi with PortAudio or without, or a file in the player's place."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ripieno.daemon.drivers import portaudio, rtmidi
from ripieno.daemon.drivers.base import Driver
from ripieno.daemon.drivers.file import File
from ripieno.daemon.drivers.jack import Jack
from ripieno.daemon.drivers.portaudio import PortAudio
from ripieno.daemon.drivers.rtmidi import RtMidi
from ripieno.daemon.errors import UserError
from ripieno.native.drivers import jack_problem

NAMES = ("auto", "jack", "portaudio", "rtmidi", "file")
# Best first: what each is good for, and why it may not work here.
_LIVE: dict[str, tuple[str, Callable[[], str | None]]] = {
    "jack": ("a JACK server answers, and JACK plays in the same cycle", jack_problem),
    "portaudio": ("this system's own MIDI and sound work", portaudio.problem),
    "rtmidi": ("this system's own MIDI works", rtmidi.problem),
}
_FOR_SOUND = {"portaudio"}  # of no use where nothing sounds

__all__ = ["NAMES", "Driver", "choose", "make"]


def choose(sound: bool = False) -> tuple[str, str]:
    """The best driver that works here and why it is chosen. UserError, saying what to do, where none does.

    sound: there is something to be heard.
    """
    problems: list[str] = []
    for name, (merit, problem) in _LIVE.items():
        if name in _FOR_SOUND and not sound:
            continue
        why_not = problem()
        if why_not is None:
            return name, "; ".join([merit, *problems])
        problems.append(f"not {name}: {why_not}")
    raise UserError("no driver works here.\n  " + "\n  ".join(problems))


def make(
    name: str,
    client: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    audios: Sequence[str] = (),
    audio_inputs: Sequence[str] = (),
    file: Path | None = None,
    linger_s: float = 0.0,
    rate: int = 0,
) -> tuple[Driver, str]:
    """A driver, not opened yet, and the reason it was chosen for.

    name: one of NAMES. inputs, outputs, audios (where sound leaves), audio_inputs: names of the ports. file: for the
    driver "file", which goes on for so many seconds after its end. rate: samples a second for the driver "portaudio",
    0: as the device likes it; the others have a rate of their own. UserError where it cannot be.
    """
    reason = "as asked for"
    if name == "auto":
        name, reason = ("file", "an input file is given") if file else choose(bool(audios))
    if name == "file":
        if file is None:
            raise UserError("--driver file needs a MIDI file to play: --input FILE")
        return File(file, outputs, linger_s), reason
    if name == "jack":
        return Jack(client, inputs, outputs, audios, audio_inputs), reason
    if name == "portaudio":
        return PortAudio(client, inputs, outputs, audios, rate), reason
    return RtMidi(client, inputs, outputs), reason
