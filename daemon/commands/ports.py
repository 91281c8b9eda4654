"""`ripieno ports`: the MIDI ports of this machine, and those for sound."""

import argparse
from typing import Any

from ripieno.daemon.commands.options import add_json, print_json

EPILOG = """\
Part of such a name is enough for `ripieno run ... --connect-in NAME --connect-out NAME --connect-audio NAME
--connect-audio-in NAME`.
"""


_TITLES = {
    "sources": "can play into Ripieno (--connect-in)",
    "sinks": "can be played (--connect-out)",
    "audio": "can be heard on (--connect-audio)",
    "microphones": "can be let in (--connect-audio-in)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only `--json`."""
    add_json(parser)


def run(parsed: argparse.Namespace) -> int:
    """List what each driver sees. Exit code 0: at least one driver works."""
    found = {name: look() for name, look in (("jack", _jack), ("rtmidi", _rtmidi), ("portaudio", _portaudio))}
    works = any("problem" not in found[name] for name in ("jack", "rtmidi"))
    if parsed.json:
        print_json(found)
        return 0 if works else 1
    for driver, ports in found.items():
        print(f"--driver {driver}")
        if "problem" in ports:
            print(f"  does not work here: {ports['problem']}")
            continue
        for key in (key for key in _TITLES if key in ports):
            print(f"  {_TITLES[key]}:")
            for name in ports[key] or ["none"]:
                print(f"    {name}")
    return 0 if works else 1


def _jack() -> dict[str, Any]:
    from ripieno.native.drivers import DriverError, jack_ports, natural

    try:
        ports, audio = jack_ports(), jack_ports(audio=True)
    except DriverError as error:
        return {"problem": str(error)}
    return {
        "sources": sorted((port.name for port in ports if port.writes), key=natural),
        "sinks": sorted((port.name for port in ports if port.reads), key=natural),
        "audio": sorted((port.name for port in audio if port.reads), key=natural),
        "microphones": sorted((port.name for port in audio if port.writes), key=natural),
    }


def _rtmidi() -> dict[str, Any]:
    from ripieno.daemon.drivers.rtmidi import devices, problem

    why_not = problem()
    if why_not is not None:
        return {"problem": why_not}
    sources, sinks = devices()
    return {"sources": sources, "sinks": sinks}


def _portaudio() -> dict[str, Any]:
    from ripieno.daemon.drivers.portaudio import devices
    from ripieno.daemon.errors import UserError

    try:
        return {"audio": [device.name for device in devices()]}
    except UserError as error:
        return {"problem": str(error)}
