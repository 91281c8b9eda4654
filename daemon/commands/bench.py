"""`ripieno bench`: speed and latency, measured here and now, each beside its rival."""

import argparse
import sys
from importlib import import_module

from ripieno.daemon.bench.parts import IN_PARTS
from ripieno.daemon.commands.options import add_json, completed_by, print_json
from ripieno.daemon.errors import UsageError, UserError, did_you_mean

BENCHES: dict[str, str] = {
    "lstm": "one step of the network, in microseconds, beside ONNX Runtime and PyTorch",
    "continuation": "notes a second of the band's network, and how soon it answers",
    "singing": "real-time factor of the voice, how soon it answers a key, and how it does live",
    "plugins": "latency and cost of plugins, and what is heard of one that is killed, hangs or sends nonsense",
    "jack": "round trip through a JACK server while Python is kept busy, beside a plain wire",
    "clock": "how true the one clock is to those that it follows, from one to the other, and as it leaves",
    "setlist": "a thousand changes of song while eight notes and the pedal are held",
    "devices": "how soon devices that are pulled out are back in their places, and all after the server's restart",
    "rig": "all that records, the clock and Link on: does the engine notice? and what may happen to a recording",
    "face": "the page: does the engine notice it, does it keep up, do all agree, and is it safe?",
    "service": "what is heard when the service is killed while notes sound, and when it is back",
    "startup": "time until the ports are up, memory, and what idling costs",
    "render": "how much faster than real time a file is played",
}
EPILOG = "what can be measured:\n" + "\n".join(f"  {name:13} {what}" for name, what in BENCHES.items())
for bench, divided in IN_PARTS.items():
    EPILOG += f"\n\nparts of the {bench}:\n" + "\n".join(f"  {name:13} {what}" for name, what in divided.parts.items())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure."""
    what = parser.add_argument("what", nargs="*", metavar="WHAT", help="by default all, see below")
    completed_by(what, lambda **_: BENCHES)
    parser.add_argument("--part", help="of a bench that has parts, see below")
    parser.add_argument(
        "--minutes",
        type=float,
        help="that it takes: the continuation's interaction, live singing, plugins' jit or chaos, the clock's out, the "
        "rig's load, the face's load, page or key",
    )
    parser.add_argument(
        "--vst3", action="append", metavar="FILE", help="a plugin of yours for the plugins' chaos; twice: two of them"
    )
    add_json(parser)


def run(parsed: argparse.Namespace) -> int:
    """Measure; each bench prints its own table, or returns it for JSON."""
    for name in parsed.what:
        if name not in BENCHES:
            raise UsageError(f"there is no bench {name!r}; {did_you_mean(name, list(BENCHES))}")
    if parsed.minutes is not None and not parsed.minutes > 0:
        raise UsageError(f"--minutes {parsed.minutes}: give more than 0")
    _check_part(parsed)
    results = {}
    for name in parsed.what or BENCHES:
        if not parsed.json:
            print(f"== {name}: {BENCHES[name]}")
        try:
            if name in IN_PARTS:
                given = {"minutes": parsed.minutes, "vst3": parsed.vst3}
                results[name] = IN_PARTS[name].run(parsed.json, parsed.part, **given)
            else:
                results[name] = import_module(f"ripieno.daemon.bench.{name}").run(parsed.json)
        except UserError as error:
            results[name] = {"problem": str(error)}
            print(f"ripieno: {name}: {error}", file=sys.stderr)
    if parsed.json:
        print_json(results)
    return 1 if any("problem" in result for result in results.values()) else 0


def _check_part(parsed: argparse.Namespace) -> None:
    """A part is one of every bench that is asked for and has parts."""
    if parsed.part is None:
        return
    divided = [name for name in parsed.what or BENCHES if name in IN_PARTS]
    if not divided:
        raise UsageError(f"--part {parsed.part}: name the bench it is of: {' or '.join(IN_PARTS)}")
    for name in divided:
        parts = IN_PARTS[name].parts
        if parsed.part not in parts:
            raise UsageError(f"{name} has no part {parsed.part!r}; {did_you_mean(parsed.part, list(parts))}")
