"""The gig report: one HTML page about a session, with plots, made from what the flight recorder kept of it.

It needs nothing else: no network, no library, no picture beside it.
"""

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ripieno.daemon.files import whole_file
from ripieno.daemon.flight.file import END, HEAD, NEWS, RIG, SAMPLE, Recording
from ripieno.daemon.flight.svg import Line, clock, plot

_COLORS = ("#d1495b", "#33658a", "#e8a33d", "#3a9a6b", "#7b5ea7", "#4fb3bf", "#a0522d", "#6b8e23")
_RECONNECTED = ("is connected", "is back", "are connected", "the sound is on")
_GONE = ("went away",)
_RECORDED = (("recording in ", "recorded"), ("saved the last ", "saved after the fact"))
_NEWS_SHOWN = 500
_SAMPLES = 20_000  # more of them, and every other one is left out

Values = dict[str, Any]


def _plugins(sample: Values, name: str) -> float | None:
    chains = sample.get("chains")
    return float(sum(one.get(name, 0) for one in chains.get("plugins", []))) if isinstance(chains, dict) else None


def _of(*names: str) -> Callable[[Values], float | None]:
    """A number that stands in a sample, in a table of it where there are several names."""

    def find(sample: Values) -> float | None:
        value: Any = sample
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    return find


LATE: dict[str, Callable[[Values], float | None]] = {
    "a port had no room": _of("late"),
    "by the fallback: the model was too slow, or not asked": _of("fallback"),
    "the band's, planned too late": _of("band", "late"),
    "the band's, not planned at all": _of("band", "missed"),
    "the voice's blocks, sung too late": _of("voice", "late"),
    "plugins' blocks, replaced": lambda sample: _plugins(sample, "missed"),
    "cut short": _of("stolen"),
    "given up: the backlog was full": _of("lost"),
}
"""What notes, or blocks of sound, can be late by, and where its count stands in a sample."""
XRUNS = _of("xruns")
LOAD, WORST = _of("load"), _of("load_max")


def restarts(sample: Values) -> float | None:
    return _plugins(sample, "restarts")


TEMPO: tuple[Callable[[Values], float | None], ...] = (_of("clock", "bpm"), _of("band", "tempo"))
RESIDUAL, CONFIDENCE = _of("clock", "residual_ms"), _of("clock", "confidence")
TICKS, TICKS_LOST, TICKS_SENT = _of("clock", "ticks"), _of("clock", "lost"), _of("clock", "sent")


def text_of(sample: Values, *names: str) -> str:
    """The same of a text; "" where there is none."""
    value: Any = sample
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


@dataclass
class Session:
    """What is known of a session. samples, news: in order of time; "time" is in seconds since 1970. rigs: names of the
    presets that were played. trouble: where and why the recording of it ends early, or ""; ended: it ended as it
    should; missed: cycles that were not recorded."""

    heads: list[Values] = field(default_factory=list)
    samples: list[Values] = field(default_factory=list)
    news: list[Values] = field(default_factory=list)
    rigs: list[str] = field(default_factory=list)
    missed: int = 0
    ended: bool = False
    trouble: str = ""

    @property
    def begun(self) -> float:
        """When, in seconds since 1970."""
        return float(self.heads[0]["time"]) if self.heads else 0.0

    @property
    def seconds(self) -> float:
        """How long it was."""
        last = [float(one["time"]) for one in (*self.samples[-1:], *self.news[-1:])]
        return max([self.begun, *last]) - self.begun

    def points(self, of: Callable[[Values], float | None]) -> list[tuple[float, float]]:
        """(seconds since the beginning, value) wherever there is one."""
        found = [(float(one["time"]) - self.begun, of(one)) for one in self.samples]
        return [(seconds, value) for seconds, value in found if value is not None]

    def counts(self, of: Callable[[Values], float | None]) -> list[tuple[float, float]]:
        """The same of a count, which goes on where an engine, or a preset, begins anew with 0."""
        total = before = 0.0
        rising = []
        for seconds, value in self.points(of):
            total += value - before if value >= before else value
            before = value
            rising.append((seconds, total))
        return rising

    def total(self, of: Callable[[Values], float | None]) -> int:
        """What a count came to."""
        return round(self.counts(of)[-1][1]) if self.points(of) else 0

    def told(self, words: Sequence[str] = ("",)) -> list[tuple[float, str]]:
        """The news with one of these words, and when."""
        news = [(float(one["time"]) - self.begun, str(one["text"])) for one in self.news]
        return [(seconds, text) for seconds, text in news if any(word in text for word in words)]

    @property
    def reconnects(self) -> list[tuple[float, str]]:
        """When a device or a server came back, and its news."""
        return self.told(_RECONNECTED)

    @property
    def songs(self) -> list[tuple[float, str]]:
        """Which song, or preset, began when, to a second."""
        return self.changes(lambda sample: text_of(sample, "songs", "title") or text_of(sample, "preset"))

    def changes(self, of: Callable[[Values], str]) -> list[tuple[float, str]]:
        """A text, wherever it became another."""
        found: list[tuple[float, str]] = []
        for one in self.samples:
            if (text := of(one)) and (not found or text != found[-1][1]):
                found.append((float(one["time"]) - self.begun, text))
        return found

    @property
    def recordings(self) -> list[tuple[str, str]]:
        """What was recorded of it: how, and the folder."""
        news = [str(one["text"]) for one in self.news]
        return [
            (how, text.split(" in ", 1)[1])
            for text in news
            for begins, how in _RECORDED
            if text.startswith(begins) and " in " in text
        ]

    @property
    def tempo(self) -> list[tuple[float, float]]:
        """Beats a minute, from whoever tells them."""
        return next((points for of in TEMPO if (points := self.points(of))), [])

    def add(self, sample: Values) -> None:
        """A sample more; of a very long session every other one goes, now and then."""
        self.samples.append(sample)
        if len(self.samples) > _SAMPLES:
            self.samples = self.samples[1::2]


def read_session(path: Path) -> Session:
    """A session from its recording, as far as that is whole. UserError where it is none."""
    recording, session = Recording(path), Session()
    for record in recording.records((HEAD, RIG, SAMPLE, NEWS, END)):
        if record.kind == HEAD:
            session.heads.append(record.values)
        elif record.kind == RIG and record.values.get("preset"):
            _add(session.rigs, str(record.values["preset"]))
        elif record.kind == SAMPLE:
            session.add(record.values)
        elif record.kind == NEWS:
            session.news.append(record.values)
        session.ended = record.kind == END
        session.missed += record.values.get("missed", 0) if record.kind == END else 0
    session.trouble = recording.trouble
    return session


def _add(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)


def write_report(recording: Path, out: Path) -> Session:
    """Make the page of a recording. UserError, naming the file, where one of them cannot be read or written."""
    session = read_session(recording)
    page = render(session)
    with whole_file(out) as file:
        file.write(page.encode())
    return session


# ---- the page ----


def render(session: Session) -> str:
    """The page, as HTML."""
    date = datetime.fromtimestamp(session.begun).strftime("%A %d %B %Y, %H:%M") if session.heads else "?"
    title = f"Ripieno, {date}"
    body = "\n".join(
        [
            f"<h1>{html.escape(title)}</h1>",
            f"<p>{html.escape(_subtitle(session))}</p>",
            _table(_summary(session)),
            *_sections(session),
        ]
    )
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _subtitle(session: Session) -> str:
    ports = next((f", {head['sample_rate']} samples a second" for head in session.heads if "sample_rate" in head), "")
    how = "" if session.ended else "; it did not end as it should"
    damage = f". The recording is not whole: {session.trouble}" if session.trouble else ""
    return f"{clock(session.seconds)} of {', '.join(session.rigs) or 'nothing'}{ports}{how}{damage}"


def _summary(session: Session) -> list[tuple[str, str]]:
    worst = max((value for _, value in session.points(WORST)), default=0.0)
    delay = max((value for _, value in session.points(_of("longest_delay_ms"))), default=0.0)
    rows = [
        ("keys", str(session.total(_of("notes_in")))),
        ("notes that sounded", str(session.total(_of("notes_out")))),
        ("xruns", str(session.total(XRUNS))),
        ("late, or not as it should be", str(sum(session.total(of) for of in LATE.values()))),
        ("longest delay of a note", f"{delay:.1f} ms"),
        ("worst load", f"{worst:.0%} of the time there is"),
        ("came back after it went away", str(len(session.reconnects))),
        ("plugins started again", str(session.total(restarts))),
        ("cycles not recorded", str(session.missed)),
    ]
    if tempo := [value for _, value in session.tempo]:
        rows.append(("tempo", f"{min(tempo):.1f} to {max(tempo):.1f} beats a minute"))
    if off := [value for _, value in session.points(RESIDUAL)]:
        rows.append(("the clock, off whom it follows", f"{sum(off) / len(off):.2f} ms, at most {max(off):.2f} ms"))
    return rows


def _sections(session: Session) -> Iterable[str]:
    end = session.seconds
    late = [(name, session.counts(of)) for name, of in LATE.items()]
    rows = [(name, points) for name, points in late if points and points[-1][1] > 0]
    causes = [Line(name, points, _COLORS[i % len(_COLORS)], True) for i, (name, points) in enumerate(rows)]
    yield _section("Late notes, by cause", plot(causes, end, "so far") if causes else _nothing("Nothing was late."))
    loads = [
        Line("the worst so far", _percent(session.points(WORST)), _COLORS[0], True),
        Line("usual", _percent(session.points(LOAD)), _COLORS[1]),
    ]
    yield _section("Load", plot(loads, end, "% of a cycle") if session.samples else _nothing("It was not measured."))
    xruns = session.counts(XRUNS)
    some = xruns and xruns[-1][1] > 0
    line = [Line("xruns", xruns, _COLORS[0], True)]
    yield _section("Xruns", plot(line, end, "so far") if some else _nothing("There was none."))
    devices = session.told(_GONE + _RECONNECTED)
    yield _section(
        "Devices and servers that went and came", _times(devices) if devices else _nothing("None went away.")
    )
    marks = [*session.reconnects, *session.songs[1:]]
    tempo = [Line("tempo", session.tempo, _COLORS[3])]
    yield _section("Tempo", plot(tempo, end, "beats a minute", marks=marks) if session.tempo else _nothing("No beat."))
    yield _section("Clock", _clock(session, end) if session.points(RESIDUAL) else _nothing("There was none."))
    yield _section("Songs", _times(session.songs) if session.songs else _nothing("None began."))
    yield _section("Recordings", _links(session.recordings) if session.recordings else _nothing("There is none."))
    yield _section("Plugins", _restarts(session))
    yield _section("What was told", _times([(float(n["time"]) - session.begun, str(n["text"])) for n in session.news]))


def _clock(session: Session, end: float) -> str:
    """Whom it followed, how well, and what of MIDI clock was lost."""
    residual = [Line("off whom it follows, in ms", session.points(RESIDUAL), _COLORS[4])]
    sure = [Line("how sure the player's beats are", _percent(session.points(CONFIDENCE)), _COLORS[5])]
    plots = plot(residual, end, "ms, root mean square")
    if any(value for _, value in session.points(CONFIDENCE)):
        plots += plot(sure, end, "%")
    counts = {"came in": TICKS, "were lost": TICKS_LOST, "left": TICKS_SENT}
    ticks = ", ".join(f"{session.total(of)} {words}" for words, of in counts.items())
    return plots + _table([("ticks of MIDI clock", ticks)]) + _times(session.changes(_followed))


def _followed(sample: Values) -> str:
    """Whom the clock follows, and whether it can."""
    return ", ".join(filter(None, (text_of(sample, "clock", "source"), text_of(sample, "clock", "state"))))


def _links(rows: Sequence[tuple[str, str]]) -> str:
    """Folders on this computer."""
    lines = [
        f'<tr><th>{html.escape(how)}</th><td><a href="{html.escape(_address(path))}">{html.escape(path)}</a></td></tr>'
        for how, path in rows
    ]
    return f"<table>{''.join(lines)}</table>"


def _address(path: str) -> str:
    return Path(path).absolute().as_uri()


def _restarts(session: Session) -> str:
    """How often each plugin was started again."""
    totals: dict[str, int] = {}
    for sample in session.samples:
        chains = sample.get("chains")
        for one in chains.get("plugins", []) if isinstance(chains, dict) else []:
            totals[str(one["name"])] = max(totals.get(str(one["name"]), 0), int(one.get("restarts", 0)))
    if not totals:
        return _nothing("There was none.")
    return _table([(name, f"started again {count} times" if count else "no fault") for name, count in totals.items()])


def _percent(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(seconds, 100 * value) for seconds, value in points]


def _section(title: str, inner: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{inner}</section>"


def _nothing(text: str) -> str:
    return f'<p class="nothing">{html.escape(text)}</p>'


def _times(rows: Sequence[tuple[float, str]]) -> str:
    if not rows:
        return _nothing("Nothing.")
    left_out = f"<p>and {len(rows) - _NEWS_SHOWN} more</p>" if len(rows) > _NEWS_SHOWN else ""
    return _table([(clock(seconds), text) for seconds, text in rows[:_NEWS_SHOWN]]) + left_out


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows]
    return f"<table>{''.join(lines)}</table>"


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em; color: #222;
       background: #fff; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin: 1.6em 0 .3em; }
table { border-collapse: collapse; } th { text-align: left; font-weight: normal; color: #555; padding-right: 2em; }
td { font-variant-numeric: tabular-nums; } th, td { vertical-align: top; }
svg { width: 100%; height: auto; } .grid line { stroke: #ddd; } .grid text { font-size: 11px; fill: #666; }
.mark { stroke: #999; stroke-dasharray: 3 3; } .nothing { color: #666; }
.legend span { margin-right: 1.5em; } .legend i { display: inline-block; width: 1em; height: .3em; margin-right: .4em;
                                                  vertical-align: middle; }
"""
