"""The piano roll: every note in its place, told in time or late, and memory that does not grow."""

from typing import TYPE_CHECKING, Any

import pytest

from needs import needs

needs("playwright", "uvicorn", "starlette")
from page_server import RATE  # noqa: E402
from page_until import load_stopped, until  # noqa: E402

if TYPE_CHECKING:
    from page_server import Daemon
    from playwright.sync_api import Page

NOW_S = 100.0
GROUND = 40  # no channel of the ground's colours is above
_HELP = """() => {
window.roll = document.querySelector("rp-roll");
/** The colour at a time and a pitch, "" for the ground's. */
window.colorAt = (at_s, pitch, keys = false) => {
  const { canvas, pen, now_x, speed, low, high, row, split, dots } = roll;
  const x = Math.round(now_x + (at_s - NOW) * speed);
  const room = canvas.height - split - 16 * dots;
  const [first, last] = roll.keys;
  const key_y = split + 8 * dots + ((last - pitch) / (last - first)) * room;
  const y = Math.round(keys ? key_y + dots : (high - pitch + 0.4) * row);
  const [r, g, b] = pen.getImageData(x, y, 1, 1).data;
  return Math.max(r, g, b) > GROUND ? `${r} ${g} ${b}` : "";
};
}""".replace("GROUND", str(GROUND)).replace("NOW", str(NOW_S))


@pytest.fixture
def still(daemon: "Daemon", visit) -> "Page":  # type: ignore[no-untyped-def]
    """A page whose time stands still, so that what is drawn where is known."""
    daemon.status["clock"]["rolling"] = False
    page: Page = visit()
    page.evaluate(_HELP)
    page.evaluate(f"() => Object.assign(roll.frames, {{ now_s: () => {NOW_S}, heard: () => false, rate: {RATE} }})")
    return page


def on(at_s: float, instrument: int, pitch: int, velocity: int = 127, band: bool = True) -> list[Any]:
    return ["on", round(at_s * RATE), instrument, pitch, velocity, 1, band, -1]


def off(at_s: float, instrument: int, pitch: int) -> list[Any]:
    return ["off", round(at_s * RATE), instrument, pitch, 0, 1, True, -1]


def play(daemon: "Daemon", page: "Page", notes: list[list[Any]], **more: Any) -> None:
    """Tell of notes, and wait until a picture was drawn of them."""
    for player in daemon.status["players"]:
        player["notes"] = ["C4"]
    count = page.evaluate("roll.notes.count") + sum(note[0] != "off" for note in notes)
    daemon.tell(notes=notes, news=["told"], **more)
    until(page, f"roll.notes.count === {count}")
    page.locator("rp-news", has_text="told").wait_for()
    pictures = page.evaluate("roll.pictures")
    until(page, f"roll.pictures > {pictures} + 1")


def color(page: "Page", at_s: float, pitch: int, keys: bool = False) -> str:
    return str(page.evaluate("([at, pitch, keys]) => colorAt(at, pitch, keys)", [at_s, pitch, keys]))


def test_notes_have_their_places_and_colors(daemon: "Daemon", still: "Page") -> None:
    play(daemon, still, [on(97, 0, 60), off(98, 0, 60), on(97.5, 2, 64), on(99.9, 1, 67)])
    flute, clarinet, oboe = (color(still, at, pitch) for at, pitch in ((97.5, 60), (97.8, 64), (99.95, 67)))
    assert len({flute, clarinet, oboe} - {""}) == 3
    assert color(still, 99, 64) == clarinet  # it sounds until now
    assert not color(still, 98.5, 60)
    assert not color(still, 96.5, 60)
    assert not color(still, 99.5, 67)


def test_end_that_is_told_late_takes_back_what_was_drawn(daemon: "Daemon", still: "Page") -> None:
    play(daemon, still, [on(95, 0, 60), on(98, 3, 60)])
    play(daemon, still, [off(96, 0, 60)])
    assert color(still, 95.5, 60)
    assert not color(still, 97, 60)
    assert color(still, 99, 60)  # another's on the same row is still there


def test_neighbour_is_whole_when_something_is_taken_back(daemon: "Daemon", still: "Page") -> None:
    """The lines of keys that lie side by side lie on one another."""
    play(daemon, still, [on(95, 0, 60, band=False), on(95, 1, 61, band=False)])
    play(daemon, still, [off(96, 0, 60)])
    lit = still.evaluate(
        f"""() => {{
          const x = Math.round(roll.now_x - 2 * roll.speed);
          const high = roll.canvas.height - roll.split - 4;
          const column = roll.pen.getImageData(x, roll.split + 4, 1, high).data;
          return column.filter((one, at) => at % 4 === 0 && one > {GROUND}).length;
        }}"""
    )
    assert lit == 5


def test_note_that_is_told_late_begins_where_it_began(daemon: "Daemon", still: "Page") -> None:
    play(daemon, still, [])
    play(daemon, still, [on(96, 0, 60), off(97, 0, 60)])
    assert color(still, 96.5, 60)
    assert not color(still, 97.5, 60)


def test_note_changes_hands(daemon: "Daemon", still: "Page") -> None:
    play(daemon, still, [on(96, 0, 60), ["move", 97 * RATE, 2, 60, 100, 1, False, 0]])
    assert color(still, 96.5, 60)
    assert color(still, 97.5, 60) not in ("", color(still, 96.5, 60))
    assert still.evaluate("[roll.notes.sounding[3], roll.notes.sounding[5]]") == [0, 1]


def test_keys_are_below(daemon: "Daemon", still: "Page") -> None:
    play(daemon, still, [["key", 97 * RATE, -1, 60, 90, 1, False, -1], on(97, 0, 60, band=False), on(97, 1, 65)])
    assert color(still, 97.03, 60, keys=True)
    assert color(still, 99, 60, keys=True)  # as long as it is held
    assert not color(still, 99, 65, keys=True)  # the band's is not the player's


def test_plan_is_ahead_of_now(daemon: "Daemon", still: "Page") -> None:
    plan = [[round(100.5 * RATE), 101 * RATE, 0, 60, 90]]
    play(daemon, still, [], plan=plan)
    assert color(still, 100.75, 60)
    assert not color(still, 101.5, 60)
    daemon.status["players"][0]["notes"] = []
    daemon.show()
    still.locator("rp-tile .sounds", has_text="in 0.5 s").wait_for(state="attached")
    play(daemon, still, [], plan=[])
    assert not color(still, 100.75, 60)


def test_none_of_many_notes_is_missing(daemon: "Daemon", still: "Page") -> None:
    """1,584 notes in 6.6 seconds, told in batches, by eight instruments: each is seen in its place."""
    places = [(93 + slot * 0.2, 36 + row) for slot in range(33) for row in range(48)]
    notes = [
        one
        for number, (at, pitch) in enumerate(places)
        for one in (on(at, number % 8, pitch), off(at + 0.1, number % 8, pitch))
    ]
    for first in range(0, len(notes), 400):
        play(daemon, still, notes[first : first + 400])
    seen = still.evaluate("(places) => places.map(([at, pitch]) => colorAt(at + 0.05, pitch) !== '')", places)
    assert all(seen)
    between = still.evaluate("(places) => places.map(([at, pitch]) => colorAt(at + 0.15, pitch) !== '')", places)
    assert not any(between)


def test_roll_is_the_same_after_a_change_of_size(daemon: "Daemon", still: "Page") -> None:
    play(daemon, still, [on(95, 0, 60), off(99, 0, 60)])
    still.set_viewport_size({"width": 700, "height": 900})
    until(still, "roll.canvas.width === roll.clientWidth && roll.column !== null")
    play(daemon, still, [])
    assert color(still, 97, 60)
    assert not color(still, 99.5, 60)


def test_memory_stays_as_it_is(daemon: "Daemon", still: "Page") -> None:
    """More notes than it remembers, one that never ends among them."""
    told = still.evaluate(
        """async () => {
          const { Notes } = await import("/page/notes.js");
          const notes = new Notes(256);
          notes.begin(0, 3, 60, 90, false);
          notes.begin(0, 3, 60, 90, false);
          for (let at = 1; at < 1000; at++) {
            notes.begin(at, at % 8, at % 128, 90, false);
            notes.end(at + 0.5, at % 8, at % 128);
          }
          const ended = notes.off.every((off) => off < Infinity);
          return [notes.count, notes.oldest, notes.on.length, [...notes.sounding], ended, notes.held(3, 60)];
        }"""
    )
    assert told == [1001, 745, 256, [0] * 19, True, -1]


def test_panic_ends_what_sounds(daemon: "Daemon", still: "Page") -> None:
    """Of it no note is told: the status says that nobody sounds."""
    play(daemon, still, [on(95, instrument, 60 + instrument) for instrument in range(8)])
    for player in daemon.status["players"]:
        player["notes"] = []
    daemon.show()
    until(still, "roll.notes.sounding.every((count) => count === 0)")


def test_voice_goes_on_at_a_consonant(daemon: "Daemon", still: "Page") -> None:
    """The status says for a moment that it is silent: its note ends later, or when that is said again and again."""
    daemon.status["voice"] = {"sings": "", "level_db": -90.0}
    play(daemon, still, [on(95, -2, 70)])
    for _ in range(3):
        daemon.show()
    play(daemon, still, [])
    assert color(still, 99.9, 70)
    for _ in range(10):
        daemon.show()
    until(still, "roll.notes.sounding[1] === 0")


def test_plan_is_there_when_the_page_is_opened(daemon: "Daemon", visit) -> None:  # type: ignore[no-untyped-def]
    daemon.plan = [[2**40, 2**40 + RATE, 0, 60, 90]]
    page = visit()
    daemon.tell(news=["told"])
    page.locator("rp-news", has_text="told").wait_for()
    assert page.evaluate("document.querySelector('rp-roll').plan.length") == 1


@pytest.mark.parametrize(("motion", "least", "most"), [("no-preference", 50, 70), ("reduce", 1, 3)])
def test_less_motion(visit, motion: str, least: int, most: int) -> None:  # type: ignore[no-untyped-def]
    """In a second of the page's own time."""
    page = visit(reduced_motion=motion)
    load_stopped(page, "document.querySelector('rp-roll').pictures > 0")
    before = page.evaluate("document.querySelector('rp-roll').pictures")
    page.clock.run_for(1000)
    assert least <= page.evaluate("document.querySelector('rp-roll').pictures") - before <= most


def test_what_the_graphics_forgot_is_drawn_again(daemon: "Daemon", still: "Page") -> None:
    play(daemon, still, [on(95, 0, 60), off(98, 0, 60)])
    still.evaluate("() => { roll.past.width += 0; roll.past.dispatchEvent(new Event('contextrestored')); }")
    play(daemon, still, [])
    assert color(still, 97, 60)


def test_time_follows_the_least_delayed_word(page: "Page") -> None:
    """Batches come with delays of up to 40 ms: the roll's time goes on evenly."""
    off_s = page.evaluate(
        """async () => {
          const { Frames } = await import("/page/frames.js");
          const frames = new Frames();
          const errors = [];
          for (let at_ms = 0; at_ms < 5000; at_ms += 20) {
            const delay_ms = (at_ms * 7) % 41;
            frames.heard(Math.round((at_ms + 5000) * 48), 48000, at_ms + delay_ms);
            errors.push(frames.now_s(at_ms) - (at_ms + 5000) / 1000);
          }
          return Math.max(...errors.slice(50).map(Math.abs));
        }"""
    )
    assert off_s < 0.02


_FRAMES = """async (words) => {
  const { Frames } = await import("/page/frames.js");
  const frames = new Frames();
  return words.map(([frame_s, at_s]) => [frames.heard(frame_s * 48000, 48000, at_s * 1000), frames.now_s(at_s * 1000)]);
}"""


def told(page: "Page", words: list[tuple[float, float]]) -> list[tuple[bool, float]]:
    """For each word, of a time of the daemon's and heard at one of ours: whether time begins anew; and now."""
    return [(anew, round(now_s, 2)) for anew, now_s in page.evaluate(_FRAMES, words)]


def test_a_stumble_loses_nothing(page: "Page") -> None:
    """The first word was late, and later those of a second came at once: time goes on as it did."""
    at_once = [(10 + n / 10, 6.0) for n in range(10)]
    found = told(page, [(6, 2), (8, 3), (9, 4), *at_once, (12, 7)])
    assert found == [(False, 6), (False, 8), (False, 9), *[(False, 11)] * 10, (False, 12)]


def test_driver_that_stood_still(page: "Page") -> None:
    """For three seconds: after two more that is believed."""
    words = [(10.0, 5.0), *((10 + n, 8.0 + n) for n in range(5))]
    assert [now_s for _, now_s in told(page, words)] == [10, 13, 14, 15, 13, 14]


def test_another_driver_begins_anew(page: "Page") -> None:
    assert told(page, [(1000, 5), (1001, 6), (0.5, 7), (1.5, 8)]) == [
        (False, 1000),
        (False, 1001),
        (True, 0.5),
        (False, 1.5),
    ]


def test_what_sounds_is_said(daemon: "Daemon", page: "Page") -> None:
    daemon.status["players"][0]["notes"] = ["C4", "E4"]
    daemon.show()
    page.locator("#roll-says", has_text="Sounding: Flute C4 E4").wait_for(state="attached")
