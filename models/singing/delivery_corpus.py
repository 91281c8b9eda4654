"""The delivery's corpus: every voice sings the lines of the collections, and the real singer's recordings as they are.

A file of lessons a voice and part, for one codec (its hash is in the name): what is there stays, so that the same
command goes on where it was stopped. The recordings are the first voice's, each several times, to several pianos.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ripieno.models import card as cards
from ripieno.models.singing import songs, voices
from ripieno.models.singing.codec import INPUTS, Codec, CodecShape
from ripieno.models.singing.deliveries import Lesson, lesson, read, struck, write
from ripieno.models.singing.delivery import touch
from ripieno.models.singing.frames import BLOCK, Frames
from ripieno.models.singing.performance import perform
from ripieno.models.singing.recordings import Sung, label
from ripieno.models.singing.representation import BLOCK_MS, BREATH_LONGEST, Integers
from ripieno.models.singing.songs import Notes, Song
from ripieno.models.singing.syllables import Voice

FORMAT = 1
BLOCKS = 2_000  # of a lesson: 32 s
LESSONS, HELD_OUT_LESSONS = 32, 6  # of a file; of a voice's file to judge with
BEAM = 3  # beginnings of codes that are kept
TOO_HIGH, TOO_LOW = 4, 3  # semitones beyond what a voice sings at ease in which a line's median may lie
AGAIN = 5  # times each recording is heard
EASE = 5  # semitones from the ends of a voice's range

Random = np.random.Generator


@dataclass(frozen=True)
class Stage:
    """Who sings, to what, and the codec that hears it. tag: of the codec, for names of files."""

    voices: list[Voice]
    recordings: dict[str, tuple[Frames, Sung]]
    train: list[Song]
    valid: list[Song]
    codec: Codec
    tag: str


def read_codec(path: Path) -> tuple[Codec, dict[str, Any]]:
    """A codec and its card. Raises cards.WeightsError."""
    card, arrays = cards.read(path, {"format": FORMAT}, ("shape",))
    try:
        codec = Codec(CodecShape(**card["shape"])).eval()
        state = {name: torch.from_numpy(value.astype(np.float32)) for name, value in arrays.items()}
        codec.load_state_dict(state, strict=False)
    except (TypeError, RuntimeError) as error:
        raise cards.WeightsError(f"{path}: no codec of this version ({error}): train it again") from error
    return codec, card


def set_stage(data: Path, folder: Path, codec: Path) -> Stage:
    """Read everything. Raises CorpusError, voices.VoicesError, cards.WeightsError, OSError, ValueError."""
    model, card = read_codec(codec)
    recordings = {}
    for name in voices.recording_names(data):
        frames, phonemes = voices.read_recording(data, folder, name)
        recordings[name] = frames, label(frames, phonemes)
    singers, (train, valid) = voices.read_voices(folder), (songs.load(data, split) for split in ("train", "valid"))
    return Stage(singers, recordings, train, valid, model, str(card["sha256"])[:8])


@torch.no_grad()
def codes_of(codec: Codec, performances: list[Frames]) -> list[Integers]:
    """[blocks, stages] codes of each."""
    blocks = [len(frames) // BLOCK for frames in performances]
    shapes = np.zeros((len(performances), max(blocks), INPUTS), np.float32)
    for shape, frames, count in zip(shapes, performances, blocks, strict=True):
        shape[:count] = frames.shape()[: count * BLOCK].reshape(count, INPUTS)
    codes = codec.encode(torch.from_numpy(shapes), BEAM).numpy()
    return [row[:count] for row, count in zip(codes, blocks, strict=True)]


def piano_of(song: Song, blocks: int, begin: int, rng: Random) -> NDArray[np.float32]:
    """[blocks, 2] the touch of a song's piano from ``begin`` ms on, softer or harder than written."""
    return struck(touch(songs.rows(song.piano, blocks, begin)), rng)


def line_of(song: Song, voice: Voice, begin: int, rng: Random) -> Sung:
    """BLOCKS blocks of a song's line, moved to where the voice sings."""
    part = song.line.between(begin, begin + BLOCKS * BLOCK_MS)
    part = part.take(part.onset >= begin)
    wanted = rng.integers(voice.low + EASE - TOO_LOW, voice.high - EASE + TOO_HIGH + 1)
    by = int(wanted - np.median(part.pitch)) if len(part) else 0
    placed = Notes(part.onset - begin, part.end - begin, part.pitch + by, part.velocity)
    breaths = rng.integers(8, BREATH_LONGEST, max(1, len(part)))[: len(part)]
    phonation, note = songs.tokens(placed, BLOCKS, breaths)
    return Sung(phonation, note, np.zeros(BLOCKS * BLOCK))


def sing_songs(stage: Stage, voice: int, pieces: list[Song], count: int, rng: Random) -> list[Lesson]:
    """Lessons of one voice that sings excerpts of songs."""
    found: list[tuple[Frames, Sung, NDArray[np.float32]]] = []
    while len(found) < count:
        song = pieces[int(rng.integers(len(pieces)))]
        begin = int(rng.integers(0, max(1, song.length - BLOCKS * BLOCK_MS // 2)))
        line = line_of(song, stage.voices[voice], begin, rng)
        if (line.phonation > 0).mean() < 0.3:
            continue
        frames, cents = perform(line.phonation, line.note, stage.voices[voice], rng)
        found.append((frames, Sung(line.phonation, line.note, cents), piano_of(song, BLOCKS, begin, rng)))
    return told(stage, found)


def sing_recordings(stage: Stage, names: list[str], rng: Random) -> list[Lesson]:
    """Lessons of the recordings, each to some song's piano."""
    found = []
    for name in names:
        frames, sung = stage.recordings[name]
        song = stage.train[int(rng.integers(len(stage.train)))]
        found.append((frames, sung, piano_of(song, len(sung.phonation), 0, rng)))
    return told(stage, found)


def told(stage: Stage, performances: list[tuple[Frames, Sung, NDArray[np.float32]]]) -> list[Lesson]:
    """Performances as lessons."""
    codes = codes_of(stage.codec, [frames for frames, _, _ in performances])
    return [lesson(frames, sung, code, piano) for (frames, sung, piano), code in zip(performances, codes, strict=True)]


def parts(stage: Stage, files: int) -> Iterator[tuple[str, int, bool, Callable[[Random], list[Lesson]]]]:
    """Every file of the corpus: its name, voice, whether it is to judge with, and what makes it."""
    kept = [name for name in stage.recordings if name not in voices.HELD_OUT]
    held_out = [name for name in stage.recordings if name in voices.HELD_OUT]
    for again in range(AGAIN):
        yield f"recordings-{again}", 0, False, lambda rng: sing_recordings(stage, kept, rng)
    yield "recordings-valid", 0, True, lambda rng: sing_recordings(stage, held_out, rng)
    for voice, singer in enumerate(stage.voices):
        for part in range(files):
            make = lambda rng, voice=voice: sing_songs(stage, voice, stage.train, LESSONS, rng)  # noqa: E731
            yield f"{singer.name}-{part}", voice, False, make
        make = lambda rng, voice=voice: sing_songs(stage, voice, stage.valid, HELD_OUT_LESSONS, rng)  # noqa: E731
        yield f"{singer.name}-valid", voice, True, make


def build(stage: Stage, folder: Path, files: int, seed: int = 0) -> tuple[list[list[Lesson]], list[list[Lesson]]]:
    """Lessons of each voice to train on, and to judge with; made where they are not there yet, and kept in ``folder``.

    Raises CorpusError naming a file of lessons that is none.
    """
    train: list[list[Lesson]] = [[] for _ in stage.voices]
    valid: list[list[Lesson]] = [[] for _ in stage.voices]
    every = list(parts(stage, files))
    for number, (name, voice, judges, make) in enumerate(every):
        path = folder / f"{name}-{stage.tag}.npz"
        if not path.is_file():
            print(f"[{number + 1}/{len(every)}] {path.name}", file=sys.stderr, flush=True)
            write(path, make(np.random.default_rng([seed, number])))
        (valid if judges else train)[voice] += read(path)
    return train, valid
