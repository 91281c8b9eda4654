"""How well the voice sings along, how truly it sounds, and whether it copies: ``ripieno eval singing --data DIR``.

Held-out songs of ``pop`` and ``lieder``, 39 s of each in which a person sings (excerpts.py); the voice hears the piano
through the C engine's singer, off line, block by block as it does live. Every musical figure (metrics.py) is told of
the human line, of the voice without guidance and with the usual one, and of two controls; then:

- *Surprise*: the piano is in another key from one moment on (surprise.py); how soon a chord tone is sung. From the
  stroke on: the wait for the next block and the engine's lead are in it, what is being sung when the new note begins is
  not. The control is the voice as it would have gone on.
- *Pitch*: what pitch the synth's sound has (pitch.py), against what was decided for each frame, in cents.
- *Codec*: mel-cepstral distortion of two recordings that no training heard, coded and decoded.
- *Copying*: the longest run of intervals shared with any training melody, against what held-out human lines share.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import isnan
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ripieno.models.collection import CorpusError
from ripieno.models.singing import copying, judge, metrics, pitch, songs, stored
from ripieno.models.singing.excerpts import BLOCKS, Excerpt, draw, line_of, melodies, piano_of
from ripieno.models.singing.judge import Verdict
from ripieno.models.singing.representation import BLOCK_MS
from ripieno.models.singing.surprise import INTERVALS, is_case, transposed
from ripieno.native import piano, vocoder
from ripieno.native.singer import PARAMETERS, Singer, SingerWeights, frames

LEAD = 0.009  # seconds from a block's beginning to its first sound in the engine
RATE = 24_000  # samples a second of the sound whose pitch is measured
HEARD = -45.0  # dB; frames of a lower level are not judged
WRONG = 50.0  # cents
MERGED = ", repeats as one"
FIRST, LAST = 300, 900  # blocks between which a surprise comes
AFTER = round(judge.WAITED / metrics.BLOCK) + 1  # blocks that are sung after it
TRIES = 200  # moments that are tried for each surprise

Say = Callable[[str], None]
Item = TypeVar("Item")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Plan:
    """What is measured. each: songs of each style; seeds: of the voice; cases: surprises; heard: excerpts whose sound
    is measured; follow: the usual guidance; voice: who sings; threads: of the processor."""

    data: Path
    split: str = "test"
    each: int = 20
    seeds: int = 3
    cases: int = 100
    heard: int = 12
    follow: float = 0.0
    voice: int = 0
    threads: int = 1


@dataclass(frozen=True)
class Take:
    """What a voice sang to an excerpt, from where it began to hear. line: [blocks]; frames: [2 blocks] of the synth."""

    excerpt: Excerpt
    seed: int
    line: metrics.Line
    frames: NDArray[Any]

    @property
    def pair(self) -> tuple[metrics.Line, metrics.Piano]:
        """The line and the piano of the excerpt alone."""
        return self.line.cut(self.excerpt.before), self.excerpt.piano


def sing(weights: SingerWeights, rows: NDArray[np.float32], follow: float, seed: int, voice: int = 0) -> NDArray[Any]:
    """[blocks] what the voice sings to rows [blocks, ROW]: `native.singer.SUNG`."""
    return Singer(weights).run(rows, follow=follow, seed=seed, voice=voice)


def taken(weights: SingerWeights, one: Excerpt, follow: float, seed: int, voice: int) -> Take:
    """One take."""
    sung = sing(weights, one.rows, follow, seed, voice)
    return Take(one, seed, line_of(sung["phonation"], sung["note"]), frames(sung))


def takes(weights: SingerWeights, given: Sequence[Excerpt], follow: float, plan: Plan, say: Say) -> list[Take]:
    """Every excerpt sung so many times.

    Every take has a seed of its own: with the same random numbers all voices would rest at the same moments.
    """

    def work(task: tuple[Excerpt, int]) -> Take:
        return taken(weights, task[0], follow, task[1], plan.voice)

    tasks = [(one, 1000 * seed + number) for seed in range(plan.seeds) for number, one in enumerate(given, 1)]
    return each_of(work, tasks, plan, say, f"excerpts sung, follow {follow:g}")


def each_of(work: Callable[[Item], Found], items: Sequence[Item], plan: Plan, say: Say, what: str) -> list[Found]:
    """What the work makes of each item, several at a time; C does it without Python."""
    found: list[Found] = []
    with ThreadPoolExecutor(plan.threads) as pool:
        for index, one in enumerate(pool.map(work, items)):
            if index % 20 == 0:
                say(f"{what}: {index} of {len(items)}")
            found.append(one)
    return found


# ---- Surprise ----


@dataclass(frozen=True)
class Case:
    """A surprise: the take that it comes to, when the new chord is struck (ms), and how many semitones up."""

    take: Take
    struck: int
    interval: int

    @property
    def block(self) -> int:
        """The first that knows of it."""
        return self.struck // BLOCK_MS + 1

    @property
    def rows(self) -> NDArray[np.float32]:
        """The piano's rows, as far as they are needed."""
        events = transposed(self.take.excerpt.events, self.struck, self.interval)
        return piano.rows(events, self.block + AFTER, step=BLOCK_MS)


def cases(takes: Sequence[Take], count: int, seed: int = 0) -> list[Case]:
    """So many surprises at random moments of the takes in turn; fewer where none are to be found."""
    rng = np.random.default_rng(seed)
    found: list[Case] = []
    for number in range(3 * count):
        case = _case(takes[number % len(takes)], rng)
        found += [case] if case else []
        if len(found) == count:
            break
    return found


def _case(take: Take, rng: np.random.Generator) -> Case | None:
    """A surprise that comes to a take, None where it does not agree with its piano for long enough."""
    for _ in range(TRIES):
        case = Case(take, int(rng.integers(FIRST * BLOCK_MS, LAST * BLOCK_MS)), int(rng.choice(INTERVALS)))
        if _could_be(case) and is_case(take.line, piano_of(take.excerpt.rows), piano_of(case.rows), case.block):
            return case
    return None


def _could_be(case: Case) -> bool:
    """Whether a note is held there: what is quickly seen."""
    note = case.take.line.note[case.block - 1 : case.block + 1]
    return bool(note[0] >= 0 and note[0] == note[1])


def surprised(weights: SingerWeights, case: Case, plan: Plan) -> tuple[judge.Reaction, judge.Reaction]:
    """How the voice takes a surprise; and how long it would have taken by chance, going on as it did."""
    rows = case.rows
    sung = sing(weights, rows, plan.follow, case.take.seed, plan.voice)
    line, over = line_of(sung["phonation"], sung["note"]), piano_of(rows)
    if not np.array_equal(line.note[: case.block], case.take.line.note[: case.block]):
        raise AssertionError("the same seed and piano must give the same line")
    lead = (case.block * BLOCK_MS - case.struck) / 1000 + LEAD
    deaf = case.take.line.cut(0, len(over))
    return judge.reaction(line, over, case.block, lead), judge.reaction(deaf, over, case.block, lead)


def surprises(weights: SingerWeights, takes: Sequence[Take], plan: Plan, say: Say) -> dict[str, judge.Figures]:
    """The voice's reactions, and chance's."""
    drawn = cases(takes, plan.cases)
    both = each_of(lambda case: surprised(weights, case, plan), drawn, plan, say, "surprises")
    return {
        judge.voice_at(plan.follow): judge.surprise([voice for voice, _ in both]),
        "as it would have gone on": judge.surprise([deaf for _, deaf in both]),
    }


# ---- Sound ----


def pitch_errors(decided: NDArray[Any]) -> NDArray[np.float64]:
    """[voiced frames] cents, without sign, between the sound's pitch and what was decided, at the end of each frame:
    there the synth has arrived at it. Frames that are quieter than -45 dB are left out."""
    wave = vocoder.sing(decided, RATE)
    ends = vocoder.starts(RATE, len(decided) + 1)[1:] / RATE
    judged = np.flatnonzero((decided["f0"] > 0) & (decided["level"] > HEARD))
    heard = pitch.track(wave, RATE, ends[judged])
    return np.abs(pitch.cents(heard, decided["f0"][judged].astype(np.float64)))


def sound(takes: Sequence[Take], plan: Plan, say: Say) -> dict[str, float]:
    """How truly the audio follows what was decided, over some takes of different excerpts."""
    some = takes[:: max(1, len(takes) // plan.heard)][: plan.heard]
    errors = np.concatenate(
        [np.zeros(0), *each_of(lambda take: pitch_errors(take.frames), some, plan, say, "pitch of the sound")]
    )
    if not len(errors):
        return {"frames": 0.0, "median (c)": float("nan"), "rms (c)": float("nan"), "> 50 c": float("nan")}
    return {
        "frames": float(len(errors)),
        "median (c)": float(np.median(errors)),
        "rms (c)": float(np.sqrt(np.mean(errors**2))),
        "> 50 c": float(np.mean(errors > WRONG)),
    }


def codec(model: stored.Weights, data: Path, say: Say) -> dict[str, Any]:
    """MCD in dB of each held-out recording, and their mean; or the "problem" why it was not measured."""
    say("codec on the held-out recordings")
    lacking = [name for name in ("torch", "pyworld", "soundfile") if not find_spec(name)]
    if lacking:
        return {"problem": f"needs {', '.join(lacking)} (pip install 'ripieno[train,sing]')"}
    from ripieno.models.singing import torch_side

    try:
        return dict(torch_side.held_out(model, data))
    except CorpusError as error:
        return {"problem": str(error)}


# ---- Copying ----


def copied(takes: Sequence[Take], given: Sequence[Excerpt], plan: Plan, say: Say) -> dict[str, dict[str, float]]:
    """Intervals of the longest run shared with any training melody, over lines: the voice's, and held-out people's; and
    the same with a note that is struck again counted once."""
    say("copying")
    trained = melodies(songs.load(plan.data, "train"))
    lines = {judge.voice_at(plan.follow): [take.pair[0] for take in takes], judge.HUMAN: [one.sung for one in given]}
    found = {name: copying.longest_runs(own, trained) for name, own in lines.items()}
    alone = [copying.merged(one) for one in trained]
    for name, own in lines.items():
        found[name + MERGED] = copying.longest_runs([copying.merged(one) for one in own], alone)
    return {name: copying.summary(runs) for name, runs in found.items()}


# ---- All of it ----


def run(model: stored.Weights, plan: Plan, say: Say = lambda _: None) -> dict[str, Any]:
    """Measure everything. Raises CorpusError, WeightsError."""
    began = time.monotonic()
    weights = stored.weights(model)
    given = draw(plan.data, plan.split, plan.each)
    voices = {follow: takes(weights, given, follow, plan, say) for follow in dict.fromkeys((0.0, plan.follow))}
    usual_takes = voices[plan.follow]
    human = [(one.sung, one.piano) for one in given]
    rows = judge.table(human, {follow: [take.pair for take in takes] for follow, takes in voices.items()})
    found = {
        "excerpts": len(given),
        "seeds": plan.seeds,
        "split": plan.split,
        "follow": plan.follow,
        "figures": rows,
        "styles": by_style(usual_takes, given, plan),
        "surprise": surprises(weights, usual_takes, plan, say),
        "pitch": sound(usual_takes, plan, say),
        "codec": codec(model, plan.data, say),
        "copying": copied(usual_takes, given, plan, say),
    }
    found["verdicts"] = judge.told(verdicts(found))
    return found | {"minutes": (time.monotonic() - began) / 60}


def by_style(takes: Iterable[Take], given: Iterable[Excerpt], plan: Plan) -> dict[str, judge.Figures]:
    """The figures of each collection alone: people's, and the voice's."""
    takes, given, rows = list(takes), list(given), {}
    for style in songs.STYLES:
        rows[f"{style}, {judge.HUMAN}"] = metrics.figures(
            [(one.sung, one.piano) for one in given if one.style == style]
        )
        pairs = [take.pair for take in takes if take.excerpt.style == style]
        rows[f"{style}, {judge.voice_at(plan.follow)}"] = metrics.figures(pairs)
    return rows


def verdicts(found: dict[str, Any]) -> list[Verdict]:
    """Issue 4's table, as far as it is measured here."""
    follow, voice = found["follow"], judge.voice_at(found["follow"])
    mcd = found["codec"]
    return [
        *judge.verdicts(found["figures"], follow),
        *judge.surprise_verdicts(found["surprise"][voice], follow),
        judge.at_most("f0 of the audio against decided f0, median c", found["pitch"]["median (c)"], 4),
        judge.at_most("f0 of the audio more than 50 c off, share of frames", found["pitch"]["> 50 c"], 0.02),
        judge.unknown("codec on held-out recordings, MCD dB", "<= 1.6")
        if "problem" in mcd
        else judge.at_most("codec on held-out recordings, MCD dB", mcd["mean"], 1.6),
        *(
            judge.at_most(
                f"longest shared run{merged}, 95th percentile, people's as bound",
                found["copying"][voice + merged]["95th"],
                found["copying"][judge.HUMAN + merged]["95th"],
            )
            for merged in ("", MERGED)
        ),
    ]


def print_tables(found: dict[str, Any]) -> None:
    """Print everything for reading."""
    print(f"\n{found['excerpts']} excerpts of {metrics.BLOCK * BLOCKS:.0f} s, {found['split']}, {found['seeds']} seeds")
    judge.print_figures(found["figures"])
    print("\nby collection")
    judge.print_figures(found["styles"])
    print("\nsurprise chord")
    judge.print_figures(found["surprise"])
    print("\npitch of the sound: " + ", ".join(f"{name} {value:.4g}" for name, value in found["pitch"].items()))
    print("codec: " + ", ".join(f"{k} {v:.3f}" if isinstance(v, float) else str(v) for k, v in found["codec"].items()))
    print("\nlongest run of intervals shared with a training melody")
    judge.print_figures(found["copying"])
    print(f"\nwhat issue 4 asks, follow {found['follow']:g}")
    judge.print_verdicts([Verdict(**one) for one in found["verdicts"]])
    print(f"\nminutes: {found['minutes']:.1f}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--data", type=Path, required=True, help="folder of pop.npz, lieder.npz and singing/")
    parser.add_argument("--weights", default="small", help="a name or a .safetensors file (default: %(default)s)")
    parser.add_argument("--split", choices=("valid", "test"), default="test")
    parser.add_argument("--follow", type=float, help="the guidance, instead of the usual one")
    parser.add_argument("--each", type=int, default=20, help="songs of each collection (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="of the voice (default: %(default)s)")
    parser.add_argument("--cases", type=int, default=100, help="surprises (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="(default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="few songs, one seed, few surprises")
    parser.add_argument("--json", action="store_true", help="print the tables as JSON")


def plan_of(options: argparse.Namespace) -> Plan:
    """What the command's options ask for. Raises CorpusError for what cannot be."""
    usual = PARAMETERS["follow"]
    follow = usual.usual if options.follow is None else options.follow
    if not usual.low <= follow <= usual.high:
        raise CorpusError(f"--follow {follow:g}: give {usual.low:g} to {usual.high:g}")
    numbers = {name: getattr(options, name) for name in ("each", "seeds", "cases", "threads")}
    if min(numbers.values()) < 1:
        raise CorpusError(f"{', '.join(f'--{name}' for name in numbers)}: give 1 at least")
    plan = Plan(options.data, options.split, follow=follow, **numbers)
    return replace(plan, each=4, seeds=1, cases=10, heard=2) if options.quick else plan


def command(options: argparse.Namespace) -> int:
    """Carry out the command; its exit code. Raises CorpusError and WeightsError."""
    found = run(stored.read(options.weights), plan_of(options), _say)
    if options.json:
        print(json.dumps(_plain(found), indent=2))
    else:
        print_tables(found)
    return 0


def _plain(found: Any) -> Any:
    """For JSON, which has no word for what is no number."""
    if isinstance(found, dict):
        return {str(key): _plain(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_plain(value) for value in found]
    return None if isinstance(found, float) and isnan(found) else found


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
