"""`ripieno demo`: a bundled piano performance, played by a string quartet, answered by a band, or with a voice."""

import argparse
from pathlib import Path
from typing import NamedTuple

from ripieno.daemon.commands.options import (
    add_json,
    add_preset_options,
    completed_by,
    load_preset,
    preset_names,
    print_json,
)
from ripieno.daemon.errors import UserError

EPILOG = """\
  ripieno demo                   a string quartet plays each note
  ripieno demo --preset duet     flute and strings go on where the piano stops
  ripieno demo --preset band     guitar, bass, strings and drums play along
  ripieno demo --preset singer   a voice sings along
It leaves demo.mid (one track an instrument), demo.wav (to listen to) and demo.png (a picture of who played what); of a
voice, singer.mid, singer.wav, singer-voice.wav (the voice alone) and singer.png.
"""


class _Piece(NamedTuple):
    """A bundled performance, by the name of its file; names: of the files it makes; title and credit for people."""

    work: str
    names: str
    title: str
    credit: str


_BACH = ("bach-bwv858", "demo")
_CREDIT = "The performance: GiantMIDI-Piano, CC BY 4.0."
# By what a preset does: who plays each note, who goes on where the player stops, who plays along, who sings.
_PIECES = {
    None: _Piece(*_BACH, "Bach, prelude BWV 858: played on one keyboard, heard from: {}", _CREDIT),
    "duet": _Piece(*_BACH, "Bach, prelude BWV 858: played on one keyboard, and the answer of: {}", _CREDIT),
    "band": _Piece(*_BACH, "Bach, prelude BWV 858: played on one keyboard, together with: {}", _CREDIT),
    "sung": _Piece(
        "faure-apres-un-reve",
        "singer",
        "Fauré, Après un rêve, the piano's part alone, and what is sung to it by: {}",
        "The notes: OpenScore Lieder, CC0 1.0.",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """By whom, and where to."""
    preset = parser.add_argument("--preset", "-p", default="string-quartet", help="who plays (default: string-quartet)")
    completed_by(preset, preset_names)
    parser.add_argument("--folder", type=Path, default=Path("out"), help="where the files go (default: out)")
    add_preset_options(parser)
    add_json(parser)


def run(parsed: argparse.Namespace) -> int:
    """Make the demo's files, and say what was made."""
    from importlib.resources import as_file, files

    from ripieno.daemon.rendering import Outputs, describe, possible, render
    from ripieno.daemon.synth import Stems

    preset = load_preset(parsed.preset, parsed)
    piece = _PIECES["sung" if preset.singing else preset.continuation.mode if preset.continuation else None]
    midi, wav, picture = (parsed.folder / f"{piece.names}.{kind}" for kind in ("mid", "wav", "png"))
    stems = Stems(voice=parsed.folder / f"{piece.names}-voice.wav" if preset.singing else None)
    outputs, lacks = possible(Outputs(midi, wav, picture, stems))
    with as_file(files("ripieno.daemon.demo") / f"{piece.work}.mid") as source:
        if not source.is_file():
            raise UserError(f"{source}: the demo's performance is missing: install Ripieno again")
        result = render(source, preset, outputs, piece.title.format(preset.name))
    if parsed.json:
        print_json(result | {"lacks": lacks})
    else:
        print(describe(result))
        for lack in lacks:
            print(f"left out: {lack}")
        print(piece.credit)
    return 0
