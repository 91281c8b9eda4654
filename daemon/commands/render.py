"""`ripieno render`: a MIDI file through the ensemble, off line."""

import argparse
from pathlib import Path

from ripieno.daemon.commands.options import add_json, add_preset_options, load_preset, print_json

EPILOG = """\
examples:
  ripieno render song.mid --preset choir -o choir.mid
  ripieno render song.mid --preset string-quartet -o q.mid --wav q.wav --plot q.png
  ripieno render song.mid --preset pop-band -o b.mid --set chord_window_ms=25
The same file and preset always give the same bytes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to play, by whom, and into which files."""
    parser.add_argument("input", type=Path, metavar="IN.mid", help="what the player plays (all tracks together)")
    parser.add_argument("--preset", "-p", required=True, help="who plays it: a preset's name or file")
    parser.add_argument("--output", "-o", type=Path, required=True, metavar="OUT.mid", help="one track an instrument")
    parser.add_argument("--wav", type=Path, metavar="OUT.wav", help="also as sound")
    parser.add_argument("--plot", type=Path, metavar="OUT.png", help="also as a picture (.png, .pdf or .svg)")
    add_preset_options(parser)
    add_json(parser)


def run(parsed: argparse.Namespace) -> int:
    """Render, and say what was made."""
    from ripieno.daemon.rendering import Outputs, describe, render

    preset = load_preset(parsed.preset, parsed)
    outputs = Outputs(parsed.output, parsed.wav, parsed.plot)
    result = render(parsed.input, preset, outputs, title=f"{parsed.input.stem}, played by {preset.name}")
    if parsed.json:
        print_json(result)
    else:
        print(describe(result))
    return 0
