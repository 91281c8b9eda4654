"""Who may be cast in a band that answers: the instruments that its model knows, by program and by name."""

from typing import TYPE_CHECKING

from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.gm import PROGRAMS, program_name
from ripieno.daemon.schema import DRUM_CHANNEL
from ripieno.models.continuation.instruments import DRUMS, NAMES, code_of_program, program_of_code

if TYPE_CHECKING:
    from ripieno.daemon.presets import Preset

_NEIGHBOURS = 3
_DRUM_RANGE = (35, 81)  # of General MIDI's drums: the bass drum to the triangle


def model_code(program: int, channel: int) -> int | None:
    """The model's code of a General MIDI program, 1 to 128, on a channel; channel 10 is drums. None: it has none."""
    return DRUMS if channel == DRUM_CHANNEL else code_of_program(program - 1)


def model_codes(preset: "Preset") -> list[int]:
    """The model's code of each instrument of a preset that answers; that they have one was checked."""
    return [model_code(one.program, one.channel) or 0 for one in preset.ensemble]


def likely_programs(program: int) -> str:
    """A few programs that the model has in the place of one that it lacks: the nearest in the General MIDI list."""
    known = [number for number in range(1, 129) if code_of_program(number - 1)]
    nearest = sorted(known, key=lambda number: abs(number - program))[:_NEIGHBOURS]
    return ", ".join(program_name(number) for number in nearest)


def code_named(name: str) -> int:
    """The code of an instrument by our name for it ("piano", "drums") or by its General MIDI program's.

    UserError, with the nearest name, for what is no instrument or not one of the model's.
    """
    wanted = " ".join(name.split()).casefold()
    if wanted in NAMES[1:]:
        return NAMES.index(wanted)
    programs = {text.casefold(): number for number, text in enumerate(PROGRAMS)}
    if wanted not in programs:
        raise UserError(f"no instrument is called {name!r}; {did_you_mean(wanted, list(NAMES[1:]))}")
    code = code_of_program(programs[wanted])
    if code is None:
        raise UserError(f"the model has no {name!r}; it has {likely_programs(programs[wanted] + 1)}")
    return code


def row_of(code: int) -> dict[str, object]:
    """A preset's [[ensemble]] table for an instrument of the model."""
    row: dict[str, object] = {"name": NAMES[code].capitalize(), "program": program_of_code(code) + 1, "polyphony": 0}
    return row | ({"channel": DRUM_CHANNEL, "range": list(_DRUM_RANGE)} if code == DRUMS else {})
