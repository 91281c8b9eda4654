"""The command `ripieno` as users run it: a process of its own."""

import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "ripieno.daemon.cli"]


def ripieno(*arguments: object, folder: Path | None = None, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command line to its end, and see that it ends with `status` and without a traceback."""
    line = [*COMMAND, *map(str, arguments)]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert "Traceback" not in done.stderr
    assert done.returncode == status, done.stderr
    return done
