"""What OSC tells, and whom."""

from typing import Any

import pytest
from speaking import AWAY, HERE, Loop

from ripieno.daemon.ahead import PlannedNote
from ripieno.daemon.errors import UserError
from ripieno.daemon.remote.desk import Batch, Change, Note
from ripieno.daemon.remote.osc_in import origin, sender_of
from ripieno.daemon.remote.osc_out import LISTEN_SECONDS, Listeners, Teller
from ripieno.daemon.remote.osc_packet import read, write
from ripieno.daemon.remote.osc_ports import Address
from ripieno.daemon.remote.osc_tree import methods


class Sent:
    """A wire, and what was sent on it."""

    def __init__(self) -> None:
        self.sent: list[tuple[Address, str, list[Any]]] = []

    def send(self, to: Address, packet: bytes) -> None:
        (message,) = read(packet)
        self.sent.append((to, message.address, message.arguments))

    def take(self) -> list[tuple[str, list[Any]]]:
        sent, self.sent = self.sent, []
        return [
            (address, [round(one, 4) if isinstance(one, float) else one for one in rest]) for _, address, rest in sent
        ]


def test_who_is_who() -> None:
    wire, now = Sent(), [0.0]
    listeners = Listeners(wire, [("192.168.1.5", 9001), ("127.0.0.1", 53000)], lambda: now[0])  # type: ignore[arg-type]
    assert listeners.knows("192.168.1.5")
    assert not listeners.knows("192.168.1.6")
    assert listeners.add(("127.0.0.1", 7000), HERE)
    assert not listeners.add(("127.0.0.1", 7000), HERE)

    def told(but: Address) -> list[int]:
        listeners.tell(write("/a", "", []), but)
        ports, wire.sent = [to[1] for to, _, _ in wire.sent], []
        return ports

    assert told(("192.168.1.5", 44444)) == [53000, 7000]  # a tablet sends from any port
    assert told(HERE) == [9001, 53000]
    assert told(("127.0.0.1", 53000)) == [9001, 7000]
    now[0] = LISTEN_SECONDS - 1
    assert not listeners.add(("127.0.0.1", 7000), HERE)
    now[0] = LISTEN_SECONDS + 1
    assert 7000 in told(("10.0.0.1", 1))
    now[0] = 2 * LISTEN_SECONDS
    assert told(("10.0.0.1", 1)) == [9001, 53000]
    for port in range(1, 31):
        listeners.add(("127.0.0.1", port), HERE)
    with pytest.raises(UserError, match="too many"):
        listeners.add(("127.0.0.1", 99), HERE)


def teller() -> tuple[Teller, Sent, Loop]:
    wire, loop = Sent(), Loop()
    one = Teller(Listeners(wire, [HERE]), loop)  # type: ignore[arg-type]
    one.names, one.methods = ["Flute", "Cello"], methods({"controls": [], "actions": []})
    return one, wire, loop


def test_notes_are_told_with_their_instruments() -> None:
    one, wire, _ = teller()
    notes = (
        Note("key", 0, 0, 60, 80, 0),
        Note("on", 0, 0, 60, 80, 0),
        Note("move", 9, 1, 60, 80, 0, source=0),
        Note("off", 20, 1, 60, 0, 0),
        Note("on", 20, -2, 72, 90, 0),
        Note("on", 20, -1, 50, 91, 0),
    )
    one.hear(Batch(0, 1, notes=notes, news=("hello",)), {})
    assert wire.take() == [
        ("/ripieno/played", [60, 80]),
        ("/ripieno/note", ["Flute", 60, 80, True]),
        ("/ripieno/note", ["Flute", 60, 0, False]),
        ("/ripieno/note", ["Cello", 60, 80, True]),
        ("/ripieno/note", ["Cello", 60, 0, False]),
        ("/ripieno/note", ["voice", 72, 90, True]),
        ("/ripieno/note", ["thru", 50, 91, True]),
        ("/ripieno/news", ["hello"]),
    ]


def test_notes_end_by_the_names_that_they_began_with_and_at_a_panic() -> None:
    one, wire, _ = teller()
    held = (Note("on", 0, 1, 48, 80, 0), Note("on", 0, 0, 72, 80, 0), Note("on", 0, -2, 76, 80, 0))
    one.hear(Batch(0, 1, notes=held), {})
    wire.take()
    one.grow({}, ["Soprano", "Bass"], {})  # another song, and what sounds goes on
    one.hear(Batch(0, 2, notes=(Note("on", 9, 1, 48, 80, 0), Note("off", 9, 1, 48, 0, 0))), {})
    one.hear(Batch(0, 2, notes=(Note("off", 9, 1, 48, 0, 0), Note("off", 9, 1, 48, 0, 0)), status={"sounding": 1}), {})
    assert wire.take() == [
        ("/ripieno/note", ["Bass", 48, 80, True]),
        ("/ripieno/note", ["Cello", 48, 0, False]),
        ("/ripieno/note", ["Bass", 48, 0, False]),
    ]
    one.hear(Batch(0, 2, status={"sounding": 0}), {})  # the voice's notes are none of the engine's
    assert wire.take() == [("/ripieno/note", ["Flute", 72, 0, False])]
    one.hear(Batch(0, 2, notes=(Note("off", 9, 0, 72, 0, 0),), status={"sounding": 0}), {})
    assert wire.take() == []


def test_where_two_change_at_once_all_are_told_how_it_stands_at_rest() -> None:
    """One may have sent its value before it heard of the other's."""
    one, wire, loop = teller()
    level = {"path": "level", "title": "", "help": "", "what": "", "type": "number", "whole": True, "low": 0, "high": 9}
    one.methods = methods({"controls": [level], "actions": []})
    ours = f"osc:{HERE[0]}:{HERE[1]}"

    def change(value: int, origin: str) -> None:
        one.hear(Batch(0, 1, changes=(Change("level", value, origin, 1),)), {"level": value})

    change(1, ours)
    change(2, ours)
    assert not wire.take()
    assert not loop.later  # nobody else has changed it
    change(3, "page:1")
    change(4, ours)
    change(5, ours)
    assert wire.take() == [("/ripieno/level", [3])]
    loop.go()
    assert wire.take() == [("/ripieno/level", [5])]
    assert not loop.later
    loop.now += 1
    change(6, "page:1")
    loop.now += 0.1
    change(7, "learn")
    assert wire.take() == [("/ripieno/level", [6]), ("/ripieno/level", [7])]
    assert not loop.later  # these are told of all


def test_songs_are_told() -> None:
    one, wire, _ = teller()
    songs = {"title": "Nocturne", "list": [{"title": "Nocturne", "state": "ready"}, {"title": "♪", "state": "failed"}]}
    one.hear(Batch(0, 1, status={"preset": "Trio", "songs": songs}), {})
    assert wire.take() == [("/ripieno/title", ["Nocturne"]), ("/ripieno/titles", ["Nocturne", "♪"])]
    one.hear(Batch(0, 1, status={"preset": "Trio"}), {})  # no set list
    assert wire.take() == [("/ripieno/title", ["Trio"])]


def test_the_plan_is_told_as_it_grows_and_is_taken_back() -> None:
    one, wire, _ = teller()
    first, second = PlannedNote(4800, 9600, 0, 60, 80), PlannedNote(9600, 14400, 1, 48, 70)
    one.hear(Batch(0, 1, plan=(first, second), now=(0, 48000)), {})
    assert wire.take() == [
        ("/ripieno/plan", ["Flute", 60, 80, 0.1, 0.1]),
        ("/ripieno/plan", ["Cello", 48, 70, 0.2, 0.1]),
    ]
    one.hear(Batch(0, 1, plan=(first, second), now=(480, 48000)), {})
    assert wire.take() == []
    one.hear(Batch(0, 1, plan=(), now=(4800, 48000)), {})
    assert wire.take() == [("/ripieno/unplan", ["Cello", 48, 0.1])]  # the first sounds already


def test_what_is_heard_and_beats_are_told() -> None:
    one, wire, loop = teller()
    clock = {"rolling": True, "bpm": 120.0, "position": 3.9, "source": "internal"}
    one.hear(Batch(0, 1, status={"chord": "Am", "key": "", "load": 0.25, "late": 0, "xruns": 0, "clock": clock}), {})
    assert wire.take() == [
        ("/ripieno/chord", ["Am"]),
        ("/ripieno/key", [""]),
        ("/ripieno/rolling", [True]),
        ("/ripieno/bpm", [120.0]),
        ("/ripieno/load", [0.25]),
        ("/ripieno/late", [0]),
        ("/ripieno/xruns", [0]),
    ]
    assert loop.later[0][0] == pytest.approx(0.05)
    loop.go()
    assert wire.take() == [("/ripieno/beat", [4, 120.0])]
    one.hear(Batch(0, 1, status={"chord": "Am", "clock": clock | {"position": 3.99}}), {})
    assert not loop.later  # it has been told
    one.hear(Batch(0, 1, status={"chord": "F", "clock": clock | {"position": 4.2}}), {})
    assert not loop.later  # another status comes before the next
    assert wire.take() == [("/ripieno/chord", ["F"])]
    assert one.value("chord") == write("/ripieno/chord", "s", ["F"])
    assert one.value("load") is None
    one.hear(Batch(0, 1, status={"clock": clock | {"position": 4.9, "rolling": False}}), {})
    assert not loop.later


def test_origins_are_addresses() -> None:
    assert sender_of(origin(AWAY)) == AWAY
    assert sender_of("page:3") is None
    assert sender_of("") is None
