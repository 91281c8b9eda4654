"""The voice on a real JACK server: what another client records of it is what the off-line driver renders."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from needs import lack, needs
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.native.drivers import DriverError, JackDriver
from ripieno.native.engine import Engine, Event, Rig, Sound, run_offline
from ripieno.native.probe import JackProbe
from ripieno.native.singer import SingerShape, SingerWeights, TowerShape
from ripieno.native.singing import Singing, SingingConfig

needs("jackd")

DATA = np.load(Path(__file__).parent / "data" / "singer_torch.npz")
ARRAYS = {name.removeprefix("array."): DATA[name] for name in DATA.files if name.startswith("array.")}
HEADS = [int(one) for one in DATA["config.windows"]]
RATE, PERIOD, BLOCK = 48_000, 128, 768
SCRIPT = [(i * 12_001, 0, bytes([0x90 - 16 * (i % 2), 60 + i // 2 % 5, 80])) for i in range(8)]
FADE = 15 * RATE // 1000


@pytest.fixture(scope="module")
def server() -> Iterator[DummyServer]:
    with DummyServer(period=PERIOD) as one:
        yield one


@pytest.fixture(scope="module")
def weights() -> SingerWeights:
    return SingerWeights(ARRAYS, SingerShape(TowerShape(*HEADS[:2]), TowerShape(*HEADS[2:])))


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Poll until it holds; the time is only there to fail in the end."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.005)


class Hall:
    """A driver with a voice, a probe that plays to it, a probe that hears its sound and its line."""

    def __init__(self, weights: SingerWeights, stack: ExitStack) -> None:
        self.driver = stack.enter_context(closing(JackDriver("hall", ["in"], ["out", "melody"], ["voice"])))
        self.player = stack.enter_context(closing(JackProbe("player", [], ["out"], SCRIPT)))
        ear = JackProbe("ear", ["melody"], [], audio_inputs=["left"], audio_frames=20 * RATE)
        self.ear = stack.enter_context(closing(ear))
        for client in (self.driver, self.player, self.ear):
            client.open()
        self.singing = stack.enter_context(closing(Singing(weights, SingingConfig(RATE, parameters={"mode": 1}))))
        self.singing.start()
        self.engine = stack.enter_context(Engine(RATE, 1, 2, audios=1))
        stack.callback(self.driver.close)  # before the engine is freed
        self.engine.load(Rig("thru", singing=self.singing, singing_port=1))
        self.driver.start(self.engine)
        for client in (self.player, self.ear):
            client.start()
        self.player.connect("player:out", "hall:in")
        self.ear.connect("hall:melody", "ear:melody")
        assert self.driver.connect_audio("ear:left") == "ear:left"
        wait_for(lambda: self.singing.stats().blocks > 0, "it listens")

    @property
    def disturbed(self) -> bool:
        """The machine was too late for its server, or for the voice."""
        return bool(self.driver.state().xruns or self.singing.stats().late)

    def play(self) -> None:
        """The script, until its last note has been sung."""
        self.player.go()
        wait_for(lambda: self.player.done, "the script was played")
        last = self.player.sent()[-1][0] + RATE
        wait_for(lambda: self.ear.first_frame + len(self.ear.sound()) > last, "it was recorded")

    def rehearse(self) -> tuple[list[Event], NDArray[np.float32], int]:
        """The same off line, from the block on with which the voice began: its line, its sound, and its first frame."""
        first = next(one for one in self.singing.poll() if one.kind == "block").block * BLOCK
        config = SingingConfig(RATE, synchronous=True, parameters={"mode": 1})
        sound, until = Sound(), self.player.sent()[-1][0] + RATE
        with closing(Singing(self.singing.weights, config)) as singing, Engine(RATE, 1, 2, audios=1) as engine:
            engine.load(Rig("thru", singing=singing, singing_port=1))
            sent = run_offline(engine, self.player.sent(), until, from_frame=first, sound=sound)
        return [(frame, 0, data) for frame, port, data in sent if port == 1], sound.samples()[:, 0], first


def test_what_is_heard_is_what_is_rehearsed(server: DummyServer, weights: SingerWeights) -> None:
    for _ in range(8):
        with ExitStack() as stack:
            hall = Hall(weights, stack)
            hall.play()
            if hall.disturbed:
                continue
            line, sound, first = hall.rehearse()
            assert len(line) > 20
            last = first + len(sound)
            assert [event for event in hall.ear.received() if event[0] < last] == line
            recorded, begin = hall.ear.sound(), hall.ear.first_frame
            assert recorded.any()
            skip = max(first - begin, 0)
            heard = recorded[skip : last - begin]
            expected = sound[begin + skip - first :]
            np.testing.assert_array_equal(heard, expected)
            return
    lack("a machine quick enough for a JACK server: it had xruns every time (real-time priority helps)")


def test_it_ends_without_a_click_and_the_port_is_silent(server: DummyServer, weights: SingerWeights) -> None:
    with ExitStack() as stack:
        hall = Hall(weights, stack)
        hall.play()
        usual = np.abs(np.diff(hall.ear.sound())).max()
        hall.engine.panic()
        wait_for(lambda: not hall.singing.stats().sounding, "it has faded")
        before = len(hall.ear.sound())
        wait_for(lambda: len(hall.ear.sound()) > before + 4 * PERIOD, "some cycles of silence")
        sound = hall.ear.sound()
        assert hall.disturbed or np.abs(np.diff(sound)).max() <= 1.5 * usual
        assert not sound[before + PERIOD :].any()
        assert hall.driver.stop()


def test_audio_ports_are_shown_and_found(server: DummyServer, weights: SingerWeights) -> None:
    with closing(JackDriver("loud", ["in"], ["out"], ["left", "right"])) as driver:
        driver.open()
        assert driver.ports == ["loud:in", "loud:out", "loud:left", "loud:right"]
        ours = {port.name for port in driver.list_ports(audio=True) if port.ours}
        assert ours == {"loud:left", "loud:right"}
        assert driver.speakers() == ["system:playback_1", "system:playback_2"]
        with pytest.raises(DriverError, match=r"no audio destination has 'moon' in its name; there are: system:play"):
            driver.connect_audio("moon")
        with pytest.raises(DriverError, match="0 audio input and 17 audio output ports: at most 16 each"):
            JackDriver("x", [], [], [str(n) for n in range(17)])
