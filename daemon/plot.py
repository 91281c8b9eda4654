"""A picture of what was played: the player's keys above, the ensemble below, one colour an instrument.

Where a band answers, it also shows what the model had planned and left out, and where one handed over to the other.
Where a voice sings along, its spectrogram stands on top, and its melody runs through it and through the notes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripieno.daemon.errors import UserError
from ripieno.daemon.files import whole_file
from ripieno.daemon.pitch import show_pitch

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

INSTALL = "pip install matplotlib"
_KEYS_COLOR = "#8c8c8c"
_INK, _GRID, _PAPER = "#2b2b2b", "#e4e1da", "#fbfaf7"
_FAINT = 0.45
# The spectrogram: of so many samples each, in so many columns an inch, up to so many Hz, over so many dB.
_WINDOW, _COLUMNS_AN_INCH, _TOP_HZ, _DEPTH_DB = 2048, 110, 6000, 75
_SECONDS_AN_INCH, _NARROW, _WIDE = 4.0, 12.0, 40.0


@dataclass(frozen=True)
class Bar:
    """A note in the picture: seconds, MIDI pitch, velocity; row: whose it is, None for the player's key."""

    start: float
    end: float
    pitch: int
    velocity: int
    row: int | None


@dataclass(frozen=True)
class Plans:
    """What a band that answers adds to a picture.

    dropped: notes that the model had planned and that never sounded; row None: those it expected of the player.
    turns: seconds, and whose turn began there ("you", "band", "both"). split: seconds where the music given ends and
    the model's begins, None where both play live. composed: nobody played, the model wrote.
    """

    dropped: Sequence[Bar] = ()
    turns: Sequence[tuple[float, str]] = ()
    split: float | None = None
    composed: bool = False


@dataclass(frozen=True)
class Sung:
    """What a voice sang. row: its own among the names; line: (second, MIDI pitch with all that bends it), nan where it
    is silent; audio: its sound, one channel from the beginning, at `rate` samples a second."""

    row: int
    line: Sequence[tuple[float, float]]
    audio: "NDArray[np.float32]"
    rate: int


def _load_library() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise UserError(
            f"matplotlib is not installed ({error}), so there is no picture; install it: {INSTALL}"
        ) from None
    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    return Figure


def require() -> None:
    """UserError, with what to install, where no picture can be drawn here."""
    _load_library()


def write_plot(
    path: Path,
    title: str,
    bars: Sequence[Bar],
    names: Sequence[str],
    colors: Sequence[str],
    plans: Plans | None = None,
    sung: Sung | None = None,
) -> None:
    """Draw a piano roll (PNG, PDF or SVG by the file's name), which appears whole or not at all.

    names and colors: one a row of `bars`. UserError where matplotlib is missing or knows no such format.
    """
    figure_class = _load_library()
    end = max((bar.end for bar in bars), default=1.0)
    width = min(_WIDE, max(_NARROW, end / _SECONDS_AN_INCH))
    figure = figure_class(figsize=(width, 9.6 if sung else 7.2), facecolor=_PAPER, layout="constrained")
    # Nothing was given, or what was played is heard as it was: no room for it.
    alone = plans.composed and plans.split is None if plans else all(bar.row is not None for bar in bars)
    ratios = [2.4] * bool(sung) + ([0.001, 3] if alone else [2, 3])
    *top, above, below = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
    above.sharey(below)
    above.set_visible(not alone)
    _draw(above, [bar for bar in bars if bar.row is None], lambda _: _KEYS_COLOR)
    _draw(below, [bar for bar in bars if bar.row is not None], lambda bar: colors[bar.row])
    upper, lower = ("given", "written") if plans and plans.composed else ("played", "the band" if plans else "heard")
    _dress(above, upper)
    _dress(below, lower)
    if plans:
        _outline(above, [bar for bar in plans.dropped if bar.row is None], lambda _: _KEYS_COLOR)
        _outline(below, [bar for bar in plans.dropped if bar.row is not None], lambda bar: colors[bar.row])
        _mark_turns(above, below, plans)
    if sung:
        _draw_spectrogram(top[0], sung, colors[sung.row])
        below.plot(*_columns(sung.line), color=colors[sung.row], linewidth=1.4, zorder=3)
    _scale(below, [*bars, *(plans.dropped if plans else ())], end)
    _legend(figure, names, colors, plans, not alone)
    figure.suptitle(title, color=_INK, fontsize=13, x=0.012, ha="left")
    kind = path.suffix[1:].lower() or "png"
    if kind not in figure.canvas.get_supported_filetypes():
        raise UserError(f"{path}: no picture can be written as .{kind}; name it .png, .pdf or .svg")
    with whole_file(path) as out:
        figure.savefig(out, format=kind, dpi=150, facecolor=_PAPER, metadata={"Date": None} if kind == "svg" else None)


def _draw(axes: "Axes", bars: Sequence[Bar], color: Any) -> None:
    """Notes as bars, louder ones fuller."""
    fill = [(color(bar), 0.6 + 0.4 * bar.velocity / 127) for bar in bars]
    _place(axes, bars, color=fill, edgecolor=[color(bar) for bar in bars], linewidth=0.4)


def _outline(axes: "Axes", bars: Sequence[Bar], color: Any) -> None:
    """Notes that never sounded: empty, faint frames behind those that did."""
    _place(axes, bars, color="none", edgecolor=[(color(bar), _FAINT) for bar in bars], linewidth=0.7, zorder=1.5)


def _place(axes: "Axes", bars: Sequence[Bar], **look: Any) -> None:
    """Notes where they lie in time and pitch; the shortest are still seen."""
    if bars:
        lengths = [max(bar.end - bar.start, 0.03) for bar in bars]
        axes.barh([bar.pitch for bar in bars], lengths, left=[bar.start for bar in bars], height=0.84, **look)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Points as matplotlib has them."""
    return [at for at, _ in points], [value for _, value in points]


def _draw_spectrogram(axes: "Axes", sung: Sung, color: str) -> None:
    """The voice's sound, and the pitch that was decided upon it."""
    import numpy as np

    seconds = len(sung.audio) / sung.rate
    columns = max(2, round(seconds / _SECONDS_AN_INCH * _COLUMNS_AN_INCH))
    padded = np.pad(sung.audio, _WINDOW // 2)
    starts = np.linspace(0, len(sung.audio) - 1, columns).astype(np.int64)
    frames = padded[starts[:, None] + np.arange(_WINDOW)] * np.hanning(_WINDOW)
    bins = int(_TOP_HZ / sung.rate * _WINDOW)
    power = np.abs(np.fft.rfft(frames, axis=1)[:, :bins]) ** 2
    level = 10 * np.log10(np.maximum(power, 1e-12))
    top = float(level.max())
    axes.imshow(
        level.T,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, _TOP_HZ / 1000),
        vmin=top - _DEPTH_DB,
        vmax=top,
        cmap="bone_r",
        interpolation="bilinear",
    )
    kilohertz = [(at, 0.44 * 2 ** ((pitch - 69) / 12)) for at, pitch in sung.line]
    axes.plot(*_columns(kilohertz), color=color, linewidth=0.9, alpha=0.9)
    _dress(axes, "the voice, kHz")
    axes.grid(visible=False)


def _mark_turns(above: "Axes", below: "Axes", plans: Plans) -> None:
    """A line where somebody's turn begins, told above."""
    turns = [*plans.turns, *([(plans.split, "the model goes on")] if plans.split is not None else [])]
    for at, whose in turns:
        for axes in (above, below):
            axes.axvline(at, color=_INK, linewidth=0.9, linestyle=(0, (4, 3)), alpha=0.55)
        above.annotate(
            f"{whose} \u25b8",
            (at, 1.0),
            xytext=(2, 2),
            xycoords=above.get_xaxis_transform(),
            textcoords="offset points",
            color=_INK,
            fontsize=8,
        )


def _dress(axes: "Axes", label: str) -> None:
    axes.set_facecolor(_PAPER)
    axes.set_ylabel(label, color=_INK, fontsize=11)
    axes.grid(color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, labelsize=9, length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _scale(axes: "Axes", bars: Sequence[Bar], end: float) -> None:
    low = min((bar.pitch for bar in bars), default=48)
    high = max((bar.pitch for bar in bars), default=72)
    ticks = [pitch for pitch in range(128) if pitch % 12 == 0 and low - 6 <= pitch <= high + 6]
    axes.set_yticks(ticks, [show_pitch(pitch) for pitch in ticks])
    axes.set_ylim(low - 2, high + 2)
    axes.set_xlim(0, 1.005 * end)
    axes.set_xlabel("seconds", color=_INK, fontsize=10)


def _legend(figure: Any, names: Sequence[str], colors: Sequence[str], plans: Plans | None, given: bool) -> None:
    from matplotlib.patches import Patch

    patches = []
    if given:
        patches.append(Patch(color=_KEYS_COLOR, label="given" if plans and plans.composed else "your keys"))
    patches += [Patch(color=color, label=name) for name, color in zip(names, colors, strict=True)]
    if plans and plans.dropped:
        patches.append(Patch(facecolor="none", edgecolor=(_KEYS_COLOR, 2 * _FAINT), label="planned, never played"))
    legend = figure.legend(
        handles=patches, loc="outside lower center", ncols=min(9, len(patches)), frameon=False, fontsize=11
    )
    for text in legend.get_texts():
        text.set_color(_INK)
