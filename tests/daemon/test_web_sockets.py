"""What waits for a socket: merged where it reads slowly, nothing of it lost that counts, and never without end."""

import asyncio
import gc
import json
import os
from concurrent.futures import Future
from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from needs import needs
from ripieno.daemon.remote.desk import Batch, Change, Desk, Note

needs("starlette")
sockets = import_module("ripieno.daemon.web.sockets")
visitors = import_module("ripieno.daemon.web.gate")
WebSocketDisconnect = import_module("starlette.websockets").WebSocketDisconnect


def note(frame: int) -> Note:
    return Note("on", frame, 0, 60, 80, 0)


@st.composite
def stories(draw: st.DrawFn) -> list[Batch]:
    """Batches one after the other, of one tree."""
    batches, revision, frame = [], 0, 0
    for _ in range(draw(st.integers(1, 12))):
        changes = []
        for path in draw(st.lists(st.sampled_from("abc"), max_size=4)):
            revision += 1
            changes.append(Change(path, draw(st.integers(0, 9)), "page:1", revision))
        notes = tuple(note(frame + n) for n in range(draw(st.integers(0, 3))))
        frame += len(notes)
        status = draw(st.none() | st.builds(lambda load: {"load": load}, st.integers()))
        plan = draw(st.none() | st.builds(lambda on: ((on, on + 1, 0, 60, 80),), st.integers(0, 99)))
        batches.append(Batch(revision, 1, tuple(changes), notes, (f"news {frame}",), status, plan, (frame, 48000)))
    return batches


def shown(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What a page knows after these messages."""
    known: dict[str, Any] = {"values": {}, "notes": [], "news": []}
    for one in messages:
        known["values"] |= {change[0]: change[1] for change in one["changes"]}
        known["notes"] += one["notes"]
        known["news"] += one["news"]
        known |= {name: one[name] for name in ("status", "plan", "now", "revision") if name in one}
    return known


def as_told(batch: Batch) -> Any:
    return json.loads(sockets.encode(sockets.told(batch)))


@settings(max_examples=200 if os.environ.get("RIPIENO_LONG") else 30)
@given(story=stories(), cuts=st.sets(st.integers(1, 11)))
def test_merged_batches_say_the_same(story: list[Batch], cuts: set[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(story)), len(story)]
    parts = [story[a:b] for a, b in pairwise(edges)]
    merged = [as_told(sockets.merged(part)) for part in parts]
    assert shown(merged) == shown([as_told(batch) for batch in story])
    for one in merged:
        paths = [change[0] for change in one["changes"]]
        assert len(paths) == len(set(paths))


def test_of_another_song_only_its_own_changes_are_told() -> None:
    before, after = Batch(1, 1, (Change("old", 1, "", 1),)), Batch(2, 2, (Change("new", 2, "", 2),))
    assert [change.path for change in sockets.merged([before, after]).changes] == ["new"]


def test_what_waits_for_one_who_does_not_read_has_an_end_and_its_newest() -> None:
    async def scene() -> list[dict[str, Any]]:
        outbox = sockets.Outbox()
        for n in range(1, 20_001):
            batch = Batch(n, 1, (Change(f"path/{n % 10}", n, "", n),), (note(n),), (f"news {n}",))
            outbox.put(sockets.Told(batch))
            assert len(outbox._batches) < sockets._MOST_BATCHES
        return [json.loads(text) for text in await outbox.take()]

    (one,) = asyncio.run(scene())
    assert {change[0]: change[1] for change in one["changes"]} == {f"path/{n % 10}": n for n in range(19_991, 20_001)}
    assert len(one["notes"]) + one["lost"] == 20_000
    assert one["notes"][-1][1] == 20_000
    assert len(one["notes"]) == sockets._MOST_NOTES
    assert one["news"][-1] == "news 20000"


def test_notes_of_a_dense_second_are_not_lost_while_a_page_draws() -> None:
    async def scene() -> list[int]:
        outbox, frames = sockets.Outbox(), []
        for n in range(3000):
            outbox.put(sockets.Told(Batch(0, 1, notes=(note(n),))))
            if n % 500 == 499:
                for text in await outbox.take():
                    message = json.loads(text)
                    assert "lost" not in message
                    frames += [one[1] for one in message["notes"]]
        return frames

    assert asyncio.run(scene()) == list(range(3000))


def test_what_is_in_the_greeting_is_not_told_again() -> None:
    async def scene() -> list[Any]:
        outbox = sockets.Outbox()
        outbox.put(sockets.Told(Batch(7, 1, (Change("a", 1, "", 6), Change("b", 1, "", 7)))))
        outbox.after = 6
        return json.loads((await outbox.take())[0])["changes"]

    assert asyncio.run(scene()) == [["b", 1, "", 7]]


@pytest.mark.parametrize(
    "text", ["NaN", "[1, Infinity]", "{", "[" * 100_000, b"\xff", "1" * 10_000, "", r'{"id": "\ud800"}']
)
def test_what_is_no_json(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        sockets.decode(text)


def test_numbers_that_json_has_not_are_null() -> None:
    assert sockets.encode({"a": float("nan"), "b": [float("inf"), 1.5]}) == '{"a":null,"b":[null,1.5]}'


class Stuck:
    """A socket whose other end reads `reads` messages, and no more."""

    def __init__(self, reads: int) -> None:
        self.reads, self.sent, self.closed, self.aborted = reads, [], (), False
        self.scope = {"state": {"abort": self.abort}}

    async def accept(self) -> None:
        pass

    async def send_text(self, text: str) -> None:
        if len(self.sent) == self.reads:
            await asyncio.Event().wait()
        self.sent.append(json.loads(text))

    async def receive(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self, code: int, why: str) -> None:
        self.closed = (code, why)
        await asyncio.Event().wait()

    def abort(self) -> None:
        self.aborted = True


class Quiet(Desk):
    """One whose performance stands still, or does not answer."""

    def __init__(self, answers: bool = True) -> None:
        super().__init__()
        self._answers = answers

    def state(self) -> "Future[dict[str, Any]]":
        future: Future[dict[str, Any]] = Future()
        if self._answers:
            future.set_result({"revision": 3, "grown": 1, "values": {}, "status": {}})
        return future


@pytest.mark.parametrize("reads", [0, 1, 2, 5])
def test_who_does_not_read_is_closed_with_a_reason(monkeypatch: pytest.MonkeyPatch, reads: int) -> None:
    monkeypatch.setattr(sockets, "_SLOW_SECONDS", 0.05)
    monkeypatch.setattr(sockets, "_FAREWELL_SECONDS", 0.05)
    desk, socket = Quiet(), Stuck(reads)

    async def scene() -> None:
        hub = sockets.Hub(desk)
        live = sockets.Live(socket, hub, visitors.Visitor("127.0.0.1", "localhost", "", "", "", ""))
        running = asyncio.create_task(live.run())
        while not running.done():
            hub._spread(sockets.Told(Batch(4, 1, notes=(note(1),))))
            await asyncio.sleep(0.001)
        assert "too slow" in await running
        assert not hub._outboxes

    asyncio.run(scene())
    assert len(socket.sent) == reads
    assert socket.closed[0] == 1013
    assert "too slow" in socket.closed[1]
    assert socket.aborted
    assert not desk._listeners


class Gone(Stuck):
    """One whose other end is there no longer."""

    async def send_text(self, text: str) -> None:
        if len(self.sent) == self.reads:
            raise WebSocketDisconnect(1006)
        await super().send_text(text)


@pytest.mark.parametrize("reads", [0, 1, 3])
def test_who_has_gone_is_left_without_a_word(reads: int) -> None:
    desk, socket = Quiet(), Gone(reads)

    async def scene() -> None:
        hub = sockets.Hub(desk)
        live = sockets.Live(socket, hub, visitors.Visitor("127.0.0.1", "localhost", "", "", "", ""))
        running = asyncio.create_task(live.run())
        while not running.done():
            hub._spread(sockets.Told(Batch(4, 1)))
            await asyncio.sleep(0)
        assert await running == ""
        assert not hub._outboxes

    asyncio.run(scene())
    assert len(socket.sent) == reads
    assert not desk._listeners


@pytest.mark.parametrize("gone", [False, True])
def test_both_ways_may_end_at_once(gone: bool) -> None:
    """And nothing of that is left for anybody to complain of."""

    class Both(sockets.Live):
        async def _tell(self) -> None:
            await asyncio.sleep(0)
            if gone:
                raise WebSocketDisconnect(1006)
            await asyncio.Event().wait()

        async def _listen(self) -> str:
            await asyncio.sleep(0)
            return "too long"

    async def scene() -> str:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        who = visitors.Visitor("127.0.0.1", "localhost", "", "", "", "")
        found: str = await Both(Stuck(9), sockets.Hub(Quiet()), who).run()
        gc.collect()
        return found

    complaints: list[Any] = []
    assert asyncio.run(scene()) == "too long"
    assert not complaints


def test_a_performance_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = sockets.outcome
    monkeypatch.setattr(sockets, "outcome", lambda future: outcome(future, 0.05))
    monkeypatch.setattr(sockets, "_FAREWELL_SECONDS", 0.05)
    socket = Stuck(0)

    async def scene() -> None:
        who = visitors.Visitor("127.0.0.1", "localhost", "", "", "", "")
        await sockets.Live(socket, sockets.Hub(Quiet(answers=False)), who).run()

    asyncio.run(scene())
    assert "does not answer" in socket.closed[1]
