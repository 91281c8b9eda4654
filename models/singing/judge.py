"""The musical figures of a voice beside those of people and of chance, and whether each is what it is to be.

A voice is told as pairs of a line and the piano it was sung over (see metrics.py), for each value of *follow* (the
guidance). Beside it stand the human lines of the same excerpts and two controls: the same voice against the pianos of
other pieces, and the same rhythm with random pitches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models.singing import metrics
from ripieno.models.singing.metrics import Pairs

HUMAN, ELSEWHERE, RANDOM = "human line", "another piece's piano", "random pitches"
NEAR = 0.15  # share of the human figure by which the voice's may differ
NEARLY_HUMAN = (
    "voiced share",
    "notes a second",
    "rests a minute",
    "rest mean (s)",
    "interval mean (semitones)",
    "repeats",
    "steps",
    "skips",
    "leaps",
)
WAITED = 4.0  # seconds that a surprise chord is waited for
Figures = dict[str, float]


@dataclass(frozen=True)
class Verdict:
    """One figure against its bound. met: None where it was not measured."""

    what: str
    value: float
    bound: str
    met: bool | None


def at_least(what: str, value: float, bound: float) -> Verdict:
    """The value is to be no less than that."""
    return Verdict(what, value, f">= {bound:g}", bool(value >= bound))


def at_most(what: str, value: float, bound: float) -> Verdict:
    """The value is to be no more than that."""
    return Verdict(what, value, f"<= {bound:g}", bool(value <= bound))


def near(what: str, value: float, human: float) -> Verdict:
    """The value is to be within 15 % of the human one; its ratio to it is told."""
    ratio = value / human if human else float("nan")
    return Verdict(f"{what}, voice / human", ratio, f"{1 - NEAR:g} .. {1 + NEAR:g}", bool(abs(ratio - 1) <= NEAR))


def unknown(what: str, why: str) -> Verdict:
    """It was not measured."""
    return Verdict(what, float("nan"), why, None)


def voice_at(follow: float) -> str:
    """The name of the voice's row at a value of follow."""
    return f"voice, follow {follow:g}"


def table(human: Pairs, voices: Mapping[float, Pairs], seed: int = 0) -> dict[str, Figures]:
    """All figures: of the human lines, and of the voice at each value of follow, with its controls."""
    rows = {HUMAN: metrics.figures(human)}
    for follow, pairs in voices.items():
        name = voice_at(follow)
        rows[name] = metrics.figures(pairs)
        rows[f"{name}, {ELSEWHERE}"] = metrics.figures(metrics.elsewhere(pairs))
        rows[f"{name}, {RANDOM}"] = metrics.figures(metrics.at_random(pairs, seed))
    return rows


def verdicts(rows: Mapping[str, Figures], usual: float) -> list[Verdict]:
    """What issue 4 asks of the musical figures. usual: the default value of follow."""
    voice, name = rows[voice_at(usual)], voice_at(usual)
    chord, told = "chord-tone ratio", f"follow {usual:g}"
    free = (
        at_least(f"{chord}, follow 0", rows[voice_at(0)][chord], 0.65)
        if voice_at(0) in rows
        else unknown(f"{chord}, follow 0", "not measured")
    )
    return [
        free,
        at_least(f"{chord}, {told}", voice[chord], 0.88),
        at_most(f"{chord}, {told}, {ELSEWHERE}", rows[f"{name}, {ELSEWHERE}"][chord], 0.30),
        at_most(f"clash to chord tone, median ms, {told}", voice["clash median (ms)"], 250),
        at_most(f"clash to chord tone, p90 ms, {told}", voice["clash p90 (ms)"], 600),
        *(near(what, voice[what], rows[HUMAN][what]) for what in NEARLY_HUMAN),
        at_most("range p5-p95, semitones", voice["range p5-p95 (semitones)"], 15),
    ]


# ---- Surprise ----


@dataclass(frozen=True)
class Reaction:
    """After a surprise chord: seconds until a chord tone is sung, and until then or until the voice falls silent."""

    chord_tone: float
    settled: float


def reaction(sung: metrics.Line, piano: metrics.Piano, at: int, lead: float) -> Reaction:
    """How the voice takes a chord that block ``at`` is the first to hear.

    lead: seconds from the chord to that block's first sound. What takes longer than WAITED counts as that.
    """
    silent = np.flatnonzero(~sung.voiced[at:])
    arrived = metrics.reaction(sung, piano, at)
    fell = int(silent[0]) if len(silent) else None
    first = min((one for one in (arrived, fell) if one is not None), default=None)
    return Reaction(*(WAITED if one is None else min(WAITED, one * metrics.BLOCK + lead) for one in (arrived, first)))


def surprise(reactions: Sequence[Reaction]) -> Figures:
    """Medians and 90th percentiles, in ms, of many reactions."""
    tone = 1000 * np.array([one.chord_tone for one in reactions])
    settled = 1000 * np.array([one.settled for one in reactions])
    return {
        "cases": float(len(reactions)),
        "chord tone median (ms)": _percentile(tone, 50),
        "chord tone p90 (ms)": _percentile(tone, 90),
        "or silence median (ms)": _percentile(settled, 50),
        "or silence p90 (ms)": _percentile(settled, 90),
        "silent first": float(np.mean(settled < tone)) if len(tone) else float("nan"),
        "never": float(np.mean(tone >= 1000 * WAITED)) if len(tone) else float("nan"),
    }


def surprise_verdicts(row: Figures, usual: float) -> list[Verdict]:
    """What issue 4 asks of it."""
    return [
        at_most(f"surprise chord to chord tone, median ms, follow {usual:g}", row["chord tone median (ms)"], 250),
        at_most(f"surprise chord to chord tone, p90 ms, follow {usual:g}", row["chord tone p90 (ms)"], 500),
    ]


def _percentile(values: NDArray[np.float64], share: float) -> float:
    return float(np.percentile(values, share)) if len(values) else float("nan")


# ---- For reading ----


def print_figures(rows: Mapping[str, Mapping[str, float]], width: int = 30) -> None:
    """A table with a line for each figure and a column for each row's name, the names told above by letters."""
    letters = [chr(ord("a") + index) for index in range(len(rows))]
    for letter, name in zip(letters, rows, strict=True):
        print(f"  {letter}  {name}")
    print(f"  {'':{width}}" + "".join(f"{letter:>10}" for letter in letters))
    for what in dict.fromkeys(what for row in rows.values() for what in row):
        cells = "".join(_cell(row.get(what)) for row in rows.values())
        print(f"  {what:{width}}{cells}")


def _cell(value: float | None) -> str:
    if value is None or np.isnan(value):
        return f"{'-':>10}"
    return f"{value:10.0f}" if abs(value) >= 100 else f"{value:10.3f}"


def print_verdicts(found: Sequence[Verdict]) -> None:
    """Each figure of the issue, its bound, and whether it is met."""
    for one in found:
        said = "not measured" if one.met is None else "ok" if one.met else "NOT MET"
        print(f"  {one.what:66}{_cell(one.value)}  {one.bound:14} {said}")


def told(found: Sequence[Verdict]) -> list[dict[str, Any]]:
    """The verdicts for JSON."""
    return [asdict(one) for one in found]
