"""What a performer sees and touches on the stage: instruments, what is heard, the set list."""

from typing import TYPE_CHECKING

import pytest

from needs import needs

needs("playwright")
from page_until import load_stopped, until  # noqa: E402
from playwright.sync_api import expect  # noqa: E402

if TYPE_CHECKING:
    from page_server import Daemon
    from playwright.sync_api import Page

FLUTE = 'rp-tile .face[data-path="players/flute/on"]'


def test_instrument_is_turned_off_and_on(daemon: "Daemon", page: "Page") -> None:
    tile = page.locator(FLUTE)
    expect(tile).to_have_attribute("aria-checked", "true")
    tile.click()
    daemon.wait(lambda: daemon.values["players/flute/on"] is False)
    expect(tile).to_have_attribute("aria-checked", "false")
    page.keyboard.press("1")  # as in the terminal
    daemon.wait(lambda: daemon.values["players/flute/on"] is True)
    expect(tile).to_have_attribute("aria-checked", "true")


def test_touch_turns_an_instrument(daemon: "Daemon", visit) -> None:  # type: ignore[no-untyped-def]
    page = visit(390, 844, has_touch=True, is_mobile=True)
    page.locator(FLUTE).tap()
    daemon.wait(lambda: daemon.values["players/flute/on"] is False)
    expect(page.locator(FLUTE)).to_have_attribute("aria-checked", "false")


def test_others_are_seen(daemon: "Daemon", page: "Page") -> None:
    """What a knob or another program changes."""
    daemon.change("players/oboe/on", False, "osc:127.0.0.1:9000")
    expect(page.get_by_role("switch", name="Oboe", exact=True)).to_have_attribute("aria-checked", "false")
    daemon.change("players/oboe/level", 64)
    expect(page.get_by_role("slider", name="Oboe: level")).to_have_attribute("aria-valuenow", "64")


def test_level_is_dragged(daemon: "Daemon", page: "Page") -> None:
    slider = page.get_by_role("slider", name="Violin: level")
    box = slider.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 200, box["y"] + box["height"] / 2, steps=20)
    page.mouse.up()
    daemon.wait(lambda: daemon.values["players/violin/level"] == 0)
    levels = [value for path, value, _ in daemon.sets if path == "players/violin/level"]
    assert levels == sorted(levels, reverse=True)  # it went down, and never sprang back
    expect(slider).to_have_attribute("aria-valuenow", "0")


def test_two_pages_agree(daemon: "Daemon", visit) -> None:  # type: ignore[no-untyped-def]
    one, other = visit(), visit(390, 844)
    one.locator(FLUTE).click()
    expect(other.locator(FLUTE)).to_have_attribute("aria-checked", "false")
    other.get_by_role("slider", name="Bass: level").focus()
    other.keyboard.press("Home")
    expect(one.get_by_role("slider", name="Bass: level")).to_have_attribute("aria-valuenow", "0")
    assert len({origin for _, _, origin in daemon.sets}) == 2


def test_what_sounds_is_shown(daemon: "Daemon", page: "Page") -> None:
    players = daemon.status["players"]
    players[4] |= {"notes": ["Eb4", "G4"], "peak_db": -6.0}
    daemon.show(chord="Ebmaj7/Bb", key="F# minor", load=0.5, late=3, xruns=1)
    tile = page.locator("rp-tile").nth(4)
    expect(tile.locator(".sounds")).to_have_text("E♭4 G4")
    expect(tile.get_by_role("meter")).to_have_attribute("aria-valuenow", "-6")
    expect(page.locator("rp-heard .chord .big")).to_have_text("E♭maj7/B♭")
    expect(page.locator("rp-heard .key .big")).to_have_text("F♯ minor")
    expect(page.locator("rp-heard .tempo .big")).to_have_text("120.0")
    expect(page.get_by_role("meter", name="Load")).to_have_attribute("aria-valuenow", "50")
    expect(page.locator("rp-health .late .figure")).to_have_text("3")
    expect(page.locator("rp-health .xruns .figure")).to_have_text("1")


def test_meter_of_notes_where_no_sound_is_measured(daemon: "Daemon", page: "Page") -> None:
    """Of an instrument whose synthesiser is elsewhere; it falls by itself."""
    for player in daemon.status["players"]:
        del player["peak_db"]
    load_stopped(page, "document.querySelectorAll('rp-tile').length === 8")
    meter = page.locator("rp-tile").nth(2).get_by_role("meter", name="Clarinet: strength")
    expect(meter).to_have_attribute("aria-valuetext", "silent")
    clarinet = daemon.status["players"][2]
    clarinet["notes"] = ["C4"]
    daemon.tell(notes=[["on", daemon.frame, 2, 60, 100, 1, False, -1]], status=daemon.status)
    until(page, "document.querySelector('rp-roll').notes.sounding[5] === 1")
    page.clock.run_for(100)
    assert 50 < int(str(meter.get_attribute("aria-valuenow"))) <= 100
    page.clock.run_for(10_000)
    clarinet["notes"] = []
    daemon.tell(notes=[["off", daemon.frame, 2, 60, 0, 1, False, -1]], status=daemon.status)
    until(page, "document.querySelector('rp-roll').notes.sounding[5] === 0")
    page.clock.run_for(100)
    expect(meter).to_have_attribute("aria-valuetext", "silent")


def test_beat_goes_on_between_two_words_of_the_clock(daemon: "Daemon", page: "Page") -> None:
    daemon.show(clock=daemon.status["clock"] | {"position": 6.0, "bpm": 300.0})
    lit = "[...document.querySelectorAll('rp-heard .beats i')].findIndex((one) => one.hasAttribute('now'))"
    for beat in (2, 3, 0, 1):
        until(page, f"{lit} === {beat}")
    daemon.show(clock=daemon.status["clock"] | {"rolling": False})
    until(page, f"{lit} === -1")


def test_tempo_is_tapped(daemon: "Daemon", page: "Page") -> None:
    page.get_by_role("button", name="Tap the tempo").click()
    page.keyboard.press("t")
    daemon.wait(lambda: daemon.done == [("clock/tap", "socket")] * 2)


def test_set_list(daemon: "Daemon", page: "Page") -> None:
    expect(page.locator("rp-songs .here")).to_contain_text("1 / 3 Nocturne")
    expect(page.locator("rp-songs .near")).to_have_text("next: Waltz")
    page.get_by_role("button", name="Next song").click()
    page.get_by_role("button", name="Previous song").click()
    page.keyboard.press("n")
    daemon.wait(lambda: [path for path, _ in daemon.done] == ["next", "previous", "next"])
    songs = {**daemon.status["songs"], "number": 2, "title": "Waltz", "next": {"title": "Finale", "state": "waiting"}}
    daemon.show(songs=songs)
    expect(page.locator("#song")).to_have_text("Waltz")
    expect(page.locator("rp-songs .near")).to_have_text("next: Finale · not ready yet")
    expect(page).to_have_title("Waltz · Ripieno")


def test_any_song_is_one_touch_away(daemon: "Daemon", visit) -> None:  # type: ignore[no-untyped-def]
    page = visit(390, 844, has_touch=True)
    page.locator("rp-songs .now").tap()
    sheet = page.get_by_role("dialog", name="Set list")
    expect(sheet.locator("[aria-current=true]")).to_contain_text("Nocturne")
    expect(sheet.locator("[aria-current=true]")).to_be_focused()
    sheet.get_by_role("button", name="Finale").tap()
    daemon.wait(lambda: daemon.values["song"] == 3)
    expect(sheet).to_be_hidden()


def test_song_by_keyboard(daemon: "Daemon", page: "Page") -> None:
    page.locator("rp-songs .now").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="1 Nocturne plays")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    daemon.wait(lambda: daemon.values["song"] == 2)
    page.keyboard.press("Enter")  # the focus is back where it was
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("rp-songs .now")).to_be_focused()


@pytest.mark.parametrize("press", ["p", "P"])
def test_panic_is_there_above_the_set_list(daemon: "Daemon", page: "Page", press: str) -> None:
    """By mouse, and by its key, with Caps Lock or without."""
    listed = [{"title": f"Song {number}", "state": "ready"} for number in range(1, 41)]
    daemon.show(songs={**daemon.status["songs"], "of": 40, "list": listed})
    page.locator("rp-songs .now").click()
    expect(page.get_by_role("button", name="40 Song 40")).to_be_visible()
    page.keyboard.press(press)
    daemon.wait(lambda: daemon.done == [("panic", "socket")])
    page.get_by_role("button", name="PANIC").click()
    daemon.wait(lambda: daemon.done == [("panic", "socket")] * 2)


def test_song_that_cannot_play_says_so(daemon: "Daemon", page: "Page") -> None:
    daemon.nodes[0]["high"] = 2  # the third one is refused
    songs = daemon.status["songs"]
    songs["list"][2]["state"] = "failed"
    daemon.show(songs=songs)
    page.locator("rp-songs .now").click()
    page.get_by_role("button", name="3 Finale cannot play").click()
    expect(page.locator("rp-news")).to_contain_text("song: 3 is not from 1 to 2")


def test_news_are_told_once(daemon: "Daemon", page: "Page") -> None:
    log = page.get_by_role("log", name="News")
    daemon.tell(news=["the hall does not answer"])
    daemon.tell(news=["the hall plays again"])
    expect(log.locator("p")).to_have_count(2)
    expect(log.locator("p").first).to_contain_text("the hall plays again")
    for _ in range(2):
        daemon.tell(news=["the hall plays again"])
    expect(log.locator("p").first).to_contain_text("the hall plays again \N{MULTIPLICATION SIGN}3")
    expect(log.locator("p")).to_have_count(2)


def test_voice_has_a_tile(daemon: "Daemon", visit) -> None:  # type: ignore[no-untyped-def]
    daemon.nodes.append({"path": "voice/on", "title": "on", "help": "", "type": "flag", "what": ""})
    daemon.values["voice/on"] = True
    daemon.status["voice"] = {"sings": "Bb4", "level_db": -12.0}
    page = visit()
    expect(page.locator("rp-tile").last.locator(".sounds")).to_have_text("B♭4")
    page.get_by_role("switch", name="Voice", exact=True).click()
    daemon.wait(lambda: daemon.values["voice/on"] is False)


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1024, 768), (390, 844), (844, 390)])
def test_nothing_is_cut_off(visit, width: int, height: int) -> None:  # type: ignore[no-untyped-def]
    """No window has to be scrolled sideways, and PANIC is large and in sight."""
    page = visit(width, height)
    size = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert size == [width, height]
    box = page.get_by_role("button", name="PANIC").bounding_box()
    assert box
    assert box["width"] >= 88
    assert box["height"] >= 44
    assert 0 <= box["x"] <= width - box["width"]
    assert 0 <= box["y"] <= height - box["height"]


NAMES = ("Violoncello da spalla, con sordino e molto vibrato", "كمان", "🎻🎻🎻", "X", "Straße/Gasse <b>", "אורגן")


def company(daemon: "Daemon", count: int) -> None:
    """So many instruments, with names of every kind."""
    rest = [node for node in daemon.nodes if not node["path"].startswith("players/")]
    names = [f"{NAMES[at % len(NAMES)]}{at}" for at in range(count)]
    told = {"title": "", "help": "", "what": ""}
    daemon.nodes = rest
    for at, name in enumerate(names):
        number = {"type": "number", "low": 0, "high": 127, "whole": True}
        daemon.nodes.append(told | {"path": f"players/i-{at}/on", "title": name, "type": "flag"})
        daemon.nodes.append(told | {"path": f"players/i-{at}/level", "title": f"{name}: level"} | number)
        daemon.values |= {f"players/i-{at}/on": True, f"players/i-{at}/level": 127}
    notes = [f"{name}{octave}" for octave in range(6) for name in ("C", "E", "G")]
    daemon.status["players"] = [
        {"name": name, "color": "", "enabled": True, "notes": notes, "played": 10**9, "level": 127, "peak_db": 30.0}
        for name in names
    ]


@pytest.mark.parametrize("count", [0, 16])
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (390, 844), (844, 390)])
def test_any_company_fits(daemon: "Daemon", visit, count: int, width: int, height: int) -> None:  # type: ignore[no-untyped-def]
    company(daemon, count)
    page = visit(width, height, waits="#tab-band")
    expect(page.locator("rp-tile")).to_have_count(count)
    size = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert size == [width, height]
    wide = (
        "[...document.querySelectorAll('rp-tile, rp-tile *')].every((one) => one.getBoundingClientRect().right <= %d)"
    )
    assert page.evaluate(wide % width)
    high = page.locator("rp-roll").bounding_box()
    assert high
    assert high["height"] >= 100
    expect(page.get_by_role("button", name="PANIC")).to_be_in_viewport(ratio=1)


_PLACES = """() => [...document.querySelectorAll(
  "header .box, #panic, nav button, rp-tile, rp-tile .face, rp-tile .lying, rp-songs button, rp-news")].map((one) => {
  const { x, y, width, height } = one.getBoundingClientRect();
  return [one.className || one.tagName, ...[x, y, width, height].map(Math.round)];
})"""


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1024, 768), (390, 844), (844, 390)])
def test_nothing_moves_when_values_do(daemon: "Daemon", visit, width: int, height: int) -> None:  # type: ignore[no-untyped-def]
    """What a finger is about to touch stays where it is."""
    daemon.status["chains"] = {"peak_db": -100.0, "plugins": []}
    page = visit(width, height)
    before = page.evaluate(_PLACES)
    for player in daemon.status["players"]:
        player |= {"notes": ["C#-1", "Eb4", "G9"] * 9, "peak_db": 12.0}
    clock = daemon.status["clock"] | {"bpm": 399.9}
    daemon.status["band"] = {"state": "listening", "tempo": 399.9}
    daemon.show(chord="F#maj7(#11)/A#", key="F# minor", clock=clock, load=9.99, load_max=9.99, late=123456789,
                xruns=99999, chains={"peak_db": 30.0, "plugins": []})  # fmt: skip
    daemon.change("players/oboe/on", False)
    expect(page.locator("rp-heard .chord .big")).to_have_text("F♯maj7(♯11)/A♯")
    expect(page.get_by_role("switch", name="Oboe", exact=True)).to_have_attribute("aria-checked", "false")
    assert page.evaluate(_PLACES) == before
    cut = "[...document.querySelectorAll('header .big, header .figure')].filter((one) => one.checkVisibility() && "
    cut += "one.getBoundingClientRect().right > one.closest('.box').getBoundingClientRect().right + 0.5)"
    assert page.evaluate(f"{cut}.map((one) => one.textContent)") == []


def test_band_is_handed_over_to(daemon: "Daemon", page: "Page") -> None:
    expect(page.locator("rp-quick")).to_contain_text("Band: listening")
    page.get_by_role("button", name="Hand over").click()
    daemon.wait(lambda: daemon.done == [("band/hand-over", "socket")])
