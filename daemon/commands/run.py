"""`ripieno run`: play live."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ripieno.daemon.clock_keys import CLOCK_PORT, FASTEST, SLOWEST, SOURCES, TEMPO
from ripieno.daemon.commands.options import add_preset_options, completed_by, preset_names
from ripieno.daemon.errors import UsageError
from ripieno.daemon.preset_document import CLOCK
from ripieno.daemon.schema import quote, show_list

if TYPE_CHECKING:
    from ripieno.daemon.controls import Control
    from ripieno.daemon.flight.recorder import FlightRecorder
    from ripieno.daemon.live import Performance, Watcher
    from ripieno.daemon.recording.session import Session
    from ripieno.daemon.remote.osc_ports import Address
    from ripieno.daemon.setlist import SetList

EPILOG = """\
examples:
  ripieno run string-quartet                       then connect your keyboard to ripieno:in, a synth to ripieno:out
  ripieno run choir --connect-in Keystation --connect-out FLUID
  ripieno run choir pop-band                       the key n goes on to the next preset
  ripieno run choir pop-band --next "controller 67"  and so does the soft pedal
  ripieno run saturday.toml                        a set list: songs in order, see the README
  ripieno run singer                               a voice sings along, on the loudspeakers
  ripieno run singer --driver portaudio --connect-audio USB
  ripieno run quartet-hall                         no synth needed: a SoundFont and a hall, on the loudspeakers
  ripieno run microphone --connect-audio-in system what a microphone hears, through plugins
  ripieno run thru --driver rtmidi                 a certain driver instead of the best one that works
  ripieno run game-band --driver file --input song.mid
  ripieno run band --clock midi                    in time with a drum machine that sends MIDI clock
  ripieno run band --tempo 96 --clock-out clock    ... or it with us, at the port ripieno:clock
  ripieno run string-quartet --ui                  with a page for the browser, at http://127.0.0.1:8765
  ripieno run --resume                             go on where the last one was when it ended or crashed
Ctrl-C ends it with every note released.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who plays, and through what."""
    preset = parser.add_argument(
        "preset", nargs="*", metavar="PRESET", help="who plays: names or files of presets, or the file of a set list"
    )
    completed_by(preset, preset_names)
    for word, where in (("next", "on to the next preset"), ("previous", "back to the one before")):
        parser.add_argument(
            f"--{word}",
            action="append",
            type=_control,
            default=[],
            metavar="CONTROL",
            help=f'a pedal or key of the MIDI keyboard that goes {where}: "controller 67", "key C8 channel 2"',
        )
    parser.add_argument(
        "--program-channel",
        type=_channel,
        metavar="CHANNEL",
        help='the MIDI channel (1 to 16, "all") whose program changes mean the presets: 1, 2, 3 ..., or as a set list '
        "says",
    )
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
    parser.add_argument(
        "--latency",
        action="append",
        default=[],
        metavar="PORT=MS",
        help="how late the device at this output is, so that what leaves on the others waits for it "
        '("sound": all audio outputs; `ripieno calibrate` measures it)',
    )
    parser.add_argument(
        "--clock",
        choices=SOURCES,
        help="whom the one clock follows, instead of what a preset or a set list says in [clock]",
    )
    parser.add_argument(
        "--tempo",
        type=_tempo,
        metavar="BPM",
        help="its beats a minute, where nobody else says how many (default: 120)",
    )
    parser.add_argument(
        "--clock-out",
        action="append",
        default=[],
        metavar="PORT",
        help=f'let MIDI clock leave on this output, too; "{CLOCK_PORT}": one of its own',
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
    parser.add_argument(
        "--feedback",
        nargs="?",
        const="",
        metavar="NAME",
        help="tell motor faders and lamps where to stand, at the port ripieno:feedback: of the controller with this in "
        "its name, or of what is connected there",
    )
    parser.add_argument("--ui", action="store_true", help="serve the page, to this computer's browsers alone")
    parser.add_argument("--ui-port", type=_port, metavar="PORT", help="likewise, at this port (default: 8765)")
    parser.add_argument(
        "--ui-lan",
        action="store_true",
        help="likewise, and to phones and tablets on the same network, each paired by a code that is shown here",
    )
    parser.add_argument("--osc", action="store_true", help="speak OSC, with this computer's programs alone")
    parser.add_argument("--osc-port", type=_port, metavar="PORT", help="likewise, at this port (default: 9000)")
    parser.add_argument(
        "--osc-to",
        action="append",
        default=[],
        type=_osc_address,
        metavar="HOST:PORT",
        help="likewise, and tell this program or tablet all that happens, from the beginning",
    )
    parser.add_argument(
        "--osc-lan",
        action="store_true",
        help="likewise, and let the computers that --osc-to names send to us: OSC has no passwords",
    )
    parser.add_argument(
        "--flight",
        action=argparse.BooleanOptionalAction,
        help="what comes in and leaves is kept for an hour at least, so that `ripieno replay` can play it again, and a "
        "report of the session is written; --flight keeps incoming sound, too, --no-flight nothing",
    )
    parser.add_argument(
        "--recordings",
        type=Path,
        metavar="FOLDER",
        help="keep the last five minutes (the key O writes them down), and record, when the key o says so, as WAV and "
        "MIDI files there",
    )
    parser.add_argument(
        "--record", action="store_true", help="begin to record at once (default folder: ~/Music/ripieno)"
    )
    parser.add_argument("--json", action="store_true", help="print the state as a JSON object a line, each second")
    parser.add_argument("--stress", action="store_true", help="keep a Python thread busy, to show that it does no harm")
    add_preset_options(parser)


def _control(text: str) -> "Control":
    from ripieno.daemon.controls import parse_control

    try:
        return parse_control(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _channel(text: str) -> int | str:
    from ripieno.daemon.setlist import parse_channel

    try:
        return parse_channel(int(text) if text.isdecimal() else text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _tempo(text: str) -> float:
    try:
        return float(TEMPO.read(float(text)))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no tempo: write one from {SLOWEST} to {FASTEST}") from None


def _clock(parsed: argparse.Namespace) -> list[str]:
    """What the options of the clock say, as --set has it."""
    said = {
        "source": parsed.clock and quote(parsed.clock),
        "tempo": parsed.tempo,
        "out": parsed.clock_out and show_list(parsed.clock_out),
    }
    return [f"{CLOCK}.{key}={value}" for key, value in said.items() if value]


def _rate(text: str) -> int:
    if not text.isdecimal() or not 8000 <= int(text) <= 384_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no sample rate: write one from 8000 to 384000, such as 48000")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: write a number from 1 to 65535, or 0 for any")
    return int(text)


def _osc_address(text: str) -> "Address":
    from ripieno.daemon.remote.osc_ports import address_of

    try:
        return address_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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
    told = [*_metrics(parsed.metrics), *_page(parsed), *_osc(parsed), notifier]  # who hears last that all is ready
    return patiently(lambda: _play(parsed, told), notifier.say) if parsed.wait else _play(parsed, told)


def _flight(parsed: argparse.Namespace) -> "list[FlightRecorder]":
    """The flight recorder, unless it is not wanted."""
    if parsed.flight is False:
        return []
    from ripieno.daemon.flight.recorder import FlightRecorder

    return [FlightRecorder(parsed.name, sound=bool(parsed.flight))]


def _recording(parsed: argparse.Namespace) -> "list[Session]":
    """The recorder, likewise."""
    if not parsed.record and not parsed.recordings:
        return []
    from ripieno.daemon.recording.session import Session, recordings_folder

    return [Session(parsed.recordings or recordings_folder(), parsed.record)]


def load_songs(presets: "Sequence[str]", parsed: argparse.Namespace) -> "SetList":
    """The songs that these presets, or this set list, and a command line mean. UserError for mistakes in them."""
    from ripieno.daemon.setlist import load_list, with_controls

    loaded = load_list(presets, [*parsed.set, *_clock(parsed)], parsed.presets)
    return with_controls(loaded, parsed.next, parsed.previous, parsed.program_channel)


def _play(parsed: argparse.Namespace, told: "Sequence[Watcher]") -> int:
    from ripieno.daemon.live import Options, choose_show, run
    from ripieno.daemon.outside import Outside
    from ripieno.daemon.service.state import Memory

    memory = Memory(parsed.name, parsed.preset, parsed.resume)
    songs = load_songs(memory.presets, parsed)
    flight, recording = _flight(parsed), _recording(parsed)
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
        first=memory.first([song.title for song in songs.songs]),
        feedback=parsed.feedback,
        watchers=[memory, Outside(songs.presets, parsed.latency), *flight, *recording, *told],
        flight=next(iter(flight), None),
        recording=next(iter(recording), None),
    )
    return run(songs, options)


def _metrics(port: int | None) -> "list[Watcher]":
    """Who answers for the figures, if anybody is to."""
    if port is None:
        return []
    from ripieno.daemon.metrics import Metrics

    return [Metrics(port)]


class Lacking:
    """A `Watcher` that says what was asked for and is not here; among the news, since the panel covers what was printed
    before it."""

    def __init__(self, what: str) -> None:
        self._what = what

    def begin(self, performance: "Performance") -> None:
        """Say it."""
        performance.news.append(self._what)

    def tend(self, performance: "Performance") -> None:
        """Once is enough."""

    def end(self) -> None:
        """There is nothing to end."""


def _page(parsed: argparse.Namespace) -> "list[Watcher]":
    """Who serves the page, if it is wanted. Where its libraries are missing that is told, and the music goes on."""
    from ripieno.daemon.web import PORT, missing

    if not (parsed.ui or parsed.ui_lan or parsed.ui_port is not None):
        return []
    if lacking := missing():
        return [Lacking(lacking)]
    from ripieno.daemon.web.server import Page

    return [Page(parsed.name, PORT if parsed.ui_port is None else parsed.ui_port, parsed.ui_lan)]


def _osc(parsed: argparse.Namespace) -> "list[Watcher]":
    """Who speaks OSC, likewise."""
    from ripieno.daemon.remote.osc_ports import PORT, missing

    if not (parsed.osc or parsed.osc_to or parsed.osc_lan or parsed.osc_port is not None):
        return []
    if parsed.osc_lan and not parsed.osc_to:
        raise UsageError("--osc-lan lets those in whom --osc-to names: add --osc-to HOST:PORT")
    if lacking := missing():
        return [Lacking(lacking)]
    from ripieno.daemon.remote.osc import Osc

    return [Osc(PORT if parsed.osc_port is None else parsed.osc_port, parsed.osc_to, parsed.osc_lan)]
