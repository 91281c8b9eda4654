"""Waiting for a page: Playwright's own `wait_for_function` evaluates text in the page, whose policy refuses that."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_PATIENCE_S, _LOOK_MS = 30.0, 20


def until(page: "Page", so: str) -> None:
    """Until an expression of JavaScript is so, or a promise of it."""
    end = time.monotonic() + _PATIENCE_S
    while not page.evaluate(f"async () => Boolean(await ({so}))"):
        assert time.monotonic() < end, so
        page.wait_for_timeout(_LOOK_MS)


def load_stopped(page: "Page", so: str) -> None:
    """Load it again with its time standing still, but for what it takes until an expression is so."""
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.reload()
    end = time.monotonic() + _PATIENCE_S
    while not page.evaluate(f"() => Boolean({so})"):
        assert time.monotonic() < end, so
        page.clock.run_for(_LOOK_MS)
