"""Devices that go and come back, on a real JACK server: each to its place, while music is played, and nobody else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from needs import needs
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.native.drivers import JackClient, JackDriver
from ripieno.native.engine import Engine, Event, Rig
from ripieno.native.links import GRACE
from ripieno.native.probe import JackProbe

needs("jackd")

LONG = os.environ.get("RIPIENO_LONG") == "1"
REPLUGS, RESTARTS = (100, 10) if LONG else (4, 2)
HELD: list[Event] = [(0, 0, b"\x90\x3c\x50"), (0, 0, b"\xb0\x40\x7f")]
NOTE: list[Event] = [(0, 0, b"\x90\x40\x50"), (60, 0, b"\x80\x40\x00")]


@pytest.fixture
def server() -> Iterator[DummyServer]:
    with DummyServer(period=128, synchronous=True) as one:
        yield one


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Poll until it holds; the time is only there to fail in the end."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.005)


class House:
    """A driver that plays through, and devices around it by name."""

    def __init__(self, audios: bool = False) -> None:
        sound = (["left"], ["left-in"]) if audios else ([], [])
        self.driver = JackDriver("house", ["in"], ["out"], *sound)
        self.driver.open()
        self.engine = Engine(48_000, audios=len(sound[0]), audio_inputs=len(sound[1]))
        self.engine.load(Rig("thru"))
        self.driver.start(self.engine)
        self.news: list[str] = []
        self.devices: dict[str, JackClient] = {}

    def close(self) -> None:
        for name in list(self.devices):
            self.pull(name)
        self.driver.close()
        self.engine.close()

    def plug(self, name: str, script: list[Event] | None = None) -> JackProbe:
        """A device with a port that plays and one that listens, for MIDI and for sound."""
        sound = {"audio_inputs": ["sound-in"], "audio_outputs": ["sound-out"]}
        device = JackProbe(name, ["in"], ["out"], script or [], **sound)
        self.devices[name] = device
        device.open()
        device.start()
        return device

    def pull(self, name: str) -> None:
        self.devices.pop(name).close()

    def tend(self) -> None:
        self.news += self.driver.tend()

    def settle(self, condition: Callable[[], object], what: str) -> None:
        """Look after the devices until it holds."""

        def holds() -> bool:
            self.tend()
            return bool(condition())

        wait_for(holds, what)

    def heard(self, name: str) -> list[bytes]:
        device = self.devices[name]
        assert isinstance(device, JackProbe)
        return [data for _, _, data in device.received()]


@pytest.fixture
def house(server: DummyServer) -> Iterator[House]:
    with closing(House()) as one:
        yield one


def sounding(messages: list[bytes]) -> set[tuple[int, int]]:
    """(status without its channel, number) of what is held."""
    held: set[tuple[int, int]] = set()
    for data in messages:
        kind = data[0] & 0xF0
        if kind in (0x80, 0x90):
            (held.add if kind == 0x90 and data[2] else held.discard)((0x90, data[1]))
        elif kind == 0xB0 and data[1] == 64:
            (held.add if data[2] else held.discard)((kind, data[1]))
    return held


def test_a_keyboard_goes_and_comes_while_it_is_held(house: House) -> None:
    house.plug("synth")
    house.plug("keyboard 2")  # much like it, and free all the time
    house.driver.connect_out("synth:in")
    house.plug("keyboard", HELD)
    house.driver.connect_in("keyboard:out")
    for _ in range(REPLUGS):
        before = len(house.heard("synth"))
        keyboard = house.devices["keyboard"]
        assert isinstance(keyboard, JackProbe)
        keyboard.go()
        wait_for(lambda before=before: len(house.heard("synth")) >= before + len(HELD), "it is heard")  # type: ignore[misc]
        house.pull("keyboard")
        wait_for(lambda: not sounding(house.heard("synth")), "what it held is released")
        house.plug("keyboard", HELD)
        house.settle(lambda: house.driver.connected("keyboard:out", "house:in"), "it has its place again")
        assert not house.driver.connected("keyboard 2:out", "house:in")
    assert house.driver.links.restored == REPLUGS
    assert house.news == ["keyboard:out is connected"] * REPLUGS


def test_a_synth_goes_and_comes(house: House) -> None:
    keyboard = house.plug("keyboard", [(frame * 480, port, data) for frame in range(4000) for _, port, data in NOTE])
    house.driver.connect_in("keyboard:out")
    house.plug("synth")
    house.driver.connect_out("synth:in")
    keyboard.go()
    for _ in range(REPLUGS):
        house.pull("synth")
        house.plug("synth")
        house.settle(lambda: len(house.heard("synth")) > 2, "it plays again")
    assert house.driver.links.restored == REPLUGS


def test_what_somebody_connected_by_hand_comes_back(house: House) -> None:
    with closing(JackClient("patchbay", [], [])) as patchbay:
        patchbay.open()
        house.plug("synth")
        patchbay.connect("house:out", "synth:in")
        house.settle(lambda: house.driver.links.links, "it is noticed")
        for _ in range(REPLUGS):
            house.pull("synth")
            house.plug("synth")
            house.settle(lambda: house.driver.connected("house:out", "synth:in"), "it has its place again")
        patchbay.disconnect("house:out", "synth:in")  # and on purpose
        house.settle(lambda: not house.driver.links.links, f"after {GRACE} s it is forgotten")
        house.pull("synth")
        house.plug("synth")
        house.plug("another")
        house.driver.connect_out("another")
        house.settle(lambda: house.driver.connected("house:out", "another:in"), "others are looked after")
        assert not house.driver.connected("house:out", "synth:in")


def test_sound_has_its_places_too(server: DummyServer) -> None:
    with closing(House(audios=True)) as house:
        house.plug("card")
        house.driver.connect_audio("card:sound-in")
        house.driver.connect_audio_in("card:sound-out")
        for _ in range(REPLUGS):
            house.pull("card")
            house.plug("card")
            house.settle(
                lambda: (
                    house.driver.connected("house:left", "card:sound-in")
                    and house.driver.connected("card:sound-out", "house:left-in")
                ),
                "both are there again",
            )
        assert house.driver.links.restored == 2 * REPLUGS


@pytest.mark.parametrize("kill", [False, True])
def test_a_server_that_restarts_finds_all_in_place(kill: bool) -> None:
    with DummyServer(period=128, synchronous=True) as server, ExitStack() as stack:
        house = stack.enter_context(closing(House(audios=True)))
        house.plug("synth")
        house.plug("keyboard", HELD)
        house.driver.connect_in("keyboard:out")
        house.driver.connect_audio("system:playback_1")
        house.devices["synth"].connect("house:out", "synth:in")  # by hand
        house.settle(lambda: len(house.driver.links.links) == 3, "all three are known")
        for _ in range(RESTARTS):
            server.end(kill)
            wait_for(lambda: not house.driver.state().alive, "the driver sees it")
            for name in ("synth", "keyboard"):
                house.pull(name)
            house.tend()
            server.start()
            house.settle(lambda: house.driver.state().alive, "the driver is back")
            house.plug("synth")
            keyboard = house.plug("keyboard", HELD)
            house.settle(
                lambda: (
                    house.driver.connected("house:out", "synth:in")
                    and house.driver.connected("keyboard:out", "house:in")
                    and house.driver.connected("house:left", "system:playback_1")
                ),
                "everything is in its place",
            )
            keyboard.go()
            wait_for(lambda: len(sounding(house.heard("synth"))) == len(HELD), "it plays")
        house.pull("keyboard")
        wait_for(lambda: not sounding(house.heard("synth")), "nothing is stuck")


def test_a_device_that_comes_is_told_of_at_once(house: House) -> None:
    """Whoever runs the driver looks after it as soon as that says so, and at nothing meanwhile."""
    house.plug("keyboard")
    house.driver.connect_in("keyboard:out")
    wait_for(lambda: house.tend() or not house.driver.stirred, "it is quiet")
    house.pull("keyboard")
    wait_for(lambda: house.driver.stirred, "it is told that one went")
    house.tend()
    house.plug("keyboard")
    wait_for(
        lambda: (house.driver.stirred and house.tend()) or house.driver.connected("keyboard:out", "house:in"),
        "it is connected by nothing else",
    )


def test_what_we_undo_ourselves_is_forgotten(house: House) -> None:
    house.plug("synth")
    house.driver.connect_out("synth:in")
    house.driver.disconnect("house:out", "synth:in")
    assert house.driver.links.links == []


def test_a_port_of_ours_may_leave_later(house: House) -> None:
    house.plug("synth")
    keyboard = house.plug("keyboard", NOTE)
    house.driver.connect_out("synth:in")
    house.driver.connect_in("keyboard:out")
    house.engine.shift_port(0, 1000)
    keyboard.go()
    wait_for(lambda: len(house.heard("synth")) == len(NOTE), "it is heard")
    synth = house.devices["synth"]
    assert isinstance(synth, JackProbe)
    if house.driver.state().xruns == 0:
        late = [there[0] - here[0] for here, there in zip(keyboard.sent(), synth.received(), strict=True)]
        assert late == [1000, 1000]
