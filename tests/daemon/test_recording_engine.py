"""The recorder behind an engine: what is on disk is what came in and what left, to the sample and to the frame."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import mido
import numpy as np
import pytest

from needs import needs
from ripieno.daemon.recording.recorder import Recorder
from ripieno.daemon.recording.sources import Sources
from ripieno.native import builtin
from ripieno.native.engine import Engine, Event, Instrument, Rig, Sound, run_offline
from ripieno.native.rack import INPUT, Rack, Strip
from ripieno.native.tap import Tap

needs("soundfile")

RATE = 48_000
KEYS: list[Event] = [
    (4000 * n + 7 * pitch, 0, bytes([kind, pitch, 80]))
    for n, kind in enumerate((0x90, 0x80) * 5)
    for pitch in (60, 64, 67)
]
NOTES = ("note_on", "note_off")


def heard_by(path: Path) -> list[tuple[int, bytes]]:
    """The notes of a file's second half of tracks, by time: a tick is a frame."""
    found = []
    for track in mido.MidiFile(path).tracks[2:]:
        at = 0
        for message in track:
            at += message.time
            found += [(at, bytes(message.bytes()))] if message.type in NOTES else []
    return sorted(found)


@pytest.mark.parametrize("block", [32, 1024])
def test_what_is_recorded_is_what_was_played(tmp_path: Path, block: int) -> None:
    import soundfile

    rack = Rack(RATE, [Strip(INPUT, inputs=(0, 0))])
    rack.add(0, builtin.make("limiter", RATE))
    voice, sound = Sound(1), Sound(2)
    voice.add(np.random.default_rng(3).uniform(-1, 1, (48_000, 1)).astype(np.float32))
    tap = Tap(RATE, 2)
    sources = Sources(RATE, {"mix": (0, 1)}, outputs=("out", "other"), instruments={(1, 2): "organ"})
    recorder = Recorder(tap, sources, tmp_path, now=lambda: datetime(2026, 11, 21))
    recorder.record("engine")
    recorder.look()
    with Engine(RATE, 1, 2, audios=2, audio_inputs=1) as engine:
        engine.set_tap(tap)
        engine.load(Rig("thru", [Instrument(1, 2)], rack=rack))
        sent = run_offline(engine, KEYS, 48_000, block=block, sound=sound, heard=voice)
    recorder.close()
    tap.close()
    assert tap_news(recorder) == []
    (take,) = tmp_path.iterdir()
    mix, _ = soundfile.read(take / "mix.wav", dtype="float32")
    np.testing.assert_array_equal(mix, sound.samples()[:48_000])
    assert np.abs(mix).max() > 0.1
    assert heard_by(take / "performance.mid") == sorted((frame, data) for frame, _, data in sent if data[0] < 0xA0)
    keys = mido.MidiFile(take / "performance.mid").tracks[1]
    came = [(int(at), bytes(one.bytes())) for at, one in zip(np.cumsum([one.time for one in keys]), keys, strict=True)]
    assert [one for one in came if one[1][0] < 0xA0] == [(frame, data) for frame, _, data in sorted(KEYS)]


def tap_news(recorder: Recorder) -> list[str]:
    """News of anything but the beginning and the end."""
    return [news for news in recorder.take_news() if not news.startswith(("recording in", "recorded"))]
