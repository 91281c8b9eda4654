"""The judge of the set list's bench: what it lets pass, and what it does not."""

import random
from itertools import pairwise

import pytest

from needs import needs
from ripieno.daemon.bench import setlist

OTHER = bytes([0xC0, 48])
PLAYED = [
    (0, 0, bytes([0xB0, 64, 127])),
    (100, 0, bytes([0x90, 60, 80])),
    (3000, 0, bytes([0xCF, 1])),
    (5000, 0, bytes([0x80, 60, 0])),
    (9000, 0, bytes([0xB0, 64, 0])),
]
FINE = [(100, 0, bytes([0x91, 60, 80])), (3000, 0, OTHER), (9000, 0, bytes([0x81, 60, 0]))]


def without(place: int, *instead: tuple[int, int, bytes]) -> list[tuple[int, int, bytes]]:
    return sorted([*FINE[:place], *FINE[place + 1 :], *instead], key=lambda event: event[0])


@pytest.mark.parametrize(
    ("heard", "wrong"),
    [
        (FINE, {}),
        (without(2, (5000, 0, bytes([0x81, 60, 0]))), {}),  # the synthesiser's pedal holds it
        (without(0, (229, 0, bytes([0x91, 60, 80]))), {"late": 1}),
        (without(2, (4999, 0, bytes([0x81, 60, 0]))), {"cut": 1}),
        (without(2), {"stuck": 1}),
        (without(2, (9200, 0, bytes([0x81, 60, 0]))), {"stuck": 1}),
        (FINE[1:], {"lost": 1}),
        (without(1), {"changes_late": 1}),
        (without(1, (3129, 0, OTHER)), {"changes_late": 1}),
        ([*FINE[:2], (3100, 0, bytes([0x92, 60, 80])), FINE[2], (9000, 0, bytes([0x82, 60, 0]))], {"doubled": 1}),
        # It goes from one instrument to another.
        ([*FINE[:2], (3100, 0, bytes([0x81, 60, 0])), (3100, 0, bytes([0x92, 60, 80])), FINE[2]], {}),
    ],
)
def test_what_became_of_a_note_and_a_change(heard: list[tuple[int, int, bytes]], wrong: dict[str, int]) -> None:
    found = setlist.judge(PLAYED, heard)
    assert (found.pop("notes"), found.pop("changes")) == (1, 1)
    assert {what: count for what, count in found.items() if count} == wrong


def test_the_part_holds_eight_notes_and_the_pedal_at_each_change() -> None:
    part = setlist.script(50, random.Random(1))
    notes = setlist.notes_of(part)
    assert len(notes) == 8 * 50
    assert all(note.on < note.off < note.pedal_up for note in notes)
    songs = [data[1] for _, _, data in part if data[0] == 0xCF]
    assert len(songs) == 50
    assert all(one != other for one, other in pairwise(songs))


def test_a_few_changes_on_a_server() -> None:
    needs("jackd")
    found = setlist.measure(changes=20)
    assert (found.pop("changes"), found.pop("notes")) == (20, 160)
    late = found.pop("late") + found.pop("changes_late")
    assert not late or found["xruns"], found  # the server's frames leap where the machine is late
    found.pop("xruns")
    assert not any(found.values()), found
