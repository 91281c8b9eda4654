"""What the daemon and a plugin's process tell each other beside the sound: JSON lines over a pair of sockets.

Nobody waits in `send`: what the other side has no room for goes out later, as this side looks for its messages. So a
plugin with megabytes of state does not hold up its own sound.
"""

from __future__ import annotations

import json
import socket
from base64 import b64decode, b64encode
from select import POLLIN, POLLOUT, poll
from typing import Any

_PIECE = 1 << 16
_LONGEST = 256 << 20  # bytes of one message: a state can be large, but not without end

Message = dict[str, Any]


class Gone(Exception):
    """The other side has closed the line, or speaks no JSON."""


class Line:
    """One end of it; one thread uses it."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        end.setblocking(False)
        self._in, self._out, self._searched = bytearray(), bytearray(), 0

    def send(self, **message: Any) -> None:
        """Raises Gone."""
        self._out += json.dumps(message).encode() + b"\n"
        self._flush()

    def receive(self, seconds: float = 0) -> Message | None:
        """The next message; None: none came within so many seconds, or not all of it. Raises Gone."""
        self._flush()
        message = self._next()
        if message is None and (seconds == 0 or self._comes(seconds)):
            self._fill()
            message = self._next()
        return message

    def close(self) -> None:
        self._end.close()

    def _comes(self, seconds: float) -> bool:
        wanted = poll()
        wanted.register(self._end, POLLIN | (POLLOUT if self._out else 0))
        return any(event & ~POLLOUT for _, event in wanted.poll(seconds * 1000))

    def _flush(self) -> None:
        while self._out:
            try:
                del self._out[: self._end.send(self._out[:_PIECE])]
            except BlockingIOError:
                return
            except OSError as error:
                raise Gone(str(error)) from None

    def _fill(self) -> None:
        try:
            piece = self._end.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError as error:
            raise Gone(str(error)) from None
        if not piece or len(self._in) > _LONGEST:
            raise Gone("it has closed the line")
        self._in += piece

    def _next(self) -> Message | None:
        end = self._in.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._in)
            return None
        line = bytes(self._in[:end])
        del self._in[: end + 1]
        self._searched = 0
        try:
            message = json.loads(line)
        except ValueError as error:
            raise Gone(f"it sent no JSON: {error}") from None
        if not isinstance(message, dict):
            raise Gone("it sent JSON that is no message")
        return message


def packed(state: bytes) -> str:
    """Bytes as they go over the line."""
    return b64encode(state).decode("ascii")


def unpacked(text: str) -> bytes:
    """The bytes. Raises ValueError for what is none."""
    return b64decode(text, validate=True)
