"""`ripieno` on a terminal of its own, as somebody sees it who sits there."""

import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Callable

from command import COMMAND

ROWS, COLUMNS = 50, 130  # room for the whole panel
_SECONDS = 30


class Screen:
    """A command line on a pseudo-terminal."""

    def __init__(self, *arguments: object) -> None:
        line = [*COMMAND, *map(str, arguments)]
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color")
            os.execv(line[0], line)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def shows(self, text: str) -> None:
        """Wait until this is shown, and see that it is."""
        seen, end = b"", time.monotonic() + _SECONDS
        while text.encode() not in seen:
            assert time.monotonic() < end, f"{text!r} is never shown, but {seen[-3000:].decode(errors='replace')}"
            seen += self._read(seen)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something elsewhere, and read what is shown: a program whose terminal is full stands still."""
        end = time.monotonic() + _SECONDS
        while not condition():
            assert time.monotonic() < end, f"it never came to this: {what}"
            self._read()

    def _read(self, seen: bytes = b"") -> bytes:
        """What is shown next, if anything soon is."""
        if not select.select([self._terminal], [], [], 0.05)[0]:
            return b""
        try:
            return os.read(self._terminal, 65536)
        except OSError:  # EIO: nobody has the other end
            raise AssertionError(f"it has ended, and said {seen[-3000:].decode(errors='replace')}") from None

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._terminal, keys.encode())

    def ends(self) -> None:
        """See that it gives the screen back and ends well."""
        self.shows("\x1b[?1049l")
        os.close(self._terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]) == 0
