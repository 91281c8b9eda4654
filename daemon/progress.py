"""How far something has come: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import TextIO

_WIDTH = 28
_BAR_SECONDS, _LINE_SECONDS = 0.1, 10.0


class Progress:
    """Shows the share done of one task; to be used in `with`.

    Nothing is shown of a task that ends before its first interval is over, but its last line always is.
    """

    def __init__(self, label: str, out: TextIO | None = None) -> None:
        self.label, self.out = label, out or sys.stderr
        self.terminal = self.out.isatty()
        self.begun = self.shown = time.monotonic()

    def __call__(self, share: float) -> None:
        """Say how much is done, from 0 to 1."""
        now = time.monotonic()
        if now - self.shown < (_BAR_SECONDS if self.terminal else _LINE_SECONDS):
            return
        self.shown = now
        left = (now - self.begun) * (1 - share) / share if share > 0 else 0.0
        if self.terminal:
            full = round(_WIDTH * share)
            self.out.write(
                f"\r\x1b[K{self.label:24} {'█' * full}{'░' * (_WIDTH - full)} {share:4.0%}  {left:.0f} s left"
            )
        else:
            self.out.write(f"{self.label}: {share:.0%}, {left:.0f} s left\n")
        self.out.flush()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        start = "\r\x1b[K" if self.terminal else ""
        if kind is None:
            self.out.write(f"{start}{self.label:24} done in {time.monotonic() - self.begun:.1f} s\n")
        else:
            self.out.write(start)
        self.out.flush()
