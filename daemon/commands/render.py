"""`ripieno render`: a MIDI file through the ensemble, off line."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripieno.daemon.commands.options import (
    add_json,
    add_preset_options,
    completed_by,
    load_preset,
    preset_names,
    print_json,
)
from ripieno.daemon.errors import UsageError

if TYPE_CHECKING:
    from ripieno.daemon.rendering import Outputs
    from ripieno.daemon.synth import Stems

EPILOG = """\
examples:
  ripieno render song.mid --preset choir -o choir.mid
  ripieno render song.mid --preset string-quartet -o q.mid --wav q.wav --plot q.png
  ripieno render song.mid --preset pop-band -o b.mid --set chord_window_ms=25
  ripieno render song.mid --preset duet -o d.mid --plot d.png --set answer_bars=8
                                                   the band answers, as it would on stage
  ripieno render song.mid --preset singer -o s.mid --wav s.wav --stems
                                                   a voice sings along; the voice and the piano also apart
  ripieno render song.mid --preset quartet-hall -o q.mid --wav q.wav --stems
                                                   through plugins, as they sound live; each instrument's also apart
  ripieno render song.mid --continue 16 -o on.mid  the model writes 16 bars more for the song's own instruments
  ripieno render --from-scratch --instruments piano,cello,flute -o new.mid --seed 7
  ripieno render --from-scratch -o new.mid         the model chooses its instruments, too
The same file, preset and seed always give the same bytes. With --continue and --from-scratch the file's own beats and
bars count, and these keys of [continuation] do: style, tempo, beats, temperature, top_p, register, key, key_pull,
follow_velocity, humanize.
"""
_BARS = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to play, by whom, and into which files."""
    parser.add_argument(
        "input", type=Path, nargs="?", metavar="IN.mid", help="what the player plays (all tracks together)"
    )
    preset = parser.add_argument("--preset", "-p", help="who plays it: a preset's name or file")
    completed_by(preset, preset_names)
    parser.add_argument("--output", "-o", type=Path, required=True, metavar="OUT.mid", help="one track an instrument")
    parser.add_argument("--wav", type=Path, metavar="OUT.wav", help="also as sound")
    parser.add_argument(
        "--stems",
        action="store_true",
        help="with --wav, where a voice sings: also OUT-voice.wav and OUT-others.wav; with plugins, each instrument's",
    )
    parser.add_argument("--plot", type=Path, metavar="OUT.png", help="also as a picture (.png, .pdf or .svg)")
    parser.add_argument(
        "--continue",
        dest="go_on",
        type=_bars,
        metavar="BARS",
        help="let the model go on where the file ends: with its instruments, or those of --preset",
    )
    parser.add_argument("--from-scratch", action="store_true", help="let the model write a piece of its own")
    parser.add_argument(
        "--instruments", metavar="NAMES", help="with --from-scratch: who plays, such as piano,cello,flute"
    )
    parser.add_argument("--bars", type=_bars, metavar="BARS", help=f"with --from-scratch: how long (default: {_BARS})")
    parser.add_argument("--seed", type=int, metavar="N", help="another number, another answer (default: the preset's)")
    add_preset_options(parser)
    add_json(parser)


def _bars(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bars from 1 to 1000")
    return int(text)


def _check(parsed: argparse.Namespace) -> None:
    """UsageError where the options do not go together."""
    writes = parsed.from_scratch or parsed.go_on
    wrong = {
        "write either --continue BARS or --from-scratch": parsed.from_scratch and parsed.go_on,
        "with --from-scratch there is no file to play": parsed.from_scratch and parsed.input,
        "which file? write: ripieno render IN.mid": not parsed.from_scratch and not parsed.input,
        "who plays it? write --preset NAME (`ripieno presets` lists them)": not writes and not parsed.preset,
        "--instruments is for --from-scratch": parsed.instruments and not parsed.from_scratch,
        "--bars is for --from-scratch": parsed.bars and not parsed.from_scratch,
        "--stems is for --wav": parsed.stems and not parsed.wav,
        "write either --instruments or --preset": parsed.instruments and parsed.preset,
    }
    for message, applies in wrong.items():
        if applies:
            raise UsageError(message)


def run(parsed: argparse.Namespace) -> int:
    """Render, and say what was made."""
    from ripieno.daemon.rendering import Outputs, describe

    _check(parsed)
    if parsed.seed is not None:
        parsed.set = [*parsed.set, f"seed={parsed.seed}"]
    outputs = Outputs(parsed.output, parsed.wav, parsed.plot, _stems(parsed), parsed.stems)
    result = _write(parsed, outputs) if parsed.from_scratch or parsed.go_on else _play(parsed, outputs)
    if parsed.json:
        print_json(result)
    else:
        print(describe(result))
    return 0


def _stems(parsed: argparse.Namespace) -> "Stems":
    """The files beside --wav for the voice and for all the others."""
    from ripieno.daemon.synth import Stems

    names = [parsed.wav.with_stem(f"{parsed.wav.stem}-{part}") for part in ("voice", "others")] if parsed.stems else []
    return Stems(*names)


def _play(parsed: argparse.Namespace, outputs: "Outputs") -> dict[str, Any]:
    """Through the engine, as on stage."""
    from ripieno.daemon.rendering import render

    preset = load_preset(parsed.preset, parsed)
    return render(parsed.input, preset, outputs, title=f"{parsed.input.stem}, played by {preset.name}")


def _write(parsed: argparse.Namespace, outputs: "Outputs") -> dict[str, Any]:
    """By the model, with no clock."""
    from ripieno.daemon import composing
    from ripieno.daemon.cast import code_named
    from ripieno.daemon.progress import Progress
    from ripieno.daemon.rendering import check, make
    from ripieno.daemon.synth import NO_STEMS

    preset = load_preset(parsed.preset, parsed) if parsed.preset else None
    outputs = replace(outputs, stems=NO_STEMS) if preset and preset.chain else outputs
    check(parsed.input, outputs, preset)
    with Progress("writing"):
        if parsed.from_scratch:
            names = parsed.instruments.split(",") if parsed.instruments else []
            codes = sorted({code_named(name) for name in names})
            music = composing.from_scratch(preset, codes, parsed.bars or _BARS, parsed.set)
            title = "Written from scratch, for " + ", ".join(one.name for one in music.preset.ensemble)
        else:
            music = composing.go_on(parsed.input, preset, parsed.go_on, parsed.set)
            title = f"{parsed.input.stem}, and how the model goes on"
    return make(music, outputs, title)
