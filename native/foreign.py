"""Python face of foreign.h: somebody's compiled function as a unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ripieno.native._native import ffi, lib
from ripieno.native.unit import ROLES, Unit

LATENCY_MAX: int = lib.RP_LATENCY_MAX
BLOCK_MAX: int = lib.RP_BLOCK_MAX


def make(
    address: int,
    state: NDArray[np.uint8],
    role: str,
    values: Sequence[float],
    latency: int,
    sample_rate: int,
    kept: object,
) -> Unit:
    """A unit of the function at ``address``, an rp_foreign; ``role`` as in ripieno.native.unit, ``latency`` in frames.

    ``state`` is its memory, changed by the process thread; it and ``kept`` (the compiled code) live as long as
    the unit.
    Raises ValueError for what cannot be a unit.
    """
    if len(values) > lib.RP_UNIT_PARAMETERS_MAX or not 0 <= latency <= LATENCY_MAX or sample_rate <= 0:
        raise ValueError(
            f"{len(values)} parameters (at most {lib.RP_UNIT_PARAMETERS_MAX}), latency {latency} (0 to {LATENCY_MAX}),"
            f" {sample_rate} Hz: no such plugin can be played"
        )
    call = ffi.cast("rp_foreign", address)
    memory = ffi.from_buffer(state, require_writable=True)
    pointer = lib.rp_unit_foreign(call, memory, ROLES[role], len(values), list(values), latency, sample_rate)
    return Unit(pointer, (state, memory, kept))
