"""The page's ports, taken before the music begins, so that one in use is told at once."""

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

from ripieno.daemon.errors import UserError

_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_ALL = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))
_NOWHERE = ("192.0.2.1", 9)  # of RFC 5737: nothing is sent there
_BACKLOG = 128
_SIOCGIFADDR, _IFREQ_BYTES = 0x8915, 40  # netdevice(7)


def take_ports(port: int, lan: bool) -> list[socket.socket]:
    """Sockets that listen, on IPv4 and, where there is such, on IPv6; of this computer alone, or of all its addresses.

    port: 0 for any that is free. UserError where it is taken.
    """
    taken: list[socket.socket] = []
    for family, host in _ALL if lan else _LOOPBACK:
        try:
            taken.append(_listening(family, host, port))
        except OSError as error:
            if family == socket.AF_INET6 and error.errno != errno.EADDRINUSE:
                continue  # there is no IPv6 here
            for one in taken:
                one.close()
            raise UserError(f"port {port}, for the page: {error.strerror or error}: "
                            "choose another, with --ui-port PORT") from None  # fmt: skip
        port = port or taken[0].getsockname()[1]
    return taken


def _listening(family: int, host: str, port: int) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((host, port))
        one.listen(_BACKLOG)
    except OSError:
        one.close()
        raise
    return one


def lan_addresses() -> list[str]:
    """This computer's addresses, as others call it, first the one that leads farthest; its name where it has none."""
    there = [one for one in (*_farthest(), *_of_interfaces()) if not one.startswith("127.")]
    return list(dict.fromkeys(there)) or [socket.gethostname()]


def _farthest() -> Iterator[str]:
    """None where no way leads out of here, as on a stage that has a network of its own."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(_NOWHERE)
        yield one.getsockname()[0]


def _of_interfaces() -> Iterator[str]:
    if sys.platform != "linux":
        with suppress(OSError):
            yield from socket.gethostbyname_ex(socket.gethostname())[2]
        return
    import fcntl

    for _, name in socket.if_nameindex():
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            row = fcntl.ioctl(one, _SIOCGIFADDR, name.encode().ljust(_IFREQ_BYTES, b"\0"))
            yield socket.inet_ntoa(row[20:24])
