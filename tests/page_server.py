"""A daemon for the page's tests: it serves the page and speaks its API on a real socket, and what it tells is scripted.

What the page shows of the real daemon is tested there (tests/daemon/test_web*.py); here a test decides what happens,
sees what the page asked for, and can take the daemon away and bring another one up at the same address.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from ripieno.daemon import web

PAGE = Path(web.__file__).parent / "page"
RATE = 48000
_CSP = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'"
_NAMES = ("Flute", "Oboe", "Clarinet", "Horn", "Violin", "Viola", "Cello", "Bass")
_COLORS = ("#d1495b", "#e8a33d", "#3a9a6b", "#33658a", "#7b5ea7", "#4fb3bf", "#a0522d", "#2e4057")


def _node(path: str, title: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "title": title, "help": f"What {title} does.", "what": "", "type": "flag"} | more


def _number(path: str, title: str, low: float, high: float, **more: Any) -> dict[str, Any]:
    return _node(path, title, type="number", low=low, high=high, **more)


def controls() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Those of a song with eight instruments, a band, a clock and two plugins, and how they are."""
    nodes = [(_number("song", "Song", 1, 3, whole=True), 1)]
    for name in _NAMES:
        nodes.append((_node(f"players/{name.lower()}/on", name), True))
        nodes.append((_number(f"players/{name.lower()}/level", f"{name} level", 0, 127, whole=True), 100))
    nodes += [
        (_number("clock/tempo", "tempo", 20, 400), 120),
        (_node("clock/source", "source", type="choice", words=["internal", "tap", "midi", "link", "jack", "player"]),
         "internal"),
        (_node("clock/link", "link"), False),
        (_number("band/density", "density", 0.25, 4), 1),
        (_number("band/temperature", "temperature", 0, 2), 1),
        (_number("band/register", "register", -24, 24, whole=True), 0),
        (_node("band/while_playing", "while_playing", type="choice", words=["yield", "comp"]), "yield"),
        (_node("band/key", "key", type="text"), "off"),
        (_node("chain/hall/bypass", "bypass"), False),
        (_number("chain/hall/gain_db", "gain_db", -60, 24), 0),
        (_number("chain/hall/mix", "mix", 0, 1), 0.3),
        (_number("chain/limiter/ceiling", "ceiling", -24, 0), -1),
        (_node("voice/range", "range", type="text"), ["G3", "C6"]),
    ]  # fmt: skip
    return [node for node, _ in nodes], {node["path"]: value for node, value in nodes}


_ACTIONS = [
    {"path": path, "title": title, "help": f"{title}."}
    for path, title in (("panic", "Panic"), ("next", "Next"), ("previous", "Previous"), ("keep", "Keep"),
                        ("record", "Record"), ("clock/tap", "Tap"), ("clock/roll", "Start or stop"),
                        ("band/hand-over", "Hand over"))
]  # fmt: skip


class Daemon:
    """At 127.0.0.1:port. done: the actions that were asked for, with the way they came ("socket" or "http")."""

    def __init__(self, port: int = 0, token: str = "secret") -> None:
        self.nodes, self.values = controls()
        self.token = token
        self.revision, self.grown = 0, 1
        self.done: list[tuple[str, str]] = []
        self.sets: list[tuple[str, Any, str]] = []
        self.learnt: list[str] = []
        self.bindings: list[dict[str, Any]] = []
        self.plan: list[list[int]] = []
        self.deaf = False  # to what comes by sockets
        self.status = self._status()
        self.started = time.monotonic()
        self._lines: dict[str, WebSocket] = {}
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        config = uvicorn.Config(self._app(), log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self._changed = threading.Condition()
        self._thread.start()
        assert self._ready.wait(30)

    def _serve(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.call_soon(self._ready.set)
        self._loop.run_until_complete(self._server.serve([self._listener]))

    def end(self) -> None:
        """Be gone, with all lines cut."""
        self._server.should_exit = True
        self._thread.join(30)
        self._listener.close()

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    # ---- what a test does ----

    @property
    def frame(self) -> int:
        """The driver's, now."""
        return round((time.monotonic() - self.started) * RATE)

    @property
    def lines(self) -> int:
        """How many pages listen."""
        return len(self._lines)

    def tell(self, **batch: Any) -> None:
        """Tell all pages of something."""
        told = {"t": "batch", "revision": self.revision, "grown": self.grown, "changes": [], "notes": [], "news": []}
        self._run(self._send(told | {"now": [self.frame, RATE]} | batch))

    def change(self, path: str, value: Any, origin: str = "") -> int:
        """A control is another now."""
        self.revision += 1
        self.values[path] = value
        self.tell(changes=[[path, value, origin, self.revision]])
        return self.revision

    def show(self, **status: Any) -> None:
        """Tell another status."""
        self.status |= status
        self.tell(status=self.status)

    def wait(self, so: Callable[[], bool]) -> None:
        """Until something is so that a page brings about."""
        with self._changed:
            assert self._changed.wait_for(so, 30), (self.done, self.sets, self.learnt)

    # ---- what it is made of ----

    def _status(self) -> dict[str, Any]:
        players = [
            {"name": name, "color": color, "enabled": True, "notes": [], "played": 0, "level": 100, "peak_db": -100.0}
            for name, color in zip(_NAMES, _COLORS, strict=True)
        ]
        clock = {"source": "internal", "state": "locked", "bpm": 120.0, "rolling": True, "position": 0.0, "bar": 1,
                 "beat": 1, "beats": 4}  # fmt: skip
        songs = {"number": 1, "of": 3, "title": "Nocturne", "wanted": "", "next": {"title": "Waltz", "state": "ready"},
                 "previous": {"title": "Finale", "state": "waiting"},
                 "list": [{"title": title, "state": "ready"} for title in ("Nocturne", "Waltz", "Finale")]}  # fmt: skip
        counts = {"load": 0.21, "load_max": 0.4, "late": 0, "xruns": 0}
        heard = {"band": {"state": "listening", "tempo": 120.0}, "chord": "", "key": ""}
        return counts | heard | {"preset": "Serenade", "players": players, "clock": clock, "songs": songs}

    def _run(self, what: Any) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    async def _send(self, message: dict[str, Any]) -> None:
        text = json.dumps(message)
        for line in list(self._lines.values()):
            with suppress(RuntimeError, WebSocketDisconnect):
                await line.send_text(text)

    def _noted(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._index),
                Route("/api/tree", self._tree),
                Route("/api/state", self._state),
                Route("/api/learn", self._learn, methods=["GET", "POST", "DELETE"]),
                Route("/api/learn/{number:int}", self._bind, methods=["PUT", "DELETE"]),
                Route("/api/actions/{path:path}", self._act, methods=["POST"]),
                WebSocketRoute("/api/live", self._live),
                Mount("/page", StaticFiles(directory=PAGE)),
            ]
        )

    async def _index(self, _: Request) -> Response:
        text = (PAGE / "index.html").read_text().replace("{{token}}", self.token)
        return HTMLResponse(text, headers={"content-security-policy": _CSP})

    async def _tree(self, _: Request) -> Response:
        return JSONResponse({"grown": self.grown, "controls": self.nodes, "actions": _ACTIONS})

    def _told(self) -> dict[str, Any]:
        return {"revision": self.revision, "grown": self.grown, "values": self.values, "status": self.status}

    async def _state(self, _: Request) -> Response:
        return JSONResponse(self._told())

    async def _learn(self, request: Request) -> Response:
        if request.method != "GET":
            self.learnt.append((await request.json())["path"] if request.method == "POST" else "")
            self._noted()
        if self.learnt[-1:] == ["band/key"]:
            return JSONResponse({"error": "band/key is text, which no knob can set", "where": {}}, 422)
        return JSONResponse(self._bound())

    def _bound(self) -> dict[str, Any]:
        waiting = {"learning": self.learnt[-1] if self.learnt else "", "bound": len(self.bindings), "revision": 1}
        return waiting | {"bindings": self.bindings}

    async def _bind(self, request: Request) -> Response:
        """Change a row, or let it go."""
        at = request.path_params["number"] - 1
        if request.method == "DELETE":
            del self.bindings[at]
            self.bindings = [row | {"number": number} for number, row in enumerate(self.bindings, 1)]
            self._noted()
            return JSONResponse(self._bound())
        self.bindings[at] |= await request.json()
        self._noted()
        return JSONResponse(self.bindings[at])

    async def _act(self, request: Request) -> Response:
        if request.headers.get("x-ripieno-token") != self.token:
            return JSONResponse({"error": "the token is wrong", "where": {}}, 401)
        self.done.append((request.path_params["path"], "http"))
        self._noted()
        return JSONResponse({"path": request.path_params["path"]})

    async def _live(self, line: WebSocket) -> None:
        if line.query_params.get("token") != self.token:
            await line.close()
            return
        await line.accept()
        origin = f"page:{time.monotonic_ns()}"
        self._lines[origin] = line
        moment = {"plan": self.plan, "now": [self.frame, RATE]}
        await line.send_json({"t": "hello", "origin": origin, **self._told(), **moment})
        self._noted()
        with suppress(WebSocketDisconnect):
            while True:
                message = await line.receive_json()
                if not self.deaf:
                    await self._answer(line, origin, message)
        del self._lines[origin]

    async def _answer(self, line: WebSocket, origin: str, message: dict[str, Any]) -> None:
        told: dict[str, Any] = {"t": "ok", "id": message["id"]}
        if message["t"] == "set":
            told |= await self._set(message["path"], message["value"], origin)
        elif message["t"] == "do":
            self.done.append((message["path"], "socket"))
        await line.send_json(told)
        self._noted()

    async def _set(self, path: str, value: Any, origin: str) -> dict[str, Any]:
        node = next((one for one in self.nodes if one["path"] == path), {})
        if node.get("type") == "number" and not node["low"] <= value <= node["high"]:
            return {"t": "error", "error": f"{path}: {value} is not from {node['low']} to {node['high']}"}
        if value == "H moll":
            return {"t": "error", "error": f"{path}: 'H moll' is no key"}
        self.revision += 1
        self.values[path] = value
        self.sets.append((path, value, origin))
        batch = {"t": "batch", "revision": self.revision, "grown": self.grown, "notes": [], "news": []}
        await self._send(batch | {"changes": [[path, value, origin, self.revision]], "now": [self.frame, RATE]})
        return {"value": value, "revision": self.revision}
