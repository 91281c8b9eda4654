"""Where OSC is spoken: the port that is heard, and the ways to those who are told."""

import ipaddress
import socket
from contextlib import suppress
from importlib.util import find_spec

from ripieno.daemon.errors import UserError

PORT = 9000
EVERYWHERE = "0.0.0.0"
_RECEIVE_BYTES = 1 << 20  # in the system's hands: a burst is not lost while somebody else has the processor
_LARGEST_PACKET = 1 << 16

Address = tuple[str, int]
"""An IPv4 address and a port."""


def missing() -> str:
    """What to say where python-osc is not installed, else ""."""
    return "" if find_spec("pythonosc") else 'no OSC without python-osc: pip install "ripieno[osc]"'


def address_of(text: str) -> Address:
    """The address that HOST:PORT means. ValueError for what is none, or has a name that is not known."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"{text!r} is no address: write it as 192.168.1.5:9001, or localhost:53000")
    try:
        found = socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_DGRAM)
    except OSError as error:
        raise ValueError(f"{host!r} is not known here: {error.strerror or error}") from None
    return str(found[0][4][0]), int(port)


def name_of(address: Address) -> str:
    """As one writes it."""
    return f"{address[0]}:{address[1]}"


def is_home(host: str) -> bool:
    """Whether an address is this computer's own."""
    return ipaddress.ip_address(host).is_loopback


class Wire:
    """A port of UDP, of this computer alone, or of all its addresses; and the ways to others.

    port: 0 for any that is free. UserError where it is taken.
    """

    def __init__(self, port: int, lan: bool) -> None:
        self.lan = lan
        self.socket = _bound(EVERYWHERE if lan else "127.0.0.1", port)
        self.address: Address = self.socket.getsockname()[:2]
        self._abroad: dict[Address, socket.socket] = {}

    def receive(self) -> tuple[bytes, Address] | None:
        """A packet, and who sent it; None where none has come."""
        try:
            data, sender = self.socket.recvfrom(_LARGEST_PACKET)
        except OSError:  # also where somebody whom we told something is not there
            return None
        return data, sender[:2]

    def send(self, to: Address, packet: bytes) -> None:
        """What cannot be sent at once is not sent."""
        with suppress(OSError):
            if self.lan or is_home(to[0]):
                self.socket.sendto(packet, to)
            else:
                self._way_to(to).send(packet)

    def _way_to(self, to: Address) -> socket.socket:
        """To another computer, where we hear this one alone: connected, so that nobody else is heard there."""
        if to not in self._abroad:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.setblocking(False)
            try:
                one.connect(to)
            except OSError:
                one.close()
                raise
            self._abroad[to] = one
        return self._abroad[to]

    def close(self) -> None:
        """Neither heard nor told any more."""
        for one in (self.socket, *self._abroad.values()):
            one.close()


def _bound(host: str, port: int) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        one.bind((host, port))
    except OSError as error:
        one.close()
        why = error.strerror or error
        raise UserError(f"port {port}, for OSC: {why}: choose another, with --osc-port PORT") from None
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
    one.setblocking(False)
    return one
