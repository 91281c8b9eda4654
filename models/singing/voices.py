"""Build the singers: python -m ripieno.models.singing.voices --data DIR --out runs/voices

From DIR/singing (recordings with phoneme labels) and from speech synthesisers of Debian's main whose voices are under
permissive licences (apt-get install festival festvox-kallpc16k festvox-kdlpc16k flite) it makes one file a voice, of
syllables to sing any line with, and one a recording, of its frames. What is there already stays: the same command goes
on where it was stopped. HELD_OUT recordings are analysed, to judge with, and are in no voice.

The synthesisers sing syllables at one pitch, sampled at 16 kHz; what lies above 7 kHz is what a linear regression on
the real singer's frames expects there.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ripieno.models.singing import syllables
from ripieno.models.singing.frames import BANDS, RATE, Frames, analyse, centres, join, mel, read_wave
from ripieno.models.singing.recordings import Phoneme, read_labels
from ripieno.models.singing.syllables import Syllable, Voice, cut

HELD_OUT = ("nit_song070_f001_019", "nit_song070_f001_059")
FOLDER = "singing"
RENAMED = {"r": "l", "aa": "a", "eh": "e", "iy": "i", "ao": "o", "uw": "u"}
SPOKEN_VOWELS = ("aa", "eh", "iy", "ao", "uw")
SPOKEN_CONSONANTS = ("", "l", "n", "d", "m", "w", "y", "b")
CUTOFF = 7_000.0  # Hz; above, a voice sampled at 16 kHz tells nothing
RIDGE = 10.0


class VoicesError(Exception):
    """A voice cannot be built; the message says what is missing and what to do."""


@dataclass(frozen=True)
class Singer:
    """How a voice is made. program: "" from the recordings, else the synthesiser; speaker: its voice; hertz: at which
    it speaks. lower: semitones, and formants: a factor, by which it is moved. low, high: notes sung at ease."""

    low: int
    high: int
    program: str = ""
    speaker: str = ""
    hertz: float = 0.0
    lower: int = 0
    formants: float = 1.0


# In the order of their numbers, which the models learn: only add at the end.
SINGERS = {
    "soprano": Singer(57, 77),
    "tenor": Singer(46, 66, lower=12, formants=0.86),
    "alto": Singer(53, 73, "flite", "slt", 220.0),
    "baritone": Singer(43, 62, "festival", "kal_diphone", 140.0),
    "bass": Singer(40, 60, "festival", "ked_diphone", 120.0),
}
VOICES = tuple(SINGERS)


def path_of(folder: Path, name: str) -> Path:
    """Where a voice is kept."""
    return folder / f"voice-{name}.npz"


def read_voices(folder: Path) -> list[Voice]:
    """All voices, in the order of their numbers. Raises VoicesError where one is missing."""
    missing = [name for name in VOICES if not path_of(folder, name).is_file()]
    if missing:
        raise VoicesError(
            f"{folder}: lacks {', '.join(missing)}: python -m ripieno.models.singing.voices --out {folder}"
        )
    return [syllables.load(path_of(folder, name)) for name in VOICES]


def recording_names(data: Path) -> list[str]:
    """The recordings in DIR/singing. Raises VoicesError where there are none."""
    names = sorted(path.stem for path in (data / FOLDER).glob("*.flac"))
    if not names:
        raise VoicesError(f"{data / FOLDER}: no recordings (*.flac): give --data the folder that has singing/ in it")
    return names


def read_recording(data: Path, out: Path, name: str) -> tuple[Frames, list[Phoneme]]:
    """A recording's frames, analysed once and kept in ``out``, and its phonemes."""
    kept = out / f"{name}.npz"
    phonemes = read_labels(data / FOLDER / f"{name}.lab")
    if not kept.is_file():
        _write(kept, analyse(read_wave(data / FOLDER / f"{name}.flac")))
    with np.load(kept) as arrays:
        return Frames(**{field: arrays[field] for field in arrays.files}), phonemes


def _write(path: Path, frames: Frames) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new.npz")
    np.savez_compressed(fresh, **vars(frames))
    fresh.replace(path)


def renamed(phonemes: Iterable[Phoneme]) -> list[Phoneme]:
    """Phonemes under the names that ``syllables`` knows."""
    return [replace(one, name=RENAMED.get(one.name, one.name)) for one in phonemes]


def moved(frames: Frames, lower: int, formants: float) -> Frames:
    """Frames of another singer: the pitch lower by semitones, the envelope's frequencies times ``formants``."""
    where = mel(centres() / formants)
    envelope = np.stack([np.interp(where, mel(centres()), row) for row in frames.envelope]).astype(np.float32)
    return Frames(frames.f0 * np.float32(2.0 ** (-lower / 12.0)), frames.level, envelope, frames.aperiodicity)


class Widening:
    """What lies above CUTOFF, as a ridge regression on a singer's pitched frames expects it from what lies below; never
    beyond what these frames have there, since a line that is followed to other voices leads anywhere."""

    def __init__(self, frames: Frames) -> None:
        self.known = np.concatenate([centres() < CUTOFF, np.array([True] * 4 + [False] * 2)])
        heard = frames.shape()[(frames.level > -30.0) & (frames.f0 > 0)].astype(np.float64)
        told = self._told(heard)
        square = told.T @ told + RIDGE * np.eye(told.shape[1])
        self.weights = np.linalg.solve(square, told.T @ heard[:, ~self.known])
        self.least, self.most = np.percentile(heard[:, ~self.known], [1.0, 99.0], axis=0)

    def _told(self, shape: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([shape[:, self.known], np.ones((len(shape), 1))], 1)

    def __call__(self, frames: Frames) -> Frames:
        """Frames with their upper bands set."""
        shape = frames.shape().astype(np.float64)
        shape[:, ~self.known] = np.clip(self._told(shape) @ self.weights, self.least, self.most)
        whole = shape.astype(np.float32)
        return Frames(frames.f0, frames.level, whole[:, :BANDS], whole[:, BANDS:])


# ---- synthesisers ----


def run(command: Sequence[str]) -> str:
    """What a program prints. Raises VoicesError where it is not installed or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    except FileNotFoundError as error:
        raise VoicesError(f"{command[0]}: not installed: apt-get install festival festvox-*lpc16k flite") from error
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise VoicesError(f"{command[0]}: fails ({str(error)[:200]})") from error


def festival(singer: Singer, consonant: str, vowel: str, path: Path) -> list[Phoneme]:
    """Let festival sing a syllable into ``path``; its phonemes."""
    lengths = [("pau", 0.15), *([(consonant, 0.08)] if consonant else []), (vowel, 0.9), ("pau", 0.2)]
    told = " ".join(f"({name} {length} (0.0 {singer.hertz}))" for name, length in lengths)
    script = path.with_suffix(".scm")
    script.write_text(
        f"(voice_{singer.speaker})\n(set! u (Utterance Segments ({told})))\n"
        f'(utt.synth u)\n(utt.save.wave u "{path}" \'riff)\n'
    )
    run(["festival", "-b", str(script)])
    ends = np.cumsum([length for _, length in lengths])
    return [Phoneme(end - length, end, name) for (name, length), end in zip(lengths, ends, strict=True)]


def flite(singer: Singer, consonant: str, vowel: str, path: Path) -> list[Phoneme]:
    """Let flite sing a syllable into ``path``; its phonemes. A vowel alone is drawn out, to be held."""
    phones = " ".join(["pau", *([consonant] if consonant else []), f"{vowel}1", "pau"])
    stretch = 1.6 if consonant else 6.0
    settings = {"duration_stretch": stretch, "int_f0_target_mean": singer.hertz, "int_f0_target_stddev": 1.0}
    told = [part for name, value in settings.items() for part in ("--setf", f"{name}={value}")]
    printed = run(["flite", "-voice", singer.speaker, "-psdur", *told, "-p", phones, "-o", str(path)])
    ends = [(name, float(end)) for name, end in (each.split(":") for each in printed.split())]
    starts = [0.0, *(end for _, end in ends)]
    return [Phoneme(start, end, name) for start, (name, end) in zip(starts, ends, strict=False)]


SYNTHESISERS: dict[str, Callable[[Singer, str, str, Path], list[Phoneme]]] = {"festival": festival, "flite": flite}


def resampled(wave: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """A wave at RATE: its spectrum cut or continued with zeros."""
    count = round(len(wave) * RATE / rate)
    return np.fft.irfft(np.fft.rfft(wave), count) * (count / len(wave))


def spoken(singer: Singer) -> Iterable[tuple[Frames, list[Phoneme]]]:
    """A synthesiser's syllables."""
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        for consonant in SPOKEN_CONSONANTS:
            for vowel in SPOKEN_VOWELS:
                path = Path(folder) / "syllable.wav"
                phonemes = SYNTHESISERS[singer.program](singer, consonant, vowel, path)
                wave, rate = soundfile.read(path)
                yield analyse(resampled(wave, rate), (singer.hertz / 2, singer.hertz * 2)), phonemes


# ---- voices ----


def gather(name: str, singer: Singer, sung: Iterable[tuple[Frames, list[Phoneme]]], breaths: Frames | None) -> Voice:
    """A voice of labelled frames; breaths: another's, for a voice that has none."""
    parts: list[Frames] = []
    found: list[Syllable] = []
    drawn: list[syllables.Breath] = []
    count = 0
    for frames, phonemes in sung:
        part, more, breath = cut(frames, renamed(phonemes), count)
        parts.append(part)
        found += more
        drawn += breath
        count += len(part)
    if breaths is not None:
        parts.append(breaths)
        drawn.append((count, count + len(breaths)))
    return Voice(name, join(parts), tuple(found), tuple(drawn), singer.low, singer.high)


def build(data: Path, out: Path) -> None:
    """Make all that is not there yet. Raises VoicesError, OSError, ValueError."""
    names = recording_names(data)
    recordings = {}
    for number, name in enumerate(names, 1):
        recordings[name] = read_recording(data, out, name)
        print(f"[{number}/{len(names)}] {name}: {len(recordings[name][0])} frames", flush=True)
    sung = [recording for name, recording in recordings.items() if name not in HELD_OUT]
    widening = Widening(join(frames for frames, _ in sung))
    real = gather("", SINGERS["soprano"], sung, None)
    breath = max(real.breaths, key=lambda one: one[1] - one[0])
    for number, (name, singer) in enumerate(SINGERS.items(), 1):
        if not path_of(out, name).is_file():
            source = ((widening(frames), phonemes) for frames, phonemes in spoken(singer)) if singer.program else sung
            placed = ((moved(frames, singer.lower, singer.formants), phonemes) for frames, phonemes in source)
            voice = gather(name, singer, placed, real.frames[slice(*breath)] if singer.program else None)
            if not voice.vowels:
                raise VoicesError(f"{name}: no vowel that can be held: is {singer.program or FOLDER} whole?")
            syllables.save(path_of(out, name), voice)
        voice = syllables.load(path_of(out, name))
        held = sum(one.left > one.held for one in voice.syllables)
        print(
            f"[{number}/{len(SINGERS)}] {name}: {len(voice.syllables)} syllables, {held} to be held, "
            f"vowels {' '.join(voice.vowels)}, {len(voice.breaths)} breaths",
            flush=True,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that has singing/ in it")
    parser.add_argument("--out", type=Path, default=Path("runs/voices"), help="folder for the voices")
    told = parser.parse_args(arguments)
    try:
        build(told.data, told.out)
    except (VoicesError, OSError, ValueError) as error:
        print(f"voices: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
