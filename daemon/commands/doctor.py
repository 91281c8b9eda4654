"""`ripieno doctor`: what works here, and what to install for the rest."""

import argparse

from ripieno.daemon.commands.options import add_json, print_json

EPILOG = """\
The native core must work, and either JACK or python-rtmidi to play live. The rest is for sound files, pictures and
training.
"""
_MARKS = {"works": "✓", "limited": "!", "missing": "✗"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only `--json`."""
    add_json(parser)


def run(parsed: argparse.Namespace) -> int:
    """Look at everything. Exit code 0: one can play live here."""
    from ripieno.daemon.checkup import examine

    findings = examine()
    states = {finding.what: finding.state for finding in findings}
    live = states["native core"] == "works" and "works" in (states.get("JACK"), states.get("python-rtmidi"))
    if parsed.json:
        print_json({"live": live, "findings": [finding.as_dict() for finding in findings]})
        return 0 if live else 1
    for finding in findings:
        print(f"{_MARKS[finding.state]} {finding.what:20} {finding.detail}")
        if finding.advice:
            print(f"  {'':20} → {finding.advice}")
    print()
    print("You can play live here." if live else "You can render files here, but not play live: see the arrows above.")
    return 0 if live else 1
