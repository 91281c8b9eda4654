"""`ripieno run`: play live."""

import argparse
from pathlib import Path

from ripieno.daemon.commands.options import add_preset_options, load_preset
from ripieno.daemon.errors import UsageError

EPILOG = """\
examples:
  ripieno run string-quartet                       then connect your keyboard to ripieno:in, a synth to ripieno:out
  ripieno run choir --connect-in Keystation --connect-out FLUID
  ripieno run choir pop-band                       the key n goes on to the next preset
  ripieno run singer                               a voice sings along, on the loudspeakers
  ripieno run singer --driver portaudio --connect-audio USB
  ripieno run quartet-hall                         no synth needed: a SoundFont and a hall, on the loudspeakers
  ripieno run microphone --connect-audio-in system what a microphone hears, through plugins
  ripieno run thru --driver rtmidi                 a certain driver instead of the best one that works
  ripieno run game-band --driver file --input song.mid
Ctrl-C ends it with every note released.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who plays, and through what."""
    parser.add_argument("preset", nargs="+", metavar="PRESET", help="who plays: names or files of presets")
    parser.add_argument(
        "--driver",
        choices=("auto", "jack", "portaudio", "rtmidi", "file"),
        default="auto",
        help="what carries MIDI and sound; auto takes the best that works here and says which (default)",
    )
    parser.add_argument(
        "--connect-in", action="append", default=[], metavar="NAME", help="connect the keyboard with this in its name"
    )
    parser.add_argument(
        "--connect-out", action="append", default=[], metavar="NAME", help="connect the synth with this in its name"
    )
    parser.add_argument(
        "--connect-audio",
        action="append",
        metavar="NAME",
        help="let what sounds be heard on the input with this in its name, or left and right on the first two of such "
        'a device; PORT=NAME: one of our ports there (default: the loudspeakers; "none": nowhere)',
    )
    parser.add_argument(
        "--connect-audio-in",
        action="append",
        default=[],
        metavar="NAME",
        help="with JACK: let in the sound of the microphone with this in its name, likewise",
    )
    parser.add_argument("--rate", type=_rate, default=0, metavar="HZ", help="with --driver portaudio: samples a second")
    parser.add_argument(
        "--input", type=Path, metavar="IN.mid", help="with --driver file: the MIDI file that is the player"
    )
    parser.add_argument("--name", default="ripieno", metavar="CLIENT", help="name of the ports (default: ripieno)")
    parser.add_argument("--json", action="store_true", help="print the state as a JSON object a line, each second")
    parser.add_argument("--stress", action="store_true", help="keep a Python thread busy, to show that it does no harm")
    add_preset_options(parser)


def _rate(text: str) -> int:
    if not text.isdecimal() or not 8000 <= int(text) <= 384_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no sample rate: write one from 8000 to 384000, such as 48000")
    return int(text)


def _audio(parts: list[str] | None) -> list[str]:
    """Where sound is heard: "" for the loudspeakers."""
    return [""] if parts is None else [part for part in parts if part != "none"]


def run(parsed: argparse.Namespace) -> int:
    """Play until told to end."""
    from ripieno.daemon.live import Options, choose_show, run

    if parsed.rate and parsed.driver != "portaudio":
        raise UsageError("--rate is for --driver portaudio: the others have a rate of their own")
    presets = [load_preset(name, parsed) for name in parsed.preset]
    options = Options(
        client=parsed.name,
        driver=parsed.driver,
        connect_in=parsed.connect_in,
        connect_out=parsed.connect_out,
        connect_audio=_audio(parsed.connect_audio),
        connect_audio_in=parsed.connect_audio_in,
        rate=parsed.rate,
        file=parsed.input,
        show=choose_show(parsed.json),
        stress=parsed.stress,
    )
    return run(presets, options)
