"""From what a preset calls a plugin to the plugin itself; the module of a kind is imported where it is wanted.

A spec is the name of a plugin of our own ("reverb"), the name of one that was scanned, or its kind and its file:
"vst3:Some Folder/Echo.vst3", with "#Name" behind it where the file holds several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ripieno.plugins.base import Hosted, Parameter, PluginError
from ripieno.plugins.words import did_you_mean

SOUNDFONT = "soundfont"
# What each kind's files are called.
ENDINGS: dict[str, tuple[str, ...]] = {
    SOUNDFONT: (".sf2", ".sf3"),
    "vst3": (".vst3",),
    "au": (".component",),
    "pyo": (".py",),
    "jit": (".py",),
    "python": (".py",),
}
KINDS = tuple(ENDINGS)
ISOLATED = ("vst3", "au", "pyo", "python")
MEMORY_MB = 2048

Opener = Callable[[str, int, int, bytes | None], Hosted]


@dataclass(frozen=True)
class Known:
    """What is known of a plugin that is not open: its role, EFFECT or INSTRUMENT, and its parameters."""

    role: str
    parameters: tuple[Parameter, ...]


def split(spec: str) -> tuple[str, str, str]:
    """A spec as (kind, file, name within the file); kind is "" for a plugin that is called by its name."""
    kind, colon, rest = spec.partition(":")
    if not colon:
        return "", "", spec.strip()
    file, _, name = rest.strip().partition("#")
    return kind.strip(), file, name


def short_name(spec: str) -> str:
    """A name for people: that of the plugin, or of its file."""
    kind, file, name = split(spec)
    return name or Path(file).stem or kind


def resolve(spec: str, folder: Path) -> str:
    """The spec with its file by its whole path, looked for from `folder`, so that it means the same everywhere.

    Raises PluginError, with what to write instead, where there is no such plugin. Nothing of the plugin is run.
    """
    kind, file, name = split(spec)
    if not kind:
        return _named(name)
    if kind not in ENDINGS:
        raise PluginError(f"{spec}: there is no kind of plugin called {kind!r}; {did_you_mean(kind, KINDS)}")
    if kind == SOUNDFONT and not file:
        return f"{SOUNDFONT}:"
    if not file:
        raise PluginError(f"{spec}: which file? write {kind}:FILE{ENDINGS[kind][0]}")
    path = (folder / Path(file).expanduser()).absolute()
    if path.suffix.lower() not in ENDINGS[kind]:
        raise PluginError(f"{spec}: a plugin of the kind {kind} is a file called *{' or *'.join(ENDINGS[kind])}")
    if not path.exists():
        raise PluginError(f"{path}: no such file")
    _check_blocked(path)
    return f"{kind}:{path}" + (f"#{name}" if name else "")


def _named(name: str) -> str:
    """One of our own, or one that was scanned."""
    from ripieno.native.builtin import BUILTINS
    from ripieno.plugins import catalogue

    if name in BUILTINS:
        return name
    found = catalogue.find(name)
    if found:
        return found
    known = [*BUILTINS, *catalogue.names()]
    told = f"a file is written with its kind, such as vst3:{name or 'Echo'}.vst3"
    raise PluginError(f"no plugin is called {name!r} ({told}); {did_you_mean(name, known)}")


def _check_blocked(path: Path) -> None:
    from ripieno.plugins import catalogue

    shut = catalogue.blocking(path)
    if shut:
        told = f"{path}: blocked since {shut.since}: {shut.why}"
        raise PluginError(f"{told}; `ripieno plugins allow {path}` lets it be used again")


def known(spec: str) -> Known | None:
    """What is known of a resolved spec without opening it; None where only opening tells."""
    from ripieno.native.builtin import BUILTINS
    from ripieno.plugins import catalogue, soundfont

    kind, _, name = split(spec)
    if kind == SOUNDFONT:
        return Known(soundfont.ROLE, tuple(soundfont.PARAMETERS))
    if kind:
        return catalogue.known(spec)
    own = BUILTINS[name]
    usual = (Parameter(p.name, p.usual, p.low, p.high, p.unit, p.what, p.whole) for p in own.parameters.values())
    return Known(own.role, tuple(usual))


def open(
    spec: str, folder: Path, sample_rate: int, period: int, state: bytes | None = None, memory_mb: int = MEMORY_MB
) -> Hosted:
    """The plugin, ready to play at ``sample_rate`` Hz in blocks of at most ``period`` frames.

    folder: where a relative file is looked for. state: what its `state()` said once. memory_mb: MiB that a process of
    its own may use. Raises PluginError, which says what is wrong and what to do, where it cannot be used.
    """
    spec = resolve(spec, folder)
    kind, file, name = split(spec)
    opener = _isolated(kind, memory_mb) if kind in ISOLATED else _OPENERS[kind]
    hosted = opener(f"{file}#{name}" if file and name else file or name, sample_rate, period, state)
    hosted.spec = spec
    return hosted


def _builtin(name: str, sample_rate: int, period: int, state: bytes | None) -> Hosted:
    from ripieno.plugins import builtin

    return builtin.open(name, sample_rate, period, state)


def _soundfont(path: str, sample_rate: int, period: int, state: bytes | None) -> Hosted:
    from ripieno.plugins import soundfont

    return soundfont.open(path, sample_rate, period, state)


def _jit(path: str, sample_rate: int, period: int, state: bytes | None) -> Hosted:
    from ripieno.plugins import jit

    return jit.open(path, sample_rate, period, state)


def _isolated(kind: str, memory_mb: int) -> Opener:
    def opener(path: str, sample_rate: int, period: int, state: bytes | None) -> Hosted:
        from ripieno.plugins import isolated

        limits = isolated.Limits(memory=memory_mb << 20)
        return isolated.open(kind, path, sample_rate, period, state, limits)

    return opener


_OPENERS: dict[str, Opener] = {"": _builtin, SOUNDFONT: _soundfont, "jit": _jit}
