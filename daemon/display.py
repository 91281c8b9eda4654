"""Three ways to watch a performance: a panel on a terminal, lines for a log, JSON for a program."""

import json
import os
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

from ripieno.daemon.clock_keys import INTERNAL
from ripieno.daemon.colors import VOICE_COLOR
from ripieno.daemon.roll import meter, roll
from ripieno.daemon.schema import slug
from ripieno.daemon.settings import Command, help_of
from ripieno.daemon.terminal import Screen, colored, dimmed, emit, panel, pressed

if TYPE_CHECKING:
    from ripieno.daemon.board import Player
    from ripieno.daemon.chains import Link
    from ripieno.daemon.live import Performance

_LINES_SECONDS, _JSON_SECONDS = 5.0, 1.0
_PANEL_NEWS = 4
_COUNTS = {
    "notes_in": "keys",
    "notes_out": "notes",
    "late": "late",
    "fallback": "by fallback",
    "moved": "changed hands",
    "shared": "second notes",
    "dropped": "dropped",
    "stolen": "stolen",
}


_TEMPO_SOURCES = {"fixed": "fixed", "tap": "tapped", "follow": "yours, followed", "clock": "the clock's"}
_OWN = " (you)"
# Those of its settings that a player changes most; the others are in the JSON.
_SETTINGS = ("while_playing", "key", "density", "temperature", "register", "at_once", "commit_beats")
_SUNG = ("on", "mode", "follow", "activity", "voice", "range", "brightness", "vibrato", "breath", "volume", "seed")
# Of the voice: its roll's width and what of it lies beyond its range; its meter's width and lowest level in dB.
# The roll wants a terminal of so many lines.
_ROLL_COLUMNS, _BEYOND, _ROOM_FOR_ROLL, _METER_COLUMNS, _METER_DB = 80, 2, 32, 24, -60
_LOUD_DB = -3  # from here on a meter is red
_LOUD_COLOR, _FINE_COLOR, _PARAMETERS = "#d1495b", "#3a9a6b", 8
_MARGIN = 4  # lines of plugins that are none of one plugin


class View(Protocol):
    """Shows a performance; `show` is called at every look and returns the keys pressed."""

    def show(self, performance: "Performance") -> str: ...


def status(performance: "Performance") -> dict[str, Any]:
    """Everything there is to show, as plain values."""
    state, stats = performance.driver.state(), performance.engine.stats()
    band = {"band": performance.band.status(state.frame)} if performance.band else {}
    voice = {"voice": performance.singer.status()} if performance.singer else {}
    sound = {"chains": performance.chains.status()} if performance.chains else {}
    recording = {"recording": performance.recording.status()} if performance.recording else {}
    songs = {"songs": performance.list_status()} if len(performance.presets) > 1 else {}
    clock = {"clock": performance.clock.status()} if performance.clock else {}
    return (
        clock
        | band
        | voice
        | sound
        | songs
        | recording
        | {
            "preset": performance.preset.name,
            "driver": performance.driver.name,
            "load": round(state.load_mean, 4),
            "load_max": round(state.load_max, 4),
            "xruns": state.xruns,
            "alive": state.alive,
            "longest_delay_ms": round(stats.max_delay * 1000 / performance.driver.sample_rate, 3),
            **{name: getattr(stats, name) for name in _COUNTS},
            "sounding": stats.sounding,
            **performance.board.harmony(),
            "learn": performance.learner.status(),
            "players": [_player(performance, player) for player in performance.board.players],
        }
    )


def _player(performance: "Performance", player: "Player") -> dict[str, Any]:
    """An instrument: its colour and, where they are known, its level (0 to 127) and the peak of its sound."""
    ready = performance.current
    levels = ready.levels.settings if ready and ready.levels else {}
    meters = performance.chains.strips if performance.chains else {}
    return {
        "name": player.name,
        "color": player.color,
        "enabled": player.enabled,
        "notes": player.notes(),
        "played": player.played,
        **({"level": levels[player.name]} if player.name in levels else {}),
        **({"peak_db": round(meters[player.name].db, 1)} if player.name in meters else {}),
    }


def resident_kb() -> int:
    """Memory of this process in RAM, in kB; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except (OSError, ValueError):
        return 0


class JsonLines:
    """One JSON object a line: "ready" once, "news" when there are any, "status" each second, "end" at last."""

    def __init__(self, why: str) -> None:
        self._why, self._next = why, 0.0

    def show(self, performance: "Performance") -> str:
        """Print what is new."""
        if not self._next:
            _say({"event": "ready", "driver": performance.driver.name, "why": self._why, "pid": os.getpid()})
        for text in performance.take_news():
            _say({"event": "news", "text": text})
        if performance.card:
            _say({"event": "card", "lines": performance.card})
            performance.card = ()
        if performance.over or time.monotonic() >= self._next:
            self._next = time.monotonic() + _JSON_SECONDS
            what = {"event": "end" if performance.over else "status", "resident_kb": resident_kb()}
            _say(what | status(performance))
        return ""


def _say(what: dict[str, Any]) -> None:
    emit(json.dumps(what, ensure_ascii=False) + "\n")


class Lines:
    """For a log: how it began, what happened, and now and then the counts, if they changed."""

    def __init__(self, why: str) -> None:
        self._why, self._next, self._said = why, 0.0, ""

    def show(self, performance: "Performance") -> str:
        """Print what is new."""
        if not self._next:
            emit(f"{performance.preset.name}: {performance.driver.describe()} ({self._why})\n")
            emit("Ctrl-C ends it with every note released.\n")
            self._said = _counts(performance)
        for text in (*performance.take_news(), *performance.card):
            emit(f"{text}\n")
        performance.card = ()
        if time.monotonic() >= self._next or performance.over:
            self._next = time.monotonic() + _LINES_SECONDS
            line = _counts(performance)
            if line != self._said or performance.over:  # that time goes by is no news
                emit(f"{', '.join([line, *_ticking(performance)])}\n")
            self._said = line
        return ""


def _counts(performance: "Performance") -> str:
    values = status(performance)
    counts = [f"{values[name]} {words}" for name, words in _COUNTS.items() if values[name] or name == "notes_in"]
    counts += [f"{values['xruns']} xruns", f"longest delay {values['longest_delay_ms']:.1f} ms"]
    counts += _answer(values["band"]) if "band" in values else []
    counts += _sung(values["voice"]) if "voice" in values else []
    return ", ".join(counts + (_sounding(values["chains"]) if "chains" in values else []))


def _ticking(performance: "Performance") -> list[str]:
    """How the one clock stands."""
    if not performance.clock:
        return []
    clock = performance.clock.status()
    told = {
        f"{clock['residual_ms']:.1f} ms off": clock["source"] != INTERNAL,
        f"{clock['lost']} of {clock['ticks'] + clock['lost']} ticks lost": clock["ticks"],
        f"{clock['sent']} ticks sent": clock["sent"],
        f"you play at {clock['player_bpm']:.1f} (sure by {clock['confidence']:.0%})": clock["player_bpm"],
        f"{clock.get('link_peers')} others in the Link session": "link_peers" in clock,
    }
    state = clock["state"] if clock["source"] != INTERNAL else "ours"
    return [f"clock {clock['bpm']:.1f} ({clock['source']}, {state})", *(words for words, so in told.items() if so)]


def _answer(band: dict[str, Any]) -> list[str]:
    """How a band that answers stands."""
    return [
        f"the band is {band['state']}",
        f"{band['tempo']:.1f} beats a minute ({_TEMPO_SOURCES[band['tempo_source']]})",
        f"settled {band['ahead_s']:.1f} s ahead",
        f"{band['success']:.1%} in time",
        f"{band['stale']:.1%} from an old plan",
        f"{band['dropped'] + band['cancelled']} planned and left out",
        f"{band['late']} late",
        f"heard in {band['absorb_ms']:.1f} ms",
        f"answered in {band['answer_ms']:.1f} ms",
        f"thinking takes {band['load']:.0%} of a core",
    ]


def _sung(voice: dict[str, Any]) -> list[str]:
    """How a voice that sings along stands."""
    return [
        f"the voice {'sings ' + voice['sings'] if voice['sings'] else 'rests'}",
        f"{voice['notes']} notes sung",
        f"{voice['late']} blocks late",
        f"held for {voice['held_ms']} ms",
        f"singing takes {voice['load']:.0%} of a core",
        f"longest block {voice['longest_ms']:.1f} ms",
    ]


def _sounding(values: dict[str, Any]) -> list[str]:
    """How plugins stand, in all."""
    plugins = values["plugins"]
    counts = {word: sum(one[word] for one in plugins) for word in ("missed", "restarts", "blocked")}
    silent = sum(not one["plays"] for one in plugins)
    told = [f"{count} {words}" for count, words in ((counts["blocked"], "blocked"), (silent, "do not play")) if count]
    return [
        f"{len(plugins)} plugins",
        f"{counts['missed']} blocks replaced",
        f"{counts['restarts']} restarts",
        *told,
        f"sound {values['latency_ms']:.1f} ms late",
    ]


class _Panel:
    """The terminal as an instrument panel."""

    def __init__(self, screen: Screen, why: str) -> None:
        self._screen, self._why = screen, why
        self._news: list[str] = []

    def show(self, performance: "Performance") -> str:
        """Draw it, if anything changed, and hear the keys."""
        self._news = [*self._news, *performance.take_news()][-_PANEL_NEWS:]
        if performance.card:
            self._screen.draw([*performance.card, "", dimmed("any key: back")])
            keys = pressed()
            performance.card = () if keys else performance.card
            return keys
        parts = [part(performance) for part in (_players, _clock, _band, _voice)]
        parts = [_head(performance, self._why), *parts]
        lines = [line for part in parts if part for line in (*part, "")]
        foot = _foot(performance, self._news)
        room = os.get_terminal_size().lines - len(lines) - len(foot) - _MARGIN
        self._screen.draw([*lines, *_chains(performance, room), *foot])
        return pressed()


def _head(performance: "Performance", why: str) -> list[str]:
    width = os.get_terminal_size().columns
    title = f" Ripieno · {performance.preset.name}"
    place = f" {performance.driver.describe()} ({why})"
    keys = ""
    for color, marks in groupby(performance.board.keyboard(), lambda key: key[1]):
        text = "".join(mark for mark, _ in marks)
        keys += colored(text, color) if color else dimmed(text)
    songs = [_songs(performance)[: width - 1]] if len(performance.presets) > 1 else []
    page = [f" the page: {performance.page}"] if performance.page else []
    return [title, *songs, dimmed(place[: width - 1]), *page, "", f" {keys}" if width > 90 else ""]


def _songs(performance: "Performance") -> str:
    """Where in the list it is, and whether what may come is ready."""
    values = performance.list_status()
    signs = {"ready": "", "loading": " (being made ready)", "waiting": " (not ready yet)", "failed": " (cannot play)"}
    near = [f"{word}: {values[word]['title']}{signs[values[word]['state']]}" for word in ("next", "previous")]
    wanted = [f"waiting for {values['wanted']}"] if values["wanted"] else []
    here = f"{values['number']} of {values['of']}: {values['title']}"
    return f" {'   '.join([here, *near, *wanted])}"


def _players(performance: "Performance") -> list[str]:
    players, own = performance.board.players, performance.preset.player
    names = [player.name + (_OWN if place == own else "") for place, player in enumerate(players)]
    width = max(map(len, names))
    lines = []
    for number, (player, told) in enumerate(zip(players, names, strict=True), 1):
        sign = colored("●" if player.sounding else "○", player.color)
        sign = sign if player.enabled or player.sounding else dimmed("-")
        name = told if player.enabled or told != player.name else dimmed(told)
        pad = " " * (width - len(told))
        notes = " ".join(player.notes())[:40]
        lines.append(
            f" {number if number < 10 else ' '} {sign} {name}{pad}  {player.played:6}  {colored(notes, player.color)}"
        )
    return lines


def _clock(performance: "Performance") -> list[str]:
    """The one clock: which beat of which bar it is, whom it follows, and how well."""
    if not performance.clock:
        return []
    now = performance.clock.status()
    beats = " ".join("●" if now["rolling"] and now["beat"] == beat else "○" for beat in range(1, now["beats"] + 1))
    place = f"bar {now['bar']:<4}" if now["rolling"] else "stands   "
    return [f" {beats}  {place} {'   '.join(_ticking(performance))}"]


def _band(performance: "Performance") -> list[str]:
    """A band that answers: who plays, how well it keeps up, and its settings."""
    if not performance.band:
        return []
    status = performance.band.status(performance.driver.state().frame)
    settings = [f"{name} {status['settings'][name]}" for name in _SETTINGS]
    told = _answer(status)
    return [*(f" {'   '.join(part)}" for part in (told[:3], told[3:7], told[7:])), dimmed(f" {'   '.join(settings)}")]


def _voice(performance: "Performance") -> list[str]:
    """A voice that sings along: what it sings now, how loud, its line of the last seconds, and its settings."""
    one = performance.singer
    if not one:
        return []
    status = one.status()
    now = f"{status['sings']:3} {status['cents']:+4.0f} cents" if status["sings"] else "rests"
    level = meter(status["level_db"], _METER_DB, 0, _METER_COLUMNS)
    low, high = one.range
    lines = roll(one.line(2 * _ROLL_COLUMNS), low - _BEYOND, high + _BEYOND, _ROLL_COLUMNS)
    lines = lines if os.get_terminal_size().lines >= _ROOM_FOR_ROLL else []
    settings = [f"{name} {_shown(status['settings'][name])}" for name in _SUNG]
    return [
        f" ♪ {now:16} {colored(level, VOICE_COLOR)}",
        *(f" {colored(line, VOICE_COLOR)}" for line in lines),
        f" {'   '.join(_sung(status)[1:])}",
        *(dimmed(f" {'   '.join(part)}") for part in (settings[:6], settings[6:])),
    ]


def _chains(performance: "Performance", room: int) -> list[str]:
    """Plugins: a line each, then all of them together, and the parameters of the one that keys mean.

    Where there is no room for all, those that keys mean or that something is wrong with.
    """
    if not performance.chains:
        return []
    values, at = performance.chains.status(), performance.chains.chosen
    width = max(len(_title(one)) for one in values["plugins"])
    lines = {
        n: f" {'▸' if n == at else ' '} {_title(one):{width}}  {_level(one['peak_db'])}  {_condition(one)}"
        for n, one in enumerate(values["plugins"])
    }
    if len(lines) > room:
        lines = {n: line for n, line in lines.items() if n == at or _ails(values["plugins"][n])}
    whole = f"   {'all':{width}}  {_level(values['peak_db'])}  {values['latency_ms']:.1f} ms late"
    return [*lines.values(), whole, dimmed(f" {_parameters(performance.chains.current)}"), ""]


def _ails(plugin: dict[str, Any]) -> bool:
    return bool(plugin["why"] or plugin["blocked"] or not plugin["plays"])


def _title(plugin: dict[str, Any]) -> str:
    return f"{plugin['name']} on {plugin['on']}"


def _level(peak_db: float) -> str:
    bar = meter(peak_db, _METER_DB, 0, _METER_COLUMNS)
    return f"{colored(bar, _LOUD_COLOR if peak_db > _LOUD_DB else _FINE_COLOR)} {peak_db:6.1f} dB"


def _condition(plugin: dict[str, Any]) -> str:
    """What there is to know of a plugin beside its loudness."""
    told = {
        "does not play": not plugin["plays"],
        "blocked": plugin["blocked"],
        "bypassed": plugin["bypass"],
        f"{plugin['gain_db']:+g} dB": plugin["gain_db"],
        f"{plugin['missed']} blocks replaced": plugin["missed"],
        f"{plugin['restarts']} restarts": plugin["restarts"],
        plugin["why"]: plugin["why"],
    }
    return "   ".join(words for words, holds in told.items() if holds)


def _parameters(link: "Link") -> str:
    """The parameters of a plugin, from the one on that keys mean."""
    names = [name for name in link.live if name not in ("bypass", "gain_db")]
    first = names.index(link.chosen) if link.chosen else 0
    told = [f"{name} {link.now(name):g}" for name in [*names[first:], *names[:first]][:_PARAMETERS]]
    more = f"   and {len(names) - len(told)} more" if len(names) > len(told) else ""
    return f"{link.name}: {'   '.join(told)}{more}" if told else f"{link.name} has no parameters"


def _shown(value: Any) -> str:
    return "-".join(value) if isinstance(value, list) else str(value)


def _recorded(performance: "Performance") -> list[str]:
    """How the recording stands, where there may be one."""
    now = performance.recording.status() if performance.recording else {}
    if not now:
        return []
    room = f", room for {now['room_s'] // 60} minutes" if now["room_s"] < 100 * 3600 else ""
    missing = f", {now['missing_ms']:.0f} ms missing" if now["gaps"] else ""
    minutes, seconds = divmod(round(now["seconds"]), 60)
    told = f"recording {minutes}:{seconds:02}, {now['bytes'] / 1e6:.1f} MB{room}{missing}   o end it"
    waits = "the recording waits for the disk" if now["wanted"] else "not recording   o record"
    saving = f"   saving {now['saving']:.0%}" if now["saving"] is not None else ""
    return [f" {told if now['path'] else waits}   O save the last {now['rolling_s']:.0f} s{saving}"]


def _foot(performance: "Performance", news: list[str]) -> list[str]:
    values = status(performance)
    gone = "" if values["alive"] else "   the driver is away"
    load = f" load {values['load']:.1%} (at most {values['load_max']:.1%})   xruns {values['xruns']}{gone}"
    delay = f" longest delay {values['longest_delay_ms']:.1f} ms   last key {performance.board.last_key or '-'}"
    counts = "   ".join(f"{words} {values[name]}" for name, words in _COUNTS.items())
    keys = [" 1-9 switch an instrument   n next   N previous   Z keep settings   z back to them   p panic   q end"]
    known: dict[str, Command] = {}
    for table, _ in performance.keyed:
        known |= {key: command for key, command in table.items() if key not in known}
    if known:
        words = "   ".join(key.replace(" ", "\xa0") for key in help_of(known))
        keys += textwrap.wrap(words, 100, initial_indent=" ", subsequent_indent=" ")
    chain = f"{performance.chains.current.name}.gain_db -3" if performance.chains else ""
    level = f"{slug(performance.board.players[0].name)} 90"
    band, voice = performance.clock or performance.band, performance.singer
    examples: dict[str, Any] = {"tempo 96": band, "follow 2": voice, chain: chain, level: True}
    example = next(text for text, there in examples.items() if there)
    typed = (
        [f" set: {performance.typed}_  (such as: {example}; Enter sets it)"] if performance.typed is not None else []
    )
    figures = [load, delay, f" {counts}", *_recorded(performance), ""]
    return [*figures, *(f" {text}" for text in news), *typed, "", *map(dimmed, keys)]


@contextmanager
def panel_view(why: str) -> Iterator[View]:
    """The panel, for as long as it is watched."""
    with panel() as screen:
        yield _Panel(screen, why)
