"""The other end of the cables of `bench plugins`: a process of its own that plays a script and records sound.

    python -m ripieno.daemon.bench.plugins_client FOLDER

FOLDER/plan.json says which client to play to, what to play, from frame 0 on, and which of its audio outputs to record,
for how long. The
player and the recorder are two JACK clients, one before and one behind the client between them, so that all is done in
one cycle. It says "ready", plays when a line comes in, and when its input ends writes what it heard to FOLDER.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.daemon.bench.jack import sounding, wait_for
from ripieno.daemon.errors import UserError
from ripieno.native.drivers import DriverError, JackClient
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

PLAYER, RECORDER = "bench-player", "bench-recorder"
READY = "ready"
_SECONDS = 30.0  # for whatever must come in the end
_END_SECONDS = 600.0  # what a long recording takes to be written on a busy machine


@dataclass(frozen=True)
class Heard:
    """A recording. first_frame: the server's, of the first sample; sent: the script, each event at the server's frame
    at which it left; held: notes that came out of the MIDI port and were never released; skipped: frames that went by
    unrecorded."""

    folder: Path
    first_frame: int
    frames: int
    sent: list[Event]
    held: int
    skipped: int
    xruns: int

    def sound(self, number: int) -> NDArray[np.float32]:
        """[frames] of one of the recorded outputs, in the plan's order."""
        name = self.folder / f"{number}.f32"
        return np.memmap(name, np.float32, "r") if self.frames else np.zeros(0, np.float32)


class Recording:
    """The client, in its process: begun, told to play, and asked what it heard."""

    def __init__(
        self, folder: Path, client: str, script: Sequence[Event], record: Sequence[str], seconds: float
    ) -> None:
        self.folder, self.script = folder, script
        events = [(frame, data.hex()) for frame, _, data in script]
        plan = {"client": client, "script": events, "record": list(record), "seconds": seconds}
        (folder / "plan.json").write_text(json.dumps(plan))
        command, pipe = [sys.executable, "-m", __name__, str(folder)], subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self.process.stdout
        if self.process.stdout.readline().strip() != READY:
            _, complaint = self.process.communicate()
            raise UserError(f"the recording client does not begin: {complaint.strip()[-300:]}")

    def go(self, seconds: float = 0) -> None:
        """Play the script; return after so long."""
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        time.sleep(seconds)

    def ends(self) -> Heard:
        """What it heard. UserError where it failed."""
        said, complaint = self.process.communicate("", timeout=_END_SECONDS)
        if self.process.returncode:
            raise UserError(f"the recording client failed: {complaint.strip()[-300:]}")
        told: dict[str, Any] = json.loads(said)
        frames = np.load(self.folder / "sent.npy").tolist()
        sent = [(frame, 0, data) for frame, (_, _, data) in zip(frames, self.script, strict=False)]
        return Heard(self.folder, sent=sent, **told)

    def kill(self) -> None:
        """Whatever it is doing."""
        self.process.kill()
        self.process.communicate()


def connect(client: JackClient, source: str, destination: str) -> None:
    """Once both ports are there. UserError where they never are."""

    def connects() -> bool:
        try:
            client.connect(source, destination)
        except DriverError:
            return False
        return True

    wait_for(connects, f"a connection of {source} to {destination}", _SECONDS)


def _connect_all(recorder: JackProbe, ours: str, record: Sequence[str]) -> None:
    connect(recorder, f"{PLAYER}:out", f"{ours}:in")
    connect(recorder, f"{ours}:out", f"{RECORDER}:in")
    for number, name in enumerate(record):
        connect(recorder, f"{ours}:{name}", f"{RECORDER}:{number}")


def _write(folder: Path, player: JackProbe, recorder: JackProbe, ports: int, room: int) -> dict[str, Any]:
    first, last, frames = recorder.first_frame, recorder.state(), 0
    for number in range(ports):
        sound = recorder.sound(number)
        frames = len(sound) if number == 0 else min(frames, len(sound))
        sound[:frames].tofile(folder / f"{number}.f32")
    np.save(folder / "sent.npy", np.array([frame for frame, _, _ in player.sent()], np.int64))
    return {
        "first_frame": first,
        "frames": frames,
        "held": len(sounding(recorder.received())),
        "skipped": max(0, last.frame - first - frames) if frames < room else 0,
        "xruns": last.xruns,
    }


def main(folder: Path) -> dict[str, Any]:
    """Play and record until the input ends."""
    plan = json.loads((folder / "plan.json").read_text())
    script = [(frame, 0, bytes.fromhex(data)) for frame, data in plan["script"]]
    ports = [str(number) for number in range(len(plan["record"]))]
    room = int(plan["seconds"] * 48_000)
    player = JackProbe(PLAYER, [], ["out"], script)
    recorder = JackProbe(RECORDER, ["in"], [], audio_inputs=ports, audio_frames=room)
    with closing(player), closing(recorder):
        for probe in (player, recorder):
            probe.open()
            probe.start()
        _connect_all(recorder, plan["client"], plan["record"])
        print(READY, flush=True)
        if sys.stdin.readline():
            player.go()
            sys.stdin.read()
        return _write(folder, player, recorder, len(ports), room)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))), flush=True)
