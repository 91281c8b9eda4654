"""`ripieno version`."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(parsed: argparse.Namespace) -> int:
    """Print the version of the installed package."""
    from importlib.metadata import version

    print(f"ripieno {version('ripieno')}")
    return 0
