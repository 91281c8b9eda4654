"""A browser for the page's tests, and a scripted daemon that serves it."""

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from needs import needs

if TYPE_CHECKING:
    from page_server import Daemon
    from playwright.sync_api import Browser, Page

_PATIENCE_MS = 30_000  # this machine may be busy


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    needs("chromium", "playwright")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture
def daemon() -> "Iterator[Daemon]":
    needs("starlette", "uvicorn", "websockets")
    from page_server import Daemon

    with Daemon() as one:
        yield one


Open = Callable[..., "Page"]


@pytest.fixture
def visit(browser: "Browser", daemon: "Daemon") -> Iterator[Open]:
    """Opens the page, the scripted daemon's or another's, in a window of so many pixels, with nothing remembered. What
    goes wrong in its scripts fails the test."""
    contexts, wrong = [], []

    def open_page(
        width: int = 1280, height: int = 800, url: str = daemon.url, waits: str = "rp-tile", **options: object
    ) -> "Page":
        context = browser.new_context(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type]
        context.set_default_timeout(_PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda one: wrong.append(one.text) if "Content Security" in one.text else None)
        page.goto(url)
        page.wait_for_selector(waits)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture
def page(visit: Open) -> "Page":
    return visit()
