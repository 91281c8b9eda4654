"""Plugins killed, hung and made to send nonsense, while others play: what of that is heard?

On a JACK server an engine plays some strips of plugins from the notes of another client, which records the stems. One
isolated plugin after the other is harmed, by chance. In the end the same notes are rendered off line, undisturbed, and
every stem is compared with that, sample by sample: those of plugins that nobody harmed must be the same throughout, the
others again after each fault, with the plugin's state, which is how loud it was taught to be. Ten minutes count.
"""

import gc
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.daemon.bench import plugins_sound, plugins_texts
from ripieno.daemon.bench.continuation_interaction import resident_kib, wire_xruns
from ripieno.daemon.bench.jack import wait_for
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.bench.plugins_belongings import belongings
from ripieno.daemon.bench.plugins_client import Heard, Recording
from ripieno.daemon.bench.plugins_faults import HANGS, KILL, NAN, STALL, Breaker, Fault, planned
from ripieno.daemon.bench.plugins_player import script
from ripieno.daemon.bench.plugins_session import OURS, PERIOD, RATE, Session, Stage, open_plugin, playing
from ripieno.daemon.bench.plugins_wire import Wire
from ripieno.daemon.bench.rows import Row, percentile, show, verdict, xruns_row
from ripieno.daemon.errors import UserError
from ripieno.daemon.progress import Progress
from ripieno.plugins.base import EFFECT, Hosted

MINUTES = 1.0
WIRE_SECONDS = 10.0
REST, TAIL = 8.0, 4.0  # seconds: all come back and play on, and then everything rings out
_SPARE = 20.0  # seconds that are recorded beyond the script
_BEGIN = 1.0  # seconds of playing before the first fault
_CODA = 2 * RATE  # frames before the script's end in which all sounds as expected
_QUIET = RATE  # frames at the recording's end in which nothing sounds
_LATEST = 60.0
_JUMP = 1.5  # what a cut may jump by, beside what the sound itself does
_STRIPS: dict[str, tuple[str, ...]] = {
    "compiled": ("jit:pipe.py", "reverb"),
    "soundfont": ("soundfont:", "gain"),
    "tint": ("jit:pipe.py", "python:tint.py"),
    "two tints": ("jit:pipe.py", "python:tint.py", "python:tint.py"),
    "reed": ("python:reed.py",),
}
_UNTOUCHED = ("compiled", "soundfont")
_OF_OTHERS, _GAINS = "vst3:", ("gain", "volume", "level")
_TELLS = 10.0  # seconds, at most, until a plugin tells that it was set
_ROOM = 7  # strips with stems on 16 ports

Strips = dict[str, list[Hosted]]


@dataclass(frozen=True)
class Song:
    """What was played: when its faults were, its frames by the recording's."""

    heard: Heard
    faults: Sequence[Fault]
    engine_frame: int


class Cast:
    """The strips, as often as they are wanted: to be harmed, and as their own judge."""

    def __init__(self, folder: Path, vst3: Sequence[str]) -> None:
        self.folder = plugins_texts.write(folder)
        self.specs = {name: list(specs) for name, specs in _STRIPS.items()}
        self.states: dict[tuple[str, int], bytes] = {}
        for number, path in enumerate(vst3, 1):
            self.specs[f"vst3 {number}"] = [f"vst3:{Path(path).absolute()}"]
        if len(self.specs) > _ROOM:
            raise UserError(f"{len(vst3)} VST3 plugins: there is room for {_ROOM - len(_STRIPS)}")

    @property
    def harmed(self) -> list[str]:
        """The strips whose plugins are harmed."""
        return [name for name in self.specs if name not in _UNTOUCHED]

    def open(self) -> Strips:
        """All of them. UserError where one cannot be used."""
        strips: Strips = {name: [] for name in self.specs}
        try:
            for name, specs in list(self.specs.items()):
                for spec in specs:
                    strips[name].append(self._plugin(name, len(strips[name]), spec))
                if strips[name][0].role == EFFECT:  # it needs something to treat, and has it from now on
                    self.specs[name] = ["jit:pipe.py", *specs]
                    strips[name].insert(0, open_plugin("jit:pipe.py", self.folder))
        except BaseException:
            for plugin in (one for plugins in strips.values() for one in plugins):
                plugin.close()
            raise
        return strips

    def _plugin(self, strip: str, place: int, spec: str) -> Hosted:
        return open_plugin(spec, self.folder, self.states.get((strip, place)))

    def teach(self, session: Session) -> None:
        """Each its own loudness; they have told it as their state. Those that open later know it from the beginning."""
        for name, plugins in session.stage.strips.items():
            for place, plugin in enumerate(plugins):
                if plugin.spec.startswith(_OF_OTHERS):
                    self.states[name, place] = self._set(plugin)
                elif "teach" in [one.name for one in plugin.parameters]:
                    self.states[name, place] = self._teach(plugin, round(1.1 + 0.1 * len(self.states), 1))

    def _teach(self, plugin: Hosted, loudness: float) -> bytes:
        plugin.set("teach", loudness)
        told = repr(float(np.float32(loudness))).encode()
        wait_for(lambda: plugin.state() == told, f"the state of {plugin.spec}", _TELLS)
        return told

    def _set(self, plugin: Hosted) -> bytes:
        """A plugin of somebody else's has a gain, perhaps: not the one it usually has."""
        usual = plugin.state()
        for one in plugin.parameters:
            if one.name.lower() in _GAINS:
                plugin.set(one.name, one.usual - (one.usual - one.low) / 20)
                wait_for(lambda: plugin.state() != usual, f"the state of {plugin.spec}", _TELLS)
                break
        return plugin.state()


def perform(cast: Cast, minutes: float, rest: float, folder: Path, rng: Random) -> tuple[Song, dict[str, Any]]:
    """Play for so long, and do harm; what was heard, and what the engine and the system say of it."""
    seconds = minutes * 60 + rest
    notes = script(seconds, len(cast.specs), RATE)
    record = [f"{name} {side}" for name in cast.specs for side in _sides(name)]
    with playing(cast.open()) as session:
        session.watch(0.5)
        cast.teach(session)
        recording = Recording(folder, OURS, notes, record, seconds + TAIL + _SPARE)
        wire = Wire()
        try:
            memory, before = resident_kib(), session.driver.state()
            recording.go()
            faults = _torment(session, cast.harmed, minutes, rng)
            _wait(session, seconds + TAIL - minutes * 60)
            state, engine_frame = session.driver.state(), session.first_frame()
            told = {
                "xruns": state.xruns - before.xruns,
                "overruns": state.overruns - before.overruns,
                "xruns_of_a_bare_wire_meanwhile": wire.ends(),
                "load_max": state.load_max,
                "load_mean": state.load_mean,
                "missed_blocks": _missed(session),
                "blocked": sum(plugin.standing().blocked for plugin in session.stage.plugins),
                "memory_kib": {"start": memory, "end": resident_kib()},
                "news": len(session.news),
            }
            heard = recording.ends()
        finally:
            recording.kill()
            wire.kill()
    return Song(heard, faults, engine_frame), told


def _sides(name: str) -> tuple[str, ...]:
    """What of a strip is recorded."""
    return ("left", "right") if name in _UNTOUCHED else ("left",)


def _missed(session: Session) -> int:
    return sum(plugin.standing().missed for plugin in session.stage.plugins)


def _torment(session: Session, strips: Sequence[str], minutes: float, rng: Random) -> list[Fault]:
    """Fault after fault, evenly, each as soon as somebody is well enough for it; all are back in the end."""
    kinds, breaker, began = planned(minutes, rng), Breaker(session, strips, rng), time.monotonic()
    each = (minutes * 60 - _BEGIN) / len(kinds)
    session.watch(_BEGIN)
    with Progress("doing harm") as progress:
        for number, kind in enumerate(kinds):
            latest = began + _BEGIN + number * each + _LATEST
            while time.monotonic() < began + _BEGIN + number * each or not breaker.strike(kind):
                _look(session, breaker)
                if time.monotonic() > latest:
                    raise UserError(f"no plugin comes back: {session.news[-1:] or 'nothing was said'}")
            progress((number + 1) / len(kinds))
        end = max(began + minutes * 60, time.monotonic()) + REST / 2
        while time.monotonic() < began + minutes * 60 or (breaker.away and time.monotonic() < end):
            _look(session, breaker)
    return breaker.faults


def _look(session: Session, breaker: Breaker) -> None:
    session.look()
    breaker.look()
    time.sleep(0.005)


def _wait(session: Session, seconds: float) -> None:
    with Progress("playing on") as progress:
        for number in range(10):
            session.watch(seconds / 10)
            progress((number + 1) / 10)


def expected(cast: Cast, song: Song) -> dict[str, NDArray[np.float32]]:
    """What should have been heard, by the names of the stems, from the recording's first frame on."""
    begin = song.heard.first_frame - song.engine_frame
    events = [(frame - song.engine_frame, port, data) for frame, port, data in song.heard.sent]
    stage = Stage(cast.open())
    try:
        names = [f"{name} {side}" for name in cast.specs for side in _sides(name)]
        sounds = {name: np.zeros(song.heard.frames, np.float32) for name in names}
        at, frames = -begin, begin + song.heard.frames
        with Progress("rendering the same") as progress:
            for piece in stage.render(events, frames):
                first = max(0, -at)
                for name, sound in sounds.items():
                    part = piece[first:, stage.audios.index(name)]
                    sound[at + first : at + first + len(part)] = part
                at += len(piece)
                progress((at + begin) / frames)
        return sounds
    finally:
        stage.close()


def judge(cast: Cast, song: Song, sounds: Mapping[str, NDArray[np.float32]]) -> dict[str, Any]:
    """Each stem beside what was expected."""
    stems: dict[str, Any] = {}
    last = song.heard.sent[-1][0] - song.heard.first_frame
    for number, (name, sound) in enumerate(sounds.items()):
        heard, strip = song.heard.sound(number), name.rpartition(" ")[0]
        row: dict[str, Any] = {
            "peak": plugins_sound.peak(heard),
            "rings": plugins_sound.peak(heard[-_QUIET:]),
            "coda": asdict(plugins_sound.compare(heard[last - _CODA : last], sound[last - _CODA : last])),
        }
        if strip in _UNTOUCHED:
            row |= asdict(plugins_sound.compare(heard, sound))
        else:
            row |= _harmed(heard[:last], sound[:last], [fault for fault in song.faults if fault.strip == strip], song)
        stems[name] = row
    return stems


def _harmed(
    heard: NDArray[np.float32], sound: NDArray[np.float32], faults: Sequence[Fault], song: Song
) -> dict[str, Any]:
    """What became of a strip whose plugins failed now and then."""
    frames = [fault.frame - song.heard.first_frame for fault in faults]
    found = plugins_sound.gaps(heard, sound, frames)
    before = plugins_sound.compare(heard[: frames[0]], sound[: frames[0]]).lost if frames else 0  # too late by itself
    return {
        "faults": len(faults),
        "back": sum(gap.over for gap in found),
        "late_samples": before + sum(gap.later for gap in found),
        "gap_ms": round(max((gap.frames for gap in found), default=0) * 1000 / RATE, 1),
        "silent_ms": round(plugins_sound.longest_silence(heard, sound) * 1000 / RATE, 1),
        "jump": round(plugins_sound.largest_jump(heard), 5),
        "jump_expected": round(plugins_sound.largest_jump(sound), 5),
    }


def measure(
    minutes: float = MINUTES,
    vst3: Sequence[str] = (),
    wire_seconds: float = WIRE_SECONDS,
    rest: float = REST,
    seed: int = 1,
) -> dict[str, Any]:
    """Everything, on a server of its own; rest: seconds that all play on after the last fault. UserError: jackd, numba
    or FluidSynth is missing, or a plugin does not play."""
    with TemporaryDirectory(prefix="bench-plugins-") as name, DummyServer(RATE, PERIOD, True):
        folder = Path(name)
        before = wire_xruns(wire_seconds)
        cast, owned = Cast(folder, vst3), belongings()
        song, told = perform(cast, minutes, rest, folder, Random(seed))
        sounds = expected(cast, song)
        gc.collect()
        left = belongings().beyond(owned)
        stems = judge(cast, song, sounds)
        told |= {"minutes": minutes, "xruns_of_a_bare_wire_a_minute_before": before, "left_behind": left}
        return verdict(rows(song, stems, told), **told, **figures(song), stems=stems)


def figures(song: Song) -> dict[str, Any]:
    """How long it took until a plugin played again, by what was done to it, in seconds."""
    took: dict[str, list[float]] = {}
    for fault in song.faults:
        if fault.back is not None:
            took.setdefault("hang" if fault.kind in HANGS else fault.kind, []).append(fault.back - fault.began)
    every = [one for kind, several in took.items() if kind != STALL for one in several]
    return {
        "restart_s": {
            name: {
                "count": len(values),
                "p50": round(percentile(values, 0.5), 3),
                "p99": round(percentile(values, 0.99), 3),
            }
            for name, values in ({"all": every} | took).items()
        },
        "notes": len(song.heard.sent) // 2,
        "unrecorded_frames": song.heard.skipped,
    }


def rows(song: Song, stems: Mapping[str, Any], told: Mapping[str, Any]) -> list[Row]:
    """The verdict."""
    harmed = {name: row for name, row in stems.items() if "faults" in row}
    whole = {name: row for name, row in stems.items() if "faults" not in row}
    return [
        *_done(song, told),
        _untouched(whole, told),
        _state_back(song, harmed),
        _silent(stems, song.heard.held),
        _no_click(stems, harmed),
        _nothing_left(told["left_behind"]),
    ]


def _done(song: Song, told: Mapping[str, Any]) -> list[Row]:
    done, wanted = Counter(fault.kind for fault in song.faults), planned(told["minutes"], Random(0))
    hangs = sum(done[kind] for kind in HANGS)
    return [
        Row(
            f"harm done in {told['minutes']:g} minutes",
            f"{done[KILL]} kills, {hangs} hangs, {done[NAN]} bursts of no numbers, {done[STALL]} stalls",
            f"{len(wanted)} faults",
            len(song.faults) == len(wanted),
        ),
        xruns_row("xruns of ours", told),
    ]


def _untouched(whole: Mapping[str, Any], told: Mapping[str, Any]) -> Row:
    lost, slips = (sum(row[key] for row in whole.values()) for key in ("lost", "slips"))
    samples = sum(row["samples"] for row in whole.values())
    slipped = f", {slips} times a period beside" if slips else ""
    heard = all(row["peak"] > plugins_sound.SILENT for row in whole.values())
    return Row("samples lost on other paths", f"{lost} of {samples:,}{slipped}", "0", heard and not lost and not slips)


def _state_back(song: Song, harmed: Mapping[str, Any]) -> Row:
    """In the end each sounds as expected; but for a block, perhaps, that came too late on a machine that is busy."""
    back, late = (sum(row[key] for row in harmed.values()) for key in ("back", "late_samples"))
    gap, silent = (max(row[key] for row in harmed.values()) for key in ("gap_ms", "silent_ms"))
    well = [name for name, row in harmed.items() if row["coda"]["lost"] < row["coda"]["samples"] / 2]
    return Row(
        "plugins back with their state",
        f"{back} of {len(song.faults)}, {len(well)} of {len(harmed)} strips in the end; longest gap {gap:.0f} ms, of it"
        f" silent {silent:.0f} ms; {late} samples were late by themselves",
        "all",
        back == len(song.faults) and len(well) == len(harmed),
    )


def _silent(stems: Mapping[str, Any], held: int) -> Row:
    ringing = [name for name, row in stems.items() if not row["rings"] < plugins_sound.SILENT]
    return Row(
        "stuck notes",
        f"{len(ringing)} in the sound, {held} on the MIDI port; peak in the last second"
        f" {max(row['rings'] for row in stems.values()):.1e}",
        "0",
        not ringing and not held,
    )


def _no_click(stems: Mapping[str, Any], harmed: Mapping[str, Any]) -> Row:
    finite = all(row["peak"] < plugins_sound.NONSENSE for row in stems.values())
    ratio = max(row["jump"] / max(row["jump_expected"], 1e-9) for row in harmed.values())
    return Row(
        "clicks",
        f"{'no' if finite else 'SOME'} samples that are no numbers; the largest jump is {ratio:.2f} times that of the"
        " sound itself",
        f"none, at most {_JUMP:g} times",
        finite and ratio <= _JUMP,
    )


def _nothing_left(left: Mapping[str, int]) -> Row:
    return Row("left behind", ", ".join(f"{count} {what}" for what, count in left.items()), "0", not any(left.values()))


def run(json: bool = False, minutes: float = MINUTES, vst3: Sequence[str] = ()) -> dict[str, Any]:
    """Measure; print the verdict unless `json`. UserError: something that the measuring needs is missing."""
    found = measure(minutes, vst3)
    if not json:
        show(found)
        for kind, took in found["restart_s"].items():
            print(
                f"  plays again after {kind:6} median {took['p50']:.2f} s, 99 % {took['p99']:.2f} s ({took['count']})"
            )
        memory = found["memory_kib"]
        print(f"  memory of the daemon's side: {memory['start']} KiB at first, {memory['end']} at the end")
    return found
