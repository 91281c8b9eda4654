"""The voice in the engine, off line: it sings what a singer sings to the same piano, the same every time, and beside
others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ripieno.native import piano, singer
from ripieno.native.continuation import Continuation, ContinuationConfig, Member
from ripieno.native.engine import Engine, Event, Instrument, Report, Rig, Sound, run_offline
from ripieno.native.instrumenter import Instrumenter, Voice
from ripieno.native.singer import SingerShape, SingerWeights, TowerShape
from ripieno.native.singing import Singing, SingingConfig, SingingReport
from ripieno.native.transformer import Transformer, TransformerConfig

DATA = np.load(Path(__file__).parent / "data" / "singer_torch.npz")
ARRAYS = {name.removeprefix("array."): DATA[name] for name in DATA.files if name.startswith("array.")}
HEADS = [int(one) for one in DATA["config.windows"]]
RATE, BLOCK, LEAD = 48_000, 768, 432
MELODY = 1  # the output port of its line
CHORDS = [(60, 64, 67, 72), (57, 60, 65, 69), (59, 62, 67, 74), (60, 64, 67, 76)]


@pytest.fixture(scope="module")
def weights() -> SingerWeights:
    return SingerWeights(ARRAYS, SingerShape(TowerShape(*HEADS[:2]), TowerShape(*HEADS[2:])))


def play(seconds: float = 4.0) -> list[Event]:
    """A chord a second, released just before the next, a little spread."""
    events = []
    for second in range(int(seconds)):
        for n, pitch in enumerate(CHORDS[second % len(CHORDS)]):
            at = second * RATE + 301 * n + 17
            events += [(at, 0, bytes([0x90, pitch, 60 + 9 * n])), (at + RATE - 2000, 0, bytes([0x80, pitch, 0]))]
    return sorted(events)


class Take:
    """What a voice did with the player's events."""

    def __init__(self, weights: SingerWeights, events: list[Event], block: int = 128, **parameters: float) -> None:
        singing = Singing(weights, SingingConfig(RATE, synchronous=True, parameters=parameters))
        sound = Sound(2)
        until = 5 * RATE
        with Engine(RATE, 1, 2, audios=2) as engine:
            engine.load(Rig("thru", singing=singing, singing_port=MELODY, singing_channel=2))
            self.sent = run_offline(engine, events, until, block=block, sound=sound)
            self.heard: list[Report] = engine.poll()
        self.blocks: list[SingingReport] = [one for one in singing.poll() if one.kind == "block"]
        self.stats = singing.stats()
        self.sound: NDArray[np.float32] = sound.samples()
        singing.close()

    @property
    def line(self) -> list[Event]:
        return [event for event in self.sent if event[1] == MELODY]


def test_it_sings_what_a_singer_sings_to_the_same_rows(weights: SingerWeights) -> None:
    events = play()
    take = Take(weights, events, seed=5)
    told = np.zeros(len(events), piano.EVENT)
    told["frame"] = [frame for frame, _, _ in events]
    told["kind"] = [piano.ON if data[0] == 0x90 else piano.OFF for _, _, data in events]
    told["key"], told["value"] = [data[1] for *_, data in events], [data[2] for *_, data in events]
    rows = piano.rows(told, len(take.blocks), step=BLOCK, sample_rate=RATE)
    sung = singer.Singer(weights).run(rows, seed=5)
    assert [one.block for one in take.blocks] == list(range(len(sung)))
    np.testing.assert_array_equal([one.phonation for one in take.blocks], sung["phonation"])
    np.testing.assert_array_equal([one.cents for one in take.blocks], sung["cents"])
    np.testing.assert_array_equal([one.level for one in take.blocks], sung["frame"]["level"])
    pitches = np.where(sung["note"] < 48, sung["note"] + 36, 0)
    np.testing.assert_array_equal([one.pitch for one in take.blocks], pitches)


def test_its_line_leaves_as_notes(weights: SingerWeights) -> None:
    take = Take(weights, play(), mode=1)
    ons = [(frame, data[1]) for frame, _, data in take.line if data[0] == 0x92]
    offs = [(frame, data[1]) for frame, _, data in take.line if data[0] == 0x82]
    begun = [(one.frame, one.pitch) for one in take.blocks if one.onset]
    assert ons == begun
    assert len(ons) == len(offs) == take.stats.notes > 3
    assert {data[0] for *_, data in take.line} == {0x82, 0x92, 0xB2, 0xE2}
    reported = [one for one in take.heard if one.sung and one.kind == "note_on"]
    assert [(one.frame, one.pitch) for one in reported] == ons
    assert {(one.port, one.channel, one.instrument) for one in reported} == {(MELODY, 2, None)}
    assert take.stats.late == take.stats.held == take.stats.refused == 0
    assert take.stats.lead == LEAD


def test_the_same_seed_gives_the_same_bytes_whatever_the_block(weights: SingerWeights) -> None:
    first = Take(weights, play(), seed=3)
    assert np.abs(first.sound).max() > 1e-4
    assert np.isfinite(first.sound).all()
    np.testing.assert_array_equal(first.sound[:, 0], first.sound[:, 1])
    for block in (1, 100, 1024):
        again = Take(weights, play(), block, seed=3)
        assert again.sound.tobytes() == first.sound.tobytes()
        assert again.sent == first.sent
    assert Take(weights, play(), seed=4).sound.tobytes() != first.sound.tobytes()


def test_where_nobody_sings_there_is_silence(weights: SingerWeights) -> None:
    sound = Sound()
    with Engine(RATE, audios=1) as engine:
        engine.load(Rig("thru"))
        run_offline(engine, play(), RATE, sound=sound)
    assert len(sound) == RATE
    assert not sound.samples().any()
    sound.clear()
    assert sound.samples().shape == (0, 1)
    take = Take(weights, play(), on=0)
    assert take.line == []
    assert not take.sound.any()


def test_an_instrumenter_a_band_and_a_voice_together(weights: SingerWeights) -> None:
    shape = TransformerConfig(32, 1, 2, 32, 16)
    rng = np.random.default_rng(1)
    arrays = {name: rng.normal(0, 0.1, size).astype(np.float32) for name, size in shape.shapes().items()}
    network = Transformer(arrays, shape, "fp32")
    band = Continuation(network, ContinuationConfig([Member(33, 1, 30, 60)], {0: 1}, RATE, "band", synchronous=True))
    singing = Singing(weights, SingingConfig(RATE, synchronous=True, parameters={"mode": 1}))
    voices = [Voice(0, 63, polyphony=0), Voice(64, 127, polyphony=0)]
    sound = Sound()
    with Engine(RATE, 1, 3, audios=1) as engine:
        parts = [Instrument(0, 0, polyphony=0), Instrument(0, 1, polyphony=0)]
        hands = Instrumenter(voices, sample_rate=RATE, decide="zone")
        engine.load(Rig("ensemble", parts, hands, continuation=band, singing=singing, singing_port=2))
        sent = run_offline(engine, play(), 4 * RATE, sound=sound)
        engine.panic()
        sent += run_offline(engine, [], 5 * RATE, from_frame=4 * RATE, sound=sound)
    assert band.stats().heard == singing.stats().heard == 16
    assert {(port, data[0]) for _, port, data in sent} >= {(0, 0x90), (0, 0x91), (2, 0x90), (2, 0x80)}
    assert sound.samples().any()
    assert not sound.samples()[4 * RATE + 15 * RATE // 1000 + 1 :].any()
    singing.close()
    band.close()


def set_often(singing: Singing, times: int) -> None:
    for _ in range(times):
        singing.set("volume", 1)


def test_refusals_name_what_is_wrong(weights: SingerWeights) -> None:
    with pytest.raises(ValueError, match="no voice at 4000 Hz"):
        Singing(weights, SingingConfig(4000))
    with pytest.raises(ValueError, match="no voice at 48000 Hz with a lead of 48001 frames"):
        Singing(weights, SingingConfig(lead=48_001))
    with pytest.raises(ValueError, match="no parameter 'vibrate'; there are on, mode"):
        Singing(weights, SingingConfig(parameters={"vibrate": 1}))
    singing = Singing(weights, SingingConfig(synchronous=True))
    with pytest.raises(ValueError, match="mode cannot be 3: it is a whole number from 0 to 2"):
        singing.set("mode", 3)
    with pytest.raises(ValueError, match="the voice cannot sing on output 16, channel 0"):
        Rig("thru", singing=singing, singing_port=16)
    with Engine(44_100) as engine, pytest.raises(ValueError, match="sings at 48000 Hz, the engine at 44100 Hz"):
        engine.load(Rig("thru", singing=singing))
    with pytest.raises(ValueError, match="17 audio outputs"):
        Engine(48_000, audios=17)
    with pytest.raises(ValueError, match="0 channels of sound: 1 to 16"):
        Sound(0)
    with pytest.raises(BlockingIOError, match="its worker does not run"):
        set_often(singing, 4096 // 16)  # nobody reads: the ring is full in the end
    singing.close()
