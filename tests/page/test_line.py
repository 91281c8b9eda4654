"""The line to the daemon: cut, back again, PANIC without it, and that nothing is lost or echoed."""

from typing import TYPE_CHECKING

import pytest

from needs import needs

needs("playwright", "uvicorn", "starlette")
from page_server import Daemon  # noqa: E402
from page_until import load_stopped, until  # noqa: E402
from playwright.sync_api import expect  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_daemon_is_started_anew(daemon: Daemon, page: "Page") -> None:
    """It has another token then, and all may be another."""
    daemon.end()
    expect(page.locator("rp-connection")).to_have_text("No connection")
    expect(page.locator("rp-tile .face").first).to_have_attribute("aria-disabled", "true")
    with Daemon(daemon.port, "another") as other:
        other.values["players/flute/on"] = False
        expect(page.locator("rp-connection")).to_have_text("Connected")
        expect(page.locator("rp-tile .face").first).to_have_attribute("aria-checked", "false")
        page.locator("rp-tile .face").first.click()
        other.wait(lambda: other.values["players/flute/on"] is True)


def test_nothing_is_set_without_a_line(daemon: Daemon, page: "Page") -> None:
    daemon.end()
    expect(page.locator("rp-connection")).to_have_text("No connection")
    tile = page.locator("rp-tile .face").first
    tile.click(force=True)
    expect(tile).to_have_attribute("aria-checked", "true")


def test_what_was_on_its_way_is_told_of(daemon: Daemon, page: "Page") -> None:
    daemon.deaf = True
    page.locator("rp-tile .face").first.click()
    daemon.end()
    with Daemon(daemon.port):
        expect(page.locator("rp-news")).to_contain_text("players/flute/on")
        expect(page.locator("rp-tile .face").first).to_have_attribute("aria-checked", "true")


def test_panic_by_the_line(daemon: Daemon, page: "Page") -> None:
    page.get_by_role("button", name="PANIC").click()
    expect(page.locator("rp-panic .said")).to_have_text("Silenced")
    assert daemon.done == [("panic", "socket")]


def test_panic_by_its_key(daemon: Daemon, page: "Page") -> None:
    page.keyboard.press("p")
    daemon.wait(lambda: daemon.done == [("panic", "socket")])


def test_panic_without_the_line(daemon: Daemon, page: "Page") -> None:
    """The socket does not answer: it is sent another way."""
    daemon.deaf = True
    page.get_by_role("button", name="PANIC").click()
    expect(page.locator("rp-panic .said")).to_have_text("Silenced")
    assert daemon.done == [("panic", "http")]


def test_panic_that_nobody_hears_says_so(daemon: Daemon, page: "Page") -> None:
    daemon.end()
    expect(page.locator("rp-connection")).to_have_text("No connection")
    page.get_by_role("button", name="PANIC").click()
    expect(page.get_by_role("alert")).to_contain_text(["NOT HEARD"])
    with Daemon(daemon.port, "another") as other:
        page.get_by_role("button", name="PANIC").click()
        expect(page.locator("rp-panic .said")).to_have_text("Silenced")
        assert [path for path, _ in other.done] == ["panic"]


def test_own_change_is_not_sent_back(daemon: Daemon, page: "Page") -> None:
    page.locator("rp-tile .face").first.click()
    daemon.wait(lambda: len(daemon.sets) == 1)
    daemon.change("players/flute/on", True, "ctl")
    expect(page.locator("rp-tile .face").first).to_have_attribute("aria-checked", "true")
    assert len(daemon.sets) == 1


def test_newest_change_holds(daemon: Daemon, page: "Page") -> None:
    """Changes that come late do not overrule newer ones."""
    daemon.revision += 2
    newest = daemon.change("players/horn/level", 33)
    daemon.tell(changes=[["players/horn/level", 99, "", newest - 1]], news=["told"])
    expect(page.locator("rp-news")).to_contain_text("told")
    expect(page.get_by_role("slider", name="Horn: level")).to_have_attribute("aria-valuenow", "33")


def test_a_drag_makes_no_queue(daemon: Daemon, page: "Page") -> None:
    """While the daemon does not answer, of all that a finger does only the last is kept."""
    daemon.deaf = True
    slider = page.get_by_role("slider", name="Cello: level")
    slider.focus()
    sent = "import('/page/live.js').then((live) => live.control('players/cello/level').shown.peek())"
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    until(page, "document.querySelector('[aria-label=\"Cello: level, as a number\"]').value !== '100'")
    assert page.evaluate(sent) < 100
    assert not daemon.sets


def test_another_song_has_other_controls(daemon: Daemon, page: "Page") -> None:
    daemon.nodes = [node for node in daemon.nodes if "horn" not in node["path"]]
    daemon.values = {path: value for path, value in daemon.values.items() if "horn" not in path}
    daemon.grown += 1
    daemon.tell()
    expect(page.locator("rp-tile")).to_have_count(7)


def test_tree_that_could_not_be_read_is_asked_for_again(daemon: Daemon, page: "Page") -> None:
    page.route("**/api/tree", lambda route: route.abort())
    daemon.nodes = [node for node in daemon.nodes if "horn" not in node["path"]]
    daemon.grown += 1
    daemon.tell()
    expect(page.locator("rp-news")).to_contain_text("the controls could not be read")
    page.unroute("**/api/tree")
    expect(page.locator("rp-tile")).to_have_count(7)


def test_line_that_says_nothing_is_cut(daemon: Daemon, page: "Page") -> None:
    """A phone that leaves the network is told nothing of it."""
    page.clock.install()
    page.reload()
    expect(page.locator("rp-connection")).to_have_text("Connected")
    daemon.deaf = True
    page.clock.fast_forward(12_000)
    expect(page.locator("rp-news")).to_contain_text("nothing was heard for some time")
    expect(page.locator("rp-news")).to_contain_text("connected again")
    daemon.wait(lambda: daemon.lines == 1)


def test_network_that_is_back_is_not_waited_for(daemon: Daemon, page: "Page") -> None:
    """The page's time stands still: its own timer never comes."""
    load_stopped(page, "document.querySelector('rp-connection').textContent === 'Connected'")
    daemon.end()
    until(page, "import('/page/live.js').then((live) => live.connection.peek() === 'lost')")
    with Daemon(daemon.port) as other:
        page.evaluate("dispatchEvent(new Event('online'))")
        other.wait(lambda: other.lines == 1)


_ABOVE = """() => {
  const alarm = document.querySelector("rp-alarm");
  alarm.style.pointerEvents = "auto"; // else what is below it is what is found there
  const { x, y, width, height } = alarm.getBoundingClientRect();
  return alarm.contains(document.elementFromPoint(x + width / 2, y + height / 2));
}"""


@pytest.mark.parametrize(("width", "height", "letters"), [(1280, 800, 80), (390, 844, 30)])
def test_it_is_said_in_large_letters(daemon: Daemon, visit, width: int, height: int, letters: int) -> None:  # type: ignore[no-untyped-def]
    """That nobody is there, whichever part is open; and that PANIC was not heard, until it was."""
    page = visit(width, height)
    alarm = page.locator("rp-alarm")
    expect(alarm).to_be_hidden()
    daemon.end()
    expect(alarm).to_contain_text("NO CONNECTION")
    assert page.evaluate(_ABOVE)
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('rp-alarm b')).fontSize)") >= letters
    page.get_by_role("tab", name="Band").click()
    expect(alarm).to_be_visible()
    page.get_by_role("button", name="PANIC").click()
    expect(alarm).to_contain_text("PANIC NOT HEARD")
    with Daemon(daemon.port):
        expect(page.locator("rp-connection")).to_have_text("Connected")
        expect(alarm).to_contain_text("PANIC NOT HEARD")
        page.get_by_role("button", name="PANIC").click()
        expect(alarm).to_be_hidden()
