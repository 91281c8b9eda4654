"""A live performance: ports up, engine running, the keys and signals of whoever watches; in the end, silence.

Nothing here stands between a key and its sound: this loop looks at what the engine reports some thirty times a second.
"""

import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from ripieno.daemon import band as bands
from ripieno.daemon import chains as plugins
from ripieno.daemon import display, singer, terminal
from ripieno.daemon.band import Band, answer_beats, make_band
from ripieno.daemon.blackbox import BlackBox
from ripieno.daemon.board import Board
from ripieno.daemon.chain_checks import LEFT, LEFT_IN, RIGHT, RIGHT_IN
from ripieno.daemon.chains import Chains, make_chains
from ripieno.daemon.drivers.base import NO_SOUND, NO_SOUND_IN
from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.keeper import Keeper, Opened
from ripieno.daemon.preset_document import CHAIN, CONTINUATION, SINGING
from ripieno.daemon.presets import Preset
from ripieno.daemon.progress import Progress
from ripieno.daemon.rig import audio_input_names, audio_names, build, output_names, voices
from ripieno.daemon.schema import slug
from ripieno.daemon.settings import Settings, split
from ripieno.daemon.singer import Singer, make_singer

if TYPE_CHECKING:
    from ripieno.daemon.drivers.base import Driver
    from ripieno.native.engine import Engine, Rig

_LOOK_SECONDS = 1 / 30
_TEND_SECONDS = 0.25


class Watcher(Protocol):
    """Somebody outside who wants to know: who runs the service, who counts, who remembers. None may raise or wait."""

    def begin(self, performance: "Performance") -> None:
        """It plays now."""

    def tend(self, performance: "Performance") -> None:
        """A few times a second."""

    def end(self) -> None:
        """It is about to end, begun or not."""


@dataclass
class Options:
    """How to play live: client name, driver and what to connect; how to show it ("panel", "lines" or "json").

    first: which of the presets to begin with.
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
    watchers: Sequence[Watcher] = ()


def all_outputs(presets: Sequence[Preset]) -> tuple[str, ...]:
    """The MIDI output ports that a list of presets needs: each name once."""
    return tuple(dict.fromkeys(name for preset in presets for name in output_names(preset)))


def all_audios(presets: Sequence[Preset]) -> tuple[str, ...]:
    """The audio output ports that it needs, likewise; left and right, which are heard, first."""
    names = dict.fromkeys(name for preset in presets for name in audio_names(preset))
    return tuple(sorted(names, key=lambda name: name not in (LEFT, RIGHT)))


def all_audio_inputs(presets: Sequence[Preset]) -> tuple[str, ...]:
    """The audio input ports that it needs, likewise."""
    return tuple(dict.fromkeys(name for preset in presets for name in audio_input_names(preset)))


@dataclass
class Performance:
    """What runs: the presets to choose from, the driver, the engine, and what is known of them."""

    presets: Sequence[Preset]
    driver: "Driver"
    new_engine: Callable[[], "Engine"]
    board: Board
    playing: int = 0
    ending: bool = False
    news: list[str] = field(default_factory=list)
    band: Band | None = None
    singer: Singer | None = None
    chains: Chains | None = None
    keeper: Keeper = field(default_factory=Keeper)
    typed: str | None = None  # of a setting, while somebody types one
    watchers: Sequence[Watcher] = ()
    _rig: "Rig | None" = None

    def __post_init__(self) -> None:
        self.engine = self.new_engine()

    @property
    def preset(self) -> Preset:
        return self.presets[self.playing]

    @property
    def over(self) -> bool:
        """Somebody ended it, or the file that played is over."""
        return self.ending or self.driver.finished

    def load(self, index: int) -> None:
        """Play by one of the presets from now on or, where it has plugins, as soon as they are open."""
        preset = self.presets[index]
        if self.keeper.busy:
            raise UserError("the plugins of a preset are being opened")
        if preset.chain:
            self.news.append(f"opening the plugins of {preset.name}")
            self.keeper.begin(index, self.opener(index))
        else:
            self.play(index, None)

    def opener(self, index: int, progress: Callable[[float], None] = lambda share: None) -> Callable[[], Opened]:
        """What opens a preset's plugins, to be called in another thread."""
        rate, period = self.driver.sample_rate, self.driver.state().period
        ports = all_outputs(self.presets), all_audios(self.presets)
        kept = self.chains.kept() if self.chains and index == self.playing else {}
        return lambda: make_chains(self.presets[index], rate, period, *ports, progress, kept)

    def play(self, index: int, chains: Chains | None) -> None:
        """Play by one of the presets, with its plugins, from now on; what sounds goes on until it is released."""
        preset, rate = self.presets[index], self.driver.sample_rate
        try:
            band = make_band(preset, rate) if preset.continuation else None
            voice = make_singer(preset, rate) if preset.singing else None
            cores = (band.core if band else None, voice.core if voice else None, chains.rack if chains else None)
            rig = build(preset, rate, all_outputs(self.presets), *cores, all_audios(self.presets))
        except UserError:
            if chains:
                self.keeper.discard(chains)
            raise
        self.end_workers()
        if self.chains and self._rig:
            self.keeper.leave(self._rig, self.chains)
        self.playing, self.band, self.singer, self.chains, self._rig = index, band, voice, chains, rig
        self.engine.load(rig)
        self.board.change(self.preset)
        for one in (band, voice):
            if one:
                one.core.start()

    def end_workers(self) -> None:
        """Let the band and the voice that play think no more, if there are any; the engine ends what they play."""
        for one in (self.band, self.singer):
            if one:
                one.core.stop()

    def switch(self, index: int) -> None:
        """Switch an instrument on or off (the paper's entry hint; in a band that answers: whether it may play)."""
        if index >= len(self.preset.ensemble):
            return
        enabled = not self.board.players[index].enabled
        if self.band:
            self.band.core.enable(index, enabled)
            self.board.players[index].enabled = enabled
        if self.preset.player is None:
            self.engine.set_voice(index, replace(voices(self.preset)[index], enabled=enabled))

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
                elif self.band and key in bands.KEYS:
                    self.news += filter(None, [bands.KEYS[key].act(self.band)])
                elif self.singer and key in singer.KEYS:
                    self.news += filter(None, [singer.KEYS[key].act(self.singer)])
                elif self.chains and key in plugins.KEYS:
                    self.news += filter(None, [plugins.KEYS[key].act(self.chains)])
                elif key == ":" and self.tables:
                    self.typed = ""
            except (UserError, BlockingIOError) as error:
                self.news.append(f"{key}: {error}" if key.isprintable() else str(error))

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
        both: dict[str, Settings | None] = {CONTINUATION: self.band, SINGING: self.singer}
        there = {name: one for name, one in both.items() if one}
        return there | (self.chains.tables if self.chains else {})

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
        """Take in what happened since the last look."""
        self.board.hear(self.engine.poll())
        if self.band:
            self.news += bands.news_of(self.band.hear())
        if self.singer:
            self.news += singer.news_of(self.singer.hear())
        if self.chains:
            self.chains.look()
        ready = self.keeper.take()
        if ready:
            self.enter(*ready)

    def enter(self, index: int, chains: Chains, news: list[str]) -> None:
        """A preset's plugins are open."""
        if chains.rate != self.driver.sample_rate:  # that has changed meanwhile
            self.keeper.discard(chains)
            self.load(index)
            return
        self.news += news
        self.play(index, chains)

    def begin_anew(self) -> None:
        """The driver's server came back with another sample rate: all is made for that, and goes on as it was."""
        self.end_workers()
        opener = self.opener(self.playing) if self.preset.chain else None
        self.engine.close()
        if self.chains:
            self.keeper.discard(self.chains)
        self.chains = self._rig = None
        self.engine = self.new_engine()
        self.board.rate = self.driver.sample_rate
        self.driver.start(self.engine)
        if not opener:
            self.play(self.playing, None)
        elif not self.keeper.busy:
            self.keeper.begin(self.playing, opener)

    def tend(self) -> None:
        """A few times a second: look after what is outside."""
        self.news += self.driver.tend()
        if self.driver.new_rate:
            self.begin_anew()
        self.news += self.chains.tend() if self.chains else []
        self.news += self.keeper.tend(self.engine)
        for watcher in self.watchers:
            watcher.tend(self)

    def next_preset(self) -> None:
        """Go on with the next preset of the list."""
        if len(self.presets) > 1:
            self.load((self.playing + 1) % len(self.presets))

    def take_news(self) -> list[str]:
        """What has not been shown yet."""
        news, self.news = self.news, []
        return news

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
    "n": Performance.next_preset,
    "q": Performance.end,
}


def run(presets: Sequence[Preset], options: Options) -> int:
    """Play live by the first of the presets until told to end; returns the exit code.

    Ends on SIGINT, SIGTERM, the key q, or the end of the file that the file driver plays, with every note released.
    Raises UserError for what a user can mend: ports, drivers, models.
    """
    from ripieno.daemon.drivers import make
    from ripieno.native.engine import BLACKBOX_SIZE, Engine

    inputs, outputs = presets[0].inputs, all_outputs(presets)
    audios, audio_inputs = all_audios(presets), all_audio_inputs(presets)
    if any(preset.inputs != inputs for preset in presets):
        raise UserError("presets to be played in one performance must have the same inputs")
    box = BlackBox(options.client, BLACKBOX_SIZE)
    settings = presets[0].continuation
    linger_s = answer_beats(settings) * 60 / settings.tempo if settings else 0.0
    ports = (inputs, outputs, audios, audio_inputs)
    driver, why = make(options.driver, options.client, *ports, options.file, linger_s, options.rate)
    driver.open()
    counts = {"audios": len(audios), "audio_inputs": len(audio_inputs)}

    def new_engine() -> Engine:
        return Engine(driver.sample_rate, len(inputs), len(outputs), **counts, blackbox=box.memory)

    board = Board(presets[options.first], driver.sample_rate)
    performance = Performance(presets, driver, new_engine, board, options.first, watchers=options.watchers)
    _on_signals(performance.end)
    silent = True
    try:
        if _begin(performance):
            driver.start(performance.engine)
            if box.dirty:
                performance.news.append("silenced what a killed ripieno may have left sounding")
            _connect(performance, options)
            if options.stress:
                _stress()
            for watcher in options.watchers:
                watcher.begin(performance)
            with _view(options, why) as view:
                _loop(performance, view)
    finally:
        silent = _end(performance)
    if not silent:
        print("ripieno: the driver went away before every note was released", file=sys.stderr)
        return 1
    box.discard()
    return 0


def _begin(performance: Performance) -> bool:
    """Make ready to play by the first preset, its plugins opened. False: somebody ended it meanwhile."""
    first = performance.playing
    if not performance.preset.chain:
        performance.play(first, None)
        return True
    with Progress("opening plugins") as progress:
        performance.keeper.begin(first, performance.opener(first, progress))
        while not (ready := performance.keeper.take()):
            if performance.ending:
                return False
            time.sleep(_LOOK_SECONDS)
    _, chains, news = ready
    performance.news += news
    performance.play(first, chains)
    return True


def _end(performance: Performance) -> bool:
    """Silence; then everything is ended. False: silence is not certain."""
    for watcher in performance.watchers:
        watcher.end()
    silent = performance.driver.stop()
    performance.end_workers()
    performance.engine.close()
    if performance.chains:
        performance.keeper.discard(performance.chains)
    for news in performance.keeper.end():
        print(f"ripieno: {news}", file=sys.stderr)
    return silent


def _connect(performance: Performance, options: Options) -> None:
    """Connect what was asked for, and tell of it."""
    driver = performance.driver
    performance.news += [driver.connect_in(part) for part in options.connect_in]
    performance.news += [driver.connect_out(part) for part in options.connect_out]
    if all_audios(performance.presets):
        performance.news += _connect_audio(driver, options.connect_audio, _what_sounds(performance.presets))
    performance.news += [driver.connect_audio_in(part) for part in options.connect_audio_in]
    if all_audio_inputs(performance.presets) and not driver.hears:
        performance.news.append(f"the input is silent: {NO_SOUND_IN}")
    elif all_audio_inputs(performance.presets) and not options.connect_audio_in:
        told = f"sound comes in at {LEFT_IN} and {RIGHT_IN}"
        performance.news.append(f"{told}: connect something, or use --connect-audio-in NAME")


def _what_sounds(presets: Sequence[Preset]) -> str:
    """The voice, or all there is."""
    return "it" if any(preset.chain for preset in presets) else "the voice"


def _connect_audio(driver: "Driver", parts: Sequence[str], what: str) -> list[str]:
    """Let what sounds be heard, and what there is to tell of that."""
    if not driver.sounds:
        alone = "the voice sings, and only its notes leave" if what != "it" else "only notes leave"
        return [f"{alone}: {NO_SOUND}"]
    news = []
    for part in parts:
        try:
            name = driver.connect_audio(part)
            news.append(f"{what} sounds on {name}" if name else "no loudspeaker is here; MIDI goes on")
        except UserError as error:  # whoever plays goes on: the notes are there
            news.append(f"{error}; MIDI goes on")
    return news


def _view(options: Options, why: str) -> AbstractContextManager[display.View]:
    views: dict[str, Callable[[str], AbstractContextManager[display.View]]] = {
        "panel": display.panel_view,
        "lines": lambda text: nullcontext(display.Lines(text)),
        "json": lambda text: nullcontext(display.JsonLines(text)),
    }
    return views[options.show](why)


def _loop(performance: Performance, view: display.View) -> None:
    """Look, show, and sleep, until something ends it."""
    tended = 0.0
    while not performance.over:
        now = time.monotonic()
        if now - tended >= _TEND_SECONDS:
            performance.tend()
            tended = now
        performance.look()
        _show(performance, view)
        time.sleep(_LOOK_SECONDS)
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


def _stress() -> None:
    """Keep one Python thread busy, to see that no sound depends on Python."""

    def work() -> None:
        while True:
            sum(i * i for i in range(10_000))

    Thread(target=work, name="stress", daemon=True).start()


def choose_show(as_json: bool) -> str:
    """How to show a performance here."""
    return "json" if as_json else "panel" if terminal.usable() else "lines"
