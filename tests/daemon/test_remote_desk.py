"""What is asked for from other threads is done in the performance's own, and all who listen are told of all of it."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import mido
import pytest
import tiny
from performing import look_until, performing, silence

from ripieno.daemon.errors import UserError
from ripieno.daemon.live import Performance
from ripieno.daemon.remote.desk import Batch, Change, outcome
from ripieno.daemon.remote.tree import Tree
from ripieno.daemon.weights import weights_file

QUARTET, FAST = ["string-quartet"], ["model=closest"]
CHORD = [mido.Message("note_on", note=note, velocity=70) for note in (48, 55, 64, 72)]


class Listener:
    """Knows what a client would: how all controls are, by the changes that it heard of."""

    def __init__(self, performance: Performance) -> None:
        self.batches: list[Batch] = []
        self.values: dict[str, Any] = {}
        self.leave = performance.desk.listen(self.hear)
        self.values = dict(done(performance, performance.desk.state())["values"])

    def hear(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.values |= {one.path: one.value for one in batch.changes}

    @property
    def changes(self) -> list[Change]:
        return [one for batch in self.batches for one in batch.changes]

    @property
    def status(self) -> dict[str, Any]:
        """The last there was."""
        return dict(next((one.status for one in reversed(self.batches) if one.status is not None), {}))


def done(performance: Performance, future: "Future[Any]") -> Any:
    look_until(performance, future.done, "an answer")
    return outcome(future)


def test_ten_thousand_changes_from_four_threads_end_the_same_for_all(tmp_path: Path) -> None:
    with performing(silence(tmp_path / "song.mid"), QUARTET, FAST) as one:
        listeners = [Listener(one) for _ in range(3)]
        paths = [path for path in listeners[0].values if path.startswith("players/")]
        assert len(paths) == 8
        began = dict(listeners[0].values)

        def work(origin: str, answers: list["Future[Change]"]) -> None:
            for n in range(2500):
                path = paths[n % 8]
                value = (n // 8) % 128 if path.endswith("level") else (n // 8 + len(origin)) % 2 == 0
                answers.append(one.desk.set(path, value, origin))

        answers: dict[str, list[Future[Change]]] = {"page:1": [], "osc:host:9000": [], "ctl": [], "learn": []}
        threads = [Thread(target=work, args=each) for each in answers.items()]
        for thread in threads:
            thread.start()
        look_until(one, lambda: sum(map(len, answers.values())) == 10_000, "all was asked for")
        for thread in threads:
            thread.join()
        asked = [answer for many in answers.values() for answer in many]
        look_until(one, lambda: all(answer.done() for answer in asked), "all was done")
        look_until(one, lambda: all(each.batches[-1].revision >= 10_000 for each in listeners), "all was told")
        stands = done(one, one.desk.state())
        made = sorted((answer.result() for answer in asked), key=lambda change: change.revision)
        assert [change.revision for change in made] == list(range(1, 10_001))
        others = list(changing(made, began))
        assert len(others) > 5000
        for listener in listeners:
            assert listener.changes == others  # none lost, none twice
            assert listener.values == stands["values"] == dict(one.desk.values)
        ready = one.current
        assert ready
        assert ready.levels
        assert [stands["values"][path] for path in paths if path.endswith("on")] == ready.enabled
        assert [stands["values"][path] for path in paths if path.endswith("level")] == list(
            ready.levels.settings.values()
        )
        heard = len(listeners[0].batches)
        look_until(one, lambda: len(listeners[0].batches) > heard + 3, "it goes on")
        assert listeners[0].changes == others  # and nothing echoes


def changing(made: list[Change], values: dict[str, Any]) -> Iterator[Change]:
    """Those after which a control stood otherwise."""
    for change in made:
        if values[change.path] != change.value:
            yield change
        values[change.path] = change.value


def test_two_that_send_back_what_they_are_told_come_to_rest(tmp_path: Path) -> None:
    path = "players/viola/level"
    with performing(silence(tmp_path / "song.mid"), QUARTET, FAST) as one:
        heard: list[Change] = []

        def echo(origin: str, batch: Batch) -> None:
            for change in batch.changes:
                heard.append(change)
                if change.origin != origin:
                    one.desk.set(change.path, change.value, origin)

        for origin in ("osc:here:1", "osc:here:2"):
            one.desk.listen(partial(echo, origin))
        listener = Listener(one)
        set_ = done(one, one.desk.set(path, 64, "page:1"))
        look_until(one, lambda: listener.batches and listener.batches[-1].revision == 3, "both have sent it back")
        told = len(listener.batches)
        look_until(one, lambda: len(listener.batches) > told + 2, "it goes on")
        assert heard == [set_, set_]
        assert listener.changes == [set_]
        assert one.desk.revision == 3


def test_what_others_change_is_told(tmp_path: Path) -> None:
    with performing(silence(tmp_path / "song.mid"), [*QUARTET, "choir"], FAST) as one:
        listener = Listener(one)
        one.press("2")
        look_until(one, lambda: listener.changes, "the switch")
        assert listener.changes == [Change("players/violin-2/on", False, "", 1)]
        grown = listener.batches[-1].grown
        listed = done(one, one.desk.state())["status"]["songs"]["list"]
        assert [song["title"] for song in listed] == ["String quartet", "Choir"]
        assert {song["state"] for song in listed} <= {"ready", "loading", "waiting"}
        change = done(one, one.desk.set("song", "Choir", "ctl"))
        assert (change.path, change.value, change.origin) == ("song", 2, "ctl")  # what is to play, be it ready or not
        look_until(one, lambda: listener.batches[-1].grown > grown, "another song")
        look_until(one, lambda: listener.status.get("songs", {}).get("number") == 2, "it plays")
        assert [told for told in listener.changes if told.path == "song"] == [change]
        assert listener.status["songs"]["wanted"] == ""
        assert done(one, one.desk.set("song", 2)).value == 2  # it plays already
        assert one.wanted is None
        assert done(one, one.desk.state())["values"]["song"] == 2
        assert "players/tenor/on" in one.desk.values
        assert "players/violin-2/on" not in one.desk.values
        assert done(one, one.desk.described())["grown"] == listener.batches[-1].grown


def test_a_song_that_cannot_play_is_passed_and_waited_for_no_longer(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_text("no weights")
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "Bad"\nmodel = "bad.safetensors"\n[[ensemble]]\nname = "Piano"\nprogram = 1\n')
    shutil.copy(weights_file("chorales", tmp_path).with_suffix(".json"), tmp_path / "bad.json")
    with performing(silence(tmp_path / "song.mid"), [*QUARTET, str(bad), "choir"]) as one:
        one.load(1)  # before it was looked at
        assert Tree(one).node("song").value() == 2
        look_until(one, lambda: one.wanted is None, "it fails")
        state = done(one, one.desk.state())
        assert state["values"]["song"] == 1
        assert (state["status"]["songs"]["wanted"], state["status"]["songs"]["list"][1]["state"]) == ("", "failed")
        with pytest.raises(UserError, match=r"bad\.safetensors"):
            done(one, one.desk.set("song", "Bad"))
        done(one, one.desk.do("next"))
        look_until(one, lambda: one.playing == 2, "the one behind it plays")
        done(one, one.desk.do("previous"))
        look_until(one, lambda: one.playing == 0, "the one before it plays")


def test_notes_chord_and_news_are_told(tmp_path: Path) -> None:
    with performing(silence(tmp_path / "song.mid", *CHORD), QUARTET, FAST) as one:
        one.desk.call(lambda performance: performance.news.append("hello"))
        listener = Listener(one)
        look_until(one, lambda: listener.status.get("notes_out") == 4, "the chord")
        one.take_news()
        look_until(one, lambda: any("hello" in batch.news for batch in listener.batches), "the news")
        notes = [note for batch in listener.batches for note in batch.notes]
        assert [note.pitch for note in notes if note.kind == "key"] == [48, 55, 64, 72]
        assert sorted(note.pitch for note in notes if note.kind == "on") == [48, 55, 64, 72]
        assert all(0 <= note.instrument < 4 for note in notes if note.kind == "on")
        assert listener.status["chord"] == "C"
        players = {player["name"]: player for player in listener.status["players"]}
        assert players["Cello"]["level"] == 100
        assert "C3" in players["Cello"]["notes"]
        assert players["Cello"]["color"].startswith("#")
        assert listener.batches[-1].now[1] == one.driver.sample_rate
        listener.leave()
        count = len(listener.batches)
        done(one, one.desk.set("players/cello/on", False))
        assert len(listener.batches) == count


def test_what_the_band_has_settled_is_told_before_it_sounds(tmp_path: Path) -> None:
    tune = [mido.Message(kind, note=60 + n, time=60) for n in range(12) for kind in ("note_on", "note_off")]
    weights = tiny.write(tmp_path / "band.safetensors")
    with performing(silence(tmp_path / "song.mid", *tune), ["duet"], [f"weights={weights}"]) as one:
        listener = Listener(one)
        look_until(one, lambda: one.engine.stats().notes_in == 12, "the player has played")
        done(one, one.desk.do("band/hand-over"))

        def foreseen() -> int:
            """How many of the band's notes were in a plan before they were told of."""
            planned: set[tuple[int, int, int]] = set()
            count = 0
            for batch in listener.batches:
                notes = [note for note in batch.notes if note.kind == "on" and note.band]
                count += sum((note.frame, note.instrument, note.pitch) in planned for note in notes)
                planned |= {(note.on, note.instrument, note.pitch) for note in batch.plan or ()}
            return count

        look_until(one, lambda: foreseen() > 2, "the band plays what it has settled")

        def known() -> Any:
            """Also to who comes later."""
            state, plan = one.desk.state(), one.desk.call(lambda _: one.band and one.band.ahead.notes(0))
            assert done(one, state)["plan"] == done(one, plan)
            assert done(one, state)["now"][1] == one.driver.sample_rate
            return plan.result()

        look_until(one, known, "something is settled")
        assert all(note.off >= batch.now[0] for batch in listener.batches for note in batch.plan or ())


def test_what_cannot_be_is_told_to_who_asked(tmp_path: Path) -> None:
    with performing(silence(tmp_path / "song.mid"), QUARTET, FAST) as one:
        wrong: list[tuple[tuple[str, Any], str]] = [
            (("players/viola/lvl", 1), "there is no control 'players/viola/lvl'; did you mean 'players/viola/level'?"),
            (("players/viola/level", 128), "players/viola/level: 128 is not from 0 to 127"),
            (("players/viola/level", "loud"), "'loud' is no whole number"),
            (("players/viola/on", "yes"), "'yes' is neither true nor false"),
            (("song", 2), "song: 2 is not from 1 to 1"),
            (("song", "Choir"), "'Choir' is no whole number"),
            (("players/viola/level", float("nan")), "nan is no whole number"),
            (("players/viola/level", [1] * 9999), "players/viola/level: this is longer than any value"),
            (("players/" * 9999, 1), "there is no control of such a long name"),
        ]
        for (path, value), told in wrong:
            with pytest.raises(UserError, match=told.replace("?", r"\?")):
                done(one, one.desk.set(path, value))
        with pytest.raises(UserError, match="there is no action 'panik'; did you mean 'panic'"):
            done(one, one.desk.do("panik"))
        with pytest.raises(UserError, match="begin with --recordings"):
            done(one, one.desk.do("record"))
        with pytest.raises(ZeroDivisionError):
            done(one, one.desk.call(lambda _: 1 // 0))
        assert one.desk.revision == 0


def test_a_call_without_room_is_tried_again(tmp_path: Path) -> None:
    with performing(silence(tmp_path / "song.mid"), QUARTET, FAST) as one:
        tries: list[int] = []

        def act(_: Performance) -> int:
            tries.append(len(tries))
            if len(tries) < 3:
                raise BlockingIOError("full")
            return len(tries)

        def never(_: Performance) -> None:
            raise BlockingIOError("full for ever")

        first, then = one.desk.call(act), one.desk.call(lambda _: len(tries))
        assert (done(one, first), done(one, then)) == (3, 3)  # in their order
        with pytest.raises(UserError, match="full for ever"):
            done(one, one.desk.call(never))


def test_nobody_waits_for_ever_when_it_ends(tmp_path: Path) -> None:
    def full(_: Performance) -> None:
        tried.append(True)
        raise BlockingIOError("full")

    tried: list[bool] = []
    with performing(silence(tmp_path / "song.mid"), QUARTET, FAST) as one:
        waits, behind = one.desk.call(full), one.desk.call(lambda _: None)
        look_until(one, lambda: tried, "it is tried")
    late = one.desk.call(lambda _: None)
    for future in (waits, behind, late):
        with pytest.raises(UserError, match="has ended"):
            outcome(future, 60)


def test_who_fails_to_listen_does_not_stop_the_music(tmp_path: Path) -> None:
    with performing(silence(tmp_path / "song.mid"), QUARTET, FAST) as one:

        def fail(_: Batch) -> None:
            raise RuntimeError("oh")

        one.desk.listen(fail)
        listener = Listener(one)
        look_until(one, lambda: len(listener.batches) > 2, "the others hear")
        assert one.take_news() == ["somebody who listened is left out: RuntimeError('oh')"]


def test_actions_are_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with performing(silence(tmp_path / "song.mid", *CHORD), QUARTET, [*FAST, "clock.source=internal"]) as one:
        look_until(one, lambda: one.engine.stats().sounding == 4, "the chord")
        done(one, one.desk.do("panic"))
        look_until(one, lambda: one.engine.stats().sounding == 0, "silence")
        rolling = one.conductor.status()["rolling"]
        done(one, one.desk.do("clock/roll"))
        look_until(one, lambda: one.conductor.status()["rolling"] is not rolling, "the clock obeys")
        done(one, one.desk.set("players/viola/level", 42.0))
        done(one, one.desk.set("players/cello/on", 0))
        done(one, one.desk.do("keep"))
        done(one, one.desk.set("players/viola/level", 90))
        done(one, one.desk.do("recall"))
        values = done(one, one.desk.state())["values"]
        assert (values["players/viola/level"], values["players/cello/on"]) == (42, False)


def test_nobody_answers_a_performance_that_does_not_look(tmp_path: Path) -> None:
    with performing(silence(tmp_path / "song.mid"), QUARTET, FAST) as one:
        with pytest.raises(UserError, match="does not answer"):
            outcome(one.desk.set("players/viola/on", False), 0.01)
        assert done(one, one.desk.state())["values"]["players/viola/on"]  # it was given up
