"""`ripieno eval`: how well the models choose instruments."""

import argparse

from ripieno.daemon.errors import UserError

SUBJECTS = ("instrumentation",)
EPILOG = """\
example:
  ripieno eval instrumentation --data FOLDER       the paper's table on our test pieces, ours beside it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to judge; the rest belongs to the judge."""
    from ripieno.models.instrumentation import evaluate

    parser.add_argument(
        "what", nargs="?", choices=SUBJECTS, default=SUBJECTS[0], help="what to judge (default: %(default)s)"
    )
    evaluate.add_arguments(parser)


def run(parsed: argparse.Namespace) -> int:
    """Judge, and print the table."""
    from ripieno.models.collection import CorpusError
    from ripieno.models.instrumentation import evaluate
    from ripieno.models.instrumentation.ensemble import WeightsError

    try:
        return evaluate.command(parsed)
    except (CorpusError, WeightsError) as error:
        raise UserError(str(error)) from None
