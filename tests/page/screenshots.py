"""The pictures of the page in docs/, made anew: `make screenshots`.

A daemon on a JACK server without a sound card, a bundled performance at its keyboard, and what Chromium shows of it.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.resources import as_file, files
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from page_until import until
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright
from served import served

from ripieno.daemon import presets
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.score import read_score
from ripieno.native.engine import Event
from ripieno.native.probe import JackProbe

DOCS = Path(__file__).parents[2] / "docs"
RATE, PERIOD = 48_000, 1024  # no sound card waits: a long period, for a machine that draws beside it
PIECE = "bach-bwv858.mid"
TIMES, PLAYED_MS, PATIENCE_MS = 6, 16_000, 60_000  # by then the band has joined in, and the roll is full
SETTLED = 10  # notes of the band's, at least
COLORS, MOST_BYTES = 192, 200_000
PRESET = "Evening"
BAND, MORE = "band", {"Brass": ("Brass Section", "#e8a33d"), "Flute": ("Flute", "#4fb3bf")}


def preset(folder: Path) -> Path:
    """The bundled band and two instruments more, each with a sound of its own, and a voice."""
    text = Path(presets.load(BAND).file).read_text().replace('name = "Band"', f'name = "{PRESET}"', 1)
    names = [one.name for one in presets.load(BAND).ensemble] + list(MORE)
    for channel, (name, (program, color)) in enumerate(MORE.items(), 5):
        text += f'\n[[ensemble]]\nname = "{name}"\nprogram = "{program}"\nchannel = {channel}\ncolor = "{color}"\n'
    text += "".join(f'\n[[chain]]\non = "{name}"\nplugin = "soundfont:"\nname = "{name} sound"\n' for name in names)
    text += (
        '\n[[chain]]\nplugin = "reverb"\nname = "hall"\n\n[[chain]]\nplugin = "limiter"\n\n[singing]\nmode = "free"\n'
    )
    path = folder / f"{PRESET.lower()}.toml"
    path.write_text(text)
    return path


def songs(folder: Path) -> Path:
    """A set list that begins with it."""
    path = folder / "songs.toml"
    path.write_text("".join(f'[[song]]\npreset = "{one}"\n' for one in (preset(folder), "string-quartet", "choir")))
    return path


def played() -> Sequence[Event]:
    """The performance, over and over."""
    with as_file(files("ripieno.daemon.demo") / PIECE) as path:
        events = read_score(path, RATE).events
    length = events[-1][0] + RATE
    return [(frame + time * length, port, data) for time in range(TIMES) for frame, port, data in events]


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def visit(browser: Browser, url: str, width: int, height: int) -> Iterator[Page]:
    """The page, once its roll is full and a chord is heard."""
    page = browser.new_page(viewport={"width": width, "height": height}, has_touch=width < 1000)
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    page.wait_for_selector("rp-tile")
    page.wait_for_timeout(PLAYED_MS)
    expect(page.locator("rp-heard .chord .big")).not_to_have_text("\N{EN DASH}", timeout=PATIENCE_MS)
    until(page, f"document.querySelector('rp-roll').plan.length >= {SETTLED}")
    yield page
    page.close()


def shoot(page: Page, name: str) -> None:
    """What it shows, as a small file."""
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    path = DOCS / f"page-{name}.png"
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    assert size < MOST_BYTES, f"{path}: {size} bytes"
    print(f"{path}: {size // 1000} kB")


def learns(page: Page) -> None:
    """The flute's level waits for a knob."""
    page.get_by_role("button", name="Learn").click()
    page.get_by_role("slider", name="Flute: level", exact=True).click()
    expect(page.locator("rp-news")).to_contain_text("now move a knob")


def edits(page: Page) -> None:
    """The quartet in a hall is open, and there is a mistake in it."""
    page.get_by_role("tab", name="Presets").click()
    page.locator("button.preset", has=page.get_by_text("Quartet in a hall", exact=True)).click()
    expect(page.locator(".says")).to_have_text("No mistakes")
    page.locator("summary", has_text="Violin 1").first.click()
    level = page.get_by_role("textbox", name="Level", exact=True).first
    level.fill("200")
    expect(page.locator(".mistake")).to_have_count(1)
    level.evaluate("one => one.scrollIntoView({ block: 'center' })")


def shoot_all(url: str) -> None:
    with chromium() as browser:
        for name, size, act in (
            ("stage", (1920, 1080), None),
            ("phone", (390, 844), None),
            ("learn", (1280, 800), learns),
            ("editor", (1600, 1000), edits),
        ):
            with visit(browser, url, *size) as page:
                if act:
                    act(page)
                shoot(page, name)


def main() -> None:
    with TemporaryDirectory() as name, DummyServer(RATE, PERIOD):
        folder = Path(name)
        os.environ["XDG_CONFIG_HOME"] = name
        with closing(JackProbe("keyboard", [], ["out"], played())) as keyboard:
            keyboard.open()
            keyboard.start()
            line = (songs(folder), "--driver", "jack", "--connect-in", "keyboard")
            with served(folder, *map(str, line)) as one:
                keyboard.go()
                shoot_all(one.url)


if __name__ == "__main__":
    main()
