"""Options that several commands take, and JSON output."""

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ripieno.daemon.presets import Preset


def add_json(parser: argparse.ArgumentParser) -> None:
    """`--json`: for programs instead of people."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs to read")


def completed_by(action: argparse.Action, complete: Callable[..., Iterable[str]]) -> None:
    """Let the shell complete an argument. complete: gives what it may be, perhaps with what there is to say of each; it
    is called as argcomplete calls its completers."""
    action.completer = complete  # type: ignore[attr-defined]


def preset_names(*, prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Presets by their names, and files."""
    from argcomplete.completers import FilesCompleter

    from ripieno.daemon.presets import available

    return [*available(getattr(parsed_args, "presets", None)), *FilesCompleter(("toml",))(prefix)]


def add_preset_options(parser: argparse.ArgumentParser) -> None:
    """`--set` and `--presets`."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override any key of the preset, as often as needed: --set overflow=steal "
        "--set ensemble.violin1.channel=3 (`ripieno presets keys` explains them)",
    )
    parser.add_argument("--presets", type=Path, metavar="FOLDER", help="look for presets in this folder of yours first")


def load_preset(name: str, parsed: argparse.Namespace) -> "Preset":
    """The preset that a command line means."""
    from ripieno.daemon.presets import load

    return load(name, parsed.set, parsed.presets)


def print_json(value: object) -> None:
    """A value as JSON on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
