"""MIDI learn by the API: a control waits for a knob, the knob moves, and what is bound can be changed and let go."""

import time
from pathlib import Path
from typing import Any

import httpx
import mido
from served import MINE, Served, refusal, served, write_song

from ripieno.daemon import presets

PATH = "players/cello/level"


def sweeps() -> list[mido.Message]:
    """Somebody moves a knob now and then, for an hour."""
    found = []
    for place in range(1800 * 30):
        rest = 1500 if place % 30 == 0 else 10  # of 480 a beat
        found.append(mido.Message("control_change", channel=4, control=21, value=40 + place % 30, time=rest))
    return found


def ask(one: Served, method: str, which: str, **body: Any) -> httpx.Response:
    json = body if method in ("PUT", "POST") else None
    return httpx.request(method, f"{one.url}/api/learn{which}", json=json, headers=one.headers, timeout=30)


def bound(one: Served) -> list[dict[str, Any]]:
    answer = httpx.get(f"{one.url}/api/learn", timeout=30).json()
    return list(answer["bindings"])


def test_a_knob_is_learnt_changed_and_let_go(tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text(MINE)
    with served(tmp_path, str(preset), song=write_song(tmp_path / "knob.mid", sweeps())) as one:
        assert ask(one, "POST", "", path=PATH).json()["learning"] == PATH
        end = time.monotonic() + 60
        while not bound(one):
            assert time.monotonic() < end, "it is never found"
            time.sleep(0.05)
        (row,) = bound(one)
        assert (row["number"], row["control"], row["path"]) == (1, "controller 21 channel 5", PATH)
        changed = ask(one, "PUT", "/1", curve="s-shaped", low=20).json()
        assert (changed["curve"], changed["low"]) == ("s-shaped", 20)
        assert presets.load(str(preset)).learn[0].curve == "s-shaped"
        assert "round" in refusal(ask(one, "PUT", "/1", curve="round"), 422)
        assert "no bound knob" in refusal(ask(one, "PUT", "/2", curve="linear"), 404)
        assert "no control" in refusal(ask(one, "POST", "", path="players/celo/level"), 422)
        assert ask(one, "DELETE", "").json()["learning"] == ""
        assert ask(one, "DELETE", "/1").json()["bindings"] == []
        assert preset.read_text() == MINE
        refusal(httpx.post(f"{one.url}/api/learn", json={"path": PATH}, timeout=30), 401)
