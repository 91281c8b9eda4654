"""The pages of one file, in a browser: a device is paired by hand and by its QR code; the API, to be read."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from needs import needs

needs("playwright", "axe_playwright_python", "starlette", "uvicorn", "websockets", "segno", "httpx")
import httpx  # noqa: E402
from axe_playwright_python.sync_playwright import Axe  # noqa: E402
from playwright.sync_api import expect  # noqa: E402
from served import Served, served  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("stage"), "string-quartet", "--ui-lan") as one:
        yield one


@pytest.fixture
def phone(browser: "Browser", stage: Served) -> "Iterator[Page]":
    """A browser that calls the server by the address that others call it by."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda one: wrong.append(one.text) if "Content Security" in one.text else None)
    yield page
    context.close()
    assert not wrong


def told(stage: Served) -> dict[str, str]:
    """A code, as the page on the computer shows it."""
    answer: dict[str, str] = httpx.post(f"{stage.url}/api/pairing", headers=stage.headers, timeout=30).json()
    return answer


def test_by_hand(stage: Served, phone: "Page") -> None:
    url = told(stage)["url"].removesuffix("pair")
    phone.goto(url)
    expect(phone).to_have_title("Ripieno: pair this device")
    assert not Axe().run(phone).response["violations"]
    phone.keyboard.type("000 00")  # the field has the focus
    phone.keyboard.press("Enter")
    expect(phone).to_have_title("Ripieno: pair this device")  # the browser itself asks for six
    code = told(stage)["code"]
    phone.get_by_label("The six digits").fill("000000" if code != "000000" else "111111")
    phone.keyboard.press("Enter")
    expect(phone.get_by_role("status")).to_contain_text("this is not the code")
    phone.get_by_label("The six digits").fill(f"{code[:3]} {code[3:]}")
    phone.get_by_role("button", name="Pair", exact=True).click()
    phone.wait_for_selector("rp-tile")
    phone.get_by_role("switch", name="Viola", exact=True).click()
    expect(phone.get_by_role("switch", name="Viola", exact=True)).to_have_attribute("aria-checked", "false")


def test_by_the_qr_code(stage: Served, phone: "Page") -> None:
    code = told(stage)
    phone.goto(f"{code['url']}#{code['code']}")
    phone.wait_for_selector("rp-tile")
    assert code["code"] not in phone.url


def test_a_device_asks_for_a_code(stage: Served, phone: "Page") -> None:
    phone.goto(told(stage)["url"])
    phone.get_by_role("button", name="Show a new code on the computer").click()
    expect(phone.get_by_role("status")).to_have_text("The computer shows a code now.")


def test_the_api_is_read(stage: Served, phone: "Page", tmp_path: Path) -> None:
    phone.goto(f"{stage.url}/api")
    expect(phone.get_by_role("heading", level=1)).to_have_text("The API")
    expect(phone.get_by_text("/api/controls/players/viola/on").first).to_be_visible()
    assert not Axe().run(phone).response["violations"]
    phone.screenshot(path=tmp_path / "api.png")
