"""The page and the real daemon: what it shows, sets and hears, and a daemon that is started anew."""

from pathlib import Path

import httpx
import mido

from needs import needs

needs("playwright", "uvicorn", "starlette", "websockets")
from page_until import until  # noqa: E402
from playwright.sync_api import expect  # noqa: E402
from served import served, write_song  # noqa: E402

_BEAT = 960  # ticks


def _chords() -> list[mido.Message]:
    """C major on each beat, for longer than a browser takes to begin."""
    chord = (48, 55, 64, 72)
    messages = []
    for _ in range(7200):
        for kind in ("note_on", "note_off"):
            wait = _BEAT // 2
            messages += [mido.Message(kind, note=note, time=wait * (note == chord[0])) for note in chord]
    return messages


def test_the_quartet_plays_on_the_page(tmp_path: Path, visit) -> None:  # type: ignore[no-untyped-def]
    song = write_song(tmp_path / "song.mid", _chords())
    with served(tmp_path, "string-quartet", song=song) as one:
        page = visit(url=f"{one.url}/")
        expect(page.locator("rp-tile")).to_have_count(4)
        expect(page.locator("#song")).to_have_text("String quartet")
        until(page, "document.querySelector('rp-roll').drawn >= 16")
        expect(page.locator("rp-heard .chord .big")).to_have_text("C")
        viola = page.get_by_role("switch", name="Viola", exact=True)
        viola.click()
        expect(viola).to_have_attribute("aria-checked", "false")
        told = httpx.get(f"{one.url}/api/controls/players/viola/on", headers=one.headers).json()
        assert told["value"] is False
        page.get_by_role("button", name="PANIC").click()
        expect(page.locator("rp-panic .said")).to_have_text("Silenced")


def test_it_finds_a_daemon_that_was_started_anew(tmp_path: Path, visit) -> None:  # type: ignore[no-untyped-def]
    with served(tmp_path, "string-quartet") as one:
        page = visit(url=f"{one.url}/")
        expect(page.locator("rp-connection")).to_have_text("Connected")
        port = one.port
    expect(page.locator("rp-connection")).to_have_text("No connection")
    with served(tmp_path, "string-quartet", "--ui-port", port):
        expect(page.locator("rp-connection")).to_have_text("Connected")
        page.get_by_role("switch", name="Cello", exact=True).click()
        expect(page.get_by_role("switch", name="Cello", exact=True)).to_have_attribute("aria-checked", "false")
