"""Checks of a preset's [[learn]] tables: their ports are there, and what they do is theirs to do.

Whether there is such a control as a path names is known only when the preset plays.
"""

import re
from collections.abc import Callable

from ripieno.daemon.clock_keys import CLOCK_PORT
from ripieno.daemon.errors import did_you_mean
from ripieno.daemon.learn_keys import ABSOLUTE, CONTROLLER, PROGRAM
from ripieno.daemon.preset_document import LEARN, Checked
from ripieno.daemon.schema import slug

MOST = 128  # RP_TAKEN_MAX of native/src/engine.h
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*")
_LONGEST = 32  # of a port's name
_TAKEN = ("out", "voice", "melody", CLOCK_PORT)


def _check_paths(c: Checked) -> None:
    """Paths look like some, and no control is bound to one twice."""
    seen: dict[tuple[object, ...], int] = {}
    for i, row in enumerate(c.learn):
        path = row.get("path")
        if path is not None and not _PATH.fullmatch(path):
            c.wrong((LEARN, i, "path"), f"{path!r} is no path: write one as the page shows it, such as panic")
        one = (row.get("control"), path, row.get("port"))
        if seen.setdefault(one, i) != i:
            c.wrong((LEARN, i), f"table {seen[one] + 1} binds {row.get('control')} to {path} already")
    if len(c.learn) > MOST:
        c.wrong((LEARN, MOST), f"there are at most {MOST} of these tables")


def _check_ports(c: Checked) -> None:
    """Inputs are there; outputs for feedback are no other port."""
    there = {slug(name): name for name in c.values.get("inputs", ())}
    others = {slug(name) for _, name in c.own_ports()} | {*_TAKEN, *there}
    for i, row in enumerate(c.learn):
        wanted, feedback = row.get("port", ""), row.get("feedback", "")
        if there and wanted and slug(wanted) not in there:
            told = did_you_mean(wanted, list(there.values()))
            c.wrong((LEARN, i, "port"), f"no input is called {wanted!r}; {told}")
        row["port"] = there.get(slug(wanted), wanted)
        if feedback and (not slug(feedback) or len(feedback) > _LONGEST):
            c.wrong((LEARN, i, "feedback"), f"it needs a letter or a digit, and is to be no longer than {_LONGEST}")
        if feedback and slug(feedback) in others:
            told = f"{feedback!r} is another port: choose a name of its own, such as feedback"
            c.wrong((LEARN, i, "feedback"), told)


def _check_kinds(c: Checked) -> None:
    """Only controllers are encoders; program changes have no way to be told."""
    for i, row in enumerate(c.learn):
        kind = row["control"].kind if "control" in row else CONTROLLER
        if row.get("encoder", ABSOLUTE) != ABSOLUTE and kind != CONTROLLER:
            c.wrong((LEARN, i, "encoder"), f"only a controller turns without end: write {ABSOLUTE!r}")
        if row.get("feedback") and kind == PROGRAM:
            c.wrong((LEARN, i, "feedback"), "nobody's lamp or fader hears a program change: leave it out")


LEARN_CHECKS: tuple[Callable[[Checked], None], ...] = (_check_paths, _check_ports, _check_kinds)
