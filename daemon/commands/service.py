"""`ripieno service`: let it run by itself, from the session's start on, and again whenever it crashes."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ripieno.daemon.errors import UsageError

if TYPE_CHECKING:
    from ripieno.daemon.service.plan import Plan

EPILOG = """\
examples:
  ripieno service install -- string-quartet --driver jack --connect-in Keystation --connect-out FLUID
                                                   what stands behind -- is as for `ripieno run`
  ripieno service install --print -- string-quartet  only show what would be written
  ripieno service status
  ripieno service logs --follow
  ripieno service uninstall
Several can run beside each other: `install -- PRESET --name stage`, then `status --name stage`.
It is a systemd user unit, or a launchd agent; it comes back within three seconds, silent first, as it was.
"""
_LINES = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with which service."""
    actions = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    install = actions.add_parser("install", help="write it, and start it now and with each session")
    install.add_argument("arguments", nargs="*", metavar="RUN ARGUMENTS", help="those of `ripieno run`, behind --")
    install.add_argument("--print", action="store_true", help="only show what would be written")
    install.add_argument("--no-start", action="store_true", help="do not start it now")
    others = [
        actions.add_parser("uninstall", help="end it, and take it away"),
        actions.add_parser("status", help="how it does"),
        actions.add_parser("logs", help="what it wrote"),
    ]
    for one in others:
        one.add_argument("--name", default="ripieno", metavar="CLIENT", help="that of its ports (default: ripieno)")
    others[-1].add_argument("--follow", action="store_true", help="go on with what it writes from now on")
    others[-1].add_argument(
        "--lines", type=int, default=_LINES, metavar="N", help=f"that were written last (default: {_LINES})"
    )


def run(parsed: argparse.Namespace) -> int:
    """Install, take away, or tell."""
    from ripieno.daemon.service import manager
    from ripieno.daemon.service.plan import title_of

    if parsed.what == "install":
        return _install(parsed)
    title, found = title_of(parsed.name), manager()
    if parsed.what == "status":
        return found.status(title)
    if parsed.what == "logs":
        return found.logs(title, parsed.lines, parsed.follow)
    print(*found.uninstall(title), sep="\n")
    return 0


def _install(parsed: argparse.Namespace) -> int:
    from ripieno.daemon.service import manager

    plan = _plan(parsed.arguments)
    found = manager()
    if parsed.print:
        print(found.text(plan), end="")
        return 0
    print(*found.install(plan, not parsed.no_start), sep="\n")
    if not any(word.startswith("--driver") for word in parsed.arguments):
        print("--driver was left out: each start takes the best that works then; to wait for JACK, say --driver jack")
    return 0


def _plan(arguments: list[str]) -> "Plan":
    """The service, its arguments tried: a mistake in them is told now, not in a log."""
    from ripieno.daemon.commands import run as command
    from ripieno.daemon.service.plan import Plan

    parser = argparse.ArgumentParser(prog="ripieno service install --", add_help=False)
    command.add_arguments(parser)
    parsed = parser.parse_args(arguments)
    if not parsed.preset:
        raise UsageError("name a preset: ripieno service install -- PRESET (`ripieno presets` lists them)")
    command.load_songs(parsed.preset, parsed)
    return Plan(parsed.name, arguments, Path.cwd())
