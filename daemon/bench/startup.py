"""How soon `ripieno run` is ready, what memory it takes, and what it costs while nobody plays (Linux, with JACK)."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.errors import UserError
from ripieno.daemon.progress import Progress

PRESET = "string-quartet"
RUNS = 5
IDLE_SECONDS = 20.0
LIMITS = {"ready_s": 2.0, "resident_mb": 150.0, "idle_percent": 3.0}
_READY_TIMEOUT = 30.0


def run(as_json: bool = False, preset: str = PRESET, runs: int = RUNS, idle: float = IDLE_SECONDS) -> dict[str, Any]:
    """Start the daemon `runs` times on a JACK server of its own; watch the last one idle. Print it unless as_json.

    ready_s: from the command to its ports being up, median and worst. resident_mb: memory in RAM, of which JACK's own
    shared memory makes a part, said beside it. idle_percent: of one core.
    """
    if not sys.platform.startswith("linux"):
        raise UserError("this is measured on Linux only")
    with DummyServer(), TemporaryDirectory() as state, Progress("starting and idling") as progress:
        ready = [_start(preset, None, state)["ready_s"] for _ in range(runs - 1)]
        progress(0.3)
        last = _start(preset, idle, state)
    ready.append(last["ready_s"])
    result = {
        "preset": preset,
        "runs": runs,
        "ready_s": {"median": sorted(ready)[len(ready) // 2], "worst": max(ready)},
        **{key: last[key] for key in ("resident_mb", "of_which_jack_mb", "idle_percent", "torch_loaded")},
        "limits": LIMITS,
    }
    if not as_json:
        _show(result)
    return result


def _start(preset: str, idle: float | None, state: str) -> dict[str, Any]:
    """One life of the daemon, up to its ports being up, or through some seconds of idling, too. state: the folder of
    what it keeps."""
    command = [sys.executable, "-m", "ripieno.daemon.cli", "run", preset, "--driver", "jack", "--json"]
    command += ["--name", f"ripieno-bench-{os.getpid()}"]
    begun = time.monotonic()
    env = {**os.environ, "XDG_STATE_HOME": state}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        found: dict[str, Any] = {"ready_s": round(time.monotonic() - begun, 3)}
        if not line or json.loads(line)["event"] != "ready":
            raise UserError(f"the daemon did not start: {process.communicate(timeout=_READY_TIMEOUT)[1].strip()}")
        if idle is not None:
            found |= _watch(process.pid, idle)
    finally:
        process.terminate()
        process.communicate(timeout=_READY_TIMEOUT)
    return found


def _watch(pid: int, seconds: float) -> dict[str, Any]:
    before = _cpu_seconds(pid)
    begun = time.monotonic()
    time.sleep(seconds)
    share = (_cpu_seconds(pid) - before) / (time.monotonic() - begun)
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        "idle_percent": round(100 * share, 2),
        "resident_mb": round(int(status["VmRSS"].split()[0]) / 1024, 1),
        "of_which_jack_mb": round(int(status["RssShmem"].split()[0]) / 1024, 1),
        "torch_loaded": "libtorch" in Path(f"/proc/{pid}/maps").read_text(),
    }


def _cpu_seconds(pid: int) -> float:
    """Processor time that a process and its threads have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _show(result: dict[str, Any]) -> None:
    ready = result["ready_s"]
    print(
        f"  ports up after     {ready['median']:.2f} s (worst of {result['runs']}: {ready['worst']:.2f} s; limit 2 s)"
    )
    print(
        f"  resident           {result['resident_mb']:.0f} MB, of which JACK's own {result['of_which_jack_mb']:.0f} MB"
    )
    print(f"  idling             {result['idle_percent']:.1f} % of a core (limit 3 %)")
    print(f"  torch              {'LOADED' if result['torch_loaded'] else 'not loaded'}")
