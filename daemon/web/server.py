"""The server: uvicorn in a thread of its own, which touches nothing that plays."""

import atexit
import logging
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from threading import Thread
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ripieno.daemon.errors import UserError
from ripieno.daemon.remote import oscquery
from ripieno.daemon.web import PORT, api_learn, api_presets
from ripieno.daemon.web.api import Site
from ripieno.daemon.web.app import let_in, make_app
from ripieno.daemon.web.gate import MOST_MESSAGE, Gate, is_loopback
from ripieno.daemon.web.pairing import CODE_SECONDS, Pairing, card
from ripieno.daemon.web.ports import lan_addresses, take_ports
from ripieno.daemon.web.route import Route
from ripieno.daemon.web.running import (
    paired_path,
    read_paired,
    remove_running,
    running_path,
    write_paired,
    write_running,
)

if TYPE_CHECKING:
    import asyncio

    from ripieno.daemon.live import Performance
    from ripieno.daemon.remote.desk import Desk

MOST_CONNECTIONS, MOST_A_HOST = 128, 64  # from other computers, and of one
_IDLE_SECONDS = 10.0  # until a connection that asks nothing is ended
_GRACE_SECONDS, _END_SECONDS = 1, 2.0
_PINGS_SECONDS = 20.0
_SEND_BYTES = 1 << 17  # in the system's hands for one socket: more would be old before it is read


class Page:
    """A `Watcher` (see ripieno.daemon.live) that serves the page.

    client: our name. port: 0 for any that is free. lan: to other devices, too, once they are paired. UserError where
    the port is taken.
    """

    def __init__(self, client: str, port: int = PORT, lan: bool = False) -> None:
        self._path = running_path(client)
        self._ports = take_ports(port, lan)
        self.port = self._ports[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._lan_urls = [f"http://{one}:{self.port}/" for one in lan_addresses()] if lan else []
        self.lan_url = self._lan_urls[0] if lan else ""
        self.token = secrets.token_urlsafe(32)
        self._paired_path = paired_path(client)
        self.pairing = Pairing(paired=read_paired(self._paired_path) if lan else (), keep=self._keep)
        self._tell: Callable[[str], None] = lambda text: None
        self._card_until = 0.0
        self._server: uvicorn.Server | None = None
        self._thread: Thread | None = None

    def begin(self, performance: "Performance") -> None:
        """Serve from now on."""
        self.close()  # where it has ended before, and is to begin again
        if self._ports[0].fileno() < 0:
            self._ports = take_ports(self.port, bool(self.lan_url))
        performance.page = self.url
        performance.news.append(f"the page is at {self.url}")
        if self.lan_url:
            performance.news.append(f"for phones and tablets it is at {' or '.join(self._lan_urls)}")
        if self.lan_url and not self.pairing.devices:
            self._card_until = time.monotonic() + CODE_SECONDS
            performance.card = tuple(card(self.lan_url, self.pairing.begin()))
        self._server, gate = self._make(performance.desk)
        self._thread = Thread(target=_serve, args=(self._server, self._ports, gate), name="page", daemon=True)
        self._thread.start()
        atexit.register(self.close)
        try:
            write_running(self._path, self.url, self.token)
        except UserError as error:
            performance.news.append(f"{error}; `ripieno ctl` will not find us")

    def tend(self, performance: "Performance") -> None:
        """A code that holds no longer is shown no longer."""
        if performance.card and time.monotonic() >= self._card_until:
            performance.card = ()

    def end(self) -> None:
        """Begin to end; whoever must know when it has ended calls `close`."""
        remove_running(self._path, self.token)
        if self._server:
            self._server.should_exit = True

    def close(self, seconds: float = _END_SECONDS) -> None:
        """End it, and wait for that, but not for ever."""
        self.end()
        atexit.unregister(self.close)
        if self._thread:
            self._thread.join(seconds)

    def _keep(self, paired: Sequence[str]) -> None:
        """Those who are paired stay so when it is started again."""
        try:
            write_paired(self._paired_path, paired)
        except UserError as error:
            self._tell(f"{error}; devices are to be paired again when this is started again")

    def _make(self, desk: "Desk") -> tuple[uvicorn.Server, Gate]:
        def tell(text: str) -> None:
            desk.call(lambda performance: performance.news.append(text))

        def hide() -> None:
            desk.call(lambda performance: setattr(performance, "card", ()))

        self._tell = tell
        gate = Gate(self.token, bool(self.lan_url), self.pairing, tell)
        site = Site(desk, self.pairing, self.lan_url, tell, hide, let_in, version("ripieno"))
        return uvicorn.Server(_config(make_app(site, gate, _mounted(desk)), gate)), gate


def _mounted(desk: "Desk") -> list[Route]:
    """Routes that others have written, each a list of them made from the desk."""
    return [*oscquery.routes(desk), *api_learn.routes(desk), *api_presets.routes(desk)]


def _config(app: Any, gate: Gate) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=partial(_Http, gate),
        ws=_Socket,
        ws_max_size=MOST_MESSAGE,
        ws_ping_interval=_PINGS_SECONDS,
        ws_ping_timeout=_PINGS_SECONDS,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def _serve(server: uvicorn.Server, ports: "list[socket.socket]", gate: Gate) -> None:
    """Until it is told to end."""
    logger, handler = logging.getLogger("uvicorn.error"), _News(gate)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        server.run(ports)
    finally:
        logger.removeHandler(handler)


class _News(logging.Handler):
    """What the server would write to its log is news, once a minute a kind."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(logging.WARNING)
        self._gate = gate

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._gate.refused(record.getMessage().strip() + (f" {error!r}" if error else ""), "")


class _Http(H11Protocol):
    """A connection: only so many at once, and none for long that asks nothing."""

    def __init__(self, gate: Gate, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._gate = gate

    def connection_made(self, transport: "asyncio.Transport") -> None:
        super().connection_made(transport)
        hosts = Counter(one.client[0] for one in self.connections if one.client)
        host = self.client[0] if self.client else ""
        outside = sum(count for other, count in hosts.items() if not is_loopback(other))
        if hosts[host] > MOST_A_HOST or (outside > MOST_CONNECTIONS and not is_loopback(host)):
            self._gate.refused("too many connections", host)
            transport.abort()
        else:
            self.loop.call_later(_IDLE_SECONDS, self._look, None)

    def _look(self, before: object) -> None:
        """Now and then: end it where it has asked nothing since. before: what it had asked last then."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.cycle is before:
            if self.conn.trailing_data[0]:  # it has begun to ask
                self._gate.refused("a request that comes too slowly", self.client[0] if self.client else "")
            self.transport.abort()
        else:
            self.loop.call_later(_IDLE_SECONDS, self._look, self.cycle)


class _Socket(WebSocketsSansIOProtocol):
    """A WebSocket that can be ended at once, and of which little waits in the system's hands."""

    app_state: dict[str, Any]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.app_state = {**self.app_state, "abort": lambda: self.transport.abort()}

    def connection_made(self, transport: "asyncio.BaseTransport") -> None:
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)

    async def send(self, message: Any) -> None:
        """Who has gone, or did not answer pings, is no mistake of ours, which uvicorn would make of it."""
        if self.transport.is_closing():
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # it was refused: uvicorn would complain that there was none
