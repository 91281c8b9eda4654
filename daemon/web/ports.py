"""The page's ports, taken before the music begins, so that one in use is told at once."""

import errno
import os
import socket
from contextlib import suppress

from ripieno.daemon.errors import UserError

_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_ALL = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))
_NOWHERE = ("192.0.2.1", 9)  # of RFC 5737: nothing is sent there
_BACKLOG = 128


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


def lan_address() -> str:
    """This computer's address on the LAN, as others call it; its name where it has none yet."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(_NOWHERE)
        return str(one.getsockname()[0])
    return socket.gethostname()
