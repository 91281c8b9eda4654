"""The line to the daemon: cut, back again, PANIC without it, and that nothing is lost or echoed."""

from typing import TYPE_CHECKING

from needs import needs

needs("playwright", "uvicorn", "starlette")
from page_server import Daemon  # noqa: E402
from page_until import until  # noqa: E402
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
