"""Patches of pyo: an effect and an instrument as a user writes them, in processes of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from unit_player import UnitPlayer

from needs import needs
from ripieno.plugins import isolated
from ripieno.plugins.base import PluginError
from ripieno.plugins.isolated import Isolated

needs("pyo")

RATE, PERIOD, BLOCK = 48000, 128, 16
# A user's effect: it turns the sound down and swaps left and right.
EFFECT = """
from pyo import *

PARAMETERS = {"level": (0.5, 0, 2), "unused": (-3, -12, 12, "dB")}
scaled = audio_in * level
left, right = scaled[1].out(0), scaled[0].out(1)
"""
# A user's instrument: four voices, each a sine.
INSTRUMENT = """
ROLE = "instrument"
PARAMETERS = {"level": (0.2, 0, 1)}
notes = Notein(poly=4)
envelope = MidiAdsr(notes["velocity"], attack=0.001, decay=0, sustain=1, release=0.001)
sound = Sine(freq=MToF(notes["pitch"]), mul=envelope * level).mix(1)
both = sound.mix(2).out()
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Isolated]]:
    opened: list[Isolated] = []

    def start(text: str) -> Isolated:
        (tmp_path / "patch.py").write_text(text)
        opened.append(isolated.open("pyo", str(tmp_path / "patch.py"), RATE, PERIOD))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_an_effect_is_late_by_a_block_of_pyo_however_blocks_are_cut(start: Callable[[str], Isolated]) -> None:
    plugin = start(EFFECT)
    assert [(one.name, one.usual, one.low, one.high, one.unit) for one in plugin.parameters] == [
        ("level", 0.5, 0, 2, ""),
        ("unused", -3, -12, 12, "dB"),
    ]
    player = UnitPlayer(plugin.unit, PERIOD)
    player.silence(RATE)  # pyo fades its beginning in
    sound = np.random.default_rng(2).uniform(-0.5, 0.5, (2, 12000)).astype(np.float32)
    lengths, heard, at = [128, 37, 100, 1, 64, 16, 15], [], 0
    while at < sound.shape[1]:
        heard.append(player.block(sound[:, at : at + lengths[len(heard) % 7]]))
        at += heard[-1].shape[1]
    late = PERIOD + BLOCK
    assert plugin.standing().latency == late
    expected = sound[::-1, :-late] * 0.5
    np.testing.assert_allclose(np.concatenate(heard, axis=1)[:, late:], expected, atol=1e-6)


def test_its_parameters_glide_to_what_they_are_set_to(start: Callable[[str], Isolated]) -> None:
    plugin = start(EFFECT)
    player = UnitPlayer(plugin.unit, PERIOD)
    player.silence(RATE)
    plugin.set("level", 1.5)
    heard = player.play(np.full((2, RATE // 2), 0.5, np.float32))
    np.testing.assert_allclose(heard[:, -PERIOD:], 0.75, atol=1e-5)


def test_an_instrument_plays_its_notes_and_ends_them(start: Callable[[str], Isolated]) -> None:
    plugin = start(INSTRUMENT)
    assert plugin.role == "instrument"
    player = UnitPlayer(plugin.unit, PERIOD)
    assert not player.silence(RATE // 4).any()
    heard = player.silence(RATE // 2, [(1000, b"\x90\x45\x7f")])
    first = int(np.flatnonzero(heard[0])[0])
    assert 1000 + PERIOD <= first <= 1000 + PERIOD + BLOCK + 2, "a note begins with a block of pyo's"
    second = heard[0, RATE // 4 :]
    pitch = np.argmax(np.abs(np.fft.rfft(second * np.hanning(len(second))))) * RATE / len(second)
    assert abs(pitch - 440) < 3
    assert abs(np.abs(second).max() - 0.2) < 0.01
    np.testing.assert_array_equal(heard[0], heard[1])
    player.silence(PERIOD, [(0, b"\x80\x45\x00")])
    assert np.abs(player.silence(RATE)[:, -RATE // 2 :]).max() < 1e-3
    player.silence(RATE // 8, [(0, b"\x90\x45\x7f"), (3, b"\x90\x40\x7f")])
    player.reset()
    assert np.abs(player.silence(RATE)[:, -RATE // 2 :]).max() < 1e-3


def test_what_pyo_says_of_a_patch_is_told(start: Callable[[str], Isolated]) -> None:
    plugin = start("import sys; print('listen!', file=sys.stderr)\nsound = audio_in.out()")
    assert plugin.tend() == ["patch: it says: listen!"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = Sine(", r"patch.py: SyntaxError"),
        ("\nSnie().out()", r"patch.py: NameError: name 'Snie' is not defined \(patch.py, line 2\)"),
        ("PARAMETERS = dict(a=1)", "patch.py, line 1: write plain values"),
        ("PARAMETERS = {'a': (1, 2, 3)}", r"patch.py: PARAMETERS is such as \{\"cutoff\""),
        ("PARAMETERS = {'a b': (2, 1, 3)}", r"patch.py: PARAMETERS is such as"),
        ("ROLE = 'drum'", "patch.py: ROLE is 'effect' or 'instrument', not 'drum'"),
    ],
)
def test_a_patch_that_cannot_be_run_says_why(start: Callable[[str], Isolated], text: str, why: str) -> None:
    with pytest.raises(PluginError, match=why):
        start(text)
