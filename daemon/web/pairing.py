"""Pairing: six digits on the terminal, typed on a phone once, make it known from then on.

A code holds for two minutes, one device and five tries. Who guesses codes away waits for the next, each time twice as
long; a code asked for on this computer itself comes at once.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import StringIO

from ripieno.daemon.web.route import Refusal

CODE_SECONDS, TRIES = 120.0, 5
_DIGITS = 6
_PAUSE_SECONDS, _LONGEST_SECONDS = 10.0, 3600.0  # from one code that somebody outside asked for to the next
MOST_DEVICES = 32


@dataclass
class Code:
    """A code, until when it holds (monotonic seconds), and how many tries are left."""

    text: str
    until: float
    tries: int = TRIES


class Pairing:
    """The code that holds, if any, and those who were paired. For one thread.

    paired: the digests of their tokens, of earlier runs; keep: is told of all of them when there is another.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        paired: Sequence[str] = (),
        keep: Callable[[Sequence[str]], object] = lambda paired: None,
    ) -> None:
        self._clock, self._keep = clock, keep
        self._code: Code | None = None
        self._pause, self._next = _PAUSE_SECONDS, 0.0
        self._devices = list(paired)

    @property
    def code(self) -> str:
        """The one that holds, "" where none does."""
        if self._code and self._clock() >= self._code.until:
            self._code = None
        return self._code.text if self._code else ""

    def begin(self) -> str:
        """A new code; the one before holds no longer."""
        self._code = Code(f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}", self._clock() + CODE_SECONDS)
        return self._code.text

    def ask(self) -> str:
        """Likewise, for somebody who is not paired yet: the code that holds, or a new one. Refusal (429) too soon."""
        if self.code:
            return self.code
        now = self._clock()
        if now < self._next:
            wait_s = self._next - now
            told = f"too many codes were asked for: wait {wait_s:.0f} s, or ask on the computer"
            raise Refusal(429, told, {}, wait_s)
        self._next = now + self._pause
        return self.begin()

    def claim(self, text: str) -> str:
        """A token for who knows the code, which holds no longer. Refusal (403) for a wrong one."""
        code = self._code if self.code else None
        if not code:
            raise Refusal(403, "no code holds now: ask for a new one", {"key": "code"})
        if same(text, code.text):
            self._code, self._pause, self._next = None, _PAUSE_SECONDS, 0.0
            token = secrets.token_urlsafe(32)
            self._devices = [*self._devices[1 - MOST_DEVICES :], digest(token)]
            self._keep(self._devices)
            return token
        code.tries -= 1
        if not code.tries:
            self._code = None
            self._next, self._pause = self._clock() + self._pause, min(2 * self._pause, _LONGEST_SECONDS)
            raise Refusal(403, "this is not the code, which holds no longer: ask for a new one", {"key": "code"})
        raise Refusal(403, f"this is not the code; tries left: {code.tries}", {"key": "code"})

    @property
    def devices(self) -> int:
        """How many are paired."""
        return len(self._devices)

    def known(self, token: str) -> bool:
        """Whether this is a paired device's."""
        return digest(token) in self._devices


def digest(token: str) -> str:
    """What is kept of a token, and is of no use to whoever reads it."""
    return sha256(token.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two tokens are the same, in a time that tells nothing of them."""
    return hmac.compare_digest(one.encode(), other.encode())


def spaced(code: str) -> str:
    """As it is read: "123 456"."""
    return f"{code[:3]} {code[3:]}"


def address(url: str, code: str) -> str:
    """The page at which a device is paired. What stands behind "#" never leaves the device."""
    return f"{url}pair#{code}"


def card(url: str, code: str) -> Iterator[str]:
    """The code for a terminal, as lines, with a QR code where segno is installed."""
    try:
        import segno
    except ImportError:
        pass
    else:
        out = StringIO()
        segno.make(address(url, code), error="l", micro=False).terminal(out, border=2, compact=True)
        yield from out.getvalue().rstrip("\n").split("\n")
    yield f"On the phone or tablet: {url}pair"
    yield f"Code: {spaced(code)}, for one device, within two minutes"


def picture(url: str, code: str) -> str:
    """The QR code as SVG."""
    import segno

    out: str = segno.make(address(url, code), error="m", micro=False).svg_inline(scale=6, dark="#000", light="#fff")
    return out
