"""Devices on the LAN: paired by a code, once; all others refused."""

from collections.abc import Iterator

import pytest
from served import ON, Served, connect_as, heard, refusal, served, unchanged

httpx = pytest.importorskip("httpx")


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


def test_the_code_is_shown_in_the_terminal(stage: Served) -> None:
    code = new_code(stage)
    while f"{code[:3]} {code[3:]}" not in "".join(card := stage.daemon.hear("card")["lines"]):
        pass
    assert any("█" in line or "▀" in line for line in card)
    assert any(f":{stage.port}/pair" in line for line in card)
