"""The driver portaudio on a sound server with no sound card, which is killed and brought back."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import tiny_singer
from pulse import Ear, PulseServer
from stage import wait_for

from needs import needs
from ripieno.daemon import drivers, presets
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.chains import make_chains
from ripieno.daemon.drivers import PortAudio, portaudio, rtmidi
from ripieno.daemon.drivers.portaudio import Device, Sound
from ripieno.daemon.errors import UserError
from ripieno.daemon.rig import audio_names, build
from ripieno.daemon.singer import singer_model
from ripieno.native.drivers import Clock
from ripieno.native.engine import Engine, Rig
from ripieno.native.probe import JackProbe
from ripieno.native.singing import Singing, SingingConfig

RATE = 48_000
KEY = b"\x90\x43\x50"
DOUBLE = {"mode": 1.0}
LEAD = RATE // 5  # frames: on a busy machine it sings late, and is heard


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_singer.write(tmp_path_factory.mktemp("singer"))


@pytest.fixture
def server() -> Iterator[PulseServer]:
    needs("pulseaudio", "sounddevice")
    with PulseServer() as one:
        portaudio.look_again(portaudio.load())
        yield one


@dataclass
class Voice:
    """A clock whose engine doubles the key that is held, on the MIDI port 1 and on the audio output."""

    clock: Clock
    sound: Sound

    def strike(self) -> None:
        """A key, for the voice."""
        assert self.clock.send(0, 0, KEY)

    def plays(self, pitch: int) -> None:
        """A key goes through at once, whoever runs the engine."""
        assert self.clock.send(0, 0, bytes((0x90, pitch, 80)))
        wait_for(lambda: bytes((0x90, pitch, 80)) in self._left(), f"the key {pitch} goes through")

    def _left(self) -> list[bytes]:
        found = []
        while event := self.clock.receive(0):
            found.append(event[2])
        return found


@contextmanager
def singing(weights: Path) -> Iterator[Voice]:
    """A voice that sings, on no device yet."""
    core = Singing(singer_model(str(weights)).weights, SingingConfig(RATE, lead=LEAD, parameters=DOUBLE))
    clock = Clock(RATE, 64, 1, 2)
    with Engine(RATE, 1, 2, audios=1) as engine:
        engine.load(Rig("thru", singing=core, singing_port=1))
        core.start()
        clock.start(engine)
        sound = Sound(clock, 1)
        try:
            yield Voice(clock, sound)
        finally:
            sound.close()
            clock.stop()
            core.stop()


def told(sound: Sound, *parts: str) -> None:
    """Tend it until it has told news that have all of this in them."""
    news: list[str] = []
    wait_for(lambda: news.extend(sound.tend()) or all(part in " ".join(news) for part in parts), f"news of {parts}")


def hears(ear: Ear, tended: Sound | PortAudio, strike: Callable[[], object]) -> None:
    """Wait until something sounds. Meanwhile a sound server may stumble, and a key struck long ago dies away."""
    looks = 0

    def heard() -> bool:
        nonlocal looks
        if looks % 100 == 0:
            strike()
        looks += 1
        return not tended.tend() and ear.loudest > 0.005

    wait_for(heard, "the voice is heard")


# ---- sound ----


def test_the_voice_sounds_and_comes_back_after_its_device(server: PulseServer, weights: Path) -> None:
    with singing(weights) as voice:
        assert voice.sound.connect("") in [device.name for device in portaudio.devices()]
        voice.plays(67)
        with closing(Ear()) as ear:
            hears(ear, voice.sound, voice.strike)
            assert ear.even  # on both sides
        server.end()
        voice.plays(72)  # MIDI goes on
        told(voice.sound, "went away; MIDI goes on", "no audio output is here; MIDI goes on")
        assert voice.sound.device is None
        voice.plays(60)
        server.start()
        told(voice.sound, "the sound is on")
        with closing(Ear()) as ear:
            hears(ear, voice.sound, voice.strike)
        voice.plays(64)


def test_the_device_runs_the_engine(server: PulseServer, weights: Path) -> None:
    with singing(weights) as voice:
        voice.sound.connect("pulse")
        state = voice.clock.state
        wait_for(lambda: voice.sound.state(state()).period not in (0, 64), "a buffer")
        callback = voice.sound._callback
        assert callback
        before, frame = callback.state.buffers, state().frame
        wait_for(lambda: callback.state.buffers >= before + 20, "twenty buffers")
        assert state().frame >= frame + 19 * callback.state.frames
        assert callback.state.silent <= 2  # it met the clock's own thread when it took over


def test_a_device_that_is_there_from_the_second_look_on(
    server: PulseServer, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = portaudio.devices
    monkeypatch.setattr(portaudio, "devices", lambda inputs=False: [])
    with singing(weights) as voice:
        assert voice.sound.connect("") == ""
        voice.plays(67)
        assert voice.sound.tend() == []  # which has been told
        monkeypatch.setattr(portaudio, "devices", real)
        told(voice.sound, "the sound is on")


def test_what_cannot_be_connected(server: PulseServer, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with singing(weights) as voice:
        with pytest.raises(UserError, match=r"no audio output has 'moon' in its name; there are: .*pulse \(ALSA\)"):
            voice.sound.connect("moon")
        assert voice.sound.tend() == []  # which has been told
        voice.plays(67)
        monkeypatch.setattr(voice.clock, "sample_rate", 7)
        with pytest.raises(UserError, match=r"\(ALSA\) refuses 7 samples a second; it takes .*44100, 48000"):
            Sound(voice.clock, 1).connect("")


def test_one_device_is_enough(server: PulseServer, weights: Path) -> None:
    with singing(weights) as voice:
        number = str(portaudio.devices()[0].number)
        assert voice.sound.connect(number) == portaudio.devices()[0].name
        with pytest.raises(UserError, match="PortAudio sounds on one device: leave out --connect-audio 'pulse'"):
            voice.sound.connect("pulse")
        voice.plays(67)


# ---- what there is ----


def test_jack_is_left_out_and_nothing_is_said(server: PulseServer, capfd: pytest.CaptureFixture[str]) -> None:
    needs("jackd")
    with DummyServer() as jack:
        name = os.environ["JACK_DEFAULT_SERVER"]
        portaudio.look_again(portaudio.load())
        assert (os.environ["JACK_DEFAULT_SERVER"], os.environ.get("PIPEWIRE_NOJACK")) == (name, None)
        hosts = [host["name"] for host in portaudio.load().query_hostapis()]
        assert hosts
        assert not [host for host in hosts if "JACK" in host]
        jack.end()
        portaudio.look_again(portaudio.load())  # with JACK inside, PortAudio would end the program here
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"


def fake(*rates: int, code: int = -9997) -> ModuleType:
    """A sounddevice with two outputs, each taking these rates."""
    made = ModuleType("sounddevice")

    class PortAudioError(Exception):
        pass

    def check_output_settings(samplerate: int, **_: object) -> None:
        if samplerate not in rates:
            raise PortAudioError("it will not", code)

    names = [("in", 0, 0), ("speakers", 1, 2), ("speakers", 0, 1), ("jack", 2, 2)]
    listed = [
        {"index": i, "name": name, "hostapi": host, "max_output_channels": channels, "default_samplerate": 96_000.0}
        for i, (name, host, channels) in enumerate(names)
    ]
    hosts = [{"name": name} for name in ("ALSA", "OSS", "JACK Audio Connection Kit")]
    parts = {
        "PortAudioError": PortAudioError,
        "check_output_settings": check_output_settings,
        "query_devices": lambda: listed,
        "query_hostapis": lambda: hosts,
        "default": type("Default", (), {"device": (0, 2)}),
    }
    vars(made).update(parts)
    return made


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a sounddevice with such outputs in the place of the real one."""
    return lambda *rates, **more: monkeypatch.setitem(sys.modules, "sounddevice", fake(*rates, **more))


def test_devices_by_name_and_number(card: Callable[..., None]) -> None:
    card(RATE)
    usual, other = Device(2, "speakers (ALSA)", 1, 96_000), Device(1, "speakers (OSS)", 2, 96_000)
    assert portaudio.devices() == [usual, other]
    assert [portaudio.choose(part) for part in ("", "1", "oss", "2")] == [usual, other, other, usual]
    with pytest.raises(UserError, match=r"several audio output have 'speakers' in their name"):
        portaudio.choose("speakers")


def test_a_card_is_known_when_it_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def card(number: int, part: int = 0) -> Device:
        return Device(number, f"Scarlett: USB Audio (hw:{number},{part}) (ALSA)", 2, RATE)

    monkeypatch.setattr(portaudio, "usb_identity", lambda name: "usb:1235:8210:")
    place = portaudio.identity(card(1))
    assert portaudio.returned(place, [card(1), card(1, part=1)]) == card(1)
    assert portaudio.returned(place, [card(3), card(3, part=1)]) == card(3)
    assert portaudio.returned(place, [card(1), card(2)]) is None  # two are alike
    assert portaudio.returned(place, [card(2)], {card(2).name}) is None  # which was there all the time
    assert portaudio.returned(place, [card(1), card(2)], {card(2).name}) == card(1)
    monkeypatch.setattr(portaudio, "usb_identity", lambda name: "usb:1235:8210:ANOTHER")
    assert portaudio.returned(place, [card(1)]) is None


def test_rates(card: Callable[..., None]) -> None:
    card(RATE, 96_000)
    device = portaudio.choose("")
    assert device
    assert portaudio.refusal(device, RATE) is None
    assert portaudio.usual_rate() == RATE
    text = portaudio.refusal(device, 44_100)
    assert text == ("speakers (ALSA) refuses 44100 samples a second; it takes 48000, 96000: choose one with --rate")
    card(96_000)
    assert portaudio.usual_rate() == 96_000
    card(code=-9985)
    assert portaudio.refusal(device, RATE) == "speakers (ALSA) does not open; another program may hold it"


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert "pip install sounddevice" in (portaudio.problem() or "")
    with pytest.raises(UserError, match="pip install sounddevice"):
        drivers.make("portaudio", "x", ["in"], ["out"], ["voice"])


def test_auto_takes_it_only_for_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    live = {"jack": ("", lambda: "no server"), "portaudio": ("heard", lambda: None), "rtmidi": ("good", lambda: None)}
    monkeypatch.setattr(drivers, "_LIVE", live)
    assert drivers.choose(sound=True) == ("portaudio", "heard; not jack: no server")
    assert drivers.choose() == ("rtmidi", "good; not jack: no server")


# ---- the whole driver, over rtmidi's JACK ports where there is no ALSA sequencer: the program never does that ----


PANNED = """\
name = "Panned"
stems = true
[[ensemble]]
name = "Piano"
program = 1
polyphony = 0
[[chain]]
on = "Piano"
plugin = "soundfont:"
[[chain]]
on = "Piano"
plugin = "pan"
parameters = { pan = -1 }
"""


def test_plugins_sound_left_and_right(server: PulseServer) -> None:
    needs("jackd", "rtmidi", "fluidsynth", "pretty_midi")
    preset = presets.read(PANNED, "panned.toml")
    with ExitStack() as stack:
        stack.enter_context(DummyServer())
        driver = PortAudio("wide", ["in"], ["out"], audio_names(preset), RATE, rtmidi.load().API_UNIX_JACK)
        driver.open()
        chains, news = make_chains(preset, RATE, 64, ("out",), audio_names(preset))
        assert not news
        stack.callback(chains.end)
        engine = stack.enter_context(Engine(RATE, 1, 1, audios=len(audio_names(preset))))
        engine.load(build(preset, RATE, None, None, None, chains.rack, audio_names(preset)))
        driver.start(engine)
        stack.callback(driver.stop)
        driver.connect_audio("pulse")
        ear = stack.enter_context(closing(Ear()))
        with closing(JackProbe("keyboard", [], ["keys"], [(RATE * i, 0, KEY) for i in range(60)])) as keyboard:
            keyboard.open()
            keyboard.start()
            driver.connect_in("keyboard")
            keyboard.go()
            hears(ear, driver, lambda: None)
        assert ear.sides[1] < 1e-4 < 0.005 < ear.sides[0]  # to the left of all, and its own ports are not heard


def test_keys_in_and_notes_and_sound_out(server: PulseServer, weights: Path) -> None:
    needs("jackd", "rtmidi")
    with ExitStack() as stack:
        stack.enter_context(DummyServer())
        api = rtmidi.load().API_UNIX_JACK
        driver = PortAudio("loud", ["in"], ["out", "melody"], ["voice"], RATE, api)
        driver.open()
        core = Singing(singer_model(str(weights)).weights, SingingConfig(RATE, lead=LEAD, parameters=DOUBLE))
        engine = stack.enter_context(Engine(driver.sample_rate, 1, 2, audios=1))
        engine.load(Rig("thru", singing=core, singing_port=1))
        core.start()
        driver.start(engine)
        stack.callback(core.stop)
        stack.callback(driver.stop)
        name = driver.connect_audio("pulse")
        assert name in driver.describe()
        ear = stack.enter_context(closing(Ear()))
        with closing(JackProbe("keyboard", [], ["keys"], [(RATE * i, 0, KEY) for i in range(60)])) as keyboard:
            keyboard.open()
            keyboard.start()
            driver.connect_in("keyboard")
            keyboard.go()
            hears(ear, driver, lambda: None)
        assert driver.state().alive
        assert driver.stop()
        assert "no sound" in driver.describe()
