"""What runs in the process of an isolated plugin: loaded by `python -m ripieno.plugins.hosts`, and by nobody else.

Each kind is a module here with `load(path, sample_rate, period) -> Plugin`, imported only where it is asked for.
"""

from __future__ import annotations

from importlib import import_module

from ripieno.plugins.base import Plugin, PluginError

KINDS: dict[str, tuple[str, str, str]] = {
    "vst3": ("juce", "pedalboard", 'pip install "ripieno[vst]"'),
    "au": ("juce", "pedalboard", 'pip install "ripieno[vst]"'),
    "pyo": ("pyo_patch", "pyo", 'pip install "ripieno[pyo]"'),
    "python": ("python", "", ""),
    "tinysound": ("tinysound", "tinysoundfont", "pip install --no-deps tinysoundfont"),
}
"""Of each kind: its module, the library that it needs ("": none), and how to install that."""


def load(kind: str, path: str, sample_rate: int, period: int) -> Plugin:
    """A plugin, prepared. Raises PluginError with what to do where it cannot be had."""
    module, library, install = KINDS[kind]
    try:
        host = import_module(f"{__name__}.{module}")
    except ModuleNotFoundError as error:
        if not library or (error.name or "").partition(".")[0] != library:
            raise
        raise PluginError(f"{path}: a plugin of kind {kind} needs {library}; install it: {install}") from None
    plugin: Plugin = host.load(path, sample_rate, period)
    return plugin


def values(plugin: Plugin) -> dict[str, float]:
    """What a plugin's parameters are now, by name: a state that was restored may have set them."""
    now = getattr(plugin, "values", None)
    return dict(now()) if callable(now) else {one.name: one.usual for one in plugin.parameters}
