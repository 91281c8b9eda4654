"""From a MIDI file to the files a user asked for: notes, sound, picture."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ripieno.daemon import plot, synth
from ripieno.daemon.errors import UserError
from ripieno.daemon.offline import RATE, play, sound_of
from ripieno.daemon.presets import Preset
from ripieno.daemon.progress import Progress
from ripieno.daemon.rig import strip_names
from ripieno.daemon.score import Event, Part, Score, read_score, write_score
from ripieno.daemon.wav import write_float

if TYPE_CHECKING:
    from ripieno.daemon.offline import Audio


@dataclass(frozen=True)
class Outputs:
    """The files to make; None: not wanted. apart: where plugins sound, each place of theirs beside `wav`, too."""

    midi: Path
    wav: Path | None = None
    plot: Path | None = None
    stems: synth.Stems = synth.NO_STEMS
    apart: bool = False


class Music(Protocol):
    """What came of playing or writing: enough to make every file of it."""

    @property
    def preset(self) -> Preset: ...
    @property
    def score(self) -> Score: ...
    @property
    def parts(self) -> list[Part]: ...
    @property
    def colors(self) -> list[str]: ...
    @property
    def sent(self) -> list[Event]: ...
    @property
    def heard(self) -> list[Event]:
        """What of it instruments play; a voice has a sound of its own."""

    @property
    def frames(self) -> int: ...
    def keys(self) -> list[plot.Bar]: ...
    def bars(self) -> list[plot.Bar]: ...
    def plans(self) -> plot.Plans | None: ...
    @property
    def sung(self) -> plot.Sung | None: ...
    @property
    def mix(self) -> "Audio | None":
        """What plugins gave, left and right [frames, 2]; None where none have played yet."""

    @property
    def strips(self) -> "Mapping[str, Audio]":
        """The same of each place apart."""

    def summary(self) -> dict[str, object]: ...


def render(source: Path, preset: Preset, outputs: Outputs, title: str) -> dict[str, Any]:
    """Play a MIDI file through a preset into files; returns what was made, as plain values.

    UserError, naming the file, for anything that cannot be read or written.
    """
    outputs = replace(outputs, stems=synth.NO_STEMS) if preset.chain else outputs
    check(source, outputs, preset)
    score = read_score(source, RATE)
    with Progress("playing") as progress:
        take = play(preset, score, progress, outputs.apart)
    return make(take, outputs, title) | {"input": str(source)}


def _strips(outputs: Outputs, preset: Preset | None) -> dict[str, Path]:
    """The files for the places of a preset's plugins apart, beside `wav`."""
    wav, wanted = outputs.wav, outputs.apart and preset and preset.chain
    places = strip_names(preset) if preset and wanted else []
    return {name: wav.with_stem(f"{wav.stem}-{name.lower().replace(' ', '-')}") for name in places} if wav else {}


def check(source: Path | None, outputs: Outputs, preset: Preset | None = None) -> None:
    """UserError, before anything is played, where a file cannot be made here or would overwrite another."""
    all_of_them = (outputs.midi, outputs.wav, outputs.plot, outputs.stems.voice, outputs.stems.others)
    wanted = [path.resolve() for path in (*all_of_them, *_strips(outputs, preset).values()) if path]
    if (source and source.resolve() in wanted) or len(set(wanted)) < len(wanted):
        raise UserError("the input and the files to make must all have different names")
    if outputs.wav and not (preset and preset.chain):
        synth.require()
    if outputs.plot:
        plot.require()


def make(music: Music, outputs: Outputs, title: str) -> dict[str, Any]:
    """Write the files; returns what was made, as plain values."""
    write_score(outputs.midi, music.score, music.parts, music.sent)
    files = {"midi": str(outputs.midi)}
    result: dict[str, Any] = music.summary() | {"files": files}
    if outputs.wav and music.preset.chain:
        result |= _write_mix(outputs, music)
        files |= {"wav": str(outputs.wav)} | {name: str(path) for name, path in _strips(outputs, music.preset).items()}
    elif outputs.wav:
        result["sound"] = _write_sound(outputs.wav, outputs.stems, music)
        stems = {"voice": outputs.stems.voice, "others": outputs.stems.others} if music.sung else {}
        files |= {name: str(path) for name, path in {"wav": outputs.wav, **stems}.items() if path}
    if outputs.plot:
        with Progress("drawing"):
            names = [part.name for part in music.parts]
            bars = music.keys() + music.bars()
            plot.write_plot(outputs.plot, title, bars, names, music.colors, music.plans(), music.sung)
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


def _write_mix(outputs: Outputs, music: Music) -> dict[str, Any]:
    """What plugins give, sample by sample; returns what there is to tell of it."""
    assert outputs.wav
    told: dict[str, Any] = {}
    mix, strips = music.mix, music.strips
    if mix is None:
        with Progress("making the sound") as progress:
            mix, strips, told = sound_of(music.preset, music.sent, music.frames, progress, outputs.apart)
    files = _strips(outputs, music.preset)
    for path, samples in ((outputs.wav, mix), *((files[name], one) for name, one in strips.items())):
        write_float(path, samples, RATE)
    sound = {"seconds": round(len(mix) / RATE, 3), "peak": round(float(abs(mix).max(initial=0)), 4)}
    return {"sound": sound} | ({"chains": told} if told else {})


def _write_sound(path: Path, stems: synth.Stems, music: Music) -> dict[str, float]:
    seats = [(part.port, part.channel or 0) for part in music.parts]
    voice = music.sung.audio if music.sung else None
    with Progress("making the sound") as progress:
        pans = synth.spread(seats)
        sound = synth.write_wav(path, music.heard, music.frames, RATE, pans, progress, voice, stems)
    return {"seconds": round(sound.seconds, 3), "peak": round(sound.peak, 4)}


def describe(result: dict[str, Any]) -> str:
    """What was made, for people."""
    lines = _composed(result) if "written" in result else _played(result)
    lines += _sounded(result) if "chains" in result else []
    sizes = [(path, Path(path).stat().st_size) for path in result["files"].values()]
    return "\n".join([*lines, *(f"made {path} ({size / 1024:.0f} kB)" for path, size in sizes)])


def _composed(result: dict[str, Any]) -> list[str]:
    lines = [f"{result['preset']}: {result['given']} notes given, {result['written']} written by the model"]
    lines += [f"  {name:16} {count:6} notes" for name, count in result["notes"].items()]
    if result["given"]:
        lines.append(f"  the model goes on at {result['from_second']:.1f} s")
    return [*lines, f"  seed {result['seed']}: the same one writes the same notes"]


def _played(result: dict[str, Any]) -> list[str]:
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
    lines += _answered(result["band"]) if "band" in result else []
    return lines + (_sung(result["voice"]) if "voice" in result else [])


def _sung(voice: dict[str, Any]) -> list[str]:
    who, mode = (voice["settings"][name] for name in ("voice", "mode"))
    return [f"  the voice        {who}, {mode}: {voice['notes']} notes; it sings {voice['share']:.0%} of the time"]


def _sounded(result: dict[str, Any]) -> list[str]:
    """How the plugins did."""
    chains, sound = result["chains"], result.get("sound", {"peak": 0})
    missed = sum(one["missed"] for one in chains["plugins"])
    lines = [f"  plugins          {len(chains['plugins'])}, {chains['latency_ms']:.1f} ms late"]
    lines += [f"  not in time      {missed} blocks of theirs were replaced"] if missed else []
    over = f"  too loud         its highest sample is {sound['peak']}: soften it (gain_db), or put a limiter last"
    return lines + ([over] if sound["peak"] > 1 else [])


def _answered(band: dict[str, Any]) -> list[str]:
    left_out = band["dropped"] + band["cancelled"]
    lines = [
        f"  the band         {band['sounded']} notes; it took over {band['handovers']} times",
        f"  in time          {band['success']:.2%} of what was due; {band['stale']:.2%} from an old plan",
        f"  left out         {left_out} notes that were planned and never played",
    ]
    too_many = f"  not remembered   {band['thinned']} of your notes: more than ten at one place of a beat"
    return lines + ([too_many] if band["thinned"] else [])
