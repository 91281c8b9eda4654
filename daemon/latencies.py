"""Outputs that arrive together: the slowest device sets the time, what leaves on the others waits for it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.schema import LONGEST_MS, slug

if TYPE_CHECKING:
    from ripieno.native.engine import Engine

SOUND = "sound"
"""What all audio outputs together are called here."""


def milliseconds(text: object, port: str) -> float:
    """A latency as it is written: from 0 to LONGEST_MS. ValueError, with a sentence, for anything else."""
    try:
        value = float(text) if isinstance(text, (int, float, str)) and not isinstance(text, bool) else -1.0
    except ValueError:
        value = -1.0
    if not 0 <= value <= LONGEST_MS:
        raise ValueError(f"{port}={text}: write how late it is in milliseconds, from 0 to {LONGEST_MS:g}")
    return value


def read(options: Iterable[str]) -> dict[str, float]:
    """The latencies that options of the form PORT=MS say; the last one of a port wins. UserError for others."""
    found = {}
    for option in options:
        port, equals, text = option.rpartition("=")
        if not equals or not port:
            raise UserError(f"--latency {option}: write PORT=MS, such as --latency out=12.5 or --latency {SOUND}=20")
        try:
            found[port] = milliseconds(text, port)
        except ValueError as error:
            raise UserError(f"--latency {error}") from None
    return found


def named(latencies: Mapping[str, float], ports: Sequence[str], sounds: bool) -> dict[str, float]:
    """The same by the ports' own names. UserError where there is no such port; `sounds`: there are audio outputs."""
    there = {slug(name): name for name in [*ports, *([SOUND] if sounds else [])]}
    for port in latencies:
        if slug(port) not in there:
            raise UserError(f"no output is called {port!r}; {did_you_mean(port, list(there.values()))}")
    return {there[slug(port)]: value for port, value in latencies.items()}


def shifts(latencies: Mapping[str, float], names: Iterable[str], rate: int) -> dict[str, int]:
    """Frames by which each of these outputs leaves later, so that all arrive with the slowest.

    latencies: milliseconds; an output that is not in it arrives at once.
    """
    late = {name: latencies.get(name, 0.0) for name in names}
    slowest = max(late.values(), default=0.0)
    return {name: round((slowest - own) * rate / 1000) for name, own in late.items()}


def align(engine: "Engine", ports: Sequence[str], latencies: Mapping[str, float]) -> None:
    """Let an engine's outputs arrive together; `ports` are the names of its MIDI outputs."""
    wanted = shifts(latencies, [*ports, *([SOUND] if engine.audios else [])], engine.sample_rate)
    for number, name in enumerate(ports):
        engine.shift_port(number, wanted[name])
    if engine.audios:
        engine.shift_sound(wanted[SOUND])


def tell(latencies: Mapping[str, float]) -> str:
    """One sentence for whoever plays; "" where there is nothing to tell."""
    late = [f"{name} {value:g} ms" for name, value in latencies.items() if value]
    return f"outputs are aligned to the slowest: {', '.join(late)} late" if late else ""


def measured(devices: Mapping[str, Iterable[str]], figure: Callable[[str], float | None]) -> dict[str, float]:
    """What was measured of the devices that our outputs play to, by output; of several devices the slowest counts.

    devices: their keys (`Identity.key`). figure: a device's milliseconds; None: it was never measured.
    """
    found = {name: [value for key in keys if (value := figure(key)) is not None] for name, keys in devices.items()}
    return {name: max(values) for name, values in found.items() if values}
