"""OSC in and out: every control and action by an address, and what is played, planned and heard told to who listens.

A thread of its own reads and writes packets, and asks the desk. docs/osc.md says what there is.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

from ripieno.daemon.errors import UserError
from ripieno.daemon.remote.desk import Batch, Change, Desk
from ripieno.daemon.remote.osc_in import Inbox, Refusals, Wish, Wishes
from ripieno.daemon.remote.osc_out import Listeners, Teller
from ripieno.daemon.remote.osc_packet import Message, write
from ripieno.daemon.remote.osc_ports import Address, Wire, is_home, name_of
from ripieno.daemon.remote.osc_tree import (
    NOTHING,
    READ,
    READINGS,
    REQUESTS,
    ROOT,
    WRITE,
    Method,
    found,
    given,
    methods,
    pressed,
    same,
    sent,
    taken,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ripieno.daemon.live import Performance

_MOST_SAID = 400  # characters of a sentence, or an address, that is sent back
_A_READ = 256  # packets that are taken from the system at once
_PAUSE_SECONDS = 0.02  # where there are too many: meanwhile the system drops them
MOST_BATCHES = 1000  # of the desk's that wait to be told
_END_SECONDS = 2.0


class Osc:
    """A `Watcher` (see ripieno.daemon.live) that speaks OSC.

    port: of UDP, 0 for any that is free. known: who is told of everything from the beginning. lan: other computers are
    heard, too, if they are among them. UserError where the port is taken.
    """

    def __init__(self, port: int, known: Sequence[Address] = (), lan: bool = False) -> None:
        self._wire, self._known = Wire(port, lan), known
        self._loop: asyncio.SelectorEventLoop | None = None
        self._thread: Thread | None = None

    @property
    def osc_address(self) -> Address:
        """Where we hear."""
        return self._wire.address

    def begin(self, performance: "Performance") -> None:
        """Speak from now on; also where it has ended before, and is to begin again."""
        if self._thread:
            self._thread.join(_END_SECONDS)
        if self._wire.socket.fileno() < 0:
            self._wire = Wire(self.osc_address[1], self._wire.lan)
        performance.news.append(f"OSC at {name_of(self.osc_address)}")
        self._loop, self._over = asyncio.SelectorEventLoop(), asyncio.Event()
        self.speaker = Speaker(self._wire, Listeners(self._wire, self._known), performance.desk, self._loop)
        self._thread = Thread(target=_run, args=(self._loop, self.speaker, self._over), name="osc", daemon=True)
        self._thread.start()

    def tend(self, performance: "Performance") -> None:
        """The desk tells us."""

    def end(self) -> None:
        """Begin to end; the thread ends it."""
        if self._loop:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._over.set)
        else:
            self._wire.close()


def _run(loop: asyncio.AbstractEventLoop, speaker: "Speaker", over: asyncio.Event) -> None:
    try:
        speaker.begin()
        loop.run_until_complete(over.wait())
    finally:
        speaker.end()
        loop.close()


class Speaker:
    """What the thread does: from packets to the desk, and from the desk to packets."""

    def __init__(self, wire: Wire, listeners: Listeners, desk: Desk, loop: asyncio.AbstractEventLoop) -> None:
        self._wire, self._listeners, self._desk, self._loop = wire, listeners, desk, loop
        self.refusals = Refusals(self._tell_player)
        self._inbox = Inbox(loop, self.refusals, self._do)
        self._wishes = Wishes(desk, loop, self.refusals, self._tell_outcome)
        self._teller = Teller(listeners, loop)
        self._batches: deque[Batch] = deque(maxlen=MOST_BATCHES)
        self._woken = self._behind = False
        self._grown = self._known = -1  # which tree the last batch told of, and which one we know
        self._leave: Callable[[], None] | None = None

    def begin(self) -> None:
        """In our thread, as all below but `_hear`."""
        self._loop.set_exception_handler(self._tell_mistake)
        self._loop.add_reader(self._wire.socket, self._read)
        self._leave = self._desk.listen(self._hear)

    def end(self) -> None:
        """Hear nothing any more."""
        if self._leave:
            self._leave()
        self._loop.remove_reader(self._wire.socket)
        self._wire.close()

    def _tell_player(self, text: str) -> None:
        self._desk.call(lambda performance: performance.news.append(text))

    def _tell_mistake(self, _: object, context: Mapping[str, Any]) -> None:
        error = context.get("exception") or context["message"]
        self.refusals.add(f"this went wrong here, and is a mistake of ours: {error!r}", self._wire.address)

    # ---- in ----

    def _read(self) -> None:
        """Take what has come."""
        for _ in range(_A_READ):
            if not (one := self._wire.receive()):
                return
            packet, sender = one
            if not is_home(sender[0]) and not self._listeners.knows(sender[0]):
                self.refusals.add("a packet from a computer that no --osc-to names", sender)
            elif not self._inbox.put(packet, sender):
                self._loop.remove_reader(self._wire.socket)
                self._loop.call_later(_PAUSE_SECONDS, self._loop.add_reader, self._wire.socket, self._read)
                return

    def _do(self, message: Message, sender: Address) -> None:
        """Do what a message asks for."""
        try:
            paths = found(message.address, self._teller.methods, WRITE if message.arguments else READ)
            if not paths:
                raise UserError(f"there is no such address: {ROOT}/tree tells all there are")
            for path in paths:
                self._ask(path, message.arguments, sender)
        except UserError as error:
            self.refusals.add("a message that means nothing here", sender, f"{message.address[:_MOST_SAID]}: {error}")
            self._complain(sender, message.address, str(error))

    def _ask(self, path: str, arguments: list[Any], sender: Address) -> None:
        method = self._teller.methods[path]
        if method.access == NOTHING:
            return  # another Ripieno tells us of its own, perhaps
        if path in REQUESTS:
            _REQUESTS[path](self, arguments, sender)
        elif not method.access & READ:
            self._act(method, path, arguments, sender)
        elif not arguments:
            self._answer(path, sender)
        elif path in READINGS:
            raise UserError("this can be read, not set")
        else:
            value = sent(arguments)
            self._wishes.add(Wish(method, path, sender, False, taken(method, value), value))

    def _act(self, method: Method, path: str, arguments: list[Any], sender: Address) -> None:
        if pressed(arguments):
            self._wishes.add(Wish(method, path, sender, True))

    def _answer(self, path: str, to: Address) -> None:
        if packet := self._teller.value(path):
            self._wire.send(to, packet)

    def _tell_outcome(self, wish: Wish, outcome: Change | BaseException | None) -> None:
        """Tell who asked, where it came to something else."""
        method = wish.method
        if isinstance(outcome, UserError):
            self.refusals.add("a value or an action that could not be", wish.sender, str(outcome))
            self._complain(wish.sender, method.address, str(outcome))
        elif isinstance(outcome, BaseException):
            self._tell_mistake(None, {"exception": outcome})
        elif outcome and not same(outcome.value, wish.sent):
            self._wire.send(wish.sender, write(method.address, *given(method.types, outcome.value)))

    def _complain(self, to: Address, address: str, why: str) -> None:
        self._wire.send(to, write(f"{ROOT}/error", "ss", [address[:_MOST_SAID], why[:_MOST_SAID]]))

    # ---- requests ----

    def _listen(self, arguments: list[Any], sender: Address) -> None:
        to = _own_port(arguments, sender)
        if self._listeners.add(to, sender):
            self._tell_all(to)

    def _unlisten(self, arguments: list[Any], sender: Address) -> None:
        self._listeners.remove(_own_port(arguments, sender))

    def _tell_tree(self, _: list[Any], sender: Address) -> None:
        for one in self._teller.methods.values():
            row = [one.address, one.types, one.access, one.help, one.what]
            self._wire.send(sender, write(f"{ROOT}/tree", "ssiss", row))

    def _tell_all(self, to: Address) -> None:
        for packet in self._teller.all_values():
            self._wire.send(to, packet)

    # ---- out ----

    def _hear(self, batch: Batch) -> None:
        """In the performance's thread. Where ours has no time, only so much waits, and all is told anew in the end."""
        self._behind |= len(self._batches) == MOST_BATCHES
        self._batches.append(batch)
        if not self._woken:
            self._woken = True
            self._safely(self._tell)

    def _safely(self, call: Callable[..., object], *arguments: Any) -> None:
        """Let our thread do this."""
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(call, *arguments)

    def _tell(self) -> None:
        """Tell what waits; what is of another song, once its controls and instruments are known."""
        self._woken = False
        while self._batches:
            if self._batches[0].grown != self._grown:
                self._grown = self._batches[0].grown
                self._desk.call(_song).add_done_callback(partial(self._safely, self._grow))
            if self._grown != self._known:
                return
            self._teller.hear(self._batches.popleft(), self._desk.values)
        if self._behind:
            self._behind = False
            self._tell_everybody()

    def _grow(self, song: "Future[tuple[dict[str, Any], list[str]]]") -> None:
        """All controls may be others from now on. Where yet another song has begun, that one is asked for, too."""
        described, names = song.result()
        self._teller.grow(methods(described), names, self._desk.values)
        self._known = self._grown
        self._tell_everybody()
        self._inbox.begin()
        self._tell()

    def _tell_everybody(self) -> None:
        for one in self._listeners.current():
            self._tell_all(one.to)


def _song(performance: "Performance") -> tuple[dict[str, Any], list[str]]:
    """What can be set and done, and who plays."""
    names = [instrument.name for instrument in performance.preset.ensemble]
    return performance.desk.grown(performance).described(), names


_REQUESTS: Mapping[str, Callable[[Speaker, list[Any], Address], None]] = {
    "listen": Speaker._listen,
    "unlisten": Speaker._unlisten,
    "tree": Speaker._tell_tree,
}


def _own_port(arguments: list[Any], sender: Address) -> Address:
    if not arguments:
        return sender
    port = arguments[0]
    if len(arguments) > 1 or type(port) is not int or not 0 < port < 1 << 16:
        raise UserError("its argument is a port, from 1 to 65535, or there is none")
    return sender[0], port
