"""What there is to record: the engine's outputs by the names that their files and tracks shall have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ripieno.daemon.chain_checks import LEFT, RIGHT
from ripieno.daemon.preset_checks import MELODY
from ripieno.daemon.rig import melody_port, places

if TYPE_CHECKING:
    from ripieno.daemon.presets import Preset

MIX = "mix"


def files_of(audios: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The sounds that an engine's audio outputs make: left and right are the mix, others in pairs where they are so
    named. A name, and the places among the outputs."""
    places = {name: n for n, name in enumerate(audios)}
    found: dict[str, tuple[int, ...]] = {}
    for name, n in places.items():
        stem, _, side = name.rpartition(" ")
        pair = tuple(places[f"{stem} {one}".strip()] for one in (LEFT, RIGHT) if f"{stem} {one}".strip() in places)
        if side in (LEFT, RIGHT) and len(pair) == 2:
            found[stem or MIX] = pair
        else:
            found[name] = (n,)
    return found


@dataclass(frozen=True)
class Sources:
    """What there is to record.

    rate: frames a second. sounds: each file's name, and its places among the audio outputs. inputs, outputs: the MIDI
    ports. instruments: by output port and channel, both from 0. bits: of a sample, 32 (floats) or 24. bpm: the beats
    that the MIDI file is counted in.
    """

    rate: int
    sounds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: Sequence[str] = ("in",)
    outputs: Sequence[str] = ("out",)
    instruments: Mapping[tuple[int, int], str] = field(default_factory=dict)
    bits: int = 32
    bpm: float = 120.0

    @property
    def bytes_a_second(self) -> int:
        """Of sound."""
        return sum(map(len, self.sounds.values())) * self.rate * self.bits // 8


def instruments_of(preset: "Preset", outputs: tuple[str, ...]) -> dict[tuple[int, int], str]:
    """Who plays on which output port and channel, both from 0. outputs: the names of the engine's MIDI outputs."""
    found: dict[tuple[int, int], str] = {}
    for place, one in zip(places(preset, outputs), preset.ensemble, strict=True):
        found[place] = f"{found[place]} + {one.name}" if place in found else one.name
    return found | ({(melody_port(preset, outputs), 0): MELODY} if preset.singing else {})


def sources_of(preset: "Preset", rate: int, outputs: tuple[str, ...], audios: Sequence[str], bits: int = 32) -> Sources:
    """All that an engine gives while it plays a preset. outputs, audios: the names of all of its ports."""
    return Sources(rate, files_of(audios), preset.inputs, outputs, instruments_of(preset, outputs), bits)
