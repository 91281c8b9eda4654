"""MIDI files that grow: what mido reads in them at any moment, after a cut at any byte, and at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripieno.daemon.recording.midi import OUTPUTS, Clock, Journal, Messages, make_tracks

RATE = 48_000
BEGIN = 1_000_000
Played = tuple[int, int, bool, bytes]
"""(frames since the beginning, port, left, bytes)"""

PIECE: list[Played] = [
    (0, 0, False, b"\x90\x3c\x40"),
    (0, 0, True, b"\x90\x3c\x40"),
    (64, 1, True, b"\x93\x30\x50"),
    (65, 1, True, b"\xd3\x22"),
    (9_000, 0, True, b"\xf0\x7e\x7f\x09\x01\xf7"),
    (30_000, 0, False, b"\x80\x3c\x00"),
    (30_000, 0, True, b"\x80\x3c\x00"),
    (100_000, 0, True, b"\xe1\x00\x40"),
    (100_000, 1, True, b"\x83\x30\x00"),
]


def journal(folder: Path, piece: list[Played]) -> Journal:
    it = Journal(folder / "a.mid", RATE, BEGIN, "Trio")
    it.name(BEGIN, 0, None, "input")
    it.name(BEGIN, OUTPUTS, None, "out")
    it.name(BEGIN, OUTPUTS, 0, "violin")
    it.name(BEGIN, OUTPUTS + 1, 3, "cello")
    for frame, port, out, data in piece:
        it.add(BEGIN + frame, port, out, data)
    return it


def heard(track: mido.MidiTrack) -> Iterator[tuple[int, bytes]]:
    """A track's events but metas, at their ticks."""
    at = 0
    for message in track:
        at += message.time
        if not message.is_meta:
            yield at, bytes(message.bytes())


def tracks(path: Path) -> dict[str, list[tuple[int, bytes]]]:
    file = mido.MidiFile(path)
    assert file.type == 1
    return {track.name: list(heard(track)) for track in file.tracks}


def test_a_track_for_each_instrument_and_one_for_the_input(tmp_path: Path) -> None:
    it = journal(tmp_path, PIECE)
    it.mark(BEGIN + 50_000, "2.0 ms are missing here")
    it.close(BEGIN + 144_000)
    found = tracks(it.path)
    assert list(found) == ["Trio", "input", "violin", "out, channel 2", "cello"]
    assert found["input"] == [(frame, data) for frame, _, out, data in PIECE if not out]
    assert found["violin"] == [
        (frame, data) for frame, port, out, data in PIECE if out and not port and data[0] != 0xE1
    ]
    assert found["cello"] == [(frame, data) for frame, port, out, data in PIECE if out and port]
    assert found["out, channel 2"] == [(100_000, b"\xe1\x00\x40")]
    file = mido.MidiFile(it.path)
    assert file.length == pytest.approx(3.0, abs=1e-9)
    marks = [(message.time, message.text) for message in file.tracks[0] if message.type == "marker"]
    assert marks == [(100_000, "2.0 ms are missing here")]  # its time: it was added after what was played then


def test_an_instrument_with_a_port_of_its_own_is_one_track(tmp_path: Path) -> None:
    it = Journal(tmp_path / "a.mid", RATE, BEGIN, "MPE")
    it.name(BEGIN, OUTPUTS, None, "Lead")
    it.name(BEGIN, OUTPUTS, 0, "Lead")
    played = [(10 * n, bytes((0x90 | channel, 60, 80))) for n, channel in enumerate((1, 5, 0, 15))]
    for frame, data in played:
        it.add(BEGIN + frame, 0, True, data)
    it.close(BEGIN + 4_800)
    assert tracks(it.path) == {"MPE": [], "Lead": played}


def test_it_opens_at_any_moment_with_what_was_synced(tmp_path: Path) -> None:
    it = journal(tmp_path, PIECE[:4])
    assert [*heard(mido.MidiFile(it.path).tracks[0])] == []
    it.sync()
    first = [(frame, data) for frame, *_, data in PIECE[:4]]
    assert [*heard(mido.MidiFile(it.path).tracks[0])] == first
    for frame, port, out, data in PIECE[4:]:
        it.add(BEGIN + frame, port, out, data)
    assert [*heard(mido.MidiFile(it.path).tracks[0])] == first
    it.sync()
    assert [*heard(mido.MidiFile(it.path).tracks[0])] == [(frame, data) for frame, *_, data in PIECE]
    it.close(BEGIN)


def test_wherever_a_power_cut_left_it_all_whole_events_are_there(tmp_path: Path) -> None:
    it = journal(tmp_path, PIECE)
    it.sync()
    whole, cut, before = it.path.read_bytes(), tmp_path / "cut.mid", 0
    for size in range(len(whole) + 1):
        cut.write_bytes(whole[:size])
        if not make_tracks(cut):
            assert size < 22
            continue
        found = sorted(event for events in tracks(cut).values() for event in events)
        assert found in [sorted((frame, data) for frame, *_, data in PIECE[:n]) for n in (before, before + 1)]
        before = len(found)
        assert not make_tracks(cut)  # it is done already
    assert before == len(PIECE)
    cut.write_bytes(whole + bytes(4096))  # blocks that a file system gave, and did not fill
    assert make_tracks(cut)
    assert sum(map(len, tracks(cut).values())) == len(PIECE)


def test_a_name_that_changes_is_added(tmp_path: Path) -> None:
    it = journal(tmp_path, PIECE[:3])
    it.name(BEGIN + 100, OUTPUTS, 0, "flute")
    it.name(BEGIN + 200, OUTPUTS, 0, "violin")
    it.add(BEGIN + 300, 0, True, b"\x80\x3c\x00")
    it.close(BEGIN + 400)
    assert tracks(it.path)["violin / flute"] == [(0, b"\x90\x3c\x40"), (300, b"\x80\x3c\x00")]


def test_hours_without_a_note(tmp_path: Path) -> None:
    far = 5 * 3600 * RATE  # more ticks than one number of a file holds
    it = journal(tmp_path, [(0, 0, True, b"\x90\x3c\x40"), (far, 0, True, b"\x80\x3c\x00")])
    it.close(BEGIN + far)
    assert tracks(it.path)["violin"] == [(0, b"\x90\x3c\x40"), (far, b"\x80\x3c\x00")]


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("bpm", [40, 97.3, 120, 240])
def test_ticks_are_frames_or_the_nearest(rate: int, bpm: float) -> None:
    clock = Clock.at(rate, bpm)
    assert clock.division <= 32_767
    assert clock.tempo == pytest.approx(60e6 / bpm, rel=1e-3)
    second = 1e6 / clock.tempo * clock.division  # ticks
    for frames in (0, 1, 17, rate, 3_600 * rate):
        assert clock.tick(frames) * rate / second == pytest.approx(frames, rel=1e-6, abs=0.501 * clock.step)
    if bpm == 120 and rate <= 48_000:
        assert [clock.tick(frames) for frames in range(100)] == [*range(100)]


# ---- pieces of a stream ----

VALUE = st.integers(0, 127)
SHORT = st.builds(
    lambda status, first, second: bytes([status, first, second][: 2 if status & 0xE0 == 0xC0 else 3]),
    st.integers(0x80, 0xEF),
    VALUE,
    VALUE,
)
LONG = st.lists(VALUE, max_size=20).map(lambda body: bytes([0xF0, *body, 0xF7]))


@given(st.lists(st.one_of(SHORT, LONG), max_size=20), st.randoms(use_true_random=False))
def test_messages_come_whole_out_of_pieces(messages: list[bytes], random) -> None:
    stream, running = bytearray(), 0
    for message in messages:
        short = message[0] == running and random.random() < 0.5  # its status is left out
        for byte in message[short:]:
            stream += bytes(random.choices([0xF8, 0xFE], k=random.choice([0, 0, 1]))) + bytes([byte])
        running = message[0] if message[0] < 0xF0 else 0
    it, found = Messages(), []
    while stream:
        size = random.randint(1, 8)
        found += it.feed(bytes(stream[:size]))
        del stream[:size]
    assert found == messages


@given(st.binary(max_size=60))
def test_no_bytes_are_too_odd(data: bytes) -> None:
    for message in Messages().feed(data or b"\0"):
        assert message[0] >= 0x80
        assert message[0] == 0xF0 or len(message) == (2 if message[0] & 0xE0 == 0xC0 else 3)
        assert max(message[1:-1], default=0) < 0x80
