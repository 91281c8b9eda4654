"""The preset editor, with the daemon that it is made for: read, changed, checked, saved, compared and played."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from needs import needs

needs("playwright", "uvicorn", "starlette", "websockets", "tomlkit")
from playwright.sync_api import expect  # noqa: E402
from served import Served, served, served_at_home  # noqa: E402
from stage import wait_for  # noqa: E402

from ripieno.daemon import presets  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

MINE = """\
name = "Mine"
model = "closest" # no network

[[ensemble]]
name = "Cello"
program = "Cello"
range = ["C2", "A5"]
color = "#d1495b"

[[ensemble]]
name = "Flute"
program = "Flute"
"""


@pytest.fixture(scope="module")
def quartet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_at_home(tmp_path_factory.mktemp("edited"), "string-quartet") as one:
        yield one


@pytest.fixture
def mine(quartet: Served) -> Iterator[Path]:
    path = presets.user_folder() / "mine.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(MINE)
    yield path
    for one in path.parent.glob("*.toml"):
        one.unlink()


@pytest.fixture
def editor(quartet: Served, mine: Path, visit) -> "Page":  # type: ignore[no-untyped-def]
    """With Mine open."""
    return opened(visit(1600, 1000, url=f"{quartet.url}/"))


def opened(page: "Page", title: str = "Mine") -> "Page":
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("tab", name="Presets").click()
    page.locator("button.preset", has=page.get_by_text(title, exact=True)).click()
    expect(page.locator(".says")).to_have_text("No mistakes")
    return page


def area(page: "Page") -> "Locator":
    return page.get_by_role("textbox", name="The preset as text")


def instrument(page: "Page", name: str) -> "Locator":
    """Its fields, opened."""
    one = page.locator("details", has=page.locator("summary b", has_text=name))
    if one.get_attribute("open") is None:
        one.locator("summary").click()
    return one


def test_all_presets_are_there(quartet: Served, mine: Path, visit) -> None:  # type: ignore[no-untyped-def]
    page = visit(url=f"{quartet.url}/")
    page.get_by_role("tab", name="Presets").click()
    expect(page.locator("button.preset")).to_have_count(len(presets.available()))
    expect(page.locator("[playing] .name")).to_have_text("String quartet")
    expect(page.locator("li", has_text="Mine").locator(".badges")).to_contain_text("Yours")


def test_a_field_changes_the_text_and_is_saved(editor: "Page", mine: Path) -> None:
    expect(area(editor)).to_have_value(MINE)
    expect(editor.get_by_role("button", name="Save", exact=True)).to_have_attribute("aria-disabled", "true")
    cello = instrument(editor, "Cello")
    cello.get_by_role("textbox", name="Range", exact=True).fill("D2, C6")
    cello.get_by_role("switch", name="Divides").click()
    cello.get_by_role("combobox", name="Pedal", exact=True).select_option("lengthen")
    wanted = MINE.replace('["C2", "A5"]', '["D2", "C6"]')
    wanted = wanted.replace('color = "#d1495b"\n', 'color = "#d1495b"\ndivides = true\npedal = "lengthen"\n')
    expect(area(editor)).to_have_value(wanted)
    expect(editor.get_by_text("Unsaved changes")).to_be_visible()
    editor.get_by_role("button", name="Save", exact=True).click()
    expect(editor.locator(".says")).to_contain_text("is saved in")
    assert mine.read_text() == wanted


def test_back_to_the_default(editor: "Page") -> None:
    cello = instrument(editor, "Cello")
    cello.get_by_role("button", name="Range: back to the default").click()
    expect(area(editor)).to_have_value(MINE.replace('range = ["C2", "A5"]\n', ""))
    expect(cello.get_by_role("textbox", name="Range", exact=True)).to_have_value("")


def test_a_mistake_stands_at_its_field(editor: "Page") -> None:
    cello = instrument(editor, "Cello")
    field = cello.get_by_role("textbox", name="Level", exact=True)
    field.fill("200")
    expect(field).to_have_attribute("aria-invalid", "true")
    described = field.get_attribute("aria-describedby") or ""
    expect(editor.locator(f"#{described.split()[0]}")).to_have_text("200 is not from 0 to 127")
    expect(editor.locator(".numbers .wrong")).to_have_text("9\n")
    expect(editor.get_by_role("button", name="Save", exact=True)).to_have_attribute("aria-disabled", "true")
    editor.get_by_role("button", name="Line 9, Cello, level").click()
    expect(field).to_be_focused()
    field.fill("90")
    expect(field).to_have_attribute("aria-invalid", "false")
    expect(editor.locator(".says")).to_have_text("No mistakes")


def test_text_that_is_typed_fills_the_form(editor: "Page") -> None:
    area(editor).fill(MINE.replace('"Mine"', '"Mine too"') + 'levle = 3\n[singing]\nmode = "double"\n')
    expect(editor.get_by_role("heading", name="Mine too")).to_be_visible()
    expect(editor.get_by_role("button", name="Leave out: Voice")).to_be_visible()
    wrong = editor.get_by_role("button", name="Line 13, Flute, levle: there is no such key")
    wrong.click()
    expect(area(editor)).to_be_focused()
    area(editor).fill("name = ")
    expect(editor.locator(".broken")).to_contain_text("mend it there")
    expect(editor.locator(".mistake")).to_contain_text("this is no TOML")
    area(editor).fill(MINE)
    expect(editor.locator(".broken")).to_be_empty()


def test_instruments_come_go_and_move(editor: "Page") -> None:
    names = editor.locator("summary b")
    instrument(editor, "Cello").get_by_role("button", name="Move down").click()
    expect(names).to_have_text(["Flute", "Cello"])
    editor.get_by_role("button", name="Add an instrument").click()
    expect(names).to_have_text(["Flute", "Cello", "instrument 3"])
    expect(editor.locator(".mistake")).to_have_count(2)  # its name and its program
    new = instrument(editor, "instrument 3")
    new.get_by_role("textbox", name="Name *", exact=True).fill("Oboe")
    new.get_by_role("combobox", name="Program *", exact=True).fill("Oboe")
    expect(editor.locator(".says")).to_have_text("No mistakes")
    instrument(editor, "Flute").get_by_role("button", name="Remove this instrument").click()
    expect(names).to_have_text(["Cello", "Oboe"])


def test_a_voice_is_added_and_left_out(editor: "Page") -> None:
    editor.get_by_role("button", name="Add: Voice").click()
    editor.get_by_role("combobox", name="Mode", exact=True).select_option("harmony")
    expect(area(editor)).to_have_value(MINE + '\n[singing]\nmode = "harmony"\n')
    editor.get_by_role("button", name="Leave out: Voice").click()
    expect(editor.get_by_role("button", name="Add: Voice")).to_be_focused()


def test_what_is_not_saved_is_not_lost(editor: "Page", mine: Path) -> None:
    area(editor).fill(MINE.replace("closest", "zone"))
    expect(editor.get_by_text("Unsaved changes")).to_be_visible()
    editor.reload()
    editor.wait_for_selector("rp-tile")
    editor.get_by_role("tab", name="Presets").click()
    expect(area(editor)).to_have_value(MINE.replace("closest", "zone"))
    editor.get_by_role("button", name="All presets").click()
    expect(editor.locator("li", has_text="Mine")).to_contain_text("Unsaved changes")
    editor.locator("button.preset", has_text="Mine").click()
    undo = editor.get_by_role("button", name="Discard changes")
    undo.click()
    editor.get_by_role("button", name="Really discard them").click()
    expect(area(editor)).to_have_value(MINE)
    assert mine.read_text() == MINE


def test_a_daemon_that_was_started_anew_finds_it_as_it_was(tmp_path: Path, mine: Path, visit) -> None:  # type: ignore[no-untyped-def]
    with served(tmp_path, "thru") as one:
        page = opened(visit(1600, 1000, url=f"{one.url}/", waits="rp-roll"))
        port = one.port
        area(page).fill(MINE.replace("closest", "zone"))
    expect(page.locator("rp-connection")).to_have_text("No connection")
    area(page).fill(MINE.replace("closest", "zone") + "level = 90\n")
    page.get_by_role("button", name="Save", exact=True).click()
    assert mine.read_text() == MINE
    with served(tmp_path, "thru", "--ui-port", port):
        expect(page.locator("rp-connection")).to_have_text("Connected")
        expect(page.locator(".says")).to_have_text("No mistakes")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator(".says")).to_contain_text("is saved in")
    assert mine.read_text() == MINE.replace("closest", "zone") + "level = 90\n"


def test_nobody_elses_change_is_overwritten_unasked(editor: "Page", mine: Path) -> None:
    area(editor).fill(MINE.replace("closest", "zone"))
    theirs = MINE + "level = 3\n"
    mine.write_text(theirs)
    editor.get_by_role("button", name="Save", exact=True).click()
    expect(editor.locator(".asks")).to_contain_text("somebody else has changed it")
    assert mine.read_text() == theirs
    editor.get_by_role("button", name="Overwrite it").click()
    expect(editor.locator(".says")).to_contain_text("is saved in")
    assert mine.read_text() == MINE.replace("closest", "zone")


def test_one_of_ours_becomes_the_users(quartet: Served, mine: Path, visit) -> None:  # type: ignore[no-untyped-def]
    page = opened(visit(url=f"{quartet.url}/"), "Choir")
    expect(page.locator(".bar")).to_contain_text("saving makes it yours")
    page.get_by_role("combobox", name="Overflow").select_option("steal")
    page.keyboard.press("Control+s")
    expect(page.locator(".says")).to_contain_text("is saved in")
    expect(page.locator(".bar")).to_contain_text("Yours, instead of Ripieno's")
    text = (mine.parent / "choir.toml").read_text()
    assert 'overflow = "steal"' in text
    assert "# Voices speak slowly" in text


def test_save_as_and_delete(editor: "Page", mine: Path) -> None:
    editor.get_by_role("button", name="Save as").click()
    name = editor.get_by_role("textbox", name="Name of the copy")
    name.fill("Choir")
    name.press("Enter")
    expect(editor.get_by_role("alert").filter(has_text="already")).to_be_visible()
    name.fill("Mine for Sunday")
    name.press("Enter")
    expect(editor.get_by_role("heading", name="Mine for Sunday")).to_be_visible()
    assert (mine.parent / "mine-for-sunday.toml").read_text() == MINE.replace('"Mine"', '"Mine for Sunday"')
    editor.get_by_role("button", name="Delete", exact=True).click()
    editor.get_by_role("button", name="Really delete it").click()
    expect(editor.locator("button.preset", has_text="Sunday")).to_have_count(0)
    wait_for(lambda: not (mine.parent / "mine-for-sunday.toml").exists(), "its file is gone")


def test_two_are_compared(editor: "Page", mine: Path) -> None:
    (mine.parent / "other.toml").write_text(MINE.replace("Mine", "Other").replace("closest", "zone"))
    editor.get_by_role("button", name="All presets").click()
    editor.locator("button.preset", has_text="Mine").click()
    editor.get_by_role("button", name="Compare").click()
    editor.get_by_role("combobox", name="With").select_option("other")
    rows = editor.locator("rp-compare tbody tr:visible")
    expect(rows).to_have_text(['Name, differs"Mine""Other"', 'Model, differs"closest""zone"'])
    editor.get_by_role("checkbox", name="Only what differs").uncheck()
    expect(editor.locator("rp-compare [data-same='true']").first).to_be_visible()
    editor.keyboard.press("Escape")
    expect(editor.locator("rp-compare")).to_have_count(0)


def test_it_is_saved_and_played(editor: "Page", mine: Path) -> None:
    instrument(editor, "Cello").get_by_role("textbox", name="Level", exact=True).fill("64")
    expect(area(editor)).to_have_value(MINE.replace('color = "#d1495b"\n', 'color = "#d1495b"\nlevel = 64\n'))
    editor.get_by_role("button", name="Save and play").click()
    expect(editor.locator("#song")).to_have_text("Mine")
    expect(area(editor)).to_be_visible()  # the song is another, and the editor stays
    assert "level = 64" in mine.read_text()
    editor.get_by_role("tab", name="Stage").click()
    expect(editor.locator("rp-tile")).to_have_count(2)
    expect(editor.get_by_role("slider", name="Cello: level", exact=True)).to_have_attribute("aria-valuenow", "64")


@pytest.mark.parametrize("size", [(1600, 1000), (390, 844)])
def test_axe_finds_nothing(quartet: Served, mine: Path, visit, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    needs("axe_playwright_python")
    from axe_playwright_python.sync_playwright import Axe

    page = visit(*size, url=f"{quartet.url}/")
    page.get_by_role("tab", name="Presets").click()
    expect(page.locator("button.preset").first).to_be_visible()
    found = Axe().run(page).response["violations"]
    opened(page)
    instrument(page, "Cello").get_by_role("textbox", name="Level", exact=True).fill("200")
    expect(page.locator(".mistake")).to_have_count(1)
    page.get_by_role("button", name="Save as").click()
    found += Axe().run(page).response["violations"]
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("rp-compare tbody tr").first).to_be_attached()
    found += Axe().run(page).response["violations"]
    if size[0] < 1000:
        page.get_by_text("Text (TOML)").click()
        expect(area(page)).to_be_visible()
        found += Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_by_keyboard_alone(quartet: Served, mine: Path, visit) -> None:  # type: ignore[no-untyped-def]
    page = visit(1600, 1000, url=f"{quartet.url}/")
    page.get_by_role("tab", name="Stage").focus()
    while page.evaluate("document.activeElement.id") != "tab-presets":
        page.keyboard.press("ArrowRight")
    expect(page.locator("button.preset").first).to_be_visible()
    reach(page, "Mine")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Mine", level=2)).to_be_focused()
    reach(page, "Cello")
    page.keyboard.press("Enter")
    reach(page, "Level")
    page.keyboard.press("ArrowDown")
    expect(area(page)).to_have_value(MINE.replace('color = "#d1495b"\n', 'color = "#d1495b"\nlevel = 99\n'))
    page.keyboard.press("Control+s")
    expect(page.locator(".says")).to_contain_text("is saved in")


def reach(page: "Page", words: str) -> None:
    """Press Tab until what is focused is called so."""
    for _ in range(120):
        page.keyboard.press("Tab")
        told = page.evaluate(
            "(one => (one.labels?.[0]?.textContent ?? one.querySelector?.('.name, b')?.textContent ?? one.textContent))"
            "(document.activeElement)"
        )
        if told.strip() == words:
            return
    raise AssertionError(f"{words} is never reached")
