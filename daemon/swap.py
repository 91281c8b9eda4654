"""A preset that was edited takes the place of a song while the performance goes on."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ripieno.daemon.errors import UserError
from ripieno.daemon.presets import Preset, shipped_folder
from ripieno.daemon.rig import audio_input_names, audio_names, output_names
from ripieno.daemon.setlist import SetList

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance


def play(performance: "Performance", preset: Preset) -> str:
    """Play it as soon as it is ready: in the place of the song that it is, or of the one that plays. Until then, and
    where it cannot be made ready, all goes on as it is. Returns what there is to tell. UserError where it wants ports
    that are not there."""
    _check_ports(performance, preset)
    index = _place_of(performance, preset)
    before = performance.presets[index].name
    performance.shelf.edited[index] = preset
    told = f"{preset.name} plays as soon as it is ready"
    return told if before == preset.name else f"{told}, in the place of {before}"


def with_preset(songs: SetList, index: int, preset: Preset) -> SetList:
    """The songs with another preset at this place; a title that was the preset's is again."""
    before = songs.songs[index]
    title = preset.name if before.title == before.preset.name else before.title
    song = replace(before, preset=preset, title=title)
    return replace(songs, songs=(*songs.songs[:index], song, *songs.songs[index + 1 :]))


def _place_of(performance: "Performance", preset: Preset) -> int:
    file = Path(preset.file)
    for index, one in enumerate(performance.presets):
        own = Path(one.file)
        if own == file or (own.name == file.name and shipped_folder() in (own.parent, file.parent)):
            return index
    return performance.playing


def _check_ports(performance: "Performance", preset: Preset) -> None:
    """The ports of a performance are those it began with."""
    there = {
        "inputs": (preset.inputs, performance.preset.inputs),
        "MIDI outputs": (output_names(preset), performance.outputs),
        "audio outputs": (audio_names(preset), performance.audios),
        "audio inputs": (audio_input_names(preset), performance.audio_inputs),
    }
    for what, (wanted, has) in there.items():
        if lacking := [name for name in wanted if name not in has]:
            told = f"begin anew with `ripieno run {Path(preset.file).stem}`"
            raise UserError(f"{preset.name} wants {what} that are not there ({', '.join(lacking)}): {told}")
    if preset.inputs != performance.preset.inputs:
        raise UserError(f"{preset.name} has other inputs: begin anew with `ripieno run {Path(preset.file).stem}`")
