"""What a performance's ports are connected with as it begins, and what there is to tell of that."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ripieno.daemon.chain_checks import LEFT_IN, RIGHT_IN
from ripieno.daemon.drivers.base import NO_SOUND, NO_SOUND_IN
from ripieno.daemon.errors import UserError
from ripieno.daemon.presets import Preset
from ripieno.daemon.remote.learn import FEEDBACK
from ripieno.daemon.rig import all_audio_inputs, all_audios

if TYPE_CHECKING:
    from ripieno.daemon.drivers.base import Driver
    from ripieno.daemon.live import Options, Performance


def connect(performance: "Performance", options: "Options") -> None:
    """Connect what was asked for, and tell of it."""
    driver = performance.driver
    # Whoever listens comes first, and hears all that is played.
    performance.news += [driver.connect_out(part) for part in options.connect_out]
    if options.feedback:
        performance.news.append(driver.connect_out(options.feedback, performance.outputs.index(FEEDBACK)))
    performance.news += [driver.connect_in(part) for part in options.connect_in]
    if all_audios(performance.presets):
        performance.news += _connect_audio(driver, options.connect_audio, _what_sounds(performance.presets))
    performance.news += [driver.connect_audio_in(part) for part in options.connect_audio_in]
    if all_audio_inputs(performance.presets) and not driver.hears:
        performance.news.append(f"the input is silent: {NO_SOUND_IN}")
    elif all_audio_inputs(performance.presets) and not options.connect_audio_in:
        told = f"sound comes in at {LEFT_IN} and {RIGHT_IN}"
        performance.news.append(f"{told}: connect something, or use --connect-audio-in NAME")


def _what_sounds(presets: Sequence[Preset]) -> str:
    """The voice, or all there is."""
    return "it" if any(preset.chain for preset in presets) else "the voice"


def _connect_audio(driver: "Driver", parts: Sequence[str], what: str) -> list[str]:
    """Let what sounds be heard, and what there is to tell of that."""
    if not driver.sounds:
        alone = "the voice sings, and only its notes leave" if what != "it" else "only notes leave"
        return [f"{alone}: {NO_SOUND}"]
    news = []
    for part in parts:
        try:
            name = driver.connect_audio(part)
            news.append(f"{what} sounds on {name}" if name else "no loudspeaker is here; MIDI goes on")
        except UserError as error:  # whoever plays goes on: the notes are there
            news.append(f"{error}; MIDI goes on")
    return news
