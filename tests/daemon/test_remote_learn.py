"""MIDI learn in a performance that is looked at here: what knobs set, how they are found, and where they are told to
stand."""

import itertools
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from performing import look_until, performing, silence

from ripieno.daemon import presets
from ripieno.daemon.errors import UserError
from ripieno.daemon.learn_keys import Knob
from ripieno.daemon.live import Performance
from ripieno.daemon.presets import Learn
from ripieno.daemon.remote import learn
from ripieno.daemon.remote.bound import Bound, messages
from ripieno.daemon.remote.curves import CLICKS, CURVES, raw_of, share_of
from ripieno.daemon.remote.desk import Batch, outcome
from ripieno.daemon.remote.learn import FEEDBACK, Learner
from ripieno.daemon.remote.reach import Reach
from ripieno.daemon.remote.search import Search
from ripieno.daemon.schema import FLAG, choice, number
from ripieno.native.engine import Report
from ripieno.native.surface import KINDS, Moved

LEVEL, TEMPO, WORDS = number(0, 127, True), number(20, 400, False), choice("a", "b", "c")
CC, FINE = Knob("controller", 21, 1), Knob("nrpn", 300, 1)
RATE = 48_000


# ---- where a control stands ----


@given(st.sampled_from([CC, FINE, Knob("bend"), Knob("pressure"), Knob("key", 60)]), st.floats(0, 1))
def test_a_share_and_what_is_sent_at_it_agree(knob: Knob, share: float) -> None:
    raw = raw_of(knob, share)
    assert 0 <= raw <= knob.top
    assert raw_of(knob, share_of(knob, raw)) == raw
    assert abs(share_of(knob, raw) - share) <= 0.51 / (8191 if knob.kind == "bend" else knob.top)


def test_a_bend_has_its_middle_in_the_middle() -> None:
    assert [share_of(Knob("bend"), raw) for raw in (0, 8192, 16383)] == [0, 0.5, 1]


@given(st.sampled_from(list(CURVES)), st.floats(0, 1))
def test_curves_go_from_end_to_end_and_back(name: str, share: float) -> None:
    there, back = CURVES[name]
    assert back(there(share)) == pytest.approx(share, abs=1e-6)
    assert sorted((there(0.0), there(1.0))) == pytest.approx([0, 1])


def test_encoders_count_in_their_ways() -> None:
    told = {name: [clicks(raw) for raw in (1, 3, 65, 63, 127)] for name, clicks in CLICKS.items()}
    assert told["two's complement"] == [1, 3, -63, 63, -1]
    assert told["offset 64"] == [-63, -61, 1, -1, 63]
    assert told["sign and magnitude"] == [1, 3, -1, 63, -63]


KINDS_SET = st.sampled_from([LEVEL, TEMPO, WORDS, FLAG])
REACHES = st.builds(
    Reach,
    st.builds(
        Learn,
        st.just(CC),
        st.just("x"),
        low=st.sampled_from([None, 30, 100.5]),
        high=st.sampled_from([None, 60, 10]),
        curve=st.sampled_from(list(CURVES)),
    ),
    KINDS_SET,
)


@given(REACHES, st.integers(0, 127))
def test_what_a_knob_sets_can_be_set_and_is_where_it_stands(reach: Reach, raw: int) -> None:
    value = reach.value(share_of(CC, raw))
    assert reach.kind.read(value) == value
    assert reach.value(reach.share(value)) == value
    assert reach.value(share_of(FINE, raw_of(FINE, reach.share(value)))) == pytest.approx(value, abs=0.05)


# ---- what a bound control does ----


def bound(control: Knob = CC, **keys: Any) -> Bound:
    return Bound(Learn(control, "x", **keys))


def moves(one: Bound, kind: Any, value: Any, *raws: int) -> list[Any]:
    """What it sets with each move, a second apart, the value changing with it."""
    reach, found = Reach(one.row, kind), []
    for second, raw in enumerate(raws):
        wanted = one.turned(raw, reach, value, float(second))
        if wanted is not None:
            value = wanted
            one.settled(value)
        found.append(wanted)
    return found


def test_a_number_follows_its_knob() -> None:
    assert moves(bound(), LEVEL, 100, 0, 64, 127) == [0, 64, 127]
    assert moves(bound(low=10, high=20, curve="inverted"), LEVEL, 100, 0, 127) == [20, 10]
    assert moves(bound(FINE), TEMPO, 100, 0, 8192, 16383)[::2] == [20, 400]
    assert moves(bound(), WORDS, "b", 0, 42, 43, 127) == ["a", "a", "b", "c"]


def test_buttons_toggle_hold_and_step() -> None:
    assert moves(bound(), FLAG, False, 127, 0, 127, 127) == [True, None, False, True]
    assert moves(bound(mode="momentary"), FLAG, False, 127, 0) == [True, False]
    assert moves(bound(Knob("key", 60)), FLAG, True, 5, 0, 90, 0) == [False, None, True, None]
    assert moves(bound(Knob("key", 60)), WORDS, "b", 5, 0, 90) == ["c", None, "a"]
    assert moves(bound(mode="previous"), WORDS, "b", 100, 0, 100) == ["a", None, "c"]
    assert moves(bound(mode="next", step=10), LEVEL, 110, 127, 0, 127, 0, 127) == [120, None, 127, None, 127]
    assert moves(bound(Knob("program")), LEVEL, 3, 7, 7, 100) == [7, 7, 100]
    assert moves(bound(Knob("program", 4)), FLAG, False, 4, 4) == [True, False]


def test_encoders_turn_on_and_on() -> None:
    one = bound(encoder="two's complement", low=0, high=100)
    assert moves(one, LEVEL, 98, 1, 1, 1, 127, 126) == [99, 100, 100, 99, 97]
    fine = bound(encoder="offset 64")
    assert moves(fine, TEMPO, 100.0, 65, 66)[-1] == pytest.approx(100 + 3 * 3.8)
    assert moves(bound(encoder="sign and magnitude"), WORDS, "a", 1, 65, 65) == ["b", "a", "c"]


def test_pick_up_waits_until_the_knob_comes_by() -> None:
    assert moves(bound(pick_up="pick up"), LEVEL, 60, 10, 50, 59, 63, 70, 20) == [None, None, None, 63, 70, 20]
    one = bound(pick_up="pick up")
    assert moves(one, LEVEL, 60, 60, 61) == [60, 61]
    assert moves(one, LEVEL, 100, 62, 63) == [None, None]  # somebody else has changed it


def test_what_was_away_is_met_anew() -> None:
    pad, fader = bound(Knob("key", 60)), bound(pick_up="pick up")
    assert moves(pad, FLAG, False, 90) == [True]
    assert moves(fader, LEVEL, 60, 60, 61) == [60, 61]
    for one in (pad, fader):
        one.forget()
    assert moves(pad, FLAG, True, 80) == [False]  # its release was lost with the cable
    assert moves(fader, LEVEL, 61, 100, 62, 60) == [None, None, 60]  # it may have been moved meanwhile


def test_what_comes_back_is_known_though_it_is_looked_at_late() -> None:
    one = bound(feedback="feedback")
    reach = Reach(one.row, LEVEL)
    for value, now in ((50, 0.0), (60, 0.1)):
        assert one.feedback(reach, value, now)
    assert one.turned(50, reach, 60, 0.6) is None
    assert one.turned(60, reach, 60, 0.6) is None
    assert one.turned(50, reach, 60, 2.0) == 50  # a hand's


def test_scaling_meets_at_the_ends() -> None:
    found = moves(bound(pick_up="scale"), LEVEL, 100, 20, 60, 127, 126, 0)
    assert found == [None, 110, 127, 126, 0]
    rising = [one for one in moves(bound(pick_up="scale"), LEVEL, 90, *range(30, 128)) if one is not None]
    assert rising == sorted(rising)
    assert rising[-1] == 127


def test_what_tells_a_fader_is_what_it_would_send() -> None:
    assert messages(CC, 100) == [bytes((0xB0, 21, 100))]
    assert messages(Knob("bend", channel=3), 8193) == [bytes((0xE2, 1, 64))]
    assert messages(Knob("key", 36, 10), 127) == [bytes((0x99, 36, 127))]
    assert messages(FINE, 300) == [bytes((0xB0, *pair)) for pair in ((99, 2), (98, 44), (6, 2), (38, 44))]


# ---- which control is meant ----


def search(what: str, *moved: tuple[float, str, int, int]) -> list[tuple[str, int | None, str]]:
    """What is found among moves: (seconds, kind, number, value), on channel 4."""
    one, found = Search("x", what, RATE, 0), []
    for seconds, kind, which, value in moved:
        row = one.hear(Moved(round(seconds * RATE), 0, 3, kind, which, value), "")
        found += [row] if row else []
    assert all(row.control.channel == 4 for row in found)
    return [(row.control.kind, row.control.number, row.encoder) for row in found][:1]


def sweep(which: int, start: float, values: range, every: float = 0.01) -> list[tuple[float, str, int, int]]:
    return [(start + i * every, "controller", which, value) for i, value in enumerate(values)]


def test_the_one_that_moves_on_purpose_is_found() -> None:
    jitter = [(0.01 * i, "controller", 2, 63 + i % 2) for i in range(300)]
    late_jitter = [(1 + 0.01 * i, "controller", 3, 40 + i % 9) for i in range(200)]
    streaming = [(0.01 * i, "controller", 11, (i * 5) % 128) for i in range(300)]
    wheel = [(1 + 0.01 * i, "bend", 0, 8192 + 100 * i) for i in range(20)]
    meant = sweep(21, 2.0, range(90, 110))
    every = sorted([*jitter, *late_jitter, *streaming, *wheel, *meant])
    assert search("number", *every) == [("controller", 21, "absolute")]
    assert search("number", *jitter, *late_jitter, *streaming[:200]) == []
    paused = sweep(11, 4.0, range(20, 60))
    assert search("number", *streaming[:200], *paused) == [("controller", 11, "absolute")]


def test_buttons_pads_and_programs() -> None:
    press = [(1, "controller", 20, 127)]
    assert search("flag", *press) == [("controller", 20, "absolute")]
    assert search("number", *press) == []
    assert search("number", *press, (1.2, "controller", 20, 0)) == [("controller", 20, "absolute")]
    melody = [(1 + 0.1 * i, "key", 60 + i % 5, 80 * (i % 2)) for i in range(30)]
    assert search("flag", *melody) == []
    strikes = [(5 + 0.1 * i, "key", 36, 80 * ((i + 1) % 2)) for i in range(3)]
    assert search("action", *melody, *strikes) == [("key", 36, "absolute")]
    assert search("number", *strikes) == []
    assert search("action", (1, "program", 4, 4)) == [("program", 4, "absolute")]
    assert search("choice", (1, "program", 4, 4)) == [("program", None, "absolute")]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((1, 1, 1, 1), "two's complement"),
        ((127,) * 4, "two's complement"),
        ((65,) * 4, "offset 64"),
        ((1, 2, 1, 1), ""),
    ],
)
def test_encoders_are_known_by_their_clicks(values: tuple[int, ...], found: str) -> None:
    clicks = [(1 + 0.05 * i, "controller", 16, value) for i, value in enumerate(values)]
    assert search("number", *clicks) == ([("controller", 16, found)] if found else [])


def test_wheels_and_parameters() -> None:
    assert search("number", *[(1 + 0.01 * i, "bend", 0, 8192 + 500 * i) for i in range(16)]) == [
        ("bend", None, "absolute")
    ]
    assert search("number", *[(1 + 0.01 * i, "nrpn", 300, 200 * i) for i in range(20)]) == [("nrpn", 300, "absolute")]
    assert search("number", *[(1 + 0.01 * i, "pressure", 0, i) for i in range(40)]) == []


def test_of_14_bits_the_upper_seven_are_found() -> None:
    for start, step in ((8000, 400), (60 << 7, 20)):  # slowly, the upper ones come again and again
        places = [start + step * i for i in range(140)]
        parts = [((7, place >> 7 & 127), (39, place & 127)) for place in places]
        moved = [(1 + 0.01 * i, "controller", *part) for i, both in enumerate(parts) for part in both]
        assert search("number", *moved) == [("controller", 7, "absolute")]
    assert search("number", *sweep(39, 1.0, range(40))) == [("controller", 39, "absolute")]


# ---- in a performance ----

PRESET = """\
# mine
name = "Mine"
model = "closest"

[[ensemble]]
name = "Violin"
program = "Violin"

[[ensemble]]
name = "Cello"
program = "Cello"

[clock]
tempo = 100
"""


class Hands:
    """A performance with a control surface, whose time is ours. told: what its faders and lamps were told."""

    def __init__(self, performance: Performance, file: Path) -> None:
        self.one, self.file = performance, file
        self.now, self.frame = 0.0, RATE
        self.told: list[bytes] = []
        performance.outputs = (*performance.outputs, FEEDBACK)
        performance.engine.tell = lambda port, data: self.told.append(data)  # type: ignore[method-assign]
        performance.learner = Learner(performance, lambda: self.now)
        self.changes: list[tuple[str, Any, str]] = []
        performance.desk.listen(self._hear)

    def _hear(self, batch: Batch) -> None:
        self.changes += [(change.path, change.value, change.origin) for change in batch.changes]

    def move(self, knob: Knob, *raws: int) -> None:
        """It sends these, a hundredth of a second apart."""
        for raw in raws:
            self.frame += RATE // 100
            self.now += 0.01
            value = (knob.number or 0) << 14 | raw
            channel = max(knob.channel - 1, 0)
            self.one.learner.hear(
                Report("control", self.frame, 0, 0, channel, 0, 0, None, KINDS[knob.kind], False, False, False, value)
            )

    def ask(self, future: "Future[Any]") -> Any:
        look_until(self.one, future.done, "an answer")
        return outcome(future)

    def value(self, path: str) -> Any:
        return self.one.desk.grown(self.one).node(path).value()

    def rest(self, seconds: float = 1.0) -> None:
        """Some looks, and so much later another one."""
        self.one.learner.look()
        self.now += seconds
        self.one.learner.look()

    def learn(self, path: str, knob: Knob, *raws: int) -> None:
        self.ask(learn.begin(self.one.desk, path))
        self.frame = self.one.driver.state().frame + RATE
        self.move(knob, *raws)
        self.one.learner.look()


@contextmanager
def hands(tmp_path: Path, tables: str = "") -> Iterator[Hands]:
    file = tmp_path / "mine.toml"
    file.write_text(PRESET + tables)
    with performing(silence(tmp_path / "song.mid"), [str(file)]) as one:
        yield Hands(one, file)


def test_a_fader_is_learnt_and_kept(tmp_path: Path) -> None:
    with hands(tmp_path) as at:
        desk = at.one.desk
        assert at.ask(learn.begin(desk, "players/cello/level")) == {
            "learning": "players/cello/level",
            "bound": 0,
            "revision": 0,
        }
        assert at.ask(learn.cancel(desk))["learning"] == ""
        at.learn("players/cello/level", CC, *range(20, 50))
        assert at.value("players/cello/level") == 49  # it went on after it was found
        told = at.ask(learn.bindings(desk))
        assert (told["learning"], told["bound"], told["bindings"][0]["number"]) == ("", 1, 1)
        assert told["bindings"][0]["control"] == "controller 21 channel 1"
        kept = presets.load(str(at.file))
        assert [(row.control, row.path, row.feedback) for row in kept.learn] == [(CC, "players/cello/level", FEEDBACK)]
        assert at.file.read_text().startswith(PRESET)
        assert any("kept in" in news for news in at.one.news)
        changed = at.ask(learn.change(desk, 1, {"curve": "inverted", "low": 10}))
        assert (changed["curve"], changed["low"], changed["high"]) == ("inverted", 10, "")
        assert presets.load(str(at.file)).learn[0].curve == "inverted"
        at.one.learner.look()
        at.move(CC, 0, 127)
        assert at.value("players/cello/level") == 10
        assert at.ask(learn.forget(desk, 1)) == []
        at.one.learner.look()
        at.move(CC, 64)
        assert at.value("players/cello/level") == 10
        assert at.file.read_text() == PRESET


def test_nobody_waits_for_ever_for_a_knob(tmp_path: Path) -> None:
    with hands(tmp_path) as at:
        at.ask(learn.begin(at.one.desk, "players/cello/level"))
        at.now += 59
        at.one.learner.tend(at.one)
        assert at.one.learner.status()["learning"] == "players/cello/level"
        at.now += 2
        at.one.learner.tend(at.one)
        assert at.one.learner.status()["learning"] == ""
        assert "no control moved to set players/cello/level" in at.one.news[-1]


def test_a_control_that_is_learnt_anew_sets_something_else(tmp_path: Path) -> None:
    with hands(tmp_path) as at:
        at.learn("players/cello/level", CC, *range(20, 50))
        at.learn("clock/tempo", CC, *range(20, 50))
        at.learn("panic", Knob("key", 36, 10), 90, 0, 90)
        assert [row.path for row in at.one.learner.rows] == ["clock/tempo", "panic"]
        assert at.one.learner.rows == presets.load(str(at.file)).learn


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda desk: learn.begin(desk, "players/celo/level"), "did you mean"),
        (lambda desk: learn.change(desk, 2, {}), "there is no bound control 2"),
        (lambda desk: learn.change(desk, 1, {"curv": "linear"}), "there is no such key"),
        (lambda desk: learn.change(desk, 1, {"curve": "round"}), "not among its values"),
        (lambda desk: learn.change(desk, 1, {"feedback": "out"}), "is another port"),
        (lambda desk: learn.change(desk, 1, {"path": "nothing"}), "there is no control"),
        (lambda desk: learn.forget(desk, 0), "there is no bound control 0"),
    ],
)
def test_what_cannot_be_learnt_is_told_and_changes_nothing(tmp_path: Path, ask: Any, told: str) -> None:
    table = '\n[[learn]]\ncontrol = "controller 21"\npath = "players/cello/level"\n'
    with hands(tmp_path, table) as at:
        with pytest.raises(UserError, match=told):
            at.ask(ask(at.one.desk))
        assert at.file.read_text() == PRESET + table
        assert at.one.learner.status() == {"learning": "", "bound": 1, "revision": 0}


def test_a_file_that_is_gone_does_not_stop_the_knob(tmp_path: Path) -> None:
    with hands(tmp_path) as at:
        at.file.unlink()
        at.learn("players/cello/level", CC, *range(20, 50))
        assert at.value("players/cello/level") == 49
        assert any("not kept" in news for news in at.one.news)


TABLES = """
[[learn]]
control = "controller 21 channel 1"
path = "players/cello/level"
feedback = "feedback"

[[learn]]
control = "nrpn 300 channel 1"
path = "clock/tempo"
feedback = "feedback"

[[learn]]
control = "controller 22 channel 1"
path = "players/violin/on"
feedback = "feedback"

[[learn]]
control = "controller 23 channel 1"
path = "keep"

[[learn]]
control = "controller 24"
path = "players/viola/level"
"""


def test_faders_are_told_what_others_change_and_left_alone_while_they_move(tmp_path: Path) -> None:
    with hands(tmp_path, TABLES) as at:
        at.rest()
        assert bytes((0xB0, 21, 100)) in at.told  # where it is to stand as the song begins
        assert bytes((0xB0, 22, 127)) in at.told
        at.told.clear()
        at.rest()
        assert at.told == []
        at.move(CC, 30)
        at.ask(at.one.desk.set("players/cello/level", 90, "page:1"))
        at.one.learner.look()
        assert at.told == []  # the hand is on it
        at.rest(0.4)
        assert at.told == [bytes((0xB0, 21, 90))]
        at.ask(at.one.desk.set("players/violin/on", False, "page:1"))
        at.one.learner.look()
        assert at.told[1:] == [bytes((0xB0, 22, 0))]
        assert any("viola" in news for news in at.one.news)  # nobody is called so


def test_each_song_has_knobs_of_its_own(tmp_path: Path) -> None:
    """And where there are two inputs, a knob is known by its input, too."""
    files = [tmp_path / "mine.toml", tmp_path / "yours.toml"]
    for file in files:
        text = PRESET.replace("Mine", file.stem).replace("[[ens", 'inputs = ["in", "Knobs"]\n\n[[ens', 1)
        file.write_text(text.replace("\n\ninputs", "\ninputs"))
    with performing(silence(tmp_path / "song.mid"), [str(file) for file in files]) as one:
        at = Hands(one, files[0])
        at.learn("players/cello/level", CC, *range(20, 50))
        at.ask(one.desk.set("song", 2))
        look_until(one, lambda: one.playing == 1, "the other song")
        at.move(CC, 60)
        assert at.value("players/cello/level") == 100
        at.learn("players/violin/level", CC, *range(20, 60))
        assert [presets.load(str(file)).learn for file in files] == [
            (Learn(CC, f"players/{name}/level", port="in", feedback=FEEDBACK),) for name in ("cello", "violin")
        ]
        at.ask(learn.begin(one.desk, "players/cello/level"))
        at.ask(one.desk.set("song", 1))
        look_until(one, lambda: one.playing == 0, "the first one again")
        look_until(one, lambda: one.learner.status()["learning"] == "", "nothing waits for a knob in it")
        at.move(CC, 60)
        assert at.value("players/cello/level") == 60
        one.playing = 1  # the engine has just told so
        at.move(CC, 90)
        assert at.value("players/cello/level") == 60
        one.playing = 0


def test_a_device_that_was_away_has_to_be_picked_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = '\n[[learn]]\ncontrol = "controller 21"\npath = "players/cello/level"\npick_up = "pick up"\n'
    with hands(tmp_path, table) as at:
        at.one.learner.tend(at.one)
        at.one.learner.look()
        at.move(CC, 100, 101)
        assert at.value("players/cello/level") == 101
        state = replace(at.one.driver.state(), restored=1)
        monkeypatch.setattr(at.one.driver, "state", lambda: state)
        at.one.learner.tend(at.one)
        at.move(CC, 20)
        assert at.value("players/cello/level") == 101


def test_actions_are_done_once_a_press(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with hands(tmp_path, TABLES) as at:
        at.one.learner.look()
        at.move(Knob("controller", 23, 1), 30, 100, 120, 10, 64, 0)
        assert sum("kept in" in news for news in at.one.news) == 2


def test_a_cable_back_to_ourselves_ends(tmp_path: Path) -> None:
    """What faders are told comes back as if they had been moved, at once or late: it comes to rest, and nothing is
    another than it was."""
    with hands(tmp_path, TABLES) as at:
        for late, path, value in itertools.product(
            (0.001, 0.1, 0.5), ("players/cello/level", "clock/tempo", "players/violin/on"), (32, 101)
        ):
            wanted = value % 2 == 0 if path.endswith("on") else value + (0.123 if "tempo" in path else 0)
            at.now += 1.0
            at.ask(at.one.desk.set(path, wanted, "page:1"))
            for _ in range(20):
                at.one.learner.look()
                sent, at.told[:] = list(at.told), []
                at.now += late
                for data in sent:
                    if data[1] in (21, 22):
                        at.move(Knob("controller", data[1], 1), data[2])
                if len(sent) >= 4:
                    at.move(FINE, sent[-2][2] << 7 | sent[-1][2])
                at.now += 0.4
            assert at.told == []
            if late < 0.25:
                assert at.value(path) == wanted


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fader"), st.integers(0, 127)),
        st.tuples(st.just("fine"), st.integers(0, 16383)),
        st.tuples(st.just("button"), st.sampled_from([0, 127])),
        st.tuples(st.just("level"), st.integers(0, 127)),
        st.tuples(st.just("tempo"), st.floats(20, 400)),
        st.tuples(st.just("on"), st.booleans()),
        st.tuples(st.just("rest"), st.floats(0, 1)),
    ),
    max_size=40,
)


class Surface:
    """Motor faders and a lamp, as they stand."""

    def __init__(self) -> None:
        self.fader, self.fine, self.lamp, self._coarse = 0, 0, 0, 0

    def hear(self, messages: list[bytes]) -> None:
        for _, which, value in messages:
            if which == 21:
                self.fader = value
            elif which == 22:
                self.lamp = value
            elif which == 6:
                self._coarse = value
            elif which == 38:
                self.fine = self._coarse << 7 | value


@settings(max_examples=60)
@given(steps=STEPS)
def test_whoever_moves_what_all_sides_show_the_same(whole: Hands, steps: list[tuple[str, Any]]) -> None:
    at, surface = whole, Surface()
    paths = {"level": "players/cello/level", "tempo": "clock/tempo", "on": "players/violin/on"}
    known = {path: at.value(path) for path in paths.values()}
    for bound_ in at.one.learner._bound:
        bound_.forget()
    at.changes.clear()
    at.rest()
    surface.hear(at.told)
    for what, value in steps:
        at.told.clear()
        if what == "fader":
            surface.fader = value
            at.move(CC, value)
        elif what == "fine":
            surface.fine = value
            at.move(FINE, value)
        elif what == "button":
            surface.lamp = value  # lit while it is held, by itself
            at.move(Knob("controller", 22, 1), value)
        elif what == "rest":
            at.now += value
        else:
            at.one.desk.put(at.one, paths[what], value, "page:1")
        at.one.learner.look()
        surface.hear(at.told)
    at.told.clear()
    at.rest()
    surface.hear(at.told)
    at.told.clear()
    at.rest()
    assert at.told == []  # all are told, and it is still

    def page() -> dict[str, Any]:
        return known | {path: value for path, value, _ in at.changes}

    look_until(at.one, lambda: page() == {path: at.value(path) for path in known}, "the page shows it")
    level, tempo = (Reach(row, at.one.desk.grown(at.one).node(row.path).kind) for row in at.one.learner.rows[:2])
    assert level.value(share_of(CC, surface.fader)) == at.value("players/cello/level")
    assert tempo.value(share_of(FINE, surface.fine)) == pytest.approx(at.value("clock/tempo"), abs=0.03)
    assert (surface.lamp == 127) == at.value("players/violin/on")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    with hands(tmp_path_factory.mktemp("whole"), TABLES) as at:
        at.one.learner.look()
        yield at
