"""`ripieno demo`: a bundled piano performance, played by a string quartet."""

import argparse
from pathlib import Path

from ripieno.daemon.commands.options import add_json, add_preset_options, load_preset, print_json
from ripieno.daemon.errors import UserError

EPILOG = """\
  ripieno demo                   a string quartet plays each note
  ripieno demo --preset duet     flute and strings go on where the piano stops
  ripieno demo --preset band     guitar, bass, strings and drums play along
It leaves demo.mid (one track an instrument), demo.wav (to listen to) and demo.png (a picture of who played what).
"""
_WORK = "bach-bwv858"
# By what a preset does: who plays each note, who goes on where the player stops, who plays along.
_TITLES = {
    None: "Bach, prelude BWV 858: played on one keyboard, heard from: {}",
    "duet": "Bach, prelude BWV 858: played on one keyboard, and the answer of: {}",
    "band": "Bach, prelude BWV 858: played on one keyboard, together with: {}",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """By whom, and where to."""
    parser.add_argument("--preset", "-p", default="string-quartet", help="who plays (default: string-quartet)")
    parser.add_argument("--folder", type=Path, default=Path("out"), help="where the files go (default: out)")
    add_preset_options(parser)
    add_json(parser)


def run(parsed: argparse.Namespace) -> int:
    """Make the demo's files, and say what was made."""
    from importlib.resources import as_file, files

    from ripieno.daemon.rendering import Outputs, describe, possible, render

    preset = load_preset(parsed.preset, parsed)
    names = [parsed.folder / f"demo.{kind}" for kind in ("mid", "wav", "png")]
    outputs, lacks = possible(Outputs(*names))
    with as_file(files("ripieno.daemon.demo") / f"{_WORK}.mid") as source:
        if not source.is_file():
            raise UserError(f"{source}: the demo's performance is missing: install Ripieno again")
        title = _TITLES[preset.continuation.mode if preset.continuation else None]
        result = render(source, preset, outputs, title.format(preset.name))
    if parsed.json:
        print_json(result | {"lacks": lacks})
    else:
        print(describe(result))
        for lack in lacks:
            print(f"left out: {lack}")
        print("The performance: GiantMIDI-Piano, CC BY 4.0.")
    return 0
