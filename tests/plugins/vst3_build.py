"""The VST3 of the tests (tests/plugins/vst3), built where it is wanted: Debian has none to install.

Its bundle holds two plugins, EFFECT and INSTRUMENT. Both have the parameters Gain (-60 to 12 dB), Latency (0 to 1000
frames) and Fault (0 to 8, see FAULTS). A file `Contents/fault` in the bundle with a fault's name in it makes the plugin
that sees it first fail once; `fail` writes it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from needs import lack

NAME, EFFECT, INSTRUMENT = "Ripieno Test", "Ripieno Test Effect", "Ripieno Test Instrument"
FAULTS = ("", "crash", "hang", "leak", "nan", "loud", "slow", "hang-state", "spin")
SOURCES = Path(__file__).with_name("vst3")


def build(folder: Path, name: str = NAME, at_load: str = "", latency: int = 0) -> Path:
    """A bundle called ``name``.vst3 in ``folder``. at_load: "crash" or "hang", what it does when it is loaded; latency:
    of its plugins, when they are new, in frames."""
    contents = folder / f"{name}.vst3" / "Contents"
    place = contents / f"{os.uname().machine}-linux" / f"{name}.so"
    place.parent.mkdir(parents=True)
    place.write_bytes(_library())
    if at_load:
        (contents / "at-load").write_text(at_load)
    if latency:
        (contents / "latency").write_text(str(latency))
    return contents.parent


def fail(bundle: Path, fault: str) -> None:
    """Let a plugin of this bundle fail in its next block, once. Where several play, one of them does."""
    assert fault in FAULTS[1:], fault
    asked = bundle / "Contents" / "fault"
    part = asked.with_suffix(".part")
    part.write_text(fault)
    part.rename(asked)


@cache
def _library() -> bytes:
    """The library, compiled once a session."""
    if sys.platform != "linux":
        lack("the VST3 of the tests is built on Linux")
    compiler = os.environ.get("CC") or shutil.which("cc")
    if not compiler:
        lack("missing: cc (Debian: apt install gcc)")
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden"]
    sources = map(str, sorted(SOURCES.glob("*.c")))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "library.so"
        subprocess.run([*compiler.split(), *flags, *sources, "-o", out, "-lm", "-ldl"], check=True, timeout=120)
        return out.read_bytes()
