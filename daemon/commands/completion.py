"""`ripieno completion`: let the shell complete commands, options, presets, and what a running Ripieno can be told."""

import argparse
import os

SHELLS = ("bash", "zsh", "fish")
EPILOG = """\
bash: ripieno completion bash > ~/.local/share/bash-completion/completions/ripieno
zsh:  ripieno completion zsh > ~/.zfunc/_ripieno, and in ~/.zshrc: fpath+=~/.zfunc; autoload -U compinit; compinit
fish: ripieno completion fish > ~/.config/fish/completions/ripieno.fish
or, for this shell alone: eval "$(ripieno completion bash)"; fish: ripieno completion fish | source
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """For which shell."""
    parser.add_argument("shell", choices=SHELLS, help="what it prints is a script for this shell")


def run(parsed: argparse.Namespace) -> int:
    """Print the script."""
    import argcomplete

    print(argcomplete.shellcode(["ripieno"], shell=parsed.shell), end="")
    return 0


def complete() -> None:
    """Answer a shell whose line is in the environment, and end; without such a line, nothing."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete
    from argcomplete.lexers import split_line

    from ripieno.daemon.cli import COMMANDS, parser

    words = split_line(os.environ["COMP_LINE"], int(os.environ["COMP_POINT"]))[3]
    wanted = next((word for word in words[1:] if word in COMMANDS), None)
    argcomplete.autocomplete(parser(wanted), always_complete_options=False)
