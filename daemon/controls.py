"""Keys and controllers of the player's that do something instead of being played, as they are written."""

import re
from dataclasses import dataclass

from ripieno.daemon.pitch import parse_pitch, show_pitch
from ripieno.daemon.schema import Kind, quote

MOST_TRIGGERS = 32
"""Keys and controllers that an engine knows."""
_TRIGGER = re.compile(r"(?:(controller) +(\d+)|key +(\S+))(?: +channel +(\d+))?", re.IGNORECASE)


@dataclass(frozen=True)
class Control:
    """A key or, with `controller`, a pedal or another controller. channel: 1-16, 0 for any."""

    number: int
    controller: bool
    channel: int = 0

    def __str__(self) -> str:
        what = f"controller {self.number}" if self.controller else f"key {show_pitch(self.number)}"
        return what + (f" channel {self.channel}" if self.channel else "")


def parse_control(text: object) -> Control:
    """One as it is written: "controller 67", "key C8 channel 16". ValueError says what else to write."""
    match = _TRIGGER.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match:
        raise ValueError(f'{text!r} is no key or controller: write "controller 67", "key C8" or "key C8 channel 16"')
    controller, channel = match[1] is not None, int(match[4] or 0)
    value = int(match[2]) if controller else parse_pitch(match[3])
    if not 0 <= value <= (119 if controller else 127):
        raise ValueError(f"{text!r}: controllers go from 0 to 119")
    if match[4] and not 1 <= channel <= 16:
        raise ValueError(f"{text!r}: channels go from 1 to 16")
    return Control(value, controller, channel)


def _controls(value: object) -> tuple[Control, ...]:
    if not isinstance(value, list):
        raise ValueError(f'{value!r} is no list: write, for instance, ["controller 67", "key C8"]')
    return tuple(parse_control(one) for one in value)


CONTROLS = Kind(
    'list such as ["controller 67", "key C8"]', _controls, lambda v: f"[{', '.join(quote(str(one)) for one in v)}]"
)
