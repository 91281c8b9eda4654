"""The page's server as a process: what is served, set and told, and all that it refuses."""

import json
import os
import re
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from needs import needs
from stage import name_of, wait_for

from command import ripieno

needs("starlette", "uvicorn", "websockets", "segno", "httpx")

import httpx
from served import Served, served, write_song
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

ON = "players/violin-1/on"


@pytest.fixture(scope="module")
def quartet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("quartet"), "string-quartet") as one:
        yield one


@pytest.fixture
def ask(quartet: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=quartet.url, headers=quartet.headers, timeout=30) as client:
        yield client


def live(one: Served, **headers: str) -> ClientConnection:
    """A socket with the page's token."""
    return connect(f"ws://{one.host}/api/live?token={one.token}", additional_headers=headers, open_timeout=30)


def heard(line: ClientConnection, fits: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The next message that fits."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        message: dict[str, Any] = json.loads(line.recv(timeout=30))
        if fits(message):
            return message
    raise AssertionError("it never came")


def answer(line: ClientConnection, **message: object) -> dict[str, Any]:
    line.send(json.dumps(message))
    return heard(line, lambda one: one["t"] in ("ok", "error") and one["id"] == message.get("id"))


# ---- what is served ----


def test_it_is_found_by_a_file_for_its_user_alone(quartet: Served) -> None:
    assert stat.S_IMODE(quartet.state.stat().st_mode) == 0o600
    assert json.loads(quartet.state.read_text())["pid"] == quartet.daemon.process.pid


def test_the_page_holds_its_token_and_nothing_loads_from_elsewhere(quartet: Served, ask: httpx.Client) -> None:
    page = httpx.get(quartet.url)
    assert page.status_code == 200
    assert f'name="ripieno-token" content="{quartet.token}"' in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    for path in re.findall(r'(?:href|src)="(/[^"]*)"', page.text):
        assert ask.get(path).status_code == 200, path
    assert "http://" not in page.text
    assert "https://" not in page.text


@pytest.mark.parametrize("path", ["/pair", "/api"])
def test_pages_of_one_file_run_nothing_else(ask: httpx.Client, path: str) -> None:
    page = ask.get(path)
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["content-security-policy"].count("'sha256-") == len(re.findall("<style>|<script>", page.text))


def test_values_are_read_and_set(ask: httpx.Client) -> None:
    before = ask.get("/api/state").json()
    assert before["values"][ON] is True
    assert before["status"]["preset"] == "String quartet"
    set_ = ask.put(f"/api/controls/{ON}", json={"value": False}).json()
    assert (set_["path"], set_["value"]) == (ON, False)
    assert set_["revision"] > before["revision"]
    assert ask.get(f"/api/controls/{ON}").json()["value"] is False
    assert ask.get("/api/state").json()["values"] == before["values"] | {ON: False}
    ask.put(f"/api/controls/{ON}", json={"value": True})


def test_actions_are_done(ask: httpx.Client) -> None:
    assert ask.post("/api/actions/panic").json() == {"path": "panic"}
    refused = ask.post("/api/actions/record")
    assert refused.status_code == 409
    assert "--recordings" in refused.json()["error"]


def test_the_tree_is_described(ask: httpx.Client) -> None:
    tree = ask.get("/api/tree").json()
    described = {one["path"]: one for one in tree["controls"]}
    assert described.keys() == ask.get("/api/state").json()["values"].keys()
    document = ask.get("/openapi.json").json()
    assert {f"/api/controls/{path}" for path in described} <= document["paths"].keys()
    assert "/api/actions/panic" in document["paths"]
    assert f"/api/controls/{ON}" in ask.get("/api").text


def test_a_socket_hears_what_others_set_and_who_did(quartet: Served, ask: httpx.Client) -> None:
    with live(quartet) as one, live(quartet, Origin=quartet.url) as two:
        hello = heard(one, lambda message: True)
        assert hello["t"] == "hello"
        assert hello["values"] == ask.get("/api/state").json()["values"]
        assert hello["origin"].startswith("ctl:")
        ours = heard(two, lambda message: True)["origin"]
        assert ours.startswith("page:")
        told = answer(two, t="set", id=7, path=ON, value=False)
        assert (told["t"], told["value"]) == ("ok", False)
        for line in (one, two):
            changes = heard(line, lambda message: message["t"] == "batch" and message["changes"])["changes"]
            assert changes == [[ON, False, ours, told["revision"]]]
        ask.put(f"/api/controls/{ON}", json={"value": True})
        assert heard(two, lambda message: message.get("changes"))["changes"][0][:3] == [ON, True, "ctl"]
        assert answer(one, t="do", id="x", path="panic") == {"t": "ok", "id": "x"}
        assert answer(one, t="ping", id=None) == {"t": "ok", "id": None}


def test_ten_thousand_changes_of_two_sockets_at_once_end_alike(quartet: Served, ask: httpx.Client) -> None:
    level = "chain/levels/violin-1"
    if level not in ask.get("/api/state").json()["values"]:
        level = ON
    values = [False, True] if level == ON else [n % 128 for n in range(128)]
    count = 10_000 if os.environ.get("RIPIENO_LONG") else 400
    with live(quartet) as one, live(quartet) as two:
        for n in range(count):
            one.send(json.dumps({"t": "set", "id": n, "path": level, "value": values[n % len(values)]}))
            two.send(json.dumps({"t": "set", "id": n, "path": level, "value": values[-n % len(values)]}))
        seen = []
        for line in (one, two):
            answered, stands, revision = set(), {}, 0
            while len(answered) < count or revision < ask.get("/api/state").json()["revision"]:
                message = json.loads(line.recv(timeout=30))
                answered |= {message["id"]} if message["t"] == "ok" else set()
                for path, value, _, revision in message.get("changes", ()):
                    stands[path] = value
            assert answered == set(range(count))
            seen.append(stands[level])
        assert seen == [ask.get(f"/api/controls/{level}").json()["value"]] * 2


def test_notes_are_told(tmp_path: Path) -> None:
    import mido

    song = [mido.Message("note_on", note=60, time=4 * 960), mido.Message("note_off", note=60, time=480)]
    with served(tmp_path, "thru", song=write_song(tmp_path / "song.mid", song)) as one, live(one) as line:
        notes: list[Any] = []
        while "off" not in [note[0] for note in notes]:
            notes += heard(line, lambda message: message.get("notes"))["notes"]
        assert {"key", "on"} <= {note[0] for note in notes}
        assert {note[3] for note in notes} == {60}
        assert one.daemon.end(signal.SIGINT) == 0
        with pytest.raises(ConnectionClosed):
            while True:
                line.recv(timeout=30)
        assert not one.state.exists()


def test_a_port_that_is_taken_is_told_before_the_music(quartet: Served) -> None:
    taken = quartet.port
    told = ripieno("run", "thru", "--driver", "file", "--ui-port", taken, "--name", name_of("taken"), status=1).stderr
    assert f"port {taken}, for the page" in told
    assert "--ui-port" in told


# ---- what is refused ----


def refusal(answer: httpx.Response, status: int) -> str:
    """A sentence, and what it is about."""
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"error", "where"}
    return str(answer.json()["error"])


def unchanged(one: Served) -> None:
    """The music is untouched."""
    state = httpx.get(f"{one.url}/api/state", timeout=30).json()
    assert state["values"][ON] is True
    assert state["status"]["alive"]


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
    with pytest.raises(InvalidStatus) as refused:
        connect_as(quartet, "", {"Host": quartet.host, **said})
    assert refused.value.response.status_code == status
    unchanged(quartet)


def test_no_other_name_reads_anything(quartet: Served) -> None:
    for path in ("/", "/api/state", "/page/icon.svg", "/pair"):
        refusal(httpx.get(quartet.url + path, headers={"Host": "rebound.example"}, timeout=30), 403)
    for name in (f"localhost:{quartet.port}", f"127.0.0.1:{quartet.port}", f"[::1]:{quartet.port}", "localhost"):
        assert httpx.get(quartet.url + "/api/state", headers={"Host": name}, timeout=30).status_code == 200


def test_refusals_are_told_once(quartet: Served) -> None:
    for _ in range(3):
        httpx.post(f"{quartet.url}/api/actions/panic", headers={"Origin": "http://told.example"}, timeout=30)
    # Others of this kind may have come in the last minute: then it is said already.
    kinds = {"a token is needed": {}, "this computer is not called so here": {"Host": "x.example"}}
    for headers in kinds.values():
        httpx.post(f"{quartet.url}/api/actions/panic", headers=headers, timeout=30)
    unchanged(quartet)


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
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                line.recv(timeout=30)
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1009
    unchanged(quartet)


def test_many_sockets_are_refused_and_those_that_are_there_go_on(quartet: Served) -> None:
    with live(quartet) as first:
        open_: list[ClientConnection] = []
        with pytest.raises(InvalidStatus) as refused:
            for _ in range(20):
                open_.append(live(quartet))
        assert refused.value.response.status_code == 429
        assert len(open_) <= 15
        for line in open_:
            line.close()
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


# ---- pairing ----


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One that lets the LAN in. Whoever calls it by an address that is not this computer's own comes from there."""
    with served(tmp_path_factory.mktemp("stage"), "string-quartet", "--ui-lan") as one:
        yield one


@pytest.fixture
def phone(stage: Served) -> Iterator[httpx.Client]:
    """A browser on another device."""
    name = f"192.168.7.7:{stage.port}"
    headers = {"Host": name, "Origin": f"http://{name}"}
    with httpx.Client(base_url=stage.url, headers=headers, timeout=30) as client:
        yield client


def new_code(stage: Served) -> str:
    """As the page on the computer asks for it."""
    told = httpx.post(f"{stage.url}/api/pairing", headers=stage.headers, timeout=30).json()
    assert told["qr"].startswith("<svg")
    return str(told["code"])


def test_a_phone_is_paired_by_a_code_once(stage: Served, phone: httpx.Client) -> None:
    assert phone.get("/").headers["location"] == "/pair"
    assert "six digits" in phone.get("/pair").text
    code = new_code(stage)
    claimed = phone.post("/api/pairing/claim", json={"code": code})
    assert claimed.status_code == 200
    cookie = claimed.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    replayed = httpx.post(f"{stage.url}/api/pairing/claim", json={"code": code}, headers=phone.headers, timeout=30)
    assert "no code holds" in refusal(replayed, 403)

    token = claimed.headers["set-cookie"].partition("=")[2].partition(";")[0]
    cookies = {"Cookie": f"ripieno={token}"}
    page = phone.get("/", headers=cookies)
    assert f'content="{token}"' in page.text
    assert stage.token not in page.text
    put = f"/api/controls/{ON}"
    assert refusal(phone.put(put, json={"value": True}, headers=cookies | {"X-Ripieno-Token": "x"}), 401)
    assert refusal(phone.put(put, json={"value": True}, headers={"X-Ripieno-Token": token, "Cookie": ""}), 401)
    both = cookies | {"X-Ripieno-Token": token}
    assert phone.put(put, json={"value": True}, headers=both).status_code == 200
    assert refusal(phone.post("/api/pairing", headers=both), 403)  # only the computer lets others in
    name = phone.headers["Host"]
    headers = {"Host": name, "Origin": f"http://{name}", **cookies}
    with connect_as(stage, token, headers) as line:
        assert heard(line, lambda one: True)["t"] == "hello"
    unchanged(stage)


def connect_as(one: Served, token: str, headers: dict[str, str]) -> ClientConnection:
    """A socket that calls it by another name."""
    line = socket.create_connection(("127.0.0.1", one.port), timeout=30)
    name = headers.pop("Host")
    query = f"?token={token}" if token else ""
    return connect(f"ws://{name}/api/live{query}", sock=line, additional_headers=headers, open_timeout=30)


@pytest.mark.parametrize("path", ["/api/state", "/api/tree", "/openapi.json", "/api", "/api/controls/song"])
def test_who_is_not_paired_reads_nothing(stage: Served, phone: httpx.Client, path: str) -> None:
    assert "pair this device" in refusal(phone.get(path), 401)
    assert refusal(phone.get(path, headers={"Cookie": "ripieno=wrong"}), 401)


def test_five_wrong_codes_end_a_code(stage: Served, phone: httpx.Client) -> None:
    code = new_code(stage)
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        assert "not the code" in refusal(phone.post("/api/pairing/claim", json={"code": wrong}), 403)
    assert "no code holds" in refusal(phone.post("/api/pairing/claim", json={"code": code}), 403)
    assert "too many codes" in refusal(phone.post("/api/pairing/ask"), 429)
    for body in ({"code": 1}, {}, {"code": "ü"}):
        refusal(phone.post("/api/pairing/claim", json=body), 403 if body == {"code": "ü"} else 400)


def test_the_code_is_shown_in_the_terminal(stage: Served) -> None:
    code = new_code(stage)
    while f"{code[:3]} {code[3:]}" not in "".join((card := stage.daemon.hear("card")["lines"])):
        pass
    assert any("█" in line or "▀" in line for line in card)
    assert any(f":{stage.port}/pair" in line for line in card)


def test_nobody_is_let_in_where_the_lan_is_not_wanted(quartet: Served, ask: httpx.Client) -> None:
    assert "--ui-lan" in refusal(ask.post("/api/pairing"), 409)
    assert "--ui-lan" in refusal(ask.post("/api/pairing/claim", json={"code": "123456"}), 409)
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    places = [
        row[1].split(":")[0] for row in listening if row[3] == "0A" and int(row[1].split(":")[1], 16) == quartet.port
    ]
    assert places == ["0100007F"]


def test_a_connection_that_asks_nothing_holds_nobody_up(tmp_path: Path) -> None:
    with served(tmp_path, "thru") as one:
        with socket.create_connection(("127.0.0.1", one.port)), live(one) as line:
            assert heard(line, lambda message: True)["t"] == "hello"
            began = time.monotonic()
            assert one.daemon.end(signal.SIGTERM) == 0
            assert time.monotonic() - began < 25  # the process is given so long at most
