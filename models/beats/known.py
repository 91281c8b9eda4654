"""What the field has: a well-known tracker on the same notes."""

import warnings

import numpy as np

from ripieno.models.beats.takes import Take
from ripieno.models.instrumentation.performance import Floats

DIXON = "partitura's (Dixon 2001)"


def dixon(take: Take) -> Floats:
    """[beats] seconds, by partitura's estimate_time: multiple agents after Dixon 2001 (JNMR 30:1), the method of
    BeatRoot. It hears all of the notes before it says where the first beat is. None where it finds no beat."""
    from partitura.musicanalysis import estimate_time

    notes = np.zeros(
        len(take.frame), [("onset_sec", "f4"), ("duration_sec", "f4"), ("pitch", "i4"), ("velocity", "i4")]
    )
    notes["onset_sec"], notes["duration_sec"] = take.seconds, 0.1
    notes["pitch"], notes["velocity"] = take.pitch, take.velocity
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = estimate_time(notes)["beats"]
    return np.array(sorted(float(beat[0]) for beat in found))
