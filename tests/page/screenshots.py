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
PLAYED_MS = 24_000  # by then the band has joined in, and the roll is full
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


def played() -> Sequence[Event]:
    with as_file(files("ripieno.daemon.demo") / PIECE) as path:
        return read_score(path, RATE).events


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


def visit(browser: Browser, url: str, width: int, height: int) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height}, has_touch=width < 1000)
    page.goto(url)
    page.wait_for_selector("rp-tile")
    return page


def shoot(page: Page, name: str) -> None:
    """What it shows, as a small file."""
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    path = DOCS / f"page-{name}.png"
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    assert size < MOST_BYTES, f"{path}: {size} bytes"
    print(f"{path}: {size // 1000} kB")


def shoot_all(url: str, keyboard: JackProbe) -> None:
    with chromium() as browser:
        stage, phone, desk = (visit(browser, url, *size) for size in ((1920, 1080), (390, 844), (1280, 800)))
        keyboard.go()
        stage.wait_for_timeout(PLAYED_MS)
        shoot(stage, "stage")
        shoot(phone, "phone")
        desk.get_by_role("button", name="Learn").click()
        desk.get_by_role("slider", name="Strings: level", exact=True).click()
        expect(desk.locator("rp-news")).to_contain_text("now move a knob")
        shoot(desk, "learn")
        desk.keyboard.press("Escape")


def main() -> None:
    with TemporaryDirectory() as name, DummyServer(RATE, PERIOD):
        folder = Path(name)
        os.environ["XDG_CONFIG_HOME"] = name
        with closing(JackProbe("keyboard", [], ["out"], played())) as keyboard:
            keyboard.open()
            keyboard.start()
            line = (preset(folder), "string-quartet", "choir", "--driver", "jack", "--connect-in", "keyboard")
            with served(folder, *map(str, line)) as one:
                shoot_all(one.url, keyboard)


if __name__ == "__main__":
    main()
