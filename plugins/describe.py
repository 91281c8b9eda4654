"""Says what a plugin file holds: `python -m ripieno.plugins.describe KIND FILE PARENT`, a process for one file.

It writes JSON lines: a row for each plugin in the file (see catalogue.Scanned), or {"problem": why it cannot be had}.
The file may crash it, hang it or eat its memory: see scan, which starts it. PARENT: the process id of that.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from ripieno.plugins.hosts import confine
from ripieno.plugins.hosts.errors import described

RATE, PERIOD = 48000, 512  # Hz, frames: a plugin may say other things of itself at others
MEMORY = 2 << 30  # bytes


def describe(kind: str, path: str) -> Iterator[dict[str, Any]]:
    """A row for each plugin of a file. Whatever a plugin raises is its problem, and is told."""
    try:
        inside = _names(kind, path)
    except Exception as error:
        yield {"problem": described(error)}
        return
    for name in inside:
        try:
            yield _opened(kind, f"{path}#{name}" if len(inside) > 1 else path)
        except Exception as error:
            yield {"problem": described(error)}


def _names(kind: str, path: str) -> list[str]:
    """The plugins in a file; of a kind whose files hold one each: the one without a name."""
    if kind not in ("vst3", "au"):
        return [""]
    import pedalboard

    of_kind = pedalboard.VST3Plugin if kind == "vst3" else pedalboard.AudioUnitPlugin
    return list(of_kind.get_plugin_names_for_file(path))


def _opened(kind: str, path: str) -> dict[str, Any]:
    if kind == "jit":
        from ripieno.plugins import jit

        hosted = jit.open(path, RATE, PERIOD)
        return _row(f"jit:{path}", hosted, hosted.standing().latency)
    from ripieno.plugins import hosts

    plugin = hosts.load(kind, path, RATE, PERIOD)
    return _row(f"{kind}:{path}", plugin, plugin.latency)


def _row(spec: str, plugin: Any, latency: int) -> dict[str, Any]:
    from ripieno.plugins.open import short_name

    parameters = [vars(parameter) for parameter in plugin.parameters]
    name = str(getattr(plugin, "name", "") or short_name(spec))
    return {"name": name, "spec": spec, "role": plugin.role, "latency": int(latency), "parameters": parameters}


def main(arguments: list[str]) -> None:
    """Write to standard output, which what the file itself prints does not reach."""
    kind, path, parent = arguments
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    confine.tie(int(parent))
    confine.confine(MEMORY)
    for row in describe(kind, path):
        print(json.dumps(row), file=out, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # some plugins hang or crash as they are unloaded
