"""A user's own plugin in Python: a file with one class derived from `ripieno.plugins.base.Plugin`."""

from __future__ import annotations

import inspect
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from ripieno.plugins.base import EFFECT, INSTRUMENT, Plugin, PluginError
from ripieno.plugins.hosts.errors import described


def load(path: str, sample_rate: int, period: int) -> Plugin:
    """The plugin of a file, prepared. Modules beside it may be imported from it. Raises PluginError."""
    found = plugin_class(run(path))
    try:
        plugin = found()
        plugin.prepare(sample_rate, period)
    except Exception as error:
        raise PluginError(f"{path}: {found.__name__} does not start: {described(error)}") from error
    return plugin


def run(path: str) -> ModuleType:
    """The file's module, run. Raises PluginError naming the line that failed."""
    file = Path(path)
    spec = spec_from_file_location(f"plugin_{file.stem}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise PluginError(f"{path}: no such file of Python")
    module = module_from_spec(spec)
    sys.path.insert(0, str(file.parent))
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{path}: it cannot be run: {described(error)}") from error
    return module


def plugin_class(module: ModuleType) -> type[Plugin]:
    """The one class of a module that is a plugin. Raises PluginError."""
    mine = [
        one
        for one in vars(module).values()
        if inspect.isclass(one) and issubclass(one, Plugin) and one.__module__ == module.__name__
    ]
    whole = [one for one in mine if not inspect.isabstract(one)]
    if len(whole) != 1:
        names = f" and has {len(whole)}: {', '.join(one.__name__ for one in whole)}" if whole else ""
        names = names or (f"; {mine[0].__name__} lacks render()" if mine else " and has none")
        raise PluginError(f"{module.__file__}: a plugin is one class derived from ripieno.plugins.base.Plugin{names}")
    if whole[0].role not in (EFFECT, INSTRUMENT):
        raise PluginError(f"{module.__file__}: role is {EFFECT!r} or {INSTRUMENT!r}, not {whole[0].role!r}")
    return whole[0]
