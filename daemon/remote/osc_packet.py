"""OSC packets, read with nothing taken on trust, and written.

Open Sound Control 1.0, https://opensoundcontrol.stanford.edu/spec-1_0.html. python-osc takes for zeros what is cut
short and skips what it does not know; here such a packet is none, and nothing in it is done.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pythonosc.osc_message import OscMessage, ParseError
from pythonosc.osc_message_builder import OscMessageBuilder

MOST_TEXT, MOST_ARGUMENTS, MOST_DEPTH = 1000, 64, 8  # characters; of a message; bundles in bundles
_BUNDLE, _AT_ONCE = b"#bundle\0", 1
_SIZES = {"i": 4, "f": 4, "h": 8, "d": 8, "T": 0, "F": 0, "N": 0, "[": 0, "]": 0}
_ALIKE = bytes.maketrans(b"IS", b"Ts")  # a bang, and what Max has for texts
_TO_UNIX_SECONDS = 2_208_988_800  # from 1900, where time tags begin


class Malformed(ValueError):
    """This is no packet of OSC, or none that we take."""


@dataclass(frozen=True)
class Message:
    """due: when it is to be done, in seconds since 1970; 0: at once."""

    address: str
    arguments: list[Any]
    due: float = 0.0


def read(packet: bytes) -> list[Message]:
    """The messages in a packet, in their order. Malformed, where one of them is."""
    return list(_element(packet, 0.0, 0))


def _element(data: bytes, due: float, depth: int) -> Iterator[Message]:
    if data.startswith(b"/"):
        yield _message(data, due)
    elif data.startswith(_BUNDLE) and depth < MOST_DEPTH:
        yield from _bundle(data, due, depth)
    else:
        raise Malformed("it begins neither with / nor with #bundle")


def _bundle(data: bytes, due: float, depth: int) -> Iterator[Message]:
    """A bundle's messages are due when it is, if the one around it is not due later."""
    at = len(_BUNDLE) + 8
    tag = int.from_bytes(_part(data, len(_BUNDLE), 8), "big")
    due = max(due, tag / 2**32 - _TO_UNIX_SECONDS) if tag != _AT_ONCE else due
    while at < len(data):
        size = int.from_bytes(_part(data, at, 4), "big")
        yield from _element(_part(data, at + 4, size), due, depth + 1)
        at += 4 + size


def _part(data: bytes, at: int, size: int) -> bytes:
    if size % 4 or at + size > len(data):
        raise Malformed("it is cut short")
    return data[at : at + size]


def _message(data: bytes, due: float) -> Message:
    tags_at = _text_end(data, 0)
    if tags_at < len(data):  # old programs send none where there are no arguments
        after = _text_end(data, tags_at)
        tags = data[tags_at:after].translate(_ALIKE)
        _check_arguments(data, after, tags.rstrip(b"\0").decode("ascii", "replace"))
        data = data[:tags_at] + tags + data[after:]
    try:
        message = OscMessage(data)
    except (ParseError, ValueError, IndexError, OverflowError, struct.error) as error:
        raise Malformed(str(error)) from None
    if not message.address.isascii() or not message.address.isprintable():
        raise Malformed("its address is no plain ASCII")
    if any(isinstance(one, float) and not math.isfinite(one) for one in _flat(message.params)):
        raise Malformed("a number of it is none")
    return Message(message.address, message.params, due)


def _text_end(data: bytes, at: int) -> int:
    """Where what follows a text begins; with its zeros it is as long as a multiple of 4 bytes."""
    end = data.find(b"\0", at)
    if end < 0:
        raise Malformed("a text does not end")
    if end - at > MOST_TEXT:
        raise Malformed(f"a text is longer than {MOST_TEXT} bytes")
    after = at + (end - at) // 4 * 4 + 4
    if data[end:after].strip(b"\0") or after > len(data):
        raise Malformed("a text is not filled up with zeros")
    return after


def _check_arguments(data: bytes, at: int, tags: str) -> None:
    """Malformed where they do not fill what is left to the last byte."""
    if not tags.startswith(",") or len(tags) > MOST_ARGUMENTS + 1:
        raise Malformed(f"it has no type tags, or more than {MOST_ARGUMENTS}")
    open_ = 0
    for tag in tags[1:]:
        if tag != "s" and tag not in _SIZES:
            raise Malformed(f"we take no arguments of the type {tag!r}")
        open_ += (tag == "[") - (tag == "]")
        if not 0 <= open_ <= 1:
            raise Malformed("its brackets do not match, or are within others")
        at = _text_end(data, at) if tag == "s" else at + _SIZES[tag]
    if at != len(data) or open_:
        raise Malformed("its arguments are not as long as its type tags say")


def _flat(values: Sequence[Any]) -> Iterator[Any]:
    for one in values:
        yield from one if isinstance(one, list) else (one,)


def write(address: str, tags: str, arguments: Sequence[Any] = ()) -> bytes:
    """A message. arguments: one for each tag, also for T and F."""
    builder = OscMessageBuilder(address)
    for tag, argument in zip(tags, arguments, strict=True):
        builder.add_arg(argument, tag)
    return builder.build().dgram
