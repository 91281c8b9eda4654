"""Plays into a recorder until it is killed: 0.1 s at a time, telling after each how far it has come.

The clock is the music's own, so that what a second before the end was played does not hang on how busy a machine is.
"""

import sys
from pathlib import Path

import numpy as np

from ripieno.daemon.recording.recorder import Recorder
from ripieno.daemon.recording.sources import Sources
from ripieno.native.tap import Midi, Tap

RATE, STEP = 8000, 100


def main(folder: Path) -> None:
    tap, now = Tap(RATE, 2), 0.0
    recorder = Recorder(tap, Sources(RATE, {"mix": (0, 1)}), folder, clock=lambda: now)
    recorder.record("to be killed")
    recorder.look()
    for frame in range(0, 10**9, STEP):
        ramp = (np.arange(frame, frame + STEP) % 4096).astype(np.float32)
        tap.write(frame, np.stack([ramp, -ramp]), [Midi(frame, 0, True, bytes([0x90, frame // STEP % 128, 64]))])
        now = (frame + STEP) / RATE
        if frame % (RATE // 10) == 0:
            recorder.look()
            print(frame + STEP, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
