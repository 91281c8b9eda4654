"""Figures for a monitoring system: their format, who may ask, and that they are the program's own."""

import re
import signal
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import mido
import pytest
from command import ripieno
from stage import daemon, name_of

from needs import needs
from ripieno.daemon.metrics import FIGURES, Metrics, exposition
from ripieno.daemon.recording.recorder import Status

NAME, LABEL = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL})(?:,{LABEL})*)\}})? ({NUMBER})")
STATUS: dict[str, Any] = {
    **{one.key: 0 for one in FIGURES},
    "preset": "Choir",
    "driver": "jack",
    "alive": True,
    "load": 0.0213,
    "xruns": 3,
    "longest_delay_ms": 2.5,
}
PLUGIN = {
    "name": 'Hall "B"\\\n',
    "on": "master",
    "plays": True,
    "blocked": False,
    "missed": 4,
    "restarts": 1,
    "memory_kb": 2,
}


CLOCK = {
    "source": "midi",
    "bpm": 140.25,
    "position": 12.5,
    "rolling": True,
    "locked": True,
    "residual_ms": 0.5,
    "confidence": 0.0,
    "ticks": 300,
    "lost": 2,
    "sent": 301,
}


def parsed(text: str) -> dict[str, dict[str, float]]:
    """Each family's samples by their labels, if the text is in Prometheus's format; the families have help and type."""
    families: dict[str, dict[str, float]] = {}
    assert text.endswith("\n")
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in families, f"{name} twice"
            families[name] = {}
            kind = next(lines)
            assert kind in (f"# TYPE {name} counter", f"# TYPE {name} gauge")
            assert name.endswith("_total") == kind.endswith("counter")
            continue
        found = SAMPLE.fullmatch(line)
        assert found, line
        assert found[1] == name
        families[name][found[2] or ""] = float(found[3])
    return families


def test_what_is_written_is_in_the_format() -> None:
    values = STATUS | {
        "reconnects": 2,
        "clock": CLOCK,
        "band": {"late": 5, "load": 0.5},
        "voice": {"late": 6, "faults": 0, "load": 0.25},
        "recording": asdict(Status(wanted=True, seconds=61.5, missing_ms=250, room_s=3600)),
        "chains": {"plugins": [PLUGIN, PLUGIN | {"name": "EQ", "plays": False}]},
    }
    found = parsed(exposition(values, 1 << 20, 0.25))
    assert found["ripieno_load_ratio"] == {"": 0.0213}
    assert found["ripieno_longest_delay_seconds"] == {"": 0.0025}
    assert found["ripieno_xruns_total"] == {"": 3}
    assert found["ripieno_reconnects_total"] == {"": 2}
    assert found["ripieno_clock_bpm"] == {"": 140.25}
    assert found["ripieno_clock_locked"] == {"": 1}
    assert found["ripieno_clock_residual_seconds"] == {"": 0.0005}
    assert found["ripieno_clock_ticks_lost_total"] == {"": 2}
    assert found["ripieno_clock_info"] == {'source="midi"': 1}
    assert found["ripieno_band_notes_late_total"] == {"": 5}
    assert found["ripieno_voice_blocks_late_total"] == {"": 6}
    assert found["ripieno_recording_wanted"] == {"": 1}
    assert found["ripieno_recording_seconds"] == {"": 61.5}
    assert found["ripieno_recording_missing_seconds"] == {"": 0.25}
    assert found["ripieno_recording_room_seconds"] == {"": 3600}
    hall, eq = 'plugin="Hall \\"B\\"\\\\\\n",on="master"', 'plugin="EQ",on="master"'
    assert found["ripieno_plugin_up"] == {hall: 1, eq: 0}
    assert found["ripieno_plugin_memory_bytes"] == {hall: 2048, eq: 2048}
    assert found["ripieno_playing_info"] == {'preset="Choir",driver="jack"': 1}
    assert found["ripieno_resident_memory_bytes"] == {"": 1 << 20}
    assert found["ripieno_status_age_seconds"] == {"": 0.25}


def test_the_client_library_of_prometheus_reads_it() -> None:
    needs("prometheus_client")
    from prometheus_client import parser

    values = STATUS | {"reconnects": 0, "chains": {"plugins": [PLUGIN]}}
    families = {one.name: one for one in parser.text_string_to_metric_families(exposition(values, 1, 0))}
    assert families["ripieno_xruns"].type == "counter"
    assert families["ripieno_plugin_up"].samples[0].labels == {"plugin": PLUGIN["name"], "on": "master"}


def test_what_is_not_there_is_left_out() -> None:
    values = STATUS | {"recording": {}}  # it has not begun
    assert not [
        name for name in parsed(exposition(values, 1, 0)) if re.search("band|clock|voice|plugin|recording", name)
    ]


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        told = ripieno("run", "thru", "--driver", "file", "--metrics", port, "--name", name_of("port"), status=1).stderr
    assert f"--metrics {port}: " in told
    assert "choose another port" in told
    assert "is no port" in ripieno("run", "thru", "--metrics", "many", status=2).stderr
    Metrics(0).end()  # before it began


def listening(port: int) -> list[str]:
    """The addresses at which somebody listens on a port, as Linux tells."""
    rows = [line.split() for file in ("tcp", "tcp6") for line in Path("/proc/net", file).read_text().splitlines()[1:]]
    return [row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port]


def test_the_program_answers_this_machine_and_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    track = mido.MidiTrack([mido.Message("note_on", note=60), mido.Message("note_off", note=60, time=48)])
    track.append(mido.MetaMessage("end_of_track", time=480 * 480))
    mido.MidiFile(type=0, tracks=[track]).save(tmp_path / "note.mid")
    line = ("--driver", "file", "--input", tmp_path / "note.mid", "--name", name_of("metrics"), "--metrics", 0)
    with daemon("thru", *line) as one:
        url = re.fullmatch(r"figures at (http://127\.0\.0\.1:(\d+)/metrics)", one.hear("news")["text"])
        assert url
        while one.hear("status")["notes_out"] == 0:
            pass
        one.hear("status")  # and a second later the figures are no older
        with urlopen(url[1], timeout=30) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            found = parsed(answer.read().decode())
        assert found["ripieno_keys_total"] == found["ripieno_notes_total"] == {"": 1}
        assert found["ripieno_up"] == {"": 1}
        assert found["ripieno_playing_info"] == {'preset="Thru",driver="file"': 1}
        with pytest.raises(HTTPError, match="404"):
            urlopen(url[1].removesuffix("metrics"), timeout=30)
        if Path("/proc/net/tcp").exists():
            assert listening(int(url[2])) == ["0100007F"]
        with socket.create_connection(("127.0.0.1", int(url[2]))):  # somebody asks nothing, and holds nobody up
            with urlopen(url[1], timeout=30) as answer:
                assert parsed(answer.read().decode())
            assert one.end(signal.SIGTERM) == 0
