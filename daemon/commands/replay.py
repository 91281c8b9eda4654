"""`ripieno replay`: what the flight recorder kept, played again."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ripieno.daemon.commands.options import add_json, print_json
from ripieno.daemon.errors import UserError

if TYPE_CHECKING:
    from ripieno.daemon.flight.replay import Outcome

EPILOG = """\
examples:
  ripieno replay                                   the last session: do the same bytes leave again?
  ripieno replay ~/.local/state/ripieno/flights/20261121-201500-ripieno
  ripieno replay --report gig.html                 its gig report: one page with plots
  ripieno replay broken/0001.flight --json
Exit code 0: every byte was the same; 1: something was not, and it says where.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which recording, and what to make of it."""
    parser.add_argument(
        "recording",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="a session's folder, or one of its segments (default: the last session)",
    )
    parser.add_argument("--report", type=Path, metavar="OUT.html", help="write its gig report, and play nothing")
    add_json(parser)


def run(parsed: argparse.Namespace) -> int:
    """Play it again and say whether it is the same, or write its report."""
    path = parsed.recording or _newest()
    if parsed.report:
        return _report(path, parsed.report, parsed.json)
    from ripieno.daemon.flight.replay import describe

    outcome = _replay(path)
    if parsed.json:
        print_json({"recording": str(path)} | outcome.as_dict())
    else:
        print(f"{path}\n{describe(outcome)}")
    return 0 if outcome.same else 1


def _replay(path: Path) -> "Outcome":
    from ripieno.daemon.flight.replay import replay
    from ripieno.daemon.progress import Progress

    with Progress("playing it again") as progress:
        return replay(path, progress)


def _report(path: Path, out: Path, as_json: bool) -> int:
    from ripieno.daemon.flight.report import write_report

    session = write_report(path, out)
    if as_json:
        print_json({"recording": str(path), "report": str(out), "samples": len(session.samples)})
    else:
        print(f"made {out} ({out.stat().st_size / 1024:.0f} kB)")
    return 0


def _newest() -> Path:
    from ripieno.daemon.flight.log import flights_folder, newest_session

    found = newest_session()
    if not found:
        raise UserError(f"{flights_folder()}: no session is recorded here yet; name a recording's folder")
    return found
