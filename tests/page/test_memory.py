"""A long evening: what the page holds does not grow, whatever comes and goes."""

import gc
from typing import TYPE_CHECKING

from needs import needs

needs("playwright")
from playwright.sync_api import expect  # noqa: E402

if TYPE_CHECKING:
    from page_server import Daemon
    from playwright.sync_api import CDPSession, Page

_WARM, _ROUNDS = 20, 20  # by the first, as much news is kept as ever will be


def evening(daemon: "Daemon", page: "Page", rounds: int) -> None:
    """Songs with other instruments, news, changes, notes, and every part of the page looked at."""
    nodes, horn = daemon.nodes, [node for node in daemon.nodes if "horn" not in node["path"]]
    for number in range(rounds):
        daemon.nodes = nodes if number % 2 else horn
        daemon.grown += 1
        frame = daemon.frame
        notes = [[kind, frame, 0, 60, 90, 1, False, -1] for kind in ("on", "off")]
        daemon.tell(
            news=[f"{daemon.grown}: {what}" for what in ("ready", "armed", "begun", "played", "over")],
            notes=notes,
            status=daemon.status,
        )
        daemon.change("clock/tempo", 60 + number)
        expect(page.locator("rp-tile")).to_have_count(8 if number % 2 else 7)
    for tab in page.get_by_role("tab").all():
        tab.click()
    page.get_by_role("tab", name="Stage").click()


def held(session: "CDPSession") -> tuple[int, int]:
    """Nodes and listeners, of what is not garbage."""
    session.send("HeapProfiler.collectGarbage")
    counted = session.send("Memory.getDOMCounters")
    return counted["nodes"], counted["jsEventListeners"]


def test_nothing_grows(daemon: "Daemon", page: "Page") -> None:
    session = page.context.new_cdp_session(page)
    evening(daemon, page, _WARM)
    gc.collect()  # handles that we hold are none of the page's
    before = held(session)
    evening(daemon, page, _ROUNDS)
    gc.collect()
    nodes, listeners = held(session)
    assert nodes <= before[0] + 20
    assert listeners <= before[1] + 5
