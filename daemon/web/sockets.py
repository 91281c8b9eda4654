"""The live socket: each page hears what happens, and sets what is set, in messages of JSON.

Who reads slowly is given the newest: what waits for it is merged, so that no queue grows. Who does not read at all is
closed. Who sends too fast is read more slowly, and nothing of that is lost.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import count
from types import NoneType
from typing import Any, NoReturn

from starlette.websockets import WebSocket, WebSocketDisconnect

from ripieno.daemon.errors import UserError
from ripieno.daemon.remote.desk import Batch, Change, Desk
from ripieno.daemon.web.gate import MESSAGES, MESSAGES_AT_ONCE, Bucket, Visitor
from ripieno.daemon.web.route import Refusal

_MOST_BATCHES, _MOST_NOTES, _MOST_NEWS = 64, 8192, 100  # that wait for one who reads slowly
_NEWEST = ("status", "plan", "now")  # of a batch, where they are told: the newest is all there is to know
_IN_FLIGHT = 256  # messages of one socket that are not answered yet
_SLOW_SECONDS, _FAREWELL_SECONDS = 10.0, 1.0
TRY_LATER, _TOO_LONG = 1013, 1009  # of IANA's registry of WebSocket close codes


def encode(value: Any) -> str:
    """JSON; a number that JSON has not (NaN) is null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        plain = json.loads(json.dumps(value), parse_constant=lambda _: None)
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def decode(text: str | bytes) -> Any:
    """ValueError, with a sentence, for what is no JSON: NaN, half of a character (a lone surrogate) and what is nested
    too deeply are none either."""
    try:
        value = json.loads(text, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError:
        raise ValueError("this is nested too deeply") from None
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise ValueError("this is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"this is no JSON: {error}") from None


def _no_number(name: str) -> Any:
    raise ValueError(f"this is no JSON: {name} is no number")


# ---- to the page ----


def told(batch: Batch, lost: int = 0) -> dict[str, Any]:
    """A batch as a message. lost: notes that were left out."""
    message: dict[str, Any] = {
        "t": "batch",
        "revision": batch.revision,
        "grown": batch.grown,
        "changes": [[one.path, one.value, one.origin, one.revision] for one in batch.changes],
        "notes": [
            [one.kind, one.frame, one.instrument, one.pitch, one.velocity, one.channel, one.band, one.source]
            for one in batch.notes
        ],
        "news": list(batch.news),
    }
    there = {name: value for name in _NEWEST if (value := getattr(batch, name)) is not None}
    return message | there | ({"lost": lost} if lost else {})


def merged(batches: Sequence[Batch]) -> Batch:
    """One batch that says what these say: of each control the newest, of notes and news all."""
    last = batches[-1]
    changes = {change.path: change for one in batches if one.grown == last.grown for change in one.changes}
    newest = {name: value for name in _NEWEST for one in batches if (value := getattr(one, name)) is not None}
    return replace(
        last,
        changes=tuple(sorted(changes.values(), key=lambda change: change.revision)),
        notes=tuple(note for one in batches for note in one.notes),
        news=tuple(text for one in batches for text in one.news)[-_MOST_NEWS:],
        **newest,
    )


@dataclass(frozen=True)
class Told:
    """A batch, and its message, which is made once for all who hear it."""

    batch: Batch

    @cached_property
    def text(self) -> str:
        return encode(told(self.batch))


@dataclass(eq=False)
class Outbox:
    """What waits for one socket. after: the revision that it has heard of already."""

    after: int = 0
    _batches: list[Told] = field(default_factory=list)
    _replies: list[str] = field(default_factory=list)
    _lost: int = 0
    _fresh: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, one: Told) -> None:
        """A batch; too many are merged."""
        self._batches.append(one)
        if len(self._batches) >= _MOST_BATCHES:
            self._merge()
        self._fresh.set()

    def reply(self, message: Mapping[str, Any]) -> None:
        """An answer: none is left out, for only so many are in flight."""
        self._replies.append(encode(message))
        self._fresh.set()

    async def take(self) -> list[str]:
        """The messages to send next, as soon as there are any."""
        await self._fresh.wait()
        self._fresh.clear()
        if len(self._batches) > 1 or any(change.revision <= self.after for change in self._changes()):
            self._merge()
        texts = [encode(told(one.batch, self._lost)) if self._lost else one.text for one in self._batches]
        texts, self._batches, self._replies, self._lost = [*self._replies, *texts], [], [], 0
        return texts

    def _changes(self) -> Sequence[Any]:
        return self._batches[0].batch.changes if self._batches else ()

    def _merge(self) -> None:
        one = merged([each.batch for each in self._batches])
        self._lost += max(0, len(one.notes) - _MOST_NOTES)
        changes = tuple(change for change in one.changes if change.revision > self.after)
        self._batches = [Told(replace(one, notes=one.notes[-_MOST_NOTES:], changes=changes))]


class Hub:
    """All sockets that are open. It listens to the desk while there are any. For the server's thread alone."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._outboxes: list[Outbox] = []
        self._loop = asyncio.get_running_loop()
        self._end: Callable[[], None] | None = None
        self.numbers = count(1)

    def join(self, outbox: Outbox) -> None:
        """It is told of everything from now on."""
        self._outboxes.append(outbox)
        self._end = self._end or self.desk.listen(self._hear)

    def leave(self, outbox: Outbox) -> None:
        """No longer."""
        self._outboxes.remove(outbox)
        if not self._outboxes and self._end:
            self._end()
            self._end = None

    def _hear(self, batch: Batch) -> None:
        """In the performance's thread."""
        with suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(self._spread, Told(batch))

    def _spread(self, one: Told) -> None:
        for outbox in self._outboxes:
            outbox.put(one)


# ---- from the page ----


async def outcome(future: "Future[Any]", seconds: float = 5.0) -> Any:
    """What came of a call to the desk. Refusal (503) where the performance does not answer."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
    except TimeoutError:
        raise Refusal(503, "the performance does not answer: is it still making a preset ready?", {}, 1.0) from None


class Live:
    """One socket, from its opening to its end."""

    def __init__(self, socket: WebSocket, hub: Hub, who: Visitor) -> None:
        self._socket, self._hub = socket, hub
        self._outbox, self._bucket = Outbox(), Bucket(MESSAGES, MESSAGES_AT_ONCE)
        self._room = asyncio.Semaphore(_IN_FLIGHT)
        self._origin = f"{'page' if who.origin else 'ctl'}:{next(hub.numbers)}"

    async def run(self) -> str:
        """Say how all stands, then tell and listen until one of us ends it; returns why, where it was us."""
        await self._socket.accept()
        self._hub.join(self._outbox)
        try:
            await self._greet()
            return await self._talk()
        except Refusal as refusal:
            return await self._part(str(refusal))
        except TimeoutError:
            return await self._part("too slow: what is told is not read")
        except (WebSocketDisconnect, OSError):
            pass  # it has gone
        finally:
            self._hub.leave(self._outbox)
        return ""

    async def _greet(self) -> None:
        state = await outcome(self._hub.desk.state())
        self._outbox.after = state["revision"]
        await self._send(encode({"t": "hello", "origin": self._origin, **state}))

    async def _talk(self) -> str:
        """Tell and listen; returns what was refused in the end."""
        both = [asyncio.create_task(self._tell()), asyncio.create_task(self._listen())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
        ends = await asyncio.gather(*both, return_exceptions=True)
        if not isinstance(ends[1], BaseException):
            return ends[1]
        raise next(one for one in ends if isinstance(one, Exception))

    async def _tell(self) -> NoReturn:
        while True:
            for text in await self._outbox.take():
                await self._send(text)

    async def _send(self, text: str) -> None:
        """TimeoutError where it is not read."""
        await asyncio.wait_for(self._socket.send_text(text), _SLOW_SECONDS)

    async def _listen(self) -> str:
        while (message := await self._socket.receive())["type"] == "websocket.receive":
            wait_s = self._bucket.take()
            if wait_s:
                await asyncio.sleep(wait_s)
            await self._room.acquire()
            self._obey(message.get("text"))
        return "a message is too long" if message.get("code") == _TOO_LONG else ""

    def _obey(self, text: str | None) -> None:
        """Do what a message says; its answer follows, in time."""
        message: Mapping[str, Any] = {}
        try:
            message = _message(text)
            future = _asked(self._hub.desk, message, self._origin)
        except ValueError as error:
            self._answer(message, {"t": "error", "error": str(error)})
            return
        asyncio.wrap_future(future).add_done_callback(partial(self._answered, message))

    def _answered(self, message: Mapping[str, Any], future: "asyncio.Future[Any]") -> None:
        if future.cancelled():
            self._answer(message, {"t": "error", "error": "the performance has ended"})
        elif error := future.exception():
            self._answer(message, {"t": "error", "error": sentence(error)})
        else:
            change = future.result()
            stands = {"value": change.value, "revision": change.revision} if isinstance(change, Change) else {}
            self._answer(message, {"t": "ok", **stands})

    def _answer(self, message: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        self._room.release()
        self._outbox.reply({**answer, "id": message.get("id")})

    async def _part(self, why: str) -> str:
        """Say why, if it is heard, and end the connection, whatever still waits in it."""
        with suppress(Exception):
            await asyncio.wait_for(self._socket.close(TRY_LATER, why), _FAREWELL_SECONDS)
        self._socket.scope["state"]["abort"]()
        return why


def sentence(error: BaseException) -> str:
    """What to say of an error of the performance's."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, BlockingIOError):
        return "too much is to be done at once: try again"
    return f"this went wrong here, and is a mistake of ours: {error!r}"


def _message(text: str | None) -> Mapping[str, Any]:
    """ValueError for what is none of ours."""
    if text is None:
        raise ValueError("messages are texts of JSON, not bytes")
    message = decode(text)
    if not isinstance(message, dict):
        raise ValueError('a message is an object, such as {"t": "ping", "id": 1}')
    if not isinstance(message.get("id"), (str, int, float, NoneType)):
        raise ValueError("an id is a number or a text")
    return message


def _asked(desk: Desk, message: Mapping[str, Any], origin: str) -> "Future[Any]":
    """ValueError for what nobody can ask."""
    kind, path = message.get("t"), message.get("path")
    if kind == "ping":
        done: Future[None] = Future()
        done.set_result(None)
        return done
    if kind not in ("set", "do"):
        raise ValueError(f'"t" is "set", "do" or "ping", not {kind!r}')
    if not isinstance(path, str):
        raise ValueError('"path" names a control or an action')
    if kind == "set" and "value" not in message:
        raise ValueError('"value" says what to set it to')
    return desk.set(path, message["value"], origin) if kind == "set" else desk.do(path)
