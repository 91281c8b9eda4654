"""What runs in a plugin's process, here in ours: the line, the padding, SoundFonts, and what users' files may be."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from needs import needs
from ripieno.plugins import hosts
from ripieno.plugins.base import PluginError
from ripieno.plugins.hosts.__main__ import Padding
from ripieno.plugins.hosts.line import Gone, Line, packed, unpacked

RATE, PERIOD = 48000, 128


@pytest.fixture
def ends() -> Iterator[tuple[Line, Line]]:
    ours, theirs = map(Line, socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def test_messages_arrive_in_order_and_whole(ends: tuple[Line, Line]) -> None:
    ours, theirs = ends
    assert ours.receive() is None
    large = bytes(range(256)) * 20_000  # more than a socket has room for
    ours.send(do="state", state=packed(large))
    ours.send(do="quit")
    got = []
    while len(got) < 2:
        message = theirs.receive(0.01)
        assert ours.receive() is None
        got += [message] if message else []
    assert unpacked(got[0]["state"]) == large
    assert got[1] == {"do": "quit"}


@pytest.mark.parametrize("nonsense", [b"x\n", b"[1]\n", b"\xff\n", b'"do"\n'])
def test_nonsense_on_the_line_is_the_end_of_it(nonsense: bytes) -> None:
    ours, theirs = socket.socketpair()
    line = Line(ours)
    theirs.sendall(nonsense)
    with pytest.raises(Gone):
        line.receive(1)
    theirs.close()
    with pytest.raises(Gone):
        line.receive(1)
    line.close()


def test_sound_stays_as_late_as_it_was_said_to_be() -> None:
    padding = Padding(10)
    sound = np.arange(1, 2 * 3 * 16 + 1, dtype=np.float32).reshape(2, -1)
    heard = [padding.late(sound[:, at : at + 16], own) for at, own in ((0, 10), (16, 4), (32, 10))]
    np.testing.assert_array_equal(heard[0], sound[:, :16])
    np.testing.assert_array_equal(heard[1], sound[:, 10:26])
    np.testing.assert_array_equal(heard[2], sound[:, 32:])
    assert not padding.news
    np.testing.assert_array_equal(padding.late(sound[:, :16], 12), sound[:, :16])
    assert "grown from 10 to 12" in padding.news
    assert Padding(0).late(sound, 0) is sound


def test_a_file_with_two_plugins_is_refused_and_so_is_one_without_render(tmp_path: Path) -> None:
    head = "from ripieno.plugins.base import Plugin\n"
    whole = "class {}(Plugin):\n    def render(self, audio, events, values):\n        return audio\n"
    for text, why in (
        (head + whole.format("One") + whole.format("Two"), "and has 2: One, Two"),
        (head + "class One(Plugin):\n    pass\n", "One lacks render"),
        (head + whole.format("One") + "    role = 'drum'\n", "role is 'effect' or 'instrument', not 'drum'"),
        (head + whole.format("One") + "    def prepare(self, *_):\n        1 / 0\n", "One does not start: ZeroDivis"),
    ):
        (tmp_path / "user.py").write_text(text)
        with pytest.raises(PluginError, match=why):
            hosts.load("python", str(tmp_path / "user.py"), RATE, PERIOD)
    (tmp_path / "beside.py").write_text("LEVEL = 3")
    (tmp_path / "user.py").write_text("from beside import LEVEL\n" + head + whole.format("One"))
    assert hosts.load("python", str(tmp_path / "user.py"), RATE, PERIOD).role == "effect"


@pytest.mark.parametrize(("kind", "module", "library"), [("vst3", "juce", "pedalboard"), ("pyo", "pyo_patch", "pyo")])
def test_a_library_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, kind: str, module: str, library: str
) -> None:
    monkeypatch.delitem(sys.modules, f"ripieno.plugins.hosts.{module}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(PluginError, match=f"needs {library}; install it: pip install"):
        hosts.load(kind, "some file", RATE, PERIOD)


def test_a_soundfont_sounds_from_the_frame_of_its_note_on(tmp_path: Path) -> None:
    needs("tinysoundfont", "pretty_midi")
    from ripieno.daemon.synth import find_soundfont

    font = str(find_soundfont())
    plugin = hosts.load("tinysound", font, RATE, PERIOD)
    silence = np.zeros((2, PERIOD), np.float32)
    values = {"gain": 0.0}
    assert not plugin.render(silence.copy(), (), values).any()
    heard = plugin.render(silence.copy(), [(100, b"\x90\x3c\x70")], values)
    assert not heard[:, :100].any()
    assert heard[:, 100:].any()
    other = hosts.load("tinysound", font, RATE, PERIOD)
    other.render(silence.copy(), (), values)
    softer = other.render(silence.copy(), [(100, b"\x90\x3c\x70")], {"gain": -20.0})
    np.testing.assert_allclose(softer, heard / 10, rtol=1e-5, atol=1e-9)
    plugin.reset()
    tail = [plugin.render(silence.copy(), (), values) for _ in range(RATE // PERIOD)]
    assert np.abs(tail[-1]).max() < 1e-4
    bad = tmp_path / "bad.sf2"
    bad.write_bytes(b"no such thing")
    with pytest.raises(PluginError, match=r"bad\.sf2: not a SoundFont"):
        hosts.load("tinysound", str(bad), RATE, PERIOD)
