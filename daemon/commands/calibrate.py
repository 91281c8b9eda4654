"""`ripieno calibrate`: how late devices are, measured through a loopback, and remembered."""

import argparse
from dataclasses import asdict
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ripieno.daemon.commands.options import add_json, print_json
from ripieno.daemon.errors import UsageError

if TYPE_CHECKING:
    from ripieno.daemon.devices import Figure

EPILOG = """\
Connect the device's MIDI out with a MIDI in by a cable, or its sound out with a sound in (a synth that hears it
instead keeps silent). Then
  ripieno calibrate --midi USB-MIDI Keystation       what is sent to USB-MIDI comes back at Keystation
  ripieno calibrate --audio system:playback_1 system:capture_1
  ripieno calibrate --driver portaudio --audio USB USB   without JACK
  ripieno calibrate                                  what has been measured so far
`ripieno run` lets what leaves on the quicker devices wait for the slowest; its --latency PORT=MS goes before what is
measured.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure."""
    two: dict[str, Any] = {"nargs": 2, "action": "append", "default": [], "metavar": ("OUT", "IN")}
    parser.add_argument("--midi", help="names of the MIDI device to measure, and of where it comes back", **two)
    parser.add_argument("--audio", help="the same for sound", **two)
    parser.add_argument(
        "--driver",
        choices=("auto", "jack", "portaudio"),
        default="auto",
        help="what `ripieno run` plays through: JACK, where a server answers (default), else this system's own MIDI "
        "and sound",
    )
    parser.add_argument(
        "--input-ms", type=float, default=0.0, metavar="MS", help="how much of the round trip the way in takes"
    )
    parser.add_argument("--forget", action="append", default=[], metavar="DEVICE", help="forget a device's figure")
    add_json(parser)


def run(parsed: argparse.Namespace) -> int:
    """Measure, remember, show."""
    from ripieno.daemon import devices

    if not 0 <= parsed.input_ms <= 1000:
        raise UsageError("--input-ms: write milliseconds from 0 to 1000")
    for key in parsed.forget:
        devices.forget(key)
    figures = _measure(parsed) or devices.load()
    if parsed.json:
        print_json({key: asdict(one) for key, one in figures.items()})
    else:
        _show(figures, bool(parsed.midi or parsed.audio))
    return 0


def _measure(parsed: argparse.Namespace) -> "dict[str, Figure]":
    if not parsed.midi and not parsed.audio:
        return {}
    from ripieno.daemon import devices
    from ripieno.daemon.drivers.base import plainly

    by, figures = _measurer(parsed.driver), {}
    for ends, measure in ((parsed.midi, by.midi), (parsed.audio, by.audio)):
        for out, back in ends:
            with plainly():
                key, figure = measure(out, back, parsed.input_ms)
            devices.keep(key, figure)
            figures[key] = figure
    return figures


def _measurer(driver: str) -> ModuleType:
    """Who measures what that driver plays through."""
    from ripieno.daemon import calibrate, calibrate_portaudio
    from ripieno.native.drivers import jack_problem

    without = driver == "portaudio" or (driver == "auto" and jack_problem() is not None)
    return calibrate_portaudio if without else calibrate


def _show(figures: "dict[str, Figure]", new: bool) -> None:
    if not figures:
        print("no device has been measured yet; see `ripieno calibrate --help`")
        return
    from ripieno.daemon import calibrate, devices

    print(calibrate.table(figures))
    if new:
        print(f"remembered in {devices.file()}")
