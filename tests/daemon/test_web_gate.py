"""The gate in small: buckets, addresses, refusals, bodies; by a clock that stands still."""

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest

from ripieno.daemon.web import gate as gates
from ripieno.daemon.web.gate import Bucket, Gate, Guard, Visitor, is_loopback, visitor
from ripieno.daemon.web.pairing import Pairing
from ripieno.daemon.web.route import Refusal, check, listed, record, some


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_gate(told: list[str], clock: Clock | None = None, lan: bool = False) -> Gate:
    clock = clock or Clock()
    return Gate("secret", lan, Pairing(clock), told.append, clock)


def scope(kind: str = "http", **headers: str) -> dict[str, Any]:
    rows = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": kind, "method": "PUT", "path": "/api/state", "client": ("127.0.0.1", 1), "headers": rows,
            "query_string": b"token=asked"}  # fmt: skip


def test_a_bucket_gives_at_once_what_was_saved_and_then_so_many_a_second() -> None:
    clock = Clock()
    bucket = Bucket(10, 5, clock)
    assert [bucket.take() for _ in range(5)] == [0] * 5
    assert [bucket.take() for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])
    assert bucket.take(patience_s=0.3) is None
    clock.now += 0.3
    assert bucket.take(patience_s=0.11) == pytest.approx(0.1)  # who had no patience took nobody's turn
    clock.now += 1000
    assert [bucket.take() for _ in range(6)] == pytest.approx([0] * 5 + [0.1])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_this_computer(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "localhost", "192.168.0.1", "0.0.0.0", "::", "::ffff:10.0.0.1", "127.0.0.1.x"])
def test_others(host: str) -> None:
    assert not is_loopback(host)


def test_where_a_token_may_stand() -> None:
    assert visitor(scope(x_ripieno_token="a")).token == "a"
    assert visitor(scope(authorization="Bearer b")).token == "b"
    assert visitor(scope(authorization="Basic b")).token == ""
    assert visitor(scope()).token == ""  # never in an address that is logged and kept
    assert visitor(scope("websocket")).token == "asked"
    assert visitor(scope("websocket", x_ripieno_token="a")).token == "a"
    assert visitor(scope(cookie="other=1; ripieno=c; more=2")).cookie == "c"


@pytest.mark.parametrize(
    ("host", "name", "lan", "let_in"),
    [
        ("127.0.0.1", "localhost:8765", False, True),
        ("::1", "[::1]:8765", False, True),
        ("127.0.0.1", "", False, False),
        ("127.0.0.1", "10.0.0.2", False, False),
        ("127.0.0.1", "evil.example", True, False),
        ("127.0.0.1", "127.0.0.1.evil.example", True, False),
        ("10.0.0.9", "localhost", True, False),
        ("10.0.0.9", "127.0.0.1:8765", True, False),
        ("10.0.0.9", "10.0.0.2:8765", True, True),
        ("fe80::1", "[fe80::2]:8765", True, True),
    ],
)
def test_what_we_are_called(host: str, name: str, lan: bool, let_in: bool) -> None:
    who = Visitor(host, name, "", "", "secret", "")
    if let_in:
        make_gate([], lan=lan).admit(who, "PUT")
    else:
        with pytest.raises(Refusal, match="not called so"):
            make_gate([], lan=lan).admit(who, "PUT")


def test_only_this_computer_reads_without_a_token() -> None:
    gate = make_gate([], lan=True)
    gate.admit(Visitor("127.0.0.1", "localhost", "", "", "", ""), "GET")
    outside = Visitor("10.0.0.9", "10.0.0.2", "", "", "", "")
    for method in ("GET", "PUT", "SOCKET"):
        with pytest.raises(Refusal, match="a token is needed"):
            gate.admit(outside, method)
    gate.admit(outside, "GET", unpaired=True)


def test_refusals_are_told_once_a_minute_a_kind_with_how_many_there_were() -> None:
    told: list[str] = []
    clock = Clock()
    gate = make_gate(told, clock)
    for kind in ("one", "one", "two", "one"):
        gate.refused(kind, "10.0.0.9")
    assert told == ["the page's server refused 10.0.0.9: one", "the page's server refused 10.0.0.9: two"]
    clock.now += 61
    gate.refused("one", "10.0.0.9")
    assert told[2:] == ["the page's server refused 10.0.0.9: one (2 more in the last minute)"]


def test_too_many_requests_and_sockets() -> None:
    gate = make_gate([])

    async def flood() -> None:
        for _ in range(gates.REQUESTS_AT_ONCE):
            await gate.wait_turn("10.0.0.9")
        gate._rates["10.0.0.9"]._tokens = -2 * gates.REQUESTS  # as after many more, none of them waited for
        with pytest.raises(Refusal, match="too many requests") as refused:
            await gate.wait_turn("10.0.0.9")
        assert refused.value.status == 429
        assert refused.value.wait_s > 0
        for number in range(2 * gates._MOST_HOSTS):
            await gate.wait_turn(f"host {number}")
        assert len(gate._rates) <= gates._MOST_HOSTS

    asyncio.run(flood())
    for _ in range(gates.MOST_SOCKETS_A_HOST):
        gate.enter("one")
    with pytest.raises(Refusal, match="too many sockets"):
        gate.enter("one")
    gate.leave("one")
    gate.enter("one")
    for number in range(gates.MOST_SOCKETS - gates.MOST_SOCKETS_A_HOST):
        gate.enter(f"host {number}")
    with pytest.raises(Refusal, match="too many sockets"):
        gate.enter("another")


def answered(gate: Gate, asked: dict[str, Any], receive: Callable[[], Any]) -> tuple[int, list[Any]]:
    """The status of what comes back, and what got through to the app."""
    got: list[Any] = []
    sent: list[MutableMapping[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Guard(app, gate, lambda method, path: False)(asked, receive, send))
    return sent[0]["status"], got


def test_bodies_come_whole_in_time_and_not_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"host": "localhost", "x_ripieno_token": "secret", "transfer_encoding": "chunked"}
    parts = [b"one", b"two"]

    async def in_parts() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    whole = {"type": "http.request", "body": b"onetwo", "more_body": False}
    assert answered(make_gate([]), scope(**headers), in_parts) == (200, [whole])

    async def for_ever() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(1 << 16), "more_body": True}

    assert answered(make_gate([]), scope(**headers), for_ever) == (413, [])
    headers |= {"content_length": str(gates.MOST_BODY + 1)}
    assert answered(make_gate([]), scope(**headers), for_ever) == (413, [])

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(gates, "BODY_SECONDS", 0.01)
    del headers["content_length"]
    assert answered(make_gate([]), scope(**headers), never) == (408, [])


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ([], "the body is to be of the type object"),
        ({}, "lacks the key 'name'"),
        ({"name": 1, "count": 1, "notes": []}, "name is to be of the type string"),
        ({"name": "x", "count": True, "notes": []}, "count is to be of the type integer"),
        ({"name": "x", "count": 1, "notes": ["C4", 60]}, r"notes\[1\] is to be of the type string"),
        ({"name": "x", "count": 1, "notes": [], "nmae": 1}, "'nmae' is no key here; did you mean 'name'"),
    ],
)
def test_what_a_route_does_not_take(body: Any, why: str) -> None:
    text = {"type": "string"}
    schema = record(name=text, count={"type": "integer"}, notes=listed(text))
    with pytest.raises(Refusal, match=why):
        check(body, schema)
    check({"name": "x", "count": 1, "notes": ["C4"]}, schema)
    check({"name": "x", "more": 1}, some(name=text))
