"""For everybody: by keyboard alone, by a screen reader, with less motion."""

from typing import TYPE_CHECKING, Any

import pytest

from needs import needs

needs("playwright")
from playwright.sync_api import expect  # noqa: E402

if TYPE_CHECKING:
    from page_server import Daemon
    from playwright.sync_api import Page

TABS = ("Stage", "Band", "Voice", "Clock", "Sound", "Set-up")


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_axe_finds_nothing(daemon: "Daemon", visit, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    needs("axe_playwright_python")
    from axe_playwright_python.sync_playwright import Axe

    page = visit(*size)
    daemon.status["players"][0] |= {"notes": ["C4"], "peak_db": -9.0}
    daemon.values["players/oboe/on"] = False
    daemon.change("players/oboe/on", False)
    daemon.show(chord="C", key="C major", late=2)
    daemon.tell(news=["the hall does not answer"])
    expect(page.locator("rp-news")).to_contain_text("the hall does not answer")
    found: list[Any] = []
    for name in TABS:
        page.get_by_role("tab", name=name).click()
        found += [(name, one["id"], one["nodes"][0]["html"]) for one in Axe().run(page).response["violations"]]
    assert not found


def test_axe_finds_nothing_without_a_line(daemon: "Daemon", page: "Page") -> None:
    needs("axe_playwright_python")
    from axe_playwright_python.sync_playwright import Axe

    daemon.end()
    expect(page.locator("rp-connection")).to_have_text("No connection")
    page.get_by_role("button", name="PANIC").click()
    expect(page.locator("rp-panic .said")).to_contain_text("NOT HEARD")
    assert not Axe().run(page).response["violations"]


def test_axe_finds_nothing_in_the_set_list(daemon: "Daemon", page: "Page") -> None:
    needs("axe_playwright_python")
    from axe_playwright_python.sync_playwright import Axe

    page.locator("rp-songs .now").click()
    expect(page.get_by_role("dialog", name="Set list")).to_be_visible()
    assert not Axe().run(page).response["violations"]


def reached(page: "Page") -> list[str]:
    """What Tab reaches, from the page's beginning until it comes round."""
    page.evaluate("document.querySelector('.skip').focus()")
    found: list[str] = []
    for _ in range(200):
        page.keyboard.press("Tab")
        told = page.evaluate(
            "(({tagName, id, dataset, ariaLabel, textContent}) => tagName === 'BODY' || id === '' && tagName === 'A' "
            "? '' : [tagName, id, dataset.path, ariaLabel, textContent.slice(0, 40)].join())(document.activeElement)"
        )
        if not told:
            break
        found.append(told)
    return found


def test_all_is_reached_by_keyboard(daemon: "Daemon", page: "Page") -> None:
    for number in range(page.get_by_role("tab").count()):
        if number:
            page.locator('[role="tab"][aria-selected="true"]').focus()
            page.keyboard.press("ArrowRight")
        stops = " ".join(reached(page))
        wanted = page.evaluate(
            "[...document.querySelectorAll('[data-path]')].filter((one) => one.checkVisibility() && "
            "one.getAttribute('role') !== 'radiogroup').map((one) => one.dataset.path)"
        )
        assert [path for path in wanted if path not in stops] == []
        assert ",panic," in stops
        assert "Next song" in stops


def test_radio_is_reached_and_moved(daemon: "Daemon", page: "Page") -> None:
    page.get_by_role("tab", name="Band").click()
    page.get_by_role("radio", name="yield").focus()
    page.keyboard.press("ArrowRight")
    daemon.wait(lambda: daemon.values["band/while_playing"] == "comp")


def test_tabs_by_keyboard(page: "Page") -> None:
    page.get_by_role("tab", name="Stage").focus()
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Set-up")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Set-up")).to_be_visible()
    page.keyboard.press("Home")
    expect(page.locator("#stage")).to_be_visible()


def test_panic_key_while_a_choice_has_the_focus(daemon: "Daemon", page: "Page") -> None:
    """It is only typed into what takes letters."""
    page.get_by_role("tab", name="Band").click()
    page.get_by_role("radio", name="yield").focus()
    page.keyboard.press("p")
    daemon.wait(lambda: daemon.done == [("panic", "socket")])


def test_letters_may_be_turned_off(daemon: "Daemon", page: "Page") -> None:
    page.get_by_role("tab", name="Set-up").click()
    page.get_by_role("switch", name="Letter keys").click()
    page.keyboard.press("n")
    page.reload()
    page.wait_for_selector("rp-tile")
    page.keyboard.press("n")
    page.get_by_role("button", name="PANIC").click()
    daemon.wait(lambda: daemon.done == [("panic", "socket")])


def test_a_letter_in_a_field_is_a_letter(daemon: "Daemon", page: "Page") -> None:
    page.get_by_role("tab", name="Band").click()
    page.get_by_role("textbox", name="Key").focus()
    page.keyboard.type("np1")
    assert not daemon.done


def test_nothing_glides_for_whom_motion_harms(visit) -> None:  # type: ignore[no-untyped-def]
    page = visit(reduced_motion="reduce")
    lasts = "getComputedStyle(document.querySelector('rp-tile .meter i')).transitionDuration"
    assert page.evaluate(lasts) == "0s"


_SMALL = """() => [...document.querySelectorAll("button, select, input, a, .knob, .fader, .lying, .choice label")]
  .filter((one) => one.checkVisibility() && !one.closest(".skip, .choice input"))
  .map((one) => [one.className, one.textContent.slice(0, 20), one.getBoundingClientRect()])
  .filter(([, , { width, height }]) => Math.min(width, height) < 44)"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (844, 390)])
def test_touch_has_room(daemon: "Daemon", visit, width: int, height: int) -> None:  # type: ignore[no-untyped-def]
    """Whatever is pressed is 44 pixels large at least, on a phone."""
    daemon.bindings = [{"number": 1, "control": "controller 74", "path": "clock/tempo"}]
    daemon.status["learn"] = {"learning": "", "bound": 1, "revision": 1}
    page = visit(width, height, has_touch=True)
    for name in TABS:
        page.get_by_role("tab", name=name).click()
        if name == "Set-up":
            page.get_by_role("button", name="Let go").wait_for()
        assert page.evaluate(_SMALL) == []
    page.locator("rp-songs .now").click()
    assert page.evaluate(_SMALL) == []
