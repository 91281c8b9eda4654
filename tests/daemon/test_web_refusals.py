"""The page's server as a process: all that it refuses, the music untouched."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import mido
import pytest
import websockets
from served import ON, Served, answer, connect_as, heard, live, refusal, served, unchanged, write_song
from stage import wait_for

from ripieno.daemon.web.gate import MOST_SOCKETS_A_HOST


@pytest.fixture(scope="module")
def quartet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("quartet"), "string-quartet") as one:
        yield one


@pytest.fixture
def ask(quartet: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=quartet.url, headers=quartet.headers, timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "status", "why"),
    [
        ({}, 401, "a token is needed"),
        ({"X-Ripieno-Token": "wrong"}, 401, "the token is wrong"),
        ({"X-Ripieno-Token": "ümläut".encode("latin-1")}, 401, "the token is wrong"),
        ({"Authorization": "Bearer wrong"}, 401, "the token is wrong"),
        ({"Cookie": "ripieno=TOKEN"}, 401, "a token is needed"),
        ({"X-Ripieno-Token": "TOKEN", "Origin": "http://evil.example"}, 403, "only our own page"),
        ({"X-Ripieno-Token": "TOKEN", "Origin": "http://localhost:3000"}, 403, "only our own page"),
        ({"X-Ripieno-Token": "TOKEN", "Origin": "null"}, 403, "only our own page"),
        ({"X-Ripieno-Token": "TOKEN", "Sec-Fetch-Site": "cross-site"}, 403, "only our own page"),
        ({"X-Ripieno-Token": "TOKEN", "Host": "evil.example"}, 403, "is not called so"),
        ({"X-Ripieno-Token": "TOKEN", "Host": "localhost.evil.example:8765"}, 403, "is not called so"),
        ({"X-Ripieno-Token": "TOKEN", "Host": "192.168.1.2"}, 403, "is not called so"),
    ],
)
def test_who_may_not_change_anything(quartet: Served, headers: dict[str, Any], status: int, why: str) -> None:
    said = {name: quartet.token.join(v.split("TOKEN")) if isinstance(v, str) else v for name, v in headers.items()}
    put = httpx.put(f"{quartet.url}/api/controls/{ON}", json={"value": False}, headers=said, timeout=30)
    assert why in refusal(put, status)
    assert why in refusal(httpx.post(f"{quartet.url}/api/actions/panic", headers=said, timeout=30), status)
    with pytest.raises(websockets.InvalidStatus) as refused:
        connect_as(quartet, "", {"Host": quartet.host, **said})
    assert refused.value.response.status_code == status
    unchanged(quartet)


def test_no_other_name_reads_anything(quartet: Served) -> None:
    for path in ("/", "/api/state", "/page/icon.svg", "/pair"):
        refusal(httpx.get(quartet.url + path, headers={"Host": "rebound.example"}, timeout=30), 403)
    for name in (f"localhost:{quartet.port}", f"127.0.0.1:{quartet.port}", f"[::1]:{quartet.port}", "localhost"):
        assert httpx.get(quartet.url + "/api/state", headers={"Host": name}, timeout=30).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/page/../server.py",
        "/page/%2e%2e/server.py",
        "/page/..%2fserver.py",
        "/page/%2fetc/passwd",
        "/page//etc/passwd",
        "/page/%00",
        "/page/index.html%00.js",
        "/page/__pycache__",
        "/page/",
        "/page/..%5cserver.py",
        "/../../etc/passwd",
        "/%ff",
    ],
)
def test_no_name_leads_out_of_the_folder(quartet: Served, path: str) -> None:
    status, text = raw(quartet, f"GET {path} HTTP/1.1\r\nHost: {quartet.host}\r\nConnection: close\r\n\r\n".encode())
    assert status == 404, text
    assert "nothing here" in text


def raw(one: Served, data: bytes) -> tuple[int, str]:
    """The status and the whole answer to what is no request of a browser's; 0 if there is none."""
    with socket.create_connection(("127.0.0.1", one.port), timeout=30) as line:
        line.sendall(data)
        parts = []
        try:
            while part := line.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
    text = b"".join(parts).decode("latin-1")
    return int(text.split()[1]) if text else 0, text


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"{}", b'{"value": NaN}', b'{"value": true, "more": 1}', b"\xff\xfe", b'"value"',
        b'{"value": ' + b"9" * 5000 + b"}", b"[" * 20_000, b'{"value": Infinity}',
    ],
)  # fmt: skip
def test_malformed_bodies_change_nothing(quartet: Served, ask: httpx.Client, body: bytes) -> None:
    put = ask.put(f"/api/controls/{ON}", content=body, headers={"Content-Type": "application/json"})
    assert refusal(put, 400)
    unchanged(quartet)


def test_a_value_that_it_cannot_be(quartet: Served, ask: httpx.Client) -> None:
    for value in (7, "yes", None, [], {"a": []}):
        assert ON in refusal(ask.put(f"/api/controls/{ON}", json={"value": value}), 422)
    assert "did you mean" in refusal(ask.put("/api/controls/players/violin/on", json={"value": True}), 404)
    assert refusal(ask.get("/api/controls/nothing"), 404)
    assert refusal(ask.post("/api/actions/nothing"), 404)
    form = ask.put(f"/api/controls/{ON}", content=b'{"value": false}', headers={"Content-Type": "text/plain"})
    assert "application/json" in refusal(form, 415)
    assert "GET" in ask.delete("/api/state").headers["allow"]
    unchanged(quartet)


@pytest.mark.parametrize("request_", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" * 9])
def test_what_is_no_http(quartet: Served, request_: bytes) -> None:
    assert raw(quartet, request_)[0] in (0, 400, 403)
    unchanged(quartet)


def test_two_hosts_are_none(quartet: Served) -> None:
    request = f"GET /api/state HTTP/1.1\r\nHost: {quartet.host}\r\nHost: evil.example\r\n\r\n"
    assert raw(quartet, request.encode())[0] == 400


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_a_gigabyte_is_cut_off(quartet: Served, chunked: bool) -> None:
    before = resident(quartet)
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        while sent < 1 << 30:
            yield bytes(1 << 16)
            sent += 1 << 16

    headers = quartet.headers | ({} if chunked else {"Content-Length": str(1 << 30)})
    try:
        put = httpx.put(f"{quartet.url}/api/controls/{ON}", content=body(), headers=headers, timeout=30)
        assert refusal(put, 413)
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        pass  # it has hung up
    assert sent < 64 << 20
    assert resident(quartet) < before + (32 << 10)
    unchanged(quartet)


def resident(one: Served) -> int:
    """Memory of the process, in kB."""
    return int(Path(f"/proc/{one.daemon.process.pid}/statm").read_text().split()[1]) * 4


@pytest.mark.parametrize(
    "message",
    ["", "{", "[]", "1", '{"t": "set"}', '{"t": "what", "id": 1}', '{"t": "set", "id": [], "path": "song"}',
     '{"t": "set", "path": 1, "value": 1}', '{"t": "set", "path": "players/violin-1/on"}', b"\xff", "[" * 20_000,
     '{"t": "set", "path": "players/violin-1/on", "value": NaN}', '{"t": "do", "path": "nothing"}',
     '{"t": "set", "path": "players/violin-1/on", "value": 3}', '{"t": "set", "path": "nothing", "value": 3}'],
)  # fmt: skip
def test_malformed_messages_change_nothing(quartet: Served, message: str | bytes) -> None:
    with live(quartet) as line:
        line.send(message)
        assert heard(line, lambda one: one["t"] == "error")["error"]
        assert answer(line, t="ping", id=1)["t"] == "ok"
    unchanged(quartet)


def test_a_message_that_is_too_long_ends_the_socket(quartet: Served) -> None:
    with live(quartet) as line:
        line.send("x" * (1 << 17))
        with pytest.raises(websockets.ConnectionClosed) as closed:
            heard(line, lambda message: False)
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1009
    unchanged(quartet)


def fill(one: Served, stack: ExitStack) -> None:
    """Open more sockets than it lets in."""
    for _ in range(MOST_SOCKETS_A_HOST + 1):
        stack.enter_context(live(one))


def test_many_sockets_are_refused_and_those_that_are_there_go_on(quartet: Served) -> None:
    with live(quartet) as first, ExitStack() as others:
        with pytest.raises(websockets.InvalidStatus) as refused:
            fill(quartet, others)
        assert refused.value.response.status_code == 429
        assert answer(first, t="ping", id=1)["t"] == "ok"
    many = 10_000 if os.environ.get("RIPIENO_LONG") else 500
    lines: list[socket.socket] = []
    for _ in range(many):
        try:
            lines.append(socket.create_connection(("127.0.0.1", quartet.port), timeout=30))
        except OSError:
            continue
        if len(lines) > 200:  # our own files are counted, too
            lines.pop(0).close()
    for one in lines:
        one.close()
    wait_for(lambda: answers(quartet), "it answers again")
    unchanged(quartet)


def answers(one: Served) -> bool:
    try:
        return httpx.get(f"{one.url}/api/state", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def test_a_flood_of_requests_is_refused_and_it_goes_on(quartet: Served) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with httpx.Client(base_url=quartet.url, timeout=30) as client, ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(lambda _: client.get("/nothing").status_code, range(300)))
    assert statuses <= {404, 429}
    unchanged(quartet)


def test_nobody_is_let_in_where_the_lan_is_not_wanted(quartet: Served, ask: httpx.Client) -> None:
    assert "--ui-lan" in refusal(ask.post("/api/pairing"), 409)
    assert "--ui-lan" in refusal(ask.post("/api/pairing/claim", json={"code": "123456"}), 409)
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    places = [
        row[1].split(":")[0] for row in listening if row[3] == "0A" and int(row[1].split(":")[1], 16) == quartet.port
    ]
    assert places == ["0100007F"]


def test_refusals_are_told_once_a_minute_a_kind(tmp_path: Path) -> None:
    with served(tmp_path, "thru") as one:
        for _ in range(3):
            with pytest.raises(websockets.InvalidStatus):
                connect_as(one, "wrong", {"Host": one.host})
        for _ in range(3):
            httpx.post(f"{one.url}/api/actions/panic", headers={"Origin": "http://evil.example"}, timeout=30)
        httpx.post(f"{one.url}/api/actions/panic", timeout=30)
        told = [one.daemon.hear("news")["text"]]
        while "a token is needed" not in told[-1]:
            told.append(one.daemon.hear("news")["text"])
        whys = "the token is wrong", "only our own page may ask this, not another site", "a token is needed"
        assert told == [f"the page's server refused 127.0.0.1: {why}" for why in whys]


def tell(one: Served, what: str) -> None:
    """The player is told that this was refused."""
    while f"refused 127.0.0.1: {what}" not in one.daemon.hear("news")["text"]:
        pass


def test_who_tries_is_told_of(tmp_path: Path) -> None:
    with served(tmp_path, "thru") as one:
        rest = f"HTTP/1.1\r\nHost: {one.host}\r\nConnection: close\r\n\r\n"
        assert raw(one, f"GET /page/../server.py {rest}".encode())[0] == 404
        tell(one, "a path that leads out of the page's folder")
        with live(one) as line:
            heard(line, lambda message: message["t"] == "hello")
            line.send("x" * (1 << 17))
            tell(one, "a socket, a message is too long")


@pytest.mark.long
def test_a_request_that_does_not_end_is_cut(tmp_path: Path) -> None:
    with served(tmp_path, "thru") as one:
        assert raw(one, b"GET / HTTP/1.1\r\nHost: ") == (0, "")
        tell(one, "a request that comes too slowly")


@pytest.mark.parametrize("frame", [b"\xc7\x80\0\0\0\0", b"\x81\x05hello", b"\x89\xff" + b"\xff" * 8, bytes(64)])
def test_what_is_no_websocket_ends_its_socket_alone(quartet: Served, frame: bytes) -> None:
    with live(quartet) as other, live(quartet) as line:
        line.socket.sendall(frame)
        with pytest.raises(websockets.ConnectionClosed):
            heard(line, lambda message: False)
        assert answer(other, t="ping", id=1)["t"] == "ok"
    unchanged(quartet)


@pytest.mark.long
def test_who_never_reads_is_let_go_while_others_hear_every_note(tmp_path: Path) -> None:
    """A thousand notes a second, for half a minute."""
    count = 29_000
    on, off = mido.Message("note_on", note=60, time=0), mido.Message("note_off", note=60, time=1)
    song = write_song(tmp_path / "dense.mid", [mido.Message("note_on", note=20, time=4000), *([on, off] * count)])
    with served(tmp_path, "thru", song=song) as one, live(one) as deaf, live(one) as line:
        before = resident(one)
        keys = 0
        while keys < count:
            message = heard(line, lambda message: message.get("notes"))
            assert "lost" not in message
            keys += sum(note[0] == "key" and note[3] == 60 and note[4] > 0 for note in message["notes"])
        assert "too slow" in one.daemon.hear("news")["text"]
        assert resident(one) < before + (32 << 10)
        with pytest.raises(websockets.ConnectionClosed):
            heard(deaf, lambda message: False)
