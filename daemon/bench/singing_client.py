"""The other end of the cables of `bench singing --part live`: a process of its own that plays, and records the voice.

    python -m ripieno.daemon.bench.singing_client SECONDS

It connects itself to the client `ripieno-bench` of the server that JACK_DEFAULT_SERVER names, plays for so long, and
when its input ends prints what it heard as one line of JSON. What it records takes memory, which must not be counted as
the daemon's.
"""

import json
import sys
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.daemon.bench.jack import wait_for
from ripieno.daemon.bench.singing_player import accompaniment
from ripieno.native.drivers import DriverError
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

OURS, PLAYER = "ripieno-bench", "bench-pianist"
READY = "ready"
_LINKS = (
    (f"{PLAYER}:out", f"{OURS}:in"),
    (f"{OURS}:melody", f"{PLAYER}:melody"),
    (f"{OURS}:voice", f"{PLAYER}:voice"),
)
_SPARE = 30.0  # seconds that are recorded beyond the script
_ON, _OFF, _BEND, _CONTROL = 0x90, 0x80, 0xE0, 0xB0
_SILENT = 1e-4  # -80 dB


def heard_sound(samples: NDArray[np.float32], rate: int) -> dict[str, Any]:
    """What a recording is like: seconds, peak, rms and the share of its tenths of a second that are not silent.

    Half an hour is gone through tenth by tenth, so that it takes little memory besides.
    """
    tenth = rate // 10
    whole = samples[: len(samples) // tenth * tenth].reshape(-1, tenth)
    peaks = np.maximum(whole.max(axis=1), -whole.min(axis=1)) if len(whole) else np.zeros(1)
    energy = sum(float(np.dot(one, one)) for one in whole)
    return {
        "seconds": len(samples) / rate,
        "finite": bool(np.isfinite(peaks).all()),
        "peak": float(peaks.max()),
        "rms": (energy / max(whole.size, 1)) ** 0.5,
        "sounding": float((peaks > _SILENT).mean()),
    }


def heard_line(events: list[Event]) -> dict[str, Any]:
    """What a melody port played: its notes, how many of them never ended, bends, controls."""
    sounding: dict[int, int] = {}
    counts = dict.fromkeys(("notes", "stuck", "bends", "controls"), 0)
    for _, _, data in events:
        kind = data[0] & 0xF0
        if kind == _ON and data[2]:
            counts["notes"] += 1
            sounding[data[1]] = sounding.get(data[1], 0) + 1
        elif kind in (_ON, _OFF):
            sounding.pop(data[1], None)
        counts["bends"] += kind == _BEND
        counts["controls"] += kind == _CONTROL
    counts["stuck"] = sum(sounding.values())
    return counts


def _connects(client: JackProbe) -> bool:
    try:
        for source, destination in _LINKS:
            client.connect(source, destination)
    except DriverError:
        return False
    return True


def main(seconds: float) -> dict[str, Any]:
    """Play and record until the input ends."""
    rate = 48_000
    script = accompaniment(seconds, rate)
    sound = {"audio_inputs": ["voice"], "audio_frames": int((seconds + _SPARE) * rate)}
    with closing(JackProbe(PLAYER, ["melody"], ["out"], script, **sound)) as client:  # type: ignore[arg-type]
        client.open()
        client.start()
        wait_for(lambda: _connects(client), "the connections to ripieno-bench", 10)
        client.go()
        print(READY, flush=True)
        sys.stdin.read()
        return {
            "sent": len(client.sent()),
            "missed": client.missed,
            "line": heard_line(client.received()),
            "sound": heard_sound(client.sound(), rate),
        }


if __name__ == "__main__":
    print(json.dumps(main(float(sys.argv[1]))), flush=True)
