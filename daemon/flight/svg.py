"""Plots as inline SVG: lines, steps, bars and marks over time, with axes; nothing but text is needed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 860, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 28
_TICKS = 5
_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)

Point = tuple[float, float]
"""(seconds since the beginning, value)"""


@dataclass(frozen=True)
class Line:
    """A row of points, its name and colour. steps: a value holds until the next one."""

    name: str
    points: Sequence[Point]
    color: str
    steps: bool = False


def thin(line: Line) -> list[Point]:
    """Its points, as many as can be seen: of steps those that step, else the lowest and highest of each place."""
    points = [point for point in line.points if math.isfinite(point[1])]
    if line.steps:
        ends = (0, len(points) - 1)
        return [point for n, point in enumerate(points) if n in ends or point[1] != points[n - 1][1]]
    if len(points) <= 2 * WIDTH:
        return points
    size = math.ceil(len(points) / WIDTH)
    pieces = [points[n : n + size] for n in range(0, len(points), size)]
    pairs = [{min(piece, key=lambda p: p[1]), max(piece, key=lambda p: p[1])} for piece in pieces]
    return [point for pair in pairs for point in sorted(pair)]


def round_step(span: float) -> float:
    """The distance of ticks that people like (1, 2 or 5 times a power of ten) where `span` should have about five."""
    if span <= 0 or not math.isfinite(span):
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / _TICKS))
    return next(power * step for step in (1, 2, 5, 10) if span / (power * step) <= _TICKS + 1)


def time_step(seconds: float) -> float:
    """The same of time."""
    return next((step for step in _TIMES if seconds / step <= _TICKS + 1), 86_400 * round_step(seconds / 86_400))


def ticks(low: float, high: float, step: float) -> list[float]:
    """The multiples of a step from `low` to `high`, both included where they are some."""
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def clock(seconds: float) -> str:
    """A time since the beginning: 12 s, 3:05, 1:02:03."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def plot(lines: Sequence[Line], end: float, unit: str, *, marks: Sequence[tuple[float, str]] = ()) -> str:
    """An SVG of some lines over the seconds from 0 to `end`. marks: moments, and what was then."""
    values = [value for line in lines for _, value in line.points if math.isfinite(value)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    low = 0.0 if 0 <= low < high / 2 or low == high else low
    high = high if high > low else low + 1
    end = max(end, 1.0)
    step = round_step(high - low)
    whole = all(value == int(value) for value in values)
    frame = _Frame(end, low, high, max(1.0, step) if whole else step)
    parts = [frame.grid(unit), *(frame.draw(line) for line in lines), *(frame.mark(*mark) for mark in marks)]
    label = escape(", ".join(line.name for line in lines))
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    return svg + legend(lines)


def legend(lines: Sequence[Line]) -> str:
    """The names of the lines, each in its colour."""
    names = [f'<span><i style="background:{line.color}"></i>{escape(line.name)}</span>' for line in lines]
    return f'<p class="legend">{"".join(names)}</p>'


@dataclass(frozen=True)
class _Frame:
    """Where seconds and values lie on the picture."""

    end: float
    low: float
    high: float
    step: float

    def x(self, seconds: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * min(max(seconds / self.end, 0), 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(max(share, 0), 1)

    def grid(self, unit: str) -> str:
        left, right, bottom = _LEFT, WIDTH - _RIGHT, HEIGHT - _BOTTOM
        rows = [
            f'<line x1="{left}" x2="{right}" y1="{self.y(v):.1f}" y2="{self.y(v):.1f}"/>'
            f'<text x="{left - 6}" y="{self.y(v) + 4:.1f}" text-anchor="end">{v:g}</text>'
            for v in ticks(self.low, self.high, self.step)
        ]
        columns = [
            f'<text x="{self.x(t):.1f}" y="{bottom + 18}" text-anchor="middle">{clock(t)}</text>'
            for t in ticks(0, self.end, time_step(self.end))
        ]
        title = f'<text x="{left}" y="{_TOP - 2}">{escape(unit)}</text>'
        return f'<g class="grid">{"".join(rows)}{"".join(columns)}{title}</g>'

    def draw(self, line: Line) -> str:
        places: list[str] = []
        before = None
        for seconds, value in thin(line):
            if line.steps and before is not None:
                places.append(f"{self.x(seconds):.1f},{self.y(before):.1f}")
            places.append(f"{self.x(seconds):.1f},{self.y(value):.1f}")
            before = value
        return f'<polyline fill="none" stroke="{line.color}" stroke-width="1.5" points="{" ".join(places)}"/>'

    def mark(self, seconds: float, text: str) -> str:
        x = f"{self.x(seconds):.1f}"
        shape = f'<line class="mark" x1="{x}" x2="{x}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>'
        return f"<g>{shape}<title>{escape(f'{clock(seconds)} {text}')}</title></g>"
