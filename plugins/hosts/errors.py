"""What went wrong in a plugin, in one line for the player."""

from __future__ import annotations

import os
import traceback

from ripieno.plugins.base import PluginError


def described(error: BaseException) -> str:
    """What, and where in the user's own file."""
    if isinstance(error, PluginError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError):
        where = f" (line {error.lineno})"
        return f"SyntaxError: {error.msg}{where}"
    return f"{type(error).__name__}: {error}{where}"
