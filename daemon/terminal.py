"""A terminal as an instrument panel: single keys in, a screen redrawn in place out."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PATIENCE_SECONDS, _PIECE = 0.1, 256
_HIDE, _SHOW, _HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[?25l", "\x1b[?25h", "\x1b[H", "\x1b[K", "\x1b[J"
_OTHER_SCREEN, _OWN_SCREEN = "\x1b[?1049h", "\x1b[?1049l"


def usable() -> bool:
    """Whether there is a terminal to draw on and to hear keys from."""
    return sys.stdout.isatty() and sys.stdin.isatty() and os.environ.get("TERM") != "dumb"


def emit(text: str) -> bool:
    """Write to standard output, but never wait for it: False, and the rest is left out, where nobody reads.

    A terminal that was stopped (Ctrl-S) or a pipe that is full must not keep a performance from ending.
    """
    sys.stdout.flush()
    data = text.encode(sys.stdout.encoding or "utf-8", "replace")
    while data:
        if os.name != "nt" and not select.select([], [sys.stdout], [], _PATIENCE_SECONDS)[1]:
            return False
        # A pipe that select calls ready takes so much at once; so does a terminal that has any room, but for its rest.
        data = data[os.write(sys.stdout.fileno(), data[:_PIECE]) :]
    return True


def colored(text: str, color: str) -> str:
    """Text in a colour such as "#c04030"; plain where NO_COLOR is set."""
    if not color or os.environ.get("NO_COLOR"):
        return text
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"\x1b[38;2;{red};{green};{blue}m{text}\x1b[39m"


def dimmed(text: str) -> str:
    """Text that stands back."""
    return f"\x1b[2m{text}\x1b[22m"


class Screen:
    """The other screen of a terminal, with the cursor hidden. Draws only when something changed."""

    def __init__(self) -> None:
        self._shown: list[str] = []

    def draw(self, lines: list[str]) -> None:
        """Show these lines and nothing else."""
        if lines == self._shown:
            return
        height = os.get_terminal_size().lines
        body = "\r\n".join(line + _CLEAR_LINE for line in lines[: height - 1])
        self._shown = lines if emit(_HOME + body + "\r\n" + _CLEAR_BELOW) else []


@contextmanager
def panel() -> Iterator[Screen]:
    """Take the terminal over, and give it back however this ends."""
    with _single_keys():
        emit(_OTHER_SCREEN + _HIDE + _HOME + _CLEAR_BELOW)
        try:
            yield Screen()
        finally:
            with suppress(OSError):
                emit(_SHOW + _OWN_SCREEN)


@contextmanager
def _single_keys() -> Iterator[None]:
    """Keys arrive one by one and are not echoed. On Windows the console does so by itself (`msvcrt`)."""
    if os.name == "nt":
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin, termios.TCSANOW)
        yield
    finally:
        with suppress(termios.error):  # the window was closed
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def pressed() -> str:
    """The keys pressed since the last call, "" for none; does not wait."""
    if os.name == "nt":
        import msvcrt

        keys = ""
        while msvcrt.kbhit():  # type: ignore[attr-defined, unused-ignore]
            keys += msvcrt.getwch()  # type: ignore[attr-defined, unused-ignore]
        return keys
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return os.read(sys.stdin.fileno(), 64).decode(errors="ignore") if ready else ""
