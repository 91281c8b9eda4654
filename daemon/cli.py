"""The command `ripieno`: its arguments, its exit codes, and no traceback for what a user can mend.

Each command is a module of `ripieno.daemon.commands` with `add_arguments(parser)` and `run(arguments) -> exit code`.
Those modules import what they need when they run, so that `ripieno run` starts at once.
"""

import argparse
import os
import sys
from importlib import import_module

from ripieno.daemon.errors import UsageError, UserError, did_you_mean

COMMANDS: dict[str, str] = {
    "run": "play live: your keyboard in, the ensemble out",
    "render": "play a MIDI file through the ensemble, into a MIDI file, a sound file and a picture",
    "demo": "hear it: a bundled piano performance, played by a string quartet",
    "presets": "list, show and explain the ensembles",
    "plugins": "scan for plugins, list and explain them, begin one of your own",
    "ports": "list the MIDI ports of this machine",
    "ctl": "set, ask and watch one that runs",
    "replay": "what the flight recorder kept, played again, and the report of a session",
    "service": "let it run by itself, and come back as it was after a crash",
    "calibrate": "measure how late devices are, through a loopback, and let `run` make up for it",
    "doctor": "what works on this machine, and what to install for the rest",
    "bench": "measure speed and latency here",
    "eval": "measure how well the models choose instruments and play on",
    "completion": "let the shell complete all this",
    "version": "print the version",
}
EPILOG = """\
examples:
  ripieno demo                                     hear what it does
  ripieno run string-quartet                       play it; connect your keyboard to ripieno:in
  ripieno run choir --connect-in Keystation        ... or let Ripieno connect the keyboard called so
  ripieno render song.mid --preset pop-band -o band.mid --wav band.wav
  ripieno COMMAND --help                           more on a command
"""
OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in our own words, after the usage line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def parser(wanted: str | None) -> argparse.ArgumentParser:
    """The command line; only the wanted command's module is imported."""
    top = _Parser(
        prog="ripieno",
        description="Play one keyboard, hear an ensemble, live.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands", required=True)
    for name, summary in COMMANDS.items():
        module = import_module(f"ripieno.daemon.commands.{name}") if name == wanted else None
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=getattr(module, "EPILOG", None),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if module:
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run a command line (by default the process's own); returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if "_ARGCOMPLETE" in os.environ:  # a shell asks how the line may go on
        import_module("ripieno.daemon.commands.completion").complete()
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    if not arguments:
        parser(None).print_help(sys.stderr)
        return USAGE
    try:
        if wanted and wanted not in COMMANDS:
            raise UsageError(f"no command is called {wanted!r}; {did_you_mean(wanted, list(COMMANDS))}")
        parsed = parser(wanted).parse_args(arguments)
        return int(parsed.run(parsed))
    except UserError as error:
        print(f"ripieno: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print("ripieno: stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`ripieno presets | head`); Python must not complain of it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
