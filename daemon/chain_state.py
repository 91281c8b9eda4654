"""Files that keep how a chain's plugin was set: JSON, and the plugin's own state in it as base64."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from ripieno.daemon.files import whole_file
from ripieno.daemon.presets import Chain


@dataclass(frozen=True)
class Saved:
    """How a plugin was set. plugin: its spec. parameters: by name. state: what it says of itself beside them."""

    plugin: str
    parameters: Mapping[str, float]
    bypass: bool
    gain_db: float
    state: bytes


def write_state(path: Path, saved: Saved) -> None:
    """Keep it. UserError, naming the file, where it cannot be written."""
    values = {
        "plugin": saved.plugin,
        "parameters": dict(saved.parameters),
        "bypass": saved.bypass,
        "gain_db": saved.gain_db,
        "state": base64.b64encode(saved.state).decode(),
    }
    with whole_file(path) as out:
        out.write(json.dumps(values, indent=2, ensure_ascii=False).encode() + b"\n")


def read_state(chain: Chain) -> tuple[Saved | None, list[str]]:
    """What a chain's file keeps, None where there is none yet; and why it is of no use, if so."""
    path = Path(chain.state)
    if not chain.state or not path.exists():
        return None, []
    try:
        saved = _saved(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        return None, [f"{path}: cannot be read: {error.strerror or error}; {chain.name} begins as the preset says"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, [f"{path}: this is no state of a plugin; it is left alone, and {chain.name} is as the preset says"]
    if saved.plugin != chain.plugin:
        told = f"{path}: keeps the state of {saved.plugin}, not of {chain.plugin}"
        return None, [f"{told}; it is left alone, and {chain.name} is as the preset says"]
    return saved, []


def _saved(values: Mapping[str, object]) -> Saved:
    """ValueError, KeyError or TypeError for what is not as `write_state` writes it."""
    parameters, gain_db, bypass = values["parameters"], values["gain_db"], values["bypass"]
    numbers = [gain_db, *parameters.values()] if isinstance(parameters, dict) else [None]
    good = all(isinstance(one, (int, float)) and isfinite(one) for one in numbers)
    if not good or not isinstance(bypass, bool) or not isinstance(gain_db, (int, float)):
        raise ValueError
    state = base64.b64decode(str(values["state"]), validate=True)
    return Saved(str(values["plugin"]), dict(parameters), bypass, gain_db, state)  # type: ignore[call-overload]
