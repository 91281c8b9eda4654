"""`ripieno eval`: how well the models choose instruments, play on, and sing along, and beats are followed."""

import argparse
from importlib import import_module
from types import ModuleType

from ripieno.daemon.errors import UserError

# Each is judged by the `evaluate` of its folder in models.
SUBJECTS = {
    "instrumentation": "the paper's table on our test pieces, ours beside it",
    "continuation": "losses, continuations against true pieces, and copying, the paper's model beside ours",
    "singing": "how the voice sings along beside people and chance, how true it sounds, and copying",
    "beats": "how well the player's beats are followed, a well-known tracker beside ours",
}
EPILOG = """\
examples:
  ripieno eval instrumentation --data FOLDER       the paper's table on our test pieces, ours beside it
  ripieno eval continuation --data FOLDER --quick  how well the band goes on, from fewer excerpts
  ripieno eval singing --data FOLDER               the voice on held-out songs, beside people and chance
  ripieno eval beats --data FOLDER                 following the player, a well-known tracker beside ours
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to judge; the rest belongs to the judge."""
    subjects = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for name, what in SUBJECTS.items():
        _judge(name).add_arguments(subjects.add_parser(name, help=what, description=what[0].upper() + what[1:] + "."))


def run(parsed: argparse.Namespace) -> int:
    """Judge, and print the table."""
    from ripieno.models.card import WeightsError
    from ripieno.models.collection import CorpusError

    try:
        return int(_judge(parsed.what).command(parsed))
    except (CorpusError, WeightsError) as error:
        raise UserError(str(error)) from None


def _judge(name: str) -> ModuleType:
    return import_module(f"ripieno.models.{name}.evaluate")
