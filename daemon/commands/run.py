"""`ripieno run`: play live."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ripieno.daemon.commands.options import add_preset_options, load_preset
from ripieno.daemon.errors import UsageError

if TYPE_CHECKING:
    from ripieno.daemon.live import Watcher
    from ripieno.daemon.service.notify import Notifier

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
  ripieno run --resume                             go on where the last one was when it ended or crashed
Ctrl-C ends it with every note released.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who plays, and through what."""
    parser.add_argument("preset", nargs="*", metavar="PRESET", help="who plays: names or files of presets")
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
    parser.add_argument(
        "--resume", action="store_true", help="be as the last one of this name was: its preset, switches and settings"
    )
    parser.add_argument("--wait", action="store_true", help="wait for what is not there yet: a JACK server, a device")
    parser.add_argument(
        "--metrics",
        type=_port,
        metavar="PORT",
        help="figures for Prometheus, at http://127.0.0.1:PORT/metrics",
    )
    parser.add_argument("--json", action="store_true", help="print the state as a JSON object a line, each second")
    parser.add_argument("--stress", action="store_true", help="keep a Python thread busy, to show that it does no harm")
    add_preset_options(parser)


def _rate(text: str) -> int:
    if not text.isdecimal() or not 8000 <= int(text) <= 384_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no sample rate: write one from 8000 to 384000, such as 48000")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: write a number from 1 to 65535, or 0 for any")
    return int(text)


def _audio(parts: list[str] | None) -> list[str]:
    """Where sound is heard: "" for the loudspeakers."""
    return [""] if parts is None else [part for part in parts if part != "none"]


def run(parsed: argparse.Namespace) -> int:
    """Play until told to end."""
    from ripieno.daemon.service.notify import Notifier
    from ripieno.daemon.service.patience import patiently

    if parsed.rate and parsed.driver != "portaudio":
        raise UsageError("--rate is for --driver portaudio: the others have a rate of their own")
    if not parsed.preset and not parsed.resume:
        raise UsageError("name a preset (`ripieno presets` lists them), or --resume")
    notifier = Notifier()
    return patiently(lambda: _play(parsed, notifier), notifier.say) if parsed.wait else _play(parsed, notifier)


def _play(parsed: argparse.Namespace, notifier: "Notifier") -> int:
    from ripieno.daemon.live import Options, choose_show, run
    from ripieno.daemon.service.state import Memory

    memory = Memory(parsed.name, parsed.preset, parsed.resume)
    presets = [load_preset(name, parsed) for name in memory.presets]
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
        first=memory.first(presets),
        watchers=[memory, *_metrics(parsed.metrics), notifier],  # who is told that all is ready comes last
    )
    return run(presets, options)


def _metrics(port: int | None) -> "list[Watcher]":
    """Who answers for the figures, if anybody is to."""
    if port is None:
        return []
    from ripieno.daemon.metrics import Metrics

    return [Metrics(port)]
