"""Colours to tell instruments apart, on screen and in pictures."""

_COLORS = (
    "#d1495b", "#e8a33d", "#3a9a6b", "#33658a", "#7b5ea7", "#4fb3bf", "#a0522d", "#6b8e23",
    "#c71585", "#708090", "#b8860b", "#2e4057", "#ff7f50", "#008b8b", "#8fbc8f", "#9932cc",
)  # fmt: skip


VOICE_COLOR, PIANO_COLOR = "#c2185b", "#6f8fa8"  # of a voice that sings along, and of what it sings with


def color_of(row: int, own: str = "") -> str:
    """An instrument's colour: its own, or one by its place."""
    return own or _COLORS[row % len(_COLORS)]
