"""What our ports are connected with, kept by the devices' own identity: who goes and comes back gets his place again.

Nothing here talks to a server: `Links` is told what happened, in its order, and says what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

GRACE = 1.0
"""Seconds after which a connection that was undone, and whose device is still there, was undone on purpose: one that is
pulled out takes its port away, too, a moment after its connections."""

MOST = 1024
"""Connections that are remembered; one more, and the oldest is forgotten."""

# Numbers that the system gives anew each time: ALSA's clients in "Keystation [20]" (a2jmidid), "Keystation:Keystation
# MIDI 1 20:0" (rtmidi), "hw:2,0" (PortAudio).
_GIVEN_ANEW = re.compile(r" \[\d+\]| \d+:\d+$|(?<=\(hw:)\d+(?=,\d+\))")
# What a server calls any device that is its own: only another name of it says which one it is.
_ANY = re.compile(r"system:(midi_)?(capture|playback)_\d+", re.IGNORECASE)


class Port(NamedTuple):
    """A MIDI or audio port that somebody else has, or we: full name and other names."""

    name: str
    aliases: tuple[str, ...]
    writes: bool  # events or sound come out of it: a keyboard
    reads: bool  # they go into it: a synthesiser
    physical: bool
    ours: bool


@lru_cache(1 << 14)
def lasting(name: str) -> str:
    """A name without the numbers that the system gives anew each time it sees the device."""
    return _GIVEN_ANEW.sub("", name)


@dataclass(frozen=True)
class Identity:
    """What tells a port from all others, wherever the system puts it: its name, and its other names where it has some.

    A server's own ports (system:midi_capture_1) are told by their other names alone, for the same name goes to another
    device when the first one is away.
    """

    name: str
    aliases: tuple[str, ...] = ()

    def fits(self, port: Port) -> bool:
        """Is it this port?"""
        mine, its = ({lasting(alias) for alias in aliases} for aliases in (self.aliases, port.aliases))
        if mine and its:
            return bool(mine & its)
        told_by_name = not (mine or its) or not _ANY.fullmatch(self.name)
        return told_by_name and lasting(self.name) == lasting(port.name)

    @property
    def key(self) -> str:
        """What a file knows it by."""
        told_by_alias = self.aliases and _ANY.fullmatch(self.name)
        return lasting(self.aliases[0] if told_by_alias else self.name)


@dataclass
class Link:
    """A connection of a port of ours, by its short name, that shall be there whenever the device is."""

    ours: str
    device: Identity
    into: bool  # the device plays to us
    audio: bool = False
    held: bool = False  # it was there at the last look
    asked: bool = False  # for by whoever began this program; else somebody made it by hand
    undone_at: float | None = None  # when it was undone while the device stayed
    let_go: bool = False  # on purpose: not made again before the device was away
    beside: frozenset[str] = frozenset()  # names of others that are just like it, and were there when it was
    strange: str = ""  # what was told of another device that could be taken for it

    def goes_by(self, name: str) -> bool:
        """Is this the device's name?"""
        return lasting(name) == lasting(self.device.name) or name in self.device.aliases


@dataclass
class Links:
    """All connections that our ports shall have. `restored` counts those made again so far."""

    links: list[Link] = field(default_factory=list)
    restored: int = 0

    def find(self, ours: str, port: Port, into: bool, there: Collection[str] = ()) -> Link | None:
        """The link of a port of ours with a device, by its name; or with one just like it, which is not `there`."""
        alike = [one for one in self.links if one.ours == ours and one.into == into and one.device.fits(port)]
        named = (one for one in alike if one.device.name == port.name)
        return next(named, next((one for one in alike if one.device.name not in there), None))

    def joined(
        self, ours: str, port: Port, into: bool, audio: bool, asked: bool = False, there: Collection[str] = ()
    ) -> Link:
        """Two ports were connected, by whomever. there: the names of all ports there are."""
        link = self.find(ours, port, into, there)
        if link is None:
            link = Link(ours, Identity(port.name, port.aliases), into, audio)
            self.links = [*self.links[len(self.links) // MOST :], link]
        link.asked |= asked
        self.made(link, port)
        return link

    def made(self, link: Link, port: Port) -> None:
        """A link is there, with a device that may have another name than before: so it has for its other links."""
        before = link.device.name
        link.undone_at, link.let_go, link.strange, link.held = None, False, "", True
        for one in self.links:
            if one.device.name == before and one.device.fits(port):
                one.device = Identity(port.name, port.aliases or one.device.aliases)

    def parted(self, ours: str, name: str, into: bool, now: float) -> None:
        """A connection was undone, at `now` seconds: by hand, or because the device goes away."""
        for link in self.links:
            if link.ours == ours and link.into == into and link.goes_by(name):
                link.undone_at = now

    def moved(self, name: str) -> None:
        """A port of that name came or went: nobody has undone its connections on purpose."""
        for link in self.links:
            if link.goes_by(name):
                link.undone_at, link.let_go, link.held = None, False, False

    def forget(self, ours: str, name: str, into: bool) -> None:
        """We undid it ourselves."""
        self.links = [one for one in self.links if (one.ours, one.into) != (ours, into) or not one.goes_by(name)]

    def server_gone(self) -> None:
        """The server went away: what it undid in doing so was nobody's purpose."""
        for link in self.links:
            link.undone_at, link.held = None, False

    @property
    def unsettled(self) -> bool:
        """Connections were undone, and why is not known yet."""
        return any(link.undone_at is not None for link in self.links)

    def missing(
        self, ports: Sequence[Port], connected: Callable[[Link, Port], bool], now: float
    ) -> list[tuple[Link, Port]]:
        """Links to be made at `now`, with the port that each one's device has among all that there are.

        connected: whether a link is there. What was undone on purpose is forgotten here.
        """
        wanted, there = [], Ports(ports)
        for link in list(self.links):
            port = self.place(link, there)
            held, link.held = link.held, port is not None and connected(link, port)
            if port is None or link.held:
                link.undone_at, link.let_go = None, False
                continue
            if held and link.undone_at is None and port.name == link.device.name:
                link.undone_at = now  # the news of that are still to come
            if not link.let_go and not self._settle(link, now):
                wanted.append((link, port))
        return wanted

    def place(self, link: Link, ports: Ports) -> Port | None:
        """Where a link's device is; None: nowhere, or nobody can tell."""
        like = ports.like(link)
        exact = next((port for port in like if port.name == link.device.name), None)
        if exact:
            link.beside = frozenset(port.name for port in like) - {exact.name}
            return exact
        new = self._candidates(link, like)
        rivals = [one for one in self._twins(link, new[0]) if one.device.name not in ports.named] if new else []
        return new[0] if len(new) == 1 and not rivals else None

    def _candidates(self, link: Link, like: Sequence[Port]) -> list[Port]:
        """Of those that are like its device and have another name, those that may be it: that came up since it was
        there, and are not what another link has by its whole name."""
        new = [port for port in like if port.name not in link.beside]
        return [port for port in new if all(one.device.name != port.name for one in self._twins(link, port))]

    def _twins(self, link: Link, port: Port) -> list[Link]:
        """Links of other devices that this could be as well."""
        others = (one for one in self.links if one.into == link.into and one.device.name != link.device.name)
        return [one for one in others if one.device.fits(port)]

    def _settle(self, link: Link, now: float) -> bool:
        """Whether a link whose device is there is left alone: undone just now, or on purpose."""
        if link.undone_at is None:
            return False
        if now - link.undone_at >= GRACE:
            link.let_go, link.undone_at = link.asked, None
            self.links = self.links if link.asked else [one for one in self.links if one is not link]
        return True

    def strangers(self, ports: Sequence[Port]) -> list[str]:
        """Sentences on devices that could be taken for one that is away, and are not: told once each."""
        news, there = [], Ports(ports)
        for link in self.links:
            told = "" if self.place(link, there) else self._doubt(link, there)
            if told and told != link.strange:
                news.append(told)
            link.strange = told
        return list(dict.fromkeys(news))

    def _doubt(self, link: Link, ports: Ports) -> str:
        name, named = link.device.name, ports.named.get(link.device.name)
        if named and named.aliases and _able(named, link) and not link.device.fits(named):
            return f"{name} is now another device ({named.aliases[0]}), and is left alone: connect it by hand"
        like = [one.name for one in self._candidates(link, ports.like(link))]
        told = f"{' and '.join(like)} could be what was {name}, or its like, and"
        return f"{told} {'is' if len(like) == 1 else 'are'} left alone: connect by hand" if like else ""


def _able(port: Port, link: Link) -> bool:
    return not port.ours and (port.writes if link.into else port.reads)


class Ports:
    """All ports that there are at a time, found by their names. named: each by its whole name."""

    def __init__(self, ports: Iterable[Port]) -> None:
        self.named = {port.name: port for port in ports}
        self._by_name: dict[str, list[Port]] = {}
        for port in self.named.values():
            for name in {lasting(name) for name in (port.name, *port.aliases)}:
                self._by_name.setdefault(name, []).append(port)

    def like(self, link: Link) -> list[Port]:
        """Those that could be a link's device."""
        names = {lasting(name) for name in (link.device.name, *link.device.aliases)}
        found = {port.name: port for name in names for port in self._by_name.get(name, ())}
        return [port for port in found.values() if _able(port, link) and link.device.fits(port)]
