"""A voice's line, as blocks tell it, as a screen draws it."""

from dataclasses import dataclass
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripieno.daemon.roll import meter, roll
from ripieno.daemon.sung import FRAME_SECONDS, line, share

RATE = 48_000
BLOCK = 768
BLANK, LAST_BRAILLE = "\u2800", 0x28FF


@dataclass
class Block:
    frame: int
    phonation: int
    pitch: int = 60
    cents: tuple[float, float] = (0.0, 0.0)
    kind: str = "block"


def test_the_line_has_every_frame_and_breaks_where_it_rests() -> None:
    blocks = [
        Block(0, 0),
        Block(BLOCK, 2, 69, (-50.0, 25.0)),
        Block(2 * BLOCK, 3, 69, (0.0, 10.0)),
        Block(2 * BLOCK, 3, kind="parameter"),
        Block(3 * BLOCK, 1),
        Block(4 * BLOCK, 0),
    ]
    points = line(blocks, RATE)  # type: ignore[arg-type]
    assert [at for at, _ in points] == pytest.approx([0.016, 0.024, 0.032, 0.040, 0.048])
    assert [pitch for _, pitch in points[:4]] == [68.5, 69.25, 69.0, 69.1]
    assert isnan(points[4][1])
    assert pytest.approx(points[1][0] - points[0][0]) == FRAME_SECONDS
    assert line([Block(0, 0), Block(BLOCK, 1)], RATE) == []  # type: ignore[list-item]
    assert share(blocks) == 2 / 5  # type: ignore[arg-type]
    assert share([]) == 0


def test_a_roll_has_a_dot_where_the_note_is() -> None:
    assert roll([(0, 63), (1, 60), (2, 61.6), (3, 59)], 60, 63, 2) == ["\u2881\u2802"]  # the last lies below
    assert roll([], 60, 67, 3) == [BLANK * 3] * 2
    assert roll([(0, 67), (0, 60)], 60, 67, 1) == ["\u2801", "\u2840"]


@given(
    points=st.lists(st.tuples(st.integers(-5, 200), st.floats(0, 127))),
    lowest=st.integers(30, 60),
    size=st.integers(1, 40),
    columns=st.integers(1, 80),
)
def test_a_roll_is_always_a_block_of_braille(
    points: list[tuple[int, float]], lowest: int, size: int, columns: int
) -> None:
    rows = roll(points, lowest, lowest + size - 1, columns)
    assert len(rows) == -(-size // 4)
    assert all(len(row) == columns and all(BLANK <= c <= chr(LAST_BRAILLE) for c in row) for row in rows)
    shown = sum(ord(c) - 0x2800 > 0 for row in rows for c in row)
    inside = {(at // 2, (lowest + size - 1 - round(p)) // 4) for at, p in points if 0 <= at < 2 * columns}
    assert shown == len({cell for cell in inside if 0 <= cell[1] < len(rows)})


@pytest.mark.parametrize(
    ("value", "shown"), [(-90, "    "), (-60, "    "), (0, "████"), (12, "████"), (-30, "██  "), (-29, "██▏ ")]
)
def test_a_meter_goes_from_empty_to_full(value: float, shown: str) -> None:
    assert meter(value, -60, 0, 4) == shown
