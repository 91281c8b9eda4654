"""Python face of SoundFonts played by FluidSynth, in the process thread."""

from __future__ import annotations

import os

from ripieno.native._native import ffi, lib
from ripieno.native.parameter import parameters
from ripieno.native.unit import Unit

PARAMETERS = parameters(lib.rp_soundfont_parameters(), lib.RP_SOUNDFONT_PARAMETERS)
"""By their names."""
_WHY = 512


def available() -> bool:
    """Whether libfluidsynth is on this machine."""
    return bool(lib.rp_soundfont_available())


def make(path: str | os.PathLike[str], sample_rate: int, polyphony: int = 256) -> Unit:
    """A SoundFont, loaded, as an instrument with 16 channels, the tenth of them drums; ``polyphony`` voices at once.

    What is played starts on the next multiple of 64 frames. Raises ValueError, which says why, where it cannot be.
    """
    why = ffi.new("char[]", _WHY)
    unit = lib.rp_unit_soundfont(os.fsencode(path), sample_rate, polyphony, why, _WHY)
    if unit == ffi.NULL:
        raise ValueError(ffi.string(why).decode(errors="replace"))
    return Unit(unit)
