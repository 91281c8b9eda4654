"""Describe the C extension to cffi. Run by the build, never at run time."""

from pathlib import Path

from cffi import FFI

SRC = Path(__file__).parent / "src"
NAMES = """
    parameter unit timeline clock_in clock_out tap rack builtin foreign soundfont isolate isolated
    lstm transformer sampler vocoder singer key continuation instrumenter piano singing beats
    zone engine drivers flight
"""
PUBLIC = tuple(f"{name}.h" for name in NAMES.split())


def declarations(header: Path) -> str:
    """A header without its preprocessor lines: what cffi can read."""
    return "\n".join(line for line in header.read_text().splitlines() if not line.startswith("#"))


ffi = FFI()
ffi.cdef("\n".join(declarations(SRC / name) for name in PUBLIC))
ffi.set_source("ripieno.native._native", "\n".join(f'#include "{name}"' for name in PUBLIC))
