"""The presets by the API: saved, refused where something is wrong, and played by the daemon that runs."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import MINE, Served, refusal, served_at_home

from needs import needs
from ripieno.daemon import presets

needs("tomlkit")


@pytest.fixture(scope="module")
def quartet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_at_home(tmp_path_factory.mktemp("presets"), "string-quartet") as one:
        yield one


@pytest.fixture(autouse=True)
def _own(quartet: Served) -> Iterator[None]:
    """Each test begins with none of its own."""
    yield
    for path in presets.user_folder().glob("*.toml"):
        path.unlink()


def ask(one: Served, method: str, path: str, /, **body: Any) -> httpx.Response:
    json = body if method in ("PUT", "POST") and body else None
    return httpx.request(method, f"{one.url}/api/{path}", json=json, headers=one.headers, timeout=30)


def test_one_is_saved_read_and_deleted(quartet: Served) -> None:
    assert {one["name"] for one in ask(quartet, "GET", "presets").json()["presets"]} == presets.available().keys()
    made = ask(quartet, "POST", "presets", name="My Own", text=MINE).json()
    assert (made["name"], made["title"], made["own"], made["players"]) == ("my-own", "My Own", True, ["Cello"])
    told = ask(quartet, "GET", "presets/my-own").json()
    assert told["text"] == MINE.replace('"Mine"', '"My Own"')
    saved = ask(quartet, "PUT", "presets/my-own", text=MINE, version=told["version"]).json()
    assert saved["text"] == Path(saved["file"]).read_text() == MINE
    assert "somebody else" in refusal(ask(quartet, "PUT", "presets/my-own", text=MINE, version=told["version"]), 409)
    assert ask(quartet, "POST", "presets/my-own", to="Yours").json()["name"] == "yours"
    left = ask(quartet, "DELETE", "presets/yours").json()["presets"]
    assert not any(one["own"] for one in left)
    refusal(ask(quartet, "GET", "presets/yours"), 404)
    assert "comes with Ripieno" in refusal(ask(quartet, "DELETE", "presets/choir"), 409)


def test_errors_say_where_they_are(quartet: Served) -> None:
    wrong = MINE + "level = 128\nlevle = 3\n"
    answer = ask(quartet, "PUT", "presets/mine", text=wrong)
    assert "line 7: ensemble.cello.level: 128 is not from 0 to 127" in refusal(answer, 422)
    where = answer.json()["where"]
    first = {"table": "ensemble", "row": 0, "key": "level", "line": 7, "error": "128 is not from 0 to 127"}
    assert where | {"problems": 0} == first | {"problems": 0}
    assert [one["key"] for one in where["problems"]] == ["level", "levle"]
    assert ask(quartet, "POST", "editor/check", text=wrong).json()["problems"] == where["problems"]
    assert not list(presets.user_folder().glob("*"))


def test_a_text_is_changed_and_compared(quartet: Served) -> None:
    edit = {"do": "set", "table": "ensemble", "row": 0, "key": "range", "value": "C2, A5"}
    told = ask(quartet, "POST", "editor/change", text=MINE, **edit).json()
    assert told["text"] == MINE + 'range = ["C2", "A5"]\n'
    assert (told["problems"], told["document"]["ensemble"][0]["range"]) == ([], ["C2", "A5"])
    (row,) = [one for one in ask(quartet, "POST", "editor/compare", one=MINE, other=told["text"]).json()["keys"]
              if not one["same"]]  # fmt: skip
    assert (row["name"], row["key"], row["a"], row["b"]) == ("Cello", "range", '["C-1", "G9"]', '["C2", "A5"]')
    assert len(ask(quartet, "GET", "editor/keys").json()["tables"]) == 8
    assert "no key" in refusal(ask(quartet, "POST", "editor/change", text=MINE, do="set", key="modell", value=1), 422)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "presets/..%2F..%2Fmine", {"text": MINE}, 404),
        ("PUT", "presets/%2e%2e", {"text": MINE}, 422),
        ("PUT", "presets/.mine", {"text": MINE}, 422),
        ("PUT", f"presets/{'x' * 61}", {"text": MINE}, 422),
        ("PUT", "presets/mine", {"text": "name = "}, 422),
        ("PUT", "presets/mine", {"text": "#" * 70_000}, 422),
        ("PUT", "presets/mine", {"text": "#" * 2_000_000}, 413),
        ("PUT", "presets/mine", {"text": 3}, 400),
        ("PUT", "presets/mine", {"txt": MINE}, 400),
        ("POST", "editor/change", {"text": MINE, "do": {}}, 400),
        ("POST", "editor/change", {"text": MINE, "do": "dance"}, 422),
        ("POST", "editor/change", {"text": "name = ", "do": "set", "key": "name", "value": "x"}, 422),
        ("POST", "editor/compare", {"one": MINE, "other": "name = "}, 422),
        ("POST", "presets", {"name": "///", "text": MINE}, 422),
        ("POST", "presets", {"name": "Choir", "text": MINE}, 409),
        ("POST", "presets/nobody/play", {}, 404),
        ("DELETE", "presets/nobody", {}, 404),
        ("GET", "presets/..%2Fchoir", {}, 404),
    ],
)
def test_what_cannot_be_is_refused(quartet: Served, method: str, path: str, body: dict[str, Any], status: int) -> None:
    refusal(ask(quartet, method, path, **body), status)
    assert not list(presets.user_folder().glob("*"))


@pytest.mark.parametrize(("method", "path"), [("PUT", "presets/mine"), ("POST", "presets"), ("DELETE", "presets/mine"),
                                              ("POST", "presets/choir/play")])  # fmt: skip
def test_nobody_changes_presets_without_the_token(quartet: Served, method: str, path: str) -> None:
    refusal(httpx.request(method, f"{quartet.url}/api/{path}", timeout=30), 401)


def state(one: Served) -> dict[str, Any]:
    told: dict[str, Any] = ask(one, "GET", "state").json()
    return told


def until_plays(one: Served, title: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while (now := state(one))["status"]["preset"] != title:
        assert time.monotonic() < end, f"{now['status']['preset']} plays"
        time.sleep(0.05)
    return now


def test_one_that_was_edited_is_played_at_once(quartet: Served) -> None:
    """Over and over, in the place of the song that plays; and back."""
    ask(quartet, "PUT", "presets/mine", text=MINE)
    told = ask(quartet, "POST", "presets/mine/play").json()
    assert told["says"] == "Mine plays as soon as it is ready, in the place of String quartet"
    now = until_plays(quartet, "Mine")
    assert [one["name"] for one in now["status"]["players"]] == ["Cello"]
    assert now["values"]["players/cello/level"] == 100
    for level in (50, 70):
        ask(quartet, "PUT", "presets/mine", text=MINE.replace("Mine", f"Mine {level}") + f"level = {level}\n")
        assert ask(quartet, "POST", "presets/mine/play").status_code == 200
        assert until_plays(quartet, f"Mine {level}")["values"]["players/cello/level"] == level
    ask(quartet, "POST", "presets/string-quartet/play")
    assert len(until_plays(quartet, "String quartet")["status"]["players"]) == 4


@pytest.mark.parametrize(("more", "why"), [
    ('outputs = "ports"\n', "wants MIDI outputs that are not there (Cello)"),
    ('inputs = ["in", "pads"]\n', "wants inputs that are not there (pads)"),
])  # fmt: skip
def test_one_that_wants_other_ports_waits_for_a_new_start(quartet: Served, more: str, why: str) -> None:
    ask(quartet, "PUT", "presets/mine", text=more + MINE)
    said = refusal(ask(quartet, "POST", "presets/mine/play"), 409)
    assert why in said
    assert "ripieno run mine" in said
    assert state(quartet)["status"]["preset"] == "String quartet"
