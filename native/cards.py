"""What tells a sound card from others, whatever number the system gave it this time (ALSA; elsewhere names do)."""

from __future__ import annotations

import re
from pathlib import Path

from ripieno.native.links import Port

CARDS = Path("/sys/class/sound")
_CARD = re.compile(r"\bhw:(\d+)")


def usb_identity(name: str, root: Path | None = None) -> str:
    """What USB says of the sound card in an ALSA name such as "USB Audio: - (hw:1,0)": "usb:VENDOR:PRODUCT:SERIAL".

    "" where the name has no card, or the card is none of USB's. The serial number is empty where a device has none.
    """
    card = _CARD.search(name)
    place = ((root or CARDS) / f"card{card[1]}" / "device").resolve() if card else None
    for folder in (place, *place.parents) if place else ():
        if (folder / "idVendor").is_file():
            return ":".join(["usb", *(_line(folder / what) for what in ("idVendor", "idProduct", "serial"))])
    return ""


def steady(port: Port, root: Path | None = None) -> Port:
    """A port of JACK's whose other names tell its card ("alsa_pcm:hw:1:in1") by what it is instead of by its number:
    by USB's numbers, or by the name that ALSA has for it."""

    def told(found: re.Match[str]) -> str:
        card = _line((root or CARDS) / f"card{found[1]}" / "id")
        return usb_identity(found[0], root) or (f"hw:{card}" if card else found[0])

    return port._replace(aliases=tuple(_CARD.sub(told, alias) for alias in port.aliases))


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
