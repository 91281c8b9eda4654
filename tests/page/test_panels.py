"""All other controls: made from what the daemon says of them, by mouse, by keyboard, and typed."""

from typing import TYPE_CHECKING

import pytest

from needs import needs

needs("playwright")
from playwright.sync_api import expect  # noqa: E402

from ripieno.daemon.remote.tree import path_parts  # noqa: E402

if TYPE_CHECKING:
    from page_server import Daemon
    from playwright.sync_api import Page


def open_tab(page: "Page", name: str) -> None:
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")


def test_each_control_is_somewhere(daemon: "Daemon", page: "Page") -> None:
    """And none twice."""
    found = []
    for tab in page.get_by_role("tab").all():
        tab.click()
        visible = "[...document.querySelectorAll('[data-path]')].filter((one) => one.checkVisibility())"
        found += page.evaluate(f"{visible}.map((one) => one.dataset.path)")
    assert sorted(found) == sorted(set(daemon.values) - {"song"})


def test_knob_by_keyboard(daemon: "Daemon", page: "Page") -> None:
    open_tab(page, "Band")
    knob = page.get_by_role("slider", name="Register")
    expect(knob).to_have_attribute("aria-valuemin", "-24")
    knob.focus()
    for key, value in (("ArrowUp", 1), ("PageUp", 11), ("End", 24), ("ArrowDown", 23), ("Home", -24)):
        knob.press(key)
        expect(knob).to_have_attribute("aria-valuenow", str(value))
    daemon.wait(lambda: daemon.values["band/register"] == -24)


def test_knob_by_mouse(daemon: "Daemon", page: "Page") -> None:
    open_tab(page, "Band")
    box = page.get_by_role("slider", name="Temperature").bounding_box()
    assert box
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] - 400, steps=10)
    page.mouse.up()
    page.mouse.move(0, 0)
    daemon.wait(lambda: daemon.values["band/temperature"] == 2)


def test_fader_by_touch(daemon: "Daemon", visit) -> None:  # type: ignore[no-untyped-def]
    page = visit(390, 844, has_touch=True, is_mobile=True)
    open_tab(page, "Sound")
    page.get_by_role("slider", name="Mix").scroll_into_view_if_needed()
    box = page.get_by_role("slider", name="Mix").bounding_box()
    assert box
    touch = page.context.new_cdp_session(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 11):
        moved = [{"x": x, "y": y - 30 * step}]
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": moved})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    daemon.wait(lambda: daemon.values["chain/hall/mix"] == 1)


def test_number_is_typed(daemon: "Daemon", page: "Page") -> None:
    open_tab(page, "Clock")
    field = page.get_by_role("textbox", name="Tempo, as a number")
    field.fill("96.5")
    field.press("Enter")
    daemon.wait(lambda: daemon.values["clock/tempo"] == 96.5)
    field.fill("fast")
    field.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="no number")).to_be_visible()
    expect(page.get_by_role("slider", name="Tempo")).to_have_attribute("aria-valuenow", "96.5")


def test_choices(daemon: "Daemon", page: "Page") -> None:
    open_tab(page, "Band")
    page.get_by_text("comp", exact=True).click()
    daemon.wait(lambda: daemon.values["band/while_playing"] == "comp")
    daemon.change("band/while_playing", "yield")
    expect(page.get_by_role("radio", name="yield")).to_be_checked()
    open_tab(page, "Clock")
    page.get_by_role("combobox", name="Source").select_option("midi")
    daemon.wait(lambda: daemon.values["clock/source"] == "midi")


def test_error_is_where_it_is(daemon: "Daemon", page: "Page") -> None:
    open_tab(page, "Band")
    field = page.get_by_role("textbox", name="Key")
    field.fill("H moll")
    field.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="'H moll' is no key")).to_be_visible()
    expect(field).to_have_value("off")
    field.fill("D minor")
    field.press("Enter")
    daemon.wait(lambda: daemon.values["band/key"] == "D minor")
    expect(page.get_by_role("alert").filter(has_text="is no key")).to_have_count(0)


def test_list_stays_a_list(daemon: "Daemon", page: "Page") -> None:
    open_tab(page, "Voice")
    field = page.get_by_role("textbox", name="Range")
    expect(field).to_have_value("G3, C6")
    field.fill("A3, 84")
    field.press("Enter")
    daemon.wait(lambda: daemon.values["voice/range"] == ["A3", 84])


def test_switch_and_action(daemon: "Daemon", page: "Page") -> None:
    open_tab(page, "Clock")
    page.get_by_role("switch", name="Link").click()
    daemon.wait(lambda: daemon.values["clock/link"] is True)
    open_tab(page, "Set-up")
    page.get_by_role("button", name="Keep").click()
    daemon.wait(lambda: ("keep", "socket") in daemon.done)


def test_plugin_says_how_it_stands(daemon: "Daemon", page: "Page") -> None:
    hall = {
        "name": "Hall",
        "on": "master",
        "peak_db": -12.0,
        "why": "",
        "blocked": False,
        "plays": True,
        "bypass": False,
    }
    open_tab(page, "Sound")
    daemon.show(chains={"plugins": [hall]})
    expect(page.locator("rp-sounding").first).to_have_text("on master")
    daemon.show(chains={"plugins": [hall | {"blocked": True}]})
    expect(page.locator("rp-sounding").first).to_have_text("blocked")


def test_learn(daemon: "Daemon", page: "Page") -> None:
    """A control that is touched is meant, and stays as it is."""
    open_tab(page, "Clock")
    page.get_by_role("button", name="Learn").click()
    page.get_by_role("slider", name="Tempo").click()
    page.get_by_role("switch", name="Link").click()
    daemon.wait(lambda: daemon.learnt == ["clock/tempo", "clock/link"])
    daemon.show(learn={"learning": "clock/link", "bound": 0, "revision": 1})
    daemon.show(learn={"learning": "", "bound": 1, "revision": 2})  # a knob has moved
    page.get_by_role("switch", name="Link").click()
    page.get_by_role("button", name="Tap", exact=True).click()
    daemon.wait(lambda: daemon.learnt[2:] == ["clock/link", "clock/tap"])
    page.keyboard.press("Escape")
    daemon.wait(lambda: daemon.learnt[-1] == "")
    expect(page.get_by_role("button", name="Learn")).to_have_attribute("aria-pressed", "false")
    assert not daemon.sets
    assert not daemon.done


def test_learn_what_is_pressed(daemon: "Daemon", page: "Page") -> None:
    """Songs and the beat wait for a pedal; PANIC does, too, and silences all the same."""
    page.get_by_role("button", name="Learn").click()
    page.get_by_role("button", name="Next song").click()
    page.get_by_role("button", name="Tap the tempo").click()
    page.locator("rp-songs .now").click()
    page.get_by_role("switch", name="Flute", exact=True).click()
    page.get_by_role("button", name="PANIC").click()
    learnt = ["next", "clock/tap", "song", "players/flute/on", "panic"]
    daemon.wait(lambda: daemon.learnt == learnt and daemon.done == [("panic", "socket")])
    expect(page.locator("#panic")).to_have_attribute("chosen", "")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert not daemon.sets


def test_learn_by_keyboard(daemon: "Daemon", page: "Page") -> None:
    """To come by a control is not to mean it."""
    open_tab(page, "Band")
    page.get_by_role("button", name="Learn").click()
    page.get_by_role("slider", name="Density").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    daemon.wait(lambda: daemon.learnt == ["band/temperature"])


def test_what_cannot_be_learnt_does_not_wait(daemon: "Daemon", page: "Page") -> None:
    open_tab(page, "Band")
    page.get_by_role("button", name="Learn").click()
    page.get_by_role("textbox", name="Key").click()
    expect(page.locator("rp-news")).to_contain_text("band/key cannot be learnt: band/key is text")
    expect(page.locator("rp-learn")).to_have_text("Touch a control")


def test_another_page_takes_over(daemon: "Daemon", page: "Page") -> None:
    page.get_by_role("button", name="Learn").click()
    page.get_by_role("switch", name="Flute", exact=True).click()
    expect(page.locator("rp-learn")).to_have_text("Move a knob")
    for learning in ("players/flute/on", "clock/tempo"):
        daemon.status["learn"] = {"learning": learning, "bound": 0, "revision": 1}
        daemon.tell(status=daemon.status, news=[f"{learning} is said to wait"])
        expect(page.locator("rp-news")).to_contain_text(f"{learning} is said to wait")
    expect(page.locator("rp-learn")).to_have_text("Touch a control")


def test_page_that_is_left_waits_for_no_knob(daemon: "Daemon", page: "Page") -> None:
    """Knobs would not be played meanwhile."""
    page.get_by_role("button", name="Learn").click()
    page.get_by_role("switch", name="Flute", exact=True).click()
    daemon.wait(lambda: daemon.learnt == ["players/flute/on"])
    page.goto("about:blank")
    daemon.wait(lambda: daemon.learnt == ["players/flute/on", ""])


def bind(daemon: "Daemon", page: "Page") -> None:
    """Two knobs are bound."""
    usual = {"low": "", "high": "", "curve": "linear", "pick_up": "jump", "mode": "auto", "encoder": "absolute"}
    paths = ("clock/tempo", "players/flute/on")
    daemon.bindings = [usual | {"number": n, "control": f"controller {n}", "path": p} for n, p in enumerate(paths, 1)]
    daemon.show(learn={"learning": "", "bound": 2, "revision": 2})
    open_tab(page, "Set-up")


def test_knob_is_shaped(daemon: "Daemon", page: "Page") -> None:
    bind(daemon, page)
    page.get_by_label("From: controller 1 sets").fill("60,5")
    page.keyboard.press("Tab")
    expect(page.get_by_label("To: controller 1 sets")).to_be_focused()
    page.get_by_label("Curve: controller 1 sets").select_option("s-shaped")
    page.get_by_label("Pick-up: controller 1 sets").select_option("pick up")
    wanted = {"low": 60.5, "high": "", "curve": "s-shaped", "pick_up": "pick up"}
    daemon.wait(lambda: wanted.items() <= daemon.bindings[0].items())
    page.get_by_label("To: controller 1 sets").fill("much")
    page.keyboard.press("Enter")
    expect(page.locator("rp-binding").first.get_by_role("alert")).to_have_text("“much” is no number")
    expect(page.get_by_label("To: controller 1 sets")).to_have_value("")


def test_knob_is_let_go(daemon: "Daemon", page: "Page") -> None:
    bind(daemon, page)
    page.get_by_role("button", name="Let go: controller 1").press("Enter")
    expect(page.locator("rp-binding")).to_have_count(1)
    expect(page.get_by_role("button", name="Let go: controller 2")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("No knob is bound")).to_be_visible()
    expect(page.get_by_role("heading", name="Knobs")).to_be_focused()
    assert not daemon.bindings


def test_what_is_learnt_is_listed(daemon: "Daemon", page: "Page") -> None:
    daemon.bindings = [{"number": 1, "control": "controller 74", "path": "clock/tempo", "low": 60, "high": 180}]
    daemon.show(learn={"learning": "", "bound": 1, "revision": 2})
    open_tab(page, "Set-up")
    expect(page.get_by_text("controller 74 → clock/tempo")).to_be_visible()


def test_a_field_of_a_knob_that_is_written_in_stays(daemon: "Daemon", page: "Page") -> None:
    row = {"number": 1, "control": "controller 74", "path": "clock/tempo", "low": 60, "high": 180}
    daemon.bindings = [row]
    daemon.show(learn={"learning": "", "bound": 1, "revision": 2})
    open_tab(page, "Set-up")
    low, high = (page.get_by_label(f"{name}: controller 74 sets clock/tempo") for name in ("From", "To"))
    high.fill("15")
    daemon.bindings = [row | {"low": 70}]  # somebody else has changed it
    daemon.show(learn={"learning": "", "bound": 1, "revision": 3})
    expect(low).to_have_value("70")
    expect(high).to_have_value("15")
    expect(high).to_be_focused()


@pytest.mark.parametrize(
    ("name", "printed"),
    [("Bb", "B♭"), ("F#m7b5/Eb", "F♯m7♭5/E♭"), ("Db7(#9)", "D♭7(♯9)"), ("Bb minor", "B♭ minor"), ("Cmaj7", "Cmaj7")],
)
def test_accidentals(page: "Page", name: str, printed: str) -> None:
    assert page.evaluate("async (name) => (await import('/page/words.js')).printed(name)", name) == printed


_TEMPO: dict[str, object] = {"low": 20, "high": 400}
_MIX: dict[str, object] = {"low": 0, "high": 1}
_HZ: dict[str, object] = {"low": 20, "high": 20000}


def test_numbers_are_read_as_they_are(page: "Page") -> None:
    wanted: list[tuple[dict[str, object], float, str]] = [
        (_TEMPO, 96.5, "96.5"),
        (_TEMPO, 120, "120"),
        (_TEMPO, 132.25, "132.25"),
        (_MIX, 0.30000001192092896, "0.30"),
        (_MIX, 0.333333, "0.3333"),
        (_HZ, 12345.678, "12346"),
        (_HZ, 440.0000305, "440"),
        ({"low": -60, "high": 24}, -6.5, "\N{MINUS SIGN}6.5"),
        ({"low": 0, "high": 127, "whole": True}, 100, "100"),
    ]
    call = (
        "async (all) => { const { shown } = await import('/page/words.js'); return all.map((one) => shown(...one)); }"
    )
    found = page.evaluate(call, [[node, value] for node, value, _ in wanted])
    assert found == [shown for *_, shown in wanted]


def test_names_are_as_in_paths(page: "Page") -> None:
    names = ["Hall", "hall!", "Große Halle", "🎻", "HALL ", "…"]
    found = page.evaluate("async (names) => (await import('/page/words.js')).path_parts(names)", names)
    assert found == list(path_parts(names).values())


def test_a_finger_that_scrolls_leaves_levels_alone(daemon: "Daemon", visit) -> None:  # type: ignore[no-untyped-def]
    page = visit(390, 844, has_touch=True, is_mobile=True)
    slider = page.get_by_role("slider", name="Flute: level")
    box = slider.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 11):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y - 20 * step}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.get_by_role("switch", name="Flute", exact=True).press("Enter")
    daemon.wait(lambda: len(daemon.sets) > 0)
    assert [path for path, *_ in daemon.sets] == ["players/flute/on"]


_EDITOR = """
customElements.define("rp-preset-editor", class extends HTMLElement {
  connectedCallback() { this.firstChild ?? this.append(document.createElement("textarea")); }
});
"""


def another_song(daemon: "Daemon", page: "Page") -> None:
    daemon.nodes = [node for node in daemon.nodes if "horn" not in node["path"]]
    daemon.grown += 1
    daemon.tell()
    expect(page.locator("rp-tile")).to_have_count(7)


def test_what_is_being_written_outlives_a_song(daemon: "Daemon", page: "Page") -> None:
    """And a look at the stage."""
    page.route("**/page/editor.js", lambda route: route.fulfill(body=_EDITOR, content_type="text/javascript"))
    open_tab(page, "Presets")
    page.locator("textarea").fill("half a preset")
    another_song(daemon, page)
    expect(page.locator("textarea")).to_be_focused()
    expect(page.locator("textarea")).to_have_value("half a preset")
    open_tab(page, "Stage")
    open_tab(page, "Presets")
    expect(page.locator("textarea")).to_have_value("half a preset")


def test_whoever_is_at_a_control_stays_there(daemon: "Daemon", page: "Page") -> None:
    open_tab(page, "Band")
    page.get_by_role("slider", name="Register").focus()
    another_song(daemon, page)
    expect(page.get_by_role("slider", name="Register")).to_be_focused()


def test_whoever_is_at_an_instrument_stays_there(daemon: "Daemon", page: "Page") -> None:
    page.get_by_role("slider", name="Viola: level").focus()
    another_song(daemon, page)
    expect(page.get_by_role("slider", name="Viola: level")).to_be_focused()


def test_one_of_many_is_found(daemon: "Daemon", visit) -> None:  # type: ignore[no-untyped-def]
    for number in range(300):
        path = f"chain/synth/parameter-{number}"
        daemon.nodes.append({"path": path, "title": f"Parameter {number}", "help": "", "what": "", "type": "flag"})
        daemon.values[path] = False
    page = visit()
    open_tab(page, "Sound")
    page.get_by_role("searchbox", name="Find").fill("synth 277")
    page.get_by_role("switch").click()
    daemon.wait(lambda: daemon.values["chain/synth/parameter-277"] is True)
    expect(page.get_by_role("heading", name="Hall")).to_be_hidden()


def test_nothing_seems_to_be_set_without_a_line(daemon: "Daemon", page: "Page") -> None:
    open_tab(page, "Band")
    daemon.end()
    expect(page.locator("rp-connection")).to_have_text("No connection")
    page.get_by_text("comp", exact=True).click(force=True)
    expect(page.get_by_role("radio", name="yield")).to_be_checked()


def test_frequency_goes_by_ratios(daemon: "Daemon", visit) -> None:  # type: ignore[no-untyped-def]
    path = "chain/filter/cutoff"
    node = {"path": path, "title": "cutoff_hz", "help": "", "what": "", "type": "number", "low": 20, "high": 20000}
    daemon.nodes.append(node)
    daemon.values[path] = 200
    page = visit()
    open_tab(page, "Sound")
    knob = page.get_by_role("slider", name="Cutoff (Hz)")
    assert float(knob.evaluate("one => one.style.getPropertyValue('--share')")) == pytest.approx(1 / 3)
    knob.press("ArrowUp")
    daemon.wait(lambda: daemon.values[path] == 230)  # 200 · 1000^0.02
    page.get_by_role("textbox", name="Cutoff (Hz), as a number").fill("441.5")
    page.keyboard.press("Enter")
    daemon.wait(lambda: daemon.values[path] == 441.5)
