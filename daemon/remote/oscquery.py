"""OSCQuery: the tree that OSC shows, as JSON over HTTP, for programs that build their own surfaces from it.

The proposal: https://github.com/Vidvox/OSCQueryProposal. The page's server mounts these routes at /osc; of its optional
parts there are ACCESS, VALUE, RANGE and DESCRIPTION. Where OSC is spoken, HOST_INFO says.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ripieno.daemon.remote.desk import Desk
from ripieno.daemon.remote.osc_ports import EVERYWHERE
from ripieno.daemon.remote.osc_tree import NOTHING, READ, READINGS, ROOT, Method, given, methods
from ripieno.daemon.web.route import TEXT, Call, Refusal, Route, some
from ripieno.daemon.web.sockets import outcome

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance

_ATTRIBUTES = ("FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "VALUE", "RANGE", "DESCRIPTION")
_HOST = "HOST_INFO"


def routes(desk: Desk) -> list[Route]:
    """/osc, and /osc/ before each address; "?VALUE" and the like for one attribute, "?HOST_INFO" for all of us."""

    async def node(call: Call) -> Any:
        return await _answer(desk, call)

    node_schema = some(FULL_PATH=TEXT)
    return [
        Route("GET", "/osc", "osc", "All OSC addresses, as OSCQuery has them.", node, gives=node_schema),
        Route("GET", "/osc/{path:path}", "osc-node", "An OSC address, likewise.", node, gives=node_schema,
              refuses=(404,)),
    ]  # fmt: skip


async def _answer(desk: Desk, call: Call) -> Any:
    if call.asked == _HOST:
        return host_info(await outcome(desk.call(osc_address)))
    described, state = await outcome(desk.described()), await outcome(desk.state())
    address = f"/{call.path.get('path', '')}".rstrip("/") or "/"
    found = node_at(tree(methods(described), state["values"] | readings(state["status"])), address)
    if found is None:
        raise Refusal(404, f"there is no OSC address {address}: GET /osc lists them", {"path": address})
    return attribute(found, call.asked) if call.asked else found


def osc_address(performance: "Performance") -> tuple[str, int] | None:
    """Where OSC is spoken, None: nowhere."""
    return next((found for one in performance.watchers if (found := getattr(one, "osc_address", None))), None)


def host_info(address: tuple[str, int] | None) -> dict[str, Any]:
    """Who we are, and where OSC is spoken: without OSC_IP wherever this is asked, as the proposal has it."""
    extensions = dict.fromkeys(_ATTRIBUTES[3:], True) | {"LISTEN": False, "PATH_CHANGED": False}
    spoken = {"OSC_PORT": address[1], "OSC_TRANSPORT": "UDP"} if address else {}
    where = {"OSC_IP": address[0]} if address and address[0] != EVERYWHERE else {}
    return {"NAME": "Ripieno", "EXTENSIONS": extensions, **spoken, **where}


def readings(status: Mapping[str, Any]) -> dict[str, Any]:
    """What can be read of it, by path."""
    found = {path: reading.find(status) for path, reading in READINGS.items()}
    return {path: value for path, value in found.items() if value is not None}


def tree(known: Mapping[str, Method], values: Mapping[str, Any]) -> dict[str, Any]:
    """All of it, from "/" on. values: of controls and readings, by their paths."""
    top = _container("/")
    for path, method in known.items():
        node = top
        *parents, name = f"{ROOT}/{path}".strip("/").split("/")
        for parent in parents:
            full = f"{node['FULL_PATH'].rstrip('/')}/{parent}"
            node = node.setdefault("CONTENTS", {}).setdefault(parent, _container(full))
        node.setdefault("CONTENTS", {}).setdefault(name, {}).update(_leaf(method, values.get(path)))
    return top


def _container(path: str) -> dict[str, Any]:
    return {"FULL_PATH": path, "ACCESS": NOTHING, "CONTENTS": {}}


def _leaf(method: Method, value: Any) -> dict[str, Any]:
    """An address. Its types are those of its value: T or F for what is true or false."""
    tags, arguments = given(method.types, value) if value is not None else (method.types, [])
    held = {"VALUE": arguments} if method.access & READ and value is not None else {}
    help_ = f"{method.help} ({method.what})" if method.what else method.help
    node = {"FULL_PATH": method.address, "ACCESS": method.access, "TYPE": tags or "N", "DESCRIPTION": help_}
    return node | held | _range(method)


def _range(method: Method) -> dict[str, Any]:
    if method.low is not None:
        return {"RANGE": [{"MIN": method.low, "MAX": method.high}]}
    return {"RANGE": [{"VALS": list(method.words)}]} if method.words else {}


def node_at(top: Mapping[str, Any], address: str) -> dict[str, Any] | None:
    """The part of the tree with this address."""
    node: Any = top
    for name in filter(None, address.split("/")):
        node = node.get("CONTENTS", {}).get(name)
        if node is None:
            return None
    return dict(node)


def attribute(node: Mapping[str, Any], name: str) -> Any:
    """One attribute of it alone; nothing (204) where it has none. Refusal (400) for what is no attribute."""
    if name not in _ATTRIBUTES:
        raise Refusal(400, f"{name[:40]!r} is no attribute of OSCQuery that we have", {"query": name[:40]})
    if name not in node:
        from starlette.responses import Response

        return Response(status_code=204)
    return {name: node[name]}
