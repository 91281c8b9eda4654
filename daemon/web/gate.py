"""Who may come in: addresses, origins, tokens, sizes and rates, looked at before anything is answered.

From this computer the page needs no token, for any program here could read it; whatever changes something needs the
one that stands in the page, so that no other page in the browser can do it. From elsewhere all but pairing needs one.
A name that is not ours is refused, for it may have been bound to our address (DNS rebinding).
"""

import asyncio
import ipaddress
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from ripieno.daemon.web.pairing import Pairing, same
from ripieno.daemon.web.route import Refusal

MOST_BODY, MOST_MESSAGE = 1 << 20, 1 << 16  # bytes
MOST_SOCKETS, MOST_SOCKETS_A_HOST = 64, 16
BODY_SECONDS = 10.0  # for all of a body
REQUESTS, REQUESTS_AT_ONCE = 500.0, 1000  # of one host, a second and after a rest
MESSAGES, MESSAGES_AT_ONCE = 1000.0, 2000  # of one socket
_PATIENCE_SECONDS = 1.0  # a request waits so long for its turn before it is refused
_QUIET_SECONDS = 60.0  # between two sentences on refusals of one kind
_MOST_HOSTS, _MOST_KINDS = 1024, 100  # whose rates are remembered; of refusals
COOKIE = "ripieno"
_SAFE = ("GET", "HEAD", "OPTIONS")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Bucket:
    """A token bucket: so many a second, and after a rest so many at once. clock: seconds."""

    def __init__(self, rate: float, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most, self._clock = rate, most, clock
        self._tokens, self._since = most, clock()

    def take(self, patience_s: float = float("inf")) -> float | None:
        """Seconds to wait for one's turn; None, and no turn is taken, if that is longer than one's patience."""
        now = self._clock()
        self._tokens = min(self._most, self._tokens + (now - self._since) * self._rate)
        self._since = now
        wait_s = max(0.0, (1 - self._tokens) / self._rate)
        if wait_s > patience_s:
            return None
        self._tokens -= 1
        return wait_s


@dataclass(frozen=True)
class Visitor:
    """Who asks. host: its address. name: ours, as it calls us, with a port. origin: of the page that asks,
    "" for programs. token: as it is told in the request. cookie: likewise, by the browser."""

    host: str
    name: str
    origin: str
    site: str
    token: str
    cookie: str

    @property
    def local(self) -> bool:
        """It is on this computer, and calls it so."""
        return is_loopback(self.host) and _is_home(_bare(self.name))


def visitor(scope: Scope) -> Visitor:
    """Refusal (400) for a request without, or with two of, what tells."""
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    for name in ("host", "origin"):
        if len(headers.get(name, ())) > 1:
            raise Refusal(400, f"the request has two headers {name!r}", {"header": name})
    one = {name: values[0] for name, values in headers.items()}
    bearer = one.get("authorization", "")
    token = one.get("x-ripieno-token", "") or (bearer[7:] if bearer[:7].lower() == "bearer " else "")
    if scope["type"] == "websocket" and not token:  # a browser sends no header of ours with it
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
    host = scope["client"][0] if scope.get("client") else ""
    cookie = _cookie(headers.get("cookie", []))
    return Visitor(host, one.get("host", ""), one.get("origin", ""), one.get("sec-fetch-site", ""), token, cookie)


def _cookie(headers: list[str]) -> str:
    pairs = [part.strip().partition("=") for line in headers for part in line.split(";")]
    return next((value for name, _, value in pairs if name == COOKIE), "")


def is_loopback(host: str) -> bool:
    """Whether an address is this computer's own."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _bare(name: str) -> str:
    """A name without its port, an IPv6 address without brackets."""
    return name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0].lower()


def _is_home(bare: str) -> bool:
    return bare == "localhost" or is_loopback(bare)


def _is_address(bare: str) -> bool:
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return True


@dataclass
class Gate:
    """Who may come in. token: the page's on this computer. lan: others may, once they are paired. tell: a sentence for
    the player. For the server's thread alone."""

    token: str
    lan: bool
    pairing: Pairing
    tell: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    sockets: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._told: dict[str, float] = {}
        self._missed: Counter[str] = Counter()
        self._rates: dict[str, Bucket] = {}
        ours = socket.gethostname().lower()
        self._names = {ours, f"{ours.partition('.')[0]}.local"} if self.lan else set()

    def refused(self, kind: str, host: str) -> None:
        """Tell of it, once a minute a kind."""
        now = self.clock()
        if len(self._told) > _MOST_KINDS:
            self._told.clear()
            self._missed.clear()
        if now - self._told.get(kind, -_QUIET_SECONDS) < _QUIET_SECONDS:
            self._missed[kind] += 1
            return
        more = f" ({self._missed.pop(kind)} more in the last minute)" if self._missed[kind] else ""
        self._told[kind] = now
        self.tell(f"the page's server refused {host or 'somebody'}: {kind}{more}")

    def knows(self, token: str) -> bool:
        """Whether it is the page's on this computer, or a paired device's."""
        ours = same(token, self.token)
        return self.pairing.known(token) or ours

    def admit(self, who: Visitor, method: str, unpaired: bool = False) -> None:
        """Refusal (403, 401) for whom it is not open. unpaired: this is for those who have no token yet, too."""
        self._check_name(who)
        if who.origin and who.origin.lower() != f"http://{who.name.lower()}":
            raise Refusal(403, "only our own page may ask this, not another site", {"origin": who.origin})
        if who.site not in ("", "same-origin", "none") and not (method in _SAFE and unpaired):
            raise Refusal(403, "only our own page may ask this, not another site", {"site": who.site})
        if not unpaired:
            self._check_token(who, method in _SAFE)

    def _check_name(self, who: Visitor) -> None:
        bare = _bare(who.name)
        known = _is_home(bare) or (self.lan and (bare in self._names or _is_address(bare)))
        if not known or (_is_home(bare) and not is_loopback(who.host)):
            raise Refusal(403, "this computer is not called so here: use its address", {"host": who.name})

    def _check_token(self, who: Visitor, safe: bool) -> None:
        if safe and (who.local or self.knows(who.token or who.cookie)):
            return
        if not self.knows(who.token):
            lacks = "the token is wrong" if who.token else "a token is needed"
            mend = "load the page again" if who.local else "pair this device at /pair"
            raise Refusal(401, f"{lacks}: {mend}", {"header": "X-Ripieno-Token"})
        if not who.local and who.origin and not same(who.cookie, who.token):
            raise Refusal(401, "the token is not this browser's: pair this device at /pair", {"cookie": COOKIE})

    async def wait_turn(self, host: str) -> None:
        """Refusal (429) for who asks far too much."""
        if host not in self._rates:
            if len(self._rates) >= _MOST_HOSTS:
                self._rates.pop(next(iter(self._rates)))
            self._rates[host] = Bucket(REQUESTS, REQUESTS_AT_ONCE, self.clock)
        wait_s = self._rates[host].take(_PATIENCE_SECONDS)
        if wait_s is None:
            raise Refusal(429, "too many requests: wait a second", {}, _PATIENCE_SECONDS)
        if wait_s:
            await asyncio.sleep(wait_s)

    def enter(self, host: str) -> None:
        """One more socket. Refusal (429) where there are too many."""
        if self.sockets[host] >= MOST_SOCKETS_A_HOST or self.sockets.total() >= MOST_SOCKETS:
            raise Refusal(429, "too many sockets are open: close other pages", {}, _PATIENCE_SECONDS)
        self.sockets[host] += 1

    def leave(self, host: str) -> None:
        """One less."""
        self.sockets[host] -= 1
        if not self.sockets[host]:
            del self.sockets[host]


class Guard:
    """The app within the gate. is_open: whether a method of a path is for those who have no token, too."""

    def __init__(self, app: App, gate: Gate, is_open: Callable[[str, str], bool]) -> None:
        self._app, self._gate, self._is_open = app, gate, is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        host = scope["client"][0] if scope.get("client") else ""
        method = scope.get("method", "SOCKET")
        try:
            await self._gate.wait_turn(host)
            who = scope["ripieno.visitor"] = visitor(scope)
            self._gate.admit(who, method, self._is_open(method, scope["path"]))
            receive = await _with_body(scope, receive)
        except Refusal as refusal:
            if host:  # else it has gone already
                self._gate.refused(_kind(refusal), host)
            await refuse(scope, receive, send, refusal, await _drained(scope, receive, refusal))
            return
        await self._app(scope, receive, _with_headers(scope, send))


def _kind(refusal: Refusal) -> str:
    """What stays the same where many are refused for the same reason."""
    return str(refusal).partition(":")[0]


async def _with_body(scope: Scope, receive: Receive) -> Receive:
    """All of a body at once, as what is received then. Refusal (413, 408) for a long one, or a slow one."""
    if not _has_body(scope):
        return receive
    try:
        body = b"".join([part async for part in _parts(receive)])
    except TimeoutError:
        raise Refusal(408, "the body comes too slowly") from None
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return again


def _has_body(scope: Scope) -> bool:
    """Refusal (413) for one that says itself that it is too long."""
    headers = {name.lower(): value for name, value in scope["headers"]}
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > MOST_BODY:
        raise _too_long()
    return scope["type"] == "http" and (length != b"0" or b"transfer-encoding" in headers)


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    """A body's, as they come. TimeoutError, or Refusal (413)."""
    size, more = 0, True
    async with asyncio.timeout(BODY_SECONDS):
        while more:
            message = await receive()
            part = message.get("body", b"")
            yield part
            size += len(part)
            more = message.get("more_body", False)
            if size > MOST_BODY:
                raise _too_long()


async def _drained(scope: Scope, receive: Receive, refusal: Refusal) -> bool:
    """Whether its body was read, if only to be thrown away: who still sends does not hear why it is refused."""
    if refusal.status in (408, 413):
        return False
    try:
        if _has_body(scope):
            async for _ in _parts(receive):
                pass
    except (Refusal, TimeoutError):
        return False
    return True


def _too_long() -> Refusal:
    return Refusal(413, f"the body is too long: at most {MOST_BODY} bytes")


_HEADERS: Mapping[bytes, bytes] = {
    b"content-security-policy": b"default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    b"form-action 'self'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
}


def _with_headers(scope: Scope, send: Send) -> Send:
    """With what browsers are to be told of every answer."""

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            there = {name.lower() for name, _ in message.get("headers", ())}
            more = [(name, value) for name, value in _HEADERS.items() if name not in there]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return sent


async def refuse(scope: Scope, receive: Receive, send: Send, refusal: Refusal, drained: bool = True) -> None:
    """Say so. drained: its body was read; otherwise the connection ends, for nobody reads what else it sends."""
    kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
    if scope["type"] == "websocket":
        await receive()  # websocket.connect
    body = json.dumps(refusal.body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *([] if drained else [(b"connection", b"close")]),
        *([(b"retry-after", str(max(1, round(refusal.wait_s))).encode())] if refusal.wait_s else []),
    ]
    sent = _with_headers(scope, send)
    await sent({"type": f"{kind}.start", "status": refusal.status, "headers": headers})
    await sent({"type": f"{kind}.body", "body": body})
