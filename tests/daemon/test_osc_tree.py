"""What OSC shows: addresses, patterns and values, OSCQuery's JSON of them; and docs/osc.md tells of all of them."""

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import served

from ripieno.daemon.errors import UserError
from ripieno.daemon.remote import oscquery
from ripieno.daemon.remote.osc_packet import read, write
from ripieno.daemon.remote.osc_tree import (
    EVENTS,
    READ,
    READINGS,
    REQUESTS,
    WRITE,
    found,
    given,
    methods,
    pressed,
    same,
    sent,
    taken,
)
from ripieno.daemon.web.route import Refusal

DOCS = Path(__file__).parents[2] / "docs" / "osc.md"
CONTROLS = [
    {
        "path": "clock/tempo",
        "type": "number",
        "low": 20,
        "high": 400,
        "help": "Beats.",
        "what": "number to 400",
    },
    {"path": "players/violin-1/on", "type": "flag", "help": "Whether it plays.", "what": "true or false"},
    {"path": "players/violin-1/level", "type": "number", "low": 0, "high": 127, "whole": True, "help": "", "what": ""},
    {"path": "players/viola/on", "type": "flag", "help": "Whether it plays.", "what": "true or false"},
    {"path": "clock/source", "type": "choice", "words": ["internal", "midi"], "help": "Whose.", "what": "a word"},
    {"path": "voice/range", "type": "text", "help": "From where to where.", "what": "lowest and highest note"},
]
DESCRIBED: dict[str, Any] = {
    "controls": CONTROLS,
    "actions": [
        {"path": "panic", "title": "Panic", "help": "Silence."},
        {"path": "clock/tap", "title": "Tap", "help": ""},
    ],
}
KNOWN = methods(DESCRIBED)
VALUES: dict[str, Any] = {
    "clock/tempo": 96.5,
    "players/violin-1/on": True,
    "players/violin-1/level": 100,
    "players/viola/on": False,
    "clock/source": "midi",
    "voice/range": ["G3", "C6"],
    "chord": "F#m7",
}


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("players/*/on", ["players/violin-1/on", "players/viola/on"]),
        ("players/viol??/on", []),
        ("players/viol?/on", ["players/viola/on"]),
        ("players/{viola,cello}/on", ["players/viola/on"]),
        ("players/viol{a,in-[0-9]}/o[a-n]", ["players/violin-1/on", "players/viola/on"]),
        ("players/[!v]*/on", []),
        ("clock/tempo", ["clock/tempo"]),
        ("clock/tap", ["clock/tap"]),
        ("clock/*", ["clock/tempo", "clock/source"]),  # no actions
        ("*", []),  # neither panic nor listen, and nothing that can only be read
        ("clock/{tempo", ["clock/tempo"]),
        ("nothing/here", []),
    ],
)
def test_what_an_address_means(pattern: str, paths: list[str]) -> None:
    assert found(f"/ripieno/{pattern}", KNOWN, WRITE) == paths


def test_patterns_that_ask_reach_what_can_be_read() -> None:
    assert found("/ripieno/*", KNOWN, READ) == list(READINGS)


@pytest.mark.parametrize("address", ["/other/tempo", "/ripieno", "/ripieno/" + "{a,b}" * 8, "/ripieno/" + "*" * 300])
def test_what_is_none_of_ours_or_stands_for_too_much(address: str) -> None:
    with pytest.raises(UserError):
        found(address, KNOWN, WRITE)


@pytest.mark.parametrize(
    ("path", "arguments", "value"),
    [
        ("clock/tempo", [96.0999984741211], 96.1),  # as a float of 32 bits is
        ("clock/tempo", [96], 96),
        ("players/violin-1/level", [63.7], 64),
        ("players/violin-1/on", [1.0], True),
        ("players/violin-1/on", [0], False),
        ("players/violin-1/on", [0.5], 0.5),  # which the control refuses
        ("clock/source", ["midi"], "midi"),
        ("voice/range", ["G3", "C6"], ["G3", "C6"]),
        ("voice/range", [["G3", "C6"]], ["G3", "C6"]),
        ("clock/tempo", [None], None),
    ],
)
def test_what_a_value_means(path: str, arguments: list[Any], value: Any) -> None:
    read = taken(KNOWN[path], sent(arguments))
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("path", "value", "tags", "arguments"),
    [
        ("clock/tempo", 96, "f", [96.0]),
        ("players/violin-1/level", 64, "i", [64]),
        ("players/violin-1/level", 2**31, "h", [2**31]),
        ("players/violin-1/on", False, "F", [False]),
        ("voice/range", ["G3", "C6"], "ss", ["G3", "C6"]),
        ("voice/range", [1, 2], "ii", [1, 2]),
        ("voice/range", {"a": 1}, "s", ['{"a": 1}']),
    ],
)
def test_how_a_value_is_told(path: str, value: Any, tags: str, arguments: list[Any]) -> None:
    assert given(KNOWN[path].types, value) == (tags, arguments)


def test_what_is_the_same_to_who_sent_it() -> None:
    for one, other in ((96.1, 96.0999984741211), (96, 96.0), (True, 1.0), ("a", "a"), (["G3", 1], ["G3", 1.0])):
        assert same(one, other)
    for one, other in ((96.1, 96.2), (64, 63.7), (True, 0), ("a", "b"), ("1", 1), (["G3"], ["G3", "C4"])):
        assert not same(one, other)


def test_a_button_that_is_let_go_does_nothing() -> None:
    assert [pressed(one) for one in ([], [1.0], [True], ["x"], [0.0], [0], [False])] == [True] * 4 + [False] * 3


def test_the_docs_tell_of_each_address() -> None:
    text = DOCS.read_text()
    for path in [*READINGS, *EVENTS, *REQUESTS]:
        assert f"| `/ripieno/{path}` |" in text, path


# ---- OSCQuery ----


def test_the_tree_as_oscquery_has_it() -> None:
    top = oscquery.tree(KNOWN, VALUES)
    json.dumps(top)
    assert (top["FULL_PATH"], list(top["CONTENTS"])) == ("/", ["ripieno"])
    tempo = oscquery.node_at(top, "/ripieno/clock/tempo")
    assert tempo == {
        "FULL_PATH": "/ripieno/clock/tempo",
        "ACCESS": 3,
        "TYPE": "f",
        "VALUE": [96.5],
        "RANGE": [{"MIN": 20, "MAX": 400}],
        "DESCRIPTION": "Beats. (number to 400)",
    }
    clock = oscquery.node_at(top, "/ripieno/clock")
    assert clock
    assert (clock["ACCESS"], list(clock["CONTENTS"])) == (0, ["tempo", "source", "tap"])
    found = {path: oscquery.node_at(top, f"/ripieno/{path}") or {} for path in KNOWN}
    assert found["clock/source"]["RANGE"] == [{"VALS": ["internal", "midi"]}]
    assert (found["players/viola/on"]["TYPE"], found["players/viola/on"]["VALUE"]) == ("F", [False])
    assert (found["voice/range"]["TYPE"], found["voice/range"]["VALUE"]) == ("ss", ["G3", "C6"])
    assert (found["clock/tap"]["TYPE"], found["clock/tap"]["ACCESS"]) == ("N", 2)
    assert (found["chord"]["ACCESS"], found["chord"]["VALUE"]) == (1, ["F#m7"])
    assert (found["note"]["ACCESS"], found["note"]["TYPE"]) == (0, "siiT")
    assert oscquery.node_at(top, "/ripieno/none") is None


def test_one_attribute() -> None:
    node = oscquery.node_at(oscquery.tree(KNOWN, VALUES), "/ripieno/clock/tempo")
    assert node
    assert oscquery.attribute(node, "VALUE") == {"VALUE": [96.5]}
    with pytest.raises(Refusal, match="no attribute"):
        oscquery.attribute(node, "GABBA")


def test_the_pages_server_answers(tmp_path: Path) -> None:
    with served(tmp_path, "string-quartet", "--osc-port", 0) as one:

        def get(path: str, status: int = 200) -> Any:
            answer = httpx.get(f"{one.url}/osc{path}")
            assert answer.status_code == status, answer.text
            return answer.json() if answer.content else None

        host = get("?HOST_INFO")
        assert (host["OSC_IP"], host["OSC_TRANSPORT"], host["EXTENSIONS"]["RANGE"]) == ("127.0.0.1", "UDP", True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asks:
            asks.settimeout(60)
            asks.sendto(write("/ripieno/song", "", []), (host["OSC_IP"], host["OSC_PORT"]))
            assert read(asks.recv(1000))[0].arguments == [1]
        tree = get("")
        assert tree["CONTENTS"]["ripieno"]["CONTENTS"]["players"]["CONTENTS"]
        assert get("/ripieno/song?VALUE") == {"VALUE": [1]}
        assert get("/ripieno/song")["RANGE"] == [{"MIN": 1, "MAX": 1}]
        assert get("/ripieno/panic?VALUE", 204) is None
        get("/ripieno/none", 404)
        get("/ripieno/song?GABBA", 400)
