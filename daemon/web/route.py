"""A route of the API: one row of the table that the server, its OpenAPI document and the page of that are made from."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ripieno.daemon.errors import did_you_mean

Schema = Mapping[str, Any]
"""JSON Schema, as OpenAPI 3.1 takes it."""

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
ANY: Schema = {}


def record(**keys: Schema) -> Schema:
    """An object with these keys, all of them, and no others."""
    return {"type": "object", "properties": keys, "required": list(keys), "additionalProperties": False}


def some(**keys: Schema) -> Schema:
    """An object with these keys and others."""
    return {"type": "object", "properties": keys, "required": list(keys)}


def listed(one: Schema) -> Schema:
    """A list of such."""
    return {"type": "array", "items": one}


class Refusal(Exception):
    """Something that is not done. status: of HTTP. text: a sentence. where: what it is about, as plain values."""

    def __init__(self, status: int, text: str, where: Mapping[str, Any] | None = None, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.status, self.where, self.wait_s = status, dict(where or {}), wait_s

    @property
    def body(self) -> dict[str, Any]:
        """As it is told."""
        return {"error": str(self), "where": self.where}


@dataclass(frozen=True)
class Call:
    """What a route is asked. path, query: texts by name. body: parsed and as the route's `takes` says, None without
    one. asked: all that stands behind "?". local: from this computer. origin: who asks, as the desk's changes name
    it."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    local: bool = True
    origin: str = ""
    asked: str = ""


@dataclass(frozen=True)
class Route:
    """path: "/api/controls/{path:path}", where ":path" lets slashes in. name: its own in the OpenAPI document.

    answer: gives what JSON can hold, or a response of Starlette's; raises Refusal, or UserError (422). takes: the
    body, gives: the answer; None: there is none. media: of an answer that is no JSON. query: what may stand behind "?",
    all of it needed. refuses: statuses beyond those that any route may have. unpaired: anybody may ask, token or not.
    at_home: this computer alone may.
    """

    method: str
    path: str
    name: str
    help: str
    answer: Callable[[Call], Awaitable[Any]]
    takes: Schema | None = None
    gives: Schema | None = None
    media: str = "application/json"
    query: Mapping[str, Schema] = field(default_factory=dict)
    refuses: tuple[int, ...] = ()
    unpaired: bool = False
    at_home: bool = False


_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str, "boolean": bool, "integer": int, "number": (int, float), "object": dict, "array": list
}  # fmt: skip


def check(body: Any, schema: Schema, where: str = "") -> None:
    """Refusal where a body is not what a route takes: types, and an object's keys."""
    wanted = schema.get("type")
    if wanted and (not isinstance(body, _TYPES[wanted]) or (isinstance(body, bool) and wanted != "boolean")):
        raise Refusal(400, f"{where or 'the body'} is to be of the type {wanted}", {"key": where})
    if wanted == "array":
        for number, one in enumerate(body):
            check(one, schema.get("items", ANY), f"{where}[{number}]")
    if wanted == "object":
        _check_keys(body, schema, where)


def _check_keys(body: Mapping[str, Any], schema: Schema, where: str) -> None:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in body:
            raise Refusal(400, f"{where or 'the body'} lacks the key {name!r}", {"key": name})
    for name, value in body.items():
        if name in known:
            check(value, known[name], f"{where}.{name}".lstrip("."))
        elif schema.get("additionalProperties") is False:
            raise Refusal(400, f"{name!r} is no key here; {did_you_mean(name, list(known))}", {"key": name})
