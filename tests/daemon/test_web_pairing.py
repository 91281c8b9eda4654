"""Devices on the LAN: paired by a code, once; all others refused."""

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from screen import Screen
from served import ON, Served, connect_as, heard, refusal, served, unchanged, write_song
from stage import daemon, name_of

from ripieno.daemon.web.pairing import CODE_SECONDS, MOST_DEVICES, TRIES, Pairing, card
from ripieno.daemon.web.route import Refusal
from ripieno.daemon.web.running import read_paired, write_paired


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


def test_the_terminal_shows_a_code_at_first_and_says_one_that_is_asked_for(tmp_path: Path) -> None:
    line = ["--driver", "file", "--input", write_song(tmp_path / "quiet.mid", []), "--name", name_of("shown")]
    with daemon("thru", *line, "--ui-lan", "--ui-port", 0) as one:
        card = one.hear("card")["lines"]
        assert any("█" in text for text in card)
        url = next(text for text in card if text.endswith("/pair")).partition(": ")[2].removesuffix("/pair")
        port = url.rpartition(":")[2]
        headers = {"Host": f"192.168.7.7:{port}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as phone:
            for _ in range(3):
                assert phone.post("/api/pairing/ask").status_code == 200
            while "asks to be let in" not in (said := one.hear("news")["text"]):
                pass
            code = said.rpartition(" is ")[2]
            assert code in "".join(card)
            assert phone.post("/api/pairing/claim", json={"code": code}).status_code == 200


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_the_panel_shows_the_code_until_a_key_is_pressed(tmp_path: Path) -> None:
    line = ["--driver", "file", "--input", write_song(tmp_path / "quiet.mid", []), "--name", name_of("card")]
    screen = Screen("run", "string-quartet", *line, "--ui-lan", "--ui-port", 0)
    screen.shows("any key: back")
    screen.type("x")
    screen.shows("the page: http://127.0.0.1:")
    screen.shows("Violin 1")
    screen.type("q")
    screen.ends()


# ---- in small ----


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def refused(pairing: Pairing, code: str) -> str:
    with pytest.raises(Refusal) as error:
        pairing.claim(code)
    return str(error.value)


def test_a_code_holds_two_minutes() -> None:
    clock = Clock()
    pairing = Pairing(clock)
    code = pairing.begin()
    assert len(code) == 6
    assert code.isdigit()
    clock.now += CODE_SECONDS - 1
    assert pairing.ask() == code
    clock.now += 1
    assert "no code holds" in refused(pairing, code)
    assert pairing.code == ""
    first = pairing.begin()
    second = pairing.begin()
    assert first == second or "not the code" in refused(pairing, first)
    assert pairing.known(pairing.claim(second))


def test_codes_that_are_guessed_away_come_ever_more_slowly() -> None:
    clock = Clock()
    pairing = Pairing(clock)
    pauses = []
    for _ in range(12):
        code = pairing.ask()
        wrong = "000000" if code != "000000" else "111111"
        for _ in range(TRIES):
            assert "not the code" in refused(pairing, wrong)
        with pytest.raises(Refusal) as error:
            pairing.ask()
        assert error.value.status == 429
        pauses.append(error.value.wait_s)
        clock.now += error.value.wait_s
    assert pauses[:4] == pytest.approx([10, 20, 40, 80])
    assert pauses[-1] == pytest.approx(3600)
    pairing.claim(pairing.begin())  # one that was asked for on the computer
    assert pairing.ask()


def test_tokens_are_known_until_there_are_too_many() -> None:
    pairing = Pairing(Clock())
    tokens = [pairing.claim(pairing.begin()) for _ in range(MOST_DEVICES + 1)]
    assert [pairing.known(token) for token in tokens] == [False] + [True] * MOST_DEVICES
    assert not pairing.known("")
    assert not pairing.known("ü")


def test_who_is_paired_stays_so_when_it_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "stage.paired.json"
    assert read_paired(path) == []
    before = Pairing(paired=read_paired(path), keep=partial(write_paired, path))
    token = before.claim(before.begin())
    assert token not in path.read_text()
    assert Pairing(paired=read_paired(path)).known(token)
    path.write_text('{"no": "list"}')
    assert not Pairing(paired=read_paired(path)).known(token)


def test_a_card_is_read_by_people_and_telephones(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = list(card("http://10.0.0.2:8765/", "012345"))
    assert lines[-2:] == ["On the phone or tablet: http://10.0.0.2:8765/pair",
                          "Code: 012 345, for one device, within two minutes"]  # fmt: skip
    assert len(lines) > 10
    assert len({len(line) for line in lines[:-2] if line}) <= 2
    monkeypatch.setitem(sys.modules, "segno", None)
    assert list(card("http://10.0.0.2:8765/", "012345")) == lines[-2:]
