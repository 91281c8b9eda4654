"""The routes of the API that are about MIDI learn: what waits for a knob, and which knob sets what."""

from typing import Any

from ripieno.daemon.remote import learn
from ripieno.daemon.remote.desk import Desk
from ripieno.daemon.web.route import TEXT, WHOLE, Call, Refusal, Route, listed, record, some
from ripieno.daemon.web.sockets import outcome

_STATUS = record(learning=TEXT, bound=WHOLE, revision=WHOLE)
_ROW = some(number=WHOLE, control=TEXT, path=TEXT)
_ALL = record(learning=TEXT, bound=WHOLE, revision=WHOLE, bindings=listed(_ROW))
_AT = "/api/learn/{number}"


def routes(desk: Desk) -> list[Route]:
    """The table."""

    async def bindings(_: Call) -> Any:
        return await outcome(learn.bindings(desk))

    async def begin(call: Call) -> Any:
        return await outcome(learn.begin(desk, call.body["path"]))

    async def cancel(_: Call) -> Any:
        return await outcome(learn.cancel(desk))

    async def change(call: Call) -> Any:
        return await outcome(learn.change(desk, await _number(desk, call), call.body))

    async def forget(call: Call) -> Any:
        await outcome(learn.forget(desk, await _number(desk, call)))
        return await outcome(learn.bindings(desk))

    return [
        Route("GET", "/api/learn", "bindings", "Which knob sets what, and which control waits for a knob.", bindings,
              gives=_ALL),
        Route("POST", "/api/learn", "learn", "The knob that moves next sets this control, or does this action.", begin,
              takes=record(path=TEXT), gives=_STATUS, refuses=(422,)),
        Route("DELETE", "/api/learn", "learn-no-more", "Wait for no knob.", cancel, gives=_STATUS),
        Route("PUT", _AT, "change-binding", "Change keys of a bound knob, as [[learn]] has them.", change,
              takes=some(), gives=_ROW, refuses=(404, 422)),
        Route("DELETE", _AT, "forget-binding", "A knob is bound no more.", forget, gives=_ALL,
              refuses=(404, 422)),
    ]  # fmt: skip


async def _number(desk: Desk, call: Call) -> int:
    """Of a row that is there."""
    text = call.path["number"]
    bound = (await outcome(learn.bindings(desk)))["bound"]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if not 1 <= number <= bound:
        raise Refusal(404, f"there is no bound knob {text!r}: GET /api/learn lists them", {"number": text})
    return number
