"""A PulseAudio server with no sound card: to ALSA, and so to PortAudio, a device that can be unplugged."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from threading import Thread

import numpy as np

_SINK = "speakers"
_SECONDS = 20.0


class PulseServer:
    """`pulseaudio` while the `with` block lasts; this process and its children use no other meanwhile."""

    def __init__(self, rate: int = 48_000) -> None:
        self._rate = rate
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PulseServer":
        self._folder = Path(tempfile.mkdtemp(prefix="pulse"))
        self._socket = self._folder / "socket"
        own = {name: str(self._folder) for name in ("PULSE_RUNTIME_PATH", "PULSE_STATE_PATH", "PULSE_CONFIG_PATH")}
        own |= {"PULSE_SERVER": f"unix:{self._socket}", "PULSE_COOKIE": str(self._folder / "cookie")}
        self._before = {name: os.environ.get(name) for name in own}
        os.environ.update(own)
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start it (again), and wait until it answers."""
        modules = (
            f"module-native-protocol-unix auth-anonymous=1 socket={self._socket}",
            f"module-null-sink sink_name={_SINK} rate={self._rate}",
        )
        line = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-level=error"]
        line += [word for module in modules for word in ("-L", module)]
        self._process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
        end = time.monotonic() + _SECONDS
        while subprocess.run(["pactl", "info"], capture_output=True, check=False).returncode:
            assert time.monotonic() < end, "pulseaudio does not start"
            time.sleep(0.05)

    def end(self) -> None:
        """End it without a goodbye to its clients: whatever played on it was unplugged."""
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = None
        self._socket.unlink(missing_ok=True)


class Ear:
    """What sounds on the server, from now on."""

    def __init__(self) -> None:
        line = ["parec", "--raw", "--format=float32le", "--rate=48000", "--channels=2", "--latency-msec=20"]
        self._process = subprocess.Popen([*line, f"--device={_SINK}.monitor"], stdout=subprocess.PIPE)
        self.loudest, self.even = 0.0, True  # the largest sample so far; both sides are the same
        self.sides = [0.0, 0.0]  # the largest on the left and on the right
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self._process.stdout
        while part := self._process.stdout.read(4800 * 8):
            sound = np.frombuffer(part[: len(part) // 8 * 8], np.float32).reshape(-1, 2)
            if not len(sound):
                continue
            self.loudest = max(self.loudest, float(np.abs(sound).max(initial=0.0)))
            self.sides = [max(before, float(now)) for before, now in zip(self.sides, np.abs(sound).max(0), strict=True)]
            self.even = self.even and np.array_equal(sound[:, 0], sound[:, 1])

    def close(self) -> None:
        """Hear no more."""
        self._process.kill()
        self._thread.join()
        self._process.communicate()
