"""Chords and keys have the names that a musician gives them."""

import pytest

from ripieno.daemon.harmony import chord_name, key_name, spelled
from ripieno.daemon.pitch import parse_pitch

D_MINOR, E_MAJOR = (2, True), (4, False)


@pytest.mark.parametrize(
    ("notes", "name"),
    [
        ("C4 E4 G4", "C"),
        ("E3 C4 G4 C5", "C/E"),
        ("A3 C4 E4", "Am"),
        ("A3 C4 E4 G4", "Am7"),
        ("C4 E4 G4 A4", "C6"),
        ("E3 A3 C4 G4", "Am7/E"),
        ("B3 D4 F4 A4", "Bm7b5"),
        ("D3 F4 A4 B4", "Dm6"),
        ("G2 F3 B3 D4", "G7"),
        ("G2 F3 B3", "G7"),
        ("G2 F3 A3 B3 D4", "G9"),
        ("D4 G4 A4", "Dsus4"),
        ("G3 A3 D4", "Gsus2"),
        ("F3 A3 C4 E4", "Fmaj7"),
        ("B3 D4 F4 Ab4", "Bdim7"),
        ("Ab3 B3 D4 F4", "Abdim7"),
        ("C4 E4 G#4", "C+"),
        ("A3 E4 A4", "A5"),
        ("E3 G#3 D4 G4", "E7(#9)"),
        ("C4", ""),
        ("C4 C#4 D4", ""),
        ("C4 E4", ""),
        ("", ""),
    ],
)
def test_chords(notes: str, name: str) -> None:
    assert chord_name(map(parse_pitch, notes.split())) == name


def test_they_are_spelt_as_their_key_is() -> None:
    chord = [parse_pitch(note) for note in ("Bb3", "D4", "F4")]
    assert chord_name(chord, D_MINOR) == "Bb"
    assert chord_name(chord, E_MAJOR) == "A#"
    assert chord_name([56, 59, 63], E_MAJOR) == "G#m"
    assert chord_name([53, 56, 61], (1, False)) == "Db/F"
    assert [spelled(pitch_class) for pitch_class in (1, 3, 6, 8, 10)] == ["C#", "Eb", "F#", "Ab", "Bb"]


def test_keys() -> None:
    named = {D_MINOR: "D minor", E_MAJOR: "E major", (8, True): "G# minor", (1, False): "Db major", None: ""}
    assert {key: key_name(key) for key in named} == named
