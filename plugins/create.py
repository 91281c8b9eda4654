"""A plugin of one's own, begun: `ripieno plugins new` writes a file that plays as it is, and a preset to hear it."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path

from ripieno.plugins.base import EFFECT, INSTRUMENT, PluginError

KINDS = ("jit", "python")
_NAME = "NAME"  # in the templates, and below
_PRESETS = {
    EFFECT: """\
name = "NAME"
description = "A piano through NAME.py"

[[ensemble]]
name = "Piano"
program = "Acoustic Grand Piano"
polyphony = 0
pedal = "pass"

[[chain]]
on = "Piano"
plugin = "soundfont:"

[[chain]]
on = "Piano"
plugin = "KIND:NAME.py"
""",
    INSTRUMENT: """\
name = "NAME"
description = "NAME.py, played from the keyboard"

[[ensemble]]
name = "Keys"
program = "Acoustic Grand Piano"
polyphony = 0
pedal = "pass"

[[chain]]
on = "Keys"
plugin = "KIND:NAME.py"
""",
}


def create(kind: str, name: str, instrument: bool = False, folder: Path = Path()) -> str:
    """Write NAME.py and NAME.toml into a folder, an effect or an instrument; returns what to do next, for people.

    kind: one of KINDS. Raises PluginError where that cannot be; what is there already is left alone.
    """
    if kind not in KINDS:
        raise PluginError(f"there is no template for {kind!r}: {' or '.join(KINDS)}")
    name = name.removesuffix(".py")
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or keyword.iskeyword(name):
        raise PluginError(f"{name!r} cannot be a plugin's name: write letters, digits and _, a letter first")
    role = INSTRUMENT if instrument else EFFECT
    template = files("ripieno.plugins") / "templates" / f"{role}_{kind}.py.txt"
    texts = {
        folder / f"{name}.py": template.read_text(encoding="utf-8"),
        folder / f"{name}.toml": _PRESETS[role].replace("KIND", kind),
    }
    _write({path: text.replace(_NAME, name) for path, text in texts.items()})
    plugin, preset = texts
    return f"""\
{plugin} is {"an instrument" if instrument else "an effect"} that plays as it is: change it to your taste.
{preset} is a preset with it. To hear it:
  ripieno run {preset}
In any other preset it is
  [[chain]]
  plugin = "{kind}:{plugin}"{chr(10) + '  on = "NAME OF AN INSTRUMENT"' if instrument else ""}"""


def _write(texts: dict[Path, str]) -> None:
    """All of them or none."""
    there = [path for path in texts if path.exists()]
    if there:
        raise PluginError(f"{there[0]} is there already: choose another name")
    for path, text in texts.items():
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise PluginError(f"{path}: cannot be written: {error.strerror or error}") from None
