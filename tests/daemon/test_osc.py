"""A performance that speaks OSC: what is sent to it, what it tells, and that nothing sent to it does harm."""

import asyncio
import os
import random
import socket
import struct
import subprocess
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mido
import pytest
from command import ripieno
from performing import look_until, performing, silence
from speaking import AWAY, FAST, HERE, LEVEL, ON, QUARTET, Loop, Other, speaking
from stage import name_of

from needs import needs
from ripieno.daemon.commands.run import _osc
from ripieno.daemon.errors import UserError
from ripieno.daemon.remote.desk import Batch, Change
from ripieno.daemon.remote.osc import MOST_BATCHES, Osc
from ripieno.daemon.remote.osc_in import MOST_WAITING, Inbox, Refusals, Wish, Wishes
from ripieno.daemon.remote.osc_packet import Malformed, Message, read, write
from ripieno.daemon.remote.osc_ports import Wire, address_of
from ripieno.daemon.remote.osc_tree import methods

PACKETS = 1_000_000 if os.environ.get("RIPIENO_LONG") else 20_000


# ---- a performance ----


def test_controls_are_set_and_asked_for_with_their_types(tmp_path: Path) -> None:
    with speaking(tmp_path) as (performance, _, (one, _)):
        one.send(LEVEL)
        one.hear_until((LEVEL, [100]))
        for tags, argument, stands in (("i", 64, 64), ("f", 65.0, 65), ("d", 66.0, 66), ("h", 67, 67)):
            one.send(LEVEL, tags, argument)
            look_until(performance, lambda stands=stands: performance.desk.values[LEVEL[9:]] == stands, LEVEL)
        for tags, argument, stands in (("F", False, False), ("i", 1, True), ("f", 0.0, False), ("T", True, True)):
            one.send(ON, tags, argument)
            look_until(performance, lambda stands=stands: performance.desk.values[ON[9:]] is stands, ON)
        one.send(ON)
        one.hear_until((ON, [True]))
        one.send("/ripieno/chord")
        one.hear_until(("/ripieno/chord", [""]))


def test_who_sent_it_is_told_only_where_it_stands_otherwise(tmp_path: Path) -> None:
    with speaking(tmp_path, known=2) as (_, _, (one, other)):
        one.settled(), other.settled()
        one.send(LEVEL, "i", 64)
        other.hear_until((LEVEL, [64]))
        assert (LEVEL, [64]) not in one.settled()
        one.send(LEVEL, "f", 63.7)
        one.hear_until((LEVEL, [64]))
        one.send(LEVEL, "f", 12.0)
        other.hear_until((LEVEL, [12]))
        assert not [told for told in one.settled() if told[0] == LEVEL and told[1] != [64]]


def test_patterns_reach_all_and_actions_are_done(tmp_path: Path) -> None:
    with speaking(tmp_path) as (performance, _, (one, _)):
        ready = performance.current
        assert ready
        one.send("/ripieno/players/violin-*/on", "F", False)
        look_until(performance, lambda: ready.enabled == [False, False, True, True], "both violins are off")
        one.send("/ripieno/players/*/on")
        one.hear_until((ON, [True]), ("/ripieno/players/violin-1/on", [False]))
        for tags, arguments in (("f", [0.0]), ("", []), ("I", [True])):
            packet = write("/ripieno/record", tags.replace("I", "T"), arguments)
            one.socket.sendto(packet.replace(b",T", b",I") if tags == "I" else packet, one.to)
        why = "nothing is recorded: begin with --recordings FOLDER, or --record"
        told = one.settled()
        while len([each for each in told if each == ("/ripieno/error", ["/ripieno/record", why])]) < 2:
            told += one.settled()
        assert len([each for each in told if each[0] == "/ripieno/error"]) == 2  # a button let go does nothing


def test_what_cannot_be_is_told_to_who_asked_and_to_the_player(tmp_path: Path) -> None:
    with speaking(tmp_path) as (performance, osc, (one, other)):
        one.send(LEVEL, "i", 128)
        one.send(LEVEL, "s", "loud")
        one.send(ON, "f", 0.5)
        one.send("/ripieno/players/viola/lvl", "i", 1)
        one.send("/ripieno/chord", "s", "Am")
        one.send("/elsewhere", "i", 1)
        one.send("/ripieno/listen", "i", 99999)
        one.send(LEVEL, "N", None)
        one.send("/ripieno/error", "ss", "/a", "b")  # another Ripieno's
        look_until(
            performance, lambda: len([each for each in one.hear() if each[0] == "/ripieno/error"]) == 8, "errors"
        )
        errors = dict(map(tuple, (each[1] for each in one.told if each[0] == "/ripieno/error")))  # type: ignore[arg-type]
        assert "is neither true nor false" in errors[ON]
        assert "there is no such address" in errors["/ripieno/players/viola/lvl"]
        assert "can be read, not set" in errors["/ripieno/chord"]
        assert "begin with /ripieno" in errors["/elsewhere"]
        assert "a port" in errors["/ripieno/listen"]
        assert performance.desk.revision == 0
        assert not other.hear()

        def told() -> list[str]:
            return [text for text in performance.news if text.startswith("OSC: ")]

        look_until(performance, lambda: len(told()) == 2, "one of each kind")
        one.settled()
        assert len(told()) == 2  # for a minute
        assert osc.speaker.refusals.counts.total() >= 8 + 1


def test_who_listens_is_told_of_everything(tmp_path: Path) -> None:
    chord = [mido.Message("note_on", note=note, velocity=70) for note in (48, 55, 64, 72)]
    ended = [mido.Message("note_off", note=note, time=240) for note in (48, 55, 64, 72)]
    with speaking(tmp_path, *[*chord, *ended] * 60, known=1) as (performance, _, (known, asks)):
        known.hear_until(("/ripieno/played", [48, 70]), ("/ripieno/note", ["Cello", 48, 70, True]))
        known.hear_until(("/ripieno/note", ["Cello", 48, 0, False]), ("/ripieno/chord", ["C"]), (LEVEL, [100]))
        asks.send("/ripieno/listen")
        asks.hear_until((LEVEL, [100]), (ON, [True]), ("/ripieno/note", ["Cello", 48, 70, True]))
        performance.desk.set(LEVEL[9:], 7, "page:1")
        known.hear_until((LEVEL, [7]))
        asks.hear_until((LEVEL, [7]))
        asks.send("/ripieno/unlisten")
        asks.settled()
        performance.desk.set(LEVEL[9:], 8, "page:1")
        known.hear_until((LEVEL, [8]))
        assert asks.settled() == []


@pytest.mark.parametrize("preset", ["string-quartet", "thru"])
def test_a_panic_ends_what_sounds(tmp_path: Path, preset: str) -> None:
    keys = [mido.Message("note_on", note=40 + n, velocity=70, time=960) for n in range(60)]  # one a second, held
    with performing(silence(tmp_path / "song.mid", *keys), [preset]) as performance:
        one = Other(performance)
        osc = Osc(0, [one.address])
        one.to = osc.osc_address
        osc.begin(performance)

        def begun() -> list[list[Any]]:
            return [told for address, told in one.hear() if address == "/ripieno/note" and told[3]]

        look_until(performance, begun, "a note is told")
        name, pitch, *_ = begun()[0]
        assert (name == "thru") == (preset == "thru")
        one.settled()
        one.send("/ripieno/panic")
        one.hear_until(("/ripieno/note", [name, pitch, 0, False]))
        osc.end()
        one.socket.close()


def test_liblo_is_understood_and_understands(tmp_path: Path) -> None:
    needs("oscsend", "oscdump")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with speaking(tmp_path) as (performance, osc, (one, _)):
        one.settled()
        line = ["stdbuf", "-oL", "oscdump", str(port)]
        with open(tmp_path / "dump", "w") as out, subprocess.Popen(line, stdout=out) as dump:

            def told(words: str) -> bool:
                for message in (("/ripieno/unlisten", "i", port), ("/ripieno/listen", "i", port)):
                    subprocess.run(["oscsend", "127.0.0.1", str(osc.osc_address[1]), *map(str, message)], check=True)
                return words in (tmp_path / "dump").read_text()

            look_until(performance, lambda: told(f"{LEVEL} i 100"), "all is told")
            for message in ((LEVEL, "f", "12.7"), ("/ripieno/players/vio*/on", "F")):
                subprocess.run(["oscsend", "127.0.0.1", str(osc.osc_address[1]), *message], check=True)
            look_until(performance, lambda: performance.desk.values[ON[9:]] is False, "it is set")
            look_until(performance, lambda: told(f"{LEVEL} i 13") and told(f"{ON} F"), "it is told")
            dump.terminate()


def test_another_song_is_told_whole(tmp_path: Path) -> None:
    with performing(silence(tmp_path / "song.mid"), [*QUARTET, "choir"], FAST) as performance:
        one = Other(performance)
        osc = Osc(0, [one.address])
        one.to = osc.osc_address
        osc.begin(performance)
        one.hear_until(("/ripieno/song", [1]), (LEVEL, [100]))
        one.send("/ripieno/next")
        one.hear_until(("/ripieno/song", [2]), ("/ripieno/players/tenor/on", [True]), ("/ripieno/title", ["Choir"]))
        one.send("/ripieno/song", "s", "String quartet")
        one.hear_until(("/ripieno/song", [1]), ("/ripieno/title", ["String quartet"]))
        one.send("/ripieno/song", "s", "Choir")
        one.hear_until(("/ripieno/titles", ["String quartet", "Choir"]))
        one.send("/ripieno/tree")
        row = ["/ripieno/players/tenor/on", "T", 3, "Whether Tenor plays.", "true or false"]
        one.hear_until(("/ripieno/tree", row))
        osc.end()
        one.socket.close()


def test_a_bundle_is_done_whole_or_not_at_all(tmp_path: Path) -> None:
    def bundle(*elements: bytes) -> bytes:
        return b"#bundle\0" + struct.pack(">Q", 1) + b"".join(struct.pack(">i", len(one)) + one for one in elements)

    good, bad = write(LEVEL, "i", [1]), write(LEVEL, "i", [2])[:-2]
    with speaking(tmp_path) as (performance, osc, (one, _)):
        one.socket.sendto(bundle(good, bad), one.to)
        look_until(performance, lambda: osc.speaker.refusals.counts["a packet that is none"] == 1, "the refusal")
        one.settled()
        assert performance.desk.values[LEVEL[9:]] == 100
        one.socket.sendto(bundle(good, write(ON, "F", [False])), one.to)
        look_until(performance, lambda: performance.desk.values[ON[9:]] is False, "both")
        assert performance.desk.values[LEVEL[9:]] == 1


def malformed(count: int) -> Iterator[bytes]:
    """Packets that are none, though some are near."""
    chance = random.Random(3)
    near = [write(LEVEL, "i", [5]), write(ON, "F", [False]), write("/ripieno/players/*/on", "F", [False])]
    while count:
        if chance.random() < 0.5:
            packet = chance.randbytes(chance.randrange(300))
        else:
            packet = bytearray(chance.choice(near))
            for _ in range(chance.randint(1, 4)):
                packet[chance.randrange(len(packet))] = chance.randrange(256)
        try:
            read(bytes(packet))
        except Malformed:
            count -= 1
            yield bytes(packet)


def test_malformed_packets_change_nothing(tmp_path: Path) -> None:
    with speaking(tmp_path) as (performance, osc, (one, _)):
        one.settled()
        before, counts, none = dict(performance.desk.values), osc.speaker.refusals.counts, "a packet that is none"
        for sent, packet in enumerate(malformed(PACKETS), 1):
            one.socket.sendto(packet, one.to)
            if sent % 64 == 0:  # the system holds so many
                look_until(performance, lambda sent=sent: counts[none] >= sent, "all were refused")
        look_until(performance, lambda: counts[none] == PACKETS, "all were refused")
        assert set(counts) == {none, "a message that means nothing here"}  # which `settled` asked
        assert one.settled() == []  # nobody is answered, and it goes on
        assert dict(performance.desk.values) == before
        assert performance.desk.revision == 0


def test_a_flood_ends_with_what_was_sent_last(tmp_path: Path) -> None:
    with speaking(tmp_path, known=2) as (performance, _, (one, other)):
        one.settled()
        for n in range(5000):
            one.send(LEVEL, "i", n % 100)
        told = one.settled()  # answered although so much waits, some of which the system may have dropped
        one.send(LEVEL, "i", 127)
        other.hear_until((LEVEL, [127]))
        assert performance.desk.values[LEVEL[9:]] == 127
        assert not [each for each in told if each[0] == "/ripieno/error"]


def test_who_has_no_time_keeps_only_so_much_and_tells_all_anew(tmp_path: Path) -> None:
    with speaking(tmp_path, known=1) as (performance, osc, (one, _)):
        one.settled()
        speaker, go_on = osc.speaker, threading.Event()
        speaker._loop.call_soon_threadsafe(go_on.wait, 60)
        news = {0: ("the first",), MOST_BATCHES: ("the last",)}
        for n in range(MOST_BATCHES + 1):
            speaker._hear(Batch(n, speaker._grown, news=news.get(n, ())))
        assert len(speaker._batches) == MOST_BATCHES
        go_on.set()
        one.hear_until((LEVEL, [100]), ("/ripieno/news", ["the last"]))
        assert ("/ripieno/news", ["the first"]) not in one.settled()
        assert performance.desk.values[LEVEL[9:]] == 100


# ---- in turns ----


def refusals() -> Refusals:
    return Refusals(lambda text: None)


def test_who_sends_too_much_waits_and_others_have_their_turn() -> None:
    loop, done, refused = Loop(), list[str](), refusals()
    inbox = Inbox(loop, refused, lambda message, sender: done.append(message.address))  # type: ignore[arg-type]
    taken = [inbox.put(write("/a", "", []), HERE) for _ in range(MOST_WAITING + 2)]
    assert taken[-3:] == [True, False, False]
    assert refused.counts == {"more packets than can be looked at": 2}
    assert not loop.later  # until what they ask for can be done
    inbox.begin()
    loop.go()
    assert 0 < len(done) < 20
    rest = loop.later[0][0] - loop.now
    assert 0.003 < rest < 0.02
    while loop.later:
        loop.go()
    assert len(done) == MOST_WAITING


def test_panic_waits_for_nobody() -> None:
    loop, done, refused, desk = Loop(), list[str](), refusals(), SlowDesk()
    inbox = Inbox(loop, refused, lambda message, sender: done.append(message.address))  # type: ignore[arg-type]
    for _ in range(1000):
        inbox.put(write(LEVEL, "i", [5]), HERE)
    inbox.put(write("/ripieno/panic", "", []), HERE)
    inbox.begin()
    loop.go()
    assert done[0] == "/ripieno/panic"
    wishes = Wishes(desk, loop, refused, lambda wish, outcome: None)  # type: ignore[arg-type]
    known = methods({"controls": [], "actions": []})["chord"]
    for n in range(1000):
        wishes.add(Wish(known, "fader", HERE, False, n))
    wishes.add(Wish(known, "panic", HERE, True))
    assert desk.asked[-1][0] == "panic"


def test_bundles_wait_for_their_moment() -> None:
    loop, done, refused = Loop(), list[Message](), refusals()
    inbox = Inbox(loop, refused, lambda message, sender: done.append(message))  # type: ignore[arg-type]
    inbox.begin()
    now = time.time()
    for seconds in (-5, 100, 4000):
        tag = int((now + seconds + 2_208_988_800) * 2**32)
        element = write(f"/in/{seconds}", "", [])
        inbox.put(b"#bundle\0" + struct.pack(">Qi", tag, len(element)) + element, HERE)
    while not refused.counts:
        loop.go()
    assert [one.address for one in done] == ["/in/-5"]
    assert refused.counts.total() == 1  # more than an hour from now
    assert len(loop.later) == 1
    assert 50 < loop.later[0][0] - loop.now <= 100
    loop.go()
    assert [one.address for one in done] == ["/in/-5", "/in/100"]


class SlowDesk:
    """Does what it is asked for when it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any, Future[Any]]] = []

    def set(self, path: str, value: Any, origin: str) -> "Future[Any]":
        assert origin == "osc:127.0.0.1:5000"
        self.asked.append((path, value, Future()))
        return self.asked[-1][2]

    def do(self, path: str) -> "Future[Any]":
        return self.set(path, "done", "osc:127.0.0.1:5000")


def test_the_desk_is_asked_for_so_much_at_once_and_the_newest_holds() -> None:
    loop, desk, refused, outcomes = Loop(), SlowDesk(), refusals(), list[Any]()
    wishes = Wishes(desk, loop, refused, lambda wish, outcome: outcomes.append(outcome))  # type: ignore[arg-type]
    known = methods({"controls": [], "actions": []})["chord"]
    for n in range(3000):
        wishes.add(Wish(known, f"fader/{n % 3}", HERE, False, n))
        if n % 1000 == 0:
            wishes.add(Wish(known, "next", HERE, True))
    assert len(desk.asked) == 256
    for done, (path, value, future) in enumerate(desk.asked):  # it grows meanwhile
        assert len(desk.asked) - done <= 256
        future.set_result(Change(path, value, "", done))
        while loop.later:
            loop.go()
    last = {path: value for path, value, _ in desk.asked}
    assert last == {"fader/0": 2997, "fader/1": 2998, "fader/2": 2999, "next": "done"}
    assert [path for path, _, _ in desk.asked].count("next") == 3
    assert len(desk.asked) < 2000
    assert len(outcomes) == len(desk.asked)
    assert not refused.counts


def test_refusals_are_told_once_a_minute_a_kind() -> None:
    now, told = [0.0], list[str]()
    refused = Refusals(told.append, lambda: now[0])
    for _ in range(500):
        refused.add("nonsense", HERE, "why")
    refused.add("noise", HERE)
    assert told == ["OSC: nonsense, from 127.0.0.1:5000: why", "OSC: noise, from 127.0.0.1:5000"]
    now[0] = 61.0
    refused.add("nonsense", AWAY)
    assert told[2:] == ["OSC: nonsense, from 192.168.1.5:5000 (499 more in the last minute)"]
    assert refused.counts == {"nonsense": 501, "noise": 1}


# ---- ports ----


def test_it_hears_this_computer_alone_unless_the_user_says_so() -> None:
    here, all_ = Wire(0, lan=False), Wire(0, lan=True)
    assert (here.address[0], all_.address[0]) == ("127.0.0.1", "0.0.0.0")
    with pytest.raises(UserError, match=rf"port {here.address[1]}, for OSC: .*choose another, with --osc-port"):
        Wire(here.address[1], lan=False)
    assert here.receive() is None
    here.close()
    all_.close()


def test_on_the_lan_only_those_are_heard_whom_the_user_named(tmp_path: Path) -> None:
    with speaking(tmp_path) as (_, osc, (one, _)):
        speaker = osc.speaker
        one.settled()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(speaker._wire, "receive", iter([(write(LEVEL, "i", [3]), AWAY), None]).__next__)
            speaker._read()
        assert speaker.refusals.counts["a packet from a computer that no --osc-to names"] == 1
        assert (LEVEL, [3]) not in one.settled()


@pytest.mark.parametrize("text", ["", "host", ":9000", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        address_of(text)


def test_addresses_and_names() -> None:
    assert address_of("192.168.1.5:9001") == ("192.168.1.5", 9001)
    assert address_of("localhost:9001") == ("127.0.0.1", 9001)


def test_the_command_line() -> None:
    line = ("run", "thru", "--driver", "file", "--name", name_of("osc"))
    assert "is no address" in ripieno(*line, "--osc-to", "tablet", status=2).stderr
    assert "add --osc-to HOST:PORT" in ripieno(*line, "--osc-lan", status=2).stderr
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert f"port {port}, for OSC: " in ripieno(*line, "--osc-port", port, status=1).stderr


def test_without_python_osc_the_music_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ripieno.daemon.remote.osc_ports.find_spec", lambda name: None)
    (lacking,) = _osc(Namespace(osc=True, osc_port=None, osc_to=[], osc_lan=False))
    performance = SimpleNamespace(news=[])
    lacking.begin(performance)  # type: ignore[arg-type]
    assert performance.news == ['no OSC without python-osc: pip install "ripieno[osc]"']
    assert _osc(Namespace(osc=False, osc_port=None, osc_to=[], osc_lan=False)) == []


def test_it_ends_with_the_performance(tmp_path: Path) -> None:
    Osc(0).end()  # before it began
    with speaking(tmp_path) as (_, osc, (one, _)):
        one.settled()
        osc.end()
        osc.end()
    loop = osc.speaker._loop
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert osc._thread
    osc._thread.join(60)
    assert loop.is_closed()


def test_what_could_not_begin_may_begin_again(tmp_path: Path) -> None:
    """As with --wait, where a device is missing at first."""
    osc = Osc(0)
    address = osc.osc_address
    osc.end()  # before it began
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        with performing(silence(tmp_path / folder / "song.mid"), QUARTET, FAST) as performance:
            osc.begin(performance)
            assert osc.osc_address == address
            one = Other(performance, address)
            one.send(LEVEL)
            one.hear_until((LEVEL, [100]))
            one.socket.close()
            osc.end()
