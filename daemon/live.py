"""A live performance: ports up, engine running, the keys and signals of whoever watches; in the end, silence.

Nothing here stands between a key and its sound: this loop looks at what the engine reports some thirty times a second.
"""

import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from ripieno.daemon import band as bands
from ripieno.daemon import chains as plugins
from ripieno.daemon import clock as clocks
from ripieno.daemon import display, singer, terminal
from ripieno.daemon.band import Band, answer_beats
from ripieno.daemon.blackbox import BlackBox
from ripieno.daemon.board import Board
from ripieno.daemon.chain_state import Saved
from ripieno.daemon.chains import Chains
from ripieno.daemon.clock import Conductor
from ripieno.daemon.connecting import connect
from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.keeper import Keeper
from ripieno.daemon.preset_document import CHAIN
from ripieno.daemon.presets import Preset
from ripieno.daemon.progress import Progress
from ripieno.daemon.ready import Ports, Ready, make_ready
from ripieno.daemon.remote.desk import Desk
from ripieno.daemon.remote.learn import FEEDBACK, Learner
from ripieno.daemon.rig import all_audio_inputs, all_audios, all_outputs
from ripieno.daemon.schema import slug
from ripieno.daemon.setlist import SetList, Song
from ripieno.daemon.settings import Command, Settings, split
from ripieno.daemon.shelf import Shelf
from ripieno.daemon.singer import Singer
from ripieno.daemon.snapshots import read_snapshot, snapshot_path, write_snapshot
from ripieno.daemon.swap import with_preset

if TYPE_CHECKING:
    from ripieno.daemon.drivers.base import Driver
    from ripieno.daemon.flight.recorder import FlightRecorder
    from ripieno.daemon.recording.session import Session
    from ripieno.native.engine import Engine, Report

_LOOK_SECONDS = 1 / 30
_TEND_SECONDS = 0.25
_FIRST_SECONDS = 0.005  # between two looks whether the first song is ready


class Watcher(Protocol):
    """Somebody outside who wants to know: who runs the service, who counts, who remembers. None may raise or wait."""

    def begin(self, performance: "Performance") -> None:
        """It plays now."""

    def tend(self, performance: "Performance") -> None:
        """A few times a second, and whenever another song begins."""

    def end(self) -> None:
        """It is about to end, begun or not."""


@dataclass
class Options:
    """How to play live: client name, driver and what to connect; how to show it ("panel", "lines" or "json").

    first: which of the presets to begin with. feedback: the device on whose faders and lamps learnt controls are told
    where to stand, "" for one to be connected by hand, None for none.
    """

    client: str = "ripieno"
    driver: str = "auto"
    connect_in: Sequence[str] = ()
    connect_out: Sequence[str] = ()
    connect_audio: Sequence[str] = ("",)
    connect_audio_in: Sequence[str] = ()
    file: Path | None = None
    rate: int = 0
    show: str = "lines"
    stress: bool = False
    first: int = 0
    feedback: str | None = None
    watchers: Sequence[Watcher] = ()
    flight: "FlightRecorder | None" = None
    recording: "Session | None" = None


@dataclass
class Performance:
    """What runs: the songs to choose from, the driver, the engine, and what is known of them.

    outputs, audios, audio_inputs: the names of the engine's ports. playing: the number of the song that plays. wanted:
    of the one that is to play as soon as it is ready. current: the one that plays, None while it is being made ready.
    """

    songs: SetList
    driver: "Driver"
    new_engine: Callable[[], "Engine"]
    board: Board
    playing: int = 0
    outputs: tuple[str, ...] = ()
    audios: tuple[str, ...] = ()
    audio_inputs: tuple[str, ...] = ()
    ending: bool = False
    news: list[str] = field(default_factory=list)
    keeper: Keeper = field(default_factory=Keeper)
    desk: Desk = field(default_factory=Desk)
    looked: float = 0.0  # when last, in seconds
    typed: str | None = None  # of a setting, while somebody types one
    page: str = ""  # where it is served
    card: Sequence[str] = ()  # lines that the terminal shows instead of all else, until a key is pressed
    watchers: Sequence[Watcher] = ()
    flight: "FlightRecorder | None" = None
    recording: "Session | None" = None
    wanted: int | None = None
    current: Ready | None = None

    def __post_init__(self) -> None:
        self.shelf = Shelf(self.presets)
        self.conductor = Conductor(self)
        self.learner = Learner(self)
        self.watchers = [self.conductor, self.learner, *self.watchers]
        self.engine = self.new_engine()
        self.name_slots()

    @property
    def presets(self) -> tuple[Preset, ...]:
        """Those of the songs, in order."""
        return self.songs.presets

    @property
    def song(self) -> Song:
        return self.songs.songs[self.playing]

    @property
    def preset(self) -> Preset:
        return self.song.preset

    @property
    def band(self) -> Band | None:
        return self.current.band if self.current else None

    @property
    def singer(self) -> Singer | None:
        return self.current.singer if self.current else None

    @property
    def chains(self) -> Chains | None:
        return self.current.chains if self.current else None

    @property
    def clock(self) -> Conductor | None:
        """The one clock, where the song that plays has one."""
        return self.conductor if self.conductor.table else None

    @property
    def over(self) -> bool:
        """Somebody ended it, or the file that played is over."""
        return self.ending or self.driver.finished

    def name_slots(self) -> None:
        """Tell the engine what the player changes songs by."""
        self.engine.set_slots(len(self.presets), self.songs.channel())
        for index, song in enumerate(self.songs.songs):
            if song.program:
                self.engine.set_program(index, song.program - 1, song.bank)
        for which, trigger in enumerate(self.songs.triggers()):
            self.engine.set_trigger(which, trigger)

    def maker(
        self, index: int, progress: Callable[[float], None] = lambda share: None, kept: Mapping[str, Saved] = {}
    ) -> Callable[[], Ready]:
        """What makes a song ready, to be called in another thread."""
        preset, snapshot = self.shelf.edited.get(index, self.presets[index]), self.songs.songs[index].snapshot
        made_for = Ports(self.driver.sample_rate, self.driver.state().period, self.outputs, self.audios)
        return lambda: make_ready(index, preset, made_for, snapshot, kept, progress)

    def load(self, index: int) -> None:
        """Play one of the songs from now on or, where it is not ready, as soon as it is; what sounds goes on until it
        is released."""
        if index in self.shelf.failed:
            raise UserError(self.shelf.failed[index])
        self.wanted = index if index != self.playing or not self.current else None
        self.engine.go(index)
        if index not in self.shelf.ready and self.presets[index].chain:
            self.news.append(f"opening the plugins of {self.presets[index].name}")

    def take_place(self, ready: Ready) -> None:
        """It waits in its slot from now on; where another is there, that goes."""
        before = self.shelf.place(ready)
        self.engine.arm(ready.index, ready.rig)
        if before:
            self.keeper.leave(before)
        ready.tell(self.engine)
        self.news += ready.news

    def begin(self, ready: Ready) -> None:
        """It is the first to play."""
        self.take_place(ready)
        self.engine.go(ready.index)
        self.current = ready
        self.conductor.look()
        self.show_switches()

    def show_switches(self) -> None:
        """The board shows who is on."""
        for player, enabled in zip(self.board.players, self.current.enabled if self.current else (), strict=False):
            player.enabled = enabled

    def arrive(self, index: int) -> None:
        """The engine plays this song from here on."""
        before, now = self.playing, self.shelf.ready.get(index)
        self.wanted = None if self.wanted == index or index == before else self.wanted
        if now is not None and self.current is now:
            return
        self.playing, self.current = index, now
        if now and now.preset is not self.preset:  # it was edited
            self.songs = with_preset(self.songs, index, now.preset)
            self.learner.renew()
        self.board.change(self.preset)
        self.show_switches()
        self.reset(before)
        self.tell_watchers()  # of a song as it begins, before anything is set
        if now is None:  # it was about to be put away, and is made ready again
            self.load(index)

    def reset(self, index: int) -> None:
        """A song with a snapshot of its own is as that says whenever it begins."""
        snapshot, ready = self.songs.songs[index].snapshot, self.shelf.ready.get(index)
        if snapshot and ready and index != self.playing:
            self.news += ready.recall(snapshot, self.engine)

    def tend_shelf(self) -> None:
        """What has been made ready waits in its slot; what is missing is made; what is too much goes."""
        try:
            ready = self.keeper.take()
            if ready and ready.rate == self.driver.sample_rate and self.shelf.wants(ready):
                self.take_place(ready)
                if self.shelf.edited.pop(ready.index, None):
                    self.load(ready.index)
            elif ready:  # the rate has changed meanwhile
                self.keeper.discard(ready)
        except UserError as error:
            self.news.append(str(error))
            self.wanted = None if self.wanted in self.shelf.failed else self.wanted
        if self.keeper.making is not None:
            return
        for index in self.shelf.surplus(self.playing, self.wanted):
            self.engine.arm(index, None)
            self.keeper.leave(self.shelf.ready.pop(index))
        missing = self.shelf.missing(self.playing, self.wanted)
        if missing is not None:
            self.keeper.begin(missing, self.watched(missing))

    def watched(self, index: int) -> Callable[[], Ready]:
        """What makes a song ready; where it cannot be, that is remembered, and not tried again."""
        make, edited = self.maker(index), self.shelf.edited.get(index)

        def made() -> Ready:
            try:
                return make()
            except UserError as error:
                if not edited:
                    self.shelf.failed[index] = str(error)
                elif self.shelf.edited.get(index) is edited:  # what plays goes on
                    del self.shelf.edited[index]
                raise

        return made

    def switch(self, index: int, enabled: bool | None = None) -> None:
        """Switch an instrument on or off; None: to what it is not."""
        ready = self.current
        if ready and index < len(ready.enabled) and enabled is not ready.enabled[index]:
            ready.switch(self.engine, index, not ready.enabled[index])
            self.show_switches()

    def press(self, keys: str) -> None:
        """Keys of the computer's keyboard. What one of them cannot do is news, and the music goes on."""
        for key in keys:
            try:
                if self.typed is not None:
                    self.type(key)
                elif key.isdigit() and key != "0":
                    self.switch(int(key) - 1)
                elif key in _COMMANDS:
                    _COMMANDS[key](self)
                elif found := next(((keys[key], one) for keys, one in self.keyed if key in keys), None):
                    self.obey(*found)
                elif key == ":" and self.tables:
                    self.typed = ""
            except (UserError, BlockingIOError) as error:
                self.news.append(f"{key}: {error}" if key.isprintable() else str(error))

    def obey(self, command: Command, one: Any) -> None:
        """Do to one that is here what a key does, and tell of it."""
        self.news += filter(None, [command.act(one)])

    @property
    def keyed(self) -> list[tuple[Mapping[str, Command], Any]]:
        """What keys do to those who are here, before others' of the same name: the clock, the band, the voice ..."""
        there = (
            (clocks.KEYS, self.clock),
            (bands.KEYS, self.band),
            (singer.KEYS, self.singer),
            (plugins.KEYS, self.chains),
        )
        return [(keys, one) for keys, one in there if one]

    def type(self, key: str) -> None:
        """A key of a setting that is being typed: Enter sets it, Escape gives it up."""
        typed, self.typed = self.typed or "", None
        if key in "\r\n":
            self.news += [self.command(typed)] if typed.strip() else []
        elif key in "\x7f\b":
            self.typed = typed[:-1]
        elif key.isprintable():
            self.typed = typed + key

    @property
    def tables(self) -> dict[str, Settings]:
        """What is set while it plays, by the names of its tables in the preset."""
        return self.current.tables if self.current else {}

    def command(self, text: str) -> str:
        """Set a key that was typed; its table's name may stand before it, and must where two have such a key."""
        typed, value = split(text)
        name = typed.removeprefix(f"{CHAIN}.")
        tables = self.tables
        called = {title: key for title in tables if (key := _behind(title, name))} or dict.fromkeys(tables, name)
        able = {title: found for title, key in called.items() if (found := tables[title].find(key))}
        owners = able or {title: key for title, key in called.items() if key in tables[title].fixed}
        if not owners:
            known = [key for title in called for key in tables[title].live]
            raise UserError(f"{typed} is no key; {did_you_mean(next(iter(called.values())), known)}")
        if len(owners) > 1:
            raise UserError(f"which one? write {' or '.join(f'{title}.{key}' for title, key in owners.items())}")
        title, key = next(iter(owners.items()))
        return tables[title].put(key, value)

    def look(self) -> None:
        """Do what was asked for, take in what happened since the last look, and tell of it."""
        now = time.monotonic()
        self.desk.obey(self)
        for report in self.engine.poll():
            self.desk.hear(report)
            self.learner.hear(report)
            self.hear(report)
        if self.band:
            self.news += bands.news_of(self.band.hear())
        if self.singer:
            self.news += singer.news_of(self.singer.hear())
        if self.chains:
            self.chains.look(now - self.looked)
        if self.driver.state().alive:  # otherwise nobody would take what they have for the engine
            self.conductor.look()
            self.tend_shelf()
            with suppress(BlockingIOError):  # where there is no room, at the next look
                for ready in self.shelf.ready.values():
                    ready.tell(self.engine)
                self.learner.look()
        self.desk.publish(self)
        self.looked = now

    def hear(self, report: "Report") -> None:
        """Something happened in the engine."""
        if report.kind == "slot":
            self.arrive(report.value)
        elif report.kind == "wanted" and report.value in self.shelf.failed:
            self.news.append(self.shelf.failed[report.value])
        elif report.kind == "wanted":
            self.wanted = report.value
            self.news.append(f"{self.songs.songs[report.value].title} is not ready yet: it plays as soon as it is")
        else:
            self.board.hear([report])

    def begin_anew(self) -> None:
        """The driver's server came back with another sample rate: all is made for that, and goes on as it was."""
        kept = self.chains.kept() if self.chains else {}
        self.engine.close()
        for ready in self.shelf.ready.values():
            self.keeper.discard(ready)
        self.shelf, self.current = Shelf(self.presets), None
        self.engine = self.new_engine()
        self.name_slots()
        self.board.rate = self.driver.sample_rate
        self.driver.start(self.engine)
        self.engine.go(self.playing)
        if self.keeper.making is None:
            self.keeper.begin(self.playing, self.maker(self.playing, kept=kept))

    def tend(self) -> None:
        """A few times a second: look after what is outside."""
        self.news += self.driver.tend()
        if self.driver.new_rate:
            self.begin_anew()
        for ready in self.shelf.ready.values():
            self.news += ready.chains.tend() if ready.chains else []
        self.news += self.keeper.tend(self.engine)
        self.tell_watchers()

    def tell_watchers(self) -> None:
        """Those outside look at how it is."""
        for watcher in self.watchers:
            watcher.tend(self)

    def step(self, by: int) -> None:
        """Go on with the next song of the list that can be played (1), or back to the one before (-1)."""
        count, start = len(self.presets), self.playing if self.wanted is None else self.wanted
        others = [(start + by * n) % count for n in range(1, count)]
        if others:
            self.load(next((index for index in others if index not in self.shelf.failed), others[0]))

    def list_status(self) -> dict[str, Any]:
        """Where in the list it is, as plain values, and all that it lists. state: "ready", "loading", "waiting" or
        "failed"."""
        count = len(self.presets)

        def told(index: int) -> dict[str, str]:
            state = "loading" if index == self.keeper.making else "waiting"
            if index in self.shelf.failed and index not in self.shelf.edited:
                state = "failed"
            return {
                "title": self.songs.songs[index].title,
                "state": "ready" if index in self.shelf.ready else state,
            }

        listed = [told(index) for index in range(count)]
        return {
            "number": self.playing + 1,
            "of": count,
            "title": self.song.title,
            "next": listed[(self.playing + 1) % count],
            "previous": listed[(self.playing - 1) % count],
            "wanted": "" if self.wanted is None else self.songs.songs[self.wanted].title,
            "list": listed,
        }

    @property
    def kept_at(self) -> Path:
        """Where the song's snapshot is, or is to be."""
        return self.song.keeps or snapshot_path(self.preset)

    def take_snapshot(self) -> None:
        """Keep all that is set now."""
        if not self.current:
            return
        write_snapshot(self.kept_at, self.current.snapshot())
        if self.song.keeps:  # it begins so from now on
            song = replace(self.song, snapshot=read_snapshot(self.kept_at, self.preset))
            songs = self.songs.songs
            self.songs = replace(self.songs, songs=(*songs[: self.playing], song, *songs[self.playing + 1 :]))
        self.news.append(f"kept in {self.kept_at}")

    def recall_snapshot(self) -> None:
        """Be as the last snapshot says."""
        if not self.current:
            return
        told = self.current.recall(read_snapshot(self.kept_at, self.preset), self.engine)
        self.show_switches()
        self.news += told or [f"as {self.kept_at} says"]

    def take_news(self) -> list[str]:
        """What has not been shown yet."""
        news, self.news = self.news, []
        if self.flight:
            self.flight.hear(news)
        self.desk.tell(news)
        return news

    def record(self) -> None:
        """Record what is played, or no longer."""
        if not self.recording:
            raise UserError("nothing is recorded: begin with --recordings FOLDER, or --record")
        self.recording.toggle()

    def save_last(self) -> None:
        """Write down the last minutes."""
        if not self.recording:
            raise UserError("nothing is kept: begin with --recordings FOLDER, or --record")
        self.recording.save()

    def panic(self) -> None:
        """Silence, at once."""
        self.engine.panic()
        if self.singer:
            self.singer.silence()

    def end(self) -> None:
        """Let the loop end."""
        self.ending = True


def _behind(title: str, name: str) -> str:
    """What stands behind a table's name in a name as it is typed, "" where it does not begin with it."""
    parts = name.split(".")
    at = [n for n in range(1, len(parts)) if slug(".".join(parts[:n])) == slug(title)]
    return ".".join(parts[at[0] :]) if at else ""


_COMMANDS: dict[str, Callable[[Performance], None]] = {
    "p": Performance.panic,
    "n": lambda performance: performance.step(1),
    "N": lambda performance: performance.step(-1),
    "Z": Performance.take_snapshot,
    "z": Performance.recall_snapshot,
    "o": Performance.record,
    "O": Performance.save_last,
    "q": Performance.end,
}


def run(songs: SetList, options: Options) -> int:
    """Play live, the first of the songs to begin with, until told to end; returns the exit code.

    Ends on SIGINT, SIGTERM, the key q, or the end of the file that the file driver plays, with every note released.
    Raises UserError for what a user can mend: ports, drivers, models.
    """
    from ripieno.native.engine import BLACKBOX_SIZE

    clocks.check(songs)
    box = BlackBox(options.client, BLACKBOX_SIZE)
    try:
        return _play(songs, options, box)
    except UserError:
        box.release()  # it may be tried again
        raise


def _play(songs: SetList, options: Options, box: BlackBox) -> int:
    """The same, with this black box."""
    performance, why = make_performance(songs, options, box.memory)
    _on_signals(performance.end)
    silent = True
    try:
        if begin(performance):
            if box.dirty:
                performance.news.append("silenced what a killed ripieno may have left sounding")
            connect(performance, options)
            if options.stress:
                _stress()
            for watcher in performance.watchers:
                watcher.begin(performance)
            with _view(options, why) as view:
                _loop(performance, view)
    finally:
        silent = end(performance)
    if not silent:
        _say("the driver went away before every note was released")
        return 1
    box.discard()
    return 0


def make_performance(songs: SetList, options: Options, memory: Any = None) -> tuple[Performance, str]:
    """One whose driver is open, and why it is that driver; nothing plays yet. memory: of the engine's black box."""
    from ripieno.daemon.drivers import make
    from ripieno.native.engine import Engine

    presets = songs.presets
    inputs, outputs = presets[0].inputs, all_outputs(presets)
    if options.feedback is not None:
        outputs = tuple(dict.fromkeys([*outputs, FEEDBACK]))
    audios, audio_inputs = all_audios(presets), all_audio_inputs(presets)
    if any(preset.inputs != inputs for preset in presets):
        raise UserError("presets to be played in one performance must have the same inputs")
    settings = presets[0].continuation
    linger_s = answer_beats(settings) * 60 / settings.tempo if settings else 0.0
    ports = (inputs, outputs, audios, audio_inputs)
    driver, why = make(options.driver, options.client, *ports, options.file, linger_s, options.rate)
    driver.open()
    counts = {"audios": len(audios), "audio_inputs": len(audio_inputs)}

    def new_engine() -> "Engine":
        engine = Engine(driver.sample_rate, len(inputs), len(outputs), **counts, blackbox=memory)
        if options.flight:
            options.flight.attach(engine, bytes(memory))
        if options.recording:
            options.recording.attach(engine, presets[options.first], outputs, audios)
        return engine

    board = Board(presets[options.first], driver.sample_rate)
    performance = Performance(songs, driver, new_engine, board, options.first, watchers=options.watchers)
    performance.flight, performance.recording = options.flight, options.recording
    performance.outputs, performance.audios, performance.audio_inputs = outputs, audios, audio_inputs
    return performance, why


def begin(performance: Performance) -> bool:
    """Play by the first preset, its plugins opened. False: somebody ended it meanwhile."""
    first, keeper = performance.playing, performance.keeper
    with Progress("opening plugins") if performance.preset.chain else nullcontext(lambda share: None) as progress:
        keeper.begin(first, performance.maker(first, progress))
        while not (ready := keeper.take()):
            if performance.ending:
                return False
            time.sleep(_FIRST_SECONDS)
    performance.begin(ready)
    performance.driver.start(performance.engine)
    return True


def end(performance: Performance) -> bool:
    """Silence; then everything is ended. False: silence is not certain."""
    for watcher in performance.watchers:
        watcher.end()
    performance.desk.end()
    silent = performance.driver.stop()
    performance.engine.close()
    for news in performance.recording.over() if performance.recording else ():
        _say(news)
    if performance.flight and (told := performance.flight.over()):
        _say(told)
    for ready in performance.shelf.ready.values():
        performance.keeper.discard(ready)
    for news in performance.keeper.end():
        _say(news)
    return silent


def _say(text: str) -> None:
    """Beside the display; not where the terminal is gone already."""
    with suppress(OSError):
        print(f"ripieno: {text}", file=sys.stderr)


def _view(options: Options, why: str) -> AbstractContextManager[display.View]:
    views: dict[str, Callable[[str], AbstractContextManager[display.View]]] = {
        "panel": display.panel_view,
        "lines": lambda text: nullcontext(display.Lines(text)),
        "json": lambda text: nullcontext(display.JsonLines(text)),
    }
    return views[options.show](why)


def _loop(performance: Performance, view: display.View) -> None:
    """Look, show, and rest, until something ends it."""
    tended = shown = 0.0
    while not performance.over:
        now = time.monotonic()
        if now - tended >= _TEND_SECONDS:
            performance.tend()
            tended = now
        elif performance.driver.stirred:
            performance.news += performance.driver.tend()
        performance.look()
        if now - shown >= _LOOK_SECONDS:
            _show(performance, view)
            shown = now
        performance.desk.rest(_LOOK_SECONDS)
    performance.look()
    _show(performance, view)


def _show(performance: Performance, view: display.View) -> None:
    try:
        performance.press(view.show(performance))
    except OSError:
        performance.end()  # whoever watched has closed the window, or the pipe


def _on_signals(end: Callable[[], None]) -> None:
    def handler(_number: int, _frame: FrameType | None) -> None:
        end()

    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)):
        if number is not None:
            signal.signal(number, handler)
            if sys.platform != "win32":
                signal.siginterrupt(number, False)  # libjack gives up whatever a signal interrupts


def _stress() -> None:
    """Keep one Python thread busy, to see that no sound depends on Python."""

    def work() -> None:
        while True:
            sum(i * i for i in range(10_000))

    Thread(target=work, name="stress", daemon=True).start()


def choose_show(as_json: bool) -> str:
    """How to show a performance here."""
    return "json" if as_json else "panel" if terminal.usable() else "lines"
