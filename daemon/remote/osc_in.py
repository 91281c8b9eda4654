"""What OSC asks for, on its way to the desk: in turns, and not faster than the desk takes it.

What comes too fast waits, then is read more slowly; of what still waits the newest holds for each control. So no flood
reaches the performance.
"""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from ripieno.daemon.remote.desk import Change, Desk
from ripieno.daemon.remote.osc_packet import Malformed, Message, read
from ripieno.daemon.remote.osc_ports import Address, name_of
from ripieno.daemon.remote.osc_tree import ROOT, Method

MOST_WAITING, _MOST_BYTES = 1 << 13, 1 << 22  # packets that are not read yet, and how long they are together
_TURN_SECONDS, _REST = 0.002, 3  # of a turn, and how many times as long others may have the processor then
_MOST_LATER, _MOST_AHEAD_SECONDS = 1024, 3600.0  # messages that wait for their moment, and how long
_MOST_IN_FLIGHT, _MOST_WISHES = 256, 1024  # that the desk has been asked for; that it is to be asked for
_PANIC = "panic"  # waits for nobody
_FIRST = f"{ROOT}/{_PANIC}\0".encode()
_QUIET_SECONDS = 60.0  # between two sentences on refusals of one kind


class Refusals:
    """What was refused: counted, and told once a minute a kind. tell: a sentence for the player. clock: seconds."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._clock = tell, clock
        self.counts: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self._told: dict[str, float] = {}

    def add(self, kind: str, sender: Address, why: str = "") -> None:
        """One more."""
        now = self._clock()
        self.counts[kind] += 1
        if now - self._told.get(kind, -math.inf) < _QUIET_SECONDS:
            self._untold[kind] += 1
            return
        self._told[kind] = now
        more = self._untold.pop(kind, 0)
        because, others = f": {why}" if why else "", f" ({more} more in the last minute)" if more else ""
        self._tell(f"OSC: {kind}, from {name_of(sender)}{because}{others}")


class Inbox:
    """Packets that have come, until their messages are done. do: one message, in its moment."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, refusals: Refusals, do: Callable[[Message, Address], None]
    ) -> None:
        self._loop, self._refusals, self._do = loop, refusals, do
        self._packets: deque[tuple[bytes, Address]] = deque()
        self._messages: deque[tuple[Message, Address]] = deque()
        self._bytes = self._later = 0
        self._ready = self._working = False

    def put(self, packet: bytes, sender: Address) -> bool:
        """One more; it waits its turn. False: there are too many."""
        if len(self._packets) >= MOST_WAITING or self._bytes + len(packet) > _MOST_BYTES:
            self._refusals.add("more packets than can be looked at", sender)
            return False
        add = self._packets.appendleft if packet.startswith(_FIRST) else self._packets.append
        add((packet, sender))
        self._bytes += len(packet)
        self._go_on()
        return True

    def begin(self) -> None:
        """What they ask for can be done from now on."""
        self._ready = True
        self._go_on()

    def _go_on(self) -> None:
        if self._ready and not self._working and (self._packets or self._messages):
            self._working = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        """A turn; the next one is after a rest."""
        began = self._loop.time()
        try:
            while (self._messages or self._packets) and self._loop.time() - began < _TURN_SECONDS:
                if self._messages:
                    self._keep(*self._messages.popleft())
                else:
                    self._take(*self._packets.popleft())
        finally:
            self._working = bool(self._messages or self._packets)
            if self._working:
                self._loop.call_later(_REST * (self._loop.time() - began), self._work)

    def _take(self, packet: bytes, sender: Address) -> None:
        """Nothing in a packet that is malformed is done."""
        self._bytes -= len(packet)
        try:
            self._messages += ((message, sender) for message in read(packet))
        except Malformed as error:
            self._refusals.add("a packet that is none", sender, str(error))

    def _keep(self, message: Message, sender: Address) -> None:
        wait_s = message.due - time.time() if message.due else 0.0
        if wait_s <= 0:
            self._do(message, sender)
        elif wait_s > _MOST_AHEAD_SECONDS or self._later >= _MOST_LATER:
            self._refusals.add("a bundle for more than an hour from now, or too many that wait", sender)
        else:
            self._later += 1
            self._loop.call_later(wait_s, self._do_late, message, sender)

    def _do_late(self, message: Message, sender: Address) -> None:
        self._later -= 1
        self._do(message, sender)


@dataclass(frozen=True)
class Wish:
    """Something that the desk is to do: set a control to a value, which was sent so, or do an action."""

    method: Method
    path: str
    sender: Address
    acts: bool
    value: Any = None
    sent: Any = None


class Wishes:
    """What the desk is asked for, only so much at once. done: what came of a wish, in our thread."""

    def __init__(
        self,
        desk: Desk,
        loop: asyncio.AbstractEventLoop,
        refusals: Refusals,
        done: Callable[[Wish, Change | BaseException | None], None],
    ) -> None:
        self._desk, self._loop, self._refusals, self._done = desk, loop, refusals, done
        self._waiting: deque[Wish] = deque()
        self._in_flight = 0

    def add(self, wish: Wish) -> None:
        """One more."""
        if wish.path == _PANIC:
            self._ask(wish)
            return
        if len(self._waiting) >= _MOST_WISHES:
            self._waiting = deque(_newest(self._waiting))
        if len(self._waiting) >= _MOST_WISHES:
            self._refusals.add("more than can be done at once", wish.sender)
            return
        self._waiting.append(wish)
        self._submit()

    def _submit(self) -> None:
        while self._waiting and self._in_flight < _MOST_IN_FLIGHT:
            self._ask(self._waiting.popleft())

    def _ask(self, wish: Wish) -> None:
        self._in_flight += 1
        who, desk = origin(wish.sender), self._desk
        asked: Future[Any] = desk.do(wish.path) if wish.acts else desk.set(wish.path, wish.value, who)
        asked.add_done_callback(partial(self._tell_us, wish))

    def _tell_us(self, wish: Wish, future: "Future[Any]") -> None:
        """In the performance's thread."""
        with suppress(RuntimeError):  # our loop has ended
            self._loop.call_soon_threadsafe(self._over, wish, future)

    def _over(self, wish: Wish, future: "Future[Any]") -> None:
        self._in_flight -= 1
        if not future.cancelled():
            self._done(wish, future.exception() or future.result())
        self._submit()


def _newest(wishes: "deque[Wish]") -> Iterator[Wish]:
    """Of the values that somebody wants a control to have, the last; and all actions."""
    last = {(wish.path, wish.sender): wish for wish in wishes if not wish.acts}
    for wish in wishes:
        if wish.acts or last[wish.path, wish.sender] is wish:
            yield wish


def origin(sender: Address) -> str:
    """Who sent it, as the desk's changes name it."""
    return f"osc:{name_of(sender)}"


def sender_of(origin: str) -> Address | None:
    """The other way; None for those who speak no OSC."""
    if not origin.startswith("osc:"):
        return None
    host, _, port = origin.removeprefix("osc:").rpartition(":")
    return host, int(port)
