"""The page's server as a process: what is served, set and told."""

import asyncio
import json
import os
import re
import signal
import socket
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import mido
import pytest
import websockets
from command import ripieno
from performing import look_until, performing, silence
from served import ON, Served, answer, heard, live, refusal, served, write_list, write_song
from stage import name_of


@pytest.fixture(scope="module")
def quartet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("quartet"), "string-quartet") as one:
        yield one


@pytest.fixture
def ask(quartet: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=quartet.url, headers=quartet.headers, timeout=30) as client:
        yield client


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
        assert (hello["plan"], hello["now"][1]) == ([], 48000)
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


def at_the_end(line: Any, count: int, ask: Any) -> dict[str, Any]:
    """How all that was changed stands for one of the sockets, when each of its messages is answered."""
    answered: set[int] = set()
    stands: dict[str, Any] = {}
    revision = 0
    while len(answered) < count or revision < ask.get("/api/state").json()["revision"]:
        message = json.loads(line.recv(timeout=30))
        assert message["t"] != "error", message
        answered |= {message["id"]} if message["t"] == "ok" else set()
        stands |= {change[0]: change[1] for change in message.get("changes", ())}
        revision = message["revision"] if message["t"] == "batch" else revision
    assert answered == set(range(count))
    return stands


def test_ten_thousand_changes_of_two_sockets_at_once_end_alike(quartet: Served, ask: httpx.Client) -> None:
    level = next(path for path in ask.get("/api/state").json()["values"] if path.endswith("violin-1/level"))
    count = 10_000 if os.environ.get("RIPIENO_LONG") else 400
    with live(quartet) as one, live(quartet) as two, ThreadPoolExecutor(2) as pool:
        reading = [pool.submit(at_the_end, line, count, ask) for line in (one, two)]
        for n in range(count):
            one.send(json.dumps({"t": "set", "id": n, "path": level, "value": n % 128}))
            two.send(json.dumps({"t": "set", "id": n, "path": level, "value": 127 - n % 128}))
        seen = [read.result()[level] for read in reading]
        assert seen == [ask.get(f"/api/controls/{level}").json()["value"]] * 2


def test_notes_are_told(tmp_path: Path) -> None:
    song = [mido.Message("note_on", note=60, time=4 * 960), mido.Message("note_off", note=60, time=480)]
    with served(tmp_path, "thru", song=write_song(tmp_path / "song.mid", song)) as one, live(one) as line:
        notes: list[Any] = []
        while "off" not in [note[0] for note in notes]:
            notes += heard(line, lambda message: message.get("notes"))["notes"]
        assert {"key", "on"} <= {note[0] for note in notes}
        assert {note[3] for note in notes} == {60}
        assert one.daemon.end(signal.SIGINT) == 0
        with pytest.raises(websockets.ConnectionClosed):
            heard(line, lambda message: False)
        assert not one.state.exists()


def test_who_goes_in_the_midst_of_it_is_no_mistake_of_ours() -> None:
    """As a phone does that sleeps; uvicorn would take what is sent then for one."""
    from uvicorn.protocols.utils import ClientDisconnected

    from ripieno.daemon.web.server import _Socket

    one = _Socket.__new__(_Socket)
    one.transport = SimpleNamespace(is_closing=lambda: True)
    for message in ({"type": "websocket.accept"}, {"type": "websocket.send", "text": ""}):
        with pytest.raises(ClientDisconnected):
            asyncio.run(one.send(message))


def test_any_song_of_a_set_list_is_reached(tmp_path: Path) -> None:
    gig = write_list(tmp_path / "gig.toml", "string-quartet", "choir", "thru")
    with served(tmp_path, gig) as one, httpx.Client(base_url=one.url, timeout=60) as ask:
        song = "/api/controls/song"
        described = {row["path"]: row for row in ask.get("/api/tree").json()["controls"]}
        assert described["song"]["words"] == ["String quartet", "Choir", "Thru"]
        for value, number in (("Thru", 3), (2, 2), ("String quartet", 1)):
            with live(one) as line:
                set_ = ask.put(song, json={"value": value}, headers=one.headers).json()
                assert set_["value"] == number
                while heard(line, lambda message: "status" in message)["status"]["songs"]["number"] != number:
                    pass
            assert ask.get(song).json()["value"] == number
        assert "is not from 1 to 3" in refusal(ask.put(song, json={"value": 4}, headers=one.headers), 422)
        assert [row["title"] for row in ask.get("/api/state").json()["status"]["songs"]["list"]] == described["song"][
            "words"
        ]


def test_a_port_that_is_taken_is_told_before_the_music(quartet: Served) -> None:
    taken = quartet.port
    told = ripieno("run", "thru", "--driver", "file", "--ui-port", taken, "--name", name_of("taken"), status=1).stderr
    assert f"port {taken}, for the page" in told
    assert "--ui-port" in told


def test_a_connection_that_asks_nothing_holds_nobody_up(tmp_path: Path) -> None:
    with served(tmp_path, "thru") as one, socket.create_connection(("127.0.0.1", one.port)), live(one) as line:
        assert heard(line, lambda message: True)["t"] == "hello"
        assert one.daemon.end(signal.SIGTERM) == 0  # long before it would be killed


def test_it_ends_whole_and_can_begin_again(tmp_path: Path) -> None:
    from ripieno.daemon.web.server import Page

    page = Page(name_of("again"), 0)
    with performing(silence(tmp_path / "quiet.mid"), ["thru"]) as performance, ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            page.begin(performance)
            asked = pool.submit(httpx.get, f"{page.url}api/state", timeout=60)
            look_until(performance, asked.done, "the state is told")
            assert asked.result().json()["status"]["preset"] == "Thru"
            page.close(60)
            with pytest.raises(httpx.ConnectError):
                httpx.get(page.url)
