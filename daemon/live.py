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
from typing import TYPE_CHECKING

from ripieno.daemon import band as bands
from ripieno.daemon import display, singer, terminal
from ripieno.daemon.band import Band, answer_beats, make_band
from ripieno.daemon.blackbox import BlackBox
from ripieno.daemon.board import Board
from ripieno.daemon.drivers.base import NO_SOUND
from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.presets import CONTINUATION, SINGING, Preset
from ripieno.daemon.rig import audio_names, build, output_names, voices
from ripieno.daemon.settings import Settings, split
from ripieno.daemon.singer import Singer, make_singer

if TYPE_CHECKING:
    from ripieno.daemon.drivers.base import Driver
    from ripieno.native.engine import Engine

_LOOK_SECONDS = 1 / 30
_TEND_SECONDS = 0.25


@dataclass
class Options:
    """How to play live: client name, driver and what to connect; how to show it ("panel", "lines" or "json")."""

    client: str = "ripieno"
    driver: str = "auto"
    connect_in: Sequence[str] = ()
    connect_out: Sequence[str] = ()
    connect_audio: Sequence[str] = ("",)
    file: Path | None = None
    rate: int = 0
    show: str = "lines"
    stress: bool = False


def all_outputs(presets: Sequence[Preset]) -> tuple[str, ...]:
    """The MIDI output ports that a list of presets needs: each name once."""
    return tuple(dict.fromkeys(name for preset in presets for name in output_names(preset)))


def all_audios(presets: Sequence[Preset]) -> tuple[str, ...]:
    """The audio output ports that it needs, likewise."""
    return tuple(dict.fromkeys(name for preset in presets for name in audio_names(preset)))


@dataclass
class Performance:
    """What runs: the presets to choose from, the driver, the engine, and what is known of them."""

    presets: Sequence[Preset]
    driver: "Driver"
    engine: "Engine"
    board: Board
    playing: int = 0
    ending: bool = False
    news: list[str] = field(default_factory=list)
    band: Band | None = None
    singer: Singer | None = None
    typed: str | None = None  # of a setting, while somebody types one

    @property
    def preset(self) -> Preset:
        return self.presets[self.playing]

    @property
    def over(self) -> bool:
        """Somebody ended it, or the file that played is over."""
        return self.ending or self.driver.finished

    def load(self, index: int) -> None:
        """Play by one of the presets from now on; what sounds goes on until it is released."""
        preset = self.presets[index]
        band = make_band(preset, self.driver.sample_rate) if preset.continuation else None
        voice = make_singer(preset, self.driver.sample_rate) if preset.singing else None
        cores = (band.core if band else None, voice.core if voice else None)
        rig = build(preset, self.driver.sample_rate, all_outputs(self.presets), *cores)
        self.end_workers()
        self.playing, self.band, self.singer = index, band, voice
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
        return {name: one for name, one in both.items() if one}

    def command(self, text: str) -> str:
        """Set a key that was typed; its table's name may stand before it, and must where two have such a key."""
        name, value = split(text)
        table, _, key = name.rpartition(".")
        there = {title: one for title, one in self.tables.items() if table in ("", title)}
        able = {title: one for title, one in there.items() if key in one.live}
        owners = able or {title: one for title, one in there.items() if key in one.fixed}
        if not owners:
            known = [key for one in (there or self.tables).values() for key in one.live]
            raise UserError(f"{name} is no key; {did_you_mean(key, known)}")
        if len(owners) > 1:
            raise UserError(f"which one? write {' or '.join(f'{title}.{key}' for title in owners)}")
        return next(iter(owners.values())).command(f"{key} {value}")

    def look(self) -> None:
        """Take in what happened since the last look."""
        self.board.hear(self.engine.poll())
        if self.band:
            self.news += bands.news_of(self.band.hear())
        if self.singer:
            self.news += singer.news_of(self.singer.hear())

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

    inputs, outputs, audios = presets[0].inputs, all_outputs(presets), all_audios(presets)
    if any(preset.inputs != inputs for preset in presets):
        raise UserError("presets to be played in one performance must have the same inputs")
    box = BlackBox(options.client, BLACKBOX_SIZE)
    settings = presets[0].continuation
    linger_s = answer_beats(settings) * 60 / settings.tempo if settings else 0.0
    driver, why = make(options.driver, options.client, inputs, outputs, audios, options.file, linger_s, options.rate)
    driver.open()
    engine = Engine(driver.sample_rate, len(inputs), len(outputs), audios=len(audios), blackbox=box.memory)
    performance = Performance(presets, driver, engine, Board(presets[0], driver.sample_rate))
    _on_signals(performance.end)
    try:
        performance.load(0)
        driver.start(engine)
        if box.dirty:
            performance.news.append("silenced what a killed ripieno may have left sounding")
        performance.news += [driver.connect_in(part) for part in options.connect_in]
        performance.news += [driver.connect_out(part) for part in options.connect_out]
        performance.news += _connect_audio(driver, options.connect_audio) if audios else []
        if options.stress:
            _stress()
        with _view(options, why) as view:
            _loop(performance, view)
    finally:
        silent = driver.stop()
        performance.end_workers()
    if not silent:
        print("ripieno: the driver went away before every note was released", file=sys.stderr)
        return 1
    box.discard()
    return 0


def _connect_audio(driver: "Driver", parts: Sequence[str]) -> list[str]:
    """Let the voice be heard, and what there is to tell of it."""
    if not driver.sounds:
        return [f"the voice sings, and only its notes leave: {NO_SOUND}"]
    news = []
    for part in parts:
        try:
            name = driver.connect_audio(part)
            news.append(f"the voice sounds on {name}" if name else "no loudspeaker is here; MIDI goes on")
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
            performance.news += performance.driver.tend()
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
