"""Plugins of the kind jit: a user's own sound in Python, compiled to a function that the process thread calls.

What such a file says stands in jit_source.py; `ripieno plugins new jit NAME` writes one. Before it is played for the
first time it is tried in a process of its own (jit_trial.py); what passed, and what was compiled of it, is kept.
"""

from __future__ import annotations

from pathlib import Path

from ripieno.native import foreign
from ripieno.plugins.inline import Inline
from ripieno.plugins.jit_source import load, memory, read
from ripieno.plugins.jit_trial import USUAL, Limits, try_out


class Jit(Inline):
    """A compiled plugin; its unit replaces what is no sound, and this tells of it."""

    _missed = 0

    def tend(self) -> list[str]:
        """What it did since that it should not."""
        now = self.unit.state()
        new, self._missed = now.missed - self._missed, now.missed
        return [f"{self.name}: {now.fault}; it begins anew"] if new and now.fault else []


def open(path: str, sample_rate: int, period: int, state: bytes | None = None, limits: Limits = USUAL) -> Jit:
    """The plugin of a file, ready to play at ``sample_rate`` Hz, whatever the ``period``. It has no ``state``.

    Raises PluginError naming the file, and the line where that is known, for what is not fit to be played; or where
    numba is missing.
    """
    from ripieno.plugins import jit_compile

    file = Path(path).absolute()
    kept = jit_compile.place(file, read(file), sample_rate)
    if not (kept / jit_compile.PASSED).exists():
        try_out(file, sample_rate, limits)
    program = load(file, sample_rate)
    compiled = jit_compile.finish(jit_compile.entry(program, kept))
    room, values = memory(program), [one.usual for one in program.parameters]
    unit = foreign.make(compiled.address, room, program.role, values, program.latency, sample_rate, compiled)
    return Jit(f"jit:{path}", file.stem, program.role, program.parameters, unit)
