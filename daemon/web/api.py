"""The routes of the API that are about the performance itself, its controls and who may come in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ripieno.daemon.errors import UserError
from ripieno.daemon.remote.desk import Desk
from ripieno.daemon.web.gate import Bucket
from ripieno.daemon.web.openapi import ACTION, CONTROL, document, page
from ripieno.daemon.web.pairing import CODE_SECONDS, Pairing, picture, spaced
from ripieno.daemon.web.route import ANY, TEXT, WHOLE, Call, Refusal, Route, listed, record, some
from ripieno.daemon.web.sockets import outcome

_STATE = record(revision=WHOLE, grown=WHOLE, values={"type": "object"}, status={"type": "object"},
                plan=listed(listed(WHOLE)), now=listed(WHOLE))  # fmt: skip
_VALUE = record(path=TEXT, value=ANY, revision=WHOLE)
_TOLD_SECONDS = 5.0  # from one code that is told to the next, at least
_CODE = record(url=TEXT, code=TEXT, seconds={"type": "number"}, qr=TEXT)


@dataclass
class Site:
    """What the routes are about. url: the page for devices on the LAN, "" where these may not come. tell: a sentence
    for the player. hide: the code that the terminal showed at first holds no longer. let_in: gives a browser its token.
    asked: how often codes that somebody outside asks for are told."""

    desk: Desk
    pairing: Pairing
    url: str
    tell: Callable[[str], None]
    hide: Callable[[], None]
    let_in: Callable[[str], Any]
    version: str
    asked: Bucket = field(default_factory=lambda: Bucket(1 / _TOLD_SECONDS, 1))


def routes(site: Site) -> list[Route]:
    """The table."""
    return [
        *_performance(site.desk),
        Route("POST", "/api/pairing", "pairing", "A new code for a device on the LAN.", lambda call: _begin(site),
              gives=_CODE, refuses=(409,), at_home=True),
        Route("POST", "/api/pairing/ask", "pairing-ask", "Let the computer's terminal show a code.",
              lambda call: _ask(site), gives=record(), refuses=(409,), unpaired=True),
        Route("POST", "/api/pairing/claim", "pairing-claim", "Be paired, by the code on the terminal.",
              lambda call: _claim(site, call), takes=record(code=TEXT), gives=record(), refuses=(403, 409),
              unpaired=True),
    ]  # fmt: skip


def _performance(desk: Desk) -> list[Route]:
    async def state(call: Call) -> Any:
        return await outcome(desk.state())

    async def tree(call: Call) -> Any:
        return await outcome(desk.described())

    tree_schema = record(grown=WHOLE, controls=listed(some(path=TEXT, type=TEXT)), actions=listed(some(path=TEXT)))
    return [
        Route("GET", "/api/state", "state", "How all controls are, and what the display tells.", state, gives=_STATE),
        Route("GET", "/api/tree", "tree", "All controls and actions there are.", tree, gives=tree_schema),
        Route("GET", CONTROL, "control", "How a control is.", lambda call: _value(desk, call), gives=_VALUE,
              refuses=(404,)),
        Route("PUT", CONTROL, "set", "Change a control.", lambda call: _set(desk, call), takes=record(value=ANY),
              gives=_VALUE, refuses=(404, 422)),
        Route("POST", ACTION, "do", "Do an action.", lambda call: _do(desk, call), gives=record(path=TEXT),
              refuses=(404, 409)),
    ]  # fmt: skip


async def _value(desk: Desk, call: Call) -> Any:
    path = call.path["path"]
    state = await outcome(desk.state())
    if path not in state["values"]:
        raise Refusal(404, f"there is no control {path!r}: GET /api/tree lists them", {"path": path})
    return {"path": path, "value": state["values"][path], "revision": state["revision"]}


async def _set(desk: Desk, call: Call) -> Any:
    path = call.path["path"]
    try:
        change = await outcome(desk.set(path, call.body["value"], call.origin))
    except UserError as error:
        raise Refusal(422 if path in desk.values else 404, str(error), {"path": path}) from None
    return {"path": change.path, "value": change.value, "revision": change.revision}


async def _do(desk: Desk, call: Call) -> Any:
    path = call.path["path"]
    try:
        await outcome(desk.do(path))
    except UserError as error:
        there = {one["path"] for one in (await outcome(desk.described()))["actions"]}
        raise Refusal(409 if path in there else 404, str(error), {"path": path}) from None
    return {"path": path}


# ---- pairing ----


def _check_lan(site: Site) -> None:
    if not site.url:
        raise Refusal(409, "other devices may not come in: begin with --ui-lan")


async def _begin(site: Site) -> Any:
    _check_lan(site)
    code = site.pairing.begin()
    site.hide()
    return {"url": f"{site.url}pair", "code": code, "seconds": CODE_SECONDS, "qr": picture(site.url, code)}


async def _ask(site: Site) -> Any:
    _check_lan(site)
    code = site.pairing.ask()
    if site.asked.take(patience_s=0) is not None:
        site.tell(f"a device asks to be let in: the code is {spaced(code)}")
    return {}


async def _claim(site: Site, call: Call) -> Any:
    _check_lan(site)
    token = site.pairing.claim(call.body["code"].replace(" ", ""))
    site.hide()
    return site.let_in(token)


# ---- the API itself ----


def about(site: Site, table: list[Route], shown: Callable[[str], Any]) -> list[Route]:
    """Routes that describe all of the table. shown: a page of the document."""

    async def whole() -> dict[str, Any]:
        return document(table, await outcome(site.desk.described()), site.version)

    async def openapi(call: Call) -> Any:
        return await whole()

    async def read(call: Call) -> Any:
        return shown(page(await whole()))

    return [
        Route("GET", "/openapi.json", "openapi", "This document.", openapi, gives=some(openapi=TEXT)),
        Route("GET", "/api", "about", "This document, for people.", read, gives=TEXT, media="text/html"),
    ]
