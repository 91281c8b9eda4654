"""`ripieno bench`: speed and latency, measured here and now, each beside its rival."""

import argparse
import sys
from importlib import import_module

from ripieno.daemon.bench.continuation import PARTS
from ripieno.daemon.commands.options import add_json, print_json
from ripieno.daemon.errors import UsageError, UserError, did_you_mean

BENCHES: dict[str, str] = {
    "lstm": "one step of the network, in microseconds, beside ONNX Runtime and PyTorch",
    "continuation": "notes a second of the band's network, and how soon it answers",
    "jack": "round trip through a JACK server while Python is kept busy, beside a plain wire",
    "startup": "time until the ports are up, memory, and what idling costs",
    "render": "how much faster than real time a file is played",
}
EPILOG = "what can be measured:\n" + "\n".join(f"  {name:13} {what}" for name, what in BENCHES.items())
EPILOG += "\n\nparts of the continuation:\n" + "\n".join(f"  {name:13} {what}" for name, what in PARTS.items())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure."""
    parser.add_argument("what", nargs="*", metavar="WHAT", help="by default all, see below")
    parser.add_argument("--part", choices=tuple(PARTS), help="of the continuation, see below")
    parser.add_argument("--minutes", type=float, help="that the continuation's interaction takes")
    add_json(parser)


def run(parsed: argparse.Namespace) -> int:
    """Measure; each bench prints its own table, or returns it for JSON."""
    for name in parsed.what:
        if name not in BENCHES:
            raise UsageError(f"there is no bench {name!r}; {did_you_mean(name, list(BENCHES))}")
    if parsed.minutes is not None and not parsed.minutes > 0:
        raise UsageError(f"--minutes {parsed.minutes}: give more than 0")
    results = {}
    for name in parsed.what or BENCHES:
        module = import_module(f"ripieno.daemon.bench.{name}")
        if not parsed.json:
            print(f"== {name}: {BENCHES[name]}")
        try:
            options = {"part": parsed.part, "minutes": parsed.minutes} if name == "continuation" else {}
            results[name] = module.run(parsed.json, **options)
        except UserError as error:
            results[name] = {"problem": str(error)}
            print(f"ripieno: {name}: {error}", file=sys.stderr)
    if parsed.json:
        print_json(results)
    return 1 if any("problem" in result for result in results.values()) else 0
