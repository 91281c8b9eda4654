"""Drawing with characters: a line over time in Braille dots, and a meter."""

from collections.abc import Iterable

# The bit of each dot of a Braille character: two columns, four rows from the top.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800
_ACROSS, _DOWN = 2, 4
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def roll(points: Iterable[tuple[int, float]], lowest: int, highest: int, columns: int) -> list[str]:
    """A line as rows of so many characters, the highest first, a semitone a dot.

    points: (dot from the left, MIDI pitch), two dots a character. What lies outside is left out.
    """
    rows = -(-(highest - lowest + 1) // _DOWN)
    cells = [[_BLANK] * columns for _ in range(rows)]
    for at, pitch in points:
        down = highest - round(pitch)
        if 0 <= at < columns * _ACROSS and 0 <= down < rows * _DOWN:
            cells[down // _DOWN][at // _ACROSS] |= _DOTS[down % _DOWN][at % _ACROSS]
    return ["".join(map(chr, row)) for row in cells]


def meter(value: float, low: float, high: float, columns: int) -> str:
    """A bar of so many characters at most, to an eighth of one."""
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    eighths = round(share * columns * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(columns)
