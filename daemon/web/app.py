"""The app: the page's files, the routes of the API and the live socket, within the gate."""

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.routing import Route as Path_
from starlette.websockets import WebSocket

from ripieno.daemon.errors import UserError
from ripieno.daemon.web import api
from ripieno.daemon.web.gate import COOKIE, App, Gate, Guard, Visitor, refuse
from ripieno.daemon.web.route import Call, Refusal, Route, check
from ripieno.daemon.web.sockets import Hub, Live, decode, encode, sentence

HERE = Path(__file__).parent
PAGE = HERE / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
"""The page's files are those of these types; there are no others."""

_TOKEN_PLACE = "{{token}}"
_STRANGE = re.compile(r"\.\.|//|[\\\x00\ufffd]")  # somebody looks for files elsewhere
_YEAR_SECONDS = 365 * 24 * 3600


class Json(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return encode(content).encode()


def make_app(site: api.Site, gate: Gate, mounted: Sequence[Route] = ()) -> App:
    """The app. mounted: routes of others."""
    table = [*api.routes(site), *mounted]
    table += api.about(site, table, lambda document: sealed("api.html", document))
    app = Starlette(
        routes=[*_pages(gate), *_grouped(table, gate), WebSocketRoute("/api/live", _live)],
        lifespan=_lifespan(site, gate),
        exception_handlers={HTTPException: _missing(gate), Refusal: _refused, Exception: _mistaken(gate)},
    )
    app.router.redirect_slashes = False
    app.state.gate = gate
    unpaired = {(route.method, route.path) for route in table if route.unpaired}
    return Guard(app, gate, lambda method, path: (method, path) in unpaired or _is_page(method, path))


def _is_page(method: str, path: str) -> bool:
    """Whether it is of the page's files, which are no secret; the token within is given to those who have one."""
    return method in ("GET", "HEAD") and (path in ("/", "/pair") or path.startswith("/page/"))


def _lifespan(site: api.Site, gate: Gate) -> Callable[[Starlette], Any]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: gate.refused(repr(context.get("exception") or context["message"]), "")
        )
        app.state.hub = Hub(site.desk)
        yield

    return lifespan


# ---- the API ----


def _grouped(table: Sequence[Route], gate: Gate) -> list[BaseRoute]:
    """One of Starlette's routes for each path."""
    paths: dict[str, dict[str, Route]] = {}
    for route in table:
        paths.setdefault(route.path, {})[route.method] = route
    return [Path_(path, _endpoint(methods, gate), methods=list(methods)) for path, methods in paths.items()]


def _endpoint(methods: dict[str, Route], gate: Gate) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        route = methods["GET" if request.method == "HEAD" else request.method]
        call = await _call(request, route)
        try:
            answer = await route.answer(call)
        except UserError as error:
            raise Refusal(422, str(error)) from None
        except BlockingIOError as error:
            raise Refusal(503, sentence(error), {}, 1.0) from None
        except Refusal as refusal:
            if route.unpaired:  # somebody outside tries something
                gate.refused(f"{route.name}, {str(refusal).partition(':')[0]}", call_host(request))
            raise
        return answer if isinstance(answer, Response) else Json(answer)

    return endpoint


def call_host(request: Request) -> str:
    """Who asks, as an address."""
    return request.client.host if request.client else ""


async def _call(request: Request, route: Route) -> Call:
    """What a route is asked. Refusal (400, 403, 415) for what it does not take."""
    who: Visitor = request.scope["ripieno.visitor"]
    if route.at_home and not who.local:
        raise Refusal(403, "only the computer itself may ask this")
    query = {name: request.query_params.get(name, "") for name in route.query}
    for name, text in query.items():
        if not text:
            raise Refusal(400, f"the question lacks {name!r}: write ?{name}=...", {"query": name})
    body = await _body(request, route) if route.takes is not None else None
    return Call(request.path_params, query, body, who.local, "page" if who.origin else "ctl", request.url.query)


async def _body(request: Request, route: Route) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "the body is to be application/json", {"header": "Content-Type"})
    try:
        body = decode(await request.body())
    except ValueError as error:
        raise Refusal(400, str(error)) from None
    assert route.takes is not None
    check(body, route.takes)
    return body


# ---- what goes wrong ----


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    wait = {"Retry-After": str(max(1, round(error.wait_s)))} if error.wait_s else {}
    return Json(error.body, error.status, wait)


def _missing(gate: Gate) -> Callable[[Request, Exception], Any]:
    async def missing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if _STRANGE.search(request.scope["path"]):  # of what no page of ours asks for the player is told
            gate.refused("a path that leads out of the page's folder", call_host(request))
        words = {404: "there is nothing here: GET /api lists all there is", 405: "this cannot be asked so"}
        body = Refusal(error.status_code, words.get(error.status_code, error.detail), {"path": request.url.path}).body
        return Json(body, error.status_code, dict(error.headers or {}))

    return missing


def _mistaken(gate: Gate) -> Callable[[Request, Exception], Any]:
    async def mistaken(request: Request, error: Exception) -> Response:
        gate.refused(sentence(error), call_host(request))
        return Json(Refusal(500, sentence(error)).body, 500)

    return mistaken


# ---- the page ----


def _pages(gate: Gate) -> list[BaseRoute]:
    async def index(request: Request) -> Response:
        who: Visitor = request.scope["ripieno.visitor"]
        token = gate.token if who.local else who.cookie
        if not gate.knows(token):
            return RedirectResponse("/pair", 303)
        text = await asyncio.to_thread(_read, "index.html")
        return HTMLResponse(text.decode().replace(_TOKEN_PLACE, token))

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        data = await asyncio.to_thread(_read, name)
        return Response(data, media_type=TYPES[Path(name).suffix], headers={"Cache-Control": "no-cache"})

    async def pair(request: Request) -> Response:
        return sealed("pair.html")

    return [Path_("/", index), Path_("/page/{name:path}", file), Path_("/pair", pair)]


def _read(name: str) -> bytes:
    """A file of the page's folder: one of those that are listed there, so that no name leads out of it."""
    listed = {path.relative_to(PAGE).as_posix(): path for path in PAGE.rglob("*") if path.suffix in TYPES}
    if name not in listed:
        raise HTTPException(404)
    return listed[name].read_bytes()


def sealed(name: str, document: str = "") -> HTMLResponse:
    """A page of ours that is one file: of what stands in it nothing may run or load but what we wrote."""
    text = (HERE / name).read_text(encoding="utf-8")
    kinds = {kind: _hashes(text, tag) for kind, tag in (("script-src", "script"), ("style-src", "style"))}
    rules = [f"{kind} {' '.join(hashes)}" for kind, hashes in kinds.items() if hashes]
    policy = "; ".join(["default-src 'none'", "connect-src 'self'", "base-uri 'none'", "form-action 'self'",
                        "frame-ancestors 'none'", *rules])  # fmt: skip
    return HTMLResponse(text.replace("{{document}}", document), headers={"Content-Security-Policy": policy})


def _hashes(text: str, tag: str) -> list[str]:
    blocks = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return [f"'sha256-{b64encode(sha256(block.encode()).digest()).decode()}'" for block in blocks]


def let_in(token: str) -> Response:
    """The answer that gives a browser its token, which no script can read."""
    answer = Json({})
    answer.set_cookie(COOKIE, token, max_age=_YEAR_SECONDS, httponly=True, samesite="strict")
    return answer


# ---- the live socket ----


async def _live(socket: WebSocket) -> None:
    gate: Gate = socket.app.state.gate
    who: Visitor = socket.scope["ripieno.visitor"]
    try:
        gate.enter(who.host)
    except Refusal as refusal:
        gate.refused(str(refusal).partition(":")[0], who.host)
        await refuse(socket.scope, socket.receive, socket.send, refusal)
        return
    try:
        if why := await Live(socket, socket.app.state.hub, who).run():
            gate.refused(f"a socket, {why}", who.host)
    finally:
        gate.leave(who.host)
