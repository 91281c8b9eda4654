"""What benches say: rows of what was found, what was wanted, and whether that is met."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the verdict."""

    what: str
    found: str
    wanted: str
    met: bool


def verdict(rows: Sequence[Row], **figures: Any) -> dict[str, Any]:
    """Rows and figures as plain values; met: all of the rows are."""
    return {"met": all(row.met for row in rows), "rows": [asdict(row) for row in rows], **figures}


def show(found: dict[str, Any]) -> None:
    """The rows, for people."""
    rows = found["rows"]
    wide = [max(len(row[key]) for row in rows) for key in ("what", "found")]
    for row in rows:
        mark = "met" if row["met"] else "NOT MET"
        print(f"  {row['what']:{wide[0]}}  {row['found']:{wide[1]}}  wanted: {row['wanted']}  -> {mark}")


def xruns_row(what: str, told: Mapping[str, Any]) -> Row:
    """Ours are cycles that took longer than a period. Others a machine has by itself: a bare wire had some beside us,
    and ours may differ from these by chance, but by no more than twice the standard deviation of two such counts.

    told: with "overruns", "xruns", "xruns_of_a_bare_wire_meanwhile", "load_max" and "load_mean", both of the period.
    """
    ours, server, wire = told["overruns"], told["xruns"], told["xruns_of_a_bare_wire_meanwhile"]
    found = (
        f"{ours}: longest cycle {told['load_max']:.0%} of the period, mean {told['load_mean']:.1%}; the server had"
        f" {server} xruns, another one with a bare wire {wire} meanwhile"
    )
    return Row(what, found, "0", not ours and server <= wire + 2 * sqrt(server + wire))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies, the nearest there is; 0 for none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0
