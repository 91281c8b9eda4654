"""The API described: an OpenAPI document made from the table of routes and the tree of controls, and a page of it.

OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from ripieno.daemon.web.route import ANY, TEXT, WHOLE, Route, Schema, record

CONTROL, ACTION = "/api/controls/{path:path}", "/api/actions/{path:path}"
"""Rows of the table that stand for a route of each control, and of each action."""

ERROR: Schema = record(error=TEXT, where={"type": "object"})
_ALWAYS = (400, 401, 403, 408, 413, 429, 503)
_WITH_BODY = (415,)
_ABOUT = """\
What the page uses, for other programs. Values are as the presets write them. Whatever changes something carries the \
token of the page, or of the file in which a running Ripieno is found. What happens is told on the WebSocket \
/api/live."""


def document(routes: Sequence[Route], tree: Mapping[str, Any], version: str) -> dict[str, Any]:
    """The document. tree: as `Desk.described` tells it."""
    paths: dict[str, dict[str, Any]] = {}
    for path, route, takes, gives in _operations(routes, tree):
        paths.setdefault(_plain(path), {})[route.method.lower()] = _operation(path, route, takes, gives)
    token = {"type": "apiKey", "in": "header", "name": "X-Ripieno-Token"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ripieno", "version": version, "description": _ABOUT},
        "paths": paths,
        "components": {"securitySchemes": {"token": token}, "schemas": {"Error": ERROR}},
    }


_Row = tuple[str, Route, Schema | None, Schema | None]  # path, route, what it takes and gives


def _operations(routes: Sequence[Route], tree: Mapping[str, Any]) -> Iterator[_Row]:
    """All there is to ask: where a route stands for many, each of these by its own path."""
    for route in routes:
        yield route.path, route, route.takes, route.gives
        if route.path == CONTROL:
            for one in tree["controls"]:
                value = {**schema_of(one), "description": f"{one['help']} ({one['what']})"}
                gives = record(path={"const": one["path"]}, value=ANY, revision=WHOLE)
                yield _filled(route, one), _of(route, one), record(value=value) if route.takes else None, gives
        if route.path == ACTION:
            for one in tree["actions"]:
                yield _filled(route, one), _of(route, one), None, route.gives


def _filled(route: Route, one: Mapping[str, Any]) -> str:
    return route.path.replace("{path:path}", quote(one["path"]))


def _of(route: Route, one: Mapping[str, Any]) -> Route:
    """The route, with the words of what it is for."""
    return replace(route, help=f"{route.help} {one['title']}: {one['help']}" if one["help"] else route.help)


def schema_of(control: Mapping[str, Any]) -> Schema:
    """What a control may be set to, as far as a schema can say."""
    if control["type"] == "flag":
        return {"enum": [True, False, 0, 1]}
    if control["type"] == "number":
        kind = "integer" if control.get("whole") else "number"
        limits = {"type": kind, "minimum": control["low"], "maximum": control["high"]}
        return {"anyOf": [limits, {"enum": control["words"]}]} if control.get("words") else limits
    return {"enum": control["words"]} if control["type"] == "choice" else ANY


def _plain(path: str) -> str:
    """Without what is Starlette's own."""
    return path.replace(":path}", "}")


def _operation(path: str, route: Route, takes: Schema | None, gives: Schema | None) -> dict[str, Any]:
    answers = {"200": {"description": "Done.", **_content(route.media, gives)}}
    for status in sorted({*_ALWAYS, *(_WITH_BODY if takes else ()), *route.refuses}):
        answers[str(status)] = {"description": HTTPStatus(status).phrase, **_content("application/json", ERROR)}
    there = {
        "operationId": route.name if path == route.path else f"{route.name}-{path.split('/', 3)[-1]}",
        "summary": route.help,
        "parameters": [*_parameters(path, route)],
        "responses": answers,
    }
    body = {"requestBody": {"required": True, **_content("application/json", takes)}} if takes else {}
    safe = route.unpaired or route.method == "GET"
    return there | body | ({} if safe else {"security": [{"token": []}]})


def _content(media: str, schema: Schema | None) -> dict[str, Any]:
    return {"content": {media: {"schema": schema}}} if schema is not None else {}


def _parameters(path: str, route: Route) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)", path):
        yield {"name": name, "in": "path", "required": True, "schema": TEXT}
    for name, schema in route.query.items():
        yield {"name": name, "in": "query", "required": True, "schema": schema}


def page(document: Mapping[str, Any]) -> str:
    """The document for people: what stands between <main> and </main>."""
    rows = [
        _shown(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return f"<p>{escape(document['info']['description'])}</p>\n" + "\n".join(rows)


def _shown(method: str, path: str, operation: Mapping[str, Any]) -> str:
    schemas = [
        f"<dt>{title}</dt><dd>{escape(summary(schema))}</dd>"
        for title, holder in (("takes", operation.get("requestBody")), ("gives", operation["responses"]["200"]))
        for one in (holder or {}).get("content", {}).values()
        if (schema := one["schema"]) is not None
    ]
    schemas += [f"<dt>?{one['name']}=</dt><dd>needed</dd>" for one in operation["parameters"] if one["in"] == "query"]
    token = " <small>with the token</small>" if "security" in operation else ""
    head = f"<h2><code>{method.upper()} {escape(path)}</code>{token}</h2>"
    return f"<section>{head}<p>{escape(operation['summary'])}</p><dl>{''.join(schemas)}</dl></section>"


def summary(schema: Schema) -> str:
    """A schema in a line: {value: number from 20 to 300}."""
    if "properties" in schema:
        return "{" + ", ".join(f"{name}: {summary(one)}" for name, one in schema["properties"].items()) + "}"
    if "anyOf" in schema:
        return " or ".join(summary(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(json.dumps(word) for word in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "items" in schema:
        return f"[{summary(schema['items'])} ...]"
    limits = f" from {schema['minimum']:g} to {schema['maximum']:g}" if "minimum" in schema else ""
    return f"{schema.get('type', 'anything')}{limits}"
