"""A preset with plugins, played live through JACK, and the same notes rendered: are the samples the same?

On a machine that is busy with something else an isolated plugin comes too late now and then, and its block is replaced:
then its strip, and the sum, is not the same.

`ripieno run` plays what one JACK client sends, another records all its audio ports. What was sent, at the frames at
which it left, is then a file that is played as `ripieno render` does it.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.daemon import offline, presets
from ripieno.daemon.bench import plugins_sound, plugins_texts
from ripieno.daemon.bench.jack import daemon
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_client import Heard, Recording
from ripieno.daemon.bench.plugins_player import script
from ripieno.daemon.bench.plugins_session import OURS, PERIOD, RATE
from ripieno.daemon.bench.rows import Row, show, verdict
from ripieno.daemon.score import Score, score_of
from ripieno.native.drivers import JackClient

SECONDS = 5.0
_TAIL, _SPARE = 1.0, 5.0
_BEAT = RATE // 2  # ticks of a beat, of which there are 120 a minute: one a frame
PRESET = """\
name = "Bench"
model = "zone"
stems = true

[[ensemble]]
name = "Pipe"
program = "Church Organ"
range = ["C-1", "D4"]
polyphony = 0

[[ensemble]]
name = "Font"
program = "Vibraphone"
range = ["Eb4", "B4"]
polyphony = 0

[[ensemble]]
name = "Reed"
program = "Oboe"
range = ["C5", "G9"]
polyphony = 0

[[chain]]
on = "Pipe"
plugin = "jit:pipe.py"

[[chain]]
on = "Pipe"
plugin = "delay"

[[chain]]
on = "Font"
plugin = "soundfont:"

[[chain]]
on = "Reed"
plugin = "python:reed.py"

[[chain]]
on = "Reed"
plugin = "python:tint.py"

[[chain]]
plugin = "reverb"
parameters = { mix = 0.2 }

[[chain]]
plugin = "limiter"
"""
STRIPS = ("Pipe", "Font", "Reed")
PORTS = ["left", "right", *(f"{name} {side}" for name in STRIPS for side in ("left", "right"))]


def perform(folder: Path, seconds: float) -> Heard:
    """Live; what was heard on all of PORTS."""
    preset = folder / "bench.toml"
    preset.write_text(PRESET, encoding="utf-8")
    with closing(JackClient("bench-look", [], [])) as client:
        client.open()
        with daemon(client, str(preset), "--connect-audio", "none", name=OURS):
            recording = Recording(folder, OURS, script(seconds, 3, RATE), PORTS, seconds + _TAIL + _SPARE)
            try:
                recording.go(seconds + _TAIL)
                return recording.ends()
            finally:
                recording.kill()


def score(heard: Heard) -> Score:
    """What was sent, as a file that begins with the recording, at the beginning of a period."""
    import mido

    track, at = mido.MidiTrack(), heard.first_frame
    for frame, _, data in heard.sent:
        track.append(mido.Message.from_bytes(data, time=frame - at))
        at = frame
    return score_of(mido.MidiFile(type=0, ticks_per_beat=_BEAT, tracks=[track]), RATE)


def rendered(folder: Path, notes: Score) -> dict[str, NDArray[np.float32]]:
    """Off line; the sound of each of PORTS."""
    take = offline.play(presets.load(str(folder / "bench.toml")), notes, lambda share: None, apart=True)
    assert take.mix is not None
    pairs = [take.mix, *(take.strips[name] for name in STRIPS)]
    return {port: pairs[number // 2][:, number % 2] for number, port in enumerate(PORTS)}


def judge(heard: Heard, sounds: Mapping[str, NDArray[np.float32]]) -> list[dict[str, Any]]:
    """Each port beside its like, frame by frame."""
    lives = [heard.sound(number) for number in range(len(sounds))]
    return [
        {"port": port, "peak": plugins_sound.peak(live), **asdict(plugins_sound.compare(live, sound))}
        for live, (port, sound) in zip(lives, sounds.items(), strict=True)
    ]


def measure(seconds: float = SECONDS) -> dict[str, Any]:
    """Everything, on a server of its own. UserError: jackd, numba or FluidSynth is missing."""
    with TemporaryDirectory(prefix="bench-plugins-") as name, DummyServer(RATE, PERIOD, True):
        folder = plugins_texts.write(Path(name))
        heard = perform(folder, seconds)
        ports = judge(heard, rendered(folder, score(heard)))
        return verdict(_rows(ports), ports=ports, xruns=heard.xruns)


def _rows(ports: Sequence[Mapping[str, Any]]) -> list[Row]:
    sounds = all(row["peak"] > plugins_sound.SILENT for row in ports)
    return [
        Row(
            f"live and rendered, {row['port']}",
            f"{row['lost']} of {row['samples']:,} samples differ, 0 frames apart; peak {row['peak']:.2f}",
            "0",
            sounds and not row["lost"] and not row["slips"],
        )
        for row in ports
    ]


def run(json: bool = False) -> dict[str, Any]:
    """Measure; print the verdict unless `json`. UserError: jackd, numba or FluidSynth is missing."""
    found = measure()
    if not json:
        show(found)
    return found
