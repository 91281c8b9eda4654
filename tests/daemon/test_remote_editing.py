"""A preset's text changed key by key, its comments kept; what stands in it; two of them compared."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from needs import needs
from ripieno.daemon import presets
from ripieno.daemon.errors import UserError
from ripieno.daemon.preset_document import LISTS, TABLES, PresetError
from ripieno.daemon.remote.editing import DEEDS, Edit, change, compare, described, look
from ripieno.daemon.schema import INSTRUMENT_KEYS, PRESET_KEYS

needs("tomlkit")

TEXT = """\
# my own
name = "Mine"
model = "closest" # no network

# low
[[ensemble]]
name = "Cello"
program = "Cello"
range = [ "C2", "A5" ] # to be heard

# high
[[ensemble]]
name = "Violin"
program = 41

[[chain]]
plugin = "reverb"
parameters = { mix = 0.3 } # a little
"""


def done(do: str, table: str = "", text: str = TEXT, **more: Any) -> str:
    return change(text, Edit(do, table, **more))


def test_all_keys_are_described() -> None:
    tables = {one["table"]: one for one in described()}
    assert tables.keys() == {"", *TABLES, *LISTS}
    assert [one["key"] for one in tables[""]["keys"]] == [key.name for key in PRESET_KEYS]
    own = {one["key"]: one for one in tables["ensemble"]["keys"]}
    assert list(own) == [key.name for key in INSTRUMENT_KEYS]
    assert own["level"] | {"help": ""} == {
        "key": "level", "help": "", "what": "whole number from 0 to 127", "type": "number", "words": [],
        "suggests": [], "low": 0, "high": 127, "whole": True, "needed": False, "default": 100,
    }  # fmt: skip
    assert own["program"]["needed"]
    assert own["program"]["default"] is None
    assert "Violin" in own["program"]["suggests"]
    assert own["pedal"]["words"] == ["pass", "lengthen", "ignore"]
    assert "reverb" in next(one for one in tables["chain"]["keys"] if one["key"] == "plugin")["suggests"]
    assert "chorales" in next(one for one in tables[""]["keys"] if one["key"] == "model")["suggests"]


def test_a_value_changes_and_its_comment_stays() -> None:
    after = done("set", "ensemble", row=0, key="range", value="D2, C6")
    assert after == TEXT.replace('[ "C2", "A5" ]', '["D2", "C6"]')
    assert done("set", key="model", value="zone") == TEXT.replace('"closest"', '"zone"')
    assert done("set", key="model", value="closest") == TEXT


def test_a_new_key_stands_in_its_table() -> None:
    after = done("set", "ensemble", row=1, key="divides", value=True)
    assert after == TEXT.replace("program = 41\n", "program = 41\ndivides = true\n")
    own = done("set", key="when", value="revise")
    assert tomllib.loads(own)["when"] == "revise"
    assert own.index("when") < own.index("[[ensemble]]")
    assert done("unset", "ensemble", row=1, key="divides", text=after) == TEXT


def test_tables_come_and_go() -> None:
    after = done("add", "singing")
    assert tomllib.loads(after) == tomllib.loads(TEXT) | {"singing": {}}
    assert after.startswith(TEXT.rstrip("\n"))
    assert tomllib.loads(done("remove", "singing", after)) == tomllib.loads(TEXT)
    assert done("add", "singing", after) == after


def test_rows_come_go_and_move() -> None:
    def names(text: str) -> list[str]:
        return [row.get("name", "-") for row in tomllib.loads(text).get("ensemble", [])]

    assert names(done("add", "ensemble")) == ["Cello", "Violin", "-"]
    assert names(done("down", "ensemble", row=0)) == ["Violin", "Cello"]
    assert names(done("up", "ensemble", row=1)) == ["Violin", "Cello"]
    assert names(done("up", "ensemble", row=0)) == ["Cello", "Violin"]
    assert names(done("remove", "ensemble", row=0)) == ["Violin"]
    one = done("remove", "ensemble", row=0)
    assert "ensemble" not in tomllib.loads(done("remove", "ensemble", one, row=0))
    assert "# to be heard" in done("down", "ensemble", row=0)
    first = done("add", "learn", 'name = "None"\n')
    assert tomllib.loads(first) == {"name": "None", "learn": [{}]}


@pytest.mark.parametrize(
    ("table", "key", "typed", "meant"),
    [
        ("", "seed", "7", 7),
        ("", "description", "a, b and c", "a, b and c"),
        ("", "description", "7", "7"),
        ("", "inputs", "in, pads", ["in", "pads"]),
        ("", "inputs", "in", ["in"]),
        ("", "in_channels", "1, 2", [1, 2]),
        ("", "in_channels", "pitched", "pitched"),
        ("", "in_channels", "3", [3]),
        ("", "latency_ms", "{ out = 3 }", {"out": 3}),
        ("", "stems", "true", True),
        ("", "seed", "many", "many"),  # wrong, and told where it stands
        ("ensemble", "name", "2", "2"),
        ("ensemble", "range", '["G3", "A7"]', ["G3", "A7"]),
        ("ensemble", "range", "G3, A7", ["G3", "A7"]),
        ("ensemble", "program", "Tango Accordion", "Tango Accordion"),
        ("ensemble", "program", "1", 1),
        ("ensemble", "centre", "", ""),
        ("chain", "parameters", "{ mix = 0.5, size = 1 }", {"mix": 0.5, "size": 1}),
        ("chain", "gain_db", "-3.5", -3.5),
    ],
)
def test_what_is_typed_is_understood(table: str, key: str, typed: str, meant: object) -> None:
    found: Any = tomllib.loads(done("set", table, key=key, value=typed))
    assert (found[table][0] if table else found)[key] == meant


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (Edit("sett", key="model", value=1), "did you mean 'set'"),
        (Edit("set", "ensembel", key="name", value="x"), "did you mean 'ensemble'"),
        (Edit("set", "ensemble", 0, "nam", "x"), "did you mean 'name'"),
        (Edit("set", "ensemble", 2, "name", "x"), "there is no instrument 3 here"),
        (Edit("set", "ensemble", -1, "name", "x"), "there is no instrument 0 here"),
        (Edit("set", "singing", key="voice", value="x"), "there is no singing"),
        (Edit("remove", "learn", 0), "there is no bound control 1 here"),
        (Edit("add", ""), "there is no table ''"),
        (Edit("set", key="model"), "needs a value"),
        (Edit("set", key="model", value=[None]), "change the text"),
    ],
)
def test_what_cannot_be_changed_is_told(edit: Edit, why: str) -> None:
    with pytest.raises(UserError, match=why):
        change(TEXT, edit)


def test_what_is_written_otherwise_is_left_to_the_text() -> None:
    odd = 'name = "Odd"\nensemble = [ { name = "Cello", program = 43 } ]\n'
    try:
        after = done("add", "ensemble", odd)
    except UserError as error:
        assert "change the text" in str(error)  # noqa: PT017
    else:
        assert len(tomllib.loads(after)["ensemble"]) == 2
    with pytest.raises(UserError, match="no list of tables"):
        done("add", "ensemble", "ensemble = 3\n")
    with pytest.raises(PresetError, match="this is no TOML"):
        done("add", "ensemble", "ensemble = \n")


@pytest.mark.parametrize("name", presets.available())
def test_ours_can_all_be_changed(name: str) -> None:
    text = (presets.shipped_folder() / f"{name}.toml").read_text(encoding="utf-8")
    after = done("set", text=text, key="name", value="Another")
    assert after.replace('"Another"', f'"{tomllib.loads(text)["name"]}"') == text
    assert done("set", text=after, key="name", value=tomllib.loads(text)["name"]) == text


_VALUES = st.one_of(
    st.booleans(), st.integers(-200, 200), st.text(max_size=12), st.lists(st.text(max_size=4), max_size=3)
)


@given(
    st.lists(
        st.tuples(st.sampled_from(DEEDS), st.sampled_from(["", *TABLES, *LISTS]), st.integers(-1, 3), st.data()),
        max_size=8,
    )
)
def test_whatever_is_done_the_text_says_it(edits: list[tuple[str, str, int, st.DataObject]]) -> None:
    """Each is done as told, or refused and nothing is changed; the text stays TOML."""
    tables = {one["table"]: [key["key"] for key in one["keys"]] for one in described()}
    text = TEXT
    for do, table, row, data in edits:
        edit = Edit(do, table, row, data.draw(st.sampled_from(tables[table])), data.draw(_VALUES))
        try:
            text = change(text, edit)
        except UserError:
            continue
        tomllib.loads(text)


# ---- looked at ----


def test_what_stands_in_a_text_is_told() -> None:
    found = look(TEXT)
    assert (found["name"], found["problems"]) == ("Mine", [])
    assert found["document"] == tomllib.loads(TEXT)


def test_mistakes_are_told_where_they_are() -> None:
    wrong = TEXT.replace("41", '"Violinn"').replace('"closest"', '"closets"') + "gain = 3\n[singing]\nvoic = 1\n"
    found = [(one["table"], one["row"], one["key"], one["line"]) for one in look(wrong)["problems"]]
    assert found == [("", -1, "model", 3), ("ensemble", 1, "program", 14), ("chain", 0, "gain", 19),
                     ("singing", -1, "voic", 21)]  # fmt: skip
    (problem,) = look('name = "x"\n')["problems"]
    assert (problem["table"], problem["row"], problem["key"]) == ("ensemble", -1, "")


def test_a_text_that_is_no_toml_is_told() -> None:
    found = look('name = "Mine"\nmodel = ')
    assert found["document"] == {}
    (problem,) = found["problems"]
    assert (problem["line"], problem["key"]) == (2, "")
    assert "this is no TOML" in problem["error"]


def test_dates_are_told_as_texts() -> None:
    assert look("name = 2026-11-22\n")["document"] == {"name": "2026-11-22"}


# ---- compared ----


def test_presets_are_compared_key_by_key() -> None:
    other = TEXT.replace("41", '"Viola"').replace('model = "closest"', 'overflow = "steal"').replace("0.3", "0.5")
    told = {
        (one["table"], one["name"], one["key"]): (one["a"], one["b"]) for one in compare(TEXT, other) if not one["same"]
    }
    assert told == {
        ("", "", "overflow"): ('"divisi"', '"steal"'),
        ("ensemble", "Violin", "program"): ('"Violin"', '"Viola"'),
        ("chain", "reverb", "parameters"): ("{ mix = 0.3 }", "{ mix = 0.5 }"),
    }  # fmt: skip
    assert all(one["same"] for one in compare(TEXT, TEXT))


def test_a_table_that_only_one_has_is_told() -> None:
    rows = [one for one in compare(TEXT, TEXT + '\n[clock]\nsource = "midi"\n') if not one["same"]]
    assert [(one["table"], one["key"], one["a"], one["b"]) for one in rows] == [("clock", "source", None, '"midi"')]
    with pytest.raises(PresetError):
        compare(TEXT, "name = ")
