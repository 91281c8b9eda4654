"""Checks of a preset's [[chain]] tables: where they stand, that their plugins are there, and what these can do."""

from collections.abc import Callable, Iterator
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ripieno.daemon.chain_keys import CONTROLLER, INPUT_PLACE, PLACES, VOICE_PLACE, chain_names
from ripieno.daemon.errors import did_you_mean
from ripieno.daemon.preset_document import CHAIN, ENSEMBLE, NESTED, Checked, rows_of
from ripieno.daemon.schema import slug

if TYPE_CHECKING:
    from ripieno.plugins.base import Parameter
    from ripieno.plugins.open import Known

LEFT, RIGHT, LEFT_IN, RIGHT_IN = SOUND_PORTS = ("left", "right", "left-in", "right-in")
_ON_ONE_PLACE = 8  # RP_STRIP_UNITS_MAX of native/src/rack.h
_AUDIO_OUTPUTS = 16
_NAMES = 20  # that are told where none is near
_PARAMETERS, _CC = NESTED


class Settable(Protocol):
    """What has parameters: a plugin, or what is known of one."""

    @property
    def parameters(self) -> "tuple[Parameter, ...]": ...


def stem_ports(place: str) -> tuple[str, str]:
    """The audio ports of a place's own, with `stems`."""
    return f"{place} {LEFT}", f"{place} {RIGHT}"


def _check_names(c: Checked) -> None:
    seen: dict[str, str] = {}
    for i, (row, name) in enumerate(zip(c.chain, chain_names(rows_of(CHAIN, c.document)), strict=True)):
        if not slug(name):
            c.wrong((CHAIN, i, "name"), f"{name!r} needs a letter or a digit")
        elif slug(name) in seen:
            c.wrong((CHAIN, i, "name"), f"{name!r} and {seen[slug(name)]!r} would be called the same")
        seen.setdefault(slug(name), name)
        row["name"] = name


def _check_places(c: Checked) -> None:
    """Every chain stands on something that this preset has; `on` is written as that is called."""
    own = [row["name"] for row in c.ensemble if row.get("name")]
    for i, name in enumerate(own if c.chain else []):
        if slug(name) in PLACES:
            c.wrong((ENSEMBLE, i, "name"), f"{name!r} is a place for chains of its own: choose another name")
    there = {slug(place): place for place in (*own, *PLACES)}
    for i, row in enumerate(c.chain):
        wanted = row.get("on", "")
        if slug(wanted) not in there:
            c.wrong((CHAIN, i, "on"), f"nothing is called {wanted!r} here; {did_you_mean(wanted, [*there.values()])}")
        elif slug(wanted) == VOICE_PLACE and c.singing is None:
            c.wrong((CHAIN, i, "on"), "nobody sings here: add a [singing] table")
        row["on"] = there.get(slug(wanted), "")


def _check_room(c: Checked) -> None:
    places = [row["on"] for row in c.chain if row["on"]]
    for place in dict.fromkeys(places):
        if places.count(place) > _ON_ONE_PLACE:
            last = max(i for i, row in enumerate(c.chain) if row["on"] == place)
            c.wrong((CHAIN, last, "on"), f"on {place} there are more than {_ON_ONE_PLACE} plugins")
    ports = 2 + 2 * len(strips(places))
    if c.values.get("stems") and ports > _AUDIO_OUTPUTS:
        c.wrong(("stems",), f"{ports} audio ports would be needed, and there are {_AUDIO_OUTPUTS}: leave it out")


def strips(places: list[str]) -> list[str]:
    """The places that have a strip of their own: all but the master, each once."""
    return [place for place in dict.fromkeys(places) if place != PLACES[-1]]


def _check_ports(c: Checked) -> None:
    """On JACK no two ports have one name, of whatever kind."""
    taken = {LEFT, RIGHT} if c.chain else set()
    places = [row["on"] for row in c.chain]
    taken |= {LEFT_IN, RIGHT_IN} if INPUT_PLACE in places else set()
    taken |= {port for place in strips(places) for port in stem_ports(place)} if c.values.get("stems") else set()
    for i, name in enumerate(c.values.get("inputs", ())):
        if name in taken:
            c.wrong(("inputs", i), f"{name!r} is a port for sound: choose another name")
    for i, name in c.own_ports():
        if name in taken:
            c.wrong((ENSEMBLE, i, "name"), f"{name!r} is a port for sound: choose another name")


def _check_states(c: Checked) -> None:
    """Files for states lie in folders that are there, each chain's apart."""
    seen: dict[str, str] = {}
    for i, row in enumerate(c.chain):
        if not row.get("state"):
            continue
        path = (_beside(c, i, "state") / Path(row["state"]).expanduser()).absolute()
        if not path.parent.is_dir():
            c.wrong((CHAIN, i, "state"), f"{path.parent}: no such folder")
        if str(path) in seen:
            c.wrong((CHAIN, i, "state"), f"{seen[str(path)]!r} keeps its state there, too")
        seen[str(path)] = row["name"]
        row["state"] = str(path)


def _beside(c: Checked, i: int, key: str) -> Path:
    """Where a file that a chain names is looked for."""
    return Path() if (CHAIN, i, key) in c.source.options else Path(c.source.file).parent


def _check_plugins(c: Checked) -> None:
    """The plugins are there, and stand where they can play; their parameters are theirs."""
    from ripieno.plugins.base import PluginError
    from ripieno.plugins.open import known, resolve

    found: list[Known | None] = []
    for i, row in enumerate(c.chain):
        found.append(None)
        try:
            row["plugin"] = resolve(row["plugin"], _beside(c, i, "plugin")) if "plugin" in row else ""
            found[i] = known(row["plugin"]) if row["plugin"] else None
        except PluginError as error:
            c.wrong((CHAIN, i, "plugin"), str(error))
        row[_PARAMETERS], row[_CC] = dict(_parameters(c, i, found[i])), dict(_controllers(c, i, found[i]))
    _check_roles(c, [one.role if one else None for one in found])


def _check_roles(c: Checked, roles: list[str | None]) -> None:
    begun: set[str] = set()
    for i, (row, role) in enumerate(zip(c.chain, roles, strict=True)):
        wrong = misplaced(role, row["on"], row["on"] not in begun) if role and row["on"] else ""
        if wrong:
            c.wrong((CHAIN, i, "plugin"), wrong)
        begun.add(row["on"])


def misplaced(role: str, place: str, first: bool) -> str:
    """Why a plugin of a role ("effect", "instrument") cannot stand at a place, first there or not; "" where it can."""
    if role == "instrument" and place in PLACES:
        return f"it plays notes, and none come to the {place}: let it stand on an instrument of the ensemble"
    if role == "instrument" and not first:
        return "it plays notes, and can only be the first one on its instrument"
    if role == "effect" and place not in PLACES and first:
        return f"it treats sound, and {place} has none yet: put a plugin that plays notes before it, such as soundfont:"
    return ""


def _parameters(c: Checked, i: int, plugin: "Known | None") -> Iterator[tuple[str, float]]:
    """The good ones of a chain's parameters."""
    for name, value in c.chain[i].get(_PARAMETERS, {}).items():
        try:
            if not isinstance(value, (int, float)) or not isfinite(value):
                raise ValueError(f"{value!r} is no number")
            yield fitting(name, float(value), plugin) if plugin else (name, float(value))
        except ValueError as error:
            c.wrong((CHAIN, i, _PARAMETERS, name), str(error))


def _controllers(c: Checked, i: int, plugin: "Known | None") -> Iterator[tuple[str, int]]:
    """The good ones of those that controllers move."""
    for name, value in c.chain[i].get(_CC, {}).items():
        try:
            yield (fitting(name, None, plugin)[0] if plugin else name), int(CONTROLLER.read(value))
        except ValueError as error:
            c.wrong((CHAIN, i, _CC, name), str(error))


def fitting(name: str, value: float | None, plugin: Settable) -> tuple[str, Any]:
    """A parameter as the plugin calls it, and its value (None: of no value in particular).

    ValueError where it has none such, or where that cannot be its value.
    """
    there = {slug(one.name): one for one in plugin.parameters}
    one = next((one for one in plugin.parameters if one.name == name), there.get(slug(name)))
    if one is None:
        names = [one.name for one in plugin.parameters][:_NAMES]
        raise ValueError(f"is no parameter of it; {did_you_mean(name, names)}" if names else "it has no parameters")
    if value is not None and not one.low <= value <= one.high:
        raise ValueError(f"{value:g} is not from {one.low:g} to {one.high:g}{' ' if one.unit else ''}{one.unit}")
    if value is not None and one.whole and value != int(value):
        raise ValueError(f"{value:g} is no whole number")
    return one.name, value


CHAIN_CHECKS: tuple[Callable[[Checked], None], ...] = (
    _check_names,
    _check_places,
    _check_room,
    _check_ports,
    _check_states,
    lambda c: _check_plugins(c) if c.chain else None,
)
