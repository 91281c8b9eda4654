"""Figures for a monitoring system: Prometheus's text format over HTTP, to this machine alone.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. The loop that watches the performance leaves
its figures here; a thread of its own answers whoever asks, and touches nothing that plays.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any

from ripieno.daemon.display import resident_kb, status
from ripieno.daemon.errors import UserError

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance

LOOPBACK = "127.0.0.1"
PATH = "/metrics"
_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PATIENCE_SECONDS = 5  # with whoever asks


@dataclass(frozen=True)
class Figure:
    """One figure: its name without "ripieno_", whether it only counts up, help, and where the status has it."""

    name: str
    counts: bool
    help: str
    key: str
    scale: float = 1.0


FIGURES = (
    Figure("up", False, "1 while the driver runs, 0 while its server or device is away.", "alive"),
    Figure("load_ratio", False, "Share of the period that a cycle takes, mean of late.", "load"),
    Figure("load_max_ratio", False, "Share of the period that the longest cycle took.", "load_max"),
    Figure("xruns_total", True, "Cycles that came too late, as the driver tells.", "xruns"),
    Figure("reconnects_total", True, "Times that the driver's server or device came back.", "reconnects"),
    Figure("longest_delay_seconds", False, "From a key to its note, at most.", "longest_delay_ms", 1e-3),
    Figure("keys_total", True, "Notes that came in.", "notes_in"),
    Figure("notes_total", True, "Notes that went out.", "notes_out"),
    Figure("notes_late_total", True, "Notes that went out later than they were to.", "late"),
    Figure("notes_fallback_total", True, "Notes given to an instrument by the fallback.", "fallback"),
    Figure("notes_dropped_total", True, "Notes that nobody could play.", "dropped"),
    Figure("notes_stolen_total", True, "Notes that ended for the sake of others.", "stolen"),
    Figure("notes_sounding", False, "Notes that sound now.", "sounding"),
)
BAND = (
    Figure("band_notes_late_total", True, "Notes of the band that were planned too late.", "late"),
    Figure("band_load_ratio", False, "Share of a core that the band's thinking takes.", "load"),
)
CLOCK = (
    Figure("clock_bpm", False, "Beats a minute.", "bpm"),
    Figure("clock_beat", False, "Beats since the transport began.", "position"),
    Figure("clock_rolling", False, "1 while the transport rolls.", "rolling"),
    Figure("clock_locked", False, "1 while the clock's source is heard, and followed.", "locked"),
    Figure("clock_residual_seconds", False, "What the source says against what is played, RMS.", "residual_ms", 1e-3),
    Figure("clock_confidence_ratio", False, "How sure the player's beats are.", "confidence"),
    Figure("clock_ticks_total", True, "Ticks of MIDI clock that came in.", "ticks"),
    Figure("clock_ticks_lost_total", True, "Ticks of MIDI clock that must have been lost.", "lost"),
    Figure("clock_ticks_sent_total", True, "Ticks of MIDI clock that left.", "sent"),
)
VOICE = (
    Figure("voice_blocks_late_total", True, "Blocks of 16 ms that the voice was too late for.", "late"),
    Figure("voice_faults_total", True, "Blocks whose scores were no numbers.", "faults"),
    Figure("voice_load_ratio", False, "Share of a core that singing takes.", "load"),
)
RECORDING = (
    Figure("recording_wanted", False, "1 while a recording is wanted, be there room for it or not.", "wanted"),
    Figure("recording_seconds", False, "Length of the recording under way, 0: there is none.", "seconds"),
    Figure("recording_missing_seconds", False, "What of it was lost, and is silence.", "missing_ms", 1e-3),
    Figure("recording_room_seconds", False, "What the disk has room for, while there is one.", "room_s"),
)
PLUGINS = (
    Figure("plugin_up", False, "1 while it plays, 0 where it could not be opened or is blocked.", "up"),
    Figure("plugin_blocks_replaced_total", True, "Blocks that it did not give in time.", "missed"),
    Figure("plugin_restarts_total", True, "Times that it was started again.", "restarts"),
    Figure("plugin_memory_bytes", False, "Memory of its process.", "memory_kb", 1024),
)


_Row = tuple[dict[str, str], Mapping[str, Any]]  # labels, and the values that figures are of


def exposition(values: Mapping[str, Any], resident_bytes: int, age_s: float) -> str:
    """The text. values: as `display.status` gives them, with "reconnects". age_s: seconds since they were taken."""
    labels = {"preset": values["preset"], "driver": values["driver"]}
    plugins = [one | {"up": one["plays"] and not one["blocked"]} for one in values.get("chains", {}).get("plugins", [])]
    rows: list[_Row] = [({"plugin": one["name"], "on": one["on"]}, one) for one in plugins]
    lines = [*_lines(FIGURES, [({}, values)])]
    lines += _lines(CLOCK, [({}, values["clock"])]) if "clock" in values else []
    lines += _lines(BAND, [({}, values["band"])]) if "band" in values else []
    lines += _lines(VOICE, [({}, values["voice"])]) if "voice" in values else []
    lines += _lines(RECORDING, [({}, values["recording"])]) if values.get("recording") else []
    lines += _lines(PLUGINS, rows) if rows else []
    lines += _family("playing_info", False, "What plays, and on which driver.", [(labels, 1)])
    if "clock" in values:
        source = {"source": str(values["clock"]["source"])}
        lines += _family("clock_info", False, "Whom the clock follows.", [(source, 1)])
    lines += _family("status_age_seconds", False, "Since these figures were taken.", [({}, round(age_s, 3))])
    lines += _family("resident_memory_bytes", False, "Memory in RAM, plugins' not counted.", [({}, resident_bytes)])
    return "\n".join(lines) + "\n"


def _lines(figures: tuple[Figure, ...], rows: "list[_Row]") -> Iterator[str]:
    """These figures of each row, which has labels of its own."""
    for one in figures:
        samples = [(labels, float(values[one.key]) * one.scale) for labels, values in rows]
        yield from _family(one.name, one.counts, one.help, samples)


def _family(name: str, counts: bool, help_: str, samples: list[tuple[dict[str, str], float]]) -> Iterator[str]:
    yield f"# HELP ripieno_{name} {help_}"
    yield f"# TYPE ripieno_{name} {'counter' if counts else 'gauge'}"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"ripieno_{name}{f'{{{inside}}}' if inside else ''} {value:.12g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Metrics:
    """A `Watcher` (see ripieno.daemon.live) that answers at http://127.0.0.1:PORT/metrics.

    port: 0 for any that is free. UserError where it is taken.
    """

    def __init__(self, port: int) -> None:
        try:
            self._server = _Server((LOOPBACK, port), _Answer)
        except OSError as error:
            raise UserError(f"--metrics {port}: {error.strerror or error}: choose another port") from None
        self.url = f"http://{LOOPBACK}:{self._server.server_port}{PATH}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._reconnects, self._alive = 0, True

    def begin(self, performance: "Performance") -> None:
        self.tend(performance)
        if not self._thread.is_alive():
            self._thread.start()
        performance.news.append(f"figures at {self.url}")

    def tend(self, performance: "Performance") -> None:
        values = status(performance)
        self._reconnects += values["alive"] and not self._alive
        self._alive = values["alive"]
        self._server.taken = (time.monotonic(), values | {"reconnects": self._reconnects})

    def end(self) -> None:
        """It answers until the program is gone: to end it would take longer than silence may."""


class _Server(ThreadingHTTPServer):
    """taken: when the figures were taken, and these; one tuple, so that they belong together."""

    daemon_threads = True
    taken: tuple[float, Mapping[str, Any]] | None = None

    def server_bind(self) -> None:
        """Without asking for our name, which would wait where there is no network."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def text(self) -> str:
        assert self.taken
        since, values = self.taken
        return exposition(values, 1024 * resident_kb(), time.monotonic() - since)


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE_SECONDS

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self.send_error(HTTPStatus.NOT_FOUND, f"the figures are at {PATH}")
            return
        body = self.server.text().encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", _TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing in the log for every question."""
