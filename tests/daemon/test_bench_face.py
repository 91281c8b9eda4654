"""The benchmark of the page: its judgement, and a short life of a daemon with an audience."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from needs import needs
from ripieno.daemon.bench import face_agree, face_key, face_load, face_page, face_safety, face_stage
from ripieno.daemon.bench.face_agree import Found, Told
from ripieno.daemon.bench.face_audience import Audience, Heard, lateness
from ripieno.daemon.bench.face_clients import LEVELS, learnt
from ripieno.daemon.bench.face_page import Shown
from ripieno.daemon.bench.face_safety import Tried
from ripieno.daemon.bench.jack import Chords, Latency, play_chords
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.rig_stage import INPUT, OUTPUT, playing
from ripieno.daemon.errors import UserError
from ripieno.daemon.presets import load
from ripieno.native.probe import JackWire

GOOD = Chords(notes=80, exact=80, slipped=0, released=80, lost=0, doubled=0, moved=0, stuck=0, xruns=0)
FINE = {"load": 0.01, "load_max": 0.2, "late": 0}
HEARD = Heard([5.0] * 100, 1000, 1000, True)


# ---- load ----


def met(heard: Heard) -> list[bool]:
    trips = {way: [Latency(1024, 1024, 128.0, 0.0, 0)] for way in face_load.WAYS}
    engine = {"off": [FINE], "on": [FINE]}
    return [row["met"] for row in face_load.judge(trips, dict.fromkeys(face_load.WAYS, GOOD), engine, [heard])["rows"]]


def test_what_it_judges_by() -> None:
    assert met(HEARD) == [True] * 8
    assert met(replace(HEARD, late_ms=[5.0] * 98 + [60.0] * 2)) == [True] * 5 + [False, True, True]
    assert met(replace(HEARD, late_ms=[])) == [True] * 5 + [False, True, True]
    assert met(replace(HEARD, answered=999)) == [True] * 6 + [False, True]
    assert met(replace(HEARD, asked=0, answered=0)) == [True] * 6 + [False, True]
    assert met(replace(HEARD, alike=False)) == [True] * 7 + [False]


def test_an_audience_hears_every_key_and_knows_the_end(tmp_path: Path) -> None:
    needs("jackd", "starlette", "uvicorn", "websockets", "segno")
    folder = tmp_path / "on"
    with DummyServer(synchronous=True), closing(JackWire("bench-wire", ["in"], ["out"])) as wire:
        wire.open()
        wire.start()
        with playing(wire, "string-quartet", face_load._ON, folder), Audience(folder, browser=False) as audience:
            played = play_chords(wire, 1, INPUT, OUTPUT)
    assert len(audience.heard.late_ms) == played.notes == 160
    assert min(audience.heard.late_ms) >= -5  # no earlier than it was played, but for a cycle of the driver's
    assert audience.heard.asked == audience.heard.answered > 0
    assert audience.heard.alike


def test_frames_that_the_driver_lost_make_no_key_late() -> None:
    ahead = [(n / 10, 100.0 + 0.5 * (n >= 50) + 0.02 * (n % 2)) for n in range(100)]  # every other batch is 20 ms late
    keys = [(when, when - by - 0.005) for when, by in ahead]
    late = lateness(keys, ahead)
    assert late[:48] == pytest.approx([5.0, 25.0] * 24)
    assert late[50:98] == pytest.approx([5.0, 25.0] * 24)
    assert max(late) < 26


# ---- the stage ----


def test_eight_instruments_share_the_keyboard(tmp_path: Path) -> None:
    preset = load(face_stage.octet(tmp_path, learnt()))
    assert [one.name for one in preset.ensemble] == list(reversed(face_stage.NAMES))
    ranges = [one.range for one in preset.ensemble]
    pitches = [pitch for low, high in ranges for pitch in range(low, high + 1)]
    assert pitches == list(range(face_stage.LOWEST, face_stage.HIGHEST + 1))
    assert len(preset.learn) == 2 * len(LEVELS)


def test_frames_are_told_the_time() -> None:
    """A server whose clock is a per mille slow; it is looked at some time after each cycle has begun."""
    rate, period = face_stage.RATE, 128
    looks = [
        (done := 128 * number, 100 + 1.001 * (done - period) / rate + (number * 7 % 10) / 1000)
        for number in range(1, 3000)
    ]
    found = face_stage.moments([24_000, 96_000, 300_000], looks, period)
    assert found == pytest.approx([100.5005, 102.002, 106.25625], abs=0.0015)


def test_two_clocks_are_compared_by_reading_both() -> None:
    assert face_stage.middle([(0.0, 2.0), (0.9, 4.0), (-3.0, 1.1)]) == pytest.approx(1.0)
    with pytest.raises(UserError, match="was one of them set"):
        face_stage.middle([(0.0, 1.0), (5.0, 6.0)])


# ---- key ----


def test_each_key_has_the_first_view_of_its_pitch() -> None:
    played = [(60, 1.0), (62, 1.1), (60, 5.0), (64, 6.0)]
    seen = [(60, 0.5), (60, 1.02), (62, 1.098), (60, 1.3), (60, 5.04), (64, 9.0)]
    assert face_key.match(played, seen) == [pytest.approx(20), pytest.approx(-2), pytest.approx(40), None]
    assert face_key.match(played, []) == [None] * 4


def test_how_soon_a_key_is_to_be_seen() -> None:
    def met(late: list[float | None]) -> list[bool]:
        return [row["met"] for row in face_key.judge(late)["rows"]]

    assert met([20.0] * 100) == [True, True]
    assert met([20.0] * 98 + [51.0] * 2) == [True, False]
    assert met([20.0] * 99 + [None]) == [False, True]
    assert met([]) == [False, False]


def test_keys_are_never_twice_at_once() -> None:
    script = face_key.keys(20)
    sounding: set[int] = set()
    for _, _, (kind, pitch, _) in script:
        assert (pitch in sounding) == (kind == 0x80)
        sounding ^= {pitch}
    assert not sounding


# ---- page ----

KEPT_UP = Shown(
    played=1000,
    told={"key": 1000, "on": 1000, "off": 1000, "move": 0},
    seen=1000,
    ghosts=0,
    pictures=[60, 41, 60],
    heap=[5 << 20, (6 << 20) - 1],
    resident=[100 << 20, 104 << 20],
)


def test_what_a_page_is_judged_by() -> None:
    def met(shown: Shown) -> list[bool]:
        return [row["met"] for row in face_page.judge(shown)["rows"]]

    assert met(KEPT_UP) == [True] * 6
    for place, change in enumerate(
        [{"pictures": [60, 30, 59]}, {"told": KEPT_UP.told | {"off": 999}}, {"seen": 999}, {"ghosts": 1},
         {"heap": [5 << 20, (6 << 20) + 1]}, {"resident": [100 << 20, 109 << 20]}]
    ):  # fmt: skip
        assert met(replace(KEPT_UP, **change)) == [other != place for other in range(6)]  # type: ignore[arg-type]
    assert not met(replace(KEPT_UP, pictures=[]))[0]


def test_each_note_is_alone_where_it_is_looked_for() -> None:
    """No note of a pitch begins before the silence behind the one before is over."""
    gap = face_page.NOTES_A_SECOND * (face_page._HELD + face_page._SILENT) // 1000
    pitches = [face_page.pitch_of(number) for number in range(1000)]
    for number, pitch in enumerate(pitches):
        assert pitch not in pitches[number + 1 : number + gap]
    assert len(face_page.script(1000)) == 2000


def test_a_page_is_told_of_every_note(tmp_path: Path) -> None:
    needs("jackd", "starlette", "uvicorn", "websockets", "chromium", "playwright")
    with face_stage.server() as client:
        shown = face_page._measure(client, 0.5, tmp_path)
    assert [shown.told[kind] for kind in ("key", "on", "off")] == [500] * 3
    assert len(shown.heap) == len(shown.resident) == 2


# ---- agree ----

VALUES = {path: 10 * place for place, path in enumerate(LEVELS)} | {"song": 1, "players/flute/on": True}


def meeting() -> Found:
    last = {path: VALUES[path] for path in face_agree.SHARED}
    clients = [
        Told(name, own, 100, 100, {**last, own: VALUES[own]}, dict(VALUES))
        for name, own in zip(("page", "OSC", "ctl", "knob"), LEVELS[4:], strict=True)
    ]
    return Found(VALUES, clients, 400, {"page": 0}, dict(VALUES))


def agreed(*rounds: Found) -> list[bool]:
    return [row["met"] for row in face_agree.judge(rounds)["rows"]]


def test_when_clients_agree() -> None:
    assert agreed(meeting()) == [True] * 8
    assert agreed(replace(meeting(), shown=None)) == [True] * 7
    for place in range(4):
        other = meeting()
        other.clients[place].view = {**VALUES, LEVELS[0]: 99}
        assert agreed(other, meeting()) == agreed(meeting(), other) == [row != place for row in range(8)]
    assert agreed(replace(meeting(), shown={**VALUES, "players/flute/on": False}))[4] is False
    assert agreed(replace(meeting(), stray={"page": 1})) == [True] * 7 + [False]


def test_what_is_lost() -> None:
    assert face_agree.lost(meeting()) == []
    own, shared = meeting(), meeting()
    own.clients[2].last = {**own.clients[2].last, LEVELS[6]: 99}
    assert face_agree.lost(own) == [LEVELS[6]]
    shared.clients[0].last = {**shared.clients[0].last, LEVELS[1]: 99}
    assert face_agree.lost(shared) == []  # others have set it so
    for one in shared.clients:
        one.last = {**one.last, LEVELS[1]: 99}
    assert face_agree.lost(shared) == [LEVELS[1]]
    other = meeting()
    other.clients[0].answered = 99
    assert agreed(other) == [True] * 5 + [False, True, True]


@pytest.mark.parametrize(("made", "fine"), [(299, False), (300, True), (400, True), (401, False)])
def test_how_many_changes_there_may_be(made: int, fine: bool) -> None:
    assert agreed(replace(meeting(), made=made)) == [True] * 6 + [fine, True]


def test_what_a_client_knows_nothing_of_is_wrong() -> None:
    assert face_agree.differ({}, VALUES) == list(LEVELS)
    assert face_agree.differ({**VALUES, LEVELS[3]: 30.000001}, VALUES) == []
    assert face_agree.differ({**VALUES, "players/flute/on": 1}, VALUES) == []
    assert face_agree.differ({**VALUES, "players/flute/on": 0}, VALUES) == ["players/flute/on"]


# ---- safety ----

NONE = Tried("no token", 100, (), True)


def test_what_safety_is_judged_by() -> None:
    def met(tried: Tried, chords: Chords = GOOD, answers: bool = True, beside: int = 0) -> list[bool]:
        told = face_safety.judge([tried], chords, FINE, beside, answers)
        return [row["met"] for row in told["rows"]]

    assert met(NONE) == [True] * 4
    assert met(replace(NONE, tries=0))[0] is False
    assert met(replace(NONE, wrong=("200 instead of 401",)))[0] is False
    assert met(replace(NONE, logged=False))[0] is False
    assert met(NONE, answers=False) == [True, False, True, True]
    assert met(NONE, replace(GOOD, exact=79)) == [True, True, False, True]
    assert met(NONE, replace(GOOD, stuck=1)) == [True, True, False, True]
    assert met(NONE, replace(GOOD, xruns=9)) == [True, True, True, False]
    assert met(NONE, replace(GOOD, xruns=9), beside=8) == [True] * 4


def test_what_is_told_of_a_refusal() -> None:
    attack = face_safety.attacks()[0]
    said = "the page's server refused 127.0.0.1: a token is needed"
    assert face_safety._is_told(attack, ["the page is at", said])
    assert not face_safety._is_told(attack, ["the page's server refused 127.0.0.1: the token is wrong"])
