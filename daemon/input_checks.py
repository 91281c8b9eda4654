"""Checks of a preset's [[input]] tables: their ports and players are there, and each device has a port of its own."""

from collections.abc import Callable

from ripieno.daemon.errors import did_you_mean
from ripieno.daemon.input_keys import ENSEMBLE_WORD
from ripieno.daemon.preset_document import INPUT, Checked
from ripieno.daemon.schema import slug

_MOST = 32  # RP_ZONES_MAX of native/src/zone.h


def _check_ports(c: Checked) -> None:
    """Every table's port is an input of the preset; `port` is written as that is called."""
    there = {slug(name): name for name in c.values.get("inputs", ())}
    for i, row in enumerate(c.input if there else []):
        wanted = row.get("port") or next(iter(there.values()))
        if slug(wanted) not in there:
            c.wrong((INPUT, i, "port"), f"no input is called {wanted!r}; {did_you_mean(wanted, list(there.values()))}")
        row["port"] = there.get(slug(wanted), "")
    if len(c.input) > _MOST:
        c.wrong((INPUT, _MOST), f"there are at most {_MOST} of these tables")


def _check_devices(c: Checked) -> None:
    """What comes from two devices can only be told apart by their ports."""
    owner: dict[str, str] = {}
    for i, row in enumerate(c.input):
        port, device = row.get("port", ""), row.get("device", "")
        other = owner.setdefault(port, device) if device else device
        if device != other:
            told = f"{other!r} is connected to {port!r}, too: give each device an input of its own in `inputs`"
            c.wrong((INPUT, i, "device"), told)


def _check_mpe(c: Checked) -> None:
    """A keyboard speaks MPE or it does not, whichever of its keys are meant."""
    speaks: dict[str, bool] = {}
    for i, row in enumerate(c.input):
        port, mpe = row.get("port", ""), row.get("mpe", False)
        if speaks.setdefault(port, mpe) != mpe:
            c.wrong((INPUT, i, "mpe"), f"all tables of {port!r} have one mpe: it is one keyboard")


def _check_players(c: Checked) -> None:
    """Everyone who is named plays in the ensemble; `to` is written as they are called."""
    own = {slug(name): name for row in c.ensemble if (name := row.get("name"))}
    for i, name in enumerate(own.values() if c.input else []):
        if slug(name) == ENSEMBLE_WORD:
            c.wrong(("ensemble", i, "name"), f"{name!r} means everybody in [[{INPUT}]]: choose another name")
    there = {**own, ENSEMBLE_WORD: ENSEMBLE_WORD}
    for i, row in enumerate(c.input):
        wanted = row.get("to", ())
        for name in wanted:
            if slug(name) not in there:
                c.wrong((INPUT, i, "to"), f"nobody is called {name!r} here; {did_you_mean(name, [*there.values()])}")
        row["to"] = tuple(dict.fromkeys(there.get(slug(name), name) for name in wanted))
        if ENSEMBLE_WORD in row["to"] and len(row["to"]) > 1:
            c.wrong((INPUT, i, "to"), "the ensemble is everybody already: write it alone, or in a table of its own")


INPUT_CHECKS: tuple[Callable[[Checked], None], ...] = (_check_ports, _check_devices, _check_mpe, _check_players)
