"""What is known of the devices of this machine: their latency, as `ripieno calibrate` measured it, in a JSON file."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ripieno.daemon.errors import UserError, did_you_mean

_VERSION = 1


@dataclass(frozen=True)
class Figure:
    """What a loopback showed of a device. Times in milliseconds.

    kind: "midi" or "audio". latency_ms: what of the round trip is taken for its own. jitter_ms: between the fastest and
    the slowest message. sent, lost: messages. rate, period: of the server then, in frames. measured: date, ISO 8601.
    """

    kind: str
    latency_ms: float
    round_trip_ms: float
    jitter_ms: float
    sent: int
    lost: int
    rate: int
    period: int
    measured: str


def file() -> Path:
    """Where the figures are: $XDG_CONFIG_HOME/ripieno/devices.json, or ~/.config/ripieno/devices.json."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "ripieno" / "devices.json"


def load(path: Path | None = None) -> dict[str, Figure]:
    """All figures, by the devices' keys (`Identity.key`); none where there is no file. UserError: it cannot be used."""
    path = path or file()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}; mend or remove it, and run `ripieno calibrate`") from None
    try:
        document = json.loads(text)
        if document["version"] != _VERSION:
            raise ValueError(f"version {document['version']}, and this program reads {_VERSION}")
        return {key: _figure(one) for key, one in document["devices"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: is damaged ({error}); remove it, and run `ripieno calibrate` again") from None


def _figure(values: Mapping[str, Any]) -> Figure:
    kinds: dict[str, Any] = {"str": str, "int": int, "float": (int, float)}
    for one in fields(Figure):
        value = values[one.name]
        if not isinstance(value, kinds[str(getattr(one.type, "__name__", one.type))]) or isinstance(value, bool):
            raise ValueError(f"{one.name} is {value!r}")
    return Figure(**{one.name: values[one.name] for one in fields(Figure)})


def keep(key: str, figure: Figure, path: Path | None = None) -> Path:
    """Add a device's figure to the file, whole or not at all; returns the file. UserError: it cannot be written."""
    path = path or file()
    return _write(load(path) | {key: figure}, path)


def forget(key: str, path: Path | None = None) -> Path:
    """Take a device's figure out of the file. UserError: it has none."""
    path = path or file()
    known = load(path)
    if key not in known:
        raise UserError(f"{path} knows no {key!r}; {did_you_mean(key, list(known))}")
    return _write({name: one for name, one in known.items() if name != key}, path)


def _write(known: Mapping[str, Figure], path: Path) -> Path:
    document = {"version": _VERSION, "devices": {name: asdict(one) for name, one in sorted(known.items())}}
    draft = path.with_suffix(f".{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path
