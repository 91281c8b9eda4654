"""A preset made ready to play: its ports named, its model loaded, its times in frames."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ripieno.daemon.chain_checks import LEFT, LEFT_IN, RIGHT, RIGHT_IN, stem_ports, strips
from ripieno.daemon.chain_keys import INPUT_PLACE
from ripieno.daemon.clock_keys import CLOCK_PORT
from ripieno.daemon.errors import UserError
from ripieno.daemon.input_keys import ENSEMBLE_WORD
from ripieno.daemon.levels import sent_level
from ripieno.daemon.preset_checks import MELODY, OUTPUT, VOICE
from ripieno.daemon.presets import Preset
from ripieno.daemon.schema import slug
from ripieno.daemon.weights import UNTRAINED, weights_file

if TYPE_CHECKING:
    from ripieno.native.continuation import Continuation
    from ripieno.native.engine import Rig
    from ripieno.native.instrumenter import Instrumenter, Voice
    from ripieno.native.rack import Rack
    from ripieno.native.singing import Singing
    from ripieno.native.zone import Zone

# Half the size of floats, so that the networks stay in the core's own cache; the labels are the same (bench lstm).
PRECISION = "16"


def output_names(preset: Preset) -> tuple[str, ...]:
    """The MIDI outputs that a preset plays on: one for all, or one named after each instrument or after one with MPE,
    one for a voice's line, and the clock's own."""
    players = tuple(dict.fromkeys(_port_names(preset))) or (OUTPUT,)
    names = players + ((MELODY,) if preset.singing else ())
    ticks = preset.clock is not None and CLOCK_PORT in map(slug, preset.clock.out)
    return names + ((CLOCK_PORT,) if ticks and CLOCK_PORT not in map(slug, names) else ())


def _port_names(preset: Preset) -> list[str]:
    """The output that each instrument leaves on."""
    return [one.name if one.mpe or preset.outputs == "ports" else OUTPUT for one in preset.ensemble]


def strip_names(preset: Preset) -> list[str]:
    """The places of a preset's plugins that have a strip of the rack of their own: all but the master."""
    return strips([one.on for one in preset.chain])


def audio_names(preset: Preset) -> tuple[str, ...]:
    """The audio outputs that a preset sounds on: a voice's own or, with plugins, left and right, and those of each
    place with `stems`."""
    if not preset.chain:
        return (VOICE,) if preset.singing else ()
    stems = strip_names(preset) if preset.stems else []
    return (LEFT, RIGHT, *(port for place in stems for port in stem_ports(place)))


def audio_input_names(preset: Preset) -> tuple[str, ...]:
    """The audio inputs that its plugins hear."""
    return (LEFT_IN, RIGHT_IN) if INPUT_PLACE in strip_names(preset) else ()


def all_outputs(presets: Sequence[Preset]) -> tuple[str, ...]:
    """The MIDI output ports that a list of presets needs, each name once; last those on which controls are told."""
    feedback = [one.feedback for preset in presets for one in preset.learn if one.feedback]
    return tuple(dict.fromkeys([*(name for preset in presets for name in output_names(preset)), *feedback]))


def all_audios(presets: Sequence[Preset]) -> tuple[str, ...]:
    """The audio output ports that it needs, likewise; left and right, which are heard, first."""
    names = dict.fromkeys(name for preset in presets for name in audio_names(preset))
    return tuple(sorted(names, key=lambda name: name not in (LEFT, RIGHT)))


def all_audio_inputs(presets: Sequence[Preset]) -> tuple[str, ...]:
    """The audio input ports that it needs, likewise."""
    return tuple(dict.fromkeys(name for preset in presets for name in audio_input_names(preset)))


def places(preset: Preset, outputs: tuple[str, ...] | None = None) -> list[tuple[int, int]]:
    """Where each instrument leaves: (port, channel), both from 0, the port as its place among `outputs`."""
    outputs = outputs or output_names(preset)
    ports = [outputs.index(name) for name in _port_names(preset)]
    return [(port, one.channel - 1) for port, one in zip(ports, preset.ensemble, strict=True)]


def decides_when(preset: Preset) -> str:
    """ "note", "window" or "revise": a window overrules the rest, and only a trained model knows how to revise."""
    if preset.chord_window_ms > 0:
        return "window"
    return "note" if preset.model in UNTRAINED else preset.when


def frames_of(milliseconds: float, rate: int) -> int:
    """Milliseconds as whole frames."""
    return round(milliseconds * rate / 1000)


def delay_frames(preset: Preset, rate: int) -> int:
    """How late every note leaves because its chord is waited for."""
    return frames_of(preset.chord_window_ms, rate) if preset.route == "ensemble" else 0


def build(
    preset: Preset,
    rate: int,
    outputs: tuple[str, ...] | None = None,
    band: "Continuation | None" = None,
    voice: "Singing | None" = None,
    rack: "Rack | None" = None,
    audios: Sequence[str] = (),
) -> "Rig":
    """The engine's rig for a preset, at `rate` frames a second.

    outputs, audios: the names of the engine's output ports, where they are more than this preset's own. band: the one
    that answers, voice: the one that sings along, rack: its plugins, where the preset has them. Raises UserError (or
    the model's own error) where its weights cannot be used.
    """
    from ripieno.daemon.flight.origin import origin_of
    from ripieno.native.engine import Instrument, Rig

    thru = preset.route == "thru"
    instruments = [
        Instrument(
            port,
            channel,
            one.polyphony,
            one.pedal,
            one.program - 1 if preset.send_programs else None,
            mpe=one.mpe,
            bend=one.bend_range,
            level=sent_level(one.level),
        )
        for (port, channel), one in zip(places(preset, outputs), preset.ensemble, strict=True)
    ]
    try:
        rig = Rig(
            preset.route,
            instruments,
            None if thru else _instrumenter(preset, rate),
            in_channels=[channel - 1 for channel in preset.in_channels],
            budget=preset.budget,
            expiry_frames=round(preset.expiry_s * rate),
            delay_frames=delay_frames(preset, rate),
            continuation=band,
            singing=voice,
            singing_port=melody_port(preset, outputs) if voice else 0,
            rack=rack,
            zones=zones(preset),
            through=(outputs or output_names(preset)).index(output_names(preset)[0]) if thru else None,
            voice_outputs=[audios.index(name) for name in (VOICE, LEFT, RIGHT) if name in audios] or None,
        )
    except ValueError as error:
        raise UserError(f"the preset {preset.name!r} cannot be played: {error}") from None
    rig.origin = lambda: origin_of(preset, outputs or output_names(preset), audios)
    return rig


def zones(preset: Preset) -> "list[Zone]":
    """How its inputs are split and merged."""
    from ripieno.native.zone import Zone

    names = [one.name for one in preset.ensemble]
    return [
        Zone(
            port=preset.inputs.index(one.port),
            channels=[channel - 1 for channel in one.channels],
            lowest=one.range[0],
            highest=one.range[1],
            softest=one.velocity[0],
            loudest=one.velocity[1],
            transpose=one.transpose,
            mpe=one.mpe,
            instruments=[names.index(name) for name in one.to if name != ENSEMBLE_WORD],
        )
        for one in preset.input
    ]


def melody_port(preset: Preset, outputs: tuple[str, ...] | None = None) -> int:
    """The output port, from 0, on which a voice's line leaves, as its place among `outputs`."""
    return (outputs or output_names(preset)).index(MELODY)


def voices(preset: Preset, labels: tuple[str, ...] = ()) -> "list[Voice]":
    """The instrumenter's voices. labels: the model's parts, in its order; none for an untrained one."""
    from ripieno.native.instrumenter import Voice

    return [
        Voice(
            lowest=one.range[0],
            highest=one.range[1],
            polyphony=one.polyphony,
            label=labels.index(one.part) if labels else place,
            # Where a band answers, the player's keys are his own instrument's, whoever else may play.
            enabled=one.enabled if preset.player is None else place == preset.player,
            centre=one.centre or 0,
            divides=one.divides,
        )
        for place, one in enumerate(preset.ensemble)
    ]


def _instrumenter(preset: Preset, rate: int) -> "Instrumenter":
    from ripieno.native.instrumenter import Instrumenter

    when = decides_when(preset)
    window_ms = preset.chord_window_ms if when == "window" else preset.revise_ms
    if preset.model in UNTRAINED:
        return Instrumenter(
            voices(preset),
            sample_rate=rate,
            decide=preset.model,
            when=when,
            fallback=preset.fallback,
            overflow=preset.overflow,
            window=frames_of(window_ms, rate),
        )
    from ripieno.models.instrumentation.ensemble import WeightsError, load

    try:
        ensemble = load(weights_file(preset.model, Path()))
    except WeightsError as error:
        raise UserError(str(error)) from None
    return ensemble.instrumenter(
        voices(preset, ensemble.labels),
        sample_rate=rate,
        when=when,
        window_ms=window_ms,
        fallback=preset.fallback,
        overflow=preset.overflow,
        together=True,
        precision=PRECISION,
    )
