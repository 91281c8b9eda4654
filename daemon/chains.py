"""The plugins that sound, from the daemon's side: opened for a preset, set while they play, and told of."""

from collections.abc import Callable, Mapping, Sequence
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripieno.daemon.chain_checks import LEFT, RIGHT, fitting, misplaced, stem_ports
from ripieno.daemon.chain_keys import CHAIN_KEYS, INPUT_PLACE, MASTER, VOICE_PLACE
from ripieno.daemon.chain_state import Saved, read_state, write_state
from ripieno.daemon.errors import UserError
from ripieno.daemon.presets import Chain, Preset
from ripieno.daemon.rig import places, strip_names
from ripieno.daemon.schema import Key, number, slug
from ripieno.daemon.settings import Command, Settings

if TYPE_CHECKING:
    from ripieno.native.rack import Rack, RackState, Strip
    from ripieno.plugins.base import Hosted, Standing

_OWN: dict[str, Key] = {key.name: key for key in CHAIN_KEYS if key.name in ("bypass", "gain_db")}
_FIXED = frozenset(key.name for key in CHAIN_KEYS if key.name not in _OWN and key.name != "name")
_SILENCE_DB = -120.0
_FALL_DB, _LONGEST_SECONDS = 20.0, 1 / 30  # a meter falls by so much a second, and no further at one look
_STEPS = 50  # of a key, from one end of a parameter to the other


def decibels(peak: float) -> float:
    """A sample's height in dB, 0 for full scale."""
    return max(_SILENCE_DB, 20 * log10(peak)) if peak > 0 else _SILENCE_DB


class Meter:
    """The highest sample of late, in dB."""

    def __init__(self) -> None:
        self.db = _SILENCE_DB

    def hear(self, peaks: Sequence[float], seconds: float) -> None:
        """What was highest since the last time, so long ago."""
        self.db = max(decibels(max(peaks)), _SILENCE_DB, self.db - _FALL_DB * min(seconds, _LONGEST_SECONDS))


class Link(Settings):
    """One plugin of a chain. hosted: None where it could not be opened, and why says so.

    What is set by a controller or by the plugin itself is known as well.
    """

    who, fixed = "the plugin", _FIXED

    def __init__(self, config: Chain, hosted: "Hosted | None", why: str = "") -> None:
        super().__init__(config, {"bypass": (False, True)})
        self.config, self.hosted, self.why = config, hosted, why
        self.name = config.name
        self.live = _OWN | (_live_keys(hosted) if hosted else {})
        self.bypass, self.gain_db = config.bypass, config.gain_db
        self.meter = Meter()
        self.standing: Standing | None = None
        self.keeps = bool(config.state)  # its state, at the end
        self._known = self.values()
        self._chosen = 0  # of its parameters, for keys

    def find(self, name: str) -> str | None:
        wanted = slug(name)
        return name if name in self.live else next((key for key in self.live if slug(key) == wanted), None)

    def now(self, name: str) -> Any:
        return getattr(self, name) if name in _OWN else self._known.get(_parameter(name))

    def values(self) -> dict[str, float]:
        """What its parameters are, by name."""
        return self.hosted.values() if self.hosted else {}

    def apply(self, name: str, value: Any) -> None:
        if not self.hosted:
            raise UserError(f"{self.name} does not play: {self.why}")
        if name == "bypass":
            self.hosted.unit.bypass(value)
        elif name == "gain_db":
            self.hosted.unit.gain(10 ** (value / 20))
        else:
            self._set(_parameter(name), value)

    def _set(self, name: str, value: float) -> None:
        from ripieno.plugins.base import PluginError

        assert self.hosted
        try:
            self.hosted.set(name, value)
        except PluginError as error:
            raise UserError(str(error)) from None

    def keep(self, name: str, value: Any) -> None:
        if name in _OWN:
            setattr(self, name, value)
        else:
            self._known[_parameter(name)] = value

    @property
    def chosen(self) -> str:
        """The parameter that the keys mean, "" where there is none."""
        names = [name for name in self.live if name not in _OWN]
        return names[self._chosen % len(names)] if names else ""

    def choose(self) -> str:
        """The next parameter."""
        self._chosen += 1
        return f"{self.name}: {self.chosen} = {self.now(self.chosen)}" if self.chosen else f"{self.name} has none"

    def nudge(self, by: int) -> str:
        """Move the chosen parameter by so many steps; at its end it stays."""
        name = self.chosen
        if not self.hosted or not name:
            return f"{self.name} has no parameter to set"
        one = next(one for one in self.hosted.parameters if one.name == _parameter(name))
        step = 1 if one.whole else (one.high - one.low) / _STEPS
        wanted = min(one.high, max(one.low, self.now(name) + by * step))
        return f"{self.name}: {self.set(name, int(wanted) if one.whole else round(wanted, 6))}"

    def begin(self, saved: Saved | None) -> list[str]:
        """Set it as the preset says or as it was saved; returns what of it could not be set."""
        if not self.hosted:
            return []
        news = []
        wanted = {**self.config.parameters, **(saved.parameters if saved else {})}
        for name, value in wanted.items():
            try:
                self.hosted.set(*fitting(name, value, self.hosted))
            except ValueError as error:
                news.append(f"{self.name}: {name}: {error}")
        bypass, gain_db = (saved.bypass, saved.gain_db) if saved else (self.config.bypass, self.config.gain_db)
        self.set("bypass", bypass)
        self.set("gain_db", gain_db)
        return news

    def look(self, seconds: float) -> None:
        """Take in how it does. seconds: since the last time."""
        if self.hosted:
            self.standing = self.hosted.standing()
            self.meter.hear(self.standing.peak, seconds)

    def tend(self) -> list[str]:
        """Look after it, and take in what moved its parameters; returns news."""
        self._known = self.values()
        return self.hosted.tend() if self.hosted else []

    def kept(self) -> Saved | None:
        """How it is set now; None where it does not play."""
        if not self.hosted:
            return None
        return Saved(self.config.plugin, self.values(), self.bypass, self.gain_db, self.hosted.state())

    def save(self) -> None:
        """Write its state, if it has a file for that. UserError where that cannot be written."""
        saved = self.kept() if self.keeps else None
        if saved:
            write_state(Path(self.config.state), saved)

    def status(self) -> dict[str, Any]:
        """How it stands, as plain values."""
        state = self.standing
        return {
            "name": self.name,
            "on": self.config.on,
            "plugin": self.config.plugin,
            "plays": self.hosted is not None,
            "why": self.why or (state.fault if state else ""),
            "bypass": self.bypass,
            "gain_db": self.gain_db,
            "peak_db": round(self.meter.db, 1),
            "latency": state.latency if state else 0,
            "blocks": state.blocks if state else 0,
            "missed": state.missed if state else 0,
            "restarts": state.restarts if state else 0,
            "blocked": state.blocked if state else False,
            "memory_kb": state.memory // 1024 if state else 0,
            "parameters": {name: round(value, 6) for name, value in self._known.items()},
        }


def _live_keys(hosted: "Hosted") -> dict[str, Key]:
    """A key for each parameter; one that is called as a chain's own key is called parameters.NAME."""
    return {
        (f"parameters.{one.name}" if one.name in _OWN else one.name): Key(
            one.name, number(one.low, one.high, one.whole), one.usual, one.help
        )
        for one in hosted.parameters
    }


def _parameter(key: str) -> str:
    return key.removeprefix("parameters.") if key.removeprefix("parameters.") in _OWN else key


class Chains:
    """The plugins of a preset and the rack that they stand in, ready for the engine.

    `close` when the engine has given the rig back. rate: frames a second. names: of the rack's strips.
    """

    def __init__(self, links: Sequence[Link], rack: "Rack", rate: int, names: Sequence[str]) -> None:
        self.links, self.rack, self.rate = list(links), rack, rate
        self.chosen = 0
        self.meter, self.strips = Meter(), {name: Meter() for name in names}
        self.state: RackState | None = None

    @property
    def tables(self) -> dict[str, Settings]:
        """Those that can be set, by their names."""
        return {link.name: link for link in self.links}

    @property
    def current(self) -> Link:
        """The one that the keys mean."""
        return self.links[self.chosen]

    def look(self, seconds: float) -> None:
        """Take in how they do. seconds: since the last time."""
        self.state = self.rack.state()
        self.meter.hear(self.state.peak, seconds)
        for meter, peak in zip(self.strips.values(), self.state.strip_peak, strict=True):
            meter.hear(peak, seconds)
        for link in self.links:
            link.look(seconds)

    def tend(self) -> list[str]:
        """A few times a second: look after them; what there is to tell."""
        return [news for link in self.links for news in link.tend()]

    @property
    def latency_ms(self) -> float:
        """From a key to the sound that it makes, by the slowest path."""
        return (self.state.latency if self.state else 0) * 1000 / self.rate

    def status(self) -> dict[str, Any]:
        """How they stand, as plain values."""
        return {
            "latency_ms": round(self.latency_ms, 3),
            "peak_db": round(self.meter.db, 1),
            "plugins": [link.status() for link in self.links],
        }

    def kept(self) -> dict[str, Saved]:
        """How all of them are set now, by their names."""
        return {link.name: saved for link in self.links if (saved := link.kept())}

    def save(self) -> list[str]:
        """Write the states of all that have a file for it; what could not be written."""
        news = []
        for link in self.links:
            try:
                link.save()
            except UserError as error:
                news.append(f"{link.name}: {error}")
        return news

    def close(self) -> list[str]:
        """Save and end them; no engine may hold their rack. Returns news."""
        news = self.save()
        self.end()
        return news

    def end(self) -> None:
        """End them, saving nothing."""
        self.rack.free()
        for link in self.links:
            if link.hosted:
                link.hosted.close()
        self.links = []

    # What keys do.

    def choose(self) -> str:
        """The next one."""
        self.chosen = (self.chosen + 1) % len(self.links)
        return f"{self.current.name}, on {self.current.config.on}"

    def save_all(self) -> str:
        """The key for saving."""
        files = [link.config.state for link in self.links if link.keeps and link.hosted]
        told = self.save()
        return "; ".join(told) or (f"saved {', '.join(files)}" if files else "no chain has a file for its state")


def make_chains(
    preset: Preset,
    rate: int,
    period: int,
    outputs: tuple[str, ...],
    audios: Sequence[str],
    progress: Callable[[float], None] = lambda share: None,
    kept: Mapping[str, Saved] = {},
) -> tuple[Chains, list[str]]:
    """The plugins of a preset with [[chain]] tables, opened, in a rack; and what there is to tell of them.

    rate: frames a second; period: of the longest cycle. outputs, audios: names of the engine's ports. One that cannot
    be opened is left out: the others play. progress: told the share done, 0 to 1. kept: how they are to be set, by
    their names, instead of what their files say.
    """
    from ripieno.native.rack import Rack

    names = strip_names(preset)
    ends = _stereo(audios, LEFT, RIGHT)
    assert ends
    rack = Rack(rate, _strips(preset, names, outputs, audios), ends, preset.compensate_midi)
    links: list[Link] = []
    news: list[str] = []
    for place, config in enumerate(preset.chain):
        first = all(link.config.on != config.on for link in links)
        saved, told = read_state(config)
        link = _open(config, rate, period, first, kept.get(config.name, saved), told)
        links.append(link if not link.hosted else _join(rack, names, link, told))
        news += told
        progress((place + 1) / len(preset.chain))
    return Chains(links, rack, rate, names), news


def _stereo(audios: Sequence[str], *names: str) -> tuple[int, int] | None:
    left, right = (list(audios).index(name) if name in audios else None for name in names)
    return (left, right) if left is not None and right is not None else None


def seats(preset: Preset, outputs: tuple[str, ...]) -> dict[str, tuple[int, int | None]]:
    """What each instrument's plugins hear: its port and channel, None for all of its port."""
    there = zip(preset.ensemble, places(preset, outputs), strict=True)
    return {one.name: (port, None if one.mpe else channel) for one, (port, channel) in there}


def _strips(preset: Preset, names: Sequence[str], outputs: tuple[str, ...], audios: Sequence[str]) -> "list[Strip]":
    from ripieno.native.rack import Strip

    there = seats(preset, outputs)
    found = []
    for name in names:
        ends = _stereo(audios, *stem_ports(name)) if preset.stems else None
        source = {VOICE_PLACE: "voice", INPUT_PLACE: "input"}.get(name, "notes")
        port, channel = there.get(name, (0, 0))
        found.append(Strip(source, port, channel, outputs=ends))
    return found


def _open(config: Chain, rate: int, period: int, first: bool, saved: Saved | None, news: list[str]) -> Link:
    """The plugin of a chain, or why it is not there; what there is to tell is added to the news."""
    try:
        hosted = _plugin(config, rate, period, saved, news)
    except Exception as error:  # whatever is wrong with somebody's plugin, the show begins without it
        return _missing(config, str(error) or type(error).__name__, news)
    wrong = misplaced(hosted.role, config.on, first)
    if wrong:
        hosted.close()
        return _missing(config, wrong, news)
    link = Link(config, hosted)
    link.keeps = link.keeps and not news  # a file that is not understood is left alone
    news += link.begin(saved)
    return link


def _missing(config: Chain, why: str, news: list[str]) -> Link:
    """One that does not play, and why."""
    news.append(f"{config.name} does not play: {why}")
    return Link(config, None, why)


def _plugin(config: Chain, rate: int, period: int, saved: Saved | None, news: list[str]) -> "Hosted":
    """Opened, with its state if it takes it."""
    from ripieno.plugins.base import PluginError
    from ripieno.plugins.open import open as open_plugin

    state = saved.state if saved else b""
    if state:
        try:
            return open_plugin(config.plugin, Path(), rate, period, state, config.memory_mb)
        except PluginError as error:
            news.append(f"{config.name} does not take the state in {config.state}: {error}")
    return open_plugin(config.plugin, Path(), rate, period, None, config.memory_mb)


def _join(rack: "Rack", names: Sequence[str], link: Link, news: list[str]) -> Link:
    """Put it into the rack, with what moves its parameters; what could not be is added to the news."""
    assert link.hosted
    config, hosted = link.config, link.hosted
    try:
        rack.add(None if config.on == MASTER else names.index(config.on), hosted.unit)
    except ValueError as error:
        hosted.close()
        return _missing(config, str(error), news)
    table = {one.name: (index, one) for index, one in enumerate(hosted.parameters)}
    channel = config.cc_channel - 1 if config.cc_channel else None
    for name, controller in config.cc.items():
        try:
            index, one = table[fitting(name, None, hosted)[0]]
            rack.automate(hosted.unit, index, controller, one.low, one.high, channel)
        except ValueError as error:
            news.append(f"{link.name}: cc: {name}: {error}")
    return link


KEYS: dict[str, Command] = {
    "c": Command("next chain", lambda chains: chains.choose()),
    "d": Command("bypass it", lambda chains: f"{chains.current.name}: {chains.current.cycle('bypass')}"),
    "j": Command("its next parameter", lambda chains: chains.current.choose()),
    "/": Command("lower", lambda chains: chains.current.nudge(-1)),
    "*": Command("higher", lambda chains: chains.current.nudge(1)),
    "{": Command("chain softer", lambda chains: f"{chains.current.name}: {chains.current.step('gain_db', -1)}"),
    "}": Command("chain louder", lambda chains: f"{chains.current.name}: {chains.current.step('gain_db', 1)}"),
    "S": Command("save states", lambda chains: chains.save_all(), "chain/save"),
}
