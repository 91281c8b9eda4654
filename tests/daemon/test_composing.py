"""`render --continue` and `--from-scratch`: the model writes on, the given stays as it was, mistakes are told."""

import json
from pathlib import Path

import mido
import pytest
import tiny
from command import ripieno
from songs import absolute, saved, song, struck

from needs import needs
from ripieno.models.continuation.instruments import DRUMS, NAMES


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The song, its second track on a cello, with a drum at the end."""
    file = song()
    file.tracks[2].insert(0, mido.Message("program_change", channel=1, program=42))
    drum = [
        mido.Message("note_on", channel=9, note=38, time=480),
        mido.Message("note_off", channel=9, note=38, time=20),
    ]
    file.tracks.append(mido.MidiTrack(drum))
    path = tmp_path / "song.mid"
    path.write_bytes(saved(file))
    return path


def test_the_model_goes_on_with_the_song_s_own_instruments(weights: Path, source: Path) -> None:
    out = source.parent / "on.mid"
    told = ripieno("render", source, "--continue", 8, "-o", out, "--set", f"weights={weights}", "--json")
    result = json.loads(told.stdout)
    before, after = mido.MidiFile(source), mido.MidiFile(out)
    assert [track.name for track in after.tracks] == ["A song", "Piano", "Cello", "Drums"]
    assert result["given"] == 14
    assert result["written"] > 10
    for old, new in zip(before.tracks[1:], after.tracks[1:], strict=True):
        kept = struck(old)
        assert struck(new)[: len(kept)] == kept
    assert sum(len(struck(track)) for track in after.tracks) == 14 + result["written"]
    split = max(tick for track in before.tracks[1:] for tick, text in absolute(track) if "note_o" in text)
    length = max(tick for track in after.tracks for tick, _ in absolute(track))
    assert length <= split + 480 + 8 * 720 + 16 * 480 + 240  # bars of 3/8, and the last note's length
    velocities = {velocity for track in after.tracks for *_, velocity in struck(track)}
    assert len(velocities) > 8
    # The song's pedal was left down: it is lifted before the model plays.
    assert any("control=64 value=0" in text for _, text in absolute(after.tracks[2]))


def test_with_a_preset_the_song_is_the_player_s(weights: Path, source: Path) -> None:
    out = source.parent / "on.mid"
    arguments = ("--continue", 4, "--preset", "duet", "--set", f"weights={weights}")
    result = json.loads(ripieno("render", source, *arguments, "-o", out, "--json").stdout)
    assert list(result["notes"]) == ["Piano", "Flute", "Strings", "Cello"]
    assert result["given"] == 13  # the drum is nobody's
    assert len(struck(mido.MidiFile(out).tracks[1])) == 13 + result["notes"]["Piano"]


def test_the_same_seed_gives_the_same_bytes_and_another_another(weights: Path, source: Path) -> None:
    folder, options = source.parent, ("--set", f"weights={weights}")
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        ripieno("render", source, "--continue", 4, "-o", folder / f"{name}.mid", "--seed", seed, *options)
        ripieno("render", "--from-scratch", "-o", folder / f"{name}-new.mid", "--seed", seed, *options)
    for suffix in (".mid", "-new.mid"):
        one, two, three = ((folder / f"{name}{suffix}").read_bytes() for name in ("one", "two", "three"))
        assert one == two != three


def test_from_scratch_for_named_instruments(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.mid"
    line = ("render", "--from-scratch", "--instruments", "flute, Piano,drums", "--bars", 6, "-o", out)
    result = json.loads(ripieno(*line, "--set", f"weights={weights}", "--set", "tempo=90", "--json").stdout)
    assert list(result["notes"]) == ["Piano", "Flute", "Drums"]
    assert result["given"] == 0
    assert result["written"] > 10
    file = mido.MidiFile(out)
    tempos = [message.tempo for message in file.tracks[0] if message.type == "set_tempo"]
    assert tempos == [round(60_000_000 / 90)]
    assert {m.channel for m in file.tracks[3] if m.type == "note_on"} <= {9}
    assert all(tick < 6 * 4 * 480 + 48 for track in file.tracks for tick, *_ in struck(track))


def test_from_scratch_the_model_chooses_who_plays(weights: Path, tmp_path: Path) -> None:
    casts = set()
    for seed in range(4):
        line = ("render", "--from-scratch", "--bars", 2, "-o", tmp_path / "new.mid", "--seed", seed, "--json")
        casts.add(tuple(json.loads(ripieno(*line, "--set", f"weights={weights}").stdout)["notes"]))
    assert all(name.casefold() in NAMES for cast in casts for name in cast)
    assert len(casts) > 1
    assert NAMES[DRUMS] == "drums"


def test_the_picture_and_the_sound_of_it(weights: Path, source: Path) -> None:
    needs("matplotlib", "tinysoundfont", "pretty_midi")
    folder, files = source.parent, ("--plot", source.parent / "on.png", "--wav", source.parent / "on.wav")
    ripieno("render", source, "--continue", 2, "-o", folder / "on.mid", *files, "--set", f"weights={weights}")
    assert (folder / "on.png").stat().st_size > 20_000
    assert (folder / "on.wav").stat().st_size > 200_000


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("song.mid", "--continue", 4, "--from-scratch"), "either --continue BARS or --from-scratch"),
        (("song.mid", "--from-scratch"), "there is no file to play"),
        (("--continue", 4), "which file?"),
        (("song.mid", "--continue", 0), "no number of bars from 1 to 1000"),
        (("song.mid",), "write --preset NAME"),
        (("song.mid", "--continue", 4, "--instruments", "piano"), "--instruments is for --from-scratch"),
        (("song.mid", "--continue", 4, "--bars", 4), "--bars is for --from-scratch"),
        (("--from-scratch", "--instruments", "piano", "--preset", "duet"), "either --instruments or --preset"),
    ],
)
def test_options_that_make_no_sense_together(arguments: tuple[object, ...], told: str, tmp_path: Path) -> None:
    assert told in ripieno("render", *arguments, "-o", tmp_path / "out.mid", status=2).stderr


def test_what_cannot_be_written_is_told(weights: Path, source: Path) -> None:
    folder, out = source.parent, ("-o", source.parent / "out.mid")
    asked = ("render", "--from-scratch", *out, "--instruments")
    assert "did you mean 'cello'" in ripieno(*asked, "celo", status=1).stderr
    assert "the model has no 'seashore'" in ripieno(*asked, "seashore", status=1).stderr
    assert "at most 16" in ripieno(*asked, ",".join(NAMES[1:20]), status=1).stderr
    on = ("render", source, "--continue", 4, *out)
    assert "no [continuation]" in ripieno(*on, "--preset", "choir", status=1).stderr
    assert "did you mean 'tempo'" in ripieno(*on, "--set", "tempoo=90", status=1).stderr
    empty = folder / "empty.mid"
    empty.write_bytes(saved(mido.MidiFile(tracks=[mido.MidiTrack([mido.MetaMessage("marker", text="!", time=9)])])))
    assert "empty.mid: none of its instruments" in ripieno("render", empty, "--continue", 4, *out, status=1).stderr
    assert not (folder / "out.mid").exists()


@pytest.mark.parametrize("fault", ["cut", "no card", "bad card", "missing", "version", "paper", "nan"])
def test_weights_that_cannot_be_used_are_told_by_name(weights: Path, tmp_path: Path, fault: str) -> None:
    told = {"version": {"format": 99}, "paper": {"model": "mmt"}}.get(fault, {})
    mine = tiny.write(tmp_path / "mine.safetensors", **told)
    card = mine.with_suffix(".json")
    if fault == "cut":
        mine.write_bytes(mine.read_bytes()[:1000])
    elif fault == "bad card":
        card.write_text("{}")
    elif fault in ("no card", "missing"):
        (card if fault == "no card" else mine).unlink()
    elif fault == "nan":
        tiny.write(mine, broken=True)
    line = ("render", "--from-scratch", "-o", tmp_path / "out.mid", "--set", f"weights={mine}")
    assert (
        f"mine.{'json' if fault in ('no card', 'bad card', 'version') else 'safetensors'}"
        in ripieno(*line, status=1).stderr
    )
    assert not (tmp_path / "out.mid").exists()
