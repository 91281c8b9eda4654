"""SoundFonts: FluidSynth in the process thread where it is installed, else tinysoundfont in a process of its own."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ripieno.native import soundfont
from ripieno.plugins.base import INSTRUMENT, Hosted, PluginError
from ripieno.plugins.builtin import table
from ripieno.plugins.inline import Inline

ROLE = INSTRUMENT
PARAMETERS = table(soundfont.PARAMETERS.values())
FOLDERS = (Path("/usr/share/sounds/sf2"), Path("/usr/share/soundfonts"))
"""Where systems keep SoundFonts."""
INSTALL = "Debian: apt install fluid-soundfont-gm; elsewhere: pip install pretty_midi, which carries a small one"


def carried() -> Path | None:
    """The SoundFont that the package pretty_midi carries; None where that is not installed."""
    spec = find_spec("pretty_midi")
    folders = spec.submodule_search_locations if spec else None
    fonts = sorted(Path(folders[0]).glob("*.sf2")) if folders else []
    return fonts[0] if fonts else None


def find() -> Path:
    """The SoundFont that is installed: the system's usual one, its first, or else the one that pretty_midi carries.

    Raises PluginError, with what to install, where there is none.
    """
    fonts = [font for folder in FOLDERS for font in [folder / "default-GM.sf2", *sorted(folder.glob("*.sf2"))]]
    found = next(filter(Path.is_file, fonts), None) or carried()
    if found is None:
        raise PluginError(f"no SoundFont is installed; install one ({INSTALL}), or name a file: soundfont:FILE.sf2")
    return found.resolve()


def open(path: str, sample_rate: int, period: int, state: bytes | None = None) -> Hosted:
    """A SoundFont, "" for the one that is installed: 16 channels, the tenth of them drums. It has no state.

    Raises PluginError, which names the file, where it cannot be played.
    """
    file = Path(path) if path else find()
    if not file.is_file():
        raise PluginError(f"{file}: no such file; a SoundFont ends in .sf2")
    if not soundfont.available():
        return _elsewhere(file, sample_rate, period, state)
    try:
        unit = soundfont.make(file, sample_rate)
    except ValueError as error:
        raise PluginError(f"{file}: {error}") from None
    return Inline(f"soundfont:{path}", file.stem, ROLE, PARAMETERS, unit)


def _elsewhere(file: Path, sample_rate: int, period: int, state: bytes | None) -> Hosted:
    """In a process of its own, where FluidSynth is not installed; its name and its first news say so."""
    from ripieno.plugins import isolated

    why = "FluidSynth is not installed (Debian: apt install libfluidsynth3)"
    try:
        hosted = isolated.open("tinysound", str(file), sample_rate, period, state)
    except PluginError as error:
        raise PluginError(f"{file}: {why}, and tinysoundfont does not help: {error}") from None
    hosted.tell(f"{file.name}: {why}: tinysoundfont plays it, in a process of its own and a period late")
    return hosted
