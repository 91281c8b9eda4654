"""A new user's path, as the README has it: a keyboard, `ripieno run string-quartet --ui`, and then the page alone.

Keys are seen on the roll, a fader is learnt, its way is shaped, the preset is saved under a name of one's own, and all
of it is there again after a new start with that.
"""

import signal
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from needs import needs

needs("playwright", "jackd", "tomlkit")
from page_until import until  # noqa: E402
from playwright.sync_api import expect  # noqa: E402
from served import Served, served  # noqa: E402
from stage import connected, wait_for  # noqa: E402

from ripieno.daemon.bench.jack_server import DummyServer  # noqa: E402
from ripieno.native.engine import Event  # noqa: E402
from ripieno.native.probe import JackProbe  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

RATE, CHORDS = 48_000, 240
CONTROLLER, STEP, REACH = 21, RATE // 200, RATE // 2  # a hand takes its time to reach for a fader
KNOB, LEVEL = f"controller {CONTROLLER} channel 1", "players/cello/level"
ROW = {"control": KNOB, "path": LEVEL, "low": 20, "high": 110, "curve": "inverted"}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A JACK server, and a home in which nobody has been yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with DummyServer(synchronous=True):
        yield


@contextmanager
def running(folder: Path, preset: str, *arguments: object) -> Iterator[Served]:
    """`ripieno run PRESET --ui --connect-in keyboard`, from its beginning to its end."""
    line = ("--driver", "jack", "--connect-in", "keyboard", *arguments)
    with served(folder, preset, *line) as one:
        yield one
        assert one.daemon.end(signal.SIGINT) == 0


def played() -> list[Event]:
    """C major twice a second, for two minutes."""
    pitches = (48, 55, 64, 72)
    return [
        (n * RATE // 2 + up * RATE // 4, 0, bytes((0x80 if up else 0x90, pitch, 80)))
        for n in range(CHORDS)
        for up in (0, 1)
        for pitch in pitches
    ]


def move(name: str, values: Sequence[int]) -> None:
    """A fader of a controller goes through these, as fast as a hand moves it."""
    script = [(REACH + n * STEP, 0, bytes((0xB0, CONTROLLER, value))) for n, value in enumerate(values)]
    with closing(JackProbe("faders", [], ["out"], script)) as faders:
        faders.open()
        faders.start()
        wait_for(lambda: connected(faders, "faders:out", f"{name}:in"), "the faders are connected")
        faders.go()
        wait_for(lambda: faders.done, "the fader is moved")


def level(page: "Page") -> "Locator":
    return page.get_by_role("slider", name="Cello: level", exact=True)


def learn(page: "Page", name: str) -> None:
    """Learn, touch a control, move a knob."""
    page.get_by_role("button", name="Learn").click()
    expect(page.locator("rp-learn")).to_have_text("Touch a control")
    level(page).click()
    expect(page.locator("rp-news")).to_contain_text(f"now move a knob for {LEVEL}")
    expect(level(page)).to_have_attribute("aria-valuenow", "100")  # to touch it changes nothing
    move(name, range(20, 91))
    expect(page.locator("rp-news")).to_contain_text(f"{KNOB} sets {LEVEL}; kept in")
    page.keyboard.press("Escape")
    expect(page.locator("rp-learn")).to_have_text("Learn")


def shape(page: "Page") -> None:
    """Its range and its curve."""
    page.get_by_role("tab", name="Set-up").click()
    about = f"{KNOB} sets {LEVEL}"
    for name, value in (("From", "20"), ("To", "110")):
        page.get_by_label(f"{name}: {about}").fill(value)
        page.keyboard.press("Enter")
    page.get_by_label(f"Curve: {about}").select_option("inverted")
    page.get_by_role("tab", name="Stage").click()


def learnt(folder: Path, preset: str) -> list[dict[str, object]]:
    """The [[learn]] tables of one of the user's own presets."""
    path = folder / "ripieno" / "presets" / f"{preset}.toml"
    return list(tomllib.loads(path.read_text()).get("learn", [])) if path.exists() else []


def save(page: "Page") -> None:
    """As one's own."""
    page.get_by_role("tab", name="Presets").click()
    page.locator("button.preset", has=page.get_by_text("String quartet", exact=True)).click()
    expect(page.locator(".says")).to_have_text("No mistakes")
    page.get_by_role("button", name="Save as").click()
    page.get_by_role("textbox", name="Name of the copy").fill("Sunday")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Sunday")).to_be_visible()


def test_from_the_readme_to_a_learnt_fader_and_a_saved_preset(server: None, tmp_path: Path, visit) -> None:  # type: ignore[no-untyped-def]
    with closing(JackProbe("keyboard", [], ["out"], played())) as keyboard:
        keyboard.open()
        keyboard.start()
        with running(tmp_path, "string-quartet") as one:
            name, port = one.state.name.partition(".")[0], one.port
            page = visit(url=f"{one.url}/")
            expect(page.locator("#song")).to_have_text("String quartet")
            keyboard.go()
            until(page, "document.querySelector('rp-roll').drawn >= 8")
            expect(page.locator("rp-heard .chord .big")).to_have_text("C")
            learn(page, name)
            expect(level(page)).to_have_attribute("aria-valuenow", "90")
            shape(page)
            wait_for(lambda: learnt(tmp_path, "string-quartet") == [ROW], "its way is kept")
            move(name, [0])
            expect(level(page)).to_have_attribute("aria-valuenow", "110")
            save(page)
        assert learnt(tmp_path, "sunday") == [ROW]
        expect(page.locator("rp-connection")).to_have_text("No connection")
        with running(tmp_path, "sunday", "--ui-port", port):
            expect(page.locator("#song")).to_have_text("Sunday")
            page.get_by_role("tab", name="Stage").click()
            move(name, [1, 127])
            expect(level(page)).to_have_attribute("aria-valuenow", "20")
            page.get_by_role("tab", name="Set-up").click()
            expect(page.get_by_text(f"{KNOB} → {LEVEL}")).to_be_visible()
