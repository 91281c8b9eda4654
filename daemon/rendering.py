"""From a MIDI file to the files a user asked for: notes, sound, picture."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ripieno.daemon import plot, synth
from ripieno.daemon.errors import UserError
from ripieno.daemon.offline import RATE, Take, play
from ripieno.daemon.presets import Preset
from ripieno.daemon.progress import Progress
from ripieno.daemon.score import read_score, write_score


@dataclass(frozen=True)
class Outputs:
    """The files to make; None: not wanted."""

    midi: Path
    wav: Path | None = None
    plot: Path | None = None


def render(source: Path, preset: Preset, outputs: Outputs, title: str) -> dict[str, Any]:
    """Play a MIDI file through a preset into files; returns what was made, as plain values.

    UserError, naming the file, for anything that cannot be read or written.
    """
    _check_names(source, outputs)
    if outputs.wav:
        synth.require()
    if outputs.plot:
        plot.require()
    score = read_score(source, RATE)
    with Progress("playing") as progress:
        take = play(preset, score, progress)
    write_score(outputs.midi, score, take.parts, take.sent)
    files = {"midi": str(outputs.midi)}
    result: dict[str, Any] = take.summary() | {"input": str(source), "files": files}
    if outputs.wav:
        result["sound"] = _write_sound(outputs.wav, take)
        files["wav"] = str(outputs.wav)
    if outputs.plot:
        with Progress("drawing"):
            plot.write_plot(outputs.plot, title, take.keys() + take.bars(), [p.name for p in take.parts], take.colors)
        files["plot"] = str(outputs.plot)
    return result


def possible(outputs: Outputs) -> tuple[Outputs, list[str]]:
    """Those of the files that can be made here, and why the others cannot."""
    lacks = []
    for name, module in (("wav", synth), ("plot", plot)):
        try:
            module.require()
        except UserError as error:
            lacks.append(str(error))
            without: dict[str, Any] = {name: None}
            outputs = replace(outputs, **without)
    return outputs, lacks


def _check_names(source: Path, outputs: Outputs) -> None:
    wanted = [path.resolve() for path in (outputs.midi, outputs.wav, outputs.plot) if path]
    if source.resolve() in wanted or len(set(wanted)) < len(wanted):
        raise UserError("the input and the files to make must all have different names")


def _write_sound(path: Path, take: Take) -> dict[str, float]:
    seats = [(part.port, part.channel or 0) for part in take.parts]
    with Progress("making the sound") as progress:
        sound = synth.write_wav(path, take.sent, take.frames, RATE, synth.spread(seats), progress)
    return {"seconds": round(sound.seconds, 3), "peak": round(sound.peak, 4)}


def describe(result: dict[str, Any]) -> str:
    """What was made, for people."""
    lines = [f"{result['preset']}: {result['notes_in']} notes played, {result['notes_out']} heard"]
    lines += [f"  {name:16} {count:6} notes" for name, count in result["notes"].items()]
    delay = result["delay_ms"]
    lines.append(f"  delay            median {delay['median']:.1f} ms, longest {delay['max']:.1f} ms")
    moved = f"{result['moved']} ({result['moved'] / max(1, result['notes_out']):.0%})"
    if result["moved"]:
        moved += f", at the latest {result['latest_move_ms']:.1f} ms after their keys"
    lines.append(f"  changed hands    {moved}")
    told = {"fallback": "by the fallback", "shared": "as second notes", "stolen": "cut short", "dropped": "dropped"}
    lines.append("  " + ", ".join(f"{result[key]} {words}" for key, words in told.items()))
    sizes = [(path, Path(path).stat().st_size) for path in result["files"].values()]
    lines += [f"made {path} ({size / 1024:.0f} kB)" for path, size in sizes]
    return "\n".join(lines)
