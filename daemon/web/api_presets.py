"""The routes of the API that are about presets: those there are, and the editor's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ripieno.daemon import swap
from ripieno.daemon.errors import UserError
from ripieno.daemon.preset_document import PresetError
from ripieno.daemon.presets import user_folder
from ripieno.daemon.remote import editing, library
from ripieno.daemon.remote.desk import Desk
from ripieno.daemon.web.route import ANY, FLAG, TEXT, WHOLE, Call, Refusal, Route, Schema, listed, record, some
from ripieno.daemon.web.sockets import outcome

_ENTRY: Schema = record(name=TEXT, file=TEXT, own=FLAG, hides=FLAG, title=TEXT, description=TEXT, players=listed(TEXT),
                        error=TEXT)  # fmt: skip
_PRESETS = record(folder=TEXT, presets=listed(_ENTRY))
_WHOLE: Schema = record(**_ENTRY["properties"], text=TEXT, version=TEXT)
_PROBLEM = record(table=TEXT, row=WHOLE, key=TEXT, line=WHOLE, error=TEXT)
_LOOK: Schema = record(name=TEXT, document=some(), problems=listed(_PROBLEM))
_KEY = some(key=TEXT, help=TEXT, what=TEXT, type=TEXT, words=listed(TEXT), suggests=listed(TEXT), needed=FLAG,
            default=ANY)  # fmt: skip
_TABLE = record(table=TEXT, title=TEXT, one=TEXT, many=FLAG, keys=listed(_KEY))
_PAIR = some(table=TEXT, title=TEXT, name=TEXT, key=TEXT, same=FLAG)
_AT = "/api/presets/{name}"
_SAVED = (404, 409, 422)


def _maybe(needed: Schema, **others: Schema) -> Schema:
    """The same keys, and others that may be left out."""
    return {**needed, "properties": {**needed["properties"], **others}}


_SAVE = _maybe(record(text=TEXT), version=TEXT)
_EDIT = _maybe(record(text=TEXT, do={**TEXT, "enum": list(editing.DEEDS)}), table=TEXT, row=WHOLE, key=TEXT, value=ANY)


def routes(desk: Desk) -> list[Route]:
    """The table."""
    return [*_library(), _play(desk), *_editor()]


def _library() -> list[Route]:
    return [
        Route("GET", "/api/presets", "presets", "All presets that can be called by name.", _told(_all),
              gives=_PRESETS),
        Route("POST", "/api/presets", "new-preset", "Save a preset of one's own under a name that is new.",
              _told(lambda call: library.create(call.body["name"], _renamed(call.body["text"], call.body["name"]))),
              takes=record(name=TEXT, text=TEXT), gives=_ENTRY, refuses=(409, 422)),
        Route("GET", _AT, "preset", "The text of a preset.", _told(lambda call: _whole(call.path["name"])),
              gives=_WHOLE, refuses=(404, 422)),
        Route("PUT", _AT, "save-preset", "Save a preset of one's own; one that comes with Ripieno stays behind it. "
              "version: as it was read, so that nobody else's change is lost.", _told(_save), takes=_SAVE,
              gives=_WHOLE, refuses=_SAVED),
        Route("POST", _AT, "rename-preset", "Give a preset of one's own another name.", _told(_rename),
              takes=record(to=TEXT), gives=_ENTRY, refuses=_SAVED),
        Route("DELETE", _AT, "delete-preset", "Delete a preset of one's own.", _told(_delete), gives=_PRESETS,
              refuses=_SAVED),
    ]  # fmt: skip


def _editor() -> list[Route]:
    return [
        Route("GET", "/api/editor/keys", "preset-keys", "All keys that a preset may have, by their tables.",
              _told(lambda call: {"tables": editing.described()}), gives=record(tables=listed(_TABLE))),
        Route("POST", "/api/editor/check", "check-preset", "What stands in a preset's text, and what is wrong.",
              _told(lambda call: editing.look(call.body["text"])), takes=record(text=TEXT), gives=_LOOK),
        Route("POST", "/api/editor/change", "change-preset", "A preset's text with one thing changed, unsaved.",
              _told(_change), takes=_EDIT, gives=record(text=TEXT, **_LOOK["properties"]), refuses=(422,)),
        Route("POST", "/api/editor/compare", "compare-presets", "Two presets' texts, key by key.",
              _told(lambda call: {"keys": editing.compare(call.body["one"], call.body["other"])}),
              takes=record(one=TEXT, other=TEXT), gives=record(keys=listed(_PAIR)), refuses=(422,)),
    ]  # fmt: skip


def _play(desk: Desk) -> Route:
    async def play(call: Call) -> Any:
        name = call.path["name"]
        preset = await _answered(lambda: library.checked(library.text_of(name), library.path_of(name)))
        try:
            told = await outcome(desk.call(lambda performance: swap.play(performance, preset)))
        except UserError as error:
            raise Refusal(409, str(error), {"name": name}) from None
        return {"name": name, "says": told}

    return Route("POST", f"{_AT}/play", "play-preset", "Play a preset as it is saved, in the place of the song that it "
                 "is, or else of the one that plays.", play, gives=record(name=TEXT, says=TEXT),
                 refuses=_SAVED)  # fmt: skip


# ---- what they do ----


def _told(answer: Callable[[Call], Any]) -> Callable[[Call], Awaitable[Any]]:
    """What reads or writes files does so beside the server's loop."""

    async def told(call: Call) -> Any:
        found = await _answered(lambda: answer(call))
        return found.told() if isinstance(found, library.Entry) else found

    return told


async def _answered(act: Callable[[], Any]) -> Any:
    """What comes of it; its errors are refusals that say where they are."""
    try:
        return await asyncio.to_thread(act)
    except PresetError as error:
        problems = [editing.told(one) for one in error.problems]
        first = problems[0]
        text = "\n".join(
            f"line {one.line or 1}: {f'{one.key}: ' if one.key else ''}{one.message}" for one in error.problems
        )
        raise Refusal(422, text, {**first, "problems": problems}) from None
    except library.Missing as error:
        raise Refusal(404, str(error)) from None
    except library.Taken as error:
        raise Refusal(409, str(error)) from None


def _all(_: Call) -> Any:
    return {"folder": str(user_folder()), "presets": [one.told() for one in library.entries()]}


def _whole(name: str) -> Any:
    text = library.text_of(name)
    return {**library.entry(name).told(), "text": text, "version": library.version(text)}


def _save(call: Call) -> Any:
    library.save(call.path["name"], call.body["text"], call.body.get("version", ""))
    return _whole(call.path["name"])


def _rename(call: Call) -> Any:
    name, title = call.path["name"], call.body["to"]
    return library.rename(name, title, _renamed(library.text_of(name), title))


def _renamed(text: str, title: str) -> str:
    return editing.change(text, editing.Edit(editing.SET, key="name", value=title))


def _delete(call: Call) -> Any:
    library.delete(call.path["name"])
    return _all(call)


def _change(call: Call) -> Any:
    body = dict(call.body)
    text = editing.change(body.pop("text"), editing.Edit(**body))
    return {"text": text, **editing.look(text)}
