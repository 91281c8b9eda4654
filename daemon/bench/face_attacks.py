"""What `bench face --part safety` tries on the page's server. Each attack tells what it got other than a refusal."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import chain, repeat

from ripieno.daemon.bench.face_stage import SECONDS, Served
from ripieno.daemon.web.gate import MOST_MESSAGE, MOST_SOCKETS_A_HOST

TRIES = 100  # of what is done in no time
SOCKETS = 10_000
_AT_ONCE = 200  # sockets that are being opened
_BODY, _PART = 1 << 30, 1 << 16  # bytes
_SLOW, _SLOW_SECONDS = 50, 60.0  # lines on which a letter comes now and then; how long one may live
_LETTER_SECONDS = 0.5
_WRONG_TOKEN = "0" * 43
_EVIL = "http://evil.example"
_WRONG_CODES = 5
_CONTROL = "/api/controls/players/violin-1/on"
_PATHS = ("/page/../gate.py", "/page/%2e%2e/gate.py", "/page/..%2fgate.py", "/page/..%5cgate.py", "/page//etc/passwd",
          "/page/%2fetc/passwd", "/../../etc/passwd", "/page/....//gate.py", "/page/%00", "/%ff")  # fmt: skip

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Attack:
    """What is tried. wrong: does it, and gives what came of each try, "" where it was refused. said: one of these
    sentences begins like what the player is told of it."""

    what: str
    said: Sequence[str]
    wrong: Callable[[Served], Iterator[str]]


def attacks() -> list[Attack]:
    """All of them, in their order."""
    return [
        Attack("no token", ["a token is needed"], lambda one: _requests(one, 401, {})),
        Attack("wrong token", ["the token is wrong"], lambda one: _requests(one, 401, _token(_WRONG_TOKEN))),
        Attack("wrong origin", ["only our own page"],
               lambda one: _requests(one, 403, {**_token(one.token), "Origin": _EVIL})),
        Attack("wrong Host", ["this computer is not called so"],
               lambda one: _requests(one, 403, {**_token(one.token), "Host": "evil.example"})),
        Attack("replayed and guessed codes", ["pairing-claim, no code holds now"], _codes),
        Attack("paths that lead out", ["a path that leads out of the page's folder"], _traversals),
        Attack("messages that are too long", ["a socket, a message is too long"], _messages),
        Attack("a body of 1 GB", ["the body is too long"], _bodies),
        Attack("requests that do not end", ["a request that comes too slowly"], _slowly),
        Attack(f"{SOCKETS} sockets, all but {MOST_SOCKETS_A_HOST}",
               ["too many connections", "too many sockets", "too many requests"], _sockets),
    ]  # fmt: skip


def _token(token: str) -> Headers:
    return {"X-Ripieno-Token": token}


def _judged(found: object, wanted: object) -> str:
    return "" if found == wanted else f"{found} instead of {wanted}"


def _asked(served: Served, method: str, path: str, headers: Headers, body: object = None) -> tuple[int, bytes]:
    """Status and answer; 0 where it was cut."""
    with closing(HTTPConnection("127.0.0.1", served.port, timeout=SECONDS)) as line:
        try:
            data = None if body is None else json.dumps(body)
            line.request(method, path, data, {"Content-Type": "application/json", **headers})
            answer = line.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException):
            return 0, b""


def _opened(served: Served, headers: Headers) -> tuple[int, socket.socket]:
    """A WebSocket as a program opens it: the status, and the line."""
    line = socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS)
    line.sendall(_handshake(served, headers))
    try:
        return _status(line.recv(_PART)), line
    except OSError:
        return 0, line


def _handshake(served: Served, headers: Headers) -> bytes:
    fields = {"Host": served.host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": "cmlwaWVubyBoYXMgcGFnZQ==", **headers}  # fmt: skip
    return _head("GET /api/live", fields)


def _head(request: str, fields: Headers) -> bytes:
    lines = [f"{request} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _status(answer: bytes) -> int:
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def _requests(served: Served, status: int, headers: Headers) -> Iterator[str]:
    """To change something, to do something, and to hear everything."""
    for _ in range(TRIES):
        yield _judged(_asked(served, "PUT", _CONTROL, headers, {"value": False})[0], status)
        yield _judged(_asked(served, "POST", "/api/actions/panic", headers)[0], status)
        found, line = _opened(served, headers)
        line.close()
        yield _judged(found, status)


def _codes(served: Served) -> Iterator[str]:
    """One that was used, and the right one after too many wrong ones."""

    def begin() -> str:
        return str(json.loads(_asked(served, "POST", "/api/pairing", _token(served.token))[1])["code"])

    def claim(code: str, status: int) -> str:
        return _judged(_asked(served, "POST", "/api/pairing/claim", {}, {"code": code})[0], status)

    code = begin()
    yield claim(code, 200)
    for _ in range(TRIES):
        yield claim(code, 403)
    code = begin()
    other = f"{(int(code) + 1) % 1_000_000:06}"
    for one in [*[other] * _WRONG_CODES, code]:
        yield claim(one, 403)


def _traversals(served: Served) -> Iterator[str]:
    for path in _PATHS:
        with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as line:
            line.sendall(_head(f"GET {path}", {"Host": served.host, "Connection": "close"}))
            yield _judged(_status(line.recv(_PART)), 404)


def _messages(served: Served) -> Iterator[str]:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    for _ in range(TRIES):
        with connect(served.socket_url, open_timeout=SECONDS) as line:
            try:
                line.send("x" * (MOST_MESSAGE + 1))
                while True:
                    line.recv(timeout=SECONDS)
            except ConnectionClosed as over:
                yield _judged(over.rcvd.code if over.rcvd else 0, 1009)
            except TimeoutError:
                yield "it goes on"


def _bodies(served: Served) -> Iterator[str]:
    """Of a length that is told, and in pieces without an end."""
    told, pieces = {"Content-Length": str(_BODY)}, {"Transfer-Encoding": "chunked"}
    for length, part in ((told, b"x" * _PART), (pieces, b"%x\r\n%s\r\n" % (_PART, b"x" * _PART))):
        fields = {"Host": served.host, "Content-Type": "application/json", **_token(served.token), **length}
        with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as line:
            line.sendall(_head(f"PUT {_CONTROL}", fields))
            sent = _poured(line, part)
        yield "" if sent < _BODY else "all of it was taken"


def _poured(line: socket.socket, part: bytes) -> int:
    """Bytes that are sent before the line is cut, at most all."""
    sent = 0
    with suppress(OSError):
        while sent < _BODY:
            line.sendall(part)
            sent += _PART
    return sent


def _slowly(served: Served) -> Iterator[str]:
    """Lines on which a header never ends: each is to be cut."""
    lines = [socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) for _ in range(_SLOW)]
    for line in lines:
        line.sendall(f"GET / HTTP/1.1\r\nHost: {served.host}\r\nX-Slow: ".encode())
        line.settimeout(0)
    end, alive = time.monotonic() + _SLOW_SECONDS, lines
    while alive and time.monotonic() < end:
        alive = [line for line in alive if _goes_on(line)]
        time.sleep(_LETTER_SECONDS)
    yield from chain(repeat("", _SLOW - len(alive)), repeat("it is not cut", len(alive)))
    for line in lines:
        line.close()


def _goes_on(line: socket.socket) -> bool:
    """One more letter is sent, and nobody has cut it."""
    try:
        line.send(b"x")
        return line.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _sockets(served: Served) -> Iterator[str]:
    """All with the token, all kept open that are let in."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        let_in = asyncio.run(_crowd(served))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    refused = SOCKETS - let_in
    yield from chain(repeat("", refused), repeat("", min(let_in, MOST_SOCKETS_A_HOST)))
    yield from repeat("let in", max(0, let_in - MOST_SOCKETS_A_HOST))


async def _crowd(served: Served) -> int:
    """How many of all sockets are open at the same time."""
    room, kept = asyncio.Semaphore(_AT_ONCE), []
    hello = _handshake(served, _token(served.token))

    async def one() -> None:
        async with room:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(SECONDS):
                    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
                    writer.write(hello)
                    if _status(await reader.read(_PART)) == 101:
                        kept.append(writer)
                    else:
                        writer.close()

    await asyncio.gather(*(one() for _ in range(SOCKETS)))
    for writer in kept:
        writer.transport.abort()
    return len(kept)
