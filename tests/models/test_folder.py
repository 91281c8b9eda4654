"""A user's own folder of files, read as a task."""

from pathlib import Path

import mido
import numpy as np
import pytest

from needs import needs
from ripieno.models.collection import CorpusError
from ripieno.models.instrumentation.folder import Track, label_of, load_folder, read_midi, read_musicxml

# name, program, channel, and the pitch it begins with
Player = tuple[str, int, int, int]
DUO: tuple[Player, ...] = (("Flute I", 73, 0, 72), ("Cello", 42, 1, 48))


def write(path: Path, players: tuple[Player, ...] = DUO, notes: int = 16, ticks: int = 480) -> Path:
    """A MIDI file: each player has so many quarter notes, one after another, going up."""
    midi = mido.MidiFile(ticks_per_beat=ticks)
    midi.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(90), time=0)]))
    for name, program, channel, pitch in players:
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        track.append(mido.Message("program_change", program=program, channel=channel))
        for step in range(notes):
            track.append(mido.Message("note_on", note=pitch + step % 12, velocity=70, channel=channel))
            track.append(mido.Message("note_on", note=pitch + step % 12, velocity=0, channel=channel, time=ticks))
        midi.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    midi.save(path)
    return path


def fill(folder: Path, files: int = 10, players: tuple[Player, ...] = DUO) -> Path:
    for index in range(files):
        write(folder / f"set {index % 2}" / f"{index}.mid", players)
    return folder


def test_labels_are_the_names_that_files_share(tmp_path: Path) -> None:
    task, splits = load_folder(fill(tmp_path))
    assert task.labels == ("flutei", "cello")
    assert task.programs == (73, 42)
    assert task.mono == (True, True)
    assert {split: len(pieces) for split, pieces in splits.items()} == {"train": 8, "valid": 1, "test": 1}
    piece = splits["test"][0]
    assert piece.onset[:4].tolist() == [0, 0, 24, 24]
    assert piece.label[:4].tolist() == [1, 0, 1, 0]
    assert piece.tempo[0] == (0, pytest.approx(90.0))
    assert set(piece.velocity.tolist()) == {70}


def test_the_split_is_the_same_each_time(tmp_path: Path) -> None:
    first, second = (load_folder(fill(tmp_path / name))[1] for name in ("a", "b"))
    for split in first:
        assert [piece.name for piece in first[split]] == [piece.name for piece in second[split]]


def test_labels_can_be_named(tmp_path: Path) -> None:
    task, splits = load_folder(fill(tmp_path), labels=("Cello", "Flute"))
    assert task.labels == ("cello", "flute")
    assert splits["train"][0].label[:2].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("name", "program", "label"),
    [
        ("Solo Cello", 0, "cello"),
        ("Bass Guitar", 0, "bassguitar"),
        ("Bass", 0, "bass"),
        ("Staff 1", 33, "bass"),
        ("Staff 2", 73, None),
    ],
)
def test_a_track_is_known_by_its_name_then_by_its_family(name: str, program: int, label: str | None) -> None:
    labels = ("cello", "bass", "bassguitar")
    found = label_of(Track(name, program, []), labels)
    assert (None if found is None else labels[found]) == label


def test_drums_are_left_out_and_held_notes_end_with_the_track(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", (*DUO, ("Kit", 0, 9, 36)))
    midi = mido.MidiFile(path)
    midi.tracks[1].insert(2, mido.Message("note_on", note=100, velocity=1))
    midi.save(path)
    score = read_midi(path, "a")
    assert [track.name for track in score.tracks] == ["Flute I", "Cello"]
    assert (0, 16 * 24, 100, 1) in score.tracks[0].notes


def test_a_part_with_chords_is_not_mono(tmp_path: Path) -> None:
    players = (("Lead", 80, 0, 72), ("Keys", 4, 1, 60), ("Keys", 4, 2, 64))
    task, _ = load_folder(fill(tmp_path, players=players))
    assert dict(zip(task.labels, task.mono, strict=True)) == {"lead": True, "keys": False}
    assert task.divides == (False, False)


def test_a_part_divides_as_its_family_can(tmp_path: Path) -> None:
    task, _ = load_folder(fill(tmp_path, players=(("Flute", 73, 0, 72), ("Violin", 40, 1, 60))))
    assert task.mono == (True, True)
    assert dict(zip(task.labels, task.divides, strict=True)) == {"flute": False, "violin": True}


def test_musicxml_is_read(tmp_path: Path) -> None:
    needs("music21")
    import music21

    score = music21.stream.Score()
    for name, pitch in (("Flute", 72), ("Cello", 48)):
        part = music21.stream.Part(id=name)
        part.partName = name
        for step in range(4):
            part.append(music21.note.Note(pitch + step, quarterLength=1.5))
        part.append(music21.chord.Chord([pitch, pitch + 7], quarterLength=1))
        part.makeMeasures(inPlace=True)
        score.insert(0, part)
    path = tmp_path / "a.musicxml"
    score.makeTies().write("musicxml", path)
    read = read_musicxml(path, "a")
    assert [track.name for track in read.tracks] == ["Flute", "Cello"]
    onsets = [onset for onset, *_ in read.tracks[0].notes]
    assert onsets == [0, 36, 72, 108, 144, 144]
    assert [duration for _, duration, *_ in read.tracks[0].notes] == [36, 36, 36, 36, 24, 24]
    assert [pitch for *_, pitch, _ in read.tracks[1].notes] == [48, 49, 50, 51, 48, 55]


def test_a_damaged_musicxml_file_is_named(tmp_path: Path) -> None:
    needs("music21")
    path = tmp_path / "a.musicxml"
    path.write_text("<score-partwise><part-list>")
    with pytest.raises(CorpusError, match=r"a\.musicxml: no MusicXML file"):
        read_musicxml(path, "a")


def test_too_few_files(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="2 MIDI or MusicXML files, at least 3 are needed"):
        load_folder(fill(tmp_path, files=2))


def test_a_damaged_midi_file_is_named(tmp_path: Path) -> None:
    fill(tmp_path)
    whole = write(tmp_path / "bad.mid").read_bytes()
    for length in (0, 3, 20, len(whole) // 2):
        (tmp_path / "bad.mid").write_bytes(whole[:length])
        with pytest.raises(CorpusError, match=r"bad\.mid: no MIDI file"):
            load_folder(tmp_path)


def test_names_that_files_do_not_share(tmp_path: Path) -> None:
    for index in range(4):
        write(tmp_path / f"{index}.mid", ((f"A{index}", 0, 0, 60), (f"B{index}", 0, 1, 40)))
    with pytest.raises(CorpusError, match="name the labels"):
        load_folder(tmp_path)
    with pytest.raises(CorpusError, match="two or more different labels"):
        load_folder(tmp_path, labels=("A", "a"))
    with pytest.raises(CorpusError, match="no file of the train split has two of the parts"):
        load_folder(tmp_path, labels=("Horn", "Tuba"))


def test_notes_keep_their_place_at_any_resolution(tmp_path: Path) -> None:
    for ticks in (24, 96, 960, 1000):
        score = read_midi(write(tmp_path / f"{ticks}.mid", ticks=ticks), "a")
        assert [onset for onset, *_ in score.tracks[0].notes] == (24 * np.arange(16)).tolist()
