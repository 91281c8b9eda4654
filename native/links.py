"""What our ports are connected with, kept by the devices' own identity: who goes and comes back gets his place again.

Nothing here talks to a server: `Links` is told what happened, in its order, and says what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
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

    def find(self, ports: Iterable[Port]) -> Port | None:
        """It among these; None: it is not there, or two are alike and neither has its whole name."""
        found = [port for port in ports if self.fits(port)]
        exact = [port for port in found if port.name == self.name]
        return exact[0] if len(exact) == 1 else found[0] if len(found) == 1 else None


@dataclass
class Link:
    """A connection of a port of ours, by its short name, that shall be there whenever the device is."""

    ours: str
    device: Identity
    into: bool  # the device plays to us
    audio: bool = False
    asked: bool = False  # for by whoever began this program; else somebody made it by hand
    undone_at: float | None = None  # when it was undone while the device stayed
    let_go: bool = False  # on purpose: not made again before the device was away
    strange: str = ""  # another device that has its name, and was told of

    def goes_by(self, name: str) -> bool:
        """Is this the device's name?"""
        return lasting(name) == lasting(self.device.name) or name in self.device.aliases


@dataclass
class Links:
    """All connections that our ports shall have. `restored` counts those made again so far."""

    links: list[Link] = field(default_factory=list)
    restored: int = 0

    def find(self, ours: str, port: Port, into: bool) -> Link | None:
        """The link of a port of ours with a device."""
        alike = (one for one in self.links if one.ours == ours and one.into == into)
        return next((one for one in alike if one.device.fits(port)), None)

    def joined(self, ours: str, port: Port, into: bool, audio: bool, asked: bool = False) -> Link:
        """Two ports were connected, by whomever."""
        link = self.find(ours, port, into)
        if link is None:
            link = Link(ours, Identity(port.name, port.aliases), into, audio)
            self.links = [*self.links[len(self.links) // MOST :], link]
        link.device = Identity(port.name, port.aliases or link.device.aliases)
        link.asked |= asked
        link.undone_at, link.let_go, link.strange = None, False, ""
        return link

    def parted(self, ours: str, name: str, into: bool, now: float) -> None:
        """A connection was undone, at `now` seconds: by hand, or because the device goes away."""
        for link in self.links:
            if link.ours == ours and link.into == into and link.goes_by(name):
                link.undone_at = now

    def moved(self, name: str) -> None:
        """A port of that name came or went: nobody has undone its connections on purpose."""
        for link in self.links:
            if link.goes_by(name):
                link.undone_at, link.let_go = None, False

    def forget(self, ours: str, name: str, into: bool) -> None:
        """We undid it ourselves."""
        self.links = [one for one in self.links if (one.ours, one.into) != (ours, into) or not one.goes_by(name)]

    def server_gone(self) -> None:
        """The server went away: what it undid in doing so was nobody's purpose."""
        for link in self.links:
            link.undone_at = None

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
        wanted = []
        for link in list(self.links):
            port = link.device.find(_able(ports, link))
            if port is None:
                link.undone_at, link.let_go = None, False
            elif not connected(link, port) and not link.let_go and not self._settle(link, now):
                wanted.append((link, port))
        return wanted

    def _settle(self, link: Link, now: float) -> bool:
        """Whether a link whose device is there is left alone: undone just now, or on purpose."""
        if link.undone_at is None:
            return False
        if now - link.undone_at >= GRACE:
            link.let_go, link.undone_at = link.asked, None
            self.links = self.links if link.asked else [one for one in self.links if one is not link]
        return True

    def strangers(self, ports: Sequence[Port]) -> list[str]:
        """Sentences on devices that have the name of another one, which is away: told once each."""
        news = []
        for link in self.links:
            able = _able(ports, link)
            others = [one for one in able if one.name == link.device.name and not link.device.fits(one) and one.aliases]
            told = others[0].aliases[0] if others and not link.device.find(able) else ""
            if told and told != link.strange:
                news.append(f"{link.device.name} is now another device ({told}), and is left alone: connect it by hand")
            link.strange = told
        return news


def _able(ports: Sequence[Port], link: Link) -> list[Port]:
    return [one for one in ports if not one.ours and (one.writes if link.into else one.reads)]
